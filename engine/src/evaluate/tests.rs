//! Clips whose figures are known from how they are made.
//!
//! Test threads.

use std::f64::consts::TAU;

use super::*;
use crate::event::ClipFacts;
use crate::fit::tests::{RATE_HZ, add, beat, noise};
use crate::prompt::Key;
use crate::request::{Length, Sampling};

const HINT: Hint = Hint {
    tempo_bpm: Some(120.0),
    beats_per_bar: 4,
};

/// Seconds of a sound of full scale.
fn sound(rate_hz: u32, seconds: f64, at: impl Fn(f64) -> f64) -> Vec<f32> {
    (0..(seconds * f64::from(rate_hz)) as usize)
        .map(|frame| at(frame as f64 / f64::from(rate_hz)) as f32)
        .collect()
}

fn sine(hz: f64) -> impl Fn(f64) -> f64 {
    move |t| 0.5 * (TAU * hz * t).sin()
}

/// White enough, and the same every time.
fn hiss(t: f64) -> f64 {
    0.3 * noise(t * 7.0 + 0.1)
}

#[test]
fn tones_last_and_clicks_strike() {
    let ratio = |samples| {
        let figures = figures(&[samples], RATE_HZ, HINT);
        figures.harmonic_to_percussive_db.expect("a ratio")
    };
    assert!(ratio(sound(RATE_HZ, 4.0, sine(440.0))) > 20.0);
    let mut clicks = vec![0.0; 4 * RATE_HZ as usize];
    for click in 0..16 {
        add(&mut clicks, 0.1 + 0.23 * f64::from(click), 0.002, noise);
    }
    assert!(ratio(clicks) < -15.0);
}

#[test]
fn a_tone_has_more_contrast_than_noise() {
    let band = |samples, band: usize| {
        let figures = figures(&[samples], RATE_HZ, HINT);
        figures.spectral_contrast_db.expect("contrast")[band]
    };
    // 1 kHz lies between 800 and 1,600 Hz.
    let tone = band(
        sound(RATE_HZ, 2.0, |t| sine(1_000.0)(t) + 0.001 * hiss(t)),
        3,
    );
    let noise = band(sound(RATE_HZ, 2.0, hiss), 3);
    assert!(tone > 40.0 && noise < 30.0, "{tone} and {noise}");
}

#[test]
fn the_crest_of_a_sine_is_three_decibels() {
    let crest = |samples| {
        figures(&[samples], RATE_HZ, HINT)
            .crest_db
            .expect("a crest")
    };
    assert!((crest(sound(RATE_HZ, 1.0, sine(440.0))) - 3.01).abs() < 0.02);
    assert!(crest(sound(RATE_HZ, 1.0, |t| sine(440.0)(t).signum())).abs() < 0.05);
}

#[test]
fn a_machine_is_steadier_than_a_drummer() {
    let stability = |clip: Vec<f32>| {
        let figures = figures(&[clip], RATE_HZ, HINT);
        figures.tempo_stability.expect("a beat")
    };
    let machine = stability(beat(120.0, 16.0, 0.0, 0.0));
    assert!(machine.jitter_ms < 3.0, "{machine:?}");
    assert!(machine.tempo_spread_percent.expect("a spread") < 0.2);
    assert!(machine.beats.len() > 24, "{machine:?}");
    let played = |late: fn(u32) -> f64| {
        let mut clip = vec![0.0; 16 * RATE_HZ as usize];
        for index in 0..31 {
            let at = 0.5 * f64::from(index) + late(index) + 0.05;
            let hz = if index % 4 == 0 { 60.0 } else { 900.0 };
            add(&mut clip, at, 0.05, move |t| 0.7 * (TAU * hz * t).cos());
        }
        stability(clip)
    };
    // Every other beat 12 ms late: 6 ms to both sides of the best grid.
    let swung = played(|index| 0.012 * f64::from(index % 2));
    assert!((4.5..8.0).contains(&swung.jitter_ms), "{swung:?}");
    // A slow wave of 1 % in tempo over the clip.
    let wandering = played(|index| 0.025 * (TAU * f64::from(index) / 31.0).sin());
    let (steady, wild) = (
        machine.tempo_spread_percent.expect("a spread"),
        wandering.tempo_spread_percent.expect("a spread"),
    );
    assert!(wild > 0.4 && wild > 3.0 * steady, "{wild} and {steady}");
}

