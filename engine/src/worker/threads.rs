//! The threads that work for the engine's, and how they stand back.
//!
//! Made on the worker thread. All run at lowered priority, so that the host's go before them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::error::EngineError;
use crate::musicgen::packed::Team;

/// The threads for a job when its request names no number: the physical cores less one,
/// which is the host's, and at least one.
#[must_use]
pub fn default_threads() -> NonZeroUsize {
    NonZeroUsize::new(num_cpus::get_physical().saturating_sub(1)).unwrap_or(NonZeroUsize::MIN)
}

/// Threads that work for the worker.
pub(super) struct Threads {
    pub(super) asked_for: NonZeroUsize,
    pub(super) pool: rayon::ThreadPool,
    pub(super) team: Arc<Team>,
}

impl Threads {
    /// So many threads for the pool; for the team as many as there are cores, so that a job can
    /// be given more.
    pub(super) fn new(asked_for: NonZeroUsize) -> Result<Self, EngineError> {
        let cores = NonZeroUsize::new(num_cpus::get_physical()).unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            asked_for,
            pool: build_pool(asked_for)?,
            team: Arc::new(Team::new(asked_for.max(cores))?),
        })
    }
}

pub(super) fn build_pool(threads: NonZeroUsize) -> Result<rayon::ThreadPool, EngineError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .thread_name(|index| format!("barline-step-{index}"))
        .start_handler(|_| lower_priority())
        .build()
        .map_err(|error| EngineError::Internal {
            what: format!("no threads: {error}"),
        })
}

/// Lets the host's threads go before the calling one. Where the system refuses, the work is done all
/// the same.
pub fn lower_priority() {
    use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
    if let Ok(value) = ThreadPriorityValue::try_from(20u8) {
        let _ = set_current_thread_priority(ThreadPriority::Crossplatform(value));
    }
}
