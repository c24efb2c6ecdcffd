//! A project whose model is not on this machine: it opens, its clips play, and the model is offered.

use super::*;

/// A project of another machine with a clip, opened here.
fn opened(home: &Home, id: Option<&str>) -> Instance {
    let mut instance = home.open();
    let folder = "/elsewhere/hub/models--some--tiny/snapshots/0123";
    instance.params.project.update(|project| {
        project.model = ModelSource::Folder(folder.into());
        project.model_id = id.map(str::to_owned);
    });
    instance.session.handle().loaded(loaded(Some(saved())));
    settle(&instance.session, &mut instance.player);
    instance
}

fn offers(snapshot: &Snapshot) -> bool {
    matches!(&snapshot.message, Some(Message::NoModel { id, text })
        if id == TINY && text.contains("some/tiny is not here") && text.contains("clips play"))
}

#[test]
fn its_clips_play_and_the_model_is_offered_and_fetched() {
    // By the name that the project keeps, or by the cache's folder of an older one.
    for id in [Some(TINY), None] {
        let mut home = Home::new();
        home.settings.lists.clear();
        let mut instance = opened(&home, id);
        let clip = recall::unpack(&saved()).unwrap();
        let want = resample(&clip.channels, RATE_HZ, 48_000, 96_000);
        assert_same(&play(&mut instance.player, 48_000, 120.0), &want[0], 48_000);
        instance.until("offered", offers);
        assert!(home.hub.asked().is_empty(), "the hub was asked unasked");

        // Nothing can be made with it yet, and that is said as often as it is tried.
        instance.session.handle().send(UiAction::Dismiss);
        instance.until("read", |snapshot| snapshot.message.is_none());
        instance
            .params
            .project
            .update(|project| project.prompt = "techno".into());
        instance.session.handle().send(UiAction::Generate);
        let snapshot = instance.until("offered again", offers);
        assert_eq!(snapshot.phase, Phase::Idle);
        assert!(
            !snapshot.shelf.iter().any(|model| model.chosen),
            "it is in use"
        );
        assert!(instance.player.clip(0).is_some());

        assert_eq!(instance.offered(), TINY_BYTES);
        instance.fetched();
        assert_eq!(instance.generate().model, TINY);
        home.check_whole();
    }
}

#[test]
fn it_is_used_when_another_brings_it() {
    let home = Home::new();
    let instance = opened(&home, Some(TINY));
    instance.until("offered", offers);
    home.open().fetched();
    let snapshot = instance.until("in use", |snapshot| {
        snapshot
            .shelf
            .iter()
            .any(|model| model.chosen && model.id == TINY)
    });
    assert_eq!(snapshot.message, None);
    // A project that is opened when it is here says nothing.
    let other = opened(&home, Some(TINY));
    other.until_model("in use", |model| model.chosen);
    assert_eq!(other.snapshot().message, None);
}

#[test]
fn without_a_name_another_is_to_be_chosen() {
    let home = Home::new();
    let instance = home.open();
    instance.params.project.update(|project| {
        project.model = ModelSource::Folder("/elsewhere/mine".into());
        project.prompt = "techno".into();
    });
    instance.session.handle().loaded(loaded(Some(saved())));
    let told = instance.told();
    for words in ["/elsewhere/mine", "clips play", "pick another model"] {
        assert!(told.contains(words), "{told}");
    }
    instance.ask(ModelAction::Use("starter".into()));
    let starter = |model: &ModelView| model.id == "starter" && model.chosen;
    instance.ask(ModelAction::Look);
    instance.until("starter", |snapshot| snapshot.shelf.iter().any(starter));
}
