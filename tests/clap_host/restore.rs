//! States: the clip comes back, damage is refused.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::alone::alone;
use super::host::Bundle;
use super::song::Song;
use super::{HOUSE, RATE_HZ, play_faded, with_clip};

#[test]
fn a_state_brings_the_clip_back_without_the_model() -> Result<()> {
    alone(
        "clap_host::restore::a_state_brings_the_clip_back_without_the_model",
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
        super::lifetime::threads("barline-engine")? == 0,
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
        "clap_host::restore::damaged_states_are_refused_and_harmless",
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
