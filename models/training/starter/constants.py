"""Rates, pitch names, seeds and folders that every part of the package agrees on."""
import os
from pathlib import Path

SR = 32_000                 # samples a second, as in facebook/musicgen-*
FRAME_RATE = 50             # codec frames a second
HOP = SR // FRAME_RATE      # 640 samples a frame
CODEBOOKS = 4
CODEBOOK_SIZE = 1024
PAD = CODEBOOK_SIZE         # the decoder's start/pad token is the first id past the codebook

SHARP = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
FLAT = ["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"]

# Seeds: training songs count up from 0; these ranges are never trained on.
HELD_OUT_SEED = 900_000_000     # codec figures, validation loss, tempo estimator's truth
TRAINING = Path(__file__).resolve().parent.parent
MODEL_DIR = TRAINING.parent / "starter"


def work_dir() -> Path:
    """Scratch space for audio, tokens and checkpoints (gigabytes): $STARTER_WORK or ./work."""
    d = Path(os.environ.get("STARTER_WORK", TRAINING / "work"))
    d.mkdir(parents=True, exist_ok=True)
    return d


def hz(midi: float) -> float:
    return 440.0 * 2.0 ** ((midi - 69) / 12)
