//! The engine as a caller sees it, with the starter model: events, cancel, queue, samples.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use barline_engine::{
    Clip, Engine, EngineError, EngineEvent, Fit, GenerateRequest, Job, Length, ModelSource,
    Precision, Reroll,
};

use crate::requests::{self, PATIENCE};

fn request(seconds: f64, seed: u64) -> GenerateRequest {
    requests::request(ModelSource::Starter, seconds, seed)
}

fn next(job: &Job) -> EngineEvent {
    job.events()
        .recv_timeout(PATIENCE)
        .expect("an event before the last one")
}

fn clip(job: &Job) -> Arc<Clip> {
    loop {
        match next(job) {
            EngineEvent::Finished(clip) => return clip,
            EngineEvent::Failed(error) => panic!("{error}"),
            EngineEvent::Cancelled => panic!("cancelled"),
            _ => {}
        }
    }
}

#[test]
fn events_come_in_order_and_the_chunks_make_the_clip() {
    let engine = Engine::start().expect("an engine");
    let length = Length::Bars {
        bars: 1,
        beats_per_bar: 4,
        tempo_bpm: 174.0,
    };
    let job = engine
        .submit(GenerateRequest {
            length,
            ..request(0.0, 3)
        })
        .expect("a job");
    assert!(matches!(next(&job), EngineEvent::Queued { ahead: 0 }));
    assert!(matches!(next(&job), EngineEvent::Loading));
    let mut loaded = 0.0;
    loop {
        match next(&job) {
            EngineEvent::Loaded { share } => {
                assert!(share > loaded && share <= 1.0);
                loaded = share;
            }
            EngineEvent::Reading => break,
            other => panic!("{other:?}"),
        }
    }
    assert!((loaded - 1.0).abs() < f32::EPSILON, "{loaded}");
    let EngineEvent::Started {
        steps,
        frames,
        rate_hz,
        channels,
    } = next(&job)
    else {
        panic!("not started")
    };
    assert_eq!((rate_hz, channels), (32_000, 1));
    assert_eq!(frames, length.frames(32_000));
    let (mut heard, mut last_step) = (Vec::new(), 0);
    let clip = loop {
        match next(&job) {
            EngineEvent::Progress {
                step,
                steps: all,
                steps_per_second,
                seconds_left,
                first_sound_seconds,
            } => {
                assert_eq!((step, all), (last_step + 1, steps));
                assert_eq!(first_sound_seconds.is_none(), !heard.is_empty());
                assert!((0.0..60.0).contains(&seconds_left));
                assert!(steps_per_second > 0.0);
                last_step = step;
            }
            EngineEvent::Audio(chunk) => {
                assert_eq!(chunk.start_frame, heard.len() as u64);
                heard.extend_from_slice(&chunk.channels[0]);
            }
            EngineEvent::Finished(clip) => break clip,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(last_step, steps);
    assert_eq!(heard.len() as u64, frames);
    assert_eq!(clip.channels, [heard]);
    assert_eq!(clip.codes.len(), 4);
    assert_eq!(clip.codes[0].len(), (frames as usize).div_ceil(640));
    // The ends of a loop are ramped to zero.
    assert_eq!(clip.channels[0].first(), Some(&0.0));
    assert_eq!(clip.channels[0].last(), Some(&0.0));
    assert!(
        job.events().recv_timeout(PATIENCE).is_err(),
        "nothing comes after the last event"
    );
}

#[test]
fn a_loop_is_heard_raw_while_it_is_made_and_fitted_when_it_is_done() {
    let engine = Engine::start().expect("an engine");
    let length = Length::Bars {
        bars: 2,
        beats_per_bar: 4,
        tempo_bpm: 130.0,
    };
    let ask = |fit, threads| GenerateRequest {
        length,
        fit,
        threads: NonZeroUsize::new(threads),
        ..request(0.0, 5)
    };
    let raw = clip(&engine.submit(ask(None, 1)).expect("a job"));
    let job = engine.submit(ask(Some(Fit::default()), 1)).expect("a job");
    let mut heard = Vec::new();
    let fitted = loop {
        match next(&job) {
            EngineEvent::Audio(chunk) => heard.extend_from_slice(&chunk.channels[0]),
            EngineEvent::Finished(clip) => break clip,
            EngineEvent::Failed(error) => panic!("{error}"),
            _ => {}
        }
    };
    // What is heard meanwhile is the raw clip. Its last frames sound a little different, as the
    // codec's decoder looks ahead to what comes after them.
    assert_eq!(heard.len(), raw.frames());
    let same = raw.frames() - 6_400;
    assert_eq!(raw.channels[0][..same], heard[..same]);
    assert_eq!(fitted.frames() as u64, length.frames(32_000));
    assert_eq!(fitted.codes[0][..raw.codes[0].len()], raw.codes[0]);
    assert!(fitted.codes[0].len() > raw.codes[0].len());
    assert!(fitted.facts.fitted.is_some() && raw.facts.fitted.is_none());
    let again = clip(&engine.submit(ask(Some(Fit::default()), 2)).expect("a job"));
    assert_eq!(again.channels, fitted.channels);
    assert_eq!(again.facts.fitted, fitted.facts.fitted);
}

#[test]
fn a_reroll_that_is_stopped_leaves_the_clip_before() {
    let engine = Engine::start().expect("an engine");
    let fit = Fit {
        // More than any loop has: it goes on until it is stopped.
        reroll: Some(Reroll {
            below_score: 101,
            at_most: 100,
        }),
        ..Fit::default()
    };
    let job = engine
        .submit(GenerateRequest {
            length: Length::Bars {
                bars: 1,
                beats_per_bar: 4,
                tempo_bpm: 240.0,
            },
            fit: Some(fit),
            ..request(0.0, 5)
        })
        .expect("a job");
    let mut tries = 0;
    let clip = loop {
        match next(&job) {
            EngineEvent::Started { .. } => {
                tries += 1;
                if tries == 3 {
                    job.cancel();
                }
            }
            EngineEvent::Finished(clip) => break clip,
            EngineEvent::Cancelled | EngineEvent::Failed(_) => panic!("no clip"),
            _ => {}
        }
    };
    assert_eq!(tries, 3);
    assert!([5, 6].contains(&clip.facts.seed));
}

#[test]
fn a_seed_makes_the_same_samples_on_any_number_of_threads() {
    let engine = Engine::start().expect("an engine");
    let mut clips = [1, 2, 3, 1].into_iter().map(|threads| {
        let threads = NonZeroUsize::new(threads);
        clip(
            &engine
                .submit(GenerateRequest {
                    threads,
                    ..request(1.0, 11)
                })
                .expect("a job"),
        )
    });
    let first = clips.next().expect("a clip");
    for other in clips {
        assert_eq!(other.codes, first.codes);
        assert_eq!(other.channels, first.channels);
    }
    let other = clip(&engine.submit(request(1.0, 12)).expect("a job"));
    assert_ne!(other.codes, first.codes);
}

#[test]
fn takes_that_are_made_together_come_out_as_they_do_alone() {
    let engine = Engine::start().expect("an engine");
    let ask = |seed| request(1.0, seed);
    let mut jobs = engine
        .submit_all((20..26).map(ask).collect())
        .expect("jobs");
    // One more is only cancelled: the others go on.
    let gone = engine.submit_all(vec![ask(30), ask(31)]).expect("jobs");
    drop(jobs.pop());
    gone[0].cancel();
    let together: Vec<_> = jobs.iter().map(clip).collect();
    for (seed, together) in (20..25).zip(&together) {
        assert_eq!(together.facts.seed, seed);
        if seed % 2 == 0 {
            let alone = clip(&engine.submit(ask(seed)).expect("a job"));
            assert_eq!(together.codes, alone.codes);
            assert_eq!(together.channels, alone.channels);
        }
    }
    let after = clip(&gone[1]);
    assert_eq!(after.facts.seed, 31);
    let cancelled = gone[0].events().iter().last();
    assert!(matches!(cancelled, Some(EngineEvent::Cancelled)));
}

#[test]
fn threads_may_come_and_go_while_a_clip_is_made() {
    let engine = Engine::start().expect("an engine");
    let still = clip(&engine.submit(request(1.0, 41)).expect("a job"));
    let job = engine.submit(request(1.0, 41)).expect("a job");
    let changed = loop {
        match next(&job) {
            EngineEvent::Progress { step, .. } => {
                let threads = NonZeroUsize::new(1 + step as usize % 3).expect("some");
                job.set_threads(threads);
            }
            EngineEvent::Finished(clip) => break clip,
            EngineEvent::Failed(error) => panic!("{error}"),
            _ => {}
        }
    };
    assert_eq!(changed.channels, still.channels);
}

#[test]
fn every_precision_makes_a_clip_and_says_which_it_was() {
    let engine = Engine::start().expect("an engine");
    let mut all: Vec<Arc<Clip>> = Vec::new();
    for precision in Precision::ALL {
        let request = GenerateRequest {
            precision: Some(precision),
            ..request(0.6, 5)
        };
        let clip = clip(&engine.submit(request).expect("a job"));
        assert_eq!(clip.facts.precision, precision);
        all.push(clip);
    }
    let default = clip(&engine.submit(request(0.6, 5)).expect("a job"));
    assert_eq!(default.facts.precision, Precision::F32);
    assert_eq!(default.channels, all[1].channels);
    assert_ne!(
        default.channels, all[4].channels,
        "4 bits are another model"
    );
}

#[test]
fn cancel_ends_a_job_within_two_steps_and_the_next_one_runs() {
    let engine = Engine::start().expect("an engine");
    let long = engine.submit(request(20.0, 1)).expect("a job");
    let waiting = engine.submit(request(20.0, 2)).expect("a job");
    let short = engine.submit(request(0.2, 3)).expect("a job");
    assert!(matches!(next(&short), EngineEvent::Queued { ahead: 2 }));
    drop(waiting);
    while !matches!(next(&long), EngineEvent::Progress { step: 5, .. }) {}
    long.cancel();
    // What the worker had already sent when the cancel was seen does not count.
    let sent = long.events().len();
    let start = Instant::now();
    let mut steps_after = 0;
    loop {
        match next(&long) {
            EngineEvent::Progress { .. } => steps_after += 1,
            EngineEvent::Cancelled => break,
            EngineEvent::Finished(_) => panic!("finished"),
            _ => {}
        }
    }
    assert!(
        steps_after <= sent + 2,
        "{steps_after} steps, {sent} events before"
    );
    assert_eq!(clip(&short).frames(), 6_400);
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn what_cannot_be_done_is_refused_in_words() {
    let engine = Engine::start().expect("an engine");
    let long = engine.submit(request(31.0, 1)).expect("queued");
    let error = loop {
        match next(&long) {
            EngineEvent::Failed(error) => break error,
            EngineEvent::Finished(_) => panic!("finished"),
            _ => {}
        }
    };
    assert!(matches!(error, EngineError::TooLong { .. }), "{error}");
    let gone = ModelSource::Folder("no/such/model".into());
    let job = engine
        .submit(GenerateRequest {
            model: gone,
            model_sha256: None,
            ..request(1.0, 1)
        })
        .expect("queued");
    let error = loop {
        match next(&job) {
            EngineEvent::Failed(error) => break error,
            EngineEvent::Finished(_) => panic!("finished"),
            _ => {}
        }
    };
    assert!(matches!(error, EngineError::ModelMissing { .. }), "{error}");
    assert!(error.to_string().contains("no/such/model"));
    // The worker goes on.
    assert_eq!(
        clip(&engine.submit(request(0.2, 1)).expect("a job")).frames(),
        6_400
    );
}

#[test]
fn dropping_the_engine_ends_its_thread_and_its_jobs() {
    let engine = Engine::start().expect("an engine");
    let job = engine.submit(request(20.0, 1)).expect("a job");
    while !matches!(next(&job), EngineEvent::Progress { .. }) {}
    let start = Instant::now();
    drop(engine);
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    let last = job.events().iter().last();
    assert!(matches!(last, Some(EngineEvent::Cancelled)), "{last:?}");
}

#[test]
fn all_who_ask_share_one_engine() {
    let first = Engine::shared().expect("an engine");
    let second = Engine::shared().expect("an engine");
    assert!(Arc::ptr_eq(&first, &second));
}

#[cfg(target_os = "linux")]
#[test]
fn the_engines_threads_stand_back() {
    let engine = Engine::start().expect("an engine");
    let threads = NonZeroUsize::new(2);
    let job = engine
        .submit(GenerateRequest {
            threads,
            ..request(5.0, 1)
        })
        .expect("a job");
    while !matches!(next(&job), EngineEvent::Progress { .. }) {}
    let mut found = 0;
    for task in std::fs::read_dir("/proc/self/task").expect("tasks") {
        let stat =
            std::fs::read_to_string(task.expect("a task").path().join("stat")).unwrap_or_default();
        let Some((head, tail)) = stat.rsplit_once(')') else {
            continue;
        };
        if head.contains("(barline-") {
            // Field 19 of the line is the nice value (proc(5)); 17 fields after the name.
            let nice: i32 = tail
                .split_whitespace()
                .nth(16)
                .and_then(|n| n.parse().ok())
                .expect("nice");
            assert!(nice > 0, "{stat}");
            found += 1;
        }
    }
    assert!(found >= 3, "the worker and its two threads, found {found}");
}
