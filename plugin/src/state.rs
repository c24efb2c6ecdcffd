//! What a project remembers besides the parameters: text, choices, seed and the clips of its slots.
//!
//! Main thread (load and save), panel and session; never the audio thread: it locks.
//!
//! It is one JSON field, `project`, of nice-plug's state, with a version of its own:
//!
//! ```json
//! {"version": 3, "prompt": "dusty lo-fi drums", "genre": null, "mood": null,
//!  "instruments": [], "key": "A minor", "beats_per_bar": 4, "tempo_bpm": 84.0,
//!  "seed": 7, "seed_locked": true, "model": "Starter", "energy": null, "negative": "",
//!  "takes": 1, "selected": 0, "slots": [{"gain_db": 0.0, "pan": 0.0}, {}, {}, {}, {}, {}, {}, {}],
//!  "carry_mib": 32, "clips": [null, {"flac": "…", "facts": {}}], "generate": false}
//! ```
//!
//! Every entry but `version` may be left out. `"generate": true` asks for a clip as soon as
//! the state is loaded, at the state's own tempo, and is saved while one is being made, so
//! that a project closed too early goes on where it was.
//!
//! Clips and the raw takes that they were cut from come along as FLAC (see [`crate::recall`]), so
//! that a project sounds the same at every tempo on a machine that has another model or none. What is
//! over `carry_mib` stays behind: it is looked up in the library, or made again from its facts (prompt,
//! seed, settings, model hash).
//!
//! Version 1 had one clip without a take, version 2 one clip, `clip`, which is now the first slot's.

mod clip;
mod project;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use nice_plug::plugin::PluginState;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::clip::{SavedClip, SavedRaw};
pub use self::project::{MAX_TAKES, NoteMode, Project, SLOTS, SlotSettings};
pub use self::store::{Loaded, ProjectStore};

/// The version that this build writes; it reads this one and all before it.
pub const VERSION: u32 = 3;

/// The most that clips may take in a state, whatever is set: hosts refuse to load 256 MiB.
const MAX_CARRY_MIB: u32 = 192;
/// Name of the field in nice-plug's state.
const FIELD: &str = "project";
/// Stands in for a field that was refused, so that its reason reaches the panel.
const REFUSED: &str = "refused";

/// The clips of all slots.
pub type Clips = [Option<Arc<SavedClip>>; SLOTS];

/// Why a saved state is not used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StateError {
    /// It is not what this program writes.
    #[error("the saved settings cannot be read ({why}); this instance starts with the defaults")]
    Corrupt {
        /// What is wrong with it.
        why: String,
    },
    /// It was saved by a later version.
    #[error(
        "the project was saved by a newer Barline (state {version}, this one reads up to {VERSION}); update Barline to open it"
    )]
    Newer {
        /// The version that it has.
        version: u64,
    },
}

/// The field as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Saved {
    version: u32,
    #[serde(flatten)]
    project: Project,
    /// By slot; those at the end that are empty are left out.
    #[serde(default)]
    clips: Vec<Option<SavedClip>>,
    #[serde(default)]
    generate: bool,
}

impl Saved {
    fn read(mut value: Value) -> Result<Self, StateError> {
        let corrupt = |why: String| StateError::Corrupt { why };
        let version = value
            .get("version")
            .and_then(Value::as_u64)
            .ok_or_else(|| corrupt("it has no version".into()))?;
        if version > u64::from(VERSION) {
            return Err(StateError::Newer { version });
        }
        // Migrations go here, from one version to the next, on the JSON value. From 1 to 2 nothing
        // changes: a clip without a take is one whose `flac` is all of it.
        if version < 3
            && let Some(fields) = value.as_object_mut()
            && let Some(clip) = fields.remove("clip")
        {
            fields.insert("clips".into(), json!([clip]));
        }
        if has_huge(&value) {
            return Err(corrupt("a number in it is too large".into()));
        }
        let saved: Self = serde_json::from_value(value).map_err(|e| corrupt(e.to_string()))?;
        if saved.clips.len() > SLOTS {
            return Err(corrupt(format!("{} clips", saved.clips.len())));
        }
        saved.project.check().map_err(corrupt)?;
        Ok(saved)
    }

    fn write(project: Project, clips: &Clips, generate: bool) -> Self {
        let mut room = (project.carry_mib.min(MAX_CARRY_MIB) as usize) << 20;
        let mut clips: Vec<Option<SavedClip>> = clips
            .iter()
            .map(|clip| {
                let clip = clip.as_deref()?;
                let bytes = clip.text_bytes();
                if bytes > room {
                    return Some(clip.bare());
                }
                room -= bytes;
                Some(clip.clone())
            })
            .collect();
        while clips.last().is_some_and(Option::is_none) {
            clips.pop();
        }
        Self {
            version: VERSION,
            project,
            clips,
            generate,
        }
    }
}

/// Whether there is a number that no `f32` holds: it would be read as infinite, and saved as none.
fn has_huge(value: &Value) -> bool {
    match value {
        Value::Number(number) => number
            .as_f64()
            .is_some_and(|number| number.abs() > f64::from(f32::MAX)),
        Value::Array(values) => values.iter().any(has_huge),
        Value::Object(fields) => fields.values().any(has_huge),
        _ => false,
    }
}

/// Checks a state before nice-plug loads it.
///
/// A refused field takes the parameters with it, so that the instance keeps its defaults as a
/// whole.
pub fn filter(state: &mut PluginState) {
    let Some(field) = state.fields.get_mut(FIELD) else {
        return;
    };
    let read = serde_json::from_str(field)
        .map_err(|error| StateError::Corrupt {
            why: error.to_string(),
        })
        .and_then(Saved::read);
    if let Err(error) = read {
        *field = json!({ REFUSED: error.to_string() }).to_string();
        state.params.clear();
    }
}
