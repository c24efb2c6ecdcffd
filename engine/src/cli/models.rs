//! `barline models`: which models there are, and bringing them here, checking and removing them;
//! and what `--model` stands for.
//!
//! Main thread. What takes long can be ended with Ctrl+C and goes on when it is run again.

pub(crate) mod args;
mod choose;
mod fetch;
pub(crate) mod import;
mod info;
mod list;
mod question;
mod remove;
mod verify;

use std::thread;

use barline_engine::shelf::{Control, FetchError, Fetched, Shelf};
use crossbeam_channel::{Receiver, bounded, select};
use serde::Serialize;

use self::args::ModelsCommand;
use super::Failure;

pub(super) use choose::{is_name, settle};

/// Runs the command.
pub(crate) fn run(command: &ModelsCommand) -> Result<(), Failure> {
    match command {
        ModelsCommand::List(args) => list::run(args),
        ModelsCommand::Info(args) => info::run(args),
        ModelsCommand::Fetch(args) => fetch::run(args),
        ModelsCommand::Verify(args) => verify::run(args),
        ModelsCommand::Remove(args) => remove::run(args),
        ModelsCommand::Import(args) => import::run(args),
    }
}

/// The shelf; what is wrong with the user's lists is said once.
fn shelf() -> Shelf {
    let shelf = Shelf::load();
    for complaint in shelf.complaints() {
        eprintln!("barline: left out: {complaint}");
    }
    shelf
}

/// Does what Ctrl+C may end: then what has come is kept.
fn stoppable<T: Send>(
    interrupts: &Receiver<()>,
    work: impl FnOnce(&Control) -> Result<T, FetchError>,
) -> Result<T, Failure> {
    let control = Control::new();
    let (done, ended) = bounded::<()>(0);
    let result = thread::scope(|scope| {
        let watched = control.clone();
        scope.spawn(move || {
            select! {
                recv(interrupts) -> _ => watched.pause(),
                recv(ended) -> _ => {}
            }
        });
        let result = work(&control);
        drop(done);
        result
    });
    result.map_err(|error| match error {
        FetchError::Paused => Failure::FetchInterrupted,
        other => other.into(),
    })
}

/// One line of JSON on standard output.
fn print_json(facts: &impl Serialize) -> Result<(), Failure> {
    use std::io::Write;
    let text = serde_json::to_string(facts).map_err(std::io::Error::from)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

/// A revision as people write it.
fn short(revision: &str) -> &str {
    revision.get(..12).unwrap_or(revision)
}

/// "3 files".
fn count(model: &Fetched) -> String {
    match model.files.len() {
        1 => "1 file".into(),
        many => format!("{many} files"),
    }
}
