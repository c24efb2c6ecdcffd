//! `barline loop`: a loop to minutes or hours, written while it is made.
//!
//! Main thread, and the engine's where takes are made. The file is whole or not there.

mod takes;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use barline_engine::extend::{Change, Material, Piece, Shape};
use barline_engine::file::{
    Depth, LongFacts, LongFile, LongForm, LongFormat, Marker, Recipe, Words,
};
use serde::Serialize;

use self::takes::Takes;
use super::Failure;
use super::args::{LoopArgs, VaryEvery};
use super::progress::Progress;
use super::waiting::{RATES_HZ, interrupts, try_place};

/// Varied by default after two loops, but not more often than this.
const LEAST_VARY_BARS: u32 = 8;
const DEFAULT_MINUTES: f64 = 10.0;
/// A month: no disk is larger.
const MOST_SECONDS: f64 = 31.0 * 86_400.0;

/// What the file says of how it was made.
#[derive(Serialize)]
struct Story<'a> {
    made_by: &'static str,
    version: &'static str,
    files: Vec<String>,
    bars: u64,
    vary_every_bars: Option<u32>,
    seed: u64,
    fade_in_seconds: f64,
    fade_out_seconds: f64,
    /// Of every take, where it has one.
    recipes: &'a [Option<Recipe>],
}

/// What `--json` says.
#[derive(Serialize)]
struct Made<'a> {
    path: &'a Path,
    rate_hz: u32,
    channels: usize,
    frames: u64,
    seconds: f64,
    bars: u64,
    tempo_bpm: f64,
    loop_frames: u64,
    takes: usize,
    loops: bool,
    times_real_time: f64,
    variations: &'a [Change],
}

/// Runs the command.
pub(crate) fn run(args: &LoopArgs) -> Result<(), Failure> {
    let out = args.out.clone().unwrap_or_else(|| beside(&args.files[0]));
    let format = check(args, &out)?;
    try_place(&out)?;
    // Measuring a file can't be asked to stop: until here Ctrl+C ends the program by itself.
    let files = takes::read(args)?;
    let interrupts = interrupts();
    let mut takes = takes::gather(args, files, &interrupts)?;
    let material = Material::new(
        std::mem::take(&mut takes.channels),
        takes.rate_hz,
        (takes.bars, takes.beats_per_bar),
        takes.beatless,
    )
    .map_err(|why| takes.mismatch(why))?;
    let shape = shape(args, &material)?;
    let mut piece = Piece::new(&material, shape);
    let form = LongForm {
        format,
        rate_hz: material.rate_hz(),
        channels: material.channels(),
        frames: piece.frames(),
        depth: depth(args, &takes, format),
        quality: args.quality,
        riff_bytes: if args.rf64 { 0 } else { u32::MAX },
    };
    let facts = facts(args, &takes, &shape);
    let mut file = LongFile::create(&out, form, facts)?;
    let start = Instant::now();
    let mut progress = Progress::new("writing".into());
    let (mut block, mut done) = (Vec::new(), 0);
    while piece.next(&mut block) {
        if interrupts.try_recv().is_ok() {
            return Err(Failure::Interrupted);
        }
        file.write(&block)?;
        done += block[0].len() as u64;
        progress.written(done, form.frames, form.rate_hz);
    }
    drop(progress);
    let changes = piece.changes();
    let markers: Vec<Marker> = changes
        .iter()
        .map(|change| Marker {
            frame: change.frame,
            label: change.variation.to_string(),
        })
        .collect();
    file.finish(&markers)?;
    let seconds = form.frames as f64 / f64::from(form.rate_hz);
    let took = start.elapsed().as_secs_f64();
    eprintln!(
        "{}: {} in {took:.1} s, {} bars at {} BPM, {} variations, seed {}",
        out.display(),
        clock(seconds),
        shape.bars,
        shown(takes.tempo_bpm),
        changes.len(),
        args.seed
    );
    if args.json {
        let made = Made {
            path: &out,
            rate_hz: form.rate_hz,
            channels: form.channels,
            frames: form.frames,
            seconds,
            bars: shape.bars,
            tempo_bpm: takes.tempo_bpm,
            loop_frames: material.frames(),
            takes: material.takes(),
            loops: loops(&shape),
            times_real_time: seconds / took,
            variations: changes,
        };
        let text = serde_json::to_string(&made).map_err(std::io::Error::from)?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()?;
    }
    Ok(())
}

