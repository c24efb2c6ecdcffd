//! How steady the pitch is: where tones lie between the semitones, and whether that place moves.
//!
//! Any thread but the audio thread. The place is the mean of directions on a circle of one semitone
//! (as in Dressler and Streich, ISMIR 2007), so that a quarter tone up and one down are the same.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::fit::tones::{self, TONAL};

/// Time over which one place is told.
const SECOND: f64 = 1.0;
/// A stretch with less of the clip's tones than this share of the mean is a pause.
const PAUSE: f64 = 0.05;

/// How steady the pitch of a clip is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intonation {
    /// How far its tones lie above the semitones of A = 440 Hz, -50 to 50 cents.
    pub tuning_cents: f64,
    /// Standard deviation of the tuning from second to second, in cents: what drifts.
    pub drift_cents: Option<f64>,
    /// Standard deviation of the tones around the tuning, in cents: what wavers, slides or lies
    /// off the semitones on purpose.
    pub spread_cents: f64,
    /// The tuning of every second, none in pauses.
    pub by_second_cents: Vec<Option<f64>>,
}

/// A sum of directions.
#[derive(Clone, Copy, Default)]
struct Direction {
    x: f64,
    y: f64,
    weight: f64,
}

impl Direction {
    fn add(&mut self, cents: f64, weight: f64) {
        let angle = TAU * cents / 100.0;
        self.x += weight * angle.cos();
        self.y += weight * angle.sin();
        self.weight += weight;
    }

    fn cents(&self) -> f64 {
        self.y.atan2(self.x) / TAU * 100.0
    }

    /// Standard deviation on the circle (Mardia 1972).
    fn spread_cents(&self) -> f64 {
        let length = (self.x.hypot(self.y) / self.weight.max(1e-12)).clamp(1e-6, 1.0);
        (-2.0 * length.ln()).sqrt() / TAU * 100.0
    }
}

/// Measures it on samples at `rate_hz`; none where there are no tones.
pub(super) fn of(samples: &[f32], rate_hz: u32) -> Option<Intonation> {
    let mut frames = Vec::new();
    let (mut in_tones, mut in_all) = (0.0f64, 0.0f64);
    let timing = tones::each(samples, rate_hz, |frame| {
        in_all += f64::from(frame.above_bass);
        let mut sum = Direction::default();
        // Basses are told less finely than the others, which have more cycles in a window.
        for tone in frame.tones.iter().filter(|tone| tone.above_bass) {
            let midi = tone.midi();
            let cents = 100.0 * (midi - midi.round());
            sum.add(cents, f64::from(tone.power).sqrt());
            in_tones += f64::from(tone.around);
        }
        frames.push(sum);
    });
    let whole = total(&frames);
    if whole.weight <= 1e-4 || in_tones < f64::from(TONAL) * in_all {
        return None;
    }
    let tuning_cents = whole.cents();
    let each = (SECOND / timing.hop_seconds).round().max(1.0) as usize;
    let seconds: Vec<Direction> = frames.chunks(each).map(total).collect();
    let typical = whole.weight / seconds.len() as f64;
    let by_second_cents: Vec<Option<f64>> = seconds
        .iter()
        .map(|second| (second.weight >= PAUSE * typical).then(|| second.cents()))
        .collect();
    let told = by_second_cents.iter().flatten();
    // The shorter way around.
    let off: Vec<f64> = told
        .map(|cents| (cents - tuning_cents + 50.0).rem_euclid(100.0) - 50.0)
        .collect();
    let squares: f64 = off.iter().map(|off| off * off).sum();
    Some(Intonation {
        tuning_cents,
        drift_cents: (off.len() > 1).then(|| (squares / off.len() as f64).sqrt()),
        spread_cents: whole.spread_cents(),
        by_second_cents,
    })
}

fn total(frames: &[Direction]) -> Direction {
    frames
        .iter()
        .fold(Direction::default(), |sum, frame| Direction {
            x: sum.x + frame.x,
            y: sum.y + frame.y,
            weight: sum.weight + frame.weight,
        })
}
