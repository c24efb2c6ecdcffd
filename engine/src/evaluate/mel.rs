//! Log-mel frames of clips: their number, mean and covariance, which is all that a Gaussian has.
//!
//! Any thread but the audio thread.

use super::spectrogram::{BINS, RATE_HZ, SIZE, Spectrogram};
use crate::fit::onset::{hz, mel};

/// Bands on the mel scale.
pub const BANDS: usize = 64;
const LOWEST_HZ: f64 = 30.0;
const HIGHEST_HZ: f64 = 15_500.0;
/// Nothing counts that is further below the clip's mean power.
const FLOOR_DB: f64 = -80.0;

/// Statistics of log-mel frames, in dB against the mean power of the clip that they are from: how
/// loud a clip is says nothing of how it sounds, and is measured apart.
#[derive(Debug, Clone, PartialEq)]
pub struct LogMel {
    frames: f64,
    /// Sum of the frames, [`BANDS`] values.
    sums: Vec<f64>,
    /// Sums of products of two bands, [`BANDS`] rows of [`BANDS`].
    products: Vec<f64>,
}

impl Default for LogMel {
    fn default() -> Self {
        Self {
            frames: 0.0,
            sums: vec![0.0; BANDS],
            products: vec![0.0; BANDS * BANDS],
        }
    }
}

/// Middle frequencies of the bands.
#[must_use]
pub fn band_centres() -> [f64; BANDS] {
    let points = points();
    std::array::from_fn(|band| points[band + 1])
}

/// Edges and middles: a band rises from one to the next and falls to the one after.
fn points() -> [f64; BANDS + 2] {
    std::array::from_fn(|point| {
        let share = point as f64 / (BANDS + 1) as f64;
        hz(mel(LOWEST_HZ) + share * (mel(HIGHEST_HZ) - mel(LOWEST_HZ)))
    })
}

impl LogMel {
    /// Adds the frames of a stretch.
    pub(super) fn add(&mut self, spectrogram: &Spectrogram) {
        let filters = filters();
        let mut frames: Vec<[f64; BANDS]> = spectrogram
            .frames()
            .map(|frame| {
                std::array::from_fn(|band| {
                    let (first, weights) = &filters[band];
                    let bins = &frame[*first..first + weights.len()];
                    let power = |(&x, w): (&f32, &f64)| f64::from(x).powi(2) * w;
                    bins.iter().zip(weights).map(power).sum()
                })
            })
            .collect();
        let count = frames.len() as f64;
        let mean = frames.iter().flatten().sum::<f64>() / count / BANDS as f64;
        if mean <= 1e-14 {
            return;
        }
        let floor = mean * 10f64.powf(FLOOR_DB / 10.0);
        for frame in &mut frames {
            for value in frame.iter_mut() {
                *value = 10.0 * (value.max(floor) / mean).log10();
            }
            for (row, &value) in frame.iter().enumerate() {
                self.sums[row] += value;
                let products = &mut self.products[row * BANDS..(row + 1) * BANDS];
                for (product, other) in products.iter_mut().zip(frame.iter()) {
                    *product += value * other;
                }
            }
        }
        self.frames += count;
    }

    /// Adds another clip's.
    pub fn merge(&mut self, other: &Self) {
        self.frames += other.frames;
        for (sum, more) in self.sums.iter_mut().zip(&other.sums) {
            *sum += more;
        }
        for (sum, more) in self.products.iter_mut().zip(&other.products) {
            *sum += more;
        }
    }

    /// Mean of every band in dB; none where there are no frames.
    #[must_use]
    pub fn mean_db(&self) -> Option<Vec<f64>> {
        let mean = |sum| sum / self.frames;
        (self.frames > 0.0).then(|| self.sums.iter().map(mean).collect())
    }

    /// Covariance of the bands, row by row; none for fewer than two frames.
    #[must_use]
    pub fn covariance(&self) -> Option<Vec<f64>> {
        if self.frames < 2.0 {
            return None;
        }
        let mut covariance = self.products.clone();
        for (at, value) in covariance.iter_mut().enumerate() {
            let product = self.sums[at / BANDS] * self.sums[at % BANDS];
            *value = (*value - product / self.frames) / (self.frames - 1.0);
        }
        Some(covariance)
    }
}

/// Triangles on the mel scale, each from its first bin on.
fn filters() -> Vec<(usize, Vec<f64>)> {
    let points = points();
    let bin_hz = f64::from(RATE_HZ) / SIZE as f64;
    (0..BANDS)
        .map(|band| {
            let [low, middle, high] = [points[band], points[band + 1], points[band + 2]];
            let weight = |bin: usize| {
                let hz = bin as f64 * bin_hz;
                ((hz - low) / (middle - low)).min((high - hz) / (high - middle))
            };
            let first = (low / bin_hz) as usize + 1;
            let weights = (first..BINS).map(weight).take_while(|&weight| weight > 0.0);
            (first, weights.collect())
        })
        .collect()
}
