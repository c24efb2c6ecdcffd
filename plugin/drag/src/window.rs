//! The panel's window as the window system names it.
//!
//! Taken on the window's thread, may be sent to others. Never keeps the window alive.

use raw_window_handle::{HasWindowHandle, RawWindowHandle};

use crate::DragError;

/// A window that files are dragged out of or dropped into.
///
/// Only a name: it may go on to exist when the window is gone, and what uses it then ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NativeWindow {
    /// The X11 window, the `HWND` or the `NSView`'s address.
    pub(crate) id: usize,
}

impl NativeWindow {
    /// The window behind anything with a raw handle, such as `Frame::baseview_window()`.
    ///
    /// # Errors
    /// [`DragError::UnsupportedWindow`] when the handle is of another window system than this
    /// build's, or when the window is gone.
    pub fn of(window: &impl HasWindowHandle) -> Result<Self, DragError> {
        let handle = window
            .window_handle()
            .map_err(|_| DragError::UnsupportedWindow)?;
        let id = match handle.as_raw() {
            #[cfg(all(unix, not(target_os = "macos")))]
            RawWindowHandle::Xcb(xcb) => usize::try_from(xcb.window.get()).ok(),
            #[cfg(all(unix, not(target_os = "macos")))]
            RawWindowHandle::Xlib(xlib) => usize::try_from(xlib.window).ok(),
            #[cfg(windows)]
            RawWindowHandle::Win32(win32) => Some(win32.hwnd.get().cast_unsigned()),
            #[cfg(target_os = "macos")]
            RawWindowHandle::AppKit(view) => Some(view.ns_view.as_ptr().expose_provenance()),
            _ => None,
        };
        id.map(|id| Self { id }).ok_or(DragError::UnsupportedWindow)
    }

    /// The X11 window with this id.
    #[cfg(all(unix, not(target_os = "macos")))]
    #[must_use]
    pub fn x11(id: u32) -> Self {
        Self { id: id as usize }
    }
}
