//! What a WAV file says about its clip, as RIFF chunks that stand behind the samples.
//!
//! Any thread but the audio thread. Pure: facts in, bytes out. Nothing here depends on the
//! clock or the machine, so one clip makes the same file every time.
//!
//! Sources: RIFF and `cue `, `LIST`, `smpl`: Multimedia Programming Interface and Data
//! Specifications 1.0 (IBM, Microsoft 1991) and its New Multimedia Data Types (1994); `acid`:
//! never published by its makers, as libsndfile's `wav.c` reads it; `bext`: EBU Tech 3285;
//! iXML 2.10 (Gallery).

use super::Depth;
use super::facts::{self, Grid, ROOT_OCTAVE, Words, beats as beats_at, root};
use super::long::{LongFacts, LongForm, Marker};
use super::recipe::{self, Recipe};

/// All chunks of a clip, one after the other, each padded to an even length.
pub(super) fn all(recipe: &Recipe, frames: u64, channels: usize) -> Vec<u8> {
    let facts = &recipe.facts;
    let words = Words::of(facts);
    let mut out = Vec::new();
    let grid = Grid::of(facts);
    let kind = if grid.is_some() { STRETCH } else { ONE_SHOT };
    let beats = grid.as_ref().map(|grid| Beats {
        count: grid.beats(),
        beats_per_bar: grid.beats_per_bar,
        tempo_bpm: grid.tempo_bpm,
    });
    chunk(&mut out, b"acid", &acid(kind, root(facts), beats.as_ref()));
    if let Some(grid) = grid {
        chunk(
            &mut out,
            b"smpl",
            &sampler(recipe.rate_hz, root(facts), frames),
        );
        let beats = beats_at(&grid, recipe.rate_hz, frames);
        let labels = (0..beats.len() as u32).map(|beat| facts::label(&grid, beat));
        chunk(&mut out, b"cue ", &cues(&beats));
        chunk(&mut out, b"LIST", &self::labels(labels));
    }
    let (rate_hz, depth) = (recipe.rate_hz, recipe.depth);
    chunk(&mut out, b"LIST", &info(&words));
    let reference = format!("seed {}", facts.seed);
    let bext = broadcast(
        &words,
        &reference,
        &history(rate_hz, depth, channels, &words),
    );
    chunk(&mut out, b"bext", &bext);
    chunk(&mut out, b"iXML", recipe::to_xml(recipe).as_bytes());
    out
}

/// All chunks of a long file.
pub(super) fn long(form: &LongForm, facts: &LongFacts, markers: &[Marker]) -> Vec<u8> {
    let words = &facts.words;
    let root = facts.key.map(facts::root_of);
    let mut out = Vec::new();
    let beats = Beats {
        count: u32::try_from(facts.beats).unwrap_or(u32::MAX),
        beats_per_bar: facts.beats_per_bar,
        tempo_bpm: facts.tempo_bpm,
    };
    chunk(&mut out, b"acid", &acid(BEAT_MAPPED, root, Some(&beats)));
    // Sample frames have 32 bits here: what is beyond, players have to do without.
    if facts.loops && form.frames <= u64::from(u32::MAX) {
        chunk(&mut out, b"smpl", &sampler(form.rate_hz, root, form.frames));
    }
    let reach = |marker: &&Marker| marker.frame <= u64::from(u32::MAX);
    let markers: Vec<&Marker> = markers.iter().filter(reach).collect();
    if !markers.is_empty() {
        let frames: Vec<u32> = markers.iter().map(|marker| marker.frame as u32).collect();
        chunk(&mut out, b"cue ", &cues(&frames));
        let labels = markers.iter().map(|marker| marker.label.clone());
        chunk(&mut out, b"LIST", &self::labels(labels));
    }
    chunk(&mut out, b"LIST", &info(words));
    let mut history = history(form.rate_hz, form.depth, form.channels, words);
    if history.len() % 2 == 1 {
        // libsndfile does not expect a padded `bext` in RF64, and loses its way after it.
        history.insert(0, ' ');
    }
    chunk(&mut out, b"bext", &broadcast(words, "", &history));
    chunk(
        &mut out,
        b"iXML",
        recipe::document(words, "STORY", &facts.story).as_bytes(),
    );
    out
}

fn chunk(out: &mut Vec<u8>, id: &[u8; 4], body: &[u8]) {
    out.extend_from_slice(id);
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(body);
    if body.len() % 2 == 1 {
        out.push(0);
    }
}

/// What kind of file ACID is told of.
const ONE_SHOT: u32 = 1;
const STRETCH: u32 = 4;
/// "Disk-based" in libsndfile's words: a piece of its own tempo that is not cut up.
const BEAT_MAPPED: u32 = 8;

