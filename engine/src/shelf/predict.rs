//! What a published size takes on this machine: memory, and seconds for a bar.
//!
//! Any thread that may be busy for a second. The shapes are facts of the published configurations;
//! nothing of a model need be here. `barline doctor --bench` measures the same with whole models
//! and more patience.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};

use crate::codec::Codec;
use crate::error::EngineError;
use crate::model::Size;
use crate::musicgen::Config;
use crate::musicgen::Rows;
use crate::musicgen::config::DecoderConfig;
use crate::musicgen::packed::{PackedDecoder, Team};
use crate::request::Precision;
use crate::weights::Weights;

/// What is needed beside the decoder's weights: text encoder, codec, a long clip's past.
pub const BESIDE_BYTES: u64 = 1 << 30;

/// The bar that is predicted: 4/4 at 120 BPM.
const BAR_SECONDS: f64 = 2.0;
/// Weights of the part that is measured, in bytes: more than a processor's cache holds, less than any
/// machine's memory. Whole layers.
const PART_BYTES: u64 = 100 << 20;
const STEPS: usize = 9;
const WARM_UP: usize = 2;
/// Steps of the past in the middle of a loop of four bars.
const CONTEXT: usize = 200;
const TEXT_TOKENS: usize = 16;

/// The configuration of a published size, mono or stereo.
///
/// # Errors
/// None in practice (see [`Size::config`]).
pub fn config(size: Size, channels: u8) -> Result<Config, EngineError> {
    let mut config = size.config()?;
    if channels == 2 && config.decoder.audio_channels == 1 {
        config.decoder.audio_channels = 2;
        config.decoder.num_codebooks *= 2;
    }
    Ok(config)
}

/// Nearly what the decoder's weights take in memory.
#[must_use]
pub fn weights_bytes(config: &DecoderConfig, precision: Precision) -> u64 {
    // The text's keys and values too, which a step does not read.
    let text = 2 * config.num_hidden_layers * config.hidden_size * config.hidden_size;
    let weights = config.step_weights() + text;
    let bits = match precision {
        Precision::Exact | Precision::F32 => 32.0,
        Precision::Bf16 => 16.0,
        Precision::Q8 => 8.5,
        Precision::Q4 => 4.5,
    };
    (weights as f64 * bits / 8.0) as u64
}

/// What a model of a published size takes in memory while it makes a clip, at a precision.
///
/// # Errors
/// As [`config`].
pub fn memory_bytes(size: Size, channels: u8, precision: Precision) -> Result<u64, EngineError> {
    let config = config(size, channels)?;
    let beside = match size {
        // A fraction of the others' text encoder and codec.
        Size::Starter => BESIDE_BYTES / 8,
        _ => BESIDE_BYTES,
    };
    Ok(weights_bytes(&config.decoder, precision) + beside)
}

/// Measures what bars take, and keeps what models have in common.
#[derive(Debug)]
pub struct Predictor {
    threads: NonZeroUsize,
    /// Seconds a step takes for each of its weights.
    steps: Vec<(Size, f64)>,
    /// Seconds a second of one channel takes.
    codecs: Vec<(String, f64)>,
}

impl Predictor {
    /// One that measures with so many threads.
    #[must_use]
    pub fn new(threads: NonZeroUsize) -> Self {
        Self {
            threads,
            steps: Vec::new(),
            codecs: Vec::new(),
        }
    }

    /// Measures what a bar of two seconds takes at the precision that is used by default: some
    /// layers with random weights, and a moment of the codec. A size is measured once, and a codec
    /// that several sizes have in common too.
    ///
    /// # Errors
    /// [`EngineError::Memory`] when there is no room for the measured part,
    /// [`EngineError::Internal`].
    pub fn seconds_per_bar(&mut self, size: Size, channels: u8) -> Result<f64, EngineError> {
        let config = config(size, channels)?;
        let step = self.step_seconds(size, &config.decoder)?;
        let codec = self.codec_seconds(&config)? * f64::from(channels);
        let rate_hz = f64::from(config.codec.rate_hz);
        let hop = config.codec.upsampling_ratios.iter().product::<usize>();
        Ok(BAR_SECONDS * (rate_hz / hop as f64 * step + codec))
    }

