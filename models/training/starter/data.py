"""Renders songs into shards of int16 audio, the material of every training stage.

    python -m starter.data --shards 0 1 2 3        (480 songs, 1,440 sequences, some 3 hours of audio a shard)

A shard is `audio-<n>.i16` beside `audio-<n>.json` (offset, frames, seed, parts of each sequence); a shard whose json
exists is finished and skipped, so a stopped run is simply started again. Every sequence starts on a downbeat and has
its onsets on codec frames (see `stems` in render.py, which says why); most are 5 or 10 s long, some 20 and 30 s, so
that the decoder meets every position that it will be asked for.
"""
import argparse
import json

import numpy as np

from .constants import HOP, work_dir
from .compose import compose, views
from .render import mix, stems

SONGS, VIEWS = 480, 3
LENGTHS = (256, 512, 1000, 1500)        # frames


def frames_of(seed: int) -> int:
    """How long a song's sequences are: of 24 songs 14, 8, 1 and 1 by LENGTHS."""
    i = seed % 24
    return LENGTHS[3] if i == 23 else LENGTHS[2] if i == 11 else LENGTHS[1] if i % 3 == 1 else LENGTHS[0]


def render_shard(n: int) -> None:
    d = work_dir(); index = d / f"audio-{n}.json"
    if index.exists(): return
    rows, at = [], 0
    with open(d / f"audio-{n}.i16", "wb") as f:
        for seed in range(n * SONGS, (n + 1) * SONGS):
            song = compose(seed); frames = frames_of(seed); st = stems(song, frames)
            for v in views(song, VIEWS):
                f.write(np.round(mix(song, v, st) * 32767).astype("<i2").tobytes())
                rows.append((at, frames, seed, v)); at += frames * HOP
    tmp = index.with_suffix(".tmp"); tmp.write_text(json.dumps(rows)); tmp.rename(index)


class Shard:
    """One finished shard: `rows` of (sample offset, frames, seed, parts), and their audio."""

    def __init__(self, n: int):
        p = work_dir() / f"audio-{n}.json"
        self.n, self.samples = n, np.memmap(p.with_suffix(".i16"), "<i2", "r")
        self.rows = [(at, frames, seed, tuple(parts)) for at, frames, seed, parts in json.loads(p.read_text())]

    def audio(self, i: int, first=0, frames: int | None = None) -> np.ndarray:
        """`frames` frames of sequence `i` from frame `first`, as floats."""
        at, n, _, _ = self.rows[i]; m = n - first if frames is None else frames
        return self.samples[at + first * HOP: at + (first + m) * HOP].astype(np.float32) / 32767


def shards() -> list[Shard]:
    return [Shard(n) for n in sorted(int(p.stem[6:]) for p in work_dir().glob("audio-*.json"))]


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--shards", type=int, nargs="+", required=True)
    for n in a.parse_args().shards:
        render_shard(n); print("shard", n, flush=True)


if __name__ == "__main__":
    main()
