//! Samples between samples, without the images that a faster tempo would fold back.
//!
//! The session's thread makes the bank once; the audio thread only reads it. Each kernel is a sinc
//! under a Kaiser window, its cut-off at half the output's rate: for a clip that runs faster than it
//! was made, lower and longer in proportion. What a kernel lets through of the clip's top octave
//! and folds stays above 0.8 of half the output's rate, out of hearing; below that, images are 80 dB
//! down, up to four times the speed. Weights of each phase sum to one, so that a constant stays it.

use crate::path::{Path, Place};

/// Taps at speeds up to 1. Miri, which is slow, sees the same places with fewer of all.
const TAPS: usize = if cfg!(miri) { LANES } else { 32 };

/// Positions between two samples for which weights are stored, at speeds up to 1. Between them
/// weights are drawn straight, 90 dB near. A longer kernel changes slower and needs fewer.
const PHASES: usize = if cfg!(miri) { 8 } else { 256 };

/// Kernels to an octave of speed.
const PER_OCTAVE: f64 = 8.0;

/// The fastest speed with a kernel of its own.
const OCTAVES: f64 = if cfg!(miri) { 0.125 } else { 2.0 };

/// Taps of the longest kernel.
pub(crate) const MOST_TAPS: usize = TAPS * 4;

/// Sums side by side, for the processor's vectors.
const LANES: usize = 8;
const HALF: usize = LANES / 2;

/// Places that are worked on together.
const BATCH: usize = 16;

/// Kaiser's parameter for 80 dB.
const KAISER_BETA: f64 = 7.9;

/// The weights for one speed.
pub(crate) struct Kernel {
    phases: u32,
    /// Groups of a row: a lane's worth of taps each.
    groups: usize,
    /// One row of groups for each phase, and one for the next sample.
    rows: Box<[[f32; LANES]]>,
}

impl Kernel {
    fn new(speed: f64) -> Self {
        let taps = ((TAPS as f64 * speed / LANES as f64).ceil() as usize * LANES).min(MOST_TAPS);
        let phases = ((PHASES as f64 / speed) as usize).max(PHASES / 4);
        let half = taps as f64 / 2.0;
        let mut rows = Vec::with_capacity((phases + 1) * taps);
        for phase in 0..=phases {
            let t = phase as f64 / phases as f64;
            let weight = |tap: usize| {
                let x = tap as f64 - (half - 1.0) - t;
                sinc(x / speed) * kaiser(x / half)
            };
            let row: Vec<f64> = (0..taps).map(weight).collect();
            let sum: f64 = row.iter().sum();
            rows.extend(row.iter().map(|weight| {
                let weight = weight / sum;
                if weight.abs() < 1e-12 {
                    0.0
                } else {
                    weight as f32
                }
            }));
        }
        Self {
            phases: phases as u32,
            groups: taps / LANES,
            rows: rows.as_chunks().0.into(),
        }
    }

    /// Samples that go into one.
    pub(crate) fn taps(&self) -> usize {
        self.groups * LANES
    }

    /// Of these, the ones before the sample that a position follows.
    pub(crate) fn before(&self) -> usize {
        self.taps() / 2 - 1
    }

    /// Realtime-safe. The values of both channels along a path, as many as the shorter output holds.
    /// The samples begin [`Self::before`] before the one that the path begins at.
    #[inline(never)] // Inside of its caller it is short of registers, and a tenth slower.
    pub(crate) fn apply(
        &self,
        mut path: Path,
        from: [&[f32]; 2],
        left: &mut [f32],
        right: &mut [f32],
    ) {
        let mut sums = [[[0.0; HALF]; 2]; BATCH];
        // In two goes: sums that are stored first become vectors of lanes, and then of places. In one,
        // the compiler makes vectors of left and right, which take twice the time.
        for (left, right) in left.chunks_mut(BATCH).zip(right.chunks_mut(BATCH)) {
            for (_, sums) in left.iter().zip(&mut sums) {
                *sums = self.sums(path.next(self.phases), from).unwrap_or_default();
            }
            let outputs = left.iter_mut().zip(right);
            for ([l, r], (left, right)) in sums.iter().zip(outputs) {
                (*left, *right) = (sum(l), sum(r));
            }
        }
    }

    /// The sums of products of weights and samples of both channels, each in half as many as the lanes.
    /// Every product and every sum is rounded by itself and in this order, however wide the processor's
    /// vectors are: live and offline, here and there, the bits are the same.
    #[inline(always)]
    fn sums(&self, place: Place, [left, right]: [&[f32]; 2]) -> Option<[[f32; HALF]; 2]> {
        let start = place.phase * self.groups;
        let low = self.rows.get(start..start + self.groups)?;
        let high = self
            .rows
            .get(start + self.groups..start + 2 * self.groups)?;
        let samples = place.samples..place.samples + self.groups * LANES;
        let left = left.get(samples.clone())?.as_chunks::<LANES>().0;
        let right = right.get(samples)?.as_chunks::<LANES>().0;
        let mut sums = [[0.0; LANES]; 2];
        let [sums_left, sums_right] = &mut sums;
        let rows = low.iter().zip(high);
        for ((low, high), (left, right)) in rows.zip(left.iter().zip(right)) {
            let sums = sums_left.iter_mut().zip(sums_right.iter_mut());
            let lanes = low.iter().zip(high).zip(left.iter().zip(right));
            for ((sum_left, sum_right), ((low, high), (left, right))) in sums.zip(lanes) {
                let weight = low + place.mix * (high - low);
                *sum_left += weight * left;
                *sum_right += weight * right;
            }
        }
        Some(sums.map(|[a, b, c, d, e, f, g, h]| [a + e, b + f, c + g, d + h]))
    }
}

