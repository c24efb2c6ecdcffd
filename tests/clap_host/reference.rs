//! What a clip must sound like: the WAV that the command line makes from the same prompt,
//! seed, tempo and rate, and comparisons of a recording with it.
//!
//! The comparisons know where a clip's frame belongs (its beats over its length) and nothing of
//! how the player gets there.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::song::Recording;
use crate::programs;

/// What is asked of plugin and command line alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) prompt: &'static str,
    pub(crate) seed: u64,
    pub(crate) bars: u32,
    pub(crate) tempo_bpm: f64,
}

impl Order {
    /// The plugin's `project` field that asks for it as soon as it is loaded.
    pub(crate) fn project(&self) -> Value {
        json!({
            "version": 3, "prompt": self.prompt, "seed": self.seed, "seed_locked": true,
            "tempo_bpm": self.tempo_bpm, "beats_per_bar": 4, "generate": true,
        })
    }

    /// The plugin's parameters for it; those left out keep their defaults.
    pub(crate) fn params(&self) -> Value {
        json!({ "bars": { "i32": self.bars } })
    }

    pub(crate) fn beats(&self) -> f64 {
        f64::from(self.bars) * 4.0
    }

    /// Has the command line make it, at a rate.
    pub(crate) fn reference(&self, folder: &Path, rate_hz: u32) -> Result<Reference> {
        self.made(folder, rate_hz, &[])
    }

    /// The clip that it is before it is fitted, which is heard while it is made.
    pub(crate) fn raw(&self, folder: &Path, rate_hz: u32) -> Result<Reference> {
        self.made(folder, rate_hz, &["--raw"])
    }

    /// The same clip, brought to another tempo with its pitch kept.
    pub(crate) fn played_at(
        &self,
        folder: &Path,
        rate_hz: u32,
        tempo_bpm: f64,
    ) -> Result<Reference> {
        self.made(folder, rate_hz, &["--play-at", &tempo_bpm.to_string()])
    }

    fn made(&self, folder: &Path, rate_hz: u32, more: &[&str]) -> Result<Reference> {
        let path = folder.join(format!("{}-{}-{rate_hz}.wav", self.seed, self.tempo_bpm));
        let output = programs::generate(self.prompt)?
            .args(more)
            .args(["--bars", &self.bars.to_string()])
            .args(["--bpm", &self.tempo_bpm.to_string()])
            .args(["--seed", &self.seed.to_string()])
            .args(["--rate", &rate_hz.to_string(), "--bits", "32", "--out"])
            .arg(&path)
            .output()?;
        ensure!(
            output.status.success(),
            "barline generate: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut reader = hound::WavReader::open(&path)?;
        let count = usize::from(reader.spec().channels);
        let samples: Vec<f32> = reader.samples::<f32>().collect::<Result<_, _>>()?;
        let channel = |index: usize| samples.iter().copied().skip(index).step_by(count).collect();
        // A mono clip sounds on both sides.
        let reference = Reference::new(channel(0), channel(count - 1), self.beats());
        reference.check_use()?;
        Ok(reference)
    }
}

/// The command line's clip.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) left: Vec<f32>,
    pub(crate) right: Vec<f32>,
    beats: f64,
}

/// Equal but for rounding.
const SAME: f32 = 1e-5;
/// Frames around the expected place that are searched for a better one.
const SEARCH_FRAMES: i64 = 32;
/// Frames of a recording that a lag is found by.
const LAG_FRAMES: usize = 48_000;

impl Reference {
    /// A clip of so many beats.
    pub(crate) fn new(left: Vec<f32>, right: Vec<f32>, beats: f64) -> Self {
        Self { left, right, beats }
    }

    /// The same, louder or quieter.
    pub(crate) fn scaled(mut self, gain: f32) -> Self {
        let samples = self.left.iter_mut().chain(&mut self.right);
        samples.for_each(|sample| *sample *= gain);
        self
    }

    /// A clip that is silent, or the same a frame later, would let every comparison pass.
    fn check_use(&self) -> Result<()> {
        let level = rms(self.left.iter().map(|x| f64::from(*x)));
        let moved = self
            .left
            .windows(2)
            .map(|pair| f64::from(pair[1] - pair[0]));
        let moved = rms(moved);
        ensure!(
            level > 1e-3,
            "the reference is silent ({level:e}): no test with it"
        );
        ensure!(moved > 1e-4, "the reference hardly moves ({moved:e})");
        Ok(())
    }

