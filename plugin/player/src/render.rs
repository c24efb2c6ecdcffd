//! Rooms that rendering works in, shared by all slots.
//!
//! Made with the player; used on the audio thread, for one slot after the other. Holds nothing from
//! one use to the next.

use crate::fade::TAIL_FRAMES;
use crate::kernel::{Bank, MOST_TAPS};

/// Frames of one pass through the slots.
pub(crate) const PASS_FRAMES: usize = 512;

/// Clip frames that are laid out in a row for interpolation.
pub(crate) const SPAN_FRAMES: usize = 1024 + MOST_TAPS;

/// What makes samples between samples.
pub(crate) struct Render {
    pub(crate) bank: Bank,
    /// A stretch of the clip, left and right.
    pub(crate) span: Box<[[f32; SPAN_FRAMES]; 2]>,
}

/// All of them.
pub(crate) struct Workbench {
    pub(crate) render: Render,
    /// The end of a voice that was cut.
    pub(crate) cut: Box<[[f32; TAIL_FRAMES]; 2]>,
}

impl Workbench {
    /// Allocates.
    pub(crate) fn new() -> Self {
        Self {
            render: Render {
                bank: Bank::new(),
                span: Box::new([[0.0; SPAN_FRAMES]; 2]),
            },
            cut: Box::new([[0.0; TAIL_FRAMES]; 2]),
        }
    }
}
