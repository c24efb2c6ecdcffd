//! `barline models import` as a user runs it.

use anyhow::{Context, Result, ensure};
use tempfile::tempdir;

use super::{run, run_bad};
use crate::programs;

#[test]
fn a_fine_tune_of_audiocrafts_is_imported_and_makes_a_loop() -> Result<()> {
    let place = tempdir()?;
    let golden = programs::starter_folder().join("../../tests/golden");
    let out = place.path().join("tuned");
    let import = |text_encoder: bool| -> Result<_> {
        let mut command = std::process::Command::new(programs::barline()?);
        command
            .args(["models", "import"])
            .arg(golden.join("import/audiocraft_mono"));
        command.arg("--json").arg("--out").arg(&out);
        if text_encoder {
            command
                .arg("--text-encoder")
                .arg(golden.join("models/mono"));
        }
        Ok(command)
    };
    run_bad(&mut import(false)?, 1, &["--text-encoder", "T5"])?;
    let facts: serde_json::Value = serde_json::from_str(&run(&mut import(true)?)?)?;
    ensure!(facts["kind"] == "audiocraft" && facts["layers"] == 2);
    let notes = facts["notes"].as_array().context("no notes")?;
    ensure!(!notes.is_empty());
    run_bad(&mut import(true)?, 1, &["is there already"])?;
    let file = place.path().join("loop.wav");
    let mut make = std::process::Command::new(programs::barline()?);
    make.args(["generate", "drums", "--seconds", "1", "--model"])
        .arg(&out);
    run(make.arg("--out").arg(&file))?;
    ensure!(super::read(&file)?.1[0].len() == 3000);
    Ok(())
}
