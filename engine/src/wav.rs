//! A clip as a WAV file, whole or not at all.
//!
//! Any thread but the audio thread. hound writes the samples, `chunks` what stands behind
//! them; the file is made beside its place under another name and renamed when it is complete.

mod chunks;
mod recipe;

use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

pub use recipe::{ReadError, Recipe};

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
pub enum WavError {
    /// The folder is missing, read-only, or full.
    #[error("cannot write {path}: {source}; choose another folder or make room")]
    Io {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// More than the 4 GiB that a WAV file can hold.
    #[error("{path} would be over 4 GiB, which a WAV file cannot hold: make it shorter")]
    TooLarge {
        /// The file that was to be written.
        path: PathBuf,
    },
}

/// Writes samples by channel (equal lengths, ±1 full scale) to `path`, with all that the
/// recipe tells of them.
///
/// Integer samples are rounded to the nearest and clipped at full scale. The same arguments
/// make the same file, to the byte.
///
/// # Errors
/// [`WavError`]; then there is no file, or the one that was there before.
pub fn write(path: &Path, recipe: &Recipe, channels: &[Vec<f32>]) -> Result<(), WavError> {
    let fail = |source| WavError::Io {
        path: path.to_owned(),
        source,
    };
    let frames = channels.first().map_or(0, Vec::len) as u64;
    let bits = recipe.depth.bits();
    let chunks = chunks::all(recipe, frames, channels.len());
    let audio_bytes = frames * channels.len() as u64 * u64::from(bits / 8);
    if audio_bytes + chunks.len() as u64 > u64::from(u32::MAX) - 1024 {
        return Err(WavError::TooLarge {
            path: path.to_owned(),
        });
    }
    let mut file = create_beside(path).map_err(fail)?;
    let spec = hound::WavSpec {
        channels: channels.len() as u16,
        sample_rate: recipe.rate_hz,
        bits_per_sample: bits,
        sample_format: match recipe.depth {
            Depth::Float32 => hound::SampleFormat::Float,
            _ => hound::SampleFormat::Int,
        },
    };
    encode(file.as_file_mut(), spec, channels).map_err(fail)?;
    append(file.as_file_mut(), &chunks).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}

/// The rate of a WAV file and its samples by channel, ±1 full scale.
///
/// # Errors
/// [`ReadError::Io`] and [`ReadError::NotWav`].
pub fn read(path: &Path) -> Result<(u32, Vec<Vec<f32>>), ReadError> {
    let fail = |error| match error {
        hound::Error::IoError(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            ReadError::Io {
                path: path.to_owned(),
                source,
            }
        }
        other => ReadError::NotWav {
            path: path.to_owned(),
            why: other.to_string(),
        },
    };
    let mut file = hound::WavReader::open(path).map_err(fail)?;
    let spec = file.spec();
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => file.samples::<f32>().collect::<Result<_, _>>(),
        hound::SampleFormat::Int => {
            let full = (1u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
            file.samples::<i32>()
                .map(|sample| Ok(sample? as f32 / full))
                .collect()
        }
    }
    .map_err(fail)?;
    let channels = usize::from(spec.channels.max(1));
    let channel = |index| samples.iter().copied().skip(index).step_by(channels);
    let channels = (0..channels).map(|index| channel(index).collect());
    Ok((spec.sample_rate, channels.collect()))
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

fn encode(
    file: &mut std::fs::File,
    spec: hound::WavSpec,
    channels: &[Vec<f32>],
) -> std::io::Result<()> {
    let io = |error| match error {
        hound::Error::IoError(error) => error,
        other => std::io::Error::other(other),
    };
    let mut buffer = BufWriter::new(file);
    let mut writer = hound::WavWriter::new(&mut buffer, spec).map_err(io)?;
    for frame in 0..channels.first().map_or(0, Vec::len) {
        for channel in channels {
            let sample = channel[frame];
            match spec.sample_format {
                hound::SampleFormat::Float => writer.write_sample(sample),
                hound::SampleFormat::Int => {
                    let full = f64::from(1u32 << (spec.bits_per_sample - 1));
                    let value = (f64::from(sample) * full).round().clamp(-full, full - 1.0);
                    writer.write_sample(value as i32)
                }
            }
            .map_err(io)?;
        }
    }
    writer.finalize().map_err(io)?;
    buffer.flush()
}

/// Puts `chunks` behind what hound wrote and makes the RIFF header count them.
fn append(file: &mut std::fs::File, chunks: &[u8]) -> std::io::Result<()> {
    let end = file.seek(SeekFrom::End(0))?;
    if end % 2 == 1 {
        // hound leaves an odd `data` chunk unpadded.
        file.write_all(&[0])?;
    }
    file.write_all(chunks)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(4))?;
    file.write_all(&((length - 8) as u32).to_le_bytes())
}

#[cfg(test)]
mod tests;
