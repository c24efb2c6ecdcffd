//! `barline bench deadline`: whether a thread with a deadline meets it while clips are made.
//!
//! The thread does what a host's audio thread does: at every block it works for a fifth of the
//! block's time, and must be done before the next begins. It asks the system for the priority
//! that hosts get, and the figures say whether it got it. It is watched for as long before, with
//! no engine: what it misses then is the machine's doing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use barline_engine::worker::default_threads;
use barline_engine::{Engine, EngineEvent, Length};
use serde::Serialize;
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use super::super::Failure;
use super::super::args::BenchDeadlineArgs;
use super::{clip, print};

const RATE_HZ: f64 = 48_000.0;
/// Of a block's time that the thread works.
const LOAD: f64 = 0.2;

#[derive(Debug, Serialize)]
struct Figures {
    size: String,
    precision: String,
    engine_threads: usize,
    block_frames: u32,
    /// Whether the system gave the thread the priority of a host's audio thread.
    real_time: bool,
    blocks: u64,
    missed: u64,
    /// The latest that a block was done, as a share of its time: over 1 is missed.
    latest: f64,
    /// The same two without an engine.
    missed_idle: u64,
    latest_idle: f64,
    /// Clips of ten seconds that were made meanwhile.
    clips: u32,
}

/// Runs the command.
pub(super) fn run(args: &BenchDeadlineArgs) -> Result<(), Failure> {
    let threads = args.threads.unwrap_or_else(default_threads);
    let precision = args.size.config()?.decoder.precision();
    let precision = args.precision.unwrap_or(precision);
    let block = Duration::from_secs_f64(f64::from(args.frames.max(1)) / RATE_HZ);
    let length = Duration::from_secs_f64(args.seconds);
    let gone = || Failure::Argument("the watching thread panicked".into());
    let never = AtomicBool::new(false);
    let idle = std::thread::scope(|scope| scope.spawn(|| watch(block, length, &never)).join());
    let idle = idle.map_err(|_| gone())?;
    let engine = Engine::start()?;
    let request = |seed| {
        let length = Length::Seconds(10.0);
        clip::request(args.size, Some(precision), length, None, seed, threads)
    };
    // The model is in memory before the clock runs.
    let mut job = engine.submit(request(0))?;
    while !matches!(
        job.events().recv(),
        Ok(EngineEvent::Started { .. }) | Err(_)
    ) {}
    let stop = AtomicBool::new(false);
    let (clips, watched) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(block, length, &stop));
        let mut clips = 0;
        while !watcher.is_finished() {
            match job.events().recv_timeout(Duration::from_millis(100)) {
                Ok(EngineEvent::Finished(_)) => {
                    clips += 1;
                    match engine.submit(request(u64::from(clips))) {
                        Ok(next) => job = next,
                        Err(_) => break,
                    }
                }
                Ok(EngineEvent::Failed(_)) => break,
                _ => {}
            }
        }
        stop.store(true, Ordering::Relaxed);
        (clips, watcher.join())
    });
    let watched = watched.map_err(|_| gone())?;
    let figures = Figures {
        size: args.size.to_string(),
        precision: precision.to_string(),
        engine_threads: threads.get(),
        block_frames: args.frames,
        real_time: watched.real_time,
        blocks: watched.blocks,
        missed: watched.missed,
        latest: watched.latest,
        missed_idle: idle.missed,
        latest_idle: idle.latest,
        clips,
    };
    print(&figures, args.json)
}

struct Watched {
    real_time: bool,
    blocks: u64,
    missed: u64,
    latest: f64,
}

fn watch(block: Duration, length: Duration, stop: &AtomicBool) -> Watched {
    let real_time = set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Crossplatform(80.try_into().unwrap_or_default()),
        ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo),
    )
    .is_ok();
    let mut watched = Watched {
        real_time,
        blocks: 0,
        missed: 0,
        latest: 0.0,
    };
    let begin = Instant::now();
    let mut next = begin;
    while begin.elapsed() < length && !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        if now < next {
            std::thread::sleep(next - now);
        }
        let work = Instant::now();
        while work.elapsed() < block.mul_f64(LOAD) {
            std::hint::spin_loop();
        }
        let late = next.elapsed().as_secs_f64() / block.as_secs_f64();
        watched.latest = watched.latest.max(late);
        watched.blocks += 1;
        if late > 1.0 {
            watched.missed += 1;
            // A host drops what it missed and goes on with the block that is due.
            next = Instant::now();
        }
        next += block;
    }
    watched
}
