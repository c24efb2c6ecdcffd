//! What was found in all files, and what it comes to.
//!
//! Main thread.

use std::collections::BTreeMap;
use std::path::Path;

use barline_engine::evaluate::{
    Adherence, Figures, KeyRelation, Likeness, LogMel, frechet_distance,
};
use serde::Serialize;

use super::figures::FIGURES;

/// What was found in a file.
#[derive(Serialize)]
pub(super) struct Found {
    pub(super) seconds: f64,
    pub(super) rate_hz: u32,
    pub(super) channels: usize,
    #[serde(flatten)]
    pub(super) figures: Figures,
    /// Where there is a recipe in it.
    pub(super) asked: Option<Adherence>,
    /// Where there is a file that it should be.
    pub(super) reference: Option<Likeness>,
}

/// One file.
#[derive(Serialize)]
pub(super) struct Entry {
    pub(super) file: String,
    /// Why it could not be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    #[serde(flatten)]
    pub(super) found: Option<Found>,
}

impl Entry {
    pub(super) fn new(name: &Path, result: Result<Found, String>) -> Self {
        let (found, why) = match result {
            Ok(found) => (Some(found), None),
            Err(why) => (None, Some(why)),
        };
        // One way to write a name, whatever the system.
        let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
        Self {
            file: parts.join("/"),
            why,
            found,
        }
    }
}

/// A figure over all files that have it.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Spread {
    pub(super) files: usize,
    pub(super) mean: f64,
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let files = values.len();
        let (&least, &most) = (values.first()?, values.last()?);
        Some(Self {
            files,
            mean: values.iter().sum::<f64>() / files as f64,
            median: (values[(files - 1) / 2] + values[files / 2]) / 2.0,
            least,
            most,
        })
    }
}

/// Keys with the tonic asked for.
const TONIC: [KeyRelation; 2] = [KeyRelation::Same, KeyRelation::Parallel];

/// How many files do what their recipes ask for.
#[derive(Serialize)]
pub(super) struct Kept {
    /// Files whose recipe names a tempo and that have a pulse.
    pub(super) tempo_told: usize,
    pub(super) tempo_kept: usize,
    /// Files whose recipe names a key and that have tones.
    pub(super) key_told: usize,
    /// How their keys stand to the ones asked for.
    pub(super) keys: BTreeMap<KeyRelation, usize>,
    /// Files among them whose key is sure, and those that have the tonic asked for.
    pub(super) key_sure: usize,
    pub(super) key_sure_tonic: usize,
    /// Files whose recipe says how long they should be.
    pub(super) length_told: usize,
    pub(super) length_kept: usize,
}

impl Kept {
    fn of(entries: &[Entry]) -> Self {
        let asked = || {
            let found = entries.iter().filter_map(|entry| entry.found.as_ref());
            found.filter_map(|found| found.asked.as_ref())
        };
        let tempo = || asked().filter_map(|asked| asked.tempo?.kept);
        let mut keys: BTreeMap<_, _> = KeyRelation::ALL.map(|relation| (relation, 0)).into();
        let (mut key_sure, mut key_sure_tonic) = (0, 0);
        for key in asked().filter_map(|asked| asked.key) {
            let Some(relation) = key.relation else {
                continue;
            };
            *keys.entry(relation).or_default() += 1;
            key_sure += usize::from(key.sure);
            key_sure_tonic += usize::from(key.sure && TONIC.contains(&relation));
        }
        Self {
            tempo_told: tempo().count(),
            tempo_kept: tempo().filter(|&kept| kept).count(),
            key_told: keys.values().sum(),
            keys,
            key_sure,
            key_sure_tonic,
            length_told: asked().count(),
            length_kept: asked().filter(|asked| asked.frames_over == 0).count(),
        }
    }

    /// Files whose key has the tonic asked for.
    pub(super) fn tonics(&self) -> usize {
        let counts = TONIC.iter().filter_map(|relation| self.keys.get(relation));
        counts.sum()
    }
}

/// A folder's files.
#[derive(Serialize)]
pub(super) struct Set {
    pub(super) folder: String,
    pub(super) kept: Kept,
    /// By the figures' ids; those that no file has are left out.
    pub(super) summary: BTreeMap<&'static str, Spread>,
    pub(super) files: Vec<Entry>,
    /// All files' frames together.
    #[serde(skip)]
    pub(super) log_mel: LogMel,
}

impl Set {
    pub(super) fn new(folder: &Path, files: Vec<Entry>) -> Self {
        let summary = FIGURES.iter().filter_map(|figure| {
            let found = files.iter().filter_map(|entry| entry.found.as_ref());
            let values = found.filter_map(figure.of).collect();
            Some((figure.id, Spread::of(values)?))
        });
        Self {
            folder: folder.display().to_string(),
            kept: Kept::of(&files),
            summary: summary.collect(),
            log_mel: merged(files.iter()),
            files,
        }
    }

    /// How far its even files are from its odd ones; none for fewer than four.
    fn halves_db(&self) -> Option<f64> {
        if self.files.len() < 4 {
            return None;
        }
        let odd = merged(self.files.iter().skip(1).step_by(2));
        frechet_distance(&merged(self.files.iter().step_by(2)), &odd)
    }
}

fn merged<'a>(entries: impl Iterator<Item = &'a Entry>) -> LogMel {
    let mut sum = LogMel::default();
    for found in entries.filter_map(|entry| entry.found.as_ref()) {
        sum.merge(&found.figures.log_mel);
    }
    sum
}

/// How far one set is from the other.
#[derive(Serialize)]
pub(super) struct Frechet {
    /// Between Gaussians that are fitted to the log-mel frames of each set.
    pub(super) log_mel_frames_db: f64,
    /// The same between two halves of the other set: what chance alone makes.
    pub(super) against_halves_db: Option<f64>,
}

/// All of it.
#[derive(Serialize)]
pub(super) struct Report {
    barline: &'static str,
    pub(super) set: Set,
    pub(super) against: Option<Set>,
    pub(super) frechet_distance: Option<Frechet>,
}

impl Report {
    pub(super) fn new(set: Set, against: Option<Set>) -> Self {
        let frechet_distance = against.as_ref().and_then(|against| {
            Some(Frechet {
                log_mel_frames_db: frechet_distance(&set.log_mel, &against.log_mel)?,
                against_halves_db: against.halves_db(),
            })
        });
        Self {
            barline: env!("CARGO_PKG_VERSION"),
            set,
            against,
            frechet_distance,
        }
    }

    /// It as JSON.
    pub(super) fn json(&self) -> std::io::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// How many files could not be measured, and of how many.
    pub(super) fn failed(&self) -> (usize, usize) {
        let files = || {
            let sets = std::iter::once(&self.set).chain(&self.against);
            sets.flat_map(|set| &set.files)
        };
        let failed = files().filter(|entry| entry.why.is_some()).count();
        (failed, files().count())
    }
}
