"""The composer: a seed becomes a Song (tempo, key, notes, hits, effects), which render.py turns into sound.

Patterns are strings of one bar in sixteenths: x strong, o soft, . rest. What a caption will say is decided
here (genre, character words) and then acted on, so that words and sound belong together.
"""
from dataclasses import dataclass, field

import numpy as np

from .synth import KITS, VARIANTS

MINOR, MAJOR = (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 5, 7, 9, 11)

# bpm range, swing, kits, kick, snare/clap, hats; how often each part plays; which patches it takes
GENRES = {
    "house": dict(bpm=(116, 130), kits=("909", "punchy"), kick=["x...x...x...x..."], snare=["....x.......x..."], back="clap",
                  hat=["..x...x...x...x.", "o.x.o.x.o.x.o.x."], bass=("sawbass", "sqrbass", "sub"), chords=("organ", "stab", "ep", "piano"), top=("pluck", "bell")),
    "deep house": dict(bpm=(116, 126), kits=("909", "soft"), kick=["x...x...x...x..."], snare=["....x.......x..."], back="clap",
                  hat=["..x...x...x...x.", "..x...x...x.o.x."], bass=("sub", "sawbass"), chords=("ep", "pad", "organ"), top=("pluck", "mallet")),
    "techno": dict(bpm=(124, 142), kits=("909", "industrial", "punchy"), kick=["x...x...x...x..."], snare=["....x.......x...", "............x...", "................"], back="clap",
                  hat=["..x...x...x...x.", "xoxoxoxoxoxoxoxo"], bass=("acid", "sawbass", "sub"), chords=("stab", "darkpad"), top=("pluck", "bell", "acid")),
    "trance": dict(bpm=(130, 142), kits=("909", "punchy"), kick=["x...x...x...x..."], snare=["....x.......x..."], back="clap",
                  hat=["..x...x...x...x.", "o.x.o.x.o.x.o.x."], bass=("sawbass",), chords=("pad", "strings"), top=("lead", "pluck")),
    "drum and bass": dict(bpm=(166, 180), kits=("punchy", "acoustic"), kick=["x.........x.....", "x.x.......x....."], snare=["....x.......x...", "....x..o.o..x..o"], back="snare",
                  hat=["x.x.x.x.x.x.x.x.", "xoxoxoxoxoxoxoxo"], bass=("reese", "sub"), chords=("pad", "darkpad", "ep"), top=("bell", "pluck")),
    "breakbeat": dict(bpm=(120, 145), kits=("acoustic", "punchy"), kick=["x.x.......x.....", "x......x..x....."], snare=["....x.......x...", "....x..o....x..."], back="snare",
                  hat=["x.x.x.x.x.x.x.x."], bass=("reese", "sawbass"), chords=("stab", "pad"), top=("lead", "pluck")),
    "hip hop": dict(bpm=(82, 100), kits=("dusty", "acoustic", "punchy"), kick=["x......x..x.....", "x..x......x.....", "x.x.....x......."], snare=["....x.......x..."], back="snare",
                  hat=["x.x.x.x.x.x.x.x.", "x.o.x.o.x.o.x.o."], bass=("sub", "ebass"), chords=("ep", "piano", "strings"), top=("bell", "guitar", "flute")),
    "boom bap": dict(bpm=(84, 98), kits=("dusty", "acoustic"), kick=["x......x..x.....", "x.x......x......"], snare=["....x.......x..."], back="snare",
                  hat=["x.x.x.x.x.x.x.x."], bass=("ebass", "sub"), chords=("ep", "piano"), top=("flute", "guitar")),
    "trap": dict(bpm=(126, 160), kits=("808",), kick=["x.....x....x....", "x.........x.....", "x..x......x..x.."], snare=["........x......."], back="clap",
                  hat=["x.x.x.x.x.x.x.x.", "x.x.xxx.x.x.xxxx", "xoxoxoxoxoxoxoxo"], bass=("808bass",), chords=("darkpad", "piano", "choir"), top=("bell", "flute", "pluck")),
    "lo-fi": dict(bpm=(68, 90), kits=("dusty", "soft"), kick=["x......x..x.....", "x.........x.....", "x..x......x....."], snare=["....x.......x..."], back="snare",
                  hat=["x.x.x.x.x.x.x.x.", "x.o.x.o.x.o.x.o."], bass=("sub", "ebass"), chords=("ep", "piano", "guitar"), top=("mallet", "flute", "bell")),
    "ambient": dict(bpm=(60, 100), kits=("soft",), kick=["x...............", "x.......x......."], snare=["................"], back="rim",
                  hat=["....x.......x..."], bass=("sub",), chords=("pad", "strings", "choir"), top=("bell", "harp", "flute")),
    "funk": dict(bpm=(96, 118), kits=("acoustic",), kick=["x.x.......x.....", "x..x..x...x....."], snare=["....x.......x...", "....x..o.o..x..o"], back="snare",
                  hat=["xoxoxoxoxoxoxoxo", "x.x.x.x.x.x.x.x."], bass=("ebass", "sqrbass"), chords=("guitar", "ep", "organ"), top=("guitar", "lead")),
    "disco": dict(bpm=(110, 126), kits=("acoustic", "909"), kick=["x...x...x...x..."], snare=["....x.......x..."], back="snare",
                  hat=["o.x.o.x.o.x.o.x.", "xoxoxoxoxoxoxoxo"], bass=("ebass", "sawbass"), chords=("strings", "guitar", "ep"), top=("strings", "lead")),
    "synthwave": dict(bpm=(80, 118), kits=("electro", "909"), kick=["x...x...x...x...", "x.......x......."], snare=["....x.......x..."], back="snare",
                  hat=["x.x.x.x.x.x.x.x."], bass=("sawbass", "sqrbass"), chords=("pad", "strings"), top=("lead", "pluck", "sqrlead")),
    "electro": dict(bpm=(110, 135), kits=("electro", "808"), kick=["x.....x...x.....", "x..x......x....."], snare=["....x.......x..."], back="snare",
                  hat=["x.x.x.x.x.x.x.x.", "xoxoxoxoxoxoxoxo"], bass=("sqrbass", "acid"), chords=("stab", "pad"), top=("sqrlead", "bell")),
    "dubstep": dict(bpm=(136, 146), kits=("punchy", "industrial"), kick=["x...............", "x.....x........."], snare=["........x......."], back="snare",
                  hat=["x.x.x.x.x.x.x.x.", "..x...x...x...x."], bass=("reese", "sub"), chords=("darkpad", "stab"), top=("lead", "bell")),
    "reggaeton": dict(bpm=(86, 104), kits=("808", "punchy"), kick=["x...x...x...x..."], snare=["...x..x....x..x."], back="snare",
                  hat=["x.x.x.x.x.x.x.x."], bass=("sub", "808bass"), chords=("pluck", "guitar", "stab"), top=("pluck", "mallet")),
    "r&b": dict(bpm=(62, 92), kits=("808", "soft"), kick=["x......x..x.....", "x.....x........."], snare=["....x.......x..."], back="clap",
                  hat=["x.x.x.x.x.x.x.x.", "x.o.x.o.x.o.x.o."], bass=("808bass", "sub"), chords=("ep", "pad"), top=("bell", "guitar")),
    "pop": dict(bpm=(90, 128), kits=("punchy", "acoustic"), kick=["x...x...x...x...", "x.......x.x....."], snare=["....x.......x..."], back="clap",
                  hat=["x.x.x.x.x.x.x.x."], bass=("sawbass", "sub"), chords=("piano", "pad", "guitar"), top=("pluck", "lead", "bell")),
    "rock": dict(bpm=(90, 150), kits=("acoustic",), kick=["x.......x.x.....", "x.......x......."], snare=["....x.......x..."], back="snare",
                  hat=["x.x.x.x.x.x.x.x."], bass=("ebass",), chords=("guitar", "organ"), top=("lead", "guitar")),
}
DRUM_SUBSETS = {"hi-hats": ("hat", "open"), "kick": ("kick",), "kick and hats": ("kick", "hat"), "kick and snare": ("kick", "snare", "clap", "rim"),
                "snare and hats": ("snare", "clap", "hat", "rim")}
