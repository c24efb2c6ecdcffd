"""Words for a view of a song, in many wordings.

The product sends `{user text}, {bpm} bpm, {Key} minor|major` (tempo and key left out when they are not known), so
that form is the most frequent by far; the others are what people write by themselves.
"""
import numpy as np

from .constants import FLAT, SHARP
from .compose import Song
from .synth import PATCHES

GENRE_WORDS = {
    "lo-fi": ("lo-fi", "lofi", "lo-fi hip hop", "lofi beats", "chillhop"), "drum and bass": ("drum and bass", "dnb", "drum & bass", "jungle", "d&b"),
    "hip hop": ("hip hop", "hip-hop", "rap"), "boom bap": ("boom bap", "90s hip hop", "old school hip hop", "boombap"), "r&b": ("r&b", "rnb", "neo soul", "soul"),
    "synthwave": ("synthwave", "retrowave", "80s synth", "outrun"), "breakbeat": ("breakbeat", "breaks", "big beat"), "house": ("house", "classic house", "tech house"),
    "techno": ("techno", "warehouse techno", "club techno"), "ambient": ("ambient", "cinematic ambient", "drone", "soundscape"), "trap": ("trap", "drill", "trap beat"),
    "pop": ("pop", "dance pop", "indie pop"), "rock": ("rock", "indie rock"), "reggaeton": ("reggaeton", "dembow", "latin"), "electro": ("electro", "electronic", "electronica", "edm"),
    "deep house": ("deep house", "organic house", "deep house"), "disco": ("disco", "nu disco"), "funk": ("funk", "funky"), "trance": ("trance", "uplifting trance"), "dubstep": ("dubstep", "bass music")}
DRUM_WORDS = ("drums", "drums", "drums", "beat", "drum loop", "drum beat", "drum groove", "drum pattern", "drum break", "break", "percussion", "rhythm")
NO_DRUMS = ("no drums", "no drums", "without drums", "with no drums", "drumless", "no percussion", "no beat")
DRUMS_ONLY = ("drums only", "drums only", "only drums", "just drums", "drums solo", "nothing but drums")
HIT_WORDS = dict(hat=("hi-hats", "hats"), clap=("claps", "hand claps"), shaker=("shaker",), conga=("congas",), cowbell=("cowbell",), open=("open hats",), ride=("ride cymbal",), kick=("kick",), snare=("snare",), rim=("rimshot",))
KIT_WORDS = {"808": ("808", "tr-808"), "909": ("909", "tr-909"), "dusty": ("dusty", "vinyl", "old"), "acoustic": ("acoustic", "live", "real"),
             "punchy": ("punchy", "tight"), "industrial": ("industrial", "distorted", "hard"), "soft": ("soft", "gentle"), "electro": ("electro", "crisp", "electronic")}
FILLERS = ("", "", "", "", "", "", "", "", "a loop of ", "some ", "a ", "give me ", "make ", "nice ", "cool ", "my ", "i want ", "create a ", "a track with ", "music with ")
TAILS = ("", "", "", "", "", "", "", "", " loop", " please", " vibes", " for a video", " type beat", " in stereo", " sample")


def _pick(rng, xs):
    return xs[int(rng.integers(len(xs)))]


def key_name(rng, song: Song) -> str:
    names = FLAT if rng.random() < .3 else SHARP
    n = names[song.key]
    if rng.random() < .06 and len(n) == 2: n = n[0] + (" sharp" if n[1] == "#" else " flat")
    r = rng.random()
    if r < .8: return f"{n} {'minor' if song.minor else 'major'}"
    if r < .9: return n + ("m" if song.minor else "")
    return n + (" min" if song.minor else " maj")