#[test]
fn the_place_between_semitones_is_found() {
    let intonation = |samples| {
        let figures = figures(&[samples], RATE_HZ, HINT);
        figures.intonation.expect("tones")
    };
    let sharp = intonation(sound(RATE_HZ, 4.0, sine(440.0 * 2f64.powf(20.0 / 1200.0))));
    assert!((sharp.tuning_cents - 20.0).abs() < 1.0, "{sharp:?}");
    assert!(sharp.drift_cents.expect("a drift") < 1.0, "{sharp:?}");
    // Half a semitone up over four seconds.
    let glide = intonation(sound(RATE_HZ, 4.0, |t| {
        0.5 * (TAU * 440.0 * (t + t * t * 0.5 * 0.0073)).sin()
    }));
    assert!(glide.drift_cents.expect("a drift") > 8.0, "{glide:?}");
    assert!(glide.spread_cents > sharp.spread_cents + 5.0, "{glide:?}");
}

#[test]
fn noise_is_told_from_its_reference() {
    let clean = sound(RATE_HZ, 3.0, |t| hiss(t) + sine(220.0)(t));
    let power = |samples: &[f32]| samples.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    // A tenth of the amplitude, elsewhere in the noise.
    let other = sound(RATE_HZ, 3.0, |t| 0.05 * noise(t * 3.3 + 5.0));
    let want = 10.0 * (power(&clean) / power(&other)).log10();
    let noisy: Vec<f32> = clean.iter().zip(&other).map(|(a, b)| a + b).collect();
    let mut late = vec![0.0; 37];
    late.extend_from_slice(&noisy);
    for (clip, lag) in [(noisy.clone(), 0), (late, 37)] {
        let found = likeness((&[clip], RATE_HZ), (std::slice::from_ref(&clean), RATE_HZ))
            .expect("likeness");
        assert_eq!(found.lag_frames, lag);
        assert!((found.snr_db - want).abs() < 0.1, "{found:?}, {want}");
    }
    // At half the level, half of the reference is missing: 6 dB, and nothing level aside.
    let quiet: Vec<f32> = clean.iter().map(|x| 0.5 * x).collect();
    let found =
        likeness((&[quiet], RATE_HZ), (std::slice::from_ref(&clean), RATE_HZ)).expect("likeness");
    assert!((found.snr_db - 6.02).abs() < 0.01, "{found:?}");
    assert!(found.scale_invariant_db > 100.0, "{found:?}");
    assert!(likeness((&[vec![0.0; 999]], RATE_HZ), (&[clean], RATE_HZ)).is_none());
}

#[test]
fn rates_do_not_matter_for_what_a_clip_is_like() {
    let at = |rate_hz| sound(rate_hz, 3.0, |t| 0.3 * (sine(220.0)(t) + sine(3_300.0)(t)));
    let found = likeness((&[at(48_000)], 48_000), (&[at(32_000)], 32_000)).expect("likeness");
    assert!(found.snr_db > 40.0 && found.lag_frames == 0, "{found:?}");
    let a = figures(&[at(48_000)], 48_000, HINT);
    let b = figures(&[at(32_000)], 32_000, HINT);
    let apart = frechet_distance(&a.log_mel, &b.log_mel).expect("a distance");
    assert!(apart < 20.0, "{apart}");
}

