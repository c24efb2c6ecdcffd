//! At its own tempo the output is the clip, bit by bit; elsewhere it is what plain arithmetic
//! says.

use barline_player::Grid;

use crate::rig::{Rig, info, largest_difference, noise, same};

const FADE_FRAMES: usize = 400;

/// Many loops at tempi whose bars are no whole frames, from a negative start: past the first
/// fade every sample is the clip's, and the frame is the nearest: in the middle of the loop, which may be a
/// little longer or shorter than the clip.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn bit_exact_at_unity_for_many_loops() {
    for (rate_hz, tempo_bpm, beats, start_frame) in [
        (48_000.0, 120.0, 1.0, 0_i64),
        (48_000.0, 97.5, 1.0, -1776),
        (44_100.0, 132.99999978, 1.0, 12_345),
        (22_050.0, 171.3, 0.5, -50_000),
        (192_000.0, 84.37, 0.25, 3),
    ] {
        let clip = info(1, beats, tempo_bpm, rate_hz);
        let (left, right) = noise(clip.frames as usize, 5);
        let mut rig = Rig::new(rate_hz, tempo_bpm);
        rig.control.load(0, clip, &left, &right).unwrap();
        rig.host_frame = start_frame;
        let loops = 7;
        let frames = clip.frames as usize * loops + 999;
        let (got_left, got_right) = rig.play(frames, &[1, 64, 333, 8192, 17, 512]);
        let grid = clip.beats * 60.0 * rate_hz / tempo_bpm;
        for i in FADE_FRAMES.max(rate_hz as usize / 500)..frames {
            let position = (start_frame + i as i64) as f64;
            let lean = (grid - clip.frames as f64) / 2.0;
            let position = position.rem_euclid(grid) - lean;
            let frame = if grid - position <= 0.5 {
                0
            } else {
                position.round() as usize
            };
            let frame = frame.min(left.len() - 1);
            // A tie, a position half way between two frames, may be taken either way.
            let tie = (position.fract() - 0.5).abs() < 0.07;
            let other = if tie {
                (position.max(0.0) as usize).min(left.len() - 1)
            } else {
                frame
            };
            let (l, r) = (got_left[i], got_right[i]);
            let exact = [frame, other, (other + 1) % left.len()]
                .iter()
                .take(if tie { 3 } else { 1 })
                .any(|&f| left[f] == l && right[f] == r);
            assert!(
                exact,
                "{rate_hz} Hz, {tempo_bpm} BPM, frame {i}: {l} for {}",
                left[frame]
            );
        }
    }
}

/// Beats that hosts round do not disturb it.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn bit_exact_with_rounded_beats() {
    let clip = info(1, 4.0, 123.0, 48_000.0);
    let (left, right) = noise(clip.frames as usize, 5);
    let mut rig = Rig::new(48_000.0, 123.0);
    rig.control.load(0, clip, &left, &right).unwrap();
    let mut random = crate::rig::Random(3);
    let mut at = 0_usize;
    for _ in 0..150 {
        let mut got = (vec![0.0; 256], vec![0.0; 256]);
        // Off by up to a tenth of a frame, each time another way.
        let exact = at as f64 * 123.0 / (60.0 * 48_000.0);
        rig.transport.beats = Some(exact + (random.unit() - 0.5) * 0.2 * 123.0 / (60.0 * 48_000.0));
        rig.player.process(
            &rig.transport,
            &rig.settings,
            barline_player::Outputs::stereo(&mut got.0, &mut got.1),
        );
        if at >= FADE_FRAMES {
            same(&got.0, &left[at..at + 256]);
            same(&got.1, &right[at..at + 256]);
        }
        at += 256;
    }
}

/// Where the grid lies half way between two frames, rounding does not make it flicker.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn bit_exact_half_way_between_frames() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let (left, right) = noise(clip.frames as usize, 5);
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.load(0, clip, &left, &right).unwrap();
    let mut random = crate::rig::Random(4);
    let (mut at, mut output) = (0_usize, Vec::new());
    for _ in 0..150 {
        let mut got = (vec![0.0; 256], vec![0.0; 256]);
        let frame = at as f64 + 0.5 + (random.unit() - 0.5) * 0.1;
        rig.transport.beats = Some(frame / 24_000.0);
        rig.player.process(
            &rig.transport,
            &rig.settings,
            barline_player::Outputs::stereo(&mut got.0, &mut got.1),
        );
        output.extend(got.0);
        at += 256;
    }
    let heard = &output[FADE_FRAMES..];
    let here = |shift: usize| heard == &left[FADE_FRAMES + shift..at + shift];
    assert!(here(0) || here(1));
}

/// A jump, forwards, backwards or over the edge of a host's loop: after the fade the sample
/// is that of the new place, exactly.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn exact_after_jumps() {
    let clip = info(1, 8.0, 120.0, 48_000.0);
    let (left, right) = noise(clip.frames as usize, 5);
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.load(0, clip, &left, &right).unwrap();
    rig.play(5000, &[256]);
    for jump in [100_000, 3, -40, 96_000 + 17, -1_000_000, 24_000] {
        rig.host_frame = rig.host_frame.max(0) + jump;
        let start = rig.host_frame;
        let (got, _) = rig.play(3000, &[128]);
        for (i, x) in got.iter().enumerate().skip(FADE_FRAMES) {
            let frame = (start + i as i64).rem_euclid(clip.frames as i64) as usize;
            assert_eq!(*x, left[frame], "jump {jump}, frame {i}");
        }
    }
}

