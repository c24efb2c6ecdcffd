//! Undo and redo: of the prompt, the slots' settings and what lies in the slots.
//!
//! Session thread. Clips are shared, so that a step costs a copy of the project's text.

use std::sync::Arc;
use std::time::{Duration, Instant};

use barline_player::SLOTS;

use super::Screen;
use super::feed::Take;
use super::worker::Worker;
use crate::state::Project;

/// Steps that are kept.
const STEPS: usize = 64;
/// Changes of one thing that follow each other so soon are one step: a knob that is turned.
const ONE_STEP: Duration = Duration::from_millis(900);

/// How things were.
#[derive(Clone)]
pub(super) struct Moment {
    project: Project,
    clips: [Option<Arc<Take>>; SLOTS],
}

impl Moment {
    fn same(&self, other: &Self) -> bool {
        let clip = |pair: (&Option<Arc<Take>>, &Option<Arc<Take>>)| match pair {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        self.project == other.project && self.clips.iter().zip(&other.clips).all(clip)
    }
}

/// What was done, and undone.
#[derive(Default)]
pub(super) struct Undo {
    done: Vec<Moment>,
    undone: Vec<Moment>,
    /// How things were when they were last looked at.
    settled: Option<Moment>,
    /// What was changed last, and when: the slot that was tuned.
    last: Option<(usize, Instant)>,
}

impl<S: Screen> Worker<S> {
    fn moment(&self) -> Moment {
        let (_, mut project) = self.params.project.read();
        // Looking elsewhere is no change, and a new seed is none of the user's.
        project.selected = 0;
        if !project.seed_locked {
            project.seed = 0;
        }
        Moment {
            project,
            clips: std::array::from_fn(|slot| self.slots[slot].own.clone()),
        }
    }

    /// Before a change: how things are now can come back. `tuned` is the slot whose settings are
    /// being turned.
    pub(super) fn checkpoint(&mut self, tuned: Option<usize>) {
        let now = self.moment();
        let goes_on = matches!(
            (tuned, self.undo.last),
            (Some(slot), Some((last, when))) if slot == last && when.elapsed() < ONE_STEP
        );
        self.undo.last = tuned.map(|slot| (slot, Instant::now()));
        if !goes_on {
            self.remember(now);
        }
    }

    /// After an edit of the project by the panel: how things were before it can come back.
    pub(super) fn edited(&mut self) {
        let now = self.moment();
        if let Some(before) = self.undo.settled.take()
            && !before.same(&now)
        {
            self.remember(before);
        }
        self.undo.settled = Some(now);
    }

    /// What is now is what a later edit is compared with.
    pub(super) fn settle(&mut self) {
        self.undo.settled = Some(self.moment());
        self.show_undo();
    }

    fn remember(&mut self, moment: Moment) {
        let undo = &mut self.undo;
        if undo.done.last().is_none_or(|last| !last.same(&moment)) {
            undo.done.push(moment);
        }
        if undo.done.len() > STEPS {
            undo.done.remove(0);
        }
        undo.undone.clear();
    }

    pub(super) fn undo(&mut self) {
        let now = self.moment();
        while let Some(moment) = self.undo.done.pop() {
            if !moment.same(&now) {
                self.undo.undone.push(now);
                self.go_to(moment);
                return;
            }
        }
    }

    pub(super) fn redo(&mut self) {
        let now = self.moment();
        if let Some(moment) = self.undo.undone.pop() {
            self.undo.done.push(now);
            self.go_to(moment);
        }
    }

    fn go_to(&mut self, moment: Moment) {
        self.undo.last = None;
        let Moment { mut project, clips } = moment;
        self.params.project.update(move |current| {
            project.selected = current.selected;
            if !project.seed_locked {
                project.seed = current.seed;
            }
            project.model.clone_from(&current.model);
            project.model_id.clone_from(&current.model_id);
            *current = project;
        });
        for (slot, clip) in clips.into_iter().enumerate() {
            self.place(slot, clip);
            self.tune(slot);
        }
        self.changed = true;
    }

    fn show_undo(&mut self) {
        let can = (!self.undo.done.is_empty(), !self.undo.undone.is_empty());
        if can != (self.snapshot.can_undo, self.snapshot.can_redo) {
            (self.snapshot.can_undo, self.snapshot.can_redo) = can;
            self.changed = true;
        }
    }
}
