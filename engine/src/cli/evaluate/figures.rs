//! The figures that a file has, each with its name, its unit and what it means.
//!
//! Main thread.

use super::report::Found;

/// One figure.
pub(super) struct Figure {
    /// In JSON.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    /// In a line.
    pub(super) meaning: &'static str,
    /// Of a file, if it has it.
    pub(super) of: fn(&Found) -> Option<f64>,
    /// Digits behind the point.
    pub(super) digits: usize,
}

/// All of them, in the order in which they are told.
pub(super) const FIGURES: [Figure; 13] = [
    Figure {
        id: "tempo_off_percent",
        title: "Tempo against recipe",
        unit: "%",
        meaning: "How far the tempo heard, or its half or double, is from the one asked for. \
                  Within 1 % counts as kept.",
        of: |found| found.asked.as_ref()?.tempo?.off_percent,
        digits: 2,
    },
    Figure {
        id: "jitter_ms",
        title: "Beat jitter",
        unit: "ms",
        meaning: "How far the beats sound from the steady grid that fits them best. Machines have \
                  a few milliseconds, drummers ten and more.",
        of: |found| Some(found.figures.tempo_stability.as_ref()?.jitter_ms),
        digits: 1,
    },
    Figure {
        id: "tempo_spread_percent",
        title: "Tempo spread",
        unit: "%",
        meaning: "How much the tempo wanders, from any eight beats to any others.",
        of: |found| found.figures.tempo_stability.as_ref()?.tempo_spread_percent,
        digits: 2,
    },
    Figure {
        id: "tuning_cents",
        title: "Tuning",
        unit: "cents",
        meaning: "How far the tones lie above the semitones of A = 440 Hz.",
        of: |found| Some(found.figures.intonation.as_ref()?.tuning_cents),
        digits: 1,
    },
    Figure {
        id: "pitch_drift_cents",
        title: "Pitch drift",
        unit: "cents",
        meaning: "How much the tuning moves from second to second. Under five is steady.",
        of: |found| found.figures.intonation.as_ref()?.drift_cents,
        digits: 1,
    },
    Figure {
        id: "pitch_spread_cents",
        title: "Pitch spread",
        unit: "cents",
        meaning: "How far the tones lie around their tuning: vibrato, slides, detuned voices; \
                  drums have 30 and more.",
        of: |found| Some(found.figures.intonation.as_ref()?.spread_cents),
        digits: 1,
    },
    Figure {
        id: "loudness_lufs",
        title: "Loudness",
        unit: "LUFS",
        meaning: "Integrated loudness after EBU R 128. Streaming services play at -14.",
        of: |found| found.figures.loudness.integrated_lufs,
        digits: 1,
    },
    Figure {
        id: "true_peak_db",
        title: "True peak",
        unit: "dBTP",
        meaning: "The highest peak, between the samples too. Above 0 it may be clipped when played.",
        of: |found| found.figures.loudness.true_peak_db,
        digits: 1,
    },
    Figure {
        id: "crest_db",
        title: "Crest",
        unit: "dB",
        meaning: "How far the highest peak stands above the mean: 3 for a sine, 10 to 20 for \
                  drums; little where it was squeezed.",
        of: |found| found.figures.crest_db,
        digits: 1,
    },
    Figure {
        id: "harmonic_to_percussive_db",
        title: "Harmonic to percussive",
        unit: "dB",
        meaning: "Power of what lasts (tones) over the power of what strikes (drums), parted by \
                  medians over time and frequency (Fitzgerald 2010).",
        of: |found| found.figures.harmonic_to_percussive_db,
        digits: 1,
    },
    Figure {
        id: "spectral_contrast_db",
        title: "Spectral contrast",
        unit: "dB",
        meaning: "How far the peaks of the spectrum stand above its valleys, mean over octaves \
                  (Jiang 2002): clear tones have much, noise and murk little.",
        of: |found| {
            let bands = found.figures.spectral_contrast_db?;
            Some(bands.iter().sum::<f64>() / bands.len() as f64)
        },
        digits: 1,
    },
    Figure {
        id: "snr_db",
        title: "Signal to noise",
        unit: "dB",
        meaning: "Power of the reference over the power of the difference, the two laid over one \
                  another. 0 is as much difference as signal.",
        of: |found| Some(found.reference?.snr_db),
        digits: 1,
    },
    Figure {
        id: "scale_invariant_db",
        title: "Signal to noise, level aside",
        unit: "dB",
        meaning: "The same where the reference is scaled to fit best: another level costs nothing.",
        of: |found| Some(found.reference?.scale_invariant_db),
        digits: 1,
    },
];
