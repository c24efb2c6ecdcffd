//! Parameters as a host sets and shows them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clack_host::events::Pckn;
use clack_host::events::event_types::ParamValueEvent;
use serde_json::Value;

use super::alone::alone;
use super::host::{Bundle, Host, MAX_FRAMES, events};
use super::reference::{Order, Reference};
use super::song::{Recording, Song};
use super::{HOUSE, LONGEST, RATE_HZ, play_faded, with_clip};

#[test]
fn parameters_work_and_have_units() -> Result<()> {
    alone(
        "clap_host::params::parameters_work_and_have_units",
        &[parameters],
    )
}

fn parameters(folder: &Path) -> Result<()> {
    let reference = HOUSE.reference(folder, RATE_HZ as u32)?;
    let bundle = Bundle::load()?;
    let (mut host, mut song) = with_clip(&bundle, &HOUSE, RATE_HZ)?;
    let params = host.params()?;
    let found = |name: &str| params.get(name).copied().context(format!("no {name}"));
    let param = |name: &str| found(name).map(|(id, _)| id);
    let set = |host: &mut Host, song: &mut Song, name: &str, value: f64, at: u32| {
        let event = ParamValueEvent::new(at, param(name)?, Pckn::match_all(), value);
        host.block(
            song,
            MAX_FRAMES,
            &events(&[event]),
            &mut Recording::default(),
        )
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
    set(&mut host, &mut song, "Gain", found("Gain")?.1, 0)?;
    set(&mut host, &mut song, "Sync to host", 0.0, 0)?;
    song.change_tempo(61.0, RATE_HZ);
    let free = play_faded(&mut host, &mut song, 0.5)?;
    reference.check_contiguous("on its own clock", &free)
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
fn the_generate_parameter_makes_a_clip_at_the_hosts_tempo() -> Result<()> {
    alone(
        "clap_host::params::the_generate_parameter_makes_a_clip_at_the_hosts_tempo",
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
            let id = host.params()?.get("Generate").context("no Generate")?.0;
            for value in [1.0, 0.0] {
                let event = ParamValueEvent::new(5, id, Pckn::match_all(), value);
                host.block(&mut song, 64, &events(&[event]), &mut Recording::default())?;
            }
            let begin = Instant::now();
            while host.project()?["clips"][0].is_null() {
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
