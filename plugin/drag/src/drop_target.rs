//! Files dropped into the window.
//!
//! Asked on the window's thread; what other programs send is read on a thread of its own.

use std::path::PathBuf;

use crate::{DragError, NativeWindow};

/// What a drag over the window does. Positions are physical pixels from its upper left corner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropEvent {
    /// Files are held over the window. Comes again whenever they move.
    Hover {
        /// From the left edge.
        x: i32,
        /// From the upper edge.
        y: i32,
    },
    /// They left, or the drag was cancelled.
    Leave,
    /// They were let go. Local files only; empty when what was dropped has none or could not be
    /// read, which is worth a line in the panel.
    Drop {
        /// As the other program named them: they may be folders, or gone.
        paths: Vec<PathBuf>,
        /// From the left edge.
        x: i32,
        /// From the upper edge.
        y: i32,
    },
}

/// Listens for files that are dropped into a window, until it is dropped itself.
#[derive(Debug)]
pub struct DropTarget {
    #[cfg(all(unix, not(target_os = "macos")))]
    listener: crate::x11::drop_target::Listener,
}

impl DropTarget {
    /// Begins to listen. `wake` is called from another thread after each event.
    ///
    /// # Errors
    /// [`DragError::UnsupportedWindow`] on Windows and macOS (see the crate's head),
    /// [`DragError::Stopped`] when no thread can be started. A display that cannot be reached
    /// is silent: there is no window that anything could be dropped into.
    pub fn listen(
        window: NativeWindow,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Self, DragError> {
        #[cfg(all(unix, not(target_os = "macos")))]
        {
            let listener = crate::x11::drop_target::Listener::start(window, wake)?;
            Ok(Self { listener })
        }
        #[cfg(not(all(unix, not(target_os = "macos"))))]
        {
            let _ = (window, wake);
            Err(DragError::UnsupportedWindow)
        }
    }

    /// What happened since this was last called, oldest first. Never waits.
    pub fn events(&self) -> impl Iterator<Item = DropEvent> + '_ {
        #[cfg(all(unix, not(target_os = "macos")))]
        {
            self.listener.events()
        }
        #[cfg(not(all(unix, not(target_os = "macos"))))]
        {
            std::iter::empty()
        }
    }

    /// Whether a drop at the last hovered place would be taken; it is from the start on. The
    /// source shows it at its pointer.
    pub fn set_welcome(&self, welcome: bool) {
        #[cfg(all(unix, not(target_os = "macos")))]
        self.listener.set_welcome(welcome);
        #[cfg(not(all(unix, not(target_os = "macos"))))]
        let _ = welcome;
    }
}