WALTZ = dict(kick=["x...........", "x.......x..."], snare=["....x...x...", "........x..."], hat=["x.x.x.x.x.x.", "x...x...x..."])
# Degrees by bar, four-bar cycles; the first is the tonic so that the key can be heard.
PROGRESSIONS = [(0, 0, 0, 0), (0, 0, 0, 0), (0, 5, 0, 4), (0, 3, 0, 4), (0, 5, 2, 6), (0, 3, 4, 0), (0, 0, 3, 0), (0, 6, 5, 6)]
BASS = ["x.......x.......", "x..x..x.x..x..x.", "x.x.x.x.x.x.x.x.", "..x...x...x...x.", "x.....x...x.....", "x...............", "xxxxxxxxxxxxxxxx", "x..x......x....."]
STABS = ["x...............", "x...............", "x.......x.......", "..x...x...x...x.", "x..x..x.........", "x...x...x...x..."]

# Character words: what each does to the Song (see `_apply`).
CHARACTERS = {
    "dark": dict(cutoff=2200, minor=True), "moody": dict(cutoff=3000, minor=True), "bright": dict(cutoff=0, minor=False),
    "warm": dict(cutoff=3500, drive=1.6), "dusty": dict(cutoff=4500, kit="dusty"), "vintage": dict(cutoff=5000, drive=1.6),
    "punchy": dict(kit="punchy", reverb=0), "gritty": dict(drive=4), "distorted": dict(drive=7, kit="industrial"), "dirty": dict(drive=4),
    "spacious": dict(reverb=.5), "dreamy": dict(reverb=.5, cutoff=5000), "ethereal": dict(reverb=.6), "atmospheric": dict(reverb=.5),
    "dry": dict(reverb=0, delay=0), "tight": dict(reverb=0, swing=0), "minimal": dict(sparse=1), "sparse": dict(sparse=1), "simple": dict(sparse=1),
    "busy": dict(busy=1), "driving": dict(busy=1), "energetic": dict(busy=1), "chill": dict(kit="soft", cutoff=6000), "mellow": dict(kit="soft", cutoff=4000),
    "soft": dict(kit="soft", cutoff=4500), "groovy": dict(swing=.14), "swung": dict(swing=.2), "shuffled": dict(swing=.2), "pumping": dict(sidechain=1),
    "dubby": dict(delay=.45, reverb=.3), "echoing": dict(delay=.45), "heavy": dict(drive=3, kit="punchy"), "hard": dict(drive=4, kit="909"),
    "deep": dict(cutoff=3000), "crisp": dict(kit="electro", cutoff=0), "clean": dict(drive=0, reverb=.05), "sad": dict(minor=True), "melancholic": dict(minor=True),
    "happy": dict(minor=False), "uplifting": dict(minor=False), "lo-fi": dict(cutoff=4000, kit="dusty"), "industrial": dict(kit="industrial", drive=3),
}


