//! WAV: hound writes the samples, `chunks` what stands behind them.
//!
//! Any thread but the audio thread.

use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::{Depth, ReadError, Recipe, by_channel, chunks, interleaved, to_integer};

/// What the header and the chunks of a clip take at most, beside its samples.
const ROOM_BYTES: u64 = 1 << 20;

/// Whether a clip of so many samples, in all channels, is too long for the format.
pub(super) fn too_large(samples: u64, depth: Depth) -> bool {
    samples * u64::from(depth.bits() / 8) + ROOM_BYTES > u64::from(u32::MAX)
}

/// Writes a clip into an empty file.
pub(super) fn write(
    mut file: impl Write + Seek,
    recipe: &Recipe,
    channels: &[Vec<f32>],
) -> std::io::Result<()> {
    let frames = channels.first().map_or(0, Vec::len) as u64;
    let spec = hound::WavSpec {
        channels: channels.len() as u16,
        sample_rate: recipe.rate_hz,
        bits_per_sample: recipe.depth.bits(),
        sample_format: match recipe.depth {
            Depth::Float32 => hound::SampleFormat::Float,
            _ => hound::SampleFormat::Int,
        },
    };
    encode(&mut file, spec, channels)?;
    append(&mut file, &chunks::all(recipe, frames, channels.len()))
}

/// As [`super::read`].
pub(super) fn read(path: &Path) -> Result<(u32, Vec<Vec<f32>>), ReadError> {
    let fail = |error| match error {
        hound::Error::IoError(source) => ReadError::io(path, source),
        other => ReadError::not_sound(path, &other),
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
    let count = usize::from(spec.channels.max(1));
    Ok((spec.sample_rate, by_channel(&samples, count)))
}

fn encode(
    file: impl Write + Seek,
    spec: hound::WavSpec,
    channels: &[Vec<f32>],
) -> std::io::Result<()> {
    let io = |error| match error {
        hound::Error::IoError(error) => error,
        other => std::io::Error::other(other),
    };
    let mut buffer = BufWriter::new(file);
    let mut writer = hound::WavWriter::new(&mut buffer, spec).map_err(io)?;
    for sample in interleaved(channels) {
        match spec.sample_format {
            hound::SampleFormat::Float => writer.write_sample(sample),
            hound::SampleFormat::Int => {
                writer.write_sample(to_integer(sample, spec.bits_per_sample))
            }
        }
        .map_err(io)?;
    }
    writer.finalize().map_err(io)?;
    buffer.flush()
}

/// Puts `chunks` behind what hound wrote and makes the RIFF header count them.
fn append(mut file: impl Write + Seek, chunks: &[u8]) -> std::io::Result<()> {
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
