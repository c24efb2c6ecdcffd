//! What the player tells the session, and what the session makes of it.
//!
//! Reports are made on the audio thread, about a hundred times a second of audio, and dropped
//! when the ring is full; peaks and holes are kept until a report gets through.

use crate::SLOTS;
use crate::clip::ClipId;

/// Reports a second of audio.
const REPORTS_HZ: f64 = 100.0;

/// Where the playhead is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Playhead {
    /// The next frame of the clip.
    pub frame: f64,
    /// The same in quarter notes from the clip's start.
    pub beats: f64,
}

/// Whether a slot sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SlotState {
    /// Nothing holds it, or there is no clip, or the clock stands.
    #[default]
    Stopped,
    /// It is launched and waits for its line.
    Waiting,
    /// It sounds.
    Sounding,
}

/// What was last heard of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SlotStatus {
    /// The clip that plays or would play; where there is none, the one that grows.
    pub clip: Option<ClipId>,
    /// Frames that can be heard of the clip that grows, else of the one that plays.
    pub ready_frames: u64,
    /// Where it plays; `None` when it is silent.
    pub playhead: Option<Playhead>,
    /// Whether it sounds.
    pub state: SlotState,
    /// Highest magnitude of the slot since the last poll, before the player's gain.
    pub peak: f32,
}

/// What was last heard from the player.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Status {
    /// A report came since the last poll. Stays false while the host does not process.
    pub fresh: bool,
    /// Each slot.
    pub slots: [SlotStatus; SLOTS],
    /// Highest magnitude at the outputs since the last poll, left and right.
    pub peaks: [f32; 2],
    /// Times, in all, that playing ran into a part that was not generated yet.
    pub holes: u64,
    /// Notes, in all, that found no room in their block.
    pub dropped_notes: u64,
    /// The player is gone.
    pub disconnected: bool,
}

/// One report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    pub(crate) slots: [SlotStatus; SLOTS],
    pub(crate) peaks: [f32; 2],
    pub(crate) holes: u64,
    pub(crate) dropped_notes: u64,
}

impl Status {
    /// Takes a report in.
    pub(crate) fn take(&mut self, report: &Report) {
        self.fresh = true;
        for (slot, new) in self.slots.iter_mut().zip(&report.slots) {
            let peak = slot.peak.max(new.peak);
            *slot = SlotStatus { peak, ..*new };
        }
        self.holes = report.holes;
        self.dropped_notes = report.dropped_notes;
        for (peak, new) in self.peaks.iter_mut().zip(report.peaks) {
            *peak = peak.max(new);
        }
    }

    /// Forgets what only counts since the last poll.
    pub(crate) fn begin_poll(&mut self) {
        self.fresh = false;
        self.peaks = [0.0; 2];
        for slot in &mut self.slots {
            slot.peak = 0.0;
        }
    }
}

/// Measures the output between reports.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meter {
    peaks: [f32; 2],
    holes: u64,
    frames: usize,
}

impl Meter {
    /// Realtime-safe. Some frames go by.
    pub(crate) fn pass(&mut self, frames: usize) {
        self.frames = self.frames.saturating_add(frames);
    }

    /// Realtime-safe. Takes an output in. What is not finite is made silence on the way.
    pub(crate) fn measure(&mut self, left: &mut [f32], right: &mut [f32]) {
        for (peak, channel) in self.peaks.iter_mut().zip([left, right]) {
            for x in channel {
                if !x.is_finite() {
                    *x = 0.0;
                }
                *peak = peak.max(x.abs());
            }
        }
    }

    /// Realtime-safe. Adds holes.
    pub(crate) fn count_holes(&mut self, holes: u32) {
        self.holes = self.holes.saturating_add(u64::from(holes));
    }

    /// Realtime-safe. A report is due.
    pub(crate) fn due(&self, rate_hz: f64) -> bool {
        self.frames as f64 * REPORTS_HZ >= rate_hz
    }

    /// Peaks since the last report that got through, and holes in all.
    pub(crate) fn reading(&self) -> ([f32; 2], u64) {
        (self.peaks, self.holes)
    }

    /// Realtime-safe. A report got through.
    pub(crate) fn reported(&mut self) {
        self.peaks = [0.0; 2];
        self.frames = 0;
    }
}
