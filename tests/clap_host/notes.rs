//! Notes and automation launch slots to the frame, and each slot's output carries that slot alone.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clack_host::events::event_types::{NoteOffEvent, NoteOnEvent, ParamValueEvent};
use clack_host::events::{Match, Pckn};
use clack_host::prelude::*;
use serde_json::json;

use super::alone::alone;
use super::clips::{HUM_BEATS, HUM_BPM, hum, hums};
use super::host::{Bundle, Host, MAX_FRAMES};
use super::song::{Recording, SLOTS, Song};
use super::{FADED_FRAMES, LONGEST, RATE_HZ, play_faded};

/// The key of the first slot, C3.
const FIRST_KEY: u16 = 60;
/// A start out of silence takes a millisecond.
const START_FRAMES: usize = 48;

/// An event at a frame of a block.
pub(super) enum Event {
    On(usize, f64),
    Off(usize),
    /// A parameter by its name, to this plain value.
    Param(&'static str, f64),
}

/// One block with these events, each at its frame.
pub(super) fn block(
    host: &mut Host,
    song: &mut Song,
    frames: usize,
    list: &[(u32, Event)],
) -> Result<Recording> {
    let params = host.params()?;
    let mut events = EventBuffer::new();
    for (at, event) in list {
        let pckn = |slot: &usize| Pckn::new(0u16, 0u16, FIRST_KEY + *slot as u16, Match::All);
        match event {
            Event::On(slot, velocity) => {
                events.push(&NoteOnEvent::new(*at, pckn(slot), *velocity));
            }
            Event::Off(slot) => events.push(&NoteOffEvent::new(*at, pckn(slot), 0.0)),
            Event::Param(name, value) => {
                let (id, _) = params.get(*name).context(format!("no {name}"))?;
                events.push(&ParamValueEvent::new(*at, *id, Pckn::match_all(), *value));
            }
        }
    }
    let mut recording = Recording::default();
    host.block(song, frames, &events, &mut recording)?;
    Ok(recording)
}

/// An active instance with a hum in each slot, with no slot on the grid, and launches that wait for
/// nothing.
pub(super) fn hummer(bundle: &Bundle, separate: bool) -> Result<Host> {
    let slots: Vec<usize> = (0..SLOTS).collect();
    let mut host = bundle.host()?;
    host.activate(RATE_HZ)?;
    let params = json!({
        "slot": { "i32": 0 }, "quantise": { "string": "off" }, "separate": { "bool": separate },
    });
    host.load(&hums(&slots, &[])?, &params)?;
    wait_for_hum(&mut host, SLOTS - 1)?;
    Ok(host)
}

/// Until the session has handed this slot's clip over: a note then sounds, and while the transport
/// stands nothing else does.
pub(super) fn wait_for_hum(host: &mut Host, slot: usize) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < LONGEST {
        let mut song = Song::stopped(HUM_BPM, 0.0);
        let on = block(host, &mut song, MAX_FRAMES, &[(0, Event::On(slot, 1.0))])?;
        block(host, &mut song, MAX_FRAMES, &[(0, Event::Off(slot))])?;
        host.play(&mut song, FADED_FRAMES)?;
        if !on.silent() || !on.slot(slot).silent() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("slot {slot} has no clip after {LONGEST:?}")
}

#[test]
fn a_note_launches_a_slot_on_its_frame() -> Result<()> {
    alone(
        "clap_host::notes::a_note_launches_a_slot_on_its_frame",
        &[frames_of_notes],
    )
}

fn frames_of_notes(_: &Path) -> Result<()> {
    let bundle = Bundle::load()?;
    let mut host = hummer(&bundle, false)?;
    for (slot, at, velocity) in [(0, 0, 1.0), (3, 1, 0.25), (7, 300, 0.5), (5, 1_023, 0.75)] {
        let what = format!("slot {slot} at frame {at}");
        let mut song = Song::at(HUM_BPM, 6.3);
        let on = [(at as u32, Event::On(slot, velocity))];
        let mut heard = block(&mut host, &mut song, MAX_FRAMES, &on)?;
        heard.append(host.play(&mut song, 4_801)?);
        ensure!(
            heard.part(0..at).silent(),
            "{what}: it sounds before its note"
        );
        let starts = heard.left.iter().position(|sample| *sample != 0.0);
        // Out of silence the first frame itself may still be silent.
        ensure!(
            starts.is_some_and(|start| (at..=at + 1).contains(&start)),
            "{what}: it begins at {starts:?}"
        );
        let begin = heard.beats[at];
        let wanted = hum(slot).scaled(velocity as f32);
        let after = heard.after(at + START_FRAMES + 1).counted_from(begin);
        wanted.check_locked(&what, &after)?;

        let mut held = host.play(&mut song, 4_801)?;
        let off = block(&mut host, &mut song, 256, &[(100, Event::Off(slot))])?;
        held.append(off.part(0..100));
        wanted.check_locked(&format!("{what}, held"), &held.counted_from(begin))?;
        host.play(&mut song, FADED_FRAMES)?;
        let rest = play_faded(&mut host, &mut song, 0.1)?;
        ensure!(rest.silent(), "{what}: it sounds after its key was let go");
    }
    // A key that is no slot's, and notes while the transport stands, on the clip's own clock.
    let mut stopped = Song::stopped(HUM_BPM, 1.0);
    let none = block(&mut host, &mut stopped, 512, &[(3, Event::On(SLOTS, 1.0))])?;
    ensure!(none.silent(), "a key beyond the slots sounds");
    let on = block(&mut host, &mut stopped, 1_024, &[(77, Event::On(2, 1.0))])?;
    ensure!(
        on.part(0..77).silent() && !on.silent(),
        "no audition by key"
    );
    hum(2).check_contiguous("by key, stopped", &on.after(77 + START_FRAMES + 1))
}

#[test]
fn each_slot_has_its_own_output() -> Result<()> {
    alone(
        "clap_host::notes::each_slot_has_its_own_output",
        &[|_| {
            let bundle = Bundle::load()?;
            let mut host = hummer(&bundle, true)?;
            let mut song = Song::at(HUM_BPM, 2.0);
            let held = [1, 4, 7];
            let on: Vec<_> = held.map(|slot| (9, Event::On(slot, 1.0))).into();
            let mut heard = block(&mut host, &mut song, 700, &on)?;
            heard.append(host.play(&mut song, 24_000)?);
            let begin = heard.beats[9];
            ensure!(
                heard.silent(),
                "separate slots sound in the main output too"
            );
            for slot in 0..SLOTS {
                let own = heard
                    .slot(slot)
                    .after(9 + START_FRAMES + 1)
                    .counted_from(begin);
                if held.contains(&slot) {
                    hum(slot).check_locked(&format!("slot {slot}'s output"), &own)?;
                } else {
                    ensure!(own.silent(), "slot {slot} was not launched and sounds");
                }
            }
            // Together in the main one: their sum, and nothing elsewhere.
            let off = [(0, Event::Param("Separate outputs", 0.0))];
            block(&mut host, &mut song, 64, &off)?;
            let mixed = play_faded(&mut host, &mut song, 0.3)?;
            for slot in 0..SLOTS {
                ensure!(
                    mixed.slot(slot).silent(),
                    "slot {slot}'s output is not silent"
                );
            }
            let hums = held.map(hum);
            for (frame, beats) in mixed.beats.iter().enumerate() {
                let place = (beats - begin).rem_euclid(HUM_BEATS) / HUM_BEATS;
                let at = (place * hums[0].left.len() as f64).round() as usize;
                let sum: f32 = hums.iter().map(|hum| hum.left[at % hum.left.len()]).sum();
                let sample = mixed.left[frame];
                ensure!(
                    (sample - sum).abs() < 1e-5,
                    "frame {frame}: {sample}, the sum of the slots is {sum}"
                );
            }
            Ok(())
        }],
    )
}

#[test]
fn automation_launches_slots_on_the_line() -> Result<()> {
    alone(
        "clap_host::notes::automation_launches_slots_on_the_line",
        &[lines],
    )
}

/// The slot that sounds changes on the next line, whichever frame asked for it.
fn lines(_: &Path) -> Result<()> {
    let bundle = Bundle::load()?;
    let mut host = hummer(&bundle, false)?;
    // In beats: by name, its index, and where a change asked for at beat 9.3 takes place.
    for (quantise, line) in [(1.0, 10.0), (2.0, 12.0), (3.0, 16.0), (4.0, 16.0)] {
        let what = format!("launch {quantise}");
        let mut song = Song::at(HUM_BPM, 9.2);
        let begin = [
            (0, Event::Param("Launch", 0.0)),
            (0, Event::Param("Slot", 2.0)),
        ];
        block(&mut host, &mut song, 480, &begin)?;
        block(
            &mut host,
            &mut song,
            480,
            &[(0, Event::Param("Launch", quantise))],
        )?;
        let mut heard = host.play(&mut song, 1_440)?;
        heard.append(block(
            &mut host,
            &mut song,
            333,
            &[(100, Event::Param("Slot", 6.0))],
        )?);
        let frames = ((line - 9.3 + 1.0) * 60.0 / HUM_BPM * RATE_HZ) as usize;
        heard.append(host.play(&mut song, frames)?);
        let switch = heard.beats.iter().position(|beats| *beats >= line - 1e-9);
        let switch = switch.context("the line was not played")?;
        // Both fade, one before the line and one around it: the new one is whole on it.
        let before = heard.part(FADED_FRAMES..switch - FADED_FRAMES);
        hum(1).check_locked(&format!("{what}, before the line"), &before)?;
        hum(5).check_locked(
            &format!("{what}, from the line on"),
            &heard.after(switch + 1),
        )?;
    }
    Ok(())
}
