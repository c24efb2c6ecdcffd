//! One sounding of a clip: where it is, how it moves, how loud.
//!
//! Audio thread, realtime-safe throughout. It renders samples; when it starts, jumps or stops is
//! the player's business.

use crate::clip::Clip;
use crate::fade::{Times, shape};
use crate::interpolate;
use crate::sync::Grid;

/// Frames of the clip that interpolation reads ahead of a position.
const REACH_FRAMES: f64 = 3.0;

/// A difference in position that nobody hears and that rounding makes.
const SNAP_FRAMES: f64 = 1e-3;

/// Frames that a small correction of the position takes at least.
const SLEW_FRAMES: f64 = 64.0;

/// How fast the host's beats may run apart from its tempo within a block and still be one
/// movement (a tempo ramp), as a share of the block.
const RAMP_SHARE: f64 = 0.02;

/// Where a sounding clip is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice {
    grid: Grid,
    /// The clip frame that comes next. Whole when the grid is exact and nothing is corrected.
    position: f64,
    /// Where the grid has the next frame.
    ideal: f64,
    /// Clip frames that each frame moves further in this block, to get back to the grid.
    correction: f64,
    /// 0 silent to 1 whole, before it is shaped.
    level: f32,
    /// How fast the level may rise, a frame.
    rise: f32,
    /// Stands at a part that is not generated yet.
    in_hole: bool,
    holes: u32,
    /// The longest of the last blocks: how far the grid can have run ahead unseen, and over how
    /// many frames that is made good.
    recent_frames: usize,
}

impl Voice {
    /// Begins, silent, at a position of the grid.
    pub(crate) fn start(grid: Grid, ideal: f64, rise: f32) -> Self {
        let position = if grid.exact() {
            grid.anchor(ideal, f64::NAN)
        } else {
            ideal
        };
        Self {
            grid,
            position,
            ideal,
            correction: 0.0,
            level: 0.0,
            rise,
            in_hole: false,
            holes: 0,
            recent_frames: 0,
        }
    }

    /// Goes on with the grid as it is now. False when that can't be done without a jump.
    pub(crate) fn follow(
        &mut self,
        clip: &Clip,
        times: &Times,
        grid: Grid,
        ideal: f64,
        frames: usize,
    ) -> bool {
        let target = if grid.exact() {
            grid.anchor(ideal, self.position)
        } else {
            ideal
        };
        let error = grid.distance(self.position, target);
        let speed = grid.ratio();
        if error.abs() > 1.0 + RAMP_SHARE * speed * self.recent_frames as f64 {
            return false;
        }
        // A hole may have come nearer in time, at a higher speed, than a fade can follow.
        let gate = gate(clip, times, &grid, self.position);
        if gate < self.level - 2.0 * times.fade_rise {
            return false;
        }
        self.grid = grid;
        self.ideal = ideal;
        self.correction = 0.0;
        if error.abs() <= SNAP_FRAMES {
            self.position = target;
        } else {
            let over = frames.max(self.recent_frames) as f64;
            self.correction = (error / over.max(SLEW_FRAMES)).max(-0.75 * speed);
        }
        if grid.exact() && self.position - ideal > grid.loop_frames() / 2.0 {
            // The grid is round already, by half a frame at most: so are we.
            self.position = 0.0;
        }
        true
    }

    /// Where it would be next if nothing happens: for a clock of its own.
    pub(crate) fn position(&self) -> f64 {
        self.position
    }

    /// The grid it moves on.
    pub(crate) fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Nothing of it is to be heard.
    pub(crate) fn silent(&self) -> bool {
        self.level <= 0.0
    }

    /// Rises no more: its end is being rendered.
    pub(crate) fn hold(&mut self) {
        self.rise = 0.0;
    }

    /// Holes heard since the last call.
    pub(crate) fn take_holes(&mut self) -> u32 {
        std::mem::take(&mut self.holes)
    }

    /// Fills the buffers with the next frames.
    pub(crate) fn render(
        &mut self,
        clip: &Clip,
        times: &Times,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        let frames = left.len().min(right.len());
        self.recent_frames = frames.max(self.recent_frames.saturating_sub(frames));
        let (mut left, mut right) = (left, right);
        let mut done = 0;
        while done < frames {
            let exact = self.grid.exact() && self.correction == 0.0;
            self.go_round(clip, exact);
            let start = self.position;
            let len = if exact {
                self.render_exact(clip, left, right)
            } else {
                self.render_between(clip, left, right)
            };
            let (head_left, rest_left) = left.split_at_mut(len);
            let (head_right, rest_right) = right.split_at_mut(len);
            self.envelope(clip, times, start, head_left, head_right);
            (left, right) = (rest_left, rest_right);
            done += len;
        }
    }

