//! Whole-system tests, one binary: this is the index.

mod engine;
mod parity;
mod tidy;
