//! FLAC with its facts as Vorbis comments.
//!
//! Any thread but the audio thread. Field names as players and DJ programs read them: Xiph's
//! proposals, `BPM` and `INITIALKEY` (Mixxx, Traktor), `LOOPSTART` and `LOOPLENGTH` in frames.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, Write};
use std::path::Path;

use flac_codec::decode::FlacSampleReader;
use flac_codec::encode::{FlacSampleWriter, Options};
use flac_codec::metadata::{Metadata, VorbisComment};

use super::long::LongFacts;
use super::{ReadError, Recipe, by_channel, facts, interleaved, to_integer};
use crate::prompt::Key;

/// Ours: the recipe, as JSON.
const RECIPE: &str = "BARLINE_RECIPE";
/// Ours: what a long file was made from and how, as JSON.
const STORY: &str = "BARLINE_STORY";

/// Writes a clip of 16 or 24 bits into an empty file.
pub(super) fn write(
    file: &mut File,
    recipe: &Recipe,
    channels: &[Vec<f32>],
) -> std::io::Result<()> {
    let frames = channels.first().map_or(0, Vec::len);
    let fields = comments(recipe, frames);
    let out = BufWriter::new(file);
    encode(out, recipe.rate_hz, recipe.depth.bits(), channels, &fields)
}

/// Samples by channel (1 or 2, equal lengths, ±1 full scale) as a FLAC file with these Vorbis
/// comments.
///
/// # Errors
/// What the encoder refuses, and what the system says.
pub fn encode(
    out: impl Write + Seek,
    rate_hz: u32,
    bits: u16,
    channels: &[Vec<f32>],
    comments: &[(&str, String)],
) -> std::io::Result<()> {
    let samples: Vec<i32> = interleaved(channels)
        .map(|sample| to_integer(sample, bits))
        .collect();
    let total = samples.len() as u64;
    encoder(out, rate_hz, bits, channels.len(), total, comments)
        .and_then(|mut writer| {
            writer.write(&samples)?;
            writer.finalize()
        })
        .map_err(to_io)
}

/// A file that is still to get its samples, interleaved, `total` of them.
pub(super) fn encoder<W: Write + Seek>(
    out: W,
    rate_hz: u32,
    bits: u16,
    channels: usize,
    total: u64,
    comments: &[(&str, String)],
) -> Result<FlacSampleWriter<W>, flac_codec::Error> {
    let options = comments
        .iter()
        .fold(Options::default(), |options, (field, value)| {
            options.tag(field, value)
        });
    let (bits, count) = (u32::from(bits), channels as u8);
    let total = (total > 0).then_some(total);
    FlacSampleWriter::new(out, options, rate_hz, bits, count, total)
}

fn comments(recipe: &Recipe, frames: usize) -> Vec<(&'static str, String)> {
    let facts = &recipe.facts;
    let mut fields = words(&facts::Words::of(facts));
    fields.push((RECIPE, recipe.to_json()));
    let tempo_bpm = facts::Grid::of(facts).map(|grid| grid.tempo_bpm);
    fields.extend(music(facts::key(facts), tempo_bpm));
    if tempo_bpm.is_some() {
        fields.extend(looped(frames as u64));
    }
    fields
}

/// The comments of a long file, for Ogg as well.
pub(super) fn long_comments(facts: &LongFacts, frames: u64) -> Vec<(&'static str, String)> {
    let mut fields = words(&facts.words);
    fields.push((STORY, facts.story.clone()));
    fields.extend(music(facts.key, Some(facts.tempo_bpm)));
    if facts.loops {
        fields.extend(looped(frames));
    }
    fields
}

fn words(words: &facts::Words) -> Vec<(&'static str, String)> {
    vec![
        ("TITLE", words.title.clone()),
        ("DESCRIPTION", words.comment.clone()),
        ("COPYRIGHT", words.rights.clone()),
        ("ENCODER", words.software.clone()),
    ]
}

fn music(key: Option<Key>, tempo_bpm: Option<f64>) -> Vec<(&'static str, String)> {
    let key = key.map(|key| ("INITIALKEY", key.to_string()));
    let tempo = tempo_bpm.map(|tempo_bpm| ("BPM", tempo_bpm.to_string()));
    key.into_iter().chain(tempo).collect()
}

fn looped(frames: u64) -> [(&'static str, String); 2] {
    [
        ("LOOPSTART", "0".into()),
        ("LOOPLENGTH", frames.to_string()),
    ]
}

/// As [`super::read`].
pub(super) fn read(path: &Path) -> Result<(u32, Vec<Vec<f32>>), ReadError> {
    let fail = |error| match error {
        flac_codec::Error::Io(source) => ReadError::io(path, source),
        other => ReadError::not_sound(path, &other),
    };
    let mut reader = open(path).map_err(fail)?;
    let full = (1u64 << (reader.metadata().bits_per_sample().clamp(1, 32) - 1)) as f32;
    let (rate_hz, count) = (
        reader.metadata().sample_rate(),
        usize::from(reader.metadata().channel_count()),
    );
    let mut samples = Vec::new();
    reader.read_to_end(&mut samples).map_err(fail)?;
    let samples: Vec<f32> = samples.iter().map(|&sample| sample as f32 / full).collect();
    Ok((rate_hz, by_channel(&samples, count)))
}

/// The recipe as it stands in the file, if it can be read and has one.
pub(super) fn recipe(path: &Path) -> Option<String> {
    let reader = open(path).ok()?;
    let comments = reader.metadata().get::<VorbisComment>()?;
    comments.get(RECIPE).map(str::to_owned)
}

fn open(path: &Path) -> Result<FlacSampleReader<BufReader<File>>, flac_codec::Error> {
    let file = File::open(path).map_err(flac_codec::Error::Io)?;
    FlacSampleReader::new(BufReader::new(file))
}

pub(super) fn to_io(error: flac_codec::Error) -> std::io::Error {
    match error {
        flac_codec::Error::Io(error) => error,
        other => std::io::Error::other(other),
    }
}
