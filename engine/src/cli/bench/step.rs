//! `barline bench step`: one step of a language model.
//!
//! Main thread and a team.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use barline_engine::bandwidth::Probe;
use barline_engine::model::Size;
use barline_engine::musicgen::Rows;
use barline_engine::musicgen::packed::{PackedDecoder, Team};
use barline_engine::{EngineError, Precision};
use candle_core::{DType, Device, Tensor};
use serde::Serialize;

use super::super::Failure;
use super::super::args::BenchStepArgs;
use super::{median, print, threads};

/// Steps that are measured, after some that are not.
const STEPS: usize = 31;
const WARM_UP: usize = 3;
/// Tokens of a prompt of a dozen words.
const TEXT_TOKENS: usize = 16;

/// What a step costs.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Figures {
    size: String,
    precision: String,
    rows: usize,
    context: usize,
    threads: usize,
    /// The instructions that it ran on.
    processor: String,
    pub(in crate::cli) ms_per_step: f64,
    ms_slowest: f64,
    /// Weights, keys and values.
    bytes_per_step: usize,
    /// The mean of one reading before and one after.
    bandwidth_gbs: f64,
    /// The time that reading the bytes takes, over the time of a step.
    floor_ratio: f64,
    weights_mib: f64,
}

/// Runs the command.
pub(super) fn run(args: &BenchStepArgs) -> Result<(), Failure> {
    let config = args.size.config()?.decoder;
    let precision = args.precision.unwrap_or_else(|| config.precision());
    if precision == Precision::Exact {
        let what = "exact is the tensor library's: measure it with `barline bench clip`";
        return Err(Failure::Argument(what.into()));
    }
    let (rows, context) = (usize::from(args.rows), usize::from(args.context));
    let probe = Probe::new()?;
    let figures = measure(
        &probe,
        args.size,
        precision,
        rows,
        context,
        threads(args.threads),
    )?;
    print(&figures, args.json)
}

/// Measures steps of a model with random weights.
pub(in crate::cli) fn measure(
    probe: &Probe,
    size: Size,
    precision: Precision,
    rows: usize,
    context: usize,
    threads: NonZeroUsize,
) -> Result<Figures, EngineError> {
    let config = size.config()?.decoder;
    let decoder = PackedDecoder::random(&config, precision)?;
    let states = Tensor::ones((TEXT_TOKENS, config.hidden_size), DType::F32, &Device::Cpu)?;
    let (kind, takes) = if rows.is_multiple_of(2) {
        (Rows::guided(states), rows / 2)
    } else {
        (Rows::conditional(states), rows)
    };
    let team = Arc::new(Team::new(threads)?);
    let mut run = decoder.begin(team, &kind, takes, context + 1)?;
    let tokens: Vec<u32> = (0..takes * config.num_codebooks)
        .map(|index| index as u32 % 1000)
        .collect();
    let before = probe.gigabytes_per_second(threads.get());
    let mut step = |_| {
        run.skip_to(context);
        let start = Instant::now();
        run.step(&tokens);
        start.elapsed().as_secs_f64() * 1e3
    };
    for index in 0..WARM_UP {
        step(index);
    }
    let times: Vec<f64> = (0..STEPS).map(step).collect();
    let after = probe.gigabytes_per_second(threads.get());
    let bandwidth_gbs = (before + after) / 2.0;
    let bytes_per_step = decoder.step_bytes() + run.past_bytes(context + 1);
    let ms_slowest = times.iter().copied().fold(0.0, f64::max);
    let ms_per_step = median(times);
    Ok(Figures {
        size: size.to_string(),
        precision: precision.to_string(),
        rows,
        context,
        threads: threads.get(),
        processor: format!("{:?}", decoder.isa()),
        ms_per_step,
        ms_slowest,
        bytes_per_step,
        bandwidth_gbs,
        floor_ratio: bytes_per_step as f64 / (bandwidth_gbs * 1e6) / ms_per_step,
        weights_mib: decoder.bytes() as f64 / f64::from(1 << 20),
    })
}
