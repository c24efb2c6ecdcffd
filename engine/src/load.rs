//! A model on its way into memory: how far it is, and whether anybody still waits for it.
//!
//! Any thread of the pool that loads. Asked before every tensor, so that giving up takes no longer
//! than reading one.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::EngineError;

/// Tells how far it is this often.
const STEPS: u64 = 100;

/// One model being loaded.
pub struct Load {
    unwanted: Box<dyn Fn() -> bool + Send + Sync>,
    /// Hears the share that is done, from 0 to 1.
    tell: Box<dyn Fn(f32) + Send + Sync>,
    /// Hears how many bytes of memory the model will take before they are taken.
    need: Box<dyn Fn(u64) + Send + Sync>,
    total_bytes: AtomicU64,
    done_bytes: AtomicU64,
    /// Held while it is told, or a later share could be told before an earlier one.
    told: Mutex<u32>,
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("total_bytes", &self.total_bytes)
            .field("done_bytes", &self.done_bytes)
            .finish_non_exhaustive()
    }
}

impl Default for Load {
    /// Somebody waits for it to the end, and asks nothing.
    fn default() -> Self {
        Self::new(|| false, |_| (), |_| ())
    }
}

impl Load {
    /// `unwanted` says whether nobody waits any more, `tell` hears the share that is done, `need`
    /// how many bytes of memory the model will take, before it takes them.
    pub fn new(
        unwanted: impl Fn() -> bool + Send + Sync + 'static,
        tell: impl Fn(f32) + Send + Sync + 'static,
        need: impl Fn(u64) + Send + Sync + 'static,
    ) -> Self {
        Self {
            unwanted: Box::new(unwanted),
            tell: Box::new(tell),
            need: Box::new(need),
            total_bytes: AtomicU64::new(0),
            done_bytes: AtomicU64::new(0),
            told: Mutex::new(0),
        }
    }

    /// So many bytes of files are to be read, for so many bytes of memory.
    pub(crate) fn begin(&self, file_bytes: u64, memory_bytes: u64) {
        self.total_bytes.store(file_bytes, Ordering::Relaxed);
        (self.need)(memory_bytes);
    }

    /// # Errors
    /// [`EngineError::Cancelled`] when nobody waits any more.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if (self.unwanted)() {
            return Err(EngineError::Cancelled);
        }
        Ok(())
    }

    /// It is all there: what was not read is not needed.
    pub(crate) fn finish(&self) {
        self.tell_step(STEPS as u32);
    }

    fn tell_step(&self, step: u32) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if step > *told {
            *told = step;
            (self.tell)(step as f32 / STEPS as f32);
        }
    }

    /// So many more bytes of files have become what they are to be in memory.
    ///
    /// # Errors
    /// As [`Load::check`].
    pub(crate) fn advance(&self, bytes: u64) -> Result<(), EngineError> {
        self.check()?;
        let done = self.done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let total = self.total_bytes.load(Ordering::Relaxed);
        if let Some(step) = (done.min(total) * STEPS).checked_div(total) {
            self.tell_step(step as u32);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Mutex};

    #[test]
    fn threads_that_load_together_tell_in_order() {
        for _ in 0..20 {
            let told = Arc::new(Mutex::new(Vec::new()));
            let hear = told.clone();
            let load = Load::new(
                || false,
                move |share| hear.lock().unwrap().push(share),
                |_| (),
            );
            load.begin(100_000, 0);
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..2_500).for_each(|_| load.advance(10).unwrap()));
                }
            });
            let told = told.lock().unwrap();
            assert!(told.is_sorted() && told.last() == Some(&1.0), "{told:?}");
        }
    }

    #[test]
    fn it_tells_every_hundredth_once_and_ends_when_nobody_waits() {
        let (told, gone) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(AtomicBool::new(false)),
        );
        let (hear, unwanted) = (told.clone(), gone.clone());
        let load = Load::new(
            move || unwanted.load(Ordering::Relaxed),
            move |share| hear.lock().unwrap().push(share),
            |_| (),
        );
        load.begin(1000, 0);
        for _ in 0..3 {
            load.advance(4).unwrap();
        }
        load.advance(490).unwrap();
        load.advance(5000).unwrap();
        assert_eq!(*told.lock().unwrap(), [0.01, 0.5, 1.0]);
        gone.store(true, Ordering::Relaxed);
        assert_eq!(load.advance(1), Err(EngineError::Cancelled));
    }
}
