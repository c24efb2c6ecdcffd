//! A session with the real player behind it, and clips that were made before.

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use barline_engine::resample::resample;
use barline_engine::{
    Clip, Engine, EngineEvent, Fit, GenerateRequest, Length, ModelSource, Sampling,
};
use barline_player::{Outputs, Settings, Transport};
use nice_plug::params::Params;
use nice_plug::params::persist::PersistentField;

use super::*;
use crate::recall::{self, tests::facts};
use crate::state::{Clips, SavedClip};
use crate::view::{Message, Phase, SLOT_COUNT, Source};

mod library;
mod shelf;
mod slots;
mod takes;
mod versions;

struct NoScreen;

impl Screen for NoScreen {
    fn is_open(&self) -> bool {
        false
    }
    fn repaint(&self) {}
}

const RATE_HZ: u32 = 32_000;

/// A state with nothing wrong that asks for nothing.
fn loaded(clip: Option<Arc<SavedClip>>) -> Loaded {
    let mut clips = Clips::default();
    clips[0] = clip;
    Loaded {
        clips,
        generate: false,
        refused: None,
    }
}

fn saved() -> Arc<SavedClip> {
    let sine = |n: u32| (n as f32 * 0.07).sin() * 0.5;
    let channels = vec![(0..2 * RATE_HZ).map(sine).collect()];
    let clip = Clip {
        rate_hz: RATE_HZ,
        channels,
        codes: Vec::new(),
        frame_rate_hz: 50.0,
        raw: None,
        facts: facts(),
    };
    Arc::new(recall::pack(&clip).unwrap())
}

fn start() -> (Arc<BarlineParams>, Session, Player) {
    let params = Arc::new(BarlineParams::default());
    // One for all tests of a run; instances share it anyway.
    static SHARED: LazyLock<tempfile::TempDir> =
        LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));
    let (session, player) = start_in(&params, SHARED.path());
    (params, session, player)
}

fn start_in(params: &Arc<BarlineParams>, folder: &Path) -> (Session, Player) {
    let folders = Folders {
        library: Some(folder.join("library")),
        dragged: Some(folder.join("dragged")),
        shelf: None,
    };
    Session::in_folders(params.clone(), NoScreen, folders)
}

/// Until the session has done all that it was asked for, as an offline render waits.
fn settle(session: &Session, player: &mut Player) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while session.handle().busy().now(0) {
        assert!(
            Instant::now() < deadline,
            "{:?}",
            session.handle().snapshot()
        );
        std::thread::sleep(Duration::from_millis(1));
        player.receive();
    }
    player.receive();
}

/// The clips that a host would save now, by slot.
fn kept(params: &BarlineParams) -> Vec<Option<SavedClip>> {
    let clips = params.project.map(|value| value["clips"].clone());
    let mut clips: Vec<_> = serde_json::from_value(clips).unwrap();
    clips.resize(SLOT_COUNT, None);
    clips
}

/// A second of the clip from its start, as a host at that tempo hears it.
fn play(player: &mut Player, rate_hz: u32, tempo_bpm: f64) -> Vec<f32> {
    player.reset(f64::from(rate_hz));
    let mut heard = Vec::new();
    let (mut left, mut right) = (vec![0.0; 256], vec![0.0; 256]);
    while heard.len() < rate_hz as usize {
        let beats = heard.len() as f64 * tempo_bpm / 60.0 / f64::from(rate_hz);
        let transport = Transport {
            playing: true,
            tempo_bpm,
            beats: Some(beats),
            song_frame: None,
            beats_per_bar: Some(4.0),
            bar_start_beats: Some(0.0),
        };
        let outputs = Outputs::stereo(&mut left, &mut right);
        player.process(&transport, &Settings::default(), outputs);
        assert_eq!(left, right);
        heard.extend_from_slice(&left);
    }
    heard
}

fn assert_same(heard: &[f32], clip: &[f32], rate_hz: u32) {
    // The first milliseconds are faded in.
    let start = rate_hz as usize / 100;
    for (n, (a, b)) in heard.iter().zip(clip).enumerate().skip(start) {
        assert!((a - b).abs() < 1e-6, "frame {n}: {a} for {b}");
    }
}

