//! Where a block goes: the main output, and one for each slot where the host has them.
//!
//! Audio thread; borrowed from the host for a block.

use crate::SLOTS;

/// Left and right of one output.
pub type StereoOut<'a> = (&'a mut [f32], &'a mut [f32]);

/// The buffers of a block.
pub struct Outputs<'a> {
    /// The main output. Its shorter side is the block's length.
    pub main: StereoOut<'a>,
    /// The slots' own outputs. What is longer than the block ends in silence.
    pub slots: [Option<StereoOut<'a>>; SLOTS],
}

impl<'a> Outputs<'a> {
    /// The main output alone.
    #[must_use]
    pub fn stereo(left: &'a mut [f32], right: &'a mut [f32]) -> Self {
        Self {
            main: (left, right),
            slots: [const { None }; SLOTS],
        }
    }
}
