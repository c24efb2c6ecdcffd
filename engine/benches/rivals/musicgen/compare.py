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
# Of the best bandwidth of a run: what is at least this counts as the fast mode of the machine.
FAST = 0.8
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


def beside(*steps: dict) -> dict:
    """What is kept of our readings beside a rival's."""
    return {
        "ours_ms": {figures["precision"]: figures["ms_per_step"] for figures in steps},
        "bandwidth_gbs": [figures["bandwidth_gbs"] for figures in steps],
    }


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
        batch["ms"] = median(batch["ms"])
        batches[name] = {**batch, **beside(*(figures for _, figures in readings[-2:]))}
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
        results["clips"].append({**clips, **beside(*(our_step(args.barline, key) for key in OURS))})
    args.results.write_text(json.dumps(results, indent=1))


def table(results: dict) -> str:
    """The table, slowest first."""
    rounds, clips = results["rounds"], results["clips"]
    readings = [figures for each in rounds for _, figures in each["ours"]]
    bandwidths = sorted(figures["bandwidth_gbs"] for figures in readings)
    least = bandwidths[-1] * FAST
    timed = {RIVALS[name]: [] for name in RIVALS}
    for each in rounds:
        for name, batch in each["rivals"].items():
            timed[RIVALS[name]].append(batch)
    timed[EXACT] = [
        {
            "ms": each["exact"]["seconds"] / CLIP_STEPS * 1e3,
            "load_mib": each["exact"]["peak_mib"],
            "ours_ms": each["ours_ms"],
            "bandwidth_gbs": each["bandwidth_gbs"],
        }
        for each in clips
    ]
    rows = [row(title, batches, least) for title, batches in timed.items() if batches]
    for precision, title in OURS.items():
        batches = [
            {
                "ms": figures["ms_per_step"],
                "bandwidth_gbs": [figures["bandwidth_gbs"]],
                "load_mib": max((each[precision]["peak_mib"] for each in clips), default=None),
            }
            for figures in readings
            if figures["precision"] == precision
        ]
        rows.append(row(title, batches, least))
    rows.sort(key=lambda row: -row[0])
    fast = [figures for figures in readings if figures["bandwidth_gbs"] >= least]
    floors = ", ".join(
        f"{floor:.2f} ({precision})"
        for precision in OURS
        for floor in [middle(f["floor_ratio"] for f in fast if f["precision"] == precision)]
        if floor is not None
    )
    head = [
        f"{results['processor']}, {results['cores']} cores, {shape.THREADS} threads; {len(rounds)} "
        f"rounds. Memory bandwidth in the run: {bandwidths[0]:.0f} to {bandwidths[-1]:.0f} GB/s; "
        f"fast is {least:.0f} and more, on both sides of a rival's batch. Barline's share of the "
        f"bandwidth floor there: {floors}.",
        "",
        "| engine | ms a step, fast | slow | × ours, 8-bit | × ours, 4-bit "
        "| real-time factor | MiB in a step | MiB at most |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    return "\n".join(head + [line for _, line in rows])


def row(title: str, batches: list[dict], least: float) -> tuple[float, str]:
    """Its milliseconds, and a line of the table: ratios are of the fast batches."""
    fast = [batch for batch in batches if min(batch["bandwidth_gbs"]) >= least]
    slow = [batch for batch in batches if max(batch["bandwidth_gbs"]) < least]
    ms = middle(batch["ms"] for batch in fast)
    eight, four = (
        middle(batch["ms"] / batch["ours_ms"][key] for batch in fast if "ours_ms" in batch)
        for key in ("q8", "q4")
    )
    peaks = {
        key: max((batch[key] for batch in batches if batch.get(key)), default=None)
        for key in ("step_mib", "load_mib")
    }
    most = max((peak for peak in peaks.values() if peak), default=None)
    figures = [
        (ms, ".1f"),
        (middle(batch["ms"] for batch in slow), ".1f"),
        (eight, ".2f"),
        (four, ".2f"),
        (ms and shape.REAL_TIME_MS / ms, ".2f"),
        (peaks["step_mib"], ".0f"),
        (most, ".0f"),
    ]
    cells = ["–" if figure is None else format(figure, how) for figure, how in figures]
    counts = f"{len(fast)} + {len(slow)}"
    return ms or 0.0, f"| {title} ({counts}) | " + " | ".join(cells) + " |"


def middle(figures) -> float | None:
    """Their median, if there are any."""
    figures = list(figures)
    return median(figures) if figures else None


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