#[test]
fn a_set_is_nothing_from_itself_and_far_from_another() {
    let mel = |samples| figures(&[samples], RATE_HZ, HINT).log_mel;
    let (drums, tone) = (
        mel(beat(120.0, 6.0, 0.0, 0.0)),
        mel(sound(RATE_HZ, 6.0, |t| sine(220.0)(t) + 0.01 * hiss(t))),
    );
    let itself = frechet_distance(&drums, &drums).expect("a distance");
    assert!(itself < 0.1, "{itself}");
    let (there, back) = (
        frechet_distance(&drums, &tone).expect("a distance"),
        frechet_distance(&tone, &drums).expect("a distance"),
    );
    assert!(
        there > 50.0 && (there - back).abs() < 0.01,
        "{there}, {back}"
    );
    // Twice as loud is the same to it.
    let loud = mel(beat(120.0, 6.0, 0.0, 0.0).iter().map(|x| 2.0 * x).collect());
    assert!(frechet_distance(&drums, &loud).expect("a distance") < 0.1);
    assert!(frechet_distance(&drums, &LogMel::default()).is_none());
}

#[test]
fn nothing_has_no_figures() {
    for channels in [
        Vec::new(),
        vec![Vec::new()],
        vec![vec![0.0; 50_000]],
        vec![vec![f32::NAN; 50_000]],
        vec![vec![0.5; 3]],
    ] {
        let figures = figures(&channels, RATE_HZ, HINT);
        assert!(figures.measured.pulse.is_none() && figures.tempo_stability.is_none());
        assert!(figures.intonation.is_none(), "{figures:?}");
        let numbers = [figures.crest_db, figures.harmonic_to_percussive_db];
        assert!(
            numbers.iter().flatten().all(|x| x.is_finite()),
            "{numbers:?}"
        );
    }
}

#[test]
fn keys_stand_to_each_other_as_musicians_say() {
    let key = |text: &str| text.parse::<Key>().expect("a key");
    for (asked, found, want) in [
        ("Am", "Am", KeyRelation::Same),
        ("Am", "A", KeyRelation::Parallel),
        ("Am", "C", KeyRelation::Relative),
        ("C", "Am", KeyRelation::Relative),
        ("C", "G", KeyRelation::Fifth),
        ("C", "F", KeyRelation::Fifth),
        ("C", "Em", KeyRelation::Other),
        ("Am", "F#", KeyRelation::Other),
        ("Am", "F#m", KeyRelation::Other),
    ] {
        assert_eq!(
            KeyRelation::between(key(asked), key(found)),
            want,
            "{asked} {found}"
        );
    }
}

#[test]
fn a_clip_is_held_to_its_recipe() {
    let clip = beat(121.0, 8.0, 0.0, 0.0);
    let facts = |tempo_bpm| ClipFacts {
        prompt: "drums".into(),
        negative: None,
        model: "test".into(),
        model_sha256: String::new(),
        rights: String::new(),
        seed: 1,
        sampling: Sampling::default(),
        made_at_bpm: None,
        edited: None,
        precision: crate::Precision::F32,
        length: Length::Bars {
            bars: 4,
            beats_per_bar: 4,
            tempo_bpm,
        },
        key: Some("A minor".into()),
        fitted: None,
        steps: 1,
        generate_seconds: 1.0,
        version: String::new(),
    };
    let measured = figures(std::slice::from_ref(&clip), RATE_HZ, HINT).measured;
    let adherence = Adherence::of(&facts(120.0), &measured, RATE_HZ, clip.len());
    let tempo = adherence.tempo.expect("a tempo");
    assert_eq!(tempo.kept, Some(true));
    assert!((tempo.off_percent.expect("found") - 100.0 / 120.0).abs() < 0.05);
    assert_eq!(adherence.frames_over, 0);
    let wide = Adherence::of(&facts(117.0), &measured, RATE_HZ, clip.len() + 5);
    assert_eq!(wide.tempo.expect("a tempo").kept, Some(false));
    // Four bars at 117 BPM are longer than at 120.
    assert!(wide.frames_over < 0);
}
