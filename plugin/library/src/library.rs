//! The library as one thread has it open: opening, adding, looking one up.
//!
//! Any thread but the audio thread; each opens its own. Whatever changes files does so while it
//! holds the index's write lock, so that no two processes change the same take at once.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::folder::now_unix_seconds;
use crate::opening::{self, Opened, index_error};
use crate::sidecar::Sidecar;
use crate::{LibraryError, Origin, Take, TakeFacts, TakeId, adopt, index, wav};

/// Names another folder than the user's data folder.
const VARIABLE: &str = "BARLINE_LIBRARY";
/// Words of the prompt that make a name.
const NAME_WORDS: usize = 8;
/// Letters of a name.
pub(crate) const NAME_LETTERS: usize = 120;

/// What happened while the library was opened, for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Notice {
    /// The index was damaged.
    #[error(
        "the library's index was damaged: {takes} takes were found again, the size limit is the usual one; the old index is {aside}"
    )]
    Rebuilt {
        /// Where the damaged index lies now.
        aside: PathBuf,
        /// Takes in the new one.
        takes: u64,
    },
    /// Files that the index did not have: left by a process that ended too soon, or put back.
    #[error("{takes} takes were found in the library's folder and added")]
    Found {
        /// How many.
        takes: u64,
    },
    /// Takes whose files are gone.
    #[error("{takes} takes have left the library, since their files are gone from its folder")]
    Gone {
        /// How many.
        takes: u64,
    },
}

/// What became of a take that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Its name from now on.
    pub id: TakeId,
    /// False when the same file was in the library before; its facts stay as they were.
    pub is_new: bool,
}

/// The library, open. `Send`, one for each thread.
#[derive(Debug)]
pub struct Library {
    pub(crate) opened: Opened,
    notices: Vec<Notice>,
    seen_version: i64,
}

