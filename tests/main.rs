//! Whole-system tests, one binary: this is the index.

mod codec_parity;
mod engine;
mod parity;
mod tidy;
