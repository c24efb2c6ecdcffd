"""The language model: transformers' T5EncoderModel, projection and MusicgenForCausalLM, and how they start.

What is not usual is the clock. A tempo is a number that must become onsets at exact positions, which a small
network learns slowly from data. Positions are sinusoids and attention scores are bilinear, so a cross-attention
head can compute cos(2 pi p bpm / 3000), the beat's phase at step p, for the first hundreds of steps: its query picks
the sinusoids near the beat's frequency, its key (a function of the tempo's token) their coefficients. `set_clock`
starts the eight heads of the first two layers so by least squares: sharp ones (beat, eighth, between eighths, bar),
whose attention to the tempo is a pulse one to three frames wide, and slow ones for the phase within the bar.
`set_clock_values` hands them on. Gradient masks (`clock_masks`) keep the tempo's and the key's part of the text and the sinusoids that
the clock reads free of anything else; the heads are trained like all others, held to their task by the metronome
(`metronome_loss`), and the text is made worth listening to by taking the past away now and then (`forgetful`).
The key starts likewise (`set_key`): parts of the text that only it writes to, and two heads of the third layer that
hand it on at every step, where `tones_loss` asks for it.
Format and inference stay what they are.
"""
import math

import numpy as np
import torch
import torch.nn as nn
from transformers import MusicgenForCausalLM, T5Config, T5EncoderModel
from transformers.models.musicgen.configuration_musicgen import MusicgenDecoderConfig

from .constants import CODEBOOK_SIZE, CODEBOOKS, FRAME_RATE, HOP, PAD
from .render import onset
from .tokenizer import batch_ids, key_of, tempo_of

BUMPS = 112                 # text dimensions that hold the tempo as overlapping bumps on a logarithmic scale
NOISE = .002                # the fit's ridge, as the variance of an error in each sinusoid
BUMP_RANGE = (57.0, 185.0)
KEY = slice(BUMPS + 1, BUMPS + 15)      # text dimensions that hold the key: twelve tonics, minor, major
METRONOME = 11              # see `beats_at`


def text_config(vocab: int) -> T5Config:
    return T5Config(vocab_size=vocab, d_model=192, d_kv=48, d_ff=384, num_layers=2, num_decoder_layers=2, num_heads=4,
                    relative_attention_num_buckets=32, relative_attention_max_distance=128, dropout_rate=0.0, layer_norm_epsilon=1e-6,
                    feed_forward_proj="relu", pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, is_encoder_decoder=False, use_cache=False)


def decoder_config(layers=5, hidden=256) -> MusicgenDecoderConfig:
    return MusicgenDecoderConfig(vocab_size=CODEBOOK_SIZE, max_position_embeddings=2048, num_hidden_layers=layers, ffn_dim=4 * hidden,
                                 num_attention_heads=hidden // 64, layerdrop=0.0, use_cache=True, activation_function="gelu", hidden_size=hidden,
                                 dropout=0.0, attention_dropout=0.0, activation_dropout=0.0, initializer_factor=0.02, scale_embedding=False,
                                 num_codebooks=CODEBOOKS, audio_channels=1, pad_token_id=PAD, bos_token_id=PAD, eos_token_id=None, tie_word_embeddings=False)


def clock_dims(hidden: int) -> torch.Tensor:
    """Decoder dimensions whose sinusoids the clock reads: nothing else may write there before layer 1's heads."""
    half = hidden // 2; f = torch.exp(-torch.arange(half) * math.log(10_000) / (half - 1))
    i = ((f > .0235) & (f < 1.01)).nonzero()[:, 0]
    return torch.cat([i, i + half, torch.tensor([half - 1])])


