//! Text and choices that are not parameters, and what of them makes sense.
//!
//! Main thread, panel and session; plain data.

use barline_engine::ModelSource;
use barline_engine::prompt::Key;
use serde::{Deserialize, Serialize};

/// Longest prompt that is kept, in characters: far beyond what a model reads.
const MAX_PROMPT_CHARS: usize = 20_000;
/// Beats of a clip that a setting may speak of.
const MAX_BEATS: f64 = 100_000.0;

/// Text and choices that are not parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Project {
    /// The user's own words.
    pub prompt: String,
    /// Picked genre.
    pub genre: Option<String>,
    /// Picked mood.
    pub mood: Option<String>,
    /// Picked instruments, in the order in which they were picked.
    pub instruments: Vec<String>,
    /// Key such as "A minor".
    pub key: Option<String>,
    /// Quarter-note beats in a bar.
    pub beats_per_bar: u32,
    /// Tempo of the next clip when the host gives none.
    pub tempo_bpm: f64,
    /// Seed of the next clip.
    pub seed: u64,
    /// Keep the seed for the next clip instead of drawing another.
    pub seed_locked: bool,
    /// Which model makes it.
    pub model: ModelSource,
    /// Its name on the shelf, by which it is found on another machine.
    pub model_id: Option<String>,
    /// How much is going on, such as "calm" or "busy".
    pub energy: Option<String>,
    /// What is not wanted, in words.
    pub negative: String,
    /// Takes that are made of one prompt, 1 to [`MAX_TAKES`].
    pub takes: u32,
    /// The slot that is looked at and that takes what is made.
    pub selected: usize,
    /// How each slot plays.
    pub slots: [SlotSettings; SLOTS],
    /// Clips come along with the project up to so many MiB of text; the rest is looked up in the
    /// library or made again.
    pub carry_mib: u32,
}

/// Slots of an instance, as many as the player has.
pub const SLOTS: usize = 8;

/// The most takes of one prompt.
pub const MAX_TAKES: u32 = 4;

/// What a note does to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum NoteMode {
    /// It sounds while the key is held.
    #[default]
    Gate,
    /// The key switches it on and off.
    Toggle,
}

/// How a slot plays.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlotSettings {
    /// Level in dB, -60 (silent) to 12.
    pub gain_db: f32,
    /// -1 left to 1 right.
    pub pan: f32,
    /// Where in the clip it starts, in quarter notes.
    pub start_beats: f64,
    /// Where it ends; `None` at the clip's end.
    pub end_beats: Option<f64>,
    /// Backwards.
    pub reverse: bool,
    /// Fade from its start, in quarter notes.
    pub fade_in_beats: f64,
    /// Fade to its end, in quarter notes.
    pub fade_out_beats: f64,
    /// Pitch shift at the same tempo, -12 to 12.
    pub semitones: i32,
    /// Once instead of round and round.
    pub one_shot: bool,
    /// What its key does.
    pub note: NoteMode,
    /// It sounds besides the slot that the parameter says.
    pub layered: bool,
}

impl Default for SlotSettings {
    fn default() -> Self {
        Self {
            gain_db: 0.0,
            pan: 0.0,
            start_beats: 0.0,
            end_beats: None,
            reverse: false,
            fade_in_beats: 0.0,
            fade_out_beats: 0.0,
            semitones: 0,
            one_shot: false,
            note: NoteMode::Gate,
            layered: false,
        }
    }
}

impl Default for Project {
    fn default() -> Self {
        Self {
            prompt: String::new(),
            genre: None,
            mood: None,
            instruments: Vec::new(),
            key: None,
            beats_per_bar: 4,
            tempo_bpm: 120.0,
            seed: 1,
            seed_locked: false,
            model: ModelSource::Starter,
            model_id: None,
            energy: None,
            negative: String::new(),
            takes: 1,
            selected: 0,
            slots: [SlotSettings::default(); SLOTS],
            carry_mib: 32,
        }
    }
}

impl Project {
    /// Says what can't be meant, in words that follow "because of".
    ///
    /// # Errors
    /// The words.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(Err(error)) = self.key.as_deref().map(str::parse::<Key>) {
            return Err(error.to_string());
        }
        if !(20.0..=400.0).contains(&self.tempo_bpm) {
            return Err(format!("a tempo of {} BPM", self.tempo_bpm));
        }
        if !(1..=16).contains(&self.beats_per_bar) {
            return Err(format!("{} beats in a bar", self.beats_per_bar));
        }
        let long = |text: &str| text.chars().count() > MAX_PROMPT_CHARS;
        if long(&self.prompt) || long(&self.negative) {
            return Err("a prompt without end".into());
        }
        if !(1..=MAX_TAKES).contains(&self.takes) {
            return Err(format!("{} takes", self.takes));
        }
        if self.selected >= SLOTS {
            return Err(format!("slot {}", self.selected));
        }
        self.slots.iter().try_for_each(SlotSettings::check)
    }
}

impl SlotSettings {
    /// Semitones that a clip can be shifted by, up and down.
    pub const MAX_SEMITONES: i32 = 12;
    /// The level that is silent, and the highest, in dB.
    pub const GAIN_DB: (f32, f32) = (-60.0, 12.0);

    fn check(&self) -> Result<(), String> {
        let beats = |beats: f64| (0.0..=MAX_BEATS).contains(&beats);
        if !(Self::GAIN_DB.0..=Self::GAIN_DB.1).contains(&self.gain_db) {
            return Err(format!("a slot at {} dB", self.gain_db));
        }
        if !(-1.0..=1.0).contains(&self.pan) {
            return Err(format!("a slot panned to {}", self.pan));
        }
        if !(-Self::MAX_SEMITONES..=Self::MAX_SEMITONES).contains(&self.semitones) {
            return Err(format!("a slot shifted by {} semitones", self.semitones));
        }
        if !(beats(self.start_beats) && beats(self.end_beats.unwrap_or(0.0))) {
            return Err("a slot that begins or ends nowhere".into());
        }
        if !(beats(self.fade_in_beats) && beats(self.fade_out_beats)) {
            return Err("a slot with a fade without end".into());
        }
        Ok(())
    }
}
