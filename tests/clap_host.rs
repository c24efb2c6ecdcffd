//! The CLAP bundle in a host of ours: locked to the beat, saved and restored, coming and going.
//!
//! Each test runs in a process of its own (see [`alone`]). The clips are the starter model's,
//! one bar long; what they must sound like comes from the command line.

mod alone;
mod host;
mod reference;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clack_host::events::Pckn;
use clack_host::events::event_types::ParamValueEvent;
use serde_json::{Value, json};

use self::alone::alone;
use self::host::{Bundle, Host, MAX_FRAMES, Recording, Song};
use self::reference::{Order, Reference, clip_of};

const RATE_HZ: f64 = 48_000.0;
/// Fades take 5 ms; what is compared begins after twice that.
const FADED_FRAMES: usize = 480;
/// A clip of one bar that is not there after this long will not come.
const LONGEST: Duration = Duration::from_secs(120);

const HOUSE: Order = Order {
    prompt: "house drums",
    seed: 7,
    bars: 1,
    tempo_bpm: 120.0,
};

/// Plays until the instance has a finished clip, and records it all.
fn play_until_finished(host: &mut Host, song: &mut Song) -> Result<Recording> {
    let begin = Instant::now();
    let mut recording = Recording::default();
    loop {
        for _ in 0..20 {
            let frames = host.blocks.next();
            host.block(song, frames, &[], &mut recording)?;
            std::thread::sleep(Duration::from_millis(1));
        }
        let project = host.project()?;
        if project["generate"] == false {
            clip_of(&project)?;
            return Ok(recording);
        }
        ensure!(begin.elapsed() < LONGEST, "no clip after {LONGEST:?}");
    }
}

/// An active instance whose clip is finished, and its song, which plays.
fn with_clip(bundle: &Bundle, order: &Order, rate_hz: f64) -> Result<(Host, Song)> {
    let mut host = bundle.host()?;
    host.activate(rate_hz)?;
    host.load(&order.project(), &order.params())?;
    let mut song = Song::at(order.tempo_bpm, 0.0);
    play_until_finished(&mut host, &mut song)?;
    host.play(&mut song, FADED_FRAMES)?;
    Ok((host, song))
}

/// Plays, and gives what comes after the fades of whatever just changed.
fn play_faded(host: &mut Host, song: &mut Song, seconds: f64) -> Result<Recording> {
    let frames = FADED_FRAMES + (seconds * host.rate_hz()) as usize;
    Ok(host.play(song, frames)?.after(FADED_FRAMES))
}

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
    reference.check_growing("while it grows", &growing)?;
    let clip_seconds = order.beats() * 60.0 / order.tempo_bpm;
    let heard = play_faded(&mut host, &mut song, 2.3 * clip_seconds)?;
    reference.check_locked("two rounds and a third", &heard)
}

#[test]
fn locked_to_the_beat_at_120_bpm() -> Result<()> {
    alone(
        "clap_host::locked_to_the_beat_at_120_bpm",
        &[|folder| silent_then_locked(&HOUSE, folder)],
    )
}

#[test]
fn locked_to_the_beat_at_97_5_bpm() -> Result<()> {
    alone(
        "clap_host::locked_to_the_beat_at_97_5_bpm",
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
        "clap_host::locked_after_jumps_and_tempo_changes",
        &[jumps_and_tempo_changes],
    )
}

