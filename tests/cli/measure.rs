//! `barline measure`: what is in files of known content, and files that are none.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::tempdir;

use super::{run, run_bad, second};
use crate::programs;

/// Four bars of clicks, low ones on the first beat of each, at this tempo.
pub(super) fn clicks(path: &Path, tempo_bpm: f64) -> Result<()> {
    const RATE_HZ: f64 = 44_100.0;
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: RATE_HZ as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let beat_frames = 60.0 / tempo_bpm * RATE_HZ;
    let mut writer = hound::WavWriter::create(path, spec)?;
    for frame in 0..(16.0 * beat_frames) as usize {
        let beat = (frame as f64 / beat_frames).floor();
        let seconds = (frame as f64 - beat * beat_frames) / RATE_HZ;
        let tone_hz = if beat % 4.0 == 0.0 { 60.0 } else { 2_000.0 };
        let sample = (-seconds / 0.05).exp() * (std::f64::consts::TAU * tone_hz * seconds).cos();
        for _ in 0..2 {
            writer.write_sample((sample * 20_000.0) as i16)?;
        }
    }
    writer.finalize()?;
    Ok(())
}

fn measure(arguments: &[&str], path: &Path) -> Result<Command> {
    let mut command = Command::new(programs::barline()?);
    command.arg("measure").arg(path).args(arguments);
    Ok(command)
}

#[test]
fn clicks_have_the_tempo_that_they_were_made_with() -> Result<()> {
    let folder = tempdir()?;
    let path = folder.path().join("clicks.wav");
    clicks(&path, 97.3)?;
    let text = run(&mut measure(&["--bpm", "100", "--json"], &path)?)?;
    let found: Value = serde_json::from_str(&text)?;
    let pulse = &found["files"][0]["pulse"];
    let number = |name: &str| pulse[name].as_f64().context(text.clone());
    ensure!((number("tempo_bpm")? - 97.3).abs() < 0.05, "{pulse}");
    ensure!(number("first_beat_seconds")?.abs() < 0.01, "{pulse}");
    ensure!(
        number("beats")? == 16.0 && number("downbeat")? == 0.0,
        "{pulse}"
    );
    let words = run(&mut measure(&["--bpm", "100"], &path)?)?;
    ensure!(words.contains("97.3") && words.contains("BPM"), "{words}");
    Ok(())
}

#[test]
fn it_is_said_what_loop_would_come_of_it() -> Result<()> {
    let folder = tempdir()?;
    let path = folder.path().join("clicks.wav");
    clicks(&path, 97.3)?;
    let arguments = ["--bpm", "100", "--bars", "3", "--json"];
    let text = run(&mut measure(&arguments, &path)?)?;
    let found: Value = serde_json::from_str(&text)?;
    let bars = &found["files"][0]["as_bars"];
    let stretch = bars["stretch"].as_f64().context(text.clone())?;
    ensure!((stretch - 0.973).abs() < 5e-4, "{bars}");
    let after = bars["after"]["pulse"]["tempo_bpm"].as_f64();
    ensure!((after.context("no pulse")? - 100.0).abs() < 0.1, "{bars}");
    let words = run(&mut measure(&arguments[..4], &path)?)?;
    ensure!(words.contains("as bars: from 0.0"), "{words}");
    run_bad(&mut measure(&["--bars", "4"], &path)?, 2, &["--bpm"])?;
    run_bad(
        &mut measure(&["--bpm", "100", "--bars", "0"], &path)?,
        2,
        &["--bars"],
    )
}

#[test]
fn a_file_of_ours_says_what_to_look_for() -> Result<()> {
    let folder = tempdir()?;
    let path = folder.path().join("loop.wav");
    run(second(&path)?.args(["--seed", "3"]))?;
    let text = run(&mut measure(&["--json"], &path)?)?;
    let found: Value = serde_json::from_str(&text)?;
    ensure!(found["files"][0]["seconds"] == 1.0, "{text}");
    Ok(())
}

#[test]
fn what_cannot_be_measured_is_said() -> Result<()> {
    let folder = tempdir()?;
    let path = folder.path().join("clicks.wav");
    run_bad(&mut measure(&[], &path)?, 1, &["cannot read", "clicks.wav"])?;
    std::fs::write(&path, "no sound at all")?;
    run_bad(
        &mut measure(&[], &path)?,
        1,
        &["clicks.wav", "no WAV, FLAC or AIFF file"],
    )?;
    clicks(&path, 120.0)?;
    let whole = std::fs::read(&path)?;
    std::fs::write(&path, &whole[..whole.len() / 2])?;
    run_bad(&mut measure(&[], &path)?, 1, &["clicks.wav"])?;
    std::fs::write(&path, &whole)?;
    run_bad(&mut measure(&["--bpm", "0"], &path)?, 2, &["--bpm"])?;
    run_bad(
        &mut measure(&["--beats-per-bar", "0"], &path)?,
        2,
        &["--beats-per-bar"],
    )
}
