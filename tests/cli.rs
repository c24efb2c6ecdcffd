//! The command line as a shell sees it: files, standard output, exit codes.
//!
//! Runs the real program with the starter model. Clips last a second (one bar at 240 BPM).

mod bad_input;
mod broken_model;
mod disk;
mod doctor;
mod evaluate;
mod fitting;
mod import;
mod interactive;
mod interrupt;
mod long;
mod measure;
mod models;
mod output;
mod recipe;
mod render;

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::programs;

/// The words of all prompts here, unless the words are what is tested.
const WORDS: &str = "techno drums";

/// A clip of a second, into `out`.
fn second(out: &Path) -> Result<Command> {
    let mut command = programs::generate(WORDS)?;
    command
        .args(["--bars", "1", "--bpm", "240", "--out"])
        .arg(out);
    Ok(command)
}

/// Runs what must succeed; gives standard output.
fn run(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs what must succeed with `--json`; gives the facts of its takes.
fn run_json(command: &mut Command) -> Result<Vec<Value>> {
    let text = run(command.arg("--json"))?;
    let facts: Value = serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))?;
    Ok(facts["takes"].as_array().context("no takes")?.clone())
}

/// Runs what must fail: with this exit code, one line that says why, and these words in it.
/// Besides it there may be lines of progress.
fn run_bad(command: &mut Command, code: i32, words: &[&str]) -> Result<()> {
    let output = command.output()?;
    let errors = String::from_utf8(output.stderr)?;
    ensure!(
        output.status.code() == Some(code),
        "{command:?}: {}\n{errors}",
        output.status
    );
    ensure!(
        output.stdout.is_empty(),
        "{command:?} wrote to standard output"
    );
    let lines: Vec<&str> = errors
        .lines()
        .filter(|line| {
            !["generating: ", "importing "]
                .iter()
                .any(|word| line.starts_with(word))
        })
        .collect();
    ensure!(
        lines.len() == 1,
        "{command:?} says it in {} lines:\n{errors}",
        lines.len()
    );
    ensure!(
        lines[0].starts_with("barline: "),
        "{command:?} says {:?}",
        lines[0]
    );
    ensure!(
        !lines[0].contains("panicked"),
        "{command:?} says {:?}",
        lines[0]
    );
    for word in words {
        ensure!(
            lines[0].contains(word),
            "{command:?} says {:?}, without {word:?}",
            lines[0]
        );
    }
    Ok(())
}

/// Names of the files in a folder, hidden ones too.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut names = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Samples of a file by channel, full scale ±1, with its form.
fn read(path: &Path) -> Result<(hound::WavSpec, Vec<Vec<f32>>)> {
    let mut reader = hound::WavReader::open(path).with_context(|| path.display().to_string())?;
    let spec = reader.spec();
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
        hound::SampleFormat::Int => {
            let full = (1u32 << (spec.bits_per_sample - 1)) as f32;
            reader
                .samples::<i32>()
                .map(|s| Ok(s? as f32 / full))
                .collect::<Result<_>>()?
        }
    };
    let count = usize::from(spec.channels);
    let channel = |index| samples.iter().copied().skip(index).step_by(count).collect();
    Ok((spec, (0..count).map(channel).collect()))
}
