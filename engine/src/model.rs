//! One model in memory: text encoder, decoder and codec with their facts.
//!
//! Worker thread. Loaded once and shared by all jobs; nothing in it changes.

use crate::codec::Codec;
use crate::error::EngineError;
use crate::musicgen::Generation;
use crate::request::{ModelSource, Sampling};

/// A loaded model.
#[derive(Debug)]
pub struct Model {}

impl Model {
    /// Loads all parts and checks every shape.
    ///
    /// # Errors
    /// [`EngineError::ModelMissing`], [`EngineError::ModelFile`], [`EngineError::Unsupported`].
    pub fn load(_source: &ModelSource) -> Result<Self, EngineError> {
        todo!()
    }

    /// The name for facts and messages: "Barline Starter", or the folder's name.
    #[must_use]
    pub fn name(&self) -> &str {
        todo!()
    }

    /// What may be done with its clips, in one plain sentence.
    #[must_use]
    pub fn rights(&self) -> &str {
        todo!()
    }

    /// SHA-256 of its weights.
    #[must_use]
    pub fn sha256(&self) -> &str {
        todo!()
    }

    /// The codec (mono; run once a channel).
    #[must_use]
    pub fn codec(&self) -> &Codec {
        todo!()
    }

    /// Audio channels: 1, or 2 for the stereo layout (codebooks interleaved L0 R0 L1 R1 …).
    #[must_use]
    pub fn channels(&self) -> usize {
        todo!()
    }

    /// The most codec frames that a clip may have.
    #[must_use]
    pub fn limit_frames(&self) -> usize {
        todo!()
    }

    /// Encodes the prompt and gets ready for the first step of a clip of `frames` codec frames.
    ///
    /// # Errors
    /// [`EngineError::PromptTooLong`], [`EngineError::TooLong`], [`EngineError::Internal`].
    pub fn generate(
        &self,
        _prompt: &str,
        _frames: usize,
        _sampling: &Sampling,
        _seed: u64,
    ) -> Result<Generation<'_>, EngineError> {
        todo!()
    }
}
