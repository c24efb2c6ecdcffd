//! AudioCraft's own checkpoints, in the names and shapes of the Hugging Face layout.
//!
//! Any thread. `state_dict.bin` holds the language model and `compression_state_dict.bin` the
//! codec, or the name of a published one. Neither has the text encoder, which AudioCraft takes
//! from T5 as it is. What the training's settings would say is read off the tensors' shapes, and
//! only what shapes do not show off the settings' text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::ImportError;
use super::checkpoint::{Checkpoint, Stored};
use super::folder::{Contents, Source};
use super::settings::setting;
use crate::error::EngineError;

/// The language model's file.
pub(super) const LANGUAGE_MODEL: &str = "state_dict.bin";
/// The codec's.
pub(super) const CODEC: &str = "compression_state_dict.bin";

/// Width of an attention head in every published size: what is taken where nothing says it.
const HEAD_WIDTH: usize = 64;
/// Rate of the published codec.
const RATE_HZ: usize = 32_000;
/// Where the conditioning on a melody lies.
const MELODY: &str = "condition_provider.conditioners.self_wav.";

/// Adds the language model; gives the `decoder` section of its configuration without its channels,
/// and what was taken for granted.
pub(super) fn language_model(
    folder: &Path,
    contents: &mut Contents,
    notes: &mut Vec<String>,
) -> Result<Value, ImportError> {
    let checkpoint = Arc::new(Checkpoint::open(&folder.join(LANGUAGE_MODEL))?);
    let tensors = checkpoint.tensors(&["best_state", "model"])?;
    if tensors.keys().any(|name| name.starts_with(MELODY)) {
        return Err(later("melody"));
    }
    let settings = checkpoint.text("xp.cfg").unwrap_or_default();
    let Sizes {
        width,
        vocabulary,
        codebooks,
        layers,
        inner,
    } = Sizes::of(&checkpoint, &tensors)?;
    let heads = match setting(settings, "transformer_lm", "num_heads") {
        Some(heads) => heads
            .parse()
            .map_err(|_| checkpoint.fault(format!("num_heads is {heads}")))?,
        None if width.is_multiple_of(HEAD_WIDTH) => {
            notes.push(format!(
                "its settings do not say how many attention heads it has: taken for {}, as in the published sizes",
                width / HEAD_WIDTH
            ));
            width / HEAD_WIDTH
        }
        None => {
            return Err(checkpoint
                .fault("nothing says how many attention heads it has")
                .into());
        }
    };
    if setting(settings, "transformer_lm", "norm_first").is_some_and(|first| first != "true") {
        return Err(unsupported("norms after the layers (norm_first false)"));
    }
    let activation = setting(settings, "transformer_lm", "activation").unwrap_or("gelu");

    let mut missing = expected(codebooks, layers);
    for (name, stored) in &tensors {
        let Some(named) = decoder_name(name) else {
            return Err(unsupported(&format!(
                "a tensor {name}, which no MusicGen has"
            )));
        };
        missing.remove(name.as_str());
        let source = |stored| Source::Checkpoint(checkpoint.clone(), stored);
        if let Some(prefix) = named.strip_suffix("in_proj_weight") {
            if stored.shape() != [3 * width, width] {
                return Err(shape(&checkpoint, name, stored, &[3 * width, width]));
            }
            for (part, letter) in ["q", "k", "v"].into_iter().enumerate() {
                let rows = stored.rows(part * width..(part + 1) * width);
                let name = format!("{prefix}{letter}_proj.weight");
                contents.tensors.insert(name, source(rows));
            }
        } else {
            contents.tensors.insert(named, source(stored.clone()));
        }
    }
    if !missing.is_empty() {
        return Err(ImportError::Missing {
            path: folder.join(LANGUAGE_MODEL),
            what: super::list(missing),
        });
    }
    Ok(json!({
        "model_type": "musicgen_decoder",
        "vocab_size": vocabulary,
        "max_position_embeddings": 2048,
        "num_hidden_layers": layers,
        "ffn_dim": inner,
        "num_attention_heads": heads,
        "hidden_size": width,
        "num_codebooks": codebooks,
        "activation_function": activation,
        "bos_token_id": vocabulary,
        "pad_token_id": vocabulary,
    }))
}