class StarterLM(nn.Module):
    def __init__(self, tok):
        super().__init__()
        self.text = T5EncoderModel(text_config(tok.get_vocab_size()))
        self.decoder = MusicgenForCausalLM(decoder_config())
        self.proj = nn.Linear(self.text.config.d_model, self.decoder.config.hidden_size)
        self.metronome = nn.Linear(self.decoder.config.hidden_size, METRONOME)     # these two of training only: not exported
        self.tones = nn.Linear(self.decoder.config.hidden_size, 24)
        self._start(tok)

    @torch.no_grad()
    def _start(self, tok):
        layers = self.decoder.config.num_hidden_layers
        for n, p in self.decoder.named_parameters():
            if p.dim() == 2 and "embed_tokens" not in n:
                std = p.shape[1] ** -.5
                p.normal_(0, std * ((2 * layers) ** -.5 if n.endswith(("out_proj.weight", "fc2.weight")) else .3 if "lm_heads" in n else 1))
            elif "embed_tokens" in n: p.normal_(0, .08)
        e = self.text.shared.weight; e.normal_(0, .5); e[0] = 0
        lo, hi = map(math.log, BUMP_RANGE); step = (hi - lo) / (BUMPS - 1); centres = torch.linspace(lo, hi, BUMPS)
        e[:, :BUMPS] = 0
        for i, bpm in tempo_of(tok).items():
            x = min(max(math.log(bpm), lo), hi)
            e[i, :BUMPS] = 2.5 * torch.exp(-.5 * ((centres - x) / (1.2 * step)) ** 2)
            e[i, BUMPS:] *= .1
            e[i, BUMPS] = 1.5                   # "this is a tempo"
        for n, p in self.text.named_parameters():
            if n.endswith((".o.weight", ".wo.weight")): p.mul_(.3)
        self.proj.weight.normal_(0, .06); self.proj.bias.zero_()
        self.proj.weight[:BUMPS] = torch.eye(BUMPS, 192)
        for p, mask in self.clock_masks(): p.mul_(mask[0])
        self.set_clock(tok); self.set_clock_values(tok); self.set_key(tok)
        self.freeze_clock()

    def clock_masks(self):
        """(parameter, (1 where it may hold something besides the clock, 1 where it may be trained))."""
        out = []; dims = clock_dims(self.decoder.config.hidden_size); dec = self.decoder.model.decoder

        def add(p, hold=None, train=None):
            h, t = torch.ones_like(p), torch.ones_like(p)
            if hold is not None: h[hold] = 0; t[hold] = 0
            if train is not None: t[train] = 0
            out.append((p, (h, t)))
        for e in dec.embed_tokens: add(e.weight, (slice(None), dims))
        for lin in (dec.layers[0].self_attn.out_proj, dec.layers[0].encoder_attn.out_proj, dec.layers[0].fc2, dec.layers[1].self_attn.out_proj):
            add(lin.weight, dims)
            if lin.bias is not None: add(lin.bias, dims)
        told = torch.cat([torch.arange(BUMPS), torch.arange(KEY.start, KEY.stop)])
        for n, p in self.text.named_parameters():
            if n.endswith((".o.weight", ".wo.weight")): add(p, told)
            elif n.endswith("final_layer_norm.weight"): add(p, train=told)
            elif n == "shared.weight": add(p, train=(slice(None), told))
        add(self.proj.weight, train=told); add(self.proj.bias, told)
        return out

    def freeze_clock(self):
        for p, (_, train) in self.clock_masks():
            p.register_hook(lambda g, m=train: g * m.to(g.device))

    @torch.no_grad()
    def set_clock(self, tok):
        dec = self.decoder.model.decoder; half = self.decoder.config.hidden_size // 2
        freq = torch.exp(-torch.arange(half) * math.log(10_000) / (half - 1)).double()
        ids = tempo_of(tok); use = [(i, b) for i, b in ids.items() if 58 <= b <= 184]
        forms = ("drums, {} bpm, a minor", "{} bpm", "dark techno with acid bass, {} bpm", "warm pad, no drums, {} bpm, f# major", "lo-fi beat at {} bpm in c minor")
        texts, mask = batch_ids(tok, [f.format(b) for f in forms for _, b in use])
        self.eval(); states = self.proj(self.text(input_ids=torch.from_numpy(texts), attention_mask=torch.from_numpy(mask)).last_hidden_state)
        where = torch.from_numpy(np.isin(texts, list(ids))); S = states[where].double()     # row-major: one tempo a row, in order
        others = states[torch.from_numpy(mask).bool() & ~where].double()[::7]
        words, wmask = batch_ids(tok, list(tok.get_vocab()))
        w = self.proj(self.text(input_ids=torch.from_numpy(words), attention_mask=torch.from_numpy(wmask)).last_hidden_state)[:, 0]
        keep = torch.tensor([int(t[0]) not in ids for t in words])
        others = torch.cat([others, w[keep].double()])
        # (layer, head): (cycles a beat, phase in turns, sharpness, steps over which to hold). The first layer's gates
        # are pulses a frame or two wide on the grid of eighths and between them, the second's are slow and smooth.
        plan = {(0, 0): (1, 0, 16, 380), (0, 1): (2, 0, 12, 260), (0, 2): (2, .5, 12, 260), (0, 3): (.25, 0, 40, 1200),
                (1, 0): (.25, .25, 2.5, 1200), (1, 1): (.25, 0, 2.5, 1200), (1, 2): (1, .25, 2.5, 380), (1, 3): (.5, .25, 2.5, 600)}
        for (layer, head), (cycles, turn, strength, hold) in plan.items():
            att, norm = dec.layers[layer].encoder_attn, dec.layers[layer].encoder_attn_layer_norm
            p = torch.arange(hold); X = norm(dec.embed_positions.weights[:hold].float()).double()
            beat = 2 * math.pi * cycles / 60 / FRAME_RATE
            pairs = ((freq > 58 * beat / 1.35) & (freq < 184 * beat * 1.35)).nonzero()[:, 0]
            dims = torch.cat([pairs, pairs + half, torch.tensor([half - 1])])      # the slowest cosine: a constant
            A = X[:, dims]; fade = (1 - .7 * p / hold).double()[:, None]
            G = torch.linalg.solve((A * fade).T @ (A * fade) + NOISE * hold * torch.eye(len(dims)).double(), (A * fade).T)
            phase = torch.stack([2 * math.pi * cycles * b / 60 / FRAME_RATE * p for _ in forms for _, b in use], 1).double()
            coef = torch.zeros(64, phase.shape[1]).double()
            coef[:len(dims)] = G @ (fade * (strength * ((phase - 2 * math.pi * turn).cos() - 1) + 2.5))
            K = torch.cat([S, others])[:, :BUMPS]; target = torch.cat([coef.T, torch.zeros(len(others), 64).double()])
            wgt = torch.cat([torch.full((len(S),), 3.0), torch.ones(len(others))]).double()[:, None]
            W = torch.linalg.solve((K * wgt).T @ (K * wgt) + .02 * torch.eye(K.shape[1]).double(), (K * wgt).T @ (target * wgt))
            rows = slice(head * 64, head * 64 + 64); balance = W.std().item() / .08
            q = torch.zeros(64, self.decoder.config.hidden_size); q[torch.arange(len(dims)), dims] = 8 ** .5 * max(balance, 1e-3) ** .5
            att.q_proj.weight[rows] = q
            att.k_proj.weight[rows] = 0
            att.k_proj.weight[rows, :BUMPS] = (W.T * 8 ** .5 / max(balance, 1e-3) ** .5).float()

    @torch.no_grad()
    def set_clock_values(self, tok, strength=8.0):
        """Makes the clock audible to the layers above: the first value of each clock head reads "this is a tempo", the
        same for all tempos, so that the head's output along one direction of its own is its attention to the tempo,
        the phase. With random values the phase came out along another direction for every tempo."""
        ids = tempo_of(tok); words, mask = batch_ids(tok, [f"drums, {b} bpm, a minor" for b in range(60, 181)] + list(tok.get_vocab()))
        h = self.proj(self.text(input_ids=torch.from_numpy(words), attention_mask=torch.from_numpy(mask)).last_hidden_state)
        real = torch.from_numpy(mask).bool(); K = h[real].double(); y = torch.from_numpy(np.isin(words, list(ids)))[real].double()
        r = torch.linalg.solve(K.T @ K + 1.0 * torch.eye(K.shape[1]).double(), K.T @ y).float()
        dims = clock_dims(self.decoder.config.hidden_size); gen = torch.Generator().manual_seed(0)
        for layer in self.decoder.model.decoder.layers[:2]:
            for head in range(4):
                d = torch.randn(self.decoder.config.hidden_size, generator=gen); d[dims] = 0
                layer.encoder_attn.v_proj.weight[head * 64] = r
                layer.encoder_attn.out_proj.weight[:, head * 64] = strength * d / d.norm()

    @torch.no_grad()
    def set_key(self, tok, residual=1.0, strength=6.0):
        """Gives the key text dimensions of its own (in learnt ones it was tangled: a linear reading told 88 % of the
        tonics) and lets two heads of the third layer attend to tonic and mode at every step and hand each on along a
        direction of its own. `residual`: the size, by dimension, of what that layer reads."""
        keys = key_of(tok); e = self.text.shared.weight; e[:, KEY] = 0
        for i, said in keys.items():
            for d in said: e[i, KEY.start + d] = 2.5
        for n, p in self.text.named_parameters():
            if n.endswith((".o.weight", ".wo.weight")): p[KEY] = 0
        self.text.encoder.final_layer_norm.weight[KEY] = 1
        self.proj.weight[KEY] = 0; self.proj.bias[KEY] = 0; self.proj.weight[KEY, KEY] = torch.eye(14)
        named = [i for i, said in keys.items() if len(said) == 1]; words = [f"drums, 120 bpm, {tok.id_to_token(i)[1:]}" for i in named]
        ids, mask = batch_ids(tok, words)
        unit = self.states(torch.from_numpy(ids), torch.from_numpy(mask))[:, :, KEY].amax((1, 2)).mean().item()
        layer = self.decoder.model.decoder.layers[2]; att, norm = layer.encoder_attn, layer.encoder_attn_layer_norm
        const = clock_dims(self.decoder.config.hidden_size)[-1]; gen = torch.Generator().manual_seed(1)
        norm.bias[const] = 4; att.q_proj.weight[:, const] = 0       # a constant to ask with; no other head sees it
        for head, told in ((0, range(12)), (1, range(12, 14))):
            rows = slice(head * 64, head * 64 + 64); first = head * 64
            att.q_proj.weight[rows] = 0; att.k_proj.weight[rows] = 0; att.v_proj.weight[rows] = 0
            att.q_proj.weight[first, const] = 5
            for i, d in enumerate(told):
                att.k_proj.weight[first, KEY.start + d] = 4 / unit      # 4 * 5 * 4 / sqrt(64): a score of ten
                att.v_proj.weight[first + i, KEY.start + d] = 1 / unit
                way = torch.randn(self.decoder.config.hidden_size, generator=gen)
                att.out_proj.weight[:, first + i] = strength * residual * way / way.norm()

    def states(self, ids, mask, keep=None):
        """Text states as the decoder gets them. `keep` (B) 0 drops the condition as guidance does: states of nought."""
        h = self.proj(self.text(input_ids=ids, attention_mask=mask).last_hidden_state)
        h = h * mask[..., None]
        return h if keep is None else h * keep[:, None, None]

    def hidden(self, codes_in, states, mask):
        """codes_in (B, 4, L) delayed input; mask may not be all nought in any row. Last hidden states, and those after
        two layers, which the metronome reads, and after three, which the tones are told from."""
        b, k, n = codes_in.shape
        out = self.decoder.model.decoder(input_ids=codes_in.reshape(b * k, n), encoder_hidden_states=states, encoder_attention_mask=mask,
                                         use_cache=False, output_hidden_states=True)
        return out.last_hidden_state, out.hidden_states[2:4]

    def logits(self, h, codebook):
        return self.decoder.lm_heads[codebook](h)