/// Refuses what can't be made, before anything is read; gives the kind of file.
fn check(args: &LoopArgs, out: &Path) -> Result<LongFormat, Failure> {
    let wrong = |text: String| Err(Failure::Argument(text));
    let Some(format) = LongFormat::named(out) else {
        return wrong(format!(
            "{}: a long file is .wav, .flac or .ogg",
            out.display()
        ));
    };
    if args.files.iter().any(|file| same(file, out)) {
        return wrong(format!("{} would overwrite the loop", out.display()));
    }
    let ranges = [
        ("--minutes", args.minutes, 0.0, MOST_SECONDS / 60.0),
        ("--hours", args.hours, 0.0, MOST_SECONDS / 3600.0),
        ("--bpm", args.bpm, 20.0, 400.0),
        ("--quality", Some(f64::from(args.quality)), 0.0, 10.0),
        ("--fade-in", Some(args.fade_in), 0.0, MOST_SECONDS),
        ("--fade-out", Some(args.fade_out), 0.0, MOST_SECONDS),
        ("--takes", Some(f64::from(args.takes)), 1.0, 64.0),
        ("--bars", args.bars.map(|bars| bars as f64), 1.0, 1e9),
        ("--clip-bars", args.clip_bars.map(f64::from), 1.0, 1024.0),
        (
            "--beats-per-bar",
            Some(f64::from(args.beats_per_bar)),
            1.0,
            16.0,
        ),
        (
            "--rate",
            args.rate.map(f64::from),
            f64::from(*RATES_HZ.start()),
            f64::from(*RATES_HZ.end()),
        ),
    ];
    for (name, value, low, high) in ranges {
        if value.is_some_and(|value| !(low..=high).contains(&value)) {
            return wrong(format!("{name} must be between {low} and {high:.0}"));
        }
    }
    if format == LongFormat::Flac && args.bits.map(Depth::from) == Some(Depth::Float32) {
        return wrong("FLAC cannot hold floating point samples: choose --bits 16 or 24".into());
    }
    Ok(format)
}

/// Whether two names are of one file.
fn same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// `loop.wav` becomes `loop_long.wav`; what can't be written long becomes WAV.
fn beside(file: &Path) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let ending = match LongFormat::named(file) {
        Some(LongFormat::Flac) => "flac",
        _ => "wav",
    };
    file.with_file_name(format!("{stem}_long.{ending}"))
}

fn shape(args: &LoopArgs, material: &Material) -> Result<Shape, Failure> {
    let rate = f64::from(material.rate_hz());
    let bars = args.bars.unwrap_or_else(|| {
        let minutes = args.hours.map(|hours| hours * 60.0).or(args.minutes);
        let seconds = minutes.unwrap_or(DEFAULT_MINUTES) * 60.0;
        let loops = (seconds * rate / material.frames() as f64).round().max(1.0);
        loops as u64 * u64::from(material.bars())
    });
    let vary_every_bars = match args.vary_every {
        Some(VaryEvery::Off) => None,
        Some(VaryEvery::Bars(bars)) => Some(bars),
        None => Some((2 * material.bars()).max(LEAST_VARY_BARS)),
    };
    let shape = Shape {
        bars,
        vary_every_bars,
        seed: args.seed,
        fade_in_frames: (args.fade_in * rate).round() as u64,
        fade_out_frames: (args.fade_out * rate).round() as u64,
    };
    let frames = material.bar_frame(bars);
    if shape.fade_in_frames + shape.fade_out_frames > frames {
        let length = clock(frames as f64 / rate);
        return Err(Failure::Argument(format!(
            "the fades are longer than the piece ({length}): make them shorter"
        )));
    }
    if frames as f64 / rate > MOST_SECONDS {
        return Err(Failure::Argument(
            "the piece would last over a month: make it shorter".into(),
        ));
    }
    Ok(shape)
}

/// What was asked for, else what the loop has, as far as the format goes.
fn depth(args: &LoopArgs, takes: &Takes, format: LongFormat) -> Depth {
    let own = takes.recipes[0].as_ref().map(|recipe| recipe.depth);
    let depth = args.bits.map(Depth::from).or(own);
    match depth.unwrap_or(Depth::Int24) {
        Depth::Float32 if format == LongFormat::Flac => Depth::Int24,
        depth => depth,
    }
}

fn loops(shape: &Shape) -> bool {
    shape.fade_in_frames == 0 && shape.fade_out_frames == 0
}

fn facts(args: &LoopArgs, takes: &Takes, shape: &Shape) -> LongFacts {
    let name = |path: &PathBuf| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into()
    };
    let files: Vec<String> = args.files.iter().map(name).collect();
    let story = Story {
        made_by: "barline loop",
        version: env!("CARGO_PKG_VERSION"),
        files: files.clone(),
        bars: shape.bars,
        vary_every_bars: shape.vary_every_bars,
        seed: shape.seed,
        fade_in_seconds: args.fade_in,
        fade_out_seconds: args.fade_out,
        recipes: &takes.recipes,
    };
    let varied = shape.vary_every_bars.map_or("unvaried".into(), |bars| {
        format!("varied every {bars} bars, seed {}", shape.seed)
    });
    let comment = format!(
        "{} bars of {} ({} bars of {}/4, {} BPM), {varied}",
        shape.bars,
        files.join(", "),
        takes.bars,
        takes.beats_per_bar,
        shown(takes.tempo_bpm),
    );
    LongFacts {
        words: Words {
            title: takes.title.clone(),
            comment,
            rights: takes.rights.clone(),
            software: concat!("Barline ", env!("CARGO_PKG_VERSION")).into(),
        },
        tempo_bpm: takes.tempo_bpm,
        beats_per_bar: takes.beats_per_bar,
        beats: shape.bars * u64::from(takes.beats_per_bar),
        key: takes.key,
        loops: loops(shape),
        // Plain data: there is nothing in it that JSON can't say.
        story: serde_json::to_string(&story).unwrap_or_default(),
    }
}

/// A tempo without more digits than it has.
fn shown(tempo_bpm: f64) -> f64 {
    (tempo_bpm * 1e3).round() / 1e3
}

/// `1:02:03` or `2:03`.
fn clock(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}
