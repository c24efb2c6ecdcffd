"""Makes the golden files that the Rust engine is held to: tiny random models in the published
layout, and what Hugging Face transformers computes with them.

    python3 -m venv .venv && .venv/bin/pip install \
        torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0 numpy==2.4.6 \
        sentencepiece==0.2.1 protobuf==7.36.2
    .venv/bin/python tests/golden/make.py            # all
    .venv/bin/python tests/golden/make.py codec      # one part: codec, sampling, models, import
    .venv/bin/python tests/golden/make.py models/stereo_sharded   # one model

Every model is drawn from a fixed seed, so a rerun gives the same files on the same machine;
other processors may differ in the last bits of the stored activations. The script asserts that
every decision that must come out identical (nearest codebook entry, greedy token) has a margin
far above rounding, so that an implementation which is right cannot fail by bad luck.
"""

import io
import json
import math
import re
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    EncodecConfig, EncodecModel, GenerationConfig, LogitsProcessorList, MusicgenConfig,
    MusicgenForConditionalGeneration, T5Config, TemperatureLogitsWarper, TopKLogitsWarper,
    TopPLogitsWarper,
)
from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

HERE = Path(__file__).resolve().parent

# What all published MusicGen codecs have in common, apart from their size.
MUSICGEN_CODEC = dict(
    audio_channels=1, normalize=False, chunk_length_s=None, overlap=None,
    norm_type="weight_norm", kernel_size=7, last_kernel_size=7, residual_kernel_size=3,
    dilation_growth_rate=2, use_causal_conv=False, pad_mode="reflect", compress=2,
    trim_right_ratio=1.0,
)
CODEBOOK_BITS = 6
CODEBOOK_SIZE = 2**CODEBOOK_BITS


def codec_config(ratios, frame_rate=50, codebooks=4, **sizes):
    """A small codec: `codebooks` of 64 entries, `frame_rate` frames a second."""
    config = EncodecConfig(
        **MUSICGEN_CODEC, upsampling_ratios=list(ratios),
        sampling_rate=math.prod(ratios) * frame_rate, codebook_size=CODEBOOK_SIZE,
        codebook_dim=sizes["hidden_size"],
        target_bandwidths=[codebooks * CODEBOOK_BITS * frame_rate / 1000], **sizes,
    )
    assert config.num_quantizers == codebooks, config.num_quantizers
    return config


def make_codec(config, seed):
    """A codec with random weights, its weight norms not trivial, its codebooks fit for its latents."""
    torch.manual_seed(seed)
    codec = EncodecModel(config).eval()
    with torch.no_grad():
        for name, parameter in codec.named_parameters():
            if name.endswith("weight.original0"):
                parameter.mul_(torch.empty_like(parameter).uniform_(1.0, 2.2))
            elif "bias" in name:
                parameter.uniform_(-0.02, 0.02)
        # Codebooks: latents of noise and tones drawn at random, then of what they leave over.
        latents = codec.encoder(signal(config, 400, seed + 1)[None, None])[0].T
        for layer in codec.quantizer.layers:
            picks = torch.randperm(len(latents))[:CODEBOOK_SIZE]
            spread = latents.std()
            layer.codebook.embed.copy_(latents[picks] * 0.8 + 0.2 * spread * torch.randn(len(picks), latents.shape[1]))
            layer.codebook.embed_avg.copy_(layer.codebook.embed)
            layer.codebook.cluster_size.fill_(1.0)
            latents = latents - layer.decode(layer.encode(latents.T[None]))[0].T
        # Loud enough that the codes and not the biases make the sound.
        codes = torch.randint(0, CODEBOOK_SIZE, (1, 1, config.num_quantizers, 40))
        loudness = codec.decode(codes, [None]).audio_values.std()
        codec.decoder.layers[-1].conv.parametrizations.weight.original0.mul_(0.15 / loudness)
    return codec