def delayed(codes):
    """(B, 4, T) codes to decoder input (B, 4, T+3): codebook k lags k steps, PAD elsewhere, PAD first."""
    b, k, t = codes.shape
    x = torch.full((b, k, t + k - 1), PAD, dtype=torch.long, device=codes.device)
    for i in range(k):
        m = min(t, t + k - 2 - i)
        x[:, i, i + 1: i + 1 + m] = codes[:, i, :m]
    return x


def forgetful(x, share, gen=None):
    """Takes stretches of the input (B, 4, L) away (PAD instead) from that share of the items: everything, everything up to
    some step, or stretches of half a second to three seconds. With all of the past at hand the text says little that the
    past does not, and training turns it down as noise: after 600 steps a wrong text cost nothing. Without, it is all
    there is."""
    b, _, n = x.shape; x = x.clone()
    for i in range(b):
        r = torch.rand((), generator=gen).item()
        if r < share * .4: x[i] = PAD
        elif r < share * .7: x[i, :, :int(torch.randint(n, (), generator=gen))] = PAD
        elif r < share:
            at = 0
            while at < n:
                at += int(torch.randint(10, 100, (), generator=gen)); end = at + int(torch.randint(25, 150, (), generator=gen))
                x[i, :, at:end] = PAD; at = end
    return x


