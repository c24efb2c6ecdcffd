//! `barline bench`: how long the parts of the engine take here, with random weights of the
//! published sizes, which are made in memory.
//!
//! Main thread, and the threads that it measures.

mod clip;
mod codec;
mod deadline;
mod quality;
pub(super) mod step;

use std::io::Write;
use std::num::NonZeroUsize;

use barline_engine::EngineError;
use serde::Serialize;

use super::Failure;
use super::args::BenchCommand;

/// Runs the command.
pub(crate) fn run(command: &BenchCommand) -> Result<(), Failure> {
    match command {
        BenchCommand::Step(args) => step::run(args),
        BenchCommand::Codec(args) => codec::run(args),
        BenchCommand::Clip(args) => clip::run(args),
        BenchCommand::Quality(args) => quality::run(args),
        BenchCommand::Deadline(args) => deadline::run(args),
    }
}

/// All cores, where the command line names no number: a bench has the machine to itself.
fn threads(asked_for: Option<NonZeroUsize>) -> NonZeroUsize {
    let cores = NonZeroUsize::new(num_cpus::get_physical()).unwrap_or(NonZeroUsize::MIN);
    asked_for.unwrap_or(cores)
}

/// Threads for the codec and the text encoder, as many as the engine would have.
pub(super) fn pool(threads: NonZeroUsize) -> Result<rayon::ThreadPool, EngineError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .build()
        .map_err(|error| EngineError::Internal {
            what: format!("no threads: {error}"),
        })
}

/// Prints figures as JSON, or as lines of a name and a figure.
fn print(figures: &impl Serialize, json: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let value = serde_json::to_value(figures).map_err(std::io::Error::from)?;
    if json {
        writeln!(out, "{value}")?;
    } else if let serde_json::Value::Object(figures) = value {
        for (name, figure) in figures {
            let figure = match figure {
                serde_json::Value::String(text) => text,
                serde_json::Value::Number(number) if number.is_f64() => {
                    format!("{:.3}", number.as_f64().unwrap_or_default())
                }
                other => other.to_string(),
            };
            writeln!(out, "{name:18} {figure}")?;
        }
    }
    Ok(())
}

/// The middle one.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
