//! Which of the twelve pitch classes sound, over time.
//!
//! Any thread but the audio thread. Only tones count (after Gómez 2006). Tuned to A = 440 Hz, as
//! everything that the models make is.

use std::ops::Range;

use super::tones::{self, BASS_HZ, TONAL};

/// Kick drums ring on below, and basses hardly without a tone above that is of the same class.
const KICK_HZ: f64 = 63.0;
/// From this share of power in tones on, they are clear. (Drums alone have 0.01 to 0.6, half of
/// them less than 0.15; tones 0.45 and more.)
const CLEARLY_TONAL: f32 = 0.7;

/// Pitch classes from C to B over time.
pub(super) struct Chroma {
    /// Time from one entry to the next.
    hop_seconds: f64,
    /// Entry 0 is centred this long before the clip's first sample.
    lead_seconds: f64,
    /// Fourth root of the power in each class: a tone half as loud is still a tone.
    pub(super) all: Vec<[f32; 12]>,
    /// The same of the basses alone.
    pub(super) bass: Vec<[f32; 12]>,
    /// The same of what lies below [`KICK_HZ`]: kick drums, and fundamentals of the lowest basses.
    pub(super) lowest: Vec<[f32; 12]>,
    /// How much of the power above [`BASS_HZ`] is in tones, 0 to 1: kick drums, which
    /// are tones as well, lie below.
    pub(super) tonal: f32,
}

/// Chroma of a signal.
pub(super) fn of(samples: &[f32], rate_hz: u32) -> Chroma {
    let (mut all, mut bass, mut lowest) = (Vec::new(), Vec::new(), Vec::new());
    let (mut in_peaks, mut in_all) = (0.0f64, 1e-9f64);
    let timing = tones::each(samples, rate_hz, |frame| {
        let (mut classes, mut low, mut kicks) = ([0.0f32; 12], [0.0f32; 12], [0.0f32; 12]);
        in_all += f64::from(frame.above_bass);
        for tone in frame.tones {
            let class = tone.midi().round().rem_euclid(12.0) as usize % 12;
            if tone.above_bass {
                in_peaks += f64::from(tone.around);
            }
            classes[class] += tone.power.sqrt().sqrt();
            if tone.hz < BASS_HZ {
                low[class] += tone.power.sqrt().sqrt();
            }
            if tone.hz < KICK_HZ {
                kicks[class] += tone.power.sqrt().sqrt();
            }
        }
        all.push(classes);
        bass.push(low);
        lowest.push(kicks);
    });
    Chroma {
        hop_seconds: timing.hop_seconds,
        lead_seconds: timing.lead_seconds,
        all,
        bass,
        lowest,
        tonal: (in_peaks / in_all) as f32,
    }
}

impl Chroma {
    /// How clearly there are tones, 0 to 1.
    pub(super) fn clearness(&self) -> f32 {
        ((self.tonal - TONAL) / (CLEARLY_TONAL - TONAL)).clamp(0.0, 1.0)
    }

    /// The sum over a stretch of time, of all tones and of the basses.
    pub(super) fn between(&self, from_seconds: f64, to_seconds: f64) -> ([f32; 12], [f32; 12]) {
        let range = self.range(from_seconds, to_seconds);
        (sum(&self.all[range.clone()]), sum(&self.bass[range]))
    }

    /// The same of all tones that no kick drum has.
    pub(super) fn above_kicks(&self, from_seconds: f64, to_seconds: f64) -> [f32; 12] {
        let range = self.range(from_seconds, to_seconds);
        less(&sum(&self.all[range.clone()]), &sum(&self.lowest[range]))
    }

    fn range(&self, from_seconds: f64, to_seconds: f64) -> Range<usize> {
        let index = |seconds: f64| {
            let at = ((seconds + self.lead_seconds) / self.hop_seconds).round();
            (at.max(0.0) as usize).min(self.all.len())
        };
        index(from_seconds)..index(to_seconds).max(index(from_seconds))
    }
}

pub(super) fn sum(frames: &[[f32; 12]]) -> [f32; 12] {
    let mut total = [0.0; 12];
    for frame in frames {
        for (total, value) in total.iter_mut().zip(frame) {
            *total += value;
        }
    }
    total
}

/// What is in `all` and not in `part` of it.
pub(super) fn less(all: &[f32; 12], part: &[f32; 12]) -> [f32; 12] {
    std::array::from_fn(|class| (all[class] - part[class]).max(0.0))
}
