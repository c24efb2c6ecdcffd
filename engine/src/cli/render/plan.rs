//! What a recipe file asks for: a list of loops, each with a name that is its own for good.
//!
//! Main thread.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use barline_engine::file::{self, Depth};
use barline_engine::prompt::{self, Key};
use barline_engine::{Fit, GenerateRequest, Length, ModelSource, Precision, Reroll, Sampling};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::cli::Failure;
use crate::cli::models::is_name;
use crate::cli::waiting::RATES_HZ;

/// More loops than anybody means to ask for.
const MOST_LOOPS: usize = 100_000;

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Recipe {
    /// Folder for the loops, seen from the file's own.
    out: PathBuf,
    /// `wav`, `flac` or `aiff`.
    format: String,
    /// 16, 24 or 32.
    bits: u16,
    /// Sample rate; without it the model's own.
    rate: Option<u32>,
    /// A model's folder; without it the starter model.
    model: Option<PathBuf>,
    /// `exact`, `f32`, `bf16`, `q8` or `q4`; without it the model's own.
    precision: Option<Precision>,
    /// Every table is a matrix of loops.
    loops: Vec<Matrix>,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            out: "loops".into(),
            format: "wav".into(),
            bits: 24,
            rate: None,
            model: None,
            precision: None,
            loops: Vec::new(),
        }
    }
}

/// Every prompt at every tempo, in every key, of every length, with every seed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Matrix {
    prompts: Vec<String>,
    /// What all of them should not sound like.
    negative: Option<String>,
    bpm: Vec<f64>,
    /// None at all leaves the key to the model.
    keys: Vec<String>,
    bars: Vec<u32>,
    seeds: Vec<u64>,
    beats_per_bar: u32,
    temperature: f32,
    top_k: u32,
    top_p: f32,
    guidance: f32,
    loudness: f64,
    reroll_below: Option<u8>,
    rerolls: u32,
}

impl Default for Matrix {
    fn default() -> Self {
        let sampling = Sampling::default();
        Self {
            prompts: Vec::new(),
            negative: None,
            bpm: vec![120.0],
            keys: Vec::new(),
            bars: vec![4],
            seeds: vec![1],
            beats_per_bar: 4,
            temperature: sampling.temperature,
            top_k: sampling.top_k,
            top_p: sampling.top_p,
            guidance: sampling.guidance,
            loudness: Fit::default().loudness_lufs,
            reroll_below: None,
            rerolls: 3,
        }
    }
}

/// All that is to be made.
pub(super) struct Plan {
    pub(super) folder: PathBuf,
    pub(super) rate_hz: Option<u32>,
    pub(super) depth: Depth,
    pub(super) loops: Vec<Planned>,
}

/// One loop.
pub(super) struct Planned {
    /// Where it goes.
    pub(super) path: PathBuf,
    pub(super) request: GenerateRequest,
}