/// What the shapes of a language model's tensors say.
struct Sizes {
    width: usize,
    vocabulary: usize,
    codebooks: usize,
    layers: usize,
    inner: usize,
}

impl Sizes {
    fn of(
        checkpoint: &Checkpoint,
        tensors: &BTreeMap<String, Stored>,
    ) -> Result<Self, ImportError> {
        let sizes = |name: &str| match tensors.get(name).map(Stored::shape) {
            Some(&[rows, columns]) => Ok((rows, columns)),
            Some(other) => Err(checkpoint.fault(format!("tensor {name} is {other:?}"))),
            None => Err(checkpoint.fault(format!("it has no tensor {name}: it is no MusicGen"))),
        };
        let (entries, width) = sizes("emb.0.weight")?;
        let (inner, _) = sizes("transformer.layers.0.linear1.weight")?;
        let count = |prefix: &str| {
            let numbers = tensors.keys().filter_map(|name| {
                let rest = name.strip_prefix(prefix)?;
                rest.split('.').next()?.parse::<usize>().ok()
            });
            numbers.collect::<BTreeSet<_>>().len()
        };
        Ok(Self {
            width,
            // One more than the codec's, for no token.
            vocabulary: entries.saturating_sub(1),
            codebooks: count("emb."),
            layers: count("transformer.layers."),
            inner,
        })
    }
}

/// Every tensor of a language model, by AudioCraft's names.
fn expected(codebooks: usize, layers: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for book in 0..codebooks {
        names.insert(format!("emb.{book}.weight"));
        names.insert(format!("linears.{book}.weight"));
    }
    for layer in 0..layers {
        for part in [
            "self_attn.in_proj_weight",
            "self_attn.out_proj.weight",
            "cross_attention.in_proj_weight",
            "cross_attention.out_proj.weight",
            "linear1.weight",
            "linear2.weight",
            "norm1.weight",
            "norm1.bias",
            "norm2.weight",
            "norm2.bias",
            "norm_cross.weight",
            "norm_cross.bias",
        ] {
            names.insert(format!("transformer.layers.{layer}.{part}"));
        }
    }
    for part in ["weight", "bias"] {
        names.insert(format!("out_norm.{part}"));
        names.insert(format!(
            "condition_provider.conditioners.description.output_proj.{part}"
        ));
    }
    names
}

/// What a tensor of the language model is called in the Hugging Face layout.
fn decoder_name(name: &str) -> Option<String> {
    const INNER: &str = "decoder.model.decoder.";
    let split = |prefix| name.strip_prefix(prefix);
    if let Some(rest) = split("emb.") {
        return Some(format!("{INNER}embed_tokens.{rest}"));
    }
    if let Some(rest) = split("linears.") {
        return rest
            .ends_with(".weight")
            .then(|| format!("decoder.lm_heads.{rest}"));
    }
    if let Some(rest) = split("out_norm.") {
        return Some(format!("{INNER}layer_norm.{rest}"));
    }
    if let Some(rest) = split("condition_provider.conditioners.description.output_proj.") {
        return Some(format!("enc_to_dec_proj.{rest}"));
    }
    let (layer, part) = split("transformer.layers.")?.split_once('.')?;
    let (module, rest) = part.split_once('.')?;
    let module = match module {
        "self_attn" => "self_attn",
        "cross_attention" => "encoder_attn",
        "linear1" => "fc1",
        "linear2" => "fc2",
        "norm1" => "self_attn_layer_norm",
        "norm_cross" => "encoder_attn_layer_norm",
        "norm2" => "final_layer_norm",
        _ => return None,
    };
    let known = matches!(rest, "in_proj_weight" | "out_proj.weight" | "weight")
        || rest == "bias" && module.ends_with("norm");
    known.then(|| format!("{INNER}layers.{layer}.{module}.{rest}"))
}

