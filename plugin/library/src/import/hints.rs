//! What a file says about its music: tempo, beats, key, title.
//!
//! Any thread but the audio thread. Nothing here fails: a hint that is odd is none.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use symphonia::core::meta::{RawValue, StandardTag, Tag};

use super::Imported;
use super::decode::Format;

/// Tempos that a hint may give, in beats a minute.
const TEMPOS_BPM: std::ops::RangeInclusive<f64> = 20.0..=400.0;
/// Letters of a title or a key.
const MAX_LETTERS: usize = 200;
/// Chunks of a WAV file that are looked at.
const MAX_CHUNKS: usize = 1000;

/// From the tags that were found while decoding.
pub(super) fn of_tags(format: &mut Format<'_>, imported: &mut Imported) {
    let mut metadata = format.metadata();
    while let Some(revision) = metadata.current() {
        let tracks = revision
            .per_track
            .iter()
            .flat_map(|track| &track.metadata.tags);
        for tag in revision.media.tags.iter().chain(tracks) {
            of_tag(tag, imported);
        }
        if metadata.pop().is_none() {
            break;
        }
    }
}

fn of_tag(tag: &Tag, imported: &mut Imported) {
    match &tag.std {
        Some(StandardTag::TrackTitle(title)) if imported.title.is_empty() => {
            imported.title = line(title);
        }
        Some(StandardTag::InitialKey(key)) if imported.key.is_none() => {
            imported.key = Some(line(key)).filter(|key| !key.is_empty());
        }
        _ => {}
    }
    // The text as it is, where there is one: the standard form has no decimals.
    let key = tag.raw.key.to_ascii_uppercase();
    if let (RawValue::String(text), "TKEY" | "KEY" | "INITIALKEY", None) =
        (&tag.raw.value, key.as_str(), &imported.key)
    {
        imported.key = Some(line(text)).filter(|key| !key.is_empty());
    }
    let is_tempo = matches!(tag.std, Some(StandardTag::Bpm(_)))
        || ["TBPM", "BPM", "TEMPO", "TBP"].contains(&key.as_str());
    if is_tempo && imported.tempo_bpm.is_none() {
        let text = match &tag.raw.value {
            RawValue::Float(value) => Some(*value),
            RawValue::SignedInt(value) => Some(*value as f64),
            RawValue::UnsignedInt(value) => Some(*value as f64),
            RawValue::String(text) => text.trim().replace(',', ".").parse().ok(),
            RawValue::StringList(list) => list.first().and_then(|text| text.trim().parse().ok()),
            _ => None,
        };
        imported.tempo_bpm = text.filter(|tempo| TEMPOS_BPM.contains(tempo));
    }
}

/// From the loop chunk and the name of the file, where the tags told nothing.
pub(super) fn complete(path: &Path, imported: &mut Imported) {
    if let Some(grid) = acid(path) {
        imported.beats = Some(grid.beats);
        // The beats are exact; the tempo beside them is often rounded.
        let tempo_bpm = f64::from(grid.beats) * 60.0 / imported.seconds;
        let is_same = (tempo_bpm - grid.tempo_bpm).abs() < 1.0;
        let tempo_bpm = if is_same { tempo_bpm } else { grid.tempo_bpm };
        imported.tempo_bpm = imported.tempo_bpm.or(Some(tempo_bpm));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    imported.tempo_bpm = imported.tempo_bpm.or_else(|| named_tempo(&stem));
    if imported.title.is_empty() {
        imported.title = line(&stem);
    }
}

/// One line of some length.
fn line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(MAX_LETTERS).collect()
}

/// The number before `bpm` in a name.
fn named_tempo(name: &str) -> Option<f64> {
    let name = name.to_lowercase();
    let end = name.find("bpm")?;
    let before = name[..end].trim_end_matches([' ', '_', '-']);
    let is_part = |letter: char| letter.is_ascii_digit() || letter == '.';
    let start = before.rfind(|letter| !is_part(letter)).map_or(0, |at| {
        at + before[at..].chars().next().map_or(0, char::len_utf8)
    });
    let tempo = before[start..].trim_matches('.').parse().ok()?;
    TEMPOS_BPM.contains(&tempo).then_some(tempo)
}

/// What the loop chunk of a WAV file tells of a loop.
struct Grid {
    beats: u32,
    tempo_bpm: f64,
}

/// Finds the chunk `acid`, which sample editors write: flags, root note, beats, meter, tempo.
fn acid(path: &Path) -> Option<Grid> {
    let mut file = BufReader::new(File::open(path).ok()?);
    let mut head = [0; 12];
    file.read_exact(&mut head).ok()?;
    if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
        return None;
    }
    for _ in 0..MAX_CHUNKS {
        let mut head = [0; 8];
        file.read_exact(&mut head).ok()?;
        let bytes = u32::from_le_bytes(head[4..].try_into().ok()?);
        if &head[..4] == b"acid" {
            let mut chunk = [0; 24];
            file.read_exact(&mut chunk).ok()?;
            return grid(&chunk);
        }
        // Chunks begin at even places.
        let skip = i64::from(bytes) + i64::from(bytes % 2);
        file.seek(SeekFrom::Current(skip)).ok()?;
    }
    None
}

fn grid(chunk: &[u8; 24]) -> Option<Grid> {
    /// The sound is to be played once and has no grid.
    const ONE_SHOT: u32 = 1;
    let word = |at: usize| Some(u32::from_le_bytes(chunk.get(at..at + 4)?.try_into().ok()?));
    let beats = word(12)?;
    let tempo_bpm = f64::from(f32::from_bits(word(20)?));
    let is_loop = word(0)? & ONE_SHOT == 0;
    let is_sane = (1..=10_000).contains(&beats) && TEMPOS_BPM.contains(&tempo_bpm);
    (is_loop && is_sane).then_some(Grid { beats, tempo_bpm })
}

#[cfg(test)]
mod tests {
    use super::named_tempo;

    #[test]
    fn tempos_are_read_from_names() {
        let check = |name, expect| assert_eq!(named_tempo(name), expect, "{name}");
        check("barline_dark_techno_128bpm_Amin", Some(128.0));
        check("Drums 97.5 BPM", Some(97.5));
        check("loop-90-bpm", Some(90.0));
        check("\u{e4}120bpm", Some(120.0));
        check("bpm", None);
        check("no tempo 128", None);
        check("9000bpm", None);
        check("..bpm", None);
    }
}
