//! A file through its demuxer and decoder.
//!
//! Any thread but the audio thread.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use super::fold::Fold;
use super::{ImportError, Imported, MAX_SAMPLES, MAX_SECONDS, RATES_HZ, hints};

/// One in so many packets may be beyond decoding; more, and the file is damaged.
const PACKETS_A_LOSS: usize = 20;
/// Channels that a file may have.
const MAX_CHANNELS: usize = 64;

/// Decodes the first sound track of a file.
pub(super) fn decode(path: &Path, file: File) -> Result<Imported, ImportError> {
    let not_sound = |why: &dyn std::fmt::Display| ImportError::NotSound {
        path: path.to_owned(),
        why: why.to_string(),
    };
    let mut hint = Hint::new();
    if let Some(ending) = path.extension().and_then(|ending| ending.to_str()) {
        hint.with_extension(ending);
    }
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(
            &hint,
            stream,
            FormatOptions::default(),
            MetadataOptions::default(),
        )
        .map_err(|error| match error {
            Error::IoError(source) if source.kind() != ErrorKind::UnexpectedEof => {
                ImportError::Io {
                    path: path.to_owned(),
                    source,
                }
            }
            Error::IoError(_) => not_sound(&"its format is unknown, or it ends early"),
            error => not_sound(&error),
        })?;
    let track = format.default_track(TrackType::Audio);
    let track = track.ok_or_else(|| not_sound(&"it has no sound track"))?;
    let (track_id, expected_frames) = (track.id, track.num_frames);
    let parameters = track.codec_params.as_ref().and_then(|codec| codec.audio());
    let parameters = parameters.ok_or_else(|| not_sound(&"its codec is unknown"))?;
    let rate_hz = parameters.sample_rate.unwrap_or(0);
    if let (Some(frames), true) = (expected_frames, rate_hz > 0)
        && frames as f64 / f64::from(rate_hz) > MAX_SECONDS
        // A stream of unknown length has the largest there is.
        && frames < u64::from(u32::MAX) / MAX_CHANNELS as u64
    {
        return Err(ImportError::TooLong {
            path: path.to_owned(),
        });
    }
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| not_sound(&error))?;
    let mut sound = Sound::new(path);
    let mut lost = Lost::default();
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) if packet.track_id == track_id => packet,
            Ok(Some(_)) => continue,
            Ok(None) => break,
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(sound.damaged("it ends early"));
            }
            Err(Error::IoError(source)) => {
                return Err(ImportError::Io {
                    path: path.to_owned(),
                    source,
                });
            }
            Err(error) => return Err(sound.damaged(&error.to_string())),
        };
        lost.packets += 1;
        match decoder.decode(&packet) {
            Ok(buffer) => {
                buffer.copy_to_vecs_planar::<f32>(&mut sound.scratch);
                sound.spec(buffer.spec().rate(), buffer.spec().channels())?;
                sound.take()?;
            }
            Err(Error::DecodeError(why)) => {
                lost.times += 1;
                lost.why = why;
                // What comes after stays where it was.
                sound.silence(packet.dur.get())?;
            }
            Err(error) => return Err(sound.damaged(&error.to_string())),
        }
    }
    if lost.times * PACKETS_A_LOSS > lost.packets {
        return Err(sound.damaged(lost.why));
    }
    sound.check_length(expected_frames)?;
    let mut imported = sound.finish()?;
    hints::of_tags(&mut *format, &mut imported);
    Ok(imported)
}

/// Packets that could not be decoded.
#[derive(Default)]
struct Lost {
    packets: usize,
    times: usize,
    why: &'static str,
}

/// The sound so far.
struct Sound<'a> {
    path: &'a Path,
    rate_hz: u32,
    fold: Option<Fold>,
    channels: Vec<Vec<f32>>,
    silenced: u64,
    /// One packet's samples by channel.
    scratch: Vec<Vec<f32>>,
}

