"""The text tokenizer: one tokenizer.json for HF `tokenizers` (Python and Rust), made from rules, not trained.

Unigram pieces: whole words of our captions, tempos 40-220, note names; letters, digits and a few signs as the
fallback, so that any text gives something. `</s>` is appended as T5's tokenizer does. Ids: <pad> 0, </s> 1, <unk> 2.
"""
import re

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, decoders, processors

from . import caption as cp
from .constants import FLAT, SHARP
from .compose import CHARACTERS, DRUM_SUBSETS, GENRES
from .synth import PATCHES

TEMPOS = range(40, 221)


def _vocabulary() -> list[str]:
    text = [" ".join(GENRES), " ".join(CHARACTERS), " ".join(DRUM_SUBSETS), " ".join(SHARP + FLAT)]
    for group in (cp.DRUM_WORDS, cp.NO_DRUMS, cp.DRUMS_ONLY, cp.FILLERS, cp.TAILS): text.append(" ".join(group))
    for table in (cp.GENRE_WORDS, cp.HIT_WORDS, cp.KIT_WORDS): text += [" ".join(v) for v in table.values()]
    text += [" ".join(p["words"]) for p in PATCHES.values()]
    text.append("bpm at in key of the tempo minor major min maj sharp flat with and without arpeggio arp melody chords no instruments melody bass "
                "only just solo waltz time 3 4 loop am bm cm dm em fm gm a#m c#m d#m f#m g#m abm bbm dbm ebm gbm a b c d e f g")
    words = []
    for w in re.sub(r"[,.;:!?()/_@-]", " ", " ".join(text).lower()).split():
        if w not in words: words.append(w)
    return [w for w in words if not (w.isdigit() and int(w) in TEMPOS)]


def build() -> Tokenizer:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -30.0)]
    pieces += [(f"▁{n}", -4.0) for n in TEMPOS]
    words = _vocabulary()
    pieces += [(f"▁{w}", -4.0) for w in words]
    have = {p for p, _ in pieces}
    for c in "▁abcdefghijklmnopqrstuvwxyz0123456789#&'+%":
        for p in (c, "▁" + c):
            if p not in have and p != "▁▁": pieces.append((p, -14.0)); have.add(p)
    tok = Tokenizer(models.Unigram(pieces, unk_id=2))
    tok.normalizer = normalizers.Sequence([
        normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace("♯", "#"), normalizers.Replace("♭", "b"),
        normalizers.Replace(Regex(r"[,.;:!?()/_@\-]"), " "), normalizers.Replace("bpm", " bpm "),
        normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    tok.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tok.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tok.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    tok.add_special_tokens(["<pad>", "</s>", "<unk>"])
    return tok


def tempo_of(tok: Tokenizer) -> dict[int, int]:
    """token id -> tempo, for the embedding's start (see lm.py)."""
    return {tok.token_to_id(f"▁{n}"): n for n in TEMPOS}


def key_of(tok: Tokenizer) -> dict[int, tuple[int, ...]]:
    """token id -> what it says of a key: its tonic 0 to 11, and 12 for minor, 13 for major."""
    said = {w: (12,) for w in ("minor", "min")} | {w: (13,) for w in ("major", "maj")}
    for names in (SHARP, FLAT):
        for i, n in enumerate(names): said |= {n.lower(): (i,), n.lower() + "m": (i, 12)}
    return {tok.token_to_id("▁" + w): d for w, d in said.items() if tok.token_to_id("▁" + w) is not None}


def batch_ids(tok: Tokenizer, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    rows = [tok.encode(t).ids[:48] for t in texts]; n = max(map(len, rows))
    ids = np.zeros((len(rows), n), np.int64); mask = np.zeros((len(rows), n), np.int64)
    for i, r in enumerate(rows): ids[i, :len(r)] = r; mask[i, :len(r)] = 1
    return ids, mask
