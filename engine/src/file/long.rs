//! A file that is written block by block and may become very long: WAV, FLAC or Ogg Vorbis.
//!
//! Any thread but the audio thread. Memory does not grow with the length, but for 32 bytes that the
//! FLAC encoder keeps for every 4096 frames. The file lies beside its place under another name
//! until it is complete; what is dropped before that is gone.

mod ogg;
mod wav;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use flac_codec::encode::FlacSampleWriter;
use tempfile::NamedTempFile;

use super::facts::Words;
use super::{Depth, FileError, create_beside, flac, to_integer};
use crate::prompt::Key;

/// After as many samples the disk has to keep up, so that the end does not have to wait for
/// gigabytes.
const SYNC_SAMPLES: usize = 1 << 26;

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LongFormat {
    /// RIFF WAVE, and RF64 where that is too short.
    Wav,
    /// Free Lossless Audio Codec.
    Flac,
    /// Ogg Vorbis.
    Ogg,
}

impl LongFormat {
    /// By the ending of a name, if it names one.
    #[must_use]
    pub fn named(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_ascii_lowercase();
        match ending.to_str()? {
            "wav" => Some(Self::Wav),
            "flac" => Some(Self::Flac),
            "ogg" | "oga" => Some(Self::Ogg),
            _ => None,
        }
    }
}

/// How the samples are stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LongForm {
    /// What kind of file.
    pub format: LongFormat,
    /// Sample rate.
    pub rate_hz: u32,
    /// 1 or 2.
    pub channels: usize,
    /// Frames that will be written, exactly.
    pub frames: u64,
    /// Of WAV and FLAC.
    pub depth: Depth,
    /// Of Ogg Vorbis, from 0 to 10; 5 has about 160 kbit/s in stereo at 44.1 kHz.
    pub quality: f32,
    /// A WAV file that is longer is RF64: at most what 32 bits count.
    pub riff_bytes: u32,
}

/// What a long file says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct LongFacts {
    /// To people.
    pub words: Words,
    /// Tempo.
    pub tempo_bpm: f64,
    /// Quarter-note beats in a bar.
    pub beats_per_bar: u32,
    /// Beats in all of it.
    pub beats: u64,
    /// Key, if it has one.
    pub key: Option<Key>,
    /// Whether its end goes over into its beginning.
    pub loops: bool,
    /// What it was made from and how, as JSON.
    pub story: String,
}

/// A place in a long file; of WAV files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Where.
    pub frame: u64,
    /// What is there.
    pub label: String,
}

/// A file that is being written.
pub struct LongFile {
    path: PathBuf,
    form: LongForm,
    facts: LongFacts,
    // Dropped before the file that it writes to.
    sink: Sink,
    file: NamedTempFile,
    interleaved: Vec<i32>,
    unsynced_samples: usize,
}

enum Sink {
    Wav(wav::Writer),
    Flac(Box<FlacSampleWriter<BufWriter<File>>>),
    Ogg(Box<ogg::Writer>),
}

impl LongFile {
    /// Begins a file that will be at `path`.
    ///
    /// # Errors
    /// [`FileError`]; [`FileError::NoRoom`] when what it will take is known and not there.
    pub fn create(path: &Path, form: LongForm, facts: LongFacts) -> Result<Self, FileError> {
        let io = |source| FileError::Io {
            path: path.to_owned(),
            source,
        };
        if form.format == LongFormat::Flac && form.depth == Depth::Float32 {
            return Err(FileError::Float {
                path: path.to_owned(),
            });
        }
        let file = create_beside(path).map_err(io)?;
        if form.format == LongFormat::Wav {
            let needs = wav::bytes(&form);
            // Where the system does not say what is free, it is tried.
            let has = fs4::available_space(file.path()).unwrap_or(u64::MAX);
            if has < needs {
                return Err(FileError::NoRoom {
                    path: path.to_owned(),
                    needs_mib: needs.div_ceil(1 << 20),
                    has_mib: has >> 20,
                });
            }
        }
        let out = BufWriter::with_capacity(1 << 18, file.as_file().try_clone().map_err(io)?);
        let sink = match form.format {
            LongFormat::Wav => Sink::Wav(wav::Writer::new(out, form).map_err(io)?),
            LongFormat::Flac => {
                let fields = flac::long_comments(&facts, form.frames);
                let (bits, total) = (form.depth.bits(), form.frames * form.channels as u64);
                let made = flac::encoder(out, form.rate_hz, bits, form.channels, total, &fields);
                Sink::Flac(Box::new(made.map_err(|error| refused(path, error))?))
            }
            LongFormat::Ogg => {
                let fields = flac::long_comments(&facts, form.frames);
                let made = ogg::Writer::new(out, &form, &fields).map_err(|why| match why {
                    ogg::Error::Io(source) => io(source),
                    ogg::Error::Refused(why) => FileError::Refused {
                        path: path.to_owned(),
                        why,
                    },
                });
                Sink::Ogg(Box::new(made?))
            }
        };
        Ok(Self {
            path: path.to_owned(),
            form,
            facts,
            sink,
            file,
            interleaved: Vec::new(),
            unsynced_samples: 0,
        })
    }

    /// Appends samples by channel, ±1 full scale, of equal lengths.
    ///
    /// # Errors
    /// [`FileError`]: above all a full disk.
    pub fn write(&mut self, block: &[Vec<f32>]) -> Result<(), FileError> {
        let written = match &mut self.sink {
            Sink::Wav(writer) => writer.write(block),
            Sink::Flac(writer) => {
                let bits = self.form.depth.bits();
                self.interleaved.clear();
                let samples = super::interleaved(block).map(|sample| to_integer(sample, bits));
                self.interleaved.extend(samples);
                writer.write(&self.interleaved).map_err(flac::to_io)
            }
            Sink::Ogg(writer) => writer.write(block),
        };
        self.unsynced_samples += block.iter().map(Vec::len).sum::<usize>();
        let synced = written.and_then(|()| {
            if self.unsynced_samples < SYNC_SAMPLES {
                return Ok(());
            }
            self.unsynced_samples = 0;
            self.file.as_file().sync_data()
        });
        synced.map_err(|source| FileError::Io {
            path: self.path.clone(),
            source,
        })
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`FileError`]; then there is no file, or the one that was there before.
    pub fn finish(self, markers: &[Marker]) -> Result<(), FileError> {
        let Self {
            path,
            form,
            facts,
            sink,
            file,
            ..
        } = self;
        let finished = match sink {
            Sink::Wav(writer) => writer.finish(&super::chunks::long(&form, &facts, markers)),
            Sink::Flac(writer) => writer.finalize().map_err(flac::to_io),
            Sink::Ogg(writer) => writer.finish(),
        };
        let named = finished
            .and_then(|()| file.as_file().sync_all())
            .and_then(|()| file.persist(&path).map_err(|error| error.error));
        match named {
            Ok(_) => Ok(()),
            Err(source) => Err(FileError::Io { path, source }),
        }
    }
}

fn refused(path: &Path, error: flac_codec::Error) -> FileError {
    let path = path.to_owned();
    match error {
        flac_codec::Error::Io(source) => FileError::Io { path, source },
        other => FileError::Refused {
            path,
            why: other.to_string(),
        },
    }
}

#[cfg(test)]
mod tests;
