//! The piece as a stream of blocks: repetitions, what is varied in them, the fades.
//!
//! Any thread but the audio thread. It is cut into phrases, each with a variation before its end.

use serde::Serialize;

use super::material::Material;
use super::variation::{Stretch, Variation, blended, plain};
use crate::musicgen::sampling::Chance;

/// The most frames that a block has.
pub const BLOCK_FRAMES: usize = 1 << 14;
/// The longest thinned stretch and sweep, in bars.
const MOST_THIN_BARS: u32 = 4;
const MOST_SWEEP_BARS: u32 = 2;
/// Phrases of as many bars have room for fills of two beats.
const LONG_PHRASE_BARS: u32 = 4;

/// What a piece is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Length in bars, at least one.
    pub bars: u64,
    /// Something varies before every so many bars; never with `None`.
    pub vary_every_bars: Option<u32>,
    /// Decides what varies.
    pub seed: u64,
    /// Frames over which it comes up from silence, and goes down to it.
    pub fade_in_frames: u64,
    /// See `fade_in_frames`. Without it the end of the piece goes over into its beginning.
    pub fade_out_frames: u64,
}

/// A variation and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The bar line at which it is over or, with another take, at which that begins, from 0.
    pub bar: u64,
    /// The frame at which it begins.
    pub frame: u64,
    /// What it is.
    #[serde(flatten)]
    pub variation: Variation,
}

/// A long piece that is being made.
#[derive(Debug)]
pub struct Piece<'a> {
    material: &'a Material,
    shape: Shape,
    /// Length in frames.
    frames: u64,
    /// Frames that were given out.
    at: u64,
    chance: Chance,
    /// The take that plays.
    take: usize,
    /// The one that plays after this phrase.
    next_take: usize,
    /// The bar line that ends this phrase, and its frame.
    end_bar: u64,
    end: u64,
    stretch: Option<Stretch>,
    changes: Vec<Change>,
}

impl<'a> Piece<'a> {
    /// A piece of that shape, at its beginning.
    #[must_use]
    pub fn new(material: &'a Material, shape: Shape) -> Self {
        let shape = Shape {
            bars: shape.bars.max(1),
            vary_every_bars: shape.vary_every_bars.filter(|&bars| bars > 0),
            ..shape
        };
        let mut piece = Self {
            material,
            shape,
            frames: material.bar_frame(shape.bars),
            at: 0,
            chance: Chance::new(shape.seed),
            take: 0,
            next_take: 0,
            end_bar: 0,
            end: 0,
            stretch: None,
            changes: Vec::new(),
        };
        piece.begin_phrase();
        piece
    }

    /// Length in frames.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// What was varied so far, in the order in which it is heard.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The next samples by channel, at most [`BLOCK_FRAMES`] of them; false at the end.
    pub fn next(&mut self, block: &mut Vec<Vec<f32>>) -> bool {
        block.resize(self.material.channels(), Vec::new());
        if self.at == self.frames {
            return false;
        }
        if self.at == self.end {
            self.begin_phrase();
        }
        let count = (self.end - self.at).min(BLOCK_FRAMES as u64) as usize;
        for (index, channel) in block.iter_mut().enumerate() {
            channel.resize(count, 0.0);
            self.material.copy(self.take, index, self.at, channel);
            if let Some(stretch) = &self.stretch {
                overlay(channel, self.at, &stretch.channels[index], stretch.start);
            }
            self.fade(channel);
        }
        self.at += count as u64;
        true
    }

    /// Chooses how the next phrase ends.
    fn begin_phrase(&mut self) {
        let (begin, begin_bar) = (self.end, self.end_bar);
        self.take = self.next_take;
        let bars = self
            .shape
            .vary_every_bars
            .map_or(self.shape.bars, u64::from)
            .min(self.shape.bars - begin_bar);
        self.end_bar = begin_bar + bars;
        self.end = self.material.bar_frame(self.end_bar);
        self.stretch = if self.end_bar == self.shape.bars {
            self.closing()
        } else {
            self.vary(begin, bars)
        };
    }

