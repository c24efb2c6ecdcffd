//! Loops as they are fitted to their bars: what is said of them, their level, another try.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::tempdir;

use super::{WORDS, read, run_bad, run_json, second};
use crate::programs;

fn score(facts: &Value) -> Result<u64> {
    let total = facts["fitted"]["score"]["total"].as_u64();
    total.with_context(|| format!("no score in {facts}"))
}

#[test]
fn a_loop_is_fitted_unless_it_is_to_stay_raw() -> Result<()> {
    let folder = tempdir()?;
    let (fitted, raw) = (
        folder.path().join("fitted.wav"),
        folder.path().join("raw.wav"),
    );
    let make = |out: &Path, more: &[&str]| -> Result<Vec<Value>> {
        let mut command = programs::generate(WORDS)?;
        let args = ["--seed", "4", "--bars", "2", "--bpm", "130", "--out"];
        run_json(command.args(args).arg(out).args(more))
    };
    let facts = make(&fitted, &[])?;
    ensure!(score(&facts[0])? <= 100);
    ensure!(facts[0]["fitted"]["grid"]["Steady"]["tempo_bpm"].is_number());
    let facts = make(&raw, &["--raw"])?;
    ensure!(facts[0]["fitted"].is_null(), "{facts:?}");
    let (fitted, raw) = (read(&fitted)?.1, read(&raw)?.1);
    // 8 beats at 130 BPM are 118,153.8 frames.
    ensure!(fitted[0].len() == 118_154 && raw[0].len() == 118_154);
    // A raw clip is ramped to zero; a loop goes on from its end to its beginning.
    ensure!(raw[0].first() == Some(&0.0) && raw[0].last() == Some(&0.0));
    ensure!(fitted[0] != raw[0]);
    let peak = fitted[0].iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    // -1 dB, to the nearest of 24 bits.
    let most = 10f32.powf(-1.0 / 20.0) + 1.0 / 8_388_608.0;
    ensure!(peak > 0.1 && peak <= most, "peak {peak}");
    Ok(())
}

#[test]
fn loudness_is_what_was_asked_for() -> Result<()> {
    let folder = tempdir()?;
    let path = folder.path().join("loop.wav");
    let facts = run_json(second(&path)?.args(["--seed", "4", "--loudness", "-30"]))?;
    let loudness = &facts[0]["fitted"]["loudness"]["integrated_lufs"];
    let lufs = loudness.as_f64().context("no loudness")?;
    ensure!((lufs + 30.0).abs() < 0.01, "{lufs} LUFS");
    run_bad(
        second(&path)?.args(["--loudness", "3"]),
        2,
        &["LUFS", "between -60 and 0"],
    )
}

#[test]
fn the_best_of_several_tries_is_kept() -> Result<()> {
    let folder = tempdir()?;
    let path = folder.path().join("best.wav");
    let args = ["--seed", "20", "--reroll-below", "100", "--rerolls", "2"];
    let best = run_json(second(&path)?.args(args))?;
    let mut tried = Vec::new();
    for seed in 20..23 {
        let path = folder.path().join(format!("{seed}.wav"));
        let facts = run_json(second(&path)?.args(["--seed", &seed.to_string()]))?;
        tried.push((score(&facts[0])?, seed));
        if tried.last().is_some_and(|(score, _)| *score == 100) {
            break;
        }
    }
    let most = tried.iter().map(|(score, _)| *score).max();
    ensure!(Some(score(&best[0])?) == most, "{best:?}, but {tried:?}");
    let seed = best[0]["seed"].as_u64().context("no seed")?;
    ensure!(
        tried
            .iter()
            .any(|(score, tried)| *tried == seed && Some(*score) == most)
    );
    // It is the very file that its seed makes by itself.
    let alone = std::fs::read(folder.path().join(format!("{seed}.wav")))?;
    ensure!(
        std::fs::read(&path)? == alone,
        "another file than that of seed {seed}"
    );
    Ok(())
}
