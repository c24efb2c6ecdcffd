//! One model in memory: text encoder, decoder and codec with their facts.
//!
//! Worker thread. Loaded once and shared by all jobs; nothing in it changes.

mod size;

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::Codec;
use crate::error::EngineError;
use crate::musicgen::config::DecoderConfig;
use crate::musicgen::decoder::Rows;
use crate::musicgen::delay::DelayPattern;
use crate::musicgen::packed::{PackedDecoder, Team};
use crate::musicgen::{Config, Generation, LanguageModel, TextEncoder};
use crate::request::{ModelSource, Precision, Sampling};
use crate::weights::Weights;

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
    sha256: String,
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
        let files = match source {
            ModelSource::Starter => Files::Embedded(STARTER),
            ModelSource::Folder(folder) => Files::Folder(folder.clone()),
            ModelSource::Random(size) => return Self::random(*size, precision),
        };
        let config_json = files.need("config.json")?;
        let generation_json = files.find("generation_config.json")?;
        let generation_text = generation_json
            .as_deref()
            .map(|bytes| files.text("generation_config.json", bytes))
            .transpose()?;
        let config = Config::parse(
            &files.path("config.json"),
            files.text("config.json", &config_json)?,
            generation_text,
        )?;
        let precision = precision.unwrap_or_else(|| config.decoder.precision());
        let weights = files.weights()?;
        let tokenizer = files.need("tokenizer.json")?;
        let text =
            || TextEncoder::load(&config, &weights, &files.path("tokenizer.json"), &tokenizer);
        let decoder = || files.decoder(&config.decoder, precision, &weights);
        let codec = || Codec::load(&config.codec, &weights, "audio_encoder.");
        let (decoder, (text, codec)) = rayon::join(decoder, || rayon::join(text, codec));
        let (text, (decoder, sha256), codec) = (text?, decoder?, codec?);
        let codebooks = config.decoder.num_codebooks / config.decoder.audio_channels;
        if codec.codebooks() != codebooks {
            let what = format!(
                "a decoder of {codebooks} codebooks over a codec of {}",
                codec.codebooks()
            );
            return Err(EngineError::Unsupported { what });
        }
        Ok(Self {
            name: files.name(),
            rights: files.rights(&config)?,
            sha256,
            config,
            text,
            precision,
            decoder,
            codec,
        })
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
        Ok(Self {
            name: format!("random {size}"),
            rights: "Noise belongs to nobody.".into(),
            sha256: weights.sha256(),
            text: TextEncoder::load(&config, &weights, tokenizer, STARTER.tokenizer)?,
            decoder: load(&config.decoder, precision, &weights)?,
            precision,
            codec: Codec::load(&config.codec, &weights, "audio_encoder.")?,
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

    /// SHA-256 of its weights.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
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

    /// Encodes the prompt and gets ready for the first step of takes of `frames` codec frames,
    /// each with its sampling settings and seed.
    ///
    /// # Errors
    /// [`EngineError::EmptyPrompt`], [`EngineError::PromptTooLong`], [`EngineError::TooLong`],
    /// [`EngineError::Memory`], [`EngineError::Internal`].
    pub fn generate(
        &self,
        prompt: &str,
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
        let rows = if takes.iter().any(|(sampling, _)| sampling.is_guided()) {
            Rows::Guided
        } else {
            Rows::Conditional
        };
        let states = self.text.states(&self.text.tokens(prompt)?)?;
        let steps = pattern.steps();
        let run = self
            .decoder
            .begin(team, &states, rows, takes.len(), steps)?;
        let start = self.config.start_token;
        Ok(Generation::new(run, pattern, codebooks, start, takes))
    }
}

/// The files of a model, on disk or in the binary.
#[derive(Debug)]
enum Files {
    Folder(PathBuf),
    Embedded(Embedded),
}

/// A model compiled into the binary.
#[derive(Debug, Clone, Copy)]
struct Embedded {
    config: &'static [u8],
    generation_config: &'static [u8],
    tokenizer: &'static [u8],
    weights: &'static [u8],
}

impl Files {
    fn path(&self, file: &str) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(file),
            Self::Embedded(_) => Path::new("starter").join(file),
        }
    }

    /// A file's bytes, `None` when the folder has no such file.
    fn find(&self, file: &str) -> Result<Option<Cow<'static, [u8]>>, EngineError> {
        match self {
            Self::Folder(_) => {
                let path = self.path(file);
                match std::fs::read(&path) {
                    Ok(bytes) => Ok(Some(Cow::Owned(bytes))),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(EngineError::ModelFile {
                        path,
                        why: error.to_string(),
                    }),
                }
            }
            Self::Embedded(files) => Ok(match file {
                "config.json" => Some(Cow::Borrowed(files.config)),
                "generation_config.json" => Some(Cow::Borrowed(files.generation_config)),
                "tokenizer.json" => Some(Cow::Borrowed(files.tokenizer)),
                _ => None,
            }),
        }
    }

    fn need(&self, file: &str) -> Result<Cow<'static, [u8]>, EngineError> {
        self.find(file)?.ok_or_else(|| EngineError::ModelMissing {
            path: self.path(file),
        })
    }

    fn text<'b>(&self, file: &str, bytes: &'b [u8]) -> Result<&'b str, EngineError> {
        std::str::from_utf8(bytes).map_err(|error| EngineError::ModelFile {
            path: self.path(file),
            why: error.to_string(),
        })
    }

    fn weights(&self) -> Result<Weights, EngineError> {
        match self {
            Self::Folder(folder) => Weights::open(folder),
            Self::Embedded(files) => {
                Weights::from_static("starter/model.safetensors", files.weights)
            }
        }
    }

    /// The decoder, and the SHA-256 of all weights.
    fn decoder(
        &self,
        config: &DecoderConfig,
        precision: Precision,
        weights: &Weights,
    ) -> Result<(LanguageModel, String), EngineError> {
        match (self, precision) {
            (Self::Folder(_), Precision::Exact) | (Self::Embedded(_), _) => {
                let decoder = LanguageModel::load(config, precision, weights)?;
                Ok((decoder, weights.sha256()))
            }
            (Self::Folder(folder), _) => {
                let (decoder, sha256) =
                    PackedDecoder::load_or_keep(config, precision, weights, folder)?;
                Ok((LanguageModel::Packed(Box::new(decoder)), sha256))
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Folder(folder) => crate::shelf::folder_title(folder),
            Self::Embedded(_) => "Barline Starter".into(),
        }
    }

    /// What the model's own files say about rights: the head of its card, else its origin.
    fn rights(&self, config: &Config) -> Result<String, EngineError> {
        if let Self::Embedded(_) = self {
            return Ok("Clips belong to whoever makes them, commercial use included.".into());
        }
        let card = self.find("README.md")?;
        let license = card
            .as_deref()
            .and_then(|card| card_license(&String::from_utf8_lossy(card)));
        Ok(match (license, config.origin.as_deref()) {
            (Some(license), _) => licensed(&license),
            (None, Some(origin)) if origin.starts_with("facebook/musicgen") => {
                licensed("cc-by-nc-4.0")
            }
            _ => {
                "The rights are those of the model's licence, which its files do not state.".into()
            }
        })
    }
}

