//! Whole-system tests, one binary: this is the index.
//!
//! The engine against its goldens and as its callers see it, then the built bundles and the
//! built command line as users run them. Those are built first (`cargo xtask check` does it); a
//! test says so when what it needs is not there.

mod clap_host;
mod cli;
mod codec_parity;
mod engine;
mod imports;
mod model_files;
mod parity;
mod programs;
mod prompts;
mod queue;
mod requests;
mod tidy;
