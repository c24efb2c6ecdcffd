//! A session with the real player behind it, and clips that were made before.

use std::time::{Duration, Instant};

use barline_engine::resample::resample;
use barline_engine::{
    Clip, Engine, EngineEvent, Fit, GenerateRequest, Length, ModelSource, Sampling,
};
use barline_player::{Settings, Transport};
use nice_plug::params::Params;

use super::*;
use crate::recall::{self, tests::facts};
use crate::state::SavedClip;
use crate::tempo::Tempo;
use crate::view::{Following, How, Message, Phase};

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
    Loaded {
        clip,
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
    let (session, player) = Session::start(params.clone(), NoScreen);
    (params, session, player)
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
        };
        player.process(&transport, &Settings::default(), &mut left, &mut right);
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
    handle.loaded(Loaded {
        clip: Some(saved),
        generate: false,
        refused: None,
    });
    for rate_hz in [48_000, 44_100, 32_000] {
        handle.set_rate(rate_hz as f32);
        settle(&session, &mut player);
        let total = u64::from(rate_hz) * 2;
        let clip = resample(&recalled.channels, RATE_HZ, rate_hz, total);
        assert_same(&play(&mut player, rate_hz, 120.0), &clip[0], rate_hz);
    }
    let view = handle.snapshot().clip.clone().unwrap();
    assert_eq!((view.beats, view.peaks.len()), (4.0, crate::view::COLUMNS));
}

#[test]
fn a_project_without_a_clip_silences_the_one_before() {
    let (_, session, mut player) = start();
    session.handle().set_rate(48_000.0);
    session.handle().loaded(loaded(Some(saved())));
    settle(&session, &mut player);
    assert!(player.clip().is_some());
    session.handle().loaded(loaded(None));
    settle(&session, &mut player);
    assert!(player.clip().is_none());
    assert_eq!(session.handle().snapshot().clip, None);
}

#[test]
fn a_refused_state_leaves_the_clip_and_says_why() {
    let (_, session, mut player) = start();
    session.handle().set_rate(48_000.0);
    session.handle().loaded(loaded(Some(saved())));
    let why = "the project is from the future".to_owned();
    session.handle().loaded(Loaded {
        clip: None,
        generate: false,
        refused: Some(why),
    });
    settle(&session, &mut player);
    assert!(player.clip().is_some());
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
    let save = || session.handle().send(UiAction::SaveWav(to.clone()));
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
        .send(UiAction::SaveWav(blocked.join("inside")));
    settle(&session, &mut player);
    let said = session.handle().snapshot().message.clone();
    assert!(matches!(said, Some(Message::Error(text)) if text.contains("Cannot write")));
}