impl<'a> Sound<'a> {
    fn new(path: &'a Path) -> Self {
        Self {
            path,
            rate_hz: 0,
            fold: None,
            channels: Vec::new(),
            silenced: 0,
            scratch: Vec::new(),
        }
    }

    fn damaged(&self, why: &str) -> ImportError {
        ImportError::Damaged {
            path: self.path.to_owned(),
            why: why.to_owned(),
        }
    }

    /// The form of the packet in the scratch, which must be that of the ones before.
    fn spec(
        &mut self,
        rate_hz: u32,
        channels: &symphonia::core::audio::Channels,
    ) -> Result<(), ImportError> {
        let count = channels.count();
        if !RATES_HZ.contains(&rate_hz) || count == 0 || count > MAX_CHANNELS {
            return Err(ImportError::NotSound {
                path: self.path.to_owned(),
                why: format!("{rate_hz} Hz, {count} channels"),
            });
        }
        match &self.fold {
            None => {
                let fold = Fold::of(channels);
                self.channels = vec![Vec::new(); fold.outputs()];
                self.fold = Some(fold);
                self.rate_hz = rate_hz;
            }
            Some(fold) if fold.inputs() != count || self.rate_hz != rate_hz => {
                return Err(self.damaged("its rate or its channels change on the way"));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn frames(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    /// Whether so many frames more are within the limits.
    fn check_room(&self, frames: usize) -> Result<(), ImportError> {
        let all = self.frames().saturating_add(frames);
        let seconds = all as f64 / f64::from(self.rate_hz.max(1));
        if seconds > MAX_SECONDS || all.saturating_mul(self.channels.len()) > MAX_SAMPLES {
            return Err(ImportError::TooLong {
                path: self.path.to_owned(),
            });
        }
        Ok(())
    }

    /// Takes the packet in the scratch.
    fn take(&mut self) -> Result<(), ImportError> {
        self.check_room(self.scratch.first().map_or(0, Vec::len))?;
        for channel in &mut self.scratch {
            for sample in channel.iter_mut().filter(|sample| !sample.is_finite()) {
                *sample = 0.0;
                self.silenced += 1;
            }
        }
        if let Some(fold) = &self.fold {
            fold.append(&self.scratch, &mut self.channels);
        }
        Ok(())
    }

    /// In the place of a packet that could not be decoded. Before the first one that could be
    /// there is no place to keep.
    fn silence(&mut self, frames: u64) -> Result<(), ImportError> {
        let frames = usize::try_from(frames).unwrap_or(usize::MAX);
        if self.fold.is_none() {
            return Ok(());
        }
        self.check_room(frames)?;
        for channel in &mut self.channels {
            channel.resize(channel.len() + frames, 0.0);
            self.silenced += frames as u64;
        }
        Ok(())
    }

    /// A file that has told its length and gives less was cut off.
    fn check_length(&self, expected_frames: Option<u64>) -> Result<(), ImportError> {
        let has = self.frames() as u64;
        let Some(expected) = expected_frames.filter(|&expected| has < expected && has > 0) else {
            return Ok(());
        };
        // Of lossy formats the length is an estimate; and a stream's may not be known at all.
        let unknown = u64::from(u32::MAX) / MAX_CHANNELS as u64;
        if expected - has > u64::from(self.rate_hz) / 10 && expected < unknown {
            return Err(self.damaged("it ends early"));
        }
        Ok(())
    }

    fn finish(self) -> Result<Imported, ImportError> {
        let frames = self.frames();
        if frames == 0 {
            return Err(ImportError::Empty {
                path: self.path.to_owned(),
            });
        }
        Ok(Imported {
            rate_hz: self.rate_hz,
            seconds: frames as f64 / f64::from(self.rate_hz),
            channels: self.channels,
            silenced_samples: self.silenced,
            ..Imported::default()
        })
    }
}

/// Only for its type: the tags are read where they are understood.
pub(super) type Format<'a> = dyn FormatReader + 'a;
