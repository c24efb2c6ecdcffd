//! The join: what would have sounded after the last bar is folded over the first.
//!
//! Any thread but the audio thread. A loop's end rings on into its beginning, as it would have
//! if the music had gone on, and nothing takes from the first beat's attack. What rings is the
//! clip's own continuation where that is free of new attacks, else a prediction of it.

use serde::{Deserialize, Serialize};

use super::{mono, ring, spectrum};

/// How long drums ring on.
const RING_SECONDS: f64 = 0.06;
const LEAST_RING_SECONDS: f64 = 0.005;
/// The first beat rises over this, so that it is no click of its own.
const RISE_SECONDS: f64 = 0.0005;
/// Where nothing attacks, beginning and continuation are crossfaded over this.
const BLEND_SECONDS: f64 = 0.04;
/// What the prediction looks back on.
const PAST_SECONDS: f64 = 0.05;
/// Power after to power before that makes an attack.
const ATTACK_RATIO: f32 = 4.0;
const ATTACK_SECONDS: f64 = 0.02;
const STEP_SECONDS: f64 = 0.005;
/// What is compared at a beat, on either side.
const SIDE_SECONDS: f64 = 0.03;
const BANDS: usize = 12;
/// What is 35 dB below the loop's peak is not heard beside it.
const UNHEARD: f32 = 3e-4;

/// A clip with what comes after it, on its way to a loop.
pub(super) struct Material<'a> {
    /// Samples by channel: the loop and then its continuation, as far as there is one.
    pub(super) channels: &'a [Vec<f32>],
    pub(super) rate_hz: u32,
    /// Length of the loop.
    pub(super) frames: usize,
    /// No attacks to mind: crossfaded over up to a beat of this many frames.
    pub(super) beatless: Option<usize>,
}

/// The loop, and the frames over which its end rings on.
pub(super) fn fold(material: &Material<'_>) -> (Vec<Vec<f32>>, usize) {
    let rate = f64::from(material.rate_hz);
    let in_frames = |seconds: f64| (seconds * rate) as usize;
    let total = material.frames;
    let all = edges(&mono(material.channels));
    let (body, tail) = all.split_at(total.min(all.len()));
    let before = power(&body[body.len().saturating_sub(in_frames(0.01))..]);
    let attacks = |part: &[f32]| {
        let start = &part[..part.len().min(in_frames(ATTACK_SECONDS))];
        let loudest = start.chunks(in_frames(STEP_SECONDS).max(1)).map(power);
        loudest.fold(0.0, f32::max) > ATTACK_RATIO * before
    };
    let head_attacks = material.beatless.is_none() && attacks(body);
    // As far as the continuation goes without a new attack.
    let calm = match material.beatless {
        Some(_) => tail.len(),
        None => calm_frames(before, tail, in_frames(STEP_SECONDS).max(1)),
    };
    let own = calm >= in_frames(LEAST_RING_SECONDS);
    let length = match (material.beatless, own) {
        (Some(beat), true) => calm.min(beat),
        (None, true) if head_attacks => calm.min(in_frames(RING_SECONDS)),
        (None, true) => calm.min(in_frames(BLEND_SECONDS)),
        (_, false) => in_frames(BLEND_SECONDS),
    };
    let length = length.min(total / 2).max(1);
    let rise = in_frames(RISE_SECONDS).max(1);
    let channels = material.channels.iter().map(|channel| {
        let mut out = channel[..total.min(channel.len())].to_vec();
        out.resize(total, 0.0);
        let rings = if own {
            channel[total..total + length].to_vec()
        } else {
            let past = out.len().saturating_sub(in_frames(PAST_SECONDS));
            ring::predict(&out[past..], length)
        };
        let alike = correlation(&out[..length], &rings);
        for (at, ring) in rings.into_iter().enumerate() {
            let share = at as f32 / length as f32;
            let (head_gain, ring_gain) = if head_attacks {
                let fall = 0.5 + 0.5 * (std::f32::consts::PI * share).cos();
                ((at as f32 / rise as f32).min(1.0), fall)
            } else {
                equal_power(share, alike)
            };
            out[at] = out[at] * head_gain + ring * ring_gain;
        }
        out
    });
    (channels.collect(), length)
}

/// The signal's differences: in them the attack of a hat stands out from a bass that sounds on.
fn edges(samples: &[f32]) -> Vec<f32> {
    let before = std::iter::once(0.0).chain(samples.iter().copied());
    samples
        .iter()
        .zip(before)
        .map(|(now, before)| now - before)
        .collect()
}

fn power(part: &[f32]) -> f32 {
    part.iter().map(|x| x * x).sum::<f32>() / part.len().max(1) as f32 + 1e-10
}

/// Frames until something new begins.
fn calm_frames(before: f32, tail: &[f32], step: usize) -> usize {
    let mut last = before;
    for (index, part) in tail.chunks(step).enumerate() {
        let now = power(part);
        if now > ATTACK_RATIO * last && now > 1e-8 {
            // The window that holds the attack, and a little before it.
            return (index * step).saturating_sub(step / 2);
        }
        last = now.max(last * 0.5);
    }
    tail.len()
}

/// Gains of what comes and what goes, such that the power stays the same however alike they are.
fn equal_power(share: f32, alike: f32) -> (f32, f32) {
    let angle = share * std::f32::consts::FRAC_PI_2;
    let (comes, goes) = angle.sin_cos();
    let level = (1.0 + 2.0 * alike.max(0.0) * comes * goes).sqrt();
    (comes / level, goes / level)
}

fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-12)
}

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
struct Change {
    level: f64,
    spectrum: f64,
    fall: f64,
}

/// Measures the join of a loop of `beats` beats: samples by channel at `rate_hz`. None for loops
/// of a single beat, which have nothing to compare with.
#[must_use]
pub fn seam(channels: &[Vec<f32>], rate_hz: u32, beats: u32) -> Option<Seam> {
    let samples = mono(channels);
    let side = (SIDE_SECONDS * f64::from(rate_hz)) as usize;
    if beats < 2 || samples.len() < 4 * side {
        return None;
    }
    let peak = samples.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let floor = (peak * peak).max(1e-9) * UNHEARD;
    let length = samples.len();
    let change = |frame: usize| {
        let part = |from: usize| -> Vec<f32> {
            (from..from + side).map(|at| samples[at % length]).collect()
        };
        change(&part(frame + length - side), &part(frame), rate_hz, floor)
    };
    let join = change(0);
    let inside: Vec<Change> = (1..beats)
        .map(|beat| f64::from(beat) / f64::from(beats))
        .map(|share| change((share * length as f64).round() as usize))
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

fn change(before: &[f32], after: &[f32], rate_hz: u32, floor: f32) -> Change {
    let rise =
        |before: f32, after: f32| f64::from(10.0 * ((after + floor) / (before + floor)).log10());
    let level = rise(power(before), power(after));
    let bands = bands(before, rate_hz)
        .into_iter()
        .zip(bands(after, rate_hz));
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
