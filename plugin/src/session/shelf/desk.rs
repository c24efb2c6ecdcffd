//! The shelf's own thread: looks at disks, and sends others to the network, so that no answer waits
//! for a fetch.
//!
//! `barline-shelf`, and `barline-fetch` for each errand. May wait for disks; only errands wait for the
//! network.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use barline_engine::import::ImportError;
use barline_engine::shelf::{
    self, Control, Entry, FetchError, FetchProgress, Offer, Shelf, Stage, State, Which, is_id,
    predict,
};
use barline_engine::{Precision, worker};
use crossbeam_channel::{Receiver, Sender};

use super::{Ask, Tells, imports, speeds};
use crate::view::{Doing, ModelState, ModelView, Offered, Rights};

/// What comes to the thread.
pub(super) enum Post {
    /// From the session.
    Ask(Ask),
    /// The hub has answered.
    Offered(String, Control, Result<Offer, FetchError>),
    /// A fetch has ended.
    Fetched(String, Result<(), FetchError>),
    /// A checkpoint was brought over, or not.
    Imported(String, imports::Outcome),
    /// The files of a model were checked.
    Mended(String, Result<(), FetchError>),
    /// The session has ended.
    End,
}

/// The thread's own.
pub(super) struct Desk {
    shelf: Shelf,
    /// Models that are on no list, but were asked for by their ids.
    unlisted: Vec<Entry>,
    /// Folders whose checkpoints are brought over.
    imports: Vec<String>,
    offers: HashMap<String, Result<Offer, ()>>,
    /// As last said.
    seen: Vec<ModelView>,
    /// For its errands.
    own: Sender<Post>,
    outbox: Sender<Tells>,
}

impl Desk {
    pub(super) fn new(shelf: Shelf, own: Sender<Post>, outbox: Sender<Tells>) -> Self {
        Self {
            shelf,
            unlisted: Vec::new(),
            imports: Vec::new(),
            offers: HashMap::new(),
            seen: Vec::new(),
            own,
            outbox,
        }
    }

    /// Until the session ends.
    pub(super) fn run(mut self, inbox: &Receiver<Post>) {
        for complaint in self.shelf.complaints() {
            self.say(Tells::Trouble(complaint.clone()));
        }
        self.look();
        while let Ok(post) = inbox.recv() {
            match post {
                Post::Ask(ask) => self.answer(ask),
                Post::Offered(id, control, offered) => self.offered(id, &control, offered),
                Post::Fetched(id, fetched) => {
                    // What stopped it may have changed what there is to fetch.
                    self.offers.remove(&id);
                    self.say(Tells::Fetched(id, fetched));
                    self.look_anew();
                }
                Post::Imported(id, imported) => {
                    self.imports.retain(|folder| *folder != id);
                    self.say(Tells::Imported(id, imported));
                    self.look_anew();
                }
                Post::Mended(id, mended) => {
                    self.say(Tells::Mended(id, mended));
                    self.look_anew();
                }
                Post::End => return,
            }
        }
    }

    fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Look => self.look(),
            Ask::Predict => {
                speeds::want(self.shelf.entries(), &self.shelf.settings().speeds);
                self.look();
            }
            Ask::Find(id) => {
                let found = self.find(&id);
                self.look();
                self.say(Tells::Found(id, found));
            }
            Ask::Offer(id, control) => {
                self.offers.remove(&id);
                let found = self.find(&id);
                self.look();
                if found.is_some() {
                    self.say(Tells::Found(id, found));
                    return;
                }
                let entry = self.shelf.find(&id);
                let (shelf, kept) = (self.shelf.clone(), control.clone());
                let name = id.clone();
                self.errand(
                    move || {
                        let offered =
                            entry.and_then(|entry| shelf.offer(&entry, Which::Pinned, &control));
                        Post::Offered(name, control, offered)
                    },
                    |error| Post::Offered(id, kept, Err(error)),
                );
            }
            Ask::Fetch(id, control) => {
                let offer = self.offers.remove(&id).and_then(Result::ok);
                let (entry, shelf) = (self.shelf.find(&id), self.shelf.clone());
                let (mut hear, name) = (self.hears(&id), id.clone());
                self.errand(
                    move || {
                        let fetched = match offer {
                            Some(offer) => shelf.accept(&offer, &control, &mut hear),
                            None => entry.and_then(|entry| {
                                shelf.fetch(&entry, Which::Pinned, &control, &mut hear)
                            }),
                        };
                        Post::Fetched(name, fetched.map(drop))
                    },
                    |error| Post::Fetched(id, Err(error)),
                );
            }
            Ask::Import(id, control) => {
                let companion = self.companion();
                let (outbox, name, folder) = (self.outbox.clone(), id.clone(), id.clone());
                self.imports.push(id.clone());
                self.look();
                self.errand(
                    move || {
                        let hear = |state| {
                            let _ = outbox.send(Tells::Comes(name.clone(), state));
                        };
                        let companion = companion.as_deref();
                        let made = imports::bring(Path::new(&folder), companion, &control, hear);
                        Post::Imported(folder, made)
                    },
                    |error| {
                        let source = std::io::Error::other(error.to_string());
                        let path = PathBuf::from(&id);
                        Post::Imported(id, Err(ImportError::Io { path, source }))
                    },
                );
            }
            Ask::Mend(id, control) => {
                let (entry, shelf) = (self.shelf.find(&id), self.shelf.clone());
                let (mut hear, name) = (self.hears(&id), id.clone());
                self.errand(
                    move || {
                        let mend = |entry| shelf.repair(&entry, &control, &mut hear);
                        Post::Mended(name, entry.and_then(mend).map(drop))
                    },
                    |error| Post::Mended(id, Err(error)),
                );
            }
            Ask::Remove(id) => {
                let remove = |entry| self.shelf.remove(&entry, false);
                let removed = self.shelf.find(&id).and_then(remove);
                self.look();
                self.say(Tells::Removed(id, removed));
            }
        }
    }

    /// Passes the progress of an errand on.
    fn hears(&self, id: &str) -> impl FnMut(&FetchProgress) + Send + 'static {
        let (outbox, id) = (self.outbox.clone(), id.to_owned());
        move |progress| {
            // A session that has ended hears nothing.
            let _ = outbox.send(Tells::Comes(id.clone(), comes(progress)));
        }
    }

    fn offered(&mut self, id: String, control: &Control, offered: Result<Offer, FetchError>) {
        // Declined, or asked anew: another answer is on its way, or none is wanted.
        if control.is_stopped() {
            return;
        }
        if let Ok(offer) = &offered
            && let Some(licence) = &offer.model.licence
        {
            let unlisted = self.unlisted.iter_mut();
            unlisted
                .filter(|entry| entry.name == id)
                .for_each(|entry| entry.set_licence(licence));
        }
        let (kept, said) = match offered {
            Ok(offer) => (Ok(offer), Ok(())),
            Err(error) => (Err(()), Err(error)),
        };
        self.offers.insert(id.clone(), kept);
        self.look();
        self.say(Tells::Offered(id, said));
    }

    /// Has another thread do what takes long; `failed` is what comes of it when there is none.
    fn errand(
        &self,
        work: impl FnOnce() -> Post + Send + 'static,
        failed: impl FnOnce(FetchError) -> Post,
    ) {
        let own = self.own.clone();
        let spawned = std::thread::Builder::new()
            .name("barline-fetch".into())
            .spawn(move || {
                worker::lower_priority();
                let _ = own.send(work());
            });
        if let Err(error) = spawned {
            let _ = self.own.send(failed(FetchError::NoThread {
                why: error.to_string(),
            }));
        }
    }

    fn say(&self, tells: Tells) {
        // A session that has ended hears nothing.
        let _ = self.outbox.send(tells);
    }

    /// Where a model lies, if it is here. It is shown from now on.
    fn find(&mut self, id: &str) -> Option<PathBuf> {
        let entry = self.shelf.find(id).ok()?;
        let listed = self.shelf.entries().iter().chain(&self.unlisted);
        if is_id(id) && !listed.into_iter().any(|known| known.id == entry.id) {
            self.unlisted.push(entry.clone());
        }
        match self.shelf.state(&entry) {
            State::Here { path, .. } => Some(path),
            _ => None,
        }
    }

    /// A MusicGen that is here, for what a checkpoint lacks.
    fn companion(&self) -> Option<PathBuf> {
        let entries = self.shelf.entries().iter().chain(&self.unlisted);
        let mut here = entries.filter_map(|entry| match self.shelf.state(entry) {
            State::Here { path, .. } if entry.runs() => Some(path),
            _ => None,
        });
        here.next()
    }

    /// Says how everything stands, where that is news.
    fn look(&mut self) {
        let entries = self.shelf.entries().iter().chain(&self.unlisted);
        let imports = self.imports.iter().map(|folder| imports::card(folder));
        let views: Vec<_> = entries
            .map(|entry| self.view(entry))
            .chain(imports)
            .collect();
        if views != self.seen {
            self.seen.clone_from(&views);
            self.say(Tells::Shelf(views));
        }
    }

    /// The same after the panel has seen progress.
    fn look_anew(&mut self) {
        self.seen.clear();
        self.look();
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
                bytes_per_second: None,
                seconds_left: None,
                doing: Doing::Elsewhere,
            },
            State::Missing => ModelState::Missing,
        };
        let needs_bytes = entry.size.and_then(|size| {
            let config = predict::config(size, entry.channels).ok()?;
            let precision = Precision::for_weights(config.decoder.step_weights());
            predict::memory_bytes(size, entry.channels, precision).ok()
        });
        let licence = match entry.licence.as_str() {
            "" => entry.release.clone(),
            licence => format!("{licence}. {}", entry.release),
        };
        ModelView {
            offer: self.offers.get(&id).map(|offer| match offer {
                Ok(offer) => Offered::Bytes(offer.bytes_left),
                Err(()) => Offered::Failed,
            }),
            chosen: false,
            held_bytes: 0,
            needs_bytes,
            seconds_a_bar: speeds::known(entry),
            name: entry.title.clone(),
            good_at: entry.good_at.clone(),
            licence,
            rights: match entry.rights {
                shelf::Rights::Commercial => Rights::Commercial,
                shelf::Rights::NonCommercial => Rights::NonCommercial,
                shelf::Rights::Unknown => Rights::Unknown,
            },
            state,
            id,
        }
    }
}

/// How a fetch stands.
fn comes(progress: &FetchProgress) -> ModelState {
    ModelState::Fetching {
        done_bytes: progress.bytes_done,
        bytes: progress.bytes_total,
        bytes_per_second: progress.bytes_per_second.map(|rate| rate as f32),
        seconds_left: progress.seconds_left.map(|seconds| seconds as f32),
        doing: match progress.stage {
            Stage::Waiting => Doing::Waiting,
            Stage::Checking => Doing::Checking,
            Stage::Fetching => Doing::Coming,
            Stage::Retrying => Doing::Retrying,
        },
    }
}