/// A jump by whole loops is none: not a bit changes.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn the_hosts_loop_over_whole_clips_is_seamless() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let (left, right) = noise(clip.frames as usize, 5);
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.load(0, clip, &left, &right).unwrap();
    rig.play(96_000, &[480]);
    for _ in 0..3 {
        // The host plays its loop of 4 beats, from beat 8 on, in mid-clip order.
        rig.host_frame = 192_000;
        let (got, _) = rig.play(96_000, &[480]);
        same(&got, &left);
    }
}

/// Two tones that go round with the clip, at any position between frames.
fn tones(frames: u64, position: f64) -> f64 {
    let turn = std::f64::consts::TAU * position / frames as f64;
    0.5 * (turn * 400.0).sin() + 0.4 * (turn * 9001.0).sin()
}

/// The tempo changes in mid-clip, back and forth: positions stay those of the host's beats.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn exact_through_tempo_changes() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let left: Vec<f32> = (0..clip.frames)
        .map(|i| tones(clip.frames, i as f64) as f32)
        .collect();
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.load(0, clip, &left, &left).unwrap();
    let mut beats = 0.0_f64;
    for (step, tempo_bpm) in [120.0, 97.5, 180.0, 61.7, 240.0, 120.0]
        .into_iter()
        .enumerate()
    {
        rig.transport.tempo_bpm = tempo_bpm;
        let blocks = 200;
        for block in 0..blocks {
            let mut got = (vec![0.0; 200], vec![0.0; 200]);
            rig.transport.beats = Some(beats);
            rig.player.process(
                &rig.transport,
                &rig.settings,
                barline_player::Outputs::stereo(&mut got.0, &mut got.1),
            );
            for (i, x) in got.0.iter().enumerate() {
                let now = beats + i as f64 * tempo_bpm / (60.0 * 48_000.0);
                let mut position = now.rem_euclid(4.0) * 24_000.0;
                if tempo_bpm == 120.0 {
                    position = position.round() % 96_000.0;
                }
                if block >= 3 {
                    let want = tones(clip.frames, position);
                    let off = (f64::from(*x) - want).abs();
                    assert!(
                        off < 2e-4,
                        "tempo {step}, block {block}, {i}: {x} for {want}"
                    );
                }
            }
            beats += 200.0 * tempo_bpm / (60.0 * 48_000.0);
        }
    }
}

/// A tempo ramp that the host shows only at each block's start is followed without a cut: a
/// sine and its cosine stay on their circle.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_tempo_ramp_is_one_movement() {
    let clip = info(1, 8.0, 120.0, 48_000.0);
    let phase = std::f64::consts::TAU * 400.0 / clip.frames as f64;
    let circle = |i| (phase * i as f64).sin_cos();
    let (left, right): (Vec<f32>, Vec<f32>) = (0..clip.frames)
        .map(|i| (circle(i).0 as f32, circle(i).1 as f32))
        .unzip();
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.load(0, clip, &left, &right).unwrap();
    let (mut beats, mut frames) = (0.0_f64, 0_usize);
    let blocks = 300;
    for size in [512, 64, 4096, 32, 100].into_iter().cycle().take(blocks) {
        let mut got = (vec![0.0; size], vec![0.0; size]);
        // From 120 to 160 BPM in 4 s: beats are the integral, the tempo that of the first frame.
        let tempo = |frame: usize| 120.0 + 10.0 * frame as f64 / 48_000.0;
        rig.transport.tempo_bpm = tempo(frames);
        rig.transport.beats = Some(beats);
        rig.player.process(
            &rig.transport,
            &rig.settings,
            barline_player::Outputs::stereo(&mut got.0, &mut got.1),
        );
        for (i, (l, r)) in got.0.iter().zip(&got.1).enumerate() {
            let radius = (l * l + r * r).sqrt();
            let near = (radius - 1.0).abs() < 1e-3;
            assert!(
                near || frames + i < FADE_FRAMES,
                "block of {size}, frame {i}: {radius}"
            );
            // And it stays where the beats are: 30 frames are 0.4 of a radian.
            let now = beats + i as f64 * tempo(frames) / (60.0 * 48_000.0);
            let (sin, cos) = (phase * now * 24_000.0).sin_cos();
            let off = (f64::from(*l) * cos - f64::from(*r) * sin).abs();
            assert!(off < 0.4, "block of {size}, frame {i}: {off}");
        }
        let mean = (tempo(frames) + tempo(frames + size)) / 2.0;
        beats += size as f64 * mean / (60.0 * 48_000.0);
        frames += size;
        if frames > 190_000 {
            break;
        }
    }
}

/// A clip that was made for another rate keeps its tempo and pitch until it is made anew.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_clip_for_another_rate_is_resampled() {
    let clip = info(1, 4.0, 120.0, 44_100.0);
    let (left, right) = crate::rig::sine(clip.frames as usize, 200);
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.load(0, clip, &left, &right).unwrap();
    let frames = 96_000;
    let (got, _) = rig.play(frames, &[256]);
    let (want, _) = crate::rig::sine(96_000, 200);
    let (worst, at) = largest_difference(&got[FADE_FRAMES..], &want[FADE_FRAMES..frames]);
    assert!(worst < 1e-4, "{worst} at {at}");
}

#[test]
fn grids_are_public_arithmetic() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let grid = Grid::new(&clip, 120.0, 48_000.0);
    assert!((grid.beats_at(grid.position(17.25)) - 1.25).abs() < 1e-12);
}
