//! How large the library may become, and who leaves when it is larger.
//!
//! Any thread but the audio thread. Nothing leaves by itself: [`Library::over_limit`] says what
//! would, the user is asked, and [`Library::prune`] does it.

use rusqlite::{Connection, OptionalExtension};

use crate::library::Library;
use crate::opening::index_error;
use crate::{LibraryError, Removal, TakeId, index};

/// The size limit of a new library: 10 GB.
pub const DEFAULT_LIMIT_BYTES: u64 = 10_000_000_000;

/// What would leave, for the question to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prune {
    /// Those that were made and used the longest time ago, without favourites.
    pub takes: Vec<TakeId>,
    /// What they take up.
    pub bytes: u64,
    /// By how much the library is over its limit; more than `bytes` when only favourites would be
    /// left.
    pub over_bytes: u64,
}

impl Library {
    /// The sum of all takes' files.
    ///
    /// # Errors
    /// The index's.
    pub fn total_bytes(&self) -> Result<u64, LibraryError> {
        self.opened.read(total)
    }

    /// How many takes there are.
    ///
    /// # Errors
    /// The index's.
    pub fn count(&self) -> Result<u64, LibraryError> {
        let sql = "SELECT count(*) FROM takes";
        let count = |db: &Connection| db.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok(self.opened.read(count)? as u64)
    }

    /// The size limit, the same for all instances.
    ///
    /// # Errors
    /// The index's.
    pub fn limit_bytes(&self) -> Result<u64, LibraryError> {
        self.opened.read(limit)
    }

    /// Sets the size limit. Nothing leaves before [`Library::prune`].
    ///
    /// # Errors
    /// The index's.
    pub fn set_limit_bytes(&mut self, bytes: u64) -> Result<(), LibraryError> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.opened.change(|folder, change| {
            let sql = "INSERT OR REPLACE INTO settings (name, value) VALUES ('limit_bytes', ?1)";
            let done = change.execute(sql, [bytes]);
            done.map(|_| ()).map_err(|error| index_error(folder, error))
        })
    }

    /// What would have to leave for the library to be within its limit; nothing when it is.
    ///
    /// # Errors
    /// The index's.
    pub fn over_limit(&self) -> Result<Option<Prune>, LibraryError> {
        self.opened.read(|db| {
            let over_bytes = total(db)?.saturating_sub(limit(db)?);
            if over_bytes == 0 {
                return Ok(None);
            }
            let mut prune = Prune {
                takes: Vec::new(),
                bytes: 0,
                over_bytes,
            };
            let mut oldest = db.prepare(
                "SELECT id, bytes FROM takes WHERE is_favourite = 0
                 ORDER BY max(ifnull(used, 0), date), number",
            )?;
            let mut rows = oldest.query([])?;
            while prune.bytes < over_bytes
                && let Some(row) = rows.next()?
            {
                prune.takes.push(index::id(row, 0)?);
                prune.bytes += row.get::<_, i64>(1)? as u64;
            }
            Ok(Some(prune))
        })
    }

    /// Does what the user has agreed to, and gives the bytes that it freed. A take that became a
    /// favourite since the question stays.
    ///
    /// # Errors
    /// As [`Library::delete`].
    pub fn prune(&mut self, prune: &Prune, to: Removal) -> Result<u64, LibraryError> {
        let mut bytes = 0;
        for &id in &prune.takes {
            bytes += self.remove_if(id, to, |take| !take.is_favourite)?;
        }
        Ok(bytes)
    }
}

fn total(db: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT ifnull(sum(bytes), 0) FROM takes";
    Ok(db.query_row(sql, [], |row| row.get::<_, i64>(0))? as u64)
}

fn limit(db: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT value FROM settings WHERE name = 'limit_bytes'";
    let set: Option<i64> = db.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(set.map_or(DEFAULT_LIMIT_BYTES, |bytes| bytes.max(0) as u64))
}
