//! Which part of a raw clip becomes the loop, and how fast it runs.
//!
//! Any thread but the audio thread.

use serde::{Deserialize, Serialize};

use super::bars::Target;
use super::{Measured, Pulse};

/// A tempo further from the one asked for than this is not stretched: it would be heard.
const MOST_STRETCH: f64 = 0.08;
/// Under this repetition a tempo other than the one asked for is a guess.
const LEAST_TRUST: f32 = 0.3;
/// A tempo this close to the one asked for is no coincidence.
const NEAR: f64 = 0.01;
/// A grid of the tempo asked for that is met this well, as a share of the best, is the clip's own:
/// of 200 synthesised loops of known tempo, those 0.1 % off meet it to 0.80 and more, those 0.4 %
/// off and more to 0.68 at most.
pub(super) const SAME_TEMPO: f32 = 0.85;
/// Without a tempo to trust, what begins less suddenly than this is a pad and not drums.
const SOFT: f32 = 0.42;
/// A drift over the whole loop under this is nothing that a listener or the measuring could tell.
const LEAST_DRIFT_SECONDS: f64 = 0.012;
/// A bar line that is this far ahead of the others moves the start; models begin with a bar
/// far more often than not.
const SURE_BAR_LINE: f32 = 0.3;
/// A first beat this close to the clip's first sample is the first sample.
const AT_START_SECONDS: f64 = 0.015;
/// How far from its place on the grid the attack of a beat is looked for.
const ATTACK_REACH_SECONDS: f64 = 0.02;
/// What is kept before an attack.
const PRE_ROLL_SECONDS: f64 = 0.001;
/// Power after to power before that makes an attack.
const ATTACK_RATIO: f32 = 6.0;

/// How a clip stands to the grid that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Grid {
    /// A steady pulse of this tempo was found, and brought to the tempo asked for.
    Steady {
        /// Beats a minute of the raw clip; half or double are counted as the tempo asked for.
        tempo_bpm: f64,
    },
    /// Nothing in it begins suddenly: cut to length, not stretched.
    Beatless,
    /// Beats, but no tempo to trust, or one too far away: cut to length, not stretched.
    Free,
}

/// A part of the raw clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    pub(super) grid: Grid,
    /// Where it starts, in seconds of the raw clip.
    pub(super) start_seconds: f64,
    /// Seconds of the loop for one second of the raw clip.
    pub(super) ratio: f64,
}

/// Chooses the part. `mono` is the raw clip.
pub(super) fn find(mono: &[f32], rate_hz: u32, measured: &Measured, target: &Target) -> Window {
    let whole = |grid| Window {
        grid,
        start_seconds: 0.0,
        ratio: 1.0,
    };
    let untrusted = whole(if measured.sharpness < SOFT {
        Grid::Beatless
    } else {
        Grid::Free
    });
    let Some(pulse) = &measured.pulse else {
        return untrusted;
    };
    let octave = (pulse.tempo_bpm / target.tempo_bpm).log2().round();
    let tempo_bpm = pulse.tempo_bpm / octave.clamp(-1.0, 1.0).exp2();
    let off = tempo_bpm / target.tempo_bpm;
    let met = pulse.asked_fit.is_some_and(|fit| fit >= SAME_TEMPO);
    let trusted = pulse.confidence >= LEAST_TRUST || met || (off - 1.0).abs() <= NEAR;
    if !trusted || (off - 1.0).abs() > MOST_STRETCH {
        return untrusted;
    }
    let seconds = target.seconds();
    let same = met || (off - 1.0).abs() * seconds < LEAST_DRIFT_SECONDS;
    let ratio = if same { 1.0 } else { off };
    let raw_seconds = mono.len() as f64 / f64::from(rate_hz);
    let fits = |start: f64| start >= 0.0 && start + seconds / ratio <= raw_seconds;
    let beat = first_beat(pulse, octave, target);
    let start_seconds = [beat, 0]
        .into_iter()
        .map(|beat| pulse.beat_seconds(beat))
        .map(|near| attack(mono, rate_hz, near))
        .find(|&start| fits(start))
        .unwrap_or(0.0);
    Window {
        grid: Grid::Steady { tempo_bpm },
        start_seconds,
        ratio,
    }
}

/// The beat that the loop begins with.
fn first_beat(pulse: &Pulse, octave: f64, target: &Target) -> u32 {
    // At half or double tempo the bars are not the ones that were counted.
    let counted = octave == 0.0 && pulse.downbeat < target.beats_per_bar;
    if counted && pulse.downbeat_confidence >= SURE_BAR_LINE {
        pulse.downbeat
    } else {
        0
    }
}

/// Where the sound of a beat begins, in seconds: a little before its attack, so that the window
/// cuts nothing off.
fn attack(mono: &[f32], rate_hz: u32, near_seconds: f64) -> f64 {
    if near_seconds < AT_START_SECONDS {
        return 0.0;
    }
    let rate = f64::from(rate_hz);
    let span = (rate * 0.004) as usize;
    let power = |from: usize| -> f32 {
        let part = &mono[from.min(mono.len())..(from + span).min(mono.len())];
        part.iter().map(|x| x * x).sum::<f32>() + 1e-9
    };
    let centre = near_seconds * rate;
    let reach = ATTACK_REACH_SECONDS * rate;
    let first = (centre - reach).max(span as f64) as usize;
    let rise = |at: usize| power(at) / power(at - span);
    let best = (first..(centre + reach) as usize)
        .step_by((rate * 0.0005) as usize + 1)
        .max_by(|&a, &b| rise(a).total_cmp(&rise(b)));
    match best {
        Some(at) if rise(at) >= ATTACK_RATIO => (at as f64 / rate - PRE_ROLL_SECONDS).max(0.0),
        _ => near_seconds,
    }
}
