//! A model's tensors in safetensors files: one file, a sharded index, or bytes in memory.
//!
//! Worker thread. Files are mapped, not read: a tensor costs memory when it is asked for.
//! Every name, type and shape is checked here, so that what runs later can rely on it.

mod bytes;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, Metadata, SafeTensors};

use self::bytes::Bytes;
use crate::error::EngineError;
use crate::load::Load;

/// Bytes that are hashed at once.
const HASHED_BYTES: usize = 4 << 20;

/// A list of tensors that is longer is none: the largest published one has 200 KB.
const MOST_HEADER_BYTES: u64 = 16 << 20;

/// All tensors of a model by name.
#[derive(Debug)]
pub struct Weights {
    parts: Vec<Part>,
    part_of: HashMap<String, usize>,
    /// The seed of a model that has every tensor.
    random: Option<u64>,
    /// Whoever waits for the tensors.
    load: Arc<Load>,
    /// Floats given out so far: of the language model, and of the rest.
    decoder_floats: AtomicU64,
    other_floats: AtomicU64,
}

#[derive(Debug)]
struct Part {
    path: PathBuf,
    bytes: Bytes,
    header: Metadata,
    data_start: usize,
}

impl Weights {
    /// Opens `model.safetensors` of a folder, or the shards that
    /// `model.safetensors.index.json` names.
    ///
    /// # Errors
    /// [`EngineError::ModelMissing`] and [`EngineError::ModelFile`].
    pub fn open(folder: &Path) -> Result<Self, EngineError> {
        let single = folder.join("model.safetensors");
        if single.is_file() {
            return Self::from_parts(vec![Part::map(single)?]);
        }
        let index = folder.join("model.safetensors.index.json");
        let other = [
            "pytorch_model.bin",
            "pytorch_model.bin.index.json",
            "state_dict.bin",
        ];
        if !index.is_file() && other.iter().any(|name| folder.join(name).is_file()) {
            let what = "its weights are PyTorch's: bring it over with `barline models import`";
            return Err(EngineError::Unsupported { what: what.into() });
        }
        if !index.is_file() {
            return Err(EngineError::ModelMissing { path: single });
        }
        let mut parts = Vec::new();
        for name in shard_names(&index)? {
            parts.push(Part::map(folder.join(name))?);
        }
        Self::from_parts(parts)
    }

    /// Reads tensors that lie in the binary; `name` stands for the file in messages.
    ///
    /// # Errors
    /// [`EngineError::ModelFile`].
    pub fn from_static(name: &str, bytes: &'static [u8]) -> Result<Self, EngineError> {
        Self::from_parts(vec![Part::read(PathBuf::from(name), Bytes::Static(bytes))?])
    }

