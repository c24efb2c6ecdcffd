//! Ctrl+C: exit code 130, what was there before is still there, nothing else is.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::tempdir;

use super::files;
use crate::programs;

/// Runs it until it says `moment`, interrupts it, and gives what it said after that.
fn interrupt(command: &mut Command, moment: &str) -> Result<Vec<String>> {
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
    while let Some(line) = lines.next().transpose()? {
        if line.contains(moment) {
            break;
        }
    }
    let begin = Instant::now();
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()?;
    ensure!(kill.success(), "cannot interrupt it");
    let rest = lines.collect::<Result<Vec<String>, _>>()?;
    let status = child.wait()?;
    ensure!(
        status.code() == Some(130),
        "interrupted at {moment:?}: {status}\n{rest:?}"
    );
    // A step takes far less, even in an unoptimised build.
    ensure!(
        begin.elapsed() < Duration::from_secs(6),
        "it took {:?}",
        begin.elapsed()
    );
    Ok(rest)
}

#[test]
fn an_interrupt_leaves_what_was_there() -> Result<()> {
    // While the model is read, and well into the clip.
    for moment in ["loading", "10%"] {
        let folder = tempdir()?;
        let out = folder.path().join("loop.wav");
        std::fs::write(&out, "an older loop")?;
        let rest = interrupt(
            programs::generate("techno drums")?
                .args(["--seconds", "29", "--threads", "1", "--out"])
                .arg(&out),
            moment,
        )?;
        ensure!(
            files(folder.path())? == ["loop.wav"],
            "left: {:?}",
            files(folder.path())?
        );
        ensure!(
            std::fs::read_to_string(&out)? == "an older loop",
            "the old file is gone"
        );
        let last = rest.last().context("it says nothing")?;
        ensure!(last.contains("interrupted"), "it says {last:?}");
    }
    Ok(())
}

#[test]
fn an_interrupted_long_file_is_gone() -> Result<()> {
    let folder = tempdir()?;
    let (input, out) = (
        folder.path().join("loop.wav"),
        folder.path().join("long.flac"),
    );
    super::run(&mut super::second(&input)?)?;
    let mut command = Command::new(programs::barline()?);
    command.arg("loop").arg(&input).arg("--out").arg(&out);
    let rest = interrupt(command.args(["--hours", "1"]), "10%")?;
    ensure!(
        files(folder.path())? == ["loop.wav"],
        "left: {:?}",
        files(folder.path())?
    );
    let last = rest.last().context("it says nothing")?;
    ensure!(last.contains("interrupted"), "it says {last:?}");
    Ok(())
}

#[test]
fn a_waiting_prompt_can_be_interrupted() -> Result<()> {
    let folder = tempdir()?;
    let mut command = Command::new(programs::barline()?);
    command.arg("interactive").current_dir(folder.path());
    // Its standard input stays open for as long as it runs.
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().context("no standard input")?;
    std::io::Write::write_all(&mut input, b"/settings\n")?;
    let said = child.stdout.take().context("no standard output")?;
    let first = BufReader::new(said).lines().next();
    ensure!(first.context("no answer")??.contains("120 BPM"));
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()?;
    ensure!(kill.success(), "cannot interrupt it");
    let status = child.wait()?;
    ensure!(status.code() == Some(130), "{status}");
    ensure!(files(folder.path())?.is_empty());
    Ok(())
}
