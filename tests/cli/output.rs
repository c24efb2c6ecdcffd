//! What comes out when all is well: exact lengths, the same bytes again, facts that are true.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::tempdir;

use super::{WORDS, files, read, run, run_json, second};
use crate::programs;

#[test]
fn a_seed_is_a_clip() -> Result<()> {
    let folder = tempdir()?;
    let make = |name: &str, args: &[&str]| -> Result<Vec<u8>> {
        let path = folder.path().join(name);
        run(second(&path)?.args(args))?;
        Ok(std::fs::read(path)?)
    };
    let samples = |name: &str| -> Result<Vec<Vec<f32>>> { Ok(read(&folder.path().join(name))?.1) };
    let first = make("first.wav", &["--seed", "7"])?;
    ensure!(
        make("again.wav", &["--seed", "7"])? == first,
        "the same seed, other bytes"
    );
    make("other.wav", &["--seed", "8"])?;
    ensure!(
        samples("other.wav")? != samples("first.wav")?,
        "another seed, the same samples"
    );
    make("greedy.wav", &["--greedy", "--seed", "1"])?;
    make("greedy2.wav", &["--greedy", "--seed", "2"])?;
    ensure!(
        samples("greedy.wav")? == samples("greedy2.wav")?,
        "the likeliest tokens depend on the seed"
    );
    ensure!(
        samples("greedy.wav")? != samples("first.wav")?,
        "--greedy changes nothing"
    );
    // Without a seed every run is another, and what it says is what makes it again.
    let path = folder.path().join("drawn.wav");
    let facts = run_json(&mut second(&path)?)?;
    let seed = facts[0]["seed"].as_u64().context("no seed")?;
    let again = make("redrawn.wav", &["--seed", &seed.to_string()])?;
    ensure!(
        std::fs::read(path)? == again,
        "the reported seed makes another clip"
    );
    Ok(())
}

#[test]
fn bars_are_exact_to_the_frame() -> Result<()> {
    let folder = tempdir()?;
    let path = folder.path().join("bars.wav");
    for (args, rate_hz, frames) in [
        (&["--bars", "1", "--bpm", "240"][..], 32_000, 32_000),
        // 8 beats at 97.5 BPM are 217,107.69 frames.
        (
            &["--bars", "2", "--bpm", "97.5", "--rate", "44100"],
            44_100,
            217_108,
        ),
        (
            &["--bars", "1", "--bpm", "133", "--rate", "48000"],
            48_000,
            86_617,
        ),
        (
            &["--bars", "2", "--bpm", "180", "--beats-per-bar", "3"],
            32_000,
            64_000,
        ),
        (&["--seconds", "1.25", "--rate", "96000"], 96_000, 120_000),
    ] {
        run(programs::generate(WORDS)?
            .args(args)
            .args(["--seed", "3", "--out"])
            .arg(&path))?;
        let (spec, channels) = read(&path)?;
        ensure!(
            spec.sample_rate == rate_hz,
            "{args:?}: {} Hz",
            spec.sample_rate
        );
        for channel in &channels {
            ensure!(
                channel.len() == frames,
                "{args:?}: {} frames",
                channel.len()
            );
            let peak = channel.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
            ensure!(peak > 0.01, "{args:?}: silent (a peak of {peak})");
        }
    }
    Ok(())
}

#[test]
fn all_depths_hold_the_same_samples() -> Result<()> {
    let folder = tempdir()?;
    let mut kept = Vec::new();
    for (bits, format, step) in [
        (32, hound::SampleFormat::Float, 0.0),
        (24, hound::SampleFormat::Int, 1.0 / 8_388_608.0),
        (16, hound::SampleFormat::Int, 1.0 / 32_768.0),
    ] {
        let path = folder.path().join(format!("{bits}.wav"));
        run(second(&path)?.args(["--seed", "5", "--bits", &bits.to_string()]))?;
        let (spec, channels) = read(&path)?;
        ensure!(
            (spec.bits_per_sample, spec.sample_format) == (bits, format),
            "--bits {bits} makes {spec:?}"
        );
        if bits == 32 {
            kept = channels;
            continue;
        }
        for (want, got) in kept.iter().flatten().zip(channels.iter().flatten()) {
            let want = want.clamp(-1.0, 1.0 - step);
            ensure!(
                (want - got).abs() <= step * 0.51,
                "{bits} bits: {got} for {want}"
            );
        }
    }
    Ok(())
}

