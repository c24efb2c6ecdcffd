//! A clip against the one that it should be: signal to noise.
//!
//! Any thread but the audio thread. The two are brought to one rate and laid over one another where
//! they agree best, to the sample; what then differs is noise.

use realfft::RealFftPlanner;
use serde::{Deserialize, Serialize};

use crate::{fit, resample};

/// How far they may be shifted against each other.
const MOST_LAG_SECONDS: f64 = 0.5;
/// So much of them is compared to find the shift.
const LOOK_SECONDS: f64 = 30.0;
/// More than 24 bits can hold: they are the same.
const MOST_DB: f64 = 150.0;

/// How like its reference a clip is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Likeness {
    /// Power of the reference over the power of the difference, in dB, at most 150.
    pub snr_db: f64,
    /// The same where the reference is scaled to fit best (Le Roux, Wisdom, Erdogan and Hershey,
    /// ICASSP 2019): another level alone costs nothing.
    pub scale_invariant_db: f64,
    /// Frames that the clip is later than its reference, at the clip's rate.
    pub lag_frames: i64,
}

/// Compares a clip with its reference, both by channel; none where one of them is silent, or they
/// have nothing in common to compare. Of different numbers of channels, the means are compared.
#[must_use]
pub fn likeness(
    (clip, rate_hz): (&[Vec<f32>], u32),
    (reference, reference_hz): (&[Vec<f32>], u32),
) -> Option<Likeness> {
    let frames = reference.first().map_or(0, Vec::len) as u64;
    if frames == 0 || rate_hz == 0 || reference_hz == 0 {
        return None;
    }
    let frames = frames * u64::from(rate_hz) / u64::from(reference_hz);
    let at_rate = resample::resample(reference, reference_hz, rate_hz, frames);
    let lag = lag(&fit::mono(clip), &fit::mono(&at_rate), rate_hz)?;
    let (mut square, mut cross, mut other, mut noise) = (0.0, 0.0, 0.0, 0.0);
    let mut compare = |clip: &[f32], reference: &[f32]| {
        let clip = &clip[lag.max(0) as usize..];
        let reference = &reference[(-lag).max(0) as usize..];
        for (&clip, &reference) in clip.iter().zip(reference) {
            let [clip, reference] = [clip, reference].map(|x| {
                let x = f64::from(x);
                if x.is_finite() { x } else { 0.0 }
            });
            square += reference * reference;
            cross += reference * clip;
            other += clip * clip;
            noise += (clip - reference).powi(2);
        }
    };
    if clip.len() == at_rate.len() {
        for (clip, reference) in clip.iter().zip(&at_rate) {
            compare(clip, reference);
        }
    } else {
        compare(&fit::mono(clip), &fit::mono(&at_rate));
    }
    if square <= 0.0 || other <= 0.0 {
        return None;
    }
    let most = 10f64.powf(MOST_DB / 10.0);
    let db = |signal: f64, noise: f64| 10.0 * (signal / noise.max(signal / most)).log10();
    let told = cross * cross / square;
    Some(Likeness {
        snr_db: db(square, noise),
        scale_invariant_db: db(told.max(other / most), other - told),
        lag_frames: lag,
    })
}

/// The shift at which the clip agrees best with the reference, by their correlation; none
/// where one of them is silent.
fn lag(clip: &[f32], reference: &[f32], rate_hz: u32) -> Option<i64> {
    let look = (LOOK_SECONDS * f64::from(rate_hz)) as usize;
    let (clip, reference) = (
        &clip[..clip.len().min(look)],
        &reference[..reference.len().min(look)],
    );
    if fit::peak(clip) <= 0.0 || fit::peak(reference) <= 0.0 {
        return None;
    }
    let size = (clip.len() + reference.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, back) = (
        planner.plan_fft_forward(size),
        planner.plan_fft_inverse(size),
    );
    let spectrum = |samples: &[f32]| {
        let (mut time, mut bins) = (forward.make_input_vec(), forward.make_output_vec());
        time[..samples.len()].copy_from_slice(samples);
        forward.process(&mut time, &mut bins).ok().map(|()| bins)
    };
    let (mut bins, other) = (spectrum(clip)?, spectrum(reference)?);
    for (bin, other) in bins.iter_mut().zip(&other) {
        *bin *= other.conj();
    }
    // A product with a conjugate is real where its factors are, rounding apart.
    bins[0].im = 0.0;
    bins[size / 2].im = 0.0;
    let mut agreement = back.make_output_vec();
    back.process(&mut bins, &mut agreement).ok()?;
    let shortest = clip.len().min(reference.len());
    let most = ((MOST_LAG_SECONDS * f64::from(rate_hz)) as usize).min(shortest - 1) as i64;
    (-most..=most).max_by(|&a, &b| {
        let at = |lag: i64| agreement[lag.rem_euclid(size as i64) as usize];
        // Of equals, the least shift.
        at(a).total_cmp(&at(b)).then(b.abs().cmp(&a.abs()))
    })
}
