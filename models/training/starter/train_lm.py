"""Trains text encoder and decoder together on encoded loops.

    python -m starter.train_lm --until 11:30 [--resume]         (or --minutes 60)

Batches are of one length each (SHARES) and hold about the same number of frames. The
learning rate follows the clock, so that a run ends well whatever the machine gave it. `lm.pt` holds all to resume
from and the averaged weights (EMA), which are what export.py takes.
"""
import argparse
import copy
import csv
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
from .encode import LENGTHS
from .lm import StarterLM, loss
from .tokenizer import batch_ids, build


SHARES = (.58, .30, .08, .04)       # of batches, by LENGTHS: four bars, what is asked for most, are 270 to 800 frames


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
        """Composing is cheap beside a training step, but the notes are not needed again: kept without them."""
        if seed not in self.songs:
            self.songs[seed] = compose(seed)
        return self.songs[seed]

    def batch(self, rng, tok, frames, drums=0.0):
        n = LENGTHS[int(rng.choice(len(LENGTHS), p=SHARES))]
        if n not in self.codes: n = LENGTHS[0]
        size = max(1, frames // n)
        pick = rng.integers(len(self.codes[n]), size=size)
        only = [i for i, r in enumerate(self.rows[n]) if r[1] == ("drums",)]
        pick = np.array([rng.choice(only) if only and rng.random() < drums else i for i in pick])
        texts = [caption(self.song(s), parts, rng) for s, parts in (self.rows[n][i] for i in pick)]
        ids, mask = batch_ids(tok, texts)
        cut = n if n > 512 or rng.random() < .7 else int(rng.integers(n * 5 // 8, n))
        return torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(self.codes[n][pick][:, :, :cut].astype(np.int64))


def validation(tok):
    z = np.load(work_dir() / "codes-heldout.npz"); rng = np.random.default_rng(1)
    texts = [caption(compose(int(s)), tuple(str(p).split("+")), rng) for s, p in zip(z["seeds"], z["parts"])]
    return (*map(torch.from_numpy, batch_ids(tok, texts)), torch.from_numpy(z["codes"].astype(np.int64)))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--minutes", type=float, default=60); ap.add_argument("--until", help="HH:MM, local time; instead of --minutes")
    ap.add_argument("--resume", action="store_true"); ap.add_argument("--restart-schedule", action="store_true", help="with --resume: a new warm-up and decay")
    ap.add_argument("--frames", type=int, default=1536); ap.add_argument("--lr", type=float, default=1.2e-3)
    ap.add_argument("--drop", type=float, default=.12, help="share of items without their text, for guidance")
    ap.add_argument("--drums", type=float, default=0, help="share of items that are drums alone, over and above their own share")
    ap.add_argument("--seed", type=int, default=0); ap.add_argument("--workers", type=int, default=1 if torch.cuda.is_available() else os.cpu_count())
    a = ap.parse_args()
    if a.until:
        h, m = map(int, a.until.split(":")); now = datetime.datetime.now()
        a.minutes = (now.replace(hour=h, minute=m, second=0) - now).total_seconds() / 60
    torch.set_num_threads(max(1, os.cpu_count() // a.workers)); torch.manual_seed(a.seed)
    dev = "cuda" if torch.cuda.is_available() else "cpu"
    tok = build(); model = StarterLM(tok).to(dev); ema = copy.deepcopy(model); data = Tokens()
    decay = [p for n, p in model.named_parameters() if p.dim() == 2 and "embed" not in n and "shared" not in n]
    seen = {id(p) for p in decay}; rest = [p for p in model.parameters() if id(p) not in seen]
    opt = torch.optim.AdamW([{"params": decay, "weight_decay": .05}, {"params": rest, "weight_decay": 0}], a.lr, betas=(.9, .96), fused=True)
    path = work_dir() / "lm.pt"; step = 0; spent = 0.0; frames_seen = 0
    if a.resume:
        c = torch.load(path, map_location=dev, weights_only=True)
        model.load_state_dict(c["model"]); ema.load_state_dict(c["ema"])
        if c["opt"]: opt.load_state_dict(c["opt"])
        step, spent, frames_seen = c["step"], c["spent"], c["frames"]
        if a.restart_schedule: spent = 0.0
    first = step; rng = np.random.default_rng([a.seed, step])
    val = [t.to(dev) for t in validation(tok)]
    log = open(TRAINING / "log" / "lm.csv", "a", newline=""); rows = csv.writer(log)
    if log.tell() == 0: rows.writerow("step minutes frames loss ce0 ce1 ce2 ce3 val0 val1 val2 val3".split())
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {a.minutes:.0f} minutes, {dev}, {data.chunks} chunks", flush=True)
    t0 = time.time(); saved = t0; total = spent + a.minutes * 60; avg = None; kept = list(zip(ema.parameters(), model.parameters()))

    params = list(model.parameters()); clock = [(p, m[1].to(dev), p.detach().clone() * (1 - m[1].to(dev))) for p, m in model.clock_masks()]
    # Code embeddings and heads see each code once a step or less: at the matrices' rate they had hardly left their
    # random start after 2,000 steps.
    boosted = [(p, 5.0) for p in model.decoder.model.decoder.embed_tokens.parameters()] + [(p, 3.0) for p in model.decoder.lm_heads.parameters()]
    pool = ThreadPoolExecutor(a.workers)

    def gradients(batch):
        """One worker's share of a step. On a shared machine, threads that only meet once a step get far more done
        than an OpenMP team that waits for its slowest member at every operation."""
        ids, mask, codes = (t.to(dev) for t in batch)
        keep = (torch.rand(len(ids), device=dev) > a.drop).float()
        # A dropped item's mask is left as it is: its values are nought, so any weights give what guidance gives.
        with torch.autocast(dev, torch.bfloat16, enabled=dev == "cuda"):     # on CPUs without AMX f32 was twice as fast
            l, each = loss(model, ids, mask, keep, codes)
        return torch.stack([l, *each]).detach(), torch.autograd.grad(l, params), codes.shape[0] * codes.shape[2]

    def save():
        tmp = path.with_suffix(".tmp")
        torch.save({"model": model.state_dict(), "ema": ema.state_dict(), "opt": opt.state_dict(), "step": step,
                    "spent": spent + time.time() - t0, "frames": frames_seen}, tmp)
        tmp.replace(path)

    while True:
        done = min(1.0, (spent + time.time() - t0) / total)
        for g in opt.param_groups: g["lr"] = a.lr * min(1, (step - first + 1) / (20 if a.resume and not a.restart_schedule else 150)) * (.02 + .98 * .5 * (1 + math.cos(math.pi * done)))
        model.train(); results = list(pool.map(gradients, [data.batch(rng, tok, a.frames // a.workers, a.drums) for _ in range(a.workers)]))
        for i, p in enumerate(params): p.grad = sum(r[1][i] for r in results) / a.workers
        for p, mask, _ in clock: p.grad.mul_(mask)
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        before = [p.detach().clone() for p, _ in boosted]
        opt.step()
        with torch.no_grad():
            for (p, by), old in zip(boosted, before): p.add_(p - old, alpha=by - 1)
            for p, mask, frozen in clock: p.mul_(mask).add_(frozen)      # weight decay has no business there either
        step += 1; frames_seen += sum(r[2] for r in results)
        now = sum(r[0] for r in results) / a.workers; avg = now if avg is None else avg * .98 + now * .02
        if step % 10 == 0:
            w = min(.985, step / (step + 100))
            with torch.no_grad():
                for e, p in kept: e.lerp_(p, 1 - w)
        if step % 100 == 0: data.load()
        if step % 50 == 0 or done >= 1:
            v = [""] * 4
            if step % 500 == 0 or done >= 1:
                with torch.no_grad():
                    ve = torch.stack([torch.stack(loss(ema, val[0][i:i + 8], val[1][i:i + 8], torch.ones(8, device=dev), val[2][i:i + 8])[1]) for i in range(0, 64, 8)])
                v = [f"{x:.3f}" for x in ve.mean(0).tolist()]
            rows.writerow([step, f"{(spent + time.time() - t0) / 60:.1f}", frames_seen] + [f"{x:.3f}" for x in avg.tolist()] + v); log.flush()
            print(step, f"{time.time() - t0:.0f}s {frames_seen / 1e6:.2f}M frames loss {avg[0]:.3f}", [round(x, 2) for x in avg[1:].tolist()], "val", v, flush=True)
        if time.time() - saved > 150 or done >= 1: save(); saved = time.time()
        if done >= 1: break


if __name__ == "__main__":
    main()
