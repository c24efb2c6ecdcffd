"""A clip as the command line makes it, and comparisons of recordings with it."""

import subprocess
import struct
from pathlib import Path

import numpy

RATE_HZ = 48_000
TEMPO_BPM = 97.5
BEATS = 4.0
PROMPT = "dusty lo-fi drums"
SEED = 11
# Fades take 5 ms; what is compared begins after twice that.
FADED_FRAMES = 480


def project(generate: bool) -> dict:
    """The plugin's project that asks for the clip."""
    return {
        "version": 1,
        "prompt": PROMPT,
        "seed": SEED,
        "seed_locked": True,
        "tempo_bpm": TEMPO_BPM,
        "beats_per_bar": 4,
        "generate": generate,
    }


def make(barline: Path, folder: Path, play_at: float | None = None) -> numpy.ndarray:
    """Has the command line make the clip, for another tempo than its own if one is given; its
    samples, channels by frames."""
    path = folder / "reference.wav"
    command = [barline, "generate", PROMPT, "--bars", "1", "--bpm", str(TEMPO_BPM)]
    command += ["--seed", str(SEED), "--rate", str(RATE_HZ), "--bits", "32", "--out", path]
    if play_at is not None:
        command += ["--play-at", str(play_at)]
    subprocess.run(command, check=True, capture_output=True)
    samples = read(path)
    if abs(samples).max() < 0.01:
        raise ValueError("the reference is silent")
    return samples


def read(path: Path) -> numpy.ndarray:
    """A WAV file of 32-bit floats."""
    data = path.read_bytes()
    at, channels = 12, 0
    while at < len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if name == b"fmt ":
            (channels,) = struct.unpack_from("<H", data, at + 10)
        if name == b"data":
            return numpy.frombuffer(data, "<f4", size // 4, at + 8).reshape(-1, channels).T
        at += 8 + size + size % 2
    raise ValueError(f"{path} has no samples")


def beats_of(frames: int, tempo_bpm: float = TEMPO_BPM) -> numpy.ndarray:
    """Quarter notes at each frame of a song that starts at 0."""
    return numpy.arange(frames) * tempo_bpm / (60.0 * RATE_HZ)


def error(
    clip: numpy.ndarray,
    heard: numpy.ndarray,
    lag: int = 0,
    beats: numpy.ndarray | None = None,
) -> float:
    """The largest difference of a recording, which starts at beat 0 at the clip's tempo unless
    its `beats` are given, from the clip moved by `lag` frames. Between two frames of the clip
    either is right."""
    frames = clip.shape[1]
    beats = beats_of(heard.shape[1]) if beats is None else beats
    position = beats % BEATS / BEATS * frames
    worst = 0.0
    for channel, samples in enumerate(heard):
        source = clip[min(channel, len(clip) - 1)]
        nearest = numpy.round(position)
        exact = abs(position - nearest) < 1e-3
        low = numpy.where(exact, nearest, numpy.floor(position)).astype(int) - lag
        high = numpy.where(exact, nearest, numpy.ceil(position)).astype(int) - lag
        # At the seam of a loop of no whole number of frames its last frame is held or left out.
        seam = (low + lag < 1) | (high + lag >= frames - 1)
        options = [low, high, numpy.where(seam, frames - 1, low), numpy.where(seam, 0, low)]
        errors = [abs(source[option % frames] - samples) for option in options]
        worst = max(worst, float(numpy.minimum.reduce(errors)[FADED_FRAMES:].max()))
    return worst
