"""Holds the figures of `barline evaluate` to those of librosa, scipy, numpy and pyloudnorm on the same clips.

    python -m starter.figures_check --barline ../../target/release/barline --out /tmp/figures [--clips 40]

Clips are composed from held-out seeds (see fit_truth), one half of them against the other; each also with noise of a
known level and some samples later, for signal to noise. Prints, for every figure, the mean of both columns and how far
they are apart at the most. The definitions are those of engine/src/evaluate, written down once more.
"""
import argparse
import json
import subprocess
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import librosa
import numpy as np
import pyloudnorm
import scipy.linalg
import soundfile as sf

from .constants import SR
from .fit_truth import START, render

SIZE, HOP, LAG = 2048, 512, 123


def noisy(job):
    """The clip with noise 6 to 40 dB below it, and later; and the true signal to noise."""
    path, out, i = job; y, _ = sf.read(path, dtype="float32"); rng = np.random.default_rng([13, i])
    n = rng.standard_normal(len(y)).astype(np.float32); n *= np.sqrt((y ** 2).mean() / (n ** 2).mean()) * 10 ** (-rng.uniform(6, 40) / 20)
    sf.write(out / Path(path).name, np.concatenate([np.zeros(LAG, np.float32), y + n]), SR, subtype="FLOAT")
    return 10 * np.log10((y.astype(float) ** 2).sum() / (n.astype(float) ** 2).sum())


def by_others(path):
    y, _ = sf.read(path, dtype="float32"); s = np.abs(librosa.stft(y, n_fft=SIZE, hop_length=HOP, pad_mode="constant"))
    h, p = librosa.decompose.hpss(s)
    kept = s[:, (s ** 2).sum(0) >= 1e-6 * (s ** 2).sum(0).max()] * 4 / SIZE         # a full-scale sine has a peak of 1
    # librosa takes tens of logarithms of whatever it is given; of magnitudes, decibels are twice as many
    contrast = 2 * librosa.feature.spectral_contrast(S=np.maximum(kept, 1e-5), sr=SR, n_fft=SIZE).mean(1)
    mel = librosa.filters.mel(sr=SR, n_fft=SIZE, n_mels=64, fmin=30, fmax=15_500, htk=True, norm=None) @ (s.astype(float) ** 2)
    mel = 10 * np.log10(np.maximum(mel, 1e-8 * mel.mean()) / mel.mean())
    return dict(harmonic_to_percussive_db=10 * np.log10((h.astype(float) ** 2).sum() / (p.astype(float) ** 2).sum()), spectral_contrast_db=contrast,
                crest_db=20 * np.log10(np.abs(y).max() / np.sqrt((y.astype(float) ** 2).mean())), loudness_lufs=pyloudnorm.Meter(SR).integrated_loudness(y)), mel.T


def frechet(a, b):
    ca, cb = np.cov(a.T), np.cov(b.T); root = scipy.linalg.sqrtm(ca @ cb).real
    return float(np.sqrt(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * root)))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--barline", type=Path, required=True); ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--clips", type=int, default=40); ap.add_argument("--workers", type=int, default=2); a = ap.parse_args()
    folders = [a.out / n for n in ("one", "other", "noisy")]
    for f in folders: f.mkdir(parents=True, exist_ok=True)
    evaluate = lambda folder, against: json.loads(subprocess.run([str(a.barline), "evaluate", str(folder), "--against", str(against), "--json"],
                                                                 check=True, capture_output=True).stdout)
    with ProcessPoolExecutor(a.workers) as pool:
        rows = list(pool.map(render, [(i, folders[i % 2], START) for i in range(a.clips)], chunksize=5))
        one, other = (sorted(r["path"] for r in rows[k::2]) for k in (0, 1))
        others = list(pool.map(by_others, one + other)); snr = list(pool.map(noisy, [(p, folders[2], i) for i, p in enumerate(one)]))
    ours = evaluate(folders[0], folders[1]); files = ours["set"]["files"] + ours["against"]["files"]
    figure = lambda f, name: f["loudness"]["integrated_lufs"] if name == "loudness_lufs" else f[name]
    rows = []
    for name in ("harmonic_to_percussive_db", "spectral_contrast_db", "crest_db", "loudness_lufs"):
        rows.append((name, np.array([figure(f, name) for f in files]), np.array([o[name] for o, _ in others])))
    found = evaluate(folders[2], folders[0])["set"]["files"]
    rows.append(("snr_db (truth)", np.array([f["reference"]["snr_db"] for f in found]), np.array(snr)))
    rows.append(("lag_frames (truth)", np.array([f["reference"]["lag_frames"] for f in found]), np.full(len(found), LAG)))
    n = len(one); sets = [np.concatenate([m for _, m in part]) for part in (others[:n], others[n:])]
    rows.append(("frechet_distance_db", np.array([ours["frechet_distance"]["log_mel_frames_db"]]), np.array([frechet(*sets)])))
    print(f"{'':28}{'barline':>10}{'others':>10}{'apart at most':>15}")
    for name, b, o in rows: print(f"{name:28}{b.mean():10.3f}{o.mean():10.3f}{np.abs(b - o).max():15.3f}")


if __name__ == "__main__":
    main()
