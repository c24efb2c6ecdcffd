//! `barline render`: batches, what is left of them after an end of any kind, and wrong recipes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::tempdir;

use super::{run, run_bad};
use crate::programs;

const RECIPE: &str = r#"
out = "made"
[[loops]]
prompts = ["techno drums", "house drums"]
bpm = [240]
bars = [1]
keys = ["Am", "F#"]
seeds = [1, 2]
"#;

fn render(recipe: &Path) -> Result<Command> {
    let mut command = Command::new(programs::barline()?);
    command.arg("render").arg(recipe);
    Ok(command)
}

/// The loops in the folder, by name, with the times at which they were written.
fn loops(folder: &Path) -> Result<BTreeMap<String, SystemTime>> {
    let mut out = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if name.ends_with(".wav") && !name.starts_with('.') {
            out.insert(name, entry.metadata()?.modified()?);
        }
    }
    Ok(out)
}

fn manifest(folder: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(folder.join("manifest.json"))?;
    let manifest: Value = serde_json::from_str(&text)?;
    Ok(manifest["loops"].as_array().context("no loops")?.clone())
}

fn with_status(manifest: &[Value], status: &str) -> usize {
    manifest
        .iter()
        .filter(|entry| entry["status"] == status)
        .count()
}

#[test]
fn a_batch_that_was_killed_goes_on_where_it_was() -> Result<()> {
    let folder = tempdir()?;
    let recipe = folder.path().join("recipe.toml");
    std::fs::write(&recipe, RECIPE)?;
    let made = folder.path().join("made");
    let mut child = render(&recipe)?
        .args(["--jobs", "1"])
        .stderr(Stdio::null())
        .spawn()?;
    let patience = Instant::now() + Duration::from_secs(120);
    while !made.exists() || loops(&made)?.len() < 2 {
        ensure!(Instant::now() < patience, "no second loop");
        std::thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL: nothing of ours runs after it.
    child.kill()?;
    child.wait()?;
    let before = loops(&made)?;
    ensure!((2..8).contains(&before.len()), "{before:?}");
    run(&mut render(&recipe)?)?;
    let after = loops(&made)?;
    ensure!(after.len() == 8, "{after:?}");
    ensure!(
        before.iter().all(|(name, time)| after[name] == *time),
        "made twice"
    );
    let entries = manifest(&made)?;
    ensure!(
        with_status(&entries, "there") == before.len(),
        "{entries:?}"
    );
    ensure!(
        with_status(&entries, "made") == 8 - before.len(),
        "{entries:?}"
    );
    for entry in &entries {
        ensure!(after.contains_key(entry["file"].as_str().context("no name")?));
        ensure!(entry["facts"]["fitted"]["score"]["total"].is_u64());
    }
    // Once more: nothing is left to do.
    run(&mut render(&recipe)?)?;
    ensure!(loops(&made)? == after);
    Ok(())
}

#[test]
fn a_batch_makes_what_generate_makes() -> Result<()> {
    let folder = tempdir()?;
    let recipe = folder.path().join("recipe.toml");
    let text = "[[loops]]\nprompts = [\"techno drums\"]\nbpm = [240]\nbars = [1]\nseeds = [7]\n";
    std::fs::write(&recipe, text)?;
    run(render(&recipe)?.args(["--jobs", "2"]))?;
    let made = folder.path().join("loops");
    let name = loops(&made)?.into_keys().next().context("no loop")?;
    ensure!(
        name.starts_with("techno_drums_240bpm_1bars_seed7_"),
        "{name}"
    );
    let path = folder.path().join("generated.wav");
    run(super::second(&path)?.args(["--seed", "7"]))?;
    ensure!(std::fs::read(&path)? == std::fs::read(made.join(name))?);
    Ok(())
}

#[test]
fn failures_are_counted_and_told() -> Result<()> {
    let folder = tempdir()?;
    let recipe = folder.path().join("recipe.toml");
    let text = "[[loops]]\nprompts = [\"drums\"]\nbpm = [240, 20]\nbars = [8]\n";
    std::fs::write(&recipe, text)?;
    // Eight bars at 20 BPM are longer than the model goes.
    let output = render(&recipe)?.output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(output.status.code() == Some(1), "{said}");
    ensure!(said.contains("1 of 2 loops failed"), "{said}");
    ensure!(said.contains("96.0 s is too long"), "{said}");
    let entries = manifest(&folder.path().join("loops"))?;
    ensure!(with_status(&entries, "made") == 1 && with_status(&entries, "failed") == 1);
    Ok(())
}

#[test]
fn wrong_recipes_are_refused_in_one_line() -> Result<()> {
    let folder = tempdir()?;
    let recipe = folder.path().join("recipe.toml");
    run_bad(&mut render(&recipe)?, 2, &["recipe.toml"])?;
    for (text, words) in [
        ("", &["no loops", "[[loops]]"][..]),
        ("[[loops]]\npromts = [\"a\"]\n", &["line 2", "promts"]),
        (
            "[[loops]]\nprompts = [\"a\"]\nkeys = [\"H\"]\n",
            &["is not a key"],
        ),
        (
            "bits = 20\n[[loops]]\nprompts = [\"a\"]\n",
            &["16, 24 or 32"],
        ),
        (
            "format = \"mp3\"\n[[loops]]\nprompts = [\"a\"]\n",
            &["wav, flac or aiff"],
        ),
        (
            "[[loops]]\nprompts = [\"a\"]\nbars = [0]\n",
            &["number of bars"],
        ),
        ("[[loops]]\nprompts = [\" \"]\n", &["prompt is empty"]),
    ] {
        std::fs::write(&recipe, text)?;
        run_bad(&mut render(&recipe)?, 2, words)?;
    }
    ensure!(!folder.path().join("loops").exists(), "a folder was made");
    Ok(())
}
