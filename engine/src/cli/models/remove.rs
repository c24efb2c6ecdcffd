//! `barline models remove`: a model off this machine, after one question.
//!
//! Main thread.

use barline_engine::shelf::{FetchError, State, in_words};

use super::super::Failure;
use super::super::waiting::interrupts;
use super::args::RemoveArgs;
use super::question::{agreed, can_ask};

/// Runs the command.
pub(super) fn run(args: &RemoveArgs) -> Result<(), Failure> {
    let shelf = super::shelf();
    let entry = shelf.find(&args.model)?;
    let id = entry.id.clone().ok_or_else(|| FetchError::BuiltIn {
        name: entry.name.clone(),
    })?;
    let (bytes, where_) = match shelf.state(&entry) {
        State::Here {
            bytes, path, ours, ..
        } => {
            if !ours && !args.shared {
                return Err(FetchError::NotOurs { id }.into());
            }
            (bytes, format!(" at {}", path.display()))
        }
        State::Partial { bytes, .. } => (bytes, ", not complete".into()),
        State::Fetching { .. } => {
            return Err(Failure::Argument(format!(
                "{id} is being fetched just now: end that first"
            )));
        }
        State::Missing | State::BuiltIn => return Err(FetchError::NotHere { id }.into()),
    };
    if !args.yes {
        if !can_ask() {
            return Err(Failure::Argument(format!(
                "there is no terminal to ask on: `barline models remove {} --yes` asks nothing",
                args.model
            )));
        }
        let question = format!("Remove {id} ({}{where_})?", in_words(bytes));
        if !agreed(&question, &interrupts())? {
            eprintln!("nothing was removed");
            return Ok(());
        }
    }
    let free = shelf.remove(&entry, args.shared)?;
    eprintln!("{id}: removed, {} are free again", in_words(free));
    Ok(())
}
