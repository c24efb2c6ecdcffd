//! The library, files of other programs, and files to be dragged, through a session.

use super::*;
use crate::state::SlotSettings;
use crate::tempo::Tempo;
use crate::view::{Find, LibraryAction, LibraryView, Purpose, Rights};

/// What the panel is shown of the library, once it is as wanted.
#[track_caller]
fn look(session: &Session, want: impl Fn(&LibraryView) -> bool) -> LibraryView {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let snapshot = session.handle().snapshot();
        if want(&snapshot.library) {
            return snapshot.library.clone();
        }
        assert!(Instant::now() < deadline, "{snapshot:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn find(session: &Session, text: &str) {
    session
        .handle()
        .send(UiAction::Library(LibraryAction::Find(Find {
            text: text.into(),
            ..Find::default()
        })));
}

/// Two bars of clicks at 120 BPM, by another program.
fn loop_file(folder: &Path, name: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&path, spec).unwrap();
    for n in 0..4 * 44_100_u32 {
        let since = n % 22_050;
        let bar = if n % 88_200 < 22_050 { 1.0 } else { 0.6 };
        let decay = (-f64::from(since) / 900.0).exp();
        let tone = (f64::from(since) * 0.12).sin();
        wav.write_sample((tone * decay * bar * 24_000.0) as i16)
            .unwrap();
    }
    wav.finalize().unwrap();
    path
}

/// A session with a clip in its first slot, and folders of its own.
fn with_clip(rate_hz: f32) -> (tempfile::TempDir, Arc<BarlineParams>, Session, Player) {
    let folder = tempfile::tempdir().unwrap();
    let params = Arc::new(BarlineParams::default());
    let (session, mut player) = start_in(&params, folder.path());
    session.handle().set_rate(rate_hz);
    session.handle().loaded(loaded(Some(saved())));
    settle(&session, &mut player);
    (folder, params, session, player)
}

#[test]
fn a_dropped_loop_lies_in_its_slot_and_in_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let params = Arc::new(BarlineParams::default());
    let (session, mut player) = start_in(&params, folder.path());
    session.handle().set_rate(44_100.0);
    let path = loop_file(folder.path(), "Clicks_120bpm.wav");
    session.handle().send(UiAction::Import(vec![path], Some(2)));
    settle(&session, &mut player);
    let clip = session.handle().snapshot().slots[2].clip.clone().unwrap();
    assert_eq!((clip.beats, clip.tempo_bpm), (8.0, 120.0));
    let facts = clip.facts.clone().unwrap();
    assert_eq!(
        (facts.steps, facts.model.as_str()),
        (0, "Clicks_120bpm.wav")
    );
    assert!(player.clip(2).is_some());

    find(&session, "clicks");
    let library = look(&session, |library| library.total == 1);
    let take = &library.takes[0];
    assert_eq!((take.tempo_bpm, take.bars), (Some(120.0), Some(2)));
    assert_eq!(take.rights, Rights::Unknown);
    let Source::Library(id) = take.source.clone() else {
        panic!("{take:?}")
    };

    // What it is called, marked and tagged is what others find.
    for action in [
        LibraryAction::Favourite(id.clone(), true),
        LibraryAction::Rename(id.clone(), "Night clicks".into()),
        LibraryAction::Tags(id.clone(), vec!["dry".into()]),
    ] {
        session.handle().send(UiAction::Library(action));
    }
    find(&session, "night");
    let library = look(&session, |library| {
        library
            .takes
            .first()
            .is_some_and(|take| take.tags == ["dry"])
    });
    let take = &library.takes[0];
    assert_eq!((take.name.as_str(), take.favourite), ("Night clicks", true));

    // Out of the list into another slot of another instance.
    let (session, mut player) = start_in(&params, folder.path());
    session.handle().set_rate(44_100.0);
    session
        .handle()
        .send(UiAction::Place(Source::Library(id.clone()), 6));
    settle(&session, &mut player);
    let placed = session.handle().snapshot().slots[6].clip.clone().unwrap();
    assert_eq!((placed.beats, &placed.peaks), (8.0, &clip.peaks));
    session.handle().send(UiAction::Undo);
    settle(&session, &mut player);
    assert_eq!(session.handle().snapshot().slots[6].clip, None);
}

