"""Trains the codec on rendered loops.

    python -m starter.train_codec --minutes 30 [--resume]

Stages, as shares of the time: auto-encoder alone (waveform error first, spectral terms faded in), then the
quantiser with k-means codebooks, then the discriminator as well. `--decoder-only` continues with encoder and
codebooks frozen: the tokens stay what they were, so a language model trained on them stays valid.
"""
import argparse
import csv
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from transformers import EncodecModel

from .codec import Rvq, codec_config, decode_latents, dequantise, encode, encode_latents
from .constants import FRAME_RATE, HELD_OUT_SEED, HOP, TRAINING, work_dir
from .compose import compose, views
from .data import shards
from .discriminator import Discriminator, discriminator_loss, generator_loss, spectral_loss
from .render import mix, stems


class Batches:
    """Segments of `frames` frames. Half of them come from drums alone or from loops without drums and bass: hats and
    high tones are the last to be learnt and are drowned in a mix. One in eight starts between frames, since music from
    elsewhere does; the others start on frames, where our songs' onsets lie."""

    def __init__(self, size, frames, seed):
        self.size, self.frames = size, frames
        self.rng = np.random.default_rng(seed); self.use()

    def use(self):
        self.rows = [(s, i) for s in shards() for i in range(len(s.rows))]
        solo = lambda v: v == ("drums",) or ("drums" not in v and "bass" not in v)
        self.favoured = [(s, i) for s, i in self.rows if solo(s.rows[i][3])]

    def __call__(self):
        out = np.zeros((self.size, 1, self.frames * HOP), np.float32)
        for b in range(self.size):
            rows = self.favoured if b % 2 else self.rows
            shard, i = rows[self.rng.integers(len(rows))]
            x = shard.audio(i, int(self.rng.integers(shard.rows[i][1] - self.frames)), self.frames + 1)
            shift = int(self.rng.integers(HOP)) if b % 8 == 0 else 0
            out[b, 0] = x[shift: shift + self.frames * HOP]
            if b % 4 == 0: out[b] *= self.rng.uniform(.4, 1.1)
        return torch.from_numpy(out)


def held_out(count=24, seconds=4.0):
    xs = []
    for i in range(count):
        song = compose(HELD_OUT_SEED + i)
        xs.append(mix(song, views(song, 1)[0], stems(song, int(seconds * FRAME_RATE))))
    return torch.from_numpy(np.stack(xs))[:, None]


def snr(x, y):
    """Mean over clips of the signal-to-noise ratio in dB."""
    return (10 * torch.log10((x ** 2).sum((1, 2)) / ((x - y) ** 2).sum((1, 2)).clamp(min=1e-9))).mean().item()


def relative_error(x, y):
    return ((x - y) ** 2).sum((1, 2)) / ((x ** 2).sum((1, 2)) + .05)