fn licensed(license: &str) -> String {
    let commerce = match license.to_ascii_lowercase() {
        nc if nc.split('-').any(|word| word == "nc") => ", which excludes commercial use",
        _ => "",
    };
    format!(
        "The model is under the licence {license}{commerce}; it governs what may be done with clips."
    )
}

/// The `license:` line of a model card's head, the part between two lines of `---`.
pub(crate) fn card_license(card: &str) -> Option<String> {
    let head = card
        .trim_start_matches('\u{feff}')
        .strip_prefix("---")?
        .split("\n---")
        .next()?;
    let line = head
        .lines()
        .find_map(|line| line.strip_prefix("license:"))?;
    let license = line.split('#').next()?.trim().trim_matches(['"', '\'']);
    (!license.is_empty()).then(|| license.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_licence_is_read_from_the_head_of_the_card() {
        let card = "---\ntags:\n- x\nlicense: cc-by-nc-4.0\n---\n# Card\nlicense: other\n";
        assert_eq!(card_license(card).as_deref(), Some("cc-by-nc-4.0"));
        assert_eq!(
            card_license("---\r\nlicense: \"mit\" # free\r\n---\r\n").as_deref(),
            Some("mit")
        );
        assert_eq!(card_license("# Card\nlicense: mit\n"), None);
        assert_eq!(card_license("---\nlicense:\n---"), None);
        assert!(licensed("cc-by-nc-4.0").contains("excludes commercial use"));
        assert!(!licensed("ncsa").contains("excludes"));
    }

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