@dataclass
class Song:
    seed: int; genre: str; bpm: int; key: int; minor: bool; beats: int; bars: int; swing: float
    kit: str; variant: int
    words: list = field(default_factory=list)
    hits: list = field(default_factory=list)        # (step, name, velocity)
    parts: dict = field(default_factory=dict)       # part -> (patch, [(step, length, midi, velocity)])
    cutoff: float = 0; drive: float = 0; reverb: float = .12; delay: float = 0; sidechain: float = 0
    sparse: int = 0; busy: int = 0; fill: bool = False
    only: str = ""                                  # a subset of the drum kit, see DRUM_SUBSETS

    @property
    def steps(self):
        return self.bars * self.beats * 4

    @property
    def samples(self):
        """Exact (fractional) length; render.py rounds once."""
        return self.bars * self.beats * 60 / self.bpm * 32_000


def _drums(s, g, rng):
    bar = s.beats * 4; src = g if s.beats == 4 else WALTZ
    kick, snare, hat = (src[k][rng.integers(len(src[k]))] for k in ("kick", "snare", "hat"))
    if s.sparse: hat = hat if rng.random() < .3 else "." * bar
    if s.busy: hat = ("xoxo" * 4)[:bar]
    extra = rng.choice(["", "", "", "", "", "", "open", "shaker", "conga", "cowbell", "ride"]) if not s.sparse else ""
    for b in range(s.bars):
        last = b == s.bars - 1 and s.fill
        for i in range(bar):
            def put(name, c, lo=.45):
                if c != ".": s.hits.append((b * bar + i, name, (1.0 if c == "x" else lo)))
            infill = last and i >= bar - 4
            put("kick", kick[i]); put(g["back"] if s.beats == 4 else "snare", "." if infill else snare[i])
            put("hat", hat[i], .4)
            if infill and i % (1 if s.busy else 2) == 0: s.hits.append((b * bar + i, "snare" if i % 4 else "tom", .5 + .12 * (i % 4)))
            if extra == "open" and i % 4 == 2 or extra == "ride" and i % 4 == 0: s.hits.append((b * bar + i, extra, .5))
            if extra == "shaker" and i % 2 == 0: s.hits.append((b * bar + i, extra, .5 if i % 4 else .8))
            if extra in ("conga", "cowbell") and i in (3, 6, 11, 14): s.hits.append((b * bar + i, extra, .5))
    if rng.random() < .05: s.hits.append((0, "crash", .6))
    if rng.random() < .06:
        s.only = str(rng.choice(list(DRUM_SUBSETS)))
        kept = [h for h in s.hits if h[1] in DRUM_SUBSETS[s.only]]
        if kept: s.hits = kept
        else: s.only = ""


