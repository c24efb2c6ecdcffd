//! What is known of a take: plain data, filled in by whoever made it.
//!
//! Any thread. Stored as JSON, so that a new fact needs no new form of the index: every field has
//! a default and unknown ones are passed over.

use serde::{Deserialize, Serialize};

use crate::Peaks;

/// Where a take came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Made by a model from a prompt.
    #[default]
    Generated,
    /// Dropped in by the user.
    Imported {
        /// The name of the file, without its folder.
        file_name: String,
    },
}

/// Facts of one take.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TakeFacts {
    /// What the user calls it; empty when it is added: the prompt's or the file's name is taken.
    pub name: String,
    /// The text it was made from.
    pub prompt: String,
    /// The model, as people call it.
    pub model: String,
    /// Which edition of the model: a revision, or the SHA-256 of its weights.
    pub model_revision: String,
    /// Seed of the sampling.
    pub seed: u64,
    /// All that is needed to make it again, as JSON; the library only keeps it.
    pub settings: String,
    /// Beats a minute, where it has a grid.
    pub tempo_bpm: Option<f64>,
    /// Bars, where it has a grid.
    pub bars: Option<u32>,
    /// Beats in a bar.
    pub beats_per_bar: u32,
    /// Such as `A minor`.
    pub key: Option<String>,
    /// Length in frames. The library fills it in from the file.
    pub frames: u64,
    /// Rate of the file. The library fills it in.
    pub rate_hz: u32,
    /// Channels of the file. The library fills it in.
    pub channels: u16,
    /// Length in seconds. The library fills it in.
    pub seconds: f64,
    /// How good it is held to be, 0 to 1, more is better.
    pub score: Option<f64>,
    /// What may be done with it.
    pub rights: String,
    /// Where it came from.
    pub origin: Origin,
    /// When it was made, seconds since 1970; 0 when it is added: now.
    pub date_unix_seconds: i64,
    /// Its outline. The library makes it from the file when it is empty.
    pub peaks: Peaks,
}
