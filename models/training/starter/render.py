"""Songs to audio: parts are added into a ring buffer of the loop's exact length, effects are circular.

Because tails wrap round, the result tiles without a seam; `clip` repeats it to any length with the tempo kept
exact (the ring is rendered at a rounded length, so a repeat drifts less than half a sample a loop).
"""
from functools import lru_cache

import numpy as np
from scipy import fft

from .constants import HOP, SR
from .compose import Song
from .synth import cut, hit

GAIN = {"bass": .42, "chords": .15, "arp": .26, "lead": .24, "drums": 1.0}
HIT_GAIN = dict(kick=.85, snare=.55, clap=.5, rim=.4, hat=.26, open=.22, ride=.13, crash=.18, shaker=.14, tom=.5, conga=.35, cowbell=.22)


def _add(buf, x, at, g):
    n = len(buf); i = int(round(at)) % n
    while len(x):
        m = min(len(x), n - i)
        buf[i:i + m] += g * x[:m]
        x = x[m:]; i = 0


def onset(song, step):
    """Sample position of a step; swing delays the off sixteenths."""
    unit = song.samples / song.steps
    return (step + (song.swing if int(step) % 2 else 0) * 1.0) * unit


@lru_cache(maxsize=8)
def _reverb(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(5); n = int(SR * seconds * 1.5); t = np.arange(n) / SR
    x = rng.standard_normal(n) * np.exp(-t / (seconds / 4)) * np.minimum(1, t / .008)
    return (x / np.sqrt((x ** 2).sum())).astype(np.float32)


def _wet(x, song, cutoff, reverb, delay):
    """Low-pass, echo and reverb in one circular pass in the frequency domain."""
    n = len(x)
    if not (cutoff or reverb or delay): return x
    X = fft.rfft(x); f = np.fft.rfftfreq(n, 1 / SR).astype(np.float32)
    H = np.ones(len(f), np.complex64)
    if delay:
        tap = np.exp(-2j * np.pi * f * (.75 * 60 / song.bpm)).astype(np.complex64)
        H += delay * tap / (1 - .4 * tap)
    if reverb:
        ir = np.zeros(n, np.float32); r = _reverb(1.2); _add(ir, r, 0, 1.0)
        H = H * (1 + reverb * fft.rfft(ir))
    if cutoff: H = H / (1 + (f / cutoff) ** 4)
    return fft.irfft(X * H, n).astype(np.float32)


def stems(song: Song, frames: int | None = None) -> dict[str, np.ndarray]:
    """Every part on its own, with its own effects. As a seamless loop, or with `frames` as that many codec frames of
    the song over and over, every onset moved to the nearest frame (10 ms at the most). The second is what the
    language model learns from: with onsets between frames the codec's tokens of one and the same bar, a bar later,
    agree in 2 % of the places; on frames, in nearly all, so that there is a pattern to learn."""
    n = frames * HOP if frames else int(round(song.samples)); reps = -(-n // int(song.samples)) if frames else 1
    unit = song.samples / song.steps; out = {}

    def put(buf, x, step, g):
        for r in range(reps):
            at = onset(song, step) + r * song.samples
            if frames:
                i = int(round(at / HOP)) * HOP
                if i < n: m = min(len(x), n - i); buf[i:i + m] += g * x[:m]
            else: _add(buf, x, at, g)

    d = np.zeros(n, np.float32)
    for step, name, vel in song.hits:
        put(d, hit(song.kit, song.variant, name), step, HIT_GAIN[name] * vel)
    out["drums"] = _wet(d, song, song.cutoff * 2.2 if song.cutoff else 0, song.reverb * .25, 0)
    duck = None
    if song.sidechain:
        ph = np.arange(n) % (unit * 4) / (unit * 4)
        duck = np.minimum(1, .15 + 1.2 * ph).astype(np.float32)
    for part, (patch, notes) in song.parts.items():
        x = np.zeros(n, np.float32)
        for step, length, midi, vel in notes:
            samples = length * unit
            put(x, cut(patch, midi, max(1, round(samples / HOP)) * HOP if frames else int(samples)), step, GAIN[part] * vel)
        low = part == "bass"
        x = _wet(x, song, 0 if low else song.cutoff, 0 if low else song.reverb, 0 if low or part == "chords" else song.delay)
        out[part] = x * duck if duck is not None else x
    return out


def mix(song: Song, parts: tuple, st: dict | None = None) -> np.ndarray:
    """One view of the song as a seamless loop, peak below 0.95, loudness about the same for all."""
    st = st or stems(song)
    x = sum(st[p] for p in parts).astype(np.float32)
    x = x - x.mean()
    # In steps of 3 dB: a kick then has the same level, and so the same tokens, in most mixes that it is in.
    x = x * 2 ** (round(2 * np.log2(.16 / (np.sqrt((x ** 2).mean()) + 1e-9))) / 2)
    if song.drive: x = np.tanh(x * song.drive) / np.tanh(song.drive) * (.6 if song.drive > 2 else .9)
    loud = np.abs(x)
    x = np.where(loud > .6, np.sign(x) * (.6 + .3 * np.tanh((loud - .6) / .3)), x)
    return (x - x.mean()).astype(np.float32)


def clip(loop: np.ndarray, seconds: float) -> np.ndarray:
    """The loop repeated (or cut) to `seconds`."""
    n = int(round(seconds * SR))
    return np.tile(loop, -(-n // len(loop)))[:n]
