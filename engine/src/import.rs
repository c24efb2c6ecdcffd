//! A model folder of another make into one in the Hugging Face layout with safetensors.
//!
//! Any thread that may wait; a large model takes minutes. Three kinds are known: the Hugging Face
//! layout itself, the same with PyTorch's `.bin` checkpoints, and AudioCraft's own two files, as
//! fine-tunes are published. Nothing of a file is ever run (see `pickle`).
//!
//! Reading order: `archive` and `pickle` (what lies in a checkpoint), `checkpoint` (its tensors),
//! `settings` and `audiocraft` (names and sizes), `folder` (what is written).

mod archive;
mod audiocraft;
mod checkpoint;
mod folder;
mod pickle;
mod settings;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::EngineError;
use crate::model::Model;
use crate::weights::{Weights, shard_names};
use checkpoint::Checkpoint;
use folder::{Contents, Source};

/// Names that a message lists; of more it says how many.
const LISTED: usize = 8;

/// What ended an import; nothing is left behind then.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be used, or what is in it is not supported.
    #[error("{0}")]
    Engine(#[from] EngineError),
    /// The folder is of no kind that is known.
    #[error(
        "{path} holds no model: it needs config.json with model.safetensors or pytorch_model.bin, or AudioCraft's state_dict.bin"
    )]
    NoModel {
        /// The folder.
        path: PathBuf,
    },
    /// The target is there already.
    #[error("{path} is there already: name another folder with --out, or remove it")]
    Exists {
        /// The target.
        path: PathBuf,
    },
    /// Tensors or files are missing.
    #[error("{path} lacks {what}")]
    Missing {
        /// Where they should be.
        path: PathBuf,
        /// Which, in words.
        what: String,
    },
    /// The text encoder, its tokenizer or the codec are not in the files.
    #[error(
        "{path} does not hold {what}: name a folder that does with --text-encoder, such as any MusicGen in the Hugging Face layout of the same text encoder"
    )]
    NoCompanion {
        /// The folder.
        path: PathBuf,
        /// What is missing, in words.
        what: String,
    },
    /// The disk is too full.
    #[error(
        "{path} has {free_mib} MiB free, but the model takes {need_mib} MiB: make room, or name another place with --out"
    )]
    NoSpace {
        /// The folder for the target.
        path: PathBuf,
        /// What it takes.
        need_mib: u64,
        /// What there is.
        free_mib: u64,
    },
    /// Whoever asked for it did not want it any more.
    #[error("the import was cancelled")]
    Cancelled,
    /// A file could not be read or written.
    #[error("cannot write or read {path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What an import made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Imported {
    /// The folder, which can be used as a model.
    pub folder: PathBuf,
    /// `safetensors`, `pytorch` or `audiocraft`: what it was.
    pub kind: &'static str,
    /// Layers of the language model.
    pub layers: u64,
    /// Its width.
    pub width: u64,
    /// 1, or 2 for stereo.
    pub channels: u64,
    /// Weights in all.
    pub parameters: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What was taken for granted, and what came from elsewhere, in words.
    pub notes: Vec<String>,
}

/// Brings a model folder into the Hugging Face layout.
///
/// The result is `out`, or the folder's name with `-imported` behind it, beside the folder; a folder
/// that needs nothing is checked and stays where it is unless there is an `out`. What AudioCraft's
/// files lack comes from the folder `text_encoder`: a MusicGen in the Hugging Face layout, or a
/// T5 with `tokenizer.json`.
///
/// # Errors
/// [`ImportError`]; nothing is left behind.
pub fn import(
    folder: &Path,
    out: Option<&Path>,
    text_encoder: Option<&Path>,
) -> Result<Imported, ImportError> {
    import_heard(folder, out, text_encoder, &mut |_, _| {
        ControlFlow::Continue(())
    })
}

/// Hears the bytes that are written and those of all tensors, and says whether to go on.
pub type Hear<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// What a folder holds, as far as its file names tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A model that can be used as it is.
    Ready,
    /// A checkpoint that [`import`] may make a model of.
    Checkpoint,
    /// Neither.
    Other,
}

impl Kind {
    /// Looks at a folder.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let files = Files::of(folder);
        if files.config && files.safetensors {
            Self::Ready
        } else if files.config && files.pytorch || files.audiocraft {
            Self::Checkpoint
        } else {
            Self::Other
        }
    }
}

/// Which files are there.
struct Files {
    config: bool,
    safetensors: bool,
    pytorch: bool,
    audiocraft: bool,
}

impl Files {
    fn of(folder: &Path) -> Self {
        let has = |name: &str| folder.join(name).is_file();
        Self {
            config: has("config.json"),
            safetensors: has("model.safetensors") || has("model.safetensors.index.json"),
            pytorch: has("pytorch_model.bin") || has("pytorch_model.bin.index.json"),
            audiocraft: has(audiocraft::LANGUAGE_MODEL),
        }
    }
}

