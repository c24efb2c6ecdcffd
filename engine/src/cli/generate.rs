//! `barline generate`: prompts to files.
//!
//! Main thread: waits for the engine's events. Every file is written whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use barline_engine::file::{self, FileError, Recipe};
use barline_engine::fit::{Fitted, Grid};
use barline_engine::worker::TOGETHER;
use barline_engine::{
    Clip, Engine, Fit, GenerateRequest, Length, ModelSource, Reroll, Sampling, prompt,
};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::Failure;
use super::args::{GenerateArgs, MakeArgs};
use super::models::settle;
use super::waiting::{RATES_HZ, at_rate, interrupts, try_place, wait_with_progress};

/// The tempo of a clip in bars when none is asked for.
pub(super) const DEFAULT_TEMPO_BPM: f64 = 120.0;

/// What `--json` says of a take.
#[derive(Serialize)]
struct Facts<'a> {
    path: &'a Path,
    rate_hz: u32,
    channels: usize,
    frames: usize,
    seconds: f64,
    bars: Option<u32>,
    tempo_bpm: Option<f64>,
    real_time_factor: f64,
    #[serde(flatten)]
    clip: &'a barline_engine::ClipFacts,
}

/// Runs the command.
pub(crate) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    if args.takes == 0 {
        return Err(Failure::Argument(
            "--takes is 0, but must be at least 1".into(),
        ));
    }
    if args.rate.is_some_and(|rate| !RATES_HZ.contains(&rate)) {
        return Err(Failure::Argument(format!(
            "--rate must be between {} and {} Hz",
            RATES_HZ.start(),
            RATES_HZ.end()
        )));
    }
    if args.takes > 1 && args.codes.is_some() {
        return Err(Failure::Argument("--codes goes with a single take".into()));
    }
    let seed = args.how.seed.unwrap_or_else(random_seed);
    let interrupts = interrupts();
    let engine = Engine::start()?;
    let mut lines = Vec::new();
    let mut planned = Vec::new();
    for take in 0..args.takes {
        let length = args.seconds.map(Length::Seconds);
        let mut request = request(
            &args.prompt,
            &args.how,
            length,
            seed.wrapping_add(u64::from(take)),
        );
        if args.raw {
            request.fit = None;
        }
        request.check()?;
        let path = out_path(args, &request, take);
        file::check(&path, args.bits.into())?;
        for path in [Some(&path), args.codes.as_ref()].into_iter().flatten() {
            try_place(path)?;
        }
        let label = if args.takes > 1 {
            format!("take {} of {}", take + 1, args.takes)
        } else {
            "generating".into()
        };
        planned.push((request, path, label));
    }
    // Asked for once all else is known to be right: it may take long.
    if let Some((request, ..)) = planned.first() {
        let mut model = request.model.clone();
        settle(&mut model, Some(&interrupts))?;
        for (request, ..) in &mut planned {
            request.model = model.clone();
        }
    }
    let mut made = Vec::new();
    for together in planned.chunks(TOGETHER) {
        let requests = together.iter().map(|(request, ..)| request.clone());
        made.extend(engine.submit_all(requests.collect())?);
    }
    for (job, (_, path, label)) in made.iter().zip(planned) {
        let clip = wait_with_progress(job, label, &interrupts)?;
        let (rate_hz, channels) = at_rate(&clip, args.rate);
        // The codes get their name last: a disk that has no room for the clip keeps neither.
        let codes = args
            .codes
            .as_ref()
            .map(|path| codes(path, &clip))
            .transpose()?;
        let recipe = Recipe::new(&clip.facts, rate_hz, args.bits.into());
        file::write(&path, &recipe, &channels)?;
        if let (Some(file), Some(path)) = (codes, &args.codes) {
            file.persist(path).map_err(|error| FileError::Io {
                path: path.clone(),
                source: error.error,
            })?;
        }
        eprintln!(
            "{}: {:.2} s in {:.2} s, seed {}{}",
            path.display(),
            clip.frames() as f64 / f64::from(clip.rate_hz),
            clip.facts.generate_seconds,
            clip.facts.seed,
            clip.facts
                .fitted
                .as_ref()
                .map_or_else(String::new, in_words)
        );
        lines.push(facts(&path, &clip, rate_hz, &channels)?);
    }
    if args.json {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{{\"takes\": [{}]}}", lines.join(", "))?;
        out.flush()?;
    }
    Ok(())
}

