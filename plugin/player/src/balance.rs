//! How loud a slot is on each side: its gain and its balance, smoothed.
//!
//! Audio thread, realtime-safe throughout. Never: lets through what is no number.

use crate::fade::{Gain, Times, scale};
use crate::render::PASS_FRAMES;
use crate::settings::SlotSettings;

/// The gains of both sides.
pub(crate) struct Balance {
    sides: [Gain; 2],
}

impl Balance {
    /// As the clip is.
    pub(crate) fn new() -> Self {
        Self {
            sides: [Gain::new(1.0); 2],
        }
    }

    /// Goes to what the settings say; at once while nothing is to be heard.
    pub(crate) fn aim(&mut self, settings: &SlotSettings, times: &Times, at_once: bool) {
        let SlotSettings { gain, pan, .. } = *settings;
        if gain.is_nan() || pan.is_nan() {
            return;
        }
        let pan = pan.clamp(-1.0, 1.0);
        let balance = [(1.0 - pan).min(1.0), (1.0 + pan).min(1.0)];
        for (side, balance) in self.sides.iter_mut().zip(balance) {
            side.aim(gain.max(0.0) * balance, times, at_once);
        }
    }

    /// Makes the next frames, at most a pass, as loud as they are to be. Says the highest magnitude.
    pub(crate) fn apply(&mut self, left: &mut [f32], right: &mut [f32]) -> f32 {
        let mut peak = 0.0_f32;
        let mut curve = [0.0; PASS_FRAMES];
        let curve = curve.get_mut(..left.len()).unwrap_or_default();
        for (side, buffer) in self.sides.iter_mut().zip([left, right]) {
            if side.run(curve) {
                scale(buffer, curve);
            }
            for x in buffer {
                if !x.is_finite() {
                    *x = 0.0;
                }
                peak = peak.max(x.abs());
            }
        }
        peak
    }
}
