//! One sounding of a part of a clip: where it is, how it moves, how loud.
//!
//! Audio thread, realtime-safe throughout. It renders samples; when it starts, jumps or stops is
//! the slot's business.

use crate::clip::Clip;
use crate::fade::{Times, shape};
use crate::part::{Part, Unit};
use crate::path::Path;
use crate::render::{Render, SPAN_FRAMES};
use crate::sync::Grid;

/// A difference in position that nobody hears and that rounding makes.
const SNAP_FRAMES: f64 = 1e-3;

/// Frames that a small correction of the position takes at least.
const SLEW_FRAMES: f64 = 64.0;

/// How fast the host's beats may run apart from its tempo within a block and still be one
/// movement (a tempo ramp), as a share of the block.
const RAMP_SHARE: f64 = 0.02;

/// Frames that interpolation reads beyond a position, at most at the speeds that hosts play at.
const REACH_FRAMES: f64 = 24.0;

/// A step of the level that nobody hears.
const LEVEL_STEP: f32 = 2e-4;

/// How the host's blocks lie around some frames, for the following of its beats.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The longest of the last blocks: how far the grid can have run ahead unseen.
    pub(crate) recent_frames: usize,
    /// Frames over which a difference is made good.
    pub(crate) mend_frames: usize,
}

/// Where a sounding clip is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice {
    part: Part,
    /// While the clip grows: the beat that plays, and from where.
    unit: Option<Unit>,
    grid: Grid,
    /// The frame of the part that comes next. Whole when the grid is exact and nothing is corrected.
    position: f64,
    /// Where the grid has the next frame.
    ideal: f64,
    /// Clip frames that each frame moves further in this block, to get back to the grid.
    correction: f64,
    /// 0 silent to 1 whole, before it is shaped.
    level: f32,
    /// How fast the level may rise, a frame.
    rise: f32,
    /// How fast it rises now, while it is not let go; below that, and below zero, after it was.
    slope: f32,
    /// How fast the level falls, a frame, when it is let go.
    fall: f32,
    /// Gain of the note that launched it.
    amp: f32,
    /// Stands at a part that is not generated yet.
    in_hole: bool,
    holes: u32,
}

impl Voice {
    /// Begins, silent, at a position of the grid.
    pub(crate) fn start(
        part: Part,
        unit: Option<Unit>,
        grid: Grid,
        ideal: f64,
        rise: f32,
        amp: f32,
    ) -> Self {
        let position = if grid.exact() {
            grid.anchor(ideal, f64::NAN)
        } else {
            ideal
        };
        Self {
            part,
            unit,
            grid,
            position,
            ideal,
            correction: 0.0,
            level: 0.0,
            rise,
            slope: rise,
            fall: 0.0,
            amp,
            in_hole: false,
            holes: 0,
        }
    }

    /// Goes on with the grid as it is now. False when that can't be done without a jump.
    pub(crate) fn follow(
        &mut self,
        clip: &Clip,
        times: &Times,
        grid: Grid,
        ideal: f64,
        pace: Pace,
    ) -> bool {
        if !(self.grid.exact() && self.correction == 0.0) {
            self.go_round(false);
        }
        let target = if grid.exact() {
            grid.anchor(ideal, self.position)
        } else {
            ideal
        };
        let error = grid.distance(self.position, target);
        let speed = grid.ratio();
        if error.abs() > 1.0 + RAMP_SHARE * speed * pace.recent_frames as f64 {
            return false;
        }
        // At another speed a hole or an end may be nearer in time than a fade can follow, or further.
        let before = self.gate(clip, times, &self.grid, self.position);
        let gate = self.gate(clip, times, &grid, self.position);
        let held_down = before < 1.0 && self.level >= before - LEVEL_STEP;
        let falls = gate < self.level.min(before) - LEVEL_STEP;
        if falls || (held_down && gate > before + LEVEL_STEP) {
            return false;
        }
        self.grid = grid;
        self.ideal = ideal;
        self.correction = 0.0;
        if error.abs() <= SNAP_FRAMES {
            self.position = target;
        } else {
            let over = (pace.mend_frames as f64).max(SLEW_FRAMES);
            self.correction = (error / over).max(-0.75 * speed);
        }
        let round = self.position - ideal > grid.loop_frames() / 2.0;
        if grid.exact() && error.abs() <= 1.0 && round {
            // The grid is round already, by half a frame at most: so are we.
            self.position = 0.0;
        }
        true
    }

