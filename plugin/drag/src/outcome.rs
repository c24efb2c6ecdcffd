//! How a drag ended, and why one could not begin.
//!
//! Made on the drag's thread, read on the window's. Never grows a variant that the panel cannot
//! act on.

use std::path::PathBuf;

/// How a drag out of the window ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Outcome {
    /// The target took the files.
    #[error("dropped")]
    Dropped,
    /// The target said no, at once or after the drop.
    #[error("the window there does not take this file: drop it on a track or a folder")]
    Refused,
    /// Let go where nothing takes drops.
    #[error("nothing there takes a file")]
    Nothing,
    /// Let go over the window that the drag came from.
    #[error("dropped where it came from")]
    Ourselves {
        /// Physical pixels from the window's left edge.
        x: i32,
        /// Physical pixels from the window's upper edge.
        y: i32,
    },
    /// Ended by Escape, by [`Drag::cancel`](crate::Drag::cancel) or by the window closing.
    #[error("cancelled")]
    Cancelled,
    /// The target ended, or did not answer within 5 s.
    #[error("the other program does not answer: try again, or use \"Copy file\"")]
    NoAnswer,
    /// The drag could not be carried out.
    #[error("{0}")]
    Failed(#[from] DragError),
}

/// Why nothing can be dragged out of, or dropped into, this window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DragError {
    /// The list of files is empty.
    #[error("there is no file to drag")]
    NoFiles,
    /// A file is not there, or its path is not absolute.
    #[error("{} is missing: make the clip again", .0.display())]
    Missing(PathBuf),
    /// A window of a kind that this build has no drag for, such as one of Wayland.
    #[error("this window system has no drag: use \"Copy file\" or \"Save as\"")]
    UnsupportedWindow,
    /// The window system cannot be reached or refused a request; the text says what it said.
    #[error("the window system refuses the drag ({0}): use \"Copy file\" or \"Save as\"")]
    Display(String),
    /// No thread could be started, or the drag's thread stopped by a fault.
    #[error("the drag stopped: try again")]
    Stopped,
}
