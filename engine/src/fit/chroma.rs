//! Which of the twelve pitch classes sound, over time.
//!
//! Any thread but the audio thread. Only peaks of the spectrum that stand well above what is
//! around them count (after Gómez 2006), so that drums, which are broad, add little. Tuned to
//! A = 440 Hz, as everything that the models make is.

use super::spectrum;

const WINDOW_SECONDS: f64 = 0.25;
const HOP_SECONDS: f64 = 0.05;
const LOWEST_HZ: f64 = 38.0;
const HIGHEST_HZ: f64 = 2_100.0;
/// Below, a tone is a bass: it names the chord more often than the tones above it.
const BASS_HZ: f64 = 135.0;
/// A peak has this many times the power of the middle one of its surroundings.
const PROMINENCE: f32 = 12.0;
/// Under this share of power in peaks there are no tones to speak of, from the other on they are
/// clear. (Drums alone have 0.01 to 0.6, half of them less than 0.15; tones 0.45 and more.)
const TONAL: f32 = 0.2;
const CLEARLY_TONAL: f32 = 0.7;
/// Bins on each side that are its surroundings.
const AROUND: usize = 24;

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
    /// How much of the power between [`BASS_HZ`] and [`HIGHEST_HZ`] is in peaks, 0 to 1: kick drums,
    /// which are peaks as well, lie below.
    tonal: f32,
}

/// Chroma of a signal.
pub(super) fn of(samples: &[f32], rate_hz: u32) -> Chroma {
    let rate = f64::from(rate_hz);
    let size = ((rate * WINDOW_SECONDS) as usize).next_power_of_two();
    let hop = (rate * HOP_SECONDS).round().max(1.0) as usize;
    let bin_hz = rate / size as f64;
    let first = (LOWEST_HZ / bin_hz).ceil() as usize;
    let last = (HIGHEST_HZ.min(rate * 0.45) / bin_hz) as usize;
    let above = ((BASS_HZ / bin_hz) as usize).min(last);
    let (mut all, mut bass) = (Vec::new(), Vec::new());
    let (mut in_peaks, mut in_all) = (0.0f64, 1e-9f64);
    let mut around = Vec::with_capacity(2 * AROUND + 1);
    spectrum::each(samples, size, hop, |power| {
        let (mut frame, mut low) = ([0.0f32; 12], [0.0f32; 12]);
        in_all += f64::from(power[above..last].iter().sum::<f32>());
        for bin in first.max(1)..last {
            let peak = power[bin];
            if peak < power[bin - 1] || peak <= power[bin + 1] || peak < 1e-9 {
                continue;
            }
            around.clear();
            around.extend_from_slice(
                &power[bin.saturating_sub(AROUND)..(bin + AROUND + 1).min(power.len())],
            );
            let middle = around.len() / 2;
            let (_, &mut typical, _) = around.select_nth_unstable_by(middle, f32::total_cmp);
            if peak < PROMINENCE * typical {
                continue;
            }
            let hz = (bin as f64 + offset(power[bin - 1], peak, power[bin + 1])) * bin_hz;
            let midi = 69.0 + 12.0 * (hz / 440.0).log2();
            let class = midi.round().rem_euclid(12.0) as usize % 12;
            if bin >= above {
                in_peaks += f64::from(power[bin - 1] + peak + power[bin + 1]);
            }
            frame[class] += peak.sqrt().sqrt();
            if hz < BASS_HZ {
                low[class] += peak.sqrt().sqrt();
            }
        }
        all.push(frame);
        bass.push(low);
    });
    Chroma {
        hop_seconds: hop as f64 / rate,
        lead_seconds: size as f64 / 2.0 / rate,
        all,
        bass,
        tonal: (in_peaks / in_all) as f32,
    }
}

/// Where between two bins a peak really is, in bins, by a parabola through logarithms.
fn offset(before: f32, peak: f32, after: f32) -> f64 {
    let [a, b, c] = [before, peak, after].map(|power| f64::from(power.max(1e-20)).ln());
    let bend = a - 2.0 * b + c;
    if bend.abs() < 1e-9 {
        0.0
    } else {
        (0.5 * (a - c) / bend).clamp(-0.5, 0.5)
    }
}

impl Chroma {
    /// How clearly there are tones, 0 to 1.
    pub(super) fn clearness(&self) -> f32 {
        ((self.tonal - TONAL) / (CLEARLY_TONAL - TONAL)).clamp(0.0, 1.0)
    }

    /// The sum over a stretch of time, of all tones and of the basses.
    pub(super) fn between(&self, from_seconds: f64, to_seconds: f64) -> ([f32; 12], [f32; 12]) {
        let index = |seconds: f64| {
            let at = ((seconds + self.lead_seconds) / self.hop_seconds).round();
            (at.max(0.0) as usize).min(self.all.len())
        };
        let range = index(from_seconds)..index(to_seconds).max(index(from_seconds));
        (sum(&self.all[range.clone()]), sum(&self.bass[range]))
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
