"""Measures how detuned loops of known truth are made whole bars, by `barline measure --bars`.

    python -m starter.bars_truth --barline ../../target/release/barline --out /tmp/bars [--clips 500]

The loops are fit_truth's, up to 6 % off the tempo asked for: six bars of each, four of which are asked for, once begun at
a bar and once anywhere in it. A loop is right when its own tempo, after the stretch, is within 0.1 % of the one asked
for, and when it begins within 35 ms of a true bar line.
"""
import argparse
import dataclasses
import json
import subprocess
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile as sf

from .constants import SR
from .fit_truth import START, song_of
from .render import clip, mix, stems

BARS, SPARE = 4, 2


def render(job):
    i, folder, anywhere = job; song, asked, parts = song_of(i, START); bar = song.beats * 60 / song.bpm
    begin = float(np.random.default_rng([14, i]).uniform(0, bar)) if anywhere else 0.
    y = clip(mix(song, parts, stems(song)), begin + (BARS + SPARE) * bar)
    path = folder / f"{i:03d}{'b' if anywhere else 'a'}.wav"; sf.write(path, y[int(round(begin * SR)):], SR, subtype="PCM_16")
    return dict(path=str(path), asked=asked, bpm=song.bpm, beats_per_bar=song.beats, bar=bar, begin=int(round(begin * SR)) / SR, drums="drums" in parts)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--barline", type=Path, required=True); ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--clips", type=int, default=500); ap.add_argument("--workers", type=int, default=2); a = ap.parse_args(); a.out.mkdir(parents=True, exist_ok=True)
    print(f"{'':34}{'loops':>7}{'beat trusted':>14}{'tempo':>9}{'bar line':>10}{'both':>8}{'measured after':>16}")
    with ProcessPoolExecutor(a.workers) as pool:
        for anywhere in (False, True):
            rows = list(pool.map(render, [(i, a.out, anywhere) for i in range(a.clips)], chunksize=10))
            for drums in (True, False):
                told = []
                for r in (r for r in rows if r["drums"] == drums):
                    cmd = [str(a.barline), "measure", r["path"], "--bpm", str(r["asked"]), "--beats-per-bar", str(r["beats_per_bar"]), "--bars", str(BARS), "--json"]
                    o = json.loads(subprocess.run(cmd, check=True, capture_output=True).stdout)["files"][0]["as_bars"]
                    steady = isinstance(o["grid"], dict); tempo = abs(r["bpm"] / o["stretch"] / r["asked"] - 1) <= 1e-3
                    off = (o["start_seconds"] + r["begin"] + r["bar"] / 2) % r["bar"] - r["bar"] / 2; line = abs(off) <= .035
                    p = o["after"]["pulse"]; after = bool(p) and any(abs(p["tempo_bpm"] / r["asked"] / m - 1) <= 1e-3 for m in (.5, 1, 2))
                    told.append((steady, steady and tempo, steady and line, steady and tempo and line, steady and after))
                m = np.mean(told, axis=0)
                print(f"{'with drums' if drums else 'without'}, begun {'anywhere' if anywhere else 'at a bar':18}{len(told):>7}{m[0]:>14.1%}{m[1]:>9.1%}{m[2]:>10.1%}{m[3]:>8.1%}{m[4]:>16.1%}", flush=True)


if __name__ == "__main__":
    main()
