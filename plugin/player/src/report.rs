//! What the player tells the session, and what the session makes of it.
//!
//! Reports are made on the audio thread, about a hundred times a second of audio, and dropped
//! when the ring is full; peaks and holes are kept until a report gets through.

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

/// What was last heard from the player.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Status {
    /// A report came since the last poll. Stays false while the host does not process.
    pub fresh: bool,
    /// The clip that plays or would play.
    pub clip: Option<ClipId>,
    /// Its frames that can be heard.
    pub ready_frames: u64,
    /// Where it plays; `None` when it is silent.
    pub playhead: Option<Playhead>,
    /// Highest magnitude at the output since the last poll, left and right.
    pub peaks: [f32; 2],
    /// Times, in all, that playing ran into a part that was not generated yet.
    pub holes: u64,
    /// The player is gone.
    pub disconnected: bool,
}

/// One report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    pub(crate) clip: Option<ClipId>,
    pub(crate) ready_frames: u64,
    pub(crate) playhead: Option<Playhead>,
    pub(crate) peaks: [f32; 2],
    pub(crate) holes: u64,
}

impl Status {
    /// Takes a report in.
    pub(crate) fn take(&mut self, report: &Report) {
        self.fresh = true;
        self.clip = report.clip;
        self.ready_frames = report.ready_frames;
        self.playhead = report.playhead;
        self.holes = report.holes;
        for (peak, new) in self.peaks.iter_mut().zip(report.peaks) {
            *peak = peak.max(new);
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
    /// Realtime-safe. Takes a block of output in. What is not finite is made silence on the way.
    pub(crate) fn measure(&mut self, left: &mut [f32], right: &mut [f32]) {
        self.frames = self.frames.saturating_add(left.len());
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
