//! What the panel itself remembers from frame to frame, and what a frame is drawn from.
//!
//! Window thread. Nothing in here is saved with a project, and nothing here reaches the session but
//! through actions.

use std::path::PathBuf;

use egui::{Pos2, Rect};
use nice_plug::prelude::ParamSetter;

use crate::params::BarlineParams;
use crate::state::SlotSettings;
use crate::view::{Find, LibraryAction, Live, SLOT_COUNT, Snapshot, Source};

/// What a frame is drawn from: what the session says, and the host's parameters.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// What the session last published.
    pub(crate) snapshot: &'a Snapshot,
    /// What changes too often for that.
    pub(crate) live: &'a Live,
    /// The host's parameters.
    pub(crate) params: &'a BarlineParams,
    /// The way to set them.
    pub(crate) setter: &'a ParamSetter<'a>,
}

/// Which list the side panel shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tab {
    /// Takes of this instance, requests that wait, prompts that were used.
    #[default]
    Takes,
    /// Every take that was kept.
    Library,
    /// Models.
    Models,
}

/// Something that is being dragged by the pointer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Carry {
    /// What it is.
    pub(crate) source: Source,
    /// Its name, drawn beside the pointer.
    pub(crate) name: String,
    /// The number of the newest file before this one was asked for.
    pub(crate) after: u64,
    /// The system drags its file now.
    pub(crate) native: bool,
}

/// What a drag over the waveform moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grip {
    /// The marker where the slot starts.
    Start,
    /// The marker where it ends.
    End,
    /// The part of the clip that is seen.
    View,
}

/// The part of the clip that is seen, as shares of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Zoom {
    /// Its left edge, from 0.
    pub(crate) from: f64,
    /// Its width, up to 1.
    pub(crate) width: f64,
}

impl Default for Zoom {
    fn default() -> Self {
        Self {
            from: 0.0,
            width: 1.0,
        }
    }
}

/// A take of the library whose name and tags are being edited.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Editing {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its tags, with commas between.
    pub(crate) tags: String,
    /// What was asked for last, which the library may not show yet.
    pub(crate) asked: Option<LibraryAction>,
}

/// What the panel remembers from frame to frame.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// The side panel is open; `None` is where there is room for it.
    pub(crate) side: Option<bool>,
    /// What it shows.
    pub(crate) tab: Tab,
    /// What the path field of "Save as" holds.
    pub(crate) folder: String,
    /// What that is to save.
    pub(crate) saving: Option<Source>,
    /// Its popup was drawn before.
    pub(crate) saving_shown: bool,
    /// The part of the selected clip that is seen.
    pub(crate) zoom: Zoom,
    /// What a drag over the waveform moves.
    pub(crate) grip: Option<Grip>,
    /// A slot's settings as they are while the pointer changes them.
    pub(crate) tuned: Option<(usize, SlotSettings)>,
    /// The project was edited, and the session has not been told.
    pub(crate) edited: bool,
    /// Which used prompt the field holds, and what was in it before.
    pub(crate) recalled: Option<(usize, String)>,
    /// What is being dragged.
    pub(crate) carry: Option<Carry>,
    /// Where files from elsewhere hover.
    pub(crate) hover: Option<Pos2>,
    /// Files that were dropped from elsewhere.
    pub(crate) dropped: Vec<(Vec<PathBuf>, Pos2)>,
    /// What our own drag was dropped on.
    pub(crate) returned: Option<Pos2>,
    /// What is to be dragged by the system: taken by the window.
    pub(crate) drag_file: Option<PathBuf>,
    /// Where the pads were drawn.
    pub(crate) pads: [Option<Rect>; SLOT_COUNT],
    /// The shelf of models was asked how it stands.
    pub(crate) shelf_asked: bool,
    /// What is looked for in the library.
    pub(crate) find: Find,
    /// Whether the library was asked once.
    pub(crate) found: bool,
    /// The take of the library that is unfolded.
    pub(crate) editing: Option<Editing>,
    /// The model about which the user is asked.
    pub(crate) asking: Option<String>,
    /// The model that may be removed.
    pub(crate) removing: Option<String>,
    /// The model about which the user is asked, once the list was scrolled to it.
    pub(crate) asked: Option<String>,
    /// What the field for a model's folder or id holds.
    pub(crate) model_folder: String,
}

impl Desk {
    /// The slot whose pad lies at a place.
    pub(crate) fn pad_at(&self, place: Pos2) -> Option<usize> {
        self.pads
            .iter()
            .position(|pad| pad.is_some_and(|rect| rect.contains(place)))
    }
}
