//! A raw clip becomes exactly N bars: cut at a downbeat, brought to tempo, joined, levelled, judged.
//!
//! Any thread but the audio thread.

use serde::{Deserialize, Serialize};

use super::join::{self, Material};
use super::level::{self, Loudness};
use super::score::{Findings, Score};
use super::window::{self, Grid};
use super::{Hint, KeyFound, measure, mono, seam, stretch};
use crate::prompt::Key;

/// What a loop is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Whole bars.
    pub bars: u32,
    /// Quarter-note beats in a bar.
    pub beats_per_bar: u32,
    /// Beats a minute.
    pub tempo_bpm: f64,
    /// Loudness, as far as a true peak of -1 dB allows.
    pub loudness_lufs: f64,
}

impl Target {
    /// Length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        f64::from(self.beats()) * 60.0 / self.tempo_bpm
    }

    /// Length in quarter-note beats.
    #[must_use]
    pub fn beats(&self) -> u32 {
        self.bars * self.beats_per_bar
    }

    /// Beats that a generator should make beyond the bars: one before and one after, and for long
    /// loops what a stretch may take.
    #[must_use]
    pub fn spare_beats(&self) -> u32 {
        2 + self.beats().saturating_sub(16) / 16
    }
}

/// What was done to a raw clip, and how the loop came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// How the raw clip stood to the grid.
    pub grid: Grid,
    /// Where in the raw clip the loop starts, in seconds.
    pub start_seconds: f64,
    /// Seconds of the loop for one of the raw clip; 1 is unchanged.
    pub stretch: f64,
    /// Seconds over which the end rings on into the beginning.
    pub join_seconds: f64,
    /// The loudness that was asked for.
    pub target_lufs: f64,
    /// The gain that was applied.
    pub gain_db: f64,
    /// Loudness and peak of the loop.
    pub loudness: Loudness,
    /// Its key, if it has one.
    pub key: Option<KeyFound>,
    /// How it is.
    pub score: Score,
}

impl Fitted {
    /// The key that is heard in it, where that is sure enough to be said.
    #[must_use]
    pub fn key_heard(&self) -> Option<Key> {
        let found = self.key.as_ref().filter(|found| found.sure())?;
        Some(found.key)
    }
}

/// Fits a raw clip (samples by channel, 1 or 2, equal lengths, at `rate_hz`) to its bars. What the
/// clip has beyond them is used for the choice of the window and for the join; a clip that is
/// too short ends in silence.
#[must_use]
pub fn into_bars(raw: &[Vec<f32>], rate_hz: u32, target: &Target) -> (Vec<Vec<f32>>, Fitted) {
    let hint = Hint {
        tempo_bpm: Some(target.tempo_bpm),
        beats_per_bar: target.beats_per_bar,
    };
    let rate = f64::from(rate_hz);
    let frames = (target.seconds() * rate).round() as usize;
    let mut clean = raw.to_vec();
    for sample in clean.iter_mut().flatten() {
        *sample = if sample.is_finite() { *sample } else { 0.0 };
    }
    level::remove_dc(&mut clean);
    let found = measure(&clean, rate_hz, hint);
    let mut window = window::find(&mono(&clean), rate_hz, &found, target);
    let start = (window.start_seconds * rate).round() as usize;
    let part: Vec<Vec<f32>> = clean
        .iter()
        .map(|channel| channel[start.min(channel.len())..].to_vec())
        .collect();
    let mut at_tempo = stretch(&part, rate_hz, window.ratio).unwrap_or_else(|_| {
        window.grid = Grid::Free;
        window.ratio = 1.0;
        part
    });
    for channel in &mut at_tempo {
        channel.resize(channel.len().max(frames), 0.0);
    }
    let beatless =
        (window.grid == Grid::Beatless).then(|| (60.0 / target.tempo_bpm * rate) as usize);
    let (mut channels, join_frames) = join::fold(&Material {
        channels: &at_tempo,
        rate_hz,
        frames,
        beatless,
    });
    // What was cut off and folded may have moved the mean.
    level::remove_dc(&mut channels);
    let raw_loudness = level::measure(&channels, rate_hz);
    let gain_db = micro(level::gain_db(&raw_loudness, target.loudness_lufs));
    level::apply(&mut channels, gain_db);
    let measured = measure(&channels, rate_hz, hint);
    let raw_samples = raw.iter().flatten();
    let clipped = raw_samples.clone().filter(|x| x.abs() >= 1.0).count();
    let score = Score::of(&Findings {
        channels: &channels,
        measured: &measured,
        grid: window.grid,
        tempo_bpm: target.tempo_bpm,
        seconds: target.seconds(),
        beats: target.beats(),
        seam: seam(&channels, rate_hz, target.beats()),
        raw_lufs: raw_loudness.integrated_lufs,
        clipped: clipped as f64 / raw_samples.count().max(1) as f64,
    });
    let moved = |value: Option<f64>| value.map(|value| micro(value + gain_db));
    let fitted = Fitted {
        grid: match window.grid {
            Grid::Steady { tempo_bpm } => Grid::Steady {
                tempo_bpm: micro(tempo_bpm),
            },
            other => other,
        },
        start_seconds: micro(window.start_seconds),
        stretch: micro(window.ratio),
        join_seconds: micro(join_frames as f64 / rate),
        target_lufs: target.loudness_lufs,
        gain_db,
        loudness: Loudness {
            integrated_lufs: moved(raw_loudness.integrated_lufs),
            true_peak_db: moved(raw_loudness.true_peak_db),
        },
        key: measured.key.map(|key| KeyFound {
            confidence: (key.confidence * 100.0).round() / 100.0,
            ..key
        }),
        score,
    };
    (channels, fitted)
}

/// To six digits behind the point: such a number is the same after it was written as JSON and
/// read again.
fn micro(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests;
