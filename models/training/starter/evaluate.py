"""Renders the held-out prompts and writes report.md and report.json beside the model.

    python -m starter.evaluate --barline ../../target/release/barline --out /tmp/clips
    python -m starter.evaluate --out /tmp/clips                 (transformers' own generate, no Rust needed)

The codec's figures (signal-to-noise on held-out loops, spectral centroid of hats) are measured in Python on the
exported f16 weights. What `barline evaluate` measures (steadiness, levels, timbre) is measured by it, against as many
held-out loops of the synthesiser that the model learnt from; it leaves `evaluation.html` beside the clips.
"""
import argparse
import datetime
import json
import subprocess
import time
from pathlib import Path

import librosa
import numpy as np
import soundfile as sf
import torch
from transformers import MusicgenForConditionalGeneration

from . import measure as ms
from .codec import decode, encode
from .constants import FLAT, FRAME_RATE, HELD_OUT_SEED, MODEL_DIR, SHARP, SR
from .compose import compose, views
from .prompts import PROMPTS, full_text
from .render import clip, mix, stems
from .tokenizer import batch_ids, build

BARS = 4


def pitch_class(key: str) -> int:
    n = key.removesuffix("m")
    return SHARP.index(n) if n in SHARP else FLAT.index(n)


def with_cli(cli, model, jobs, out, precision=None):
    """One clip a call, exactly as a user would; `--model` so that the folder measured is the one beside us."""
    for j, (_, text, bpm, key, path) in enumerate(jobs):
        cmd = [str(cli), "generate", text, "--bars", str(BARS), "--bpm", str(bpm), "--seed", str(7 + j), "--out", str(path), "--model", str(model), "--raw"]
        subprocess.run(cmd + (["--key", key] if key else []) + (["--precision", precision] if precision else []), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@torch.no_grad()
def with_transformers(model_dir, jobs, batch=10):
    m = MusicgenForConditionalGeneration.from_pretrained(model_dir, dtype=torch.float32).eval(); tok = build(); torch.manual_seed(7)
    order = sorted(range(len(jobs)), key=lambda i: -jobs[i][2])
    for s in range(0, len(order), batch):
        rows = [jobs[i] for i in order[s:s + batch]]; frames = [min(1496, int(np.ceil(BARS * 4 * 60 / r[2] * FRAME_RATE))) for r in rows]
        ids, mask = batch_ids(tok, [full_text(*r[1:4]) for r in rows])
        y = m.generate(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask), do_sample=True, guidance_scale=3.0, top_k=250,
                       max_length=max(frames) + 4)[:, 0].numpy()
        for r, a, f in zip(rows, y, frames): sf.write(r[4], a[:int(BARS * 4 * 60 / r[2] * SR)], SR)


def codec_figures(m, aligned=True, count=40) -> dict:
    """Signal-to-noise on held-out loops, and what becomes of the spectral centroid of hats alone. `aligned`: onsets on
    codec frames, as in all that the model learnt from; else wherever the tempo puts them, as in music from elsewhere."""
    def render(s, parts): return mix(s, parts, stems(s, 200)) if aligned else clip(mix(s, parts), 4.0)
    through = lambda x: decode(m, encode(m, torch.from_numpy(x)[None, None]))[0, 0].numpy()
    snrs, change = [], []
    with torch.no_grad():
        for i in range(count):
            s = compose(HELD_OUT_SEED + 5000 + i); x = render(s, views(s, 1)[0]); y = through(x)
            snrs.append(10 * np.log10((x ** 2).sum() / ((x - y) ** 2).sum()))
        seed = HELD_OUT_SEED + 7000
        while len(change) < 12:
            s = compose(seed); seed += 1
            s.hits = [h for h in s.hits if h[1] in ("hat", "open")]
            if not s.hits or s.cutoff: continue
            x = render(s, ("drums",)); change.append(centroid(through(x)) / centroid(x) - 1)
    return dict(snr_db=float(np.mean(snrs)), snr_db_worst=float(np.min(snrs)), hats_centroid_change=float(np.mean(change)),
                hats_centroid_change_abs=float(np.mean(np.abs(change))))


def centroid(x) -> float:
    p = np.abs(np.fft.rfft(x)); f = np.fft.rfftfreq(len(x), 1 / SR)
    return float((f * p).sum() / p.sum())


