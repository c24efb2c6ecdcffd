//! Clips that grow while they play, and who sounds when.

use barline_player::{ClipError, ClipId, ClipInfo, GrowError, Hear, SlotSettings};

use crate::rig::{Rig, info, largest_step, noise, same};

const FADE_FRAMES: usize = 400;

/// A beat is ready, then a bar, then all: whole beats and whole bars of it go round.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn what_is_ready_goes_round_in_whole_beats_and_bars() {
    for (host_bpm, exact) in [(120.0, true), (150.0, false), (77.0, false)] {
        let clip = info(1, 12.0, 120.0, 48_000.0);
        let frames = clip.frames as usize;
        let tone: Vec<f32> = (0..frames).map(|i| i as f32 / frames as f32).collect();
        let mut rig = Rig::new(48_000.0, host_bpm);
        rig.settings.hear = Hear::NextBeat;
        rig.control.begin(0, clip).unwrap();
        let beat = (48_000.0 * 60.0 / host_bpm) as usize;
        let mut sent = 0;
        let mut push = |rig: &mut Rig, beats: f64| {
            let end = ((beats * 24_000.0) as usize + 2048).min(frames);
            rig.control
                .push(clip.id, &tone[sent..end], &tone[sent..end])
                .unwrap();
            sent = end;
        };
        // Half a beat, and a beat in the middle of the host's: from the next on.
        push(&mut rig, 0.5);
        assert!(rig.play(beat / 2, &[500]).0.iter().all(|x| *x == 0.0));
        push(&mut rig, 1.0);
        assert!(rig.play(beat / 2 - 600, &[500]).0.iter().all(|x| *x == 0.0));
        let mut heard = rig.play(600 + 2 * beat, &[500]).0.split_off(600);
        // Two beats in the middle of beat 3: beat 4 is 0 again, and 5 is 1.
        heard.extend(rig.play(beat / 2, &[500]).0);
        push(&mut rig, 2.0);
        heard.extend(rig.play(beat / 2 + 2 * beat, &[500]).0);
        // A bar: the next bar is the first, though the song is at its third. Then all is there.
        heard.extend(rig.play(beat / 2, &[500]).0);
        push(&mut rig, 4.0);
        heard.extend(rig.play(beat / 2 + beat + 2 * beat, &[500]).0);
        push(&mut rig, 12.0);
        heard.extend(rig.play(14 * beat, &[500]).0);
        // Beats 1 to 11 of the song.
        let want = [0, 0, 0, 0, 1, 0, 3, 0, 1, 2, 3];
        for (number, source) in want.into_iter().enumerate() {
            // In the middle of each beat, away from fades.
            for at in [beat / 4, beat / 2, beat - 400] {
                let got = heard[number * beat + at];
                let place = source as f32 + at as f32 / beat as f32;
                assert!(
                    (got * 12.0 - place).abs() < 0.001,
                    "{host_bpm} BPM, beat {}, {at}: {} for {place}",
                    number + 1,
                    got * 12.0
                );
            }
        }
        // From the bar line on it is the song's own.
        for number in 12..24_usize {
            let got = heard[(number - 1) * beat + beat / 2] * 12.0;
            let want = (number % 12) as f32 + 0.5;
            assert!((got - want).abs() < 0.001, "{host_bpm}, {number}: {got}");
        }
        assert_eq!(rig.control.poll().holes, 0);
        if exact {
            let got = &heard[12 * beat..13 * beat];
            same(&got[..20_000], &tone[24_000..44_000]);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn hear_says_when_a_growing_clip_takes_over() {
    let (old, new) = (
        info(1, 12.0, 120.0, 48_000.0),
        info(2, 12.0, 120.0, 48_000.0),
    );
    let frames = old.frames as usize;
    let (a, b) = (noise(frames, 1), noise(frames, 2));
    for (hear, at) in [
        (Hear::AtOnce, 1000),
        (Hear::NextBeat, 24_000),
        (Hear::NextBar, 96_000),
        (Hear::Finished, 192_000),
    ] {
        let mut rig = Rig::new(48_000.0, 120.0);
        rig.settings.hear = hear;
        rig.control.load(0, old, &a.0, &a.1).unwrap();
        let mut heard = rig.play(1000, &[64]).0;
        rig.control.begin(0, new).unwrap();
        // Two bars of three, and the frames to spare.
        let end = 200_000;
        rig.control.push(new.id, &b.0[..end], &b.1[..end]).unwrap();
        heard.extend(rig.play(179_000, &[64]).0);
        rig.control.push(new.id, &b.0[end..], &b.1[end..]).unwrap();
        rig.control.finish(new.id).unwrap();
        heard.extend(rig.play(20_000, &[64]).0);
        // On a line the fade is over when it comes; at once it begins there.
        let (from, to) = if hear == Hear::AtOnce {
            (at, at + 241)
        } else {
            (at - 241, at)
        };
        same(&heard[FADE_FRAMES..from], &a.0[FADE_FRAMES..from]);
        same(&heard[to..200_000], &b.0[to..200_000]);
        rig.control.poll();
        assert_eq!(rig.settle().slots[0].clip, Some(new.id), "{hear:?}");
    }
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
    // On the next beat.
    assert_eq!(rig.settle().slots[0].clip, Some(other.id));
    rig.play(24_000, &[64]);
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
    rig.settings.hear = Hear::NextBeat;
    let ready = |rig: &Rig, frames| rig.player.ready_for(&rig.transport, &rig.settings, frames);
    let first = 25 * 1024;
    rig.control
        .push(clip.id, &left[..first], &right[..first])
        .unwrap();
    assert!(!ready(&rig, 512), "not received yet");
    rig.player.receive();
    assert!(ready(&rig, 512));
    assert!(!ready(&rig, 24_000));
    // Rendered so, block by block, nothing is missing.
    let (mut output, mut sent) = (Vec::new(), first);
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

/// A cut of one beat and a piece of one, while the clip grows: every beat from its own place.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_part_of_a_growing_clip_keeps_its_place() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let (left, right) = noise(96_000, 1);
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.settings.hear = Hear::AtOnce;
    rig.control.configure(
        0,
        SlotSettings {
            start_beats: 0.5,
            end_beats: Some(2.0),
            ..SlotSettings::default()
        },
    );
    rig.control.begin(0, clip).unwrap();
    rig.control
        .push(clip.id, &left[..72_000], &right[..72_000])
        .unwrap();
    let (heard, _) = rig.play(72_000, &[512]);
    same(&heard[FADE_FRAMES..35_700], &left[12_400..47_700]);
    same(&heard[36_000..71_700], &left[12_000..47_700]);
    assert_eq!(rig.control.poll().holes, 0);
}

/// Backwards, a short loop of a clip that ended early begins near the hole in every round: it is as soft
/// there as a fade away from it, also where it comes from the round before.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_loop_that_begins_near_a_hole_goes_round_without_a_step() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let level = vec![0.5; 600];
    let mut rig = Rig::new(48_000.0, 120.0);
    let settings = SlotSettings {
        end_beats: Some(0.02),
        reverse: true,
        ..SlotSettings::default()
    };
    rig.control.configure(0, settings);
    rig.control.begin(0, clip).unwrap();
    rig.control.push(clip.id, &level, &level).unwrap();
    rig.control.finish(clip.id).unwrap();
    let (heard, _) = rig.play(5_000, &[64]);
    let heard = &heard[FADE_FRAMES..];
    assert!(heard.iter().any(|x| *x > 0.2), "nothing was heard");
    let step = largest_step(heard);
    assert!(step < 0.5 * 1.6 / 240.0, "{step}");
}

/// Its start is moved to where nothing is yet, while it is heard: it waits for that, and runs into no hole.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_part_that_moves_beyond_what_is_ready_waits() {
    let clip = info(1, 4.0, 120.0, 48_000.0);
    let (left, right) = noise(96_000, 1);
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.settings.hear = Hear::AtOnce;
    rig.control.begin(0, clip).unwrap();
    rig.control
        .push(clip.id, &left[..30_000], &right[..30_000])
        .unwrap();
    let (heard, _) = rig.play(10_000, &[64]);
    same(&heard[FADE_FRAMES..], &left[FADE_FRAMES..10_000]);
    let settings = SlotSettings {
        start_beats: 2.0,
        ..SlotSettings::default()
    };
    rig.control.configure(0, settings);
    let (heard, _) = rig.play(4_000, &[64]);
    assert!(heard[FADE_FRAMES..].iter().all(|x| *x == 0.0));
    assert_eq!(rig.control.poll().holes, 0);
    rig.control
        .push(clip.id, &left[30_000..90_000], &right[30_000..90_000])
        .unwrap();
    let (heard, _) = rig.play(5_000, &[64]);
    same(&heard[FADE_FRAMES..], &left[62_000 + FADE_FRAMES..67_000]);
    assert_eq!(rig.control.poll().holes, 0);
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
    for frames in (1..20).step_by(if cfg!(miri) { 18 } else { 1 }) {
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
        let (got, _) = rig.play(if cfg!(miri) { 480 } else { 1000 }, &[64]);
        assert!(
            got[FADE_FRAMES..].iter().all(|x| (x - 0.5).abs() < 1e-5),
            "{frames}"
        );
    }
}
