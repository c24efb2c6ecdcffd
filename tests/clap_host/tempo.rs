//! The clip at another tempo than its own: repitched while the tempo moves, then stretched, on the
//! beat, in tune, and the same after the project was opened again and in every bounce.

use std::f64::consts::TAU;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use barline_engine::fit::{Target, into_bars, raw};
use barline_engine::resample::resample_loop;
use barline_engine::{Fit, Length};
use serde_json::{Value, json};

use super::alone::alone;
use super::clips::{flac, saved_clip};
use super::host::{Bundle, Host};
use super::reference::Reference;
use super::song::{Recording, Song};
use super::{FADED_FRAMES, HOUSE, LONGEST, RATE_HZ, play_faded, with_clip};

const MODEL_HZ: u32 = 32_000;
const TONE_HZ: f64 = 440.0;
const BARS: u32 = 2;
const BEATS: f64 = 8.0;

/// Plays until this clip is what is heard.
fn play_until(host: &mut Host, song: &mut Song, what: &str, clip: &Reference) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < LONGEST {
        let beat = (RATE_HZ * 60.0 / song.tempo_bpm) as usize;
        let heard = host.play(song, beat)?;
        if clip.check_locked(what, &heard).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("{what}: not heard after {LONGEST:?}")
}

#[test]
fn another_tempo_is_met_on_the_beat() -> Result<()> {
    alone(
        "clap_host::tempo::another_tempo_is_met_on_the_beat",
        &[another_tempo],
    )
}

fn another_tempo(folder: &Path) -> Result<()> {
    let own = HOUSE.reference(folder, RATE_HZ as u32)?;
    let fast = HOUSE.played_at(folder, RATE_HZ as u32, 131.7)?;
    let bundle = Bundle::load()?;
    let (mut host, mut song) = with_clip(&bundle, &HOUSE, RATE_HZ)?;
    song.change_tempo(131.7, RATE_HZ);
    let heard = play_faded(&mut host, &mut song, 0.25)?;
    own.check_repitched("before the tempo rests", &heard)?;
    play_until(&mut host, &mut song, "at 131.7 BPM", &fast)?;
    fast.check_locked("from there on", &play_faded(&mut host, &mut song, 4.3)?)?;
    for beats in [2.25, -3.75, 4_001.0] {
        let mut song = Song::at(131.7, beats);
        let heard = play_faded(&mut host, &mut song, 0.7)?;
        fast.check_locked(&format!("after a jump to beat {beats}"), &heard)?;
    }
    // A tempo that moves is followed by the version that plays.
    let mut moving = Recording::default();
    for step in 1..=60 {
        song.change_tempo(131.7 - f64::from(step) * 0.1, RATE_HZ);
        moving.append(host.play(&mut song, 960)?);
    }
    fast.check_repitched("while the tempo moves", &moving.after(FADED_FRAMES))?;
    // Back at its own tempo it is the clip that it was.
    song.change_tempo(120.0, RATE_HZ);
    play_until(&mut host, &mut song, "back at 120 BPM", &own)?;
    own.check_locked("from there on", &play_faded(&mut host, &mut song, 4.3)?)?;
    // Another instance that opens the project has the same samples at that tempo.
    song.change_tempo(131.7, RATE_HZ);
    let bytes = host.save_bytes()?;
    let mut other = bundle.host()?;
    other.load_bytes(&bytes)?;
    other.activate(RATE_HZ)?;
    let mut song = Song::at(131.7, 0.0);
    play_until(&mut other, &mut song, "in a project opened again", &fast)
}

/// A loop of two bars of a steady tone and attacks on the beats, made at 120 BPM, as a state has it,
/// and what it must sound like at a tempo.
struct Toned {
    raw: Vec<Vec<f32>>,
}

