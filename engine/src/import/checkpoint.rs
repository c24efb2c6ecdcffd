//! A PyTorch checkpoint: its tensors, by name, and the texts beside them.
//!
//! Any thread. The file is mapped: a tensor costs memory when it is asked for.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::tensor::Dtype;

use super::archive;
use super::pickle::{Fault, Pickle, Place, Tensor, Value};
use crate::error::EngineError;

/// A list of tensors longer than this is none.
const MOST_PICKLE_BYTES: usize = 16 << 20;
/// Numbers of a tensor: more than the largest table of the largest model, by far.
const MOST_NUMBERS: usize = 1 << 34;

/// A checkpoint, open.
#[derive(Debug)]
pub(super) struct Checkpoint {
    path: PathBuf,
    map: Mmap,
    pickle: Pickle,
    /// Where storages lie, by key.
    storages: HashMap<String, Range<usize>>,
}

/// A tensor that lies in a checkpoint.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    tensor: Tensor,
    /// The type that it will have: its own, or F32 for F64.
    pub(super) dtype: Dtype,
    wide: bool,
    place: Range<usize>,
}

impl Stored {
    pub(super) fn shape(&self) -> &[usize] {
        &self.tensor.shape
    }

    pub(super) fn numbers(&self) -> usize {
        self.tensor.shape.iter().product()
    }

    /// Some of its first dimension.
    pub(super) fn rows(&self, rows: Range<usize>) -> Self {
        let mut part = self.clone();
        part.tensor.offset += rows.start * part.tensor.strides[0];
        part.tensor.shape[0] = rows.len();
        part
    }

    /// Whether it is the very same numbers as another.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.place == other.place && self.tensor == other.tensor
    }
}

impl Checkpoint {
    /// Maps a file and reads what it lists.
    ///
    /// # Errors
    /// [`EngineError::ModelMissing`] and [`EngineError::ModelFile`].
    pub(super) fn open(path: &Path) -> Result<Self, EngineError> {
        let fail = |why: String| EngineError::ModelFile {
            path: path.to_owned(),
            why,
        };
        let file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => EngineError::ModelMissing {
                path: path.to_owned(),
            },
            _ => fail(error.to_string()),
        })?;
        // SAFETY: the map is only read; a file that another program truncates while it is mapped
        // is a fault that no reader of mapped files can rule out.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.map_err(|error| fail(error.to_string()))?;
        let (pickle, storages) = read(&map).map_err(fail)?;
        Ok(Self {
            path: path.to_owned(),
            map,
            pickle,
            storages,
        })
    }

    /// The error for something that is wrong with the file.
    pub(super) fn fault(&self, why: impl Into<String>) -> EngineError {
        EngineError::ModelFile {
            path: self.path.clone(),
            why: why.into(),
        }
    }

    /// A text of the outermost dictionary.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let place = self.pickle.get(self.pickle.root(), name)?;
        self.pickle.text(place)
    }

    /// Whether the outermost dictionary has an entry of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.pickle.get(self.pickle.root(), name).is_some()
    }

    /// The tensors of the dictionary at the end of a path of names, as far as the path leads; a
    /// name that is not there is passed over.
    ///
    /// # Errors
    /// [`EngineError::ModelFile`] for a tensor that is not as it should be.
    pub(super) fn tensors(&self, path: &[&str]) -> Result<BTreeMap<String, Stored>, EngineError> {
        let mut dict = self.pickle.root();
        for name in path {
            dict = self.pickle.get(dict, name).unwrap_or(dict);
        }
        let mut tensors = BTreeMap::new();
        for (name, place) in self.pickle.entries(dict) {
            if let Some(stored) = self
                .stored(place)
                .map_err(|why| self.fault(format!("tensor {name}: {why}")))?
            {
                tensors.insert(name.to_owned(), stored);
            }
        }
        Ok(tensors)
    }

    fn stored(&self, place: Place) -> Result<Option<Stored>, Fault> {
        let Value::Tensor(tensor) = self.pickle.at(place) else {
            return Ok(None);
        };
        let (dtype, wide) = match tensor.storage.class.as_str() {
            "FloatStorage" => (Dtype::F32, false),
            "HalfStorage" => (Dtype::F16, false),
            "BFloat16Storage" => (Dtype::BF16, false),
            "DoubleStorage" => (Dtype::F32, true),
            // Counters and masks: no model of ours has weights of such types.
            "LongStorage" | "IntStorage" | "ShortStorage" | "CharStorage" | "ByteStorage"
            | "BoolStorage" => return Ok(None),
            other => return Err(format!("numbers of a type {other}")),
        };
        let place = self.storages.get(&tensor.storage.key);
        let place = place
            .ok_or_else(|| format!("no storage {:?}", tensor.storage.key))?
            .clone();
        let stored = Stored {
            tensor: tensor.clone(),
            dtype,
            wide,
            place,
        };
        let here = stored.place.len() / stored.width();
        let fits = stored.last().is_some_and(|last| {
            // One that repeats its numbers would be larger written than it lies here.
            stored.numbers() == 0 || last < here && stored.numbers() <= here
        });
        if !fits {
            return Err(format!("a shape {:?} over {here} numbers", tensor.shape));
        }
        Ok(Some(stored))
    }

    /// Hands on the bytes of a tensor, in row-major order and in its [`Stored::dtype`].
    ///
    /// # Errors
    /// [`EngineError::ModelFile`] for values that are no numbers, and those of `put`.
    pub(super) fn write<E: From<EngineError>>(
        &self,
        name: &str,
        stored: &Stored,
        mut put: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let bytes = &self.map[stored.place.clone()];
        let width = stored.width();
        let finite = |bytes: &[u8]| {
            let whole = match (stored.wide, stored.dtype) {
                (true, _) => true,
                (_, Dtype::F32) => all(bytes, |b| f32::from_le_bytes(b).is_finite()),
                (_, Dtype::F16) => all(bytes, |b| half::f16::from_le_bytes(b).is_finite()),
                _ => all(bytes, |b| half::bf16::from_le_bytes(b).is_finite()),
            };
            if whole {
                return Ok(());
            }
            Err(self.fault(format!("tensor {name} holds values that are not numbers")))
        };
        if stored.is_contiguous() && !stored.wide {
            let start = stored.tensor.offset * width;
            let bytes = &bytes[start..start + stored.numbers() * width];
            for piece in bytes.chunks(1 << 20) {
                finite(piece)?;
                put(piece)?;
            }
            return Ok(());
        }
        let mut piece = Vec::with_capacity(1 << 16);
        let mut index = vec![0; stored.shape().len()];
        for _ in 0..stored.numbers() {
            let steps = index.iter().zip(&stored.tensor.strides);
            let at = stored.tensor.offset + steps.map(|(i, stride)| i * stride).sum::<usize>();
            let number = &bytes[at * width..][..width];
            if let (true, Ok(number)) = (stored.wide, number.try_into()) {
                let number = f64::from_le_bytes(number) as f32;
                if !number.is_finite() {
                    Err(self.fault(format!("tensor {name} holds values that are not numbers")))?;
                }
                piece.extend(number.to_le_bytes());
            } else {
                finite(number)?;
                piece.extend(number);
            }
            if piece.len() >= 1 << 16 {
                put(&piece)?;
                piece.clear();
            }
            for (index, &length) in index.iter_mut().zip(stored.shape()).rev() {
                *index += 1;
                if *index < length {
                    break;
                }
                *index = 0;
            }
        }
        put(&piece)
    }
}

