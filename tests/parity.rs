//! Whole models against Hugging Face transformers: `golden/models/*`, made by `golden/make.py`
//! (the codec alone: `codec_parity`).
//!
//! Each test prints the worst error that it measured (`--nocapture` shows it). The bounds
//! are relative to the largest magnitude of what is compared.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barline_engine::model::Model;
use barline_engine::musicgen::Rows;
use barline_engine::musicgen::packed::Team;
use barline_engine::musicgen::sampling;
use barline_engine::weights::Weights;
use barline_engine::{ModelSource, Precision, Sampling};
use serde::Deserialize;
use serde::de::DeserializeOwned;

const MODELS: [&str; 5] = [
    "mono",
    "mono_sharded_bf16",
    "stereo",
    "stereo_sharded",
    "stereo_f16_old_names",
];
const BOUND: f32 = 1e-4;
/// The goldens' decoders: tokens of a codebook, which is also the start token.
const VOCABULARY: usize = 64;

const GREEDY: Sampling = Sampling {
    temperature: 1.0,
    top_k: 0,
    top_p: 1.0,
    guidance: 1.0,
    greedy: true,
};

#[derive(Deserialize)]
struct ModelGolden {
    prompts: Vec<Prompt>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Prompt {
    text: String,
    ids: Vec<u32>,
    states: String,
}

#[derive(Deserialize)]
struct Run {
    prompt: usize,
    guidance: f32,
    codes: Vec<Vec<u32>>, // [codebook][frame]
    logits: String,       // [step, row, codebook, token]
    audio: String,        // [channel, sample]
}

#[derive(Deserialize)]
struct SamplingGolden {
    temperature: f32,
    top_k: u32,
    top_p: f32,
    logits: Vec<f32>,
    probabilities: Vec<f64>,
}

/// A golden model with its tensors.
struct Case {
    name: &'static str,
    model: Model,
    golden: ModelGolden,
    tensors: Tensors,
}

fn cases() -> impl Iterator<Item = Case> {
    cases_in(Precision::Exact)
}

fn cases_in(precision: Precision) -> impl Iterator<Item = Case> {
    MODELS.into_iter().map(move |name| {
        let folder = golden("models").join(name);
        Case {
            name,
            model: Model::load(&ModelSource::Folder(folder.clone()), Some(precision)).unwrap(),
            golden: json(&folder.join("golden.json")),
            tensors: Tensors::open(&folder),
        }
    })
}

#[test]
fn token_ids_are_identical() {
    for Case {
        name,
        model,
        golden,
        ..
    } in cases()
    {
        for Prompt { text, ids, .. } in &golden.prompts {
            assert_eq!(model.text().tokens(text).unwrap(), *ids, "{name}: {text:?}");
        }
    }
}

#[test]
fn text_states_agree() {
    for Case {
        name,
        model,
        golden,
        tensors,
    } in cases()
    {
        let mut worst = 0.0_f32;
        for prompt in &golden.prompts {
            let states = model.text().states(&prompt.ids).unwrap();
            let (shape, expect) = tensors.get(&prompt.states);
            assert_eq!(states.dims(), shape, "{name}");
            worst = worst.max(error(
                &states.flatten_all().unwrap().to_vec1().unwrap(),
                &expect,
            ));
        }
        report(name, "text states", worst);
    }
}

#[test]
fn logits_agree_at_every_step() {
    for case in cases() {
        report(case.name, "logits", worst_logits(&case));
    }
}

/// Rounded weights are off by what their bits leave out; 32 bits by the keys' and values' 16.
#[test]
fn packed_logits_agree_as_far_as_their_precision_goes() {
    for (precision, bound) in [
        (Precision::F32, 1e-3),
        (Precision::Bf16, 2e-2),
        (Precision::Q8, 6e-2),
        (Precision::Q4, 0.5),
    ] {
        for case in cases_in(precision) {
            let worst = worst_logits(&case);
            println!("{}: {precision} logits: worst error {worst:.1e}", case.name);
            assert!(worst < bound, "{}: {precision}: {worst}", case.name);
        }
    }
}

/// Feeds the golden tokens, so that every step is compared on the same past. Gives the worst
/// error of any logit, in parts of the largest.
fn worst_logits(case: &Case) -> f32 {
    let mut worst = 0.0_f32;
    let team = team();
    for run in &case.golden.runs {
        let (shape, expect) = case.tensors.get(&run.logits);
        let [steps, rows, codebooks, vocabulary] = shape[..] else {
            panic!("{shape:?}")
        };
        assert_eq!(vocabulary, VOCABULARY);
        let largest = magnitude(&expect);
        let model = &case.model;
        let ids = &case.golden.prompts[run.prompt].ids;
        let states = model.text().states(ids).unwrap();
        let kind = Rows::new(vec![states], rows == 2);
        let mut decoder = model.decoder().begin(&team, &kind, 1, steps).unwrap();
        for (step, expect) in expect.chunks(expect.len() / steps).enumerate() {
            let input: Vec<u32> = (0..codebooks)
                .map(|codebook| {
                    let frame = step.checked_sub(1 + codebook / model.channels());
                    frame
                        .and_then(|frame| run.codes[codebook].get(frame))
                        .copied()
                        .unwrap_or(VOCABULARY as u32)
                })
                .collect();
            decoder.step(&input).unwrap();
            for (row, expect) in expect.chunks(expect.len() / rows).enumerate() {
                let logits = decoder.logits(row);
                assert_eq!(logits.len(), expect.len());
                worst = worst.max(difference(logits, expect) / largest);
            }
        }
    }
    worst
}

fn team() -> Arc<Team> {
    Arc::new(Team::new(NonZeroUsize::new(2).unwrap()).unwrap())
}

#[test]
fn greedy_codes_are_identical_and_their_audio_agrees() {
    for Case {
        name,
        model,
        golden,
        tensors,
    } in cases()
    {
        for run in &golden.runs {
            let sampling = Sampling {
                guidance: run.guidance,
                ..GREEDY
            };
            let text = &golden.prompts[run.prompt].text;
            let codes = generate(&model, text, run.codes[0].len(), &sampling, 0);
            assert_eq!(codes, run.codes, "{name}, guidance {}", run.guidance);
            let (shape, expect) = tensors.get(&run.audio);
            assert_eq!(shape[0], model.channels());
            // Left is codebooks 0, 2, 4, 6 and right 1, 3, 5, 7 in the stereo layout.
            let channel = |channel: usize| {
                let codes: Vec<_> = codes
                    .iter()
                    .skip(channel)
                    .step_by(shape[0])
                    .cloned()
                    .collect();
                model.codec().decode(&codes)
            };
            let audio: Vec<f32> = (0..shape[0]).flat_map(channel).collect();
            report(
                name,
                &format!(
                    "audio of {} frames, guidance {}",
                    codes[0].len(),
                    run.guidance
                ),
                error(&audio, &expect),
            );
        }
    }
}

#[test]
fn filters_leave_the_same_distribution() {
    let cases: Vec<SamplingGolden> = json(&golden("sampling.json"));
    let mut worst = 0.0_f64;
    for case in &cases {
        let SamplingGolden {
            temperature,
            top_k,
            top_p,
            ..
        } = *case;
        let sampling = Sampling {
            temperature,
            top_k,
            top_p,
            guidance: 1.0,
            greedy: false,
        };
        let mut left = vec![0.0; case.logits.len()];
        for (token, probability) in sampling::distribution(&case.logits, &sampling) {
            left[token as usize] = probability;
        }
        for (ours, theirs) in left.iter().zip(&case.probabilities) {
            assert_eq!(*ours == 0.0, *theirs == 0.0, "top-k {top_k}, top-p {top_p}");
            worst = worst.max((ours - theirs).abs());
        }
    }
    println!(
        "sampling: {} distributions, worst error {worst:.1e}",
        cases.len()
    );
    assert!(worst < 1e-6);
}

#[test]
fn a_seed_makes_the_same_clip_and_another_seed_another() {
    let Case { model, golden, .. } = cases().next().unwrap();
    let sampling = Sampling {
        top_k: 20,
        top_p: 0.9,
        guidance: 3.0,
        ..Sampling::default()
    };
    let make = |seed| generate(&model, &golden.prompts[0].text, 30, &sampling, seed);
    assert_eq!(make(7), make(7));
    assert_ne!(make(7), make(8));
    let longer = generate(&model, &golden.prompts[0].text, 40, &sampling, 7);
    assert_eq!(
        longer[0][..30],
        make(7)[0][..],
        "a longer clip starts the same"
    );
}

/// All codes of a clip, `[codebook][frame]`.
fn generate(
    model: &Model,
    prompt: &str,
    frames: usize,
    sampling: &Sampling,
    seed: u64,
) -> Vec<Vec<u32>> {
    let takes = [(*sampling, seed)];
    let mut generation = model
        .generate(prompt, None, frames, &takes, &team())
        .unwrap();
    let mut codes = vec![Vec::new(); model.codec().codebooks() * model.channels()];
    for _ in 0..generation.steps() {
        if let Some(frame) = generation.step().unwrap() {
            for (codes, token) in codes.iter_mut().zip(generation.frame(0, frame)) {
                codes.push(token);
            }
        }
    }
    codes
}

/// Prints an error and holds it against the bound.
fn report(case: &str, what: &str, worst: f32) {
    println!("{case}: {what}: worst error {worst:.1e}");
    assert!(worst < BOUND, "{case}: {what}: {worst}");
}

fn error(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    difference(ours, theirs) / magnitude(theirs)
}

fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    // `max` would pass over a NaN.
    ours.iter()
        .zip(theirs)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |a, b| if b <= a { a } else { b })
}

fn magnitude(values: &[f32]) -> f32 {
    values
        .iter()
        .fold(0.0, |largest, value| largest.max(value.abs()))
}

/// Tensors by name.
struct Tensors(Weights);

impl Tensors {
    fn open(folder: &Path) -> Self {
        let bytes = std::fs::read(folder.join("golden.safetensors")).unwrap();
        Self(Weights::from_static("golden.safetensors", bytes.leak()).unwrap())
    }

    fn get(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let shape = self.0.shape(name).unwrap().to_vec();
        let values = self.0.f32(name, &shape).unwrap();
        (shape, values)
    }
}

fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(path)
}

fn json<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
