//! What the panel sees of a session, and what it asks of it. Plain data.
//!
//! The session publishes a [`Snapshot`] when something changed; the panel reads it, and both
//! read [`Live`], whose atomics the audio thread writes without ever waiting.

mod action;
mod lists;
mod live;

use std::path::PathBuf;
use std::sync::Arc;

use barline_engine::ClipFacts;

pub use self::action::{Find, LibraryAction, ModelAction, Source, TakeId, UiAction};
pub use self::lists::{
    Doing, LibraryView, ModelState, ModelView, Offered, Rights, TakeView, Waiting,
};
pub use self::live::{Live, SlotState};

/// What is being done.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Phase {
    /// Nothing.
    #[default]
    Idle,
    /// Other jobs come first.
    Queued {
        /// How many.
        ahead: usize,
    },
    /// The model is being read.
    Loading {
        /// How much of it is there, from 0 to 1, where that is known.
        done: Option<f32>,
    },
    /// The model is at work.
    Generating {
        /// Steps done.
        step: u32,
        /// Steps in all.
        steps: u32,
        /// What the rest takes at the measured speed.
        seconds_left: Option<f32>,
        /// When it will first be heard; `None` once it can be.
        sound_in_seconds: Option<f32>,
        /// Which of how many takes, from 1.
        take: (u32, u32),
    },
    /// The loop is fitted to its bars.
    Finishing,
    /// Cancel was asked for.
    Cancelling,
}

impl Phase {
    /// Whether a clip is on its way.
    #[must_use]
    pub fn busy(&self) -> bool {
        *self != Self::Idle
    }
}

/// Slots of an instance.
pub const SLOT_COUNT: usize = crate::state::SLOTS;

/// The lowest and the highest sample of one column of the picture.
pub type Peak = (f32, f32);

/// Columns of the picture of a clip.
pub const COLUMNS: usize = 1024;

/// The clip that is heard or being made.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipView {
    /// Columns that are there; [`COLUMNS`] when the clip is whole.
    pub peaks: Arc<[Peak]>,
    /// Length in quarter notes.
    pub beats: f64,
    /// Quarter notes in a bar.
    pub beats_per_bar: u32,
    /// Its own tempo.
    pub tempo_bpm: f64,
    /// The text it was made from.
    pub prompt: String,
    /// Its seed.
    pub seed: u64,
    /// Everything else, once it is finished.
    pub facts: Option<ClipFacts>,
}

/// A line for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Something went wrong; what and what to do.
    Error(String),
    /// Something was done.
    Info(String),
    /// The project's model is not here and can be fetched.
    NoModel {
        /// Its id.
        id: String,
        /// What that means and what to do.
        text: String,
    },
}

/// How a clip is played at another tempo than its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Stretched.
    PitchKept,
    /// Repitched until it is stretched.
    Stretching,
    /// Repitched, as the parameter says.
    Repitched,
    /// Repitched: a stretch so far would not sound fair.
    TooFar,
    /// Repitched: it can't be stretched.
    Refused,
}

/// A clip at another tempo than its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Following {
    /// Its own tempo.
    pub made_bpm: f64,
    /// The host's, at rest.
    pub host_bpm: f64,
    /// What is done about it.
    pub how: How,
}

/// A slot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SlotView {
    /// What it plays; while one is made for it and can be heard, that one.
    pub clip: Option<Arc<ClipView>>,
    /// A clip is being made for it.
    pub making: bool,
    /// There is a clip before this one to swap with.
    pub flips: bool,
    /// What becomes of its clip at the host's tempo, when that is another.
    pub following: Option<Following>,
    /// Its clip did not come along with the project: what it was, to be made again.
    pub missing: Option<String>,
}

/// What a file was written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be dragged out of the window.
    Drag,
    /// To go onto the clipboard.
    Copy,
}

/// A file that waits for the panel, which has the window that dragging and copying need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Grows with every file.
    pub number: u64,
    /// Whole and for good.
    pub path: PathBuf,
    /// What it is the file of.
    pub source: Source,
    /// What it was written for.
    pub purpose: Purpose,
}

/// All that the panel shows of a session, as of one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// What is being done.
    pub phase: Phase,
    /// The slots.
    pub slots: [SlotView; SLOT_COUNT],
    /// This instance's takes, newest first.
    pub takes: Arc<[TakeView]>,
    /// What is heard in the selected slot's place.
    pub preview: Option<Source>,
    /// Requests of all instances, in the order in which they are done.
    pub queue: Arc<[Waiting]>,
    /// The library.
    pub library: LibraryView,
    /// Models.
    pub shelf: Arc<[ModelView]>,
    /// Prompts that were used, newest first.
    pub history: Arc<[String]>,
    /// A file that was asked for with [`UiAction::Drag`].
    pub ready: Option<Ready>,
    /// There is something to undo.
    pub can_undo: bool,
    /// There is something to do again.
    pub can_redo: bool,
    /// The newest line for the user.
    pub message: Option<Message>,
    /// Playing by its own clock while the transport stands.
    pub audition: bool,
}
