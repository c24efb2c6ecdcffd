//! Figures that say what a clip, or a folder of them, is like, and how near it comes to what was
//! asked for.
//!
//! Any thread but the audio thread. Pure functions on samples. What is heard of tempo, beats and
//! key is [`crate::fit`]'s; here are the measures that judge and compare: `stability` (tempo),
//! `intonation` (pitch), `hpss` and `contrast` (timbre), `mel` and `frechet` (one set of clips
//! against another), `reference` (a clip against the one that it should be), `adherence` (a clip
//! against its recipe). Each names its source.
//!
//! Timbre is looked at in a spectrogram of one rate (32 kHz), so that the
//! figures of files of different rates can be compared; loudness and peaks at the file's own.

mod adherence;
mod contrast;
mod eigen;
mod frechet;
mod hpss;
mod intonation;
mod mel;
mod reference;
mod spectrogram;
mod stability;

use serde::{Deserialize, Serialize};

use crate::fit::{self, Hint, Loudness, Measured};

pub use adherence::{Adherence, KeyAdherence, KeyRelation, TempoAdherence};
pub use contrast::BANDS as CONTRAST_BANDS;
pub use contrast::band_edges as contrast_band_edges;
pub use frechet::distance as frechet_distance;
pub use intonation::Intonation;
pub use mel::{BANDS as MEL_BANDS, LogMel, band_centres as mel_band_centres};
pub use reference::{Likeness, likeness};
pub use stability::{Lateness, TempoStability};

/// Beat and key are looked for in so much of a file: no loop is longer, and the search for a grid
/// takes a time that grows with the square of the length.
const HEARD_SECONDS: usize = 120;

/// What was measured of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Tempo, beats, key, of the first two minutes.
    #[serde(flatten)]
    pub measured: Measured,
    /// How steady the beat is, where there is one.
    pub tempo_stability: Option<TempoStability>,
    /// How steady the pitch is, where there are tones.
    pub intonation: Option<Intonation>,
    /// Loudness and true peak, played once.
    pub loudness: Loudness,
    /// The highest sample above the root mean square, in dB; none for silence.
    pub crest_db: Option<f64>,
    /// Power of what lasts over the power of what strikes, in dB; none for silence.
    pub harmonic_to_percussive_db: Option<f64>,
    /// How far, by octave from low to high, the peaks of the spectrum stand above its valleys,
    /// in dB; none for silence.
    pub spectral_contrast_db: Option<[f64; CONTRAST_BANDS]>,
    /// What the [`frechet_distance`] of sets of clips is made of.
    #[serde(skip)]
    pub log_mel: LogMel,
}

/// Measures a clip: samples by channel (equal lengths, ±1 full scale) at `rate_hz`.
///
/// Samples that are no numbers count as silence.
#[must_use]
pub fn figures(channels: &[Vec<f32>], rate_hz: u32, hint: Hint) -> Figures {
    let mono = fit::mono(channels);
    let heard = &mono[..mono.len().min(HEARD_SECONDS * rate_hz as usize)];
    let measured = fit::measure(&[heard.to_vec()], rate_hz, hint);
    let pulse = measured.pulse.as_ref();
    let tempo_stability = pulse.and_then(|pulse| stability::of(heard, rate_hz, pulse));
    let mut harmonic_percussive = hpss::Powers::default();
    let mut contrast = contrast::Sums::default();
    let mut log_mel = LogMel::default();
    spectrogram::each_part(&mono, rate_hz, |part| {
        harmonic_percussive.add(part);
        contrast.add(part);
        log_mel.add(part);
    });
    Figures {
        tempo_stability,
        intonation: intonation::of(&mono, rate_hz),
        loudness: fit::level::measure_times(channels, rate_hz, 1),
        crest_db: crest_db(channels),
        harmonic_to_percussive_db: harmonic_percussive.ratio_db(),
        spectral_contrast_db: contrast.means_db(),
        log_mel,
        measured,
    }
}

/// The highest sample of all channels above their root mean square.
fn crest_db(channels: &[Vec<f32>]) -> Option<f64> {
    let samples = || channels.iter().flatten().filter(|x| x.is_finite());
    let peak = samples().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let (sum, count) = samples().fold((0.0f64, 0.0f64), |(sum, count), &x| {
        (sum + f64::from(x).powi(2), count + 1.0)
    });
    (peak > 0.0).then(|| 10.0 * (f64::from(peak).powi(2) / (sum / count)).log10())
}

#[cfg(test)]
mod tests;
