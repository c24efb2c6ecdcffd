//! What the panel sees of a session, and what it asks of it. Plain data.
//!
//! The session publishes a [`Snapshot`] when something changed; the panel reads it, and both
//! read [`Live`], whose atomics the audio thread writes without ever waiting.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use barline_engine::ClipFacts;

/// What the user asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum UiAction {
    /// Make a clip from the project and the parameters.
    Generate,
    /// Stop making it.
    Cancel,
    /// Play the clip while the host's transport stands, or stop doing so.
    Audition(bool),
    /// Write the clip as a WAV file: into this folder under a name of its own, or to this
    /// very path when it ends in `.wav`.
    SaveWav(PathBuf),
    /// The message has been read.
    Dismiss,
}

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
    Loading,
    /// The model is at work.
    Generating {
        /// Steps done.
        step: u32,
        /// Steps in all.
        steps: u32,
        /// What the rest takes at the measured speed.
        seconds_left: Option<f32>,
    },
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

/// All that the panel shows of a session, as of one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// What is being done.
    pub phase: Phase,
    /// The clip in the picture.
    pub clip: Option<ClipView>,
    /// What becomes of it at the host's tempo, when that is another.
    pub following: Option<Following>,
    /// The newest line for the user.
    pub message: Option<Message>,
    /// Playing by its own clock while the transport stands.
    pub audition: bool,
}

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
    /// Beat in the clip that is heard, as the bits of an f64.
    playhead_bits: AtomicU64,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            tempo_bits: AtomicU64::new(NONE),
            beats_per_bar: AtomicU32::new(0),
            host_playing: AtomicBool::new(false),
            playhead_bits: AtomicU64::new(NONE),
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

    /// Session: where in the clip the player is. Says whether that is news.
    pub(crate) fn set_playhead(&self, beat: Option<f64>) -> bool {
        let bits = beat.map_or(NONE, f64::to_bits);
        self.playhead_bits.swap(bits, Ordering::Relaxed) != bits
    }

    /// The beat of the clip that is heard, when it is.
    #[must_use]
    pub fn playhead_beats(&self) -> Option<f64> {
        float(self.playhead_bits.load(Ordering::Relaxed))
    }
}

fn float(bits: u64) -> Option<f64> {
    (bits != NONE).then(|| f64::from_bits(bits))
}
