//! `barline models verify`: whether what is here is what the hub says.
//!
//! Main thread: reads, and a thread beside it hears Ctrl+C.

use barline_engine::shelf::{Entry, FetchError, State, in_words};
use serde::Serialize;

use super::super::Failure;
use super::super::progress::Progress;
use super::super::waiting::interrupts;
use super::args::VerifyArgs;
use super::{count, print_json, short, stoppable};

/// What `--json` says of a model.
#[derive(Serialize)]
struct Finding {
    id: String,
    revision: Option<String>,
    bytes: Option<u64>,
    /// What is wrong, in words.
    wrong: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let shelf = super::shelf();
    let entries: Vec<Entry> = if args.models.is_empty() {
        let here = |entry: &&Entry| matches!(shelf.state(entry), State::Here { .. });
        shelf.entries().iter().filter(here).cloned().collect()
    } else {
        let found = args.models.iter().map(|name| shelf.find(name));
        found.collect::<Result<_, _>>()?
    };
    let interrupts = interrupts();
    let mut findings = Vec::new();
    let (mut failed, mut first) = (0, None);
    for entry in &entries {
        let id = entry.id.clone().unwrap_or_else(|| entry.name.clone());
        let mut progress = Progress::new(format!("checking {id}"));
        let checked = stoppable(&interrupts, |control| {
            let mut hear = |news: &_| progress.fetched(news);
            if args.repair {
                shelf.repair(entry, control, &mut hear)
            } else {
                shelf.verify(entry, control, &mut hear)
            }
        });
        drop(progress);
        let (model, wrong) = match checked {
            Ok(model) => (Some(model), None),
            Err(Failure::Fetch(FetchError::BuiltIn { .. })) => {
                eprintln!("{id}: built in");
                continue;
            }
            Err(Failure::Fetch(error)) if !error.is_stop() => (None, Some(error)),
            Err(other) => return Err(other),
        };
        if let Some(model) = &model {
            let (files, size) = (count(model), in_words(model.bytes()));
            let revision = short(&model.commit);
            eprintln!("{id}: right, {files}, {size}, revision {revision}");
        }
        findings.push(Finding {
            id,
            revision: model.as_ref().map(|model| model.commit.clone()),
            bytes: model.as_ref().map(|model| model.bytes()),
            wrong: wrong.as_ref().map(ToString::to_string),
        });
        if let Some(error) = wrong {
            failed += 1;
            if let Some(before) = first.replace(error) {
                eprintln!("barline: {before}");
            }
        }
    }
    if entries.is_empty() {
        eprintln!("no model of the shelf is on this machine but the built-in one");
    }
    if args.json {
        print_json(&findings)?;
    }
    match (failed, first) {
        (_, Some(error)) => Err(error.into()),
        _ => Ok(()),
    }
}
