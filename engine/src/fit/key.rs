//! The key: which profile the clip's pitch classes are most alike, which class its basses are on,
//! and which chord it opens with.
//!
//! Any thread but the audio thread. Profiles: Krumhansl and Kessler (1982), as in Krumhansl's
//! "Cognitive Foundations of Musical Pitch" (1990), table 2.1. What lies below the basses is left
//! out, since a kick drum's ring is a tone too. The three findings are weighed by a softmax over all
//! keys, whose weights were fitted on 530 synthesised loops, some of them begun at another bar than
//! their first: that a loop opens with its tonic is a habit and no law
//! (`models/training/starter/key_weights.py`).

use serde::{Deserialize, Serialize};

use super::chroma::{self, Chroma};
use crate::prompt::Key;

const MAJOR: [f32; 12] = [
    6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88,
];
const MINOR: [f32; 12] = [
    6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17,
];
/// How much each finding counts.
const PROFILE_WEIGHT: f32 = 5.2;
const BASS_WEIGHT: f32 = 3.5;
const OPENING_WEIGHT: f32 = 4.1;
const OPENING_SECONDS: f64 = 0.6;
/// Under this share of power in tones there is no key, from the other on it is as sure as it is.
/// Chords behind drums have little more than drums alone.
const LEAST_TONAL: f32 = 0.1;
const CLEARLY_TONAL: f32 = 0.7;
/// A key this sure is worth saying: of those, nineteen in twenty are right.
const SURE: f32 = 0.6;

/// A key and how sure it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyFound {
    /// Which it is.
    #[serde(flatten)]
    pub key: Key,
    /// 0 to 1: the probability of its tonic, less where little of what sounds is tones.
    pub confidence: f32,
}

impl KeyFound {
    /// Whether it is worth saying.
    #[must_use]
    pub fn sure(&self) -> bool {
        self.confidence >= SURE
    }
}

/// The key that fits best, if the clip has tones.
pub(super) fn find(chroma: &Chroma) -> Option<KeyFound> {
    let clear = ((chroma.tonal - LEAST_TONAL) / (CLEARLY_TONAL - LEAST_TONAL)).clamp(0.0, 1.0);
    let bass = chroma::less(&chroma::sum(&chroma.bass), &chroma::sum(&chroma.lowest));
    let above = chroma::less(&chroma::sum(&chroma.all), &chroma::sum(&chroma.bass));
    let opening = chroma.above_kicks(0.0, OPENING_SECONDS);
    if clear <= 0.0 || bass.iter().chain(&above).all(|&value| value <= 0.0) {
        return None;
    }
    let (bass_whole, opening_whole) = (whole(&bass), whole(&opening));
    let fit = |tonic: u8, minor: bool| {
        let (profile, third) = if minor { (&MINOR, 3) } else { (&MAJOR, 4) };
        let class = |up: u8| usize::from((tonic + up) % 12);
        let chord = opening[class(0)] + opening[class(third)] + opening[class(7)];
        PROFILE_WEIGHT * correlation(&above, profile, tonic)
            + BASS_WEIGHT * bass[class(0)] / bass_whole
            + OPENING_WEIGHT * chord / opening_whole
    };
    let fits: Vec<(f32, Key)> = (0..12)
        .flat_map(|tonic| [false, true].map(|minor| Key { tonic, minor }))
        .map(|key| (fit(key.tonic, key.minor).exp(), key))
        .collect();
    let all: f32 = fits.iter().map(|fit| fit.0).sum();
    // Both keys of a tonic speak for it.
    let tonic = fits.chunks_exact(2).max_by(|a, b| {
        let sum = |pair: &[(f32, Key)]| pair.iter().map(|fit| fit.0).sum::<f32>();
        sum(a).total_cmp(&sum(b))
    })?;
    let &(_, key) = tonic.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let likely = tonic.iter().map(|fit| fit.0).sum::<f32>() / all;
    Some(KeyFound {
        key,
        confidence: likely * clear,
    })
}

fn whole(classes: &[f32; 12]) -> f32 {
    classes.iter().sum::<f32>().max(1e-9)
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
