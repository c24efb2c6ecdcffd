//! `cargo xtask start`: from a fresh clone to the plugin bundles and a first loop.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::bundle;

/// The loop that a newcomer hears first.
const PROMPT: &str = "dusty lo-fi drums";

/// Builds everything for release, makes the bundles, then a loop with the command line.
pub(crate) fn run() -> Result<()> {
    bundle::run(vec!["--release".into()])?;
    let target = bundle::target_folder()?;
    let barline = target
        .join("release")
        .join(format!("barline{}", std::env::consts::EXE_SUFFIX));
    let status = Command::new(&barline)
        .args([
            "generate", PROMPT, "--bars", "4", "--bpm", "84", "--key", "Am", "--seed", "7",
        ])
        .args(["--rate", "48000", "--out", "loop.wav"])
        .status()
        .with_context(|| format!("cannot run {}", barline.display()))?;
    ensure!(status.success(), "{}: {status}", barline.display());
    println!("\nThe loop:    loop.wav");
    for name in ["Barline.clap", "Barline.vst3"] {
        println!(
            "The plugin:  {}",
            target.join("bundled").join(name).display()
        );
    }
    println!("The program: {}", barline.display());
    Ok(())
}
