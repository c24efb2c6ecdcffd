//! A clip as a file, whole or not at all: WAV, FLAC or AIFF, by the ending of its name.
//!
//! Any thread but the audio thread. The samples are written by libraries; beside them every format
//! carries what it can of the clip's facts, and the recipe to make it again. The file is made
//! beside its place under another name and renamed when it is complete.

mod aiff;
mod chunks;
mod facts;
mod flac;
mod long;
mod recipe;
mod wav;

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

pub use facts::{Words, comment, key};
pub use flac::encode as encode_flac;
pub use long::{LongFacts, LongFile, LongForm, LongFormat, Marker};
pub use recipe::{ReadError, Recipe};

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RIFF WAVE.
    Wav,
    /// Free Lossless Audio Codec, 16 or 24 bits.
    Flac,
    /// Audio Interchange File Format, with floats AIFF-C.
    Aiff,
}

impl Format {
    /// By the ending of a name, if it names one.
    #[must_use]
    pub fn named(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_ascii_lowercase();
        match ending.to_str()? {
            "wav" => Some(Self::Wav),
            "flac" => Some(Self::Flac),
            "aif" | "aiff" | "aifc" => Some(Self::Aiff),
            _ => None,
        }
    }

    /// By the ending of a name; WAV unless it names another.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self::named(path).unwrap_or(Self::Wav)
    }
}

/// How a sample is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Depth {
    /// 16-bit integer.
    Int16,
    /// 24-bit integer.
    Int24,
    /// 32-bit float.
    Float32,
}

impl Depth {
    /// Bits a sample.
    #[must_use]
    pub fn bits(self) -> u16 {
        match self {
            Self::Int16 => 16,
            Self::Int24 => 24,
            Self::Float32 => 32,
        }
    }
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The folder is missing, read-only, or full.
    #[error("cannot write {path}: {source}; choose another folder or make room")]
    Io {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// More than the 4 GiB that a WAV or AIFF file can hold.
    #[error("{path} would be over 4 GiB, which such a file cannot hold: make it shorter")]
    TooLarge {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// A disk that has less room than the file will take, found before it is begun.
    #[error(
        "{path} takes {needs_mib} MiB, and there are {has_mib} MiB free: make room, choose another folder, or a .flac or .ogg file"
    )]
    NoRoom {
        /// The file that was to be written.
        path: PathBuf,
        /// What it takes.
        needs_mib: u64,
        /// What is free.
        has_mib: u64,
    },
    /// A rate or length that the encoder of the format refuses.
    #[error("{path} cannot be written ({why}): choose a .wav file or another rate")]
    Refused {
        /// The file that was to be written.
        path: PathBuf,
        /// What the encoder said.
        why: String,
    },
    /// FLAC has integers only.
    #[error("{path}: FLAC cannot hold floating point samples: choose 16 or 24 bits, or WAV")]
    Float {
        /// The file that was to be written.
        path: PathBuf,
    },
}

/// Whether the format that a name ends with has samples of that depth.
///
/// # Errors
/// [`FileError::Float`].
pub fn check(path: &Path, depth: Depth) -> Result<(), FileError> {
    if Format::of(path) == Format::Flac && depth == Depth::Float32 {
        return Err(FileError::Float {
            path: path.to_owned(),
        });
    }
    Ok(())
}

/// Writes samples by channel (1 or 2, equal lengths, ±1 full scale) to `path`, with all that the
/// recipe tells of them, in the format that the name ends with.
///
/// Integer samples are rounded to the nearest and clipped at full scale. The same arguments
/// make the same file, to the byte.
///
/// # Errors
/// [`FileError`]; then there is no file, or the one that was there before.
pub fn write(path: &Path, recipe: &Recipe, channels: &[Vec<f32>]) -> Result<(), FileError> {
    let fail = |source| FileError::Io {
        path: path.to_owned(),
        source,
    };
    check(path, recipe.depth)?;
    let format = Format::of(path);
    let samples = channels.iter().map(|channel| channel.len() as u64).sum();
    if format != Format::Flac && wav::too_large(samples, recipe.depth) {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
        });
    }
    let mut file = create_beside(path).map_err(fail)?;
    match format {
        Format::Wav => wav::write(file.as_file_mut(), recipe, channels),
        Format::Flac => flac::write(file.as_file_mut(), recipe, channels),
        Format::Aiff => aiff::write(file.as_file_mut(), recipe, channels),
    }
    .map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}

/// The bytes of the WAV file that [`write()`] would make.
///
/// # Errors
/// What the encoder says of a rate or length that it refuses.
pub fn wav_bytes(recipe: &Recipe, channels: &[Vec<f32>]) -> std::io::Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    wav::write(&mut bytes, recipe, channels)?;
    Ok(bytes.into_inner())
}

/// Writes bytes to `path`, whole or not at all.
///
/// # Errors
/// [`FileError::Io`]; then there is no file, or the one that was there before.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let fail = |source| FileError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = create_beside(path).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}

/// The rate of a WAV, FLAC or AIFF file, told by its first bytes, and its samples by channel,
/// ±1 full scale.
///
/// # Errors
/// [`ReadError::Io`] and [`ReadError::NotSound`].
pub fn read(path: &Path) -> Result<(u32, Vec<Vec<f32>>), ReadError> {
    let mut head = [0; 4];
    let read = std::fs::File::open(path)
        .and_then(|mut file| std::io::Read::read(&mut file, &mut head))
        .map_err(|source| ReadError::io(path, source))?;
    match &head[..read] {
        b"fLaC" => flac::read(path),
        b"FORM" => aiff::read(path),
        _ => wav::read(path),
    }
}

/// By channel, from interleaved.
fn by_channel(samples: &[f32], count: usize) -> Vec<Vec<f32>> {
    let channel = |index| samples.iter().copied().skip(index).step_by(count.max(1));
    (0..count).map(|index| channel(index).collect()).collect()
}

/// Interleaved, from channels of equal lengths.
fn interleaved(channels: &[Vec<f32>]) -> impl Iterator<Item = f32> + '_ {
    let frames = channels.first().map_or(0, Vec::len);
    (0..frames).flat_map(move |frame| channels.iter().map(move |channel| channel[frame]))
}

/// A sample as an integer of so many bits.
fn to_integer(sample: f32, bits: u16) -> i32 {
    let full = f64::from(1u32 << (bits - 1));
    (f64::from(sample) * full).round().clamp(-full, full - 1.0) as i32
}

/// A file in the folder of `path`, gone again unless it is persisted.
///
/// # Errors
/// The system's, when there is no such folder or it can't be written to.
pub fn create_beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".barline-");
    #[cfg(unix)]
    {
        // Temporary files are private by default; a clip is an ordinary file of the user's
        // (the system's umask still applies).
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder.unwrap_or(Path::new(".")))
}

#[cfg(test)]
mod tests;
