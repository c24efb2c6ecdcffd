"""Fits the three weights of engine/src/fit/key.rs, on loops that the measured ones are not among.

    python -m starter.fit_truth --barline ../../target/release/barline --out /tmp/others --start 200000 --clips 600 --no-librosa
    python -m starter.key_weights /tmp/others

The findings are those of engine/src/fit/{tones,chroma,key}.rs, written down once more: how alike the pitch classes above
the basses are to a key's profile, how much of the basses is on its tonic, how much of the first 0.6 s on its triad. Every
loop counts three times, four in ten times as if it began at another of its bars. Prints the weights, and, by
cross-validation, how often the tonic is right where the loop begins at its first bar and at the others.
"""
import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy.ndimage import median_filter
from scipy.optimize import minimize

from .constants import SR
from .measure import MAJOR, MINOR

SIZE, HOP, BIN = 8192, SR // 20, SR / 8192
KICK_HZ, BASS_HZ, OPENING = 63, 135, .6


def tones(path):
    """Frame, frequency and fourth root of the power of every tone, and the number of frames."""
    y, _ = sf.read(path, dtype="float32"); n = len(range(0, len(y) + SIZE // 2, HOP)); y = np.concatenate([np.zeros(SIZE, np.float32), y, np.zeros(2 * SIZE, np.float32)])
    window = .5 - .5 * np.cos(2 * np.pi * np.arange(SIZE) / SIZE)
    p = (np.abs(np.fft.rfft(np.stack([y[i * HOP:i * HOP + SIZE] for i in range(n)]) * window, axis=1)[:, :int(2100 / BIN) + 30]) ** 2 * 16 / SIZE ** 2).astype(np.float32)
    m = np.zeros(p.shape, bool); m[:, 1:-1] = (p[:, 1:-1] >= p[:, :-2]) & (p[:, 1:-1] > p[:, 2:]) & (p[:, 1:-1] >= 1e-9)
    m &= p >= 12 * median_filter(p, (1, 49)); m[:, :int(np.ceil(38 / BIN))] = False; m[:, int(2100 / BIN):] = False
    f, b = np.nonzero(m); l = np.log(np.maximum(p, 1e-20)); lo, mid, hi = l[f, b - 1], l[f, b], l[f, b + 1]
    return f, (b + np.clip(.5 * (lo - hi) / np.minimum(lo - 2 * mid + hi, -1e-9), -.5, .5)) * BIN, p[f, b] ** .25, n


def findings(row):
    """[bar it begins at][tonic][major, minor][finding]"""
    f, hz, w, n = tones(row["path"]); cls = np.round(69 + 12 * np.log2(hz / 440)).astype(int) % 12; bar = row["beats_per_bar"] * 60 / row["bpm"]

    def classes(low, high, frames=(0, 1 << 30)):
        out = np.zeros(12); k = (hz >= low) & (hz < high) & (f >= frames[0]) & (f < frames[1]); np.add.at(out, cls[k], w[k]); return out
    above, bass = classes(BASS_HZ, 1e9), classes(KICK_HZ, BASS_HZ)
    alike = np.array([[np.corrcoef(np.roll(p, t), above)[0, 1] if above.std() > 0 else 0 for p in (MAJOR, MINOR)] for t in range(12)])
    tonic = np.repeat((bass / max(bass.sum(), 1e-9))[:, None], 2, 1); out = []
    for k in range(4):
        at = [int(round((s + SIZE / 2 / SR) * SR / HOP)) for s in (k * bar, k * bar + OPENING)]
        o = classes(KICK_HZ, 1e9, at); o = o / max(o.sum(), 1e-9)
        out.append(np.stack([alike, tonic, np.stack([o + np.roll(o, -third) + np.roll(o, -7) for third in (4, 3)], 1)], -1))
    return np.stack(out)


def likely(x, w):
    e = np.exp(x @ w); return e.sum(2) / e.sum((1, 2))[:, None]


def fit(x, key, seed=0):
    rng = np.random.default_rng(seed); i = np.tile(np.arange(len(key)), 3)
    x = x[i, np.where(rng.random(len(i)) < .6, 0, rng.integers(0, 4, len(i)))]
    return minimize(lambda w: -np.log(likely(x, w)[np.arange(len(i)), key[i]] + 1e-12).mean() + 1e-3 * (w @ w), np.ones(3)).x


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter); ap.add_argument("folder", type=Path); a = ap.parse_args()
    rows = [r for r in json.loads((a.folder / "truth.json").read_text())["rows"] if set(r["parts"]) - {"drums"}]
    with ProcessPoolExecutor(2) as pool: x = np.stack(list(pool.map(findings, rows, chunksize=10)))
    key = np.array([r["key"] for r in rows]); print(f"{len(rows)} loops; profile, bass, opening: {np.round(fit(x, key), 2)}"); right = np.zeros((len(key), 4), bool)
    for part in range(5):
        test = np.arange(len(key)) % 5 == part; w = fit(x[~test], key[~test])
        for bar in range(4): right[test, bar] = likely(x[test, bar], w).argmax(1) == key[test]
    print(f"tonic right where the first bar comes first: {right[:, 0].mean():.1%}, where another does: {right[:, 1:].mean():.1%}")


if __name__ == "__main__":
    main()
