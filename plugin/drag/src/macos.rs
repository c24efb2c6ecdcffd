//! Drags out of the window on macOS, by the crate `drag` (an `NSDraggingSession`).
//!
//! Begun on the main thread, from within the handling of the mouse; the system runs the drag and
//! calls back on the main thread. Never waits. A drop on our own window comes back as
//! [`Outcome::Cancelled`]: the system does not say where it ended in our pixels.

#![allow(unsafe_code, reason = "a window handle can only be made again so")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::Arc;

use raw_window_handle::{
    AppKitWindowHandle, HandleError, HasWindowHandle, RawWindowHandle, WindowHandle,
};

use crate::drag::{Shared, missing};
use crate::{DragError, NativeWindow, Outcome};

/// What the picture at the pointer shows; without one there is no drag.
const PICTURE: &[u8] = include_bytes!("clip.png");

/// Begins a drag; its end is told to `shared`.
pub(crate) fn begin(
    window: NativeWindow,
    files: Vec<PathBuf>,
    shared: Arc<Shared>,
    wake: impl Fn() + Send + 'static,
) -> Result<(), DragError> {
    if let Some(error) = missing(&files) {
        return Err(error);
    }
    let view = std::ptr::with_exposed_provenance_mut(window.id);
    let handle = Handle(NonNull::new(view).ok_or(DragError::UnsupportedWindow)?);
    let on_end = move |result, _| {
        shared.end(match result {
            drag::DragResult::Dropped => Outcome::Dropped,
            drag::DragResult::Cancel => Outcome::Cancelled,
        });
        wake();
    };
    let start = || {
        drag::start_drag(
            &handle,
            drag::DragItem::Files(files),
            drag::Image::Raw(PICTURE.to_vec()),
            on_end,
            drag::Options::default(),
        )
    };
    // The crate panics on a view that has no window.
    match catch_unwind(AssertUnwindSafe(start)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(DragError::Display(error.to_string())),
        Err(_) => Err(DragError::Stopped),
    }
}

struct Handle(NonNull<std::ffi::c_void>);

impl HasWindowHandle for Handle {
    fn window_handle(&self) -> Result<WindowHandle<'_>, HandleError> {
        let raw = RawWindowHandle::AppKit(AppKitWindowHandle::new(self.0));
        // SAFETY: the panel starts drags from its own frame, while its view lives.
        Ok(unsafe { WindowHandle::borrow_raw(raw) })
    }
}