/// The folder that is made of another where none is named: beside it, with `-imported` behind its
/// name.
#[must_use]
pub fn beside(folder: &Path) -> PathBuf {
    let name = folder.file_name().unwrap_or("model".as_ref());
    folder.with_file_name(format!("{}-imported", name.to_string_lossy()))
}

/// As [`import`], with word of how far it is.
///
/// # Errors
/// [`ImportError`]; nothing is left behind.
pub fn import_heard(
    folder: &Path,
    out: Option<&Path>,
    text_encoder: Option<&Path>,
    hear: &mut Hear,
) -> Result<Imported, ImportError> {
    let Files {
        config,
        safetensors,
        pytorch,
        audiocraft,
    } = Files::of(folder);
    let mut notes = Vec::new();
    if config && safetensors && out.is_none() {
        Model::check(folder)?;
        notes.push("it is in the right layout already, and stays where it is".into());
        let contents = Contents {
            tensors: file_tensors(folder, |_| true)?,
            ..Contents::default()
        };
        let config = read_config(folder)?;
        return made(folder.into(), "safetensors", &config, &contents, notes);
    }
    let out = out.map_or_else(|| beside(folder), Path::to_path_buf);
    if out.exists() {
        return Err(ImportError::Exists { path: out });
    }
    let (kind, config, contents) = if config && (safetensors || pytorch) {
        let kind = if safetensors {
            "safetensors"
        } else {
            "pytorch"
        };
        let (config, contents) = hugging_face(folder, safetensors, text_encoder)?;
        (kind, config, contents)
    } else if audiocraft {
        let (config, contents) = from_audiocraft(folder, text_encoder, &mut notes)?;
        ("audiocraft", config, contents)
    } else {
        return Err(ImportError::NoModel {
            path: folder.into(),
        });
    };
    contents.write(&out, hear)?;
    made(out, kind, &config, &contents, notes)
}

fn made(
    folder: PathBuf,
    kind: &'static str,
    config: &Value,
    contents: &Contents,
    notes: Vec<String>,
) -> Result<Imported, ImportError> {
    let number = |name: &str, default| config["decoder"][name].as_u64().unwrap_or(default);
    let mut parameters = 0;
    for source in contents.tensors.values() {
        parameters += source.shape()?.iter().product::<usize>() as u64;
    }
    Ok(Imported {
        folder,
        kind,
        layers: number("num_hidden_layers", 24),
        width: number("hidden_size", 1024),
        channels: number("audio_channels", 1),
        parameters,
        bytes: contents.bytes()?,
        notes,
    })
}

/// A folder in the Hugging Face layout, with tensors of either kind.
fn hugging_face(
    folder: &Path,
    safetensors: bool,
    text_encoder: Option<&Path>,
) -> Result<(Value, Contents), ImportError> {
    let config = read_config(folder)?;
    let mut contents = Contents {
        tensors: if safetensors {
            file_tensors(folder, |_| true)?
        } else {
            checkpoint_tensors(folder)?
        },
        ..Contents::default()
    };
    // Another name for the same table.
    let [table, other] = [
        "text_encoder.shared.weight",
        "text_encoder.encoder.embed_tokens.weight",
    ];
    let same = match (contents.tensors.get(table), contents.tensors.get(other)) {
        (Some(Source::Checkpoint(_, a)), Some(Source::Checkpoint(_, b))) => a.is(b),
        _ => false,
    };
    if same {
        contents.tensors.remove(other);
    }
    for name in ["config.json", "generation_config.json", "README.md"] {
        let path = folder.join(name);
        if path.is_file() {
            contents.copies.push((name, path));
        }
    }
    let tokenizer = [Some(folder), text_encoder].into_iter().flatten();
    let mut tokenizer = tokenizer.map(|folder| folder.join("tokenizer.json"));
    let Some(tokenizer) = tokenizer.find(|path| path.is_file()) else {
        return Err(ImportError::NoCompanion {
            path: folder.into(),
            what: "tokenizer.json".into(),
        });
    };
    contents.copies.push(("tokenizer.json", tokenizer));
    Ok((config, contents))
}

