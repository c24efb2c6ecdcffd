//! A query as SQL.
//!
//! Any thread but the audio thread. What the user typed is only ever a bound value. Few hits are
//! sorted; where there are many, the index of their order is walked until the page is full, which
//! takes no longer for a larger library.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::library::Library;
use crate::words::{folded, matching};
use crate::{LibraryError, Order, Page, Query, index};

/// From so many hits on, walking is faster than sorting.
const MANY: u64 = 1000;

impl Library {
    /// Finds takes. Any text is permitted; what has no words finds everything.
    ///
    /// # Errors
    /// The index's.
    pub fn search(&self, query: &Query) -> Result<Page, LibraryError> {
        let condition = Condition::of(query);
        let text = matching(&query.text);
        self.opened
            .read(|db| page(db, query, &condition, text.as_deref()))
    }
}

/// What must hold besides the text: the part after `WHERE`, and its values.
struct Condition {
    parts: Vec<&'static str>,
    values: Vec<Value>,
}

impl Condition {
    fn of(query: &Query) -> Self {
        let mut parts = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        if let Some(tempo_bpm) = &query.tempo_bpm {
            // As the index has it; no tempo is that high.
            parts.push("ifnull(tempo_bpm, 1e9) BETWEEN ? AND ?");
            values.push((*tempo_bpm.start()).into());
            values.push(tempo_bpm.end().min(1e8).into());
        }
        if let Some(key) = &query.key {
            parts.push("key = ?");
            values.push(folded(key).into());
        }
        if query.favourites_only {
            parts.push("is_favourite = 1");
        }
        for tag in &query.tags {
            parts.push("number IN (SELECT number FROM tags WHERE folded = ?)");
            values.push(folded(tag).into());
        }
        Self { parts, values }
    }

    /// `WHERE` and the conditions, with one more.
    fn and(&self, more: Option<&'static str>) -> String {
        let parts: Vec<&str> = more.into_iter().chain(self.parts.iter().copied()).collect();
        if parts.is_empty() {
            return String::new();
        }
        format!("WHERE {}", parts.join(" AND "))
    }
}

/// The index of an order, and its columns.
fn order(order: Order) -> (&'static str, &'static str) {
    match order {
        Order::Newest => ("takes_date", "date DESC, number DESC"),
        Order::Oldest => ("takes_date", "date, number"),
        Order::Name => ("takes_name", "name, date DESC, number DESC"),
        Order::Tempo => (
            "takes_tempo",
            "ifnull(tempo_bpm, 1e9), date DESC, number DESC",
        ),
        Order::Score => (
            "takes_score",
            "ifnull(score, -1e9) DESC, date DESC, number DESC",
        ),
    }
}

fn page(
    db: &Connection,
    query: &Query,
    condition: &Condition,
    text: Option<&str>,
) -> rusqlite::Result<Page> {
    let with_text: Option<Vec<i64>> = text.map(|text| matches(db, text)).transpose()?;
    let total = match &with_text {
        Some(hits) if condition.parts.is_empty() => hits.len() as u64,
        _ => count(db, condition, text)?,
    };
    let numbers = if total > MANY {
        walk(db, query, condition, with_text.as_deref())?
    } else {
        sort(db, query, condition, text)?
    };
    let sql = format!(
        "SELECT {} FROM takes JOIN details USING (number) WHERE takes.number = ?1",
        index::COLUMNS
    );
    let mut row = db.prepare(&sql)?;
    let takes = numbers
        .into_iter()
        .map(|number| row.query_row([number], index::take));
    Ok(Page {
        takes: takes.collect::<Result<_, _>>()?,
        total,
    })
}

/// The numbers of the takes that have the words, in their order.
fn matches(db: &Connection, text: &str) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT rowid FROM found WHERE found MATCH ?1 ORDER BY rowid";
    let mut rows = db.prepare(sql)?;
    rows.query_map([text], |row| row.get(0))?.collect()
}

/// The condition on the text, where it is SQLite that looks at it.
const MATCH: &str = "number IN (SELECT rowid FROM found WHERE found MATCH ?)";

/// The values of [`Condition::and`] with or without [`MATCH`].
fn values(condition: &Condition, text: Option<&str>) -> impl Iterator<Item = Value> {
    let text = text.map(|text| Value::from(text.to_owned()));
    text.into_iter().chain(condition.values.iter().cloned())
}

fn count(db: &Connection, condition: &Condition, text: Option<&str>) -> rusqlite::Result<u64> {
    let filter = condition.and(text.map(|_| MATCH));
    let sql = format!("SELECT count(*) FROM takes {filter}");
    let values = params_from_iter(values(condition, text));
    let total: i64 = db.query_row(&sql, values, |row| row.get(0))?;
    Ok(total as u64)
}

/// All hits sorted, and the page cut out.
fn sort(
    db: &Connection,
    query: &Query,
    condition: &Condition,
    text: Option<&str>,
) -> rusqlite::Result<Vec<i64>> {
    let filter = condition.and(text.map(|_| MATCH));
    let (_, columns) = order(query.order);
    let (limit, offset) = (query.limit, query.offset);
    let sql = format!(
        "SELECT number FROM takes {filter} ORDER BY {columns} LIMIT {limit} OFFSET {offset}"
    );
    let mut rows = db.prepare(&sql)?;
    let numbers = rows.query_map(params_from_iter(values(condition, text)), |row| row.get(0))?;
    numbers.collect()
}

/// Takes in order until the page is full, those without the words passed over.
fn walk(
    db: &Connection,
    query: &Query,
    condition: &Condition,
    with_text: Option<&[i64]>,
) -> rusqlite::Result<Vec<i64>> {
    let filter = condition.and(None);
    let (index, columns) = order(query.order);
    let sql = format!("SELECT number FROM takes INDEXED BY {index} {filter} ORDER BY {columns}");
    let mut rows = db.prepare(&sql)?;
    let hits = rows
        .query_map(params_from_iter(values(condition, None)), |row| {
            row.get::<_, i64>(0)
        })?
        .filter(|number| match (number, with_text) {
            (Ok(number), Some(hits)) => hits.binary_search(number).is_ok(),
            _ => true,
        });
    hits.skip(query.offset as usize)
        .take(query.limit as usize)
        .collect()
}
