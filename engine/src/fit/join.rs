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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Seam {
    /// Change of level at the join, in dB.
    pub level_db: f64,
    /// Mean change over the bands of the spectrum at the join, in dB.
    pub spectrum_db: f64,
    /// The greatest change of level at a beat inside.
    pub inside_level_db: f64,
    /// The greatest change of spectrum at a beat inside.
    pub inside_spectrum_db: f64,
}

impl Seam {
    /// Whether the join changes no more than some beat inside does.
    #[must_use]
    pub fn unheard(&self) -> bool {
        self.excess_db() <= 0.0
    }

    /// By how much the join changes more than any beat inside, in dB.
    #[must_use]
    pub fn excess_db(&self) -> f64 {
        (self.level_db - self.inside_level_db).max(self.spectrum_db - self.inside_spectrum_db)
    }
}

/// Measures the join of a loop of `beats` beats: samples by channel at `rate_hz`. None for loops
/// of a single beat, which have nothing to compare with.
#[must_use]
pub fn seam(channels: &[Vec<f32>], rate_hz: u32, beats: u32) -> Option<Seam> {
    let samples = mono(channels);
    let side = side(rate_hz);
    if beats < 2 || samples.len() < 4 * side {
        return None;
    }
    let floor = floor(&samples);
    let length = samples.len();
    let change = |frame: usize| {
        let part = |from: usize| -> Vec<f32> {
            (from..from + side).map(|at| samples[at % length]).collect()
        };
        changes(&part(frame + length - side), &part(frame), rate_hz, floor)
    };
    let (level_db, spectrum_db) = change(0);
    let inside = (1..beats).map(|beat| {
        let share = f64::from(beat) / f64::from(beats);
        change((share * length as f64).round() as usize)
    });
    let (inside_level_db, inside_spectrum_db) = inside.fold((0.0f64, 0.0f64), |most, now| {
        (most.0.max(now.0), most.1.max(now.1))
    });
    Some(Seam {
        level_db,
        spectrum_db,
        inside_level_db,
        inside_spectrum_db,
    })
}

/// As much as changes at `frame` of a clip that goes on after it: what is no fault of a join there.
pub(super) fn natural(channels: &[Vec<f32>], rate_hz: u32, frame: usize) -> Option<(f64, f64)> {
    let samples = mono(channels);
    let side = side(rate_hz);
    let before = samples.get(frame.checked_sub(side)?..frame)?;
    let after = samples.get(frame..frame + side)?;
    Some(changes(before, after, rate_hz, floor(&samples)))
}

fn side(rate_hz: u32) -> usize {
    (SIDE_SECONDS * f64::from(rate_hz)) as usize
}

/// What is this far below the peak is not heard beside it.
fn floor(samples: &[f32]) -> f32 {
    const FLOOR: f32 = 3e-5; // -45 dB
    let peak = samples.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    (peak * peak).max(1e-9) * FLOOR
}

/// Change of level and of spectrum, in dB.
fn changes(before: &[f32], after: &[f32], rate_hz: u32, floor: f32) -> (f64, f64) {
    let db = |a: f32, b: f32| f64::from(10.0 * ((a + floor) / (b + floor)).log10()).abs();
    let level = db(power(after), power(before));
    let bands = bands(after, rate_hz)
        .into_iter()
        .zip(bands(before, rate_hz));
    let spectrum = bands.map(|(a, b)| db(a, b)).sum::<f64>() / BANDS as f64;
    (level, spectrum)
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