/// AudioCraft's files, completed by a folder with a text encoder.
fn from_audiocraft(
    folder: &Path,
    text_encoder: Option<&Path>,
    notes: &mut Vec<String>,
) -> Result<(Value, Contents), ImportError> {
    let mut contents = Contents::default();
    let mut decoder = audiocraft::language_model(folder, &mut contents, notes)?;
    let codec = audiocraft::codec(folder, &mut contents)?;
    let Some(companion) = text_encoder else {
        let what = match codec {
            Some(_) => "the T5 text encoder and its tokenizer",
            None => "the T5 text encoder, its tokenizer and the codec",
        };
        return Err(ImportError::NoCompanion {
            path: folder.into(),
            what: what.into(),
        });
    };
    let config = read_config(companion)?;
    let whole = config.get("text_encoder").is_some();
    let text = if whole {
        config["text_encoder"].clone()
    } else {
        config.clone()
    };
    let named = |name: &str| {
        let part = if whole {
            name.strip_prefix("text_encoder.")?
        } else {
            name
        };
        let wanted = part.starts_with("encoder.") || part == "shared.weight";
        wanted.then(|| format!("text_encoder.{part}"))
    };
    for (name, source) in file_tensors(companion, |name| named(name).is_some())? {
        contents
            .tensors
            .extend(named(&name).map(|name| (name, source)));
    }
    notes.push(format!(
        "the text encoder is that of {}",
        companion.display()
    ));
    let codec = match codec {
        Some(codec) => codec,
        None if whole => {
            let part = |name: &str| name.starts_with("audio_encoder.");
            contents.tensors.extend(file_tensors(companion, part)?);
            notes.push(format!("the codec is that of {}", companion.display()));
            config["audio_encoder"].clone()
        }
        None => {
            return Err(ImportError::NoCompanion {
                path: folder.into(),
                what: "the codec".into(),
            });
        }
    };
    let books = |section: &Value| section["num_codebooks"].as_u64().unwrap_or(0);
    let codec_books = contents
        .tensors
        .keys()
        .filter(|name| {
            name.starts_with("audio_encoder.quantizer") && name.ends_with("codebook.embed")
        })
        .count() as u64;
    // The stereo layout has the codebooks of two channels.
    let channels = if codec_books > 0 && books(&decoder) == 2 * codec_books {
        2
    } else {
        1
    };
    decoder["audio_channels"] = json!(channels);
    let start = decoder["bos_token_id"].clone();
    let config = json!({
        "architectures": ["MusicgenForConditionalGeneration"],
        "model_type": "musicgen",
        "is_encoder_decoder": true,
        "text_encoder": text,
        "audio_encoder": codec,
        "decoder": decoder,
    });
    let generation = json!({
        "decoder_start_token_id": start,
        "bos_token_id": start,
        "pad_token_id": start,
        "do_sample": true,
        "guidance_scale": 3.0,
        "max_length": 1500,
    });
    contents
        .texts
        .push(("config.json", format!("{config:#}\n")));
    contents
        .texts
        .push(("generation_config.json", format!("{generation:#}\n")));
    let tokenizer = companion.join("tokenizer.json");
    if !tokenizer.is_file() {
        return Err(EngineError::ModelMissing { path: tokenizer }.into());
    }
    contents.copies.push(("tokenizer.json", tokenizer));
    let card = folder.join("README.md");
    if card.is_file() {
        contents.copies.push(("README.md", card));
    }
    Ok((config, contents))
}

/// Tensors in safetensors files.
fn file_tensors(
    folder: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<std::collections::BTreeMap<String, Source>, ImportError> {
    let weights = Arc::new(Weights::open(folder)?);
    let names = weights.names().filter(|name| wanted(name));
    let source = |name: &str| (name.to_owned(), Source::File(weights.clone(), name.into()));
    Ok(names.map(source).collect())
}

/// Tensors in one PyTorch checkpoint or the shards that its index names.
fn checkpoint_tensors(
    folder: &Path,
) -> Result<std::collections::BTreeMap<String, Source>, ImportError> {
    let single = folder.join("pytorch_model.bin");
    let paths = if single.is_file() {
        vec![single]
    } else {
        let names = shard_names(&folder.join("pytorch_model.bin.index.json"))?;
        names.iter().map(|name| folder.join(name)).collect()
    };
    let mut tensors = std::collections::BTreeMap::new();
    for path in paths {
        let checkpoint = Arc::new(Checkpoint::open(&path)?);
        for (name, stored) in checkpoint.tensors(&[])? {
            tensors.insert(name, Source::Checkpoint(checkpoint.clone(), stored));
        }
    }
    Ok(tensors)
}

fn read_config(folder: &Path) -> Result<Value, ImportError> {
    let path = folder.join("config.json");
    let bytes = crate::model::read_small(&path)?;
    let bytes = bytes.ok_or_else(|| EngineError::ModelMissing { path: path.clone() })?;
    let config: Value = serde_json::from_slice(&bytes).map_err(|error| EngineError::ModelFile {
        path,
        why: error.to_string(),
    })?;
    if config["model_type"] == "musicgen_melody" {
        return Err(audiocraft::later("melody"));
    }
    Ok(config)
}

/// Some names, in words.
fn list(names: BTreeSet<String>) -> String {
    let count = names.len();
    let mut listed: Vec<String> = names.into_iter().take(LISTED).collect();
    if count > LISTED {
        listed.push(format!("and {} more", count - LISTED));
    }
    format!("the tensors {}", listed.join(", "))
}
