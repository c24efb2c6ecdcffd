//! `barline doctor`: figures that can be true, in both forms.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::tempdir;

use super::{run, run_bad, run_json, second};
use crate::programs;

#[test]
fn the_findings_are_sane() -> Result<()> {
    let text = run(Command::new(programs::barline()?).args(["doctor", "--json"]))?;
    let findings: Value = serde_json::from_str(&text)?;
    let number = |name: &str| {
        findings[name]
            .as_f64()
            .context(format!("no {name}: {text}"))
    };
    ensure!(number("cores")? >= 1.0, "{text}");
    ensure!(
        (1.0..=number("cores")?).contains(&number("physical_cores")?),
        "{text}"
    );
    ensure!(
        (1.0..=number("cores")?).contains(&number("threads")?),
        "{text}"
    );
    ensure!(number("memory_mib")? > 256.0, "{text}");
    ensure!(
        (1.0..=number("memory_mib")?).contains(&number("memory_free_mib")?),
        "{text}"
    );
    ensure!((0.0..60.0).contains(&number("load_seconds")?), "{text}");
    // The codec has 50 frames a second: both speeds are one measurement.
    let (speed, factor) = (number("steps_per_second")?, number("real_time_factor")?);
    ensure!(
        factor > 0.01 && (0.8..1.3).contains(&(speed / 50.0 / factor)),
        "{text}"
    );
    if cfg!(target_arch = "x86_64") {
        let features = findings["cpu_features"].as_array().context("no features")?;
        ensure!(features.iter().any(|feature| feature == "sse4.2"), "{text}");
    }
    // The very model that makes the clips.
    let folder = tempdir()?;
    let facts = run_json(&mut second(&folder.path().join("loop.wav"))?)?;
    for name in ["model", "model_sha256", "rights"] {
        ensure!(
            findings[name] == facts[0][name],
            "{name}: {}",
            findings[name]
        );
    }
    ensure!(
        findings["model_sha256"]
            .as_str()
            .is_some_and(|hash| hash.len() == 64),
        "{text}"
    );

    let lines = run(Command::new(programs::barline()?).args(["doctor", "--threads", "1"]))?;
    for word in ["Processor", "Memory", "Model", "Speed", "real time"] {
        ensure!(lines.contains(word), "no {word} in:\n{lines}");
    }
    let mut missing = Command::new(programs::barline()?);
    run_bad(
        missing.args(["doctor", "--model", "no/such/folder"]),
        1,
        &["no/such/folder"],
    )
}
