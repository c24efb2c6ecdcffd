//! No click: no step between samples is much above the material's own.

use barline_player::{Quantise, SlotSettings};

use crate::rig::{Rig, Stereo, info, largest_step, same, sine};

/// A 100 Hz sine at full scale: its own largest step is 0.0131. A fade of 240 frames adds at most
/// 1.5 / 240 for each of the sounds that it joins, and the 1 ms start 1.5 / 48.
const STEP: f32 = 0.0131;
const FADE_STEP: f32 = 2.0 * 1.5 / 240.0;
const START_STEP: f32 = 1.5 / 48.0;

fn rig() -> (Rig, Stereo) {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let samples = sine(clip.frames as usize, 200);
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.load(0, clip, &samples.0, &samples.1).unwrap();
    (rig, samples)
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn starts_stops_and_jumps() {
    let (mut rig, _) = rig();
    let mut output = vec![0.0];
    // A start where the sine is at its peak.
    rig.host_frame = 120;
    output.extend(rig.play(3000, &[64]).0);
    assert!(
        largest_step(&output) < STEP + START_STEP,
        "{}",
        largest_step(&output)
    );
    // Jumps to the opposite phase, also while a fade still goes on.
    for (jump, frames) in [
        (240, 3000),
        (10_240, 50),
        (-5_240, 30),
        (33_333, 1),
        (77, 5000),
    ] {
        rig.host_frame += jump;
        output.extend(rig.play(frames, &[64]).0);
    }
    rig.transport.playing = false;
    output.extend(rig.play(1000, &[64]).0);
    assert!(output[output.len() - 500..].iter().all(|x| *x == 0.0));
    let step = largest_step(&output[1000..]);
    assert!(step < STEP + FADE_STEP, "{step}");
    assert!(output.iter().all(|x| x.abs() <= 1.0));
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn play_off_and_gain_are_smooth() {
    let (mut rig, _) = rig();
    rig.play(1000, &[64]);
    let mut output = rig.play(1000, &[64]).0;
    for gain in [0.25, 1.0, 0.0, 0.7] {
        rig.settings.gain = gain;
        output.extend(rig.play(1000, &[100]).0);
    }
    rig.settings.play = false;
    output.extend(rig.play(1000, &[100]).0);
    let step = largest_step(&output);
    assert!(step < STEP + FADE_STEP, "{step}");
    assert_eq!(output.last(), Some(&0.0));
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_swap_is_a_crossfade_on_the_grid() {
    let (mut rig, first) = rig();
    rig.play(10_000, &[64]);
    let clip = info(2, 4.0, 120.0, 48_000.0);
    let second: Vec<f32> = first.0.iter().map(|x| -x * 0.5).collect();
    rig.control.load(0, clip, &second, &second).unwrap();
    let mut output = rig.play(20_000, &[64]).0;
    assert!(largest_step(&output) < STEP + FADE_STEP);
    same(&output[300..], &second[10_300..30_000]);
    // A sound crossfaded with itself is that sound.
    let same = info(3, 4.0, 120.0, 48_000.0);
    rig.control.load(0, same, &second, &second).unwrap();
    output = rig.play(2000, &[64]).0;
    let (worst, _) = crate::rig::largest_difference(&output, &second[30_000..32_000]);
    assert!(worst < 1e-6, "{worst}");
    rig.control.clear_all();
    output.extend(rig.play(1000, &[64]).0);
    assert!(largest_step(&output) < STEP + FADE_STEP);
    assert_eq!(output.last(), Some(&0.0));
}

/// Random jumps as fast as one a frame never sum to more than the clip.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn many_jumps_are_never_louder_than_the_clip() {
    let clip = info(1, 1.0, 120.0, 48_000.0);
    let ones = vec![1.0; clip.frames as usize];
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.load(0, clip, &ones, &ones).unwrap();
    let mut random = crate::rig::Random(11);
    let mut loudest = 0.0_f32;
    for _ in 0..3000 {
        rig.host_frame = random.below(1_000_000) as i64;
        rig.transport.playing = !random.one_in(20);
        let most = 1 << random.below(9);
        let frames = 1 + random.below(most) as usize;
        loudest = rig
            .play(frames, &[frames])
            .0
            .iter()
            .fold(loudest, |peak, x| peak.max(x.abs()));
    }
    assert!(loudest > 0.2 && loudest <= 1.0 + 1e-5, "{loudest}");
}

/// The playhead runs into a part that will never be there, and out of it where the loop begins.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn the_edges_of_a_hole_are_faded() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let (left, right) = sine(clip.frames as usize, 200);
    for tempo_bpm in [120.0, 95.0] {
        let mut rig = Rig::new(48_000.0, tempo_bpm);
        rig.control.begin(0, clip).unwrap();
        // Up to a peak of the sine.
        rig.control
            .push(clip.id, &left[..20_600], &right[..20_600])
            .unwrap();
        rig.control.finish(clip.id).unwrap();
        let mut output = vec![0.0];
        output.extend(rig.play(200_000, &[64, 999]).0);
        // Out of the hole it starts in 1 ms like from silence, into it the fade takes 5.
        let step = largest_step(&output);
        assert!(step < STEP + START_STEP, "{tempo_bpm}: {step}");
        let silent = output.iter().filter(|x| **x == 0.0).count();
        assert!((60_000..180_000).contains(&silent), "{silent}");
        assert_eq!(rig.control.poll().holes, 0, "{tempo_bpm}");
    }
}

/// A hole that a faster tempo brings near within a fade's length.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_hole_that_comes_near_at_once_is_faded() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let (left, right) = sine(clip.frames as usize, 200);
    let mut rig = Rig::new(48_000.0, 60.0);
    rig.control.begin(0, clip).unwrap();
    rig.control
        .push(clip.id, &left[..10_240], &right[..10_240])
        .unwrap();
    rig.control.finish(clip.id).unwrap();
    // At half speed 260 frames are ahead, at double speed 65.
    let mut output = rig.play(19_960, &[64]).0;
    assert!(output[19_000..].iter().any(|x| x.abs() > 0.5));
    rig.host_frame /= 4;
    rig.transport.tempo_bpm = 240.0;
    output.extend(rig.play(1000, &[64]).0);
    let step = largest_step(&output[1000..]);
    assert!(step < 2.0 * STEP + FADE_STEP, "{step}");
    assert_eq!(output.last(), Some(&0.0));
}

