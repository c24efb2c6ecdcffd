//! How long a step's draws take: `cargo bench -p barline-engine --bench sampling`.
//!
//! Four codebooks of 2048 tokens, as in the published models.

use barline_engine::musicgen::sampling::{Chance, choose};
use barline_engine::request::Sampling;
use divan::Bencher;

const CODEBOOKS: usize = 4;
const VOCABULARY: usize = 2048;

fn main() {
    divan::main();
}

/// Draws from logits that are about as peaked as a model's.
fn step(bencher: Bencher<'_, '_>, sampling: &Sampling) {
    let mut noise = Chance::new(1);
    let normal = |noise: &mut Chance| (0..12).map(|_| noise.uniform()).sum::<f32>() - 6.0;
    let logits: Vec<f32> = (0..CODEBOOKS * VOCABULARY)
        .map(|_| 3.0 * normal(&mut noise))
        .collect();
    let mut chance = Chance::new(2);
    bencher.bench_local(|| {
        let codebooks = logits.chunks_exact(VOCABULARY);
        codebooks
            .map(|logits| choose(logits, sampling, &mut chance))
            .sum::<u32>()
    });
}

#[divan::bench]
fn top_k_250(bencher: Bencher<'_, '_>) {
    step(bencher, &Sampling::default());
}

#[divan::bench]
fn top_p_90(bencher: Bencher<'_, '_>) {
    let (top_k, top_p) = (0, 0.9);
    step(
        bencher,
        &Sampling {
            top_k,
            top_p,
            ..Sampling::default()
        },
    );
}

#[divan::bench]
fn all_tokens(bencher: Bencher<'_, '_>) {
    step(
        bencher,
        &Sampling {
            top_k: 0,
            ..Sampling::default()
        },
    );
}

#[divan::bench]
fn greedy(bencher: Bencher<'_, '_>) {
    step(
        bencher,
        &Sampling {
            greedy: true,
            ..Sampling::default()
        },
    );
}
