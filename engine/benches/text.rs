//! How long a prompt takes: `cargo bench -p barline-engine --bench text`.
//!
//! T5's encoder on 16 tokens, for the starter's size and for t5-base (that of the published
//! models), with random weights; then a prompt that is known already.

use std::path::Path;

use barline_engine::musicgen::{Config, TextEncoder};
use barline_engine::weights::Weights;
use divan::Bencher;

const SIZES: [&str; 2] = ["t5-base", "starter"];
const THREADS: [usize; 2] = [1, 2];
const TOKENS: usize = 16;

fn main() {
    divan::main();
}

fn encoder(size: &str) -> TextEncoder {
    let text = include_str!("../../models/starter/config.json");
    let mut json: serde_json::Value = serde_json::from_str(text).expect("JSON");
    if size == "t5-base" {
        json["text_encoder"] = serde_json::json!({
            "model_type": "t5", "vocab_size": 32_128, "d_model": 768, "d_kv": 64,
            "d_ff": 3072, "num_layers": 12, "num_heads": 12,
        });
    }
    let path = Path::new("config.json");
    let config = Config::parse(path, &json.to_string(), None).expect("a configuration");
    let weights = Weights::random(1).expect("weights");
    let tokenizer = include_bytes!("../../models/starter/tokenizer.json");
    TextEncoder::load(&config, &weights, path, tokenizer).expect("an encoder")
}

#[divan::bench(args = SIZES, consts = THREADS, sample_count = 9, sample_size = 1)]
fn new_prompt<const N: usize>(bencher: Bencher<'_, '_>, size: &str) {
    let encoder = encoder(size);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(N).build();
    let pool = pool.expect("threads");
    let mut prompt = 0;
    bencher.bench_local(|| {
        prompt += 1;
        let tokens = [prompt; TOKENS];
        pool.install(|| encoder.states(&tokens).expect("states"))
    });
}

#[divan::bench(args = SIZES)]
fn known_prompt(bencher: Bencher<'_, '_>, size: &str) {
    let encoder = encoder(size);
    bencher.bench_local(|| encoder.states(&[7; TOKENS]).expect("states"));
}
