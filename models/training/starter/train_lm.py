"""Trains text encoder and decoder together on encoded loops.

    python -m starter.train_lm --until 11:30 [--resume]         (or --minutes 60)

Batches are of one length each (SHARES) and hold about the same number of frames. The
learning rate follows the clock, so that a run ends well whatever the machine gave it. `lm.pt` holds all to resume
from and the averaged weights (EMA), which are what export.py takes.
"""
import argparse
import copy
import csv
import dataclasses
import datetime
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from .caption import caption
from .constants import TRAINING, work_dir
from .compose import compose
from .data import LENGTHS
from .lm import StarterLM, loss, metronome_loss, sounding, tones_loss
from .muon import Muon
from .tokenizer import batch_ids, build


SHARES = (.44, .40, .10, .06)       # of batches, by LENGTHS: four bars, what is asked for most, are 270 to 800 frames


class Tokens:
    """Encoded sequences of all finished chunks, by length."""

    def __init__(self):
        self.codes = {}; self.rows = {}; self.chunks = 0; self.songs = {}
        self.load()

    def load(self):
        paths = sorted(p for p in work_dir().glob("codes-*.npz") if p.stem[6:].isdigit())
        if len(paths) == self.chunks: return
        self.chunks = len(paths); codes, rows = {}, {}
        for p in paths:
            z = np.load(p)
            for n in LENGTHS:
                if f"codes{n}" in z:
                    codes.setdefault(n, []).append(z[f"codes{n}"])
                    rows.setdefault(n, []).extend((int(s), tuple(str(q).split("+"))) for s, q in zip(z[f"seeds{n}"], z[f"parts{n}"]))
        self.codes = {n: np.concatenate(c) for n, c in codes.items()}; self.rows = rows

    def song(self, seed):
        if seed not in self.songs: self.songs[seed] = compose(seed)
        return self.songs[seed]

    def batch(self, rng, tok, frames, drums=0.0):
        n = LENGTHS[int(rng.choice(len(LENGTHS), p=SHARES))]
        if n not in self.codes: n = LENGTHS[0]
        size = max(1, frames // n)
        pick = rng.integers(len(self.codes[n]), size=size)
        only = [i for i, r in enumerate(self.rows[n]) if r[1] == ("drums",)]
        pick = np.array([rng.choice(only) if only and rng.random() < drums else i for i in pick])
        songs = [self.song(self.rows[n][i][0]) for i in pick]
        texts = [caption(song, self.rows[n][i][1], rng) for song, i in zip(songs, pick)]
        ids, mask = batch_ids(tok, texts)
        cut = n if n > 512 or rng.random() < .7 else int(rng.integers(n * 5 // 8, n))
        return torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(self.codes[n][pick][:, :, :cut].astype(np.int64)), \
            [song.bpm for song in songs], [song.beats for song in songs], \
            torch.stack([sounding(song, self.rows[n][i][1], cut) for song, i in zip(songs, pick)])


def validation(tok, detune=1.0, transpose=0):
    """Captions and codes of held-out songs; `detune` puts another tempo into the captions, `transpose` another key, which
    has to raise the loss as soon as the model listens to it."""
    z = np.load(work_dir() / "codes-heldout.npz"); rng = np.random.default_rng(1); texts = []
    for s, p in zip(z["seeds"], z["parts"]):
        song = compose(int(s)); bpm = round(song.bpm * detune)
        song = dataclasses.replace(song, bpm=bpm if bpm <= 180 else round(song.bpm / detune), key=(song.key + transpose) % 12)
        texts.append(caption(song, tuple(str(p).split("+")), rng))
    return (*map(torch.from_numpy, batch_ids(tok, texts)), torch.from_numpy(z["codes"].astype(np.int64)))


@torch.no_grad()
def held_out_loss(model, val, size=8, blind=False):
    """Mean cross-entropy of every codebook, nats; `blind` without any of the past, where only the text tells the key."""
    ids, mask, codes = val; forget = 2.5 if blind else 0.0      # 2.5: everything, of every item
    return torch.stack([torch.stack(loss(model, ids[i:i + size], mask[i:i + size], torch.ones(len(ids[i:i + size]), device=ids.device), codes[i:i + size], forget=forget)[1])
                        for i in range(0, len(ids), size)]).mean(0)


def optimisers(model, lr):
    """Muon for the matrices, in two halves that two threads can step at once, AdamW for all else. Code embeddings and
    heads see each code once a step or less: at one rate with the rest they had hardly left their random start after
    2,000 steps, so theirs is several times higher."""
    codes = [*model.decoder.model.decoder.embed_tokens.parameters()]; heads = [*model.decoder.lm_heads.parameters()]
    apart = {id(p) for p in codes + heads}
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and id(p) not in apart and not any(w in n for w in ("shared", "relative_attention_bias", "metronome", "tones"))]
    apart |= {id(p) for p in matrices}; rest = [p for n, p in model.named_parameters() if id(p) not in apart]
    adam = torch.optim.AdamW([{"params": codes, "by": 5.0}, {"params": heads, "by": 3.0}, {"params": rest, "by": 1.0}],
                             lr, betas=(.9, .95), weight_decay=0, fused=True)
    halves = [Muon([{"params": matrices[i::2], "by": 2.5}], lr) for i in (0, 1)]
    return [adam, *halves]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--minutes", type=float, default=60); ap.add_argument("--until", help="HH:MM, local time; instead of --minutes")
    ap.add_argument("--resume", action="store_true"); ap.add_argument("--restart-schedule", action="store_true", help="with --resume: a new warm-up and decay")
    ap.add_argument("--frames", type=int, default=3072); ap.add_argument("--lr", type=float, default=1.2e-3)
    ap.add_argument("--drop", type=float, default=.12, help="share of items without their text, for guidance")
    ap.add_argument("--drums", type=float, default=0, help="share of items that are drums alone, over and above their own share")
    ap.add_argument("--forget", type=float, default=.4, help="share of items with stretches of their past taken away (see lm.py)")
    ap.add_argument("--metronome", type=float, default=3.0, help="weight of telling the time (see lm.py)")
    ap.add_argument("--tones", type=float, default=3.0, help="weight of naming the tones that sound (see lm.py)")
    ap.add_argument("--seed", type=int, default=0); ap.add_argument("--workers", type=int, default=1 if torch.cuda.is_available() else os.cpu_count())
    a = ap.parse_args()
    if a.until:
        h, m = map(int, a.until.split(":")); now = datetime.datetime.now()
        a.minutes = (now.replace(hour=h, minute=m, second=0) - now).total_seconds() / 60
    torch.set_num_threads(max(1, os.cpu_count() // a.workers)); torch.manual_seed(a.seed)
    dev = "cuda" if torch.cuda.is_available() else "cpu"
    tok = build(); model = StarterLM(tok).to(dev); ema = copy.deepcopy(model); data = Tokens()
    opts = optimisers(model, a.lr)
    path = work_dir() / "lm.pt"; step = 0; spent = 0.0; frames_seen = 0
    if a.resume:
        c = torch.load(path, map_location=dev, weights_only=True)
        model.load_state_dict(c["model"]); ema.load_state_dict(c["ema"])
        if c["opt"]:
            for o, state in zip(opts, c["opt"]): o.load_state_dict(state)
        step, spent, frames_seen = c["step"], c["spent"], c["frames"]
        if a.restart_schedule: spent = 0.0
    first = step; rng = np.random.default_rng([a.seed, step])
    val, wrong, moved = ([t.to(dev) for t in validation(tok, *by)] for by in ((1.0, 0), (1.21, 0), (1.0, 5)))
    log = open(TRAINING / "log" / "lm.csv", "a", newline=""); rows = csv.writer(log)
    if log.tell() == 0: rows.writerow("step minutes frames loss ce0 ce1 ce2 ce3 metronome tones val0 val1 val2 val3 wrong_tempo0 blind0 wrong_key_blind0".split())
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {a.minutes:.0f} minutes, {dev}, {data.chunks} chunks", flush=True)
    t0 = time.time(); saved = t0; total = spent + a.minutes * 60; avg = None; kept = list(zip(ema.parameters(), model.parameters()))

    params = list(model.parameters()); clock = [(p, m[1].to(dev), p.detach().clone() * (1 - m[1].to(dev))) for p, m in model.clock_masks()]
    pool = ThreadPoolExecutor(a.workers)

    def gradients(batch):
        """One worker's share of a step. On a shared machine, threads that only meet once a step get far more done
        than an OpenMP team that waits for its slowest member at every operation."""
        ids, mask, codes = (t.to(dev) for t in batch[:3])
        keep = (torch.rand(len(ids), device=dev) > a.drop).float()
        # A dropped item's mask is left as it is: its values are nought, so any weights give what guidance gives.
        with torch.autocast(dev, torch.bfloat16, enabled=dev == "cuda"):     # on CPUs without AMX f32 was twice as fast
            l, each, early = loss(model, ids, mask, keep, codes, forget=a.forget)
            m = metronome_loss(model, early, keep, *batch[3:5], codes.shape[2]); n = tones_loss(model, early, batch[5].to(dev))
        return torch.stack([l, *each, m, n]).detach(), torch.autograd.grad(l + a.metronome * m + a.tones * n, params), codes.shape[0] * codes.shape[2]

    def save():
        tmp = path.with_suffix(".tmp")
        torch.save({"model": model.state_dict(), "ema": ema.state_dict(), "opt": [o.state_dict() for o in opts], "step": step,
                    "spent": spent + time.time() - t0, "frames": frames_seen}, tmp)
        tmp.replace(path)

    while True:
        done = min(1.0, (spent + time.time() - t0) / total)
        rate = a.lr * min(1, (step - first + 1) / (20 if a.resume and not a.restart_schedule else 150)) * (.02 + .98 * .5 * (1 + math.cos(math.pi * done)))
        for g in (g for o in opts for g in o.param_groups): g["lr"] = rate * g["by"]
        model.train(); results = list(pool.map(gradients, [data.batch(rng, tok, a.frames // a.workers, a.drums) for _ in range(a.workers)]))
        for i, p in enumerate(params): p.grad = sum(r[1][i] for r in results) / a.workers
        for p, mask, _ in clock: p.grad.mul_(mask)
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        list(pool.map(lambda o: o.step(), opts))
        with torch.no_grad():
            for p, mask, frozen in clock: p.mul_(mask).add_(frozen)      # weight decay has no business there either
        step += 1; frames_seen += sum(r[2] for r in results)
        now = sum(r[0] for r in results) / a.workers; avg = now if avg is None else avg * .98 + now * .02
        if step % 10 == 0:
            w = min(.985, step / (step + 100))
            with torch.no_grad():
                for e, p in kept: e.lerp_(p, 1 - w)
        if step % 100 == 0: data.load()
        if step % 50 == 0 or done >= 1:
            v = [""] * 7
            if step % 300 == 0 or done >= 1:
                v = [f"{x:.3f}" for x in held_out_loss(ema, val).tolist() + held_out_loss(ema, wrong).tolist()[:1]
                     + [held_out_loss(ema, texts, blind=True).tolist()[0] for texts in (val, moved)]]
            rows.writerow([step, f"{(spent + time.time() - t0) / 60:.1f}", frames_seen] + [f"{x:.3f}" for x in avg.tolist()] + v); log.flush()
            print(step, f"{time.time() - t0:.0f}s {frames_seen / 1e6:.2f}M frames loss {avg[0]:.3f}", [round(x, 2) for x in avg[1:].tolist()], "val", v, flush=True)
        if time.time() - saved > 150 or done >= 1: save(); saved = time.time()
        if done >= 1: break


if __name__ == "__main__":
    main()
