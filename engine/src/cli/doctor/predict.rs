//! How long a bar will take with each size of model, from its parts: a step, a second of the
//! codec, the text.
//!
//! Main thread, and those that it measures. Random weights of the true sizes are made in memory;
//! a size that memory has no room for is said to be too large.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use barline_engine::bandwidth::Probe;
use barline_engine::fit::Target;
use barline_engine::model::{Model, Size};
use barline_engine::musicgen::packed::Team;
use barline_engine::shelf::predict::{BESIDE_BYTES, weights_bytes};
use barline_engine::{EngineError, Fit, Sampling};
use serde::Serialize;

use super::super::bench::{pool, step};

/// The loop that a bar is a part of.
const BARS: u32 = 4;
const BEATS_PER_BAR: u32 = 4;
const TEMPO_BPM: f64 = 120.0;
/// Of the codec, to measure it.
const CODEC_SECONDS: f64 = 3.0;

/// What is expected of a size.
#[derive(Debug, Serialize)]
pub(super) struct Bars {
    size: String,
    precision: String,
    memory_mib: u64,
    /// `None` when there is no room for it.
    seconds_per_bar: Option<f64>,
    real_time_factor: Option<f64>,
}

/// Measures and predicts, for every size at the precision that is used by default.
pub(super) fn all_sizes(
    threads: NonZeroUsize,
    memory_bytes: u64,
) -> Result<Vec<Bars>, EngineError> {
    let sizes = Size::ALL.into_iter();
    let bars = sizes.map(|size| of_size(size, threads, memory_bytes));
    bars.collect()
}

fn of_size(size: Size, threads: NonZeroUsize, memory_bytes: u64) -> Result<Bars, EngineError> {
    let config = size.config()?;
    let precision = config.decoder.precision();
    let needed = weights_bytes(&config.decoder, precision) + BESIDE_BYTES;
    let mut bars = Bars {
        size: size.to_string(),
        precision: precision.to_string(),
        memory_mib: needed >> 20,
        seconds_per_bar: None,
        real_time_factor: None,
    };
    if needed > memory_bytes {
        return Ok(bars);
    }
    let target = Target {
        bars: BARS,
        beats_per_bar: BEATS_PER_BAR,
        tempo_bpm: TEMPO_BPM,
        play_at_bpm: None,
        loudness_lufs: Fit::default().loudness_lufs,
    };
    let beat_seconds = 60.0 / TEMPO_BPM;
    let bar_seconds = f64::from(BEATS_PER_BAR) * beat_seconds;
    let seconds = f64::from(BARS) * bar_seconds + f64::from(target.spare_beats()) * beat_seconds;
    let model = Model::random(size, Some(precision))?;
    let frame_rate_hz =
        f64::from(model.codec().rate_hz()) / model.codec().samples_per_frame() as f64;
    let steps = seconds * frame_rate_hz;
    let (text, codec) = beside(&model, threads, seconds)?;
    drop(model);
    // A step takes longer the more came before: in the mean, half of all.
    let context = (steps / 2.0) as usize;
    let rows = if Sampling::default().is_guided() {
        2
    } else {
        1
    };
    let step = step::measure(&Probe::new()?, size, precision, rows, context, threads)?;
    let all = text + codec + steps * step.ms_per_step / 1e3;
    bars.seconds_per_bar = Some(all / f64::from(BARS));
    bars.real_time_factor = Some(f64::from(BARS) * bar_seconds / all);
    Ok(bars)
}

/// Seconds for the text and for the codec of so many seconds of audio.
fn beside(model: &Model, threads: NonZeroUsize, seconds: f64) -> Result<(f64, f64), EngineError> {
    let pool = pool(threads)?;
    let team = Arc::new(Team::new(threads)?);
    pool.install(|| {
        let begin = Instant::now();
        let takes = [(Sampling::default(), 0)];
        model.generate(
            "dusty lo-fi drums, 120 bpm, A minor",
            None,
            1,
            &takes,
            &team,
        )?;
        let text = begin.elapsed().as_secs_f64();
        let frame_seconds =
            model.codec().samples_per_frame() as f64 / f64::from(model.codec().rate_hz());
        let frames = (CODEC_SECONDS / frame_seconds) as usize;
        let tokens = vec![7; model.codec().codebooks()];
        let decode = || {
            let mut stream = model.codec().stream();
            let mut out = Vec::new();
            let begin = Instant::now();
            (0..frames).for_each(|_| stream.push(&tokens, &mut out));
            stream.finish(&mut out);
            begin.elapsed().as_secs_f64()
        };
        decode();
        let codec = decode() * seconds / CODEC_SECONDS * model.channels() as f64;
        Ok((text, codec))
    })
}

impl fmt::Display for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            size,
            precision,
            memory_mib,
            ..
        } = self;
        write!(f, "{size:10} {precision}, {memory_mib} MiB: ")?;
        match (self.seconds_per_bar, self.real_time_factor) {
            (Some(seconds), Some(factor)) => {
                write!(f, "{seconds:.2} s a bar of 2 s, {factor:.2} × real time")
            }
            _ => f.write_str("too large for the memory that is free"),
        }
    }
}
