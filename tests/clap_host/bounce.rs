//! A bounce is what was heard: the same song, played and rendered offline, sample by sample.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;

use super::alone::alone;
use super::clips::{HUM_BPM, hums};
use super::host::{Bundle, Host};
use super::notes::{Event, block, wait_for_hum};
use super::song::{Blocks, Recording, Song};
use super::{RATE_HZ, song};

#[test]
fn offline_and_live_are_the_same() -> Result<()> {
    alone(
        "clap_host::bounce::offline_and_live_are_the_same",
        &[compare],
    )
}

/// A base slot, a layer that is panned, a one-shot, a toggle, notes, and a switch on a bar line.
fn start(bundle: &Bundle, offline: bool, separate: bool) -> Result<Host> {
    let settings = [
        (1, json!({ "layered": true, "pan": -0.5, "gain_db": -6.0 })),
        (2, json!({ "one_shot": true, "fade_in_beats": 0.5 })),
        (3, json!({ "note": "Toggle", "reverse": true })),
        (
            4,
            json!({ "start_beats": 1.0, "end_beats": 3.0, "fade_out_beats": 0.5 }),
        ),
    ];
    let state = hums(&[0, 1, 2, 3, 4, 7], &settings)?;
    let mut host = bundle.host()?;
    host.render_offline(offline)?;
    host.activate(RATE_HZ)?;
    let params = json!({ "separate": { "bool": separate } });
    host.load(&state, &params)?;
    wait_for_hum(&mut host, 7)?;
    // What the waiting left behind is gone after this.
    host.deactivate();
    host.activate(RATE_HZ)?;
    Ok(host)
}

/// The same events on the same frames, in whatever blocks.
fn perform(host: &mut Host, blocks: &mut Blocks) -> Result<Recording> {
    let script: [(usize, &[(u32, Event)]); 9] = [
        (0, &[(0, Event::On(2, 0.5))]),
        (30_011, &[(5, Event::On(3, 0.8)), (40, Event::On(4, 1.0))]),
        (50_000, &[(0, Event::Off(3)), (63, Event::Off(2))]),
        (70_000, &[(0, Event::Param("Slot", 8.0))]),
        (120_001, &[(17, Event::Off(4))]),
        (140_000, &[(0, Event::On(3, 1.0))]),
        (141_000, &[(0, Event::Off(3))]),
        (160_000, &[(0, Event::Param("Slot", 0.0))]),
        (230_000, &[]),
    ];
    host.blocks = blocks.clone();
    let mut song = Song::at(HUM_BPM, 1.5);
    let mut heard = Recording::default();
    for (at, events) in script {
        if at > heard.left.len() {
            let frames = at - heard.left.len();
            heard.append(host.play(&mut song, frames)?);
        }
        heard.append(block(host, &mut song, 64, events)?);
    }
    *blocks = host.blocks.clone();
    Ok(heard)
}

fn compare(_: &Path) -> Result<()> {
    let bundle = Bundle::load()?;
    for separate in [false, true] {
        let mut blocks = Blocks::odd();
        let live = perform(&mut start(&bundle, false, separate)?, &mut blocks.clone())?;
        let bounce = perform(&mut start(&bundle, true, separate)?, &mut blocks)?;
        same(&format!("separate {separate}"), &live, &bounce, 0.0)?;
        // The blocks are other ones from here on.
        let other = perform(&mut start(&bundle, true, separate)?, &mut blocks)?;
        same("in other blocks", &live, &other, 1e-5)?;
        let sounds = if separate {
            live.slot(7)
        } else {
            live.part(0..live.left.len())
        };
        ensure!(!sounds.silent(), "there is nothing to compare");
    }
    Ok(())
}

/// Every output, every sample.
fn same(what: &str, one: &Recording, other: &Recording, tolerance: f32) -> Result<()> {
    let outputs = |recording: &Recording| {
        let slots = (0..song::SLOTS).map(|slot| recording.slot(slot));
        let all: Vec<Recording> = std::iter::once(recording.clone()).chain(slots).collect();
        all
    };
    for (index, (one, other)) in outputs(one).iter().zip(&outputs(other)).enumerate() {
        for (one, other) in [(&one.left, &other.left), (&one.right, &other.right)] {
            ensure!(one.len() == other.len(), "{what}: lengths differ");
            let differs = one
                .iter()
                .zip(other)
                .position(|(a, b)| (a - b).abs() > tolerance || a.is_nan() || b.is_nan());
            ensure!(
                differs.is_none(),
                "{what}, output {index}: they differ from frame {differs:?} on"
            );
        }
    }
    Ok(())
}
