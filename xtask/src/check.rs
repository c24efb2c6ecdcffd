//! `cargo xtask check`: everything that must hold before a change lands, in order of cost.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::bundle;

/// Runs every check; the first that fails ends it.
pub(crate) fn run() -> Result<()> {
    std::env::set_current_dir(bundle::root()?).context("cannot enter the repository's root")?;
    cargo(&["fmt", "--all", "--check"], &[])?;
    cargo(
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
        &[],
    )?;
    cargo(
        &["doc", "--workspace", "--no-deps"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )?;
    if Command::new("cargo")
        .args(["deny", "--version"])
        .output()
        .is_ok_and(|o| o.status.success())
    {
        cargo(&["deny", "check", "licenses", "bans", "sources"], &[])?;
    } else {
        eprintln!("xtask: cargo-deny is not installed, licences are not checked");
    }
    // The system tests load the bundles and run the command line as they were built here.
    bundle::run(Vec::new())?;
    cargo(&["test", "--workspace"], &[])
}

/// Runs cargo and fails with what was run.
fn cargo(args: &[&str], env: &[(&str, &str)]) -> Result<()> {
    let line = format!("cargo {}", args.join(" "));
    eprintln!("xtask: {line}");
    let status = Command::new("cargo")
        .args(args)
        .envs(env.iter().copied())
        .status()
        .with_context(|| format!("cannot run {line}"))?;
    if !status.success() {
        bail!("{line}: {status}");
    }
    Ok(())
}
