//! No click on start, stop, jump, swap, or at the edge of what is not generated yet.
//!
//! Audio thread. What is left behind is not kept playing: at the moment of the cut its next few
//! milliseconds are rendered into a fixed buffer, faded out, and added to what follows. So an old
//! clip can go back to the session at once, and any number of cuts in a row need no more memory.
//!
//! Never: allocates. The gains of all parts sum to at most one, because the shape `s` rises from
//! 0 to 1 and obeys 1 − s(x + y) ≤ (1 − s(x)) (1 − s(y)); the tests try it.

use crate::clip::Clip;
use crate::render::Workbench;
use crate::voice::Voice;

/// Length of a crossfade, and of the way into silence.
const FADE_SECONDS: f64 = 0.005;

/// Length of the way out of silence: as short as stays free of clicks, so that a drum on the
/// first beat keeps its attack.
const START_SECONDS: f64 = 0.001;

/// Room for a fade at 384 kHz.
pub(crate) const TAIL_FRAMES: usize = 2048;

/// Rates that are taken as given; others are nearer to a mistake.
const RATE_HZ: std::ops::RangeInclusive<f64> = 1_000.0..=400_000.0;

/// Rate where the host gives none that can be meant.
const DEFAULT_RATE_HZ: f64 = 48_000.0;

/// The lengths of fades at a rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// The rate, checked.
    pub(crate) rate_hz: f64,
    /// Frames of a crossfade.
    pub(crate) fade_frames: usize,
    /// Level a frame of a crossfade.
    pub(crate) fade_rise: f32,
    /// Level a frame out of silence.
    pub(crate) start_rise: f32,
    /// What a fade that turns back changes its level a frame by, each frame: half a crossfade from
    /// its steepest way down to its steepest way up.
    pub(crate) turn: f32,
}

impl Times {
    /// For a rate; one that can't be meant is taken as 48 kHz.
    pub(crate) fn new(rate_hz: f64) -> Self {
        let rate_hz = if RATE_HZ.contains(&rate_hz) {
            rate_hz
        } else {
            DEFAULT_RATE_HZ
        };
        let fade_frames = ((rate_hz * FADE_SECONDS) as usize).clamp(1, TAIL_FRAMES);
        let start_frames = ((rate_hz * START_SECONDS) as usize).max(1);
        let fade_rise = 1.0 / fade_frames as f32;
        Self {
            rate_hz,
            fade_frames,
            fade_rise,
            start_rise: 1.0 / start_frames as f32,
            turn: 4.0 * fade_rise * fade_rise,
        }
    }
}

/// The gain at a level from 0 to 1: a smooth step. With its mirror image it sums to one, so that
/// a crossfade of a sound with itself is that sound.
pub(crate) fn shape(level: f32) -> f32 {
    let x = level.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// What is left of sounds that were cut.
pub(crate) struct Tail {
    left: Box<[f32; TAIL_FRAMES]>,
    right: Box<[f32; TAIL_FRAMES]>,
    /// The first frame that was not heard yet.
    at: usize,
    /// One past the last frame that is not silence.
    end: usize,
}

impl Tail {
    /// Silence. Allocates.
    pub(crate) fn new() -> Self {
        let buffer = || Box::new([0.0; TAIL_FRAMES]);
        Self {
            left: buffer(),
            right: buffer(),
            at: 0,
            end: 0,
        }
    }

    /// Something is still to be heard.
    pub(crate) fn sounding(&self) -> bool {
        self.at < self.end
    }

    /// Realtime-safe. Forgets everything.
    pub(crate) fn clear(&mut self) {
        (self.at, self.end) = (0, 0);
    }

    /// Realtime-safe. Takes over a voice that ends here: its next frames, faded out.
    pub(crate) fn take_over(
        &mut self,
        clip: &Clip,
        mut voice: Voice,
        times: &Times,
        bench: &mut Workbench,
    ) {
        if voice.silent() {
            return;
        }
        voice.hold();
        let frames = times.fade_frames;
        let Workbench { render, cut, .. } = bench;
        let [cut_left, cut_right] = &mut **cut;
        let (Some(scratch_left), Some(scratch_right)) =
            (cut_left.get_mut(..frames), cut_right.get_mut(..frames))
        else {
            return;
        };
        voice.render(clip, times, render, scratch_left, scratch_right);
        self.left.copy_within(self.at..self.end, 0);
        self.right.copy_within(self.at..self.end, 0);
        let old_end = self.end - self.at;
        for channel in [&mut self.left, &mut self.right] {
            channel.iter_mut().skip(old_end).for_each(|x| *x = 0.0);
        }
        (self.at, self.end) = (0, old_end.max(frames));
        let mut level = 0.0;
        let tail = self.left.iter_mut().zip(self.right.iter_mut());
        let source = scratch_left.iter().zip(scratch_right.iter());
        for ((to_left, to_right), (l, r)) in tail.zip(source) {
            level += times.fade_rise;
            let gain = 1.0 - shape(level);
            *to_left += l * gain;
            *to_right += r * gain;
        }
    }

    /// Realtime-safe. Adds what is left to the output.
    pub(crate) fn add_to(&mut self, left: &mut [f32], right: &mut [f32]) {
        let frames = (self.end - self.at).min(left.len()).min(right.len());
        let range = self.at..self.at + frames;
        let (Some(tail_left), Some(tail_right)) =
            (self.left.get(range.clone()), self.right.get(range))
        else {
            return;
        };
        left.iter_mut().zip(tail_left).for_each(|(to, x)| *to += x);
        right
            .iter_mut()
            .zip(tail_right)
            .for_each(|(to, x)| *to += x);
        self.at += frames;
    }
}

/// A gain: a straight way of a fade's length from one value to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gain {
    now: f32,
    target: f32,
    step: f32,
    left_frames: usize,
}

