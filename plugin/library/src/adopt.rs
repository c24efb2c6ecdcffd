//! Makes the index agree with what lies in the folder.
//!
//! Any thread but the audio thread, while the library is opened. A shelf whose names have not
//! changed since it last agreed is passed over, so that this costs a look at 256 folders. What a
//! process left between placing a file and telling the index, what was put back from the bin or
//! copied from another machine, and all there is after the index was lost, comes in here.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rusqlite::{OptionalExtension, Transaction, params};

use crate::folder::{Folder, now_unix_seconds, unix_ns};
use crate::opening::{Opened, index_error};
use crate::sidecar::Sidecar;
use crate::{LibraryError, Notice, Take, TakeFacts, TakeId, index, wav};

/// File systems keep the time of a change coarsely: a shelf that has changed just now may change
/// again without a trace.
const SETTLED: Duration = Duration::from_secs(2);

/// What came and went.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    found: u64,
    gone: u64,
}

impl Changes {
    /// For the user; `aside` is the index that was damaged.
    pub(crate) fn notices(&self, aside: Option<PathBuf>) -> Vec<Notice> {
        let rebuilt = aside.map(|aside| Notice::Rebuilt {
            aside,
            takes: self.found,
        });
        let found =
            (rebuilt.is_none() && self.found > 0).then_some(Notice::Found { takes: self.found });
        let gone = (self.gone > 0).then_some(Notice::Gone { takes: self.gone });
        rebuilt.into_iter().chain(found).chain(gone).collect()
    }
}

/// Looks at every shelf that has changed.
pub(crate) fn adopt(library: &mut Opened) -> Result<Changes, LibraryError> {
    let mut changes = Changes::default();
    for first in 0..=u8::MAX {
        let changed_ns = library.folder.shelf_changed_ns(first);
        let known = known_ns(library, first)?;
        if known == Some(changed_ns) || (known.is_none() && changed_ns == 0) {
            continue;
        }
        library.change(|folder, change| shelf(folder, change, first, &mut changes))?;
    }
    Ok(changes)
}

fn known_ns(library: &Opened, first: u8) -> Result<Option<i64>, LibraryError> {
    let sql = "SELECT changed_ns FROM shelves WHERE first = ?1";
    library.read(|db| db.query_row(sql, [first], |row| row.get(0)).optional())
}

/// One shelf, while nobody else changes it.
fn shelf(
    folder: &Folder,
    change: &Transaction<'_>,
    first: u8,
    changes: &mut Changes,
) -> Result<(), LibraryError> {
    let fail = |error| index_error(folder, error);
    let changed_ns = folder.shelf_changed_ns(first);
    let Some(mut lying) = folder.on_shelf(first) else {
        return Ok(());
    };
    lying.sort_unstable();
    let indexed = indexed(change, first).map_err(fail)?;
    for &id in indexed.iter().filter(|id| lying.binary_search(id).is_err()) {
        keep_facts(folder, change, id)?;
        index::forget(change, id).map_err(fail)?;
        changes.gone += 1;
    }
    for &id in lying.iter().filter(|id| indexed.binary_search(id).is_err()) {
        if let Some(take) = read(folder, id)? {
            index::store(change, &take).map_err(fail)?;
            changes.found += 1;
        }
    }
    // Its own files may just have been written: then the next opening looks again.
    let now_ns = unix_ns(SystemTime::now());
    if now_ns.saturating_sub(changed_ns) > SETTLED.as_nanos() as i64
        && folder.shelf_changed_ns(first) == changed_ns
    {
        let sql = "INSERT OR REPLACE INTO shelves (first, changed_ns) VALUES (?1, ?2)";
        change
            .execute(sql, params![first, changed_ns])
            .map_err(fail)?;
    }
    Ok(())
}

/// The takes of a shelf in the index, sorted.
fn indexed(change: &Transaction<'_>, first: u8) -> rusqlite::Result<Vec<TakeId>> {
    let sql = "SELECT id FROM takes WHERE id >= ?1 AND id <= ?2 ORDER BY id";
    let mut low = [0; 32];
    let mut high = [0xff; 32];
    (low[0], high[0]) = (first, first);
    let mut rows = change.prepare(sql)?;
    let ids = rows.query_map(params![low, high], |row| index::id(row, 0))?;
    ids.collect()
}

/// The file is gone: what is known of it stays beside, should it come back.
fn keep_facts(folder: &Folder, change: &Transaction<'_>, id: TakeId) -> Result<(), LibraryError> {
    let sidecar = folder.sidecar(id);
    let take = index::find(change, id).map_err(|error| index_error(folder, error))?;
    if let (Some(take), false) = (take, sidecar.exists()) {
        let text = folder.receive(Sidecar::text(&take).as_bytes())?;
        folder.place(text, &sidecar)?;
    }
    Ok(())
}

/// What is known of a file that lies there; nothing when it is not what its name says.
fn read(folder: &Folder, id: TakeId) -> Result<Option<Take>, LibraryError> {
    let path = folder.wav(id);
    let Ok(data) = fs::metadata(&path) else {
        return Ok(None);
    };
    let deleted = folder.deleted_sidecar(id);
    let sidecar = [folder.sidecar(id), deleted.clone()]
        .into_iter()
        .find_map(|path| Sidecar::read(&fs::read(path).ok()?));
    if let Some(sidecar) = sidecar.filter(|sidecar| sidecar.bytes == data.len()) {
        if deleted.exists() && !folder.sidecar(id).exists() {
            let place = folder.sidecar(id);
            fs::rename(&deleted, &place).map_err(|source| folder.error(&place, source))?;
        }
        return Ok(Some(sidecar.take(id)));
    }
    let Some(take) = fs::read(&path).ok().and_then(|bytes| bare(id, &bytes)) else {
        return Ok(None);
    };
    let text = folder.receive(Sidecar::text(&take).as_bytes())?;
    folder.place(text, &folder.sidecar(id))?;
    Ok(Some(take))
}

/// A file of which nothing is known but what it tells itself.
fn bare(id: TakeId, bytes: &[u8]) -> Option<Take> {
    if TakeId::of(bytes) != id {
        return None;
    }
    let mut facts = TakeFacts {
        name: format!("Found {}", &id.to_string()[..8]),
        date_unix_seconds: now_unix_seconds(),
        ..TakeFacts::default()
    };
    wav::complete(&mut facts, bytes).ok()?;
    Some(Take {
        id,
        facts,
        tags: Vec::new(),
        is_favourite: false,
        bytes: bytes.len() as u64,
        used_unix_seconds: None,
    })
}
