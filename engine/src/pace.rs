//! How long things take here: what a model's last clips tell of the next one.
//!
//! Worker thread.

use std::time::Instant;

/// Steps over which what came before counts for less and less.
const MEMORY_STEPS: f32 = 24.0;

/// What is known of a model from the clips that it made.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    step_seconds: Option<f32>,
    /// What comes after the steps, for each second of a clip.
    after_share: f32,
    /// The step that gave the first sound.
    first_sound_step: Option<u32>,
}

/// A clip, or several at once, as far as they are.
#[derive(Debug)]
pub(crate) struct Course {
    steps: u32,
    step_seconds: Option<f32>,
    after_seconds: f32,
    first_sound_step: u32,
    heard: bool,
    last: Instant,
}

impl Pace {
    /// A clip of so many steps begins, whose first sound comes no sooner than at a step, unless it
    /// is known better.
    pub(crate) fn begin(&self, steps: u32, first_sound_step: u32, all_seconds: f32) -> Course {
        Course {
            steps,
            step_seconds: self.step_seconds,
            after_seconds: self.after_share * all_seconds,
            first_sound_step: self.first_sound_step.unwrap_or(first_sound_step),
            heard: false,
            last: Instant::now(),
        }
    }

    /// It is made: its steps are as fast as those of the next one.
    pub(crate) fn stepped(&mut self, course: &Course) {
        self.step_seconds = course.step_seconds.or(self.step_seconds);
        if course.heard {
            self.first_sound_step = Some(course.first_sound_step);
        }
    }

    /// It is finished: what came after its steps took so long, for clips of so many seconds in all.
    pub(crate) fn finished(&mut self, after_seconds: f32, all_seconds: f32) {
        if all_seconds > 0.0 {
            self.after_share = after_seconds / all_seconds;
        }
    }
}

impl Course {
    /// A step is done, and with it, perhaps, the first sound.
    pub(crate) fn step(&mut self, step: u32, heard: bool) {
        let now = Instant::now();
        self.count(step, heard, (now - self.last).as_secs_f32());
        self.last = now;
    }

    fn count(&mut self, step: u32, heard: bool, seconds: f32) {
        self.step_seconds = Some(match self.step_seconds {
            None => seconds,
            // A mean of all of them at first.
            Some(before) => before + (seconds - before) / MEMORY_STEPS.min(step as f32 + 1.0),
        });
        if heard && !self.heard {
            self.heard = true;
            self.first_sound_step = step;
        }
    }

    /// Until the clip is finished.
    pub(crate) fn seconds_left(&self, step: u32) -> f32 {
        let left = self.steps.saturating_sub(step) as f32;
        left * self.step_seconds.unwrap_or(0.0) + self.after_seconds
    }

    /// Until the first sound; `None` once there is one.
    pub(crate) fn first_sound_seconds(&self, step: u32) -> Option<f32> {
        if self.heard {
            return None;
        }
        let left = self.first_sound_step.saturating_sub(step).max(1) as f32;
        Some(left * self.step_seconds.unwrap_or(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_clip_is_foretold_from_the_last() {
        let mut pace = Pace::default();
        let mut first = pace.begin(100, 7, 2.0);
        for step in 1..=100 {
            first.count(step, step >= 12, 0.1);
        }
        assert!(first.seconds_left(100).abs() < 1e-3 && first.first_sound_seconds(100).is_none());
        pace.stepped(&first);
        pace.finished(0.5, 2.0);
        let next = pace.begin(200, 7, 4.0);
        assert!((next.seconds_left(0) - 21.0).abs() < 0.01, "{next:?}");
        assert!((next.first_sound_seconds(0).unwrap() - 1.2).abs() < 0.01);
    }

    #[test]
    fn a_machine_that_slows_down_is_noticed() {
        let mut course = Pace::default().begin(1000, 7, 1.0);
        for step in 1..=100 {
            course.count(step, true, 0.1);
        }
        for step in 101..=200 {
            course.count(step, true, 0.3);
        }
        assert!(course.seconds_left(200) > 0.95 * 800.0 * 0.3);
    }
}
