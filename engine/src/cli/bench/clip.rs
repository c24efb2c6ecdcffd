//! `barline bench clip`: from the prompt to the last sample, through the engine that a plugin
//! uses.
//!
//! Main thread; the engine's do the work.

use std::num::NonZeroUsize;
use std::time::Instant;

use barline_engine::model::Size;
use barline_engine::{
    Engine, EngineError, EngineEvent, Fit, GenerateRequest, Job, Length, ModelSource, Precision,
    Sampling,
};
use serde::Serialize;

use super::super::Failure;
use super::super::args::BenchClipArgs;
use super::{print, threads};

#[derive(Debug, Serialize)]
struct Figures {
    size: String,
    precision: String,
    threads: usize,
    takes: usize,
    audio_seconds: f64,
    /// From a cold start to the first step: reading (or making) and packing the weights.
    load_seconds: f64,
    /// From asking a warm engine to the first block of audio.
    first_sound_seconds: f64,
    /// From asking a warm engine to the last sample of the last take.
    seconds: f64,
    /// Of all takes together.
    real_time_factor: f64,
    /// The most memory that the process has had.
    peak_mib: Option<f64>,
}

/// Runs the command.
pub(super) fn run(args: &BenchClipArgs) -> Result<(), Failure> {
    let threads = threads(args.threads);
    let precision = args.size.config()?.decoder.precision();
    let precision = args.precision.unwrap_or(precision);
    let engine = Engine::start()?;
    let length = Length::Seconds(args.seconds);
    let requests = |seed, takes: u8| {
        let request = |take: u8| {
            request(
                args.size,
                Some(precision),
                length,
                None,
                seed + u64::from(take),
                threads,
            )
        };
        (0..takes).map(request).collect::<Vec<_>>()
    };
    for request in requests(0, 1) {
        request.check()?;
    }
    let short = GenerateRequest {
        length: Length::Seconds(0.2),
        ..request(args.size, Some(precision), length, None, 0, threads)
    };
    let cold = follow(&engine, vec![short])?;
    let warm = follow(&engine, requests(1, args.takes))?;
    let audio_seconds = args.seconds * f64::from(args.takes);
    let figures = Figures {
        size: args.size.to_string(),
        precision: precision.to_string(),
        threads: threads.get(),
        takes: args.takes.into(),
        audio_seconds,
        load_seconds: cold.started_seconds - warm.started_seconds,
        first_sound_seconds: warm.first_sound_seconds,
        seconds: warm.seconds,
        real_time_factor: audio_seconds / warm.seconds,
        peak_mib: peak_mib(),
    };
    print(&figures, args.json)
}

/// A request to a model that nobody trained, or to the starter.
pub(in crate::cli) fn request(
    size: Size,
    precision: Option<Precision>,
    length: Length,
    fit: Option<Fit>,
    seed: u64,
    threads: NonZeroUsize,
) -> GenerateRequest {
    GenerateRequest {
        model: match size {
            Size::Starter => ModelSource::Starter,
            _ => ModelSource::Random(size),
        },
        model_sha256: None,
        prompt: "dusty lo-fi drums, 120 bpm".into(),
        negative: None,
        length,
        fit,
        sampling: Sampling::default(),
        seed,
        precision,
        threads: Some(threads),
        key: None,
    }
}

/// When things happened, counted from the submission.
pub(in crate::cli) struct Course {
    started_seconds: f64,
    first_sound_seconds: f64,
    pub(in crate::cli) seconds: f64,
}

/// Waits for all of some requests that are submitted at once.
pub(in crate::cli) fn follow(
    engine: &Engine,
    requests: Vec<GenerateRequest>,
) -> Result<Course, EngineError> {
    let begin = Instant::now();
    let jobs = engine.submit_all(requests)?;
    let mut course = Course {
        started_seconds: f64::INFINITY,
        first_sound_seconds: f64::INFINITY,
        seconds: 0.0,
    };
    for job in &jobs {
        follow_one(job, begin, &mut course)?;
    }
    Ok(course)
}

fn follow_one(job: &Job, begin: Instant, course: &mut Course) -> Result<(), EngineError> {
    for event in job.events() {
        let now = begin.elapsed().as_secs_f64();
        match event {
            EngineEvent::Started { .. } => course.started_seconds = course.started_seconds.min(now),
            EngineEvent::Audio(_) => {
                course.first_sound_seconds = course.first_sound_seconds.min(now);
            }
            EngineEvent::Finished(_) => {
                course.seconds = now;
                return Ok(());
            }
            EngineEvent::Failed(error) => return Err(error),
            _ => {}
        }
    }
    Err(EngineError::Stopped)
}

/// What Linux says of the process; elsewhere nothing is known.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}
