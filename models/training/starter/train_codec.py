"""Trains the codec on rendered loops.

    python -m starter.train_codec --minutes 30 [--resume]

Stages, as shares of the time: auto-encoder alone (waveform error first, spectral terms faded in), then the
quantiser with k-means codebooks, then the discriminator as well. `--decoder-only` continues with encoder and
codebooks frozen: the tokens stay what they were, so a language model trained on them stays valid.
"""
import argparse
import csv
import math
import time

import numpy as np
import torch
from transformers import EncodecModel

from .codec import Rvq, codec_config, decode_latents, dequantise, encode, encode_latents
from .constants import HELD_OUT_SEED, HOP, TRAINING, work_dir
from .compose import compose, views
from .data import Loops
from .discriminator import Discriminator, discriminator_loss, generator_loss, spectral_loss
from .render import clip, mix, stems


class Batches:
    def __init__(self, loops, size, frames, seed, prefer="both"):
        self.prefer = prefer
        self.size, self.n = size, frames * HOP
        self.rng = np.random.default_rng(seed)
        self.use(loops)

    def use(self, loops):
        """Half of the segments come from loops without drums and bass: their higher tones are the last to be learnt
        (a codec at 14 dB on drums still gave 0 dB on a lead) and are drowned in a mix. Or from drums alone, for
        hats and snares; or from both."""
        self.loops = loops
        wanted = {"drums": lambda v: v == ["drums"], "tonal": lambda v: "drums" not in v and "bass" not in v,
                  "both": lambda v: v == ["drums"] or ("drums" not in v and "bass" not in v)}[self.prefer]
        self.favoured = [i for i, r in enumerate(loops.rows) if wanted(list(r[4]))]

    def __call__(self):
        """Segments start wherever; a loop shorter than a segment is repeated."""
        out = np.zeros((self.size, 1, self.n), np.float32)
        for i in range(self.size):
            i_row = self.favoured[self.rng.integers(len(self.favoured))] if i % 2 else self.rng.integers(len(self.loops))
            m, at, n, _, _ = self.loops.rows[i_row]
            s = int(self.rng.integers(n)); k = min(n - s, self.n)
            out[i, 0, :k] = m[at + s: at + s + k]
            if k < self.n: out[i, 0, k:] = np.resize(m[at:at + n], self.n - k)
            out[i] *= self.rng.uniform(.4, 1.1) / 32767
        return torch.from_numpy(out)


def held_out(count=24, seconds=4.0):
    xs = []
    for i in range(count):
        song = compose(HELD_OUT_SEED + i)
        xs.append(clip(mix(song, views(song, 1)[0]), seconds))
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
    ap.add_argument("--batch", type=int, default=4); ap.add_argument("--frames", type=int, default=25)
    ap.add_argument("--lr", type=float, default=1e-3); ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--adversarial-from", type=float, default=.5, help="share of the time at which the discriminator comes in")
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--spectral", type=float, default=.5, help="weight of the spectral terms; at .15 hats were not coded at all")
    ap.add_argument("--favour", choices=("tonal", "drums", "both"), default="both", help="what half of the segments are taken from")
    a = ap.parse_args()
    torch.set_num_threads(a.threads); torch.manual_seed(a.seed)
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
    loops = Loops(); batch = Batches(loops, a.batch, a.frames, [a.seed, step0], a.favour); ho = held_out().to(dev)
    print(f"{len(loops)} loops, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {dev}", flush=True)
    log = open(TRAINING / "log" / "codec.csv", "a", newline=""); rows = csv.writer(log)
    if log.tell() == 0: rows.writerow("step minutes nmse spectral commit adversarial feature disc heldout_snr".split())
    t0 = time.time(); step = step0; last = t0; d_loss = adv = fm = com = torch.zeros(()); use_adv = False

    def save():
        torch.save({"model": model.state_dict(), "disc": disc.state_dict(), "rvq": rvq.state(), "opt": opt.state_dict(),
                    "dopt": dopt.state_dict(), "step": step, "quantised": quantised, "adversarial": use_adv}, str(out_path) + ".tmp")
        (out_path.parent / (out_path.name + ".tmp")).replace(out_path)

    while True:
        done = min(1.0, (time.time() - t0) / (a.minutes * 60))
        if step % 400 == 0 and step > step0 and not a.decoder_only and len(loops) < 20_000:     # the renderer may still be at work
            loops = Loops(); batch.use(loops)
        fresh = not (a.resume or a.decoder_only)
        warm = min(1, (step - step0 + 1) / (50 if fresh else 200))
        for g in opt.param_groups: g["lr"] = a.lr * warm * (.03 + .97 * .5 * (1 + math.cos(math.pi * done)))
        if fresh and not quantised and step >= 500:
            with torch.no_grad():
                lat = torch.cat([enc(model, batch().to(dev)).permute(0, 2, 1).reshape(-1, model.config.hidden_size) for _ in range(100)])
            rvq.kmeans(lat); quantised = True
        x = batch().to(dev)
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
        fade = 1.0 if not fresh else min(1, step / 800)
        loss = wave + a.spectral * fade * spec + com
        use_adv = a.decoder_only or done > a.adversarial_from
        if use_adv:
            if step % 2 == 0:
                d_loss = discriminator_loss(disc, x, y); dopt.zero_grad(); d_loss.backward(); dopt.step()
            for p in disc.parameters(): p.requires_grad_(False)
            adv, fm = generator_loss(disc, x, y)
            for p in disc.parameters(): p.requires_grad_(True)
            loss = loss + .1 * adv + .2 * fm
        opt.zero_grad(); loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0); opt.step()
        step += 1
        if step % 100 == 0 or done >= 1:
            with torch.no_grad():
                v = ""
                if step % 500 == 0 or done >= 1:
                    v = f"{snr(ho, dec(model, dequantise(model, encode(model, ho)) if quantised else enc(model, ho))):.2f}"
            rows.writerow([step, f"{(time.time() - t0) / 60:.1f}"] + [f"{t.item():.4f}" for t in (nm.mean(), spec, com, adv, fm, d_loss)] + [v])
            log.flush()
            print(step, f"{time.time() - t0:.0f}s nmse {nm.mean().item():.4f} spec {spec.item():.3f} com {com.item():.4f} adv {adv.item():.3f} fm {fm.item():.3f} d {d_loss.item():.3f} held-out {v}", flush=True)
        if time.time() - last > 120 or done >= 1:
            save(); last = time.time()
        if done >= 1: break


if __name__ == "__main__":
    main()