impl Gain {
    /// At a value.
    pub(crate) fn new(now: f32) -> Self {
        Self {
            now,
            target: now,
            step: 0.0,
            left_frames: 0,
        }
    }

    /// Realtime-safe. It is on its way.
    pub(crate) fn moving(&self) -> bool {
        self.left_frames > 0
    }

    /// Realtime-safe. Goes to `target` from here on; at once while nothing is to be heard.
    pub(crate) fn aim(&mut self, target: f32, times: &Times, at_once: bool) {
        if target.is_nan() {
            return;
        }
        let target = target.clamp(0.0, crate::settings::MAX_GAIN);
        if at_once {
            *self = Self::new(target);
        } else if target != self.target {
            self.target = target;
            self.left_frames = times.fade_frames;
            self.step = (target - self.now) * times.fade_rise;
        }
    }

    /// Realtime-safe. Its course over the next frames, in `curve`; says whether that is not all ones.
    pub(crate) fn run(&mut self, curve: &mut [f32]) -> bool {
        if self.left_frames == 0 {
            if self.now != 1.0 {
                curve.fill(self.now);
            }
            return self.now != 1.0;
        }
        for gain in curve {
            if self.left_frames > 0 {
                self.left_frames -= 1;
                self.now = if self.left_frames == 0 {
                    self.target
                } else {
                    self.now + self.step
                };
            }
            *gain = self.now;
        }
        true
    }
}

/// Realtime-safe. Multiplies a buffer by a curve.
pub(crate) fn scale(buffer: &mut [f32], curve: &[f32]) {
    buffer
        .iter_mut()
        .zip(curve)
        .for_each(|(x, gain)| *x *= gain);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_keeps_sums_of_gains_below_one() {
        let steps = if cfg!(miri) { 16 } else { 400 };
        for i in 0..=steps {
            for j in 0..=steps {
                let (x, y) = (i as f32 / steps as f32, j as f32 / steps as f32);
                let together = 1.0 - shape(x + y);
                let apart = (1.0 - shape(x)) * (1.0 - shape(y));
                assert!(together <= apart + 1e-6, "{x} {y}: {together} over {apart}");
            }
        }
    }

    #[test]
    fn fades_have_their_lengths_and_bad_rates_a_default() {
        assert_eq!(Times::new(48_000.0).fade_frames, 240);
        assert_eq!(Times::new(192_000.0).fade_frames, 960);
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert_eq!(Times::new(rate).rate_hz, DEFAULT_RATE_HZ);
        }
    }

    #[test]
    fn gain_arrives_exactly_and_bad_gain_is_harmless() {
        let times = Times::new(48_000.0);
        let mut gain = Gain::new(1.0);
        gain.aim(0.3, &times, false);
        let mut left = [1.0; 300];
        assert!(gain.run(&mut left));
        assert_eq!(left[239], 0.3);
        assert!(left.windows(2).all(|w| w[1] <= w[0] && w[0] - w[1] < 0.004));
        gain.aim(f32::NAN, &times, false);
        assert_eq!(gain.target, 0.3);
        gain.aim(f32::INFINITY, &times, true);
        assert_eq!(gain.now, crate::settings::MAX_GAIN);
    }
}
