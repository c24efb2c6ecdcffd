//! Ended on purpose or by the instance's end, by one instance or several: no harm, and it goes on from where
//! it was.

use super::*;

/// Fetches, until the weights stand still in the middle.
fn in_the_middle(home: &Home, instance: &Instance) {
    home.hub
        .fail(WEIGHTS, Fault::Stall(Some(250_000)), u32::MAX);
    home.hub.asked();
    instance.ask(ModelAction::Fetch(TINY.into()));
    home.hub.wait_for_large(WEIGHTS).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !matches!(home.state(), State::Fetching { bytes, .. } if bytes > 500_000) {
        assert!(Instant::now() < deadline, "{:?}", home.state());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Until nobody is at it any more.
fn at_rest(home: &Home) -> State {
    let begin = Instant::now();
    loop {
        match home.state() {
            State::Fetching { .. } => {
                assert!(begin.elapsed() < Duration::from_secs(2), "it goes on");
                std::thread::sleep(Duration::from_millis(2));
            }
            state => return state,
        }
    }
}

/// Long enough that none of what stalls ends by itself.
fn patient() -> Home {
    let mut home = Home::new();
    home.settings.patience.stall = Duration::from_secs(60);
    home
}

#[test]
fn paused_it_goes_on_from_there_in_this_session_and_in_another() {
    let home = patient();
    let instance = home.open();
    instance.ask(ModelAction::Look);
    for _ in 0..2 {
        in_the_middle(&home, &instance);
        instance.ask(ModelAction::Pause(TINY.into()));
        let model = instance.until_model("paused", |model| !is_fetching(model));
        let ModelState::Partial(bytes, Some(TINY_BYTES)) = model.state else {
            panic!("{model:?}");
        };
        assert!((500_000..600_000).contains(&bytes), "{bytes}");
        assert_eq!(instance.snapshot().message, None, "a pause is no trouble");
    }
    drop(instance);
    // The host was closed and opened again.
    let instance = home.open();
    instance.ask(ModelAction::Look);
    instance.until_model("in part", |model| {
        matches!(model.state, ModelState::Partial(..))
    });
    home.hub.heal();
    home.hub.asked();
    let left = instance.offered();
    assert_eq!(left, 570_920 - 250_000, "only the rest is asked about");
    instance.fetched();
    assert_eq!(home.ranges(), [Some("bytes=250000-".to_owned())]);
    home.check_whole();
}

#[test]
fn cancelled_it_leaves_nothing() {
    let home = patient();
    let instance = home.open();
    in_the_middle(&home, &instance);
    instance.ask(ModelAction::CancelFetch(TINY.into()));
    let model = instance.until_model("cancelled", |model| !is_fetching(model));
    assert_eq!(model.state, ModelState::Missing);
    assert_eq!(instance.snapshot().message, None);
    assert!(!home.root().exists());
    home.hub.heal();
    instance.fetched();
    home.check_whole();
}

#[test]
fn an_instance_goes_in_the_middle_of_it() {
    let home = patient();
    for _ in 0..3 {
        let instance = home.open();
        in_the_middle(&home, &instance);
        let begin = Instant::now();
        drop(instance);
        assert!(begin.elapsed() < Duration::from_millis(100));
        let state = at_rest(&home);
        assert!(
            matches!(
                state,
                State::Partial {
                    bytes: 500_000..,
                    ..
                }
            ),
            "{state:?}"
        );
        // Nothing that looks whole.
        assert!(!home.root().join("snapshots").exists());
        assert_eq!(home.halves().len(), 1);
    }
    // While the hub is asked, which is silent.
    home.hub.heal();
    home.hub
        .fail("/api/models/some/tiny", Fault::Stall(None), u32::MAX);
    let instance = home.open();
    home.hub.asked();
    instance.ask(ModelAction::Offer(TINY.into()));
    std::thread::sleep(Duration::from_millis(50));
    drop(instance);
    home.hub.heal();
    home.open().fetched();
    home.check_whole();
}

#[test]
fn two_instances_fetch_it_once_and_a_third_waits() {
    let home = Home::new();
    let (one, other, third) = (home.open(), home.open(), home.open());
    home.hub.fail(WEIGHTS, Fault::Slow(40_000, 50), u32::MAX);
    one.ask(ModelAction::Fetch(TINY.into()));
    other.ask(ModelAction::Fetch(TINY.into()));
    home.hub.wait_for_large(WEIGHTS).unwrap();
    third.ask(ModelAction::Look);
    third.until_model("seen", |model| {
        matches!(
            model.state,
            ModelState::Fetching {
                doing: Doing::Elsewhere,
                bytes: TINY_BYTES,
                ..
            }
        )
    });
    // It can be had as soon as it is here, and what others do is not its own to stop.
    third.ask(ModelAction::Pause(TINY.into()));
    third.ask(ModelAction::CancelFetch(TINY.into()));
    third.ask(ModelAction::Fetch(TINY.into()));
    for instance in [&one, &other, &third] {
        instance.until_model("in use", |model| model.chosen);
        assert_eq!(instance.snapshot().message, None);
    }
    assert_eq!(home.ranges(), [None], "the weights came once");
    home.check_whole();
}

#[test]
fn one_goes_and_the_other_carries_on() {
    let home = patient();
    let (one, other) = (home.open(), home.open());
    in_the_middle(&home, &one);
    other.ask(ModelAction::Fetch(TINY.into()));
    other.until_model("waiting", |model| {
        matches!(
            model.state,
            ModelState::Fetching {
                doing: Doing::Waiting,
                ..
            }
        )
    });
    home.hub.heal();
    home.hub.asked();
    drop(one);
    other.until_model("in use", |model| model.chosen);
    assert_eq!(home.ranges(), [Some("bytes=250000-".to_owned())]);
    home.check_whole();
}

#[test]
fn nothing_waits_for_a_fetch() {
    let home = patient();
    let instance = home.open();
    instance.ask(ModelAction::Look);
    in_the_middle(&home, &instance);
    // Another model is asked about and refused, one that is here is used, twice the same is one.
    instance.ask(ModelAction::Fetch(TINY.into()));
    instance.ask(ModelAction::Offer("some/other".into()));
    let told = instance.told();
    assert!(told.contains("no model some/other"), "{told}");
    instance.ask(ModelAction::Use("starter".into()));
    let starter = |model: &ModelView| model.id == "starter" && model.chosen;
    instance.until("starter", |snapshot| snapshot.shelf.iter().any(starter));
    instance.until_model("coming", is_fetching);
    // Another is chosen by now: it is not used when it is here.
    home.hub.heal();
    instance.ask(ModelAction::Pause(TINY.into()));
    instance.until_model("paused", |model| !is_fetching(model));
    instance.ask(ModelAction::Fetch(TINY.into()));
    instance.ask(ModelAction::Use("starter".into()));
    instance.until_model("here", |model| model.state == ModelState::Here);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(instance.params.project.read().1.model, ModelSource::Starter);
}

#[test]
fn what_is_damaged_is_mended_and_what_was_fetched_is_removed() {
    let home = Home::new();
    let instance = home.open();
    instance.fetched();
    let said = |words: &str| {
        let snapshot = instance.until(words, |snapshot| snapshot.message.is_some());
        let Some(Message::Info(text)) = &snapshot.message else {
            panic!("{:?}", snapshot.message);
        };
        assert!(text.contains(words), "{text}");
        instance.session.handle().send(UiAction::Dismiss);
        instance.until("read", |snapshot| snapshot.message.is_none());
    };
    home.hub.asked();
    instance.ask(ModelAction::Mend(TINY.into()));
    said("as the hub says");
    assert!(home.hub.asked().is_empty(), "what is whole needs no hub");
    let State::Here { path, .. } = home.state() else {
        panic!("{:?}", home.state());
    };
    let weights = path.join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    bytes[300_000] ^= 1;
    std::fs::write(std::fs::canonicalize(weights).unwrap(), bytes).unwrap();
    instance.ask(ModelAction::Mend(TINY.into()));
    said("as the hub says");
    assert_eq!(home.ranges(), [None]);
    home.check_whole();

    instance.ask(ModelAction::Remove(TINY.into()));
    said("kB are free");
    let model = instance.until_model("removed", |model| model.state == ModelState::Missing);
    assert!(!model.chosen && !home.root().exists());
    instance
        .params
        .project
        .update(|project| project.prompt = "techno".into());
    instance.session.handle().send(UiAction::Generate);
    instance.until("offered", |snapshot| {
        matches!(snapshot.message, Some(Message::NoModel { .. }))
    });
}
