//! One model in memory: text encoder, decoder and codec with their facts.
//!
//! Worker thread. Loaded once and shared by all jobs; nothing in it changes.

mod files;
pub(crate) use files::card_license;
mod keeper;
mod size;

use std::path::Path;
use std::sync::Arc;

use crate::codec::Codec;
use crate::error::EngineError;
use crate::load::Load;
use crate::musicgen::config::DecoderConfig;
use crate::musicgen::delay::DelayPattern;
use crate::musicgen::packed::{PackedDecoder, Team};
use crate::musicgen::{Config, Generation, LanguageModel, Rows, TextEncoder};
use crate::prompt;
use crate::request::{ModelSource, Precision, Sampling};
use crate::weights::Weights;

pub(crate) use files::read_small;
use files::{Embedded, Files};
use keeper::Keeper;
pub use size::Size;

/// The starter's files.
const STARTER: Embedded = Embedded {
    config: include_bytes!("../../models/starter/config.json"),
    generation_config: include_bytes!("../../models/starter/generation_config.json"),
    tokenizer: include_bytes!("../../models/starter/tokenizer.json"),
    weights: include_bytes!("../../models/starter/model.safetensors"),
};

/// A loaded model.
#[derive(Debug)]
pub struct Model {
    name: String,
    rights: String,
    keeper: Keeper,
    bytes: u64,
    config: Config,
    text: TextEncoder,
    decoder: LanguageModel,
    precision: Precision,
    codec: Codec,
}

impl Model {
    /// Loads all parts and checks every shape.
    ///
    /// # Errors
    /// [`EngineError::ModelMissing`], [`EngineError::ModelFile`], [`EngineError::Unsupported`].
    pub fn load(source: &ModelSource, precision: Option<Precision>) -> Result<Self, EngineError> {
        Self::load_for(source, precision, &Arc::default())
    }

    /// The same for somebody who wants to know how far it is, and may stop to wait.
    ///
    /// # Errors
    /// As [`Model::load`], and [`EngineError::Cancelled`].
    pub fn load_for(
        source: &ModelSource,
        precision: Option<Precision>,
        load: &Arc<Load>,
    ) -> Result<Self, EngineError> {
        let files = match source {
            ModelSource::Starter => Files::Embedded(STARTER),
            ModelSource::Folder(folder) => Files::Folder(folder.clone()),
            ModelSource::Random(size) => {
                let config = size.config()?;
                let precision = precision.unwrap_or_else(|| config.decoder.precision());
                if precision != Precision::Exact {
                    let bytes = PackedDecoder::bytes_of(&config.decoder, precision)?;
                    load.begin(0, bytes as u64);
                }
                return Self::random(*size, Some(precision));
            }
        };
        let config = files.config()?;
        let precision = precision.unwrap_or_else(|| config.decoder.precision());
        let weights = files.weights()?.for_load(load.clone());
        let tokenizer = files.need("tokenizer.json")?;
        let (decoder_bytes, other_bytes) = weights.data_bytes();
        let packed_bytes = match precision {
            Precision::Exact => decoder_bytes,
            _ => PackedDecoder::bytes_of(&config.decoder, precision)? as u64,
        };
        load.begin(decoder_bytes + other_bytes, packed_bytes + other_bytes);
        let text =
            || TextEncoder::load(&config, &weights, &files.path("tokenizer.json"), &tokenizer);
        let decoder = || files.decoder(&config.decoder, precision, &weights);
        let codec = || Codec::load(&config.codec, &weights, "audio_encoder.");
        let (decoder, (text, codec)) = rayon::join(decoder, || rayon::join(text, codec));
        let (text, (decoder, sha256, keep), codec) = (text?, decoder?, codec?);
        check_codec(&config, &codec)?;
        load.check()?;
        load.finish();
        let bytes = held_bytes(&decoder, &weights);
        let weights = Arc::new(weights.for_load(Arc::default()));
        Ok(Self {
            name: source.name(),
            rights: files.rights(&config)?,
            keeper: match sha256 {
                Some(sha256) => Keeper::knowing(weights, sha256),
                None => Keeper::start(weights, keep)?,
            },
            bytes,
            config,
            text,
            precision,
            decoder,
            codec,
        })
    }