    fn step_seconds(&mut self, size: Size, shape: &DecoderConfig) -> Result<f64, EngineError> {
        let known = self.steps.iter().find(|(known, _)| *known == size);
        let weight_seconds = match known {
            Some((_, seconds)) => *seconds,
            None => {
                // Stereo has other heads over the same layers: they are counted, not measured.
                let mono = config(size, 1)?.decoder;
                let seconds = step_seconds(&mono, self.threads)? / mono.step_weights() as f64;
                self.steps.push((size, seconds));
                seconds
            }
        };
        Ok(weight_seconds * shape.step_weights() as f64)
    }

    fn codec_seconds(&mut self, config: &Config) -> Result<f64, EngineError> {
        let key = format!("{:?}", config.codec);
        if let Some((_, seconds)) = self.codecs.iter().find(|(known, _)| *known == key) {
            return Ok(*seconds);
        }
        let seconds = codec_seconds_per_second(config, self.threads)?;
        self.codecs.push((key, seconds));
        Ok(seconds)
    }
}

/// A step with guidance.
fn step_seconds(config: &DecoderConfig, threads: NonZeroUsize) -> Result<f64, EngineError> {
    let mut part = config.clone();
    let layer_bytes =
        weights_bytes(config, config.precision()) / config.num_hidden_layers.max(1) as u64;
    let layers = PART_BYTES.div_ceil(layer_bytes.max(1));
    part.num_hidden_layers = config.num_hidden_layers.min(layers as usize);
    let decoder = PackedDecoder::random(&part, config.precision())?;
    let states = Tensor::ones((TEXT_TOKENS, part.hidden_size), DType::F32, &Device::Cpu)?;
    let team = Arc::new(Team::new(threads)?);
    let mut run = decoder.begin(team, &Rows::guided(states), 1, CONTEXT + 1)?;
    let tokens = vec![7; part.num_codebooks];
    let mut times = Vec::with_capacity(STEPS);
    for index in 0..WARM_UP + STEPS {
        run.skip_to(CONTEXT);
        let start = Instant::now();
        run.step(&tokens);
        if index >= WARM_UP {
            times.push(start.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    let layers = config.step_weights() as f64 / part.step_weights() as f64;
    // The slower half is that of other programs.
    Ok(times[STEPS / 4] * layers)
}

fn codec_seconds_per_second(config: &Config, threads: NonZeroUsize) -> Result<f64, EngineError> {
    const SECONDS: f64 = 0.5;
    let codec = Codec::load(&config.codec, &Weights::random(1)?, "audio_encoder.")?;
    let frames = (SECONDS * f64::from(codec.rate_hz()) / codec.samples_per_frame() as f64) as usize;
    let tokens = vec![7; codec.codebooks()];
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .build()
        .map_err(|error| EngineError::Internal {
            what: error.to_string(),
        })?;
    Ok(pool.install(|| {
        let mut stream = codec.stream();
        let mut out = Vec::new();
        let start = Instant::now();
        (0..frames).for_each(|_| stream.push(&tokens, &mut out));
        stream.finish(&mut out);
        start.elapsed().as_secs_f64() / SECONDS
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_and_finer_takes_more_memory() {
        let bytes = |size, channels, precision| memory_bytes(size, channels, precision).unwrap();
        let sizes = Size::ALL.map(|size| bytes(size, 1, Precision::Q8));
        assert!(sizes.is_sorted(), "{sizes:?}");
        let fine = Precision::ALL.map(|precision| bytes(Size::Large, 1, precision));
        assert!(fine.is_sorted_by(|a, b| a >= b), "{fine:?}");
        assert!(bytes(Size::Small, 2, Precision::Q8) > bytes(Size::Small, 1, Precision::Q8));
        // 2.8 billion weights and the text's half billion, of 4.5 bits.
        let large = bytes(Size::Large, 1, Precision::Q4) - BESIDE_BYTES;
        assert!((1.7e9..2.0e9).contains(&(large as f64)), "{large}");
    }

    #[test]
    fn a_bar_of_the_starter_is_measured() {
        let mut predictor = Predictor::new(NonZeroUsize::MIN);
        let seconds = predictor.seconds_per_bar(Size::Starter, 1).unwrap();
        assert!(seconds > 0.0 && seconds < 60.0, "{seconds}");
        // Stereo has more of everything, and is not measured anew.
        let stereo = predictor.seconds_per_bar(Size::Starter, 2).unwrap();
        assert!(stereo > seconds, "{stereo} after {seconds}");
        assert_eq!((predictor.steps.len(), predictor.codecs.len()), (1, 1));
    }
}
