//! `cargo xtask fuzz [--blocks N] [--seed S]`: random hosts and sessions against the player.
//!
//! Runs the player's own long fuzz test, optimised and with all checks of arithmetic on. Fails on any
//! finding, which is printed with the seed that replays it.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::bundle;

const USAGE: &str = "usage: cargo xtask fuzz [--blocks N] [--seed S], with whole numbers";

/// Blocks where nobody says.
const BLOCKS: u64 = 1_000_000;

/// Runs as many blocks as `args` say, from the seed that they say or that of the clock.
pub(crate) fn run(args: impl IntoIterator<Item = String>) -> Result<()> {
    let (mut blocks, mut seed) = (BLOCKS, None);
    let mut args = args.into_iter();
    while let Some(name) = args.next() {
        let value = args.next().and_then(|value| value.parse::<u64>().ok());
        match (name.as_str(), value) {
            ("--blocks", Some(value)) => blocks = value,
            ("--seed", Some(value)) => seed = Some(value),
            _ => bail!("{USAGE}"),
        }
    }
    std::env::set_current_dir(bundle::root()?).context("cannot enter the repository's root")?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(
            "test -p barline-player --test player -- --ignored --exact fuzz::long --nocapture"
                .split(' '),
        )
        .env("BARLINE_FUZZ_BLOCKS", blocks.to_string());
    if let Some(seed) = seed {
        cargo.env("BARLINE_FUZZ_SEED", seed.to_string());
    }
    let status = cargo.status().context("cannot run cargo test")?;
    if !status.success() {
        bail!("the fuzz found something, or could not run: {status}");
    }
    Ok(())
}
