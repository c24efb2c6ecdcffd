//! A clip as it lies in a project. Plain data; what is in it [`crate::recall`] knows.

use barline_engine::ClipFacts;
use serde::{Deserialize, Serialize};

use crate::recall::Prediction;

/// A finished clip as it lies in the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedClip {
    /// Mono or stereo FLAC of 24 bits at the model's rate, in base64: the clip, or where its take is
    /// kept its difference from that. `None` where it did not come along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flac: Option<String>,
    /// The take that it was cut from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<SavedRaw>,
    /// Its name in the library, where it is kept there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// How it came about.
    pub facts: ClipFacts,
}

impl SavedClip {
    /// Whether it is that clip, whatever the library calls either, and even if its samples stayed behind.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let samples = self.flac == other.flac && self.raw == other.raw;
        self.facts == other.facts && (self.flac.is_none() || samples)
    }

    /// It without its samples.
    pub(super) fn bare(&self) -> Self {
        Self {
            flac: None,
            raw: None,
            library: self.library.clone(),
            facts: self.facts.clone(),
        }
    }

    /// Bytes of its text in the state.
    pub(super) fn text_bytes(&self) -> usize {
        let raw = self.raw.as_ref().map_or(0, |raw| raw.flac.len());
        self.flac.as_ref().map_or(0, String::len) + raw
    }
}

/// A raw take as it lies in the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedRaw {
    /// FLAC of the same form.
    pub flac: String,
    /// How often it was halved to lie below full scale.
    pub halvings: u32,
    /// Where in it the clip lies.
    pub prediction: Prediction,
}
