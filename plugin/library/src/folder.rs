//! The library's folder: what lies where, and how a file gets there whole.
//!
//! Any thread but the audio thread. A file is written in `clips/incoming`, synced, and renamed into
//! place. Who writes one holds a lock on it, so that what lies there unlocked was left by a
//! process that is gone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::{LibraryError, TakeId};

/// A file that came in may be unlocked for the moment between its making and its locking.
const INCOMING_AGE: Duration = Duration::from_secs(60);
/// How long what is known of a take in the bin is kept, for when it is put back.
const DELETED_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// The folder and the names in it.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Makes what is missing of it.
    pub(crate) fn create(root: &Path) -> Result<Self, LibraryError> {
        let folder = Self {
            root: root.to_owned(),
        };
        let incoming = folder.incoming();
        fs::create_dir_all(&incoming).map_err(|source| folder.error(root, source))?;
        Ok(folder)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("library.sqlite")
    }

    pub(crate) fn clips(&self) -> PathBuf {
        self.root.join("clips")
    }

    fn incoming(&self) -> PathBuf {
        self.clips().join("incoming")
    }

    /// The folder of the takes whose hash begins with that byte.
    pub(crate) fn shelf(&self, first: u8) -> PathBuf {
        self.clips().join(format!("{first:02x}"))
    }

    fn named(&self, id: TakeId, ending: &str) -> PathBuf {
        self.shelf(id.0[0]).join(format!("{id}.{ending}"))
    }

    pub(crate) fn wav(&self, id: TakeId) -> PathBuf {
        self.named(id, "wav")
    }

    pub(crate) fn sidecar(&self, id: TakeId) -> PathBuf {
        self.named(id, "json")
    }

    /// What is known of a take that went to the bin.
    pub(crate) fn deleted_sidecar(&self, id: TakeId) -> PathBuf {
        self.named(id, "deleted.json")
    }

    /// What the system said about a file in the folder, for the user.
    pub(crate) fn error(&self, path: &Path, source: io::Error) -> LibraryError {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LibraryError::Full {
                path: self.root.clone(),
            },
            _ => LibraryError::Folder {
                path: path.to_owned(),
                source,
            },
        }
    }

    /// Writes bytes to a file of their own that is whole and on the disk, but not in its place.
    pub(crate) fn receive(&self, bytes: &[u8]) -> Result<Incoming, LibraryError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let process = std::process::id();
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = self.incoming().join(format!("{process}-{count}.part"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let mut incoming = Incoming { path, file };
                    let written = incoming.fill(bytes);
                    written.map_err(|source| self.error(&incoming.path, source))?;
                    return Ok(incoming);
                }
                // Left by an earlier process of that number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(self.error(&path, source)),
            }
        }
    }

    /// Puts a file in its place, over one that is there.
    pub(crate) fn place(&self, mut incoming: Incoming, place: &Path) -> Result<(), LibraryError> {
        let shelf = place.parent().unwrap_or(&self.root);
        if !shelf.is_dir() {
            fs::create_dir_all(shelf).map_err(|source| self.error(shelf, source))?;
            sync_folder(&self.clips());
        }
        fs::rename(&incoming.path, place).map_err(|source| self.error(place, source))?;
        incoming.path = PathBuf::new();
        sync_folder(shelf);
        Ok(())
    }

    /// Removes what processes that are gone left half-written. What can't be removed stays.
    pub(crate) fn sweep_incoming(&self) {
        for entry in entries(&self.incoming()) {
            let path = entry.path();
            if is_older(&entry, INCOMING_AGE)
                && OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .is_ok_and(|file| file.try_lock().is_ok())
            {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// The takes that have a WAV file on a shelf; nothing when it can't be read, which does not
    /// mean that they are gone. Forgets what was deleted long ago.
    pub(crate) fn on_shelf(&self, first: u8) -> Option<Vec<TakeId>> {
        let mut takes = Vec::new();
        let listed = match fs::read_dir(self.shelf(first)) {
            Ok(entries) => entries.collect::<Result<Vec<_>, _>>().ok()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(_) => return None,
        };
        for entry in listed {
            let name = entry.file_name();
            let Some((stem, ending)) = name.to_str().and_then(|name| name.split_once('.')) else {
                continue;
            };
            let Ok(id) = stem.parse::<TakeId>() else {
                continue;
            };
            match ending {
                "wav" if id.0[0] == first => takes.push(id),
                "deleted.json" if is_older(&entry, DELETED_AGE) => {
                    let _ = fs::remove_file(entry.path());
                }
                _ => {}
            }
        }
        Some(takes)
    }

    /// When the names on a shelf last changed, in nanoseconds since 1970; 0 where it is missing.
    pub(crate) fn shelf_changed_ns(&self, first: u8) -> i64 {
        let changed = fs::metadata(self.shelf(first)).and_then(|data| data.modified());
        changed.map_or(0, unix_ns)
    }
}

/// A whole file on its way; removed unless it is placed.
pub(crate) struct Incoming {
    path: PathBuf,
    file: File,
}

impl Incoming {
    fn fill(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A file system without locks is no reason to write nothing: the age protects as well.
        let _ = self.file.try_lock();
        self.file.write_all(bytes)?;
        self.file.sync_all()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A moment in nanoseconds since 1970.
pub(crate) fn unix_ns(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}

/// Now, in seconds since 1970.
pub(crate) fn now_unix_seconds() -> i64 {
    unix_ns(SystemTime::now()) / 1_000_000_000
}

/// What lies in a folder; nothing where it can't be read.
fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

fn is_older(entry: &fs::DirEntry, age: Duration) -> bool {
    let modified = entry.metadata().and_then(|data| data.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|elapsed| elapsed > age))
}

/// Makes names in a folder last through a power cut, where the system has a way to.
pub(crate) fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    #[cfg(not(unix))]
    let _ = folder;
}
