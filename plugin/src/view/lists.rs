//! Lists in the panel: takes, the library, requests that wait, models. Plain data.

use std::sync::Arc;

use super::{Find, Peak, Source};

/// What a clip may be used for, as far as its model's licence goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rights {
    /// Everything.
    Commercial,
    /// Nothing that is sold.
    NonCommercial,
    /// Not known.
    #[default]
    Unknown,
}

impl Rights {
    /// What the words of a licence come down to.
    #[must_use]
    pub fn said(words: &str) -> Self {
        let words = words.to_lowercase();
        let barred = [
            "excludes commercial",
            "non-commercial",
            "noncommercial",
            "-nc",
        ];
        if barred.iter().any(|bar| words.contains(bar)) {
            Self::NonCommercial
        } else if words.contains("commercial") {
            Self::Commercial
        } else {
            Self::Unknown
        }
    }
}

/// A take in a list: of this instance or of the library.
#[derive(Debug, Clone, PartialEq)]
pub struct TakeView {
    /// What names it.
    pub source: Source,
    /// Its name: the user's, else its prompt.
    pub name: String,
    /// The text it was made from; empty for a file.
    pub prompt: String,
    /// Its seed.
    pub seed: Option<u64>,
    /// Its tempo.
    pub tempo_bpm: Option<f64>,
    /// Its bars.
    pub bars: Option<u32>,
    /// Its key.
    pub key: Option<String>,
    /// Its score, 0 to 100.
    pub score: Option<u32>,
    /// Its length.
    pub seconds: f64,
    /// The model that made it, or the name of the file.
    pub made_by: String,
    /// What it may be used for.
    pub rights: Rights,
    /// Its rights in words.
    pub licence: String,
    /// A favourite of the user.
    pub favourite: bool,
    /// The user's tags.
    pub tags: Vec<String>,
    /// A small picture of it.
    pub peaks: Arc<[Peak]>,
}

/// A request, of any instance, that is worked on or waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its prompt.
    pub prompt: String,
    /// The model it asks for.
    pub model: String,
    /// It is worked on.
    pub running: bool,
    /// It is this instance's.
    pub own: bool,
}

/// The library as it was last looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LibraryView {
    /// What was looked for.
    pub find: Find,
    /// What fits.
    pub takes: Arc<[TakeView]>,
    /// How many fit in all.
    pub total: u64,
    /// Bytes of all takes.
    pub bytes: u64,
    /// Bytes that are to be kept at most.
    pub limit_bytes: u64,
    /// Over the limit: takes and bytes that would leave, if the user agrees.
    pub prune: Option<(u64, u64)>,
    /// Why there is none.
    pub trouble: Option<String>,
}

/// Whether a model is here.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelState {
    /// It can be used.
    Here,
    /// A part of it: bytes that are here, and bytes in all, where these are known.
    Partial(u64, Option<u64>),
    /// It has to be fetched first.
    Missing,
    /// It is being fetched.
    Fetching {
        /// Bytes that are here.
        done_bytes: u64,
        /// Bytes in all.
        bytes: u64,
        /// The measured rate.
        bytes_per_second: Option<f32>,
        /// What the rest takes at that rate.
        seconds_left: Option<f32>,
        /// What is done about it just now.
        doing: Doing,
    },
    /// It can be fetched, but this version does not run it; why.
    NotRun(String),
}

/// What a fetch is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Another instance or program fetches it.
    Elsewhere,
    /// Waits for another instance or program that fetches the same file.
    Waiting,
    /// What had come before is read.
    Checking,
    /// Bytes come.
    Coming,
    /// There was trouble; it is tried again soon.
    Retrying,
    /// It is a checkpoint of another make in a folder, which is brought over.
    Importing,
}

/// What the hub was asked about a model that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offered {
    /// Fetching it brings so many bytes.
    Bytes(u64),
    /// It could not be asked; a message has said why.
    Failed,
}

/// A model on the shelf.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelView {
    /// What names it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is good at.
    pub good_at: String,
    /// Its licence in plain words.
    pub licence: String,
    /// What its clips may be used for.
    pub rights: Rights,
    /// Whether it is here.
    pub state: ModelState,
    /// The next clip is made with it.
    pub chosen: bool,
    /// Bytes of memory that it holds now.
    pub held_bytes: u64,
    /// Bytes of memory that it will take.
    pub needs_bytes: Option<u64>,
    /// What fetching it would bring, once the hub was asked.
    pub offer: Option<Offered>,
    /// Predicted seconds for a bar at 120 BPM on this machine.
    pub seconds_a_bar: Option<f32>,
}