def signal(config, frames, seed, extra=0):
    """Decaying tones and noise bursts, `frames` hops and `extra` samples long."""
    random = np.random.default_rng(seed)
    length = frames * config.hop_length + extra
    time = np.arange(length) / config.sampling_rate
    audio = 0.05 * random.standard_normal(length)
    for _ in range(6):
        start = random.uniform(0, max(time[-1], 1e-3) * 0.8)
        hz = random.uniform(0.005, 0.2) * config.sampling_rate
        envelope = np.where(time >= start, np.exp(-(time - start) * random.uniform(4, 30)), 0)
        audio += random.uniform(0.1, 0.4) * envelope * np.sin(2 * np.pi * hz * time + random.uniform(0, 6))
    return torch.tensor(np.clip(audio, -1, 1), dtype=torch.float32)


def encode_margin(codec, audio):
    """How clearly the nearest codebook entry wins, relative to the distances, at its closest."""
    residual = codec.encoder(audio[None, None])
    worst = math.inf
    for layer in codec.quantizer.layers:
        vectors = residual[0].T
        near = torch.cdist(vectors.double(), layer.codebook.embed.double()).pow(2).topk(2, largest=False).values
        scale = vectors.double().pow(2).sum(1) + near[:, 1]
        worst = min(worst, ((near[:, 1] - near[:, 0]) / scale).min().item())
        residual = residual - layer.decode(layer.encode(residual))
    return worst


