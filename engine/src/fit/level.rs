//! How loud: DC, loudness after EBU R 128, true peak, and one gain for all of it.
//!
//! Any thread but the audio thread. A gain and no limiter: the peaks of a loop stay as they are,
//! and a loop whose peaks don't allow the loudness asked for is a little quieter.

use ebur128::{EbuR128, Mode};
use serde::{Deserialize, Serialize};

/// No peak between the samples is above this (EBU R 128: -1 dBTP).
pub const MOST_TRUE_PEAK_DB: f64 = -1.0;
/// More would raise noise and no loop.
const MOST_GAIN_DB: f64 = 30.0;
/// Quieter than this is noise that no gain makes a loop of.
const SILENT_DB: f64 = -70.0;
/// A loop is measured over at least this time: the standard's windows are 0.4 s long.
const LEAST_SECONDS: f64 = 3.0;

/// Loudness and peak of a loop.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Loudness {
    /// Integrated loudness; none for silence.
    pub integrated_lufs: Option<f64>,
    /// The highest peak, between samples too; none for silence.
    pub true_peak_db: Option<f64>,
}

/// Takes every channel's mean out.
pub(super) fn remove_dc(channels: &mut [Vec<f32>]) {
    for channel in channels {
        let sum: f64 = channel.iter().map(|&x| f64::from(x)).sum();
        let mean = (sum / channel.len().max(1) as f64) as f32;
        channel.iter_mut().for_each(|x| *x -= mean);
    }
}

/// Measures a loop (samples by channel at `rate_hz`) as it sounds when it is repeated.
#[must_use]
pub fn measure(channels: &[Vec<f32>], rate_hz: u32) -> Loudness {
    let frames = channels.first().map_or(0, Vec::len);
    let seconds = frames as f64 / f64::from(rate_hz);
    // Twice at least, so that the peak at the join counts.
    let times = ((LEAST_SECONDS / seconds).ceil() as usize).max(2);
    measure_times(channels, rate_hz, times)
}

/// Measures samples by channel as they sound when they are played so many times.
#[must_use]
pub(crate) fn measure_times(channels: &[Vec<f32>], rate_hz: u32, times: usize) -> Loudness {
    let silence = Loudness {
        integrated_lufs: None,
        true_peak_db: None,
    };
    let frames = channels.first().map_or(0, Vec::len);
    let mode = Mode::I | Mode::TRUE_PEAK;
    let Ok(mut meter) = EbuR128::new(channels.len() as u32, rate_hz, mode) else {
        return silence;
    };
    if frames == 0 {
        return silence;
    }
    let planes: Vec<&[f32]> = channels.iter().map(Vec::as_slice).collect();
    for _ in 0..times {
        if meter.add_frames_planar_f32(&planes).is_err() {
            return silence;
        }
    }
    let peak = (0..channels.len() as u32)
        .filter_map(|channel| meter.true_peak(channel).ok())
        .fold(0.0, f64::max);
    let finite = |value: f64| (value.is_finite() && value > SILENT_DB).then_some(value);
    Loudness {
        integrated_lufs: meter.loudness_global().ok().and_then(finite),
        true_peak_db: finite(20.0 * peak.log10()),
    }
}

/// The highest peak of a part (samples by channel), between samples too, in dB; minus infinity for
/// silence.
#[must_use]
pub fn true_peak_db(channels: &[Vec<f32>], rate_hz: u32) -> f64 {
    let planes: Vec<&[f32]> = channels.iter().map(Vec::as_slice).collect();
    let meter = EbuR128::new(channels.len() as u32, rate_hz, Mode::TRUE_PEAK);
    let peaks = meter.and_then(|mut meter| {
        meter.add_frames_planar_f32(&planes)?;
        let peaks = (0..channels.len() as u32).map(|channel| meter.true_peak(channel));
        peaks.collect::<Result<Vec<f64>, _>>()
    });
    // A rate that the meter refuses has the peaks of its samples.
    let peaks =
        peaks.unwrap_or_else(|_| planes.iter().map(|p| f64::from(super::peak(p))).collect());
    20.0 * peaks.into_iter().fold(0.0, f64::max).log10()
}

/// The gain in dB that brings a loop to `target_lufs`, as far as its peaks allow.
pub(super) fn gain_db(loudness: &Loudness, target_lufs: f64) -> f64 {
    let Some(peak) = loudness.true_peak_db else {
        return 0.0;
    };
    let room = (MOST_TRUE_PEAK_DB - peak).min(MOST_GAIN_DB);
    loudness
        .integrated_lufs
        .map_or(room, |lufs| (target_lufs - lufs).min(room))
}

/// Applies a gain in dB to samples by channel.
pub fn apply(channels: &mut [Vec<f32>], gain_db: f64) {
    let gain = 10f64.powf(gain_db / 20.0) as f32;
    for sample in channels.iter_mut().flatten() {
        *sample *= gain;
    }
}
