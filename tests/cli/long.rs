//! `barline loop`: minutes of a loop, in every format, and what it refuses.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use barline_engine::file;
use serde_json::Value;
use tempfile::tempdir;

use super::{files, read, run, run_bad, second};
use crate::programs;

/// One bar at 240 BPM at the starter's rate.
const FRAMES: usize = 32_000;

/// A loop of a second of that seed.
fn loop_of(folder: &Path, seed: u32) -> Result<PathBuf> {
    let path = folder.join(format!("{seed}.wav"));
    run(second(&path)?.args(["--seed", &seed.to_string()]))?;
    Ok(path)
}

/// `barline loop` of these files.
fn long(inputs: &[&Path], out: &Path) -> Result<Command> {
    let mut command = Command::new(programs::barline()?);
    command.arg("loop").args(inputs).arg("--out").arg(out);
    Ok(command)
}

fn made(command: &mut Command) -> Result<Value> {
    Ok(serde_json::from_str(&run(command.arg("--json"))?)?)
}

fn bars(samples: &[f32]) -> Vec<&[f32]> {
    samples.chunks(FRAMES).collect()
}

#[test]
fn off_is_the_loop_again_and_again() -> Result<()> {
    let folder = tempdir()?;
    let (input, out) = (loop_of(folder.path(), 3)?, folder.path().join("long.wav"));
    let own = read(&input)?.1;
    let facts = made(long(&[&input], &out)?.args(["--minutes", "0.5", "--vary-every", "off"]))?;
    ensure!(facts["bars"] == 30 && facts["loops"] == true, "{facts}");
    ensure!(facts["variations"].as_array().is_some_and(Vec::is_empty));
    let samples = read(&out)?.1;
    ensure!(samples[0].len() == 30 * FRAMES);
    ensure!(bars(&samples[0]).iter().all(|bar| *bar == own[0]));
    // The file is a long one of Barline's, and no clip that could be made again.
    let mut again = Command::new(programs::barline()?);
    run_bad(
        again.arg("regenerate").arg(&out),
        1,
        &["long.wav holds no recipe"],
    )
}

#[test]
fn variations_come_where_they_were_asked_for_in_every_format() -> Result<()> {
    let folder = tempdir()?;
    let input = loop_of(folder.path(), 3)?;
    let own = read(&input)?.1;
    let out = |ending| folder.path().join(format!("long.{ending}"));
    let args = ["--bars", "24", "--vary-every", "4", "--seed", "5"];
    let facts = made(long(&[&input], &out("wav"))?.args(args))?;
    let lines: Vec<u64> = facts["variations"]
        .as_array()
        .context("no variations")?
        .iter()
        .filter_map(|change| change["bar"].as_u64())
        .collect();
    ensure!(lines == [4, 8, 12, 16, 20], "{facts}");
    let samples = read(&out("wav"))?.1;
    ensure!(samples[0].len() == 24 * FRAMES);
    let same: Vec<bool> = bars(&samples[0]).iter().map(|bar| *bar == own[0]).collect();
    for line in lines {
        let line = line as usize;
        ensure!(!same[line - 1] && same[line], "bar {line}: {same:?}");
    }
    let loudest = |samples: &[f32]| samples.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    ensure!(loudest(&samples[0]) <= loudest(&own[0]) + 1e-6);
    // FLAC has the same samples, RF64 the same bytes, another run the same file.
    run(long(&[&input], &out("flac"))?.args(args))?;
    ensure!(file::read(&out("flac"))?.1 == file::read(&out("wav"))?.1);
    run(long(&[&input], &out("again.wav"))?.args(args))?;
    let riff = std::fs::read(out("wav"))?;
    ensure!(riff == std::fs::read(out("again.wav"))?);
    run(long(&[&input], &out("rf64.wav"))?.args(args).arg("--rf64"))?;
    let rf64 = std::fs::read(out("rf64.wav"))?;
    ensure!(&rf64[..4] == b"RF64" && &rf64[12..16] == b"ds64");
    let data = 116; // the heads of both
    ensure!(riff.len() == rf64.len() && riff[data..] == rf64[data..]);
    run(long(&[&input], &out("ogg"))?.args(args))?;
    let ogg = std::fs::read(out("ogg"))?;
    ensure!(&ogg[..4] == b"OggS" && ogg.len() < riff.len() / 4);
    Ok(())
}

