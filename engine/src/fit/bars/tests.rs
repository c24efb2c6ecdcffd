//! Raw clips with known faults, and what is left of them in the loop.
//!
//! Test threads.

use std::f64::consts::TAU;

use super::*;
use crate::fit::around;
use crate::fit::tests::{RATE_HZ, add, beat, noise};

fn target(tempo_bpm: f64, bars: u32) -> Target {
    Target {
        bars,
        beats_per_bar: 4,
        tempo_bpm,
        play_at_bpm: None,
        loudness_lufs: -14.0,
    }
}

/// A clip of that many beats, and a little more, that runs at `tempo_bpm`.
fn raw(tempo_bpm: f64, beats: f64, start: f64) -> Vec<f32> {
    beat(tempo_bpm, beats * 60.0 / tempo_bpm + start, start, 0.0)
}

fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, x| peak.max(x.abs()))
}

/// How far, in seconds, the attack nearest to each beat is from it, at most.
fn worst_attack(samples: &[f32], target: &Target) -> f64 {
    let rate = f64::from(RATE_HZ);
    let span = (rate * 0.002) as usize;
    let power = |at: usize| samples[at..at + span].iter().map(|x| x * x).sum::<f32>() + 1e-6;
    // The first attack is at the loop's first sample, with nothing before it.
    let distances = (1..target.beats()).map(|beat| {
        let at = f64::from(beat) * 60.0 / target.tempo_bpm * rate;
        let reach = (rate * 0.03) as usize;
        let found = (at as usize - reach..at as usize + reach)
            .max_by(|&a, &b| (power(a) / power(a - span)).total_cmp(&(power(b) / power(b - span))))
            .expect("some samples");
        (found as f64 - at).abs() / rate
    });
    distances.fold(0.0, f64::max)
}

#[test]
fn a_clip_off_tempo_is_brought_to_it() {
    for (runs_at, asked) in [(126.0, 120.0), (87.0, 90.0), (120.3, 120.0), (170.0, 174.0)] {
        let clip = raw(runs_at, 18.0, 0.0);
        let target = target(asked, 4);
        let (loops, fitted) = into_bars(&[clip], RATE_HZ, &target);
        let frames = (target.seconds() * f64::from(RATE_HZ)).round() as usize;
        assert_eq!(loops[0].len(), frames);
        let Grid::Steady { tempo_bpm } = fitted.grid else {
            panic!("{runs_at}: {fitted:?}")
        };
        assert!((tempo_bpm / runs_at - 1.0).abs() < 2e-3, "{tempo_bpm}");
        assert!(
            (fitted.stretch - runs_at / asked).abs() < 2e-3,
            "{fitted:?}"
        );
        let off = worst_attack(&loops[0], &target);
        assert!(off < 0.012, "{runs_at}: {off} s off");
        assert!(fitted.score.total >= 80, "{runs_at}: {:?}", fitted.score);
    }
}

#[test]
fn a_clip_at_its_tempo_is_left_as_it_is() {
    let clip = raw(120.0, 18.0, 0.0);
    let (loops, fitted) = into_bars(std::slice::from_ref(&clip), RATE_HZ, &target(120.0, 4));
    assert_eq!((fitted.stretch, fitted.start_seconds), (1.0, 0.0));
    // Behind the join, all that was done to it is a gain.
    let gain = 10f64.powf(fitted.gain_db / 20.0) as f32;
    let join = (fitted.join_seconds * f64::from(RATE_HZ)) as usize + 1;
    for (at, (found, was)) in loops[0].iter().zip(&clip).enumerate().skip(join) {
        assert!(
            (found - was * gain).abs() < 2e-3,
            "{at}: {found}, not {}",
            was * gain
        );
    }
}

#[test]
fn a_loop_is_played_at_another_tempo_from_the_same_beat() {
    // Off tempo, so that one stretch does both.
    let clip = raw(123.0, 18.0, 0.31);
    let made = target(120.0, 4);
    let (_, own) = into_bars(std::slice::from_ref(&clip), RATE_HZ, &made);
    for played in [90.0, 119.9, 124.0, 174.0] {
        let asked = Target {
            play_at_bpm: Some(played),
            ..made
        };
        let (loops, fitted) = into_bars(std::slice::from_ref(&clip), RATE_HZ, &asked);
        let frames = (16.0 * 60.0 / played * f64::from(RATE_HZ)).round() as usize;
        assert_eq!(loops[0].len(), frames);
        assert_eq!(
            (fitted.grid, fitted.start_seconds),
            (own.grid, own.start_seconds)
        );
        assert!((fitted.stretch - own.stretch * 120.0 / played).abs() < 2e-6);
        let off = worst_attack(&loops[0], &target(played, 4));
        assert!(off < 0.012, "{played}: {off} s off");
        let seam = seam(&loops, RATE_HZ, 16).expect("several beats");
        assert!(seam.excess_db() < 1.0, "{played}: {seam:?}");
    }
}

