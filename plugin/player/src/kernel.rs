//! Samples between samples, without the images that a faster tempo would fold back.
//!
//! The session's thread makes the bank once; the audio thread only reads it. Each kernel is a sinc
//! under a Kaiser window, its cut-off at half the output's rate: for a clip that runs faster than it
//! was made, lower and longer in proportion. What a kernel lets through of the clip's top octave
//! and folds stays above 0.8 of half the output's rate, out of hearing; below that, images are 80 dB
//! down, up to four times the speed. Weights of each phase sum to one, so that a constant stays it.

/// Taps at speeds up to 1.
const TAPS: usize = 32;

/// Positions between two samples for which weights are stored, at speeds up to 1. Between them
/// weights are drawn straight, 90 dB near. A longer kernel changes slower and needs fewer.
const PHASES: usize = if cfg!(miri) { 8 } else { 256 };

/// Kernels to an octave of speed.
const PER_OCTAVE: f64 = 8.0;

/// The fastest speed with a kernel of its own.
const OCTAVES: f64 = if cfg!(miri) { 0.5 } else { 2.0 };

/// Taps of the longest kernel.
pub(crate) const MOST_TAPS: usize = TAPS * 4;

/// Kaiser's parameter for 80 dB.
const KAISER_BETA: f64 = 7.9;

/// Lanes of the sums, for the compiler's vectors.
const LANES: usize = 8;

/// The weights for one speed.
pub(crate) struct Kernel {
    taps: usize,
    phases: usize,
    /// One row of taps for each phase, and one for the next sample.
    rows: Box<[f32]>,
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
            taps,
            phases,
            rows: rows.into_boxed_slice(),
        }
    }

    /// Samples that go into one.
    pub(crate) fn taps(&self) -> usize {
        self.taps
    }

    /// Of these, the ones before the sample that a position follows.
    pub(crate) fn before(&self) -> usize {
        self.taps / 2 - 1
    }

    /// Realtime-safe. The values at `t` of the way from the middle sample to the next, from as many
    /// samples of each channel as there are taps. `weights` is room for as many.
    #[inline(always)]
    pub(crate) fn apply(
        &self,
        t: f32,
        left: &[f32],
        right: &[f32],
        weights: &mut [f32; MOST_TAPS],
    ) -> (f32, f32) {
        // Narrow whole numbers: those are one instruction away from broken ones.
        let phase = t * self.phases as i32 as f32;
        let row = (phase as i32).clamp(0, self.phases as i32 - 1);
        let mix = phase - row as f32;
        let start = row as usize * self.taps;
        let (Some(low), Some(high), Some(weights)) = (
            self.rows.get(start..start + self.taps),
            self.rows.get(start + self.taps..start + 2 * self.taps),
            weights.get_mut(..self.taps),
        ) else {
            return (0.0, 0.0);
        };
        // Three plain loops: each of them becomes vectors.
        for (weight, (a, b)) in weights.iter_mut().zip(low.iter().zip(high)) {
            *weight = a + mix * (b - a);
        }
        (dot(weights, left), dot(weights, right))
    }
}

/// The sum of products, in lanes.
#[inline(always)]
fn dot(weights: &[f32], samples: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let weights = weights.as_chunks::<LANES>().0.iter();
    for (weights, samples) in weights.zip(samples.as_chunks::<LANES>().0) {
        for (sum, (weight, x)) in sums.iter_mut().zip(weights.iter().zip(samples)) {
            *sum += weight * x;
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
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

    #[test]
    fn goes_through_the_samples() {
        let kernel = Kernel::new(1.0);
        let samples: Vec<f32> = (0..kernel.taps()).map(|i| i as f32 * 0.37 - 3.0).collect();
        let weights = &mut [0.0; MOST_TAPS];
        let (got, _) = kernel.apply(0.0, &samples, &samples, weights);
        assert_eq!(got, samples[kernel.before()]);
        let (got, _) = kernel.apply(1.0, &samples, &samples, weights);
        assert!((got - samples[kernel.before() + 1]).abs() < 1e-5, "{got}");
    }

    #[test]
    fn a_constant_stays_one() {
        let bank = Bank::new();
        for speed in [0.1, 0.9, 1.0, 1.3, 1.5, 2.9, 4.0, 100.0] {
            let kernel = bank.at(speed).unwrap();
            let ones = vec![1.0; kernel.taps()];
            for step in 0..50_u8 {
                let (got, _) =
                    kernel.apply(f32::from(step) / 50.0, &ones, &ones, &mut [0.0; MOST_TAPS]);
                assert!((got - 1.0).abs() < 1e-6, "{speed}, {step}: {got}");
            }
        }
    }
}