    /// Before the end of a phrase of `bars` bars that began at the frame `begin`.
    fn vary(&mut self, begin: u64, bars: u64) -> Option<Stretch> {
        let bars = u32::try_from(bars).unwrap_or(u32::MAX);
        let mut candidates = self.candidates(bars);
        let last = self.changes.last().map(|change| change.variation);
        candidates.retain(|&variation| Some(variation) != last);
        let made = loop {
            if candidates.is_empty() {
                break None;
            }
            let drawn = (self.chance.uniform() * candidates.len() as f32) as usize;
            let variation = candidates.swap_remove(drawn.min(candidates.len() - 1));
            if let Some(stretch) = self.before_end(variation, begin) {
                break Some((variation, stretch));
            }
        };
        let quiet = Variation::Quiet {
            bars: (bars / 2).clamp(1, MOST_THIN_BARS),
        };
        // Even twice in a row: it is what is left.
        let (variation, stretch) = match made {
            Some(made) => made,
            None => (quiet, self.before_end(quiet, begin)?),
        };
        if let Variation::Take { take } = variation {
            self.next_take = take;
        }
        self.changes.push(Change {
            bar: self.end_bar,
            frame: variation.begin(self.material, self.end_bar),
            variation,
        });
        Some(stretch)
    }

    /// A variation before the end of the phrase that began at the frame `begin`, if it fits in
    /// there and is heard.
    fn before_end(&self, variation: Variation, begin: u64) -> Option<Stretch> {
        let stretch = variation.stretch(self.material, self.take, self.end_bar)?;
        (stretch.start >= begin).then_some(stretch)
    }

    /// What could happen.
    fn candidates(&self, bars: u32) -> Vec<Variation> {
        let takes = 0..self.material.takes();
        let mut all: Vec<Variation> = takes
            .filter(|&take| take != self.take)
            .map(|take| Variation::Take { take })
            .collect();
        let beats = self.material.beats_per_bar();
        if !self.material.beatless() && (beats > 1 || bars > 1) {
            let long = bars >= LONG_PHRASE_BARS && beats > 2;
            let beats = if long { 2 } else { 1 };
            all.push(Variation::BeatRepeat { beats });
            all.push(Variation::DropOut { beats: 1 });
        }
        if bars > 1 {
            let half = bars / 2;
            all.push(Variation::Sweep {
                bars: half.min(MOST_SWEEP_BARS),
            });
            all.push(Variation::Thin {
                bars: half.min(MOST_THIN_BARS),
            });
        }
        all
    }

    /// The end: without a fade it goes over into the piece's beginning, so that the piece can be
    /// repeated as the loop can.
    fn closing(&self) -> Option<Stretch> {
        let material = self.material;
        let whole = self.frames.is_multiple_of(material.frames());
        if self.shape.fade_out_frames > 0 || (whole && self.take == 0) {
            return None;
        }
        let blend = material.blend_frames();
        let start = self.end - blend;
        let from = plain(material, self.take, start, self.end);
        let to = plain(material, 0, material.frames() - blend, material.frames());
        Some(Stretch {
            start,
            channels: blended(&from, &to),
        })
    }

    /// Fades what is at the current frame.
    fn fade(&self, samples: &mut [f32]) {
        let Shape {
            fade_in_frames,
            fade_out_frames,
            ..
        } = self.shape;
        let last = self.at + samples.len() as u64;
        let left = self.frames - last;
        if self.at >= fade_in_frames && left >= fade_out_frames {
            return;
        }
        for (at, sample) in samples.iter_mut().enumerate() {
            let frame = self.at + at as u64;
            *sample *= rise(frame, fade_in_frames) * rise(self.frames - 1 - frame, fade_out_frames);
        }
    }
}

/// The gain so many frames from silence: half a wave of a cosine, without a bend at either end.
fn rise(frame: u64, frames: u64) -> f32 {
    if frame >= frames {
        return 1.0;
    }
    let share = frame as f64 / frames as f64;
    (0.5 - 0.5 * (std::f64::consts::PI * share).cos()) as f32
}

/// Puts the part of a stretch that lies in `samples`, which begin at the frame `at`, there.
fn overlay(samples: &mut [f32], at: u64, stretch: &[f32], start: u64) {
    let (from, end) = (at.max(start), start + stretch.len() as u64);
    let to = end.min(at + samples.len() as u64);
    if from < to {
        samples[(from - at) as usize..(to - at) as usize]
            .copy_from_slice(&stretch[(from - start) as usize..(to - start) as usize]);
    }
}
