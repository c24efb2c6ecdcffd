//! What interpolation adds that is not in the clip: images, where it is played slower, and what folds
//! back, where it is played faster.

use crate::rig::{Rig, info, sine};

const RATE_HZ: f64 = 48_000.0;

/// What is left of full scale, in dB, when the tone that ought to be heard is taken out.
fn residue_db(heard: &[f32], hz: f64) -> f64 {
    let turn = std::f64::consts::TAU * hz / RATE_HZ;
    // Least squares of a sine and a cosine.
    let (mut ss, mut cc, mut sc, mut sx, mut cx) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (i, x) in heard.iter().enumerate() {
        let (s, c) = (turn * i as f64).sin_cos();
        (ss, cc, sc) = (ss + s * s, cc + c * c, sc + s * c);
        (sx, cx) = (sx + s * f64::from(*x), cx + c * f64::from(*x));
    }
    let det = ss * cc - sc * sc;
    let (a, b) = ((sx * cc - cx * sc) / det, (cx * ss - sx * sc) / det);
    let power: f64 = heard
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let (s, c) = (turn * i as f64).sin_cos();
            (f64::from(*x) - a * s - b * c).powi(2)
        })
        .sum();
    10.0 * (2.0 * power / heard.len() as f64 + 1e-20).log10()
}

/// All of the output, in dB of a sine at full scale.
fn level_db(heard: &[f32]) -> f64 {
    let power: f64 = heard.iter().map(|x| f64::from(*x).powi(2)).sum();
    10.0 * (2.0 * power / heard.len() as f64 + 1e-20).log10()
}

/// Tones through the whole band of a clip of a second, repitched. Says the loudest of what is not
/// the tone, below `to_hz` of the output, and of what should be nothing at all.
fn worst_db(ratio: f64, from_hz: f64, to_hz: f64) -> f64 {
    let mut worst = f64::NEG_INFINITY;
    let clip = info(1, 2.0, 120.0, RATE_HZ);
    for step in 0..14 {
        let hz = (from_hz + (to_hz - from_hz) * f64::from(step) / 13.0).round();
        let (left, _) = sine(clip.frames as usize, hz as usize);
        let mut rig = Rig::new(RATE_HZ, 120.0 * ratio);
        rig.control.load(0, clip, &left, &left).unwrap();
        let (heard, _) = rig.play(7_000, &[512]);
        let heard = &heard[1000..];
        let out_hz = hz * ratio;
        let db = if out_hz < RATE_HZ / 2.0 {
            residue_db(heard, out_hz)
        } else {
            level_db(heard)
        };
        worst = worst.max(db);
    }
    worst
}

/// A sweep, an octave up and down and by less. What folds back from the clip's top lies in the
/// highest fifth of the output's band, which the last rows leave out.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn images_and_aliases_are_below_hearing() {
    for (semitones, from_hz, to_hz, most_db) in [
        (-12.0, 20.0, 19_000.0, -80.0),
        (-5.0, 20.0, 19_000.0, -80.0),
        (-0.5, 20.0, 19_000.0, -80.0),
        (0.5, 20.0, 18_500.0, -80.0),
        (7.0, 20.0, 12_600.0, -80.0),
        (11.5, 20.0, 9_700.0, -80.0),
        (12.0, 20.0, 9_500.0, -80.0),
        // The clip's top, which has no place in the output.
        (12.0, 14_500.0, 23_900.0, -80.0),
    ] {
        let ratio = 2.0_f64.powf(semitones / 12.0);
        let db = worst_db(ratio, from_hz, to_hz);
        println!("{semitones:+} semitones, {from_hz} to {to_hz} Hz: {db:.1} dB");
        assert!(db < most_db, "{semitones:+} semitones: {db:.1} dB");
    }
}
