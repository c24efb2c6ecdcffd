//! What changes too often for a snapshot: atomics that the audio thread and the session write, and the
//! panel reads. Nobody ever waits.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::state::SLOTS;

/// No value in an atomic that holds a float's bits.
const NONE: u64 = u64::MAX;

/// What changes too often for a snapshot. Every access is one atomic load or store.
#[derive(Debug)]
pub struct Live {
    /// The host's tempo as the bits of an f64.
    tempo_bits: AtomicU64,
    /// Quarter notes in the host's bar; 0 when unknown or not whole.
    beats_per_bar: AtomicU32,
    /// The host's transport runs.
    host_playing: AtomicBool,
    /// Beat in each slot's clip that is heard, as the bits of an f64.
    playheads_bits: [AtomicU64; SLOTS],
    /// What each slot does: the discriminant of a [`SlotState`].
    states: [AtomicU8; SLOTS],
    /// Highest magnitude at the output lately, left and right, as the bits of an f32.
    peaks_bits: [AtomicU32; 2],
}

/// What a slot does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum SlotState {
    /// It is silent.
    #[default]
    Stopped = 0,
    /// It was launched and waits for its bar or beat.
    Waiting = 1,
    /// It sounds.
    Sounding = 2,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            tempo_bits: AtomicU64::new(NONE),
            beats_per_bar: AtomicU32::new(0),
            host_playing: AtomicBool::new(false),
            playheads_bits: std::array::from_fn(|_| AtomicU64::new(NONE)),
            states: std::array::from_fn(|_| AtomicU8::new(0)),
            peaks_bits: [const { AtomicU32::new(0) }; 2],
        }
    }
}

impl Live {
    /// Realtime-safe; audio thread.
    pub fn set_host(&self, playing: bool, tempo_bpm: Option<f64>, beats_per_bar: Option<f64>) {
        let tempo_bpm = tempo_bpm.filter(|bpm| bpm.is_finite() && *bpm > 0.0);
        self.tempo_bits
            .store(tempo_bpm.map_or(NONE, f64::to_bits), Ordering::Relaxed);
        let whole =
            beats_per_bar.filter(|beats| beats.fract() == 0.0 && (1.0..=16.0).contains(beats));
        self.beats_per_bar
            .store(whole.map_or(0, |beats| beats as u32), Ordering::Relaxed);
        self.host_playing.store(playing, Ordering::Relaxed);
    }

    /// The host's tempo, once it gave one.
    #[must_use]
    pub fn tempo_bpm(&self) -> Option<f64> {
        float(self.tempo_bits.load(Ordering::Relaxed))
    }

    /// Quarter notes in the host's bar, where they are whole.
    #[must_use]
    pub fn beats_per_bar(&self) -> Option<u32> {
        Some(self.beats_per_bar.load(Ordering::Relaxed)).filter(|beats| *beats > 0)
    }

    /// Whether the host's transport runs.
    #[must_use]
    pub fn host_playing(&self) -> bool {
        self.host_playing.load(Ordering::Relaxed)
    }

    /// Session: what a slot does and where in its clip it is. Says whether that is news.
    pub(crate) fn set_slot(&self, slot: usize, state: SlotState, beat: Option<f64>) -> bool {
        let (Some(bits), Some(now)) = (self.playheads_bits.get(slot), self.states.get(slot)) else {
            return false;
        };
        let beat = beat.map_or(NONE, f64::to_bits);
        let moved = bits.swap(beat, Ordering::Relaxed) != beat;
        now.swap(state as u8, Ordering::Relaxed) != state as u8 || moved
    }

    /// Session: the highest magnitudes lately, left and right. Says whether that is news.
    pub(crate) fn set_peaks(&self, peaks: [f32; 2]) -> bool {
        let mut news = false;
        for (bits, peak) in self.peaks_bits.iter().zip(peaks) {
            news |= bits.swap(peak.to_bits(), Ordering::Relaxed) != peak.to_bits();
        }
        news
    }

    /// The beat of a slot's clip that is heard, when it is.
    #[must_use]
    pub fn playhead_beats(&self, slot: usize) -> Option<f64> {
        let bits = self.playheads_bits.get(slot)?;
        float(bits.load(Ordering::Relaxed))
    }

    /// What a slot does.
    #[must_use]
    pub fn slot_state(&self, slot: usize) -> SlotState {
        match self.states.get(slot).map(|s| s.load(Ordering::Relaxed)) {
            Some(1) => SlotState::Waiting,
            Some(2) => SlotState::Sounding,
            _ => SlotState::Stopped,
        }
    }

    /// The highest magnitudes at the output lately, left and right.
    #[must_use]
    pub fn peaks(&self) -> [f32; 2] {
        [0, 1].map(|side| f32::from_bits(self.peaks_bits[side].load(Ordering::Relaxed)))
    }

    /// Whether any slot is heard.
    #[must_use]
    pub fn sounding(&self) -> bool {
        (0..SLOTS).any(|slot| self.slot_state(slot) == SlotState::Sounding)
    }
}

fn float(bits: u64) -> Option<f64> {
    (bits != NONE).then(|| f64::from_bits(bits))
}
