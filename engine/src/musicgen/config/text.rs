//! The `text_encoder` section of a model's configuration: T5's encoder.
//!
//! Worker thread. Pure data.

use candle_nn::Activation;
use candle_transformers::models::t5;
use serde::Deserialize;

use super::{unsupported, within};
use crate::error::EngineError;

/// T5's encoder, with transformers' names and defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct TextConfig {
    model_type: String,
    /// Entries of the vocabulary.
    pub vocab_size: usize,
    /// Width of the states.
    pub d_model: usize,
    /// Width of one attention head.
    pub d_kv: usize,
    /// Width of the feed-forward layer.
    pub d_ff: usize,
    /// Layers.
    pub num_layers: usize,
    /// Attention heads.
    pub num_heads: usize,
    /// Buckets of relative distance, both directions together.
    pub relative_attention_num_buckets: usize,
    /// Distances from here on share a bucket.
    pub relative_attention_max_distance: usize,
    /// Added to the variance in layer norms.
    pub layer_norm_epsilon: f64,
    feed_forward_proj: String,
}

impl Default for TextConfig {
    /// Hugging Face's defaults, for what a file leaves out.
    fn default() -> Self {
        Self {
            model_type: "t5".into(),
            vocab_size: 32_128,
            d_model: 512,
            d_kv: 64,
            d_ff: 2048,
            num_layers: 6,
            num_heads: 8,
            relative_attention_num_buckets: 32,
            relative_attention_max_distance: 128,
            layer_norm_epsilon: 1e-6,
            feed_forward_proj: "relu".into(),
        }
    }
}

impl TextConfig {
    pub(super) fn check(&self) -> Result<(), EngineError> {
        if self.model_type != "t5" {
            return unsupported(format!(
                "a text encoder of type {}, not t5",
                self.model_type
            ));
        }
        within("text_encoder.vocab_size", self.vocab_size, 1..=1 << 20)?;
        within("text_encoder.d_model", self.d_model, 1..=1 << 14)?;
        within("text_encoder.d_kv", self.d_kv, 1..=1 << 12)?;
        within("text_encoder.d_ff", self.d_ff, 1..=1 << 17)?;
        within("text_encoder.num_layers", self.num_layers, 1..=256)?;
        within("text_encoder.num_heads", self.num_heads, 1..=256)?;
        let buckets = self.relative_attention_num_buckets;
        within(
            "text_encoder.relative_attention_num_buckets",
            buckets,
            4..=1 << 12,
        )?;
        // Half of the buckets is for a direction, half of these for single distances.
        let distance = self.relative_attention_max_distance;
        within(
            "text_encoder.relative_attention_max_distance",
            distance,
            buckets / 4 + 1..=1 << 16,
        )?;
        within(
            "text_encoder.layer_norm_epsilon",
            self.layer_norm_epsilon,
            0.0..=0.1,
        )?;
        match self.feed_forward_proj.as_str() {
            "relu" | "gated-gelu" | "gated-silu" => Ok(()),
            other => unsupported(format!("text_encoder.feed_forward_proj = {other}")),
        }
    }

    /// Whether the feed-forward layer has a gate.
    #[must_use]
    pub fn gated(&self) -> bool {
        self.feed_forward_proj.starts_with("gated-")
    }

    /// The same for candle's encoder.
    #[must_use]
    pub fn for_candle(&self) -> t5::Config {
        let activation = match self.feed_forward_proj.as_str() {
            "gated-gelu" => Activation::NewGelu,
            "gated-silu" => Activation::Silu,
            _ => Activation::Relu,
        };
        t5::Config {
            vocab_size: self.vocab_size,
            d_model: self.d_model,
            d_kv: self.d_kv,
            d_ff: self.d_ff,
            num_layers: self.num_layers,
            num_heads: self.num_heads,
            relative_attention_num_buckets: self.relative_attention_num_buckets,
            relative_attention_max_distance: self.relative_attention_max_distance,
            layer_norm_epsilon: self.layer_norm_epsilon,
            feed_forward_proj: t5::ActivationWithOptionalGating {
                gated: self.gated(),
                activation,
            },
            is_decoder: false,
            use_cache: false,
            ..t5::Config::default()
        }
    }
}
