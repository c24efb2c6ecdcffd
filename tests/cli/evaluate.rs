//! `barline evaluate`: folders of known content, what is wrong with some of it, and the page.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::tempdir;

use super::measure::clicks;
use super::{files, run, run_bad, second};
use crate::programs;

fn evaluate(folder: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(programs::barline()?);
    command.arg("evaluate").arg(folder).args(arguments);
    Ok(command)
}

fn json(command: &mut Command) -> Result<Value> {
    let text = run(command.arg("--json"))?;
    serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
}

#[test]
fn a_folder_is_measured_in_the_order_of_its_names() -> Result<()> {
    let folder = tempdir()?;
    std::fs::create_dir(folder.path().join("more"))?;
    for (name, tempo_bpm) in [("more/c.wav", 90.0), ("b.wav", 120.0), ("a.wav", 140.0)] {
        clicks(&folder.path().join(name), tempo_bpm)?;
    }
    std::fs::write(folder.path().join("notes.txt"), "no sound")?;
    let found = json(&mut evaluate(folder.path(), &[])?)?;
    let files = found["set"]["files"].as_array().context("no files")?;
    let names: Vec<&str> = files.iter().filter_map(|f| f["file"].as_str()).collect();
    ensure!(names == ["a.wav", "b.wav", "more/c.wav"], "{names:?}");
    let b = &files[1];
    let tempo = b["pulse"]["tempo_bpm"].as_f64().context("no tempo")?;
    ensure!((tempo - 120.0).abs() < 0.1, "{b}");
    let jitter = b["tempo_stability"]["jitter_ms"].as_f64();
    ensure!(jitter.context("no jitter")? < 2.0, "{b}");
    ensure!(found["set"]["summary"]["crest_db"]["files"] == 3, "{found}");
    ensure!(found["against"].is_null(), "{found}");
    // The same again is the same to the byte, however many are measured at once.
    let one = run(&mut evaluate(folder.path(), &["--json", "--threads", "1"])?)?;
    ensure!(run(&mut evaluate(folder.path(), &["--json"])?)? == one);
    Ok(())
}

#[test]
fn a_loop_is_held_to_the_recipe_in_it_and_to_its_reference() -> Result<()> {
    let (ones, others) = (tempdir()?, tempdir()?);
    let path = ones.path().join("loop.wav");
    run(second(&path)?.args(["--seed", "3"]))?;
    std::fs::copy(&path, others.path().join("loop.wav"))?;
    let other = others.path().display().to_string();
    let found = json(&mut evaluate(ones.path(), &["--against", &other])?)?;
    let file = &found["set"]["files"][0];
    ensure!(file["asked"]["tempo"]["asked_bpm"] == 240.0, "{file}");
    ensure!(file["asked"]["frames_over"] == 0, "{file}");
    ensure!(file["reference"]["snr_db"] == 150.0, "{file}");
    ensure!(file["reference"]["lag_frames"] == 0, "{file}");
    let distance = found["frechet_distance"]["log_mel_frames_db"].as_f64();
    ensure!(distance.context("no distance")? < 0.1, "{found}");
    Ok(())
}

#[test]
fn a_bad_file_is_told_and_the_rest_goes_on() -> Result<()> {
    let folder = tempdir()?;
    clicks(&folder.path().join("<i>good & long.wav"), 100.0)?;
    std::fs::write(folder.path().join("bad.wav"), "no sound at all")?;
    let (page, facts) = (
        folder.path().join("page.html"),
        folder.path().join("it.json"),
    );
    let mut command = evaluate(folder.path(), &["--html"])?;
    let to_file = format!("--json={}", facts.display());
    let output = command.arg(&page).arg(to_file).output()?;
    let errors = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1), "{errors}");
    ensure!(errors.contains("bad.wav is no WAV"), "{errors}");
    ensure!(errors.contains("1 of 2 files"), "{errors}");
    let words = String::from_utf8(output.stdout)?;
    ensure!(
        words.contains("100.0 BPM") && words.contains("Crest"),
        "{words}"
    );
    let found: Value = serde_json::from_str(&std::fs::read_to_string(&facts)?)?;
    ensure!(found["set"]["files"][1]["why"].is_string(), "{found}");
    let page = std::fs::read_to_string(&page)?;
    ensure!(page.contains("&lt;i&gt;good &amp; long.wav"), "not escaped");
    ensure!(page.contains("bad.wav is no WAV") && page.contains("<svg"));
    // It needs nothing from elsewhere, and nothing in it runs.
    for never in ["<i>good", "<script", "http://", "https://", "NaN", "inf"] {
        ensure!(!page.contains(never), "the page has {never:?}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_evaluated_is_said() -> Result<()> {
    let folder = tempdir()?;
    run_bad(
        &mut evaluate(folder.path(), &[])?,
        2,
        &["no WAV, FLAC or AIFF"],
    )?;
    let nowhere = folder.path().join("nowhere");
    run_bad(
        &mut evaluate(&nowhere, &[])?,
        1,
        &["cannot read", "nowhere"],
    )?;
    clicks(&folder.path().join("a.wav"), 120.0)?;
    let page = nowhere.join("page.html").display().to_string();
    run_bad(
        &mut evaluate(folder.path(), &["--html", &page])?,
        1,
        &["cannot write", "page.html"],
    )?;
    run_bad(
        &mut evaluate(folder.path(), &["--threads", "0"])?,
        2,
        &["--threads"],
    )?;
    ensure!(files(folder.path())? == ["a.wav"]);
    Ok(())
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_at_once_and_writes_nothing() -> Result<()> {
    use std::io::{BufRead, BufReader};
    let folder = tempdir()?;
    let first = folder.path().join("00.wav");
    clicks(&first, 40.0)?;
    for copy in 1..40 {
        std::fs::copy(&first, folder.path().join(format!("{copy:02}.wav")))?;
    }
    let page = folder.path().join("page.html");
    let mut child = evaluate(folder.path(), &["--threads", "1", "--html"])?
        .arg(&page)
        .stderr(std::process::Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
    let line = lines.next().context("it says nothing")??;
    ensure!(line.contains("measuring: 10%"), "{line}");
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()?;
    ensure!(kill.success(), "cannot interrupt it");
    let rest = lines.collect::<Result<Vec<String>, _>>()?;
    ensure!(child.wait()?.code() == Some(130), "{rest:?}");
    ensure!(rest.len() < 4, "it went on: {rest:?}");
    ensure!(!page.exists());
    Ok(())
}
