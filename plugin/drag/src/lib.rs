//! Files and keys between Barline's window and the rest of the desktop.
//!
//! Out of the window: [`Drag`] to a host's timeline or a file manager, [`copy_files`] to the
//! clipboard, [`save_as`], [`reveal`], and [`bin`]. Into it: [`DropTarget`]. To its host: [`HostKeys`].
//!
//! Everything here is called from the window's thread and returns at once; what has to wait runs
//! on a thread of its own and is asked for its outcome later. Nothing here may block the caller,
//! panic, or be called from the audio thread. No file that is dragged or copied is ever deleted
//! here: hosts refer to it where it lies.
//!
//! | system | drag out | drops in | copy | save as | reveal | bin | keys |
//! |---|---|---|---|---|---|---|---|
//! | X11 | XDND, written here | XDND, written here | written here | portal or zenity (`rfd`) | D-Bus or `xdg-open` | `trash` | sent on, written here |
//! | Windows | crate `drag` | no | `arboard` | `rfd` | `explorer` | `trash` | baseview |
//! | macOS | crate `drag` | no | `arboard` | `rfd` | `open -R` | `trash` | baseview |
//!
//! Drops into the window on Windows and macOS are no work for this crate: the window's own
//! `IDropTarget` or `NSDraggingDestination` belongs to baseview, which hands each drop to
//! egui-baseview, which forgets it. A second target cannot be registered beside it.
//!
//! # How a panel uses it
//!
//! `Frame::baseview_window()` of egui-baseview is what [`NativeWindow::of`] wants. A drag is
//! started on the first frame on which egui says so, and asked on every later one:
//!
//! ```no_run
//! # use std::path::PathBuf;
//! # use barline_drag::{Drag, DropEvent, DropTarget, NativeWindow, Outcome};
//! # fn frame(
//! #     window: &impl raw_window_handle::HasWindowHandle,
//! #     repaint: impl Fn() + Clone + Send + 'static,
//! #     drag_started: bool,
//! #     file: PathBuf,
//! #     drag: &mut Option<Drag>,
//! #     drops: &mut Option<DropTarget>,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! // In `build`: `window` is `frame.baseview_window()`, `repaint` is `|| context.request_repaint()`.
//! *drops = Some(DropTarget::listen(NativeWindow::of(window)?, repaint.clone())?);
//!
//! // In `ui`, where `response.drag_started()`:
//! if drag_started {
//!     *drag = Some(Drag::start(NativeWindow::of(window)?, vec![file], repaint)?);
//! }
//! // In `ui`, always. Positions are physical pixels: divide by `ui.ctx().pixels_per_point()`.
//! match drag.as_ref().and_then(Drag::outcome) {
//!     None => {}
//!     Some(Outcome::Ourselves { x, y }) => println!("moved to the slot at {x}, {y}"),
//!     Some(Outcome::Dropped | Outcome::Nothing | Outcome::Cancelled) => *drag = None,
//!     Some(other) => println!("{other}"),
//! }
//! for event in drops.iter().flat_map(DropTarget::events) {
//!     match event {
//!         DropEvent::Hover { x, y } => println!("light up the slot at {x}, {y}"),
//!         DropEvent::Leave => println!("no light"),
//!         DropEvent::Drop { paths, x, y } => println!("{paths:?} for the slot at {x}, {y}"),
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! Drop the [`DropTarget`] when the editor closes.

mod bin;
mod copy;
mod drag;
mod drop_target;
mod host_keys;
mod outcome;
mod pending;
mod reveal;
mod save_as;
mod window;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(all(unix, not(target_os = "macos")))]
mod uri;
#[cfg(windows)]
mod windows;
#[cfg(all(unix, not(target_os = "macos")))]
mod x11;

pub use bin::{BinError, bin};
pub use copy::{CopyError, copy_files};
pub use drag::Drag;
pub use drop_target::{DropEvent, DropTarget};
pub use host_keys::{HostKeys, Kept};
pub use outcome::{DragError, Outcome};
pub use pending::Pending;
pub use reveal::{RevealError, reveal};
pub use save_as::{SaveAs, SaveError, save_as};
pub use window::NativeWindow;
