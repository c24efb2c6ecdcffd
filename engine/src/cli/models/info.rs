//! `barline models info`: all that is known of a model without asking the hub.
//!
//! Main thread; busy for a second or two, measuring.

use std::io::Write;
use std::path::PathBuf;

use barline_engine::model::Size;
use barline_engine::shelf::{Entry, Shelf, Speeds, State, Stillness, in_words, predict};
use barline_engine::worker::default_threads;
use barline_engine::{EngineError, Precision};
use serde::Serialize;

use super::super::Failure;
use super::args::InfoArgs;
use super::{list, print_json};

/// What `--json` says of a model.
#[derive(Serialize)]
pub(super) struct Facts {
    #[serde(flatten)]
    entry: Entry,
    /// In a word: "built-in", "here", "partial", "fetching" or "missing".
    #[serde(rename = "state")]
    state_word: &'static str,
    #[serde(skip)]
    pub(super) state: State,
    path: Option<PathBuf>,
    revision: Option<String>,
    fetched: Option<String>,
    bytes: Option<u64>,
    of_bytes: Option<u64>,
    /// What it takes in memory, at each precision.
    memory: Vec<Memory>,
    default_precision: Option<Precision>,
    /// A bar of two seconds, with the default precision.
    pub(super) seconds_per_bar: Option<f64>,
}

#[derive(Serialize)]
struct Memory {
    precision: Precision,
    bytes: u64,
}

impl Facts {
    pub(super) fn new(
        shelf: &Shelf,
        entry: &Entry,
        seconds_per_bar: Option<f64>,
    ) -> Result<Self, EngineError> {
        let state = shelf.state(entry);
        let model = shelf.fetched(entry);
        let (state_word, bytes, of_bytes) = match &state {
            State::BuiltIn => ("built-in", None, None),
            State::Here { bytes, .. } => ("here", Some(*bytes), Some(*bytes)),
            State::Partial { bytes, of } => ("partial", Some(*bytes), Some(*of)),
            State::Fetching { bytes, of } => ("fetching", Some(*bytes), Some(*of)),
            State::Missing => ("missing", None, None),
        };
        let path = match &state {
            State::Here { path, .. } => Some(path.clone()),
            _ => None,
        };
        // The melody models are made otherwise: nothing is known of what does not run yet.
        let size = entry.size.filter(|_| entry.runs());
        let memory = size.map_or_else(|| Ok(Vec::new()), |size| memory(size, entry.channels))?;
        let default_precision = size
            .map(|size| predict::config(size, entry.channels))
            .transpose()?
            .map(|config| config.decoder.precision());
        let fetched = model.as_ref().filter(|model| model.unix_seconds > 0);
        Ok(Self {
            entry: entry.clone(),
            state_word,
            path,
            fetched: fetched.map(|model| model.day()),
            revision: model.map(|model| model.commit),
            bytes,
            of_bytes,
            memory,
            default_precision,
            seconds_per_bar,
            state,
        })
    }

    /// At the default precision.
    pub(super) fn memory(&self) -> Option<u64> {
        let precision = self.default_precision?;
        let found = self
            .memory
            .iter()
            .find(|memory| memory.precision == precision);
        found.map(|memory| memory.bytes)
    }
}

fn memory(size: Size, channels: u8) -> Result<Vec<Memory>, EngineError> {
    let packed = Precision::ALL
        .into_iter()
        .filter(|&precision| precision != Precision::Exact);
    packed
        .map(|precision| {
            Ok(Memory {
                precision,
                bytes: predict::memory_bytes(size, channels, precision)?,
            })
        })
        .collect()
}

/// Seconds a bar: as measured before, or measured now and noted.
fn speed(shelf: &Shelf, size: Size, channels: u8) -> Result<f64, EngineError> {
    let path = &shelf.settings().speeds;
    let mut speeds = Speeds::read(path);
    if let Some(seconds) = speeds.get(size, channels) {
        return Ok(seconds);
    }
    let still = Stillness::now();
    let seconds = predict::Predictor::new(default_threads()).seconds_per_bar(size, channels)?;
    if still {
        speeds.set(size, channels, seconds);
        // Who can't write there measures again next time.
        let _ = speeds.write(path);
    }
    Ok(seconds)
}

/// Runs the command.
pub(super) fn run(args: &InfoArgs) -> Result<(), Failure> {
    let shelf = super::shelf();
    let entry = shelf.find(&args.model)?;
    let size = entry.size.filter(|_| entry.runs());
    let speed = size.map(|size| speed(&shelf, size, entry.channels));
    let facts = Facts::new(&shelf, &entry, speed.transpose()?)?;
    if args.json {
        return print_json(&facts);
    }
    let mut out = std::io::stdout().lock();
    let mut line = |what: &str, text: &str| match text {
        "" => Ok(()),
        text => writeln!(out, "{what:10} {text}"),
    };
    line("Model", &entry.title)?;
    line("Id", entry.id.as_deref().unwrap_or_default())?;
    line("State", &list::state(&facts.state))?;
    let path = facts.path.as_ref().map(|path| path.display().to_string());
    line("Folder", &path.unwrap_or_default())?;
    let revision = facts
        .revision
        .as_ref()
        .map(|revision| match &facts.fetched {
            Some(day) => format!("{revision}, pinned on {day}"),
            None => format!("{revision}, fetched by another program"),
        });
    line("Revision", &revision.unwrap_or_default())?;
    let unknown = "not stated here; the hub is asked when it is fetched";
    let licence = Some(entry.licence.as_str()).filter(|text| !text.is_empty());
    line("Licence", licence.unwrap_or(unknown))?;
    line("Rights", &format!("{}. {}", entry.rights, entry.release))?;
    line("Good at", &entry.good_at)?;
    if let Some(what) = &entry.later {
        line(
            "Runs",
            &format!("not in this version: {what} comes in a later one"),
        )?;
    }
    let memory = facts.memory.iter().map(|memory| {
        let default = Some(memory.precision) == facts.default_precision;
        let mark = if default { " (default)" } else { "" };
        format!("{} {}{mark}", memory.precision, in_words(memory.bytes))
    });
    line("Memory", &memory.collect::<Vec<_>>().join(", "))?;
    let speed = facts.seconds_per_bar.map(|seconds| {
        format!("about {seconds:.2} s for a bar of 2 s on this machine, as it is now")
    });
    line("Speed", &speed.unwrap_or_default())?;
    Ok(())
}
