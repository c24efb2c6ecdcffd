//! The file beside a take's WAV: all that the index knows of it, as JSON.
//!
//! Any thread but the audio thread. It is what the index is made from again when it is lost, and
//! what people can read without Barline.

use serde::{Deserialize, Serialize};

use crate::{Take, TakeFacts, TakeId};

/// The form that this version writes. A later one that only adds fields keeps the number.
const FORM: u32 = 1;

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Sidecar {
    form: u32,
    facts: TakeFacts,
    tags: Vec<String>,
    is_favourite: bool,
    /// Size of the WAV file: tells whether it is the one that was described.
    pub(crate) bytes: u64,
    used_unix_seconds: Option<i64>,
}

impl Sidecar {
    /// The file's text for a take.
    pub(crate) fn text(take: &Take) -> String {
        let sidecar = Self {
            form: FORM,
            facts: take.facts.clone(),
            tags: take.tags.clone(),
            is_favourite: take.is_favourite,
            bytes: take.bytes,
            used_unix_seconds: take.used_unix_seconds,
        };
        // Plain data with text as keys: there is nothing in it that JSON can't hold.
        serde_json::to_string_pretty(&sidecar).unwrap_or_default() + "\n"
    }

    /// From the file's bytes; nothing when they are none of ours.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let sidecar: Self = serde_json::from_slice(bytes).ok()?;
        (sidecar.form >= FORM).then_some(sidecar)
    }

    /// The take that it describes.
    pub(crate) fn take(self, id: TakeId) -> Take {
        Take {
            id,
            facts: self.facts,
            tags: self.tags,
            is_favourite: self.is_favourite,
            bytes: self.bytes,
            used_unix_seconds: self.used_unix_seconds,
        }
    }
}
