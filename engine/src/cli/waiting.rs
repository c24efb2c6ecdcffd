//! From a request to a finished clip: waiting for the engine, with progress and Ctrl+C.
//!
//! Main thread.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use barline_engine::file::{self, FileError};
use barline_engine::{Clip, Engine, EngineEvent, GenerateRequest};
use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};

use super::Failure;
use super::progress::Progress;

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

/// Submits and waits, showing progress, until the job ends or the user interrupts.
pub(super) fn wait(
    engine: &Engine,
    request: GenerateRequest,
    mut progress: Progress,
    interrupts: &Receiver<()>,
) -> Result<Arc<Clip>, Failure> {
    let job = engine.submit(request)?;
    loop {
        if interrupts.try_recv().is_ok() {
            return Err(Failure::Interrupted);
        }
        match job.events().recv_timeout(Duration::from_millis(50)) {
            Ok(EngineEvent::Loading) => progress.loading(),
            Ok(EngineEvent::Progress {
                step,
                steps,
                steps_per_second,
            }) => {
                progress.step(step, steps, steps_per_second);
            }
            Ok(EngineEvent::Finished(clip)) => return Ok(clip),
            Ok(EngineEvent::Failed(error)) => return Err(error.into()),
            Ok(EngineEvent::Cancelled) => return Err(Failure::Interrupted),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(barline_engine::EngineError::Stopped.into());
            }
        }
    }
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
