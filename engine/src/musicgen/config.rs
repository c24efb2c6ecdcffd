//! `config.json` and `generation_config.json` of a model folder, read and checked.
//!
//! Worker thread. Every number is held against a range before anything is computed or
//! allocated with it; what this engine does not run is refused by name.

mod decoder;
mod text;

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::codec::CodecConfig;
use crate::error::EngineError;

pub use decoder::{Activation, DecoderConfig};
pub use text::TextConfig;

/// The most steps of a clip where a model does not say: 30 s at 50 frames a second, what
/// the published models were trained on.
const DEFAULT_MAX_LENGTH: usize = 1500;

/// What a model consists of.
#[derive(Debug, Clone)]
pub struct Config {
    /// The text encoder.
    pub text: TextConfig,
    /// The language model.
    pub decoder: DecoderConfig,
    /// The codec.
    pub codec: CodecConfig,
    /// The token that stands where there is none yet.
    pub start_token: u32,
    /// The most frames that a clip should have, as the model's makers say.
    pub max_frames: usize,
    /// Where the model comes from, as it says itself.
    pub origin: Option<String>,
}

impl Config {
    /// Reads both files; `path` stands for `config.json` in messages.
    ///
    /// # Errors
    /// [`EngineError::ModelFile`] for what is not understood, [`EngineError::Unsupported`]
    /// for what is understood and not run.
    pub fn parse(path: &Path, config: &str, generation: Option<&str>) -> Result<Self, EngineError> {
        #[derive(Deserialize)]
        struct File {
            model_type: Option<String>,
            #[serde(rename = "_name_or_path")]
            origin: Option<String>,
            text_encoder: Value,
            decoder: Value,
            audio_encoder: Value,
        }
        #[derive(Deserialize, Default)]
        struct Generation {
            max_length: Option<usize>,
            decoder_start_token_id: Option<u32>,
        }
        let read = |file: &Path, error: serde_json::Error| EngineError::ModelFile {
            path: file.to_owned(),
            why: error.to_string(),
        };
        let file: File = serde_json::from_str(config).map_err(|error| read(path, error))?;
        match file.model_type.as_deref() {
            Some("musicgen") => {}
            Some("musicgen_melody") => {
                return unsupported(
                    "a musicgen_melody, whose conditioning on a melody comes in a later version"
                        .into(),
                );
            }
            other => {
                return unsupported(format!(
                    "a model of type {}, not musicgen",
                    other.unwrap_or("unknown")
                ));
            }
        }
        let generation: Generation = match generation {
            Some(text) => serde_json::from_str(text)
                .map_err(|error| read(&path.with_file_name("generation_config.json"), error))?,
            None => Generation::default(),
        };
        let text: TextConfig = section(path, "text_encoder", &file.text_encoder)?;
        let decoder: DecoderConfig = section(path, "decoder", &file.decoder)?;
        let codec: CodecConfig = section(path, "audio_encoder", &file.audio_encoder)?;
        text.check()?;
        decoder.check()?;
        if codec.codebook_size < decoder.vocab_size {
            return unsupported(format!(
                "a decoder of {} tokens over a codec of {}",
                decoder.vocab_size, codec.codebook_size
            ));
        }
        let start_token = generation
            .decoder_start_token_id
            .or(decoder.bos_token_id)
            .unwrap_or(decoder.vocab_size as u32);
        // The embeddings have one entry more than the vocabulary, for this token.
        within(
            "decoder_start_token_id",
            start_token as usize,
            0..=decoder.vocab_size,
        )?;
        let max_length = generation.max_length.unwrap_or(DEFAULT_MAX_LENGTH);
        within("max_length", max_length, 1..=1 << 20)?;
        // `max_length` counts the start token and the delay in transformers, which leaves
        // 29.92 s of the 30 s that the published models were trained on; here it counts frames.
        let delay = decoder.num_codebooks / decoder.audio_channels - 1;
        let max_frames = max_length.min(decoder.max_position_embeddings.saturating_sub(delay));
        within("the number of frames", max_frames, 1..=1 << 20)?;
        Ok(Self {
            text,
            decoder,
            codec,
            start_token,
            max_frames,
            origin: file.origin.filter(|origin| !origin.is_empty()),
        })
    }
}

fn section<T: for<'de> Deserialize<'de>>(
    path: &Path,
    name: &str,
    value: &Value,
) -> Result<T, EngineError> {
    T::deserialize(value).map_err(|error| EngineError::ModelFile {
        path: path.to_owned(),
        why: format!("in section {name}: {error}"),
    })
}

fn within<T: PartialOrd + Display>(
    name: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), EngineError> {
    if range.contains(&value) {
        return Ok(());
    }
    unsupported(format!(
        "{name} = {value} is not between {} and {}",
        range.start(),
        range.end()
    ))
}

