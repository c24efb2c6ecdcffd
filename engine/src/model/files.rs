//! The files of a model, on disk or in the binary.
//!
//! Worker thread. Small files are read whole, but none that is larger than any of its kind.

use std::borrow::Cow;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::EngineError;
use crate::musicgen::config::DecoderConfig;
use crate::musicgen::packed::{PackedDecoder, ToKeep};
use crate::musicgen::{Config, LanguageModel};
use crate::request::Precision;
use crate::weights::Weights;

/// Larger than the tokenizer or the configuration of any model: T5's are 2.4 MB and 10 KB.
const MOST_BYTES: u64 = 32 << 20;

/// The files of a model, on disk or in the binary.
#[derive(Debug)]
pub(super) enum Files {
    Folder(PathBuf),
    Embedded(Embedded),
}

/// A model compiled into the binary.
#[derive(Debug, Clone, Copy)]
pub(super) struct Embedded {
    pub(super) config: &'static [u8],
    pub(super) generation_config: &'static [u8],
    pub(super) tokenizer: &'static [u8],
    pub(super) weights: &'static [u8],
}

impl Files {
    pub(super) fn path(&self, file: &str) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.join(file),
            Self::Embedded(_) => Path::new("starter").join(file),
        }
    }

    /// A file's bytes, `None` when the folder has no such file.
    pub(super) fn find(&self, file: &str) -> Result<Option<Cow<'static, [u8]>>, EngineError> {
        match self {
            Self::Folder(_) => {
                let bytes = read_small(&self.path(file))?;
                Ok(bytes.map(Cow::Owned))
            }
            Self::Embedded(files) => Ok(match file {
                "config.json" => Some(Cow::Borrowed(files.config)),
                "generation_config.json" => Some(Cow::Borrowed(files.generation_config)),
                "tokenizer.json" => Some(Cow::Borrowed(files.tokenizer)),
                _ => None,
            }),
        }
    }

    pub(super) fn need(&self, file: &str) -> Result<Cow<'static, [u8]>, EngineError> {
        self.find(file)?.ok_or_else(|| EngineError::ModelMissing {
            path: self.path(file),
        })
    }

    pub(super) fn text<'b>(&self, file: &str, bytes: &'b [u8]) -> Result<&'b str, EngineError> {
        std::str::from_utf8(bytes).map_err(|error| EngineError::ModelFile {
            path: self.path(file),
            why: error.to_string(),
        })
    }

    pub(super) fn config(&self) -> Result<Config, EngineError> {
        let config_json = self.need("config.json")?;
        let generation_json = self.find("generation_config.json")?;
        let generation_text = generation_json
            .as_deref()
            .map(|bytes| self.text("generation_config.json", bytes))
            .transpose()?;
        Config::parse(
            &self.path("config.json"),
            self.text("config.json", &config_json)?,
            generation_text,
        )
    }

    pub(super) fn weights(&self) -> Result<Weights, EngineError> {
        match self {
            Self::Folder(folder) => Weights::open(folder),
            Self::Embedded(files) => {
                Weights::from_static("starter/model.safetensors", files.weights)
            }
        }
    }

    /// The decoder, the SHA-256 of all weights where it is known, and what is to be kept.
    pub(super) fn decoder(
        &self,
        config: &DecoderConfig,
        precision: Precision,
        weights: &Weights,
    ) -> Result<(LanguageModel, Option<String>, Option<ToKeep>), EngineError> {
        match (self, precision) {
            (Self::Folder(_), Precision::Exact) | (Self::Embedded(_), _) => {
                let decoder = LanguageModel::load(config, precision, weights)?;
                // The starter's is hashed in no time.
                let sha256 = matches!(self, Self::Embedded(_)).then(|| weights.sha256());
                Ok((decoder, sha256, None))
            }
            (Self::Folder(folder), _) => {
                let (decoder, sha256, keep) =
                    PackedDecoder::load_kept(config, precision, weights, folder)?;
                Ok((LanguageModel::Packed(Box::new(decoder)), sha256, keep))
            }
        }
    }

    /// What the model's own files say about rights: the head of its card, else its origin.
    pub(super) fn rights(&self, config: &Config) -> Result<String, EngineError> {
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

/// A file's bytes, `None` when there is no such file.
///
/// # Errors
/// [`EngineError::ModelFile`] when it cannot be read, or is too large to be what it should be.
pub(crate) fn read_small(path: &Path) -> Result<Option<Vec<u8>>, EngineError> {
    let fail = |why: String| EngineError::ModelFile {
        path: path.to_owned(),
        why,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error.to_string())),
    };
    let mut bytes = Vec::new();
    let read = file.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| fail(error.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(fail(format!("it is larger than {} MiB", MOST_BYTES >> 20)));
    }
    Ok(Some(bytes))
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
}
