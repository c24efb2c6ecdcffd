//! What can wait until a model is in use: the hash of its weights, and keeping them packed.
//!
//! A thread of its own, at lowered priority, that ends when the model is dropped. A clip begins
//! seconds earlier so; the hash is needed only when it is done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::EngineError;
use crate::musicgen::packed::ToKeep;
use crate::weights::Weights;
use crate::worker::lower_priority;

/// How often one who needs the hash looks whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The SHA-256 of a model's weights, known or on its way.
#[derive(Debug)]
pub(super) struct Keeper {
    sha256: Arc<OnceLock<String>>,
    weights: Arc<Weights>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    /// Of weights whose hash is known.
    pub(super) fn knowing(weights: Arc<Weights>, sha256: String) -> Self {
        Self {
            sha256: Arc::new(OnceLock::from(sha256)),
            weights,
            stop: Arc::default(),
            thread: Mutex::default(),
        }
    }

    /// Starts to hash the weights, and then to keep what is to be kept.
    ///
    /// # Errors
    /// [`EngineError::Internal`] when the system gives no thread.
    pub(super) fn start(weights: Arc<Weights>, keep: Option<ToKeep>) -> Result<Self, EngineError> {
        let (sha256, stop) = (Arc::new(OnceLock::new()), Arc::new(AtomicBool::new(false)));
        let (result, read, stopped) = (sha256.clone(), weights.clone(), stop.clone());
        let work = move || {
            lower_priority();
            let stop = || stopped.load(Ordering::Relaxed);
            let Some(hash) = read.sha256_unless(&stop) else {
                return;
            };
            let _ = result.set(hash.clone());
            if let Some(keep) = keep {
                keep.write(&hash, &stop);
            }
        };
        let thread = std::thread::Builder::new()
            .name("barline-keep".into())
            .spawn(work)
            .map_err(|error| EngineError::Internal {
                what: format!("no thread: {error}"),
            })?;
        Ok(Self {
            sha256,
            weights,
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The hash; waits for it where it is not known yet.
    pub(super) fn sha256(&self) -> &str {
        while self.sha256.get().is_none() && self.is_running() {
            std::thread::sleep(LOOK_EVERY);
        }
        // A thread that failed leaves it to us.
        self.sha256.get_or_init(|| self.weights.sha256())
    }

    fn is_running(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // What it panicked of is no use to anybody: the next start does it again.
            let _ = thread.join();
        }
    }
}
