//! How long a clip takes, from the prompt to the last sample:
//! `cargo bench -p barline-engine --bench clip`.
//!
//! Through the engine that a plugin uses, warm, with random weights of the published sizes; ten
//! seconds, four for the medium size. The prompt is known from the sample before, so that its text
//! is not encoded again. `barline bench clip` measures one case, with its first sound and memory.

use std::num::NonZeroUsize;

use barline_engine::model::Size;
use barline_engine::{
    Engine, EngineEvent, GenerateRequest, Length, ModelSource, Precision, Sampling,
};
use divan::Bencher;

fn main() {
    divan::main();
}

const CASES: [(&str, Size, Precision, f64); 5] = [
    ("starter f32", Size::Starter, Precision::F32, 10.0),
    ("starter q8", Size::Starter, Precision::Q8, 10.0),
    ("small q8", Size::Small, Precision::Q8, 10.0),
    ("small q4", Size::Small, Precision::Q4, 10.0),
    ("medium q4, 4 s", Size::Medium, Precision::Q4, 4.0),
];

#[divan::bench(args = CASES.map(|case| case.0), sample_count = 3, sample_size = 1)]
fn clip(bencher: Bencher<'_, '_>, name: &str) {
    let case = CASES.iter().find(|case| case.0 == name);
    let &(_, size, precision, seconds) = case.expect("a case of that name");
    let engine = Engine::start().expect("an engine");
    let make = |seconds| {
        let request = GenerateRequest {
            model: match size {
                Size::Starter => ModelSource::Starter,
                _ => ModelSource::Random(size),
            },
            model_sha256: None,
            prompt: "dusty lo-fi drums, 120 bpm".into(),
            negative: None,
            length: Length::Seconds(seconds),
            fit: None,
            sampling: Sampling::default(),
            seed: 1,
            precision: Some(precision),
            threads: NonZeroUsize::new(num_cpus::get_physical()),
            key: None,
        };
        let job = engine.submit(request).expect("a job");
        for event in job.events() {
            match event {
                EngineEvent::Finished(_) => return,
                EngineEvent::Failed(error) => panic!("{error}"),
                _ => {}
            }
        }
        panic!("the engine has stopped");
    };
    make(0.2);
    bencher.bench_local(|| make(seconds));
}
