//! The part of a clip that a slot plays: from where to where, which way, once or round and round.
//!
//! Audio thread; plain values. A part is a signal over whole frames from 0 to below its length, as it
//! sounds: cut, reversed, and joined. Where a cut loop goes round, its last few milliseconds fade into
//! what comes before its start in the clip, so that the seam is no step and the first beat is whole.
//! Never: remembers a position.

use crate::clip::{Clip, ClipInfo};
use crate::fade::{Times, shape};
use crate::settings::SlotSettings;
use crate::sync::Grid;

/// The shortest part, in quarter notes; shorter ones are not cut.
const SHORTEST_BEATS: f64 = 1.0 / 64.0;

/// A part of a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    first: usize,
    frames: usize,
    beats: f64,
    reverse: bool,
    once: bool,
    /// Of a one-shot, in frames of the clip, so that they are the same at every speed; of a loop 0.
    fade_in_frames: f64,
    fade_out_frames: f64,
    /// Frames of the seam of a cut loop.
    seam_frames: usize,
    /// What comes before the start in the clip is not made, or not yet: the start is held at the seam.
    held: bool,
}

/// A beat of a clip that grows: which beat of the song's is played, and from which of the clip's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unit {
    /// The beat's number in the part.
    pub(crate) beat: usize,
    /// The number of the beat whose audio it takes.
    pub(crate) source: usize,
    /// The whole bar is taken from one place.
    pub(crate) by_bar: bool,
}

impl Unit {
    /// One beat follows the other in the clip as in the song; or the rest of the clip does.
    pub(crate) fn follows(before: Option<Self>, after: Option<Self>) -> bool {
        before.is_some_and(|before| match after {
            Some(after) => after.beat == before.beat + 1 && after.source == before.source + 1,
            None => before.beat == before.source,
        })
    }
}

impl Part {
    /// What the settings make of a clip.
    pub(crate) fn new(clip: &Clip, settings: &SlotSettings, times: &Times) -> Self {
        let (info, all) = (clip.info(), clip.frames());
        let per_beat = all as f64 / info.beats;
        let inside = |beats: &f64| beats.is_finite() && (0.0..=info.beats).contains(beats);
        let start = Some(settings.start_beats).filter(inside).unwrap_or(0.0);
        let end = settings.end_beats.filter(inside).unwrap_or(info.beats);
        let (start, end) = if end - start >= SHORTEST_BEATS {
            (start, end)
        } else if info.beats - start >= SHORTEST_BEATS {
            (start, info.beats)
        } else {
            (0.0, info.beats)
        };
        let beats = end - start;
        let frames = ((beats * per_beat).round() as usize).clamp(1, all.max(1));
        let first = ((start * per_beat).round() as usize).min(all - frames.min(all));
        let fade = |seconds: f64| {
            let plausible = settings.one_shot && seconds.is_finite() && seconds > 0.0;
            let frames = seconds * info.tempo_bpm / 60.0 * per_beat;
            if plausible { frames } else { 0.0 }
        };
        let cut = frames != all && !settings.one_shot;
        let seam_frames = if cut {
            times.fade_frames.min(frames / 2)
        } else {
            0
        };
        let there = if settings.reverse {
            first + frames + seam_frames <= clip.ready_frames()
        } else {
            seam_frames <= first && first <= clip.ready_frames()
        };
        Self {
            first,
            frames,
            beats,
            reverse: settings.reverse,
            once: settings.one_shot,
            fade_in_frames: fade(settings.fade_in_seconds),
            fade_out_frames: fade(settings.fade_out_seconds),
            seam_frames,
            held: cut && !there && !clip.whole(),
        }
    }

    /// It begins and ends in the clip where the other does.
    pub(crate) fn lies_as(&self, other: &Self) -> bool {
        (self.first, self.frames) == (other.first, other.frames)
    }

    /// Its length in frames.
    pub(crate) fn frames(&self) -> usize {
        self.frames
    }

    /// It plays from its end to its start.
    pub(crate) fn reversed(&self) -> bool {
        self.reverse
    }

    /// It plays once.
    pub(crate) fn once(&self) -> bool {
        self.once
    }

    /// How it lies on the beats at a tempo.
    pub(crate) fn grid(&self, info: &ClipInfo, tempo_bpm: f64, rate_hz: f64) -> Grid {
        let part = ClipInfo {
            frames: self.frames as u64,
            beats: self.beats,
            ..*info
        };
        let grid = Grid::new(&part, tempo_bpm, rate_hz);
        if self.once { grid.once() } else { grid }
    }

    /// The clip's frame for one of the part's.
    pub(crate) fn source(&self, position: f64, unit: Option<Unit>) -> f64 {
        match unit {
            Some(unit) => self.first as f64 + position + self.shift(unit, position) as f64,
            None if self.reverse => (self.first + self.frames) as f64 - 1.0 - position,
            None => self.first as f64 + position,
        }
    }

    /// Realtime-safe. How loud a one-shot may be at a position, before it is shaped: 0 outside.
    pub(crate) fn envelope(&self, position: f64, speed: f64, times: &Times) -> f32 {
        if !self.once {
            return 1.0;
        }
        let left = self.frames as f64 - position;
        if position < 0.0 || left < 0.0 {
            return 0.0;
        }
        let share = |of: f64, frames: f64| {
            if of < frames {
                (of / frames) as f32
            } else {
                1.0
            }
        };
        // Its end is never a click, whatever the speed; its start rises as any voice does.
        let end = (left / speed) as f32 * times.fade_rise;
        let fades = share(position, self.fade_in_frames).min(share(left, self.fade_out_frames));
        fades.min(end).min(1.0)
    }

