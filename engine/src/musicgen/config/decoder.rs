//! The `decoder` section of a model's configuration: the language model.
//!
//! Worker thread. Pure data.

use candle_core::{Result as CandleResult, Tensor};
use serde::Deserialize;

use super::{unsupported, within};
use crate::error::EngineError;
use crate::request::Precision;

/// The language model, with transformers' names and defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct DecoderConfig {
    /// Tokens of a codebook, without the start token.
    pub vocab_size: usize,
    /// The most steps that the positions were meant for.
    pub max_position_embeddings: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Width of the feed-forward layer.
    pub ffn_dim: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Width of the states.
    pub hidden_size: usize,
    /// Codebooks of all channels together.
    pub num_codebooks: usize,
    /// 1, or 2 for the stereo layout.
    pub audio_channels: usize,
    activation_function: String,
    pub(super) bos_token_id: Option<u32>,
    cross_attention_hidden_size: Option<usize>,
}

impl Default for DecoderConfig {
    /// Hugging Face's defaults, for what a file leaves out.
    fn default() -> Self {
        Self {
            vocab_size: 2048,
            max_position_embeddings: 2048,
            num_hidden_layers: 24,
            ffn_dim: 4096,
            num_attention_heads: 16,
            hidden_size: 1024,
            num_codebooks: 4,
            audio_channels: 1,
            activation_function: "gelu".into(),
            bos_token_id: None,
            cross_attention_hidden_size: None,
        }
    }
}

/// The function between the two feed-forward matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// With the exact error function.
    Gelu,
    /// With the tanh approximation.
    GeluTanh,
    /// Rectifier.
    Relu,
    /// x · sigmoid(x).
    Silu,
}

impl Activation {
    /// Applies it.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn apply(self, x: &Tensor) -> CandleResult<Tensor> {
        match self {
            Self::Gelu => x.gelu_erf(),
            Self::GeluTanh => x.gelu(),
            Self::Relu => x.relu(),
            Self::Silu => x.silu(),
        }
    }
}

impl DecoderConfig {
    pub(super) fn check(&self) -> Result<(), EngineError> {
        within("decoder.vocab_size", self.vocab_size, 2..=1 << 16)?;
        within(
            "decoder.max_position_embeddings",
            self.max_position_embeddings,
            1..=1 << 20,
        )?;
        within("decoder.num_hidden_layers", self.num_hidden_layers, 1..=256)?;
        within("decoder.ffn_dim", self.ffn_dim, 1..=1 << 17)?;
        within(
            "decoder.num_attention_heads",
            self.num_attention_heads,
            1..=256,
        )?;
        // Sinusoids divide by half the width less one.
        within("decoder.hidden_size", self.hidden_size, 4..=1 << 14)?;
        within("decoder.audio_channels", self.audio_channels, 1..=2)?;
        within("decoder.num_codebooks", self.num_codebooks, 1..=64)?;
        if !self.hidden_size.is_multiple_of(self.num_attention_heads)
            || !self.hidden_size.is_multiple_of(2)
        {
            return unsupported(format!(
                "decoder.hidden_size = {} with {} attention heads",
                self.hidden_size, self.num_attention_heads
            ));
        }
        if !self.num_codebooks.is_multiple_of(self.audio_channels) {
            return unsupported(format!(
                "decoder.num_codebooks = {} for {} audio channels",
                self.num_codebooks, self.audio_channels
            ));
        }
        if let Some(width) = self.cross_attention_hidden_size {
            return unsupported(format!("decoder.cross_attention_hidden_size = {width}"));
        }
        self.activation().map(|_| ())
    }

    /// The function of the feed-forward layers.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] for one that is not known here.
    pub fn activation(&self) -> Result<Activation, EngineError> {
        match self.activation_function.as_str() {
            "gelu" => Ok(Activation::Gelu),
            "gelu_new" => Ok(Activation::GeluTanh),
            "relu" => Ok(Activation::Relu),
            "silu" | "swish" => Ok(Activation::Silu),
            other => unsupported(format!("decoder.activation_function = {other}")),
        }
    }

    /// Weights that a step with a prompt reads.
    #[must_use]
    pub fn step_weights(&self) -> usize {
        let (width, inner) = (self.hidden_size, self.ffn_dim);
        // Queries, keys, values and what they are put out through, and the text's half of that.
        let layer = 6 * width * width + 2 * width * inner;
        self.num_hidden_layers * layer + self.num_codebooks * self.vocab_size * width
    }

    /// What its weights are held in when nobody asks for anything.
    #[must_use]
    pub fn precision(&self) -> Precision {
        Precision::for_weights(self.step_weights())
    }

    /// Width of one attention head.
    #[must_use]
    pub fn head_width(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }
}
