//! Clips of known tempo, swing and key, and clips of nothing.
//!
//! Test threads.

use std::f64::consts::TAU;

use super::*;

pub(crate) const RATE_HZ: u32 = 32_000;

fn hint(tempo_bpm: f64) -> Hint {
    Hint {
        tempo_bpm: Some(tempo_bpm),
        beats_per_bar: 4,
    }
}

/// Adds a decaying sound of `tone(seconds)` at a time.
pub(crate) fn add(
    clip: &mut [f32],
    at_seconds: f64,
    decay_seconds: f64,
    tone: impl Fn(f64) -> f64,
) {
    let start = (at_seconds * f64::from(RATE_HZ)).round() as usize;
    for (i, sample) in clip.iter_mut().skip(start).enumerate() {
        let t = i as f64 / f64::from(RATE_HZ);
        if t > 6.0 * decay_seconds {
            break;
        }
        *sample += (tone(t) * (-t / decay_seconds).exp()) as f32;
    }
}

/// Noise that is the same every time.
pub(crate) fn noise(t: f64) -> f64 {
    let x = (t * 43_758.545_3).sin() * 9_973.13;
    2.0 * (x - x.floor()) - 1.0
}

/// A kick on the first beat and on the third, a clap on the second and fourth, hats between
/// them, louder than a hat should be; sixteenths late by `swing`.
pub(crate) fn beat(tempo_bpm: f64, seconds: f64, start: f64, swing: f64) -> Vec<f32> {
    let mut clip = vec![0.0; (seconds * f64::from(RATE_HZ)) as usize];
    let beat = 60.0 / tempo_bpm;
    let mut index = 0;
    while start + f64::from(index) * beat < seconds {
        let at = start + f64::from(index) * beat;
        match index % 4 {
            0 => add(&mut clip, at, 0.12, |t| 0.8 * (TAU * 52.0 * t).sin()),
            2 => add(&mut clip, at, 0.08, |t| 0.5 * (TAU * 52.0 * t).sin()),
            _ => add(&mut clip, at, 0.05, |t| 0.4 * noise(t)),
        }
        add(&mut clip, at + beat / 2.0, 0.03, |t| 0.3 * noise(t + 1.0));
        add(&mut clip, at + beat * (3.0 + swing) / 4.0, 0.02, |t| {
            0.15 * noise(t + 2.0)
        });
        index += 1;
    }
    clip
}

#[test]
fn a_beat_is_found_whatever_its_tempo() {
    for (tempo_bpm, asked_bpm) in [
        (84.0, 84.0),
        (97.53, 100.0),
        (120.0, 120.0),
        (133.4, 128.0),
        (174.0, 174.0),
    ] {
        let clip = beat(tempo_bpm, 16.0 * 60.0 / tempo_bpm, 0.0, 0.0);
        let pulse = measure(&[clip], RATE_HZ, hint(asked_bpm))
            .pulse
            .expect("a pulse");
        assert!(
            (pulse.tempo_bpm / tempo_bpm - 1.0).abs() < 1e-3,
            "{tempo_bpm}: {pulse:?}"
        );
        assert!(pulse.first_beat_seconds.abs() < 0.008, "{pulse:?}");
        assert_eq!(
            (pulse.downbeat, pulse.beats),
            (0, 16),
            "{tempo_bpm}: {pulse:?}"
        );
        assert!(pulse.confidence > 0.4, "{pulse:?}");
    }
}

#[test]
fn a_late_start_moves_the_bar_line() {
    let beat_seconds = 60.0 / 110.0;
    // Two beats of silence, then the bar.
    let clip = beat(110.0, 18.0 * beat_seconds, 2.0 * beat_seconds, 0.0);
    let pulse = measure(&[clip], RATE_HZ, hint(110.0))
        .pulse
        .expect("a pulse");
    let bar = pulse.beat_seconds(pulse.downbeat);
    assert!((bar - 2.0 * beat_seconds).abs() < 0.01, "{bar}: {pulse:?}");
}

#[test]
fn swing_is_told_from_straight() {
    for (swing, least, most) in [(0.0, -0.01, 0.06), (0.2, 0.12, 0.26), (0.33, 0.25, 0.4)] {
        let clip = beat(90.0, 12.0, 0.0, swing);
        let found = measure(&[clip], RATE_HZ, hint(90.0))
            .pulse
            .expect("a pulse")
            .swing
            .expect("sixteenths");
        assert!((least..=most).contains(&found), "{swing}: {found}");
    }
}

/// A chord that swells and fades over the clip.
fn chord(midi: &[i32], seconds: f64) -> Vec<f32> {
    let frames = (seconds * f64::from(RATE_HZ)) as usize;
    (0..frames)
        .map(|frame| {
            let t = frame as f64 / f64::from(RATE_HZ);
            let swell = (TAU * t / seconds / 2.0).sin();
            let tones = midi.iter().map(|&note| {
                let hz = 440.0 * 2f64.powf(f64::from(note - 69) / 12.0);
                (TAU * hz * t).sin() + 0.3 * (TAU * 2.0 * hz * t).sin()
            });
            (0.1 * swell * tones.sum::<f64>()) as f32
        })
        .collect()
}

#[test]
fn a_pad_has_a_key_and_no_pulse() {
    for (midi, tonic, minor) in [
        (&[45, 57, 60, 64, 69][..], 9, true),
        (&[41, 53, 57, 60, 65][..], 5, false),
        (&[42, 54, 57, 61][..], 6, true),
    ] {
        let found = measure(&[chord(midi, 8.0)], RATE_HZ, hint(100.0));
        assert!(found.pulse.is_none(), "{found:?}");
        let key = found.key.expect("a key").key;
        assert_eq!(key, crate::prompt::Key { tonic, minor });
    }
}

#[test]
fn a_kick_under_chords_is_no_bass() {
    let mut clip = chord(&[57, 60, 64, 69], 8.0);
    for beat in 0..16 {
        // As loud as the chord, on G sharp.
        add(&mut clip, 0.5 * f64::from(beat), 0.25, |t| {
            0.4 * (TAU * 51.9 * t).sin()
        });
    }
    let found = measure(&[clip], RATE_HZ, hint(120.0)).key.expect("a key");
    let want = crate::prompt::Key {
        tonic: 9,
        minor: true,
    };
    assert_eq!(found.key, want);
    assert!(found.sure(), "{found:?}");
}

#[test]
fn drums_have_no_key() {
    let found = measure(&[beat(120.0, 8.0, 0.0, 0.0)], RATE_HZ, hint(120.0));
    assert!(found.key.is_none_or(|key| key.confidence < 0.5));
}

#[test]
fn nothing_is_found_in_nothing() {
    let nothing = Measured {
        sharpness: 0.0,
        pulse: None,
        key: None,
    };
    assert_eq!(measure(&[], RATE_HZ, hint(120.0)), nothing);
    assert_eq!(measure(&[vec![0.0; 99_999]], RATE_HZ, hint(120.0)), nothing);
    assert_eq!(measure(&[vec![0.5; 99]], RATE_HZ, hint(120.0)), nothing);
    // Neither do samples that are no numbers end in a panic.
    let broken = vec![f32::NAN; 99_999];
    assert_eq!(measure(&[broken], RATE_HZ, hint(120.0)), nothing);
    let hum: Vec<f32> = (0..99_999).map(|i| noise(f64::from(i)) as f32).collect();
    let _ = measure(&[hum], 8_000, hint(120.0));
}
