//! A WAV file's bytes: are they whole, how long, how loud.
//!
//! Any thread but the audio thread: it reads every sample.

use std::io::{Cursor, Read};

use hound::{SampleFormat, WavReader};

use crate::peaks::Outline;
use crate::{LibraryError, Peaks, TakeFacts};

/// What a file tells of itself.
struct Measured {
    frames: u64,
    rate_hz: u32,
    channels: u16,
    peaks: Peaks,
}

/// Fills in what the file knows better than its maker.
///
/// # Errors
/// [`LibraryError::NotWav`] when it is no WAV file, or ends before its last sample.
pub(crate) fn complete(facts: &mut TakeFacts, bytes: &[u8]) -> Result<(), LibraryError> {
    let measured = measure(Cursor::new(bytes)).map_err(|error| LibraryError::NotWav {
        why: error.to_string(),
    })?;
    facts.frames = measured.frames;
    facts.rate_hz = measured.rate_hz;
    facts.channels = measured.channels;
    facts.seconds = measured.frames as f64 / f64::from(measured.rate_hz.max(1));
    if facts.peaks.is_empty() {
        facts.peaks = measured.peaks;
    }
    Ok(())
}

fn measure(bytes: impl Read) -> Result<Measured, hound::Error> {
    let mut reader = WavReader::new(bytes)?;
    let spec = reader.spec();
    let channels = u64::from(spec.channels.max(1));
    let frames = u64::from(reader.duration());
    let mut outline = Outline::new(frames);
    match spec.sample_format {
        SampleFormat::Float => {
            for (index, sample) in (0u64..).zip(reader.samples::<f32>()) {
                outline.put(index / channels, sample?);
            }
        }
        SampleFormat::Int => {
            let full = f64::from(1u32 << (spec.bits_per_sample.clamp(1, 32) - 1));
            for (index, sample) in (0u64..).zip(reader.samples::<i32>()) {
                outline.put(index / channels, (f64::from(sample?) / full) as f32);
            }
        }
    }
    Ok(Measured {
        frames,
        rate_hz: spec.sample_rate,
        channels: spec.channels,
        peaks: outline.finish(),
    })
}
