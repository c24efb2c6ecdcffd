"""The codec: EnCodec's configuration, its forward pass for training, and the residual quantiser's training.

The network is transformers' EncodecModel, so that its weights are saved as published ones are. For training we
walk its layers ourselves (`encode_latents`, `decode_latents`): the same mathematics as its `forward` for lengths
that are whole frames, without the per-layer bookkeeping that keeps torch.compile from fusing anything.
"""
from threading import Lock

import torch
import torch.nn.functional as F
from transformers import EncodecConfig, EncodecModel
from transformers.models.encodec import modeling_encodec as me

from .constants import CODEBOOK_SIZE, CODEBOOKS, SR


def codec_config(filters=16, hidden=64) -> EncodecConfig:
    """facebook/encodec_32khz's structure (as in musicgen-*), narrower and with one LSTM layer for two."""
    return EncodecConfig(
        target_bandwidths=[2.0], sampling_rate=SR, audio_channels=1, normalize=False, chunk_length_s=None, overlap=None,
        hidden_size=hidden, codebook_dim=hidden, num_filters=filters, num_residual_layers=1, upsampling_ratios=[8, 5, 4, 4],
        norm_type="weight_norm", kernel_size=7, last_kernel_size=7, residual_kernel_size=3, dilation_growth_rate=2,
        use_causal_conv=False, pad_mode="reflect", compress=2, num_lstm_layers=1, trim_right_ratio=1.0,
        codebook_size=CODEBOOK_SIZE, use_conv_shortcut=False)


def _conv(layer, x):
    c = layer.conv; k = (c.kernel_size[0] - 1) * c.dilation[0] + 1
    total = k - c.stride[0]; right = total // 2
    if total: x = F.pad(x, (total - right, right), mode="reflect")
    return F.conv1d(x, c.weight, c.bias, c.stride, 0, c.dilation)


def _unconv(layer, x):
    c = layer.conv; total = c.kernel_size[0] - c.stride[0]; right = total // 2
    y = F.conv_transpose1d(x, c.weight, c.bias, c.stride)
    return y[..., total - right: y.shape[-1] - right]


def _walk(layers, x):
    for m in layers:
        if isinstance(m, me.EncodecConv1d): x = _conv(m, x)
        elif isinstance(m, me.EncodecConvTranspose1d): x = _unconv(m, x)
        elif isinstance(m, me.EncodecResnetBlock): x = m.shortcut(x) + _walk(m.block, x)
        elif isinstance(m, me.EncodecLSTM): x = (m.lstm(x.permute(2, 0, 1))[0] + x.permute(2, 0, 1)).permute(1, 2, 0)
        else: x = m(x)
    return x


def encode_latents(model, x):
    """(B, 1, n*640) audio to (B, hidden, n) latents."""
    return _walk(model.encoder.layers, x)


def decode_latents(model, z):
    return _walk(model.decoder.layers, z)


class Rvq:
    """Residual quantiser over the model's own codebook buffers: k-means start, moving averages, dead codes replaced."""

    def __init__(self, model: EncodecModel, decay=.99):
        self.books = [q.codebook.embed for q in model.quantizer.layers]
        assert len(self.books) == CODEBOOKS
        self.decay, self.lock = decay, Lock()            # training's workers share the codebooks
        self.n = [torch.ones(len(b), device=b.device) for b in self.books]
        self.s = [b.clone() for b in self.books]

    @torch.no_grad()
    def kmeans(self, latents, iterations=8):
        """`latents` (N, hidden): fits the codebooks one after the other on what the ones before leave over."""
        r = latents.clone(); total = (r ** 2).mean()
        for i, b in enumerate(self.books):
            c = r[torch.randperm(len(r), device=r.device)[:len(b)]].clone()
            for _ in range(iterations):
                idx = nearest(r, c)
                n = torch.bincount(idx, minlength=len(c)).float()
                sm = torch.zeros_like(c).index_add_(0, idx, r)
                stray = r[torch.randint(0, len(r), (len(c),), device=r.device)]
                c = torch.where(n[:, None] > 0, sm / n.clamp(min=1)[:, None], stray)
            b.copy_(c); self.s[i] = c.clone(); self.n[i] = torch.ones(len(c), device=c.device)
            r = r - c[nearest(r, c)]
            print(f"codebook {i}: {((r ** 2).mean() / total).item():.4f} of the energy left", flush=True)

    def __call__(self, z):
        """Straight-through quantised latents and the commitment error (not normalised, on purpose: with a
        normalised one the latents grow without bound)."""
        x = z.detach().permute(0, 2, 1).reshape(-1, z.shape[1]); r = x; q = torch.zeros_like(x)
        with torch.no_grad(), self.lock:
            for i, b in enumerate(self.books):
                idx = nearest(r, b); e = b[idx]
                n = torch.bincount(idx, minlength=len(b)).float()
                sm = torch.zeros_like(b).index_add_(0, idx, r)
                self.n[i].mul_(self.decay).add_(n, alpha=1 - self.decay)
                self.s[i].mul_(self.decay).add_(sm, alpha=1 - self.decay)
                live = self.n[i] > .03
                new = torch.where(live[:, None], self.s[i] / self.n[i].clamp(min=.03)[:, None], b)
                dead = (~live).nonzero()[:, 0][:16]
                if len(dead):
                    new[dead] = r[torch.randint(0, len(r), (len(dead),), device=r.device)]
                    self.s[i][dead] = new[dead] * .3; self.n[i][dead] = .3
                q = q + e; r = r - e
                b.copy_(new)
        q = q.reshape(z.shape[0], -1, z.shape[1]).permute(0, 2, 1)
        return z + (q - z).detach(), ((z - q) ** 2).mean()

    def state(self):
        return {"n": self.n, "s": self.s}

    def load(self, st):
        self.n, self.s = [t.clone() for t in st["n"]], [t.clone() for t in st["s"]]


def nearest(x, book):
    """Index of the nearest code; the expansion of |x-b|^2 without |x|^2, as EnCodec's own quantiser has it."""
    return (x @ book.t() * 2 - (book ** 2).sum(1)).argmax(1)


@torch.no_grad()
def encode(model, x):
    """(B, 1, n*640) audio to (B, 4, n) codes."""
    z = encode_latents(model, x); r = z.permute(0, 2, 1).reshape(-1, z.shape[1]); out = []
    for q in model.quantizer.layers:
        i = nearest(r, q.codebook.embed); out.append(i); r = r - q.codebook.embed[i]
    return torch.stack(out, 1).reshape(x.shape[0], -1, CODEBOOKS).permute(0, 2, 1)


def dequantise(model, codes):
    return sum(q.codebook.embed[codes[:, k]] for k, q in enumerate(model.quantizer.layers)).permute(0, 2, 1)


@torch.no_grad()
def decode(model, codes):
    return decode_latents(model, dequantise(model, codes))
