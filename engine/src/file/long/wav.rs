//! WAV of any length: RIFF with room in its head, which becomes RF64 when the file outgrew it.
//!
//! Any thread but the audio thread. Source: EBU Tech 3306, "RF64: an extended file format for
//! audio" (2009), with the `JUNK` chunk that keeps the place of `ds64`.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};

use super::super::to_integer;
use super::{Depth, LongForm};

/// The body of `ds64`: sizes of the file, the data and the frames in 64 bits, and an empty table.
const DS64_BYTES: u32 = 28;
/// What the header and the chunks behind the samples take at most.
const ROOM_BYTES: u64 = 1 << 20;

/// What a file will take on disk, about.
pub(super) fn bytes(form: &LongForm) -> u64 {
    form.frames * frame_bytes(form) + ROOM_BYTES
}

fn frame_bytes(form: &LongForm) -> u64 {
    form.channels as u64 * u64::from(form.depth.bits() / 8)
}

/// A file that is being written.
pub(super) struct Writer {
    out: BufWriter<File>,
    form: LongForm,
    /// Where the samples begin.
    data_at: u64,
    frames: u64,
}

impl Writer {
    /// Writes the head.
    pub(super) fn new(mut out: BufWriter<File>, form: LongForm) -> std::io::Result<Self> {
        let spec = hound::WavSpec {
            channels: form.channels as u16,
            sample_rate: form.rate_hz,
            bits_per_sample: form.depth.bits(),
            sample_format: match form.depth {
                Depth::Float32 => hound::SampleFormat::Float,
                _ => hound::SampleFormat::Int,
            },
        };
        // `RIFF`, a size, `WAVE`, `fmt ` and the head of `data`.
        let head = spec.into_header_for_infinite_file();
        out.write_all(&head[..12])?;
        out.write_all(b"JUNK")?;
        out.write_all(&DS64_BYTES.to_le_bytes())?;
        out.write_all(&[0; DS64_BYTES as usize])?;
        out.write_all(&head[12..])?;
        let data_at = head.len() as u64 + 8 + u64::from(DS64_BYTES);
        Ok(Self {
            out,
            form,
            data_at,
            frames: 0,
        })
    }

    /// Appends samples by channel.
    pub(super) fn write(&mut self, block: &[Vec<f32>]) -> std::io::Result<()> {
        let bits = self.form.depth.bits();
        for sample in super::super::interleaved(block) {
            match self.form.depth {
                Depth::Float32 => self.out.write_all(&sample.to_le_bytes())?,
                Depth::Int16 | Depth::Int24 => {
                    let bytes = to_integer(sample, bits).to_le_bytes();
                    self.out.write_all(&bytes[..usize::from(bits / 8)])?;
                }
            }
        }
        self.frames += block.first().map_or(0, Vec::len) as u64;
        Ok(())
    }

    /// Appends `chunks` and makes the head count what was written.
    pub(super) fn finish(mut self, chunks: &[u8]) -> std::io::Result<()> {
        let data_bytes = self.frames * frame_bytes(&self.form);
        if data_bytes % 2 == 1 {
            self.out.write_all(&[0])?;
        }
        self.out.write_all(chunks)?;
        let riff_bytes = self.out.stream_position()? - 8;
        let mut put = |at: u64, bytes: &[u8]| -> std::io::Result<()> {
            self.out.seek(SeekFrom::Start(at))?;
            self.out.write_all(bytes)
        };
        if riff_bytes <= u64::from(self.form.riff_bytes) {
            put(4, &(riff_bytes as u32).to_le_bytes())?;
            put(self.data_at - 4, &(data_bytes as u32).to_le_bytes())?;
        } else {
            put(0, b"RF64")?;
            put(4, &u32::MAX.to_le_bytes())?;
            put(12, b"ds64")?;
            put(20, &riff_bytes.to_le_bytes())?;
            put(28, &data_bytes.to_le_bytes())?;
            put(36, &self.frames.to_le_bytes())?;
            put(self.data_at - 4, &u32::MAX.to_le_bytes())?;
        }
        self.out.flush()
    }
}
