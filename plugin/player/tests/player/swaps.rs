//! A clip that takes over on the next beat: the same loop, brought to the host's tempo.

use barline_player::{ClipId, ClipInfo, Outputs};

use crate::rig::{Random, Rig, info, largest_difference, largest_step, noise, same, sine};

const RATE_HZ: f64 = 48_000.0;
const FADE_FRAMES: usize = 240;

/// The frame of a beat at a tempo, to the nearest.
fn beat_frame(beat: f64, tempo_bpm: f64) -> usize {
    (beat * 60.0 / tempo_bpm * RATE_HZ).round() as usize
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn it_is_repitched_until_the_beat_and_exact_from_there() {
    let own = info(1, 4.0, 120.0, RATE_HZ);
    let (left, right) = noise(own.frames as usize, 1);
    for (host_bpm, blocks) in [(124.0, 64), (97.5, 997), (150.0, 9_000)] {
        let there = info(2, 4.0, host_bpm, RATE_HZ);
        let stretched = noise(there.frames as usize, 2);
        let start = |swapped: bool| {
            let mut rig = Rig::new(RATE_HZ, host_bpm);
            rig.control.load(0, own, &left, &right).unwrap();
            let (mut heard, _) = rig.play(10_000, &[blocks]);
            if swapped {
                rig.control
                    .swap(0, there, &stretched.0, &stretched.1)
                    .unwrap();
            }
            heard.extend(rig.play(60_000, &[blocks]).0);
            assert_eq!(
                rig.settle().slots[0].clip,
                Some(ClipId(if swapped { 2 } else { 1 }))
            );
            heard
        };
        let (with, without) = (start(true), start(false));
        let beat = beat_frame(1.0, host_bpm);
        same(
            &with[..beat - FADE_FRAMES - 1],
            &without[..beat - FADE_FRAMES - 1],
        );
        // The fade is over when the beat comes. Beats that are no whole frames are met to half of one.
        let want = (beat + 1..70_000).map(|frame| {
            let beats = frame as f64 * host_bpm / 60.0 / RATE_HZ;
            let at = beats.rem_euclid(4.0) / 4.0 * (4.0 * 60.0 / host_bpm * RATE_HZ);
            (at.floor() as usize, at.ceil() as usize)
        });
        for (frame, (low, high)) in (beat + 1..70_000).zip(want) {
            let near =
                [low, high].map(|at| (stretched.0[at % stretched.0.len()] - with[frame]).abs());
            assert!(near[0].min(near[1]) < 1e-6, "{host_bpm} BPM: frame {frame}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn it_takes_over_without_a_click() {
    let own = info(1, 4.0, 120.0, RATE_HZ);
    let there = info(2, 4.0, 110.0, RATE_HZ);
    // The same tone at both tempi.
    let low = sine(own.frames as usize, 200);
    let high = sine(there.frames as usize, 218);
    let mut rig = Rig::new(RATE_HZ, 110.0);
    rig.control.load(0, own, &low.0, &low.1).unwrap();
    rig.play(4_800, &[256]);
    rig.control.swap(0, there, &high.0, &high.1).unwrap();
    let (heard, _) = rig.play(60_000, &[256]);
    let inside = largest_step(&low.0).max(largest_step(&high.0));
    assert!(
        largest_step(&heard) < 1.3 * inside,
        "{}",
        largest_step(&heard)
    );
    assert!(heard.iter().all(|x| x.abs() <= 1.01));
    assert_eq!(rig.settle().slots[0].clip, Some(ClipId(2)));
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn where_nothing_sounds_it_is_there_at_once() {
    let (own, there) = (info(1, 4.0, 120.0, RATE_HZ), info(2, 4.0, 90.0, RATE_HZ));
    let clip = noise(own.frames as usize, 1);
    let other = noise(there.frames as usize, 2);
    let mut rig = Rig::new(RATE_HZ, 90.0);
    rig.transport.playing = false;
    rig.control.load(0, own, &clip.0, &clip.1).unwrap();
    rig.play(1_000, &[100]);
    rig.control.swap(0, there, &other.0, &other.1).unwrap();
    rig.transport.playing = true;
    rig.host_frame = 0;
    let (heard, _) = rig.play(20_000, &[128]);
    let (off, at) = largest_difference(&heard[48..], &other.0[48..20_000]);
    assert!(off < 1e-6, "{off} at {at}");
    // And with no clip before it.
    let mut rig = Rig::new(RATE_HZ, 90.0);
    rig.control.swap(0, there, &other.0, &other.1).unwrap();
    let (heard, _) = rig.play(20_000, &[128]);
    same(&heard[48..], &other.0[48..20_000]);
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn newer_clips_take_its_place() {
    let clip = |id, tempo_bpm| info(id, 4.0, tempo_bpm, RATE_HZ);
    let samples = |id: u64, tempo_bpm| noise(clip(id, tempo_bpm).frames as usize, id);
    let load = |rig: &mut Rig, id, tempo_bpm, swap: bool| {
        let (left, right) = samples(id, tempo_bpm);
        let facts = clip(id, tempo_bpm);
        if swap {
            rig.control.swap(0, facts, &left, &right).unwrap();
        } else {
            rig.control.load(0, facts, &left, &right).unwrap();
        }
    };
    let mut rig = Rig::new(RATE_HZ, 124.0);
    load(&mut rig, 1, 120.0, false);
    rig.play(2_000, &[64]);
    // The newest of two that are due.
    load(&mut rig, 2, 122.0, true);
    load(&mut rig, 3, 124.0, true);
    rig.play(1_000, &[64]);
    assert_eq!(rig.control.poll().slots[0].clip, Some(ClipId(1)));
    rig.play(48_000, &[64]);
    assert_eq!(rig.control.poll().slots[0].clip, Some(ClipId(3)));
    // Another clip altogether: what was due is not wanted any more.
    load(&mut rig, 4, 120.0, true);
    load(&mut rig, 5, 120.0, false);
    rig.play(48_000, &[64]);
    assert_eq!(rig.control.poll().slots[0].clip, Some(ClipId(5)));
    // Taken back before its beat, and all taken away.
    load(&mut rig, 6, 124.0, true);
    rig.control.discard(ClipId(6));
    rig.play(48_000, &[64]);
    assert_eq!(rig.control.poll().slots[0].clip, Some(ClipId(5)));
    load(&mut rig, 7, 124.0, true);
    rig.control.clear_all();
    rig.play(48_000, &[64]);
    assert_eq!(rig.control.poll().slots[0].clip, None);
}

/// Nobody polls: it waits for a beat with room for the clip before it.
#[test]
fn a_sleeping_session_stops_no_beat() {
    let (clips, tempo_bpm, frames) = if cfg!(miri) {
        (24, 1_984.0, 120)
    } else {
        (600, 124.0, 480)
    };
    let mut rig = Rig::new(RATE_HZ, tempo_bpm);
    let clip = |id| info(id, 0.02, tempo_bpm, RATE_HZ);
    let samples = noise(clip(0).frames as usize, 1);
    for id in 0..clips {
        rig.control
            .swap(0, clip(id), &samples.0, &samples.1)
            .unwrap();
        rig.play(frames, &[64]);
    }
    for _ in 0..clips {
        rig.control.poll();
        rig.play(frames, &[64]);
    }
    assert_eq!(rig.control.waiting(), 0);
    assert_eq!(rig.settle().slots[0].clip, Some(ClipId(clips - 1)));
}

/// How far off its grid a clip is heard at most, in frames: its samples tell which of them it is, and
/// each belongs to a beat. The host's places waver by a little, and it jumps to anywhere between frames.
fn worst_off_frames(clip: ClipInfo, host_bpm: f64, swapped: bool) -> f64 {
    let scale = clip.frames.next_power_of_two() as f32;
    let ramp: Vec<f32> = (0..clip.frames).map(|i| i as f32 / scale).collect();
    let mut rig = Rig::new(RATE_HZ, host_bpm);
    if swapped {
        let own = info(1, clip.beats, 120.0, RATE_HZ);
        let (left, right) = noise(own.frames as usize, 1);
        rig.control.load(0, own, &left, &right).unwrap();
        rig.play(beat_frame(0.3, host_bpm), &[64]);
        rig.control.swap(0, clip, &ramp, &ramp).unwrap();
        rig.play(beat_frame(1.0, host_bpm), &[64]);
    } else {
        rig.control.load(0, clip, &ramp, &ramp).unwrap();
    }
    assert_eq!(rig.settle().slots[0].clip, Some(clip.id));
    let per_beat = 60.0 / host_bpm * RATE_HZ;
    let host_loop = clip.beats * per_beat;
    let mut random = Random(clip.frames);
    let (mut frame, mut since_jump) = (rig.host_frame as f64, 0);
    let mut worst = 0.0_f64;
    for _ in 0..1_500 {
        let mut got = ([0.0; 256], [0.0; 256]);
        if random.one_in(30) {
            (frame, since_jump) = (random.unit() * 3.0 * host_loop, 0);
        }
        let now = frame + (random.unit() - 0.5) * 0.1;
        rig.transport.beats = Some(now / per_beat);
        let outputs = Outputs::stereo(&mut got.0, &mut got.1);
        rig.player.process(&rig.transport, &rig.settings, outputs);
        for (i, x) in got.0.iter().enumerate() {
            let place = (now + i as f64).rem_euclid(host_loop);
            let seam = place < 40.0 || host_loop - place < 40.0;
            if since_jump + i > 2 * FADE_FRAMES && !seam {
                let belongs = f64::from(x * scale) * host_loop / clip.frames as f64;
                worst = worst.max((belongs - place).abs());
            }
        }
        (frame, since_jump) = (frame + 256.0, since_jump + 256);
    }
    worst
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn it_is_on_its_grid_to_a_sample() {
    for (host_bpm, beats) in [(97.5, 1.0), (123.4, 2.0), (110.3, 4.0), (97.5, 2.0)] {
        let clip = info(2, beats, host_bpm, RATE_HZ);
        let cut = ClipInfo {
            frames: (beats * 60.0 / host_bpm * RATE_HZ) as u64,
            ..clip
        };
        for (clip, most) in [(clip, 0.9), (cut, 1.0)] {
            for swapped in [true, false] {
                let worst = worst_off_frames(clip, host_bpm, swapped);
                println!("{host_bpm} BPM, {} frames: {worst:.3} off", clip.frames);
                assert!(worst < most, "{host_bpm} BPM, {clip:?}: {worst} frames off");
            }
        }
    }
}
