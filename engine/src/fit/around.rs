//! A finished loop at another tempo, stretched around its join: where the raw take is gone.
//!
//! Any thread but the audio thread. Second best: the loop was levelled, perhaps stretched, and what
//! rang on after its last bar is folded in already.

use super::bars::{Fitted, Joined, Target};
use super::level;
use super::stretch::to_tempo;
use super::window::Window;

/// What is stretched before the loop's first bar, so that its beginning has a past, and after its
/// last. Longer than the stretcher's window.
const LEAD_SECONDS: f64 = 0.25;
/// Over so much the end goes over into what was stretched before the beginning.
const BLEND_SECONDS: f64 = 0.01;

/// Brings a loop (samples by channel, equal lengths, at `rate_hz`), which came out as `fitted`, to the
/// tempo at which `target` is played; the pitch stays. `None` when `cancelled` said so on the way, and
/// where the loop is too short or can't be stretched.
#[must_use]
pub fn around(
    channels: &[Vec<f32>],
    rate_hz: u32,
    fitted: Option<&Fitted>,
    target: &Target,
    cancelled: &dyn Fn() -> bool,
) -> Option<(Vec<Vec<f32>>, Fitted)> {
    let rate = f64::from(rate_hz);
    let length = channels.first().map_or(0, Vec::len);
    let lead = ((LEAD_SECONDS * rate) as usize).min(length);
    let blend = (BLEND_SECONDS * rate) as usize;
    let frames = (target.played_seconds() * rate).round() as usize;
    if lead <= blend || frames <= blend {
        return None;
    }
    let turn = |channel: &Vec<f32>| -> Vec<f32> {
        let past = channel[length - lead..].iter();
        past.chain(channel)
            .chain(&channel[..lead])
            .copied()
            .collect()
    };
    let turned: Vec<Vec<f32>> = channels.iter().map(turn).collect();
    let follow = target.tempo_bpm / target.played_bpm();
    let stretched = to_tempo(&turned, rate_hz, 1.0, follow).ok()?;
    if cancelled() {
        return None;
    }
    let start = (lead as f64 * follow).round() as usize;
    if start < blend
        || stretched
            .iter()
            .any(|channel| channel.len() < start + frames)
    {
        return None;
    }
    let cut = |channel: &Vec<f32>| {
        let mut out = channel[start..start + frames].to_vec();
        let before = &channel[start - blend..start];
        for (at, (end, past)) in out[frames - blend..].iter_mut().zip(before).enumerate() {
            // The same music twice: the two are alike, so the gains sum to one.
            let share = (at + 1) as f32 / blend as f32;
            *end += (past - *end) * share;
        }
        out
    };
    let joined = Joined {
        channels: stretched.iter().map(cut).collect(),
        window: Window {
            grid: fitted.map_or(super::Grid::Free, |fitted| fitted.grid),
            start_seconds: fitted.map_or(0.0, |fitted| fitted.start_seconds),
            ratio: fitted.map_or(1.0, |fitted| fitted.stretch),
        },
        join_frames: blend,
        clipped: 0.0,
    };
    // As loud as it is: one that was never fitted has a loudness of its own.
    let own_lufs = level::measure(channels, rate_hz).integrated_lufs;
    let as_loud = Target {
        loudness_lufs: own_lufs.unwrap_or(target.loudness_lufs),
        ..*target
    };
    let (channels, fitted) = joined.finish(rate_hz, &as_loud);
    let fitted = Fitted {
        target_lufs: target.loudness_lufs,
        ..fitted
    };
    Some((channels, fitted))
}