#[test]
fn a_clip_of_the_project_plays_at_every_rate() {
    let (_, session, mut player) = start();
    let saved = saved();
    let recalled = recall::unpack(&saved).unwrap();
    let handle = session.handle();
    handle.loaded(loaded(Some(saved)));
    for rate_hz in [48_000, 44_100, 32_000] {
        handle.set_rate(rate_hz as f32);
        settle(&session, &mut player);
        let total = u64::from(rate_hz) * 2;
        let clip = resample(&recalled.channels, RATE_HZ, rate_hz, total);
        assert_same(&play(&mut player, rate_hz, 120.0), &clip[0], rate_hz);
    }
    let view = handle.snapshot().slots[0].clip.clone().unwrap();
    assert_eq!((view.beats, view.peaks.len()), (4.0, crate::view::COLUMNS));
}

#[test]
fn a_project_without_a_clip_silences_the_one_before() {
    let (_, session, mut player) = start();
    session.handle().set_rate(48_000.0);
    session.handle().loaded(loaded(Some(saved())));
    settle(&session, &mut player);
    assert!(player.clip(0).is_some());
    session.handle().loaded(loaded(None));
    settle(&session, &mut player);
    assert!(player.clip(0).is_none());
    assert_eq!(session.handle().snapshot().slots[0].clip, None);
}

#[test]
fn a_refused_state_leaves_the_clip_and_says_why() {
    let (_, session, mut player) = start();
    session.handle().set_rate(48_000.0);
    session.handle().loaded(loaded(Some(saved())));
    let why = "the project is from the future".to_owned();
    session.handle().loaded(Loaded {
        clips: Clips::default(),
        generate: false,
        refused: Some(why),
    });
    settle(&session, &mut player);
    assert!(player.clip(0).is_some());
    let said = session.handle().snapshot().message.clone();
    assert_eq!(
        said,
        Some(Message::Error("The project is from the future.".into()))
    );
}

#[test]
fn without_words_there_is_a_plain_answer() {
    let (_, session, mut player) = start();
    session.handle().send(UiAction::Generate);
    settle(&session, &mut player);
    let snapshot = session.handle().snapshot();
    let Some(Message::Error(text)) = &snapshot.message else {
        panic!("{snapshot:?}")
    };
    assert!(text.starts_with("The prompt is empty: describe"), "{text}");
    assert_eq!(snapshot.phase, Phase::Idle);
}

#[test]
fn a_clip_is_saved_whole_under_a_new_name_each_time() {
    let (_, session, mut player) = start();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("deep");
    let save = || {
        session
            .handle()
            .send(UiAction::Save(Source::Slot(0), to.clone()))
    };
    save();
    settle(&session, &mut player);
    assert!(!to.exists(), "there was nothing to save");

    session.handle().set_rate(48_000.0);
    session.handle().loaded(loaded(Some(saved())));
    save();
    save();
    settle(&session, &mut player);
    let mut names: Vec<String> = std::fs::read_dir(&to)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let stem = "barline_drums_120bpm_1bars_seed7";
    assert_eq!(names, [format!("{stem}.wav"), format!("{stem}_2.wav")]);
    let wav = hound::WavReader::open(to.join(&names[0])).unwrap();
    assert_eq!((wav.spec().sample_rate, wav.duration()), (48_000, 96_000));

    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    session
        .handle()
        .send(UiAction::Save(Source::Slot(0), blocked.join("inside")));
    settle(&session, &mut player);
    let said = session.handle().snapshot().message.clone();
    assert!(matches!(said, Some(Message::Error(text)) if text.contains("Cannot write")));
}

#[test]
fn a_state_with_the_button_down_asks_for_nothing() {
    let (params, session, mut player) = start();
    params.generate_presses.fetch_add(1, Ordering::Release);
    session.handle().loaded(Loaded {
        clips: Clips::default(),
        generate: false,
        refused: None,
    });
    while session.handle().busy().now(1) {
        std::thread::sleep(Duration::from_millis(1));
    }
    player.receive();
    // A press would have been answered: the prompt is empty.
    assert_eq!(session.handle().snapshot().message, None);
}

#[test]
fn sessions_come_and_go_without_waiting() {
    for _ in 0..50 {
        let (params, session, _player) = start();
        params
            .project
            .update(|project| project.prompt = "drums".into());
        session.handle().set_rate(48_000.0);
        session.handle().loaded(loaded(Some(saved())));
        let start = Instant::now();
        drop(session);
        assert!(start.elapsed() < Duration::from_millis(100));
    }
}

