//! `barline interactive` from a pipe: a line for each result, files, and going on after errors.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::tempdir;

use super::{files, run, second};
use crate::programs;

/// Gives it these lines in this folder.
fn typed(folder: &Path, lines: &str) -> Result<Output> {
    let mut child = Command::new(programs::barline()?)
        .args(["interactive", "--bars", "1", "--bpm", "240"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().context("no standard input")?;
    input.write_all(lines.as_bytes())?;
    drop(input);
    Ok(child.wait_with_output()?)
}

#[test]
fn lines_become_files() -> Result<()> {
    let folder = tempdir()?;
    let lines =
        "techno drums\n\n/seed 3\n/key Am\ntechno drums\n/again\n/save kept\n/quit\nnever\n";
    let output = typed(folder.path(), lines)?;
    let said = String::from_utf8(output.stdout)?;
    let errors = String::from_utf8(output.stderr)?;
    ensure!(output.status.success() && errors.is_empty(), "{errors}");
    ensure!(!said.contains('\u{1b}'), "escape codes: {said:?}");
    let said: Vec<&str> = said.lines().collect();
    ensure!(said.len() == 6, "{said:?}");
    ensure!(
        said[1] == "1 bars of 4/4, 240 BPM, no key, seed 3",
        "{said:?}"
    );
    ensure!(said[2].contains("A minor"), "{said:?}");
    ensure!(said[3].starts_with("barline_techno-drums_240bpm_1bars_3.wav: 1.00 s"));
    ensure!(said[4].starts_with("barline_techno-drums_240bpm_1bars_4.wav: 1.00 s"));
    ensure!(said[5] == "saved kept.wav");
    let names = files(folder.path())?;
    ensure!(names.len() == 4, "{names:?}");
    // They are what `generate` makes.
    for (seed, name) in [
        ("3", "barline_techno-drums_240bpm_1bars_3.wav"),
        ("4", "kept.wav"),
    ] {
        let path = folder.path().join("generated.wav");
        run(second(&path)?.args(["--key", "Am", "--seed", seed]))?;
        ensure!(
            std::fs::read(&path)? == std::fs::read(folder.path().join(name))?,
            "{name} is another loop"
        );
    }
    Ok(())
}

#[test]
fn a_line_that_cannot_be_done_is_told_and_left() -> Result<()> {
    let folder = tempdir()?;
    let lines = "/again\n/bogus\n/bpm fast\n/stop\n/save\n/bars 64\ndrums\n/bars 1\n/save missing/x\ntechno drums\n/save missing/x\n";
    let output = typed(folder.path(), lines)?;
    let errors = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1), "{errors}");
    let errors: Vec<&str> = errors.lines().collect();
    let wanted = [
        "no loop yet",
        "/bogus is no command",
        "between 20 and 400",
        "nothing is played",
        "no loop yet",
        "too long",
        "no loop yet",
        "missing/x.wav",
        "8 of the lines failed",
    ];
    ensure!(errors.len() == wanted.len(), "{errors:?}");
    for (error, wanted) in errors.iter().zip(wanted) {
        ensure!(
            error.starts_with("barline: ") && error.contains(wanted),
            "{error} without {wanted}"
        );
    }
    // The loop among them was made.
    ensure!(files(folder.path())?.len() == 1);
    Ok(())
}
