//! What the user changes about a take: its name, its tags, its star; and when it was used.
//!
//! Any thread but the audio thread. The file beside the take is written before the index commits,
//! so that neither knows less than the other for long.

use std::collections::BTreeMap;

use crate::folder::now_unix_seconds;
use crate::library::{Library, clean_name};
use crate::opening::index_error;
use crate::sidecar::Sidecar;
use crate::words::folded;
use crate::{LibraryError, Take, TakeId, index};

/// Tags a take can have.
const MAX_TAGS: usize = 64;

impl Library {
    /// Gives a take another name: one line of up to 120 letters.
    ///
    /// # Errors
    /// [`LibraryError::NoName`] when there is nothing to see in it, [`LibraryError::NoTake`], and
    /// the system's.
    pub fn rename(&mut self, id: TakeId, name: &str) -> Result<(), LibraryError> {
        let name = clean_name(name).ok_or(LibraryError::NoName)?;
        self.alter(id, |take| take.facts.name = name)
    }

    /// Gives a take these tags and no others. Tags that differ in case only are one.
    ///
    /// # Errors
    /// [`LibraryError::NoTake`], and the system's.
    pub fn set_tags(&mut self, id: TakeId, tags: &[String]) -> Result<(), LibraryError> {
        let clean = tags.iter().filter_map(|tag| clean_name(tag));
        let mut tags: BTreeMap<String, String> = BTreeMap::new();
        for tag in clean.take(MAX_TAGS) {
            tags.entry(folded(&tag)).or_insert(tag);
        }
        self.alter(id, |take| take.tags = tags.into_values().collect())
    }

    /// Marks a take as one that stays, or takes the mark away.
    ///
    /// # Errors
    /// [`LibraryError::NoTake`], and the system's.
    pub fn set_favourite(&mut self, id: TakeId, is_favourite: bool) -> Result<(), LibraryError> {
        self.alter(id, |take| take.is_favourite = is_favourite)
    }

    /// Notes that a take was played, dragged or loaded: it then leaves later. Writes to the disk,
    /// so not to be called for every time that a loop comes round.
    ///
    /// # Errors
    /// [`LibraryError::NoTake`], and the system's.
    pub fn note_used(&mut self, id: TakeId) -> Result<(), LibraryError> {
        self.alter(id, |take| take.used_unix_seconds = Some(now_unix_seconds()))
    }

    /// All tags with the number of takes that have each, in alphabetical order.
    ///
    /// # Errors
    /// The index's.
    pub fn tags(&self) -> Result<Vec<(String, u64)>, LibraryError> {
        self.opened.read(|db| {
            let sql = "SELECT min(tag), count(*) FROM tags GROUP BY folded ORDER BY folded";
            let mut rows = db.prepare(sql)?;
            let tags = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
            tags.collect()
        })
    }

    fn alter(&mut self, id: TakeId, work: impl FnOnce(&mut Take)) -> Result<(), LibraryError> {
        self.opened.change(|folder, change| {
            let fail = |error| index_error(folder, error);
            let before = index::find(change, id).map_err(fail)?;
            let before = before.ok_or(LibraryError::NoTake { id })?;
            let mut after = before.clone();
            work(&mut after);
            if after == before {
                return Ok(());
            }
            index::store(change, &after).map_err(fail)?;
            let sidecar = folder.receive(Sidecar::text(&after).as_bytes())?;
            folder.place(sidecar, &folder.sidecar(id))
        })
    }
}
