//! The shelf of models, as a session sees it: a thread that looks at disks, and one for each question to
//! the hub and each fetch.
//!
//! `barline-shelf` is there from the first look at models on, `barline-fetch` while the network is used;
//! both at lowered priority. They end with the session: what is being fetched is paused. What
//! two instances fetch at once does no harm (see `barline_engine::shelf`).

mod desk;
mod imports;
pub(super) mod speeds;

use std::collections::HashMap;
use std::path::PathBuf;

use barline_engine::import::ImportError;
use barline_engine::shelf::{Control, FetchError, Settings, Shelf};
use barline_engine::worker;
use crossbeam_channel::{Receiver, Sender};

use self::desk::Desk;
pub(super) use self::imports::words as import_trouble;
use crate::view::{Doing, ModelState, ModelView};

/// What it is asked.
pub(super) enum Ask {
    /// How everything stands.
    Look,
    /// The same, and how fast each model would be here, as far as that is not known.
    Predict,
    /// Where a model lies. It is on the shelf from then on, if it has an id.
    Find(String),
    /// What fetching a model would bring; where it lies, if it is here.
    Offer(String, Control),
    /// Fetch a model, as it was offered.
    Fetch(String, Control),
    /// Bring a checkpoint over that lies in this folder.
    Import(String, Control),
    /// Check the files of a model, and fetch anew what is damaged.
    Mend(String, Control),
    /// Delete what was fetched of a model.
    Remove(String),
}

/// What it says.
pub(super) enum Tells {
    /// How everything stands.
    Shelf(Vec<ModelView>),
    /// A model comes.
    Comes(String, ModelState),
    /// The question what a fetch would bring has been answered; the answer is on the shelf.
    Offered(String, Result<(), FetchError>),
    /// A fetch has ended.
    Fetched(String, Result<(), FetchError>),
    /// A checkpoint was brought over, into this folder.
    Imported(String, Result<PathBuf, ImportError>),
    /// The files of a model are as they should be, or why not.
    Mended(String, Result<(), FetchError>),
    /// A model was removed: so many bytes are free.
    Removed(String, Result<u64, FetchError>),
    /// Where a model lies; `None`: not here.
    Found(String, Option<PathBuf>),
    /// Something to tell.
    Trouble(String),
}

/// The session's end.
pub(super) struct ShelfKeeper {
    asks: Sender<desk::Post>,
    pub(super) tells: Receiver<Tells>,
    /// The question that the hub is asked.
    offer: Option<(String, Control)>,
    /// What is being fetched.
    fetches: HashMap<String, Control>,
}

impl ShelfKeeper {
    /// Starts the thread; `None` when the system has no room for one.
    pub(super) fn start(settings: Option<Settings>) -> Option<Self> {
        let (asks, inbox) = crossbeam_channel::unbounded();
        let (outbox, tells) = crossbeam_channel::unbounded();
        let own = asks.clone();
        std::thread::Builder::new()
            .name("barline-shelf".into())
            .spawn(move || {
                worker::lower_priority();
                let shelf = settings.map_or_else(Shelf::load, Shelf::with);
                Desk::new(shelf, own, outbox).run(&inbox);
            })
            .ok()?;
        Some(Self {
            asks,
            tells,
            offer: None,
            fetches: HashMap::new(),
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
        let _ = self.asks.send(desk::Post::Ask(ask));
    }

    /// Asks what a fetch would bring. One question at a time: nobody waits for the one before.
    pub(super) fn offer(&mut self, id: String) {
        self.decline();
        let control = Control::new();
        self.offer = Some((id.clone(), control.clone()));
        self.ask(Ask::Offer(id, control));
    }

    /// Nobody waits for an answer any more.
    pub(super) fn decline(&mut self) {
        if let Some((_, control)) = self.offer.take() {
            // Pausing it leaves what came of the model, should some be here.
            control.pause();
        }
    }

    /// Whether this is the answer that is waited for.
    pub(super) fn answered(&mut self, id: &str) -> bool {
        self.offer.take_if(|(asked, _)| asked == id).is_some()
    }

    /// Fetches, unless it is being fetched.
    pub(super) fn fetch(&mut self, id: String) {
        if let Some(control) = self.begin(&id) {
            self.ask(Ask::Fetch(id, control));
        }
    }

    /// Brings a folder's checkpoint over, unless it is at that.
    pub(super) fn import(&mut self, folder: String) {
        if let Some(control) = self.begin(&folder) {
            self.ask(Ask::Import(folder, control));
        }
    }

    /// Checks its files, unless it is at them.
    pub(super) fn mend(&mut self, id: String) {
        if let Some(control) = self.begin(&id) {
            self.ask(Ask::Mend(id, control));
        }
    }

    fn begin(&mut self, id: &str) -> Option<Control> {
        if self.fetches.contains_key(id) {
            return None;
        }
        let control = Control::new();
        self.fetches.insert(id.to_owned(), control.clone());
        Some(control)
    }

    /// A fetch has ended.
    pub(super) fn fetched(&mut self, id: &str) {
        self.fetches.remove(id);
    }

    pub(super) fn pause(&self, id: &str) {
        if let Some(control) = self.fetches.get(id) {
            control.pause();
        }
    }

    pub(super) fn cancel(&self, id: &str) {
        if let Some(control) = self.fetches.get(id) {
            control.cancel();
        }
    }

    /// What is seen of a model in a look at the disk. Of its own fetches a session knows more.
    pub(super) fn as_fetched(&self, looked: ModelView, shown: Option<&ModelView>) -> ModelView {
        let own = |model: &&ModelView| match model.state {
            ModelState::Fetching { doing, .. } => doing != Doing::Elsewhere,
            _ => false,
        };
        match shown.filter(own) {
            Some(shown) if self.fetches.contains_key(&looked.id) => ModelView {
                state: shown.state.clone(),
                ..looked
            },
            _ => looked,
        }
    }
}

impl Drop for ShelfKeeper {
    fn drop(&mut self) {
        self.decline();
        // What has come stays for another time.
        for control in self.fetches.values() {
            control.pause();
        }
        let _ = self.asks.send(desk::Post::End);
    }
}
