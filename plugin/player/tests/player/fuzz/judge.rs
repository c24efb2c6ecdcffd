//! What must hold of every sample that is heard.
//!
//! - It is a number.
//! - It is not louder than the clips, whose samples reach full scale, at the gains of the round: of a
//!   slot's output as loud as one clip, of the main output as the slots together. Noise may go over
//!   full scale between its samples, by what interpolation can make of it.
//! - It makes no step: a difference between two samples that exceeds both of the differences beside it
//!   by more than −60 dB of the gains. A fade's or a gain's beginning, middle and end are kinks: there
//!   a difference lies between its neighbours. Of a start out of silence, which takes a millisecond,
//!   the curve of that millisecond is let through, which at low rates is more than −60 dB a frame.
//!   Silence is also the last frame of what faded out by itself: a one-shot's end comes down to one
//!   step of a fade, not to zero, and what is launched on the next frame starts out of silence.
//!   Where two orders, or one and the end of what an earlier one began, fall within three frames, a fade
//!   can begin and turn back at once, and there only the next bound holds.
//! - No difference is larger than what the material makes at its fastest with all the ways of a
//!   fade's and of a start's length at their steepest: so no step hides in two or three frames either.

use std::collections::VecDeque;

use super::Style;
use super::material::TURN;

/// −60 dB.
const STEP: f64 = 1e-3;

/// The fastest speed at which steps are looked for: 250 BPM of a clip of 60.
const SPEED: f64 = 4.5;

/// How much more than one step of its fade a one-shot may be above its end in its last frame, while it
/// hurries back to its grid.
const HURRY: f64 = 1.1;

/// The sum of the magnitudes of the kernel's weights is below this.
const OVERSHOOT: f64 = 2.6;

/// One channel of an output.
#[derive(Clone)]
struct Ear {
    /// The frames of the last orders.
    orders: VecDeque<u64>,
    /// The samples before.
    last: [f64; 3],
    heard: u64,
    /// Frames since it was silent.
    since_silence: u64,
}

const DEAF: Ear = Ear {
    orders: VecDeque::new(),
    last: [0.0; 3],
    heard: 0,
    since_silence: 0,
};

impl Ear {
    /// More than one thing began or ended in the last frames.
    fn hasty(&self, fade_frames: u64) -> bool {
        let ages = self.orders.iter().map(|order| self.heard - order);
        let near = ages.flat_map(|age| [Some(age), age.checked_sub(fade_frames)]);
        near.flatten().filter(|age| *age <= 4).count() > 1
    }
}

/// Listens to all outputs of a round.
pub(super) struct Judge {
    ears: Vec<[Ear; 2]>,
    pub(super) loudest: f32,
    rate_hz: f64,
    slots: f64,
    gain: f64,
    noise: bool,
    wild: bool,
}

impl Judge {
    pub(super) fn new(style: &Style) -> Self {
        Self {
            ears: vec![[DEAF, DEAF]; barline_player::SLOTS + 1],
            loudest: 0.0,
            rate_hz: style.rate_hz,
            slots: style.slots as f64,
            gain: f64::from(style.slot_gain * style.main_gain),
            noise: style.noise,
            wild: style.wild,
        }
    }

    /// A reset is allowed a step.
    pub(super) fn forget(&mut self) {
        self.ears.fill([DEAF, DEAF]);
    }

    /// Hears a block of a channel. Output 0 is the main one. Orders are taken at its first frame, and at
    /// those of the notes.
    pub(super) fn hear(
        &mut self,
        output: usize,
        side: usize,
        block: &[f32],
        notes: &[usize],
    ) -> Result<(), String> {
        let sounds = if output == 0 { self.slots } else { 1.0 };
        let gain = self.gain * sounds;
        let peak = gain * if self.noise { OVERSHOOT } else { 1.0 + 1e-5 };
        let start_frames = (self.rate_hz * 0.001).floor();
        let fade_frames = (self.rate_hz * 0.005).floor();
        let start_curve = 6.0 / (start_frames * start_frames);
        // A fade's last frames, from its end on, are 3, 12 and 27 of these, squares of steps. Two may end a
        // frame apart: the last difference is 12 at most. What only passes zero is steeper.
        let square = gain * (HURRY / fade_frames).powi(2);
        // The curve of a fade is 1.5 at its steepest. Two sounds, one of which may start, and the
        // straight ways of the slot's and of the main gain.
        let steepest = SPEED * TURN + 2.0 * 1.5 / fade_frames + 2.0 / fade_frames;
        let start_steepest = 1.5 / start_frames;
        let ear = &mut self.ears[output][side];
        for (at, &sample) in block.iter().enumerate() {
            let x = f64::from(sample);
            if !x.is_finite() {
                return Err(format!("output {output}, frame {at}: {sample}"));
            }
            if x.abs() > peak {
                return Err(format!("output {output}, frame {at}: {x} is over {peak}"));
            }
            self.loudest = self.loudest.max(sample.abs());
            if at == 0 || notes.contains(&at) {
                ear.orders.push_back(ear.heard);
                let heard = ear.heard;
                let past = |order: &u64| order + fade_frames as u64 + 8 < heard;
                while ear.orders.front().is_some_and(past) {
                    ear.orders.pop_front();
                }
            }
            let [a, b, c] = ear.last;
            ear.last = [b, c, x];
            ear.heard += 1;
            if self.wild || self.noise || ear.heard < 4 {
                continue;
            }
            let starts = ear.since_silence as f64 <= start_frames + 3.0 || sounds > 1.0;
            let (before, step, after) = (b - a, c - b, x - c);
            let excess = (before.min(after) - step).max(step - before.max(after));
            let allowed = gain * (STEP + if starts { start_curve } else { 0.0 });
            if excess > allowed && !ear.hasty(fade_frames as u64) {
                return Err(format!(
                    "output {output}, side {side}, frame {at}: a step of {excess:.5} for \
                     {allowed:.5}: {a} {b} {c} {x}"
                ));
            }
            let steepest = gain * (steepest + if starts { start_steepest } else { 0.0 });
            if step.abs() > steepest {
                return Err(format!(
                    "output {output}, side {side}, frame {at}: a difference of {step:.5} for \
                     {steepest:.5}: {a} {b} {c} {x}"
                ));
            }
            let ended = x.abs() <= 3.0 * square && (x - c).abs() <= 12.0 * square;
            let silent = x == 0.0 || ended;
            ear.since_silence = if silent { 0 } else { ear.since_silence + 1 };
        }
        Ok(())
    }
}