#[test]
fn a_state_with_the_button_down_asks_for_nothing() {
    let (params, session, mut player) = start();
    params.generate_presses.fetch_add(1, Ordering::Release);
    session.handle().loaded(Loaded {
        clip: None,
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
        session.handle().loaded(Loaded {
            clip: Some(saved()),
            generate: false,
            refused: None,
        });
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
        clip: None,
        generate: true,
        refused: None,
    });
    GenerateRequest {
        model: ModelSource::Starter,
        model_sha256: None,
        fit: Some(Fit::default()),
        prompt: "techno drums, 240 bpm".into(),
        length: Length::Bars {
            bars: 4,
            beats_per_bar: 4,
            tempo_bpm: 240.0,
        },
        sampling: Sampling::default(),
        seed: 7,
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
        snapshot
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
    let mut facts = session
        .handle()
        .snapshot()
        .clip
        .clone()
        .unwrap()
        .facts
        .unwrap();
    facts.generate_seconds = clip.facts.generate_seconds;
    assert_eq!(facts, clip.facts);
    assert_eq!(params.serialize_fields(), fields);
}

/// The host's tempo comes to rest at this, and the session does what is to be done.
fn rest_at(
    session: &Session,
    player: &mut Player,
    bpm: f64,
    keep_pitch: bool,
) -> Option<Following> {
    let wish = Wish::new(Tempo::new(bpm), true, keep_pitch);
    session.handle().busy().wish(wish);
    settle(session, player);
    session.handle().snapshot().following
}

/// A clip of the engine's as a project keeps it.
fn packed(clip: &Clip) -> Loaded {
    loaded(Some(Arc::new(recall::pack(clip).unwrap())))
}

#[test]
fn a_loop_is_fitted_to_the_hosts_tempo_from_its_take_and_back() {
    let (params, session, mut player) = start();
    session.handle().set_rate(48_000.0);
    let request = ask(&params, &session);
    settle(&session, &mut player);
    let own = alone(request.clone());
    let at = |play_at_bpm: f64| {
        let fit = Fit {
            play_at_bpm: Some(play_at_bpm),
            ..Fit::default()
        };
        alone(GenerateRequest {
            fit: Some(fit),
            ..request.clone()
        })
    };
    let fast = at(251.3);
    let how = |following: Option<Following>| following.map(|following| following.how);
    let kept = rest_at(&session, &mut player, 251.3, true);
    assert_eq!(how(kept), Some(How::PitchKept));
    let want = fast.at_rate(48_000);
    assert_eq!(
        want[0].len(),
        (16.0 * 60.0 / 251.3 * 48_000.0_f64).round() as usize
    );
    assert_same(&play(&mut player, 48_000, 251.3), &want[0], 48_000);
    let view = session.handle().snapshot().clip.clone().unwrap();
    assert_eq!(
        (view.tempo_bpm, view.facts.unwrap().made_at_bpm),
        (251.3, Some(240.0))
    );

    // What is saved is what is heard, and says how it is made again.
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("fast.wav");
    session.handle().send(UiAction::SaveWav(to.clone()));
    settle(&session, &mut player);
    let recipe = barline_engine::file::Recipe::read(&to).unwrap();
    assert_eq!(
        (recipe.facts.length, recipe.facts.made_length()),
        (fast.facts.length, own.facts.length)
    );
    let wav = hound::WavReader::open(&to).unwrap();
    assert_eq!(wav.duration() as usize, want[0].len());

    // The newest wins, the host's own parameter decides, and too far is not done.
    session
        .handle()
        .busy()
        .wish(Wish::new(Tempo::new(200.0), true, true));
    let kept = rest_at(&session, &mut player, 230.0, true);
    assert_eq!(how(kept), Some(How::PitchKept));
    let slow = at(230.0).at_rate(48_000);
    assert_same(&play(&mut player, 48_000, 230.0), &slow[0], 48_000);
    assert_eq!(
        how(rest_at(&session, &mut player, 230.0, false)),
        Some(How::Repitched)
    );
    assert_eq!(
        how(rest_at(&session, &mut player, 120.0, true)),
        Some(How::TooFar)
    );
    let view = session.handle().snapshot().clip.clone().unwrap();
    assert_eq!(view.tempo_bpm, 240.0);

    // Back at its own tempo it is the clip that it was.
    assert_eq!(rest_at(&session, &mut player, 240.0, true), None);
    let want = own.at_rate(48_000);
    assert_same(&play(&mut player, 48_000, 240.0), &want[0], 48_000);

    // In another process the same take is fitted to the same samples.
    let (_, session, mut player) = start();
    session.handle().set_rate(48_000.0);
    session.handle().loaded(packed(&own));
    let kept = rest_at(&session, &mut player, 251.3, true);
    assert_eq!(how(kept), Some(How::PitchKept));
    let want = fast.at_rate(48_000);
    assert_same(&play(&mut player, 48_000, 251.3), &want[0], 48_000);
}

/// `cargo test -p barline-plugin --lib refit -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn a_refit_of_eight_seconds() {
    let (_, session, mut player) = start();
    session.handle().set_rate(48_000.0);
    let own = alone(GenerateRequest {
        length: Length::Bars {
            bars: 4,
            beats_per_bar: 4,
            tempo_bpm: 120.0,
        },
        prompt: "techno drums, 120 bpm".into(),
        ..ask(&BarlineParams::default(), &session)
    });
    let packing = Instant::now();
    let with_take = recall::pack(&own).unwrap();
    let packing = packing.elapsed();
    let alone = Clip {
        raw: None,
        ..(*own).clone()
    };
    let without = recall::pack(&alone).unwrap().flac.len();
    let take = with_take.raw.as_ref().map_or(0, |raw| raw.flac.len());
    let stretch = own.facts.fitted.as_ref().map(|fitted| fitted.stretch);
    println!(
        "state: {without} bytes without its take, {} with it ({} and {take}), stretch {stretch:?}, packed in {packing:?}",
        with_take.flac.len() + take,
        with_take.flac.len(),
    );
    session.handle().loaded(packed(&own));
    settle(&session, &mut player);
    for bpm in [124.0, 90.0, 124.0, 120.0] {
        let start = Instant::now();
        let how = rest_at(&session, &mut player, bpm, true).map(|following| following.how);
        println!("{bpm} BPM: {how:?} after {:?}", start.elapsed());
    }
}

#[test]
fn a_project_without_a_take_is_stretched_around_its_join() {
    let (_, session, mut player) = start();
    session.handle().set_rate(48_000.0);
    session.handle().loaded(loaded(Some(saved())));
    let following = rest_at(&session, &mut player, 110.0, true).unwrap();
    assert_eq!(
        (following.made_bpm, following.host_bpm, following.how),
        (120.0, 110.0, How::PitchKept)
    );
    // A sine of the same pitch: as many turns in a second as before, and as loud.
    let turns = |heard: &[f32]| {
        heard
            .windows(2)
            .filter(|w| w[0] < 0.0 && w[1] >= 0.0)
            .count()
    };
    let heard = play(&mut player, 48_000, 110.0);
    let hz = 0.07 / std::f64::consts::TAU * f64::from(RATE_HZ);
    assert!(
        (turns(&heard) as f64 - hz).abs() <= 2.0,
        "{} of {hz}",
        turns(&heard)
    );
    let loudest = heard[480..]
        .iter()
        .fold(0.0f32, |peak, x| peak.max(x.abs()));
    assert!((0.45..0.56).contains(&loudest), "{loudest}");
    // While the tempo moves nothing is done.
    session.handle().busy().wish(Wish::new(None, true, true));
    settle(&session, &mut player);
    let view = session.handle().snapshot().clip.clone().unwrap();
    assert_eq!(view.tempo_bpm, 110.0);
}

#[test]
fn a_cancelled_clip_leaves_the_one_before() {
    let (params, session, mut player) = start();
    session.handle().set_rate(48_000.0);
    session.handle().loaded(loaded(Some(saved())));
    settle(&session, &mut player);
    let before = player.clip();
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
    assert_eq!(player.clip(), before);
    assert_eq!(session.handle().snapshot().phase, Phase::Idle);
    assert_eq!(
        session.handle().snapshot().clip.clone().unwrap().seed,
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
