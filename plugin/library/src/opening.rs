//! From a folder to an open index: its form, damage, who else has it.
//!
//! Any thread but the audio thread.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use crate::folder::{Folder, now_unix_seconds, sync_folder};
use crate::lock::{Held, LockFile};
use crate::{LibraryError, index};

/// How long to wait for the work of others.
const WAIT: Duration = Duration::from_secs(30);
/// How long to wait for others to let go of a damaged index.
const LETTING_GO: Duration = Duration::from_secs(2);

/// The folder and its index, open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) folder: Folder,
    db: Connection,
    /// Taken around every use of the index.
    lock: LockFile,
    /// Held shared as long as this lives: a damaged index is not moved away under us.
    _in_use: LockFile,
    /// The index that was damaged and is replaced.
    pub(crate) aside: Option<PathBuf>,
}

/// Opens the index of a folder, or makes it.
pub(crate) fn open(root: &Path) -> Result<Opened, LibraryError> {
    let folder = Folder::create(root)?;
    let lock = lock_file(&folder, "library.lock")?;
    let in_use = lock_file(&folder, "in-use.lock")?;
    let held = lock.alone(WAIT).ok_or(LibraryError::Busy)?;
    let (mut db, aside) = match probe(&folder) {
        Ok(db) => (db, None),
        Err(LibraryError::Damaged { .. }) => {
            let aside = move_aside(&folder, &in_use)?;
            let db =
                index::connect(&folder.index()).map_err(|error| index_error(&folder, error))?;
            (db, Some(aside))
        }
        Err(error) => return Err(error),
    };
    index::migrate(&mut db, index::STEPS).map_err(|error| index_error(&folder, error))?;
    in_use.shared(LETTING_GO).ok_or(LibraryError::Busy)?.keep();
    drop(held);
    Ok(Opened {
        folder,
        db,
        lock,
        _in_use: in_use,
        aside,
    })
}

impl Opened {
    /// Looks something up, while nobody changes it.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LibraryError> {
        let _held = self.hold(WAIT)?;
        work(&self.db).map_err(|error| index_error(&self.folder, error))
    }

    /// As [`Opened::read`]; nothing when somebody is at work just now.
    pub(crate) fn peek<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, LibraryError> {
        let Some(_held) = self.lock.alone(Duration::ZERO) else {
            return Ok(None);
        };
        let done = work(&self.db).map_err(|error| index_error(&self.folder, error))?;
        Ok(Some(done))
    }

    /// Runs a change of the index and of the files, alone among all instances. An error takes the
    /// index's part back.
    pub(crate) fn change<T>(
        &mut self,
        work: impl FnOnce(&Folder, &Transaction<'_>) -> Result<T, LibraryError>,
    ) -> Result<T, LibraryError> {
        let folder = &self.folder;
        let fail = |error| index_error(folder, error);
        let _held = self.lock.alone(WAIT).ok_or(LibraryError::Busy)?;
        let change = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate);
        let change = change.map_err(fail)?;
        let done = work(folder, &change)?;
        change.commit().map_err(fail)?;
        Ok(done)
    }

    fn hold(&self, time: Duration) -> Result<Held<'_>, LibraryError> {
        self.lock.alone(time).ok_or(LibraryError::Busy)
    }
}

/// What SQLite said, as what the user can do about it. A damaged index is marked, so that the next
/// opening makes it again.
pub(crate) fn index_error(folder: &Folder, error: rusqlite::Error) -> LibraryError {
    let path = folder.index();
    let denied = |kind| LibraryError::Folder {
        path: path.clone(),
        source: std::io::Error::new(kind, "SQLite cannot write or make its files there"),
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LibraryError::Busy,
        Some(ErrorCode::DiskFull) => LibraryError::Full {
            path: folder.root().to_owned(),
        },
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            denied(std::io::ErrorKind::PermissionDenied)
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(folder),
        // A value that was never written.
        None if matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
        ) =>
        {
            damaged(folder)
        }
        _ => LibraryError::Index {
            path: path.clone(),
            why: error.to_string(),
        },
    }
}

fn damaged(folder: &Folder) -> LibraryError {
    let _ = fs::write(damage_mark(folder), "");
    LibraryError::Damaged {
        path: folder.index(),
    }
}

/// Lies there when an index that opens well turned out to be damaged.
fn damage_mark(folder: &Folder) -> PathBuf {
    folder.root().join("library.damaged")
}

/// Opens the index as far as can be told without changing it.
fn probe(folder: &Folder) -> Result<Connection, LibraryError> {
    let path = folder.index();
    if damage_mark(folder).exists() {
        return Err(LibraryError::Damaged { path });
    }
    let fail = |error| index_error(folder, error);
    let db = index::connect(&path).map_err(fail)?;
    let found = index::form(&db).map_err(fail)?;
    let known = index::STEPS.len() as i64;
    if found > known {
        return Err(LibraryError::Newer { path, found, known });
    }
    let is_whole = index::is_whole(&db).map_err(fail)?;
    if found < 0 || !is_whole {
        return Err(LibraryError::Damaged { path });
    }
    Ok(db)
}

/// Moves a damaged index aside, if nobody has it open.
fn move_aside(folder: &Folder, in_use: &LockFile) -> Result<PathBuf, LibraryError> {
    let path = folder.index();
    // Nobody opens it meanwhile: the other lock is in our hands.
    let Some(_alone) = in_use.alone(LETTING_GO) else {
        return Err(LibraryError::InUse { path });
    };
    let now = now_unix_seconds();
    let names = (0u32..).map(|n| folder.root().join(format!("damaged-{now}-{n}.sqlite")));
    let aside = names
        .into_iter()
        .find(|path| !path.exists())
        .unwrap_or_default();
    for ending in ["-journal", ""] {
        let with = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let (from, to) = (with(&path), with(&aside));
        if from.exists() {
            fs::rename(&from, to).map_err(|source| folder.error(&from, source))?;
        }
    }
    let mark = damage_mark(folder);
    if mark.exists() {
        fs::remove_file(&mark).map_err(|source| folder.error(&mark, source))?;
    }
    sync_folder(folder.root());
    Ok(aside)
}

fn lock_file(folder: &Folder, name: &str) -> Result<LockFile, LibraryError> {
    let path = folder.root().join(name);
    LockFile::open(&path).map_err(|source| folder.error(&path, source))
}
