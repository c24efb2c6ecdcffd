//! Magnitudes over time and frequency, in parts that fit into memory whatever the file's length.
//!
//! Any thread but the audio thread.

use crate::fit::spectrum;
use crate::resample;

/// The rate at which timbre is looked at: the rate of the models, and what nearly all ears hear.
pub(crate) const RATE_HZ: u32 = 32_000;
/// Samples in a window, 64 ms, and from one to the next, 16 ms.
pub(crate) const SIZE: usize = 2_048;
pub(crate) const HOP: usize = 512;
/// Bins of a frame.
pub(crate) const BINS: usize = SIZE / 2 + 1;
/// Seconds in a part: 15 MB of magnitudes.
const PART_SECONDS: usize = 60;

/// A stretch of frames.
pub(crate) struct Spectrogram {
    /// Frame by frame, [`BINS`] each. A full-scale sine has a peak of about 1.
    magnitudes: Vec<f32>,
}

impl Spectrogram {
    /// The spectrogram of a signal at [`RATE_HZ`]. Frames are centred on samples 0, [`HOP`], …
    pub(crate) fn of(samples: &[f32]) -> Self {
        // The windows that are centred before the signal.
        let mut before = SIZE / 2 / HOP;
        let mut magnitudes = Vec::with_capacity((samples.len() / HOP + 1) * BINS);
        spectrum::each(samples, SIZE, HOP, |power| {
            if before > 0 {
                before -= 1;
            } else {
                magnitudes.extend(power.iter().map(|power| power.sqrt()));
            }
        });
        Self { magnitudes }
    }

    /// Number of frames.
    pub(crate) fn count(&self) -> usize {
        self.magnitudes.len() / BINS
    }

    /// Frames in order of time.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &[f32]> {
        self.magnitudes.chunks_exact(BINS)
    }

    /// One bin over time.
    pub(crate) fn bin(&self, bin: usize) -> impl Iterator<Item = f32> + '_ {
        self.frames().map(move |frame| frame[bin])
    }
}

/// Calls `each` with the parts of a signal at `rate_hz`, one after another.
pub(super) fn each_part(samples: &[f32], rate_hz: u32, mut each: impl FnMut(&Spectrogram)) {
    if samples.is_empty() || rate_hz == 0 {
        return;
    }
    for part in samples.chunks(PART_SECONDS * rate_hz as usize) {
        if rate_hz == RATE_HZ {
            each(&Spectrogram::of(part));
            continue;
        }
        let frames = part.len() as u64 * u64::from(RATE_HZ) / u64::from(rate_hz);
        let resampled = resample::resample(&[part.to_vec()], rate_hz, RATE_HZ, frames);
        each(&Spectrogram::of(&resampled[0]));
    }
}
