//! Whole-system tests, one binary: this is the index.

mod codec_parity;
mod engine;
mod model_files;
mod parity;
mod tidy;
