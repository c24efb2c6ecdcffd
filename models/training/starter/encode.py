"""Rendered shards to codec tokens, shard by shard, so that training can start while later ones are still being made.

    python -m starter.encode
"""
import argparse
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from transformers import EncodecModel

from .codec import codec_config, encode
from .constants import HELD_OUT_SEED, work_dir
from .compose import compose, views
from .data import LENGTHS, Shard, shards
from .render import mix, stems

BATCH_FRAMES = 256         # small batches stay in the caches of a CPU: 1.4 times as fast as 1,536 there


def load_codec(device="cpu", decoder_only=True) -> EncodecModel:
    """The trained codec; the decoder that was trained on alone afterwards, if there is one, is the better."""
    p = work_dir() / "codec-decoder.pt"
    if not (decoder_only and p.exists()): p = work_dir() / "codec.pt"
    m = EncodecModel(codec_config()); m.load_state_dict(torch.load(p, map_location="cpu", weights_only=True)["model"])
    return m.to(device).eval()


def encode_audio(model, audio: list[np.ndarray]) -> np.ndarray:
    """Clips of one length, samples each, to (N, 4, frames) codes."""
    x = torch.from_numpy(np.stack(audio))[:, None]
    return encode(model, x.to(next(model.parameters()).device)).cpu().numpy().astype(np.int16)


def encode_shard(model, shard: Shard, pool) -> dict[str, np.ndarray]:
    """`codes<n>` (N, 4, n), `seeds<n>` and `parts<n>` (names joined by +) for every length n."""
    save = {}
    for n in LENGTHS:
        rows = [i for i, r in enumerate(shard.rows) if r[1] == n]; size = max(1, BATCH_FRAMES // n)
        if not rows: continue
        batches = [rows[i:i + size] for i in range(0, len(rows), size)]
        save[f"codes{n}"] = np.concatenate(list(pool.map(lambda b: encode_audio(model, [shard.audio(i) for i in b]), batches)))
        save[f"seeds{n}"] = np.array([shard.rows[i][2] for i in rows])
        save[f"parts{n}"] = np.array(["+".join(shard.rows[i][3]) for i in rows])
    return save


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--workers", type=int, default=os.cpu_count())
    a = ap.parse_args(); torch.set_num_threads(max(1, os.cpu_count() // a.workers))
    model = load_codec("cuda" if torch.cuda.is_available() else "cpu", decoder_only=False); d = work_dir()
    if not (d / "codes-heldout.npz").exists():
        songs = [compose(HELD_OUT_SEED + 1000 + i) for i in range(64)]; items = [(s, views(s, 1)[0]) for s in songs]
        codes = np.concatenate([encode_audio(model, [mix(s, v, stems(s, LENGTHS[0]))]) for s, v in items])
        np.savez(d / "codes-heldout.npz", codes=codes, seeds=[s.seed for s in songs], parts=["+".join(v) for _, v in items])
    with ThreadPoolExecutor(a.workers) as pool:
        for shard in shards():
            path = d / f"codes-{shard.n}.npz"
            if path.exists(): continue
            t = time.time(); save = encode_shard(model, shard, pool)
            tmp = d / f"codes-{shard.n}.tmp.npz"; np.savez(tmp, **save); tmp.rename(path)
            print(f"shard {shard.n}: {len(shard.rows)} sequences in {time.time() - t:.0f} s", flush=True)


if __name__ == "__main__":
    main()
