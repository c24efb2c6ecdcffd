//! Ogg Vorbis, by libvorbis (in Lancer's and aoTuV's version, compiled in).
//!
//! Any thread but the audio thread.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::{NonZeroU8, NonZeroU32};

use vorbis_rs::{
    VorbisBitrateManagementStrategy, VorbisEncoder, VorbisEncoderBuilder, VorbisError,
};

use super::LongForm;

/// Streams are told apart by it where several are in one file; here is one, and the same piece is
/// to make the same file.
const SERIAL: i32 = 1;
/// What the encoder likes to get at once.
const PART_FRAMES: usize = 1024;

/// Why a file can't be begun.
pub(super) enum Error {
    /// The system refused.
    Io(std::io::Error),
    /// The encoder did.
    Refused(String),
}

/// A file that is being written.
pub(super) struct Writer(VorbisEncoder<BufWriter<File>>);

impl Writer {
    /// Writes the head.
    pub(super) fn new(
        out: BufWriter<File>,
        form: &LongForm,
        comments: &[(&str, String)],
    ) -> Result<Self, Error> {
        let none = || Error::Refused("no rate or no channels".into());
        let rate_hz = NonZeroU32::new(form.rate_hz).ok_or_else(none)?;
        let channels = NonZeroU8::new(form.channels as u8).ok_or_else(none)?;
        let quality = VorbisBitrateManagementStrategy::QualityVbr {
            target_quality: form.quality / 10.0,
        };
        let mut builder = VorbisEncoderBuilder::new_with_serial(rate_hz, channels, out, SERIAL);
        builder.bitrate_management_strategy(quality);
        for (field, value) in comments {
            builder
                .comment_tag(*field, value.as_str())
                .map_err(begin_error)?;
        }
        Ok(Self(builder.build().map_err(begin_error)?))
    }

    /// Appends samples by channel.
    pub(super) fn write(&mut self, block: &[Vec<f32>]) -> std::io::Result<()> {
        let frames = block.first().map_or(0, Vec::len);
        for start in (0..frames).step_by(PART_FRAMES) {
            let end = (start + PART_FRAMES).min(frames);
            let part: Vec<&[f32]> = block.iter().map(|channel| &channel[start..end]).collect();
            self.0.encode_audio_block(part).map_err(to_io)?;
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(self) -> std::io::Result<()> {
        self.0.finish().map_err(to_io)?.flush()
    }
}

fn begin_error(error: VorbisError) -> Error {
    match error {
        VorbisError::Io(error) => Error::Io(error),
        other => Error::Refused(other.to_string()),
    }
}

fn to_io(error: VorbisError) -> std::io::Error {
    match error {
        VorbisError::Io(error) => error,
        other => std::io::Error::other(other),
    }
}
