//! A host's song: where its transport is, in which blocks it plays, and what was recorded.

use clack_host::events::event_types::{TransportEvent, TransportFlags};
use clack_host::prelude::*;
use clack_host::utils::{BeatTime, SecondsTime};

/// Where the host's song is, as of the first frame of what is played next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Song {
    pub(crate) playing: bool,
    pub(crate) tempo_bpm: f64,
    /// Where the transport was started, or jumped to, or changed its tempo; quarter notes.
    pub(super) from_beats: f64,
    /// Frames since then: positions are counted, never summed up.
    pub(super) frames: u64,
}

impl Song {
    pub(crate) fn at(tempo_bpm: f64, beats: f64) -> Self {
        Self {
            playing: true,
            tempo_bpm,
            from_beats: beats,
            frames: 0,
        }
    }

    pub(crate) fn stopped(tempo_bpm: f64, beats: f64) -> Self {
        Self {
            playing: false,
            ..Self::at(tempo_bpm, beats)
        }
    }

    /// Quarter notes at the next frame.
    pub(crate) fn beats(&self, rate_hz: f64) -> f64 {
        self.from_beats + self.frames as f64 * self.tempo_bpm / (60.0 * rate_hz)
    }

    /// Another tempo from the next frame on.
    pub(crate) fn change_tempo(&mut self, tempo_bpm: f64, rate_hz: f64) {
        *self = Self {
            playing: self.playing,
            ..Self::at(tempo_bpm, self.beats(rate_hz))
        };
    }

    pub(super) fn event(&self, rate_hz: f64) -> TransportEvent {
        let beats = self.beats(rate_hz);
        let bar = (beats / 4.0).floor();
        let mut flags = TransportFlags::HAS_TEMPO
            | TransportFlags::HAS_BEATS_TIMELINE
            | TransportFlags::HAS_SECONDS_TIMELINE
            | TransportFlags::HAS_TIME_SIGNATURE;
        flags.set(TransportFlags::IS_PLAYING, self.playing);
        TransportEvent {
            header: EventHeader::new_core(0, clack_host::events::EventFlags::empty()),
            flags,
            song_pos_beats: BeatTime::from_float(beats),
            song_pos_seconds: SecondsTime::from_float(beats * 60.0 / self.tempo_bpm),
            tempo: self.tempo_bpm,
            tempo_inc: 0.0,
            loop_start_beats: BeatTime::from_int(0),
            loop_end_beats: BeatTime::from_int(0),
            loop_start_seconds: SecondsTime::from_int(0),
            loop_end_seconds: SecondsTime::from_int(0),
            bar_start: BeatTime::from_float(bar * 4.0),
            bar_number: bar as i32,
            time_signature_numerator: 4,
            time_signature_denominator: 4,
        }
    }
}

/// Slots of the plugin, and outputs of their own besides the main one.
pub(crate) const SLOTS: usize = 8;

/// What came out, frame by frame.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recording {
    pub(crate) left: Vec<f32>,
    pub(crate) right: Vec<f32>,
    /// Left and right of the slots' own outputs.
    pub(crate) slots: [[Vec<f32>; 2]; SLOTS],
    /// Quarter notes at each frame.
    pub(crate) beats: Vec<f64>,
}

impl Recording {
    /// The frames from `start` on.
    pub(crate) fn after(&self, start: usize) -> Self {
        self.part(start..self.beats.len())
    }

    /// Some of the frames.
    pub(crate) fn part(&self, range: std::ops::Range<usize>) -> Self {
        let side = |side: &Vec<f32>| side.get(range.clone()).unwrap_or_default().to_vec();
        Self {
            left: side(&self.left),
            right: side(&self.right),
            slots: self.slots.each_ref().map(|slot| slot.each_ref().map(side)),
            beats: self.beats[range.clone()].to_vec(),
        }
    }

    /// What came out of a slot's own output.
    pub(crate) fn slot(&self, slot: usize) -> Self {
        let [left, right] = self.slots[slot].clone();
        Self {
            left,
            right,
            beats: self.beats.clone(),
            ..Self::default()
        }
    }

    /// The same with beats counted from elsewhere.
    pub(crate) fn counted_from(mut self, beats: f64) -> Self {
        self.beats.iter_mut().for_each(|at| *at -= beats);
        self
    }

    /// Goes on with another.
    pub(crate) fn append(&mut self, more: Self) {
        self.left.extend(more.left);
        self.right.extend(more.right);
        self.beats.extend(more.beats);
        for (slot, more) in self.slots.iter_mut().zip(more.slots) {
            for (side, more) in slot.iter_mut().zip(more) {
                side.extend(more);
            }
        }
    }

    pub(crate) fn silent(&self) -> bool {
        let mut samples = self.left.iter().chain(&self.right);
        samples.all(|sample| *sample == 0.0)
    }
}

/// Block lengths that no buffer of a power of two fits: 1, 37, 511 and 1024, mixed.
#[derive(Debug, Clone)]
pub(crate) struct Blocks(u64);

impl Blocks {
    pub(crate) fn odd() -> Self {
        Self(1)
    }

    pub(crate) fn next(&mut self) -> usize {
        // Knuth's MMIX generator; the same lengths in every run.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        [1, 37, 511, 1024][(self.0 >> 62) as usize]
    }
}
