//! Sound from files of other programs: WAV, AIFF, FLAC, MP3, Ogg Vorbis, and M4A with ALAC.
//!
//! Any thread but the audio thread: it reads and decodes the whole file. Whatever the file holds,
//! the answer is sound or one message; memory is bounded by [`MAX_SAMPLES`].

mod decode;
mod fold;
mod hints;

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The longest file, in seconds.
pub const MAX_SECONDS: f64 = 600.0;
/// The most samples that are taken, over both channels: 10 minutes of stereo at 96 kHz, 512 MiB.
pub const MAX_SAMPLES: usize = 2 * 600 * 96_000;
/// The largest file, in bytes. Pictures and silent channels can make a file large as well.
pub const MAX_BYTES: u64 = 1 << 30;
/// The rates that are taken, in Hz.
pub const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// The sound of a file, and what it tells of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Imported {
    /// Frames a second.
    pub rate_hz: u32,
    /// One or two channels of equal lengths, ±1 full scale; all samples are finite. More channels
    /// were folded to two, as loud as the loudest of them.
    pub channels: Vec<Vec<f32>>,
    /// Length.
    pub seconds: f64,
    /// Beats a minute, by the file's tags, its loop chunk, or a name such as `drums_97bpm.wav`.
    pub tempo_bpm: Option<f64>,
    /// Whole beats of a loop, by its loop chunk.
    pub beats: Option<u32>,
    /// The key as the file's tags have it.
    pub key: Option<String>,
    /// The title in the file's tags, else the file's name without its ending.
    pub title: String,
    /// Samples that were no numbers and are silence now, and those of packets that could not be
    /// decoded. Worth a word to the user when it is not 0.
    pub silenced_samples: u64,
}

/// Why a file gives no sound.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file can't be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder, a device, a pipe.
    #[error("{path} is no file: drop a sound file")]
    NoFile {
        /// What was dropped.
        path: PathBuf,
    },
    /// Another kind of file.
    #[error(
        "{path} is no sound file that can be read ({why}): convert it to WAV, FLAC or MP3 first"
    )]
    NotSound {
        /// The file.
        path: PathBuf,
        /// What is odd about it.
        why: String,
    },
    /// The right kind, but broken or cut off.
    #[error("{path} is damaged ({why}): fetch or export it again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Not a single sample.
    #[error("{path} has no sound in it")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Over [`MAX_SECONDS`], [`MAX_SAMPLES`] or [`MAX_BYTES`].
    #[error("{path} is too long: cut out the part that you need, 10 minutes at most")]
    TooLong {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a sound file.
///
/// The delay and the padding that MP3 and Vorbis encoders add are cut off where the file tells of
/// them, so that loops stay loops. Samples that are no numbers become silence.
///
/// # Errors
/// [`ImportError`].
pub fn read(path: &Path) -> Result<Imported, ImportError> {
    let io = |source| ImportError::Io {
        path: path.to_owned(),
        source,
    };
    // Asked before it is opened: opening a pipe would wait for its other end.
    let data = fs::metadata(path).map_err(io)?;
    if !data.is_file() {
        return Err(ImportError::NoFile {
            path: path.to_owned(),
        });
    }
    if data.len() > MAX_BYTES {
        return Err(ImportError::TooLong {
            path: path.to_owned(),
        });
    }
    let file = File::open(path).map_err(io)?;
    // Decoders of files from anywhere: one that trips must not take the host with it.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode::decode(path, file)));
    let mut imported = decoded.unwrap_or_else(|_| {
        Err(ImportError::Damaged {
            path: path.to_owned(),
            why: "its decoder stopped".to_owned(),
        })
    })?;
    hints::complete(path, &mut imported);
    Ok(imported)
}