    /// Takes a safetensors file that was made in memory, such as a benchmark's random model;
    /// `name` stands for the file in messages.
    ///
    /// # Errors
    /// [`EngineError::ModelFile`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self, EngineError> {
        Self::from_parts(vec![Part::read(PathBuf::from(name), Bytes::Owned(bytes))?])
    }

    /// A model that nobody trained, for measuring: it has every tensor that it is asked for, in
    /// the shape that it is asked for (and none that a model may be without), its values
    /// the same for the same seed and name and small enough that signals neither fade nor
    /// grow in it.
    ///
    /// # Errors
    /// None in practice; [`EngineError::ModelFile`] is the type of its siblings.
    pub fn random(seed: u64) -> Result<Self, EngineError> {
        let header = format!(r#"{{"__metadata__":{{"seed":"{seed}"}}}}"#);
        let length = (header.len() as u64).to_le_bytes();
        let bytes = [&length[..], header.as_bytes()].concat();
        let mut weights = Self::from_bytes("random weights", bytes)?;
        weights.random = Some(seed);
        Ok(weights)
    }

    fn from_parts(parts: Vec<Part>) -> Result<Self, EngineError> {
        let mut part_of = HashMap::new();
        for (index, part) in parts.iter().enumerate() {
            for name in part.header.offset_keys() {
                part_of.insert(name, index);
            }
        }
        Ok(Self {
            parts,
            part_of,
            random: None,
            load: Arc::default(),
            decoder_floats: AtomicU64::new(0),
            other_floats: AtomicU64::new(0),
        })
    }

    /// The same, with somebody who waits: what is read from now on counts for them, and ends with
    /// an error when they go.
    #[must_use]
    pub(crate) fn for_load(self, load: Arc<Load>) -> Self {
        Self { load, ..self }
    }

    /// Whoever waits for the tensors.
    pub(crate) fn load(&self) -> &Load {
        &self.load
    }

    /// Bytes of the tensors' data in the files: of the language model, and of the rest.
    pub(crate) fn data_bytes(&self) -> (u64, u64) {
        let (mut decoder, mut other) = (0, 0);
        for part in &self.parts {
            for (name, info) in part.header.tensors() {
                let (start, end) = info.data_offsets;
                let of = if is_of_decoder(&name) {
                    &mut decoder
                } else {
                    &mut other
                };
                *of += (end - start) as u64;
            }
        }
        (decoder, other)
    }

    /// Names of all tensors.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.part_of.keys().map(String::as_str)
    }

    /// A tensor as it lies in its file.
    ///
    /// # Errors
    /// [`EngineError::ModelFile`] when there is none.
    pub(crate) fn raw(&self, name: &str) -> Result<(Dtype, &[usize], &[u8]), EngineError> {
        let (part, info) = self.find(name)?;
        let (start, end) = info.data_offsets;
        let bytes = &part.bytes[part.data_start + start..part.data_start + end];
        Ok((info.dtype, &info.shape, bytes))
    }

    /// Floats that were given out so far: of the language model, and of the rest.
    pub(crate) fn floats_given(&self) -> (u64, u64) {
        let read = |floats: &AtomicU64| floats.load(Ordering::Relaxed);
        (read(&self.decoder_floats), read(&self.other_floats))
    }

    fn count(&self, name: &str, floats: usize) {
        let of = if is_of_decoder(name) {
            &self.decoder_floats
        } else {
            &self.other_floats
        };
        of.fetch_add(floats as u64, Ordering::Relaxed);
    }

    /// Whether there is a tensor of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.part_of.contains_key(name)
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// [`EngineError::ModelFile`] when there is none.
    pub fn shape(&self, name: &str) -> Result<&[usize], EngineError> {
        let (_, info) = self.find(name)?;
        Ok(&info.shape)
    }

    /// Whether there is such a tensor, by the file's list: for what would take memory before it is
    /// read.
    ///
    /// # Errors
    /// As [`Weights::f32`].
    pub(crate) fn expect(&self, name: &str, shape: &[usize]) -> Result<(), EngineError> {
        if self.random.is_some() {
            return Ok(());
        }
        let found = self.shape(name)?;
        if found == shape {
            return Ok(());
        }
        Err(self.fault(name, &format!("is {found:?}, expected {shape:?}")))
    }

    /// A tensor of f32, f16 or bf16 as f32 values in row-major order, whose shape must be `shape`.
    ///
    /// # Errors
    /// [`EngineError::ModelFile`] when it is missing, or of another type or shape.
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EngineError> {
        self.load.check()?;
        if let Some(seed) = self.random {
            self.count(name, shape.iter().product());
            return Ok(random_values(seed, name, shape));
        }
        let (part, info) = self.find(name)?;
        let fail = |why| EngineError::ModelFile {
            path: part.path.clone(),
            why,
        };
        if info.shape != shape {
            return Err(fail(format!(
                "tensor {name} is {:?}, expected {shape:?}",
                info.shape
            )));
        }
        let range = part.data_start + info.data_offsets.0..part.data_start + info.data_offsets.1;
        let bytes = &part.bytes[range.clone()];
        let half = |make: fn([u8; 2]) -> f32| {
            bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|&b| make(b))
                .collect::<Vec<f32>>()
        };
        let values = match info.dtype {
            Dtype::F32 => bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&b| f32::from_le_bytes(b))
                .collect(),
            Dtype::F16 => half(|b| half::f16::from_le_bytes(b).to_f32()),
            Dtype::BF16 => half(|b| half::bf16::from_le_bytes(b).to_f32()),
            other => {
                return Err(fail(format!(
                    "tensor {name} is of type {other:?}, expected F32, F16 or BF16"
                )));
            }
        };
        if !all_finite(&values) {
            return Err(fail(format!(
                "tensor {name} holds values that are not numbers"
            )));
        }
        self.count(name, values.len());
        let bytes = range.len() as u64;
        part.bytes.forget(range);
        self.load.advance(bytes)?;
        Ok(values)
    }

    /// The same as a candle tensor of `dtype` on `device`.
    ///
    /// # Errors
    /// As [`Weights::f32`].
    pub fn tensor(
        &self,
        name: &str,
        shape: &[usize],
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor, EngineError> {
        let values = self.f32(name, shape)?;
        Ok(Tensor::from_vec(values, shape, device)?.to_dtype(dtype)?)
    }

    /// SHA-256 over all files, in order, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        self.sha256_unless(&|| false).unwrap_or_default()
    }

    /// The same, given up as soon as it is to stop.
    pub(crate) fn sha256_unless(&self, stop: &dyn Fn() -> bool) -> Option<String> {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        for part in &self.parts {
            for (index, piece) in part.bytes.chunks(HASHED_BYTES).enumerate() {
                if stop() {
                    return None;
                }
                hash.update(piece);
                let start = index * HASHED_BYTES;
                part.bytes.forget(start..start + piece.len());
            }
        }
        let hash = hash.finalize();
        Some(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The files that they lie in, a line for each: name, bytes, and when they were last
    /// changed. `None` when they lie in no files, or the system does not say.
    #[must_use]
    pub fn files(&self) -> Option<String> {
        let line = |part: &Part| {
            let Bytes::Mapped(_) = part.bytes else {
                return None;
            };
            let facts = std::fs::metadata(&part.path).ok()?;
            let changed = facts.modified().ok()?;
            let since = changed.duration_since(std::time::UNIX_EPOCH).ok()?;
            let name = part.path.file_name()?.to_string_lossy();
            Some(format!("{name} {} {}\n", facts.len(), since.as_nanos()))
        };
        self.parts.iter().map(line).collect()
    }

    /// The error for a tensor with values that no model can have.
    #[must_use]
    pub fn fault(&self, name: &str, why: &str) -> EngineError {
        match self.find(name) {
            Ok((part, _)) => EngineError::ModelFile {
                path: part.path.clone(),
                why: format!("tensor {name} {why}"),
            },
            Err(missing) => missing,
        }
    }

    fn find(&self, name: &str) -> Result<(&Part, &safetensors::tensor::TensorInfo), EngineError> {
        let missing = |part: &Part| EngineError::ModelFile {
            path: part.path.clone(),
            why: format!("it has no tensor {name}"),
        };
        let part = &self.parts[self.part_of.get(name).copied().unwrap_or(0)];
        let info = part.header.info(name).ok_or_else(|| missing(part))?;
        Ok((part, info))
    }
}

impl Part {
    fn map(path: PathBuf) -> Result<Self, EngineError> {
        let file = File::open(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => EngineError::ModelMissing { path: path.clone() },
            _ => EngineError::ModelFile {
                path: path.clone(),
                why: error.to_string(),
            },
        })?;
        // SAFETY: the map is only read; a model file that another program truncates
        // while it is mapped is a fault that no reader of mapped files can rule out.
        #[allow(unsafe_code)]
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|error| EngineError::ModelFile {
            path: path.clone(),
            why: error.to_string(),
        })?;
        Self::read(path, Bytes::Mapped(map))
    }

    fn read(path: PathBuf, bytes: Bytes) -> Result<Self, EngineError> {
        let length = bytes
            .first_chunk()
            .map(|&length| u64::from_le_bytes(length));
        if length.is_some_and(|length| length > MOST_HEADER_BYTES) {
            return Err(EngineError::ModelFile {
                path,
                why: "its list of tensors is longer than any model's".into(),
            });
        }
        // `read_metadata` checks that the offsets tile the data without gaps or overlaps
        // and that the file has as many bytes as they say.
        let (header_len, header) =
            SafeTensors::read_metadata(&bytes).map_err(|error| EngineError::ModelFile {
                path: path.clone(),
                why: error.to_string(),
            })?;
        let data_start = header_len + size_of::<u64>();
        Ok(Self {
            path,
            bytes,
            header,
            data_start,
        })
    }
}

