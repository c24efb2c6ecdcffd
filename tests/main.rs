//! Whole-system tests.

mod engine;
mod tidy;
