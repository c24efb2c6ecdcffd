"""Measures `barline measure` on held-out loops whose truth is known, beside librosa on the same clips.

    python -m starter.fit_truth --barline ../../target/release/barline --out /tmp/truth [--clips 500] [--no-librosa]

Clips are composed from seeds that nothing was trained on, 60 to 180 BPM, 3/4 and 4/4, some swung; their tempo is up to
6 % off what is then given as the tempo asked for, as a generator's is. Half have drums. They are rendered without the
onsets being moved to codec frames: the truth is exact.
"""
import argparse
import dataclasses
import json
import subprocess
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile as sf

from . import measure as ms
from .compose import compose, views
from .constants import HELD_OUT_SEED, SR
from .render import clip, mix, stems

BARS, START = 4, 20_000
SURE = .6                                   # a key this sure is written into files (engine/src/fit/key.rs)


def song_of(i, start):
    """The song, detuned; the tempo asked for; the parts that are heard."""
    rng = np.random.default_rng([12, i + start - START]); song = compose(HELD_OUT_SEED + start + i)
    if i % 8 == 7: song = compose_waltz(HELD_OUT_SEED + start + 7 * i)
    asked = song.bpm; song = dataclasses.replace(song, bpm=asked * float(rng.uniform(.94, 1.06)))
    tonal = tuple(p for p in song.parts); parts = views(song, 1)[0]
    return song, asked, tuple(dict.fromkeys(("drums",) + parts)) if i % 2 else parts if "drums" not in parts else tonal


def render(job):
    i, folder, start = job; song, asked, parts = song_of(i, start)
    seconds = BARS * song.beats * 60 / song.bpm
    path = folder / f"{i:03d}.wav"; sf.write(path, clip(mix(song, parts, stems(song)), seconds), SR, subtype="PCM_16")
    return dict(path=str(path), asked=asked, bpm=song.bpm, beats_per_bar=song.beats, swing=song.swing, key=song.key, minor=bool(song.minor), parts=parts, seconds=seconds,
                only=song.only)


def compose_waltz(seed):
    while (s := compose(seed)).beats != 3: seed += 1
    return s


def f_measure(found, truth, tolerance=.07):
    """Beats matched one to one within 70 ms (MIREX)."""
    hits = 0; left = list(found)
    for t in truth:
        near = [f for f in left if abs(f - t) <= tolerance]
        if near: left.remove(min(near, key=lambda f: abs(f - t))); hits += 1
    return 2 * hits / max(1, len(found) + len(truth))


def by_librosa(row):
    import librosa
    y, _ = librosa.load(row["path"], sr=SR)
    bpm, beats = librosa.beat.beat_track(y=y, sr=SR, hop_length=256, start_bpm=row["asked"], units="time")
    return float(np.atleast_1d(bpm)[0]), [float(b) for b in beats], ms.tonic(y)[0]


def tempo_right(found, truth, tolerance=.01):
    return any(abs(found / (truth * m) - 1) <= tolerance for m in (.5, 1, 2))


def octave(row, bpm):
    """Beats of the truth at the multiple that was found, so that half and double count as right there too."""
    m = min((.5, 1, 2), key=lambda m: abs(np.log(bpm / (row["bpm"] * m)))) if bpm else 1
    period = 60 / row["bpm"] / m
    return list(np.arange(0, row["seconds"] - .01, period))


def figures(rows, found):
    """found: (bpm or None, beat times, downbeat time or None, tonic or None) of every row."""
    drums = [i for i, r in enumerate(rows) if "drums" in r["parts"]]; tonal = [i for i, r in enumerate(rows) if set(r["parts"]) - {"drums"}]
    tempo = [bool(found[i][0]) and tempo_right(found[i][0], rows[i]["bpm"]) for i in drums]
    fine = [abs(found[i][0] / rows[i]["bpm"] - 1) * rows[i]["bpm"] for i, ok in zip(drums, tempo) if ok and abs(found[i][0] / rows[i]["bpm"] - 1) < .02]
    beats = [f_measure(found[i][1], octave(rows[i], found[i][0])) for i in drums]
    down = []
    for i in drums:
        if found[i][2] is None: continue
        bar = rows[i]["beats_per_bar"] * 60 / rows[i]["bpm"]; off = (found[i][2] + bar / 2) % bar - bar / 2
        down.append(abs(off) <= .07)
    keys = [found[i][3] == rows[i]["key"] for i in tonal]
    sure = [i for i, f in enumerate(found) if len(f) > 4 and f[4] is not None and f[4] >= SURE]; right = [i in tonal and found[i][3] == rows[i]["key"] for i in sure]
    return dict(tempo=float(np.mean(tempo)), tempo_error_bpm_median=float(np.median(fine)) if fine else None, beat_f=float(np.mean(beats)), beat_f_median=float(np.median(beats)),
                downbeat=float(np.mean(down)) if down else None, key=float(np.mean(keys)), keys_said=len(sure), keys_said_right=float(np.mean(right)) if sure else None, drums=len(drums), tonal=len(tonal))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--barline", type=Path, required=True); ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--clips", type=int, default=500); ap.add_argument("--no-librosa", action="store_true"); ap.add_argument("--workers", type=int, default=2)
    ap.add_argument("--start", type=int, default=START, help="first seed; weights are fitted on others than the default's")
    a = ap.parse_args(); a.out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(a.workers) as pool:
        rows = list(pool.map(render, [(i, a.out, a.start) for i in range(a.clips)], chunksize=10))
        ours = []
        for r in rows:
            cmd = [str(a.barline), "measure", r["path"], "--bpm", str(r["asked"]), "--beats-per-bar", str(r["beats_per_bar"]), "--json"]
            ours.append(json.loads(subprocess.run(cmd, check=True, capture_output=True).stdout)["files"][0])
        found = []
        for r, o in zip(rows, ours):
            p, k = o["pulse"], o["key"]
            beats = [p["first_beat_seconds"] + b * 60 / p["tempo_bpm"] for b in range(p["beats"])] if p else []
            found.append((p and p["tempo_bpm"], beats, beats[p["downbeat"]] if p else None, k and k["tonic"], k and k["confidence"]))
        report = {"barline": figures(rows, found)}
        if not a.no_librosa:
            report["librosa"] = figures(rows, [(b, beats, None, k) for b, beats, k in pool.map(by_librosa, rows, chunksize=10)])
    (a.out / "truth.json").write_text(json.dumps(dict(rows=rows, found=found, report=report), indent=1))
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
