//! The library and other programs' files, as a session sees them.
//!
//! A thread for each instance that has something to keep or to look for, `barline-keeper`: it waits for
//! disks, so that the session never does. It ends when the session does, and is not waited for: what was
//! begun is finished, and what the library answered for is kept.
//!
//! The library is in the user's data folder, or where the environment's `BARLINE_LIBRARY` says (see
//! [`Library::default_folder`]): tests, validators and whoever keeps takes on another disk set it before
//! the host starts.

mod fetch;
mod look;

use std::path::PathBuf;
use std::sync::Arc;

use barline_engine::file::{self, Depth, Recipe};
use barline_engine::{ClipFacts, Length};
use barline_library::{Library, LibraryError, Origin, Peaks, TakeFacts};
use crossbeam_channel::{Receiver, Sender};

use super::feed::Take;
use super::files::Errand;
use super::takes;
use crate::export;
use crate::view::{Find, LibraryAction, LibraryView, TakeId};

/// What becomes of a clip that was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Then {
    /// It goes into a slot.
    Place(usize),
    /// It goes into a slot whose project was saved without it, if that still waits for it.
    ComeBack(usize),
    /// It is heard.
    Preview,
    /// It is written.
    Write(Errand),
    /// Another is made like it (`true`), or with another seed.
    Again(bool),
}

/// What the keeper is asked.
pub(super) enum Order {
    /// Keep a take.
    Keep(Arc<Take>),
    /// Read a take of the library.
    Load(String, Then),
    /// Read a file: into this slot, at this tempo when it has none of its own.
    Import {
        path: PathBuf,
        slot: usize,
        tempo_bpm: f64,
        beats_per_bar: u32,
    },
    /// Where a take lies.
    Where(String),
    /// What the panel asked.
    Panel(LibraryAction),
    /// Look whether others changed something.
    Look,
}

/// What it says.
pub(super) enum News {
    /// A take is kept under this id.
    Kept(TakeId, String),
    /// A clip was read.
    Read(Box<Take>, Then),
    /// What was to be read can't be; why was said.
    Gone,
    /// Where a take lies.
    At(PathBuf),
    /// The library as it is now.
    View(Box<LibraryView>),
    /// Prompts of the library, newest first.
    Prompts(Vec<String>),
    /// Something to tell.
    Info(String),
    /// Something went wrong.
    Trouble(String),
}

/// The session's end.
pub(super) struct Keeper {
    orders: Sender<Order>,
    pub(super) news: Receiver<News>,
    /// Clips that the session waits for.
    pub(super) reading: usize,
}

impl Keeper {
    /// Starts the thread on the library in that folder, else the user's; `None` when the system has no room for one.
    pub(super) fn start(folder: Option<PathBuf>) -> Option<Self> {
        let (orders, inbox) = crossbeam_channel::unbounded();
        let (outbox, news) = crossbeam_channel::unbounded();
        std::thread::Builder::new()
            .name("barline-keeper".into())
            .spawn(move || {
                barline_engine::worker::lower_priority();
                Shop::new(folder, outbox).run(&inbox);
            })
            .ok()?;
        Some(Self {
            orders,
            news,
            reading: 0,
        })
    }

    pub(super) fn order(&mut self, order: Order) {
        if matches!(order, Order::Load(..) | Order::Import { .. }) {
            self.reading += 1;
        }
        // A thread that has ended has said why.
        let _ = self.orders.send(order);
    }
}

/// The thread's end.
struct Shop {
    library: Result<Library, LibraryError>,
    find: Find,
    /// Over the limit, as the panel was told.
    prune: Option<barline_library::Prune>,
    outbox: Sender<News>,
}

impl Shop {
    fn new(folder: Option<PathBuf>, outbox: Sender<News>) -> Self {
        let library = match folder {
            Some(folder) => Library::open(&folder),
            None => Library::open_default(),
        };
        let shop = Self {
            library,
            find: Find::default(),
            prune: None,
            outbox,
        };
        if let Ok(library) = &shop.library {
            for notice in library.notices() {
                shop.say(News::Info(notice.to_string()));
            }
        }
        shop
    }

    fn run(mut self, inbox: &Receiver<Order>) {
        self.look();
        self.prompts();
        while let Ok(order) = inbox.recv() {
            match order {
                Order::Keep(take) => self.keep(&take),
                Order::Load(id, then) => self.load(&id, then),
                Order::Import {
                    path,
                    slot,
                    tempo_bpm,
                    beats_per_bar,
                } => self.import(&path, slot, tempo_bpm, beats_per_bar),
                Order::Where(id) => self.tell_where(&id),
                Order::Panel(action) => self.obey(action),
                Order::Look => {
                    let library = self.library.as_mut();
                    if library.is_ok_and(|library| library.changed().unwrap_or(false)) {
                        self.look();
                    }
                }
            }
        }
    }

    fn say(&self, news: News) {
        // A session that has ended hears nothing.
        let _ = self.outbox.send(news);
    }

    fn keep(&mut self, take: &Take) {
        let Some(facts) = &take.facts else {
            return;
        };
        let Ok(library) = &mut self.library else {
            // Said once, in the library's own place; clips come and go without it.
            return;
        };
        let recipe = Recipe::new(facts, take.rate_hz, Depth::Int24);
        let kept = match file::wav_bytes(&recipe, &take.channels) {
            Ok(bytes) => library.add(&bytes, &facts_of(take, facts, &recipe)),
            Err(error) => {
                self.say(News::Trouble(format!(
                    "the take is not in the library: {error}"
                )));
                return;
            }
        };
        match kept {
            Ok(added) => {
                self.say(News::Kept(take.id, added.id.to_string()));
                self.look();
            }
            Err(error) => self.say(News::Trouble(error.to_string())),
        }
    }
}

/// What the library is told of a take.
fn facts_of(take: &Take, facts: &ClipFacts, recipe: &Recipe) -> TakeFacts {
    let (tempo_bpm, bars, beats_per_bar) = match facts.length {
        Length::Bars {
            bars,
            beats_per_bar,
            tempo_bpm,
        } => (Some(tempo_bpm), Some(bars), beats_per_bar),
        Length::Seconds(_) => (None, None, 4),
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    TakeFacts {
        name: String::new(),
        prompt: facts.prompt.clone(),
        model: facts.model.clone(),
        model_revision: facts.model_sha256.clone(),
        seed: facts.seed,
        // Plain data without maps: it always has a JSON form.
        settings: serde_json::to_string(recipe).unwrap_or_default(),
        tempo_bpm,
        bars,
        beats_per_bar,
        key: export::key(facts),
        frames: take.channels.first().map_or(0, Vec::len) as u64,
        rate_hz: take.rate_hz,
        channels: take.channels.len() as u16,
        seconds: take.seconds(),
        score: takes::score(facts).map(f64::from),
        rights: facts.rights.clone(),
        origin: if facts.steps == 0 {
            Origin::Imported {
                file_name: facts.model.clone(),
            }
        } else {
            Origin::Generated
        },
        date_unix_seconds: now.map_or(0, |now| now.as_secs() as i64),
        peaks: Peaks::of(&take.channels),
    }
}
