//! The base slot and layers on the host's lines; bars that change; a day of playing; tempo that follows.

use barline_player::{ClipInfo, Quantise};

use crate::rig::{Rig, info, noise, same};

const RATE_HZ: f64 = 48_000.0;
/// A crossfade's.
const FADE_FRAMES: usize = 240;

/// Two slots that differ in level.
fn rig() -> Rig {
    let mut rig = Rig::new(RATE_HZ, 120.0);
    rig.load_level(0, 4.0, 120.0, 0.75);
    rig.load_level(1, 4.0, 120.0, 0.25);
    rig
}

/// The frame from which on the second slot alone is heard.
fn switched(left: &[f32]) -> usize {
    left.iter().rposition(|x| *x != 0.25).map_or(0, |i| i + 1)
}

/// By the base slot (a parameter that hosts automate) and by layers.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn launches_wait_for_their_line() {
    for (quantise, line) in [
        (Quantise::Off, 5000 + FADE_FRAMES),
        (Quantise::Beat, 24_000),
        (Quantise::Bar, 96_000),
        (Quantise::TwoBars, 192_000),
        (Quantise::FourBars, 384_000),
    ] {
        for blocks in [&[64][..], &[8192, 1000]] {
            let mut rig = rig();
            rig.settings.quantise = quantise;
            rig.play(5000, &[64]);
            rig.settings.slot = Some(1);
            let (left, _) = rig.play(line + 1000 - 5000, blocks);
            let at = 5000 + switched(&left);
            assert!(at.abs_diff(line) <= 1, "{quantise:?}: {at} for {line}");
            let before = &left[..line - FADE_FRAMES - 5001.min(line - FADE_FRAMES)];
            assert!(before.iter().all(|x| *x == 0.75), "{quantise:?}");
            rig.control.layer(0, true);
            let from = rig.host_frame as usize;
            let line = match quantise {
                Quantise::Off => from,
                _ => from.div_ceil(line) * line,
            };
            let (left, _) = rig.play(line - from + 1000, blocks);
            let start = left.iter().position(|x| *x != 0.25).unwrap();
            assert!(start.abs_diff(line - from) <= 1, "{quantise:?}: {start}");
        }
    }
}

/// The host changes its time signature: lines are those of the new bars, from where they begin.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn bars_may_change() {
    for (bar_beats, bar_start, line_beats) in [
        (3.0, 0.0, 3.0),
        (3.5, 0.0, 3.5),
        (3.0, -4.0, 2.0),
        (5.0, 1.0, 1.0),
        (3.0, 300.0, 3.0),
    ] {
        let mut rig = rig();
        rig.settings.quantise = Quantise::Bar;
        rig.play(5000, &[64]);
        rig.settings.slot = Some(1);
        rig.play(1000, &[64]);
        rig.transport.beats_per_bar = Some(bar_beats);
        rig.transport.bar_start_beats = Some(bar_start);
        let line = (line_beats * 24_000.0) as usize;
        let (left, _) = rig.play(line - 6000 + 1000, &[512]);
        let at = 6000 + switched(&left);
        assert!(
            at.abs_diff(line) <= 1,
            "{bar_beats} from {bar_start}: {at} for {line}"
        );
    }
}

/// The playhead is put to a day and more after the start, and before it: the frames are those of plain
/// arithmetic, and the same as after an hour of playing towards it.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_day_later_every_frame_is_in_its_place() {
    for (rate_hz, tempo_bpm, beats) in [
        (48_000.0, 120.0, 16.0),
        (44_100.0, 126.0, 8.0),
        (96_000.0, 100.0, 4.0),
        (22_050.0, 90.0, 4.0),
    ] {
        let clip = info(1, beats, tempo_bpm, rate_hz);
        let loop_frames = beats * 60.0 / tempo_bpm * rate_hz;
        assert_eq!(loop_frames.fract(), 0.0);
        let (left, right) = noise(clip.frames as usize, 3);
        let mut rig = Rig::new(rate_hz, tempo_bpm);
        rig.control.load(0, clip, &left, &right).unwrap();
        let day_frames = (24.0 * 3600.0 * rate_hz) as i64;
        for start in [day_frames + 12_345, -2 * day_frames + 7, 3 * day_frames] {
            rig.host_frame = start;
            let (heard, _) = rig.play(4000, &[512, 33]);
            for (i, x) in heard.iter().enumerate().skip(1000) {
                let frame = (start + i as i64).rem_euclid(clip.frames as i64) as usize;
                assert_eq!(*x, left[frame], "{rate_hz} Hz, {start}, frame {i}");
            }
        }
    }
}