/// As one comparison at the end, which is nearly as fast as reading.
fn all_finite(values: &[f32]) -> bool {
    const INFINITY: u32 = 0x7F80_0000;
    let magnitudes = values.iter().map(|value| value.to_bits() & !(1 << 31));
    magnitudes.fold(0, u32::max) < INFINITY
}

fn is_of_decoder(name: &str) -> bool {
    name.starts_with("decoder.")
}

/// Values of a tensor that no file has. Matrices (rows are outputs) keep the variance of
/// what goes through them within a factor; single rows are biases, or norms near 1.
fn random_values(seed: u64, name: &str, shape: &[usize]) -> Vec<f32> {
    // FNV-1a of the name, then xorshift64.
    let mut state = name
        .bytes()
        .fold(seed ^ 0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        })
        | 1;
    let inputs: usize = shape.iter().skip(1).product();
    let (middle, scale) = match (shape.len(), name.ends_with("weight")) {
        (0 | 1, true) => (1.0, 0.1),
        (0 | 1, false) => (0.0, 0.1),
        _ => (0.0, 1.5 / (inputs as f32).sqrt()),
    };
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let noise = (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0; // −1 … 1
        middle + scale * noise
    };
    (0..shape.iter().product()).map(|_| next()).collect()
}

/// The shard files that an index names, each once, in order of name.
pub(crate) fn shard_names(index: &Path) -> Result<Vec<String>, EngineError> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let fail = |why: String| EngineError::ModelFile {
        path: index.to_owned(),
        why,
    };
    let text = crate::model::read_small(index)?.ok_or_else(|| EngineError::ModelMissing {
        path: index.to_owned(),
    })?;
    let index: Index = serde_json::from_slice(&text).map_err(|error| fail(error.to_string()))?;
    let mut names: Vec<String> = index.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    // A shard must lie in the folder itself: an index is no way to open other files.
    match names
        .iter()
        .find(|name| Path::new(name).file_name() != Some(name.as_ref()))
    {
        Some(odd) => Err(fail(format!("it names a shard outside its folder: {odd}"))),
        None if names.is_empty() => Err(fail("it names no shard".into())),
        None => Ok(names),
    }
}
