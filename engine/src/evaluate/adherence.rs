//! A clip against its recipe: whether it has the tempo, the key and the length that were asked for.
//!
//! Any thread but the audio thread.

use serde::{Deserialize, Serialize};

use crate::event::ClipFacts;
use crate::fit::{KeyFound, Measured};
use crate::prompt::Key;
use crate::request::Length;

/// A tempo this far off, as a share, is kept; its double and half are too.
const KEPT: f64 = 0.01;

/// How near a clip comes to what was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adherence {
    /// The words that were asked with.
    pub prompt: String,
    /// The tempo, where the recipe has one.
    pub tempo: Option<TempoAdherence>,
    /// The key, where the recipe has one.
    pub key: Option<KeyAdherence>,
    /// Frames that the file is longer than asked for.
    pub frames_over: i64,
}

/// The tempo asked for and the one found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TempoAdherence {
    /// Beats a minute asked for.
    pub asked_bpm: f64,
    /// Beats a minute found; none without a pulse.
    pub found_bpm: Option<f64>,
    /// How far the tempo found, or its half or double, is from the one asked for, in percent.
    pub off_percent: Option<f64>,
    /// Whether that is within 1 %; none without a pulse.
    pub kept: Option<bool>,
}

/// The key asked for and the one found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KeyAdherence {
    /// Key asked for.
    pub asked: Key,
    /// Key found; none without tones.
    pub found: Option<Key>,
    /// How sure the one found is, 0 to 1.
    pub confidence: Option<f32>,
    /// Whether that is sure enough to be said.
    pub sure: bool,
    /// How the two stand to each other; none without tones.
    pub relation: Option<KeyRelation>,
}

/// How a key that was found stands to the one asked for, as MIREX counts key finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRelation {
    /// The same key.
    Same,
    /// The same tonic, in the other mode.
    Parallel,
    /// The same tones, with another tonic (C major and A minor).
    Relative,
    /// A fifth above or below, in the same mode.
    Fifth,
    /// None of these.
    Other,
}

impl KeyRelation {
    /// All, from the nearest to the farthest.
    pub const ALL: [Self; 5] = [
        Self::Same,
        Self::Parallel,
        Self::Relative,
        Self::Fifth,
        Self::Other,
    ];

    /// How `found` stands to `asked`.
    #[must_use]
    pub fn between(asked: Key, found: Key) -> Self {
        let up = (12 + found.tonic % 12 - asked.tonic % 12) % 12;
        match (up, asked.minor, found.minor) {
            (0, a, b) if a == b => Self::Same,
            (0, ..) => Self::Parallel,
            (3, true, false) | (9, false, true) => Self::Relative,
            (5 | 7, a, b) if a == b => Self::Fifth,
            _ => Self::Other,
        }
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Same => "as asked",
            Self::Parallel => "same tonic, other mode",
            Self::Relative => "relative",
            Self::Fifth => "a fifth away",
            Self::Other => "another key",
        }
    }
}

impl Adherence {
    /// Of a clip of `frames` frames at `rate_hz`, in which this was found.
    #[must_use]
    pub fn of(facts: &ClipFacts, measured: &Measured, rate_hz: u32, frames: usize) -> Self {
        let tempo = match facts.length {
            Length::Bars { tempo_bpm, .. } => Some(tempo(tempo_bpm, measured)),
            Length::Seconds(_) => None,
        };
        let asked = facts.key.as_deref().and_then(|key| key.parse().ok());
        Self {
            prompt: facts.prompt.clone(),
            tempo,
            key: asked.map(|asked| key(asked, measured)),
            frames_over: frames as i64 - facts.length.frames(rate_hz) as i64,
        }
    }
}

fn tempo(asked_bpm: f64, measured: &Measured) -> TempoAdherence {
    let found_bpm = measured.pulse.as_ref().map(|pulse| pulse.tempo_bpm);
    let off = found_bpm.map(|found| {
        let octave = (found / asked_bpm).log2().round().clamp(-1.0, 1.0);
        found / (asked_bpm * octave.exp2()) - 1.0
    });
    TempoAdherence {
        asked_bpm,
        found_bpm,
        off_percent: off.map(|off| off * 100.0),
        kept: off.map(|off| off.abs() <= KEPT),
    }
}

fn key(asked: Key, measured: &Measured) -> KeyAdherence {
    let found = measured.key.as_ref();
    KeyAdherence {
        asked,
        found: found.map(|found| found.key),
        confidence: found.map(|found| found.confidence),
        sure: found.is_some_and(KeyFound::sure),
        relation: found.map(|found| KeyRelation::between(asked, found.key)),
    }
}
