//! The shelf of models, as a session sees it: a thread that looks at disks, asks the hub and fetches.
//!
//! One thread for each instance whose panel was opened, `barline-shelf`, at lowered priority; it ends
//! with the session. What two instances fetch at once does no harm (see `barline_engine::shelf`).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use barline_engine::model::Size;
use barline_engine::shelf::{
    self, Control, Entry, FetchError, Offer, Shelf, State, Which, predict,
};
use barline_engine::{Precision, worker};
use crossbeam_channel::{Receiver, Sender};

use crate::view::{ModelState, ModelView, Rights};

/// Predicted seconds a bar by size and channels: measured once a process.
static SPEEDS: Mutex<Option<HashMap<(String, u8), f32>>> = Mutex::new(None);

/// What it is asked.
pub(super) enum Ask {
    /// How everything stands.
    Look,
    /// How fast each model would be here, which takes a core for seconds, once a process.
    Predict,
    /// What fetching a model would bring.
    Offer(String, Control),
    /// Fetch a model, as it was offered.
    Fetch(String, Control),
    /// Where the model of a project lies.
    Find(String),
}

/// What it says.
pub(super) enum Tells {
    /// How everything stands.
    Shelf(Vec<ModelView>),
    /// A model comes: bytes here and in all, and seconds left.
    Comes(String, u64, u64, Option<f32>),
    /// The question what a fetch would bring has been answered; the answer is on the shelf.
    Offered(Result<(), FetchError>),
    /// A fetch has ended.
    Fetched(String, Result<(), FetchError>),
    /// Where the model of a project lies; `None`: not here.
    Found(String, Option<PathBuf>),
    /// Something to tell.
    Trouble(String),
}

/// The session's end.
pub(super) struct ShelfKeeper {
    asks: Sender<Ask>,
    pub(super) tells: Receiver<Tells>,
    /// Of what is being fetched.
    pub(super) control: Option<Control>,
}

impl ShelfKeeper {
    /// Starts the thread; `None` when the system has no room for one.
    pub(super) fn start() -> Option<Self> {
        let (asks, inbox) = crossbeam_channel::unbounded();
        let (outbox, tells) = crossbeam_channel::unbounded();
        std::thread::Builder::new()
            .name("barline-shelf".into())
            .spawn(move || {
                worker::lower_priority();
                let desk = Desk {
                    shelf: Shelf::load(),
                    offers: HashMap::new(),
                    seen: Vec::new(),
                    outbox,
                };
                desk.run(&inbox);
            })
            .ok()?;
        Some(Self {
            asks,
            tells,
            control: None,
        })
    }

    /// Asks for a look, unless it has more to do than that.
    pub(super) fn look(&self) {
        if self.asks.is_empty() {
            self.ask(Ask::Look);
        }
    }

    pub(super) fn ask(&self, ask: Ask) {
        // A thread that has ended has said why.
        let _ = self.asks.send(ask);
    }
}

impl Drop for ShelfKeeper {
    fn drop(&mut self) {
        // What has come stays for another time.
        if let Some(control) = &self.control {
            control.pause();
        }
    }
}

/// The thread's end.
struct Desk {
    shelf: Shelf,
    offers: HashMap<String, Offer>,
    /// As last said.
    seen: Vec<ModelView>,
    outbox: Sender<Tells>,
}

impl Desk {
    fn run(mut self, inbox: &Receiver<Ask>) {
        for complaint in self.shelf.complaints() {
            self.say(Tells::Trouble(complaint.clone()));
        }
        self.look();
        while let Ok(ask) = inbox.recv() {
            match ask {
                Ask::Look => self.look(),
                Ask::Predict => self.measure(),
                Ask::Find(id) => {
                    let entry = self.shelf.find(&id).ok();
                    let path = entry.and_then(|entry| self.folder(&entry));
                    self.say(Tells::Found(id, path));
                }
                Ask::Offer(id, control) => {
                    let offered = self.offer(&id, &control);
                    self.look();
                    self.say(Tells::Offered(offered));
                }
                Ask::Fetch(id, control) => {
                    let fetched = self.fetch(&id, &control);
                    // The panel has seen progress since.
                    self.seen.clear();
                    self.look();
                    self.say(Tells::Fetched(id, fetched));
                }
            }
        }
    }

