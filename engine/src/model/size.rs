//! The sizes that MusicGen is published in, and the starter's.
//!
//! Any thread. For measuring and predicting without any file of a model: the shapes are facts of
//! the published configurations (facebook/musicgen-small, -medium, -large: `config.json`).

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::STARTER;
use crate::error::EngineError;
use crate::musicgen::Config;

/// A size of model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// The model compiled into the binary.
    Starter,
    /// 300 million weights a step.
    Small,
    /// 1.5 billion.
    Medium,
    /// 3.3 billion.
    Large,
}

impl Size {
    /// All of them, the smallest first.
    pub const ALL: [Self; 4] = [Self::Starter, Self::Small, Self::Medium, Self::Large];

    /// The configuration of a model of this size.
    ///
    /// # Errors
    /// None in practice: the texts are ours.
    pub fn config(self) -> Result<Config, EngineError> {
        let (layers, heads, width) = match self {
            Self::Starter => {
                let text = String::from_utf8_lossy(STARTER.config);
                return Config::parse(Path::new("starter/config.json"), &text, None);
            }
            Self::Small => (24, 16, 1024),
            Self::Medium => (48, 24, 1536),
            Self::Large => (48, 32, 2048),
        };
        let config = serde_json::json!({
            "model_type": "musicgen",
            "text_encoder": {
                "model_type": "t5",
                "vocab_size": 32128,
                "d_model": 768,
                "d_kv": 64,
                "d_ff": 3072,
                "num_layers": 12,
                "num_heads": 12,
                "feed_forward_proj": "relu",
            },
            "decoder": {
                "num_hidden_layers": layers,
                "num_attention_heads": heads,
                "hidden_size": width,
                "ffn_dim": 4 * width,
                "num_codebooks": 4,
                "vocab_size": 2048,
            },
            "audio_encoder": {
                "model_type": "encodec",
                "sampling_rate": 32000,
                "num_filters": 64,
                "upsampling_ratios": [8, 5, 4, 4],
                "target_bandwidths": [2.2],
                "codebook_size": 2048,
                "use_causal_conv": false,
                "use_conv_shortcut": false,
                "norm_type": "weight_norm",
            },
        });
        Config::parse(Path::new("config.json"), &config.to_string(), None)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starter => "starter",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        })
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|size| size.to_string() == text);
        named.ok_or_else(|| format!("{text} is none of starter, small, medium, large"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_a_configuration_that_runs() {
        for size in Size::ALL {
            let config = size.config().unwrap();
            assert_eq!(config.decoder.num_codebooks, 4);
            assert_eq!(size.to_string().parse(), Ok(size));
        }
        assert!("huge".parse::<Size>().is_err());
    }
}
