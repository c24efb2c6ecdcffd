//! States and tokens → logits: MusicGen's transformer, a step at a time.
//!
//! Worker thread; the matrix products run in the rayon pool that the caller is in. This is
//! the exact path, made of candle's tensors: `begin` once for a clip, then `step` once for
//! each step. A faster decoder may stand beside it with the same two calls.
//!
//! With guidance there are two rows: the first is conditioned on the prompt, the second on
//! nothing. Nothing is a text whose states are zero, and as neither keys, values nor outputs
//! have biases, attending to it adds exactly zero: the second row skips cross-attention. A
//! negative prompt is a text for that row, and a prompt of several parts has a row for each.

use candle_core::{DType, Device, Module, Result as CandleResult, Tensor};
use candle_nn::{LayerNorm, ops::softmax_last_dim};

use crate::error::EngineError;
use crate::musicgen::config::{Activation, DecoderConfig};
use crate::musicgen::kv_cache::KvCache;
use crate::musicgen::rows::Rows;
use crate::weights::Weights;

pub(super) const PREFIX: &str = "decoder.model.decoder.";
/// What PyTorch's layer norm adds to the variance; the files do not say it.
const NORM_EPSILON: f64 = 1e-5;

/// The weights of the decoder.
#[derive(Debug)]
pub struct Decoder {
    config: DecoderConfig,
    activation: Activation,
    embeddings: Vec<Vec<f32>>, // by codebook: [vocabulary + 1, width]
    layers: Vec<Layer>,
    norm: LayerNorm,
    heads: Tensor, // [width, codebooks × vocabulary]
}

#[derive(Debug)]
struct Layer {
    self_norm: LayerNorm,
    self_qkv: Tensor, // [width, 3 × width]: queries (scaled), keys, values
    self_out: Tensor, // [width, width]
    cross_norm: LayerNorm,
    cross_query: Tensor, // [width, width], scaled
    cross_key: Tensor,   // [width, width]
    cross_value: Tensor, // [width, width]
    cross_out: Tensor,   // [width, width]
    forward_norm: LayerNorm,
    forward_in: Tensor,  // [width, inner]
    forward_out: Tensor, // [inner, width]
}

/// A clip in the making: the decoder with its memory of the steps so far.
#[derive(Debug)]
pub struct DecoderRun<'d> {
    decoder: &'d Decoder,
    rows: usize,
    steps: usize,
    caches: Vec<KvCache>,   // by layer
    cross: Vec<Vec<Cross>>, // by layer, by text
}

/// What a layer's cross-attention needs of the text.
#[derive(Debug)]
struct Cross {
    keys: Tensor,   // [heads, head_width, tokens]
    values: Tensor, // [heads, tokens, head_width]
}

impl Decoder {
    /// Reads the tensors under `decoder.`. `embed_positions.weights`, which older files
    /// carry, is not read: the positions are computed.
    ///
    /// # Errors
    /// [`EngineError::ModelFile`] and [`EngineError::Unsupported`].
    pub fn load(config: &DecoderConfig, weights: &Weights) -> Result<Self, EngineError> {
        let (width, vocabulary) = (config.hidden_size, config.vocab_size);
        let embeddings = (0..config.num_codebooks)
            .map(|codebook| {
                weights.f32(
                    &format!("{PREFIX}embed_tokens.{codebook}.weight"),
                    &[vocabulary + 1, width],
                )
            })
            .collect::<Result<_, _>>()?;
        let layers = (0..config.num_hidden_layers)
            .map(|layer| Layer::load(config, weights, layer))
            .collect::<Result<_, _>>()?;
        let heads = (0..config.num_codebooks)
            .map(|codebook| {
                matrix(
                    weights,
                    &format!("decoder.lm_heads.{codebook}"),
                    vocabulary,
                    width,
                )
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            activation: config.activation()?,
            config: config.clone(),
            embeddings,
            layers,
            norm: norm(weights, &format!("{PREFIX}layer_norm"), width)?,
            heads: for_rows(&Tensor::cat(&heads, 0)?)?,
        })
    }

