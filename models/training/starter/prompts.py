"""The 60 held-out prompts of the evaluation: (kind, text, tempo, key). Written by hand, fixed before training ended.

Kinds: `drums` (drums only), `mix` (drums and more), `none` (no drums). Keys as the command line takes them.
"""
PROMPTS = [
    ("drums", "dusty lo-fi drums", 84, "Am"), ("drums", "techno drums only", 132, None), ("drums", "house drum loop, drums only", 124, None),
    ("drums", "boom bap drum break", 92, None), ("drums", "trap drums, 808 kit", 140, None), ("drums", "punchy drum and bass drums only", 174, None),
    ("drums", "funk drums, live kit, drums only", 104, None), ("drums", "soft r&b drums", 72, None), ("drums", "industrial techno drum pattern", 138, None),
    ("drums", "disco drums only", 118, None), ("drums", "reggaeton drum loop", 96, None), ("drums", "electro beat, drums only", 127, None),
    ("drums", "rock drums only", 110, None), ("drums", "just drums, hip hop", 88, None), ("drums", "deep house drums", 120, None),
    ("drums", "crisp synthwave drums only", 100, None), ("drums", "dubstep drums, heavy", 142, None), ("drums", "busy breakbeat drums", 136, None),
    ("drums", "minimal techno drums", 128, None), ("drums", "swung lo-fi beat, drums only", 76, None),
    ("mix", "dark techno with drums and acid bass", 134, "Fm"), ("mix", "deep house with drums, sub bass and rhodes", 122, "Cm"),
    ("mix", "lo-fi hip hop with dusty drums, electric piano and bass", 80, "Dm"), ("mix", "synthwave, drums, saw bass, pad and lead", 108, "Am"),
    ("mix", "trap beat with 808 bass and bells", 144, "F#m"), ("mix", "drum and bass with drums, reese bass and pad", 172, "Gm"),
    ("mix", "funk groove with drums, bass guitar and clean guitar", 106, "Em"), ("mix", "uplifting trance, drums, bass, pad and lead", 138, "G"),
    ("mix", "disco with drums, bass and strings", 116, "C"), ("mix", "boom bap with drums, piano and bass", 90, "Bbm"),
    ("mix", "pop drums, piano and synth bass", 112, "F"), ("mix", "electro with drums and square bass", 125, "Dm"),
    ("mix", "house with drums, organ chords and bass", 126, "Am"), ("mix", "reggaeton with drums and plucks", 94, "Cm"),
    ("mix", "warm r&b drums with electric piano", 70, "Eb"), ("mix", "dubstep drums and growling bass", 140, "Fm"),
    ("mix", "rock drums with bass guitar and organ", 130, "A"), ("mix", "ambient with soft drums and pad", 85, "D"),
    ("mix", "techno drums and stabs", 130, "Gm"), ("mix", "chill hip hop drums with sub bass and flute", 86, "Bm"),
    ("none", "ambient pad, no drums", 70, "C"), ("none", "dark pad, no drums", 90, "Dm"), ("none", "solo piano chords, no drums", 80, "Am"),
    ("none", "strings, without drums", 100, "G"), ("none", "deep house rhodes chords, no drums", 122, "Fm"), ("none", "sub bass line, no drums", 128, "Gm"),
    ("none", "acid bass, no drums", 132, "A#m"), ("none", "synthwave arpeggio and pad, no drums", 110, "Em"), ("none", "choir and strings, drumless", 76, "Bm"),
    ("none", "bell melody with pad, no drums", 96, "F"), ("none", "reese bass and dark pad, no drums", 170, "C#m"), ("none", "lo-fi electric piano and bass, no drums", 82, "D"),
    ("none", "funk guitar and bass guitar, no drums", 104, "E"), ("none", "organ chords and bass, with no drums", 120, "Cm"), ("none", "trance lead and pad, no drums", 136, "Am"),
    ("none", "warm analog bass, no drums", 112, "Ebm"), ("none", "harp arpeggio, ambient, no drums", 88, "A"), ("none", "trap bells and 808 bass, no drums", 146, "F#m"),
    ("none", "dreamy synth pad and flute, no drums", 66, "Bb"), ("none", "saw bass and strings, no drums", 118, "Gm"),
]


def key_words(key: str) -> str:
    """'F#m' as the product says it in the prompt: 'F# minor'."""
    return f"{key[:-1]} minor" if key.endswith("m") else f"{key} major"


def full_text(text, bpm, key) -> str:
    return ", ".join([text, f"{bpm} bpm"] + ([key_words(key)] if key else []))
