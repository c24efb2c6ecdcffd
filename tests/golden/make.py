"""Makes the golden files that the Rust engine is held to: tiny random models in the published
layout, and what Hugging Face transformers computes with them.

    python3 -m venv .venv && .venv/bin/pip install \
        torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0 numpy==2.4.6
    .venv/bin/python tests/golden/make.py            # all
    .venv/bin/python tests/golden/make.py codec      # one part: codec, models

Every model is drawn from a fixed seed, so a rerun gives the same files on the same machine;
other processors may differ in the last bits of the stored activations. The script asserts that
every decision that must come out identical (nearest codebook entry, greedy token) has a margin
far above rounding, so that an implementation which is right cannot fail by bad luck.
"""

import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import EncodecConfig, EncodecModel

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
    import re

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


PARTS = {"codec": codec}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
    size = sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file())
    print(f"{size / 1e6:.2f} MB in all")