impl Stored {
    /// Bytes of a number as it lies.
    fn width(&self) -> usize {
        match (self.wide, self.dtype) {
            (true, _) => 8,
            (_, Dtype::F32) => 4,
            _ => 2,
        }
    }

    /// The place of its last number in the storage; `None` for sizes that no tensor has.
    fn last(&self) -> Option<usize> {
        let Tensor {
            offset,
            shape,
            strides,
            ..
        } = &self.tensor;
        let mut numbers = 1_usize;
        let mut last = *offset;
        for (&length, &stride) in shape.iter().zip(strides) {
            numbers = numbers.checked_mul(length).filter(|&n| n <= MOST_NUMBERS)?;
            last = last.checked_add(length.saturating_sub(1).checked_mul(stride)?)?;
        }
        Some(last)
    }

    fn is_contiguous(&self) -> bool {
        let mut expect = 1;
        let dimensions = self.tensor.shape.iter().zip(&self.tensor.strides).rev();
        for (&length, &stride) in dimensions {
            if length > 1 && stride != expect {
                return false;
            }
            expect *= length;
        }
        true
    }
}

fn all<const N: usize>(bytes: &[u8], is: impl Fn([u8; N]) -> bool) -> bool {
    bytes.as_chunks::<N>().0.iter().all(|&b| is(b))
}

/// The list, and where the storages lie.
fn read(bytes: &[u8]) -> Result<(Pickle, HashMap<String, Range<usize>>), Fault> {
    let members = archive::members(bytes)?;
    let mut lists = members
        .iter()
        .filter(|(name, _)| name.ends_with("/data.pkl"));
    let (name, place) = lists.next().ok_or("it has no list of tensors")?;
    if lists.next().is_some() {
        return Err("it has two lists of tensors".into());
    }
    if place.len() > MOST_PICKLE_BYTES {
        return Err("its list of tensors is longer than any model's".into());
    }
    let folder = name.strip_suffix("data.pkl").unwrap_or_default();
    let order = members.get(&format!("{folder}byteorder"));
    if order.is_some_and(|place| &bytes[place.clone()] == b"big") {
        return Err("its numbers are big-endian: save it on an ordinary machine".into());
    }
    let pickle = Pickle::read(&bytes[place.clone()])?;
    let folder = format!("{folder}data/");
    let storages = members.iter().filter_map(|(name, place)| {
        let key = name.strip_prefix(&folder)?;
        Some((key.to_owned(), place.clone()))
    });
    Ok((pickle, storages.collect()))
}