    /// What it plays.
    pub(crate) fn part(&self) -> &Part {
        &self.part
    }

    /// The beat that plays of a clip that grows.
    pub(crate) fn unit(&self) -> Option<Unit> {
        self.unit
    }

    /// Goes on with a beat that follows in the clip as it does in the song.
    pub(crate) fn go_on(&mut self, unit: Option<Unit>) {
        self.unit = unit;
    }

    /// The frame that comes next.
    pub(crate) fn position(&self) -> f64 {
        self.position
    }

    /// The grid it moves on.
    pub(crate) fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Gain of its launch.
    pub(crate) fn amp(&self) -> f32 {
        self.amp
    }

    /// Nothing of it is to be heard.
    pub(crate) fn silent(&self) -> bool {
        self.level <= 0.0
    }

    /// A one-shot whose end is behind it.
    pub(crate) fn over(&self) -> bool {
        self.part.once() && self.position >= self.part.frames() as f64
    }

    /// Rises no more: its end is being rendered.
    pub(crate) fn hold(&mut self) {
        self.rise = 0.0;
    }

    /// Falls from here on by this much a frame.
    pub(crate) fn let_go(&mut self, fall: f32) {
        self.fall = fall;
    }

    /// Rises again, not as fast as out of silence. It goes on as it fell and turns from there: the end
    /// of a one-shot or a hole may let it rise no more than for a frame, which would be heard.
    pub(crate) fn take_back(&mut self, times: &Times) {
        (self.slope, self.fall) = (-self.fall, 0.0);
        self.rise = self.rise.min(times.fade_rise);
    }

    /// It falls into silence.
    pub(crate) fn falling(&self) -> bool {
        self.fall > 0.0
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
        render: &mut Render,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        let frames = left.len().min(right.len());
        let (mut left, mut right) = (left, right);
        let mut done = 0;
        while done < frames {
            let exact = self.grid.exact() && self.correction == 0.0;
            self.go_round(exact);
            let start = self.position;
            let len = if exact {
                self.render_exact(clip, left, right)
            } else {
                self.render_between(clip, render, left, right)
            };
            let (head_left, rest_left) = left.split_at_mut(len);
            let (head_right, rest_right) = right.split_at_mut(len);
            self.envelope(clip, times, start, head_left, head_right);
            (left, right) = (rest_left, rest_right);
            done += len;
        }
    }

    /// Goes back to the loop's start when its end is reached.
    fn go_round(&mut self, exact: bool) {
        if self.part.once() {
            return;
        }
        let loop_frames = self.part.frames() as f64;
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
        let wanted = left.len().min(right.len());
        let wanted = wanted.min(self.grid.frames_to_wrap(self.ideal).max(1));
        let position = self.position as i64;
        let there = if self.part.once() {
            usize::MAX
        } else {
            self.part
                .frames()
                .saturating_sub(position.max(0).unsigned_abs() as usize)
        };
        // Where the grid's loop has a frame more than the part, its last frame is held.
        let (at, len) = if there == 0 {
            (self.part.frames() as i64 - 1, 1)
        } else {
            (position, wanted.min(there))
        };
        let (Some(left), Some(right)) = (left.get_mut(..len), right.get_mut(..len)) else {
            return len.max(1);
        };
        self.part.copy(clip, self.unit, at, left, right);
        self.position += len as f64;
        self.ideal += len as f64;
        len
    }

