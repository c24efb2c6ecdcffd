//! A clip as a table of fixed blocks, playable while it still grows.
//!
//! Made and freed by the session, filled and read on the audio thread. The table has room for
//! the whole clip from the start, so that filing a block moves one pointer: never allocates,
//! never frees.

use crate::transport::plausible_tempo;

/// Frames of a block, the unit in which audio reaches the audio thread: 21 ms at 48 kHz, 8 KiB
/// in both channels.
pub const BLOCK_FRAMES: usize = 1024;

/// Names a clip. The session chooses it and never uses it twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClipId(pub u64);

/// A clip's facts, known before its audio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClipInfo {
    /// Its name.
    pub id: ClipId,
    /// Length when it is complete, at the host's rate.
    pub frames: u64,
    /// Length in quarter notes.
    pub beats: f64,
    /// Its own tempo, quarter notes a minute.
    pub tempo_bpm: f64,
    /// Quarter notes in one of its bars.
    pub beats_per_bar: f64,
}

impl ClipInfo {
    /// The table's length in frames; `None` where the facts describe no clip that can play.
    pub(crate) fn table_frames(&self) -> Option<usize> {
        let frames = usize::try_from(self.frames).ok()?;
        let plausible = frames > 0
            && frames <= MAX_FRAMES
            && BEATS.contains(&self.beats)
            && BEATS.contains(&self.beats_per_bar)
            && plausible_tempo(self.tempo_bpm);
        plausible.then_some(frames)
    }
}

/// Lengths in beats that a clip can have.
const BEATS: std::ops::RangeInclusive<f64> = 1e-4..=1e6;

/// The longest clip: an hour and a half at 192 kHz. Keeps a wrong length from taking all memory.
const MAX_FRAMES: usize = 1 << 30;

/// A piece of audio of at most [`BLOCK_FRAMES`] frames; zeros after its last frame.
pub(crate) struct Block {
    frames: usize,
    left: [f32; BLOCK_FRAMES],
    right: [f32; BLOCK_FRAMES],
}

impl Block {
    /// An empty block. Allocates.
    pub(crate) fn empty() -> Box<Self> {
        Box::new(Self {
            frames: 0,
            left: [0.0; BLOCK_FRAMES],
            right: [0.0; BLOCK_FRAMES],
        })
    }

    /// Frames it holds.
    pub(crate) fn frames(&self) -> usize {
        self.frames
    }

    /// Takes what fits of two equally long channels and says how many frames that was. What is
    /// not a number becomes silence here, off the audio thread.
    pub(crate) fn fill(&mut self, left: &[f32], right: &[f32]) -> usize {
        let at = self.frames;
        let room_left = self.left.iter_mut().skip(at);
        let room_right = self.right.iter_mut().skip(at);
        let mut taken = 0;
        for ((to_left, to_right), (&l, &r)) in
            room_left.zip(room_right).zip(left.iter().zip(right.iter()))
        {
            *to_left = if l.is_finite() { l } else { 0.0 };
            *to_right = if r.is_finite() { r } else { 0.0 };
            taken += 1;
        }
        self.frames += taken;
        taken
    }
}

/// A clip, whole or growing.
pub(crate) struct Clip {
    info: ClipInfo,
    frames: usize,
    /// Never longer than the capacity it was made with.
    blocks: Vec<Box<Block>>,
    ready_frames: usize,
    finished: bool,
}

impl Clip {
    /// An empty table for a clip. Allocates. `frames` is the info's own, checked.
    pub(crate) fn new(info: ClipInfo, frames: usize) -> Self {
        let blocks = Vec::with_capacity(frames.div_ceil(BLOCK_FRAMES));
        Self {
            info,
            frames,
            blocks,
            ready_frames: 0,
            finished: false,
        }
    }

    /// Its facts.
    pub(crate) fn info(&self) -> &ClipInfo {
        &self.info
    }

    /// Length when complete.
    pub(crate) fn frames(&self) -> usize {
        self.frames
    }

    /// Frames from the start that can be heard.
    pub(crate) fn ready_frames(&self) -> usize {
        self.ready_frames
    }

    /// Every frame is there.
    pub(crate) fn whole(&self) -> bool {
        self.ready_frames >= self.frames
    }

    /// Nothing will be added any more.
    pub(crate) fn finished(&self) -> bool {
        self.finished
    }

    /// Realtime-safe. Marks it as complete.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    /// Realtime-safe. Files the next block, or hands it back when it has no place here.
    pub(crate) fn append(&mut self, block: Box<Block>) -> Option<Box<Block>> {
        let aligned = self.ready_frames == self.blocks.len() * BLOCK_FRAMES;
        let fits = self.ready_frames + block.frames <= self.frames;
        let room = self.blocks.len() < self.blocks.capacity();
        if !(aligned && fits && room) {
            return Some(block);
        }
        self.ready_frames += block.frames;
        self.blocks.push(block);
        None
    }

    /// One frame; silence where there is none.
    pub(crate) fn frame(&self, index: usize) -> (f32, f32) {
        let at = index % BLOCK_FRAMES;
        let block = self.blocks.get(index / BLOCK_FRAMES);
        block
            .and_then(|b| Some((*b.left.get(at)?, *b.right.get(at)?)))
            .unwrap_or((0.0, 0.0))
    }

    /// Realtime-safe. Copies the frames from `start` on, silence where there are none.
    pub(crate) fn copy(&self, start: usize, left: &mut [f32], right: &mut [f32]) {
        let mut at = start;
        let (mut left, mut right) = (left, right);
        while !left.is_empty() && !right.is_empty() {
            let offset = at % BLOCK_FRAMES;
            let frames = (BLOCK_FRAMES - offset).min(left.len()).min(right.len());
            let (head_left, rest_left) = left.split_at_mut(frames);
            let (head_right, rest_right) = right.split_at_mut(frames);
            let range = offset..offset + frames;
            let source = self.blocks.get(at / BLOCK_FRAMES).and_then(|block| {
                Some((
                    block.left.get(range.clone())?,
                    block.right.get(range.clone())?,
                ))
            });
            if let Some((source_left, source_right)) = source {
                head_left.copy_from_slice(source_left);
                head_right.copy_from_slice(source_right);
            } else {
                head_left.fill(0.0);
                head_right.fill(0.0);
            }
            at += frames;
            (left, right) = (rest_left, rest_right);
        }
    }
}