def beats_at(tempos, beats_per_bar, t):
    """What a metronome shows at frames 0 to t-1 (B, t, METRONOME): whether sixteenths, eighths, beats, half bars and bars
    begin there (as the renderer rounds them), and sine and cosine of beat, half bar and bar."""
    rows = []
    for bpm, beats in zip(tempos, beats_per_bar):
        period = 60 / bpm * FRAME_RATE; frames = torch.arange(t); columns = []
        cycles = [period / 4, period / 2, period, period * beats / 2, period * beats]
        for c in cycles:
            on = torch.zeros(t); at = (torch.arange(int(t / c) + 2) * c).round().long(); on[at[at < t]] = 1; columns.append(on)
        for c in cycles[2:]: columns += [torch.sin(2 * math.pi * frames / c), torch.cos(2 * math.pi * frames / c)]
        rows.append(torch.stack(columns, 1))
    return torch.stack(rows)


def metronome_loss(model, early, keep, tempos, beats_per_bar, t):
    """Makes the lower layers tell time from text and position. Through the codes alone that is learnt far too slowly:
    given the past, a clock saves next to nothing."""
    said = model.metronome(nn.functional.layer_norm(early[0][:, :t], early[0].shape[-1:])); truth = beats_at(tempos, beats_per_bar, t).to(said)
    on = nn.functional.binary_cross_entropy_with_logits(said[..., :5], truth[..., :5], reduction="none").mean((1, 2))
    phase = ((said[..., 5:] - truth[..., 5:]) ** 2).mean((1, 2))
    return ((on + phase) * keep).mean()


