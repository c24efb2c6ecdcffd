//! The project's shared home: loaded and saved by the host, edited by the panel, read by the session.
//!
//! Main thread, panel and session. A lock that is held for a copy; never the audio thread.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use nice_plug::params::persist::PersistentField;
use serde_json::Value;

use super::{Clips, Project, REFUSED, Saved, SavedClip, SlotSettings};

/// What a load asks of the session.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The clips of its slots.
    pub clips: Clips,
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
    clips: Clips,
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

    /// How a slot plays; what is no slot plays as a new one.
    #[must_use]
    pub fn slot(&self, slot: usize) -> SlotSettings {
        let inner = self.lock();
        inner.project.slots.get(slot).copied().unwrap_or_default()
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

    /// The clip of a slot that is saved with the project.
    pub fn keep_clip(&self, slot: usize, clip: Option<Arc<SavedClip>>) {
        if let Some(kept) = self.lock().clips.get_mut(slot) {
            *kept = clip;
        }
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
                let mut clips = Clips::default();
                for (slot, clip) in clips.iter_mut().zip(saved.clips) {
                    *slot = clip.map(Arc::new);
                }
                let mut inner = self.lock();
                inner.project = saved.project;
                inner.clips.clone_from(&clips);
                inner.generate = saved.generate;
                inner.revision += 1;
                Loaded {
                    clips,
                    generate: saved.generate,
                    refused: None,
                }
            }
            Err(why) => Loaded {
                clips: Clips::default(),
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
        let (project, clips) = (inner.project.clone(), inner.clips.clone());
        let generate = inner.generate;
        drop(inner);
        let saved = Saved::write(project, &clips, generate);
        // A struct of strings and numbers always has a JSON form.
        f(&serde_json::to_value(saved).unwrap_or(Value::Null))
    }
}
