"""Sounds: drum one-shots from parameter tables, and pitched notes from wavetables.

Everything here is deterministic and cached: one (kit, variant, hit) or (patch, pitch) is rendered once a
process and then only sliced and added, which is what makes composing thousands of loops affordable.
"""
from functools import lru_cache

import numpy as np
from scipy.signal import butter, sosfilt

from .constants import SR, hz

# Kits: kick (Hz end, Hz sweep, sweep s, decay s, click, drive), snare (Hz, tone decay, noise decay, noise
# high-pass, tone share), hats (high-pass Hz, closed decay, open decay, metallic share), low-pass of the whole kit.
KITS = {
    "808":        dict(kick=(46, 90, .030, .38, .15, 1.5), snare=(180, .07, .09, 1800, .5), hat=(7500, .022, .16, .7), lp=0),
    "909":        dict(kick=(52, 190, .022, .17, .5, 2.5), snare=(200, .06, .11, 1500, .4), hat=(7000, .028, .17, .4), lp=0),
    "dusty":      dict(kick=(58, 90, .030, .12, .2, 2.0), snare=(190, .05, .08, 900, .4), hat=(4500, .022, .10, .2), lp=5200),
    "acoustic":   dict(kick=(62, 70, .018, .11, .6, 1.2), snare=(210, .08, .12, 1200, .5), hat=(6000, .030, .19, .5), lp=12000),
    "punchy":     dict(kick=(55, 230, .018, .13, .8, 3.0), snare=(220, .06, .07, 1800, .5), hat=(8000, .020, .13, .3), lp=0),
    "industrial": dict(kick=(50, 260, .025, .20, .9, 8.0), snare=(160, .08, .14, 800, .4), hat=(5500, .035, .19, .8), lp=0),
    "soft":       dict(kick=(56, 50, .030, .13, .05, 1.0), snare=(185, .05, .08, 1500, .3), hat=(6500, .020, .11, .2), lp=7500),
    "electro":    dict(kick=(50, 140, .030, .22, .4, 2.0), snare=(230, .05, .10, 2400, .3), hat=(9000, .018, .12, .8), lp=0),
}
VARIANTS = 1                # more would be livelier, and more than a model of this size learns in hours


def _noise(rng, n):
    return rng.standard_normal(n)


def _hp(x, f):
    return sosfilt(butter(3, f, "high", fs=SR, output="sos"), x)


def _lp(x, f, order=2):
    return sosfilt(butter(order, min(f, SR * .49), "low", fs=SR, output="sos"), x)


def _decay(n, tau, attack=.0008):
    t = np.arange(n) / SR
    tail = np.minimum(1, (n - np.arange(n)) / (SR * .01))
    return np.minimum(t / attack, 1) * np.exp(-t / tau) * tail


def _metal(n, base):
    """Six square-ish inharmonic partials, the classic analogue cymbal."""
    t = np.arange(n) / SR
    return sum(np.sign(np.sin(2 * np.pi * base * r * t)) for r in (2.0, 3.0, 4.16, 5.43, 6.79, 8.21)) / 3


