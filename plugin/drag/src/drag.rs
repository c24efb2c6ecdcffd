//! One drag of files out of the window, from press to outcome.
//!
//! Started, asked and dropped on the window's thread; the drag runs on another. Never blocks the
//! window's thread longer than it takes to tell the other to end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{DragError, NativeWindow, Outcome};

#[cfg(windows)]
use crate::windows::source;
#[cfg(all(unix, not(target_os = "macos")))]
use crate::x11::source;

/// A drag's thread ends this fast when told to; only a hung window system takes longer.
const LONGEST_END: Duration = Duration::from_millis(250);

/// A drag that is under way or has ended.
///
/// Dropping it cancels a drag that is under way.
#[derive(Debug)]
pub struct Drag {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the drag's thread and its owner both see.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    outcome: OnceLock<Outcome>,
    cancelled: AtomicBool,
}

impl Shared {
    /// Ends the drag, unless it has ended.
    pub(crate) fn end(&self, outcome: Outcome) {
        let _ = self.outcome.set(outcome);
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    pub(crate) fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
}

impl Drag {
    /// Drags `files` out of `window`, from under the pointer, while a mouse button is held.
    ///
    /// The files must be whole and permanent: a host keeps their paths. They are offered for
    /// copying only. `wake` is called from another thread once the outcome is there.
    ///
    /// On macOS this must be called on the main thread, from within the handling of the mouse.
    ///
    /// # Errors
    /// [`DragError::NoFiles`], or [`DragError::Stopped`] when no thread can be started. All that
    /// is found out later is an [`Outcome::Failed`].
    pub fn start(
        window: NativeWindow,
        files: Vec<PathBuf>,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Self, DragError> {
        if files.is_empty() {
            return Err(DragError::NoFiles);
        }
        Self::begin(window, files, wake)
    }

    /// The system runs the drag, and wants to be asked on the main thread.
    #[cfg(target_os = "macos")]
    fn begin(
        window: NativeWindow,
        files: Vec<PathBuf>,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Self, DragError> {
        let shared = Arc::new(Shared::default());
        crate::macos::begin(window, files, Arc::clone(&shared), wake)?;
        Ok(Self {
            shared,
            thread: None,
        })
    }

    #[cfg(not(target_os = "macos"))]
    fn begin(
        window: NativeWindow,
        files: Vec<PathBuf>,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Self, DragError> {
        use std::panic::{AssertUnwindSafe, catch_unwind};

        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("barline drag".to_owned())
            .spawn(move || {
                let run = || source::run(window, &files, &of_thread);
                let outcome = catch_unwind(AssertUnwindSafe(run))
                    .unwrap_or(Outcome::Failed(DragError::Stopped));
                of_thread.end(outcome);
                wake();
            })
            .map_err(|_| DragError::Stopped)?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// How the drag ended; `None` while it is under way. Never waits.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.shared.outcome.get().cloned()
    }

    /// Ends the drag as [`Outcome::Cancelled`], a few milliseconds from now. Once the files are
    /// dropped this comes too late. Windows and macOS end a drag by Escape only.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Release);
    }
}

impl Drop for Drag {
    fn drop(&mut self) {
        self.cancel();
        // The thread runs code of this library, which the host may unload next.
        let begin = Instant::now();
        while let Some(thread) = &self.thread {
            if thread.is_finished() || begin.elapsed() > LONGEST_END {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The first file that is not there, or is no absolute path.
pub(crate) fn missing(files: &[PathBuf]) -> Option<DragError> {
    files
        .iter()
        .find(|path| !path.is_absolute() || !path.is_file())
        .map(|path| DragError::Missing(path.clone()))
}