/// What the judge says of a sound at 96 kHz, from a round at unity with one slot.
fn judge(sound: impl Fn(usize) -> f64) -> Result<(), String> {
    judge_at(96_000.0, sound)
}

/// The same at another rate.
fn judge_at(rate_hz: f64, sound: impl Fn(usize) -> f64) -> Result<(), String> {
    let mut judge = Judge::new(&Style {
        rate_hz,
        wild: false,
        noise: false,
        slots: 1,
        session_pace: 3,
        host_pace: 3,
        most_frames: 64,
        slot_gain: 1.0,
        main_gain: 1.0,
        outs: false,
        ticks: false,
    });
    let block: Vec<f32> = (0..2000).map(|i| sound(i) as f32).collect();
    judge.hear(0, 0, &block, &[])
}

#[test]
#[cfg_attr(miri, ignore = "nothing of the player's")]
fn the_judge_hears_steps_and_forgives_fades() {
    let slow = |i: usize| 0.75 + 0.25 * (i as f64 * TURN).sin();
    let step = |height: f64, over: usize| {
        move |i: usize| {
            0.9 * slow(i) + height * (i.saturating_sub(1000) as f64 / over as f64).min(1.0)
        }
    };
    assert_eq!(judge(slow), Ok(()));
    for height in [0.0011, -0.0011, 0.05] {
        assert!(judge(step(height, 1)).is_err(), "{height}");
    }
    assert_eq!(judge(step(0.0009, 1)), Ok(()), "below -60 dB");
    assert!(judge(step(0.05, 3)).is_err(), "a step in three frames");
    // A fade of its length, and the straight way of a gain.
    let fade = |i: usize| {
        let x = (i.saturating_sub(1000) as f64 / 480.0).min(1.0);
        slow(i) * (1.0 - x * x * (3.0 - 2.0 * x))
    };
    assert_eq!(judge(fade), Ok(()));
    assert_eq!(judge(step(-0.4, 480)), Ok(()));
    assert!(judge(|i| slow(i) * 1.001).is_err(), "over 0 dB");
    assert!(judge(|i| if i == 7 { f64::NAN } else { 0.0 }).is_err());
}

#[test]
#[cfg_attr(miri, ignore = "nothing of the player's")]
fn the_judge_knows_an_end_from_a_way_through_zero() {
    let shape = |x: f64| x * x * (3.0 - 2.0 * x);
    // A fade from frame 890 to 1000 or to where it breaks off, and then a start in a millisecond.
    let sound = |to: f64, breaks: usize| {
        move |i: usize| {
            let faded = (i.min(breaks).saturating_sub(890) as f64 / 110.0).min(1.0);
            let start = shape((i.saturating_sub(breaks) as f64 / 22.0).min(1.0));
            let from = if i > breaks && to == 0.0 {
                0.0
            } else {
                1.0 + (to - 1.0) * shape(faded)
            };
            from + start * (1.0 - from)
        }
    };
    // The end of a one-shot, whose last frame is one step above silence.
    let end = sound(0.0, 999);
    assert!(end(999) > 0.0 && end(1001) > 0.0);
    assert_eq!(judge_at(22_050.0, end), Ok(()));
    // The same start where it is not silent.
    assert!(judge_at(22_050.0, sound(0.01, 1000)).is_err());
    // In its middle a crossfade is as near to zero, but steep.
    let middle = sound(-0.9995, 945);
    assert!(middle(945).abs() < 3e-4);
    assert!(judge_at(22_050.0, middle).is_err());
}
