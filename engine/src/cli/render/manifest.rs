//! What became of every loop of a batch, as JSON beside them.
//!
//! Main thread.

use std::path::Path;

use barline_engine::ClipFacts;
use barline_engine::file::{self, FileError};
use serde::Serialize;

/// Its name in the folder of the loops.
const NAME: &str = "manifest.json";

/// How a loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// Made by this run.
    Made,
    /// It was there already.
    There,
    /// It could not be made.
    Failed,
    /// The run ended before.
    Left,
}

/// One loop.
#[derive(Serialize)]
pub(super) struct Entry {
    pub(super) file: String,
    pub(super) status: Status,
    /// Why it failed.
    pub(super) why: Option<String>,
    pub(super) facts: Option<ClipFacts>,
}

#[derive(Serialize)]
struct Manifest<'a> {
    barline: &'a str,
    loops: &'a [Entry],
}

/// Writes it, whole or not at all.
pub(super) fn write(folder: &Path, entries: &[Entry]) -> Result<(), FileError> {
    let path = folder.join(NAME);
    let manifest = Manifest {
        barline: env!("CARGO_PKG_VERSION"),
        loops: entries,
    };
    let json = serde_json::to_string_pretty(&manifest).map_err(|error| FileError::Io {
        path: path.clone(),
        source: error.into(),
    })?;
    file::write_whole(&path, (json + "\n").as_bytes())
}
