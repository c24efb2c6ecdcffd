//! A model folder in the making: it is there whole, and can be used, or it is not there.
//!
//! Any thread. Tensors are handed from file to file a piece at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::tensor::Dtype;
use serde_json::{Value, json};

use super::checkpoint::{Checkpoint, Stored};
use super::{Hear, ImportError};
use crate::model::Model;
use crate::weights::Weights;

/// How much is written at once, and how often it is said how far it is.
const PIECE_BYTES: usize = 1 << 20;
const SAY_EVERY_BYTES: u64 = 4 << 20;

/// Where a tensor comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A PyTorch checkpoint.
    Checkpoint(Arc<Checkpoint>, Stored),
    /// A tensor of that name in safetensors files.
    File(Arc<Weights>, String),
}

impl Source {
    pub(super) fn shape(&self) -> Result<Vec<usize>, ImportError> {
        Ok(match self {
            Self::Checkpoint(_, stored) => stored.shape().to_vec(),
            Self::File(weights, name) => weights.raw(name)?.1.to_vec(),
        })
    }

    fn dtype(&self) -> Result<Dtype, ImportError> {
        Ok(match self {
            Self::Checkpoint(_, stored) => stored.dtype,
            Self::File(weights, name) => weights.raw(name)?.0,
        })
    }

    fn bytes(&self) -> Result<usize, ImportError> {
        Ok(match self {
            Self::Checkpoint(_, stored) => {
                let width = if stored.dtype == Dtype::F32 { 4 } else { 2 };
                stored.numbers() * width
            }
            Self::File(weights, name) => weights.raw(name)?.2.len(),
        })
    }
}

/// All that a folder is to hold.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) tensors: BTreeMap<String, Source>,
    /// Files with what is in them.
    pub(super) texts: Vec<(&'static str, String)>,
    /// Files that are copied.
    pub(super) copies: Vec<(&'static str, PathBuf)>,
}

impl Contents {
    /// Bytes of the tensors.
    pub(super) fn bytes(&self) -> Result<u64, ImportError> {
        let sizes = self.tensors.values().map(Source::bytes);
        Ok(sizes.sum::<Result<usize, _>>()? as u64)
    }

    /// Writes the folder, loads it once to see that it can be used, and gives it its name.
    ///
    /// # Errors
    /// [`ImportError`]; nothing is left behind then.
    pub(super) fn write(&self, out: &Path, hear: &mut Hear) -> Result<(), ImportError> {
        let fail = |source| ImportError::Io {
            path: out.to_owned(),
            source,
        };
        if out.exists() {
            return Err(ImportError::Exists { path: out.into() });
        }
        let parent = out
            .parent()
            .filter(|parent| *parent != Path::new(""))
            .unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent).map_err(fail)?;
        let need = self.bytes()?;
        if let Ok(free) = fs4::available_space(parent)
            && free < need
        {
            return Err(ImportError::NoSpace {
                path: parent.into(),
                need_mib: need.div_ceil(1 << 20),
                free_mib: free >> 20,
            });
        }
        let folder = tempfile::Builder::new()
            .prefix(".barline-import-")
            .tempdir_in(parent)
            .map_err(fail)?;
        self.write_tensors(&folder.path().join("model.safetensors"), hear)?;
        for (name, text) in &self.texts {
            write_file(&folder.path().join(name), text.as_bytes()).map_err(fail)?;
        }
        for (name, from) in &self.copies {
            std::fs::copy(from, folder.path().join(name)).map_err(|source| ImportError::Io {
                path: from.clone(),
                source,
            })?;
        }
        Model::check(folder.path()).map_err(|error| error.seen_as(folder.path(), out))?;
        std::fs::rename(folder.path(), out).map_err(fail)?;
        // It has another name now, and stays.
        let _ = folder.keep();
        Ok(())
    }

    fn write_tensors(&self, path: &Path, hear: &mut Hear) -> Result<(), ImportError> {
        let fail = |source| ImportError::Io {
            path: path.to_owned(),
            source,
        };
        let mut header = serde_json::Map::new();
        header.insert("__metadata__".into(), json!({"format": "pt"}));
        let mut start = 0;
        for (name, source) in &self.tensors {
            let end = start + source.bytes()?;
            let entry = json!({
                "dtype": format!("{:?}", source.dtype()?),
                "shape": source.shape()?,
                "data_offsets": [start, end],
            });
            header.insert(name.clone(), entry);
            start = end;
        }
        let mut header = Value::Object(header).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(fail)?);
        let length = (header.len() as u64).to_le_bytes();
        for bytes in [&length[..], &header] {
            file.write_all(bytes).map_err(fail)?;
        }
        let (mut written, mut said) = (0, 0);
        let mut put = |bytes: &[u8]| {
            file.write_all(bytes).map_err(fail)?;
            written += bytes.len() as u64;
            if written - said >= SAY_EVERY_BYTES || written == start as u64 {
                said = written;
                if hear(written, start as u64).is_break() {
                    return Err(ImportError::Cancelled);
                }
            }
            Ok(())
        };
        for (name, source) in &self.tensors {
            match source {
                Source::Checkpoint(checkpoint, stored) => {
                    checkpoint.write(name, stored, &mut put)?;
                }
                Source::File(weights, name) => {
                    let mut pieces = weights.raw(name)?.2.chunks(PIECE_BYTES);
                    pieces.try_for_each(&mut put)?;
                }
            }
        }
        let file = file
            .into_inner()
            .map_err(|error| fail(error.into_error()))?;
        file.sync_all().map_err(fail)
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