/// Reads a recipe file.
pub(super) fn read(path: &Path) -> Result<Plan, Failure> {
    let wrong = |why: String| Failure::Argument(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let recipe: Recipe = toml::from_str(&text).map_err(|error| {
        // The library's text goes over several lines; one says where and what.
        let before = error.span().map_or("", |span| &text[..span.start]);
        let line = before.matches('\n').count() + 1;
        wrong(format!("line {line}: {}", error.message()))
    })?;
    let depth = match recipe.bits {
        16 => Depth::Int16,
        24 => Depth::Int24,
        32 => Depth::Float32,
        other => return Err(wrong(format!("bits is {other}, but must be 16, 24 or 32"))),
    };
    if !["wav", "flac", "aiff"].contains(&recipe.format.as_str()) {
        return Err(wrong(format!(
            "format is {:?}, but must be wav, flac or aiff",
            recipe.format
        )));
    }
    if recipe.rate.is_some_and(|rate| !RATES_HZ.contains(&rate)) {
        return Err(wrong(format!(
            "rate must be between {} and {}",
            RATES_HZ.start(),
            RATES_HZ.end()
        )));
    }
    let beside = path.parent().unwrap_or(Path::new("."));
    let folder = beside.join(&recipe.out);
    let model = match &recipe.model {
        // A folder is one beside the recipe; a name or an id is none.
        Some(model) => {
            let folder = beside.join(model);
            let is_named = model.to_str().is_some_and(is_name) && !folder.is_dir();
            ModelSource::Folder(if is_named { model.clone() } else { folder })
        }
        None => ModelSource::Starter,
    };
    file::check(&folder.join("loop").with_extension(&recipe.format), depth)?;
    let (mut loops, mut known) = (Vec::new(), HashSet::new());
    for matrix in &recipe.loops {
        for request in requests(matrix, &model, recipe.precision).map_err(&wrong)? {
            request.check()?;
            let name = name(&request, &recipe);
            let path = folder.join(format!("{name}.{}", recipe.format));
            // The same loop twice is one loop.
            if known.insert(path.clone()) {
                loops.push(Planned { path, request });
            }
            if loops.len() > MOST_LOOPS {
                return Err(wrong(format!("more than {MOST_LOOPS} loops")));
            }
        }
    }
    if loops.is_empty() {
        return Err(wrong(
            "no loops: add a table [[loops]] with prompts = [\"...\"]".into(),
        ));
    }
    Ok(Plan {
        folder,
        rate_hz: recipe.rate,
        depth,
        loops,
    })
}

fn requests(
    matrix: &Matrix,
    model: &ModelSource,
    precision: Option<Precision>,
) -> Result<Vec<GenerateRequest>, String> {
    let keys: Vec<Option<Key>> = if matrix.keys.is_empty() {
        vec![None]
    } else {
        let keys = matrix.keys.iter().map(|key| key.parse().map(Some));
        keys.collect::<Result<_, _>>()
            .map_err(|error: prompt::NotAKey| error.to_string())?
    };
    let mut out = Vec::new();
    for words in &matrix.prompts {
        for &tempo_bpm in &matrix.bpm {
            for &key in &keys {
                for &bars in &matrix.bars {
                    for &seed in &matrix.seeds {
                        out.push(GenerateRequest {
                            model: model.clone(),
                            model_sha256: None,
                            prompt: asked(words, tempo_bpm, key),
                            negative: matrix.negative.clone(),
                            length: Length::Bars {
                                bars,
                                beats_per_bar: matrix.beats_per_bar,
                                tempo_bpm,
                            },
                            fit: Some(Fit {
                                play_at_bpm: None,
                                loudness_lufs: matrix.loudness,
                                reroll: matrix.reroll_below.map(|below_score| Reroll {
                                    below_score,
                                    at_most: matrix.rerolls,
                                }),
                            }),
                            sampling: Sampling {
                                temperature: matrix.temperature,
                                top_k: matrix.top_k,
                                top_p: matrix.top_p,
                                guidance: matrix.guidance,
                                greedy: false,
                            },
                            seed,
                            precision,
                            threads: None,
                            key: key.map(|key| key.to_string()),
                        });
                    }
                }
            }
        }
    }
    Ok(out)
}

/// Tempo and key alone are no prompt: the engine is to refuse it.
fn asked(words: &str, tempo_bpm: f64, key: Option<Key>) -> String {
    if words.trim().is_empty() {
        String::new()
    } else {
        prompt::compose(words, Some(tempo_bpm), key)
    }
}

/// Words that tell loops apart, and a few digits that stand for all that was asked for: a loop that
/// is asked for in the same way has the same name in every run, whatever else is in the file.
fn name(request: &GenerateRequest, recipe: &Recipe) -> String {
    let mut parts = prompt::name_words(&request.prompt);
    if let Length::Bars {
        bars, tempo_bpm, ..
    } = request.length
    {
        parts.push(format!("{tempo_bpm}bpm"));
        parts.push(format!("{bars}bars"));
    }
    if let Some(key) = &request.key {
        let key = key
            .replace('#', "s")
            .replace(" major", "")
            .replace(" minor", "m");
        parts.push(key);
    }
    parts.push(format!("seed{}", request.seed));
    let asked = (
        &request.prompt,
        request.length,
        request.fit,
        request.sampling,
        &request.model,
        (recipe.bits, recipe.rate, recipe.precision),
    );
    // Plain data: there is nothing in it that JSON can't say.
    let mut asked = serde_json::to_string(&asked).unwrap_or_default();
    // Only where there is one: names from before there were any stay as they are.
    asked.extend(request.negative().map(|text| format!("\n{text}")));
    let digest = Sha256::digest(asked.as_bytes());
    parts.push(
        digest[..3]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    );
    parts.join("_")
}
