//! How long a decoder step takes: `cargo bench -p barline-engine --bench step [-- MODEL_FOLDER]`.
//!
//! Prints the median and the slowest of the steps of a 10 s clip, for one row and two, on
//! one thread and on all physical cores. The tokens do not matter to the time.

use std::time::Instant;

use barline_engine::ModelSource;
use barline_engine::model::Model;
use barline_engine::musicgen::decoder::Rows;

const STEPS: usize = 503;

fn main() {
    // `cargo test --all-targets` starts benches without it, and only to see that they start.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let source = folder.map_or(ModelSource::Starter, |folder| {
        ModelSource::Folder(folder.into())
    });
    let model = Model::load(&source).expect("a model");
    let text = model.text();
    let states = text
        .states(&text.tokens("house drums, 120 bpm").expect("tokens"))
        .expect("states");
    let tokens = vec![0; model.codec().codebooks() * model.channels()];
    println!("{}, {STEPS} steps: milliseconds a step", model.name());
    for threads in [1, num_cpus::get_physical()] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("threads");
        for rows in [Rows::Conditional, Rows::Guided] {
            let mut times = pool.install(|| {
                let mut run = model.decoder().begin(&states, rows, STEPS).expect("memory");
                let step = |_| {
                    let start = Instant::now();
                    run.step(&tokens).expect("a step");
                    start.elapsed().as_secs_f64() * 1e3
                };
                (0..STEPS).map(step).collect::<Vec<_>>()
            });
            times.sort_by(f64::total_cmp);
            let (median, slowest) = (times[STEPS / 2], times[STEPS - 1]);
            println!("{threads} threads, {rows:?}: median {median:.2}, slowest {slowest:.2}");
        }
    }
}
