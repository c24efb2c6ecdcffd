//! Tokens ↔ audio: the EnCodec of MusicGen.
//!
//! Worker thread. No candle, no threads of its own beyond the pool it runs in.
//!
//! Decoding: `quantizer` (tokens → latents), then the layers of `chain` (latents → samples).
//! Every layer is a stream with finite look-ahead, and every sample is computed by the same
//! operations in the same order however the frames arrive and on however many threads: the
//! chunks of a [`DecodeStream`] put together are [`Codec::decode`] to the bit.

mod activation;
mod aligned;
mod chain;
mod config;
mod conv;
mod conv_transpose;
mod layer;
mod lstm;
mod matrix;
mod parameters;
mod product;
mod quantizer;
mod residual;
mod store;
mod stream;
mod tasks;
mod window;

use crate::error::EngineError;
use crate::weights::Weights;
use chain::Chain;
pub use config::CodecConfig;
use parameters::Parameters;
use quantizer::Quantizer;
pub use store::CodecPrecision;
pub use stream::DecodeStream;
pub(crate) use stream::STREAM_BATCH_FRAMES;
use stream::WHOLE_BATCH_FRAMES;

/// A loaded codec for one channel; a stereo model runs it once for each channel.
#[derive(Debug)]
pub struct Codec {
    rate_hz: u32,
    samples_per_frame: usize,
    quantizer: Quantizer,
    decoder: Chain,
    encoder: Chain,
}

impl Codec {
    /// Reads the tensors under `prefix` (`"audio_encoder."`).
    ///
    /// # Errors
    /// [`EngineError::ModelFile`] when a tensor is missing or of another shape,
    /// [`EngineError::Unsupported`] for a layout that this codec does not have.
    pub fn load(
        config: &CodecConfig,
        weights: &Weights,
        prefix: &str,
    ) -> Result<Self, EngineError> {
        Self::load_as(config, weights, prefix, CodecPrecision::default())
    }

    /// The same with a precision of one's own choice.
    ///
    /// # Errors
    /// As [`Codec::load`].
    pub fn load_as(
        config: &CodecConfig,
        weights: &Weights,
        prefix: &str,
        precision: CodecPrecision,
    ) -> Result<Self, EngineError> {
        config.check()?;
        let parameters = Parameters::new(weights, prefix, precision);
        let quantizer = parameters.part("quantizer");
        Ok(Self {
            rate_hz: config.rate_hz,
            samples_per_frame: config.samples_per_frame(),
            quantizer: Quantizer::load(
                &quantizer,
                config.codebooks(),
                config.codebook_size,
                config.hidden_size,
            )?,
            decoder: Chain::decoder(config, &parameters)?,
            encoder: Chain::encoder(config, &parameters)?,
        })
    }

    /// Sample rate.
    #[must_use]
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Samples that one frame of tokens makes (640 for 32 kHz at 50 frames a second).
    #[must_use]
    pub fn samples_per_frame(&self) -> usize {
        self.samples_per_frame
    }

    /// Codebooks a frame (4).
    #[must_use]
    pub fn codebooks(&self) -> usize {
        self.quantizer.books()
    }

    /// Whole decode: `codes[codebook][frame]` → samples, `frames × samples_per_frame`. The
    /// shortest codebook says how many frames there are.
    #[must_use]
    pub fn decode(&self, codes: &[Vec<u32>]) -> Vec<f32> {
        let frames = codes.iter().map(Vec::len).min().unwrap_or(0);
        let mut out = Vec::with_capacity(frames * self.samples_per_frame);
        let mut stream = DecodeStream::new(self, WHOLE_BATCH_FRAMES);
        for frame in 0..frames {
            stream.push_tokens(codes.iter().map(|codebook| codebook[frame]), &mut out);
        }
        stream.finish(&mut out);
        out
    }

    /// Samples → `codes[codebook][frame]`; a started frame counts as one.
    #[must_use]
    pub fn encode(&self, samples: &[f32]) -> Vec<Vec<u32>> {
        let mut latents = Vec::new();
        let mut stream = self.encoder.stream();
        for samples in samples.chunks(WHOLE_BATCH_FRAMES * self.samples_per_frame) {
            stream.push(samples, &mut latents);
        }
        stream.finish(&mut latents);
        self.quantizer.encode(latents)
    }

    /// Starts a streamed decode.
    #[must_use]
    pub fn stream(&self) -> DecodeStream<'_> {
        DecodeStream::new(self, STREAM_BATCH_FRAMES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_weights_are_far_below_the_sound() {
        let config = CodecConfig {
            num_filters: 32,
            ..CodecConfig::published()
        };
        let weights = Weights::random(5).unwrap();
        let codes: Vec<Vec<u32>> = (0..config.codebooks() as u32)
            .map(|book| {
                (0..20)
                    .map(|frame| (frame * 97 + book * 31) % 2048)
                    .collect()
            })
            .collect();
        let decode = |precision| {
            let codec = Codec::load_as(&config, &weights, "", precision).unwrap();
            codec.decode(&codes)
        };
        let exact = decode(CodecPrecision::Single);
        let short = decode(CodecPrecision::Short);
        let power = |values: &mut dyn Iterator<Item = f32>| -> f64 {
            values.map(|x| f64::from(x).powi(2)).sum()
        };
        let sound = power(&mut exact.iter().copied());
        let noise = power(&mut exact.iter().zip(&short).map(|(a, b)| a - b));
        let ratio_db = 10.0 * (sound / noise).log10();
        println!("{ratio_db:.1} dB");
        assert!(noise > 0.0, "nothing was short");
        assert!(ratio_db > 75.0, "{ratio_db} dB");
    }
}
