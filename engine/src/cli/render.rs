//! `barline render`: a recipe file to a folder of loops.
//!
//! Main thread, and one thread for each engine: it submits and waits. A loop is a file that is
//! whole or not there, and its name and its recipe say what it is: so a run that was ended in any
//! way goes on where it was, by looking which files are there.

mod manifest;
mod plan;

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use barline_engine::file::{self, Recipe};
use barline_engine::worker::default_threads;
use barline_engine::{ClipFacts, Engine, ModelSource};
use crossbeam_channel::{RecvTimeoutError, Sender, unbounded};

use self::manifest::{Entry, Status};
use self::plan::{Plan, Planned};
use super::Failure;
use super::args::RenderArgs;
use super::models::settle;
use super::waiting::{LOOK_EVERY, at_rate, interrupts, try_place, wait};

/// Memory that an engine takes beside its weights, and the weights' multiple while they are read.
const ENGINE_BYTES: u64 = 300 << 20;
const WEIGHTS_FACTOR: u64 = 3;
/// The starter model's weights.
const STARTER_BYTES: u64 = 32 << 20;

/// What a thread says of a loop.
struct Outcome {
    index: usize,
    result: Result<ClipFacts, Failure>,
}

/// Runs the command.
pub(crate) fn run(args: &RenderArgs) -> Result<(), Failure> {
    let mut plan = plan::read(&args.recipe)?;
    std::fs::create_dir_all(&plan.folder).map_err(|source| file::FileError::Io {
        path: plan.folder.clone(),
        source,
    })?;
    try_place(&plan.folder.join("loop"))?;
    let mut entries: Vec<Entry> = plan.loops.iter().map(there_or_left).collect();
    let left: VecDeque<usize> = (0..entries.len())
        .filter(|&index| entries[index].status == Status::Left)
        .collect();
    let (todo, all) = (left.len(), entries.len());
    let interrupts = interrupts();
    // The names of the loops hold what the recipe says of the model, and are known by now.
    if let Some(&first) = left.front() {
        let mut model = plan.loops[first].request.model.clone();
        settle(&mut model, Some(&interrupts))?;
        for planned in &mut plan.loops {
            planned.request.model = model.clone();
        }
    }
    let jobs = jobs(args, &plan).min(todo.max(1));
    eprintln!("{all} loops, {} of them there, {jobs} at once", all - todo);
    let (queue, stop) = (Mutex::new(left), AtomicBool::new(false));
    let (report, outcomes) = unbounded();
    let start = Instant::now();
    let mut ended = 0;
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (plan, queue, stop, report) = (&plan, &queue, &stop, report.clone());
            let threads = args.threads.unwrap_or_else(|| share(jobs));
            scope.spawn(move || work(plan, threads, queue, stop, &report));
        }
        drop(report);
        loop {
            match outcomes.recv_timeout(LOOK_EVERY) {
                Ok(outcome) => {
                    let Outcome { index, result } = outcome;
                    let entry = &mut entries[index];
                    match result {
                        Ok(facts) => {
                            entry.status = Status::Made;
                            entry.facts = Some(facts);
                        }
                        Err(Failure::Interrupted) => continue,
                        Err(failure) => {
                            entry.status = Status::Failed;
                            entry.why = Some(failure.to_string());
                        }
                    }
                    ended += 1;
                    say(entry, ended, todo, start.elapsed());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if interrupts.try_recv().is_ok() {
                stop.store(true, Ordering::Release);
            }
        }
    });
    manifest::write(&plan.folder, &entries)?;
    let failed = entries
        .iter()
        .filter(|entry| entry.status == Status::Failed)
        .count();
    if stop.load(Ordering::Acquire) {
        return Err(Failure::Interrupted);
    }
    if failed > 0 {
        return Err(Failure::Batch { failed, all });
    }
    Ok(())
}

/// A loop whose file is there and is that loop need not be made.
fn there_or_left(planned: &Planned) -> Entry {
    let recipe = Recipe::read(&planned.path).ok();
    let facts = recipe.map(|recipe| recipe.facts);
    let facts = facts.filter(|facts| facts.prompt == planned.request.prompt);
    Entry {
        file: name(&planned.path),
        status: facts.as_ref().map_or(Status::Left, |_| Status::There),
        why: None,
        facts,
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into()
}

/// Engines that work at once: one for each core, as far as memory goes.
fn jobs(args: &RenderArgs, plan: &Plan) -> usize {
    if let Some(jobs) = args.jobs {
        return jobs.get();
    }
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let weights = match plan.loops.first().map(|planned| &planned.request.model) {
        Some(ModelSource::Folder(folder)) => folder_bytes(folder),
        _ => STARTER_BYTES,
    };
    let each = WEIGHTS_FACTOR * weights + ENGINE_BYTES;
    let by_memory = (system.available_memory() / each) as usize;
    by_memory.clamp(1, num_cpus::get_physical())
}

fn folder_bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = files.filter_map(|file| Some(file.metadata().ok()?.len()));
    sizes.sum()
}

/// Threads of one of `jobs` engines.
fn share(jobs: usize) -> NonZeroUsize {
    let threads = if jobs == 1 {
        default_threads().get()
    } else {
        num_cpus::get_physical() / jobs
    };
    NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN)
}

/// One engine's thread: takes loops until there are none.
fn work(
    plan: &Plan,
    threads: NonZeroUsize,
    queue: &Mutex<VecDeque<usize>>,
    stop: &AtomicBool,
    report: &Sender<Outcome>,
) {
    let mut engine = None;
    while !stop.load(Ordering::Acquire) {
        let next = queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let Some(index) = next else {
            return;
        };
        let result = match &mut engine {
            Some(engine) => make(engine, plan, index, threads, stop),
            None => match Engine::start() {
                Ok(started) => make(engine.insert(started), plan, index, threads, stop),
                Err(error) => Err(error.into()),
            },
        };
        // The main thread listens until the last of us is gone.
        let _ = report.send(Outcome { index, result });
    }
}

fn make(
    engine: &Engine,
    plan: &Plan,
    index: usize,
    threads: NonZeroUsize,
    stop: &AtomicBool,
) -> Result<ClipFacts, Failure> {
    let planned = &plan.loops[index];
    let mut request = planned.request.clone();
    request.threads = Some(threads);
    let job = engine.submit(request)?;
    let clip = wait(&job, |_| {}, || stop.load(Ordering::Acquire))?;
    let (rate_hz, channels) = at_rate(&clip, plan.rate_hz);
    let recipe = Recipe::new(&clip.facts, rate_hz, plan.depth);
    file::write(&planned.path, &recipe, &channels)?;
    Ok(recipe.facts)
}

/// One line for each loop, with the time that the others will take.
fn say(entry: &Entry, ended: usize, todo: usize, elapsed: Duration) {
    let left = elapsed.as_secs_f64() / ended as f64 * (todo - ended) as f64;
    let how = match (&entry.why, &entry.facts) {
        (Some(why), _) => format!("failed: {why}"),
        (None, Some(facts)) => facts.fitted.as_ref().map_or_else(String::new, |fitted| {
            format!("score {}", fitted.score.total)
        }),
        (None, None) => String::new(),
    };
    eprintln!("{ended} of {todo}, {left:.0} s left: {}: {how}", entry.file);
}