    /// Whether a folder holds a model that can be used: reads all of it, a part at a time, and
    /// keeps nothing.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn check(folder: &Path) -> Result<(), EngineError> {
        let files = Files::Folder(folder.to_owned());
        let config = files.config()?;
        let weights = files.weights()?;
        let tokenizer = files.need("tokenizer.json")?;
        TextEncoder::load(&config, &weights, &files.path("tokenizer.json"), &tokenizer)?;
        check_codec(
            &config,
            &Codec::load(&config.codec, &weights, "audio_encoder.")?,
        )?;
        // The smallest in memory; every tensor is read all the same.
        PackedDecoder::load(&config.decoder, Precision::Q4, &weights)?;
        Ok(())
    }

    /// A model that nobody trained, of a published size, for measuring speed: it makes noise. Its
    /// prompts are read with the starter's tokenizer, and all layers of its packed weights are
    /// alike, which is quick.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] and [`EngineError::Memory`].
    pub fn random(size: Size, precision: Option<Precision>) -> Result<Self, EngineError> {
        Self::random_with(
            size,
            precision,
            |config, precision, weights| match precision {
                Precision::Exact => LanguageModel::load(config, precision, weights),
                _ => {
                    let decoder = PackedDecoder::random(config, precision)?;
                    Ok(LanguageModel::Packed(Box::new(decoder)))
                }
            },
        )
    }

    /// The same with every layer another, for comparing precisions: slow at the larger sizes.
    ///
    /// # Errors
    /// As [`Model::random`].
    pub fn random_throughout(size: Size, precision: Precision) -> Result<Self, EngineError> {
        Self::random_with(size, Some(precision), LanguageModel::load)
    }

    fn random_with(
        size: Size,
        precision: Option<Precision>,
        load: impl Fn(&DecoderConfig, Precision, &Weights) -> Result<LanguageModel, EngineError>,
    ) -> Result<Self, EngineError> {
        let config = size.config()?;
        let precision = precision.unwrap_or_else(|| config.decoder.precision());
        let weights = Weights::random(1)?;
        let tokenizer = Path::new("starter/tokenizer.json");
        let text = TextEncoder::load(&config, &weights, tokenizer, STARTER.tokenizer)?;
        let decoder = load(&config.decoder, precision, &weights)?;
        let codec = Codec::load(&config.codec, &weights, "audio_encoder.")?;
        let sha256 = weights.sha256();
        Ok(Self {
            name: ModelSource::Random(size).name(),
            rights: "Noise belongs to nobody.".into(),
            bytes: held_bytes(&decoder, &weights),
            keeper: Keeper::knowing(Arc::new(weights), sha256),
            text,
            decoder,
            precision,
            codec,
            config,
        })
    }

    /// The name for facts and messages: "Barline Starter", or the folder's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What may be done with its clips, in one plain sentence.
    #[must_use]
    pub fn rights(&self) -> &str {
        &self.rights
    }

    /// SHA-256 of its weights. A model from a folder is hashed while it is in use already: waits
    /// for that, which takes seconds for a large one.
    #[must_use]
    pub fn sha256(&self) -> &str {
        self.keeper.sha256()
    }

    /// Memory that its weights take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The text encoder.
    #[must_use]
    pub fn text(&self) -> &TextEncoder {
        &self.text
    }

    /// The language model.
    #[must_use]
    pub fn decoder(&self) -> &LanguageModel {
        &self.decoder
    }

    /// How they are held where nobody asks for another way.
    #[must_use]
    pub fn default_precision(&self) -> Precision {
        self.config.decoder.precision()
    }

    /// How the language model's weights are held.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The codec (mono; run once a channel).
    #[must_use]
    pub fn codec(&self) -> &Codec {
        &self.codec
    }

    /// What stands for no token.
    #[must_use]
    pub fn start_token(&self) -> u32 {
        self.config.start_token
    }

    /// Audio channels: 1, or 2 for the stereo layout (codebooks interleaved L0 R0 L1 R1 …).
    #[must_use]
    pub fn channels(&self) -> usize {
        self.config.decoder.audio_channels
    }

    /// The most codec frames that a clip may have.
    #[must_use]
    pub fn limit_frames(&self) -> usize {
        self.config.max_frames
    }

    /// Encodes the prompt, and the negative one if there is any, and gets ready for the first step of takes of `frames` codec frames,
    /// each with its sampling settings and seed.
    ///
    /// # Errors
    /// [`EngineError::EmptyPrompt`], [`EngineError::PromptTooLong`], [`EngineError::TooLong`],
    /// [`EngineError::Setting`], [`EngineError::Memory`], [`EngineError::Internal`].
    pub fn generate(
        &self,
        prompt: &str,
        negative: Option<&str>,
        frames: usize,
        takes: &[(Sampling, u64)],
        team: &Arc<Team>,
    ) -> Result<Generation<'_>, EngineError> {
        if frames > self.limit_frames() {
            let frame_seconds =
                self.codec.samples_per_frame() as f64 / f64::from(self.codec.rate_hz());
            return Err(EngineError::TooLong {
                seconds: frames as f64 * frame_seconds,
                limit: self.limit_frames() as f64 * frame_seconds,
            });
        }
        let codebooks = self.config.decoder.num_codebooks;
        let pattern = DelayPattern::new(codebooks, self.channels(), frames);
        let guided = takes.iter().any(|(sampling, _)| sampling.is_guided());
        let states = |text: &str| self.text.states(&self.text.tokens(text)?);
        let parts = prompt::parts(prompt)?;
        let texts = parts.iter().map(|part| states(&part.text));
        let mut texts = texts.collect::<Result<Vec<_>, _>>()?;
        let negative = negative.filter(|_| guided);
        if let Some(negative) = negative {
            texts.push(states(negative)?);
        }
        let rows = Rows::new(texts, guided && negative.is_none());
        let run = self
            .decoder
            .begin(team, &rows, takes.len(), pattern.steps())?;
        let shares = parts.iter().map(|part| part.share).collect();
        let start = self.config.start_token;
        Ok(Generation::new(
            run, pattern, codebooks, start, shares, takes,
        ))
    }
}

fn check_codec(config: &Config, codec: &Codec) -> Result<(), EngineError> {
    let codebooks = config.decoder.num_codebooks / config.decoder.audio_channels;
    if codec.codebooks() == codebooks {
        return Ok(());
    }
    let what = format!(
        "a decoder of {codebooks} codebooks over a codec of {}",
        codec.codebooks()
    );
    Err(EngineError::Unsupported { what })
}

/// What the parts take, of what was read for them.
fn held_bytes(decoder: &LanguageModel, weights: &Weights) -> u64 {
    let (decoder_floats, other_floats) = weights.floats_given();
    let decoder_bytes = match decoder {
        LanguageModel::Packed(decoder) => decoder.bytes() as u64,
        LanguageModel::Exact(_) => 4 * decoder_floats,
    };
    decoder_bytes + 4 * other_floats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_files_is_missing_its_config() {
        let folder = tempfile::tempdir().unwrap();
        let error = Model::load(&ModelSource::Folder(folder.path().into()), None).unwrap_err();
        assert_eq!(
            error,
            EngineError::ModelMissing {
                path: folder.path().join("config.json")
            }
        );
    }
}
