"""One line for each check, and the exit code."""

import argparse
import os
import sys
import time
from pathlib import Path

_started = time.monotonic()
_failed = 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", type=Path, required=True, help="Barline.vst3")
    parser.add_argument("--barline", type=Path, required=True, help="the command line")
    parser.add_argument("--folder", type=Path, required=True, help="for files made here")
    args = parser.parse_args()
    # The plugin keeps every take: not among those of whoever runs this.
    os.environ.setdefault("BARLINE_LIBRARY", str(args.folder / "library"))
    return args


def check(what: str, passed: bool, detail: object = "") -> bool:
    global _failed
    _failed += not passed
    seconds = time.monotonic() - _started
    line = f"{'ok  ' if passed else 'FAIL'} {seconds:6.1f} s  {what}"
    print(f"{line}: {detail}" if detail != "" else line, flush=True)
    return passed


def finish() -> None:
    """Ends the process at once: a host library's own clean-up is not what is checked."""
    sys.stdout.flush()
    os._exit(1 if _failed else 0)