    /// Frames between frames, as many as the rooms hold. Says how many: at least one.
    fn render_between(
        &mut self,
        clip: &Clip,
        render: &mut Render,
        left: &mut [f32],
        right: &mut [f32],
    ) -> usize {
        let step = self.grid.ratio() + self.correction;
        let wanted = left.len().min(right.len());
        let Some(kernel) = render.bank.at(step) else {
            return wanted.max(1);
        };
        let taps = kernel.taps();
        let room = (SPAN_FRAMES - taps - 1) as f64 / step.max(1e-9);
        let len = wanted.min((room as usize).max(1));
        let first = self.position.floor();
        let t = self.position - first;
        let path = Path::new(t, step);
        let span = (path.samples(len - 1) + taps).min(SPAN_FRAMES);
        let [span_left, span_right] = &mut *render.span;
        let (Some(span_left), Some(span_right)) =
            (span_left.get_mut(..span), span_right.get_mut(..span))
        else {
            return len;
        };
        let start = first as i64 - kernel.before() as i64;
        self.part
            .copy(clip, self.unit, start, span_left, span_right);
        if let (Some(left), Some(right)) = (left.get_mut(..len), right.get_mut(..len)) {
            kernel.apply(path, [span_left, span_right], left, right);
        }
        self.position += len as f64 * step;
        self.ideal = self.grid.wrap(self.ideal + len as f64 * self.grid.ratio());
        len
    }

    /// The level over frames that begin at `start`: rising, falling when let go, towards a hole, and
    /// with the ends of a one-shot.
    fn envelope(
        &mut self,
        clip: &Clip,
        times: &Times,
        start: f64,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        let steady = self.level >= 1.0 && clip.whole() && !self.part.once() && !self.falling();
        if steady {
            self.in_hole = false;
            if self.amp != 1.0 {
                for x in left.iter_mut().chain(right) {
                    *x *= self.amp;
                }
            }
            return;
        }
        let (speed, grid) = (self.grid.ratio() + self.correction, self.grid);
        for (i, (l, r)) in left.iter_mut().zip(right.iter_mut()).enumerate() {
            let position = start + i as f64 * speed;
            let gate = self.gate(clip, times, &grid, position);
            if gate > 0.0 || self.part.once() {
                self.in_hole = false;
            } else if !self.in_hole {
                self.in_hole = true;
                // Before the first block nothing is missing yet, after the last nothing will come.
                self.holes += u32::from(clip.ready_frames() > 0 && !clip.finished());
            }
            let moved = if self.falling() {
                self.level - self.fall
            } else {
                self.slope = (self.slope + times.turn).min(self.rise);
                self.level + self.slope
            };
            self.level = moved.clamp(0.0, 1.0).min(gate);
            let gain = shape(self.level) * self.amp;
            *l *= gain;
            *r *= gain;
        }
    }

    /// The highest level at a position: 1 far from a hole, 0 in it, on a fade's way between; and the
    /// fades of a one-shot.
    fn gate(&self, clip: &Clip, times: &Times, grid: &Grid, position: f64) -> f32 {
        let envelope = self.part.envelope(position, grid.ratio(), times);
        if clip.whole() {
            return envelope;
        }
        let edge = clip.ready_frames() as f64 - REACH_FRAMES;
        let part_frames = self.part.frames() as f64;
        let round = self.unit.is_none() && !self.part.once() && position >= part_frames;
        let position = if round {
            position - part_frames
        } else {
            position
        };
        let source = self.part.source(position, self.unit);
        // Backwards the hole comes first: it is met where the loop goes round, or come near to there.
        let first = self.part.source(0.0, self.unit);
        let to_end = part_frames - position;
        let to_hole = if !self.part.reversed() || source > edge {
            edge - source
        } else if first > edge {
            to_end
        } else if self.part.once() {
            edge - source
        } else {
            (edge - source).min(edge - first + to_end)
        };
        let ahead_frames = to_hole / grid.ratio();
        envelope.min((ahead_frames as f32 * times.fade_rise).clamp(0.0, 1.0))
    }
}
