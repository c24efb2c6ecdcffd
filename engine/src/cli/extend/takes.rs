//! The takes of a long piece: read from files, and made anew where more are asked for.
//!
//! Main thread.

use std::path::{Path, PathBuf};

use barline_engine::extend::{self, Asked, Mismatch};
use barline_engine::file::{self, ReadError, Recipe};
use barline_engine::fit::Grid;
use barline_engine::prompt::Key;
use barline_engine::{Engine, Length, resample};
use crossbeam_channel::Receiver;

use super::super::Failure;
use super::super::args::LoopArgs;
use super::super::models::settle;
use super::super::regenerate;
use super::super::waiting::wait_with_progress;

/// A larger file is no loop; it is not read into memory to find that out.
const MOST_BYTES: u64 = 1 << 29;

/// Takes of one loop, at one rate.
pub(super) struct Takes {
    /// Samples by take and channel.
    pub(super) channels: Vec<Vec<Vec<f32>>>,
    pub(super) rate_hz: u32,
    pub(super) bars: u32,
    pub(super) beats_per_bar: u32,
    pub(super) tempo_bpm: f64,
    pub(super) beatless: bool,
    pub(super) key: Option<Key>,
    pub(super) title: String,
    pub(super) rights: String,
    /// Of every take, where it has one.
    pub(super) recipes: Vec<Option<Recipe>>,
    files: Vec<PathBuf>,
}

impl Takes {
    /// Which file is at fault.
    pub(super) fn mismatch(&self, why: Mismatch) -> Failure {
        let index = match why {
            Mismatch::Empty => 0,
            Mismatch::Length { take } => take - 1,
        };
        let path = self.files.get(index).unwrap_or(&self.files[0]);
        not_a_loop(path, &why)
    }
}

/// A file as a loop, at its own rate.
pub(super) struct Loaded {
    channels: Vec<Vec<f32>>,
    rate_hz: u32,
    bars: u32,
    beats_per_bar: u32,
    tempo_bpm: f64,
    beatless: bool,
    key: Option<Key>,
    recipe: Option<Recipe>,
}

impl Loaded {
    /// Its length at a rate: that of its bars, to the nearest frame.
    fn frames(&self, rate_hz: u32) -> u64 {
        let length = Length::Bars {
            bars: self.bars,
            beats_per_bar: self.beats_per_bar,
            tempo_bpm: self.tempo_bpm,
        };
        length.frames(rate_hz)
    }
}

/// Reads the files.
pub(super) fn read(args: &LoopArgs) -> Result<Vec<Loaded>, Failure> {
    let mut all = vec![load(&args.files[0], args, None)?];
    for path in &args.files[1..] {
        let next = load(path, args, Some(&all[0]))?;
        all.push(next);
    }
    Ok(all)
}

/// Makes what is to be made beside the files, and brings all to one rate.
pub(super) fn gather(
    args: &LoopArgs,
    mut all: Vec<Loaded>,
    interrupts: &Receiver<()>,
) -> Result<Takes, Failure> {
    let paths = &args.files;
    let rate_hz = args.rate.unwrap_or(all[0].rate_hz);
    let frames = all[0].frames(rate_hz);
    if args.takes as usize > all.len() {
        make(args, &mut all, interrupts)?;
    }
    let widest = all.iter().map(|one| one.channels.len()).max().unwrap_or(1);
    let mut rights: Vec<String> = Vec::new();
    for (index, one) in all.iter().enumerate() {
        let of = one
            .recipe
            .as_ref()
            .map(|recipe| recipe.facts.rights.clone());
        let of = of.unwrap_or_else(|| {
            let name = paths.get(index).and_then(|path| path.file_name());
            format!("those of {}", name.unwrap_or_default().to_string_lossy())
        });
        if !rights.contains(&of) {
            rights.push(of);
        }
    }
    let first = &all[0];
    let title = match &first.recipe {
        Some(recipe) => recipe.facts.prompt.clone(),
        None => paths[0]
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into(),
    };
    let channels = all
        .iter()
        .map(|one| {
            let mut channels = resample::resample_loop(&one.channels, one.rate_hz, rate_hz, frames);
            while channels.len() < widest {
                channels.push(channels[0].clone());
            }
            channels
        })
        .collect();
    Ok(Takes {
        channels,
        rate_hz,
        bars: first.bars,
        beats_per_bar: first.beats_per_bar,
        tempo_bpm: first.tempo_bpm,
        beatless: all.iter().all(|one| one.beatless),
        key: first.key,
        title,
        rights: rights.join("; "),
        recipes: all.into_iter().map(|one| one.recipe).collect(),
        files: paths.clone(),
    })
}

fn not_a_loop(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::NotALoop {
        path: path.to_owned(),
        why: why.to_string(),
    }
}