def describe(rng, song: Song, parts: tuple) -> str:
    """The user's part of the text: character, genre, instruments, presence or absence of drums."""
    drums = "drums" in parts; only = parts == ("drums",)
    words = [w for w in song.words if rng.random() < .75 and (drums or w not in ("punchy", "crisp"))]
    genre = _pick(rng, GENRE_WORDS.get(song.genre, (song.genre,)))
    if rng.random() < .5: genre = song.genre
    kit = _pick(rng, KIT_WORDS[song.kit]) if rng.random() < .35 else ""
    instruments = [_pick(rng, PATCHES[song.parts[p][0]]["words"]) for p in parts if p != "drums"]
    instruments = [("arpeggio" if rng.random() < .3 else i + " arpeggio") if p == "arp" and rng.random() < .45
                   else ("melody" if p == "lead" and rng.random() < .2 else "bass" if p == "bass" and rng.random() < .35
                         else "chords" if p == "chords" and rng.random() < .12 else i)
                   for p, i in zip([p for p in parts if p != "drums"], instruments)]
    if only:
        if song.only:
            noun = "hi-hats" if song.only == "hi-hats" and rng.random() < .6 else "hats" if song.only == "hi-hats" else song.only
            noun = _pick(rng, (noun, noun + " only", "just " + noun, "only " + noun))
        else:
            noun = _pick(rng, DRUM_WORDS)
            if rng.random() < .45: noun = _pick(rng, DRUMS_ONLY) if rng.random() < .5 else noun + ", " + _pick(rng, ("drums only", "no melody", "no bass", "no instruments"))
            elif rng.random() < .2:
                extra = [h for h in {h[1] for h in song.hits} if h in HIT_WORDS]
                if extra: noun += " with " + _pick(rng, HIT_WORDS[sorted(extra)[int(rng.integers(len(extra)))]])
        bits = words + ([genre] if rng.random() < .8 else []) + ([kit] if kit else [])
        text = " ".join(bits + [noun])
    else:
        has = []
        if drums: has.append((kit + " " if kit else "") + (song.only if song.only and rng.random() < .8 else _pick(rng, DRUM_WORDS)))
        has += instruments
        if rng.random() < .3: has.reverse()
        if len(has) > 2 and rng.random() < .25: has = [h for h in has if h.split()[-1] in DRUM_WORDS or rng.random() < .6] or has
        joined = has[0] if len(has) == 1 else _pick(rng, (", ".join(has), " and ".join(has), ", ".join(has[:-1]) + " and " + has[-1]))
        head = " ".join(words + ([genre] if rng.random() < .8 else []))
        if not drums and len(parts) == 1 and rng.random() < .4: joined = _pick(rng, ("solo ", "just ", "only ")) + joined
        text = f"{head} {_pick(rng, ('with', 'with', 'with', ':', ','))} {joined}" if head and rng.random() < .6 else f"{head} {joined}"
        if not drums and rng.random() < .75: text += _pick(rng, (", ", " ", ", ")) + _pick(rng, NO_DRUMS)
    if song.beats == 3 and rng.random() < .85: text = _pick(rng, ("waltz ", "3/4 ")) + text if rng.random() < .6 else text + _pick(rng, (" in 3/4", ", waltz time"))
    if rng.random() < .2: text = _pick(rng, FILLERS) + text + _pick(rng, TAILS)
    return " ".join(text.replace(" ,", ",").replace(" :", ":").split())


def caption(song: Song, parts: tuple, rng: np.random.Generator) -> str:
    text = describe(rng, song, parts); key = key_name(rng, song); bpm = song.bpm
    tonal = parts != ("drums",)
    with_key = rng.random() < (.8 if tonal else .4); with_bpm = rng.random() < .96
    r = rng.random()
    if r < .72:
        return ", ".join([text] + ([f"{bpm} bpm"] if with_bpm else []) + ([key] if with_key else []))
    tempo = _pick(rng, (f"{bpm} bpm", f"at {bpm} bpm", f"{bpm}bpm", f"{bpm} BPM", f"tempo {bpm}", f"@ {bpm} bpm")) if with_bpm else ""
    tone = _pick(rng, (key, "in " + key, "key of " + key, "in the key of " + key)) if with_key else ""
    bits = [b for b in (tempo, tone) if b]
    if rng.random() < .4: bits.reverse()
    sep = _pick(rng, (", ", " "))
    return sep.join(bits + [text]) if rng.random() < .35 else sep.join([text] + bits)
