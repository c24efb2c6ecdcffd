//! Who is next: the jobs of all who share the engine, in their order.
//!
//! Any thread but the audio thread; a lock is held only to move handles about.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::ticket::Ticket;
use super::{JobId, TOGETHER};
use crate::event::EngineEvent;
use crate::job::{self, Order};

/// Rows of the decoder that are worth making together: more save little, and so many keep the sums
/// of a product in the registers.
const ROWS_TOGETHER: usize = 8;

/// One job of the queue, for those who show it.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueEntry {
    /// Its name: that of the [`super::Job`] of whoever asked for it.
    pub id: JobId,
    /// The text that was asked for.
    pub prompt: String,
    /// The model's name: "Barline Starter", or its folder's.
    pub model: String,
    /// Whether the worker is at it: it loads its model, makes it or fits it.
    pub running: bool,
    /// Jobs before it; 0 for those that are made now, which may be several.
    pub position: usize,
    /// Share of its steps that are done, from 0 to 1.
    pub done: f32,
    /// Until it is finished, as measured here; `None` while nobody knows.
    pub seconds_left: Option<f32>,
}

/// What the worker finds when it looks.
pub(super) enum Next {
    /// Jobs that are made together.
    Jobs(Vec<Arc<Ticket>>),
    /// Nothing came in the time that it was ready to wait, or it was called for something else.
    Idle,
    /// Nobody can ask any more.
    Closed,
}

/// The jobs that have not ended.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    working: Vec<Arc<Ticket>>,
    waiting: VecDeque<Arc<Ticket>>,
    called: bool,
    closed: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts jobs behind all others, and tells each how many are before it.
    pub(super) fn push(&self, tickets: impl IntoIterator<Item = Arc<Ticket>>) {
        let mut state = self.state();
        for ticket in tickets {
            ticket.send(EngineEvent::Queued {
                ahead: state.ahead_of_the_last(),
            });
            state.waiting.push_back(ticket);
        }
        self.changed.notify_all();
    }

    /// Takes a job out that has ended while it waited.
    pub(super) fn forget(&self, id: JobId) {
        let mut state = self.state();
        let before = state.waiting.len();
        state.waiting.retain(|ticket| ticket.id != id);
        if state.waiting.len() < before {
            state.tell();
        }
    }

    /// Whether a job waits for the worker.
    pub(super) fn is_waited_in(&self) -> bool {
        !self.state().waiting.is_empty()
    }

    /// Waits for the next jobs, at most so long; takes them.
    pub(super) fn next(&self, patience: Option<Duration>) -> Next {
        let mut state = self.state();
        loop {
            if !state.waiting.is_empty() {
                let together = state.take_alike();
                state.working.clone_from(&together);
                state.tell();
                return Next::Jobs(together);
            }
            if state.closed {
                return Next::Closed;
            }
            if std::mem::take(&mut state.called) {
                return Next::Idle;
            }
            state = match patience {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let waited = self.changed.wait_timeout(state, patience);
                    let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
                    if waited.timed_out() && state.waiting.is_empty() && !state.closed {
                        state.called = false;
                        return Next::Idle;
                    }
                    state
                }
            };
        }
    }

    /// The worker is done with the jobs that it took.
    pub(super) fn done(&self) {
        let mut state = self.state();
        state.working.clear();
        state.tell();
    }

    /// Lets the worker look after something else than jobs.
    pub(super) fn call(&self) {
        self.state().called = true;
        self.changed.notify_all();
    }

    /// No more jobs come; those that wait end.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        for ticket in state.waiting.drain(..) {
            ticket.end(EngineEvent::Cancelled);
        }
        self.changed.notify_all();
    }

    /// All jobs that have not ended, in their order.
    pub(super) fn entries(&self) -> Vec<QueueEntry> {
        let state = self.state();
        let mut entries = Vec::with_capacity(state.working.len() + state.waiting.len());
        let open = |ticket: &&Arc<Ticket>| !ticket.ended();
        for ticket in state.working.iter().filter(open) {
            entries.push(entry(ticket, true, 0));
        }
        for ticket in state.waiting.iter().filter(open) {
            entries.push(entry(ticket, false, entries.len()));
        }
        entries
    }
}

impl State {
    fn working(&self) -> usize {
        let open = self.working.iter().filter(|ticket| !ticket.ended());
        open.count()
    }

    fn ahead_of_the_last(&self) -> usize {
        self.working() + self.waiting.len()
    }

    /// Tells those that wait how many are before them.
    fn tell(&self) {
        let working = self.working();
        for (before, ticket) in self.waiting.iter().enumerate() {
            ticket.send(EngineEvent::Queued {
                ahead: working + before,
            });
        }
    }

    /// The next ticket and those behind it that can be made with it.
    fn take_alike(&mut self) -> Vec<Arc<Ticket>> {
        let waiting = &mut self.waiting;
        let mut together: Vec<Arc<Ticket>> = waiting.pop_front().into_iter().collect();
        let rows = together.first().map_or(1, |first| first.request.rows());
        let most = (ROWS_TOGETHER / rows).clamp(1, TOGETHER);
        while together.len() < most
            && let (Some(first), Some(next)) = (together.first(), waiting.front())
            && job::alike(&first.request, &next.request)
        {
            together.extend(waiting.pop_front());
        }
        together
    }
}

fn entry(ticket: &Ticket, running: bool, position: usize) -> QueueEntry {
    let (done, seconds_left) = ticket.course();
    QueueEntry {
        id: ticket.id,
        prompt: ticket.request.prompt.clone(),
        model: ticket.request.model.name(),
        running,
        position,
        done,
        seconds_left,
    }
}
