"""Renders songs into shards of int16 audio (one seamless loop a view), the material of every training stage.

    python -m starter.data --shards 0 1 2 3        (500 songs a shard, some 3 minutes of CPU each)

A shard is `audio-<n>.i16` beside `audio-<n>.json` (offset, length, seed, parts of each loop); a shard whose
json exists is finished and skipped, so a stopped run is simply started again.
"""
import argparse
import json

import numpy as np

from .constants import work_dir
from .compose import compose, views
from .render import mix, stems

SONGS, VIEWS = 500, 3


def render_shard(n: int) -> None:
    d = work_dir(); index = d / f"audio-{n}.json"
    if index.exists(): return
    rows, at = [], 0
    with open(d / f"audio-{n}.i16", "wb") as f:
        for seed in range(n * SONGS, (n + 1) * SONGS):
            song = compose(seed); st = stems(song)
            for v in views(song, VIEWS):
                x = np.round(mix(song, v, st) * 32767).astype("<i2")
                f.write(x.tobytes()); rows.append((at, len(x), seed, v)); at += len(x)
    tmp = index.with_suffix(".tmp"); tmp.write_text(json.dumps(rows)); tmp.rename(index)


class Loops:
    """All finished shards as one list of loops."""

    def __init__(self, limit: int | None = None):
        d = work_dir(); self.rows = []
        for p in sorted(d.glob("audio-*.json"), key=lambda p: int(p.stem[6:]))[:limit]:
            m = np.memmap(p.with_suffix(".i16"), "<i2", "r")
            self.rows += [(m, *r) for r in json.loads(p.read_text())]

    def __len__(self):
        return len(self.rows)

    def audio(self, i: int) -> np.ndarray:
        m, at, n, _, _ = self.rows[i]
        return m[at:at + n].astype(np.float32) / 32767

    def song(self, i: int):
        _, _, _, seed, parts = self.rows[i]
        return compose(seed), tuple(parts)


def main():
    a = argparse.ArgumentParser(description=__doc__); a.add_argument("--shards", type=int, nargs="+", required=True)
    for n in a.parse_args().shards:
        render_shard(n); print("shard", n, flush=True)


if __name__ == "__main__":
    main()