#[test]
fn a_loop_without_its_take_is_stretched_around_its_join() {
    let clip = raw(120.0, 18.0, 0.0);
    let made = target(120.0, 4);
    let (own, was) = into_bars(std::slice::from_ref(&clip), RATE_HZ, &made);
    for played in [90.0, 131.0] {
        let asked = Target {
            play_at_bpm: Some(played),
            ..made
        };
        let (loops, fitted) = around(&own, RATE_HZ, Some(&was), &asked, &|| false).expect("a loop");
        let frames = (16.0 * 60.0 / played * f64::from(RATE_HZ)).round() as usize;
        assert_eq!((loops[0].len(), fitted.grid), (frames, was.grid));
        let off = worst_attack(&loops[0], &target(played, 4));
        assert!(off < 0.012, "{played}: {off} s off");
        assert!(peak(&loops[0][..320]) > 0.3, "its attack was cut off");
        let seam = seam(&loops, RATE_HZ, 16).expect("several beats");
        assert!(seam.excess_db() < 1.0, "{played}: {seam:?}");
        assert!(around(&own, RATE_HZ, None, &asked, &|| true).is_none());
    }
}

#[test]
fn a_pad_keeps_its_pitch_at_another_tempo() {
    let pad: Vec<f32> = (0..10 * RATE_HZ)
        .map(|n| {
            let t = f64::from(n) / f64::from(RATE_HZ);
            let swell = 0.6 + 0.4 * (TAU * 0.21 * t).sin();
            (swell * (0.2 * (TAU * 220.0 * t).sin() + 0.2 * (TAU * 329.63 * t).sin())) as f32
        })
        .collect();
    let made = target(120.0, 4);
    for played in [80.3, 121.7, 171.0] {
        let asked = Target {
            play_at_bpm: Some(played),
            ..made
        };
        let (loops, fitted) = into_bars(std::slice::from_ref(&pad), RATE_HZ, &asked);
        assert_eq!(fitted.grid, Grid::Beatless);
        for hz in [220.0, 329.63] {
            let off = cents(&loops[0], hz);
            assert!(off.abs() < 1.0, "{played}: {hz} Hz is {off} cents off");
        }
    }
}

/// How far the tone near `hz` is off, by the peak of its spectrum over the middle half.
fn cents(samples: &[f32], hz: f64) -> f64 {
    let part = &samples[samples.len() / 4..samples.len() * 3 / 4];
    let power = |cents: f64| {
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (n, x) in part.iter().enumerate() {
            let window = 0.5 - 0.5 * (TAU * n as f64 / part.len() as f64).cos();
            let turns = hz * (cents / 1200.0).exp2() * n as f64 / f64::from(RATE_HZ);
            let (s, c) = (TAU * turns).sin_cos();
            sine += window * f64::from(*x) * s;
            cosine += window * f64::from(*x) * c;
        }
        sine * sine + cosine * cosine
    };
    (-24..=24)
        .map(|step| f64::from(step) * 0.25)
        .max_by(|a, b| power(*a).total_cmp(&power(*b)))
        .unwrap_or(0.0)
}

#[test]
fn the_loop_starts_with_the_first_beat() {
    let clip = raw(120.0, 18.0, 0.31);
    let (loops, fitted) = into_bars(&[clip], RATE_HZ, &target(120.0, 4));
    assert!((fitted.start_seconds - 0.31).abs() < 0.004, "{fitted:?}");
    assert!(peak(&loops[0][..320]) > 0.3, "its attack was cut off");
}

#[test]
fn the_first_attack_is_kept() {
    let clip = raw(120.0, 18.0, 0.0);
    let (loops, fitted) = into_bars(std::slice::from_ref(&clip), RATE_HZ, &target(120.0, 4));
    let gain = 10f64.powf(fitted.gain_db / 20.0);
    let energy =
        |samples: &[f32]| -> f64 { samples[..640].iter().map(|&x| f64::from(x * x)).sum() };
    let change_db = 10.0 * (energy(&loops[0]) / (energy(&clip) * gain * gain)).log10();
    assert!(change_db > -0.5 && change_db < 1.5, "{change_db} dB");
}

#[test]
fn what_rings_at_the_end_rings_on() {
    // A long low note begins with the last beat: without a join it would stop dead.
    let mut clip = vec![0.0; 5 * RATE_HZ as usize];
    for half in 0..9 {
        add(&mut clip, f64::from(half) * 0.5, 0.03, |t| {
            0.5 * (TAU * 900.0 * t).sin()
        });
    }
    add(&mut clip, 3.5, 2.0, |t| 0.4 * (TAU * 110.0 * t).sin());
    let (loops, _) = into_bars(&[clip], RATE_HZ, &target(120.0, 2));
    let step = |at: usize| {
        let next = (at + 1) % loops[0].len();
        (loops[0][next] - loops[0][at]).abs()
    };
    // From the last sample to the first no more than within the note.
    let inside = (loops[0].len() - 400..loops[0].len() - 1)
        .map(step)
        .fold(0.0, f32::max);
    let across = step(loops[0].len() - 1);
    assert!(across <= 1.2 * inside, "{across}, inside at most {inside}");
}