fn jumps_and_tempo_changes(folder: &Path) -> Result<()> {
    let reference = HOUSE.reference(folder, RATE_HZ as u32)?;
    let bundle = Bundle::load()?;
    let (mut host, _) = with_clip(&bundle, &HOUSE, RATE_HZ)?;
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
        "clap_host::another_rate_is_still_locked",
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
fn parameters_work_and_have_units() -> Result<()> {
    alone("clap_host::parameters_work_and_have_units", &[parameters])
}

fn parameters(folder: &Path) -> Result<()> {
    let reference = HOUSE.reference(folder, RATE_HZ as u32)?;
    let bundle = Bundle::load()?;
    let (mut host, mut song) = with_clip(&bundle, &HOUSE, RATE_HZ)?;
    let params = host.params()?;
    let param = |name: &str| params.get(name).copied().context(format!("no {name}"));
    let set = |host: &mut Host, song: &mut Song, name: &str, value: f64, at: u32| {
        let event = ParamValueEvent::new(at, param(name)?, Pckn::match_all(), value);
        host.block(song, MAX_FRAMES, &[event], &mut Recording::default())
    };
    let (_, text) = host.param_text(param("Gain")?)?;
    ensure!(text.ends_with("0.0 dB"), "the gain is shown as {text:?}");
    let (value, text) = host.param_text(param("Bars")?)?;
    ensure!(
        value.is_finite() && text == "1 bars",
        "the bars are shown as {text:?}"
    );

    set(&mut host, &mut song, "Play", 0.0, 400)?;
    ensure!(
        play_faded(&mut host, &mut song, 0.2)?.silent(),
        "it plays while Play is off"
    );
    set(&mut host, &mut song, "Play", 1.0, 0)?;
    reference.check_locked("Play on again", &play_faded(&mut host, &mut song, 0.5)?)?;

    // Down by what the parameter itself says it is.
    let gain = param("Gain")?;
    set(&mut host, &mut song, "Gain", 0.5, 1_000)?;
    let (_, text) = host.param_text(gain)?;
    let db: f32 = text.trim_end_matches("dB").trim().parse()?;
    ensure!(
        (-40.0..-1.0).contains(&db),
        "half way of the gain is {text:?}"
    );
    let mut quiet = play_faded(&mut host, &mut song, 0.5)?;
    let factor = 10.0_f32.powf(-db / 20.0);
    for sample in quiet.left.iter_mut().chain(&mut quiet.right) {
        *sample *= factor;
    }
    // The text has one decimal: 0.05 dB are 0.6 %.
    check_scaled(&reference, &quiet, 0.008)?;

    // On its own clock the clip goes on at its own tempo, whatever the host's.
    set(&mut host, &mut song, "Gain", 1.0, 0)?;
    set(&mut host, &mut song, "Sync to host", 0.0, 0)?;
    song.change_tempo(61.0, RATE_HZ);
    let free = play_faded(&mut host, &mut song, 0.5)?;
    ensure!(!free.silent(), "it is silent on its own clock");
    Ok(())
}

/// The recording is the clip at its place but for a factor near one.
fn check_scaled(reference: &Reference, heard: &Recording, tolerance: f32) -> Result<()> {
    let energy: f32 = heard.left.iter().map(|x| x * x).sum();
    ensure!(energy > 1e-3, "nothing is heard");
    let (mut error, mut level) = (0.0_f32, 0.0_f32);
    for (sample, beats) in heard.left.iter().zip(&heard.beats) {
        let at = (beats.rem_euclid(HOUSE.beats()) / HOUSE.beats() * reference.left.len() as f64)
            .round() as usize;
        let clip = reference.left[at % reference.left.len()];
        error = error.max((clip - sample).abs());
        level = level.max(clip.abs());
    }
    ensure!(
        error < tolerance * level,
        "off by {error} at a peak of {level}"
    );
    Ok(())
}

#[test]
fn a_state_brings_the_clip_back_without_the_model() -> Result<()> {
    alone(
        "clap_host::a_state_brings_the_clip_back_without_the_model",
        &[save_a_clip, restore_the_clip],
    )
}

/// Song position from which both processes of the round trip play.
const AGAIN_BEATS: f64 = 0.75;

fn save_a_clip(folder: &Path) -> Result<()> {
    let bundle = Bundle::load()?;
    let (mut host, _) = with_clip(&bundle, &HOUSE, RATE_HZ)?;
    std::fs::write(folder.join("state"), host.save_bytes()?)?;
    let heard = play_faded(&mut host, &mut Song::at(120.0, AGAIN_BEATS), 2.5)?;
    let bytes = heard.left.iter().flat_map(|sample| sample.to_le_bytes());
    std::fs::write(folder.join("heard"), bytes.collect::<Vec<u8>>())?;
    Ok(())
}

fn restore_the_clip(folder: &Path) -> Result<()> {
    let state = std::fs::read(folder.join("state"))?;
    let first: Vec<f32> = std::fs::read(folder.join("heard"))?
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let bundle = Bundle::load()?;
    let mut host = bundle.host()?;
    // Both orders are found in hosts: state before and after activation.
    host.load_bytes(&state)?;
    host.activate(RATE_HZ)?;
    let mut song = Song::at(120.0, 0.0);
    for _ in 0..100 {
        host.play(&mut song, 441)?;
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = play_faded(&mut host, &mut Song::at(120.0, AGAIN_BEATS), 2.5)?;
    ensure!(first.len() == second.left.len(), "lengths differ");
    let worst = first
        .iter()
        .zip(&second.left)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    // The state keeps 24 bits.
    ensure!(worst < 1e-6, "the restored clip differs by {worst}");
    ensure!(!second.silent(), "the restored clip is silent");
    #[cfg(target_os = "linux")]
    ensure!(
        threads("barline-engine")? == 0,
        "the engine ran to restore a clip"
    );

    // Saved again it is the same, and a second instance that is active already takes it too.
    let again = host.save_bytes()?;
    ensure!(
        again == state,
        "the state changed by being loaded and saved"
    );
    let mut other = bundle.host()?;
    other.activate(RATE_HZ)?;
    other.load_bytes(&again)?;
    let mut song = Song::at(120.0, 0.0);
    for _ in 0..100 {
        other.play(&mut song, 441)?;
        std::thread::sleep(Duration::from_millis(5));
    }
    let third = play_faded(&mut other, &mut Song::at(120.0, AGAIN_BEATS), 2.5)?;
    ensure!(
        third.left == second.left,
        "the second instance sounds different"
    );
    Ok(())
}

#[test]
fn damaged_states_are_refused_and_harmless() -> Result<()> {
    alone(
        "clap_host::damaged_states_are_refused_and_harmless",
        &[|_| {
            let bundle = Bundle::load()?;
            let mut host = bundle.host()?;
            host.activate(RATE_HZ)?;
            let good = host.save_bytes()?;
            for bad in [&b""[..], b"\x05", &[0xff; 64], &good[..good.len() / 2]] {
                // Whether the host is told or only the user: nothing may break.
                let _ = host.load_bytes(bad);
                let heard = host.play(&mut Song::at(120.0, 0.0), 4_800)?;
                ensure!(heard.silent(), "a damaged state makes sound");
            }
            for project in [
                json!({ "version": 99, "prompt": "from the future" }),
                json!({ "version": 1, "tempo_bpm": -1.0, "generate": true }),
                json!({ "version": 1, "prompt": 5 }),
                json!({ "version": 1, "prompt": "", "generate": true }),
            ] {
                let _ = host.load(&project, &json!({}));
                host.play(&mut Song::at(120.0, 0.0), 4_800)?;
            }
            host.load(&json!({ "version": 1, "prompt": "still here" }), &json!({}))?;
            ensure!(
                host.project()?["prompt"] == "still here",
                "it takes no state any more"
            );
            Ok(())
        }],
    )
}

#[test]
fn instances_come_and_go_while_generating() -> Result<()> {
    alone(
        "clap_host::instances_come_and_go_while_generating",
        &[|_| {
            let bundle = Bundle::load()?;
            // Half of the time another instance keeps the engine alive.
            let mut keeper = Some(with_clip(&bundle, &HOUSE, RATE_HZ)?);
            let mut most_threads = 0;
            for round in 0..50_u64 {
                if round == 25 {
                    keeper = None;
                }
                let mut host = bundle.host()?;
                host.activate(RATE_HZ)?;
                let order = Order {
                    seed: round,
                    bars: 2,
                    ..HOUSE
                };
                host.while_running(Song::at(120.0, 0.0), |plugin| {
                    plugin.load(&order.project(), &order.params())?;
                    // From before the job begins to well into it.
                    std::thread::sleep(Duration::from_millis(round * 37 % 200));
                    plugin.save_bytes().map(drop)
                })?;
                drop(host);
                most_threads = most_threads.max(all_threads()?);
            }
            drop(keeper);
            // Threads on their way out have time; those that pile up do not go.
            let begin = Instant::now();
            while all_threads()? > 3 && begin.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(50));
            }
            ensure!(all_threads()? <= 3, "{} threads are left", all_threads()?);
            ensure!(
                most_threads < 20,
                "there were {most_threads} threads at once"
            );
            // After all that it still works.
            with_clip(&bundle, &HOUSE, RATE_HZ).map(drop)
        }],
    )
}

