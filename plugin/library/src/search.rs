//! A query as SQL.
//!
//! Any thread but the audio thread. What the user typed is only ever a bound value.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::library::Library;
use crate::words::{folded, matching};
use crate::{LibraryError, Order, Page, Query, index};

impl Library {
    /// Finds takes. Any text is permitted; what has no words finds everything.
    ///
    /// # Errors
    /// The index's.
    pub fn search(&self, query: &Query) -> Result<Page, LibraryError> {
        let condition = Condition::of(query);
        self.opened.read(|db| page(db, query, &condition))
    }
}

/// The part after `WHERE`, and its values.
struct Condition {
    sql: String,
    values: Vec<Value>,
    /// The text is all there is: it can be counted without looking at the takes.
    is_text_only: bool,
}

impl Condition {
    fn of(query: &Query) -> Self {
        let mut parts: Vec<&str> = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        let text = matching(&query.text);
        let has_text = text.is_some();
        if let Some(text) = text {
            parts.push("number IN (SELECT rowid FROM found WHERE found MATCH ?)");
            values.push(text.into());
        }
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
        Self {
            is_text_only: has_text && parts.len() == 1,
            sql: if parts.is_empty() {
                "true".to_owned()
            } else {
                parts.join(" AND ")
            },
            values,
        }
    }
}

fn page(db: &Connection, query: &Query, condition: &Condition) -> rusqlite::Result<Page> {
    let filter = &condition.sql;
    let count = if condition.is_text_only {
        "SELECT count(*) FROM found WHERE found MATCH ?".to_owned()
    } else {
        format!("SELECT count(*) FROM takes WHERE {filter}")
    };
    let values = || params_from_iter(&condition.values);
    let total: i64 = db.query_row(&count, values(), |row| row.get(0))?;
    let order = match query.order {
        Order::Newest => "date DESC, number DESC",
        Order::Oldest => "date, number",
        Order::Name => "name, date DESC, number DESC",
        Order::Tempo => "ifnull(tempo_bpm, 1e9), date DESC, number DESC",
        Order::Score => "ifnull(score, -1e9) DESC, date DESC, number DESC",
    };
    // The page is chosen in the narrow table, and only then read in full.
    let sql = format!(
        "WITH page AS (SELECT number FROM takes WHERE {filter} ORDER BY {order} LIMIT {} OFFSET {})
         SELECT {} FROM page JOIN takes USING (number) JOIN details USING (number) ORDER BY {order}",
        query.limit,
        query.offset,
        index::COLUMNS,
    );
    let mut rows = db.prepare(&sql)?;
    let takes = rows.query_map(values(), index::take)?;
    Ok(Page {
        takes: takes.collect::<Result<_, _>>()?,
        total: total as u64,
    })
}
