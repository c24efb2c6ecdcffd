//! The CLAP bundle in a host of ours: locked to the beat, saved and restored, coming and going.
//!
//! Each test runs in a process of its own (see [`alone`]). The clips are the starter model's,
//! one bar long; what they must sound like comes from the command line.

mod alone;
mod bounce;
mod clips;
mod host;
mod lifetime;
mod locked;
mod notes;
mod params;
mod ports;
mod reference;
mod restore;
mod running;
mod song;
mod states;
mod tempo;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clack_host::prelude::EventBuffer;

use self::host::{Bundle, Host};
use self::reference::{Order, clip_of};
use self::song::{Recording, Song};

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
            host.block(song, frames, &EventBuffer::new(), &mut recording)?;
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
