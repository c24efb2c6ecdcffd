//! The queue of an engine that several share, and the models that it holds.

use std::time::{Duration, Instant};

use barline_engine::{
    Engine, EngineError, EngineEvent, GenerateRequest, Job, Limits, ModelSource, Precision,
};

use crate::requests::{PATIENCE, golden, request};

/// What a cancel may take, on a machine that does other things too.
const AT_ONCE: Duration = Duration::from_millis(100);

fn until(job: &Job, is: impl Fn(&EngineEvent) -> bool) -> EngineEvent {
    loop {
        let event = job.events().recv_timeout(PATIENCE).expect("an event");
        if is(&event) {
            return event;
        }
        assert!(!matches!(event, EngineEvent::Failed(_)), "{event:?}");
    }
}

fn finish(job: &Job) {
    until(job, |event| matches!(event, EngineEvent::Finished(_)));
}

/// Waits until something holds.
fn becomes(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn the_queue_shows_the_jobs_of_all_in_their_order() {
    let engine = Engine::start().expect("an engine");
    let ask = |seconds: f64, seed| {
        let request = GenerateRequest {
            prompt: format!("drums {seconds}"),
            ..request(ModelSource::Starter, seconds, seed)
        };
        engine.submit(request).expect("a job")
    };
    assert!(engine.queue().is_empty());
    let long = ask(28.0, 1);
    until(&long, |event| {
        matches!(event, EngineEvent::Progress { step: 9, .. })
    });
    let (second, third) = (ask(1.0, 2), ask(0.5, 3));
    let queue = engine.queue();
    let ids: Vec<_> = queue.iter().map(|entry| entry.id).collect();
    assert_eq!(ids, [long.id(), second.id(), third.id()]);
    let places = queue.iter().map(|entry| (entry.running, entry.position));
    assert_eq!(
        places.collect::<Vec<_>>(),
        [(true, 0), (false, 1), (false, 2)]
    );
    assert_eq!(queue[1].prompt, "drums 1");
    assert_eq!(queue[1].model, "Barline Starter");
    assert!(queue[0].done > 0.0 && queue[0].seconds_left.is_some());
    assert_eq!((queue[1].done, queue[1].seconds_left), (0.0, None));

    // One that waits leaves at once, and those behind it hear that they moved up.
    let start = Instant::now();
    second.cancel();
    assert!(matches!(
        second.events().try_iter().last(),
        Some(EngineEvent::Cancelled)
    ));
    assert_eq!(engine.queue().len(), 2);
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    let moved: Vec<_> = third.events().try_iter().collect();
    assert!(
        matches!(
            moved[..],
            [
                EngineEvent::Queued { ahead: 2 },
                EngineEvent::Queued { ahead: 1 }
            ]
        ),
        "{moved:?}"
    );
    // So does one that is being made, and the answer is its last word.
    let start = Instant::now();
    long.cancel();
    let last = long.events().iter().last();
    assert!(matches!(last, Some(EngineEvent::Cancelled)), "{last:?}");
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    finish(&third);
    becomes("an empty queue", || engine.queue().is_empty());
}

#[test]
fn loading_tells_how_far_it_is_and_ends_at_once_when_it_is_cancelled() {
    let engine = Engine::start().expect("an engine");
    let folder = ModelSource::Folder(golden("mono"));
    let job = engine
        .submit(request(folder.clone(), 0.4, 1))
        .expect("a job");
    until(&job, |event| {
        matches!(event, EngineEvent::Loaded { share: 1.0 })
    });
    finish(&job);
    // Slow on purpose: every layer of a random model is made.
    let slow = GenerateRequest {
        precision: Some(Precision::Exact),
        ..request(
            ModelSource::Random(barline_engine::model::Size::Small),
            1.0,
            1,
        )
    };
    let job = engine.submit(slow).expect("a job");
    let behind = engine.submit(request(folder, 0.4, 2)).expect("a job");
    until(&job, |event| matches!(event, EngineEvent::Loading));
    std::thread::sleep(Duration::from_millis(30));
    let start = Instant::now();
    job.cancel();
    assert!(matches!(
        job.events().iter().last(),
        Some(EngineEvent::Cancelled)
    ));
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    // The worker notices and goes on long before that model would be there.
    finish(&behind);
}

#[test]
fn models_leave_memory_when_they_are_idle_too_many_or_unwanted() {
    let engine = Engine::start().expect("an engine");
    let make =
        |model: &ModelSource| finish(&engine.submit(request(model.clone(), 0.4, 1)).unwrap());
    let names = || -> Vec<String> { engine.held().into_iter().map(|held| held.name).collect() };
    let (mono, stereo) = (
        ModelSource::Folder(golden("mono")),
        ModelSource::Folder(golden("stereo")),
    );
    make(&mono);
    make(&stereo);
    make(&mono);
    becomes("all idle", || names() == ["stereo", "mono"]);
    let held = engine.held();
    assert!(held.iter().all(|held| held.bytes > 100_000), "{held:?}");
    assert_eq!(held[0].source, stereo);

    engine.unload(mono.clone());
    becomes("mono is gone", || names() == ["stereo"]);
    // No room for two: the one that was longer unused goes first.
    let limits = Limits {
        memory_bytes: held[0].bytes.max(held[1].bytes) + 1000,
        ..engine.limits()
    };
    engine.set_limits(limits);
    make(&mono);
    becomes("stereo is gone", || names() == ["mono"]);
    // No room for one: it is loaded all the same, and leaves when it is done.
    engine.set_limits(Limits {
        memory_bytes: 1,
        ..limits
    });
    becomes("none", || names().is_empty());
    make(&stereo);
    becomes("none again", || names().is_empty());
    engine.set_limits(Limits {
        memory_bytes: u64::MAX,
        idle: Duration::from_millis(150),
    });
    make(&mono);
    becomes("mono idles", || names() == ["mono"]);
    let start = Instant::now();
    becomes("mono was idle too long", || names().is_empty());
    assert!(start.elapsed() < Duration::from_secs(20));
    // What is being made is not interrupted by any limit.
    let job = engine
        .submit(request(ModelSource::Starter, 3.0, 1))
        .unwrap();
    until(&job, |event| matches!(event, EngineEvent::Started { .. }));
    engine.unload(ModelSource::Starter);
    engine.set_limits(Limits {
        memory_bytes: 1,
        idle: Duration::ZERO,
    });
    assert_eq!(names(), ["Barline Starter"]);
    finish(&job);
    becomes("none at last", || names().is_empty());
}

#[test]
fn a_model_that_another_was_asked_for_is_told_apart_by_its_hash() {
    let engine = Engine::start().expect("an engine");
    let job = engine
        .submit(GenerateRequest {
            model_sha256: Some("00".into()),
            ..request(ModelSource::Folder(golden("mono")), 0.4, 1)
        })
        .expect("a job");
    let last = job.events().iter().last();
    assert!(
        matches!(&last, Some(EngineEvent::Failed(EngineError::OtherModel { here, .. })) if here.len() == 64),
        "{last:?}"
    );
}