impl Toned {
    fn new() -> Self {
        let mut state = 1u32;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state) / f64::from(u32::MAX) - 0.5
        };
        let sample = |n: u32| {
            let t = f64::from(n) / f64::from(MODEL_HZ);
            let since_beat = t.rem_euclid(0.5);
            let attack = 0.8 * noise() * (-60.0 * since_beat).exp();
            (0.12 * (TAU * TONE_HZ * t).sin() + attack) as f32
        };
        let mut raw = vec![(0..5 * MODEL_HZ).map(sample).collect()];
        raw::round(&mut raw);
        Self { raw }
    }

    fn length(tempo_bpm: f64) -> Length {
        Length::Bars {
            bars: BARS,
            beats_per_bar: 4,
            tempo_bpm,
        }
    }

    /// At the model's rate, with how it was fitted.
    fn at(&self, tempo_bpm: f64) -> Result<(Vec<Vec<f32>>, Value)> {
        let fit = Fit {
            play_at_bpm: (tempo_bpm != 120.0).then_some(tempo_bpm),
            ..Fit::default()
        };
        let target = Target::of(Self::length(120.0), Some(fit)).context("no target")?;
        let (channels, fitted) = into_bars(&self.raw, MODEL_HZ, &target);
        Ok((channels, serde_json::to_value(fitted)?))
    }

    fn reference(&self, tempo_bpm: f64) -> Result<Reference> {
        let (channels, _) = self.at(tempo_bpm)?;
        let frames = Self::length(tempo_bpm).frames(RATE_HZ as u32);
        let out = resample_loop(&channels, MODEL_HZ, RATE_HZ as u32, frames);
        Ok(Reference::new(out[0].clone(), out[0].clone(), BEATS))
    }

    /// The state; without its take it is one of version 1.
    fn project(&self, with_take: bool) -> Result<Value> {
        let (channels, fitted) = self.at(120.0)?;
        let mut clip = saved_clip(MODEL_HZ, &channels, Self::length(120.0), fitted)?;
        if with_take {
            ensure!(raw::halvings(&self.raw) == 0, "the take is too loud");
            clip["raw"] = json!({
                "flac": flac(MODEL_HZ, &self.raw)?, "halvings": 0,
                "prediction": { "start_frame": 0, "gain": 0 },
            });
        }
        let version = if with_take { 2 } else { 1 };
        Ok(json!({ "version": version, "prompt": "a tone", "clip": clip }))
    }
}

/// One round of the loop but for its ends: over its join the tone's phase is whatever it is.
fn inside(heard: &Recording) -> &[f32] {
    let place = |frame: usize| heard.beats.get(frame).map(|beats| beats.rem_euclid(BEATS));
    let starts = |frame: &usize| place(frame + 1).is_some_and(|next| Some(next) < place(*frame));
    let start = (0..heard.left.len()).find(starts).unwrap_or(0);
    let from = start + RATE_HZ as usize / 5;
    let ends = |frame: &usize| place(*frame).is_none_or(|beat| beat > BEATS - 0.5);
    let end = (from..).find(ends).unwrap_or(from);
    &heard.left[from..end]
}

/// Power of the tone when it is off by so many cents.
fn power(samples: &[f32], cents: f64) -> f64 {
    let turns = TONE_HZ * (cents / 1200.0).exp2() / RATE_HZ;
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (n, x) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (TAU * n as f64 / samples.len() as f64).cos();
        let (s, c) = (TAU * turns * n as f64).sin_cos();
        sine += window * f64::from(*x) * s;
        cosine += window * f64::from(*x) * c;
    }
    sine * sine + cosine * cosine
}

/// By how many cents the tone is off, by the peak of its spectrum, as far as it goes to four.
fn cents(samples: &[f32]) -> f64 {
    (-40..=40)
        .map(|step| f64::from(step) * 0.1)
        .max_by(|a, b| power(samples, *a).total_cmp(&power(samples, *b)))
        .unwrap_or(f64::NAN)
}

