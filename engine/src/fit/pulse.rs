//! The grid: where the beats are, which of them begin bars, how much the sixteenths swing.
//!
//! Any thread but the audio thread. Tempo and phase are sought together, as the grid whose beats
//! the onsets meet best; this settles the tempo far more finely than the autocorrelation can,
//! since an error adds up over the clip.

use serde::{Deserialize, Serialize};

use super::Hint;
use super::chroma::Chroma;
use super::onset::Onsets;
use super::tempo::{self, interpolate};

/// The grid may be this far from the autocorrelation's tempo.
const REACH: f64 = 0.02;
/// Onsets halfway between beats tell of the tempo too, and less of where the beats are.
const HALF_WEIGHT: f64 = 0.5;
/// Kicks and basses tell beats from off-beats.
const LOW_WEIGHT: f64 = 1.0;
/// What it is worth that a beat is where the clip starts, within this share of a beat.
const START_WEIGHT: f64 = 0.15;
const NEAR_START: f64 = 0.12;
/// Under this repetition there is no pulse to trust.
const LEAST_REPETITION: f64 = 0.15;
/// Where nothing begins more suddenly than this, nobody would tap along.
pub(super) const LEAST_SHARPNESS: f32 = 0.1;
/// What onsets in the basses and in all bands together say for a bar line.
const LOW_ATTACK: f64 = 1.5;
const ANY_ATTACK: f64 = 0.5;
/// What an earlier bar line is worth: clips are made to begin with a bar.
const FIRST_BEAT_WEIGHT: f64 = 0.2;
/// The latest that a swung sixteenth comes, in sixteenths.
const MOST_SWING: f64 = 0.4;
/// Under this share of the beats' strength the odd sixteenths are silent.
const LEAST_SIXTEENTHS: f64 = 0.05;

/// One steady grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pulse {
    /// Beats a minute.
    pub tempo_bpm: f64,
    /// The first beat, in seconds from the clip's first sample; may lie a little before it.
    pub first_beat_seconds: f64,
    /// Beats in the clip.
    pub beats: u32,
    /// Which beat, counted from 0, begins the first whole bar.
    pub downbeat: u32,
    /// How late the odd sixteenths come, in sixteenths (0 is straight, 1/3 is triplets), if any
    /// sound at all.
    pub swing: Option<f32>,
    /// 0 to 1: how well the onsets repeat with the beat.
    pub confidence: f32,
    /// 0 to 1: how far the bar line is ahead of the next best.
    pub downbeat_confidence: f32,
    /// How well the best grid of exactly the tempo asked for is met, as a share of this one:
    /// near 1, the difference between the two is within what can be heard in the clip.
    pub asked_fit: Option<f32>,
}

impl Pulse {
    /// Time of a beat, in seconds.
    #[must_use]
    pub fn beat_seconds(&self, beat: u32) -> f64 {
        self.first_beat_seconds + f64::from(beat) * 60.0 / self.tempo_bpm
    }
}

/// A grid in moments of the onsets.
#[derive(Clone, Copy)]
struct Grid {
    period: f64,
    phase: f64,
}

/// The grid that the onsets meet best, if they repeat at all.
pub(super) fn find(onsets: &Onsets, chroma: &Chroma, hint: Hint) -> Option<Pulse> {
    let (bpm, repetition) = tempo::find(onsets, hint.tempo_bpm)?;
    if repetition < LEAST_REPETITION || onsets.sharpness < LEAST_SHARPNESS {
        return None;
    }
    let grid = align(onsets, 60.0 / bpm * onsets.rate_hz);
    let asked_fit = hint.tempo_bpm.map(|asked| asked_fit(onsets, grid, asked));
    let period_seconds = grid.period / onsets.rate_hz;
    // The beat before the phase may be the clip's first: an onset at its very start shows late.
    let early = -0.15 * period_seconds;
    let any_beat_seconds = grid.phase / onsets.rate_hz - onsets.lead_seconds;
    let first_beat_seconds = early + (any_beat_seconds - early).rem_euclid(period_seconds);
    let length_seconds = onsets.all.len() as f64 / onsets.rate_hz - onsets.lead_seconds;
    // A beat at the very end belongs to what follows.
    let beats = ((length_seconds - first_beat_seconds) / period_seconds - 0.15).ceil();
    let beats = beats.max(1.0) as u32;
    let (downbeat, downbeat_confidence) = bar_line(
        onsets,
        chroma,
        first_beat_seconds,
        period_seconds,
        beats,
        hint.beats_per_bar.max(1),
    );
    Some(Pulse {
        tempo_bpm: 60.0 / period_seconds,
        first_beat_seconds,
        beats,
        downbeat,
        swing: swing(onsets, grid),
        confidence: repetition as f32,
        downbeat_confidence,
        asked_fit,
    })
}

/// How well the onsets meet a grid.
fn fit(onsets: &Onsets, grid: Grid) -> f64 {
    strength(&onsets.all, grid, 0.0)
        + LOW_WEIGHT * strength(&onsets.low, grid, 0.0)
        + HALF_WEIGHT * strength(&onsets.all, grid, 0.5)
}

