//! `barline evaluate`: a folder of files to figures, as text, JSON or a page with plots.
//!
//! Main thread, and one thread for each file that is measured at once. Those are left alone when
//! the command is interrupted: they write nothing.

mod figures;
mod folder;
mod page;
mod plot;
mod report;
mod words;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use barline_engine::Length;
use barline_engine::evaluate::{self, Adherence};
use barline_engine::file::{self, Recipe};
use barline_engine::fit::Hint;
use crossbeam_channel::{RecvTimeoutError, Sender, unbounded};

use self::report::{Entry, Found, Report, Set};
use super::Failure;
use super::args::EvaluateArgs;
use super::progress::Progress;
use super::waiting::{LOOK_EVERY, interrupts, try_place};

/// One file that is to be measured.
struct Task {
    /// Seen from its folder.
    name: PathBuf,
    path: PathBuf,
    /// What it should be.
    reference: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &EvaluateArgs) -> Result<(), Failure> {
    let json_file = args.json.as_deref().filter(|path| *path != Path::new("-"));
    for path in json_file.into_iter().chain(args.html.as_deref()) {
        try_place(path)?;
    }
    let names = folder::list(&args.folder)?;
    let others = match &args.against {
        Some(against) => folder::list(against)?,
        None => Vec::new(),
    };
    let mut tasks: Vec<Task> = names
        .iter()
        .map(|name| Task {
            path: args.folder.join(name),
            reference: args
                .against
                .as_ref()
                .filter(|_| others.contains(name))
                .map(|against| against.join(name)),
            name: name.clone(),
        })
        .collect();
    if let Some(against) = &args.against {
        tasks.extend(others.iter().map(|name| Task {
            path: against.join(name),
            reference: None,
            name: name.clone(),
        }));
    }
    let mut entries = measure_all(tasks, args)?;
    let against = entries.split_off(names.len());
    let against = (args.against.as_ref()).map(|folder| Set::new(folder, against));
    let report = Report::new(Set::new(&args.folder, entries), against);
    if let Some(path) = json_file {
        file::write_whole(path, report.json()?.as_bytes())?;
    }
    if let Some(path) = &args.html {
        file::write_whole(path, page::page(&report).as_bytes())?;
    }
    let mut out = std::io::stdout().lock();
    if args.json.is_some() && json_file.is_none() {
        out.write_all(report.json()?.as_bytes())?;
    } else {
        out.write_all(words::all(&report).as_bytes())?;
    }
    out.flush()?;
    match report.failed() {
        (0, _) => Ok(()),
        (failed, all) => Err(Failure::Unmeasured { failed, all }),
    }
}

/// Measures every file; the entries are in the order of the tasks.
fn measure_all(tasks: Vec<Task>, args: &EvaluateArgs) -> Result<Vec<Entry>, Failure> {
    let interrupts = interrupts();
    let count = tasks.len();
    let threads = args
        .threads
        .map_or_else(num_cpus::get_physical, std::num::NonZero::get);
    let (tasks, next) = (Arc::new(tasks), Arc::new(AtomicUsize::new(0)));
    let (report, results) = unbounded();
    for _ in 0..threads.min(count) {
        let (tasks, next, report) = (tasks.clone(), next.clone(), report.clone());
        std::thread::spawn(move || work(&tasks, &next, &report));
    }
    drop(report);
    let mut entries: Vec<Option<Entry>> = tasks.iter().map(|_| None).collect();
    let mut progress = Progress::counting("measuring".to_owned(), "files");
    let (start, mut done) = (Instant::now(), 0);
    loop {
        if interrupts.try_recv().is_ok() {
            return Err(Failure::Interrupted);
        }
        match results.recv_timeout(LOOK_EVERY) {
            Ok((index, result)) => {
                done += 1;
                progress.step(
                    done,
                    count as u32,
                    done as f32 / start.elapsed().as_secs_f32(),
                );
                entries[index] = Some(Entry::new(&tasks[index].name, result));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    drop(progress);
    let entries: Vec<Entry> = entries.into_iter().flatten().collect();
    for why in entries.iter().filter_map(|entry| entry.why.as_ref()) {
        eprintln!("barline: {why}");
    }
    Ok(entries)
}

/// A thread's work: takes files until there are none.
fn work(tasks: &[Task], next: &AtomicUsize, report: &Sender<(usize, Result<Found, String>)>) {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(task) = tasks.get(index) else {
            return;
        };
        // A file that brings a decoder down is one file that can't be read.
        let result = catch_unwind(AssertUnwindSafe(|| measure(task)));
        let result = result.unwrap_or_else(|_| {
            Err(format!(
                "measuring {} failed: it is damaged, or Barline has a fault",
                task.path.display()
            ))
        });
        // Where nobody listens any more, the command has ended.
        if report.send((index, result)).is_err() {
            return;
        }
    }
}

fn measure(task: &Task) -> Result<Found, String> {
    let (rate_hz, channels) = file::read(&task.path).map_err(|error| error.to_string())?;
    let facts = Recipe::read(&task.path).ok().map(|recipe| recipe.facts);
    let hint = match facts.as_ref().map(|facts| facts.length) {
        Some(Length::Bars {
            tempo_bpm,
            beats_per_bar,
            ..
        }) => Hint {
            tempo_bpm: Some(tempo_bpm),
            beats_per_bar,
        },
        _ => Hint {
            tempo_bpm: None,
            beats_per_bar: 4,
        },
    };
    let figures = evaluate::figures(&channels, rate_hz, hint);
    let frames = channels.first().map_or(0, Vec::len);
    // A reference that can't be read is told as a file of its own folder.
    let reference = task.reference.as_ref().and_then(|path| {
        let (reference_hz, reference) = file::read(path).ok()?;
        evaluate::likeness((&channels, rate_hz), (&reference, reference_hz))
    });
    Ok(Found {
        seconds: frames as f64 / f64::from(rate_hz),
        rate_hz,
        channels: channels.len(),
        asked: facts.map(|facts| Adherence::of(&facts, &figures.measured, rate_hz, frames)),
        reference,
        figures,
    })
}