fn unsupported<T>(what: String) -> Result<T, EngineError> {
    Err(EngineError::Unsupported { what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn published() -> Value {
        json!({
            "model_type": "musicgen",
            "_name_or_path": "facebook/musicgen-small",
            "text_encoder": {"model_type": "t5", "d_model": 768, "d_ff": 3072, "num_layers": 12, "num_heads": 12},
            "decoder": {"hidden_size": 1024, "bos_token_id": 2048, "cross_attention_hidden_size": null},
            "audio_encoder": {
                "model_type": "encodec", "audio_channels": 1, "normalize": false, "chunk_length_s": null,
                "overlap": null, "hidden_size": 128, "num_filters": 64, "num_residual_layers": 1,
                "upsampling_ratios": [8, 5, 4, 4], "norm_type": "weight_norm", "kernel_size": 7,
                "last_kernel_size": 7, "residual_kernel_size": 3, "dilation_growth_rate": 2,
                "use_causal_conv": false, "pad_mode": "reflect", "compress": 2, "num_lstm_layers": 2,
                "trim_right_ratio": 1.0, "codebook_size": 2048, "codebook_dim": 128,
                "use_conv_shortcut": false, "sampling_rate": 32000, "target_bandwidths": [2.2],
            },
        })
    }

    fn parse(config: &Value, generation: Option<&str>) -> Result<Config, EngineError> {
        Config::parse(Path::new("m/config.json"), &config.to_string(), generation)
    }

    #[test]
    fn the_published_configuration_is_read() {
        let config = parse(
            &published(),
            Some(r#"{"max_length": 1500, "decoder_start_token_id": 2048}"#),
        )
        .unwrap();
        assert_eq!(
            (
                config.decoder.num_hidden_layers,
                config.decoder.head_width()
            ),
            (24, 64)
        );
        assert_eq!((config.start_token, config.max_frames), (2048, 1500));
        assert_eq!(config.origin.as_deref(), Some("facebook/musicgen-small"));
        assert_eq!(parse(&published(), None).unwrap().max_frames, 1500);
        let short = parse(&published(), Some(r#"{"max_length": 250}"#)).unwrap();
        assert_eq!(short.max_frames, 250);
    }

    #[test]
    fn positions_limit_the_frames_too() {
        let mut config = published();
        config["decoder"]["max_position_embeddings"] = json!(1000);
        assert_eq!(parse(&config, None).unwrap().max_frames, 997);
    }

    #[test]
    fn every_odd_value_is_refused_by_name() {
        let cases = [
            ("/model_type", json!("musicgen_melody"), "musicgen_melody"),
            ("/decoder/hidden_size", json!(0), "hidden_size"),
            ("/decoder/hidden_size", json!(1_000_000_000), "hidden_size"),
            (
                "/decoder/hidden_size",
                json!(1000),
                "hidden_size = 1000 with 16",
            ),
            (
                "/decoder/num_attention_heads",
                json!(0),
                "num_attention_heads",
            ),
            ("/decoder/num_codebooks", json!(0), "num_codebooks"),
            ("/decoder/audio_channels", json!(3), "audio_channels"),
            ("/decoder/activation_function", json!("xyz"), "xyz"),
            (
                "/decoder/cross_attention_hidden_size",
                json!(64),
                "cross_attention_hidden_size",
            ),
            (
                "/decoder/bos_token_id",
                json!(2049),
                "decoder_start_token_id",
            ),
            ("/decoder/vocab_size", json!(4096), "codec of 2048"),
            ("/text_encoder/model_type", json!("umt5"), "umt5"),
            ("/text_encoder/num_layers", json!(0), "num_layers"),
            (
                "/text_encoder/relative_attention_num_buckets",
                json!(0),
                "num_buckets",
            ),
            (
                "/text_encoder/relative_attention_max_distance",
                json!(8),
                "max_distance",
            ),
            ("/text_encoder/feed_forward_proj", json!("tanh"), "tanh"),
        ];
        for (pointer, value, expect) in cases {
            let mut config = published();
            let (section, key) = pointer.rsplit_once('/').unwrap();
            config.pointer_mut(section).unwrap()[key] = value;
            match parse(&config, None) {
                Err(EngineError::Unsupported { what }) => assert!(what.contains(expect), "{what}"),
                other => panic!("{pointer}: {other:?}"),
            }
        }
        let mut stereo = published();
        stereo["decoder"]["audio_channels"] = json!(2);
        stereo["decoder"]["num_codebooks"] = json!(7);
        assert!(matches!(
            parse(&stereo, None),
            Err(EngineError::Unsupported { .. })
        ));
    }

    #[test]
    fn what_is_not_json_or_lacks_a_section_is_a_broken_file() {
        let broken = |config: &str, generation: Option<&str>| {
            matches!(
                Config::parse(Path::new("m/config.json"), config, generation),
                Err(EngineError::ModelFile { .. })
            )
        };
        assert!(broken("{", None));
        assert!(broken(r#"{"model_type": "musicgen"}"#, None));
        assert!(broken(&published().to_string(), Some("[]")));
        let mut negative = published();
        negative["decoder"]["hidden_size"] = json!(-4);
        assert!(broken(&negative.to_string(), None));
    }
}
