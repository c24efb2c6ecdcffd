//! `barline models list`: the shelf, a line for each model.
//!
//! Main thread. Nothing is asked of the hub.

use std::io::Write;

use barline_engine::shelf::{Entry, Speeds, State, Stillness, in_words, predict};
use barline_engine::worker::default_threads;

use super::super::Failure;
use super::args::ListArgs;
use super::info::Facts;
use super::print_json;

/// Runs the command.
pub(super) fn run(args: &ListArgs) -> Result<(), Failure> {
    let shelf = super::shelf();
    // Asked for, it is measured anew: the first time may have been a bad moment.
    let mut predictor = predict::Predictor::new(default_threads());
    let mut speeds = Speeds::default();
    let still = args.speed && Stillness::now();
    let mut all = Vec::with_capacity(shelf.entries().len());
    for entry in shelf.entries() {
        let speed = match entry.size.filter(|_| args.speed && entry.runs()) {
            Some(size) => {
                let seconds = predictor.seconds_per_bar(size, entry.channels)?;
                speeds.set(size, entry.channels, seconds);
                Some(seconds)
            }
            None => None,
        };
        all.push(Facts::new(&shelf, entry, speed)?);
    }
    if still {
        // Who can't write there measures again next time.
        let _ = speeds.write(&shelf.settings().speeds);
    }
    if args.json {
        return print_json(&all);
    }
    let mut out = std::io::stdout().lock();
    let bar = if args.speed { "A BAR    " } else { "" };
    writeln!(
        out,
        "{:20} {:22} {:15} {:10} {bar}GOOD AT",
        "NAME", "STATE", "RIGHTS", "MEMORY"
    )?;
    for (facts, entry) in all.iter().zip(shelf.entries()) {
        let memory = facts.memory().map_or_else(|| "-".into(), in_words);
        let bar = match (args.speed, facts.seconds_per_bar) {
            (false, _) => String::new(),
            (true, Some(seconds)) => format!("{:8} ", format!("{seconds:.2} s")),
            (true, None) => format!("{:8} ", "-"),
        };
        writeln!(
            out,
            "{:20} {:22} {:15} {memory:10} {bar}{}",
            entry.name,
            state(&facts.state),
            entry.rights,
            good_at(entry)
        )?;
    }
    let cache = shelf.settings().cache.display();
    writeln!(
        out,
        "\nModels lie in {cache}; `barline models info NAME` says more of one."
    )?;
    Ok(())
}

fn good_at(entry: &Entry) -> String {
    match &entry.later {
        None => entry.good_at.clone(),
        Some(what) => format!("{} (not yet: {what})", entry.good_at),
    }
}

/// Where it is, in a few words.
pub(super) fn state(state: &State) -> String {
    let percent = |bytes: u64, of: u64| bytes * 100 / of.max(1);
    match state {
        State::BuiltIn => "built in".into(),
        State::Here { bytes, .. } => format!("here, {}", in_words(*bytes)),
        State::Partial { bytes, of } => format!("{} % came", percent(*bytes, *of)),
        State::Fetching { bytes, of } => format!("being fetched, {} %", percent(*bytes, *of)),
        State::Missing => "-".into(),
    }
}