/// How far, in frames, each attack comes after its beat.
fn attacks(heard: &Recording) -> Vec<f64> {
    let beats = heard.beats.iter().map(|beats| beats.floor());
    let starts = beats.clone().zip(beats.skip(1)).enumerate();
    let starts = starts.filter(|(_, (before, after))| before != after);
    let edge = |at: usize| f64::from(heard.left[at] - heard.left[at - 1]).abs();
    starts
        .map(|(at, _)| at + 1)
        .filter(|&at| at > 200 && at + 200 < heard.left.len())
        .map(|at| {
            let loudest = (at - 150..at + 150).map(edge).fold(0.0, f64::max);
            let first = (at - 150..at + 150).find(|&near| edge(near) > 0.3 * loudest);
            first.unwrap_or(at) as f64 - at as f64
        })
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[test]
fn the_pitch_stays_and_the_attacks_lie_on_the_grid() -> Result<()> {
    alone(
        "clap_host::tempo::the_pitch_stays_and_the_attacks_lie_on_the_grid",
        &[pitch_and_grid],
    )
}

fn pitch_and_grid(_: &Path) -> Result<()> {
    let toned = Toned::new();
    let bundle = Bundle::load()?;
    for with_take in [true, false] {
        let mut host = bundle.host()?;
        host.activate(RATE_HZ)?;
        host.load(&toned.project(with_take)?, &json!({}))?;
        let mut song = Song::at(120.0, 0.0);
        let own = toned.reference(120.0)?;
        play_until(&mut host, &mut song, "at its own tempo", &own)?;
        let before = play_faded(&mut host, &mut song, 8.5)?;
        let (pitch, grid) = (cents(inside(&before)), mean(&attacks(&before)));
        ensure!(pitch.abs() < 0.2, "it is {pitch} cents off by itself");
        for tempo_bpm in [124.0, 97.5] {
            song.change_tempo(tempo_bpm, RATE_HZ);
            if with_take {
                let there = toned.reference(tempo_bpm)?;
                play_until(&mut host, &mut song, &format!("at {tempo_bpm} BPM"), &there)?;
            } else {
                play_in_tune(&mut host, &mut song)?;
            }
            let heard = play_faded(&mut host, &mut song, 10.0)?;
            let off = cents(inside(&heard));
            let late: Vec<f64> = attacks(&heard).iter().map(|at| at - grid).collect();
            let worst = late.iter().fold(0.0f64, |worst, at| worst.max(at.abs()));
            println!("{tempo_bpm} BPM: {off:.2} cents, attacks {worst:.1} frames off at most");
            ensure!(
                (off - pitch).abs() < 1.0,
                "{tempo_bpm} BPM: {off} cents off"
            );
            // Half a millisecond.
            ensure!(worst < 24.0, "{tempo_bpm} BPM: attacks at {late:?}");
        }
    }
    Ok(())
}

/// Plays until the tone has its own pitch again: there is no reference of a loop without a take.
fn play_in_tune(host: &mut Host, song: &mut Song) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < LONGEST {
        let heard = host.play(song, RATE_HZ as usize)?;
        let repitched = 1200.0 * (song.tempo_bpm / 120.0).log2();
        if power(&heard.left, 0.0) > 9.0 * power(&heard.left, repitched) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("the pitch did not come back in {LONGEST:?}")
}

#[test]
fn two_bounces_are_the_same() -> Result<()> {
    alone("clap_host::tempo::two_bounces_are_the_same", &[bounces])
}

/// A bounce of three bars with a tempo step in them.
fn bounce(host: &mut Host) -> Result<Recording> {
    host.deactivate();
    host.render_offline(true)?;
    host.activate(RATE_HZ)?;
    host.blocks = super::song::Blocks::odd();
    let mut song = Song::at(124.0, 0.0);
    let mut heard = host.play(&mut song, 96_000)?;
    song.change_tempo(110.0, RATE_HZ);
    heard.append(host.play(&mut song, 144_000)?);
    Ok(heard)
}

fn bounces(_: &Path) -> Result<()> {
    let toned = Toned::new();
    let bundle = Bundle::load()?;
    let mut host = bundle.host()?;
    host.load(&toned.project(true)?, &json!({}))?;
    // No pause at all: what is heard was waited for.
    let first = bounce(&mut host)?;
    let second = bounce(&mut host)?;
    let mut other = bundle.host()?;
    other.load_bytes(&host.save_bytes()?)?;
    let third = bounce(&mut other)?;
    ensure!(first.left == second.left, "the second bounce is another");
    ensure!(
        first.left == third.left,
        "that of a new instance is another"
    );
    // Stretched from the first frame, repitched after the step, stretched from a beat on.
    let fast = toned.reference(124.0)?;
    fast.check_locked("from the start", &first.part(FADED_FRAMES..96_000))?;
    fast.check_repitched(
        "after the step",
        &first.part(96_000 + FADED_FRAMES..96_000 + 14_000),
    )?;
    let slow = toned.reference(110.0)?;
    slow.check_locked("at rest", &first.part(96_000 + 48_000..240_000))
}
