//! AIFF, or AIFF-C for floats, with Apple's loop chunk.
//!
//! Any thread but the audio thread. Sources: AIFF 1.3 (Apple 1989) for `MARK`, `INST`, `NAME`,
//! `(c) `, `ANNO`, `APPL`; `basc`, which Apple never published, as libsndfile's `aiff.c` reads it.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use aifc::{
    AifcError, AifcReader, AifcWriteInfo, AifcWriter, FileFormat, Marker, Sample, SampleFormat,
};

use super::facts::{self, Grid, ROOT_OCTAVE};
use super::{Depth, ReadError, Recipe, by_channel, interleaved, to_integer};

/// The recipe's application chunk begins with this.
const SIGNATURE: &[u8; 4] = b"BrLn";
/// A chunk over this is none of ours.
const MAX_RECIPE_BYTES: u32 = 16 << 20;
/// Samples that are written in one go.
const PIECE: usize = 1 << 14;

/// Writes a clip into an empty file.
pub(super) fn write(
    file: &mut File,
    recipe: &Recipe,
    channels: &[Vec<f32>],
) -> std::io::Result<()> {
    samples(file, recipe, channels).map_err(to_io)
}

fn samples(file: &mut File, recipe: &Recipe, channels: &[Vec<f32>]) -> Result<(), AifcError> {
    let (file_format, sample_format) = match recipe.depth {
        Depth::Int16 => (FileFormat::Aiff, SampleFormat::I16),
        Depth::Int24 => (FileFormat::Aiff, SampleFormat::I24),
        Depth::Float32 => (FileFormat::Aifc, SampleFormat::F32),
    };
    let info = AifcWriteInfo {
        file_format,
        channels: channels.len() as i16,
        sample_rate: f64::from(recipe.rate_hz),
        sample_format,
    };
    let frames = channels.first().map_or(0, Vec::len) as u64;
    let mut writer = AifcWriter::new(BufWriter::new(file), &info)?;
    // The chunks stand before the samples, where players that stop at the samples find them.
    for (id, body) in chunks(recipe, frames)? {
        writer.write_chunk(&id, &body)?;
    }
    let all: Vec<f32> = interleaved(channels).collect();
    for part in all.chunks(PIECE) {
        let integers = |bits| part.iter().map(move |&sample| to_integer(sample, bits));
        match recipe.depth {
            Depth::Int16 => {
                let part: Vec<i16> = integers(16).map(|sample| sample as i16).collect();
                writer.write_samples_i16(&part)?;
            }
            Depth::Int24 => writer.write_samples_i24(&integers(24).collect::<Vec<_>>())?,
            Depth::Float32 => writer.write_samples_f32(part)?,
        }
    }
    writer.finalize()
}

/// Id and body.
type Chunk = ([u8; 4], Vec<u8>);

fn chunks(recipe: &Recipe, frames: u64) -> Result<Vec<Chunk>, AifcError> {
    let facts = &recipe.facts;
    let mut out = Vec::new();
    if let Some(grid) = Grid::of(facts) {
        let beats = facts::beats(&grid, recipe.rate_hz, frames);
        let labels: Vec<String> = (0..beats.len() as u32)
            .map(|beat| facts::label(&grid, beat))
            .collect();
        let mut markers: Vec<Marker<'_>> = beats
            .iter()
            .zip(&labels)
            .enumerate()
            .map(|(index, (&position, label))| Marker {
                id: index as i16 + 1,
                position,
                name: label.as_bytes(),
            })
            .collect();
        // The loop's end, which no beat marks.
        let end = markers.len() as i16 + 1;
        markers.push(Marker {
            id: end,
            position: frames as u32,
            name: b"end",
        });
        let mut body = Vec::new();
        Marker::write_chunk_data(&mut body, &markers)?;
        out.push((*b"basc", apple_loop(recipe, &grid)));
        out.push((*b"INST", instrument(facts::root(facts), end)));
        out.push((*b"MARK", body));
    }
    out.extend([
        (*b"NAME", facts.prompt.clone().into_bytes()),
        (*b"(c) ", facts.rights.clone().into_bytes()),
        (
            *b"ANNO",
            format!("{}; {}", facts::software(facts), facts::comment(facts)).into_bytes(),
        ),
        (
            *b"APPL",
            [&SIGNATURE[..], recipe.to_json().as_bytes()].concat(),
        ),
    ]);
    Ok(out)
}

