//! Keys that are pressed over the window and that the window has no use for.
//!
//! Set on the window's thread; keys are passed on by a thread of its own. Never keeps a key from the
//! window itself.

use crate::{DragError, NativeWindow};

/// What the window keeps from its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Every key: text is being typed.
    All,
    /// These characters, in lower case.
    Some {
        /// Without Ctrl, Alt and Super. Escape is `\u{1b}`.
        plain: String,
        /// With Ctrl.
        control: String,
    },
}

/// Passes the keys that a window does not keep on to its host, until it is dropped.
///
/// X11 gives a key to one window only, the one with the focus or under the pointer. A host whose
/// plugin has been clicked would have no Space to start its transport with.
#[derive(Debug)]
pub struct HostKeys {
    #[cfg(all(unix, not(target_os = "macos")))]
    listener: crate::x11::host_keys::Listener,
}

impl HostKeys {
    /// Begins with every key kept.
    ///
    /// # Errors
    /// [`DragError::UnsupportedWindow`] on Windows and macOS, where the window itself leaves keys
    /// to its host; [`DragError::Display`] when the display cannot be reached,
    /// [`DragError::Stopped`] when no thread can be started.
    pub fn pass_on(window: NativeWindow) -> Result<Self, DragError> {
        #[cfg(all(unix, not(target_os = "macos")))]
        {
            let listener = crate::x11::host_keys::Listener::start(window)?;
            Ok(Self { listener })
        }
        #[cfg(not(all(unix, not(target_os = "macos"))))]
        {
            let _ = window;
            Err(DragError::UnsupportedWindow)
        }
    }

    /// What is kept from now on.
    pub fn keep(&self, kept: Kept) {
        #[cfg(all(unix, not(target_os = "macos")))]
        self.listener.keep(kept);
        #[cfg(not(all(unix, not(target_os = "macos"))))]
        let _ = kept;
    }
}