impl Library {
    /// Where the library is: the folder that `BARLINE_LIBRARY` names, else `library` in the user's
    /// data folder for Barline.
    ///
    /// # Errors
    /// [`LibraryError::NoHome`].
    pub fn default_folder() -> Result<PathBuf, LibraryError> {
        if let Some(folder) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
            return Ok(folder.into());
        }
        let folders = directories::ProjectDirs::from("", "", "barline");
        let folders = folders.ok_or(LibraryError::NoHome)?;
        Ok(folders.data_dir().join("library"))
    }

    /// Opens the library in [`Library::default_folder`].
    ///
    /// # Errors
    /// As [`Library::open`].
    pub fn open_default() -> Result<Self, LibraryError> {
        Self::open(&Self::default_folder()?)
    }

    /// Opens the library in a folder, or makes it. Takes that lie there and are not in the index
    /// are added; a damaged index is moved aside and made again; see [`Library::notices`].
    ///
    /// # Errors
    /// [`LibraryError`], other than those of takes. Then nothing was changed but, where permitted,
    /// the folder made.
    pub fn open(folder: &Path) -> Result<Self, LibraryError> {
        let mut opened = opening::open(folder)?;
        let changes = adopt::adopt(&mut opened)?;
        opened.folder.sweep_incoming();
        let mut library = Self {
            notices: changes.notices(opened.aside.take()),
            opened,
            seen_version: 0,
        };
        library.changed()?;
        Ok(library)
    }

    /// What the user should be told about the opening.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The library's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.opened.folder.root()
    }

    /// Keeps a take: the bytes of a whole WAV file, and what is known of it. When this returns, it
    /// is on the disk and in the index.
    ///
    /// # Errors
    /// [`LibraryError::NotWav`], [`LibraryError::Full`] and the system's; then it is not kept and
    /// nothing is left of it.
    pub fn add(&mut self, wav: &[u8], facts: &TakeFacts) -> Result<Added, LibraryError> {
        let id = TakeId::of(wav);
        let mut facts = facts.clone();
        wav::complete(&mut facts, wav)?;
        facts.name = clean_name(&facts.name).unwrap_or_else(|| first_name(&facts));
        if facts.date_unix_seconds == 0 {
            facts.date_unix_seconds = now_unix_seconds();
        }
        let take = Take {
            id,
            facts,
            tags: Vec::new(),
            is_favourite: false,
            bytes: wav.len() as u64,
            used_unix_seconds: None,
        };
        if self.is_whole(id, take.bytes)? {
            return Ok(Added { id, is_new: false });
        }
        let wav = self.opened.folder.receive(wav)?;
        let sidecar = self
            .opened
            .folder
            .receive(Sidecar::text(&take).as_bytes())?;
        self.opened
            .change(|folder, change| {
                let place = folder.wav(id);
                let known = index::find(change, id).map_err(|error| index_error(folder, error))?;
                if known.is_none() {
                    // The sidecar first: a WAV file in its place is never without its facts.
                    folder.place(sidecar, &folder.sidecar(id))?;
                }
                // Over a file that is there: its name says what it holds, and it may be damaged.
                folder.place(wav, &place)?;
                if known.is_none() {
                    index::store(change, &take).map_err(|error| index_error(folder, error))?;
                }
                let _ = fs::remove_file(folder.deleted_sidecar(id));
                Ok(Added {
                    id,
                    is_new: known.is_none(),
                })
            })
            .inspect_err(|_| self.withdraw(id))
    }

    /// A take, if it is in the library.
    ///
    /// # Errors
    /// The index's.
    pub fn get(&self, id: TakeId) -> Result<Option<Take>, LibraryError> {
        self.opened.read(|db| index::find(db, id))
    }

    /// The take's WAV file.
    ///
    /// # Errors
    /// [`LibraryError::NoTake`] when it was deleted, or its file is gone.
    pub fn path(&self, id: TakeId) -> Result<PathBuf, LibraryError> {
        let path = self.opened.folder.wav(id);
        if self.get(id)?.is_some() && path.is_file() {
            return Ok(path);
        }
        Err(LibraryError::NoTake { id })
    }

    /// Whether others have changed the library since the last call, or since it was opened. Never
    /// waits and takes microseconds: meant to be asked a few times a second. What others are just
    /// doing is told the next time.
    ///
    /// # Errors
    /// The index's.
    pub fn changed(&mut self) -> Result<bool, LibraryError> {
        let version =
            |db: &Connection| db.pragma_query_value(None, "data_version", |row| row.get(0));
        let Some(version) = self.opened.peek(version)? else {
            return Ok(false);
        };
        let seen = std::mem::replace(&mut self.seen_version, version);
        Ok(seen != version)
    }

    /// Whether a take is in the index, and its file has its length.
    fn is_whole(&self, id: TakeId, bytes: u64) -> Result<bool, LibraryError> {
        let has_length =
            fs::metadata(self.opened.folder.wav(id)).is_ok_and(|data| data.len() == bytes);
        Ok(has_length && self.get(id)?.is_some())
    }

    /// After a commit that failed: the files of a take that did not get into the index go again.
    fn withdraw(&mut self, id: TakeId) {
        let _ = self.opened.change(|folder, change| {
            if matches!(index::find(change, id), Ok(None)) {
                let _ = fs::remove_file(folder.wav(id));
                let _ = fs::remove_file(folder.sidecar(id));
            }
            Ok(())
        });
    }
}

/// A name on one line and of some length; nothing when there is nothing to see.
pub(crate) fn clean_name(name: &str) -> Option<String> {
    let words: Vec<&str> = name
        .split(|letter: char| letter.is_whitespace() || letter.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let name: String = words.join(" ").chars().take(NAME_LETTERS).collect();
    (!name.is_empty()).then_some(name)
}

/// A name for a take that has none: where it came from.
fn first_name(facts: &TakeFacts) -> String {
    let source = match &facts.origin {
        Origin::Generated => {
            let words: Vec<&str> = facts.prompt.split_whitespace().take(NAME_WORDS).collect();
            words.join(" ")
        }
        Origin::Imported { file_name } => {
            let stem = Path::new(file_name).file_stem().unwrap_or_default();
            stem.to_string_lossy().into_owned()
        }
    };
    clean_name(&source).unwrap_or_else(|| "Take".to_owned())
}