@torch.no_grad()
def codec_golden(codec, folder, seed, lengths):
    """Decodes random codes and encodes signals; keeps both sides."""
    config, tensors, index = codec.config, {}, {"decode": [], "encode": []}
    random = torch.Generator().manual_seed(seed)
    for frames in lengths:
        codes = torch.randint(0, CODEBOOK_SIZE, (config.num_quantizers, frames), generator=random)
        audio = codec.decode(codes[None, None], [None]).audio_values[0, 0]
        assert len(audio) == frames * config.hop_length
        name = f"decode.{len(index['decode'])}"
        tensors[name] = audio.contiguous()
        index["decode"].append({"codes": codes.tolist(), "audio": name})
    hop = config.hop_length
    # A whole number of hops, not a whole number, and less than one hop.
    for frames, extra in [(20, 0), (20, hop // 3), (7, hop - 1), (0, hop // 2 + 1)]:
        for attempt in range(200):
            audio = signal(config, frames, seed + 1000 * attempt + frames, extra)
            if encode_margin(codec, audio) > 2e-4:
                break
        else:
            raise SystemExit(f"{folder}: no signal with a clear margin")
        codes = codec.encode(audio[None, None]).audio_codes[0, 0]
        name = f"encode.{len(index['encode'])}"
        tensors[name] = audio
        index["encode"].append({"audio": name, "codes": codes.tolist()})
    peak = max(t.abs().max().item() for n, t in tensors.items() if n.startswith("decode"))
    used = len({c for entry in index["encode"] for row in entry["codes"] for c in row})
    print(f"{folder.name}: peak of decoded audio {peak:.3f}, {used} of {CODEBOOK_SIZE} codes used when encoding")
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "golden.safetensors")
    write_json(folder / "golden.json", index)


def old_weight_norm(tensors):
    """The spelling of checkpoints of 2023: `weight_g` and `weight_v`."""
    return {
        name.replace("parametrizations.weight.original0", "weight_g")
        .replace("parametrizations.weight.original1", "weight_v"): tensor
        for name, tensor in tensors.items()
    }


def write_json(path, value):
    """Arrays of numbers on one line each, so that the files stay small and readable."""
    text = json.dumps(value, indent=1)
    text = re.sub(r"\[\s+(-?[\d.e+-]+(?:,\s+-?[\d.e+-]+)*)\s+\]", lambda m: "[" + re.sub(r"\s+", "", m[1]) + "]", text)
    path.write_text(text + "\n")


def codec():
    cases = {
        # The published layout, narrow.
        "published": codec_config([8, 5, 4, 4], hidden_size=16, num_filters=4, num_residual_layers=1,
                                  num_lstm_layers=2, use_conv_shortcut=False),
        # Odd ratios, one LSTM layer, two residual layers (dilation 1 and 2), convolutions as shortcuts.
        "odd": codec_config([5, 3, 2], hidden_size=8, num_filters=4, num_residual_layers=2,
                            num_lstm_layers=1, use_conv_shortcut=True),
        # Old spelling of weight norm, shortcuts with two LSTM layers.
        "old_names": codec_config([4, 3], hidden_size=8, num_filters=4, num_residual_layers=1,
                                  num_lstm_layers=2, use_conv_shortcut=True),
    }
    for seed, (name, config) in enumerate(cases.items()):
        folder = HERE / "codec" / name
        shutil.rmtree(folder, ignore_errors=True)
        model = make_codec(config, 100 + seed)
        model.save_pretrained(folder)
        if name == "old_names":
            save_file(old_weight_norm(load_file(folder / "model.safetensors")), folder / "model.safetensors")
        codec_golden(model, folder, 200 + seed, [1, 2, 3, 5, 40])


# --- sampling -------------------------------------------------------------------------------


def sampling():
    """What transformers leaves of a distribution: temperature, then top-k, then top-p."""
    random = torch.Generator().manual_seed(5)
    cases = []
    for temperature, top_k, top_p, tie in [
        (1.0, 0, 1.0, False), (0.7, 0, 1.0, False), (1.3, 10, 1.0, False), (1.0, 0, 0.9, False),
        (0.8, 12, 0.6, False), (1.0, 5, 1.0, True), (1.0, 1, 1.0, False), (1.0, 0, 0.01, False),
        (1.0, 250, 1.0, False), (2.0, 20, 0.95, False),
    ]:
        logits = torch.randn(1, 40, generator=random) * 2
        if tie:  # The fifth largest twice: top-k keeps both.
            order = logits[0].argsort(descending=True)
            logits[0, order[5]] = logits[0, order[4]]
        warpers = LogitsProcessorList()
        if temperature != 1.0:
            warpers.append(TemperatureLogitsWarper(temperature))
        if top_k:
            warpers.append(TopKLogitsWarper(top_k))
        if top_p < 1.0:
            warpers.append(TopPLogitsWarper(top_p))
        probabilities = warpers(None, logits).softmax(-1)[0]
        cases.append({"temperature": temperature, "top_k": top_k, "top_p": top_p,
                      "logits": logits[0].tolist(), "probabilities": probabilities.tolist()})
    write_json(HERE / "sampling.json", cases)


# --- whole models ---------------------------------------------------------------------------

WORDS = """dusty lo-fi drums warm analog pad dark techno deep house bright pluck arpeggio slow ambient
drone heavy trap bass 808 hats snare kick clap rim shaker funk guitar synthwave lead bpm A minor C# major
with no drums only in the style of at and fast rolling liquid jungle break swing shuffled vinyl noise
reverb delay tape wobble dreamy sad happy dirty clean loop four bars 84 97 120 128 174""".split()

PROMPTS = [
    "dusty lo-fi drums, 84 bpm, A minor",
    "  Dark  TECHNO with 808 bass\tand no hats ",
    "ambient",
    "café naïve Ｆｕｌｌ—width “quotes” ﬁne … ½ 日本語 🎹",
    "x",
    # Longer than the largest relative distance that the text encoder tells apart.
    " ".join(WORDS),
]


def corpus():
    """Sentences to train tokenizers on."""
    random = np.random.default_rng(3)
    return [" ".join(random.choice(WORDS, size=random.integers(3, 12))) for _ in range(2000)]


def sentencepiece_tokenizer(folder):
    """A tokenizer of T5's own kind: a SentencePiece unigram model with its character map
    (`Precompiled`), converted as transformers converts T5's."""
    import sentencepiece
    from transformers.convert_slow_tokenizer import T5Converter

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_writer=model, vocab_size=100, model_type="unigram",
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, normalization_rule_name="nmt_nfkc", minloglevel=2,
    )
    path = folder / "spiece.model"
    path.write_bytes(model.getvalue())

    class Slow:  # What the converter asks of a slow tokenizer.
        vocab_file, _extra_ids = str(path), 0
        convert_tokens_to_ids = staticmethod(lambda token: {"</s>": 1}[token])

    tokenizer = T5Converter(Slow()).converted()
    path.unlink()
    return tokenizer