/// A file as a loop; a further take goes `with` the first.
fn load(path: &Path, args: &LoopArgs, with: Option<&Loaded>) -> Result<Loaded, Failure> {
    let size = std::fs::metadata(path).map_err(|source| ReadError::Io {
        path: path.to_owned(),
        source,
    })?;
    if size.len() > MOST_BYTES {
        return Err(not_a_loop(path, &extend::NotALoop::TooLong));
    }
    let (rate_hz, channels) = file::read(path)?;
    let recipe = Recipe::read(path).ok();
    let frames = channels.first().map_or(0, Vec::len);
    let grid = recipe
        .as_ref()
        .and_then(|recipe| match recipe.facts.length {
            Length::Bars {
                bars,
                beats_per_bar,
                tempo_bpm,
            } => Some((bars, beats_per_bar, tempo_bpm)),
            Length::Seconds(_) => None,
        });
    // As it was written: one that was cut since is another loop.
    let kept = recipe
        .as_ref()
        .filter(|recipe| recipe.facts.length.frames(rate_hz) == frames as u64)
        .and_then(|recipe| recipe.facts.fitted.as_ref());
    let loaded = if let (Some(fitted), Some((bars, beats_per_bar, tempo_bpm))) = (kept, grid) {
        Loaded {
            channels,
            rate_hz,
            bars,
            beats_per_bar,
            tempo_bpm,
            beatless: fitted.grid == Grid::Beatless,
            key: recipe.as_ref().and_then(|recipe| file::key(&recipe.facts)),
            recipe,
        }
    } else {
        let (tempo_bpm, bars, beats_per_bar) = match (with, grid) {
            (Some(first), _) => (Some(first.tempo_bpm), Some(first.bars), first.beats_per_bar),
            (None, Some((_, beats_per_bar, tempo_bpm))) => {
                (Some(tempo_bpm), args.clip_bars, beats_per_bar)
            }
            (None, None) => (args.bpm, args.clip_bars, args.beats_per_bar),
        };
        let asked = Asked {
            tempo_bpm,
            bars,
            beats_per_bar,
            frames: with.map(|first| first.frames(rate_hz) as usize),
        };
        let adopted =
            extend::adopt(&channels, rate_hz, &asked).map_err(|why| not_a_loop(path, &why))?;
        say(path, &adopted);
        Loaded {
            channels: adopted.channels,
            rate_hz,
            bars: adopted.bars,
            beats_per_bar,
            tempo_bpm: adopted.tempo_bpm,
            beatless: adopted.beatless,
            key: adopted.key,
            recipe,
        }
    };
    let grid = |one: &Loaded| (one.bars, one.beats_per_bar);
    let apart = |first: &&Loaded| {
        grid(first) != grid(&loaded) || (first.tempo_bpm / loaded.tempo_bpm - 1.0).abs() > 1e-3
    };
    if let Some(first) = with.filter(apart) {
        return Err(not_a_loop(
            path,
            &format!(
                "it has {} bars of {}/4 at {:.2} BPM, the first file {} of {}/4 at {:.2}: give takes of one tempo and length",
                loaded.bars,
                loaded.beats_per_bar,
                loaded.tempo_bpm,
                first.bars,
                first.beats_per_bar,
                first.tempo_bpm
            ),
        ));
    }
    Ok(loaded)
}

/// What became of a file that was no loop of Barline's.
fn say(path: &Path, adopted: &extend::Adopted) {
    let how = match &adopted.fitted {
        None => "as it is".to_owned(),
        Some(fitted) => {
            let mut how = "cut and joined".to_owned();
            match fitted.grid {
                Grid::Steady { tempo_bpm } if fitted.stretch != 1.0 => {
                    how += &format!(", brought to tempo from {tempo_bpm:.2} BPM");
                }
                Grid::Steady { .. } | Grid::Beatless => {}
                Grid::Free => how += ", its own tempo is not to be trusted",
            }
            for words in fitted.score.words() {
                how += &format!(", {words}");
            }
            how
        }
    };
    eprintln!(
        "{}: {} bars at {:.2} BPM, {how}",
        path.display(),
        adopted.bars,
        adopted.tempo_bpm
    );
}

/// Makes takes of the first loop, with the seeds after its own, until there are enough.
fn make(args: &LoopArgs, all: &mut Vec<Loaded>, interrupts: &Receiver<()>) -> Result<(), Failure> {
    let path = &args.files[0];
    let recipe = all[0]
        .recipe
        .clone()
        .filter(|recipe| recipe.facts.fitted.is_some());
    let recipe = recipe.ok_or_else(|| {
        not_a_loop(
            path,
            &"it holds no recipe to make takes from: give their files instead of --takes",
        )
    })?;
    let engine = Engine::start()?;
    let (rate_hz, wanted) = (all[0].rate_hz, args.takes as usize);
    let mut requests = Vec::new();
    let mut first = regenerate::request(&recipe, args.model.as_deref(), args.threads);
    settle(&mut first.model, Some(interrupts))?;
    for take in 1..=wanted.saturating_sub(all.len()) as u64 {
        let mut request = first.clone();
        request.seed = recipe.facts.seed.wrapping_add(take);
        requests.push(request);
    }
    // In one go: takes alike are made together.
    for job in engine.submit_all(requests)? {
        let label = format!("take {} of {wanted}", all.len() + 1);
        let clip = wait_with_progress(&job, label, interrupts)?;
        let fitted = clip.facts.fitted.as_ref();
        all.push(Loaded {
            channels: clip.at_rate(rate_hz),
            rate_hz,
            bars: all[0].bars,
            beats_per_bar: all[0].beats_per_bar,
            tempo_bpm: all[0].tempo_bpm,
            beatless: fitted.is_some_and(|fitted| fitted.grid == Grid::Beatless),
            key: all[0].key,
            recipe: Some(Recipe::new(&clip.facts, rate_hz, recipe.depth)),
        });
    }
    Ok(())
}
