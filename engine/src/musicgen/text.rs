//! Prompt → states: the tokenizer, T5's encoder and the projection to the decoder's width.
//!
//! Worker thread. The encoder is candle's; its tensors are read and checked here, so that
//! it cannot fail on a file. A prompt stands alone, so there is no padding and every mask
//! that transformers would make is all ones.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::t5::T5EncoderModel;
use tokenizers::Tokenizer;

use crate::error::EngineError;
use crate::musicgen::config::Config;
use crate::weights::Weights;

/// The most tokens of a prompt: what T5 was trained on.
const MAX_TOKENS: usize = 512;

/// Turns prompts into what the decoder attends to.
#[derive(Debug)]
pub struct TextEncoder {
    tokenizer: Tokenizer,
    t5: T5EncoderModel,
    projection: Option<Projection>,
    /// Tokens and states of the last prompts, the latest last. Takes, re-rolls and
    /// continuations have the prompt of the clip before.
    known: Mutex<VecDeque<(Vec<u32>, Tensor)>>,
}

/// Prompts whose states are kept: some 100 KB each for the published models.
const KNOWN_PROMPTS: usize = 16;

#[derive(Debug)]
struct Projection {
    weight: Tensor, // [text_width, decoder_width]
    bias: Tensor,   // [decoder_width]
}

impl TextEncoder {
    /// Reads the tokenizer from the bytes of `tokenizer.json` (at `path`, for messages) and
    /// the tensors under `text_encoder.` and `enc_to_dec_proj.`.
    ///
    /// # Errors
    /// [`EngineError::ModelFile`].
    pub fn load(
        config: &Config,
        weights: &Weights,
        path: &Path,
        tokenizer: &[u8],
    ) -> Result<Self, EngineError> {
        let fail = |why: String| EngineError::ModelFile {
            path: path.to_owned(),
            why,
        };
        let mut tokenizer =
            Tokenizer::from_bytes(tokenizer).map_err(|error| fail(error.to_string()))?;
        // A file may ask for either, but transformers' MusicGen gives the whole prompt, alone.
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| fail(error.to_string()))?;
        let largest = tokenizer.get_vocab(true).into_values().max().unwrap_or(0);
        if largest as usize >= config.text.vocab_size {
            let vocabulary = config.text.vocab_size;
            return Err(fail(format!(
                "it has a token {largest}, the text encoder only {vocabulary}"
            )));
        }
        let t5 = T5EncoderModel::load(t5_tensors(config, weights)?, &config.text.for_candle())?;
        let widths = (config.text.d_model, config.decoder.hidden_size);
        let projection = (widths.0 != widths.1)
            .then(|| Projection::load(weights, widths))
            .transpose()?;
        Ok(Self {
            tokenizer,
            t5,
            projection,
            known: Mutex::default(),
        })
    }

    /// The tokens of a prompt, end mark included.
    ///
    /// # Errors
    /// [`EngineError::EmptyPrompt`], [`EngineError::PromptTooLong`].
    pub fn tokens(&self, prompt: &str) -> Result<Vec<u32>, EngineError> {
        let encoding =
            self.tokenizer
                .encode(prompt, true)
                .map_err(|error| EngineError::Internal {
                    what: format!("tokenizer: {error}"),
                })?;
        let tokens = encoding.get_ids().to_vec();
        match tokens.len() {
            0 => Err(EngineError::EmptyPrompt),
            count if count > MAX_TOKENS => Err(EngineError::PromptTooLong {
                tokens: count,
                limit: MAX_TOKENS,
            }),
            _ => Ok(tokens),
        }
    }

    /// The states of tokens, `[tokens, decoder_width]`; known ones cost nothing.
    ///
    /// # Errors
    /// [`EngineError::Internal`].
    pub fn states(&self, tokens: &[u32]) -> Result<Tensor, EngineError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, states)) = known().iter().find(|(of, _)| of == tokens) {
            return Ok(states.clone());
        }
        let states = self.encode(tokens)?;
        let mut known = known();
        if known.len() == KNOWN_PROMPTS {
            known.pop_front();
        }
        known.push_back((tokens.to_vec(), states.clone()));
        Ok(states)
    }

    fn encode(&self, tokens: &[u32]) -> Result<Tensor, EngineError> {
        let tokens = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?; // [1, tokens]
        // `forward` wants a mutable encoder for a cache that only a decoder uses; a clone
        // shares the weights.
        let states = self.t5.clone().forward(&tokens)?.squeeze(0)?; // [tokens, text_width]
        match &self.projection {
            Some(Projection { weight, bias }) => Ok(states.matmul(weight)?.broadcast_add(bias)?),
            None => Ok(states),
        }
    }
}

impl Projection {
    fn load(weights: &Weights, (from, to): (usize, usize)) -> Result<Self, EngineError> {
        let get = |name, shape: &[usize]| weights.tensor(name, shape, DType::F32, &Device::Cpu);
        let weight = get("enc_to_dec_proj.weight", &[to, from])?
            .t()?
            .contiguous()?;
        Ok(Self {
            weight,
            bias: get("enc_to_dec_proj.bias", &[to])?,
        })
    }
}

/// All tensors that candle's encoder asks for, under its names.
fn t5_tensors(config: &Config, weights: &Weights) -> Result<VarBuilder<'static>, EngineError> {
    const PREFIX: &str = "text_encoder.";
    let text = &config.text;
    let (width, inner) = (text.d_model, text.num_heads * text.d_kv);
    let mut tensors = HashMap::new();
    let mut take = |name: &str, from: &str, shape: &[usize]| -> Result<(), EngineError> {
        let tensor = weights.tensor(&format!("{PREFIX}{from}"), shape, DType::F32, &Device::Cpu)?;
        tensors.insert(name.to_owned(), tensor);
        Ok(())
    };
    // Two names for one table: files differ in which they keep.
    let table = ["shared.weight", "encoder.embed_tokens.weight"];
    let kept = table
        .iter()
        .find(|name| weights.has(&format!("{PREFIX}{name}")))
        .unwrap_or(&table[0]);
    take(table[0], kept, &[text.vocab_size, width])?;
    let mut same = |name: &str, shape: &[usize]| take(name, name, shape);
    for layer in 0..text.num_layers {
        let attention = format!("encoder.block.{layer}.layer.0");
        for part in ["q", "k", "v"] {
            same(
                &format!("{attention}.SelfAttention.{part}.weight"),
                &[inner, width],
            )?;
        }
        same(
            &format!("{attention}.SelfAttention.o.weight"),
            &[width, inner],
        )?;
        same(&format!("{attention}.layer_norm.weight"), &[width])?;
        if layer == 0 {
            let shape = [text.relative_attention_num_buckets, text.num_heads];
            same(
                &format!("{attention}.SelfAttention.relative_attention_bias.weight"),
                &shape,
            )?;
        }
        let forward = format!("encoder.block.{layer}.layer.1");
        let into: &[&str] = if text.gated() {
            &["wi_0", "wi_1"]
        } else {
            &["wi"]
        };
        for part in into {
            same(
                &format!("{forward}.DenseReluDense.{part}.weight"),
                &[text.d_ff, width],
            )?;
        }
        same(
            &format!("{forward}.DenseReluDense.wo.weight"),
            &[width, text.d_ff],
        )?;
        same(&format!("{forward}.layer_norm.weight"), &[width])?;
    }
    same("encoder.final_layer_norm.weight", &[width])?;
    Ok(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))
}
