//! What a project remembers besides the parameters: text, choices, seed and the finished clip.
//!
//! Main thread (load and save), panel and session; never the audio thread: it locks.
//!
//! It is one JSON field, `project`, of nice-plug's state, with a version of its own:
//!
//! ```json
//! {"version": 2, "prompt": "dusty lo-fi drums", "genre": null, "mood": null,
//!  "instruments": [], "key": "A minor", "beats_per_bar": 4, "tempo_bpm": 84.0,
//!  "seed": 7, "seed_locked": true, "model": "Starter",
//!  "clip": null, "generate": false}
//! ```
//!
//! Every entry but `version` may be left out. `"generate": true` asks for a clip as soon as
//! the state is loaded, at the state's own tempo, and is saved while one is being made, so
//! that a project closed too early goes on where it was.
//!
//! The clip and the raw take that it was cut from come along as FLAC (see [`crate::recall`]), so
//! that a project sounds the same at every tempo on a machine that has another model or none;
//! its facts (prompt, seed, settings, model hash) are enough to make it again.
//!
//! Version 1 had the clip alone. Such a clip is read as it is.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use barline_engine::prompt::Key;
use barline_engine::{ClipFacts, ModelSource};
use nice_plug::params::persist::PersistentField;
use nice_plug::plugin::PluginState;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::recall::Prediction;

/// The version that this build writes; it reads this one and all before it.
pub const VERSION: u32 = 2;

/// Name of the field in nice-plug's state.
const FIELD: &str = "project";
/// Stands in for a field that was refused, so that its reason reaches the panel.
const REFUSED: &str = "refused";

/// Longest prompt that is kept, in characters: far beyond what a model reads.
const MAX_PROMPT_CHARS: usize = 20_000;

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
        }
    }
}

/// A finished clip as it lies in the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedClip {
    /// Mono or stereo FLAC of 24 bits at the model's rate, in base64: the clip, or where its take is
    /// kept its difference from that.
    pub flac: String,
    /// The take that it was cut from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<SavedRaw>,
    /// How it came about.
    pub facts: ClipFacts,
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
    #[serde(default)]
    clip: Option<SavedClip>,
    #[serde(default)]
    generate: bool,
}

impl Saved {
    fn read(value: Value) -> Result<Self, StateError> {
        let corrupt = |why: String| StateError::Corrupt { why };
        let version = value
            .get("version")
            .and_then(Value::as_u64)
            .ok_or_else(|| corrupt("it has no version".into()))?;
        if version > u64::from(VERSION) {
            return Err(StateError::Newer { version });
        }
        // Migrations of older versions go here, from one to the next, on the JSON value. From 1 to
        // 2 nothing changes: a clip without a take is one whose `flac` is all of it.
        let saved: Self = serde_json::from_value(value).map_err(|e| corrupt(e.to_string()))?;
        let Project {
            prompt,
            key,
            beats_per_bar,
            tempo_bpm,
            ..
        } = &saved.project;
        if let Some(Err(error)) = key.as_deref().map(str::parse::<Key>) {
            return Err(corrupt(error.to_string()));
        }
        if !(20.0..=400.0).contains(tempo_bpm) {
            return Err(corrupt(format!("a tempo of {tempo_bpm} BPM")));
        }
        if !(1..=16).contains(beats_per_bar) {
            return Err(corrupt(format!("{beats_per_bar} beats in a bar")));
        }
        if prompt.chars().count() > MAX_PROMPT_CHARS {
            return Err(corrupt("a prompt without end".into()));
        }
        Ok(saved)
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

/// What a load asks of the session.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The clip that came along.
    pub clip: Option<Arc<SavedClip>>,
    /// Whether a clip is to be made now.
    pub generate: bool,
    /// Why the state was refused.
    pub refused: Option<String>,
}

type OnLoad = Box<dyn Fn(Loaded) + Send + Sync>;

/// The project's shared home: loaded and saved by the host, edited by the panel, read by the
/// session.
#[derive(Default)]
pub struct ProjectStore {
    inner: Mutex<Inner>,
    on_load: OnceLock<OnLoad>,
}

#[derive(Default)]
struct Inner {
    project: Project,
    clip: Option<Arc<SavedClip>>,
    generate: bool,
    revision: u64,
}

impl ProjectStore {
    /// Sets who is told of a loaded state; once, when the instance is made.
    pub fn on_load(&self, tell: impl Fn(Loaded) + Send + Sync + 'static) {
        // A second call would be a second session, and there is one for each instance.
        let _ = self.on_load.set(Box::new(tell));
    }

