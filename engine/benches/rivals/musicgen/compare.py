"""Times the rivals and Barline in turns and writes one table.

    python compare.py --barline PATH --folder FOLDER --results FILE [--rounds N]
    python compare.py --results FILE --table

In a round every rival stands between two readings of Barline, one at 8 and one at 4 bits, each with
Barline's own reading of the memory bandwidth before and after. Results are added to the file, so
that rounds may be made in several runs; the table is of all of them.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median

import shape

RIVALS = {
    "transformers-f32": "transformers, f32",
    "transformers-bf16": "transformers, bf16",
    "transformers-int8": "transformers, `quantize_dynamic` int8",
    "onnx-f32": "ONNX Runtime, f32",
    "onnx-int8": "ONNX Runtime, `quantize_dynamic` int8",
    "onnx-int4": "ONNX Runtime, `MatMulNBits` 4-bit",
}
OURS = {"q8": "**Barline, 8-bit**", "q4": "**Barline, 4-bit**", "bf16": "**Barline, bf16**"}
EXACT = "candle's tensors, f32 (Barline's exact path) ¹"
# A clip of one second: 50 frames, and 3 steps more for the delay between the codebooks.
CLIP_SECONDS = 1
CLIP_STEPS = 50 * CLIP_SECONDS + shape.CODEBOOKS - 1


def barline(path: Path, *args: str) -> dict:
    command = [path, "bench", *args, "--size", "small", "--json"]
    command += ["--threads", str(shape.THREADS)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def our_step(path: Path, precision: str) -> dict:
    rows, context = str(shape.ROWS), str(shape.CONTEXT_STEPS)
    return barline(path, "step", "--precision", precision, "--rows", rows, "--context", context)


def our_clip(path: Path, precision: str) -> dict:
    return barline(path, "clip", "--precision", precision, "--seconds", str(CLIP_SECONDS))


class Rival:
    """A process that holds one rival."""

    def __init__(self, name: str, folder: Path):
        command = [sys.executable, Path(__file__).with_name("rival.py"), name, folder]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.answer()

    def answer(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a rival stopped: what it said stands above")
        return line

    def batch(self) -> dict:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.answer())

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def one_round(path: Path, rivals: dict[str, Rival], number: int) -> dict:
    """Every rival between two readings of ours; another one begins in every round."""
    names = list(rivals)
    names = names[number % len(names) :] + names[: number % len(names)]
    readings = [("q8", our_step(path, "q8"))]
    batches = {}
    for index, name in enumerate(names):
        batch = rivals[name].batch()
        precision = ("q4", "q8")[index % 2]
        readings.append((precision, our_step(path, precision)))
        ours = dict(readings[-2:])
        batch["ms"] = median(batch["ms"])
        batch["ours_ms"] = {key: figures["ms_per_step"] for key, figures in ours.items()}
        batch["bandwidth_gbs"] = [figures["bandwidth_gbs"] for figures in ours.values()]
        batches[name] = batch
    readings.append(("bf16", our_step(path, "bf16")))
    return {"rivals": batches, "ours": readings}


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))


def cores() -> int:
    return len(os.sched_getaffinity(0))


def measure(args: argparse.Namespace) -> None:
    results = {"processor": processor(), "cores": cores(), "rounds": [], "clips": []}
    if args.results.exists():
        results = json.loads(args.results.read_text())
    rivals = {name: Rival(name, args.folder) for name in args.rivals if args.rounds}
    for _ in range(args.rounds):
        results["rounds"].append(one_round(args.barline, rivals, len(results["rounds"])))
        args.results.write_text(json.dumps(results, indent=1))
    for rival in rivals.values():
        rival.stop()
    if args.clips:
        clips = {precision: our_clip(args.barline, precision) for precision in (*OURS, "exact")}
        steps = {key: our_step(args.barline, key)["ms_per_step"] for key in ("q8", "q4")}
        results["clips"].append({**clips, "ours_ms": steps})
    args.results.write_text(json.dumps(results, indent=1))


def table(results: dict) -> str:
    """The table, slowest first."""
    rounds = results["rounds"]
    readings = [reading for each in rounds for reading in each["ours"]]
    bandwidths = sorted(figures["bandwidth_gbs"] for _, figures in readings)
    ours = {
        key: median(figures["ms_per_step"] for which, figures in readings if which == key)
        for key in OURS
    }
    rows = []
    for name, title in RIVALS.items():
        batches = [each["rivals"][name] for each in rounds if name in each["rivals"]]
        if not batches:
            continue
        ratios = [
            median(batch["ms"] / batch["ours_ms"][key] for batch in batches) for key in ("q8", "q4")
        ]
        step_mib = max(batch["step_mib"] for batch in batches)
        memory = (step_mib, max(step_mib, *(batch["load_mib"] for batch in batches)))
        rows.append((title, median(batch["ms"] for batch in batches), *ratios, *memory))
    clips = results["clips"]
    if clips:
        times = [each["exact"]["seconds"] / CLIP_STEPS * 1e3 for each in clips]
        ratios = [
            median(ms / each["ours_ms"][key] for ms, each in zip(times, clips))
            for key in ("q8", "q4")
        ]
        peak = max(each["exact"]["peak_mib"] for each in clips)
        rows.append((EXACT, median(times), *ratios, None, peak))
    for key, title in OURS.items():
        peaks = [each[key]["peak_mib"] for each in clips]
        row = (ours[key], ours[key] / ours["q8"], ours[key] / ours["q4"])
        rows.append((title, *row, None, max(peaks) if peaks else None))
    rows.sort(key=lambda row: -row[1])
    floors = {
        key: median(figures["floor_ratio"] for which, figures in readings if which == key)
        for key in OURS
    }
    head = (
        f"{results['processor']}, {results['cores']} cores, 2 threads; {len(rounds)} rounds; "
        f"memory bandwidth in the run {bandwidths[0]:.0f} to {bandwidths[-1]:.0f} GB/s, median "
        f"{median(bandwidths):.0f}. Barline's steps take the time of reading their bytes at that "
        f"bandwidth over {floors['q8']:.2f} (8-bit), {floors['q4']:.2f} (4-bit), "
        f"{floors['bf16']:.2f} (bf16)."
    )
    lines = [
        head,
        "",
        "| engine | ms a step | × ours, 8-bit | × ours, 4-bit | real-time factor "
        "| MiB in a step | MiB at most |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for title, ms, eight, four, step_mib, peak_mib in rows:
        memory = " | ".join("–" if mib is None else f"{mib:.0f}" for mib in (step_mib, peak_mib))
        real_time = shape.REAL_TIME_MS / ms
        lines.append(
            f"| {title} | {ms:.1f} | {eight:.2f} | {four:.2f} | {real_time:.2f} | {memory} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--barline", type=Path, help="the program, built with --release")
    parser.add_argument("--folder", type=Path, help="the files of onnx_step.py")
    parser.add_argument("--results", type=Path, required=True, help="JSON that rounds are added to")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=list(RIVALS))
    parser.add_argument("--clips", action="store_true", help="time whole clips after the rounds")
    parser.add_argument("--table", action="store_true", help="measure nothing, print the table")
    args = parser.parse_args()
    if not args.table:
        if args.barline is None or args.folder is None:
            parser.error("--barline and --folder are needed to measure")
        measure(args)
    print(table(json.loads(args.results.read_text())))


if __name__ == "__main__":
    main()