/// Adds the codec; gives the `audio_encoder` section of its configuration, or `None` where the file
/// is not there or only names a published codec.
pub(super) fn codec(folder: &Path, contents: &mut Contents) -> Result<Option<Value>, ImportError> {
    let path = folder.join(CODEC);
    if !path.is_file() {
        return Ok(None);
    }
    let checkpoint = Arc::new(Checkpoint::open(&path)?);
    if checkpoint.has("pretrained") {
        return Ok(None);
    }
    let tensors = checkpoint.tensors(&["best_state", "model"])?;
    let mut named = BTreeMap::new();
    for (name, stored) in tensors {
        if let Some(name) = codec_name(&name) {
            named.insert(name, stored);
        }
    }
    let rate_hz = setting(
        checkpoint.text("xp.cfg").unwrap_or_default(),
        "",
        "sample_rate",
    );
    let rate_hz = match rate_hz {
        Some(rate) => rate
            .parse()
            .map_err(|_| checkpoint.fault(format!("its sample rate is {rate}")))?,
        None => RATE_HZ,
    };
    let config = codec_config(&checkpoint, &named, rate_hz)?;
    for (name, stored) in named {
        let name = format!("audio_encoder.{name}");
        let source = Source::Checkpoint(checkpoint.clone(), stored);
        contents.tensors.insert(name, source);
    }
    Ok(Some(config))
}

/// What a tensor of the codec is called in the Hugging Face layout; `None` for what is no part
/// of it, such as a discriminator.
fn codec_name(name: &str) -> Option<String> {
    // A stereo model wraps the codec of one channel.
    let name = name.strip_prefix("model.").unwrap_or(name);
    if let Some(rest) = name.strip_prefix("quantizer.vq.layers.") {
        return Some(format!(
            "quantizer.layers.{}",
            rest.replace("._codebook.", ".codebook.")
        ));
    }
    let (half, rest) = name.split_once(".model.")?;
    matches!(half, "encoder" | "decoder").then(|| {
        let rest = rest.replace(".conv.conv.", ".conv.");
        let rest = rest.replace(".convtr.convtr.", ".conv.");
        format!("{half}.layers.{rest}")
    })
}

