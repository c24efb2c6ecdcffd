//! Tones: peaks of the spectrum that stand well above what is around them.
//!
//! Any thread but the audio thread. Drums, which are broad, have few (after Gómez 2006).

use super::spectrum;

const WINDOW_SECONDS: f64 = 0.25;
const HOP_SECONDS: f64 = 0.05;
const LOWEST_HZ: f64 = 38.0;
const HIGHEST_HZ: f64 = 2_100.0;
/// Below, a tone is a bass: it names the chord more often than the tones above it.
pub(crate) const BASS_HZ: f64 = 135.0;
/// Where less than this share of the power above the basses is in tones, there are none to speak of.
pub(crate) const TONAL: f32 = 0.2;
/// A peak has this many times the power of the middle one of its surroundings.
const PROMINENCE: f32 = 12.0;
/// Bins on each side that are its surroundings.
const AROUND: usize = 24;

/// One tone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tone {
    pub(crate) hz: f64,
    /// Power of the peak; a full-scale sine has about 1.
    pub(crate) power: f32,
    /// Power of the peak and of the bins beside it.
    pub(crate) around: f32,
    /// Whether its bin lies above [`BASS_HZ`].
    pub(crate) above_bass: bool,
}

impl Tone {
    /// Its pitch in semitones, A = 440 Hz being 69.
    pub(crate) fn midi(&self) -> f64 {
        69.0 + 12.0 * (self.hz / 440.0).log2()
    }
}

/// What sounds in a quarter of a second.
pub(crate) struct Frame<'a> {
    pub(crate) tones: &'a [Tone],
    /// Power between [`BASS_HZ`] and the highest tone that is looked for, tones or not.
    pub(crate) above_bass: f32,
}

/// When the frames are.
pub(crate) struct Timing {
    /// Time from one frame to the next.
    pub(crate) hop_seconds: f64,
    /// The first frame is centred this long before the clip's first sample.
    pub(crate) lead_seconds: f64,
}

/// Calls `each` with every frame of a signal.
pub(crate) fn each(samples: &[f32], rate_hz: u32, mut each: impl FnMut(Frame<'_>)) -> Timing {
    let rate = f64::from(rate_hz);
    let size = ((rate * WINDOW_SECONDS) as usize).next_power_of_two();
    let hop = (rate * HOP_SECONDS).round().max(1.0) as usize;
    let bin_hz = rate / size as f64;
    let first = (LOWEST_HZ / bin_hz).ceil() as usize;
    let last = (HIGHEST_HZ.min(rate * 0.45) / bin_hz) as usize;
    let above = ((BASS_HZ / bin_hz) as usize).min(last);
    let mut around = Vec::with_capacity(2 * AROUND + 1);
    let mut tones = Vec::new();
    spectrum::each(samples, size, hop, |power| {
        tones.clear();
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
            tones.push(Tone {
                hz: (bin as f64 + offset(power[bin - 1], peak, power[bin + 1])) * bin_hz,
                power: peak,
                around: power[bin - 1] + peak + power[bin + 1],
                above_bass: bin >= above,
            });
        }
        each(Frame {
            tones: &tones,
            above_bass: power[above..last].iter().sum(),
        });
    });
    Timing {
        hop_seconds: hop as f64 / rate,
        lead_seconds: size as f64 / 2.0 / rate,
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
