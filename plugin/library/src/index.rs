//! The index: one SQLite file, its form, and a take's rows in it.
//!
//! Any thread but the audio thread. Nothing here decides anything: it stores takes and gives them
//! back. The table that searches walk is narrow; what only a shown take needs lies in another.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, params};

use crate::words::{folded, words};
use crate::{Peaks, Take, TakeFacts, TakeId};

/// How long to wait for the file. Our own lock keeps the instances apart; this is for other
/// programs that look into it, and for file systems without such locks.
const BUSY: Duration = Duration::from_secs(10);

/// From one form of the index to the next; the form is the number of steps taken.
pub(crate) const STEPS: &[&str] = &[include_str!("index/1.sql")];

/// Columns that [`take`] reads, in its order, of `takes` and `details`.
pub(crate) const COLUMNS: &str = "takes.id, takes.is_favourite, takes.bytes, takes.used, \
    details.facts, details.tags, details.peaks";

/// Opens the file, or makes it, and sets what holds for this connection.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    // Each connection is used by one thread at a time, which Rust checks.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    // A take that was answered for survives a power cut too.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update_and_check(None, "journal_mode", "TRUNCATE", |_| Ok(()))?;
    db.pragma_update(None, "cache_size", -8000)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(db)
}

/// The form of the index; 0 when it is new.
pub(crate) fn form(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Whether SQLite finds nothing wrong with the file. Reads all of it, but the order of indexes.
pub(crate) fn is_whole(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("PRAGMA quick_check(1)", [], |row| {
        Ok(row.get::<_, String>(0)? == "ok")
    })
}

/// Brings the index to the last of the steps' forms.
pub(crate) fn migrate(db: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    if form(db)? == steps.len() as i64 {
        return Ok(());
    }
    let change = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let from = usize::try_from(form(&change)?).unwrap_or(0);
    for step in steps.iter().skip(from) {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "user_version", steps.len() as i64)?;
    change.commit()
}

/// Stores a take over what was known of it.
pub(crate) fn store(change: &Transaction<'_>, take: &Take) -> rusqlite::Result<()> {
    let facts = &take.facts;
    let mut bare = facts.clone();
    bare.peaks = Peaks::default();
    let facts_text = serde_json::to_string(&bare).unwrap_or_default();
    let tags = serde_json::to_string(&take.tags).unwrap_or_default();
    let text = [&facts.name, &facts.prompt, &facts.model].map(String::as_str);
    let text = text.into_iter().chain(take.tags.iter().map(String::as_str));
    let text = text.chain(facts.key.as_deref());
    let words = words(&text.collect::<Vec<_>>().join(" ")).join(" ");
    let number: i64 = change.query_row(
        "INSERT INTO takes (id, date, name, tempo_bpm, key, score, is_favourite, bytes, used)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (id) DO UPDATE SET date = ?2, name = ?3, tempo_bpm = ?4, key = ?5,
             score = ?6, is_favourite = ?7, bytes = ?8, used = ?9
         RETURNING number",
        params![
            take.id.0,
            facts.date_unix_seconds,
            folded(&facts.name),
            facts.tempo_bpm,
            facts.key.as_deref().map(folded),
            facts.score,
            take.is_favourite,
            i64::try_from(take.bytes).unwrap_or(i64::MAX),
            take.used_unix_seconds,
        ],
        |row| row.get(0),
    )?;
    // Not an upsert: the full text search follows what is deleted and inserted.
    change.execute("DELETE FROM details WHERE number = ?1", [number])?;
    change.execute(
        "INSERT INTO details (number, facts, tags, peaks, words) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![number, facts_text, tags, facts.peaks.to_bytes(), words],
    )?;
    change.execute("DELETE FROM tags WHERE number = ?1", [number])?;
    for tag in &take.tags {
        change.execute(
            "INSERT OR IGNORE INTO tags (folded, number, tag) VALUES (?1, ?2, ?3)",
            params![folded(tag), number, tag],
        )?;
    }
    Ok(())
}

/// Forgets a take; false when it was not there.
pub(crate) fn forget(change: &Transaction<'_>, id: TakeId) -> rusqlite::Result<bool> {
    Ok(change.execute("DELETE FROM takes WHERE id = ?1", [id.0])? > 0)
}

/// A take, if it is there.
pub(crate) fn find(db: &Connection, id: TakeId) -> rusqlite::Result<Option<Take>> {
    let sql = format!("SELECT {COLUMNS} FROM takes JOIN details USING (number) WHERE id = ?1");
    db.query_row(&sql, [id.0], take).optional()
}

/// A take of a row of [`COLUMNS`].
pub(crate) fn take(row: &Row<'_>) -> rusqlite::Result<Take> {
    let id = id(row, 0)?;
    let facts: String = row.get(4)?;
    let tags: String = row.get(5)?;
    let peaks: Vec<u8> = row.get(6)?;
    let mut facts: TakeFacts = serde_json::from_str(&facts).map_err(|error| odd(4, error))?;
    facts.peaks = Peaks::from_bytes(&peaks);
    Ok(Take {
        id,
        facts,
        tags: serde_json::from_str(&tags).map_err(|error| odd(5, error))?,
        is_favourite: row.get(1)?,
        bytes: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
        used_unix_seconds: row.get(3)?,
    })
}

/// The hash in a column.
pub(crate) fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<TakeId> {
    let bytes: Vec<u8> = row.get(column)?;
    TakeId::from_slice(&bytes).ok_or_else(|| odd(column, crate::take::NoTakeId))
}

/// A value that this crate never wrote.
fn odd(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::{STEPS, form, migrate};

    #[test]
    fn steps_are_taken_once_and_from_where_the_index_is() {
        let mut db = Connection::open_in_memory().expect("a database");
        let first = ["CREATE TABLE a (x)"];
        migrate(&mut db, &first).expect("the first step");
        let two = [
            "CREATE TABLE a (x)",
            "ALTER TABLE a ADD y; INSERT INTO a VALUES (1, 2)",
        ];
        migrate(&mut db, &two).expect("the second step only");
        migrate(&mut db, &two).expect("no step");
        assert_eq!(form(&db), Ok(2));
        let rows: i64 = db
            .query_row("SELECT sum(y) FROM a", [], |row| row.get(0))
            .expect("y");
        assert_eq!(rows, 2);
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let mut db = Connection::open_in_memory().expect("a database");
        let steps = ["CREATE TABLE a (x)", "CREATE TABLE b (x); nonsense"];
        assert!(migrate(&mut db, &steps).is_err());
        assert_eq!(form(&db), Ok(0));
        migrate(&mut db, STEPS).expect("nothing in the way");
    }
}