    /// Goes back to the loop's start when its end is reached.
    fn go_round(&mut self, clip: &Clip, exact: bool) {
        let loop_frames = clip.frames() as f64;
        if exact && self.grid.frames_to_wrap(self.ideal) == 0 {
            self.ideal -= self.grid.loop_frames();
            self.position = 0.0;
        } else if !exact && !(0.0..loop_frames).contains(&self.position) {
            let wrapped = self.position.rem_euclid(loop_frames);
            self.position = if wrapped < loop_frames { wrapped } else { 0.0 };
        }
    }

    /// Frames as they are, until the loop goes round or the buffer ends. Says how many: at least
    /// one.
    fn render_exact(&mut self, clip: &Clip, left: &mut [f32], right: &mut [f32]) -> usize {
        let to_wrap = self.grid.frames_to_wrap(self.ideal).max(1);
        let position = self.position.max(0.0) as usize;
        let there = clip.frames().saturating_sub(position);
        let wanted = left.len().min(right.len()).min(to_wrap);
        let len = if there == 0 {
            wanted
        } else {
            wanted.min(there)
        };
        let (Some(left), Some(right)) = (left.get_mut(..len), right.get_mut(..len)) else {
            return len.max(1);
        };
        if there == 0 {
            // The grid's loop has a frame more than the clip: its last frame is held.
            let (l, r) = clip.frame(clip.frames() - 1);
            left.fill(l);
            right.fill(r);
        } else {
            clip.copy(position, left, right);
        }
        self.position += len as f64;
        self.ideal += len as f64;
        len
    }

    /// Frames between frames, until the loop goes round or the buffer ends. Says how many: at
    /// least one.
    fn render_between(&mut self, clip: &Clip, left: &mut [f32], right: &mut [f32]) -> usize {
        let loop_frames = clip.frames() as f64;
        let step = self.grid.ratio() + self.correction;
        let wanted = left.len().min(right.len());
        let to_wrap = ((loop_frames - self.position) / step).ceil().max(1.0) as usize;
        let len = wanted.min(to_wrap);
        for (i, (l, r)) in left.iter_mut().zip(right.iter_mut()).take(len).enumerate() {
            let position = self.position + i as f64 * step;
            let index = position as usize;
            let weights = interpolate::weights((position - index as f64) as f32);
            let (window_left, window_right) = clip.window(index.min(clip.frames() - 1));
            *l = interpolate::apply(&weights, &window_left);
            *r = interpolate::apply(&weights, &window_right);
        }
        self.position += len as f64 * step;
        self.ideal = self.grid.wrap(self.ideal + len as f64 * self.grid.ratio());
        len
    }

    /// The level over frames that begin at `start`: rising, and falling towards a hole.
    fn envelope(
        &mut self,
        clip: &Clip,
        times: &Times,
        start: f64,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        let speed = self.grid.ratio();
        let fade = times.fade_frames as f64 * speed;
        let last = start + left.len() as f64 * speed;
        if self.level >= 1.0 && (clip.whole() || edge(clip) - last > fade) {
            self.in_hole = false;
            return;
        }
        for (i, (l, r)) in left.iter_mut().zip(right.iter_mut()).enumerate() {
            let gate = gate(clip, times, &self.grid, start + i as f64 * speed);
            if gate > 0.0 {
                self.in_hole = false;
            } else if !self.in_hole {
                self.in_hole = true;
                // Before the first block nothing is missing yet, after the last nothing will come.
                self.holes += u32::from(clip.ready_frames() > 0 && !clip.finished());
            }
            self.level = (self.level + self.rise).min(gate);
            let gain = shape(self.level);
            *l *= gain;
            *r *= gain;
        }
    }
}

/// The frame where what can be played ends, when the clip is not whole.
fn edge(clip: &Clip) -> f64 {
    clip.ready_frames() as f64 - REACH_FRAMES
}

/// The highest level at a position: 1 far from a hole, 0 in it, on a fade's way between.
fn gate(clip: &Clip, times: &Times, grid: &Grid, position: f64) -> f32 {
    if clip.whole() {
        return 1.0;
    }
    let ahead_frames = (edge(clip) - position) / grid.ratio();
    (ahead_frames as f32 * times.fade_rise).clamp(0.0, 1.0)
}

/// Whether all that `frames` from a position need is there, with the way of a fade to spare.
pub(crate) fn covered(
    clip: &Clip,
    times: &Times,
    grid: &Grid,
    position: f64,
    frames: usize,
) -> bool {
    let end = position + (frames + times.fade_frames + 1) as f64 * grid.ratio();
    clip.whole() || clip.finished() || end < edge(clip)
}
