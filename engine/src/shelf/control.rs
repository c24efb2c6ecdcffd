//! The handle that pauses or cancels a fetch from another thread.
//!
//! Any thread but the audio thread (it takes a lock). What waits for the network then ends at once:
//! the connections are shut down under it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::FetchError;

const GO: u8 = 0;
const PAUSE: u8 = 1;
const CANCEL: u8 = 2;

/// How often one who waits looks whether it is to stop.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Pauses or cancels one fetch. Clones are handles of the same fetch; every fetch takes a new one.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    wish: AtomicU8,
    /// Whose connections are shut down when it is to stop.
    agent: Mutex<Option<ureq::Agent>>,
}

impl Control {
    /// A handle that lets the fetch go on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the fetch with [`FetchError::Paused`]; what has come is kept, and the next fetch goes
    /// on from there, in this process or another.
    pub fn pause(&self) {
        self.stop(PAUSE);
    }

    /// Ends the fetch with [`FetchError::Cancelled`]; what has come and nobody uses is deleted.
    pub fn cancel(&self) {
        self.stop(CANCEL);
    }

    /// Whether it was paused or cancelled.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.check().is_err()
    }

    fn stop(&self, wish: u8) {
        // A cancelled fetch is not to be paused.
        self.0.wish.fetch_max(wish, Ordering::AcqRel);
        let agent = self.0.agent.lock();
        if let Some(agent) = agent.unwrap_or_else(PoisonError::into_inner).take() {
            agent.shutdown();
        }
    }

    /// Lets these connections end when the fetch is to.
    pub(super) fn watch(&self, agent: &ureq::Agent) {
        let mut kept = self.0.agent.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(agent.clone());
        drop(kept);
        // It may have been stopped before.
        if self.check().is_err() {
            agent.clone().shutdown();
        }
    }

    /// An error when the fetch is to end.
    pub(super) fn check(&self) -> Result<(), FetchError> {
        match self.0.wish.load(Ordering::Acquire) {
            GO => Ok(()),
            PAUSE => Err(FetchError::Paused),
            _ => Err(FetchError::Cancelled),
        }
    }

    /// Waits so long, unless the fetch is to end.
    pub(super) fn sleep(&self, time: Duration) -> Result<(), FetchError> {
        let end = Instant::now() + time;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancelled_is_not_paused_any_more() {
        let control = Control::new();
        assert_eq!(control.check(), Ok(()));
        control.pause();
        assert_eq!(control.check(), Err(FetchError::Paused));
        control.cancel();
        control.pause();
        assert_eq!(control.check(), Err(FetchError::Cancelled));
        let begin = Instant::now();
        assert!(control.sleep(Duration::from_secs(9)).is_err());
        assert!(begin.elapsed() < Duration::from_secs(1));
    }
}