#[test]
fn two_instances_share_one_engine() -> Result<()> {
    alone(
        "clap_host::two_instances_share_one_engine",
        &[|folder| {
            let bundle = Bundle::load()?;
            let orders = [HOUSE, Order { seed: 8, ..HOUSE }];
            let mut hosts = Vec::new();
            for order in &orders {
                let mut host = bundle.host()?;
                host.activate(RATE_HZ)?;
                host.load(&order.project(), &order.params())?;
                hosts.push((host, Song::at(order.tempo_bpm, 0.0)));
            }
            for ((host, song), order) in hosts.iter_mut().zip(&orders) {
                play_until_finished(host, song)?;
                #[cfg(target_os = "linux")]
                {
                    ensure!(threads("barline-engine")? == 1, "not one engine");
                    ensure!(threads("barline-session")? == 2, "not one session each");
                }
                let heard = play_faded(host, song, 2.1)?;
                let reference = order.reference(folder, RATE_HZ as u32)?;
                reference.check_locked(&format!("the clip of seed {}", order.seed), &heard)?;
            }
            Ok(())
        }],
    )
}

#[test]
fn an_offline_render_waits_for_its_audio() -> Result<()> {
    alone(
        "clap_host::an_offline_render_waits_for_its_audio",
        &[|folder| {
            let reference = HOUSE.reference(folder, RATE_HZ as u32)?;
            let bundle = Bundle::load()?;
            let mut host = bundle.host()?;
            host.render_offline(true)?;
            host.activate(RATE_HZ)?;
            host.load(&HOUSE.project(), &HOUSE.params())?;
            // No pause at all: the first block asks for what is not made yet.
            let heard = host.play(&mut Song::at(HOUSE.tempo_bpm, 0.0), 3 * 48_000)?;
            reference.check_growing("the start", &heard)?;
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

#[test]
fn the_generate_parameter_makes_a_clip_at_the_hosts_tempo() -> Result<()> {
    alone(
        "clap_host::the_generate_parameter_makes_a_clip_at_the_hosts_tempo",
        &[|folder| {
            let order = Order {
                tempo_bpm: 140.0,
                ..HOUSE
            };
            let bundle = Bundle::load()?;
            let mut host = bundle.host()?;
            host.activate(RATE_HZ)?;
            let mut project: Value = Order {
                tempo_bpm: 90.0,
                ..order
            }
            .project();
            project["generate"] = false.into();
            host.load(&project, &order.params())?;
            let mut song = Song::at(order.tempo_bpm, 0.0);
            host.play(&mut song, 4_800)?;
            let id = host
                .params()?
                .get("Generate")
                .copied()
                .context("no Generate")?;
            for value in [1.0, 0.0] {
                let event = ParamValueEvent::new(5, id, Pckn::match_all(), value);
                host.block(&mut song, 64, &[event], &mut Recording::default())?;
            }
            let begin = Instant::now();
            while host.project()?["clip"].is_null() {
                ensure!(begin.elapsed() < LONGEST, "no clip after {LONGEST:?}");
                host.play(&mut song, 480)?;
                std::thread::sleep(Duration::from_millis(2));
            }
            let heard = play_faded(&mut host, &mut song, 2.0)?;
            let reference = order.reference(folder, RATE_HZ as u32)?;
            reference.check_locked("the clip at the host's tempo", &heard)
        }],
    )
}

/// Threads of this process.
#[cfg(target_os = "linux")]
fn all_threads() -> Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

/// Elsewhere there is no simple count: the test is then of crashes alone.
#[cfg(not(target_os = "linux"))]
fn all_threads() -> Result<usize> {
    Ok(0)
}

/// Threads of this process with that name.
#[cfg(target_os = "linux")]
fn threads(name: &str) -> Result<usize> {
    let mut count = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        // A thread may end while we look.
        let comm = std::fs::read_to_string(task?.path().join("comm")).unwrap_or_default();
        // The kernel keeps fifteen characters.
        count += usize::from(comm.trim_end() == &name[..name.len().min(15)]);
    }
    Ok(count)
}
