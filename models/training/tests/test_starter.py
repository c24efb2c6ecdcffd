"""Quick checks of the training package: python -m pytest models/training/tests (under a minute, no weights needed)."""
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from starter import measure as ms
from starter.caption import caption
from starter.constants import HELD_OUT_SEED, HOP, SR
from starter.compose import compose, views
from starter.prompts import PROMPTS, full_text
from starter.render import clip, mix, stems
from starter.tokenizer import TEMPOS, build


@pytest.fixture(scope="module")
def tok():
    return build()


def test_composing_is_deterministic():
    a, b = compose(123), compose(123)
    assert a == b and views(a, 3) == views(b, 3)
    assert np.array_equal(mix(a, views(a, 1)[0]), mix(b, views(b, 1)[0]))
    assert compose(123) != compose(124)


def test_loops_are_sound_and_exact():
    for seed in range(40):
        s = compose(HELD_OUT_SEED + seed); st = stems(s)
        for v in views(s, 2):
            x = mix(s, v, st)
            assert len(x) == round(s.bars * s.beats * 60 / s.bpm * SR)
            assert np.isfinite(x).all() and np.abs(x).max() < .97 and abs(x.mean()) < 1e-3 and x.std() > .02


def test_a_loop_starts_on_its_downbeat():
    s = next(s for s in map(compose, range(1000)) if s.genre == "techno" and not s.only and s.bpm < 110 and not s.fill and s.beats == 4)
    s.hits = [h for h in s.hits if h[1] == "kick"]
    x = mix(s, ("drums",)); e = lambda t: float((x[int(t * SR):int((t + .03) * SR)] ** 2).sum())
    beat = 60 / s.bpm
    assert e(0) > 3 * e(beat - .035) and e(beat) > 3 * e(beat - .035)


def test_onsets_on_frames():
    s = next(s for s in map(compose, range(1000)) if s.bpm == 133 and not s.only and s.beats == 4 and not s.sidechain)
    y = stems(s, 300)["drums"]
    assert len(y) == 300 * HOP
    free = stems(s)["drums"]
    assert len(free) == round(s.samples) and not np.array_equal(y[:len(free)], free[:len(y)])
    first = np.flatnonzero(np.abs(y) > 1e-4)[0]
    assert first < 40


def test_captions_fit_the_tokenizer(tok):
    rng = np.random.default_rng(0); unknown = tok.token_to_id("<unk>")
    for seed in range(300):
        s = compose(seed); text = caption(s, views(s, 1)[0], rng); ids = tok.encode(text).ids
        assert ids[-1] == 1 and len(ids) <= 48 and unknown not in ids, text


def test_tempo_and_key_are_single_pieces(tok):
    for bpm in TEMPOS:
        assert f"▁{bpm}" in tok.encode(f"drums, {bpm} bpm").tokens
    assert tok.encode("Dusty LO-FI drums, 84BPM, F♯ minor").tokens == ["▁dusty", "▁lo", "▁fi", "▁drums", "▁84", "▁bpm", "▁f#", "▁minor", "</s>"]
    assert tok.decode(tok.encode("warm pad, no drums").ids) == "warm pad no drums"


def test_any_text_gives_tokens(tok):
    for text in ("", "schöne Häuser", "音楽", "x" * 5000, "9999 bpm!!"):
        assert tok.encode(text).ids[-1] == 1


def test_held_out_prompts(tok):
    assert len(PROMPTS) == 60 and [sum(p[0] == k for p in PROMPTS) for k in ("drums", "mix", "none")] == [20, 20, 20]
    for _, text, bpm, key in PROMPTS:
        assert tok.token_to_id("<unk>") not in tok.encode(full_text(text, bpm, key)).ids


def test_tempo_estimator_on_truth():
    right = wrong = 0
    songs = list(ms.truth(8, lambda s: ("drums",) if not s.only else None, start=9000))
    for s, y in songs:
        right += ms.tempo_right(ms.tempo(y, s.bpm), s.bpm)
        wrong += ms.tempo_right(ms.tempo(y, s.bpm * 1.08), s.bpm * 1.08)
    assert right >= 7 and wrong == 0


def test_delay_pattern():
    torch = pytest.importorskip("torch")
    from starter.constants import PAD
    from starter.lm import delayed
    c = torch.arange(20).reshape(1, 4, 5); d = delayed(c)
    assert d.shape == (1, 4, 8) and (d[:, :, 0] == PAD).all()
    for k in range(4):
        assert d[0, k, k + 1:k + 6].tolist() == c[0, k, :7 - k].tolist()[:5]


def test_metronome_shows_where_the_renderer_puts_hits():
    pytest.importorskip("torch")
    from starter.lm import METRONOME, beats_at
    s = next(s for s in map(compose, range(1000)) if s.bpm == 133 and s.beats == 4 and not s.only and not s.sidechain and not s.cutoff)
    shown = beats_at([s.bpm], [s.beats], 400)[0]
    assert shown.shape == (400, METRONOME)
    bars = shown[:, 4].nonzero()[:, 0].tolist()
    assert bars == [round(i * 4 * 60 / 133 * 50) for i in range(len(bars))] and len(bars) == 5
    s.hits = [(0, "kick", 1.0)]; s.bars = 1; s.parts = {}
    d = stems(s, 400)["drums"]; quiet = np.abs(d.reshape(-1, HOP)).max(1) < 1e-3
    assert all(not quiet[b] for b in bars) and all(quiet[b - 1] for b in bars[1:])


def test_tones_are_those_of_the_notes():
    pytest.importorskip("torch")
    from starter.lm import sounding
    s = next(s for s in map(compose, range(1000)) if s.parts["bass"][1][0][0] == 0)
    roll = sounding(s, ("drums", "bass"), 300); first = s.parts["bass"][1][0][2] % 12
    assert roll.shape == (300, 24) and roll[0].nonzero()[:, 0].tolist() == [first] and not roll[:, 12:].any()
    assert not sounding(s, ("drums",), 50).any()


def test_forgetting_takes_stretches_and_no_more():
    torch = pytest.importorskip("torch")
    from starter.constants import PAD
    from starter.lm import forgetful
    x = torch.randint(0, 1024, (64, 4, 200)); gen = torch.Generator().manual_seed(0)
    assert torch.equal(forgetful(x, 0.0), x)
    y = forgetful(x, .5, gen); gone = (y == PAD).all(1)
    assert torch.equal(torch.where(gone[:, None], x, y), x) and 16 < gone.any(1).sum() < 48 and gone.all(1).any()


def test_muon_makes_singular_values_alike():
    torch = pytest.importorskip("torch")
    from starter.muon import Muon, orthogonal
    torch.manual_seed(0); x = torch.randn(3, 40, 16) @ torch.diag(torch.logspace(0, -1.5, 16))
    values = torch.linalg.svdvals(orthogonal(x, 5))
    assert values.max() < 1.4 and values.min() > .4
    p = torch.nn.Parameter(torch.zeros(4, 4)); p.grad = torch.eye(4); Muon([p], 1.0).step()
    assert (p.diagonal() < -.1).all()