    /// Starts a clip of at most `steps` steps.
    ///
    /// # Errors
    /// [`EngineError::Internal`].
    pub fn begin(&self, rows: &Rows, steps: usize) -> Result<DecoderRun<'_>, EngineError> {
        let texts = rows.texts();
        let rows = rows.count();
        let (heads, head_width) = (self.config.num_attention_heads, self.config.head_width());
        let cache = |_: &Layer| KvCache::new(rows, heads, steps, head_width);
        let caches = self.layers.iter().map(cache).collect::<CandleResult<_>>()?;
        let cross = self
            .layers
            .iter()
            .map(|layer| {
                let texts = texts.iter();
                texts
                    .map(|states| layer.cross(states, heads, head_width))
                    .collect()
            })
            .collect::<CandleResult<_>>()?;
        Ok(DecoderRun {
            decoder: self,
            rows,
            steps: 0,
            caches,
            cross,
        })
    }

    /// The decoder's input at a step, the same for all rows: the tokens' embeddings and the
    /// step's place.
    fn input(&self, tokens: &[u32], step: usize) -> Vec<f32> {
        let width = self.config.hidden_size;
        let mut sum = vec![0.0; width];
        for (table, &token) in self.embeddings.iter().zip(tokens) {
            let row = &table[token as usize * width..][..width];
            sum.iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += value);
        }
        sum.iter_mut()
            .zip(place(step, width))
            .for_each(|(sum, value)| *sum += value);
        sum
    }
}

impl DecoderRun<'_> {
    /// Runs one step on a token for each codebook. Gives the logits
    /// `[rows][codebook × vocabulary]`, in the order of [`Rows`].
    ///
    /// # Errors
    /// [`EngineError::Internal`].
    pub fn step(&mut self, tokens: &[u32]) -> Result<Vec<Vec<f32>>, EngineError> {
        let decoder = self.decoder;
        let config = &decoder.config;
        let one = Tensor::from_vec(
            decoder.input(tokens, self.steps),
            (1, config.hidden_size),
            &Device::Cpu,
        )?;
        let mut x = one.repeat((self.rows, 1))?; // [rows, width]
        for ((layer, cache), cross) in decoder.layers.iter().zip(&mut self.caches).zip(&self.cross)
        {
            x = (&x + layer.attend_to_past(&x, cache, config)?)?;
            x = (&x + layer.attend_to_text(&x, cross, config)?)?;
            x = (&x + layer.feed_forward(&x, decoder.activation)?)?;
        }
        self.steps += 1;
        let logits = decoder.norm.forward(&x)?.matmul(&decoder.heads)?; // [rows, codebooks × vocabulary]
        Ok(logits.to_vec2()?)
    }
}

impl Layer {
    fn load(config: &DecoderConfig, weights: &Weights, layer: usize) -> Result<Self, EngineError> {
        let (width, inner) = (config.hidden_size, config.ffn_dim);
        let prefix = format!("{PREFIX}layers.{layer}.");
        let square = |name: &str| matrix(weights, &format!("{prefix}{name}"), width, width);
        // 1/√head_width goes into the queries' weights: one operation less in every step.
        let scale = (config.head_width() as f64).powf(-0.5);
        let query = |name: &str| Ok::<_, EngineError>((square(name)? * scale)?);
        let self_qkv = Tensor::cat(
            &[
                query("self_attn.q_proj")?,
                square("self_attn.k_proj")?,
                square("self_attn.v_proj")?,
            ],
            0,
        )?;
        let norm_of = |name: &str| norm(weights, &format!("{prefix}{name}"), width);
        Ok(Self {
            self_norm: norm_of("self_attn_layer_norm")?,
            self_qkv: for_rows(&self_qkv)?,
            self_out: for_rows(&square("self_attn.out_proj")?)?,
            cross_norm: norm_of("encoder_attn_layer_norm")?,
            cross_query: for_rows(&query("encoder_attn.q_proj")?)?,
            cross_key: for_rows(&square("encoder_attn.k_proj")?)?,
            cross_value: for_rows(&square("encoder_attn.v_proj")?)?,
            cross_out: for_rows(&square("encoder_attn.out_proj")?)?,
            forward_norm: norm_of("final_layer_norm")?,
            forward_in: for_rows(&matrix(weights, &format!("{prefix}fc1"), inner, width)?)?,
            forward_out: for_rows(&matrix(weights, &format!("{prefix}fc2"), width, inner)?)?,
        })
    }

    /// Keys and values of the text, for all steps.
    fn cross(&self, states: &Tensor, heads: usize, head_width: usize) -> CandleResult<Cross> {
        let tokens = states.dim(0)?;
        let split = |x: Tensor| x.reshape((tokens, heads, head_width));
        Ok(Cross {
            keys: split(states.matmul(&self.cross_key)?)?
                .permute((1, 2, 0))?
                .contiguous()?,
            values: split(states.matmul(&self.cross_value)?)?
                .transpose(0, 1)?
                .contiguous()?,
        })
    }