@lru_cache(maxsize=None)
def hit(kit: str, variant: int, name: str) -> np.ndarray:
    """One drum one-shot, peak about 1."""
    p = KITS[kit]
    rng = np.random.default_rng([11, list(KITS).index(kit), variant, sum(map(ord, name))])
    j = 1 + .12 * rng.uniform(-1, 1, 6)     # variants of one kit: every figure a little off
    if name == "kick":
        f1, sweep, ts, d, click, drive = (a * b for a, b in zip(p["kick"], j))
        n = int(SR * min(.8, d * 4)); t = np.arange(n) / SR
        f = f1 + sweep * np.exp(-t / ts)
        x = np.sin(2 * np.pi * np.cumsum(f) / SR) * _decay(n, d)
        x += click * .4 * _lp(_noise(rng, n), 4000) * _decay(n, .004)
        x = np.tanh(x * drive) / np.tanh(drive)
    elif name in ("snare", "clap", "rim"):
        f, td, nd, hp, mix = (a * b for a, b in zip(p["snare"], j))
        n = int(SR * .32); t = np.arange(n) / SR
        if name == "rim":
            n = int(SR * .08); t = t[:n]
            x = np.sin(2 * np.pi * 1.8 * f * 4 * t) * _decay(n, .012) + .4 * _hp(_noise(rng, n), 2500) * _decay(n, .006)
        elif name == "clap":
            e = sum(np.where(t >= o, np.exp(-np.maximum(t - o, 0) / .006), 0) for o in (0, .010, .021)) * .6
            e += np.where(t >= .028, np.exp(-np.maximum(t - .028, 0) / nd), 0)
            x = _lp(_hp(_noise(rng, n), 900), 7000) * e * np.minimum(1, (n - np.arange(n)) / 320)
        else:
            tone = np.sin(2 * np.pi * (f * t + 12 * .01 * (1 - np.exp(-t / .01)))) * _decay(n, td)
            x = mix * 1.6 * tone + (1 - mix) * _hp(_noise(rng, n), hp) * _decay(n, nd)
    elif name in ("hat", "open", "ride", "crash", "shaker"):
        hp, cd, od, metal = (a * b for a, b in zip(p["hat"], j))
        d = dict(hat=cd, open=od, ride=.3, crash=.6, shaker=.035)[name]
        n = int(SR * min(1.5, d * 5 + .02))
        x = (1 - metal) * _noise(rng, n) + metal * _metal(n, 420 * j[0]) * (name != "shaker")
        x = _hp(x, hp * (.8 if name in ("ride", "crash") else 1)) * _decay(n, d, .008 if name == "shaker" else .0006)
    else:                                   # "tom", "conga", "cowbell"
        n = int(SR * .3); t = np.arange(n) / SR
        base = dict(tom=110, conga=240, cowbell=560)[name] * j[0]
        if name == "cowbell":
            x = (np.sign(np.sin(2 * np.pi * base * t)) + np.sign(np.sin(2 * np.pi * base * 1.48 * t))) * _decay(n, .07)
            x = _lp(_hp(x, 500), 5000)
        else:
            x = np.sin(2 * np.pi * np.cumsum(base * (1 + .5 * np.exp(-t / .02))) / SR) * _decay(n, .09)
    if p["lp"]:
        x = _lp(x, p["lp"])
    return (x / (np.abs(x).max() + 1e-9)).astype(np.float32)


# Patches: bright and dull wave (shape, cut-off Hz), seconds from bright to dull, attack, decay (0: sustained),
# release, detuned voices in cents, vibrato. `words` are what a caption may call it.
def _p(words, a, b, env, att, dec, rel, cents=(0,), vib=0.0, gain=1.0):
    return dict(words=words, a=a, b=b, env=env, att=att, dec=dec, rel=rel, cents=cents, vib=vib, gain=gain)


PATCHES = {
    "sub":      _p(("sub bass", "deep sub bass", "sine bass"), ("sine", 0), ("sine", 0), 1, .006, 0, .03),
    "808bass":  _p(("808 bass", "808"), ("tri", 900), ("sine", 0), .06, .003, .7, .05),
    "sawbass":  _p(("saw bass", "analog bass", "synth bass"), ("saw", 1400), ("saw", 300), .12, .004, .6, .04),
    "sqrbass":  _p(("square bass", "synth bass"), ("square", 1000), ("square", 350), .15, .004, .8, .04),
    "acid":     _p(("acid bass", "303 bass", "squelchy acid line"), ("saw", 3200), ("saw", 250), .09, .003, .35, .03),
    "reese":    _p(("reese bass", "growling bass"), ("saw", 900), ("saw", 500), .4, .008, 0, .05, (-14, 14)),
    "ebass":    _p(("bass guitar", "electric bass", "fingered bass"), ("saw", 1100), ("tri", 350), .10, .004, .5, .05),
    "pad":      _p(("pad", "synth pad", "lush pad"), ("saw", 1300), ("saw", 900), 1.5, .25, 0, .30, (-9, 9)),
    "darkpad":  _p(("dark pad", "low pad"), ("saw", 600), ("saw", 350), 1.5, .30, 0, .30, (-8, 8)),
    "strings":  _p(("strings", "string section", "synth strings"), ("saw", 2600), ("saw", 1800), 1, .12, 0, .20, (-7, 7), .003),
    "choir":    _p(("choir", "vocal pad", "voices"), ("choir", 1500), ("choir", 1200), 1, .18, 0, .25, (-6, 6), .003),
    "organ":    _p(("organ", "house organ", "hammond organ"), ("organ", 4000), ("organ", 4000), 1, .006, 0, .04),
    "ep":       _p(("electric piano", "rhodes", "rhodes piano", "ep chords"), ("tri", 1800), ("sine", 0), .25, .003, .9, .12),
    "piano":    _p(("piano", "keys", "upright piano"), ("saw", 3000), ("saw", 700), .18, .002, .7, .12),
    "stab":     _p(("chord stab", "stabs", "synth stab"), ("saw", 3500), ("saw", 700), .10, .003, .25, .05, (-8, 8)),
    "guitar":   _p(("guitar", "funk guitar", "clean guitar"), ("saw", 3500), ("tri", 900), .07, .002, .35, .04),
    "pluck":    _p(("pluck", "synth pluck", "plucks"), ("saw", 3600), ("saw", 500), .07, .002, .22, .05),
    "mallet":   _p(("marimba", "mallets", "kalimba"), ("mallet", 5000), ("sine", 0), .04, .002, .22, .05),
    "bell":     _p(("bell", "bells", "glockenspiel"), ("bell", 9000), ("bell", 2500), .3, .002, .6, .15),
    "harp":     _p(("harp", "plucked strings"), ("tri", 3000), ("tri", 800), .12, .002, .45, .10),
    "lead":     _p(("lead", "synth lead", "saw lead"), ("saw", 4500), ("saw", 2500), .3, .008, 0, .05, (-6, 6), .004),
    "sqrlead":  _p(("square lead", "chiptune lead", "8-bit lead"), ("square", 5000), ("square", 3500), .4, .004, 0, .04, (0,), .003),
    "flute":    _p(("flute", "soft lead", "whistle lead"), ("tri", 2500), ("tri", 1800), .4, .05, 0, .08, (0,), .005),
}
NOTE_SECONDS = 4.2
_TABLE = 2048


