//! `barline bench codec`: tokens → audio.
//!
//! Main thread and a pool.

use std::time::Instant;

use barline_engine::codec::Codec;
use barline_engine::weights::Weights;
use serde::Serialize;

use super::super::Failure;
use super::super::args::BenchCodecArgs;
use super::{median, pool, print, threads};

/// Decodes that are measured, after one that is not.
const ROUNDS: usize = 5;

#[derive(Debug, Serialize)]
struct Figures {
    size: String,
    threads: usize,
    audio_seconds: f64,
    /// To decode it as it is decoded while a clip is made, in small batches.
    seconds: f64,
    real_time_factor: f64,
    /// The longest that one frame of tokens took: what the steps wait for it.
    ms_slowest_frame: f64,
    /// To decode it all at once.
    seconds_whole: f64,
}

/// Runs the command.
pub(super) fn run(args: &BenchCodecArgs) -> Result<(), Failure> {
    if !(0.02..=3600.0).contains(&args.seconds) {
        let what = format!(
            "--seconds is {}, but must be between 0.02 and 3600",
            args.seconds
        );
        return Err(Failure::Argument(what));
    }
    let threads = threads(args.threads);
    let config = args.size.config()?.codec;
    let codec = Codec::load(&config, &Weights::random(1)?, "audio_encoder.")?;
    let frame_seconds = codec.samples_per_frame() as f64 / f64::from(codec.rate_hz());
    let frames = (args.seconds / frame_seconds).round() as usize;
    let token =
        |book: usize, frame: usize| ((frame * 31 + book * 17) % config.codebook_size) as u32;
    let codes: Vec<Vec<u32>> = (0..codec.codebooks())
        .map(|book| (0..frames).map(|frame| token(book, frame)).collect())
        .collect();
    let pool = pool(threads)?;
    let mut slowest = 0.0_f64;
    let mut streamed = || {
        let mut out = Vec::new();
        let mut stream = codec.stream();
        let start = Instant::now();
        for frame in 0..frames {
            let tokens: Vec<u32> = codes.iter().map(|codes| codes[frame]).collect();
            let begin = Instant::now();
            stream.push(&tokens, &mut out);
            slowest = slowest.max(begin.elapsed().as_secs_f64());
        }
        stream.finish(&mut out);
        start.elapsed().as_secs_f64()
    };
    let whole = || {
        let start = Instant::now();
        let samples = codec.decode(&codes);
        drop(samples);
        start.elapsed().as_secs_f64()
    };
    let (stream, whole) = pool.install(|| {
        let _ = (streamed(), whole());
        let stream: Vec<f64> = (0..ROUNDS).map(|_| streamed()).collect();
        let whole: Vec<f64> = (0..ROUNDS).map(|_| whole()).collect();
        (median(stream), median(whole))
    });
    let audio_seconds = frames as f64 * frame_seconds;
    let figures = Figures {
        size: args.size.to_string(),
        threads: threads.get(),
        audio_seconds,
        seconds: stream,
        real_time_factor: audio_seconds / stream,
        ms_slowest_frame: slowest * 1e3,
        seconds_whole: whole,
    };
    print(&figures, args.json)
}
