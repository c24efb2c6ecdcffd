//! A fitted loop as its difference from the raw take that it was cut from.
//!
//! Session thread. A loop that was not stretched is a part of its take at another level, but for the
//! join: the difference is a few bits a sample, and the take and its loop together take little more
//! room in a project than one of them. Whole numbers throughout, so that the loop that comes back is
//! the one that was kept, on every machine and by every later version of the fit. For a stretched
//! loop nothing is predicted, and the difference is the loop.

use barline_engine::ClipFacts;
use serde::{Deserialize, Serialize};

/// The lowest and the highest of 24 bits.
const LOWEST: i64 = -(1 << 23);
const HIGHEST: i64 = (1 << 23) - 1;
/// Binary places of the gain.
const PLACES: u32 = 24;

/// Where in the take the loop is, and how loud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// Frame of the take that is the loop's first.
    start_frame: u64,
    /// Steps of the loop for one of the take, times 2^24; 0 where nothing is predicted.
    gain: i64,
}

impl Prediction {
    /// For a loop of these facts at `rate_hz`, whose take is kept below `scale`.
    pub(super) fn of(facts: &ClipFacts, rate_hz: u32, scale: f32) -> Self {
        let whole = facts.fitted.as_ref().filter(|fitted| fitted.stretch == 1.0);
        let Some(fitted) = whole else {
            return Self {
                start_frame: 0,
                gain: 0,
            };
        };
        let gain = 10f64.powf(fitted.gain_db / 20.0) * f64::from(scale);
        Self {
            start_frame: (fitted.start_seconds * f64::from(rate_hz)).round() as u64,
            gain: (gain * f64::from(1u32 << PLACES)).round() as i64,
        }
    }

    /// What is left of a channel of the loop. All samples are of 24 bits.
    pub(super) fn take_from(self, channel: &[i32], raw: &[i32]) -> Vec<i32> {
        self.with(channel, raw, |sample, predicted| sample - predicted)
    }

    /// The channel of the loop again.
    pub(super) fn add_to(self, left: &[i32], raw: &[i32]) -> Vec<i32> {
        self.with(left, raw, |left, predicted| left + predicted)
    }

    fn with(self, samples: &[i32], raw: &[i32], of: impl Fn(i64, i64) -> i64) -> Vec<i32> {
        let start = usize::try_from(self.start_frame).unwrap_or(usize::MAX);
        let from = raw.get(start..).unwrap_or_default().iter();
        // Beyond the take's end nothing is known.
        let from = from
            .map(|&sample| i64::from(sample))
            .chain(std::iter::repeat(0));
        let predicted = from.map(|sample| {
            let level = (i128::from(sample) * i128::from(self.gain)) >> PLACES;
            level.clamp(i128::from(LOWEST), i128::from(HIGHEST)) as i64
        });
        let wrapped = |value: i64| (((value - LOWEST) & (HIGHEST - LOWEST)) + LOWEST) as i32;
        samples
            .iter()
            .zip(predicted)
            .map(|(&sample, predicted)| wrapped(of(i64::from(sample), predicted)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_comes_back_whatever_was_predicted() {
        let wave = |n: i64, by: i64| ((n * by).rem_euclid(HIGHEST - LOWEST + 1) + LOWEST) as i32;
        let channel: Vec<i32> = (0..3_000).map(|n| wave(n, 7_919_113)).collect();
        let raw: Vec<i32> = (0..2_000).map(|n| wave(n, 104_729)).collect();
        for (start_frame, gain) in [
            (0, 0),
            (0, 1 << PLACES),
            (500, 31 << PLACES),
            (1_999, -5),
            (u64::MAX, i64::MAX),
        ] {
            let prediction = Prediction { start_frame, gain };
            let left = prediction.take_from(&channel, &raw);
            assert!(
                left.iter()
                    .all(|&x| (LOWEST..=HIGHEST).contains(&i64::from(x)))
            );
            assert_eq!(prediction.add_to(&left, &raw), channel);
        }
    }
}
