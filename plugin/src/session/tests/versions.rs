//! The clip at another tempo than its own, as the session sees to it.

use super::*;
use crate::tempo::Tempo;
use crate::view::{Following, How, Source};

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
    session.handle().snapshot().slots[0].following
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
    let view = session.handle().snapshot().slots[0].clip.clone().unwrap();
    assert_eq!(
        (view.tempo_bpm, view.facts.as_ref().unwrap().made_at_bpm),
        (251.3, Some(240.0))
    );

    // What is saved is what is heard, and says how it is made again.
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("fast.wav");
    session
        .handle()
        .send(UiAction::Save(Source::Slot(0), to.clone()));
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
    let view = session.handle().snapshot().slots[0].clip.clone().unwrap();
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
    let (params, session, mut player) = start();
    session.handle().set_rate(48_000.0);
    let request = ask(&params, &session);
    settle(&session, &mut player);
    let own = alone(GenerateRequest {
        length: Length::Bars {
            bars: 4,
            beats_per_bar: 4,
            tempo_bpm: 120.0,
        },
        prompt: "techno drums, 120 bpm".into(),
        ..request
    });
    let packing = Instant::now();
    let with_take = recall::pack(&own).unwrap();
    let packing = packing.elapsed();
    let alone = Clip {
        raw: None,
        ..(*own).clone()
    };
    let without = recall::pack(&alone).unwrap().flac.unwrap().len();
    let take = with_take.raw.as_ref().map_or(0, |raw| raw.flac.len());
    let stretch = own.facts.fitted.as_ref().map(|fitted| fitted.stretch);
    println!(
        "state: {without} bytes without its take, {} with it ({} and {take}), stretch {stretch:?}, packed in {packing:?}",
        with_take.flac.as_ref().unwrap().len() + take,
        with_take.flac.as_ref().unwrap().len(),
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
    let view = session.handle().snapshot().slots[0].clip.clone().unwrap();
    assert_eq!(view.tempo_bpm, 110.0);
}
