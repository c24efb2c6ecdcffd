//! What a block costs the audio thread: `cargo bench -p barline-player`.
//!
//! Blocks of 64 frames at 48 kHz, of which a core has 1,333 µs: 13.3 µs are 1 % of it. At unity samples
//! are copied, repitched they are interpolated. A
//! clip of 16 beats, 3 MB: eight of them are longer than the caches near the core.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark runs off the audio thread, and its crate has a table of it"
)]

use barline_player::{
    ClipId, ClipInfo, Control, Outputs, Player, SLOTS, Settings, SlotSettings, Transport, handoff,
};
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

const RATE_HZ: f64 = 48_000.0;
const FRAMES: usize = 64;

/// A player with clips of 120 BPM in its first slots, all of which sound.
fn player(slots: usize, settings: SlotSettings) -> (Control, Player) {
    let (mut control, mut player) = handoff();
    player.reset(RATE_HZ);
    let frames = 16 * 24_000;
    let samples: Vec<f32> = (0..frames).map(|i| (i as f32 * 0.37).sin()).collect();
    for slot in 0..slots {
        let clip = ClipInfo {
            id: ClipId(slot as u64 + 1),
            frames: frames as u64,
            beats: 16.0,
            tempo_bpm: 120.0,
            beats_per_bar: 4.0,
        };
        let loaded = control.load(slot, clip, &samples, &samples);
        loaded.expect("a clip with sound facts");
        control.configure(slot, settings);
        control.layer(slot, true);
    }
    (control, player)
}

fn blocks(bencher: Bencher<'_, '_>, slots: usize, tempo_bpm: f64, settings: SlotSettings) {
    let (mut control, mut player) = player(slots, settings);
    let (mut left, mut right) = ([0.0_f32; FRAMES], [0.0_f32; FRAMES]);
    let mut at = 0_u64;
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let transport = Transport {
            playing: true,
            tempo_bpm,
            beats: Some(at as f64 * tempo_bpm / (60.0 * RATE_HZ)),
            song_frame: None,
            beats_per_bar: Some(4.0),
            bar_start_beats: Some(0.0),
        };
        let outputs = Outputs::stereo(&mut left, &mut right);
        player.process(&transport, &Settings::default(), outputs);
        at += FRAMES as u64;
        left[0]
    });
    assert!(left.iter().any(|x| *x != 0.0), "nothing was heard");
    control.poll();
}

#[divan::bench(args = [1, SLOTS], min_time = 0.5)]
fn unity(bencher: Bencher<'_, '_>, slots: usize) {
    blocks(bencher, slots, 120.0, SlotSettings::default());
}

#[divan::bench(args = [1, SLOTS], min_time = 0.5)]
fn repitched(bencher: Bencher<'_, '_>, slots: usize) {
    blocks(bencher, slots, 97.5, SlotSettings::default());
}

/// At 97.5 BPM sixteen phases come round and round; here all of them do.
#[divan::bench(args = [1, SLOTS], min_time = 0.5)]
fn repitched_by_an_odd_ratio(bencher: Bencher<'_, '_>, slots: usize) {
    blocks(bencher, slots, 97.317, SlotSettings::default());
}

#[divan::bench(args = [1, SLOTS], min_time = 0.5)]
fn repitched_an_octave_up(bencher: Bencher<'_, '_>, slots: usize) {
    blocks(bencher, slots, 240.0, SlotSettings::default());
}

#[divan::bench(args = [1, SLOTS], min_time = 0.5)]
fn repitched_cut_reversed_and_panned(bencher: Bencher<'_, '_>, slots: usize) {
    let settings = SlotSettings {
        gain: 0.7,
        pan: 0.3,
        start_beats: 0.5,
        end_beats: Some(9.0),
        reverse: true,
        ..SlotSettings::default()
    };
    blocks(bencher, slots, 97.5, settings);
}
