//! Whose memory it is: the rings can't overflow, nothing is lost, nothing is freed on the audio
//! thread.

use barline_player::{ClipId, Hear, Outputs, Settings, Transport, handoff};

use crate::allocations::{bytes_kept, forbidden};
use crate::rig::{Rig, info, noise, same};

/// The host does not process: the session goes on without error, and keeps no more than the
/// newest complete and the growing clip.
#[test]
fn a_sleeping_host_stops_nobody() {
    let frames = if cfg!(miri) { 4096 } else { 2_000_000 };
    let (left, right) = noise(frames, 1);
    let mut rig = Rig::new(48_000.0, 120.0);
    let facts = |id| {
        let beats = frames as f64 / 24_000.0;
        let mut facts = info(id, beats, 120.0, 48_000.0);
        facts.frames = frames as u64;
        facts
    };
    let generate = |rig: &mut Rig, id| {
        rig.control.begin(0, facts(id)).unwrap();
        for (l, r) in left.chunks(30_000).zip(right.chunks(30_000)) {
            rig.control.push(ClipId(id), l, r).unwrap();
            rig.control.poll();
        }
        rig.control.finish(ClipId(id)).unwrap();
    };
    generate(&mut rig, 1);
    let kept = bytes_kept(|| {
        for id in 2..6 {
            generate(&mut rig, id);
        }
    });
    let one_clip = (frames * 8) as isize;
    // Under Miri the clips are so short that the ring holds all of them.
    assert!(
        cfg!(miri) || kept < one_clip * 5 / 4,
        "{kept} bytes for clips of {one_clip}"
    );
    // The host wakes.
    for _ in 0..if cfg!(miri) { 8 } else { 50 } {
        rig.play(64, &[64]);
        rig.control.poll();
    }
    assert_eq!(rig.control.waiting(), 0);
    let status = rig.settle();
    assert_eq!(
        (status.slots[0].clip, status.slots[0].ready_frames),
        (Some(ClipId(5)), frames as u64)
    );
}

/// Nobody polls: the player keeps its head, takes no more than it can give back, and goes on as
/// soon as somebody does.
#[test]
fn a_sleeping_session_stops_nobody() {
    let mut rig = Rig::new(48_000.0, 120.0);
    let clip = |id| info(id, 0.01, 120.0, 48_000.0);
    let samples = noise(clip(0).frames as usize, 1);
    let (clips, frames) = if cfg!(miri) { (24, 32) } else { (1500, 480) };
    for id in 0..clips {
        rig.control
            .load(0, clip(id), &samples.0, &samples.1)
            .unwrap();
        rig.play(frames, &[64]);
    }
    for _ in 0..clips {
        rig.control.poll();
        rig.play(frames.min(64), &[64]);
    }
    assert_eq!(rig.control.waiting(), 0);
    assert_eq!(rig.settle().slots[0].clip, Some(ClipId(clips - 1)));
}

/// Reports alone never fill the ring back: a new clip sounds though nobody has polled for long.
#[test]
fn reports_leave_room_for_a_clip() {
    let mut rig = Rig::new(48_000.0, 120.0);
    let clip = |id| info(id, 0.01, 120.0, 48_000.0);
    let samples = noise(clip(0).frames as usize, 1);
    rig.control
        .load(0, clip(0), &samples.0, &samples.1)
        .unwrap();
    let frames = if cfg!(miri) { 9_600 } else { 480_000 };
    rig.play(frames, &[480]);
    rig.control
        .load(0, clip(1), &samples.0, &samples.1)
        .unwrap();
    rig.play(64, &[64]);
    assert_eq!(rig.player.clip(0), Some(ClipId(1)));
}

/// Halves dropped in every order, with memory on its way in every direction.
#[test]
fn nothing_leaks_in_any_order() {
    let transport = Transport {
        playing: true,
        tempo_bpm: 120.0,
        beats: Some(0.0),
        song_frame: None,
        beats_per_bar: Some(4.0),
        bar_start_beats: None,
    };
    // Several blocks, and a part of one.
    let (frames, pushed) = if cfg!(miri) {
        (1100, 1050)
    } else {
        (6000, 2500)
    };
    let samples = noise(frames, 1);
    for order in 0..8 {
        let kept = bytes_kept(|| {
            let (mut control, mut player) = handoff();
            let (mut left, mut right) = ([0.0; 64], [0.0; 64]);
            for id in 0..4 {
                let mut clip = info(id, 0.25, 120.0, 48_000.0);
                clip.frames = frames as u64;
                if id % 2 == 0 {
                    control.load(0, clip, &samples.0, &samples.1).unwrap();
                } else {
                    control.begin(0, clip).unwrap();
                    control
                        .push(clip.id, &samples.0[..pushed], &samples.1[..pushed])
                        .unwrap();
                }
                if id < 3 || order & 2 == 0 {
                    forbidden(|| {
                        player.process(
                            &transport,
                            &Settings::default(),
                            Outputs::stereo(&mut left, &mut right),
                        );
                    });
                }
            }
            if order & 4 == 0 {
                control.poll();
            }
            if order & 1 == 0 {
                drop(control);
                player.process(
                    &transport,
                    &Settings::default(),
                    Outputs::stereo(&mut left, &mut right),
                );
                drop(player);
            } else {
                drop(player);
                assert!(control.poll().disconnected);
                let mut clip = info(9, 0.25, 120.0, 48_000.0);
                clip.frames = frames as u64;
                control.load(0, clip, &samples.0, &samples.1).unwrap();
                assert_eq!(control.waiting(), 0);
                drop(control);
            }
        });
        assert_eq!(kept, 0, "order {order}");
    }
}

/// Both halves at once, on two threads: what arrives is whole.
#[test]
fn two_threads() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let frames = if cfg!(miri) {
        4096
    } else {
        clip.frames as usize
    };
    let (left, right) = noise(frames, 3);
    let (mut control, mut player) = handoff();
    let audio = std::thread::spawn({
        let (left, right) = (left.clone(), right.clone());
        move || {
            player.reset(48_000.0);
            let settings = Settings {
                hear: Hear::AtOnce,
                ..Settings::default()
            };
            let (mut l, mut r) = ([0.0; 128], [0.0; 128]);
            let mut at = 0;
            while at + 128 <= frames {
                let beats = Some(at as f64 / 24_000.0);
                let transport = Transport {
                    playing: true,
                    tempo_bpm: 120.0,
                    beats,
                    song_frame: None,
                    beats_per_bar: None,
                    bar_start_beats: None,
                };
                player.receive();
                if player.clip(0).is_none() || !player.ready_for(&transport, &settings, 128) {
                    std::thread::yield_now();
                    continue;
                }
                forbidden(|| {
                    player.process(&transport, &settings, Outputs::stereo(&mut l, &mut r))
                });
                if at >= 512 {
                    same(&l, &left[at..at + 128]);
                    same(&r, &right[at..at + 128]);
                }
                at += 128;
            }
            player
        }
    });
    let mut facts = clip;
    facts.frames = frames as u64;
    facts.beats = frames as f64 / 24_000.0;
    control.begin(0, facts).unwrap();
    for (l, r) in left.chunks(777).zip(right.chunks(777)) {
        control.push(clip.id, l, r).unwrap();
        control.poll();
    }
    control.finish(clip.id).unwrap();
    while !audio.is_finished() {
        control.poll();
        std::thread::yield_now();
    }
    drop(audio.join().unwrap());
    assert!(control.poll().disconnected);
}