    /// A copy of the project and its revision, to hand back to [`ProjectStore::edit`].
    #[must_use]
    pub fn read(&self) -> (u64, Project) {
        let inner = self.lock();
        (inner.revision, inner.project.clone())
    }

    /// Puts an edited copy in place, unless a state was loaded since it was read.
    pub fn edit(&self, revision: u64, project: Project) {
        let mut inner = self.lock();
        if inner.revision == revision {
            inner.project = project;
        }
    }

    /// Changes the project in place.
    pub fn update(&self, change: impl FnOnce(&mut Project)) {
        let mut inner = self.lock();
        change(&mut inner.project);
        inner.revision += 1;
    }

    /// The clip that is saved with the project.
    pub fn keep_clip(&self, clip: Option<Arc<SavedClip>>) {
        self.lock().clip = clip;
    }

    /// Whether a project that is saved now asks for a clip when it is opened.
    pub fn keep_generating(&self, on: bool) {
        self.lock().generate = on;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics half way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PersistentField<'_, Value> for ProjectStore {
    fn set(&self, value: Value) {
        let loaded = match value.get(REFUSED).and_then(Value::as_str) {
            Some(why) => Err(why.to_owned()),
            None => Saved::read(value).map_err(|error| error.to_string()),
        };
        let loaded = match loaded {
            Ok(saved) => {
                let clip = saved.clip.map(Arc::new);
                let mut inner = self.lock();
                inner.project = saved.project;
                inner.clip.clone_from(&clip);
                inner.generate = saved.generate;
                inner.revision += 1;
                Loaded {
                    clip,
                    generate: saved.generate,
                    refused: None,
                }
            }
            Err(why) => Loaded {
                clip: None,
                generate: false,
                refused: Some(why),
            },
        };
        if let Some(tell) = self.on_load.get() {
            tell(loaded);
        }
    }

    fn map<F, R>(&self, f: F) -> R
    where
        F: Fn(&Value) -> R,
    {
        let inner = self.lock();
        let saved = Saved {
            version: VERSION,
            project: inner.project.clone(),
            clip: inner.clip.as_deref().cloned(),
            generate: inner.generate,
        };
        drop(inner);
        // A struct of strings and numbers always has a JSON form.
        f(&serde_json::to_value(saved).unwrap_or(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use barline_engine::{Length, Precision, Sampling};
    use nice_plug::params::Params;
    use nice_plug::plugin::ParamValue;

    use super::*;
    use crate::params::BarlineParams;

    /// Loads a `project` field as a host does, and tells what the session heard.
    fn load(params: &BarlineParams, field: &str) -> (PluginState, Vec<Loaded>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = heard.clone();
        params
            .project
            .on_load(move |loaded| ear.lock().unwrap().push(loaded));
        let mut state = PluginState {
            version: "0.1.0".into(),
            params: BTreeMap::from([("bars".to_owned(), ParamValue::I32(2))]),
            fields: BTreeMap::from([(FIELD.to_owned(), field.to_owned())]),
        };
        filter(&mut state);
        params.deserialize_fields(&state.fields);
        let heard = heard.lock().unwrap().clone();
        (state, heard)
    }

    fn saved_clip() -> Arc<SavedClip> {
        Arc::new(SavedClip {
            flac: "AAAA".into(),
            raw: None,
            facts: ClipFacts {
                made_at_bpm: None,
                prompt: "drums".into(),
                negative: None,
                model: "starter".into(),
                model_sha256: "00".into(),
                rights: "yours".into(),
                seed: u64::MAX,
                sampling: Sampling::default(),
                precision: Precision::Q8,
                length: Length::Bars {
                    bars: 2,
                    beats_per_bar: 4,
                    tempo_bpm: 97.5,
                },
                key: Some("A minor".into()),
                fitted: None,
                steps: 1,
                generate_seconds: 0.5,
                version: "0.1.0".into(),
            },
        })
    }

    #[test]
    fn a_project_comes_back_whole() {
        let first = BarlineParams::default();
        let project = Project {
            prompt: "dusty \"lo-fi\"\ndrums ♪".into(),
            genre: Some("house".into()),
            mood: Some("dark".into()),
            instruments: vec!["bass".into(), "drums".into()],
            key: Some("F# minor".into()),
            beats_per_bar: 3,
            tempo_bpm: 97.5,
            seed: u64::MAX,
            seed_locked: true,
            model: ModelSource::Folder("/models/small".into()),
        };
        first.project.update(|p| *p = project.clone());
        first.project.keep_clip(Some(saved_clip()));
        first.project.keep_generating(true);
        let field = first.serialize_fields().remove(FIELD).unwrap();

        let second = BarlineParams::default();
        let (state, heard) = load(&second, &field);
        assert_eq!(second.project.read().1, project);
        assert_eq!(second.serialize_fields().remove(FIELD).unwrap(), field);
        assert_eq!(
            heard,
            [Loaded {
                clip: Some(saved_clip()),
                generate: true,
                refused: None
            }]
        );
        assert_eq!(state.params.into_keys().collect::<Vec<_>>(), ["bars"]);
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        let params = BarlineParams::default();
        let (_, heard) = load(
            &params,
            r#"{"version": 1, "prompt": "drums", "generate": true}"#,
        );
        let expected = Project {
            prompt: "drums".into(),
            ..Project::default()
        };
        assert_eq!(params.project.read().1, expected);
        assert_eq!(
            heard,
            [Loaded {
                clip: None,
                generate: true,
                refused: None
            }]
        );
    }

    #[test]
    fn corrupt_and_newer_states_keep_the_defaults_and_say_so() {
        let words = [
            ("", "cannot be read"),
            ("{", "cannot be read"),
            ("null", "no version"),
            ("[1, 2]", "no version"),
            (r#"{"prompt": "drums"}"#, "no version"),
            (r#"{"version": 1, "tempo_bpm": "fast"}"#, "invalid type"),
            (r#"{"version": 1, "tempo_bpm": 0.0}"#, "a tempo of 0"),
            (r#"{"version": 1, "beats_per_bar": 0}"#, "0 beats"),
            (r#"{"version": 1, "seed": -1}"#, "cannot be read"),
            (r#"{"version": 1, "key": "H dur"}"#, "is not a key"),
            (r#"{"version": 1, "clip": {"flac": 3}}"#, "cannot be read"),
            (r#"{"version": 3, "prompt": "drums"}"#, "newer Barline"),
            (r#"{"version": 18446744073709551615}"#, "newer Barline"),
        ];
        for (field, words) in words {
            let params = BarlineParams::default();
            let (state, heard) = load(&params, field);
            assert_eq!(params.project.read().1, Project::default(), "{field}");
            assert!(state.params.is_empty(), "{field}");
            let [
                Loaded {
                    clip: None,
                    generate: false,
                    refused: Some(why),
                },
            ] = &heard[..]
            else {
                panic!("{field}: {heard:?}");
            };
            assert!(why.contains(words), "{field}: {why}");
        }
    }

    #[test]
    fn the_panel_does_not_undo_a_load() {
        let params = BarlineParams::default();
        let (revision, mut stale) = params.project.read();
        stale.prompt = "typed".into();
        let _ = load(&params, r#"{"version": 1, "prompt": "loaded"}"#);
        params.project.edit(revision, stale);
        assert_eq!(params.project.read().1.prompt, "loaded");
    }
}