/// The playhead jumps over the end of a one-shot, and a slot that fades out is taken back.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn ends_that_come_at_once_are_faded() {
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.load_level(0, 4.0, 120.0, 1.0);
    let once = SlotSettings {
        one_shot: true,
        ..SlotSettings::default()
    };
    rig.control.configure(0, once);
    let mut output = rig.play(5000, &[64]).0;
    rig.host_frame += 1_000_000;
    output.extend(rig.play(1000, &[64]).0);
    let step = largest_step(&output[1000..]);
    assert!(step < FADE_STEP, "{step}");
    assert_eq!(output.last(), Some(&0.0));
    let slow = SlotSettings {
        fade_out_seconds: 0.5,
        ..SlotSettings::default()
    };
    rig.control.configure(0, slow);
    rig.play(5000, &[64]);
    let mut output = Vec::new();
    for slot in [None, Some(0)] {
        rig.settings.slot = slot;
        output.extend(rig.play(5000, &[64]).0);
    }
    let step = largest_step(&output);
    assert!(step < FADE_STEP && output[4900] < 0.9, "{step}");
    assert_eq!(output.last(), Some(&1.0));
}

/// A one-shot is let go, and pressed again while its own end lets it rise by less than a frame's way:
/// it must not rise for one frame and then fall again.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_fade_that_turns_back_below_an_end_turns_softly() {
    let mut worst = (0.0_f32, 0);
    for fallen_frames in 1..40 {
        let mut rig = Rig::new(22_050.0, 100.0);
        rig.load_level(0, 4.0, 120.0, 1.0);
        // Slower than it was made: its end comes slower than its release.
        let once = SlotSettings {
            one_shot: true,
            end_beats: Some(0.02),
            fade_out_seconds: 0.02,
            ..SlotSettings::default()
        };
        rig.control.configure(0, once);
        rig.settings.slot = None;
        rig.settings.quantise = Quantise::Off;
        // After long blocks a new place that is near is gone to without a cut.
        rig.play(8192, &[8192]);
        rig.press(0, 60, 1.0);
        rig.play(30, &[30]);
        rig.release(0, 60);
        let mut output = rig.play(fallen_frames, &[64]).0;
        assert!((0.3..0.6).contains(&output[0]), "{}", output[0]);
        rig.press(0, 60, 1.0);
        output.extend(rig.play(400, &[64]).0);
        assert_eq!(output.last(), Some(&0.0));
        for w in output.windows(4) {
            let (before, step, after) = (w[1] - w[0], w[2] - w[1], w[3] - w[2]);
            let excess = (before.min(after) - step).max(step - before.max(after));
            if excess > worst.0 {
                worst = (excess, fallen_frames);
            }
        }
    }
    assert!(worst.0 < 1e-3, "{worst:?}");
}
