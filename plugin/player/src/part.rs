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
    /// Of a one-shot; of a loop 0.
    fade_in_seconds: f64,
    fade_out_seconds: f64,
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

impl Part {
    /// What the settings make of a clip.
    pub(crate) fn new(clip: &Clip, settings: &SlotSettings) -> Self {
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
            if plausible { seconds } else { 0.0 }
        };
        Self {
            first,
            frames,
            beats,
            reverse: settings.reverse,
            once: settings.one_shot,
            fade_in_seconds: fade(settings.fade_in_seconds),
            fade_out_seconds: fade(settings.fade_out_seconds),
        }
    }

    /// Its length in frames.
    pub(crate) fn frames(&self) -> usize {
        self.frames
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
        let rate_hz = times.rate_hz;
        let seconds_in = (1.0 / (f64::from(times.start_rise) * rate_hz)).max(self.fade_in_seconds);
        let seconds_out = (times.fade_frames as f64 / rate_hz).max(self.fade_out_seconds);
        let here = position / speed / rate_hz;
        let left = (self.frames as f64 - position) / speed / rate_hz;
        (here / seconds_in).min(left / seconds_out).clamp(0.0, 1.0) as f32
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
        let way = position as i64 - song;
        let round = if way >= frames / 2 {
            -frames
        } else if way < -frames / 2 {
            frames
        } else {
            0
        };
        source - song + round
    }

    /// Realtime-safe. The part's frames from `start` on, which may be before its start or go past
    /// its end: round and round for a loop, silence for a one-shot.
    pub(crate) fn copy(
        &self,
        clip: &Clip,
        unit: Option<Unit>,
        times: &Times,
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
                self.piece(clip, times, inside as usize, head_left, head_right);
            } else {
                head_left.fill(0.0);
                head_right.fill(0.0);
            }
            at = at.saturating_add(len as i64);
            (left, right) = (rest_left, rest_right);
        }
    }

    /// Frames inside of one round.
    fn piece(&self, clip: &Clip, times: &Times, at: usize, left: &mut [f32], right: &mut [f32]) {
        let len = left.len();
        if self.reverse {
            clip.copy(
                (self.first + self.frames).saturating_sub(at + len),
                left,
                right,
            );
            left.reverse();
            right.reverse();
        } else {
            clip.copy(self.first + at, left, right);
        }
        if self.once || self.frames == clip.frames() {
            return;
        }
        let seam = times.fade_frames.min(self.frames / 2);
        let seam_start = self.frames - seam;
        let skip = seam_start.saturating_sub(at);
        let all = clip.frames();
        for (i, (l, r)) in left.iter_mut().zip(right.iter_mut()).enumerate().skip(skip) {
            let to_end = self.frames - (at + i);
            let before = if self.reverse {
                self.first + self.frames - 1 + to_end
            } else {
                self.first + all - to_end % all
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
