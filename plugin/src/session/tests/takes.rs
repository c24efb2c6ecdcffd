//! Takes of the real engine: several at once, others like them, and clips that did not come along.

use super::*;

fn four_bars(params: &BarlineParams) {
    params.project.update(|project| {
        project.prompt = "techno drums".into();
        project.tempo_bpm = 240.0;
        project.seed = 7;
        project.seed_locked = true;
    });
}

fn seed(view: &crate::view::TakeView) -> u64 {
    view.seed.unwrap()
}

#[test]
fn one_prompt_makes_several_takes_and_the_first_is_in_the_slot() {
    let (params, session, mut player) = start();
    session.handle().set_rate(32_000.0);
    four_bars(&params);
    params.project.update(|project| {
        project.takes = 2;
        project.selected = 4;
    });
    session.handle().send(UiAction::Generate);
    settle(&session, &mut player);
    let snapshot = session.handle().snapshot();
    let takes = &snapshot.takes;
    assert_eq!(takes.iter().map(seed).collect::<Vec<_>>(), [8, 7]);
    let clip = snapshot.slots[4].clip.as_ref().unwrap();
    assert_eq!(clip.seed, 7);
    assert_eq!(snapshot.history.first().unwrap(), "techno drums");

    // Each is what the engine makes of its seed alone.
    let facts = clip.facts.clone().unwrap();
    let request = |seed| GenerateRequest {
        model: ModelSource::Starter,
        model_sha256: None,
        fit: Some(Fit::default()),
        prompt: facts.prompt.clone(),
        negative: None,
        length: facts.made_length(),
        sampling: Sampling::default(),
        seed,
        precision: None,
        threads: None,
        key: None,
    };
    for (take, seed) in [(1, 7), (0, 8)] {
        let place = UiAction::Place(takes[take].source.clone(), 0);
        session.handle().send(place);
        settle(&session, &mut player);
        let want = alone(request(seed)).at_rate(32_000);
        assert_same(&play(&mut player, 32_000, 240.0), &want[0], 32_000);
    }
}

#[test]
fn another_is_made_like_a_take_and_one_of_another_seed() {
    let (params, session, mut player) = start();
    session.handle().set_rate(32_000.0);
    four_bars(&params);
    session.handle().send(UiAction::Generate);
    settle(&session, &mut player);
    let facts = |slot: usize| {
        let snapshot = session.handle().snapshot();
        snapshot.slots[slot]
            .clip
            .clone()
            .unwrap()
            .facts
            .clone()
            .unwrap()
    };
    let first = facts(0);
    session.handle().send(UiAction::Similar(Source::Slot(0)));
    settle(&session, &mut player);
    let like = facts(0);
    assert_eq!((like.seed, &like.prompt), (first.seed, &first.prompt));
    assert_ne!(like.sampling, first.sampling);
    session.handle().send(UiAction::Reroll(Source::Slot(0)));
    settle(&session, &mut player);
    let other = facts(0);
    assert_ne!(other.seed, first.seed);
    assert_eq!(
        (&other.prompt, other.sampling),
        (&first.prompt, like.sampling)
    );
    assert_eq!(session.handle().snapshot().takes.len(), 3);
}

/// What a host gets from one instance and gives to another.
fn carried(params: &BarlineParams, folder: &Path) -> (Arc<BarlineParams>, Session, Player) {
    let fields = params.serialize_fields();
    let opened = Arc::new(BarlineParams::default());
    let (session, player) = start_in(&opened, folder);
    let handle = session.handle().clone();
    opened.project.on_load(move |loaded| handle.loaded(loaded));
    session.handle().set_rate(32_000.0);
    opened.deserialize_fields(&fields);
    (opened, session, player)
}

#[test]
fn a_clip_that_stayed_behind_comes_from_the_library_or_is_made_again() {
    let here = tempfile::tempdir().unwrap();
    let params = Arc::new(BarlineParams::default());
    let (session, mut player) = start_in(&params, here.path());
    session.handle().set_rate(32_000.0);
    four_bars(&params);
    params.project.update(|project| project.carry_mib = 0);
    session.handle().send(UiAction::Generate);
    settle(&session, &mut player);
    let made = play(&mut player, 32_000, 240.0);
    // The state names the take once the library has it.
    let deadline = Instant::now() + Duration::from_secs(20);
    while kept(&params)[0].as_ref().unwrap().library.is_none() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    // A host that restores what it has just saved interrupts nothing.
    let (playing, clips) = (player.clip(0), kept(&params));
    let mut again = loaded(None);
    for (slot, clip) in again.clips.iter_mut().zip(clips) {
        *slot = clip.map(Arc::new);
    }
    session.handle().loaded(again);
    settle(&session, &mut player);
    assert_eq!(player.clip(0), playing);

    let fields = params.serialize_fields();
    let bytes: usize = fields.values().map(String::len).sum();
    assert!(
        bytes < 8_000,
        "{bytes} bytes, and no samples should be among them"
    );

    // On this machine it comes back by itself, but for the rounding to 24 bits.
    let (_, session, mut player) = carried(&params, here.path());
    settle(&session, &mut player);
    assert_eq!(session.handle().snapshot().slots[0].missing, None);
    for (n, (one, two)) in made
        .iter()
        .zip(play(&mut player, 32_000, 240.0))
        .enumerate()
    {
        assert!((one - two).abs() < 1.0 / 8_000_000.0, "frame {n}");
    }

    // On another it is told, and made again with one click: the same to the bit.
    let there = tempfile::tempdir().unwrap();
    let (opened, session, mut player) = carried(&params, there.path());
    settle(&session, &mut player);
    let slot = session.handle().snapshot().slots[0].clone();
    assert!(slot.clip.is_none());
    assert!(slot.missing.is_some(), "{slot:?}");
    assert!(player.clip(0).is_none());
    session.handle().send(UiAction::Restore(0));
    settle(&session, &mut player);
    let slot = session.handle().snapshot().slots[0].clone();
    assert!(slot.missing.is_none() && slot.clip.is_some());
    let again = play(&mut player, 32_000, 240.0);
    assert!(
        made.iter()
            .zip(&again)
            .all(|(one, two)| one.to_bits() == two.to_bits())
    );
    assert_eq!(opened.project.read().1.carry_mib, 0);
}
