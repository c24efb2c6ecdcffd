//! The models in memory: which, how much of it, until when.
//!
//! The worker thread loads and drops them, always between two jobs; others read what is held and set
//! the limits.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::Model;
use crate::pace::Pace;
use crate::request::{ModelSource, Precision};

/// How long, and up to how much, models stay in memory that no job needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A model that no job has needed for so long is dropped.
    pub idle: Duration,
    /// Before a model is loaded, others are dropped, the longest unused first, until all of them
    /// are within this. One that is larger by itself is loaded all the same, and dropped when
    /// the jobs that need it are done.
    pub memory_bytes: u64,
}

impl Default for Limits {
    /// A quarter of an hour, and a quarter of the machine's memory.
    fn default() -> Self {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        Self {
            idle: Duration::from_secs(15 * 60),
            memory_bytes: system.total_memory() / 4,
        }
    }
}

/// A model in memory, for those who show it.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldModel {
    /// Where it came from.
    pub source: ModelSource,
    /// Its name.
    pub name: String,
    /// How the weights of its language model are held.
    pub precision: Precision,
    /// Memory that its weights take.
    pub bytes: u64,
    /// Since the last job that needed it; zero while one does.
    pub idle: Duration,
}

/// What all see of the models that the worker has.
#[derive(Debug)]
pub(super) struct Board(Mutex<Shown>);

#[derive(Debug)]
struct Shown {
    limits: Limits,
    held: Vec<Line>,
    /// To be dropped when no job needs them.
    unwanted: Vec<ModelSource>,
}

#[derive(Debug)]
struct Line {
    source: ModelSource,
    name: String,
    precision: Precision,
    bytes: u64,
    /// `None` while a job needs it.
    unused_since: Option<Instant>,
}

impl Board {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Shown {
            limits: Limits::default(),
            held: Vec::new(),
            unwanted: Vec::new(),
        }))
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn limits(&self) -> Limits {
        self.shown().limits
    }

    pub(super) fn set_limits(&self, limits: Limits) {
        self.shown().limits = limits;
    }

    pub(super) fn unload(&self, source: ModelSource) {
        self.shown().unwanted.push(source);
    }

    pub(super) fn held(&self) -> Vec<HeldModel> {
        let shown = self.shown();
        let line = |line: &Line| HeldModel {
            source: line.source.clone(),
            name: line.name.clone(),
            precision: line.precision,
            bytes: line.bytes,
            idle: line.unused_since.map_or(Duration::ZERO, |at| at.elapsed()),
        };
        shown.held.iter().map(line).collect()
    }
}

/// The models themselves, the longest unused first.
pub(super) struct Models<'b> {
    board: &'b Board,
    held: Vec<Held>,
}

struct Held {
    source: ModelSource,
    model: Model,
    pace: Mutex<Pace>,
    unused_since: Option<Instant>,
}

impl<'b> Models<'b> {
    pub(super) fn new(board: &'b Board) -> Self {
        Self {
            board,
            held: Vec::new(),
        }
    }

    /// Whether a model is here; it is then the last of the held ones.
    pub(super) fn has(&mut self, source: &ModelSource, precision: Option<Precision>) -> bool {
        let found = self.held.iter().position(
            |Held {
                 source: of, model, ..
             }| {
                let precision = precision.unwrap_or(model.default_precision());
                of == source && model.precision() == precision
            },
        );
        if let Some(at) = found {
            let held = self.held.remove(at);
            self.held.push(held);
        }
        found.is_some()
    }

    /// Drops what is not needed, so that so much more stays within the limit.
    pub(super) fn make_room(&mut self, bytes: u64) {
        let limit = self.board.limits().memory_bytes;
        while !self.held.is_empty() && self.bytes().saturating_add(bytes) > limit {
            self.held.remove(0);
        }
        self.show();
    }

    pub(super) fn add(&mut self, source: ModelSource, model: Model) {
        self.held.push(Held {
            source,
            model,
            pace: Mutex::default(),
            unused_since: None,
        });
    }

    /// The model that was last added or found, for a job.
    pub(super) fn lend(&mut self) -> Option<(&Model, &Mutex<Pace>)> {
        if let Some(held) = self.held.last_mut() {
            held.unused_since = None;
        }
        self.show();
        self.held.last().map(|held| (&held.model, &held.pace))
    }

    /// No job needs any of them now.
    pub(super) fn rest(&mut self) {
        for held in &mut self.held {
            held.unused_since.get_or_insert_with(Instant::now);
        }
        self.show();
    }

    /// Drops what has been unused for too long, what is too much and what is unwanted, unless the
    /// next job may need it. Gives the time after which there is something to drop again.
    pub(super) fn tidy_unless(&mut self, busy: bool) -> Option<Duration> {
        if busy {
            // It may be gone when the worker looks: then there is no waiting without tidying.
            return Some(Duration::ZERO);
        }
        let Limits { idle, .. } = self.board.limits();
        let unwanted = std::mem::take(&mut self.board.shown().unwanted);
        self.held.retain(|held| {
            let unused = held.unused_since.map_or(Duration::ZERO, |at| at.elapsed());
            unused < idle && !unwanted.contains(&held.source)
        });
        self.make_room(0);
        let first = self.held.iter().filter_map(|held| held.unused_since).min();
        first.map(|at| idle.saturating_sub(at.elapsed()))
    }

    /// Drops all, as after a panic in a job.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.show();
    }

    fn bytes(&self) -> u64 {
        self.held.iter().map(|held| held.model.bytes()).sum()
    }

    fn show(&self) {
        let line = |held: &Held| Line {
            source: held.source.clone(),
            name: held.model.name().to_owned(),
            precision: held.model.precision(),
            bytes: held.model.bytes(),
            unused_since: held.unused_since,
        };
        self.board.shown().held = self.held.iter().map(line).collect();
    }
}

impl Drop for Models<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}
