//! What holds a slot, and what waits to: the song's grid (base slot, layer) and a note.
//!
//! Audio thread; plain values. Nothing is booked for a time: what waits is looked at for every next
//! line anew, so that jumps, tempo and time signature may change meanwhile.

use crate::settings::NoteMode;

/// A note that holds the slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Held {
    /// Where it was launched.
    anchor_beats: f64,
    amp: f32,
    toggled: bool,
}

/// A note that waits for its line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Waiting {
    On { amp: f32, toggled: bool },
    Off,
}

/// Why a slot sounds, and from where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cue {
    /// Beats at which its part starts.
    pub(crate) anchor_beats: f64,
    /// Gain of the launch.
    pub(crate) amp: f32,
    /// It is a note's.
    pub(crate) note: bool,
}

/// The holds of a slot.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Launch {
    /// The grid holds it.
    grid: bool,
    /// Where that began: what a one-shot counts from.
    grid_anchor_beats: f64,
    note: Option<Held>,
    waiting: Option<Waiting>,
}

impl Launch {
    /// The grid holds it.
    pub(crate) fn on_grid(&self) -> bool {
        self.grid
    }

    /// A note holds it, or will.
    pub(crate) fn has_note(&self) -> bool {
        self.note.is_some() || self.waiting.is_some()
    }

    /// What waits for a line.
    pub(crate) fn waiting(&self) -> Option<Waiting> {
        self.waiting
    }

    /// The grid takes or leaves the slot.
    pub(crate) fn set_grid(&mut self, on: bool, beats: f64) {
        if on && !self.grid {
            self.grid_anchor_beats = beats;
        }
        self.grid = on;
    }

    /// The song starts here: one-shots of the grid, too.
    pub(crate) fn restart_grid(&mut self, beats: f64) {
        self.grid_anchor_beats = beats;
    }

    /// A key goes down.
    pub(crate) fn press(&mut self, velocity: f32, mode: NoteMode) {
        let amp = if velocity.is_nan() {
            1.0
        } else {
            velocity.clamp(0.0, 1.0)
        };
        let toggled = mode == NoteMode::Toggle;
        let on = match self.waiting {
            Some(Waiting::On { .. }) => true,
            Some(Waiting::Off) => false,
            None => self.note.is_some(),
        };
        self.waiting = match (toggled && on, self.note) {
            (false, _) => Some(Waiting::On { amp, toggled }),
            (true, Some(_)) => Some(Waiting::Off),
            (true, None) => None,
        };
    }

    /// A key goes up.
    pub(crate) fn release(&mut self) {
        match self.waiting {
            Some(Waiting::On { toggled: false, .. }) => self.waiting = None,
            Some(_) => return,
            None => {}
        }
        if self.note.is_some_and(|held| !held.toggled) {
            self.waiting = Some(Waiting::Off);
        }
    }

    /// What waits takes place at a line.
    pub(crate) fn meet(&mut self, line_beats: f64) {
        match self.waiting.take() {
            Some(Waiting::On { amp, toggled }) => {
                self.note = Some(Held {
                    anchor_beats: line_beats,
                    amp,
                    toggled,
                });
            }
            Some(Waiting::Off) => self.note = None,
            None => {}
        }
    }

    /// Lets every note go.
    pub(crate) fn let_notes_go(&mut self) {
        (self.note, self.waiting) = (None, None);
    }

    /// The host stops: toggles are off, and what waits to end has ended.
    pub(crate) fn let_toggles_go(&mut self) {
        let ends = self.waiting == Some(Waiting::Off);
        self.note.take_if(|held| held.toggled || ends);
        self.waiting
            .take_if(|waiting| ends || matches!(waiting, Waiting::On { toggled: true, .. }));
    }

    /// What held the slot by a note is over.
    pub(crate) fn end_note(&mut self) {
        self.note = None;
    }

    /// Beats are counted from elsewhere.
    pub(crate) fn shift(&mut self, beats: f64) {
        self.grid_anchor_beats += beats;
        if let Some(held) = &mut self.note {
            held.anchor_beats += beats;
        }
    }

    /// Why the slot sounds. A note comes before the grid. `grid_heard`: the grid may be heard.
    pub(crate) fn cue(&self, grid_heard: bool, once: bool) -> Option<Cue> {
        if let Some(held) = self.note {
            return Some(Cue {
                anchor_beats: held.anchor_beats,
                amp: held.amp,
                note: true,
            });
        }
        (self.grid && grid_heard).then_some(Cue {
            anchor_beats: if once { self.grid_anchor_beats } else { 0.0 },
            amp: 1.0,
            note: false,
        })
    }
}
