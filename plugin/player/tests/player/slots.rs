//! How a slot sounds: gain, balance, start and end, backwards, once, fades, outputs of its own.

use barline_player::{SLOTS, SlotSettings, SlotState};

use crate::rig::{Rig, Stereo, info, largest_difference, noise, same, sine};

const RATE_HZ: f64 = 48_000.0;
/// Longer than any fade that is not asked for.
const FADE_FRAMES: usize = 400;

/// A slot with four beats of noise at the host's tempo.
fn rig(settings: SlotSettings) -> (Rig, Stereo) {
    let clip = info(1, 4.0, 120.0, RATE_HZ);
    let samples = noise(clip.frames as usize, 5);
    let mut rig = Rig::new(RATE_HZ, 120.0);
    rig.control.load(0, clip, &samples.0, &samples.1).unwrap();
    rig.control.configure(0, settings);
    (rig, samples)
}

fn scaled(samples: &[f32], gain: f32) -> Vec<f32> {
    samples.iter().map(|x| x * gain).collect()
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn gain_and_balance() {
    for (pan, left_gain, right_gain) in [
        (0.0, 0.5, 0.5),
        (-1.0, 0.5, 0.0),
        (1.0, 0.0, 0.5),
        (0.5, 0.25, 0.5),
        (-0.5, 0.5, 0.25),
        (9.0, 0.0, 0.5),
    ] {
        let (mut rig, samples) = rig(SlotSettings {
            gain: 0.5,
            pan,
            ..SlotSettings::default()
        });
        let (left, right) = rig.play(5000, &[64, 999]);
        let part = FADE_FRAMES..5000;
        same(
            &left[part.clone()],
            &scaled(&samples.0[part.clone()], left_gain),
        );
        same(&right[part.clone()], &scaled(&samples.1[part], right_gain));
        // Changes are smooth, and NaN is none.
        rig.control.configure(
            0,
            SlotSettings {
                gain: f32::NAN,
                pan,
                ..SlotSettings::default()
            },
        );
        let (left, _) = rig.play(1000, &[64]);
        same(&left, &scaled(&samples.0[5000..6000], left_gain));
    }
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn start_and_end_cut_a_loop_that_stays_on_the_beat() {
    let (mut rig, samples) = rig(SlotSettings {
        start_beats: 1.0,
        end_beats: Some(2.5),
        ..SlotSettings::default()
    });
    // From the song's start on: the part goes round every 1.5 beats, and its last 5 ms fade into what
    // comes before its start in the clip.
    let (left, _) = rig.play(180_000, &[512]);
    for round in 0..5 {
        let from = if round == 0 { FADE_FRAMES } else { 0 };
        let heard = &left[round * 36_000..(round + 1) * 36_000];
        same(
            &heard[from..35_760],
            &samples.0[24_000 + from..24_000 + 35_760],
        );
        let near = (heard[35_999] - samples.0[23_999]).abs();
        assert!(near < 0.001, "round {round}: {near}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn cuts_that_make_no_sense_are_none() {
    for (start_beats, end_beats) in [
        (3.0, Some(2.0)),
        (-1.0, None),
        (4.0, None),
        (f64::NAN, Some(f64::NAN)),
        (0.0, Some(9.0)),
        (0.0, Some(0.001)),
    ] {
        let (mut rig, samples) = rig(SlotSettings {
            start_beats,
            end_beats,
            ..SlotSettings::default()
        });
        let (left, _) = rig.play(1000, &[64]);
        let first = if start_beats == 3.0 { 72_000 } else { 0 };
        same(
            &left[FADE_FRAMES..],
            &samples.0[first + FADE_FRAMES..first + 1000],
        );
    }
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn backwards_is_the_mirror_image() {
    let (mut rig, samples) = rig(SlotSettings {
        reverse: true,
        ..SlotSettings::default()
    });
    let (left, right) = rig.play(192_000, &[512, 7]);
    for (heard, samples) in [(left, &samples.0), (right, &samples.1)] {
        let mirror: Vec<f32> = samples.iter().rev().copied().collect();
        same(&heard[FADE_FRAMES..96_000], &mirror[FADE_FRAMES..]);
        same(&heard[96_000..], &mirror);
    }
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_one_shot_plays_once_from_its_launch() {
    let (mut rig, samples) = rig(SlotSettings {
        one_shot: true,
        start_beats: 0.5,
        end_beats: Some(1.0),
        ..SlotSettings::default()
    });
    let (left, _) = rig.play(30_000, &[512]);
    same(
        &left[FADE_FRAMES..11_760],
        &samples.0[12_000 + FADE_FRAMES..23_760],
    );
    assert!(left[12_000..].iter().all(|x| *x == 0.0));
    assert_eq!(rig.settle().slots[0].state, SlotState::Stopped);
    // Again where the song starts again.
    rig.transport.playing = false;
    rig.play(1000, &[64]);
    rig.transport.playing = true;
    rig.host_frame = 77_000;
    let (left, _) = rig.play(30_000, &[512]);
    same(
        &left[FADE_FRAMES..11_760],
        &samples.0[12_000 + FADE_FRAMES..23_760],
    );
}

/// Fades of the lengths that are asked for, at any speed without a step.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn fades_take_their_time() {
    let mut rig = Rig::new(RATE_HZ, 120.0);
    rig.load_level(0, 4.0, 120.0, 1.0);
    let settings = SlotSettings {
        fade_in_seconds: 0.5,
        fade_out_seconds: 0.25,
        ..SlotSettings::default()
    };
    rig.control.configure(0, settings);
    let (left, _) = rig.play(24_000, &[64]);
    assert!((left[12_000] - 0.5).abs() < 0.001, "{}", left[12_000]);
    assert!(left.windows(2).all(|pair| pair[1] >= pair[0] - 1e-6));
    assert!((left[23_999] - 1.0).abs() < 1e-4);
    rig.settings.slot = None;
    let (left, _) = rig.play(24_000, &[64]);
    assert!((left[6_000] - 0.5).abs() < 0.001, "{}", left[6_000]);
    assert!(left.windows(2).all(|pair| pair[1] <= pair[0] + 1e-6));
    assert!(left[12_010..].iter().all(|x| *x == 0.0));
    // Of a one-shot at its ends.
    rig.control.configure(
        0,
        SlotSettings {
            one_shot: true,
            ..settings
        },
    );
    rig.settings.slot = Some(0);
    let (left, _) = rig.play(96_100, &[64]);
    assert!((left[12_000] - 0.5).abs() < 0.001);
    assert!((left[50_000] - 1.0).abs() < 1e-6);
    assert!((left[90_000] - 0.5).abs() < 0.001);
    assert_eq!(left[96_001..], [0.0; 99]);
}

/// A switch of the base slot at once: a crossfade, at no moment louder than one of them, and the clips'
/// own samples before and after.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_switch_is_a_crossfade() {
    let mut rig = Rig::new(RATE_HZ, 120.0);
    rig.load_level(0, 4.0, 120.0, 0.9);
    rig.load_level(1, 4.0, 120.0, 0.5);
    rig.play(5000, &[64]);
    rig.settings.slot = Some(1);
    let (left, _) = rig.play(1000, &[64]);
    assert!(left.windows(2).all(|pair| pair[1] <= pair[0] + 1e-6));
    assert!(left.iter().all(|x| (0.5..=0.9).contains(x)));
    assert_eq!(left[241], 0.5);
    assert!((left[120] - 0.7).abs() < 0.01);
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn separate_outputs() {
    let mut rig = Rig::new(RATE_HZ, 120.0);
    for slot in 0..SLOTS {
        rig.load_level(slot, 4.0, 120.0, 0.1 * (slot + 1) as f32);
        rig.control.layer(slot, true);
    }
    rig.settings.separate = true;
    let heard = rig.play_apart(2000, &[64, 333]);
    assert!(heard[0].0.iter().chain(&heard[0].1).all(|x| *x == 0.0));
    for (slot, (left, right)) in heard.iter().skip(1).enumerate() {
        let level = 0.1 * (slot + 1) as f32;
        for side in [left, right] {
            assert!(side[FADE_FRAMES..].iter().all(|x| *x == level), "{slot}");
        }
    }
    // Together again: the main output takes over what leaves the others, smoothly.
    rig.settings.separate = false;
    let heard = rig.play_apart(2000, &[64, 333]);
    let main = &heard[0].0;
    assert!(main.windows(2).all(|pair| pair[1] >= pair[0] - 1e-5));
    assert!((main[FADE_FRAMES] - 3.6).abs() < 1e-5);
    for i in 0..2000 {
        let sum: f32 = heard.iter().map(|(left, _)| left[i]).sum();
        assert!((sum - 3.6).abs() < 1e-4, "frame {i}: {sum}");
    }
    // Without outputs of their own all of them are in the main one.
    rig.settings.separate = true;
    let (left, _) = rig.play(2000, &[64]);
    assert!((left[FADE_FRAMES] - 3.6).abs() < 1e-5);
}

/// Repitched by half a semitone and more, a tone of a cut and reversed loop has the pitch that it
/// should, to a cent.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn repitch_is_true_to_a_cent() {
    let clip = info(1, 4.0, 120.0, RATE_HZ);
    let (left, _) = sine(clip.frames as usize, 880);
    for tempo_bpm in [116.5, 120.0, 127.0, 240.0, 61.0] {
        let mut rig = Rig::new(RATE_HZ, tempo_bpm);
        rig.control.load(0, clip, &left, &left).unwrap();
        let (heard, _) = rig.play(96_000, &[512]);
        // Zero crossings upwards, to a fraction of a frame.
        let crossings: Vec<f64> = (FADE_FRAMES..95_999)
            .filter(|&i| heard[i] < 0.0 && heard[i + 1] >= 0.0)
            .map(|i| i as f64 - f64::from(heard[i] / (heard[i + 1] - heard[i])))
            .collect();
        let span = crossings.last().unwrap() - crossings[0];
        let hz = (crossings.len() - 1) as f64 / span * RATE_HZ;
        let cents = 1200.0 * (hz / (440.0 * tempo_bpm / 120.0)).log2();
        assert!(cents.abs() < 0.1, "{tempo_bpm} BPM: {cents} cents");
    }
}

/// A layer sounds beside the base slot, each exactly at its own gain.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn layers_add_up() {
    let (mut rig, samples) = rig(SlotSettings::default());
    let other = info(2, 4.0, 120.0, RATE_HZ);
    let (left, right) = noise(other.frames as usize, 6);
    rig.control.load(5, other, &left, &right).unwrap();
    rig.control.layer(5, true);
    let (heard, _) = rig.play(5000, &[64]);
    let sum: Vec<f32> = samples.0.iter().zip(&left).map(|(a, b)| a + b).collect();
    let (off, at) = largest_difference(&heard[FADE_FRAMES..], &sum[FADE_FRAMES..5000]);
    assert!(off < 1e-6, "{off} at {at}");
}