def plain_tokenizer(_folder):
    """A small unigram tokenizer with an ordinary normalizer. Its pieces are the commonest one and two
    characters of the words: training would give other pieces on every run."""
    text = "".join("▁" + word.lower() for word in WORDS)
    counts = Counter(text) + Counter(a + b for a, b in zip(text, text[1:]) if b != "▁")
    common = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:110]
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(piece, math.log(count / len(text))) for piece, count in common]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    # A file may ask for truncation and padding; the engine must not obey, as a prompt alone has neither.
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    return tokenizer


def text_config(tokenizer, width, **more):
    return T5Config(
        vocab_size=tokenizer.get_vocab_size() + 3, d_model=width, d_kv=8, d_ff=48, num_layers=2,
        num_decoder_layers=2, num_heads=4, relative_attention_num_buckets=32,
        relative_attention_max_distance=128, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, **more,
    )


def model_config(text, codebooks, channels, width, layers, heads):
    audio = codec_config([5, 4, 3], hidden_size=8, num_filters=4, num_residual_layers=1,
                         num_lstm_layers=2, use_conv_shortcut=False)
    decoder = MusicgenDecoderConfig(
        vocab_size=CODEBOOK_SIZE, max_position_embeddings=512, num_hidden_layers=layers,
        ffn_dim=2 * width, num_attention_heads=heads, activation_function="gelu", hidden_size=width,
        num_codebooks=codebooks, audio_channels=channels,
        pad_token_id=CODEBOOK_SIZE, bos_token_id=CODEBOOK_SIZE,
    )
    return MusicgenConfig(text_encoder=text.to_dict(), audio_encoder=audio.to_dict(), decoder=decoder.to_dict())


@torch.no_grad()
def make_model(config, seed):
    """Random weights, large enough that attention picks and layers matter."""
    torch.manual_seed(seed)
    model = MusicgenForConditionalGeneration(config).eval()
    model.audio_encoder = make_codec(model.audio_encoder.config, seed + 1)
    for name, parameter in model.named_parameters():
        if name.startswith("audio_encoder."):
            continue
        if "norm" in name:  # Layer norms: scales around 1, offsets around 0.
            parameter.uniform_(0.6, 1.4) if name.endswith("weight") else parameter.uniform_(-0.2, 0.2)
        elif name.endswith("bias"):
            parameter.uniform_(-0.2, 0.2)
        elif "relative_attention_bias" in name or "embed_tokens" in name or "shared" in name:
            parameter.normal_(0, 1.0)
        elif "text_encoder" in name and ".q." in name:  # T5 does not scale its scores.
            parameter.normal_(0, 0.7 / parameter.shape[1] ** 0.5)
        else:
            parameter.normal_(0, 1.3 / parameter.shape[1] ** 0.5)
    generation = model.generation_config
    generation.decoder_start_token_id = generation.pad_token_id = generation.bos_token_id = CODEBOOK_SIZE
    generation.max_length, generation.do_sample, generation.guidance_scale = 400, True, 3.0
    return model


