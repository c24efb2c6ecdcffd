//! The state of every release in the plugin as it is built now: loaded, heard, saved; and states with
//! damage, which harm nobody.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::alone::alone;
use super::clips::{HUM_BPM, hum, hums};
use super::host::{Bundle, Host};
use super::notes::{Event, block, wait_for_hum};
use super::song::{SLOTS, Song};
use super::{FADED_FRAMES, LONGEST, RATE_HZ, play_faded};

/// The states, as hosts keep them.
fn states() -> Result<Vec<(String, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("states");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    ensure!(paths.len() >= 3, "only {} states", paths.len());
    let read = |path: PathBuf| {
        let json = fs::read(&path)?;
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json);
        Ok((path.display().to_string(), bytes))
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn every_release_is_heard_and_saved_anew() -> Result<()> {
    alone(
        "clap_host::states::every_release_is_heard_and_saved_anew",
        &[|_| {
            let bundle = Bundle::load()?;
            for (name, bytes) in states()? {
                let mut host = bundle.host()?;
                host.activate(RATE_HZ)?;
                host.load_bytes(&bytes)?;
                hear(&mut host).with_context(|| name.clone())?;
                let project = host.project()?;
                ensure!(project["version"] == 3, "{name}: not saved as of now");
                let flac = &project["clips"][0]["flac"];
                ensure!(flac.is_string(), "{name}: saved without its clip");
                // What was saved is loaded by another and is the same then.
                let saved = host.save_bytes()?;
                let mut other = bundle.host()?;
                other.load_bytes(&saved)?;
                ensure!(other.save_bytes()? == saved, "{name}: it changes");
            }
            Ok(())
        }],
    )
}

/// Plays until something is heard, in the main output or a slot's own.
fn hear(host: &mut Host) -> Result<()> {
    let begin = Instant::now();
    let mut song = Song::at(HUM_BPM, 0.0);
    loop {
        let heard = host.play(&mut song, 24_000)?;
        if !heard.silent() || (0..SLOTS).any(|slot| !heard.slot(slot).silent()) {
            return Ok(());
        }
        ensure!(begin.elapsed() < LONGEST, "its clip is not heard");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn eight_slots_come_back_as_they_were() -> Result<()> {
    alone(
        "clap_host::states::eight_slots_come_back_as_they_were",
        &[save_slots, restore_slots],
    )
}

fn save_slots(folder: &Path) -> Result<()> {
    let slots: Vec<usize> = (0..SLOTS).collect();
    let settings = [
        (2, json!({ "gain_db": -12.0, "note": "Toggle" })),
        (5, json!({ "one_shot": true, "semitones": 3 })),
    ];
    let bundle = Bundle::load()?;
    let mut host = bundle.host()?;
    let params = json!({ "slot": { "i32": 4 }, "quantise": { "string": "two_bars" } });
    host.load(&hums(&slots, &settings)?, &params)?;
    host.activate(RATE_HZ)?;
    wait_for_hum(&mut host, SLOTS - 1)?;
    fs::write(folder.join("state"), host.save_bytes()?)?;
    Ok(())
}

fn restore_slots(folder: &Path) -> Result<()> {
    let state = fs::read(folder.join("state"))?;
    let bundle = Bundle::load()?;
    let mut host = bundle.host()?;
    host.activate(RATE_HZ)?;
    host.load_bytes(&state)?;
    wait_for_hum(&mut host, SLOTS - 1)?;
    ensure!(host.save_bytes()? == state, "the state changed");
    let project = host.project()?;
    ensure!(
        project["slots"][2]["gain_db"] == -12.0 && project["slots"][5]["semitones"] == 3,
        "the slots' settings are {}",
        project["slots"]
    );
    // Each by its key; those with settings of their own would sound otherwise.
    let quiet = [(0, Event::Param("Launch", 0.0))];
    let mut song = Song::at(HUM_BPM, 0.0);
    block(&mut host, &mut song, 64, &quiet)?;
    for slot in [0, 1, 3, 6, 7] {
        let mut song = Song::at(HUM_BPM, 1.25);
        let off = [(0, Event::Param("Slot", 0.0)), (0, Event::On(slot, 1.0))];
        let mut heard = block(&mut host, &mut song, 480, &off)?;
        heard.append(host.play(&mut song, 9_600)?);
        let begin = heard.beats[0];
        let after = heard.after(FADED_FRAMES).counted_from(begin);
        hum(slot).check_locked(&format!("slot {slot}"), &after)?;
        block(&mut host, &mut song, 64, &[(0, Event::Off(slot))])?;
        host.play(&mut song, FADED_FRAMES)?;
    }
    Ok(())
}

/// Bytes of real states with damage in them, and lengths that are not theirs.
#[test]
fn damage_anywhere_is_survived() -> Result<()> {
    alone(
        "clap_host::states::damage_anywhere_is_survived",
        &[|_| {
            let bundle = Bundle::load()?;
            let mut host = bundle.host()?;
            host.activate(RATE_HZ)?;
            let mut seed = 1u64;
            let mut next = move |below: usize| {
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (seed >> 33) as usize % below.max(1)
            };
            for (name, bytes) in states()? {
                for round in 0..40 {
                    let mut bad = bytes.clone();
                    for _ in 0..=round % 5 {
                        // Half of the damage where the structure is.
                        let reach = if next(2) == 0 { 600 } else { bad.len() };
                        let at = next(reach.min(bad.len()));
                        bad[at] = next(256) as u8;
                    }
                    if round % 4 == 0 {
                        bad.truncate(next(bytes.len()));
                    }
                    // Whether the host is told or only the user: nothing may break.
                    let _ = host.load_bytes(&bad);
                    let heard = host.play(&mut Song::at(HUM_BPM, 0.0), 512)?;
                    ensure!(
                        heard.left.iter().all(|sample| sample.is_finite()),
                        "{name}, round {round}: not a number"
                    );
                }
            }
            for length in [u64::MAX, 1 << 40, 256 << 20] {
                let mut bad = length.to_le_bytes().to_vec();
                bad.extend(b"{}");
                let _ = host.load_bytes(&bad);
            }
            // Values of parameters beyond their ends.
            let wild = json!({
                "gain": { "f32": 1e30 }, "bars": { "i32": -7 }, "slot": { "i32": 99 },
                "quantise": { "i32": 77 }, "hear": { "string": "never" }, "top_p": { "bool": true },
            });
            host.load(&json!({ "version": 3, "prompt": "wild" }), &wild)?;
            let heard = host.play(&mut Song::at(HUM_BPM, 0.0), 4_800)?;
            ensure!(heard.silent(), "an empty project makes sound");
            let (gain, _) = *host.params()?.get("Gain").context("no Gain")?;
            let (value, text) = host.param_text(gain)?;
            ensure!((0.0..=1.0).contains(&value), "the gain is {value}, {text}");
            // After all that it works.
            let usual = json!({
                "slot": { "i32": 1 }, "play": { "bool": true }, "gain": { "f32": 1.0 },
            });
            host.load(&hums(&[0], &[])?, &usual)?;
            hear(&mut host)?;
            play_faded(&mut host, &mut Song::at(HUM_BPM, 0.0), 0.1).map(drop)
        }],
    )
}