    /// The frame where one of its beats starts.
    pub(crate) fn beat_start(&self, beat: usize) -> usize {
        let at = beat as f64 * self.frames as f64 / self.beats;
        (at.round() as usize).min(self.frames)
    }

    /// Its beats; the last may be a piece of one.
    pub(crate) fn beats(&self) -> usize {
        (self.beats - 1e-6).ceil().max(1.0) as usize
    }

    /// The beat that a position lies in.
    pub(crate) fn beat_at(&self, position: f64) -> usize {
        let beat = position * self.beats / self.frames as f64 + 1e-9;
        (beat.max(0.0) as usize).min(self.beats() - 1)
    }

    /// Beats from its start that are there in whole, with some frames to spare.
    pub(crate) fn ready_beats(&self, clip: &Clip, spare_frames: usize) -> usize {
        let beats = self.beats();
        if clip.whole() {
            return beats;
        }
        let ready = clip
            .ready_frames()
            .saturating_sub(self.first + spare_frames);
        let whole = (ready as f64 * self.beats / self.frames as f64) as usize;
        let whole = whole.min(beats);
        // Beats start at rounded frames.
        if self.beat_start(whole) > ready {
            whole.saturating_sub(1)
        } else {
            whole
        }
    }

    /// Frames to add to the part's for a unit's audio, the short way round the loop.
    fn shift(&self, unit: Unit, position: f64) -> i64 {
        let song = self.beat_start(unit.beat) as i64;
        let source = self.beat_start(unit.source) as i64;
        let frames = self.frames as i64;
        // What is nearer to the beat in the round before or after is there.
        let length = self.beat_start(unit.beat + 1) as i64 - song;
        let spare = (frames - length) / 2;
        let way = position as i64 - song;
        let round = if way >= length + spare {
            -frames
        } else if way < -spare {
            frames
        } else {
            0
        };
        source - song + round
    }

    /// Realtime-safe. The part's frames from `start` on, which may be before its start or go past
    /// its end: round and round for a loop, held for a one-shot.
    pub(crate) fn copy(
        &self,
        clip: &Clip,
        unit: Option<Unit>,
        start: i64,
        left: &mut [f32],
        right: &mut [f32],
    ) {
        let frames = self.frames as i64;
        if let Some(unit) = unit {
            let at = self.first as i64 + start + self.shift(unit, start as f64);
            copy_held(clip, at, left, right);
            return;
        }
        let (mut at, mut left, mut right) = (start, left, right);
        while !left.is_empty() && !right.is_empty() {
            let inside = if self.once { at } else { at.rem_euclid(frames) };
            let len = if inside < 0 {
                inside.unsigned_abs() as usize
            } else if inside < frames {
                (frames - inside) as usize
            } else {
                usize::MAX
            };
            let len = len.min(left.len()).min(right.len());
            let (head_left, rest_left) = left.split_at_mut(len);
            let (head_right, rest_right) = right.split_at_mut(len);
            if (0..frames).contains(&inside) {
                self.piece(clip, inside as usize, head_left, head_right);
            } else {
                // Held, not silent: interpolation that reads beyond the edge would ring. The envelope
                // is silent there.
                let edge = if (inside < 0) == self.reverse {
                    self.first + self.frames - 1
                } else {
                    self.first
                };
                let (l, r) = clip.frame(edge);
                head_left.fill(l);
                head_right.fill(r);
            }
            at = at.saturating_add(len as i64);
            (left, right) = (rest_left, rest_right);
        }
    }

    /// Frames inside of one round.
    fn piece(&self, clip: &Clip, at: usize, left: &mut [f32], right: &mut [f32]) {
        let len = left.len();
        let source = if self.reverse {
            (self.first + self.frames).saturating_sub(at + len)
        } else {
            self.first + at
        };
        clip.copy(source, left, right);
        if !clip.whole() {
            // What sounds after a hole is held in it, not silence: interpolation that reads back into it
            // would ring. The level is silent there.
            let ready = clip.ready_frames();
            let held = if self.reverse {
                ready.saturating_sub(1)
            } else {
                self.first
            };
            let (l, r) = clip.frame(held);
            let missing = ready.saturating_sub(source);
            left.iter_mut().skip(missing).for_each(|x| *x = l);
            right.iter_mut().skip(missing).for_each(|x| *x = r);
        }
        if self.reverse {
            left.reverse();
            right.reverse();
        }
        let seam = self.seam_frames;
        let seam_start = self.frames - seam;
        let skip = seam_start.saturating_sub(at);
        let all = clip.frames();
        let start = if self.reverse {
            self.first + self.frames - 1
        } else {
            self.first
        };
        for (i, (l, r)) in left.iter_mut().zip(right.iter_mut()).enumerate().skip(skip) {
            let to_end = self.frames - (at + i);
            let before = if self.held {
                start
            } else if self.reverse {
                start + to_end
            } else {
                start + all - to_end % all
            };
            let (before_left, before_right) = clip.frame(before % all);
            let gain = shape((at + i - seam_start + 1) as f32 / (seam + 1) as f32);
            *l += (before_left - *l) * gain;
            *r += (before_right - *r) * gain;
        }
    }
}

/// A clip's frames from `at` on; before its first that one is held, so that a fade can begin there.
fn copy_held(clip: &Clip, at: i64, left: &mut [f32], right: &mut [f32]) {
    let held = at.min(0).unsigned_abs() as usize;
    let held = held.min(left.len()).min(right.len());
    let (head_left, rest_left) = left.split_at_mut(held);
    let (head_right, rest_right) = right.split_at_mut(held);
    if held > 0 {
        let (l, r) = clip.frame(0);
        head_left.fill(l);
        head_right.fill(r);
    }
    clip.copy(at.max(0) as usize, rest_left, rest_right);
}
