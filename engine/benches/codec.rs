//! How fast the codec is: `cargo bench -p barline-engine --bench codec`.
//!
//! Ten seconds decoded, streamed and encoded, for the published size and the starter's, with
//! random weights. `memory` is what so many threads read a second of a buffer that no cache
//! holds: the LSTM reads all of its weights for every frame. The slowest sample of `frame` is
//! the longest that a stream ever takes for 20 ms.

use std::hint::black_box;
use std::sync::LazyLock;

use barline_engine::codec::{Codec, CodecConfig};
use barline_engine::weights::Weights;
use divan::Bencher;
use divan::counter::BytesCount;
use rayon::ThreadPool;
use rayon::prelude::*;

const SECONDS: usize = 10;
const SIZES: [&str; 2] = ["published", "starter"];
const THREADS: [usize; 2] = [1, 2];

fn main() {
    divan::main();
}

/// A codec with as many tokens as make ten seconds.
struct Case {
    codec: Codec,
    codes: Vec<Vec<u32>>,
}

impl Case {
    fn new(config: &CodecConfig) -> Self {
        let weights = Weights::random(1).expect("weights");
        let codec = Codec::load(config, &weights, "audio_encoder.").expect("a codec");
        let frames = (SECONDS * codec.rate_hz() as usize).div_ceil(codec.samples_per_frame());
        let mut state = 1u32;
        let mut token = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % config.codebook_size as u32
        };
        let codes = (0..codec.codebooks())
            .map(|_| (0..frames).map(|_| token()).collect())
            .collect();
        Self { codec, codes }
    }

    fn named(size: &str) -> &'static Self {
        static PUBLISHED: LazyLock<Case> = LazyLock::new(|| Case::new(&CodecConfig::published()));
        static STARTER: LazyLock<Case> = LazyLock::new(|| {
            let text = include_str!("../../models/starter/config.json");
            let mut config: serde_json::Value = serde_json::from_str(text).expect("JSON");
            let section = config["audio_encoder"].take();
            Case::new(&serde_json::from_value(section).expect("a codec's configuration"))
        });
        if size == "starter" {
            &STARTER
        } else {
            &PUBLISHED
        }
    }

    fn frame(&self, frame: usize) -> Vec<u32> {
        self.codes.iter().map(|codebook| codebook[frame]).collect()
    }
}

fn pool(threads: usize) -> ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("threads")
}

#[divan::bench(consts = THREADS, sample_count = 5, sample_size = 1)]
fn memory<const N: usize>(bencher: Bencher<'_, '_>) {
    let buffer = vec![1u64; 1 << 26];
    let read = || -> u64 {
        let chunks = buffer.par_chunks(1 << 20);
        chunks.map(|chunk| chunk.iter().sum::<u64>()).sum()
    };
    let pool = pool(N);
    bencher
        .counter(BytesCount::of_slice(&buffer))
        .bench_local(|| pool.install(read));
}

#[divan::bench(args = SIZES, consts = THREADS, sample_count = 7, sample_size = 1)]
fn decode<const N: usize>(bencher: Bencher<'_, '_>, size: &str) {
    let (case, pool) = (Case::named(size), pool(N));
    bencher.bench_local(|| pool.install(|| case.codec.decode(&case.codes)));
}

#[divan::bench(args = SIZES, consts = THREADS, sample_count = 5, sample_size = 1)]
fn stream<const N: usize>(bencher: Bencher<'_, '_>, size: &str) {
    let (case, pool) = (Case::named(size), pool(N));
    let run = || {
        let (mut stream, mut out) = (case.codec.stream(), Vec::new());
        for frame in 0..case.codes[0].len() {
            stream.push(&case.frame(frame), &mut out);
        }
        stream.finish(&mut out);
        out
    };
    bencher.bench_local(|| pool.install(run));
}

#[divan::bench(args = SIZES, consts = THREADS, sample_count = 1000, sample_size = 1)]
fn frame<const N: usize>(bencher: Bencher<'_, '_>, size: &str) {
    let (case, pool) = (Case::named(size), pool(N));
    let (mut stream, mut out, mut frame) = (case.codec.stream(), Vec::new(), 0);
    bencher.bench_local(|| {
        let tokens = case.frame(frame % case.codes[0].len());
        out.clear();
        pool.install(|| stream.push(&tokens, &mut out));
        frame += 1;
        black_box(out.len())
    });
}

#[divan::bench(args = SIZES, consts = THREADS, sample_count = 5, sample_size = 1)]
fn encode<const N: usize>(bencher: Bencher<'_, '_>, size: &str) {
    let (case, pool) = (Case::named(size), pool(N));
    let audio = pool.install(|| case.codec.decode(&case.codes));
    bencher.bench_local(|| pool.install(|| case.codec.encode(&audio)));
}

#[divan::bench(args = SIZES, sample_count = 3, sample_size = 1)]
fn load(size: &str) -> Case {
    match size {
        "published" => Case::new(&CodecConfig::published()),
        _ => Case::new(&CodecConfig {
            num_filters: 16,
            ..CodecConfig::published()
        }),
    }
}
