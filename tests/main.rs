//! Whole-system tests: the built bundles and the built command line, as users run them.
//!
//! An index. `cargo build --workspace` and `cargo xtask bundle` come first; each test says so
//! when what it needs is not there.

mod clap_host;
mod cli;
mod programs;