/// The whole clip as an endless sustained loop, from the first marker to the last.
fn instrument(root: Option<u16>, end: i16) -> Vec<u8> {
    let root = root.unwrap_or(ROOT_OCTAVE).min(127) as u8;
    // Root, detune, lowest and highest note and velocity.
    let mut body = vec![root, 0, 0, 127, 1, 127];
    // Gain; sustain: forward, from, to; release: none.
    for word in [0, 1, 1, end, 0, 0, 0] {
        body.extend_from_slice(&word.to_be_bytes());
    }
    body
}

/// Beats, root note, scale, meter.
fn apple_loop(recipe: &Recipe, grid: &Grid) -> Vec<u8> {
    const MINOR: u16 = 1;
    const MAJOR: u16 = 2;
    const NEITHER: u16 = 3;
    const LENGTH: usize = 84;
    // Here C is 48.
    const OCTAVE: u16 = 48;
    let key = facts::key(&recipe.facts);
    let mut body = Vec::with_capacity(LENGTH);
    body.extend_from_slice(&1u32.to_be_bytes());
    body.extend_from_slice(&grid.beats().to_be_bytes());
    let root = key.map_or(OCTAVE, |key| OCTAVE + u16::from(key.tonic));
    let scale = key.map_or(NEITHER, |key| if key.minor { MINOR } else { MAJOR });
    let loops = 0;
    for word in [root, scale, grid.beats_per_bar as u16, 4, loops] {
        body.extend_from_slice(&word.to_be_bytes());
    }
    body.resize(LENGTH, 0);
    body
}

/// As [`super::read`].
pub(super) fn read(path: &Path) -> Result<(u32, Vec<Vec<f32>>), ReadError> {
    let fail = |error| match error {
        AifcError::StdIoError(source) => ReadError::io(path, source),
        other => ReadError::not_sound(path, &format!("{other:?}")),
    };
    let mut reader = open(path).map_err(fail)?;
    let info = reader.info();
    let mut samples = Vec::new();
    for sample in reader.samples().map_err(fail)? {
        samples.push(match sample.map_err(fail)? {
            Sample::U8(x) => f32::from(x) / 128.0 - 1.0,
            Sample::I8(x) => f32::from(x) / 128.0,
            Sample::I16(x) => f32::from(x) / 32_768.0,
            Sample::I24(x) => x as f32 / 8_388_608.0,
            Sample::I32(x) => x as f32 / 2_147_483_648.0,
            Sample::F32(x) => x,
            Sample::F64(x) => x as f32,
        });
    }
    let count = usize::try_from(info.channels).unwrap_or(1).max(1);
    Ok((info.sample_rate.round() as u32, by_channel(&samples, count)))
}

/// The recipe as it stands in the file, if it can be read and has one.
pub(super) fn recipe(path: &Path) -> Option<String> {
    let mut reader = open(path).ok()?;
    let mut chunks = reader.chunks().ok()?;
    while let Some(Ok(chunk)) = chunks.next() {
        if chunk.id != *b"APPL" || chunk.size > MAX_RECIPE_BYTES {
            continue;
        }
        let mut body = vec![0; chunk.size as usize];
        chunks.read_data(&chunk, &mut body).ok()?;
        if let Some(json) = body.strip_prefix(SIGNATURE) {
            return String::from_utf8(json.to_vec()).ok();
        }
    }
    None
}

fn open(path: &Path) -> Result<AifcReader<BufReader<File>>, AifcError> {
    AifcReader::new(BufReader::new(File::open(path)?))
}

fn to_io(error: AifcError) -> std::io::Error {
    match error {
        AifcError::StdIoError(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}