#[test]
fn files_that_are_no_sound_leave_the_slot_and_say_why() {
    let (folder, _, session, mut player) = with_clip(48_000.0);
    let text = folder.path().join("notes.wav");
    std::fs::write(&text, "buy milk").unwrap();
    for path in [
        text,
        folder.path().join("nowhere.wav"),
        folder.path().to_owned(),
    ] {
        session.handle().send(UiAction::Dismiss);
        session
            .handle()
            .send(UiAction::Import(vec![path.clone()], Some(0)));
        settle(&session, &mut player);
        let snapshot = session.handle().snapshot();
        assert!(
            matches!(&snapshot.message, Some(Message::Error(_))),
            "{path:?}: {:?}",
            snapshot.message
        );
        assert_eq!(snapshot.slots[0].clip.as_ref().unwrap().seed, 7);
    }
}

#[test]
fn more_files_than_one_fill_the_empty_slots() {
    let (folder, _, session, mut player) = with_clip(44_100.0);
    let paths = (0..9)
        .map(|n| loop_file(folder.path(), &format!("loop{n}_120bpm.wav")))
        .collect();
    session.handle().send(UiAction::Import(paths, Some(3)));
    settle(&session, &mut player);
    let snapshot = session.handle().snapshot();
    assert_eq!(snapshot.slots[0].clip.as_ref().unwrap().seed, 7);
    assert!(snapshot.slots.iter().all(|slot| slot.clip.is_some()));
    let third = snapshot.slots[3]
        .clip
        .clone()
        .unwrap()
        .facts
        .clone()
        .unwrap();
    assert_eq!(third.model, "loop0_120bpm.wav");
}

#[test]
fn a_slots_file_is_as_it_sounds_and_the_same_each_time() {
    let (_folder, _, session, mut player) = with_clip(48_000.0);
    let file = |player: &mut Player, purpose| {
        let action = match purpose {
            Purpose::Drag => UiAction::Drag(Source::Slot(0)),
            Purpose::Copy => UiAction::CopyFile(Source::Slot(0)),
        };
        session.handle().send(action);
        settle(&session, player);
        let ready = session.handle().snapshot().ready.clone().unwrap();
        assert_eq!((ready.purpose, &ready.source), (purpose, &Source::Slot(0)));
        session.handle().send(UiAction::Dragged);
        settle(&session, player);
        assert_eq!(session.handle().snapshot().ready, None);
        ready.path
    };
    let whole = file(&mut player, Purpose::Drag);
    let name = whole.file_name().unwrap().to_str().unwrap();
    let hash = name.strip_prefix("barline_drums_120bpm_1bars_").unwrap();
    let hash = hash.strip_suffix(".wav").unwrap();
    assert!(
        hash.len() == 8 && hash.chars().all(|c| c.is_ascii_hexdigit()),
        "{name}"
    );
    let wav = hound::WavReader::open(&whole).unwrap();
    let spec = wav.spec();
    assert_eq!((spec.sample_rate, spec.bits_per_sample), (48_000, 24));
    assert_eq!(wav.duration(), 96_000);
    assert_eq!(
        file(&mut player, Purpose::Copy),
        whole,
        "the same sound, the same file"
    );

    // Its second half, backwards.
    let settings = SlotSettings {
        start_beats: 2.0,
        reverse: true,
        ..SlotSettings::default()
    };
    session.handle().send(UiAction::Tune(0, settings));
    let part = file(&mut player, Purpose::Drag);
    assert_ne!(part, whole);
    let recipe = barline_engine::file::Recipe::read(&part).unwrap();
    let edited = recipe.facts.edited.clone().unwrap();
    assert_eq!(edited.how, "beats 2 to 4, reversed");
    assert_eq!(recipe.facts.made_length(), facts().length);
    assert_ne!(recipe.facts.length, facts().length);
    let samples = |path: &Path| -> Vec<i32> {
        let mut wav = hound::WavReader::open(path).unwrap();
        wav.samples::<i32>().map(Result::unwrap).collect()
    };
    let mut want = samples(&whole)[48_000..].to_vec();
    want.reverse();
    let part = samples(&part);
    assert_eq!(part.len(), want.len());
    // But for the dither.
    assert!(
        part.iter()
            .zip(&want)
            .all(|(one, two)| (one - two).abs() <= 2)
    );

    // As it sounds at the host's tempo: faster is shorter.
    session
        .handle()
        .send(UiAction::Tune(0, SlotSettings::default()));
    session
        .handle()
        .busy()
        .wish(Wish::new(Tempo::new(150.0), true, true));
    let fast = file(&mut player, Purpose::Drag);
    let name = fast.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("barline_drums_150bpm_"), "{name}");
    assert_eq!(hound::WavReader::open(&fast).unwrap().duration(), 76_800);
}