fn sum([a, b, c, d]: &[f32; HALF]) -> f32 {
    (a + c) + (b + d)
}

/// The kernels for all speeds.
pub(crate) struct Bank {
    kernels: Vec<Kernel>,
}

impl Bank {
    /// Makes them. Allocates half a mebibyte.
    pub(crate) fn new() -> Self {
        let count = (OCTAVES * PER_OCTAVE) as usize;
        let kernels = (0..=count)
            .map(|step| Kernel::new(2.0_f64.powf(step as f64 / PER_OCTAVE)))
            .collect();
        Self { kernels }
    }

    /// Realtime-safe. The kernel for a speed, clip frames a frame.
    pub(crate) fn at(&self, speed: f64) -> Option<&Kernel> {
        let step = (speed.abs().log2() * PER_OCTAVE).round().max(0.0) as usize;
        self.kernels.get(step.min(self.kernels.len() - 1))
    }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x.abs() < 1e-9 { 1.0 } else { x.sin() / x }
}

/// Kaiser's window from -1 to 1, at some height: rows are brought to a sum of one.
fn kaiser(x: f64) -> f64 {
    bessel(KAISER_BETA * (1.0 - x * x).max(0.0).sqrt())
}

/// The modified Bessel function of order zero, by its series.
fn bessel(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..32 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out at one place of one channel.
    fn at(kernel: &Kernel, t: f64, samples: &[f32]) -> f32 {
        let (mut left, mut right) = ([f32::NAN], [f32::NAN]);
        let path = Path::new(t, 1.0);
        kernel.apply(path, [samples, samples], &mut left, &mut right);
        assert_eq!(left, right);
        left[0]
    }

    #[test]
    fn goes_through_the_samples() {
        let kernel = Kernel::new(1.0);
        let samples: Vec<f32> = (0..=kernel.taps()).map(|i| i as f32 * 0.37 - 3.0).collect();
        assert_eq!(at(&kernel, 0.0, &samples), samples[kernel.before()]);
        assert_eq!(at(&kernel, 1.0, &samples), samples[kernel.before() + 1]);
        let nearly = at(&kernel, 1.0 - 1e-9, &samples);
        assert!((nearly - samples[kernel.before() + 1]).abs() < 1e-5);
        // Where samples are missing it is silent.
        assert_eq!(at(&kernel, 2.0, &samples), 0.0);
    }

    #[test]
    fn a_constant_stays_one() {
        let bank = Bank::new();
        for speed in [0.1, 0.9, 1.0, 1.3, 1.5, 2.9, 4.0, 100.0] {
            let kernel = bank.at(speed).unwrap();
            let ones = vec![1.0; kernel.taps()];
            for step in (0..50).step_by(if cfg!(miri) { 17 } else { 1 }) {
                let got = at(kernel, f64::from(step) / 50.0, &ones);
                assert!((got - 1.0).abs() < 1e-6, "{speed}, {step}: {got}");
            }
        }
    }

    /// Whatever vectors the compiler made: each sum in its lane, from the first sample to the last.
    #[test]
    fn bits_are_those_of_the_sums_written_out() {
        let bank = Bank::new();
        let samples: Vec<f32> = (0..400).map(|i| (i as f32 * 1.7).sin()).collect();
        let other: Vec<f32> = (0..400).map(|i| (i as f32 * 0.9).cos()).collect();
        for (speed, places) in [(0.8, 70), (1.3, 33), (2.0, 5)] {
            let kernel = bank.at(speed).unwrap();
            let places = if cfg!(miri) { places / 5 } else { places };
            let mut path = Path::new(0.3, speed);
            let (mut left, mut right) = (vec![0.0; places], vec![0.0; places]);
            kernel.apply(path, [&samples, &other], &mut left, &mut right);
            for (left, right) in left.iter().zip(&right) {
                let place = path.next(kernel.phases);
                let row = place.phase * kernel.taps();
                let rows = kernel.rows.as_flattened();
                let mut sums = [[0.0_f32; LANES]; 2];
                for tap in 0..kernel.taps() {
                    let (low, high) = (rows[row + tap], rows[row + kernel.taps() + tap]);
                    let weight = low + place.mix * (high - low);
                    let lane = tap % LANES;
                    sums[0][lane] += weight * samples[place.samples + tap];
                    sums[1][lane] += weight * other[place.samples + tap];
                }
                let sum = |[a, b, c, d, e, f, g, h]: [f32; LANES]| {
                    ((a + e) + (c + g)) + ((b + f) + (d + h))
                };
                assert_eq!((*left, *right), (sum(sums[0]), sum(sums[1])));
            }
        }
    }
}
