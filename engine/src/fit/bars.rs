//! A raw clip becomes exactly N bars: cut at a downbeat, brought to tempo, joined, levelled, judged.
//!
//! Any thread but the audio thread.

use serde::{Deserialize, Serialize};

use super::join::{self, Material};
use super::level::{self, Loudness};
use super::score::{Findings, Score};
use super::window::{self, Grid, Window};
use super::{Hint, KeyFound, measure, mono, seam, stretch};
use crate::prompt::Key;
use crate::request::{Fit, Length};

/// What a loop is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Whole bars.
    pub bars: u32,
    /// Quarter-note beats in a bar.
    pub beats_per_bar: u32,
    /// Beats a minute that the model was asked for.
    pub tempo_bpm: f64,
    /// Beats a minute that it is played at, if these are others: brought there from `tempo_bpm` with
    /// its pitch kept.
    pub play_at_bpm: Option<f64>,
    /// Loudness, as far as a true peak of -1 dB allows.
    pub loudness_lufs: f64,
}

impl Target {
    /// What a clip of this length is fitted to, if it is.
    #[must_use]
    pub fn of(length: Length, fit: Option<Fit>) -> Option<Self> {
        match (length, fit) {
            (
                Length::Bars {
                    bars,
                    beats_per_bar,
                    tempo_bpm,
                },
                Some(fit),
            ) => Some(Self {
                bars,
                beats_per_bar,
                tempo_bpm,
                play_at_bpm: fit.play_at_bpm,
                loudness_lufs: fit.loudness_lufs,
            }),
            _ => None,
        }
    }

    /// Length in seconds as the model is to make it.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        f64::from(self.beats()) * 60.0 / self.tempo_bpm
    }

    /// Beats a minute of the loop.
    #[must_use]
    pub fn played_bpm(&self) -> f64 {
        self.play_at_bpm.unwrap_or(self.tempo_bpm)
    }

    /// Length of the loop in seconds.
    #[must_use]
    pub fn played_seconds(&self) -> f64 {
        f64::from(self.beats()) * 60.0 / self.played_bpm()
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
    let never = into_bars_unless(raw, rate_hz, target, &|| false);
    never.unwrap_or_else(|| unreachable!("nobody cancels it"))
}

/// As [`into_bars`]; `None` when `cancelled` said so on the way.
///
/// A loop that is played at another tempo than it was made at is cut at the same beat, and all of
/// it is stretched, pads and clips without a tempo to trust too: how far is a matter of the two
/// tempos and not of what was found in the clip, its bars must stay bars, and whoever changes the
/// tempo of a song expects a pad to stay in the song's key.
#[must_use]
pub fn into_bars_unless(
    raw: &[Vec<f32>],
    rate_hz: u32,
    target: &Target,
    cancelled: &dyn Fn() -> bool,
) -> Option<(Vec<Vec<f32>>, Fitted)> {
    let hint = Hint {
        tempo_bpm: Some(target.tempo_bpm),
        beats_per_bar: target.beats_per_bar,
    };
    let rate = f64::from(rate_hz);
    let frames = (target.played_seconds() * rate).round() as usize;
    let mut clean = raw.to_vec();
    for sample in clean.iter_mut().flatten() {
        *sample = if sample.is_finite() { *sample } else { 0.0 };
    }
    level::remove_dc(&mut clean);
    let found = measure(&clean, rate_hz, hint);
    if cancelled() {
        return None;
    }
    let mut window = window::find(&mono(&clean), rate_hz, &found, target);
    let start = (window.start_seconds * rate).round() as usize;
    let part: Vec<Vec<f32>> = clean
        .iter()
        .map(|channel| channel[start.min(channel.len())..].to_vec())
        .collect();
    let follow = target.tempo_bpm / target.played_bpm();
    let mut at_tempo = stretch::to_tempo(&part, rate_hz, window.ratio, follow)
        .or_else(|_| {
            window.grid = Grid::Free;
            window.ratio = 1.0;
            stretch::to_tempo(&part, rate_hz, 1.0, follow)
        })
        .unwrap_or(part);
    if cancelled() {
        return None;
    }
    for channel in &mut at_tempo {
        channel.resize(channel.len().max(frames), 0.0);
    }
    let beatless =
        (window.grid == Grid::Beatless).then(|| (60.0 / target.played_bpm() * rate) as usize);
    let (channels, join_frames) = join::fold(&Material {
        channels: &at_tempo,
        rate_hz,
        frames,
        beatless,
    });
    if cancelled() {
        return None;
    }
    let raw_samples = raw.iter().flatten();
    let clipped = raw_samples.clone().filter(|x| x.abs() >= 1.0).count();
    let clipped = clipped as f64 / raw_samples.count().max(1) as f64;
    let joined = Joined {
        channels,
        window,
        join_frames,
        clipped,
    };
    Some(joined.finish(rate_hz, target))
}

/// A loop that is not levelled and judged yet.
pub(super) struct Joined {
    pub(super) channels: Vec<Vec<f32>>,
    /// Where it was cut from.
    pub(super) window: Window,
    /// Frames over which its end rings on.
    pub(super) join_frames: usize,
    /// Share of the raw samples at or beyond full scale.
    pub(super) clipped: f64,
}

impl Joined {
    /// Levels and judges it.
    pub(super) fn finish(self, rate_hz: u32, target: &Target) -> (Vec<Vec<f32>>, Fitted) {
        let Self {
            mut channels,
            window,
            join_frames,
            clipped,
        } = self;
        let hint = Hint {
            tempo_bpm: Some(target.played_bpm()),
            beats_per_bar: target.beats_per_bar,
        };
        // What was cut off and folded may have moved the mean.
        level::remove_dc(&mut channels);
        let raw_loudness = level::measure(&channels, rate_hz);
        let gain_db = micro(level::gain_db(&raw_loudness, target.loudness_lufs));
        level::apply(&mut channels, gain_db);
        let measured = measure(&channels, rate_hz, hint);
        let score = Score::of(&Findings {
            channels: &channels,
            measured: &measured,
            grid: window.grid,
            tempo_bpm: target.played_bpm(),
            seconds: target.played_seconds(),
            beats: target.beats(),
            seam: seam(&channels, rate_hz, target.beats()),
            raw_lufs: raw_loudness.integrated_lufs,
            clipped,
        });
        let moved = |value: Option<f64>| value.map(|value| micro(value + gain_db));
        let follow = target.tempo_bpm / target.played_bpm();
        let fitted = Fitted {
            grid: match window.grid {
                Grid::Steady { tempo_bpm } => Grid::Steady {
                    tempo_bpm: micro(tempo_bpm),
                },
                other => other,
            },
            start_seconds: micro(window.start_seconds),
            stretch: micro(window.ratio * follow),
            join_seconds: micro(join_frames as f64 / f64::from(rate_hz)),
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
}

/// To six digits behind the point: such a number is the same after it was written as JSON and
/// read again.
fn micro(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests;
