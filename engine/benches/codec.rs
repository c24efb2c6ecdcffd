//! How fast the codec is: whole decode, streamed decode and encode of ten seconds.
//!
//! `cargo bench -p barline-engine --bench codec -- FOLDER [THREADS]`, where the folder holds a
//! MusicGen or an EnCodec model. A probe of the memory's speed stands beside the figures: the
//! LSTM reads all of its weights for every frame, so that they mean little without it.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use barline_engine::codec::{Codec, CodecConfig};
use barline_engine::weights::Weights;
use rayon::prelude::*;

const SECONDS: usize = 10;
const ROUNDS: usize = 5;

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let Some(folder) = arguments.first() else {
        println!("give a folder with a model: cargo bench --bench codec -- FOLDER [THREADS]");
        return Ok(());
    };
    let threads = arguments.get(1).map_or(Ok(2), |threads| threads.parse())?;
    let start = Instant::now();
    let (codec, entries) = load(Path::new(folder))?;
    println!("load          {:7.1} ms", milliseconds(start));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    pool.install(|| run(&codec, entries));
    Ok(())
}

/// The codec of a model and the entries of a codebook.
fn load(folder: &Path) -> Result<(Codec, u32)> {
    let path = folder.join("config.json");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut config: serde_json::Value = serde_json::from_str(&text)?;
    let (section, prefix) = match config.get_mut("audio_encoder") {
        Some(section) => (section.take(), "audio_encoder."),
        None => (config, ""),
    };
    let config: CodecConfig = serde_json::from_value(section)?;
    let codec = Codec::load(&config, &Weights::open(folder)?, prefix)?;
    Ok((codec, u32::try_from(config.codebook_size)?))
}

fn run(codec: &Codec, entries: u32) {
    let frames = (SECONDS * codec.rate_hz() as usize).div_ceil(codec.samples_per_frame());
    let mut state = 1u32;
    let mut token = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % entries
    };
    let codes: Vec<Vec<u32>> = (0..codec.codebooks())
        .map(|_| (0..frames).map(|_| token()).collect())
        .collect();
    let mut figures = [const { Vec::new() }; 6];
    for _ in 0..ROUNDS {
        figures[0].push(probe());
        let start = Instant::now();
        let whole = codec.decode(&codes);
        figures[1].push(milliseconds(start));

        let (mut stream, mut out) = (codec.stream(), Vec::new());
        let (mut first, mut slowest) = (None, 0.0f64);
        let start = Instant::now();
        for frame in 0..frames {
            let tokens: Vec<u32> = codes.iter().map(|codebook| codebook[frame]).collect();
            let push = Instant::now();
            stream.push(&tokens, &mut out);
            slowest = slowest.max(milliseconds(push));
            first = first.or((!out.is_empty()).then_some(frame + 1));
        }
        stream.finish(&mut out);
        figures[2].push(milliseconds(start));
        figures[3].push(slowest);
        figures[4].push(first.unwrap_or(frames) as f64);
        assert_eq!(out, whole, "the joined stream is the whole decode");

        let start = Instant::now();
        std::hint::black_box(codec.encode(&whole));
        figures[5].push(milliseconds(start));
    }
    let names = [
        "memory        {} GB/s",
        "decode        {} ms",
        "stream        {} ms",
        "slowest push  {} ms",
        "first sound   {} frames",
        "encode        {} ms",
    ];
    println!(
        "{SECONDS} s of audio, {} threads, medians:",
        rayon::current_num_threads()
    );
    for (name, mut values) in names.into_iter().zip(figures) {
        values.sort_by(f64::total_cmp);
        println!(
            "{}",
            name.replace("{}", &format!("{:7.1}", values[ROUNDS / 2]))
        );
    }
}

/// Gigabytes a second that all threads together read of a buffer no cache holds.
fn probe() -> f64 {
    let buffer = vec![1u64; 1 << 26];
    let start = Instant::now();
    let sum: u64 = buffer
        .par_chunks(1 << 20)
        .map(|chunk| chunk.iter().sum::<u64>())
        .sum();
    assert_eq!(sum, buffer.len() as u64);
    (size_of_val(&buffer[..]) as f64) / 1e6 / milliseconds(start)
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