/// A grid as ACID is told of it.
struct Beats {
    count: u32,
    beats_per_bar: u32,
    tempo_bpm: f64,
}

/// Kind, root note, beats, meter, tempo.
fn acid(kind: u32, root: Option<u16>, beats: Option<&Beats>) -> Vec<u8> {
    const ROOT_NOTE: u32 = 2;
    let rooted = if root.is_some() { ROOT_NOTE } else { 0 };
    let mut body = Vec::with_capacity(24);
    body.extend_from_slice(&(kind | rooted).to_le_bytes());
    body.extend_from_slice(&root.unwrap_or(ROOT_OCTAVE).to_le_bytes());
    // Two fields of unknown meaning, with the values that files in the wild have.
    body.extend_from_slice(&0x8000u16.to_le_bytes());
    body.extend_from_slice(&0f32.to_le_bytes());
    body.extend_from_slice(&beats.map_or(0, |beats| beats.count).to_le_bytes());
    let beats_per_bar = beats.map_or(4, |beats| beats.beats_per_bar);
    body.extend_from_slice(&4u16.to_le_bytes());
    body.extend_from_slice(&(beats_per_bar as u16).to_le_bytes());
    let tempo_bpm = beats.map_or(0.0, |beats| beats.tempo_bpm as f32);
    body.extend_from_slice(&tempo_bpm.to_le_bytes());
    body
}

/// The whole clip as one endless forward loop.
fn sampler(rate_hz: u32, root: Option<u16>, frames: u64) -> Vec<u8> {
    let period_ns = (1e9 / f64::from(rate_hz)).round() as u32;
    let last = frames.saturating_sub(1) as u32;
    let words: [u32; 15] = [
        0, // manufacturer: none
        0, // product
        period_ns,
        u32::from(root.unwrap_or(ROOT_OCTAVE)),
        0, // pitch fraction
        0, // SMPTE format: none
        0, // SMPTE offset
        1, // loops
        0, // bytes of sampler data
        0, // the loop's cue point: none of its own
        0, // forward
        0, // first frame
        last,
        0, // fraction
        0, // times: for ever
    ];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn cues(beats: &[u32]) -> Vec<u8> {
    let mut body = (beats.len() as u32).to_le_bytes().to_vec();
    for (index, &frame) in beats.iter().enumerate() {
        body.extend_from_slice(&(index as u32 + 1).to_le_bytes());
        body.extend_from_slice(&frame.to_le_bytes());
        body.extend_from_slice(b"data");
        body.extend_from_slice(&[0; 8]);
        body.extend_from_slice(&frame.to_le_bytes());
    }
    body
}

/// One for every cue.
fn labels(labels: impl Iterator<Item = String>) -> Vec<u8> {
    let mut body = b"adtl".to_vec();
    for (index, text) in labels.enumerate() {
        let mut label = (index as u32 + 1).to_le_bytes().to_vec();
        label.extend_from_slice(format!("{text}\0").as_bytes());
        chunk(&mut body, b"labl", &label);
    }
    body
}

/// Title, comment, rights, software.
fn info(words: &Words) -> Vec<u8> {
    let mut body = b"INFO".to_vec();
    let mut text = |id: &[u8; 4], text: &str| chunk(&mut body, id, format!("{text}\0").as_bytes());
    text(b"INAM", &words.title);
    text(b"ICMT", &words.comment);
    text(b"ICOP", &words.rights);
    text(b"ISFT", &words.software);
    body
}

/// The coding history of `bext`.
fn history(rate_hz: u32, depth: Depth, channels: usize, words: &Words) -> String {
    let mode = if channels == 1 { "mono" } else { "stereo" };
    format!(
        "A=PCM,F={rate_hz},W={bits},M={mode},T={software}\r\n",
        bits = depth.bits(),
        software = words.software,
    )
}

/// Broadcast audio extension, version 1. Date and time are left empty: see the head.
fn broadcast(words: &Words, reference: &str, history: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(700);
    let mut field = |text: &str, bytes: usize| {
        let end = (0..=text.len().min(bytes))
            .rev()
            .find(|&end| text.is_char_boundary(end))
            .unwrap_or(0);
        body.extend_from_slice(&text.as_bytes()[..end]);
        body.resize(body.len() + bytes - end, 0);
    };
    field(&format!("{} ({})", words.title, words.comment), 256);
    field(&words.software, 32);
    field(reference, 32);
    field("", 10 + 8); // date, time
    field("", 8); // samples since midnight
    body.extend_from_slice(&1u16.to_le_bytes()); // version
    body.resize(body.len() + 64 + 190, 0); // UMID, reserved
    body.extend_from_slice(history.as_bytes());
    body
}