#[test]
fn a_next_bar_that_comes_early_sounds_once() {
    let mut clip = raw(120.0, 16.0, 0.0);
    clip.resize(9 * RATE_HZ as usize, 0.0);
    // The kick of the ninth second comes 30 ms before the loop's end.
    add(&mut clip, 7.97, 0.12, |t| 0.8 * (TAU * 52.0 * t).sin());
    let (loops, fitted) = into_bars(&[clip], RATE_HZ, &target(120.0, 4));
    assert_eq!(fitted.start_seconds, 0.0);
    let end = &loops[0][loops[0].len() - 900..];
    assert!(peak(end) < 0.1, "{}", peak(end));
    assert!(peak(&loops[0][..900]) > 0.3);
}

#[test]
fn pads_are_not_stretched_and_have_no_seam() {
    // Beats of the chord against the clip's length: cut off, it would jump.
    let chord = |t: f64| {
        [110.3, 138.7, 165.9]
            .iter()
            .map(|hz| 0.2 * (TAU * hz * t).sin())
            .sum::<f64>()
    };
    let clip: Vec<f32> = (0..9 * RATE_HZ as usize)
        .map(|n| chord(n as f64 / f64::from(RATE_HZ)) as f32)
        .collect();
    let target = target(120.0, 4);
    let (loops, fitted) = into_bars(&[clip], RATE_HZ, &target);
    assert_eq!((fitted.grid, fitted.stretch), (Grid::Beatless, 1.0));
    assert!(fitted.join_seconds > 0.3, "{fitted:?}");
    let seam = seam(&loops, RATE_HZ, target.beats()).expect("a seam");
    assert!(seam.level_db < 1.5 && seam.spectrum_db < 3.0, "{seam:?}");
    assert!(fitted.score.total >= 80, "{fitted:?}");
}

#[test]
fn what_cannot_be_trusted_is_free() {
    // A fifth too fast is no error of tempo.
    let clip = raw(144.0, 22.0, 0.0);
    let (loops, fitted) = into_bars(&[clip], RATE_HZ, &target(120.0, 4));
    assert_eq!((fitted.grid, fitted.stretch), (Grid::Free, 1.0));
    assert_eq!(loops[0].len(), 8 * RATE_HZ as usize);
    assert!(fitted.score.words().contains(&"the beat is not steady"));
}

#[test]
fn level_is_what_was_asked_for_and_peaks_stay_below_one_decibel() {
    let loud: Vec<f32> = raw(120.0, 18.0, 0.0)
        .iter()
        .map(|x| 0.1 + 3.0 * x)
        .collect();
    let noise: Vec<f32> = (0..9 * RATE_HZ as usize)
        .map(|n| 0.01 * noise(n as f64 * 0.37) as f32)
        .collect();
    for (clip, lufs) in [(loud, -14.0), (noise, -20.0)] {
        let target = Target {
            loudness_lufs: lufs,
            ..target(120.0, 4)
        };
        let (loops, fitted) = into_bars(&[clip.clone(), clip], RATE_HZ, &target);
        let heard = level::measure(&loops, RATE_HZ);
        let found = heard.integrated_lufs.expect("a loudness");
        let true_peak = heard.true_peak_db.expect("a peak");
        assert!(true_peak <= -0.99, "{true_peak}");
        assert!(found <= lufs + 0.05, "{found}");
        assert!(
            (found - lufs).abs() < 0.1 || (true_peak + 1.0).abs() < 0.1,
            "{heard:?}"
        );
        assert!((fitted.loudness.true_peak_db.expect("a peak") - true_peak).abs() < 0.05);
        for channel in &loops {
            let mean = channel.iter().sum::<f32>() / channel.len() as f32;
            assert!(mean.abs() < 1e-4, "DC {mean}");
        }
    }
}

#[test]
fn silence_noise_and_nonsense_do_no_harm() {
    let target = target(97.3, 1);
    let frames = (target.seconds() * f64::from(RATE_HZ)).round() as usize;
    for clip in [
        Vec::new(),
        vec![0.0; 10],
        vec![0.0; 100_000],
        vec![f32::NAN; 100_000],
        (0..100_000)
            .map(|n| 2.0 * noise(f64::from(n)) as f32)
            .collect(),
    ] {
        let (loops, fitted) = into_bars(&[clip], RATE_HZ, &target);
        assert_eq!(loops[0].len(), frames);
        assert!(loops[0].iter().all(|x| x.is_finite() && x.abs() <= 1.0));
        assert!(fitted.score.total <= 100);
    }
    let (_, silent) = into_bars(&[vec![0.0; 100_000]], RATE_HZ, &target);
    assert!(silent.score.total < 50, "{silent:?}");
    assert!(silent.score.words().contains(&"parts of it are silent"));
}