    fn attend_to_past(
        &self,
        x: &Tensor,
        cache: &mut KvCache,
        config: &DecoderConfig,
    ) -> CandleResult<Tensor> {
        let (rows, width) = x.dims2()?;
        let (heads, head_width) = (config.num_attention_heads, config.head_width());
        let qkv = self.self_norm.forward(x)?.matmul(&self.self_qkv)?; // [rows, 3 × width]
        let part = |index: usize| {
            qkv.narrow(1, index * width, width)?
                .contiguous()?
                .reshape((rows, heads, 1, head_width))
        };
        let (keys, values) = cache.append(&part(1)?, &part(2)?)?; // [rows, heads, steps, head_width]
        let scores = part(0)?.matmul(&keys.t()?)?; // [rows, heads, 1, steps]
        let heard = softmax_last_dim(&scores)?.matmul(&values)?; // [rows, heads, 1, head_width]
        heard.reshape((rows, width))?.matmul(&self.self_out)
    }

    fn attend_to_text(
        &self,
        x: &Tensor,
        texts: &[Cross],
        config: &DecoderConfig,
    ) -> CandleResult<Tensor> {
        let rows = x.dim(0)?;
        let heard = texts.iter().enumerate();
        let heard = heard.map(|(row, cross)| self.attend_to(&x.narrow(0, row, 1)?, cross, config));
        let heard = Tensor::cat(&heard.collect::<CandleResult<Vec<_>>>()?, 0)?;
        heard.pad_with_zeros(0, 0, rows - texts.len())
    }

    /// A row that hears a text.
    fn attend_to(&self, x: &Tensor, cross: &Cross, config: &DecoderConfig) -> CandleResult<Tensor> {
        let (_, width) = x.dims2()?;
        let (heads, head_width) = (config.num_attention_heads, config.head_width());
        let query = self.cross_norm.forward(x)?.matmul(&self.cross_query)?;
        let scores = query.reshape((heads, 1, head_width))?.matmul(&cross.keys)?; // [heads, 1, tokens]
        let heard = softmax_last_dim(&scores)?.matmul(&cross.values)?; // [heads, 1, head_width]
        heard.reshape((1, width))?.matmul(&self.cross_out)
    }

    fn feed_forward(&self, x: &Tensor, activation: Activation) -> CandleResult<Tensor> {
        let inner = self.forward_norm.forward(x)?.matmul(&self.forward_in)?; // [rows, inner]
        activation.apply(&inner)?.matmul(&self.forward_out)
    }
}

/// The sinusoids of a step as transformers makes them: cosines, then sines, of the step
/// over 10000^(i / (half - 1)), in f32.
pub(super) fn place(step: usize, width: usize) -> impl Iterator<Item = f32> {
    let half = width / 2;
    let decay = 10_000_f64.ln() / (half - 1) as f64;
    let angle = move |index: usize| step as f32 * (index as f32 * -decay as f32).exp();
    (0..half)
        .map(move |index| angle(index).cos())
        .chain((0..half).map(move |index| angle(index).sin()))
}

/// A linear layer's weight as it is in the file, `[outputs, inputs]`.
fn matrix(
    weights: &Weights,
    name: &str,
    outputs: usize,
    inputs: usize,
) -> Result<Tensor, EngineError> {
    weights.tensor(
        &format!("{name}.weight"),
        &[outputs, inputs],
        DType::F32,
        &Device::Cpu,
    )
}

/// `[outputs, inputs]` → `[inputs, outputs]`, the order that a product with a few rows reads best.
fn for_rows(weight: &Tensor) -> CandleResult<Tensor> {
    weight.t()?.contiguous()
}

fn norm(weights: &Weights, name: &str, width: usize) -> Result<LayerNorm, EngineError> {
    let get = |part| {
        weights.tensor(
            &format!("{name}.{part}"),
            &[width],
            DType::F32,
            &Device::Cpu,
        )
    };
    Ok(LayerNorm::new(get("weight")?, get("bias")?, NORM_EPSILON))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_turn_from_fast_to_slow() {
        let at = |step| place(step, 6).collect::<Vec<_>>();
        assert_eq!(at(0), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        // Angles at step 3: 3, 3/100, 3/10000.
        for (value, expect) in
            at(3)
                .into_iter()
                .zip([-0.989_992_5, 0.999_55, 1.0, 0.141_12, 0.029_995_5, 0.000_3])
        {
            assert!((value - expect).abs() < 1e-6, "{value} {expect}");
        }
    }
}
