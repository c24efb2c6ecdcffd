//! The model shelf: which models there are, which of them are here, and how to bring the others.
//!
//! No thread of its own. Listing and looking take some reads of the disk; fetching and checking
//! take minutes and run on the caller's thread, which must be one that may wait: neither the audio
//! thread nor one that draws. A fetch is stopped from another thread through its [`Control`].
//!
//! Reading order: `manifest` (what is known by name), `settings` (where models lie), `cache` (how
//! they lie there), `hub` (what is asked of the hub), `download` (one file), `fetch` (a whole
//! model), `record` (what was fetched), `verify` and `remove`, `predict` (memory and speed), `speeds`
//! (what was measured on this machine, if `stillness` let it).

mod address;
mod cache;
mod control;
mod digest;
mod download;
mod error;
mod fetch;
mod found;
mod hub;
mod layout;
mod lock;
mod manifest;
pub mod predict;
mod progress;
mod record;
mod remove;
mod settings;
mod speeds;
mod stillness;
mod verify;

use std::path::{Path, PathBuf};

use self::cache::Place;
use self::lock::Lock;
use self::record::Record;
use self::verify::Faults;

pub use cache::folder_title;
pub use control::Control;
pub use digest::Digest;
pub use error::{FetchError, in_words};
pub use fetch::Offer;
pub use manifest::{Entry, Rights, is_id};
pub use progress::{FetchProgress, Stage};
pub use record::{Fetched, ModelFile};
pub use settings::{Patience, Settings, Token};
pub use speeds::Speeds;
pub use stillness::Stillness;
pub use verify::Fault;

/// All models that are known by name, and where they lie.
#[derive(Debug, Clone)]
pub struct Shelf {
    settings: Settings,
    entries: Vec<Entry>,
    complaints: Vec<String>,
}

/// Where a model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Compiled into the binary.
    BuiltIn,
    /// On this machine, whole.
    Here {
        /// Its folder, in the Hugging Face layout.
        path: PathBuf,
        /// Its commit.
        revision: String,
        /// Of its files.
        bytes: u64,
        /// Whether we brought it, or any of it.
        ours: bool,
    },
    /// Some of it came; fetching goes on from there.
    Partial {
        /// What came.
        bytes: u64,
        /// Of how many.
        of: u64,
    },
    /// Somebody fetches it just now.
    Fetching {
        /// What came.
        bytes: u64,
        /// Of how many.
        of: u64,
    },
    /// Not on this machine.
    Missing,
}

/// Which commit of a model is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Which {
    /// That which was fetched before, or was begun; the newest where there was none.
    #[default]
    Pinned,
    /// What the hub has now.
    Newest,
}

impl Shelf {
    /// The shelf as the environment and the user's lists say (see [`Settings::from_env`]).
    #[must_use]
    pub fn load() -> Self {
        Self::with(Settings::from_env())
    }

    /// The shelf with these settings. A list that can't be read is left out, and
    /// [`Shelf::complaints`] says so.
    #[must_use]
    pub fn with(settings: Settings) -> Self {
        let mut entries = manifest::built_in();
        let mut complaints = Vec::new();
        for path in &settings.lists {
            match manifest::read_file(path) {
                Ok(more) => {
                    for entry in more {
                        match entries.iter_mut().find(|known| known.name == entry.name) {
                            Some(known) => *known = entry,
                            None => entries.push(entry),
                        }
                    }
                }
                Err(why) => complaints.push(format!("{}: {why}", path.display())),
            }
        }
        Self {
            settings,
            entries,
            complaints,
        }
    }

    /// Where models lie and come from.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is wrong with the user's lists, a line each.
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// The models that are known by name, in the order of the lists.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The model that a name ("small") or an id ("facebook/musicgen-small") stands for. Any id of
    /// the hub will do; what is on no shelf has no licence yet.
    ///
    /// # Errors
    /// [`FetchError::Unknown`].
    pub fn find(&self, name: &str) -> Result<Entry, FetchError> {
        let is = |entry: &&Entry| entry.name == name || entry.id.as_deref() == Some(name);
        if let Some(entry) = self.entries.iter().find(is) {
            return Ok(entry.clone());
        }
        if !is_id(name) {
            let known: Vec<&str> = self.entries.iter().map(|entry| &*entry.name).collect();
            return Err(FetchError::Unknown {
                name: name.to_owned(),
                known: known.join(", "),
            });
        }
        let mut entry = Entry::unlisted(name);
        let licence = self.fetched(&entry).and_then(|model| model.licence);
        if let Some(licence) = licence {
            entry.set_licence(&licence);
        }
        Ok(entry)
    }

