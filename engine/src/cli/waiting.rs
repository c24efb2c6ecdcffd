//! From a request to a finished clip: waiting for the engine, with progress and Ctrl+C.
//!
//! Main thread.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use barline_engine::file::{self, FileError};
use barline_engine::{Clip, EngineError, EngineEvent, Job};
use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};

use super::Failure;
use super::progress::Progress;

/// The rates that a file may have.
pub(super) const RATES_HZ: RangeInclusive<u32> = 8_000..=384_000;

/// A folder that can't be written to is better known before the clip is made.
pub(super) fn try_place(path: &Path) -> Result<(), FileError> {
    match file::create_beside(path) {
        Ok(_) => Ok(()),
        Err(source) => Err(FileError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

/// How often one who waits looks whether it is to stop.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits until a job ends or it is to stop; `hear` gets the news meanwhile.
pub(super) fn wait(
    job: &Job,
    mut hear: impl FnMut(&EngineEvent),
    stop: impl Fn() -> bool,
) -> Result<Arc<Clip>, Failure> {
    loop {
        if stop() {
            return Err(Failure::Interrupted);
        }
        match job.events().recv_timeout(LOOK_EVERY) {
            Ok(EngineEvent::Finished(clip)) => return Ok(clip),
            Ok(EngineEvent::Failed(error)) => return Err(error.into()),
            Ok(EngineEvent::Cancelled) => return Err(Failure::Interrupted),
            Ok(event) => hear(&event),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(EngineError::Stopped.into()),
        }
    }
}

/// As [`wait`], with progress on standard error, which is gone when it ends, and Ctrl+C.
pub(super) fn wait_with_progress(
    job: &Job,
    label: String,
    interrupts: &Receiver<()>,
) -> Result<Arc<Clip>, Failure> {
    let mut progress = Progress::new(label);
    let hear = |event: &EngineEvent| match *event {
        EngineEvent::Loading => progress.loading(),
        EngineEvent::Progress {
            step,
            steps,
            steps_per_second,
            ..
        } => progress.step(step, steps, steps_per_second),
        _ => {}
    };
    wait(job, hear, || interrupts.try_recv().is_ok())
}

/// Ctrl+C as a message. Where the system gives no handler, Ctrl+C ends the program at once,
/// and a temporary file may stay behind.
pub(super) fn interrupts() -> Receiver<()> {
    let (sender, receiver) = unbounded();
    let handler = move || {
        // The receiver lives as long as the command.
        let _ = sender.send(());
    };
    if ctrlc::set_handler(handler).is_err() {
        eprintln!("barline: interrupts cannot be caught here");
    }
    receiver
}

/// The samples at the rate asked for, exactly as long as the request says at that rate.
pub(super) fn at_rate(clip: &Clip, rate_hz: Option<u32>) -> (u32, Vec<Vec<f32>>) {
    let rate_hz = rate_hz.unwrap_or(clip.rate_hz);
    (rate_hz, clip.at_rate(rate_hz))
}