    fn frames(&self) -> i64 {
        self.left.len() as i64
    }

    /// Where in the clip these beats are, in frames of the clip.
    fn position(&self, beats: f64) -> f64 {
        beats.rem_euclid(self.beats) / self.beats * self.left.len() as f64
    }

    /// The recording is this clip on the beat: every sample is the clip's at its place, or,
    /// where the place is between two frames, one of the two; and no other lag fits better.
    /// For a host at the clip's own tempo.
    pub(crate) fn check_locked(&self, what: &str, recording: &Recording) -> Result<()> {
        ensure!(!recording.left.is_empty(), "{what}: nothing was recorded");
        for (name, clip, heard) in [
            ("left", &self.left, &recording.left),
            ("right", &self.right, &recording.right),
        ] {
            let mut worst = (0.0_f32, 0);
            let mut between = false;
            for (frame, (sample, beats)) in heard.iter().zip(&recording.beats).enumerate() {
                ensure!(
                    sample.is_finite(),
                    "{what}, {name}: {sample} at frame {frame}"
                );
                let error = self
                    .candidates(*beats)
                    .map(|at| (clip[at] - sample).abs())
                    .fold(f32::MAX, f32::min);
                if error > worst.0 {
                    worst = (error, frame);
                }
                between |= self.candidates(*beats).nth(1).is_some();
            }
            ensure!(
                worst.0 < SAME,
                "{what}, {name}: off by {} at frame {} of {} (beat {:.6}); best lag {} frames",
                worst.0,
                worst.1,
                heard.len(),
                recording.beats[worst.1],
                self.lag(clip, heard, &recording.beats),
            );
            let lag = self.lag(clip, heard, &recording.beats);
            // Half way between two frames either is as near.
            let most = i64::from(between);
            ensure!(lag.abs() <= most, "{what}, {name}: {lag} frames late");
        }
        Ok(())
    }

    /// What is heard of a clip that still grows is the raw clip or less of it, until the fitted one
    /// takes over: no sample is louder than the two have it around its place.
    pub(crate) fn check_growing(
        &self,
        what: &str,
        raw: &Self,
        recording: &Recording,
    ) -> Result<()> {
        const AROUND_FRAMES: usize = 48;
        // The last of a clip sounds a little different when the model goes on after it.
        const END_FRAMES: usize = 4_800;
        // Of two clips at equal power.
        const CROSSFADE: f32 = std::f32::consts::SQRT_2;
        let loudest = |clip: &Self, at: usize| {
            let frames = clip.left.len();
            let (from, count) = if at + END_FRAMES >= frames {
                (
                    frames - END_FRAMES - AROUND_FRAMES,
                    END_FRAMES + 2 * AROUND_FRAMES,
                )
            } else {
                (at + frames - AROUND_FRAMES, 2 * AROUND_FRAMES)
            };
            let near = (from..from + count).map(|near| clip.left[near % frames].abs());
            near.fold(0.0, f32::max)
        };
        for (frame, (sample, beats)) in recording.left.iter().zip(&recording.beats).enumerate() {
            if *sample == 0.0 {
                continue;
            }
            let most = self
                .candidates(*beats)
                .map(|at| loudest(self, at).max(loudest(raw, at)))
                .fold(0.0, f32::max);
            ensure!(
                sample.abs() <= CROSSFADE * most + SAME,
                "{what}: {sample} at frame {frame} (beat {beats:.6}), where the clip has {most}"
            );
        }
        Ok(())
    }

    /// The recording is this clip from some frame on, round and round, at its own speed.
    pub(crate) fn check_contiguous(&self, what: &str, recording: &Recording) -> Result<()> {
        let frames = self.left.len();
        let same = |start: usize, count: usize| {
            let heard = recording.left.iter().take(count);
            heard
                .zip(start..)
                .all(|(sample, at)| (sample - self.left[at % frames]).abs() < SAME)
        };
        let start = (0..frames).find(|start| same(*start, 4096));
        let start = start.with_context(|| format!("{what}: not a piece of the clip"))?;
        ensure!(
            same(start, recording.left.len()),
            "{what}: it leaves the clip"
        );
        Ok(())
    }

