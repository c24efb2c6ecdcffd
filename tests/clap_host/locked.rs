//! The clip on the host's beats, to the sample.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;

use super::alone::alone;
use super::host::Bundle;
use super::reference::Order;
use super::song::{Recording, Song};
use super::{FADED_FRAMES, HOUSE, RATE_HZ, play_faded, play_until_finished, with_clip};

/// Silent before there is a clip, never more than the clip while it grows, then the clip.
fn silent_then_locked(order: &Order, folder: &Path) -> Result<()> {
    let reference = order.reference(folder, RATE_HZ as u32)?;
    let bundle = Bundle::load()?;
    let mut host = bundle.host()?;
    host.activate(RATE_HZ)?;
    let mut song = Song::at(order.tempo_bpm, 0.0);
    let before = host.play(&mut song, RATE_HZ as usize / 2)?;
    ensure!(before.silent(), "there is sound before there is a clip");

    host.load(&order.project(), &order.params())?;
    let growing = play_until_finished(&mut host, &mut song)?;
    let raw = order.raw(folder, RATE_HZ as u32)?;
    reference.check_growing("while it grows", &raw, &growing)?;
    let clip_seconds = order.beats() * 60.0 / order.tempo_bpm;
    let heard = play_faded(&mut host, &mut song, 2.3 * clip_seconds)?;
    reference.check_locked("two rounds and a third", &heard)
}

#[test]
fn locked_to_the_beat_at_120_bpm() -> Result<()> {
    alone(
        "clap_host::locked::locked_to_the_beat_at_120_bpm",
        &[|folder| silent_then_locked(&HOUSE, folder)],
    )
}

#[test]
fn locked_to_the_beat_at_97_5_bpm() -> Result<()> {
    alone(
        "clap_host::locked::locked_to_the_beat_at_97_5_bpm",
        &[|folder| {
            let order = Order {
                prompt: "dusty lo-fi drums",
                seed: 11,
                tempo_bpm: 97.5,
                ..HOUSE
            };
            silent_then_locked(&order, folder)
        }],
    )
}

#[test]
fn locked_after_jumps_and_tempo_changes() -> Result<()> {
    alone(
        "clap_host::locked::locked_after_jumps_and_tempo_changes",
        &[jumps_and_tempo_changes],
    )
}

fn jumps_and_tempo_changes(folder: &Path) -> Result<()> {
    let reference = HOUSE.reference(folder, RATE_HZ as u32)?;
    let bundle = Bundle::load()?;
    let (mut host, _) = with_clip(&bundle, &HOUSE, RATE_HZ)?;
    let project = host.project()?;
    host.load(
        &project,
        &json!({ "tempo_follow": { "string": "repitch" } }),
    )?;
    // Forwards, back, before the start of the song, far on, and off the grid of frames.
    for beats in [2.25, 0.5, -3.75, 4_001.0, 1.000_3] {
        let mut song = Song::at(120.0, beats);
        let heard = play_faded(&mut host, &mut song, 0.7)?;
        reference.check_locked(&format!("after a jump to beat {beats}"), &heard)?;
    }
    // A host's loop of a beat and a half.
    let mut looped = Recording::default();
    for _ in 0..4 {
        let mut song = Song::at(120.0, 1.25);
        looped = host.play(&mut song, 36_000)?;
    }
    reference.check_locked("in a host's loop", &looped.after(FADED_FRAMES))?;
    // Another tempo without a stop, and back.
    let mut song = Song::at(120.0, 0.0);
    host.play(&mut song, 20_011)?;
    for tempo_bpm in [93.3, 151.0] {
        song.change_tempo(tempo_bpm, RATE_HZ);
        let heard = play_faded(&mut host, &mut song, 0.4)?;
        reference.check_repitched(&format!("at {tempo_bpm} BPM"), &heard)?;
    }
    song.change_tempo(120.0, RATE_HZ);
    // Half a frame at most is made good without a click, the slower the shorter the blocks.
    host.play(&mut song, 4_800)?;
    let heard = play_faded(&mut host, &mut song, 0.7)?;
    reference.check_locked("back at its own tempo", &heard)?;
    // A stop fades out and is then silence.
    let mut stopped = Song::stopped(120.0, song.beats(RATE_HZ));
    let silence = play_faded(&mut host, &mut stopped, 0.2)?;
    ensure!(
        silence.silent(),
        "there is sound while the transport stands"
    );
    song.playing = true;
    let heard = play_faded(&mut host, &mut song, 0.3)?;
    reference.check_locked("after a stop", &heard)
}

#[test]
fn another_rate_is_still_locked() -> Result<()> {
    alone(
        "clap_host::locked::another_rate_is_still_locked",
        &[|folder| {
            let reference = HOUSE.reference(folder, 44_100)?;
            let bundle = Bundle::load()?;
            let (mut host, _) = with_clip(&bundle, &HOUSE, RATE_HZ)?;
            host.deactivate();
            host.activate(44_100.0)?;
            let mut song = Song::at(HOUSE.tempo_bpm, 0.0);
            // The session hands the clip over anew.
            for _ in 0..100 {
                host.play(&mut song, 441)?;
                std::thread::sleep(Duration::from_millis(5));
            }
            let heard = play_faded(&mut host, &mut song, 2.5)?;
            reference.check_locked("at 44.1 kHz", &heard)
        }],
    )
}

#[test]
fn an_offline_render_waits_for_its_audio() -> Result<()> {
    alone(
        "clap_host::locked::an_offline_render_waits_for_its_audio",
        &[|folder| {
            let reference = HOUSE.reference(folder, RATE_HZ as u32)?;
            let bundle = Bundle::load()?;
            let mut host = bundle.host()?;
            host.render_offline(true)?;
            host.activate(RATE_HZ)?;
            host.load(&HOUSE.project(), &HOUSE.params())?;
            // No pause at all: the first block asks for what is not made yet.
            let heard = host.play(&mut Song::at(HOUSE.tempo_bpm, 0.0), 3 * 48_000)?;
            reference.check_growing("the start", &reference, &heard)?;
            reference.check_locked("the bounce", &heard.after(FADED_FRAMES))?;
            // In real time nothing waits.
            host.deactivate();
            host.render_offline(false)?;
            host.activate(RATE_HZ)?;
            let order = Order { seed: 99, ..HOUSE };
            host.load(&order.project(), &order.params())?;
            let begin = Instant::now();
            host.play(&mut Song::at(order.tempo_bpm, 0.0), 4_800)?;
            let waited = begin.elapsed();
            ensure!(
                waited < Duration::from_secs(1),
                "it waited {waited:?} in real time"
            );
            Ok(())
        }],
    )
}
