//! `barline bench quality`: what rounding the weights costs.
//!
//! Main thread and a team. Every precision is asked for the logits of the same tokens as the
//! exact decoder, which draws them as it would for a clip.

use std::sync::Arc;

use barline_engine::model::{Model, Size};
use barline_engine::musicgen::Rows;
use barline_engine::musicgen::delay::DelayPattern;
use barline_engine::musicgen::packed::Team;
use barline_engine::musicgen::sampling::{Chance, choose};
use barline_engine::{EngineError, ModelSource, Precision, Sampling};
use serde::Serialize;

use super::super::Failure;
use super::super::args::BenchQualityArgs;
use super::{print, threads};

const PROMPTS: [&str; 5] = [
    "dusty lo-fi drums, 84 bpm",
    "warm electric piano chords, 92 bpm, F major",
    "techno drums and bass, 130 bpm, A minor",
    "funky bass, no drums, 104 bpm, E minor",
    "soft pads, 70 bpm, D minor",
];

#[derive(Debug, Serialize)]
struct Figures {
    size: String,
    steps: usize,
    precisions: Vec<Quality>,
}

/// Means over all steps and codebooks, of the logits with guidance.
#[derive(Debug, Serialize)]
struct Quality {
    precision: String,
    /// Of the angle between the logits and the exact ones.
    cosine: f64,
    /// Divergence from the exact distribution, in nats.
    kl_nats: f64,
    /// Share of the choices where the likeliest token is the exact one's.
    greedy_agreement: f64,
}

/// Runs the command.
pub(super) fn run(args: &BenchQualityArgs) -> Result<(), Failure> {
    let source = match args.size {
        Size::Starter => ModelSource::Starter,
        size => ModelSource::Random(size),
    };
    let team = Arc::new(Team::new(threads(None))?);
    let steps = usize::from(args.steps);
    let mut exact = Vec::new();
    let model = load(&source, Precision::Exact)?;
    for (seed, prompt) in PROMPTS.iter().enumerate() {
        exact.push(draw(&model, prompt, seed as u64, steps, &team)?);
    }
    drop(model);
    let mut precisions = Vec::new();
    for precision in [
        Precision::F32,
        Precision::Bf16,
        Precision::Q8,
        Precision::Q4,
    ] {
        let model = load(&source, precision)?;
        precisions.push(compare(&model, precision, &exact, &team)?);
    }
    let figures = Figures {
        size: args.size.to_string(),
        steps: steps * PROMPTS.len(),
        precisions,
    };
    if args.json {
        return print(&figures, true);
    }
    for quality in &figures.precisions {
        print(quality, false)?;
    }
    Ok(())
}

/// As [`Model::load`]; random layers must differ here, which the quick ones of a bench do not.
fn load(source: &ModelSource, precision: Precision) -> Result<Model, EngineError> {
    match source {
        ModelSource::Random(size) => Model::random_throughout(*size, precision),
        _ => Model::load(source, Some(precision)),
    }
}

/// What the exact decoder read and computed.
struct Drawn {
    prompt: &'static str,
    tokens: Vec<Vec<u32>>, // [step][codebook]
    logits: Vec<Vec<f32>>, // [step][codebook × vocabulary], with guidance
}

fn draw(
    model: &Model,
    prompt: &'static str,
    seed: u64,
    steps: usize,
    team: &Arc<Team>,
) -> Result<Drawn, EngineError> {
    let sampling = Sampling::default();
    let mut chance = Chance::new(seed);
    let books = model.codec().codebooks() * model.channels();
    let pattern = DelayPattern::new(books, model.channels(), steps);
    let mut codes = vec![Vec::new(); books];
    let mut drawn = Drawn {
        prompt,
        tokens: Vec::new(),
        logits: Vec::new(),
    };
    let states = model.text().states(&model.text().tokens(prompt)?)?;
    let mut run = model
        .decoder()
        .begin(team, &Rows::guided(states), 1, steps)?;
    for step in 0..steps {
        let start = model.start_token();
        let token = |(book, codes): (usize, &Vec<u32>)| {
            pattern.read(step, book).map_or(start, |frame| codes[frame])
        };
        let tokens: Vec<u32> = codes.iter().enumerate().map(token).collect();
        run.step(&tokens)?;
        let logits = guided(run.logits(0).to_vec(), run.logits(1), sampling.guidance);
        let vocabulary = logits.len() / books;
        for (book, logits) in logits.chunks_exact(vocabulary).enumerate() {
            if pattern.made(step, book).is_some() {
                codes[book].push(choose(logits, &sampling, &mut chance));
            }
        }
        drawn.tokens.push(tokens);
        drawn.logits.push(logits);
    }
    Ok(drawn)
}

fn guided(mut with: Vec<f32>, without: &[f32], scale: f32) -> Vec<f32> {
    for (with, without) in with.iter_mut().zip(without) {
        *with = without + (*with - without) * scale;
    }
    with
}

fn compare(
    model: &Model,
    precision: Precision,
    exact: &[Drawn],
    team: &Arc<Team>,
) -> Result<Quality, EngineError> {
    let books = model.codec().codebooks() * model.channels();
    let (mut cosine, mut kl_nats, mut agreed, mut count) = (0.0, 0.0, 0.0, 0.0);
    for drawn in exact {
        let states = model.text().states(&model.text().tokens(drawn.prompt)?)?;
        let steps = drawn.tokens.len();
        let mut run = model
            .decoder()
            .begin(team, &Rows::guided(states), 1, steps)?;
        for (tokens, exact) in drawn.tokens.iter().zip(&drawn.logits) {
            run.step(tokens)?;
            let scale = Sampling::default().guidance;
            let logits = guided(run.logits(0).to_vec(), run.logits(1), scale);
            let vocabulary = logits.len() / books;
            let pairs = logits
                .chunks_exact(vocabulary)
                .zip(exact.chunks_exact(vocabulary));
            for (logits, exact) in pairs {
                cosine += cosine_of(logits, exact);
                kl_nats += divergence(exact, logits);
                agreed += f64::from(u8::from(likeliest(logits) == likeliest(exact)));
                count += 1.0;
            }
        }
    }
    Ok(Quality {
        precision: precision.to_string(),
        cosine: cosine / count,
        kl_nats: kl_nats / count,
        greedy_agreement: agreed / count,
    })
}

fn likeliest(logits: &[f32]) -> Option<usize> {
    let by_logit = |a: &(usize, &f32), b: &(usize, &f32)| a.1.total_cmp(b.1);
    logits
        .iter()
        .enumerate()
        .max_by(by_logit)
        .map(|(token, _)| token)
}

fn cosine_of(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
        products.sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Kullback-Leibler divergence of the distribution of `from` from that of `to`.
fn divergence(from: &[f32], to: &[f32]) -> f64 {
    let log_probabilities = |logits: &[f32]| -> Vec<f64> {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let shifted = logits.iter().map(|&logit| f64::from(logit - largest));
        let shifted: Vec<f64> = shifted.collect();
        let total = shifted.iter().map(|x| x.exp()).sum::<f64>().ln();
        shifted.iter().map(|x| x - total).collect()
    };
    let (p, q) = (log_probabilities(from), log_probabilities(to));
    p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum()
}
