//! How far two sets of clips are from each other: the Fréchet distance of Gaussians that are fitted
//! to their log-mel frames.
//!
//! Any thread but the audio thread. After Dowson and Landau (1982). It is no FAD: that looks at the
//! states of a network that was trained to name sounds, this at the spectra themselves.

use super::eigen;
use super::mel::{BANDS, LogMel};

/// The distance in dB over all bands together, at least 0; none where a set has fewer than two
/// frames. It is the root of what is often given in its place.
#[must_use]
pub fn distance(a: &LogMel, b: &LogMel) -> Option<f64> {
    let (mean_a, mean_b) = (a.mean_db()?, b.mean_db()?);
    let (wide_a, wide_b) = (a.covariance()?, b.covariance()?);
    let apart: f64 = mean_a
        .iter()
        .zip(&mean_b)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    let trace = |matrix: &[f64]| (0..BANDS).map(|i| matrix[i * BANDS + i]).sum::<f64>();
    let root = root(wide_a.clone());
    // Its eigenvalues are those of the covariances' product.
    let product = times(&times(&root, &wide_b), &root);
    let (values, _) = eigen::of(product, BANDS);
    let shared: f64 = values.iter().map(|value| value.max(0.0).sqrt()).sum();
    let squared = apart + trace(&wide_a) + trace(&wide_b) - 2.0 * shared;
    Some(squared.max(0.0).sqrt())
}

/// The square root of a symmetric matrix without negative eigenvalues.
fn root(matrix: Vec<f64>) -> Vec<f64> {
    let (values, vectors) = eigen::of(matrix, BANDS);
    let mut scaled = vectors.clone();
    for (row, value) in scaled.chunks_exact_mut(BANDS).zip(&values) {
        let root = value.max(0.0).sqrt();
        row.iter_mut().for_each(|x| *x *= root);
    }
    times(&transposed(&vectors), &scaled)
}

fn transposed(matrix: &[f64]) -> Vec<f64> {
    (0..BANDS * BANDS)
        .map(|at| matrix[at % BANDS * BANDS + at / BANDS])
        .collect()
}

fn times(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; BANDS * BANDS];
    for (row, out) in a.chunks_exact(BANDS).zip(out.chunks_exact_mut(BANDS)) {
        for (value, line) in row.iter().zip(b.chunks_exact(BANDS)) {
            for (sum, other) in out.iter_mut().zip(line) {
                *sum += value * other;
            }
        }
    }
    out
}