/// The best grid of the tempo asked for, or of its half or double where that is what was
/// found, as a share of the grid that was found.
fn asked_fit(onsets: &Onsets, found: Grid, asked_bpm: f64) -> f32 {
    let found_bpm = 60.0 * onsets.rate_hz / found.period;
    let octave = (found_bpm / asked_bpm).log2().round().clamp(-1.0, 1.0);
    let period = 60.0 / (asked_bpm * octave.exp2()) * onsets.rate_hz;
    let best = (0..(period * 4.0) as u32)
        .map(|step| f64::from(step) / 4.0)
        .map(|phase| fit(onsets, Grid { period, phase }))
        .fold(0.0, f64::max);
    (best / fit(onsets, found).max(1e-9)).min(1.0) as f32
}

/// Mean strength at `phase`, `phase + period`, …
fn strength(values: &[f32], grid: Grid, shift: f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    let mut at = grid.phase + shift * grid.period;
    while at < values.len() as f64 {
        sum += interpolate(values, at);
        count += 1.0;
        at += grid.period;
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

/// Tempo and phase together: coarsely over the whole reach, then finely around the best.
fn align(onsets: &Onsets, period: f64) -> Grid {
    let start = onsets.lead_seconds * onsets.rate_hz;
    let total = |grid: Grid| {
        let off = ((start - grid.phase) / grid.period).fract();
        let begins = off.abs().min(1.0 - off.abs()) < NEAR_START;
        let bonus = if begins { START_WEIGHT } else { 0.0 };
        bonus + fit(onsets, grid)
    };
    let mut best = (f64::MIN, Grid { period, phase: 0.0 });
    let consider = |best: &mut (f64, Grid), grid: Grid| {
        let score = total(grid);
        if score > best.0 {
            *best = (score, grid);
        }
    };
    // An error of the period adds up: a beat at the end is off by it times the number of beats.
    let beats = onsets.all.len() as f64 / period;
    let step = (1.0 / beats / period).max(1e-4);
    let steps = (REACH / step).ceil() as i32;
    for stretch in -steps..=steps {
        let period = period * (1.0 + f64::from(stretch) * step);
        for phase in 0..period as u32 {
            let phase = f64::from(phase);
            consider(&mut best, Grid { period, phase });
        }
    }
    let coarse = best.1;
    for stretch in -10..=10 {
        let period = coarse.period * (1.0 + f64::from(stretch) * step / 10.0);
        for shift in -8..=8 {
            let phase = coarse.phase + f64::from(shift) * 0.25;
            consider(&mut best, Grid { period, phase });
        }
    }
    best.1
}

/// Which beat begins a bar, and how sure that is: where basses start and chords change; the first
/// beat has a little in advance.
fn bar_line(
    onsets: &Onsets,
    chroma: &Chroma,
    first_beat_seconds: f64,
    period_seconds: f64,
    beats: u32,
    beats_per_bar: u32,
) -> (u32, f32) {
    // Where there are no tones, what changes is no chord.
    let tones = f64::from(chroma.clearness());
    // Means over the bars, for each of their beats.
    let mut attacks = vec![Mean::default(); beats_per_bar as usize];
    let mut changes = attacks.clone();
    for beat in 0..beats {
        let seconds = first_beat_seconds + f64::from(beat) * period_seconds;
        let at = (seconds + onsets.lead_seconds) * onsets.rate_hz;
        let (after, bass_after) = chroma.between(seconds, seconds + period_seconds);
        let (before, bass_before) = chroma.between(seconds - period_seconds, seconds);
        let around = |values: &[f32]| {
            (-3..=3)
                .map(|shift| interpolate(values, at + f64::from(shift)))
                .fold(0.0, f64::max)
        };
        let index = (beat % beats_per_bar) as usize;
        // Snares and claps, which are strong in all bands, are on other beats than the first.
        attacks[index].add(LOW_ATTACK * around(&onsets.low) - ANY_ATTACK * around(&onsets.all));
        if beat > 0 {
            changes[index].add(distance(&after, &before) + distance(&bass_after, &bass_before));
        }
    }
    let mut scores: Vec<f64> = attacks
        .iter()
        .zip(&changes)
        .map(|(attack, change)| attack.get() + tones * change.get())
        .collect();
    scores[0] += FIRST_BEAT_WEIGHT;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let lead = match order.get(1) {
        Some(&second) => (scores[order[0]] - scores[second]) / scores[order[0]].max(1e-9),
        None => 1.0,
    };
    (order[0] as u32, lead.clamp(0.0, 1.0) as f32)
}

#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    fn get(self) -> f64 {
        self.sum / self.count.max(1.0)
    }
}

/// 0 for the same tones, 1 for entirely other ones.
fn distance(a: &[f32; 12], b: &[f32; 12]) -> f64 {
    let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let norm = |v: &[f32; 12]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
    let both = norm(a) * norm(b);
    if both > 1e-12 {
        f64::from(1.0 - dot / both).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// How late the second and fourth sixteenth of every beat come.
fn swing(onsets: &Onsets, grid: Grid) -> Option<f32> {
    let odd = |late: f64| {
        strength(&onsets.all, grid, (1.0 + late) / 4.0)
            + strength(&onsets.all, grid, (3.0 + late) / 4.0)
    };
    const STEPS: i32 = 40;
    let best = (0..=STEPS)
        .map(|step| MOST_SWING * f64::from(step) / f64::from(STEPS))
        .max_by(|&a, &b| odd(a).total_cmp(&odd(b)))?;
    let beats = strength(&onsets.all, grid, 0.0) + strength(&onsets.all, grid, 0.5);
    (odd(best) > LEAST_SIXTEENTHS * beats).then_some(best as f32)
}