@torch.no_grad()
def run(model, ids, frames, guidance):
    """transformers' own generate, greedy: raw logits of every step and row, codes, audio."""
    seen = []
    decode = model.audio_encoder.decode
    model.audio_encoder.decode = lambda codes, audio_scales: seen.append(codes) or decode(codes, audio_scales=audio_scales)
    channels = model.config.decoder.audio_channels
    delays = model.config.decoder.num_codebooks // channels
    out = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, guidance_scale=guidance,
        max_length=frames + delays, return_dict_in_generate=True, output_logits=True, output_scores=True,
    )
    model.audio_encoder.decode = decode
    codes = seen[0] if channels == 1 else torch.stack(seen, 3).flatten(2, 3)  # L0 R0 L1 R1 …
    logits = torch.stack(out.logits)  # [steps, rows × codebooks, vocabulary]
    codebooks = model.config.decoder.num_codebooks
    logits = logits.reshape(len(logits), -1, codebooks, logits.shape[-1])
    guided = torch.stack(out.scores).reshape(len(logits), codebooks, -1)
    assert codes.shape == (1, 1, codebooks, frames) and len(logits) == frames + delays - 1
    # Only tokens that the delay pattern keeps are choices.
    worst = math.inf
    for step in range(len(logits)):
        for codebook in range(codebooks):
            if 0 <= step - codebook // channels < frames:
                first, second = guided[step, codebook].topk(2).values
                worst = min(worst, ((first - second) / guided.abs().max()).item())
    return {"codes": codes[0, 0], "logits": logits, "audio": out.sequences[0], "margin": worst}


@torch.no_grad()
def model_golden(model, tokenizer, folder, frames):
    """Token ids and text states of all prompts; two greedy runs, with and without guidance.

    Gives False when a greedy choice hangs on rounding, or the codes fall into a short cycle."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tensors, index = {}, {"prompts": [], "runs": []}
    for number, prompt in enumerate(PROMPTS):
        ids = torch.tensor([tokenizer.encode(prompt).ids])
        states = model.text_encoder(ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        if hasattr(model, "enc_to_dec_proj"):
            tensors[f"states.{number}"] = model.enc_to_dec_proj(states)[0].contiguous()
        else:
            tensors[f"states.{number}"] = states[0].contiguous()
        index["prompts"].append({"text": prompt, "ids": ids[0].tolist(), "states": f"states.{number}"})
    for guidance in [3.0, 1.0]:
        # Of the prompts that do not end in a short cycle, the one whose closest call is the clearest.
        tried = []
        for number, entry in enumerate(index["prompts"]):
            tried.append((run(model, torch.tensor([entry["ids"]]), frames, guidance), number))
        distinct = lambda one: len(set(map(tuple, one["codes"].T.tolist())))
        best, number = max(tried, key=lambda one: (distinct(one[0]) > 0.8 * frames, one[0]["margin"]))
        if distinct(best) <= 0.8 * frames or best["margin"] < 5e-5:
            return False
        name = f"run.{len(index['runs'])}"
        tensors[f"{name}.logits"] = best["logits"].contiguous()
        tensors[f"{name}.audio"] = best["audio"].contiguous()
        index["runs"].append({"prompt": number, "guidance": guidance, "codes": best["codes"].tolist(),
                              "logits": f"{name}.logits", "audio": f"{name}.audio"})
        print(f"{folder.name}: guidance {guidance}, prompt {number}, {distinct(best)} distinct frames of {frames}, "
              f"largest logit {best['logits'].abs().max():.1f}, closest call {best['margin']:.1e}")
    save_file(tensors, folder / "golden.safetensors")
    write_json(folder / "golden.json", index)
    return True


def whole_models(only=None):
    cases = {
        # The published layout: text wider than the decoder, ReLU, four codebooks.
        "mono": dict(seed=11, tokenizer=sentencepiece_tokenizer, width=32, text_width=40,
                     codebooks=4, channels=1, layers=2, heads=4, frames=200, text={}),
        # Equal widths (no projection), gated text encoder, bf16 in shards.
        "mono_sharded_bf16": dict(seed=12, tokenizer=plain_tokenizer, width=48, text_width=48,
                                  codebooks=4, channels=1, layers=3, heads=2, frames=200,
                                  text=dict(feed_forward_proj="gated-gelu")),
        "stereo": dict(seed=13, tokenizer=plain_tokenizer, width=32, text_width=24,
                       codebooks=8, channels=2, layers=2, heads=4, frames=200, text={}),
        # The layout of the large stereo model: shards.
        "stereo_sharded": dict(seed=15, tokenizer=plain_tokenizer, width=32, text_width=24,
                               codebooks=8, channels=2, layers=2, heads=4, frames=100, text={}),
        # Another stereo model, f16, with the tensor names of 2023.
        "stereo_f16_old_names": dict(seed=14, tokenizer=plain_tokenizer, width=24, text_width=32,
                                     codebooks=8, channels=2, layers=1, heads=3, frames=100, text={}),
    }
    for name, case in cases.items():
        if only not in (None, name):
            continue
        folder = HERE / "models" / name
        for attempt in range(30):
            if whole_model(name, folder, case, case["seed"] + 100 * attempt):
                break
        else:
            raise SystemExit(f"{name}: no seed gives a clear case")


def whole_model(name, folder, case, seed):
    """Saves one model as published ones are saved, and its goldens."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tokenizer = case["tokenizer"](folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = model_config(text_config(tokenizer, case["text_width"], **case["text"]), case["codebooks"],
                          case["channels"], case["width"], case["layers"], case["heads"])
    model = make_model(config, seed)
    dtype = torch.bfloat16 if "bf16" in name else torch.float16 if "f16" in name else torch.float32
    model.to(dtype)  # Rounds the weights; transformers then computes with the rounded ones in f32.
    model.save_pretrained(folder, max_shard_size="60KB" if "sharded" in name else "50GB")
    model.to(torch.float32)
    model.decoder.model.decoder.embed_positions.make_weights(512, case["width"])
    if "old_names" in name or name == "mono":
        tensors = load_file(folder / "model.safetensors")
        if "old_names" in name:
            tensors = old_weight_norm(tensors)
            tensors["text_encoder.encoder.embed_tokens.weight"] = tensors.pop("text_encoder.shared.weight")
        # Checkpoints of 2023 carry this one; it must be ignored.
        tensors["decoder.model.decoder.embed_positions.weights"] = torch.full((512, case["width"]), 9.0, dtype=dtype)
        save_file(tensors, folder / "model.safetensors")
    return model_golden(model, tokenizer, folder, case["frames"])


