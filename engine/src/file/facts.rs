//! What a file of any format says about its clip: grid, root note, words.
//!
//! Any thread but the audio thread. Pure.

use crate::event::ClipFacts;
use crate::prompt::Key;
use crate::request::Length;

/// C of the octave that loops name as their root, MIDI.
pub(super) const ROOT_OCTAVE: u16 = 60;

/// A loop's grid, where it has one.
pub(super) struct Grid {
    pub(super) bars: u32,
    pub(super) beats_per_bar: u32,
    pub(super) tempo_bpm: f64,
}

impl Grid {
    pub(super) fn of(facts: &ClipFacts) -> Option<Self> {
        match facts.length {
            Length::Bars {
                bars,
                beats_per_bar,
                tempo_bpm,
            } => Some(Self {
                bars,
                beats_per_bar,
                tempo_bpm,
            }),
            Length::Seconds(_) => None,
        }
    }

    pub(super) fn beats(&self) -> u32 {
        self.bars.saturating_mul(self.beats_per_bar)
    }
}

/// The key that was asked for, else one that was surely found.
#[must_use]
pub fn key(facts: &ClipFacts) -> Option<Key> {
    let asked: Option<Key> = facts.key.as_deref().and_then(|key| key.parse().ok());
    let heard = || facts.fitted.as_ref()?.key_heard();
    asked.or_else(heard)
}

/// Its tonic as a MIDI note.
pub(super) fn root(facts: &ClipFacts) -> Option<u16> {
    key(facts).map(root_of)
}

/// A key's tonic as a MIDI note.
pub(super) fn root_of(key: Key) -> u16 {
    ROOT_OCTAVE + u16::from(key.tonic)
}

/// What a file says to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// What it is called.
    pub title: String,
    /// How it came about, in one line.
    pub comment: String,
    /// What may be done with it.
    pub rights: String,
    /// What made it.
    pub software: String,
}

impl Words {
    pub(super) fn of(facts: &ClipFacts) -> Self {
        Self {
            title: facts.prompt.clone(),
            comment: comment(facts),
            rights: facts.rights.clone(),
            software: software(facts),
        }
    }
}

/// The frame of every beat.
pub(super) fn beats(grid: &Grid, rate_hz: u32, frames: u64) -> Vec<u32> {
    let frames_per_beat = f64::from(rate_hz) * 60.0 / grid.tempo_bpm;
    (0..grid.beats())
        .map(|beat| (f64::from(beat) * frames_per_beat).round() as u64)
        .take_while(|&frame| frame < frames)
        .map(|frame| frame as u32)
        .collect()
}

/// `bar.beat` of a beat, counted from 1.
pub(super) fn label(grid: &Grid, beat: u32) -> String {
    let (bar, beat) = (beat / grid.beats_per_bar, beat % grid.beats_per_bar);
    format!("{}.{}", bar + 1, beat + 1)
}

pub(super) fn software(facts: &ClipFacts) -> String {
    format!("Barline {}", facts.version)
}

/// How the clip came about, in one line for people.
#[must_use]
pub fn comment(facts: &ClipFacts) -> String {
    let mut parts = vec![
        format!("model {}", facts.model),
        format!("seed {}", facts.seed),
    ];
    if let Some(grid) = Grid::of(facts) {
        parts.push(format!("{} BPM", grid.tempo_bpm));
        parts.push(format!("{} bars of {}/4", grid.bars, grid.beats_per_bar));
        parts.extend(facts.made_at_bpm.map(|bpm| format!("made at {bpm} BPM")));
    }
    parts.extend(facts.key.clone());
    parts.extend(
        facts
            .negative
            .as_ref()
            .map(|text| format!("without {text}")),
    );
    parts.push(if facts.sampling.greedy {
        format!("guidance {}, greedy", facts.sampling.guidance)
    } else {
        format!(
            "guidance {}, temperature {}, top-k {}, top-p {}",
            facts.sampling.guidance,
            facts.sampling.temperature,
            facts.sampling.top_k,
            facts.sampling.top_p
        )
    });
    if let Some(fitted) = &facts.fitted {
        parts.extend(fitted.key_heard().map(|key| format!("{key} found")));
        parts.push(format!("score {}", fitted.score.total));
    }
    parts.join(", ")
}
