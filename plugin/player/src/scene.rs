//! What a slot must know of its surroundings for a pass, and when it will be asked again.
//!
//! Audio thread; plain values that live for one pass. Never: remembers anything.

use crate::clock::Moment;
use crate::fade::Times;
use crate::settings::Settings;
use crate::voice::Pace;

/// How near to its frame something is done, in frames.
pub(crate) const NOW_FRAMES: f64 = 0.5;

/// What a slot must know of its surroundings for a pass.
pub(crate) struct Scene<'a> {
    /// The first frame's place; `None` while all stands.
    pub(crate) moment: Option<Moment>,
    pub(crate) settings: &'a Settings,
    pub(crate) times: &'a Times,
    /// It is the base slot, or a layer.
    pub(crate) wanted: bool,
    /// The grid may be heard: the host plays, or the audition is on.
    pub(crate) grid_heard: bool,
    /// The grid's launches wait for no line.
    pub(crate) at_once: bool,
    /// The song starts here.
    pub(crate) starts: bool,
    /// Another slot of the grid ends where this one would begin.
    pub(crate) over_another: bool,
    pub(crate) pace: Pace,
}

/// When there is more to do.
pub(crate) struct Next {
    frames: f64,
}

impl Default for Next {
    fn default() -> Self {
        Self {
            frames: f64::INFINITY,
        }
    }
}

impl Next {
    /// Something is to be done in so many frames; says whether that is now.
    pub(crate) fn due(&mut self, ahead_frames: f64) -> bool {
        if ahead_frames <= NOW_FRAMES {
            return true;
        }
        self.wait(ahead_frames);
        false
    }

    /// There is more to do in so many frames.
    pub(crate) fn wait(&mut self, ahead_frames: f64) {
        self.frames = self.frames.min(ahead_frames);
    }

    /// Frames until there is, at least 1.
    pub(crate) fn frames(&self) -> usize {
        // Beyond any block is as good as never.
        (self.frames.round() as usize).max(1)
    }
}
