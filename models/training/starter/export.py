"""Writes the published format: one MusicgenForConditionalGeneration in f16 with its configuration and tokenizer.

    python -m starter.export [--out models/starter] [--raw]

Takes what there is in the work folder (an untrained part where nothing has been trained yet), so it can be run at
any time. Files are written beside their place and renamed into it.
"""
import argparse
import json
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import EncodecModel, MusicgenConfig, MusicgenForConditionalGeneration

from .codec import codec_config
from .constants import FRAME_RATE, MODEL_DIR, PAD, work_dir
from .encode import load_codec
from .lm import StarterLM
from .tokenizer import build

FILES = ("tokenizer.json", "config.json", "generation_config.json", "model.safetensors")


def assemble(ema=True) -> tuple[MusicgenForConditionalGeneration, dict]:
    tok = build(); torch.manual_seed(0); lm = StarterLM(tok); facts = {"lm_steps": 0, "lm_frames": 0}
    p = work_dir() / "lm.pt"
    if p.exists():
        c = torch.load(p, map_location="cpu", weights_only=True); lm.load_state_dict(c["ema" if ema else "model"])
        facts["lm_steps"], facts["lm_frames"] = c["step"], c["frames"]
    codec = load_codec() if (work_dir() / "codec.pt").exists() else EncodecModel(codec_config())
    for q in codec.quantizer.layers:        # bookkeeping buffers of training: constants, so that f16 holds them
        q.codebook.embed_avg.copy_(q.codebook.embed); q.codebook.cluster_size.fill_(1); q.codebook.inited.fill_(1)
    cfg = MusicgenConfig(text_encoder=lm.text.config.to_dict(), audio_encoder=codec.config.to_dict(), decoder=lm.decoder.config.to_dict())
    model = MusicgenForConditionalGeneration(config=cfg, text_encoder=lm.text, audio_encoder=codec, decoder=lm.decoder)
    model.enc_to_dec_proj.load_state_dict(lm.proj.state_dict())
    g = model.generation_config
    g.decoder_start_token_id = g.pad_token_id = g.bos_token_id = PAD
    g.do_sample, g.guidance_scale, g.top_k, g.max_length = True, 3.0, 250, 30 * FRAME_RATE
    return model.eval(), facts


def write(out: Path, model) -> int:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".export-") as t:
        t = Path(t)
        model.save_pretrained(t, safe_serialization=True)
        w = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in load_file(t / "model.safetensors").items()
             if not k.endswith("embed_positions.weights")}
        assert all(torch.isfinite(v).all() for v in w.values() if v.is_floating_point())
        save_file(w, t / "model.safetensors", metadata={"format": "pt"})
        cfg = json.loads((t / "config.json").read_text())
        for c in (cfg, cfg["text_encoder"], cfg["audio_encoder"], cfg["decoder"]): c["dtype"] = "float16"
        (t / "config.json").write_text(json.dumps(cfg, indent=2) + "\n")
        tok = build(); tok.save(str(t / "tokenizer.json"))
        for f in FILES: (t / f).replace(out / f)
    return (out / "model.safetensors").stat().st_size


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", type=Path, default=MODEL_DIR); ap.add_argument("--raw", action="store_true", help="last weights, not their average")
    a = ap.parse_args(); model, facts = assemble(not a.raw)
    print(f"{a.out}: {write(a.out, model) / 1e6:.2f} MB, {facts}")


if __name__ == "__main__":
    main()
