//! Tokens ↔ audio: the EnCodec of MusicGen.
//!
//! Worker thread. No candle, no threads of its own beyond the pool it runs in.

use crate::error::EngineError;
use crate::weights::Weights;

/// The `audio_encoder` section of a model's `config.json`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct CodecConfig {}

/// A loaded codec for one channel; a stereo model runs it once for each channel.
#[derive(Debug)]
pub struct Codec {}

impl Codec {
    /// Reads the tensors under `prefix` (`"audio_encoder."`).
    ///
    /// # Errors
    /// [`EngineError::ModelFile`] when a tensor is missing or of another shape,
    /// [`EngineError::Unsupported`] for a layout that this codec does not have.
    pub fn load(
        _config: &CodecConfig,
        _weights: &Weights,
        _prefix: &str,
    ) -> Result<Self, EngineError> {
        todo!()
    }

    /// Sample rate.
    #[must_use]
    pub fn rate_hz(&self) -> u32 {
        todo!()
    }

    /// Samples that one frame of tokens makes (640 for 32 kHz at 50 frames a second).
    #[must_use]
    pub fn samples_per_frame(&self) -> usize {
        todo!()
    }

    /// Codebooks a frame (4).
    #[must_use]
    pub fn codebooks(&self) -> usize {
        todo!()
    }

    /// Whole decode: `codes[codebook][frame]` → samples, `frames × samples_per_frame`.
    #[must_use]
    pub fn decode(&self, _codes: &[Vec<u32>]) -> Vec<f32> {
        todo!()
    }

    /// Samples → `codes[codebook][frame]`.
    #[must_use]
    pub fn encode(&self, _samples: &[f32]) -> Vec<Vec<u32>> {
        todo!()
    }

    /// Starts a streamed decode.
    #[must_use]
    pub fn stream(&self) -> DecodeStream<'_> {
        todo!()
    }
}

/// A decode that is handed one frame of tokens at a time.
#[derive(Debug)]
pub struct DecodeStream<'c> {
    _codec: &'c Codec,
}

impl DecodeStream<'_> {
    /// Takes one frame (a token for each codebook) and appends to `out` the audio that
    /// later tokens can't change any more.
    pub fn push(&mut self, _frame: &[u32], _out: &mut Vec<f32>) {
        todo!()
    }

    /// Appends the rest.
    pub fn finish(self, _out: &mut Vec<f32>) {
        todo!()
    }
}