/// Scrubbing: wherever the playhead is put, what is heard after the fade is from there.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn scrubbing_lands_where_the_playhead_is() {
    let clip = info(1, 8.0, 120.0, RATE_HZ);
    let (left, right) = noise(clip.frames as usize, 3);
    let mut rig = Rig::new(RATE_HZ, 120.0);
    rig.control.load(0, clip, &left, &right).unwrap();
    let mut random = crate::rig::Random(5);
    for _ in 0..200 {
        // Some small moves, then it rests.
        for _ in 0..random.below(8) {
            rig.host_frame += random.below(3000) as i64 - 1500;
            rig.play(64, &[64]);
        }
        rig.host_frame = random.below(1_000_000) as i64 - 500_000;
        let start = rig.host_frame;
        let (heard, _) = rig.play(400, &[64]);
        for (i, x) in heard.iter().enumerate().skip(FADE_FRAMES + 1) {
            let frame = (start + i as i64).rem_euclid(clip.frames as i64) as usize;
            assert_eq!(*x, left[frame], "from {start}, frame {i}");
        }
    }
}

/// A clip with an impulse on every beat, and by how much of a frame each of them is late.
fn clicks(facts: ClipInfo) -> (Vec<f32>, Vec<f64>) {
    let mut samples = vec![0.0; facts.frames as usize];
    let late = (0..facts.beats as usize).map(|beat| {
        let place = beat as f64 * facts.frames as f64 / facts.beats;
        samples[place.round() as usize] = 0.9;
        place.round() - place
    });
    let late = late.collect();
    (samples, late)
}

/// The host's tempo changes: repitched at once, and from the next beat on the clip that was brought to
/// the tempo, its beats within a frame of the host's for a hundred bars: half a frame because frames are
/// whole, and up to a quarter because the clip's length is.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn after_the_swap_beats_are_within_a_frame_of_the_grid() {
    for tempo_bpm in [97.5, 133.7, 171.3] {
        let own = info(1, 16.0, 120.0, RATE_HZ);
        let there = info(2, 16.0, tempo_bpm, RATE_HZ);
        let ((before, _), (after, late)) = (clicks(own), clicks(there));
        let mut rig = Rig::new(RATE_HZ, tempo_bpm);
        rig.control.load(0, own, &before, &before).unwrap();
        let mut heard = rig.play(10_000, &[256]).0;
        rig.control.swap(0, there, &after, &after).unwrap();
        let beat_frames = 60.0 / tempo_bpm * RATE_HZ;
        let frames = (beat_frames * 401.0) as usize;
        heard.extend(rig.play(frames - 10_000, &[256, 100, 1024]).0);
        for beat in 1..400 {
            let want = beat as f64 * beat_frames;
            let near = want as usize - 20..want as usize + 20;
            let at = near.clone().find(|&i| heard[i] == 0.9);
            let off = at.map(|at| at as f64 - want - late[beat % 16]);
            assert!(
                off.is_some_and(|off| off.abs() <= 0.8125),
                "{tempo_bpm} BPM, beat {beat}: {off:?}"
            );
        }
    }
}

/// One slot follows the host while the other is already at its tempo: both stay bit by bit.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_switch_on_the_bar_begins_with_the_bar() {
    let clips = [info(1, 4.0, 120.0, RATE_HZ), info(2, 8.0, 120.0, RATE_HZ)];
    let samples = clips.map(|clip| noise(clip.frames as usize, clip.id.0));
    let mut rig = Rig::new(RATE_HZ, 120.0);
    for (slot, (clip, (left, right))) in clips.iter().zip(&samples).enumerate() {
        rig.control.load(slot, *clip, left, right).unwrap();
    }
    rig.settings.quantise = Quantise::Bar;
    rig.play(50_000, &[512]);
    rig.settings.slot = Some(1);
    let (left, _) = rig.play(100_000, &[512]);
    same(&left[..45_750], &samples[0].0[50_000..95_750]);
    // The song is at its second bar: so is the clip of two bars.
    same(&left[46_001..100_000], &samples[1].0[96_001..150_000]);
}