#[test]
fn takes_are_made_from_the_recipe_or_given_as_files() -> Result<()> {
    let folder = tempdir()?;
    let (first, second) = (loop_of(folder.path(), 3)?, loop_of(folder.path(), 4)?);
    let (made_out, given_out) = (
        folder.path().join("made.wav"),
        folder.path().join("given.wav"),
    );
    let args = ["--bars", "40", "--vary-every", "2"];
    let facts = made(
        long(&[&first], &made_out)?
            .args(args)
            .args(["--takes", "2"]),
    )?;
    ensure!(facts["takes"] == 2, "{facts}");
    run(long(&[&first, &second], &given_out)?.args(args))?;
    let (samples, given) = (read(&made_out)?.1, read(&given_out)?.1);
    // What is blended was rounded to 24 bits once in one, twice in the other.
    let rounded = 2.0 / 8_388_608.0;
    let mut pairs = samples[0].iter().zip(&given[0]);
    ensure!(
        samples[0].len() == given[0].len() && pairs.all(|(a, b)| (a - b).abs() <= rounded),
        "the take made is not the one of the next seed"
    );
    let takes = [read(&first)?.1, read(&second)?.1];
    for take in &takes {
        ensure!(bars(&samples[0]).contains(&take[0].as_slice()));
    }
    Ok(())
}

#[test]
fn a_file_of_another_program_is_made_a_loop() -> Result<()> {
    let folder = tempdir()?;
    let (path, out) = (
        folder.path().join("other.wav"),
        folder.path().join("long.wav"),
    );
    // Five bars and a half of clicks at 120 BPM in stereo.
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(&path, spec)?;
    for frame in 0..44_100 * 11 {
        let since = (frame % 22_050) as f32 / 44_100.0;
        let tone = (since * 500.0).sin() * (-since * 30.0).exp() * 20_000.0;
        file.write_sample(tone as i16)?;
        file.write_sample((tone * 0.5) as i16)?;
    }
    file.finalize()?;
    let facts = made(long(&[&path], &out)?.args(["--minutes", "1", "--fade-out", "2"]))?;
    let tempo_bpm = facts["tempo_bpm"].as_f64().context("no tempo")?;
    ensure!((tempo_bpm - 120.0).abs() < 0.1, "{facts}");
    ensure!(facts["channels"] == 2 && facts["rate_hz"] == 44_100);
    ensure!(facts["loops"] == false, "{facts}");
    let (spec, samples) = read(&out)?;
    ensure!(spec.bits_per_sample == 24);
    let loop_frames = facts["loop_frames"].as_u64().context("no length")? as usize;
    ensure!(samples[0].len() % loop_frames == 0);
    ensure!(samples[1].last() == Some(&0.0));
    Ok(())
}

#[test]
fn what_cannot_be_made_long_is_refused() -> Result<()> {
    let folder = tempdir()?;
    let input = loop_of(folder.path(), 3)?;
    let slow = folder.path().join("slow.wav");
    run(programs::generate("techno drums")?
        .args(["--bars", "1", "--bpm", "200", "--out"])
        .arg(&slow))?;
    let before = files(folder.path())?;
    let out = folder.path().join("long.wav");
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["--minutes", "-1"], 2, &["--minutes", "between 0"]),
        (
            &["--minutes", "1", "--hours", "1"],
            2,
            &["--minutes", "--hours"],
        ),
        (&["--bars", "0"], 2, &["--bars", "between 1"]),
        (&["--vary-every", "0"], 2, &["--vary-every", "\"off\""]),
        (&["--fade-in", "100", "--bars", "4"], 2, &["fades", "0:04"]),
        (&["--quality", "11"], 2, &["--quality"]),
        (
            &["--hours", "700", "--rate", "384000"],
            1,
            &["MiB free", "long.wav"],
        ),
    ];
    for (args, code, words) in cases {
        run_bad(long(&[&input], &out)?.args(*args), *code, words)?;
    }
    run_bad(
        &mut long(&[&input, &slow], &out)?,
        1,
        &["slow.wav", "200.00 BPM", "one tempo"],
    )?;
    run_bad(&mut long(&[&input], &input)?, 2, &["overwrite"])?;
    let aiff = folder.path().join("long.aiff");
    run_bad(&mut long(&[&input], &aiff)?, 2, &[".wav, .flac or .ogg"])?;
    let float = folder.path().join("long.flac");
    run_bad(
        long(&[&input], &float)?.args(["--bits", "32"]),
        2,
        &["FLAC"],
    )?;
    let missing = folder.path().join("missing.wav");
    run_bad(&mut long(&[&missing], &out)?, 1, &["missing.wav"])?;
    ensure!(files(folder.path())? == before, "something was left");
    Ok(())
}