    fn say(&self, tells: Tells) {
        // A session that has ended hears nothing.
        let _ = self.outbox.send(tells);
    }

    fn offer(&mut self, id: &str, control: &Control) -> Result<(), FetchError> {
        let entry = self.shelf.find(id)?;
        let offer = self.shelf.offer(&entry, Which::Pinned, control)?;
        self.offers.insert(id.to_owned(), offer);
        Ok(())
    }

    fn fetch(&mut self, id: &str, control: &Control) -> Result<(), FetchError> {
        if !self.offers.contains_key(id) {
            self.offer(id, control)?;
        }
        let Some(offer) = self.offers.remove(id) else {
            return Ok(());
        };
        let outbox = &self.outbox;
        let mut hear = |progress: &shelf::FetchProgress| {
            let left = progress.seconds_left.map(|seconds| seconds as f32);
            let (done, all) = (progress.bytes_done, progress.bytes_total);
            let _ = outbox.send(Tells::Comes(id.to_owned(), done, all, left));
        };
        self.shelf.accept(&offer, control, &mut hear).map(drop)
    }

    fn folder(&self, entry: &Entry) -> Option<PathBuf> {
        match self.shelf.state(entry) {
            State::Here { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Says how everything stands, where that is news.
    fn look(&mut self) {
        let entries = self.shelf.entries().iter();
        let views: Vec<_> = entries.map(|entry| self.view(entry)).collect();
        if views != self.seen {
            self.seen.clone_from(&views);
            self.say(Tells::Shelf(views));
        }
    }

    fn view(&self, entry: &Entry) -> ModelView {
        let id = entry.id.clone().unwrap_or_else(|| entry.name.clone());
        let state = match self.shelf.state(entry) {
            State::BuiltIn | State::Here { .. } => match &entry.later {
                Some(later) => ModelState::NotRun(later.clone()),
                None => ModelState::Here,
            },
            State::Partial { bytes, of } => ModelState::Partial(bytes, Some(of)),
            State::Fetching { bytes, of } => ModelState::Fetching {
                done_bytes: bytes,
                bytes: of,
                seconds_left: None,
            },
            State::Missing => ModelState::Missing,
        };
        let needs_bytes = entry.size.and_then(|size| {
            let config = predict::config(size, entry.channels).ok()?;
            let precision = Precision::for_weights(config.decoder.step_weights());
            predict::memory_bytes(size, entry.channels, precision).ok()
        });
        ModelView {
            offer_bytes: self.offers.get(&id).map(|offer| offer.bytes_left),
            chosen: false,
            held_bytes: 0,
            needs_bytes,
            seconds_a_bar: entry.size.and_then(|size| speed(size, entry.channels)),
            name: entry.title.clone(),
            good_at: entry.good_at.clone(),
            licence: format!("{} {}", entry.licence, entry.release),
            rights: match entry.rights {
                shelf::Rights::Commercial => Rights::Commercial,
                shelf::Rights::NonCommercial => Rights::NonCommercial,
                shelf::Rights::Unknown => Rights::Unknown,
            },
            state,
            id,
        }
    }

    /// How fast the models of the shelf would be here: what takes a second or two, once a process.
    fn measure(&mut self) {
        let mut news = false;
        for entry in self.shelf.entries() {
            let Some(size) = entry.size else {
                continue;
            };
            if speed(size, entry.channels).is_some() {
                continue;
            }
            let threads = worker::default_threads();
            if let Ok(seconds) = predict::seconds_per_bar(size, entry.channels, threads) {
                let mut speeds = SPEEDS.lock().unwrap_or_else(PoisonError::into_inner);
                let key = (size.to_string(), entry.channels);
                speeds.get_or_insert_default().insert(key, seconds as f32);
                news = true;
            }
        }
        if news {
            self.look();
        }
    }
}

fn speed(size: Size, channels: u8) -> Option<f32> {
    let speeds = SPEEDS.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (size.to_string(), channels);
    speeds.as_ref()?.get(&key).copied()
}