def audiocraft_names(tensors):
    """The tensors of a language model and of its codec under the names that AudioCraft gives them."""
    language, codec = {}, {}
    for name, tensor in tensors.items():
        if name.startswith("audio_encoder."):
            name = name.removeprefix("audio_encoder.")
            if name.startswith("quantizer."):
                name = name.replace("quantizer.layers.", "quantizer.vq.layers.").replace(".codebook.", "._codebook.")
            else:
                half, rest = name.split(".layers.")
                up = half == "decoder" and re.fullmatch(r"(\d+)\.conv\..*", rest) and tensors[
                    f"audio_encoder.{half}.layers.{rest.split('.')[0]}.conv.bias"].shape[0] < (
                    tensors[f"audio_encoder.{half}.layers.{rest.split('.')[0]}.conv.weight_g"].shape[0])
                rest = rest.replace("conv.", "convtr.convtr." if up else "conv.conv.")
                name = f"{half}.model.{rest}"
            codec[name] = tensor
        elif name.startswith("enc_to_dec_proj."):
            part = name.removeprefix("enc_to_dec_proj.")
            language[f"condition_provider.conditioners.description.output_proj.{part}"] = tensor
        elif name.startswith("decoder.") and "embed_positions" not in name:
            name = name.removeprefix("decoder.model.decoder.").removeprefix("decoder.")
            for theirs, ours in [("embed_tokens.", "emb."), ("lm_heads.", "linears."),
                                 ("encoder_attn_layer_norm", "norm_cross"), ("self_attn_layer_norm", "norm1"),
                                 ("final_layer_norm", "norm2"), ("encoder_attn", "cross_attention"),
                                 ("fc1", "linear1"), ("fc2", "linear2"), ("layer_norm", "out_norm")]:
                name = name.replace(theirs, ours)
            language[f"transformer.{name}" if name.startswith("layers.") else name] = tensor
    for name in [name for name in language if name.endswith(".q_proj.weight")]:
        prefix = name.removesuffix("q_proj.weight")
        language[f"{prefix}in_proj_weight"] = torch.cat([language.pop(f"{prefix}{part}_proj.weight") for part in "qkv"])
    return language, codec


