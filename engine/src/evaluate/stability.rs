//! How steady the beat is: how far the onsets of the beats are from the grid that fits them best.
//!
//! Any thread but the audio thread. The deviations are what work on timing in performance reports
//! (e.g. Hellmer and Madison 2015); what is left after the best steady grid is jitter, and where it
//! has a slope over some beats, the tempo wandered.

use serde::{Deserialize, Serialize};

use crate::fit::{Pulse, onset};

/// An onset is looked for within this time of its beat, or an eighth of a beat.
const REACH_SECONDS: f64 = 0.06;
const REACH_BEATS: f64 = 0.125;
/// An onset is at least this strong, as a share of the strongest.
const LEAST_STRENGTH: f32 = 0.08;
/// With fewer beats that sound there is nothing to say.
const LEAST_BEATS: usize = 4;
/// The tempo is followed over so many beats.
const STRETCH_BEATS: f64 = 8.0;

/// How steady the beat of a clip is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TempoStability {
    /// Root mean square of the beats' distance from the steady grid, in milliseconds. A clip that
    /// is rendered exactly has one or two.
    pub jitter_ms: f64,
    /// Standard deviation of the tempo over stretches of eight beats, in percent; none for
    /// clips that have too few beats.
    pub tempo_spread_percent: Option<f64>,
    /// Every beat that sounds.
    pub beats: Vec<Lateness>,
}

/// When a beat sounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lateness {
    /// Its place on the grid, in seconds.
    pub seconds: f64,
    /// How much later it sounds, in milliseconds.
    pub late_ms: f64,
}

/// Measures it on samples at `rate_hz` whose grid is known; none where few beats sound.
pub(super) fn of(samples: &[f32], rate_hz: u32, pulse: &Pulse) -> Option<TempoStability> {
    let onsets = onset::of(samples, rate_hz);
    let period_seconds = 60.0 / pulse.tempo_bpm;
    let reach = REACH_SECONDS.min(REACH_BEATS * period_seconds);
    let reach = (reach * onsets.rate_hz).round() as usize;
    let mut beats: Vec<Lateness> = (0..pulse.beats)
        .map(|beat| pulse.beat_seconds(beat))
        .filter_map(|seconds| {
            let expected = (seconds + onsets.lead_seconds) * onsets.rate_hz;
            let at = strongest(&onsets.all, expected, reach)?;
            Some(Lateness {
                seconds,
                late_ms: (at - expected) / onsets.rate_hz * 1e3,
            })
        })
        .collect();
    if beats.len() < LEAST_BEATS {
        return None;
    }
    // Where the grid lies is no fault of the clip's.
    let (middle, slope) = line(&beats);
    for beat in &mut beats {
        beat.late_ms -= middle.1 + slope * (beat.seconds - middle.0);
    }
    let squares: f64 = beats.iter().map(|beat| beat.late_ms.powi(2)).sum();
    Some(TempoStability {
        jitter_ms: (squares / beats.len() as f64).sqrt(),
        tempo_spread_percent: spread_percent(&beats, STRETCH_BEATS * period_seconds),
        beats,
    })
}

/// The strongest moment around `expected` that is a peak, between moments.
fn strongest(values: &[f32], expected: f64, reach: usize) -> Option<f64> {
    let centre = expected.round().max(0.0) as usize;
    let first = centre.saturating_sub(reach).max(1);
    let last = (centre + reach).min(values.len().checked_sub(2)?);
    let peak = (first..=last)
        .filter(|&at| values[at] >= values[at - 1] && values[at] > values[at + 1])
        .filter(|&at| values[at] >= LEAST_STRENGTH)
        .max_by(|&a, &b| values[a].total_cmp(&values[b]))?;
    let [a, b, c] = [peak - 1, peak, peak + 1].map(|at| f64::from(values[at]));
    Some(peak as f64 + (0.5 * (a - c) / (a - 2.0 * b + c).min(-1e-9)).clamp(-0.5, 0.5))
}

/// The line that the beats lie on: its middle (seconds, ms) and its slope in ms a second.
fn line(beats: &[Lateness]) -> ((f64, f64), f64) {
    let count = beats.len().max(1) as f64;
    let seconds = beats.iter().map(|beat| beat.seconds).sum::<f64>() / count;
    let late = beats.iter().map(|beat| beat.late_ms).sum::<f64>() / count;
    let (mut cross, mut square) = (0.0, 1e-12);
    for beat in beats {
        cross += (beat.seconds - seconds) * (beat.late_ms - late);
        square += (beat.seconds - seconds).powi(2);
    }
    ((seconds, late), cross / square)
}

/// Standard deviation of the tempo over all stretches of that length.
fn spread_percent(beats: &[Lateness], stretch_seconds: f64) -> Option<f64> {
    let last = beats.last()?.seconds;
    let tempos: Vec<f64> = beats
        .iter()
        .enumerate()
        .take_while(|(_, beat)| beat.seconds + stretch_seconds <= last + 1e-6)
        .filter_map(|(first, beat)| {
            let end = beat.seconds + stretch_seconds + 1e-6;
            let count = beats[first..].partition_point(|beat| beat.seconds <= end);
            let stretch = &beats[first..first + count];
            // Beats that come ever later are a slower tempo.
            (count > LEAST_BEATS).then(|| -0.1 * line(stretch).1)
        })
        .collect();
    if tempos.len() < 2 {
        return None;
    }
    let count = tempos.len() as f64;
    let mean = tempos.iter().sum::<f64>() / count;
    let squares: f64 = tempos.iter().map(|tempo| (tempo - mean).powi(2)).sum();
    Some((squares / count).sqrt())
}
