"""Training checkpoints out of exported weights, for a machine that has only the repository.

    python -m starter.restore          (writes codec.pt and lm.pt into the work folder)

f16 loses nothing that matters; the optimisers start anew (use --restart-schedule).
"""
import torch
from transformers import MusicgenForConditionalGeneration

from .codec import Rvq
from .constants import MODEL_DIR, work_dir
from .discriminator import Discriminator
from .lm import StarterLM
from .tokenizer import build


def main():
    m = MusicgenForConditionalGeneration.from_pretrained(MODEL_DIR, dtype=torch.float32); d = work_dir()
    for p in (d / "codec.pt", d / "lm.pt"):
        if p.exists(): raise SystemExit(f"{p} exists; move it away first")
    lm = StarterLM(build())
    lm.text.load_state_dict(m.text_encoder.state_dict()); lm.proj.load_state_dict(m.enc_to_dec_proj.state_dict())
    lm.decoder.load_state_dict(m.decoder.state_dict())
    torch.save({"model": lm.state_dict(), "ema": lm.state_dict(), "opt": None, "step": 0, "spent": 0.0, "frames": 0}, d / "lm.pt")
    codec = m.audio_encoder
    torch.save({"model": codec.state_dict(), "disc": Discriminator().state_dict(), "rvq": Rvq(codec).state(), "opt": None,
                "dopt": None, "step": 0, "quantised": True, "adversarial": False}, d / "codec.pt")
    print("wrote", d / "codec.pt", d / "lm.pt")


if __name__ == "__main__":
    main()
