"""Adversarial part of the codec's training: a small multi-scale STFT discriminator (as EnCodec's, arXiv 2210.13438,
3.4) and the spectral losses. Strided along frequency from the first layer, so that two CPU cores can bear it."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.parametrizations import weight_norm


class StftDiscriminator(nn.Module):
    def __init__(self, n_fft, ch=8):
        super().__init__()
        self.n = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        wn = weight_norm
        self.layers = nn.ModuleList([
            wn(nn.Conv2d(2, ch, (9, 3), (4, 1), (4, 1))),
            wn(nn.Conv2d(ch, ch, (9, 3), (2, 1), (4, 1))),
            wn(nn.Conv2d(ch, 2 * ch, (9, 3), (2, 1), (4, 2), (1, 2))),
            wn(nn.Conv2d(2 * ch, 2 * ch, (3, 3), (2, 1), (1, 1)))])
        self.post = wn(nn.Conv2d(2 * ch, 1, (3, 3), 1, (1, 1)))

    def forward(self, x):
        s = torch.stft(x.squeeze(1), self.n, self.n // 4, window=self.window, return_complex=True, normalized=True)
        # Compressed magnitude keeps quiet hats visible beside kicks.
        mag = s.abs().clamp(min=1e-5); s = s / mag * mag ** .5
        h = torch.stack([s.real, s.imag], 1); feats = []
        for l in self.layers:
            h = F.leaky_relu(l(h), .2); feats.append(h)
        return self.post(h), feats


class Discriminator(nn.Module):
    def __init__(self, scales=(1024, 256)):
        super().__init__()
        self.parts = nn.ModuleList(StftDiscriminator(n) for n in scales)

    def forward(self, x):
        return [p(x) for p in self.parts]


def discriminator_loss(d, real, fake):
    both = d(torch.cat([real, fake.detach()])); loss = 0
    for logits, _ in both:
        r, f = logits.chunk(2)
        loss = loss + F.relu(1 - r).mean() + F.relu(1 + f).mean()
    return loss / len(both)


def generator_loss(d, real, fake):
    """(adversarial, feature matching)."""
    with torch.no_grad(): targets = d(real)
    adv = fm = 0
    for (logits, feats), (_, want) in zip(d(fake), targets):
        adv = adv + F.relu(1 - logits).mean()
        fm = fm + sum((a - b).abs().mean() / (b.abs().mean() + 1e-4) for a, b in zip(feats, want)) / len(feats)
    return adv / len(targets), fm / len(targets)


_windows, _bands = {}, {}


def _stft(x, n):
    w = _windows.setdefault((n, x.device), torch.hann_window(n, device=x.device))
    return torch.stft(x.squeeze(1), n, n // 4, window=w, return_complex=True).abs()


def _band_matrix(n, bands, device):
    if (n, device) not in _bands:
        edges = torch.logspace(torch.log10(torch.tensor(60.)), torch.log10(torch.tensor(15_900.)), bands + 1) * n / 32_000
        k = torch.arange(n // 2 + 1)[:, None].float()
        m = ((k >= edges[:-1].floor()) & (k < torch.maximum(edges[1:].floor(), edges[:-1].floor() + 1))).float()
        _bands[(n, device)] = m.to(device)
    return _bands[(n, device)]


def spectral_loss(y, x, sizes=(128, 512, 2048)):
    """Relative magnitude error + log magnitude error + log band energy. The last is blind to the phase and the
    fine structure of noise, so it alone holds hats at their energy where the other two prefer them quieter."""
    loss = 0
    for n in sizes:
        a, b = _stft(y, n), _stft(x, n)
        m = _band_matrix(n, 12 if n < 256 else 24, x.device)
        ea, eb = ((s ** 2).transpose(1, 2) @ m for s in (a, b))
        floor = 1e-3 * n / 128
        loss = loss + (a - b).abs().mean() / (b.mean() + 1e-3) + (torch.log(a + 1e-2) - torch.log(b + 1e-2)).abs().mean() \
            + .5 * (torch.log(ea + floor) - torch.log(eb + floor)).abs().mean()
    return loss / len(sizes)
