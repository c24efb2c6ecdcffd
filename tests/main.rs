//! Whole-system tests: the engine as its callers see it, the built bundles and the built
//! command line as users run them.
//!
//! An index. `cargo build --workspace` and `cargo xtask bundle` come first (`cargo xtask check`
//! does both); a test says so when what it needs is not there.

mod clap_host;
mod cli;
mod engine;
mod programs;
mod tidy;