def emphasis(x):
    return x[..., 1:] - .9 * x[..., :-1]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--minutes", type=float, default=30)
    ap.add_argument("--resume", action="store_true"); ap.add_argument("--decoder-only", action="store_true")
    ap.add_argument("--batch", type=int, default=8); ap.add_argument("--frames", type=int, default=25)
    ap.add_argument("--lr", type=float, default=1e-3); ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--adversarial-from", type=float, default=.5, help="share of the time at which the discriminator comes in")
    ap.add_argument("--workers", type=int, default=1 if torch.cuda.is_available() else os.cpu_count())
    ap.add_argument("--spectral", type=float, default=.5, help="weight of the spectral terms; at .15 hats were not coded at all")
    a = ap.parse_args()
    torch.set_num_threads(max(1, os.cpu_count() // a.workers)); torch.manual_seed(a.seed)
    dev = "cuda" if torch.cuda.is_available() else "cpu"
    model = EncodecModel(codec_config()).to(dev); disc = Discriminator().to(dev); rvq = Rvq(model)
    path = work_dir() / "codec.pt"; step0 = 0; quantised = False
    opt = torch.optim.AdamW(model.parameters(), a.lr, betas=(.8, .99), weight_decay=0)
    dopt = torch.optim.AdamW(disc.parameters(), 3e-4, betas=(.5, .9))
    if a.resume or a.decoder_only:
        c = torch.load(path, map_location=dev, weights_only=True)
        model.load_state_dict(c["model"]); rvq.load(c["rvq"]); step0, quantised = c["step"], c["quantised"]
        if c.get("adversarial"): disc.load_state_dict(c["disc"]); dopt.load_state_dict(c["dopt"])
        if not a.decoder_only and c["opt"]: opt.load_state_dict(c["opt"])
    if a.decoder_only:
        opt = torch.optim.AdamW(model.decoder.parameters(), a.lr, betas=(.8, .99), weight_decay=0)
    out_path = work_dir() / ("codec-decoder.pt" if a.decoder_only else "codec.pt")
    enc, dec = encode_latents, decode_latents
    batch = Batches(a.batch, a.frames, [a.seed, step0]); ho = held_out().to(dev)
    print(f"{len(batch.rows)} sequences, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {dev}", flush=True)
    log = open(TRAINING / "log" / "codec.csv", "a", newline=""); rows = csv.writer(log)
    if log.tell() == 0: rows.writerow("step minutes nmse spectral commit adversarial feature disc heldout_snr".split())
    t0 = time.time(); step = step0; last = t0; use_adv = False

    def save():
        torch.save({"model": model.state_dict(), "disc": disc.state_dict(), "rvq": rvq.state(), "opt": opt.state_dict(),
                    "dopt": dopt.state_dict(), "step": step, "quantised": quantised, "adversarial": use_adv}, str(out_path) + ".tmp")
        (out_path.parent / (out_path.name + ".tmp")).replace(out_path)

    params = list((model.decoder if a.decoder_only else model).parameters()); judges = list(disc.parameters()); pool = ThreadPoolExecutor(a.workers)

    def gradients(x, fade, use_adv):
        """One worker's share of a step (threads that meet once a step, as in train_lm.py): figures, the codec's
        gradients, the discriminator's on every other step."""
        com = adv = fm = d_loss = torch.zeros((), device=dev); d_grads = None
        if a.decoder_only:
            with torch.no_grad(): z = dequantise(model, encode(model, x))
        else:
            z = enc(model, x)
            if quantised: z, com = rvq(z)
        y = dec(model, z)
        nm = relative_error(x, y)
        # With a high-pass as well: else melodies stay at nought beside kicks and basses, which are learnt first.
        wave = 2 * nm.mean() + relative_error(emphasis(x), emphasis(y)).mean() + .3 * torch.log(nm + .03).mean()
        spec = spectral_loss(y, x)
        loss = wave + a.spectral * fade * spec + com
        if use_adv:
            if step % 2 == 0:
                d_loss = discriminator_loss(disc, x, y); d_grads = torch.autograd.grad(d_loss, judges)
            adv, fm = generator_loss(disc, x, y)
            loss = loss + .1 * adv + .2 * fm
        grads = torch.autograd.grad(loss, params)
        return torch.stack([nm.mean(), spec, com, adv, fm, d_loss]).detach(), grads, d_grads

    while True:
        done = min(1.0, (time.time() - t0) / (a.minutes * 60))
        fresh = not (a.resume or a.decoder_only)
        warm = min(1, (step - step0 + 1) / (50 if fresh else 200))
        for g in opt.param_groups: g["lr"] = a.lr * warm * (.03 + .97 * .5 * (1 + math.cos(math.pi * done)))
        if fresh and not quantised and step >= 500:
            with torch.no_grad():
                lat = torch.cat([enc(model, batch().to(dev)).permute(0, 2, 1).reshape(-1, model.config.hidden_size) for _ in range(100)])
            rvq.kmeans(lat); quantised = True
        fade = 1.0 if not fresh else min(1, step / 800)
        use_adv = a.decoder_only or done > a.adversarial_from
        results = list(pool.map(lambda x: gradients(x.to(dev), fade, use_adv), batch().split(a.batch // a.workers)))
        figures = sum(r[0] for r in results) / a.workers
        for i, p in enumerate(params): p.grad = sum(r[1][i] for r in results) / a.workers
        torch.nn.utils.clip_grad_norm_(params, 2.0); opt.step()
        if use_adv and step % 2 == 0:
            for i, p in enumerate(judges): p.grad = sum(r[2][i] for r in results) / a.workers
            dopt.step()
        step += 1
        if step % 100 == 0 or done >= 1:
            with torch.no_grad():
                v = ""
                if step % 500 == 0 or done >= 1:
                    v = f"{snr(ho, dec(model, dequantise(model, encode(model, ho)) if quantised else enc(model, ho))):.2f}"
            rows.writerow([step, f"{(time.time() - t0) / 60:.1f}"] + [f"{t:.4f}" for t in figures.tolist()] + [v])
            log.flush()
            print(step, f"{time.time() - t0:.0f}s nmse {{:.4f}} spec {{:.3f}} com {{:.4f}} adv {{:.3f}} fm {{:.3f}} d {{:.3f}} held-out {v}".format(*figures.tolist()), flush=True)
        if time.time() - last > 120 or done >= 1:
            save(); last = time.time()
        if done >= 1: break


if __name__ == "__main__":
    main()
