//! What a WAV file says about its clip, as RIFF chunks that stand behind the samples.
//!
//! Any thread but the audio thread. Pure: facts in, bytes out. Nothing here depends on the
//! clock or the machine, so one clip makes the same file every time.
//!
//! Sources: RIFF and `cue `, `LIST`, `smpl`: Multimedia Programming Interface and Data
//! Specifications 1.0 (IBM, Microsoft 1991) and its New Multimedia Data Types (1994); `acid`:
//! never published by its makers, as libsndfile's `wav.c` reads it; `bext`: EBU Tech 3285;
//! iXML 2.10 (Gallery).

use super::facts::{self, Grid, ROOT_OCTAVE, beats, comment, root, software};
use super::recipe::{self, Recipe};
use crate::event::ClipFacts;

/// All chunks, one after the other, each padded to an even length.
pub(super) fn all(recipe: &Recipe, frames: u64, channels: usize) -> Vec<u8> {
    let facts = &recipe.facts;
    let mut out = Vec::new();
    chunk(&mut out, b"acid", &acid(facts));
    if let Some(grid) = Grid::of(facts) {
        chunk(
            &mut out,
            b"smpl",
            &sampler(recipe.rate_hz, root(facts), frames),
        );
        let beats = beats(&grid, recipe.rate_hz, frames);
        chunk(&mut out, b"cue ", &cues(&beats));
        chunk(&mut out, b"LIST", &labels(&grid, &beats));
    }
    chunk(&mut out, b"LIST", &info(facts));
    chunk(&mut out, b"bext", &broadcast(recipe, channels));
    chunk(&mut out, b"iXML", recipe::to_xml(recipe).as_bytes());
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

/// Loop or one-shot, root note, beats, meter, tempo.
fn acid(facts: &ClipFacts) -> Vec<u8> {
    const ONE_SHOT: u32 = 1;
    const ROOT_NOTE: u32 = 2;
    const STRETCH: u32 = 4;
    let grid = Grid::of(facts);
    let root = root(facts);
    let kind = if grid.is_some() { STRETCH } else { ONE_SHOT };
    let rooted = if root.is_some() { ROOT_NOTE } else { 0 };
    let mut body = Vec::with_capacity(24);
    body.extend_from_slice(&(kind | rooted).to_le_bytes());
    body.extend_from_slice(&root.unwrap_or(ROOT_OCTAVE).to_le_bytes());
    // Two fields of unknown meaning, with the values that files in the wild have.
    body.extend_from_slice(&0x8000u16.to_le_bytes());
    body.extend_from_slice(&0f32.to_le_bytes());
    body.extend_from_slice(&grid.as_ref().map_or(0, Grid::beats).to_le_bytes());
    let beats_per_bar = grid.as_ref().map_or(4, |grid| grid.beats_per_bar);
    body.extend_from_slice(&4u16.to_le_bytes());
    body.extend_from_slice(&(beats_per_bar as u16).to_le_bytes());
    let tempo_bpm = grid.map_or(0.0, |grid| grid.tempo_bpm as f32);
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

/// `bar.beat` for every cue.
fn labels(grid: &Grid, beats: &[u32]) -> Vec<u8> {
    let mut body = b"adtl".to_vec();
    for index in 0..beats.len() as u32 {
        let mut label = (index + 1).to_le_bytes().to_vec();
        label.extend_from_slice(format!("{}\0", facts::label(grid, index)).as_bytes());
        chunk(&mut body, b"labl", &label);
    }
    body
}

/// Title, comment, rights, software.
fn info(facts: &ClipFacts) -> Vec<u8> {
    let mut body = b"INFO".to_vec();
    let mut text = |id: &[u8; 4], text: &str| chunk(&mut body, id, format!("{text}\0").as_bytes());
    text(b"INAM", &facts.prompt);
    text(b"ICMT", &comment(facts));
    text(b"ICOP", &facts.rights);
    text(b"ISFT", &software(facts));
    body
}

/// Broadcast audio extension, version 1. Date and time are left empty: see the head.
fn broadcast(recipe: &Recipe, channels: usize) -> Vec<u8> {
    let facts = &recipe.facts;
    let mut body = Vec::with_capacity(700);
    let mut field = |text: &str, bytes: usize| {
        let end = (0..=text.len().min(bytes))
            .rev()
            .find(|&end| text.is_char_boundary(end))
            .unwrap_or(0);
        body.extend_from_slice(&text.as_bytes()[..end]);
        body.resize(body.len() + bytes - end, 0);
    };
    field(&format!("{} ({})", facts.prompt, comment(facts)), 256);
    field(&software(facts), 32);
    field(&format!("seed {}", facts.seed), 32);
    field("", 10 + 8); // date, time
    field("", 8); // samples since midnight
    body.extend_from_slice(&1u16.to_le_bytes()); // version
    body.resize(body.len() + 64 + 190, 0); // UMID, reserved
    let mode = if channels == 1 { "mono" } else { "stereo" };
    let history = format!(
        "A=PCM,F={},W={},M={mono},T={software}\r\n",
        recipe.rate_hz,
        recipe.depth.bits(),
        mono = mode,
        software = software(facts),
    );
    body.extend_from_slice(history.as_bytes());
    body
}
