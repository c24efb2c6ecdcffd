//! What a clip really is (tempo, beats, first downbeat, swing, key), and how it becomes exactly
//! the bars that were asked for.
//!
//! Any thread but the audio thread; measuring takes a few hundredths of a second for a clip of
//! ten, stretching some tenths. Pure functions on samples: nothing is read but the samples and
//! what was asked for, and the same samples give the same result.
//!
//! Reading order: [`measure`] (`onset`, `tempo`, `pulse`; `tones`, `chroma`, `key`), then [`into_bars`]
//! in `bars` (`raw`, `window`, `stretch`, `join`, `level`, `seam`, `score`), and [`around`] for a loop
//! whose raw take is gone.
//!
//! The material is what a loop generator makes: one steady tempo, some seconds to half a minute.
//! So the beats are one rigid grid, found as a whole, which is steadier than a beat tracker that
//! follows a drummer; and the tempo asked for is a hint that chooses between a tempo and its
//! double, no more. Each finding comes with a confidence, and material without a pulse or a key
//! gives none.

mod around;
mod bars;
mod chroma;
mod join;
mod key;
pub(crate) mod level;
pub(crate) mod onset;
mod pulse;
pub mod raw;
mod ring;
mod score;
mod seam;
mod shift;
pub(crate) mod spectrum;
mod stretch;
mod tempo;
pub(crate) mod tones;
mod window;

use serde::{Deserialize, Serialize};

pub use around::around;
pub use bars::{Fitted, Target, into_bars, into_bars_unless};
pub use key::KeyFound;
pub use level::{
    Loudness, MOST_TRUE_PEAK_DB, apply as apply_gain, measure as loudness, true_peak_db,
};
pub use pulse::Pulse;
pub use score::Score;
pub use seam::{Seam, seam};
pub use shift::shift;
pub use stretch::{CannotStretch, can_follow, stretch};
pub use window::Grid;

/// What the one who measures knows beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hint {
    /// Tempo asked for: decides between a tempo, its half and its double.
    pub tempo_bpm: Option<f64>,
    /// Quarter-note beats in a bar.
    pub beats_per_bar: u32,
}

/// What was found in a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The grid, where there is one.
    pub pulse: Option<Pulse>,
    /// How suddenly the strongest onsets come: the rise over 12 ms, in nepers averaged over the
    /// bands, that one moment in fifty exceeds. Drums have 0.5 and more, pads a tenth.
    pub sharpness: f32,
    /// The key, where there are tones that make one.
    pub key: Option<KeyFound>,
}

impl Measured {
    /// Whether nothing in it begins suddenly: a pad, a drone, silence.
    #[must_use]
    pub fn beatless(&self) -> bool {
        self.sharpness < pulse::LEAST_SHARPNESS
    }
}

/// Measures a clip: samples by channel (equal lengths, ±1 full scale) at `rate_hz`.
///
/// Clips under a second, and silent ones, give nothing.
#[must_use]
pub fn measure(channels: &[Vec<f32>], rate_hz: u32, hint: Hint) -> Measured {
    let mono = mono(channels);
    if mono.len() < rate_hz as usize || peak(&mono) < 1e-4 {
        return Measured {
            pulse: None,
            sharpness: 0.0,
            key: None,
        };
    }
    let chroma = chroma::of(&mono, rate_hz);
    let onsets = onset::of(&mono, rate_hz);
    Measured {
        pulse: pulse::find(&onsets, &chroma, hint),
        sharpness: onsets.sharpness,
        key: key::find(&chroma),
    }
}

pub(crate) fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0f32, |peak, x| peak.max(x.abs()))
}

/// Mean square, a little above nothing.
fn power(part: &[f32]) -> f32 {
    part.iter().map(|x| x * x).sum::<f32>() / part.len().max(1) as f32 + 1e-10
}

/// The mean of all channels; samples that are no numbers count as silence.
pub(crate) fn mono(channels: &[Vec<f32>]) -> Vec<f32> {
    let frames = channels.iter().map(Vec::len).min().unwrap_or(0);
    let scale = 1.0 / channels.len().max(1) as f32;
    (0..frames)
        .map(|frame| {
            let sum: f32 = channels.iter().map(|channel| channel[frame]).sum();
            if sum.is_finite() { sum * scale } else { 0.0 }
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