def _tones(s, degree, octave, count=3):
    sc = MINOR if s.minor else MAJOR
    return [octave * 12 + 12 + s.key + sc[(degree + o) % 7] + 12 * ((degree + o) // 7) for o in (0, 2, 4, 6)[:count]]


def _parts(s, g, rng):
    bar = s.beats * 4; prog = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
    if s.bars == 1: prog = (0,) * 4
    pick = lambda xs: xs[rng.integers(len(xs))]
    bass, chord = pick(BASS), pick(STABS)
    if s.sparse: bass = pick(BASS[4:6] + BASS[:1])
    if s.busy: bass = pick([BASS[2], BASS[6]])
    sustained = pick(g["chords"]); stabby = sustained in ("stab", "guitar", "pluck")
    if not stabby: chord = STABS[0] if sustained in ("pad", "darkpad", "strings", "choir") else pick(STABS[:3])
    top = pick(g["top"]); arp = top in ("pluck", "bell", "mallet", "harp", "acid") and rng.random() < .65
    rate = pick((1, 2, 2)) if arp else 0
    shape = [int(x) for x in rng.integers(0, 4, 8)]; shape[0] = 0
    melody = [(int(p), int(rng.integers(2, 5)), int(rng.choice([0, 2, 4, 7, 1]))) for p in sorted(rng.choice(np.arange(0, bar, 2), min(5, bar // 3), False))]
    melody[0] = (0, melody[0][1], 0)
    b_notes, c_notes, t_notes = [], [], []
    for b in range(s.bars):
        d = prog[b % 4]; root = _tones(s, d, 2, 1)[0]
        root -= 12 if root > 47 else 0
        lens = [i for i in range(bar) if bass[i % 16] != "."] + [bar]
        for i, j in zip(lens, lens[1:]):
            octave = 12 if s.busy and i % 4 == 2 and len(lens) > 8 else 0
            b_notes.append((b * bar + i, min(j - i, 8 if s.genre != "ambient" else 16) * .92, root + octave, 1.0))
        lens = [i for i in range(bar) if chord[i % 16] != "."] + [bar]
        tones = _tones(s, d, 4, 3); tones = [t - 12 if t > 69 else t for t in tones]
        for i, j in zip(lens, lens[1:]):
            for t in tones: c_notes.append((b * bar + i, (1.5 if stabby else (j - i) * .97), t, .8))
        if rate:
            seq = _tones(s, d, 5, 3) + [_tones(s, d, 5, 1)[0] + 12]
            for n, i in enumerate(range(0, bar, rate)): t_notes.append((b * bar + i, rate * .9, seq[shape[n % 8] % 4], .9 if n % 4 == 0 else .7))
        else:
            sc = MINOR if s.minor else MAJOR
            for i, ln, o in melody: t_notes.append((b * bar + i, ln * .95, 72 + s.key - (12 if s.key > 6 else 0) + sc[(d + o) % 7] + 12 * ((d + o) // 7), .9))
    s.parts = {"bass": (pick(g["bass"]), b_notes), "chords": (sustained, c_notes), ("arp" if rate else "lead"): (top, t_notes)}


def compose(seed: int) -> Song:
    rng = np.random.default_rng([7, seed])
    genre = list(GENRES)[rng.integers(len(GENRES))]; g = GENRES[genre]
    # Half of the tempos are the genre's own; the others are uniform, so that the number outweighs the genre.
    bpm = int(rng.integers(g["bpm"][0], g["bpm"][1] + 1)) if rng.random() < .5 else int(rng.integers(60, 181))
    beats = 3 if rng.random() < .04 else 4
    s = Song(seed, genre, bpm, int(rng.integers(12)), bool(rng.random() < .65), beats, int(rng.choice([1, 2, 2, 4])),
             swing=.12 if genre in ("hip hop", "boom bap", "lo-fi") and rng.random() < .2 else 0,
             kit=str(rng.choice(g["kits"])), variant=int(rng.integers(VARIANTS)))
    s.reverb = float(rng.choice([0, 0, 0, .15])) + (.3 if genre == "ambient" else 0)
    s.delay = .3 if rng.random() < .04 else 0
    s.sidechain = 1 if genre in ("house", "deep house", "trance") and rng.random() < .15 else 0
    s.fill = s.bars > 1 and rng.random() < .1
    for w in rng.choice(list(CHARACTERS), int(rng.choice([0, 0, 1, 1, 2])), replace=False):
        s.words.append(str(w))
        for k, v in CHARACTERS[w].items(): setattr(s, k, v)
    _drums(s, g, rng); _parts(s, g, rng)
    return s


ALL_KITS = tuple(KITS)
# Which parts a view keeps: (name, parts, how often)
VIEWS = [("full", ("drums", "bass", "chords", "top"), 3), ("drums", ("drums",), 5), ("drums+bass", ("drums", "bass"), 2),
         ("drums+chords", ("drums", "chords"), 1.5), ("drums+top", ("drums", "top"), 1), ("nodrums", ("bass", "chords", "top"), 1.2), ("bass+chords", ("bass", "chords"), 1.2),
         ("bass", ("bass",), 1), ("chords", ("chords",), 1.3), ("top", ("top",), 1), ("chords+top", ("chords", "top"), .8)]


def views(song: Song, count: int) -> list[tuple]:
    """`count` different selections of the song's parts, each a tuple of part names."""
    rng = np.random.default_rng([8, song.seed]); w = np.array([v[2] for v in VIEWS], float)
    if song.genre == "ambient": w = w * [.6, .1, .3, .6, .3, 2, 2, 1, 3, 1, 2]
    pick = rng.choice(len(VIEWS), count, replace=False, p=w / w.sum())
    top = "arp" if "arp" in song.parts else "lead"
    return [tuple(top if p == "top" else p for p in VIEWS[i][1]) for i in pick]
