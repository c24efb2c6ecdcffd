//! What hosts say, and what they ought not to.

use barline_player::{ClipInfo, MAX_GAIN, Outputs};

use crate::rig::{Rig, Stereo, info, largest_difference, noise, same};

const FADE_FRAMES: usize = 400;

fn rig() -> (Rig, Stereo) {
    let clip = info(1, if cfg!(miri) { 0.1 } else { 1.0 }, 120.0, 48_000.0);
    let samples = noise(clip.frames as usize, 5);
    let mut rig = Rig::new(48_000.0, 120.0);
    rig.control.load(0, clip, &samples.0, &samples.1).unwrap();
    (rig, samples)
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn stopped_is_silent_unless_auditioned() {
    let (mut rig, samples) = rig();
    rig.transport.playing = false;
    assert!(rig.play(1000, &[64]).0.iter().all(|x| *x == 0.0));
    rig.control.audition(true);
    // From the clip's start, wherever the host stands.
    rig.host_frame = 7777;
    let (got, _) = rig.play(30_000, &[64]);
    same(&got[FADE_FRAMES..24_000], &samples.0[FADE_FRAMES..]);
    same(&got[24_000..], &samples.0[..6000]);
    // The transport starts: on the host's beat from there on.
    rig.transport.playing = true;
    rig.host_frame = 1000;
    let (got, _) = rig.play(2000, &[64]);
    same(&got[FADE_FRAMES..], &samples.0[1000 + FADE_FRAMES..3000]);
    rig.control.audition(false);
    rig.transport.playing = false;
    rig.settle();
    assert!(rig.play(1000, &[64]).0.iter().all(|x| *x == 0.0));
    assert_eq!(rig.control.poll().slots[0].playhead, None);
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn a_swap_in_an_audition_goes_on_at_the_same_beat() {
    let (mut rig, _) = rig();
    rig.transport.playing = false;
    rig.control.audition(true);
    rig.play(6000, &[64]);
    // A quarter of a beat has gone by; the new clip has another tempo.
    let clip = info(2, 1.0, 90.0, 48_000.0);
    let samples = noise(clip.frames as usize, 6);
    rig.control.load(0, clip, &samples.0, &samples.1).unwrap();
    let (got, _) = rig.play(2000, &[64]);
    same(&got[FADE_FRAMES..], &samples.0[8000 + FADE_FRAMES..10_000]);
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn without_beats_or_sync_its_own_clock_runs() {
    for case in 0..8 {
        let (mut rig, samples) = rig();
        match case {
            0 => rig.transport.beats = None,
            1 => rig.settings.sync = false,
            2 => rig.transport.tempo_bpm = 0.0,
            3 => rig.transport.tempo_bpm = f64::NAN,
            4 => rig.transport.tempo_bpm = f64::INFINITY,
            5 => rig.transport.tempo_bpm = -120.0,
            6 => (rig.transport.tempo_bpm, rig.settings.sync) = (77.0, false),
            _ => (rig.transport.beats, rig.transport.tempo_bpm) = (None, f64::NAN),
        }
        let (got, _) = rig.play(50_000, &[64, 1, 500]);
        for (i, x) in got.iter().enumerate().skip(FADE_FRAMES) {
            assert_eq!(*x, samples.0[i % 24_000], "case {case}, frame {i}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn beats_that_are_no_numbers_are_no_beats() {
    let (mut rig, samples) = rig();
    let mut at = 0;
    for beats in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300]
        .iter()
        .cycle()
        .take(100)
    {
        let mut got = ([0.0; 64], [0.0; 64]);
        rig.transport.beats = Some(*beats);
        rig.player.process(
            &rig.transport,
            &rig.settings,
            barline_player::Outputs::stereo(&mut got.0, &mut got.1),
        );
        if at >= FADE_FRAMES {
            same(&got.0, &samples.0[at..at + 64]);
        }
        at += 64;
    }
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn sync_off_in_mid_play_goes_on_where_it_is() {
    let (mut rig, samples) = rig();
    rig.play(5000, &[64]);
    rig.settings.sync = false;
    same(&rig.play(2000, &[64]).0, &samples.0[5000..7000]);
    rig.settings.sync = true;
    same(&rig.play(2000, &[64]).0, &samples.0[7000..9000]);
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn bad_samples_and_gains_make_no_bad_output() {
    let clip = info(1, 1.0, 120.0, 48_000.0);
    let mut samples = noise(clip.frames as usize, 5);
    for (i, bad) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX]
        .iter()
        .enumerate()
    {
        samples.0[1000 + i * 700] = *bad;
    }
    for tempo_bpm in [120.0, 133.7] {
        let mut rig = Rig::new(48_000.0, tempo_bpm);
        rig.control.load(0, clip, &samples.0, &samples.1).unwrap();
        for gain in [1.0, f32::NAN, f32::INFINITY, -1.0, MAX_GAIN] {
            rig.settings.gain = gain;
            let (left, right) = rig.play(30_000, &[512]);
            assert!(
                left.iter().chain(&right).all(|x| x.is_finite()),
                "{tempo_bpm} {gain}"
            );
        }
    }
}

/// One bad sample is one silent sample, not a hole as wide as the interpolation reaches.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn bad_samples_do_not_spread() {
    let clip = info(1, 1.0, 120.0, 48_000.0);
    let mut samples = noise(clip.frames as usize, 5);
    let mut outputs = Vec::new();
    for value in [f32::NAN, 0.0] {
        samples.0[1000] = value;
        let mut rig = Rig::new(48_000.0, 133.7);
        rig.control.load(0, clip, &samples.0, &samples.1).unwrap();
        outputs.push(rig.play(2000, &[512]));
    }
    same(&outputs[0].0, &outputs[1].0);
}

#[test]
fn empty_and_uneven_buffers() {
    let (mut rig, samples) = rig();
    rig.play(1000, &[64]);
    rig.transport.beats = Some(rig.beats());
    rig.player.process(
        &rig.transport,
        &rig.settings,
        barline_player::Outputs::stereo(&mut [], &mut []),
    );
    let (mut left, mut right) = ([1.0; 10], [1.0; 14]);
    rig.player.process(
        &rig.transport,
        &rig.settings,
        barline_player::Outputs::stereo(&mut left, &mut right),
    );
    same(&left, &samples.0[1000..1010]);
    same(&right[..10], &samples.1[1000..1010]);
    assert_eq!(right[10..], [0.0; 4]);
}

#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn reports_come_at_a_bounded_rate_with_peaks_and_the_playhead() {
    let (mut rig, samples) = rig();
    assert!(!rig.control.poll().fresh);
    rig.play(12_000, &[480]);
    let status = rig.control.poll();
    assert!(status.fresh && status.slots[0].playhead.is_some());
    let playhead = status.slots[0].playhead.unwrap();
    assert_eq!((playhead.frame, playhead.beats), (12_000.0, 0.5));
    let peak = samples.0[FADE_FRAMES..12_000]
        .iter()
        .fold(0.0_f32, |p, x| p.max(x.abs()));
    assert!((status.peaks[0] - peak).abs() < 0.02);
    // Without polling reports are dropped; the peaks of the time are not.
    for _ in 0..10 {
        rig.settings.gain = 4.0;
        rig.play(24_000, &[480]);
        rig.settings.gain = 0.0;
        rig.play(24_000, &[480]);
    }
    assert!(rig.control.poll().peaks[0] > 1.5);
    // What found no room comes with the next report.
    assert!(rig.settle().peaks[0] > 1.5);
    assert_eq!(rig.settle().peaks[0], 0.0);
}

/// Every rate and block size that hosts use.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn rates_and_block_sizes() {
    for rate_hz in [22_050.0, 44_100.0, 48_000.0, 88_200.0, 96_000.0, 192_000.0] {
        let clip = info(1, 0.5, 150.0, rate_hz);
        let samples = noise(clip.frames as usize, 5);
        for block in [1, 2, 63, 64, 1024, 8192, 20_000] {
            let mut rig = Rig::new(rate_hz, 150.0);
            rig.control.load(0, clip, &samples.0, &samples.1).unwrap();
            let (got, _) = rig.play(5000, &[block]);
            let from = rate_hz as usize / 500;
            same(&got[from..4000], &samples.0[from..4000]);
        }
    }
}

/// A song from its start on, out of a host that gives its places in whole 1920ths of a beat, as Ardour does, and
/// that begins so many frames before it.
fn exported(
    clip: ClipInfo,
    samples: &Stereo,
    tempo_bpm: f64,
    lead_in: usize,
    block: usize,
) -> Stereo {
    let mut rig = Rig::new(48_000.0, tempo_bpm);
    rig.control.load(0, clip, &samples.0, &samples.1).unwrap();
    rig.host_frame = -(lead_in as i64);
    let mut song = (Vec::new(), Vec::new());
    while song.0.len() < lead_in + 3 * clip.frames as usize {
        let mut got = (vec![0.0; block], vec![0.0; block]);
        rig.transport.beats = Some((rig.beats() * 1920.0).round() / 1920.0);
        rig.transport.song_frame = Some(rig.host_frame);
        let outputs = Outputs::stereo(&mut got.0, &mut got.1);
        rig.player.process(&rig.transport, &rig.settings, outputs);
        rig.host_frame += block as i64;
        song.0.extend(got.0);
        song.1.extend(got.1);
    }
    let part = |side: &[f32]| side[lead_in..lead_in + 2 * clip.frames as usize].to_vec();
    (part(&song.0), part(&song.1))
}

/// Two exports are the same, wherever the host began before the song.
#[test]
#[cfg_attr(miri, ignore = "too much arithmetic")]
fn exports_of_a_host_that_rounds_its_places_are_the_same() {
    for tempo_bpm in [97.5, 123.4, 133.7] {
        let clip = info(1, 4.0, tempo_bpm, 48_000.0);
        let samples = noise(clip.frames as usize, 5);
        let first = exported(clip, &samples, tempo_bpm, 2_048, 1_024);
        same(&first.0[..20_000], &samples.0[..20_000]);
        for (lead_in, block) in [(400, 1_024), (1_777, 1_024), (48_003, 1_024), (5_555, 64)] {
            let other = exported(clip, &samples, tempo_bpm, lead_in, block);
            same(&other.0, &first.0);
            same(&other.1, &first.1);
        }
        // At another tempo than its own its samples are made between the clip's.
        let [one, two] = [2_048, 1_777]
            .map(|lead_in| exported(clip, &samples, tempo_bpm * 0.93, lead_in, 1_024));
        let (off, at) = largest_difference(&one.0, &two.0);
        assert!(off < 1e-5, "{tempo_bpm} BPM: {off} at {at}");
    }
}
