//! What can be heard of a join: how much changes there, beside the beats inside the loop.
//!
//! Any thread but the audio thread.

use serde::{Deserialize, Serialize};

use super::{mono, peak, power, spectrum};

/// What is compared at a beat, on either side.
const SIDE_SECONDS: f64 = 0.03;
const BANDS: usize = 12;
/// What is 35 dB below the loop's peak is not heard beside it.
const UNHEARD: f32 = 3e-4;

/// How much changes at the join, and at most at the beats inside the loop.
///
/// A rise at the join is the attack of the first beat. What gives a join away is what ends there: a
/// sound that is cut off, or a click.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Seam {
    /// Change of level and of spectrum (mean over its bands) at the join, in dB.
    pub level_db: f64,
    /// See `level_db`.
    pub spectrum_db: f64,
    /// The greatest changes at a beat inside.
    pub inside_level_db: f64,
    /// See `inside_level_db`.
    pub inside_spectrum_db: f64,
    /// What ends at the join: the fall of level or, where it is more, of the bands, in dB.
    pub fall_db: f64,
    /// The greatest fall at a beat inside.
    pub inside_fall_db: f64,
    /// The bend of the wave at the join against the sharpest within 3 ms around: a click has more
    /// than [`Seam::CLICK`].
    pub click: f64,
}

impl Seam {
    /// Trained listeners tell levels apart that differ by as much, in dB.
    pub const JUST_NOTICEABLE_DB: f64 = 1.0;
    /// See [`Seam::click`].
    pub const CLICK: f64 = 4.0;

    /// Whether nothing ends at the join more than at some beat inside, and there is no click.
    #[must_use]
    pub fn unheard(&self) -> bool {
        self.excess_db() <= 0.0
    }

    /// Whether the join changes no more than some beat inside does, in either direction.
    #[must_use]
    pub fn changes_no_more(&self) -> bool {
        self.level_db <= self.inside_level_db + Self::JUST_NOTICEABLE_DB
            && self.spectrum_db <= self.inside_spectrum_db + Self::JUST_NOTICEABLE_DB
    }

    /// By how much more ends at the join than at any beat inside, in dB; a click counts by its size.
    #[must_use]
    pub fn excess_db(&self) -> f64 {
        let fall = self.fall_db - self.inside_fall_db - Self::JUST_NOTICEABLE_DB;
        fall.max(20.0 * (self.click / Self::CLICK).max(1e-3).log10())
    }
}

/// What changes from one side of a moment to the other, in dB.
#[derive(Clone, Copy)]
pub(super) struct Change {
    level: f64,
    spectrum: f64,
    pub(super) fall: f64,
}

/// Measures the join of a loop of `beats` beats: samples by channel at `rate_hz`. None for loops
/// of a single beat, which have nothing to compare with.
#[must_use]
pub fn seam(channels: &[Vec<f32>], rate_hz: u32, beats: u32) -> Option<Seam> {
    let samples = mono(channels);
    if beats < 2 || samples.len() < 4 * side(rate_hz) {
        return None;
    }
    let peak = peak(&samples);
    let change = |frame| change_at(&samples, rate_hz, peak, frame);
    let join = change(0);
    let inside: Vec<Change> = (1..beats)
        .map(|beat| f64::from(beat) / f64::from(beats))
        .map(|share| change((share * samples.len() as f64).round() as usize))
        .collect();
    let most = |of: fn(&Change) -> f64| inside.iter().map(of).fold(0.0, f64::max);
    Some(Seam {
        level_db: join.level,
        spectrum_db: join.spectrum,
        inside_level_db: most(|change| change.level),
        inside_spectrum_db: most(|change| change.spectrum),
        fall_db: join.fall,
        inside_fall_db: most(|change| change.fall),
        click: click(&samples, rate_hz, peak),
    })
}

/// What changes where a loop begins; none for loops that are hardly any.
pub(super) fn at_join(samples: &[f32], rate_hz: u32) -> Option<Change> {
    (samples.len() >= 4 * side(rate_hz)).then(|| change_at(samples, rate_hz, peak(samples), 0))
}

fn side(rate_hz: u32) -> usize {
    (SIDE_SECONDS * f64::from(rate_hz)) as usize
}

/// What changes at a frame of a loop with that peak.
fn change_at(samples: &[f32], rate_hz: u32, peak: f32, frame: usize) -> Change {
    let (side, length) = (side(rate_hz), samples.len());
    let floor = peak.powi(2).max(1e-9) * UNHEARD;
    let part =
        |from: usize| -> Vec<f32> { (from..from + side).map(|at| samples[at % length]).collect() };
    let (before, after) = (part(frame + length - side), part(frame));
    let rise =
        |before: f32, after: f32| f64::from(10.0 * ((after + floor) / (before + floor)).log10());
    let level = rise(power(&before), power(&after));
    let bands = bands(&before, rate_hz)
        .into_iter()
        .zip(bands(&after, rate_hz));
    let rises: Vec<f64> = bands.map(|(before, after)| rise(before, after)).collect();
    let mean = |of: fn(f64) -> f64| rises.iter().map(|&rise| of(rise)).sum::<f64>() / BANDS as f64;
    Change {
        level: level.abs(),
        spectrum: mean(f64::abs),
        fall: (-level).max(mean(|rise| (-rise).max(0.0))).max(0.0),
    }
}

/// See [`Seam::click`].
fn click(samples: &[f32], rate_hz: u32, peak: f32) -> f64 {
    let length = samples.len();
    let reach = (0.003 * f64::from(rate_hz)) as usize;
    // Frame `reach + 1` of the part is the loop's first.
    let part: Vec<f32> = (0..2 * reach + 2)
        .map(|at| samples[(at + length - reach - 1) % length])
        .collect();
    let bends: Vec<f32> = part
        .windows(3)
        .map(|three| (three[0] - 2.0 * three[1] + three[2]).abs())
        .collect();
    let sharpest = |bends: &[f32]| bends.iter().copied().fold(0.0, f32::max);
    // Those whose middle is the last frame or the first.
    let at = sharpest(&bends[reach - 1..=reach]);
    let around = sharpest(&bends[..reach - 2]).max(sharpest(&bends[reach + 2..]));
    f64::from(at / around.max(peak * 1e-3).max(1e-9))
}

/// Power in bands of equal width on a logarithmic scale, from 60 Hz up.
fn bands(part: &[f32], rate_hz: u32) -> [f32; BANDS] {
    let size = part.len().next_power_of_two();
    let window = |at: usize| {
        0.5 - 0.5 * (std::f32::consts::TAU * (at as f32 + 0.5) / part.len() as f32).cos()
    };
    let mut padded: Vec<f32> = part
        .iter()
        .enumerate()
        .map(|(at, x)| x * window(at))
        .collect();
    padded.resize(size, 0.0);
    let mut out = [0.0; BANDS];
    let (low, high) = (60.0f64.ln(), (f64::from(rate_hz) * 0.45).ln());
    spectrum::whole(&padded, |bin, power| {
        let hz = bin as f64 * f64::from(rate_hz) / size as f64;
        let band = (hz.max(1.0).ln() - low) / (high - low) * BANDS as f64;
        if (0.0..BANDS as f64).contains(&band) {
            out[band as usize] += power;
        }
    });
    out
}
