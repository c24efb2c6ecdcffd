//! What lies in a file beside its samples: enough to make them again.

use anyhow::{Result, ensure};
use tempfile::tempdir;

use super::{files, run, run_bad, run_json, second};
use crate::programs;

#[test]
fn a_file_is_made_again_from_what_it_says() -> Result<()> {
    let folder = tempdir()?;
    let path = folder.path().join("loop.wav");
    let args = ["--rate", "44100", "--bits", "16", "--key", "F#m", "--seed"];
    run(second(&path)?.args(args).arg("18446744073709551615").args([
        "--temperature",
        "0.9",
        "--top-k",
        "50",
        "--guidance",
        "2.5",
    ]))?;
    let mut again = std::process::Command::new(programs::barline()?);
    run(again.arg("regenerate").arg(&path))?;
    let made = folder.path().join("loop_again.wav");
    ensure!(
        std::fs::read(made)? == std::fs::read(&path)?,
        "the recipe makes another file"
    );
    Ok(())
}

#[test]
fn a_loop_played_at_another_tempo_is_made_again() -> Result<()> {
    let folder = tempdir()?;
    let path = folder.path().join("loop.wav");
    let facts = run_json(second(&path)?.args(["--seed", "5", "--play-at", "230.5"]))?;
    // It is, and says it is, at the tempo that it has; the recipe knows the other.
    ensure!(facts[0]["tempo_bpm"] == 230.5 && facts[0]["made_at_bpm"] == 240.0);
    let frames = (4.0 * 60.0 / 230.5 * 32_000.0_f64).round() as usize;
    ensure!(super::read(&path)?.1[0].len() == frames);
    let mut again = std::process::Command::new(programs::barline()?);
    run(again.arg("regenerate").arg(&path))?;
    let made = folder.path().join("loop_again.wav");
    ensure!(
        std::fs::read(made)? == std::fs::read(&path)?,
        "the recipe makes another file"
    );
    for (args, words) in [
        (["--play-at", "500"], "the tempo to play at"),
        (["--play-at", "NaN"], "the tempo to play at"),
    ] {
        run_bad(second(&path)?.args(args), 2, &[words])?;
    }
    Ok(())
}

#[test]
fn a_negative_prompt_and_weights_are_part_of_the_recipe() -> Result<()> {
    let folder = tempdir()?;
    let out = |name: &str| folder.path().join(name);
    let make = |name: &str, more: &[&str]| -> Result<Vec<serde_json::Value>> {
        let mut command = std::process::Command::new(programs::barline()?);
        command.args(["generate", "drums::2, piano", "--bars", "1", "--bpm", "240"]);
        command.args(["--seed", "5", "--out"]).arg(out(name));
        run_json(command.args(more))
    };
    let facts = make("loop.wav", &["--negative", "crowd <noise>"])?;
    ensure!(facts[0]["negative"] == "crowd <noise>");
    ensure!(facts[0]["prompt"] == "drums::2, piano, 240 bpm");
    let mut again = std::process::Command::new(programs::barline()?);
    run(again.arg("regenerate").arg(out("loop.wav")))?;
    let made = std::fs::read(out("loop.wav"))?;
    ensure!(std::fs::read(out("loop_again.wav"))? == made);
    let facts = make("plain.wav", &[])?;
    ensure!(facts[0].get("negative").is_none());
    ensure!(super::read(&out("plain.wav"))?.1 != super::read(&out("loop.wav"))?.1);
    let mut unguided = second(&out("none.wav"))?;
    let args = ["--negative", "piano", "--guidance", "1"];
    run_bad(unguided.args(args), 2, &["guidance", "negative"])
}

#[test]
fn every_format_is_made_again() -> Result<()> {
    let folder = tempdir()?;
    for name in ["loop.flac", "loop.aiff"] {
        let path = folder.path().join(name);
        run(second(&path)?.args(["--seed", "5"]))?;
        let mut again = std::process::Command::new(programs::barline()?);
        run(again.arg("regenerate").arg(&path))?;
        let made = folder.path().join(name.replace("loop", "loop_again"));
        ensure!(
            std::fs::read(made)? == std::fs::read(&path)?,
            "{name}: the recipe makes another file"
        );
    }
    let path = folder.path().join("float.flac");
    run_bad(
        second(&path)?.args(["--seed", "5", "--bits", "32"]),
        2,
        &["FLAC cannot hold floating point"],
    )
}

#[test]
fn other_models_and_other_files_are_refused() -> Result<()> {
    let folder = tempdir()?;
    let path = folder.path().join("loop.wav");
    run(second(&path)?.args(["--seed", "1"]))?;
    let regenerate = || -> Result<_> {
        let mut command = std::process::Command::new(programs::barline()?);
        command.arg("regenerate").arg(&path);
        Ok(command)
    };
    let tiny = programs::starter_folder().join("../../tests/golden/models/mono");
    run_bad(
        regenerate()?.arg("--model").arg(tiny),
        1,
        &["made with the weights", "--model"],
    )?;
    // The samples alone, as another program would have written them.
    let (spec, channels) = super::read(&path)?;
    let mut writer = hound::WavWriter::create(&path, spec)?;
    for sample in &channels[0] {
        writer.write_sample((sample * 8_388_608.0) as i32)?;
    }
    writer.finalize()?;
    run_bad(&mut regenerate()?, 1, &["loop.wav holds no recipe"])?;
    std::fs::remove_file(&path)?;
    run_bad(&mut regenerate()?, 1, &["cannot read", "loop.wav"])?;
    ensure!(files(folder.path())?.is_empty(), "a file was left behind");
    Ok(())
}
