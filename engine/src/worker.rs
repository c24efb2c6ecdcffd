//! The engine's thread: a queue of jobs, one at a time, with cancel at every step.
//!
//! `Engine` and `Job` are handles for any thread; `submit` and `cancel` never wait.

use std::sync::Arc;

use crossbeam_channel::Receiver;

use crate::error::EngineError;
use crate::event::EngineEvent;
use crate::request::GenerateRequest;

/// Names a job within the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// A handle on the worker thread; the thread ends when the last handle is dropped.
#[derive(Debug)]
pub struct Engine {}

impl Engine {
    /// The one engine of this process, shared by all who hold it.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        todo!()
    }

    /// Puts a request in the queue.
    ///
    /// # Errors
    /// What [`GenerateRequest::check`] refuses, and [`EngineError::Stopped`].
    pub fn submit(&self, _request: GenerateRequest) -> Result<Job, EngineError> {
        todo!()
    }
}

/// A submitted request. Dropping it cancels it: nobody is left to hear the clip.
#[derive(Debug)]
pub struct Job {
    events: Receiver<EngineEvent>,
}

impl Job {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> JobId {
        todo!()
    }

    /// News, in order; disconnected after the last.
    #[must_use]
    pub fn events(&self) -> &Receiver<EngineEvent> {
        &self.events
    }

    /// Asks the worker to stop within two steps.
    pub fn cancel(&self) {
        todo!()
    }
}
