//! Clips that grow while they play, and who sounds when.

use barline_player::{BLOCK_FRAMES, ClipError, ClipId, ClipInfo, GrowError};

use crate::rig::{Rig, info, noise, same};

const FADE_FRAMES: usize = 400;

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn plays_and_seeks_while_it_grows() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let (left, right) = noise(clip.frames as usize, 5);
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.begin(0, clip).unwrap();
    assert!(rig.play(100, &[64]).0.iter().all(|x| *x == 0.0));
    rig.control
        .push(clip.id, &left[..30_000], &right[..30_000])
        .unwrap();
    let ready = 30_000 / BLOCK_FRAMES * BLOCK_FRAMES;
    for start in [20_000, 1000, 28_000] {
        rig.host_frame = start as i64;
        let (got, _) = rig.play(1200, &[77]);
        let end = (ready - 3 - 240).min(start + 1200);
        same(
            &got[FADE_FRAMES..end - start],
            &left[start + FADE_FRAMES..end],
        );
    }
    let status = rig.control.poll();
    assert_eq!(
        (status.slots[0].clip, status.slots[0].ready_frames),
        (Some(clip.id), ready as u64)
    );
    rig.control
        .push(clip.id, &left[30_000..], &right[30_000..])
        .unwrap();
    rig.host_frame = 90_000;
    let (got, _) = rig.play(12_000, &[77]);
    same(&got[FADE_FRAMES..6000], &left[90_000 + FADE_FRAMES..]);
    same(&got[6000..], &left[..6000]);
    rig.control.finish(clip.id).unwrap();
    assert_eq!(rig.settle().slots[0].ready_frames, clip.frames);
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_new_clip_waits_until_it_is_finished() {
    let (old, new) = (info(1, 4.0, 120.0, 48_000.0), info(2, 4.0, 120.0, 48_000.0));
    let (a, b) = (noise(96_000, 1), noise(96_000, 2));
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.load(0, old, &a.0, &a.1).unwrap();
    rig.play(1000, &[64]);
    rig.control.begin(0, new).unwrap();
    rig.control.push(new.id, &b.0, &b.1).unwrap();
    same(&rig.play(1000, &[64]).0, &a.0[1000..2000]);
    rig.control.finish(new.id).unwrap();
    same(
        &rig.play(1000, &[64]).0[FADE_FRAMES..],
        &b.0[2000 + FADE_FRAMES..3000],
    );
    assert_eq!(rig.settle().slots[0].clip, Some(new.id));
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_cancelled_clip_gives_way() {
    let (old, new) = (info(1, 4.0, 120.0, 48_000.0), info(2, 4.0, 120.0, 48_000.0));
    let a = noise(96_000, 1);
    let mut rig = Rig::new(48_000.0, 120.0);
    // Discarded while another plays: nothing changes.
    rig.control.load(0, old, &a.0, &a.1).unwrap();
    rig.play(1000, &[64]);
    rig.control.begin(0, new).unwrap();
    rig.control
        .push(new.id, &a.0[..5000], &a.1[..5000])
        .unwrap();
    rig.play(100, &[64]);
    rig.control.discard(new.id);
    assert_eq!(
        rig.control.push(new.id, &[0.0], &[0.0]),
        Err(GrowError::NotGrowing)
    );
    same(&rig.play(900, &[64]).0, &a.0[1100..2000]);
    // The one that plays is discarded: the growing one takes over at once.
    let third = info(3, 4.0, 120.0, 48_000.0);
    rig.control.begin(0, third).unwrap();
    rig.control
        .push(third.id, &a.1[..50_000], &a.0[..50_000])
        .unwrap();
    rig.control.discard(old.id);
    same(
        &rig.play(1000, &[64]).0[FADE_FRAMES..],
        &a.1[2000 + FADE_FRAMES..3000],
    );
    assert_eq!(rig.settle().slots[0].clip, Some(third.id));
    rig.control.discard(third.id);
    assert_eq!(rig.settle().slots[0].clip, None);
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn loading_another_lets_the_growing_one_finish() {
    let (growing, other) = (info(1, 4.0, 120.0, 48_000.0), info(2, 4.0, 120.0, 48_000.0));
    let (a, b) = (noise(96_000, 1), noise(96_000, 2));
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.begin(0, growing).unwrap();
    rig.control
        .push(growing.id, &a.0[..9000], &a.1[..9000])
        .unwrap();
    rig.play(1000, &[64]);
    rig.control.load(0, other, &b.0, &b.1).unwrap();
    assert_eq!(rig.settle().slots[0].clip, Some(other.id));
    rig.control
        .push(growing.id, &a.0[9000..], &a.1[9000..])
        .unwrap();
    assert_eq!(rig.settle().slots[0].clip, Some(other.id));
    rig.control.finish(growing.id).unwrap();
    let status = rig.settle();
    assert_eq!(
        (status.slots[0].clip, status.slots[0].ready_frames),
        (Some(growing.id), 96_000)
    );
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_clip_that_ends_early_is_silent_from_there_and_no_hole() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let (left, right) = noise(96_000, 1);
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.begin(0, clip).unwrap();
    rig.control
        .push(clip.id, &left[..3000], &right[..3000])
        .unwrap();
    rig.control.finish(clip.id).unwrap();
    let (got, _) = rig.play(10_000, &[64]);
    same(&got[FADE_FRAMES..2700], &left[FADE_FRAMES..2700]);
    assert!(got[3000..].iter().all(|x| *x == 0.0));
    let status = rig.control.poll();
    assert_eq!((status.holes, status.slots[0].ready_frames), (0, 3000));
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn offline_waits_for_exactly_what_is_needed() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let (left, right) = noise(96_000, 1);
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.transport.beats = Some(0.0);
    let ready = |rig: &Rig, frames| rig.player.ready_for(&rig.transport, &rig.settings, frames);
    assert!(ready(&rig, 512), "no clip: nothing to wait for");
    rig.control.begin(0, clip).unwrap();
    rig.player.receive();
    assert!(!ready(&rig, 512));
    rig.transport.playing = false;
    assert!(ready(&rig, 512), "silent anyway");
    rig.transport.playing = true;
    rig.control
        .push(clip.id, &left[..2048], &right[..2048])
        .unwrap();
    assert!(!ready(&rig, 512), "not received yet");
    rig.player.receive();
    assert!(ready(&rig, 512));
    assert!(!ready(&rig, 2048));
    // Rendered so, block by block, nothing is missing.
    let (mut output, mut sent) = (Vec::new(), 2048);
    while output.len() < 96_000 {
        rig.transport.beats = Some(rig.beats());
        rig.player.receive();
        if ready(&rig, 500) {
            output.extend(rig.play(500, &[500]).0);
        } else {
            let end = (sent + 333).min(96_000);
            rig.control
                .push(clip.id, &left[sent..end], &right[sent..end])
                .unwrap();
            sent = end;
            rig.control.poll();
        }
    }
    same(&output[FADE_FRAMES..96_000], &left[FADE_FRAMES..]);
    // The session dies: nothing will come any more.
    let next = ClipInfo {
        id: ClipId(2),
        ..clip
    };
    rig.control.clear_all();
    rig.control.begin(0, next).unwrap();
    rig.player.receive();
    rig.transport.beats = Some(rig.beats());
    assert!(!ready(&rig, 500));
    drop(rig.control);
    assert!(rig.player.ready_for(&rig.transport, &rig.settings, 500));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut rig = Rig::new(48_000.0, 120.0);
    let good = info(1, 4.0, 120.0, 48_000.0);
    for bad in [
        ClipInfo { frames: 0, ..good },
        ClipInfo {
            frames: u64::MAX,
            ..good
        },
        ClipInfo { beats: 0.0, ..good },
        ClipInfo {
            beats: f64::NAN,
            ..good
        },
        ClipInfo {
            beats: f64::INFINITY,
            ..good
        },
        ClipInfo {
            tempo_bpm: 0.0,
            ..good
        },
        ClipInfo {
            tempo_bpm: f64::NAN,
            ..good
        },
    ] {
        assert_eq!(rig.control.begin(0, bad), Err(ClipError::Facts), "{bad:?}");
    }
    assert_eq!(
        rig.control.load(0, good, &[0.0], &[0.0]),
        Err(ClipError::Length)
    );
    assert_eq!(
        rig.control.push(good.id, &[], &[]),
        Err(GrowError::NotGrowing)
    );
    assert_eq!(rig.control.finish(good.id), Err(GrowError::NotGrowing));
    rig.control
        .begin(0, ClipInfo { frames: 2, ..good })
        .unwrap();
    assert_eq!(
        rig.control.push(good.id, &[0.0], &[]),
        Err(GrowError::Uneven)
    );
    assert_eq!(
        rig.control.push(good.id, &[0.0; 3], &[0.0; 3]),
        Err(GrowError::TooLong)
    );
    assert_eq!(rig.control.push(good.id, &[0.0; 2], &[0.0; 2]), Ok(()));
}

/// Loops shorter than the reach of interpolation, down to one frame.
#[test]
fn the_shortest_loops_play() {
    for frames in (1..20).step_by(if cfg!(miri) { 7 } else { 1 }) {
        let clip = ClipInfo {
            id: ClipId(1),
            frames,
            beats: 0.001,
            tempo_bpm: 100.0,
            beats_per_bar: 4.0,
        };
        let ones = vec![0.5; frames as usize];
        let mut rig = Rig::new(48_000.0, 113.0);
        rig.control.load(0, clip, &ones, &ones).unwrap();
        let (got, _) = rig.play(1000, &[64]);
        assert!(
            got[FADE_FRAMES..].iter().all(|x| (x - 0.5).abs() < 1e-5),
            "{frames}"
        );
    }
}