def held_out(jobs, folder):
    """Loops such as the model should make, one for each prompt: drums, mixes and tones alone, in the same numbers."""
    folder.mkdir(parents=True, exist_ok=True); seed = HELD_OUT_SEED + 9000
    for j in jobs:
        s = compose(seed); seed += 1
        while s.only: s = compose(seed); seed += 1
        tones = tuple(p for p in views(s, 1)[0] if p != "drums") or tuple(s.parts)
        parts = {"drums": ("drums",), "mix": ("drums", *tones), "none": tones}[j[0]]
        sf.write(folder / f"held-out-{j[4].name}", clip(mix(s, parts), BARS * s.beats * 60 / s.bpm), SR, subtype="PCM_16")


STEADY = [("jitter_ms", "distance of the beats from a steady grid, ms"), ("tempo_spread_percent", "wandering of the tempo, %"),
          ("pitch_drift_cents", "drift of the tuning, cents"), ("pitch_spread_cents", "tones around their tuning, cents"),
          ("loudness_lufs", "loudness, LUFS"), ("crest_db", "crest, dB"), ("harmonic_to_percussive_db", "harmonic to percussive, dB"),
          ("spectral_contrast_db", "spectral contrast, dB")]


def with_barline(cli, out, jobs):
    """Summaries of `barline evaluate`, the clips' and the held-out loops'."""
    other = out.with_name(out.name + "-held-out"); held_out(jobs, other)
    cmd = [str(cli), "evaluate", str(out), "--against", str(other), "--json", "--html", str(out / "evaluation.html")]
    found = json.loads(subprocess.run(cmd, check=True, capture_output=True).stdout)
    for r in (found["set"], found["against"]): r.pop("files"); r.pop("folder")
    return found


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--barline", type=Path); ap.add_argument("--out", type=Path, required=True); ap.add_argument("--model", type=Path, default=MODEL_DIR)
    ap.add_argument("--limit", type=int, help="only every n-th prompt, for a quick look"); ap.add_argument("--no-report", action="store_true")
    ap.add_argument("--precision", help="of the language model's weights: exact, f32, bf16, q8 or q4"); ap.add_argument("--keep", action="store_true", help="measure clips that are already there"); ap.add_argument("--threads", type=int, default=2)
    a = ap.parse_args(); a.out.mkdir(parents=True, exist_ok=True); torch.set_num_threads(a.threads)
    jobs = [(*p, a.out / f"{i:02d}.wav") for i, p in enumerate(PROMPTS)][::a.limit or 1]
    t = time.time()
    todo = [j for j in jobs if not (a.keep and j[4].exists())]
    if todo and a.barline: with_cli(a.barline, a.model, todo, a.out, a.precision)
    elif todo: with_transformers(a.model, todo)
    wall = time.time() - t; truth = ms.validate(40); rows = []
    for kind, text, bpm, key, path in jobs:
        y, _ = librosa.load(path, sr=SR); r = dict(kind=kind, text=text, bpm=bpm, key=key, seconds=len(y) / SR, onset=ms.onset_strength(y), faults=ms.faults(y))
        if kind != "none":
            r["tempo"] = ms.tempo(y, bpm); r["tempo_right"] = ms.tempo_right(r["tempo"], bpm)
            other = jobs[(jobs.index(next(j for j in jobs if j[4] == path)) + 7) % len(jobs)][2]    # what chance gives: another prompt's tempo
            r["tempo_chance"] = ms.tempo_right(ms.tempo(y, other), other)
        if kind != "drums":
            k, minor = ms.tonic(y); r["tonic"] = SHARP[k] + ("m" if minor else ""); r["tonic_right"] = k == pitch_class(key)
        if kind != "mix": r["drums_told"] = (r["onset"] >= truth["onset_threshold"]) == (kind == "drums")
        rows.append(r)
    codec = MusicgenForConditionalGeneration.from_pretrained(a.model, dtype=torch.float32).audio_encoder.eval()
    rate = lambda f: float(np.mean([r[f] for r in rows if f in r])); n = lambda f: sum(f in r for r in rows)
    only = [r["tempo_right"] for r in rows if r["kind"] == "drums"]
    fig = dict(tempo_right=rate("tempo_right"), tempo_right_drums_only=float(np.mean(only)), tempo_chance=rate("tempo_chance"), drums_told=rate("drums_told"), tonic_right=rate("tonic_right"),
               faulty=sum(bool(r["faults"]) for r in rows), codec=codec_figures(codec), codec_elsewhere=codec_figures(codec, False))
    rep = dict(date=datetime.date.today().isoformat(), renderer="barline (Rust)" if a.barline else "transformers", clips=len(rows), figures=fig, estimators_on_truth=truth, clips_detail=rows)
    lines = [f"# Starter model: measured {rep['date']} on {len(rows)} held-out prompts, rendered by {rep['renderer']}", "",
             "| what | asked for | measured |", "| --- | --- | --- |",
             f"| tempo within 2 % (half and double allowed), prompts with drums | ≥ 75 % | {fig['tempo_right']:.0%} of {n('tempo_right')} (drums alone: {fig['tempo_right_drums_only']:.0%}) |",
             f"| drums only told from no drums by onset strength | ≥ 95 % | {fig['drums_told']:.0%} of {n('drums_told')} |",
             f"| tonic right, tonal prompts | ≥ 50 % | {fig['tonic_right']:.0%} of {n('tonic_right')} |",
             f"| codec, signal to noise on 40 held-out loops | ≥ 10 dB | {fig['codec']['snr_db']:.1f} dB (worst {fig['codec']['snr_db_worst']:.1f}) |",
             f"| codec, spectral centroid of hats | within 10 % | {fig['codec']['hats_centroid_change']:+.1%} mean, {fig['codec']['hats_centroid_change_abs']:.1%} mean size |",
             f"| the same two where onsets lie between codec frames | | {fig['codec_elsewhere']['snr_db']:.1f} dB, {fig['codec_elsewhere']['hats_centroid_change']:+.1%} |",
             f"| silent, clipped or DC-heavy clips | 0 | {fig['faulty']} |", "",
             f"The estimators on synthesised loops whose truth is known: tempo right {truth['tempo_truth']:.0%} (agrees with a wrong tempo: {truth['tempo_false_accept']:.0%}), "
             f"drums told {truth['onset_truth']:.0%}, tonic right {truth['tonic_truth']:.0%}. The same clips against another prompt's tempo agree in {fig['tempo_chance']:.0%}; chance is 50 % for drums and 8 % for the tonic."]
    if a.barline:
        rep["evaluate"] = e = with_barline(a.barline, a.out, jobs); kept, dist = e["set"]["kept"], e["frechet_distance"]
        lines += ["", "## By `barline evaluate`", "",
                  f"Tempo within 1 % (half and double allowed) in {kept['tempo_kept']} of {kept['tempo_told']} clips with a pulse, tonic as asked in "
                  f"{kept['keys']['same'] + kept['keys']['parallel']} of {kept['key_told']} with tones ({kept['key_sure_tonic']} of {kept['key_sure']} where the key is sure). Fréchet distance of Gaussians fitted to log-mel frames, to "
                  f"{len(jobs)} held-out loops of the synthesiser: {dist['log_mel_frames_db']:.1f} dB (between two halves of those: {dist['against_halves_db']:.1f} dB).", "",
                  "| median of | clips | held-out loops |", "| --- | --- | --- |"]
        middle = lambda s, f: f"{s['summary'][f]['median']:.2f} ({s['summary'][f]['files']})" if f in s["summary"] else ""
        lines += [f"| {what} | {middle(e['set'], f)} | {middle(e['against'], f)} |" for f, what in STEADY]
        lines += ["", "In brackets: files that have the figure."]
    lines += ["", "## Clip by clip", "", "| prompt | tempo asked | found | tonic asked | found | onsets | faults |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for r in rows:
        lines.append(f"| {r['text']} | {r['bpm']} | " + (f"{r['tempo']:.1f} {'✓' if r['tempo_right'] else '✗'}" if "tempo" in r else "") + f" | {r['key'] or ''} | "
                     + (f"{r['tonic']} {'✓' if r['tonic_right'] else '✗'}" if "tonic" in r else "") + f" | {r['onset']:.3f} | {', '.join(r['faults'])} |")
    text = "\n".join(lines) + "\n"; where = a.out if a.no_report else a.model
    (where / "report.md").write_text(text); (where / "report.json").write_text(json.dumps(rep, indent=1) + "\n")
    print("\n".join(lines[:12])); print(f"rendering took {wall:.0f} s")


if __name__ == "__main__":
    main()
