//! What can happen before a bar line: everything is over when the bar begins.
//!
//! Any thread but the audio thread. Each variation is a stretch of sound made from the take that
//! plays, blended in over some milliseconds before it begins and out over as many before the bar
//! line, so that attacks on both stay what they are. A blend never is louder than the louder of
//! the two; what a filter adds to a peak is taken back by a gain.

use std::fmt;

use serde::Serialize;

use super::filter::{Cutoff, Filter};
use super::material::{Material, power};
use crate::fit;

/// Parts that a beat repeat is made of.
const REPEATS: u64 = 4;
/// Where a sweep ends; it starts where nothing is taken away.
const SWEEP_END_HZ: f64 = 300.0;
const SWEEP_START_HZ: f64 = 16_000.0;
/// What a thinned stretch does without.
const THIN_HZ: f64 = 250.0;
/// What a quiet stretch is lowered by.
const QUIET_DB: f64 = -6.0;
/// Filters run for this long before they are heard.
const SETTLE_SECONDS: f64 = 0.05;
/// A difference this far below the loop's own power (20 dB) is none.
const LEAST_DIFFERENCE: f64 = 0.01;
/// A stretch with less left of its power than this (14 dB) is no thinned one but a hole.
const LEAST_LEFT: f64 = 0.04;

/// What happens before a bar line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Variation {
    /// From the bar line on another take plays.
    Take {
        /// Which, counted from 0.
        take: usize,
    },
    /// A fill: the beginning of the last beats is repeated.
    BeatRepeat {
        /// Beats that it lasts.
        beats: u32,
    },
    /// A fill: the last beats are silent.
    DropOut {
        /// Beats that it lasts.
        beats: u32,
    },
    /// A low-pass filter closes over the last bars.
    Sweep {
        /// Bars that it lasts.
        bars: u32,
    },
    /// The last bars go without basses.
    Thin {
        /// Bars that it lasts.
        bars: u32,
    },
    /// The last bars are quieter: for what nothing else changes, such as a bass alone.
    Quiet {
        /// Bars that it lasts.
        bars: u32,
    },
}

impl fmt::Display for Variation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Take { take } => write!(f, "take {}", take + 1),
            Self::BeatRepeat { .. } => f.write_str("beat repeat"),
            Self::DropOut { .. } => f.write_str("drop-out"),
            Self::Sweep { .. } => f.write_str("sweep"),
            Self::Thin { .. } => f.write_str("thin"),
            Self::Quiet { .. } => f.write_str("quiet"),
        }
    }
}

/// A varied stretch, with its blends, that ends at a bar line.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    /// The frame of the piece that it starts at.
    pub(super) start: u64,
    /// Samples by channel.
    pub(super) channels: Vec<Vec<f32>>,
}

impl Variation {
    /// Where it begins when it is over at the bar line `bar`.
    pub(super) fn begin(self, material: &Material, bar: u64) -> u64 {
        let beat = bar * u64::from(material.beats_per_bar());
        match self {
            Self::Take { .. } => material.bar_frame(bar),
            Self::BeatRepeat { beats } | Self::DropOut { beats } => {
                material.beat_frame(beat.saturating_sub(u64::from(beats)))
            }
            Self::Sweep { bars } | Self::Thin { bars } | Self::Quiet { bars } => {
                material.bar_frame(bar.saturating_sub(u64::from(bars)))
            }
        }
    }

    /// The stretch that it makes of a take before the bar line `bar`; none where it would not be
    /// heard or would leave a hole.
    pub(super) fn stretch(self, material: &Material, take: usize, bar: u64) -> Option<Stretch> {
        let (begin, end) = (self.begin(material, bar), material.bar_frame(bar));
        let blend = material.blend_frames();
        let start = begin.checked_sub(blend)?;
        let plain = plain(material, take, start, end);
        if let Self::Take { take: next } = self {
            let next = self::plain(material, next, start, end);
            return Some(Stretch {
                start,
                channels: blended(&plain, &next),
            });
        }
        let mut wet = self.wet(material, take, (start, begin, end), &plain);
        let over_db = fit::true_peak_db(&wet, material.rate_hz()) - material.peak_db(take);
        if over_db > 0.0 {
            fit::apply_gain(&mut wet, -over_db);
        }
        let holed = matches!(self, Self::Thin { .. }) && power(&wet) < LEAST_LEFT * power(&plain);
        for (wet, plain) in wet.iter_mut().zip(&plain) {
            let length = wet.len();
            for (at, (wet, &plain)) in wet.iter_mut().zip(plain).enumerate() {
                let edge = (at + 1).min(length - at) as f32 / (blend + 1) as f32;
                *wet = plain + edge.min(1.0) * (*wet - plain);
            }
        }
        let differs = difference(&wet, &plain) > LEAST_DIFFERENCE * material.power(take);
        (differs && !holed).then_some(Stretch {
            start,
            channels: wet,
        })
    }