/// What makes a clip of these words, of bars unless another length is given.
pub(super) fn request(
    words: &str,
    how: &MakeArgs,
    length: Option<Length>,
    seed: u64,
) -> GenerateRequest {
    let length = length.unwrap_or(Length::Bars {
        bars: how.bars,
        beats_per_bar: how.beats_per_bar,
        tempo_bpm: how.bpm.unwrap_or(DEFAULT_TEMPO_BPM),
    });
    let tempo_bpm = match length {
        Length::Bars { tempo_bpm, .. } => Some(tempo_bpm),
        Length::Seconds(_) => how.bpm,
    };
    // Tempo and key alone are no prompt: the engine is to refuse it.
    let empty = words.trim().is_empty();
    let prompt = if empty {
        String::new()
    } else {
        prompt::compose(words, tempo_bpm, how.key)
    };
    GenerateRequest {
        model: how
            .model
            .clone()
            .map_or(ModelSource::Starter, ModelSource::Folder),
        model_sha256: None,
        prompt,
        negative: how.negative.clone(),
        length,
        fit: Some(Fit {
            loudness_lufs: how.loudness,
            play_at_bpm: how.play_at,
            reroll: how.reroll_below.map(|below_score| Reroll {
                below_score,
                at_most: how.rerolls,
            }),
        }),
        sampling: Sampling {
            temperature: how.temperature,
            top_k: how.top_k,
            top_p: how.top_p,
            guidance: how.guidance,
            greedy: how.greedy,
        },
        seed,
        precision: how.precision,
        threads: how.threads,
        key: how.key.map(|key| key.to_string()),
    }
}

/// What a person wants to know of a loop: how it is, and what is wrong with it.
pub(super) fn in_words(fitted: &Fitted) -> String {
    let mut words = vec![format!("score {}", fitted.score.total)];
    words.extend(fitted.key_heard().map(|key| key.to_string()));
    match fitted.grid {
        Grid::Steady { tempo_bpm } if fitted.stretch != 1.0 => {
            words.push(format!("brought to tempo from {tempo_bpm:.2} BPM"));
        }
        Grid::Steady { .. } => {}
        Grid::Beatless => words.push("no beats".into()),
        Grid::Free => words.push("free: no tempo to trust, not stretched".into()),
    }
    words.extend(fitted.score.words().into_iter().map(String::from));
    format!("; {}", words.join(", "))
}

/// The tokens as JSON in a file without a name yet, in the folder of `path`.
fn codes(path: &Path, clip: &Clip) -> Result<NamedTempFile, Failure> {
    let fail = |source| FileError::Io {
        path: path.to_owned(),
        source,
    };
    let rate = clip.frame_rate_hz;
    let frame_rate = if rate.fract() == 0.0 {
        serde_json::json!(rate as u64)
    } else {
        serde_json::json!(rate)
    };
    let json = serde_json::json!({ "frame_rate": frame_rate, "codes": clip.codes });
    let mut file = file::create_beside(path).map_err(fail)?;
    writeln!(file, "{json}").map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    Ok(file)
}

fn facts(path: &Path, clip: &Clip, rate_hz: u32, channels: &[Vec<f32>]) -> Result<String, Failure> {
    let frames = channels[0].len();
    let seconds = frames as f64 / f64::from(rate_hz);
    let (bars, tempo_bpm) = match clip.facts.length {
        Length::Bars {
            bars, tempo_bpm, ..
        } => (Some(bars), Some(tempo_bpm)),
        Length::Seconds(_) => (None, None),
    };
    let facts = Facts {
        path,
        rate_hz,
        channels: channels.len(),
        frames,
        seconds,
        bars,
        tempo_bpm,
        real_time_factor: seconds / clip.facts.generate_seconds,
        clip: &clip.facts,
    };
    serde_json::to_string(&facts).map_err(|error| Failure::Output(error.into()))
}

/// The file of a take: the name given, numbered when there are several, or one that says
/// what is in it and is not taken yet.
fn out_path(args: &GenerateArgs, request: &GenerateRequest, take: u32) -> PathBuf {
    if let Some(out) = &args.out {
        if args.takes == 1 {
            return out.clone();
        }
        let stem = out.file_stem().unwrap_or_default().to_string_lossy();
        let ending = out.extension().unwrap_or("wav".as_ref()).to_string_lossy();
        return out.with_file_name(format!("{stem}-{}.{ending}", take + 1));
    }
    unused(Path::new(""), &args.prompt, request)
}

/// A WAV file in a folder with a name that says what is in it and is not taken yet.
pub(super) fn unused(folder: &Path, words: &str, request: &GenerateRequest) -> PathBuf {
    let words = prompt::name_words(words);
    let play_at_bpm = request.fit.and_then(|fit| fit.play_at_bpm);
    let length = match request.length {
        Length::Bars {
            bars, tempo_bpm, ..
        } => format!("{}bpm_{bars}bars", play_at_bpm.unwrap_or(tempo_bpm)),
        Length::Seconds(seconds) => format!("{seconds}s"),
    };
    let stem = format!("barline_{}_{length}_{}", words.join("-"), request.seed);
    let free = (1..).map(|n| {
        if n == 1 {
            format!("{stem}.wav")
        } else {
            format!("{stem}-{n}.wav")
        }
    });
    free.map(|name| folder.join(name))
        .find(|path| !path.exists())
        .unwrap_or_default()
}

/// A seed that is short enough to type again.
pub(super) fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id()) % 1_000_000_000
}