/// A state that asks for the four bars of the default at 240 BPM.
fn ask(params: &BarlineParams, session: &Session) -> GenerateRequest {
    params.project.update(|project| {
        project.prompt = "techno drums".into();
        project.tempo_bpm = 240.0;
        project.seed = 7;
    });
    session.handle().loaded(Loaded {
        clips: Clips::default(),
        generate: true,
        refused: None,
    });
    GenerateRequest {
        model: ModelSource::Starter,
        model_sha256: None,
        fit: Some(Fit::default()),
        prompt: "techno drums, 240 bpm".into(),
        negative: None,
        length: Length::Bars {
            bars: 4,
            beats_per_bar: 4,
            tempo_bpm: 240.0,
        },
        sampling: Sampling::default(),
        seed: 7,
        precision: None,
        threads: None,
        key: None,
    }
}

/// The clip that the engine makes by itself.
fn alone(request: GenerateRequest) -> Arc<Clip> {
    let job = Engine::shared().unwrap().submit(request).unwrap();
    for event in job.events() {
        match event {
            EngineEvent::Finished(clip) => return clip,
            EngineEvent::Failed(error) => panic!("{error}"),
            _ => {}
        }
    }
    panic!("the engine ended without a clip");
}

#[test]
fn a_prompt_becomes_a_loop_that_the_project_keeps() {
    let (params, session, mut player) = start();
    session.handle().set_rate(48_000.0);
    let request = ask(&params, &session);
    settle(&session, &mut player);
    let clip = alone(request);
    let want = clip.at_rate(48_000);
    assert_eq!(want[0].len(), 192_000);
    assert!(
        want[0].iter().any(|sample| sample.abs() > 0.01),
        "the clip is silent"
    );
    assert_same(&play(&mut player, 48_000, 240.0), &want[0], 48_000);
    let snapshot = session.handle().snapshot();
    assert_eq!((&snapshot.phase, &snapshot.message), (&Phase::Idle, &None));
    assert_eq!(
        snapshot.slots[0]
            .clip
            .as_ref()
            .and_then(|clip| clip.facts.clone())
            .unwrap()
            .seed,
        7
    );

    // Saved and opened again, it is there without the engine.
    let fields = params.serialize_fields();
    let (params, session, mut player) = start();
    let handle = session.handle().clone();
    params.project.on_load(move |loaded| handle.loaded(loaded));
    session.handle().set_rate(48_000.0);
    params.deserialize_fields(&fields);
    settle(&session, &mut player);
    assert_same(&play(&mut player, 48_000, 240.0), &want[0], 48_000);
    let mut facts = session.handle().snapshot().slots[0]
        .clip
        .as_ref()
        .unwrap()
        .facts
        .clone()
        .unwrap();
    facts.generate_seconds = clip.facts.generate_seconds;
    assert_eq!(facts, clip.facts);
    assert_eq!(params.serialize_fields(), fields);
}

#[test]
fn a_cancelled_clip_leaves_the_one_before() {
    let (params, session, mut player) = start();
    session.handle().set_rate(48_000.0);
    session.handle().loaded(loaded(Some(saved())));
    settle(&session, &mut player);
    let before = player.clip(0);
    params
        .project
        .update(|project| project.prompt = "techno drums".into());
    session.handle().send(UiAction::Generate);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !matches!(session.handle().snapshot().phase, Phase::Generating { step, .. } if step > 3) {
        assert!(
            Instant::now() < deadline,
            "{:?}",
            session.handle().snapshot()
        );
        std::thread::sleep(Duration::from_millis(1));
        player.receive();
    }
    let cancel = Instant::now();
    session.handle().send(UiAction::Cancel);
    settle(&session, &mut player);
    assert!(cancel.elapsed() < Duration::from_secs(2));
    assert_eq!(player.clip(0), before);
    assert_eq!(session.handle().snapshot().phase, Phase::Idle);
    assert_eq!(
        session.handle().snapshot().slots[0]
            .clip
            .clone()
            .unwrap()
            .seed,
        facts().seed
    );
}

#[test]
fn instances_go_away_while_they_generate() {
    for _ in 0..10 {
        let (params, session, _player) = start();
        session.handle().set_rate(48_000.0);
        ask(&params, &session);
        std::thread::sleep(Duration::from_millis(30));
        let start = Instant::now();
        drop(session);
        assert!(start.elapsed() < Duration::from_millis(100));
    }
}
