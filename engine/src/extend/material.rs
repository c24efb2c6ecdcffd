//! What a long piece is made of: takes of one loop, and where its beats are.
//!
//! Any thread but the audio thread.

use crate::fit::{self, MOST_TRUE_PEAK_DB};

/// A loop that was brought to the limit at one rate is over it by less than this at another.
const TOLERANCE_DB: f64 = 0.1;

/// Takes of one loop: of the same length, channels and grid, each seamless by itself.
#[derive(Debug, Clone)]
pub struct Material {
    /// Samples by take and channel.
    takes: Vec<Vec<Vec<f32>>>,
    /// The highest peak of each take, between samples too, in dB.
    peaks_db: Vec<f64>,
    rate_hz: u32,
    bars: u32,
    beats_per_bar: u32,
    beatless: bool,
}

/// Takes that don't go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// No take, or one without samples.
    #[error("it holds no sound: choose another file")]
    Empty,
    /// A take of another length or with other channels than the first.
    #[error("take {take} has another length than the first: give takes of one tempo and length")]
    Length {
        /// Which, counted from 1.
        take: usize,
    },
}

impl Material {
    /// Takes (by channel, ±1 full scale) of a loop of so many bars. A take whose true peak is above
    /// -1 dB by more than 0.1 dB is lowered as a whole until it is not; any other is left as it is, to the sample.
    /// `beatless` material has no attacks that could be repeated or missed.
    ///
    /// # Errors
    /// [`Mismatch`].
    pub fn new(
        mut takes: Vec<Vec<Vec<f32>>>,
        rate_hz: u32,
        (bars, beats_per_bar): (u32, u32),
        beatless: bool,
    ) -> Result<Self, Mismatch> {
        let frames = |take: &[Vec<f32>]| take.iter().map(Vec::len).collect::<Vec<_>>();
        let first = takes.first().map(|take| frames(take)).unwrap_or_default();
        if first.iter().copied().min().unwrap_or(0) < (bars * beats_per_bar).max(1) as usize {
            return Err(Mismatch::Empty);
        }
        if let Some(other) = takes.iter().position(|take| frames(take) != first) {
            return Err(Mismatch::Length { take: other + 1 });
        }
        let mut peaks_db = Vec::with_capacity(takes.len());
        for take in &mut takes {
            let peak_db = fit::true_peak_db(take, rate_hz);
            let over_db = peak_db - MOST_TRUE_PEAK_DB;
            let lower_db = if over_db > TOLERANCE_DB { over_db } else { 0.0 };
            if lower_db > 0.0 {
                fit::apply_gain(take, -lower_db);
            }
            peaks_db.push(peak_db - lower_db);
        }
        Ok(Self {
            takes,
            peaks_db,
            rate_hz,
            bars,
            beats_per_bar,
            beatless,
        })
    }

    /// How many takes there are.
    #[must_use]
    pub fn takes(&self) -> usize {
        self.takes.len()
    }

    /// Sample rate.
    #[must_use]
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Channels of every take.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.takes[0].len()
    }

    /// Bars of the loop.
    #[must_use]
    pub fn bars(&self) -> u32 {
        self.bars
    }

    /// Frames of the loop.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.takes[0][0].len() as u64
    }

    /// The first frame of a bar, counted from the first bar of the piece.
    #[must_use]
    pub fn bar_frame(&self, bar: u64) -> u64 {
        self.beat_frame(bar * u64::from(self.beats_per_bar))
    }

    /// The first frame of a beat, counted from the first of the piece.
    #[must_use]
    pub fn beat_frame(&self, beat: u64) -> u64 {
        let beats = u64::from(self.bars) * u64::from(self.beats_per_bar);
        let within = beat % beats * self.frames();
        beat / beats * self.frames() + (within + beats / 2) / beats
    }

    pub(super) fn beats_per_bar(&self) -> u32 {
        self.beats_per_bar
    }

    pub(super) fn beatless(&self) -> bool {
        self.beatless
    }

    pub(super) fn peak_db(&self, take: usize) -> f64 {
        self.peaks_db[take]
    }

    /// Frames over which one sound goes over into another: 8 ms, less for the shortest beats.
    pub(super) fn blend_frames(&self) -> u64 {
        let beat = self.frames() / (u64::from(self.bars) * u64::from(self.beats_per_bar));
        (u64::from(self.rate_hz) / 125).min(beat / 16).max(1)
    }

    /// Mean power of a take over all channels.
    pub(super) fn power(&self, take: usize) -> f64 {
        power(&self.takes[take])
    }

    /// The sample of a take that plays unvaried at `frame` of the piece.
    pub(super) fn sample(&self, take: usize, channel: usize, frame: u64) -> f32 {
        self.takes[take][channel][(frame % self.frames()) as usize]
    }

    /// As [`Material::sample`], for `out.len()` frames from `frame` on.
    pub(super) fn copy(&self, take: usize, channel: usize, frame: u64, mut out: &mut [f32]) {
        let samples = &self.takes[take][channel];
        let mut at = (frame % self.frames()) as usize;
        while !out.is_empty() {
            let count = out.len().min(samples.len() - at);
            let (now, rest) = std::mem::take(&mut out).split_at_mut(count);
            now.copy_from_slice(&samples[at..at + count]);
            (out, at) = (rest, 0);
        }
    }
}

/// Mean power over all channels.
pub(super) fn power(channels: &[Vec<f32>]) -> f64 {
    let count: usize = channels.iter().map(Vec::len).sum();
    let squares = channels.iter().flatten();
    let sum: f64 = squares.map(|&x| f64::from(x) * f64::from(x)).sum();
    sum / count.max(1) as f64
}