    /// Where a model is now.
    #[must_use]
    pub fn state(&self, entry: &Entry) -> State {
        let Some(id) = &entry.id else {
            return State::BuiltIn;
        };
        let place = self.place(id);
        let record = self.record(&place);
        if let Some(model) = self.here(&place, &record) {
            return State::Here {
                path: place.snapshot(&model.commit),
                bytes: bytes_in(&place.snapshot(&model.commit)),
                ours: model.files.iter().any(|file| file.ours),
                revision: model.commit,
            };
        }
        let Some(model) = record.underway.or(record.pinned) else {
            return State::Missing;
        };
        let here = |file| fetch::bytes_here(&place, file);
        let (bytes, of) = (model.files.iter().map(here).sum(), model.bytes());
        let locked = |file: &ModelFile| Lock::is_held(&place.lock(&file.digest));
        if model.files.iter().any(locked) {
            State::Fetching { bytes, of }
        } else if bytes > 0 {
            State::Partial { bytes, of }
        } else {
            State::Missing
        }
    }

    /// What is here of a model: what was fetched, or what another program put into the cache.
    #[must_use]
    pub fn fetched(&self, entry: &Entry) -> Option<Fetched> {
        let place = self.place(entry.id.as_deref()?);
        self.here(&place, &self.record(&place))
    }

    /// Asks the hub what fetching would bring. Takes as long as the network does.
    ///
    /// # Errors
    /// Those of [`Shelf::fetch`] that the network and the hub cause.
    pub fn offer(
        &self,
        entry: &Entry,
        which: Which,
        control: &Control,
    ) -> Result<Offer, FetchError> {
        let id = id_of(entry)?;
        let record = self.record(&self.place(id));
        let known = record.pinned.or(record.underway);
        let revision = match which {
            Which::Newest => "main".to_owned(),
            Which::Pinned => known.map_or_else(|| "main".to_owned(), |model| model.commit),
        };
        fetch::offer(&self.settings, id, &revision, control)
    }

    /// Fetches a model, unless it is here: the network is then not used. Runs on the caller's
    /// thread until it ends; `hear` is called there, ten times a second. Ended in whatever way but
    /// by [`Control::cancel`], it goes on from where it was when it is called again. Two that fetch
    /// the same model, in one process or several, do each other no harm.
    ///
    /// # Errors
    /// Any [`FetchError`] but those of names and of what is here.
    pub fn fetch(
        &self,
        entry: &Entry,
        which: Which,
        control: &Control,
        hear: &mut dyn FnMut(&FetchProgress),
    ) -> Result<Fetched, FetchError> {
        if which == Which::Pinned
            && let Some(model) = self.adopted(entry)?
        {
            return Ok(model);
        }
        let offer = self.offer(entry, which, control)?;
        self.accept(&offer, control, hear)
    }

    /// Fetches what the hub offered.
    ///
    /// # Errors
    /// As [`Shelf::fetch`].
    pub fn accept(
        &self,
        offer: &Offer,
        control: &Control,
        hear: &mut dyn FnMut(&FetchProgress),
    ) -> Result<Fetched, FetchError> {
        fetch::fetch(&self.settings, offer, control, hear)
    }

    /// Reads all files of a model and holds them against the hub's checksums, as they were told
    /// when it was fetched.
    ///
    /// # Errors
    /// [`FetchError::NotHere`], [`FetchError::Damaged`], [`FetchError::Disk`] and stops.
    pub fn verify(
        &self,
        entry: &Entry,
        control: &Control,
        hear: &mut dyn FnMut(&FetchProgress),
    ) -> Result<Fetched, FetchError> {
        let (_, model, faults) = self.faults(entry, control, hear)?;
        if faults.is_empty() {
            return Ok(model);
        }
        let words = faults
            .iter()
            .map(|(file, fault)| format!("{} {}", file.name, fault.words()));
        Err(FetchError::Damaged {
            id: model.id.clone(),
            files: words.collect::<Vec<_>>().join(", "),
        })
    }

