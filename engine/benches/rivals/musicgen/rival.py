"""One rival in a process of its own, which times steps whenever it is told to.

    python rival.py NAME FOLDER

Loads the rival, prints a line, and from then on answers every line on standard input with one of
JSON: milliseconds of each step, and the most memory that the process has had. FOLDER holds the
files of `onnx_step.py`.
"""

import json
import sys
import time
from pathlib import Path

import shape

# Steps of a batch that are not timed, then as many as there is time for.
WARM_UP = 3
SECONDS = 1.5
STEPS = range(7, 32)


def transformers_step(precision: str):
    """A step of transformers, with the cache that its own generation uses."""
    import torch

    import model

    torch.set_num_threads(shape.THREADS)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    decoder = model.random_decoder(dtype)
    if precision == "int8":
        decoder = torch.ao.quantization.quantize_dynamic(
            decoder, {torch.nn.Linear}, dtype=torch.qint8, inplace=True
        )
    tokens, mask = model.tokens(), model.text_mask()
    states, cache = model.text_states(dtype), model.cache(dtype)

    def step() -> float:
        with torch.inference_mode():
            start = time.perf_counter()
            decoder(
                input_ids=tokens,
                encoder_hidden_states=states,
                encoder_attention_mask=mask,
                past_key_values=cache,
            )
            seconds = time.perf_counter() - start
            # Back to the same number of steps; the text's keys and values stay.
            cache.self_attention_cache.crop(-1)
            assert cache.get_seq_length() == shape.CONTEXT_STEPS
        return seconds

    return step


def onnx_step(precision: str, folder: Path):
    """A step of ONNX Runtime, with inputs and outputs that stay where they are."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = shape.THREADS
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / f"step-{precision}.onnx", options)
    binding = session.io_binding()
    for name, value in random_inputs(session):
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value))
    for output in session.get_outputs():
        binding.bind_output(output.name, "cpu")

    def step() -> float:
        start = time.perf_counter()
        session.run_with_iobinding(binding)
        return time.perf_counter() - start

    return step


def random_inputs(session):
    """Values for all inputs of the graph; the number of steps is the only open dimension."""
    import numpy

    random = numpy.random.default_rng(3)
    for given in session.get_inputs():
        sides = [side if isinstance(side, int) else shape.CONTEXT_STEPS for side in given.shape]
        if given.name == "tokens":
            value = random.integers(0, shape.CODES, sides)
        elif given.name == "position":
            value = numpy.array([shape.CONTEXT_STEPS])
        else:
            value = random.standard_normal(sides, dtype=numpy.float32)
        yield given.name, value


def peak_mib() -> float:
    """The most memory since the last call of `forget_peak`, or since the process began."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    engine, precision = sys.argv[1].split("-")
    if engine == "transformers":
        step = transformers_step(precision)
    else:
        step = onnx_step(precision, Path(sys.argv[2]))
    step()
    load_mib = peak_mib()
    forget_peak()
    print("ready", flush=True)
    for _ in sys.stdin:
        for _ in range(WARM_UP):
            step()
        times = []
        while len(times) < STEPS.stop - 1 and (
            len(times) < STEPS.start or sum(times) < SECONDS
        ):
            times.append(step())
        figures = {
            "ms": [seconds * 1e3 for seconds in times],
            "load_mib": load_mib,
            "step_mib": peak_mib(),
        }
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
