//! The key: which profile the clip's pitch classes are most alike.
//!
//! Any thread but the audio thread. Profiles: Krumhansl and Kessler (1982), as in Krumhansl's
//! "Cognitive Foundations of Musical Pitch" (1990), table 2.1. Basses count once more.

use serde::{Deserialize, Serialize};

use super::chroma::{self, Chroma};
use crate::prompt::Key;

const MAJOR: [f32; 12] = [
    6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88,
];
const MINOR: [f32; 12] = [
    6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17,
];
const BASS_WEIGHT: f32 = 0.4;
/// What it is worth that a tone sounds at the very start: loops begin on their tonic more often
/// than not.
const OPENING_WEIGHT: f32 = 0.35;
const OPENING_SECONDS: f64 = 0.6;
/// A key and how sure it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyFound {
    /// Which it is.
    #[serde(flatten)]
    pub key: Key,
    /// 0 to 1: how far it is ahead of the best key with another tonic.
    pub confidence: f32,
}

impl KeyFound {
    /// Whether it is worth saying.
    #[must_use]
    pub fn sure(&self) -> bool {
        self.confidence >= 0.4
    }
}

/// The key that fits best, if the clip has tones.
pub(super) fn find(chroma: &Chroma) -> Option<KeyFound> {
    let clearness = chroma.clearness();
    if clearness <= 0.0 {
        return None;
    }
    let mut classes = chroma::sum(&chroma.all);
    for (value, bass) in classes.iter_mut().zip(chroma::sum(&chroma.bass)) {
        *value += BASS_WEIGHT * bass;
    }
    let (all, bass) = chroma.between(0.0, OPENING_SECONDS);
    let opening = if bass.iter().any(|&value| value > 0.0) {
        bass
    } else {
        all
    };
    let whole = opening.iter().sum::<f32>().max(1e-9);
    let mut fits: Vec<(f32, u8, bool)> = (0..12u8)
        .flat_map(|tonic| {
            let opens = OPENING_WEIGHT * opening[usize::from(tonic)] / whole;
            [(MAJOR, false), (MINOR, true)].map(|(profile, minor)| {
                (opens + correlation(&classes, &profile, tonic), tonic, minor)
            })
        })
        .collect();
    fits.sort_by(|a, b| b.0.total_cmp(&a.0));
    let &(best, tonic, minor) = fits.first()?;
    let rival = fits.iter().find(|fit| fit.1 != tonic)?.0;
    (best > 0.0).then(|| KeyFound {
        key: Key { tonic, minor },
        confidence: ((best - rival) * 4.0).clamp(0.0, 1.0) * clearness,
    })
}

/// Pearson's correlation of the classes with a profile whose tonic is `tonic`.
fn correlation(classes: &[f32; 12], profile: &[f32; 12], tonic: u8) -> f32 {
    let mean = |values: &[f32; 12]| values.iter().sum::<f32>() / 12.0;
    let (mean_classes, mean_profile) = (mean(classes), mean(profile));
    let (mut cross, mut square_classes, mut square_profile) = (0.0, 1e-12, 1e-12);
    for (class, value) in classes.iter().enumerate() {
        let a = value - mean_classes;
        let b = profile[(class + 12 - usize::from(tonic)) % 12] - mean_profile;
        cross += a * b;
        square_classes += a * a;
        square_profile += b * b;
    }
    cross / (square_classes * square_profile).sqrt()
}