    /// As [`Shelf::verify`], but what is not as it should be is deleted and fetched anew.
    ///
    /// # Errors
    /// [`FetchError::NotHere`], and as [`Shelf::fetch`].
    pub fn repair(
        &self,
        entry: &Entry,
        control: &Control,
        hear: &mut dyn FnMut(&FetchProgress),
    ) -> Result<Fetched, FetchError> {
        let (place, model, faults) = self.faults(entry, control, hear)?;
        if faults.is_empty() {
            return Ok(model);
        }
        for (file, _) in &faults {
            let blob = place.blob(&file.digest);
            let link = place.snapshot(&model.commit).join(&file.name);
            for path in [blob, link] {
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(FetchError::disk(&path, &error, 0));
                    }
                    _ => {}
                }
            }
        }
        let offer = fetch::offer(&self.settings, &model.id, &model.commit, control)?;
        self.accept(&offer, control, hear)
    }

    /// Removes a model from the cache: the files that we brought, of which no other revision of the
    /// model makes use; with `others`, those of other programs too. Gives the bytes that are free
    /// now.
    ///
    /// # Errors
    /// [`FetchError::BuiltIn`], [`FetchError::NotHere`], [`FetchError::NotOurs`],
    /// [`FetchError::NoPermission`], [`FetchError::Disk`].
    pub fn remove(&self, entry: &Entry, others: bool) -> Result<u64, FetchError> {
        let place = self.place(id_of(entry)?);
        let record_path = self.record_path(&place);
        let mut record = Record::read(&record_path);
        let mut bytes = 0;
        let here = self.here(&place, &record);
        let all: Vec<Fetched> = here
            .into_iter()
            .chain(record.pinned.take())
            .chain(record.underway.take())
            .chain(record.older.drain(..))
            .collect();
        if all.is_empty() {
            return Err(FetchError::NotHere {
                id: id_of(entry)?.to_owned(),
            });
        }
        let ours = |model: &Fetched| model.files.iter().any(|file| file.ours);
        let begun =
            |model: &Fetched| model.unix_seconds == 0 && !place.snapshot(&model.commit).exists();
        if !others && !all.iter().any(|model| ours(model) || begun(model)) {
            return Err(FetchError::NotOurs {
                id: id_of(entry)?.to_owned(),
            });
        }
        for model in &all {
            bytes += remove::remove(&place, model, others)?;
        }
        fetch::note(&record, &record_path)?;
        Ok(bytes)
    }

    /// What is here whole; pins it, should another program have fetched it.
    fn adopted(&self, entry: &Entry) -> Result<Option<Fetched>, FetchError> {
        let Some(mut model) = self.fetched(entry) else {
            return Ok(None);
        };
        let path = self.record_path(&self.place(&model.id));
        let mut record = Record::read(&path);
        if record.pinned.is_none() && !model.files.is_empty() {
            model.unix_seconds = record::now();
            record.pinned = Some(model.clone());
            fetch::note(&record, &path)?;
        }
        Ok(Some(model))
    }

    fn place(&self, id: &str) -> Place {
        Place::new(&self.settings.cache, id)
    }

    fn record_path(&self, place: &Place) -> PathBuf {
        let Settings { records, cache, .. } = &self.settings;
        Record::path(records, cache, place.folder_name())
    }

    fn record(&self, place: &Place) -> Record {
        Record::read(&self.record_path(place))
    }

    /// A model that was fetched, where it lies, and which of its files are not as they should be.
    fn faults(
        &self,
        entry: &Entry,
        control: &Control,
        hear: &mut dyn FnMut(&FetchProgress),
    ) -> Result<(Place, Fetched, Faults), FetchError> {
        let (place, model) = self.known(entry)?;
        let faults = verify::faults(&place, &model, control, hear)?;
        Ok((place, model, faults))
    }

    fn known(&self, entry: &Entry) -> Result<(Place, Fetched), FetchError> {
        let id = id_of(entry)?;
        let place = self.place(id);
        let record = self.record(&place);
        // What is damaged may not look whole any more.
        let model = record.pinned.clone().or_else(|| self.here(&place, &record));
        let model = model.ok_or_else(|| FetchError::NotHere { id: id.to_owned() })?;
        if model.files.is_empty() {
            return Err(FetchError::NoChecksums { id: id.to_owned() });
        }
        Ok((place, model))
    }

    /// What is here whole. What we fetched stays what it was, whatever "main" is by now.
    fn here(&self, place: &Place, record: &Record) -> Option<Fetched> {
        match &record.pinned {
            Some(model) => {
                fetch::snapshot(place, &model.commit, Some(model))?;
                Some(model.clone())
            }
            None => found::found(place),
        }
    }
}

/// Of the needed files of a folder.
fn bytes_in(folder: &Path) -> u64 {
    let names = layout::complete(folder).unwrap_or_default();
    let length = |name| std::fs::metadata(folder.join(name)).map_or(0, |facts| facts.len());
    names.iter().map(length).sum()
}

fn id_of(entry: &Entry) -> Result<&str, FetchError> {
    entry.id.as_deref().ok_or_else(|| FetchError::BuiltIn {
        name: entry.name.clone(),
    })
}
