//! Spectral contrast: how far tones stand above what lies between them, octave by octave.
//!
//! Any thread but the audio thread. After Jiang, Lu, Zhang, Tao and Cai (ICME 2002): in each band,
//! the mean of the strongest fiftieth of the magnitudes against that of the weakest. Bands are cut
//! as librosa cuts them, so that figures compare.

use super::spectrogram::{BINS, RATE_HZ, SIZE, Spectrogram};

/// Bands: below 200 Hz, five octaves, and what is above.
pub const BANDS: usize = 7;
const LOWEST_HZ: f64 = 200.0;
/// Share of a band's bins that are its peaks, and its valleys.
const SHARE: f64 = 0.02;
/// Magnitudes below are nothing (-100 dB of full scale).
const FLOOR: f64 = 1e-5;
/// A frame this far below the loudest is a pause, as a power ratio.
const PAUSE: f32 = 1e-6;

/// Where the bands end, in Hz: the first begins at 0.
#[must_use]
pub fn band_edges() -> [f64; BANDS] {
    std::array::from_fn(|band| {
        if band + 1 == BANDS {
            f64::from(RATE_HZ) / 2.0
        } else {
            LOWEST_HZ * f64::from(1u32 << band)
        }
    })
}

/// Contrast summed over the frames.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    sums_db: [f64; BANDS],
    frames: f64,
}

impl Sums {
    /// Adds the frames of a stretch in which something sounds.
    pub(super) fn add(&mut self, spectrogram: &Spectrogram) {
        let power = |frame: &[f32]| frame.iter().map(|x| x * x).sum::<f32>();
        let loudest = spectrogram.frames().map(power).fold(0.0, f32::max);
        if loudest <= 0.0 {
            return;
        }
        let mut sorted = Vec::with_capacity(BINS);
        for frame in spectrogram.frames() {
            if power(frame) < PAUSE * loudest {
                continue;
            }
            for (sum, (bins, least)) in self.sums_db.iter_mut().zip(bands()) {
                sorted.clear();
                sorted.extend_from_slice(&frame[bins]);
                sorted.sort_by(f32::total_cmp);
                let mean = |values: &[f32]| {
                    let values = values.iter().map(|&value| f64::from(value).max(FLOOR));
                    values.sum::<f64>() / least as f64
                };
                let (valley, peak) = (&sorted[..least], &sorted[sorted.len() - least..]);
                *sum += 20.0 * (mean(peak) / mean(valley)).log10();
            }
            self.frames += 1.0;
        }
    }

    /// Means over the frames; none for silence.
    pub(super) fn means_db(&self) -> Option<[f64; BANDS]> {
        (self.frames > 0.0).then(|| self.sums_db.map(|sum| sum / self.frames))
    }
}

/// The bins of every band, and how many of them are its peaks.
fn bands() -> [(std::ops::Range<usize>, usize); BANDS] {
    let bin_hz = f64::from(RATE_HZ) / SIZE as f64;
    let mut from_hz = 0.0;
    let mut band = 0;
    band_edges().map(|to_hz| {
        let (first, last) = ((from_hz / bin_hz).ceil(), (to_hz / bin_hz).floor());
        // A band begins one bin below its edge, and shares its last one with the next.
        let first = if band == 0 { 0 } else { first as usize - 1 };
        let all = last as usize + 1 - first;
        band += 1;
        from_hz = to_hz;
        let last_band = band == BANDS;
        let end = if last_band { BINS } else { last as usize };
        let least = (all as f64 * SHARE).round().max(1.0) as usize;
        (first..end, least)
    })
}
