//! Clips that nobody generated, as a state has them: for tests that need sounds and no model.

use std::f64::consts::TAU;
use std::io::Cursor;

use anyhow::Result;
use barline_engine::{Length, Sampling, file};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::reference::Reference;
use super::song::SLOTS;

/// Rate of the hums: the host's, so that what is heard is what is saved.
pub(crate) const HUM_HZ: u32 = 48_000;
/// Their length.
pub(crate) const HUM_BEATS: f64 = 4.0;
pub(crate) const HUM_BPM: f64 = 120.0;

/// 24-bit FLAC in base64.
pub(crate) fn flac(rate_hz: u32, channels: &[Vec<f32>]) -> Result<String> {
    let mut flac = Cursor::new(Vec::new());
    file::encode_flac(&mut flac, rate_hz, 24, channels, &[])?;
    Ok(STANDARD.encode(flac.into_inner()))
}

/// A clip without its take, as a state of any version has it.
pub(crate) fn saved_clip(
    rate_hz: u32,
    channels: &[Vec<f32>],
    length: Length,
    fitted: Value,
) -> Result<Value> {
    let facts = json!({
        "prompt": "a tone", "model": "none", "model_sha256": "00", "rights": "yours",
        "seed": 1, "sampling": Sampling::default(), "length": length,
        "key": null, "fitted": fitted, "steps": 1, "generate_seconds": 1.0,
        "version": "0.1.0",
    });
    Ok(json!({ "flac": flac(rate_hz, channels)?, "facts": facts }))
}

/// A bar of two tones at 120 BPM, other ones for each slot and side. They turn whole times, so that
/// the loop has no join, and begin at their peak, so that a launch a frame late shows.
pub(crate) fn hum(slot: usize) -> Reference {
    let frames = 2 * HUM_HZ;
    let side = |offset_hz: f64| {
        let low_hz = 97.0 + 29.0 * slot as f64 + offset_hz;
        let high_hz = 1_031.0 + 173.0 * slot as f64 - offset_hz;
        let sample = |n: u32| {
            let t = f64::from(n) / f64::from(HUM_HZ);
            (0.08 * (TAU * low_hz * t).cos() + 0.03 * (TAU * high_hz * t).cos()) as f32
        };
        (0..frames).map(sample).collect()
    };
    Reference::new(side(0.0), side(11.5), HUM_BEATS)
}

/// A state with a hum in each of these slots, and what else is set for the slots.
pub(crate) fn hums(slots: &[usize], settings: &[(usize, Value)]) -> Result<Value> {
    let mut clips = vec![Value::Null; SLOTS];
    for &slot in slots {
        let hum = hum(slot);
        let length = Length::Bars {
            bars: 1,
            beats_per_bar: 4,
            tempo_bpm: HUM_BPM,
        };
        clips[slot] = saved_clip(HUM_HZ, &[hum.left, hum.right], length, Value::Null)?;
    }
    let mut how = vec![json!({}); SLOTS];
    for (slot, settings) in settings {
        how[*slot] = settings.clone();
    }
    Ok(json!({ "version": 3, "prompt": "hums", "clips": clips, "slots": how }))
}