/// The settings of a codec, read off its tensors.
fn codec_config(
    checkpoint: &Checkpoint,
    tensors: &BTreeMap<String, Stored>,
    rate_hz: usize,
) -> Result<Value, ImportError> {
    let shape_of = |name: &str| -> Result<&[usize], ImportError> {
        let weight = ["weight_v", "parametrizations.weight.original1", "weight"];
        let found = weight
            .iter()
            .find_map(|part| tensors.get(&format!("{name}.{part}")))
            .map(Stored::shape)
            .filter(|shape| shape.len() == 3);
        found.ok_or_else(|| {
            checkpoint
                .fault(format!(
                    "it has no tensor {name}: it is no codec of MusicGen's"
                ))
                .into()
        })
    };
    let has = |name: &str| tensors.keys().any(|of| of.starts_with(name));
    let first = shape_of("encoder.layers.0.conv")?;
    let latent = shape_of("decoder.layers.0.conv")?;
    let lstm_layers = (0..8)
        .take_while(|layer| has(&format!("decoder.layers.1.lstm.weight_ih_l{layer}")))
        .count();
    // From the latents outwards: a step up, then its residual units, then an activation.
    let mut at = if lstm_layers > 0 { 3 } else { 2 };
    let (mut ratios, mut residual, mut unit) = (Vec::new(), 0, None);
    while has(&format!("decoder.layers.{}.block", at + 1)) && ratios.len() < 16 {
        // Its window is two steps.
        ratios.push(shape_of(&format!("decoder.layers.{at}.conv"))?[2] / 2);
        at += 1;
        let units = (0..8)
            .take_while(|unit| has(&format!("decoder.layers.{}.block", at + unit)))
            .count();
        (residual, unit) = (units, Some(at));
        at += units + 1;
    }
    let Some(unit) = unit else {
        return Err(checkpoint.fault("its codec has no layers").into());
    };
    let inner = shape_of(&format!("decoder.layers.{unit}.block.1.conv"))?;
    let last = shape_of(&format!("decoder.layers.{at}.conv"))?;
    let codebooks = (0..64)
        .take_while(|book| has(&format!("quantizer.layers.{book}.codebook.embed")))
        .count();
    let entries = tensors
        .get("quantizer.layers.0.codebook.embed")
        .map(Stored::shape);
    let Some(&[entries, _]) = entries else {
        return Err(checkpoint.fault("its codec has no codebooks").into());
    };
    let hop: usize = ratios.iter().product();
    let bits = (entries.max(2) as f64).log2();
    let kbits = codebooks as f64 * bits * rate_hz as f64 / hop.max(1) as f64 / 1000.0;
    Ok(json!({
        "model_type": "encodec",
        "sampling_rate": rate_hz,
        "audio_channels": first[1],
        "normalize": false,
        "chunk_length_s": null,
        "overlap": null,
        "hidden_size": latent[1],
        "num_filters": first[0],
        "num_residual_layers": residual,
        "upsampling_ratios": ratios,
        "norm_type": "weight_norm",
        "kernel_size": latent[2],
        "last_kernel_size": last[2],
        "residual_kernel_size": inner[2],
        "dilation_growth_rate": 2,
        "use_causal_conv": false,
        "pad_mode": "reflect",
        "compress": inner[1] / inner[0].max(1),
        "num_lstm_layers": lstm_layers,
        "trim_right_ratio": 1.0,
        "codebook_size": entries,
        "codebook_dim": latent[1],
        "use_conv_shortcut": has(&format!("decoder.layers.{unit}.shortcut")),
        "target_bandwidths": [kbits],
    }))
}

/// A model whose conditioning is not made yet.
pub(super) fn later(what: &str) -> ImportError {
    unsupported(&format!(
        "its conditioning on a {what} comes in a later version"
    ))
}

fn unsupported(what: &str) -> ImportError {
    EngineError::Unsupported { what: what.into() }.into()
}

fn shape(checkpoint: &Checkpoint, name: &str, stored: &Stored, expect: &[usize]) -> ImportError {
    let shape = stored.shape();
    checkpoint
        .fault(format!("tensor {name} is {shape:?}, expected {expect:?}"))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tensor_has_its_name_and_others_have_none() {
        let name = |name| decoder_name(name).unwrap_or_default();
        assert_eq!(
            name("emb.3.weight"),
            "decoder.model.decoder.embed_tokens.3.weight"
        );
        assert_eq!(name("linears.0.weight"), "decoder.lm_heads.0.weight");
        assert_eq!(
            name("transformer.layers.7.norm_cross.bias"),
            "decoder.model.decoder.layers.7.encoder_attn_layer_norm.bias"
        );
        for other in [
            "linears.0.bias",
            "transformer.layers.0.linear1.bias",
            "lora.a",
            "",
        ] {
            assert_eq!(decoder_name(other), None, "{other}");
        }
        assert!(
            expected(4, 2)
                .iter()
                .all(|name| decoder_name(name).is_some())
        );
        assert_eq!(
            codec_name("decoder.model.3.convtr.convtr.weight_g").as_deref(),
            Some("decoder.layers.3.conv.weight_g")
        );
        assert_eq!(
            codec_name("quantizer.vq.layers.2._codebook.embed").as_deref(),
            Some("quantizer.layers.2.codebook.embed")
        );
        assert_eq!(codec_name("msd.discriminators.0.weight"), None);
    }
}