def sounding(song, parts, t):
    """Which pitch classes sound at frames 0 to t-1 (t, 24): of the bass, then of all other notes."""
    out = torch.zeros(t, 24); unit = song.samples / song.steps / HOP; loop = song.samples / HOP
    for part in parts:
        if part == "drums": continue
        shift = 0 if part == "bass" else 12
        for step, length, midi, _ in song.parts[part][1]:
            at = onset(song, step) / HOP; n = max(1, round(length * unit)); c = shift + midi % 12
            while at < t: out[round(at):round(at) + n, c] = 1; at += loop
    return out


def tones_loss(model, early, truth):
    """Makes the layers in the middle name the tones: the way from a key in the text to the codes of notes is long otherwise."""
    t = truth.shape[1]; said = model.tones(nn.functional.layer_norm(early[1][:, :t], early[1].shape[-1:]))
    return nn.functional.binary_cross_entropy_with_logits(said, truth.to(said))


def loss(model, ids, mask, keep, codes, weights=(1.3, 1.0, .9, .8), forget=0.0):
    """Weighted cross-entropy (structure lives in the first codebook), each codebook's own, and the hidden states that the
    metronome and the tones are told from; `forget`: see `forgetful`."""
    t = codes.shape[2]
    h, early = model.hidden(forgetful(delayed(codes), forget), model.states(ids, mask, keep), mask)
    each = [nn.functional.cross_entropy(model.logits(h[:, k:k + t], k).float().flatten(0, 1), codes[:, k].flatten()) for k in range(CODEBOOKS)]
    return sum(w * e for w, e in zip(weights, each)) / sum(weights), each, early
