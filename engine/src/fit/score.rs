//! How good a loop is, from 0 to 100, in parts that say what is wrong.
//!
//! Any thread but the audio thread. A judgement of craft, not of taste: whether it lies on the
//! grid, joins, and is neither silent nor clipped.

use serde::{Deserialize, Serialize};

use super::window::SAME_TEMPO;
use super::{Grid, Measured, Seam, mono};

/// A first beat or a drift of this size makes a grid worthless.
const WORST_GRID_SECONDS: f64 = 0.06;
/// What cannot be told is taken for this, and a clip without a tempo to trust for that.
const UNTOLD: f64 = 60.0;
const FREE: f64 = 30.0;
/// A join that changes this much more than any beat inside is a gap or a click.
const WORST_JOIN_DB: f64 = 18.0;
/// Raw clips quieter than this were hardly made of anything.
const QUIET_LUFS: f64 = -45.0;
const FULL_LUFS: f64 = -30.0;
/// A beat this far below the loudest is silent.
const SILENT_BEAT_DB: f32 = -60.0;
/// This share of samples at full scale is plainly distorted.
const WORST_CLIPPING: f64 = 0.002;
/// A part below this is worth words.
const POOR: u8 = 70;

/// A loop's score and its parts, each from 0 (useless) to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// All of it: half the mean of the parts, half the worst.
    pub total: u8,
    /// Whether its beats lie on the grid.
    pub grid: u8,
    /// Whether its end goes over into its beginning.
    pub join: u8,
    /// Whether it came out of the model at a level of use.
    pub level: u8,
    /// Whether something sounds in all of it.
    pub silence: u8,
    /// Whether it is free of clipping.
    pub clipping: u8,
}

/// What a score is made from.
pub(super) struct Findings<'a> {
    /// The finished loop.
    pub(super) channels: &'a [Vec<f32>],
    /// What was found in it.
    pub(super) measured: &'a Measured,
    pub(super) grid: Grid,
    pub(super) tempo_bpm: f64,
    pub(super) seconds: f64,
    pub(super) beats: u32,
    pub(super) seam: Option<Seam>,
    /// Loudness before the gain.
    pub(super) raw_lufs: Option<f64>,
    /// Share of the raw samples at or beyond full scale.
    pub(super) clipped: f64,
}

impl Score {
    pub(super) fn of(findings: &Findings<'_>) -> Self {
        let parts = [
            grid(findings),
            findings.seam.map_or(100.0, |seam| {
                100.0 * (1.0 - seam.excess_db().max(0.0) / WORST_JOIN_DB)
            }),
            findings.raw_lufs.map_or(0.0, |lufs| {
                100.0 * (lufs - QUIET_LUFS) / (FULL_LUFS - QUIET_LUFS)
            }),
            100.0 * sounding(findings.channels, findings.beats),
            100.0 * (1.0 - findings.clipped / WORST_CLIPPING),
        ];
        let parts = parts.map(|part| part.clamp(0.0, 100.0));
        let mean = parts.iter().sum::<f64>() / parts.len() as f64;
        let worst = parts.iter().copied().fold(100.0, f64::min);
        let [grid, join, level, silence, clipping] = parts.map(|part| part.round() as u8);
        Self {
            total: (0.5 * mean + 0.5 * worst).round() as u8,
            grid,
            join,
            level,
            silence,
            clipping,
        }
    }

    /// What is wrong, in words; nothing for a good loop.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        [
            (self.grid, "the beat is not steady"),
            (self.join, "the join can be heard"),
            (self.level, "it came out very quiet"),
            (self.silence, "parts of it are silent"),
            (self.clipping, "it is distorted"),
        ]
        .into_iter()
        .filter(|(part, _)| *part < POOR)
        .map(|(_, words)| words)
        .collect()
    }
}

/// How far the loop's own beats are from the grid, at its start and by its end.
fn grid(findings: &Findings<'_>) -> f64 {
    match (findings.grid, &findings.measured.pulse) {
        (Grid::Beatless, _) => 100.0,
        (Grid::Free, _) => FREE,
        (Grid::Steady { .. }, None) => UNTOLD,
        (Grid::Steady { .. }, Some(pulse)) => {
            let beat = 60.0 / findings.tempo_bpm;
            let octave = (pulse.tempo_bpm / findings.tempo_bpm).log2().round();
            let tempo = pulse.tempo_bpm / octave.exp2();
            let drift = (findings.tempo_bpm / tempo - 1.0).abs() * findings.seconds;
            let phase = pulse.first_beat_seconds / beat;
            // A pattern that stresses the off-beats may be counted from one.
            let off = (phase * 2.0 - (phase * 2.0).round()).abs() / 2.0 * beat;
            let met = pulse.asked_fit.is_some_and(|fit| fit >= SAME_TEMPO);
            let drift = if met { 0.0 } else { drift };
            100.0 * (1.0 - (off + drift) / WORST_GRID_SECONDS)
        }
    }
}

/// Share of the beats in which something sounds.
fn sounding(channels: &[Vec<f32>], beats: u32) -> f64 {
    let samples = mono(channels);
    let size = (samples.len() / beats.max(1) as usize).max(1);
    let powers: Vec<f32> = samples
        .chunks_exact(size)
        .map(|beat| beat.iter().map(|x| x * x).sum::<f32>() / size as f32)
        .collect();
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    if loudest < 1e-9 {
        return 0.0;
    }
    let floor = loudest * 10f32.powf(SILENT_BEAT_DB / 10.0);
    powers.iter().filter(|&&power| power > floor).count() as f64 / powers.len().max(1) as f64
}
