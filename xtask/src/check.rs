//! `cargo xtask check`: everything that must hold before a change lands, in order of cost.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::bundle;

/// Runs every check; the first that fails ends it.
pub(crate) fn run() -> Result<()> {
    std::env::set_current_dir(bundle::root()?).context("cannot enter the repository's root")?;
    cargo("fmt --all --check", &[])?;
    cargo("clippy --workspace --all-targets -- -D warnings", &[])?;
    cargo(
        "doc --workspace --no-deps",
        &[("RUSTDOCFLAGS", "-D warnings")],
    )?;
    let deny = Command::new("cargo").args(["deny", "--version"]).output();
    if deny.is_ok_and(|output| output.status.success()) {
        cargo("deny check licenses bans sources", &[])?;
    } else {
        eprintln!("xtask: cargo-deny is not installed, licences are not checked");
    }
    // The system tests load the bundles and run the command line as they were built here. All
    // targets, as the tests then need them: dependencies are compiled once for both.
    bundle::run(vec!["--all-targets".into()])?;
    let library = bundle::fresh_library("check")?;
    let library = library
        .to_str()
        .context("the target folder's name is no text")?;
    cargo(
        "test --workspace --exclude xtask",
        &[(bundle::LIBRARY, library)],
    )
}

/// Runs cargo with the words of `line` and fails with what was run.
fn cargo(line: &str, env: &[(&str, &str)]) -> Result<()> {
    eprintln!("xtask: cargo {line}");
    let status = Command::new("cargo")
        .args(line.split_whitespace())
        .envs(env.iter().copied())
        .status()
        .with_context(|| format!("cannot run cargo {line}"))?;
    if !status.success() {
        bail!("cargo {line}: {status}");
    }
    Ok(())
}