    /// Frames that may be heard at these beats: the one there, or both that it lies between.
    fn candidates(&self, beats: f64) -> impl Iterator<Item = usize> + use<> {
        // Hosts hand beats over with 31 binary places: a ten-thousandth of a frame.
        const ROUNDING: f64 = 1e-3;
        let position = self.position(beats);
        let frames = self.frames();
        let low = (position - ROUNDING).floor() as i64;
        let high = (position + ROUNDING).ceil() as i64;
        let nearest = position.round();
        let (low, high) = if (position - nearest).abs() < ROUNDING {
            (nearest as i64, nearest as i64)
        } else {
            (low, high)
        };
        // A loop of no whole number of frames holds its last frame or leaves it out: at the
        // seam both sides of it are right.
        let seam = [(frames - 1) as usize, 0]
            .into_iter()
            .filter(move |_| low < 1 || high >= frames - 1);
        (low..=high)
            .map(move |at| at.rem_euclid(frames) as usize)
            .chain(seam)
    }

    /// The lag in frames at which the recording is most like the clip.
    fn lag(&self, clip: &[f32], heard: &[f32], beats: &[f64]) -> i64 {
        let likeness = |lag: i64| -> f64 {
            let pairs = heard.iter().zip(beats);
            pairs
                .take(LAG_FRAMES)
                .map(|(sample, beats)| {
                    let at = self.position(*beats).round() as i64 - lag;
                    f64::from(clip[at.rem_euclid(self.frames()) as usize]) * f64::from(*sample)
                })
                .sum()
        };
        // The nearest of the best: 0 before 1 before -1.
        let mut lags: Vec<i64> = (-SEARCH_FRAMES..=SEARCH_FRAMES).collect();
        lags.sort_by_key(|lag| lag.abs());
        let mut best = (f64::MIN, 0);
        for lag in lags {
            let value = likeness(lag);
            if value > best.0 * (1.0 + 1e-9) {
                best = (value, lag);
            }
        }
        best.1
    }

    /// The recording is this clip at another tempo: each sample is the clip's value at its
    /// place, interpolated, and no place a little before or after fits better.
    pub(crate) fn check_repitched(&self, what: &str, recording: &Recording) -> Result<()> {
        let error = |shift: f64| {
            let pairs = recording.left.iter().zip(&recording.beats);
            rms(pairs.map(|(sample, beats)| {
                f64::from(*sample) - self.between(self.position(*beats) + shift)
            }))
        };
        let level = rms(recording.left.iter().map(|x| f64::from(*x)));
        ensure!(level > 1e-3, "{what}: silent");
        let here = error(0.0);
        for shift in [-4.0, -1.0, -0.5, -0.25, 0.25, 0.5, 1.0, 4.0] {
            let there = error(shift);
            ensure!(
                here < there,
                "{what}: {shift} frames away fits better ({there:e} there, {here:e} here)"
            );
        }
        ensure!(
            here < level * 0.03,
            "{what}: an error of {here:e} at a level of {level:e}"
        );
        Ok(())
    }

    /// The clip's value between frames: a sinc of 32 taps under a Hann window, longer than any
    /// player's.
    fn between(&self, position: f64) -> f64 {
        const REACH: i64 = 16;
        let whole = position.floor();
        let part = position - whole;
        let mut sum = 0.0;
        for tap in 1 - REACH..=REACH {
            let x = part - tap as f64;
            let sinc = if x.abs() < 1e-9 {
                1.0
            } else {
                (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
            };
            let window = (std::f64::consts::FRAC_PI_2 * x / REACH as f64)
                .cos()
                .powi(2);
            let at = (whole as i64 + tap).rem_euclid(self.frames()) as usize;
            sum += f64::from(self.left[at]) * sinc * window;
        }
        sum
    }
}

/// Root of the mean square.
fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0u64);
    for value in values {
        sum += value * value;
        count += 1;
    }
    (sum / count.max(1) as f64).sqrt()
}

/// Reads a value as text for messages.
pub(crate) fn clip_of(project: &Value) -> Result<&Value> {
    let clip = &project["clips"][0];
    ensure!(!clip.is_null(), "the state has no clip in its first slot");
    clip["facts"].as_object().context("the clip has no facts")?;
    Ok(clip)
}