@lru_cache(maxsize=None)
def _table(shape: str, cut: float, midi: int) -> np.ndarray:
    """One cycle, band-limited for its pitch; `cut` is a gentle low-pass in Hz."""
    f = hz(midi); k = np.arange(1, max(2, min(60, int(14_500 / f)) + 1)); a = np.zeros(len(k))
    if shape == "sine":
        a[0] = 1
    elif shape == "saw":
        a[:] = 1 / k
    elif shape == "square":
        a[:] = (k % 2) / k
    elif shape == "tri":
        a[:] = (k % 2) / k ** 2
    elif shape == "choir":
        a[:] = (np.exp(-((k * f - 600) / 350) ** 2) + .6 * np.exp(-((k * f - 1100) / 300) ** 2) + .12 / k)
    elif shape == "organ":
        for h, g in ((1, 1), (2, .7), (3, .5), (4, .35), (6, .2), (8, .15)):
            if h <= len(a): a[h - 1] = g
    elif shape == "mallet":
        for h, g in ((1, 1), (4, .4), (10, .12)):
            if h <= len(a): a[h - 1] = g
    elif shape == "bell":
        for h, g in ((1, 1), (2, .5), (3, .35), (5, .4), (7, .25), (11, .12)):
            if h <= len(a): a[h - 1] = g
    if cut and shape != "choir":
        a = a / (1 + (k * f / max(cut, f * 1.2)) ** 2)
    ph = 2 * np.pi * np.arange(_TABLE + 1) / _TABLE
    w = (a[:, None] * np.sin(np.outer(k, ph))).sum(0)
    return (w / (np.abs(w).max() + 1e-9)).astype(np.float32)


@lru_cache(maxsize=6000)
def note(patch: str, midi: int) -> np.ndarray:
    """A held note of NOTE_SECONDS; callers cut it and fade its end with `release`."""
    p = PATCHES[patch]; n = int(SR * (NOTE_SECONDS if not p["dec"] else min(NOTE_SECONDS, p["dec"] * 4.5)))
    t = np.arange(n, dtype=np.float32) / SR
    a, b = _table(*p["a"], midi), _table(*p["b"], midi)
    mix = np.exp(-t / p["env"])
    y = np.zeros(n, np.float32)
    for v, c in enumerate(p["cents"]):
        f = hz(midi + c / 100)
        ph = f * np.arange(n) / SR + .37 * v
        if p["vib"]:
            ph = ph + f * p["vib"] / (2 * np.pi * 5.2) * -np.cos(2 * np.pi * 5.2 * t) * np.minimum(1, t / .4)
        i = (ph % 1.0 * _TABLE).astype(np.float32); k = i.astype(np.int32); fr = i - k
        y += mix * (a[k] + fr * (a[k + 1] - a[k])) + (1 - mix) * (b[k] + fr * (b[k + 1] - b[k]))
    y *= np.minimum(1, t / p["att"]) / len(p["cents"])
    if p["dec"]:
        y *= np.exp(-t / p["dec"])
    return y * np.float32(p["gain"])


def cut(patch: str, midi: int, samples: int) -> np.ndarray:
    """`note` shortened to `samples`, with the patch's release as a fade after it."""
    p = PATCHES[patch]; x = note(patch, midi); rel = int(SR * p["rel"])
    n = min(len(x), samples + rel)
    y = x[:n].copy(); m = min(rel, n)
    y[n - m:] *= np.linspace(1, 0, m, dtype=np.float32) ** 1.5
    return y