    /// The sound of it from `start` to `end`, before its edges are blended.
    fn wet(
        self,
        material: &Material,
        take: usize,
        (start, begin, end): (u64, u64, u64),
        plain: &[Vec<f32>],
    ) -> Vec<Vec<f32>> {
        let rate_hz = material.rate_hz();
        match self {
            Self::Take { .. } => plain.to_vec(),
            Self::DropOut { .. } => plain.iter().map(|p| vec![0.0; p.len()]).collect(),
            Self::Quiet { .. } => {
                let mut wet = plain.to_vec();
                fit::apply_gain(&mut wet, QUIET_DB);
                wet
            }
            Self::BeatRepeat { .. } => repeated(material, take, (start, begin, end)),
            Self::Sweep { .. } => filtered(material, take, (start, end), |filter, at, sample| {
                let share = at.saturating_sub(begin) as f64 / (end - begin) as f64;
                let hz = SWEEP_START_HZ * (SWEEP_END_HZ / SWEEP_START_HZ).powf(share);
                filter.split(sample, Cutoff::new(hz, rate_hz)).0
            }),
            Self::Thin { .. } => {
                let cutoff = Cutoff::new(THIN_HZ, rate_hz);
                filtered(material, take, (start, end), |filter, _, sample| {
                    filter.split(sample, cutoff).1
                })
            }
        }
    }
}

/// One sound that goes over into another, as long as they are.
pub(super) fn blended(from: &[Vec<f32>], to: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let channel = |(from, to): (&Vec<f32>, &Vec<f32>)| {
        let step = 1.0 / (from.len() + 1) as f32;
        let pairs = from.iter().zip(to).enumerate();
        pairs
            .map(|(at, (from, to))| from + (at + 1) as f32 * step * (to - from))
            .collect()
    };
    from.iter().zip(to).map(channel).collect()
}

/// A take as it plays unvaried.
pub(super) fn plain(material: &Material, take: usize, start: u64, end: u64) -> Vec<Vec<f32>> {
    let channel = |channel| {
        let mut out = vec![0.0; (end - start) as usize];
        material.copy(take, channel, start, &mut out);
        out
    };
    (0..material.channels()).map(channel).collect()
}

/// The first part of `begin` to `end`, over and over. Before each repetition what plays goes over
/// into what comes before that part in the loop.
fn repeated(
    material: &Material,
    take: usize,
    (start, begin, end): (u64, u64, u64),
) -> Vec<Vec<f32>> {
    let edge = |part: u64| begin + (end - begin) * part / REPEATS;
    let blend = material.blend_frames().min((end - begin) / REPEATS / 4);
    let channel = |channel| {
        let sample = |frame| material.sample(take, channel, frame);
        (start..end)
            .map(|at| {
                let part = (0..REPEATS).rev().find(|&part| at >= edge(part));
                let Some(part) = part else {
                    return sample(at);
                };
                let own = sample(begin + (at - edge(part)));
                let left = edge(part + 1) - at;
                if left > blend || part + 1 == REPEATS {
                    return own;
                }
                // A loop before, so that it is no frame before the first.
                let next = sample(begin + material.frames() - left);
                let share = 1.0 - left as f32 / (blend + 1) as f32;
                own + share * (next - own)
            })
            .collect()
    };
    (0..material.channels()).map(channel).collect()
}

/// A take through a filter that knows the frame of the piece.
fn filtered(
    material: &Material,
    take: usize,
    (start, end): (u64, u64),
    step: impl Fn(&mut Filter, u64, f32) -> f32,
) -> Vec<Vec<f32>> {
    let settle = (SETTLE_SECONDS * f64::from(material.rate_hz())) as u64;
    let settle = settle.min(material.frames());
    let channel = |channel| {
        let mut filter = Filter::default();
        let sample = |frame| material.sample(take, channel, frame);
        for before in (1..=settle).rev() {
            step(
                &mut filter,
                start,
                sample(start + material.frames() - before),
            );
        }
        (start..end)
            .map(|at| step(&mut filter, at, sample(at)))
            .collect()
    };
    (0..material.channels()).map(channel).collect()
}

/// Mean power of what is different.
fn difference(one: &[Vec<f32>], other: &[Vec<f32>]) -> f64 {
    let channel = |(one, other): (&Vec<f32>, &Vec<f32>)| -> Vec<f32> {
        one.iter().zip(other).map(|(a, b)| a - b).collect()
    };
    power(&one.iter().zip(other).map(channel).collect::<Vec<_>>())
}
