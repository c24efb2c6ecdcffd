"""Songs to codec tokens, in chunks that training can pick up while later ones are still being made.

    python -m starter.encode --chunks 12 [--simple]

Most sequences are 5.12 s (256 frames) from a downbeat; some are 10, 20 and 30 s, so that the decoder meets every
position that it will be asked for. Onsets lie on codec frames (see `stems` in render.py, which says why).
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
from .render import mix, stems

LENGTHS = (256, 512, 1000, 1500)
CHUNK, VIEWS = 480, 3


def load_codec(device="cpu", decoder_only=True) -> EncodecModel:
    """The trained codec; the decoder that was trained on alone afterwards, if there is one, is the better."""
    p = work_dir() / "codec-decoder.pt"
    if not (decoder_only and p.exists()): p = work_dir() / "codec.pt"
    m = EncodecModel(codec_config()); m.load_state_dict(torch.load(p, map_location="cpu", weights_only=True)["model"])
    return m.to(device).eval()


def simple(song) -> bool:
    """The part of the data to learn from while time is short: 4/4 on a straight grid, no fills or echoes, one variant
    of each kit. It leaves a fifth of the loops, as many as an hour on two cores can go through a few times."""
    return song.beats == 4 and not song.swing and not song.fill and not song.delay and not song.crackle and song.bars <= 2 \
        and song.variant == 0 and song.reverb <= .45 and not song.sidechain


def encode_many(model, items: list[tuple], frames: int, batch: int, workers: int = 1) -> np.ndarray:
    """(seed, parts) pairs to (N, 4, frames) codes."""
    def one(i):
        audio = []
        for seed, parts in items[i:i + batch]:
            song = compose(seed); audio.append(mix(song, parts, stems(song, frames)))
        x = torch.from_numpy(np.stack(audio))[:, None]
        return encode(model, x.to(next(model.parameters()).device)).cpu().numpy().astype(np.int16)
    with ThreadPoolExecutor(workers) as pool:
        return np.concatenate(list(pool.map(one, range(0, len(items), batch))))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--chunks", type=int, default=12); ap.add_argument("--workers", type=int, default=os.cpu_count())
    ap.add_argument("--simple", action="store_true", help="only loops that `simple` lets through")
    a = ap.parse_args(); torch.set_num_threads(max(1, os.cpu_count() // a.workers))
    dev = "cuda" if torch.cuda.is_available() else "cpu"
    model = load_codec(dev, decoder_only=False); d = work_dir(); chosen = lambda s: not a.simple or simple(s)
    ho = d / "codes-heldout.npz"
    if not ho.exists():
        songs = [s for s in (compose(HELD_OUT_SEED + 1000 + i) for i in range(1000)) if chosen(s)][:64]; items = [(s.seed, views(s, 1)[0]) for s in songs]
        np.savez(ho, codes=encode_many(model, items, LENGTHS[0], 6, a.workers), seeds=[s for s, _ in items], parts=["+".join(v) for _, v in items])
    seed = 0
    for k in range(a.chunks):
        items = []
        while len(items) < CHUNK:
            song = compose(seed); seed += 1
            if chosen(song): items += [(song.seed, v) for v in views(song, VIEWS)]
        path = d / f"codes-{k}.npz"
        if path.exists(): continue
        t = time.time(); groups = {n: [] for n in LENGTHS}
        for j, it in enumerate(items): groups[LENGTHS[3] if j % 60 == 1 else LENGTHS[2] if j % 30 == 2 else LENGTHS[1] if j % 6 == 0 else LENGTHS[0]].append(it)
        save = {}
        for n, its in groups.items():
            if not its: continue
            save[f"codes{n}"] = encode_many(model, its, n, max(1, 1536 // n), a.workers)
            save[f"seeds{n}"] = np.array([s for s, _ in its]); save[f"parts{n}"] = np.array(["+".join(v) for _, v in its])
        tmp = d / f"codes-{k}.tmp.npz"; np.savez(tmp, **save); tmp.rename(path)
        print(f"chunk {k}: {len(items)} sequences in {time.time() - t:.0f} s", flush=True)


if __name__ == "__main__":
    main()