#[test]
fn facts_agree_with_the_file() -> Result<()> {
    let folder = tempdir()?;
    let path = folder.path().join("facts.wav");
    let takes = run_json(second(&path)?.args([
        "--seed",
        "18446744073709551615",
        "--key",
        "Am",
        "--rate",
        "44100",
    ]))?;
    ensure!(takes.len() == 1, "{} takes", takes.len());
    let facts = &takes[0];
    let (spec, channels) = read(&path)?;
    ensure!(
        facts["path"] == path.to_string_lossy().as_ref(),
        "path: {}",
        facts["path"]
    );
    for (name, value) in [
        ("frames", channels[0].len() as u64),
        ("rate_hz", u64::from(spec.sample_rate)),
        ("channels", u64::from(spec.channels)),
        ("seed", u64::MAX),
        ("bars", 1),
    ] {
        ensure!(
            facts[name] == value,
            "{name}: {} instead of {value}",
            facts[name]
        );
    }
    ensure!(facts["tempo_bpm"] == 240.0, "tempo: {}", facts["tempo_bpm"]);
    ensure!(facts["seconds"] == 1.0, "seconds: {}", facts["seconds"]);
    ensure!(facts["key"] == "A minor", "key: {}", facts["key"]);
    ensure!(
        facts["prompt"] == "techno drums, 240 bpm, A minor",
        "prompt: {}",
        facts["prompt"]
    );
    let number = |name: &str| facts[name].as_f64().context(format!("no {name}"));
    let factor = number("seconds")? / number("generate_seconds")?;
    ensure!(
        (number("real_time_factor")? / factor - 1.0).abs() < 1e-9,
        "real_time_factor"
    );
    ensure!(number("steps")? >= 50.0, "steps: {}", facts["steps"]);
    for name in ["model", "rights", "version"] {
        ensure!(
            facts[name].as_str().is_some_and(|text| !text.is_empty()),
            "no {name}"
        );
    }
    Ok(())
}

#[test]
fn a_prompt_without_grid_reaches_the_model_unchanged() -> Result<()> {
    let folder = tempdir()?;
    let path = folder.path().join("plain.wav");
    let words = " Warm  PADS, slow ";
    let takes = run_json(
        programs::generate(words)?
            .args(["--seconds", "0.5", "--seed", "1", "--out"])
            .arg(&path),
    )?;
    ensure!(
        takes[0]["prompt"] == words,
        "the model read {}",
        takes[0]["prompt"]
    );
    ensure!(
        takes[0]["bars"].is_null() && takes[0]["tempo_bpm"].is_null(),
        "a grid: {takes:?}"
    );
    Ok(())
}

#[test]
fn codes_are_undelayed_tokens() -> Result<()> {
    let folder = tempdir()?;
    let codes = folder.path().join("codes.json");
    run(second(&folder.path().join("clip.wav"))?
        .args(["--raw", "--seed", "2", "--codes"])
        .arg(&codes))?;
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&codes)?)?;
    let keys: Vec<&String> = json.as_object().context("no object")?.keys().collect();
    ensure!(keys == ["codes", "frame_rate"], "keys: {keys:?}");
    ensure!(
        json["frame_rate"] == 50,
        "frame rate: {}",
        json["frame_rate"]
    );
    let books = json["codes"].as_array().context("no codes")?;
    ensure!(books.len() == 4, "{} codebooks", books.len());
    for (book, tokens) in books.iter().enumerate() {
        let tokens = tokens.as_array().context("no list")?;
        // A second, with no trace of the delay pattern's longer rows.
        ensure!(
            tokens.len() == 50,
            "codebook {book}: {} tokens",
            tokens.len()
        );
        // The start token, 2048 in the published models, is no sound.
        ensure!(
            tokens
                .iter()
                .all(|token| token.as_u64().is_some_and(|token| token < 2048)),
            "codebook {book}: {tokens:?}"
        );
        let first = &tokens[0];
        ensure!(
            tokens.iter().any(|token| token != first),
            "codebook {book} never changes"
        );
    }
    Ok(())
}

#[test]
fn takes_have_seeds_one_after_another() -> Result<()> {
    let folder = tempdir()?;
    let out = folder.path().join("loop.wav");
    let takes = run_json(second(&out)?.args(["--takes", "3", "--seed", "40"]))?;
    let seeds: Vec<&Value> = takes.iter().map(|take| &take["seed"]).collect();
    ensure!(seeds == [40, 41, 42], "seeds: {seeds:?}");
    let names = ["loop-1.wav", "loop-2.wav", "loop-3.wav"];
    ensure!(
        files(folder.path())? == names,
        "files: {:?}",
        files(folder.path())?
    );
    let single = folder.path().join("single.wav");
    run(second(&single)?.args(["--seed", "41"]))?;
    ensure!(
        std::fs::read(single)? == std::fs::read(folder.path().join("loop-2.wav"))?,
        "a take differs from a clip of its seed"
    );
    Ok(())
}

#[test]
fn without_a_name_the_file_says_what_is_in_it() -> Result<()> {
    let folder = tempdir()?;
    for _ in 0..2 {
        run(programs::generate("Dusty lo-fi drums!")?
            .args(["--bars", "1", "--bpm", "240", "--seed", "6"])
            .current_dir(folder.path()))?;
    }
    let names = files(folder.path())?;
    ensure!(
        names
            == [
                "barline_dusty-lo-fi-drums_240bpm_1bars_6-2.wav",
                "barline_dusty-lo-fi-drums_240bpm_1bars_6.wav"
            ],
        "files: {names:?}"
    );
    Ok(())
}
