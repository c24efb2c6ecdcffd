//! Everything that goes wrong between the hub and the cache ends in one message that says what to do, and
//! in a success when the panel asks again.

use super::*;

/// The fault makes question or fetch end with these words; healed, the same succeeds.
fn fails(end: &str, fault: Fault, words: &[&str]) -> Home {
    let home = Home::new();
    let label = format!("{fault:?}");
    home.hub.fail(end, fault, u32::MAX);
    let instance = home.open();
    instance.ask(ModelAction::Look);
    instance.ask(ModelAction::Offer(TINY.into()));
    let model = instance.until_model("answered", |model| model.offer.is_some());
    if matches!(model.offer, Some(Offered::Bytes(_))) {
        instance.ask(ModelAction::Fetch(TINY.into()));
    }
    let told = instance.told();
    for word in words {
        assert!(told.contains(word), "{label}: {told:?} without {word:?}");
    }
    assert!(told.ends_with('.') && !told.contains('\n'), "{told:?}");
    // It is at rest, and the model in use is the one before.
    let model = instance.until_model("at rest", |model| !is_fetching(model));
    assert!(
        !model.chosen && model.state != ModelState::Here,
        "{label}: {model:?}"
    );
    assert_eq!(instance.params.project.read().1.model, ModelSource::Starter);
    assert_eq!(instance.params.project.read().1.model_id, None);

    home.hub.heal();
    home.hub.asked();
    instance.offered();
    // An answer from before may still be shown; the line that told of the trouble goes with the question.
    instance.until("asked anew", |snapshot| snapshot.message.is_none());
    instance.fetched();
    home.check_whole();
    home
}

#[test]
fn a_cut_goes_on_at_its_byte() {
    let words = [
        "cut in model.safetensors after 300000 of 570920",
        "goes on from there",
    ];
    let home = fails(WEIGHTS, Fault::Cut(300_000), &words);
    assert_eq!(home.ranges(), [Some("bytes=300000-".to_owned())]);
}

#[test]
fn the_hub_says_no() {
    let no = |status, headers, words: &[&str]| {
        fails("/main", Fault::Status(status, headers), words);
    };
    no(404, "", &["no model some/tiny", "check the name"]);
    let absent = "X-Error-Code: RepoNotFound\r\n";
    no(401, absent, &["no model some/tiny", "HF_TOKEN"]);
    no(403, "", &["not accept the token", "/settings/tokens"]);
    let pause = "Retry-After: 7\r\n";
    no(429, pause, &["too many requests", "again in 7 s"]);
    no(503, "", &["status 503", "a few minutes"]);
    let gated = Fault::Status(403, "X-Error-Code: GatedRepo\r\n");
    fails("/config.json", gated, &["accepted its terms", "HF_TOKEN"]);
    fails("/main", Fault::Nonsense, &["as a model hub", "HF_ENDPOINT"]);
    fails(WEIGHTS, Fault::Status(500, ""), &["status 500", "is kept"]);
}

#[test]
fn what_is_not_the_hubs_is_not_kept() {
    let wrong = ["model.safetensors came damaged", "anew"];
    let home = fails(WEIGHTS, Fault::Damage, &wrong);
    assert_eq!(home.ranges(), [None], "a damaged part was kept");
    let long = ["model.safetensors came with 570930 bytes", "says 570920"];
    fails(WEIGHTS, Fault::Length(10), &long);
    fails(WEIGHTS, Fault::Length(-10), &["came with 570910 bytes"]);
}

#[test]
fn circles_and_silence_end() {
    let home = Home::new();
    for end in ["/config.json", "/config.json-again"] {
        home.hub.fail(end, Fault::Circle, u32::MAX);
    }
    let instance = home.open();
    instance.ask(ModelAction::Fetch(TINY.into()));
    let told = instance.told();
    assert!(told.contains("in circles for config.json"), "{told}");
    home.hub.heal();
    instance.fetched();
    home.check_whole();

    let silent = ["sent nothing for 1 s", "goes on where it was"];
    let home = fails(WEIGHTS, Fault::Stall(Some(200_000)), &silent);
    assert_eq!(home.ranges(), [Some("bytes=200000-".to_owned())]);
    fails("/main", Fault::Stall(None), &silent);
}

#[test]
fn nobody_there_or_nobody_to_be_asked() {
    let mut home = Home::new();
    home.settings.offline = true;
    let instance = home.open();
    instance.ask(ModelAction::Offer(TINY.into()));
    let told = instance.told();
    assert!(told.contains("offline mode is on"), "{told}");
    assert!(told.contains("HF_HUB_OFFLINE"), "{told}");
    assert!(home.hub.asked().is_empty(), "the hub was asked");

    // A port that nobody listens at: free ones are taken by the other tests.
    let nowhere = "http://127.0.0.1:1".to_owned();
    let own = std::mem::replace(&mut home.settings.endpoint, nowhere);
    home.settings.offline = false;
    let instance = home.open();
    instance.ask(ModelAction::Offer(TINY.into()));
    let told = instance.told();
    assert!(told.contains("check the network"), "{told}");
    home.settings.endpoint = own;
    home.open().fetched();
    // What is here needs no hub.
    home.settings.offline = true;
    home.hub.asked();
    let instance = home.open();
    instance.ask(ModelAction::Use(TINY.into()));
    instance.until_model("in use", |model| model.chosen);
    assert!(home.hub.asked().is_empty(), "the hub was asked");
}

#[test]
fn what_passes_by_itself_is_said_and_not_told_as_an_error() {
    let mut home = Home::new();
    home.settings.patience.retries = 3;
    home.settings.patience.first_wait = Duration::from_millis(300);
    home.hub.fail(WEIGHTS, Fault::Cut(100_000), 1);
    let instance = home.open();
    instance.ask(ModelAction::Fetch(TINY.into()));
    instance.until_model("trying again", |model| {
        matches!(
            model.state,
            ModelState::Fetching {
                doing: Doing::Retrying,
                ..
            }
        )
    });
    instance.until_model("in use", |model| model.chosen);
    assert_eq!(instance.snapshot().message, None);
    home.check_whole();
}
