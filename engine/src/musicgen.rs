//! Text → tokens: the language model of MusicGen.
//!
//! Worker thread.

use crate::error::EngineError;

/// One clip in the making.
#[derive(Debug)]
pub struct Generation<'m> {
    _model: &'m (),
}

impl Generation<'_> {
    /// Steps in all: the frames and the delay of the last codebook.
    #[must_use]
    pub fn steps(&self) -> u32 {
        todo!()
    }

    /// Runs one step. Gives the frame of tokens (one for each codebook, un-delayed) that
    /// this step completed, `None` while the delay pattern fills.
    ///
    /// # Errors
    /// [`EngineError::Internal`]. Must not be called more than [`Generation::steps`] times.
    pub fn step(&mut self) -> Result<Option<Vec<u32>>, EngineError> {
        todo!()
    }
}