class Settings:
    """Stands for an object of a library that the reader does not have."""

    def __init__(self, **values):
        self.__dict__.update(values)


def imports():
    """Checkpoints of PyTorch's and AudioCraft's with the very weights of some of the models."""
    random = torch.Generator().manual_seed(5)
    for model in ["mono", "stereo"]:
        folder = HERE / "import" / f"audiocraft_{model}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        source = HERE / "models" / model
        config = json.loads((source / "config.json").read_text())
        # Its checkpoints have the old spelling of weight norm.
        language, codec = audiocraft_names(old_weight_norm(load_file(source / "model.safetensors")))
        rate = config["audio_encoder"]["sampling_rate"]
        lm = dict(num_heads=config["decoder"]["num_attention_heads"], activation="gelu", norm_first=True)
        lines = [f"  {name}: {str(value).lower()}\n" for name, value in lm.items()]
        cfg = f"sample_rate: {rate}\ntransformer_lm:\n" + "".join(lines)
        strange = Settings(inner=Settings(**lm), again=[1, (2.5, None)], more={"a": {1, 2}}, far=2**70)
        torch.save({"best_state": language, "xp.cfg": cfg, "history": strange, "exported": True}, folder / "state_dict.bin")
        # A discriminator that trains with the codec is no part of it.
        codec["msd.discriminators.0.weight"] = torch.rand(3, 2, generator=random)
        cfg = f"sample_rate: {rate}\n"
        torch.save({"best_state": codec, "xp.cfg": cfg}, folder / "compression_state_dict.bin")
    folder = HERE / "import" / "audiocraft_melody"
    folder.mkdir(parents=True, exist_ok=True)
    language = {"emb.0.weight": torch.zeros(3, 4), "condition_provider.conditioners.self_wav.output_proj.weight": torch.zeros(4, 2)}
    torch.save({"best_state": language, "xp.cfg": Settings(sample_rate=1)}, folder / "state_dict.bin")
    # In two shards; one tensor transposed in memory, one in 64 bits, one a parameter, two the same.
    folder = HERE / "import" / "pytorch"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tensors = load_file(HERE / "models" / "mono" / "model.safetensors")
    table = tensors["text_encoder.shared.weight"]
    tensors["text_encoder.encoder.embed_tokens.weight"] = table
    name = "decoder.model.decoder.layers.0.fc1.weight"
    tensors[name] = tensors[name].t().contiguous().t()
    tensors["enc_to_dec_proj.bias"] = tensors["enc_to_dec_proj.bias"].double()
    tensors["enc_to_dec_proj.weight"] = torch.nn.Parameter(tensors["enc_to_dec_proj.weight"])
    tensors["counter"] = torch.tensor(7)
    names, weight_map = sorted(tensors), {}
    for shard, part in enumerate([names[::2], names[1::2]]):
        file = f"pytorch_model-{shard + 1:05}-of-00002.bin"
        torch.save({name: tensors[name] for name in part}, folder / file)
        weight_map |= {name: file for name in part}
    write_json(folder / "pytorch_model.bin.index.json", {"metadata": {}, "weight_map": weight_map})


PARTS = {"codec": codec, "sampling": sampling, "models": whole_models, "import": imports}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for part in sys.argv[1:] or PARTS:
        part, _, only = part.partition("/")
        PARTS[part](*filter(None, [only]))
    size = sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file())
    print(f"{size / 1e6:.2f} MB in all")
