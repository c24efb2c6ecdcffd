"""A WAV dragged out of our window onto Ardour's timeline, under Xvfb.

Not run by `cargo xtask validate`: Ardour is a large package, and starts in its own time. Where it
is installed (on Debian: `ardour`), run it like the others, with `--bundle`, `--barline` and
`--folder`. It leaves the session and a picture in the folder."""

import math
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import desktop
import pointer
from report import arguments, check, finish

HERE = Path(__file__).resolve().parent
RATE_HZ, SECONDS = 48_000, 4
NAME = "barline_dark techno ä_120bpm_Am_2bars_1a2b3c4d.wav"
# From the corner of a fresh session's window to bar 5 of its first track.
BAR_5 = (413, 361)
# Ardour's superclock.
TICKS_A_SECOND = 282_240_000
SESSION = """
local session = create_session(os.getenv("BARLINE_SESSION"), "drag", 48000)
assert(session, "no session")
session:new_audio_track(2, 2, nil, 1, "Loops", -1, ARDOUR.TrackMode.Normal, true, true)
session:save_state("")
close_session()
quit()
"""
# The backend without a device, which Ardour hides, started without asking.
CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<Ardour>
  <Config>
    <Option name="hide-dummy-backend" value="0"/>
    <Option name="try-autostart-engine" value="1"/>
  </Config>
  <Extra>
    <AudioMIDISetup>
      <EngineStates>
        <State backend="None (Dummy)" driver="Normal Speed" device="Silence" input-device=""
          output-device="" sample-rate="48000" buffer-size="1024" n-periods="0" input-latency="0"
          output-latency="0" lm-input="" lm-output="" active="1" use-buffered-io="0"
          midi-option="1 in, 1 out, Silence" lru="1">
          <MIDIDevices/>
        </State>
      </EngineStates>
    </AudioMIDISetup>
  </Extra>
</Ardour>
"""


def tone(file: Path) -> bytes:
    """Writes a stereo WAV of 24 bits; gives its samples."""
    raw = bytearray()
    for frame in range(RATE_HZ * SECONDS):
        height = 0.5 * (1 - frame % 24_000 / 24_000) * (2**23 - 1)
        for hz in (110, 220):
            raw += int(height * math.sin(frame * 2 * math.pi * hz / RATE_HZ)).to_bytes(3, "little", signed=True)
    with wave.open(str(file), "wb") as out:
        out.setparams((2, 3, RATE_HZ, 0, "NONE", ""))
        out.writeframes(bytes(raw))
    return bytes(raw)


def floats(file: Path) -> bytes:
    """The samples of one of Ardour's own WAVs (float, one channel)."""
    data = file.read_bytes()
    begin = data.index(b"data")
    (size,) = struct.unpack_from("<I", data, begin + 4)
    return data[begin + 8 : begin + 8 + size]


def window_of(name: str, seconds: float):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = desktop.run("xdotool", "search", "--onlyvisible", "--name", name).split()
        if found:
            return found[0]
        time.sleep(0.3)
    raise TimeoutError(f"no window {name!r}")


def drop_and_save(args, example, wav, session, environment):
    log = open(args.folder / "ardour.log", "w")
    ardour = subprocess.Popen(
        ["ardour", session / "drag.ardour"],
        env=os.environ | environment,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        editor = window_of("^drag - Ardour", 60)
        # Drawn after it is shown.
        time.sleep(4)
        left, top, *_ = pointer.geometry(editor)
        program = pointer.Program(example, "--drag", wav)
        window = int(program.line("window ").split()[1])
        time.sleep(0.5)
        pointer.place(window, 20, 860)
        pointer.drag(pointer.middle(window), (left + BAR_5[0], top + BAR_5[1]))
        outcome = program.line("outcome ", 8)
        # Ardour reads and copies it.
        time.sleep(3)
        picture = args.folder / "ardour.png"
        desktop.run("import", "-window", "root", str(picture))
        check("Ardour's timeline takes the file", outcome == "outcome Dropped", f"{outcome}, {picture}")
        program.end()
        desktop.run("xdotool", "windowactivate", "--sync", editor)
        desktop.run("xdotool", "key", "ctrl+s")
        time.sleep(2)
    finally:
        os.killpg(ardour.pid, signal.SIGKILL)
        ardour.wait()


def main():
    args = arguments()
    missing = [*desktop.missing(), *(tool for tool in ("ardour", "ardour7-lua") if shutil.which(tool) is None)]
    if missing:
        check("Ardour and the tools for a display", False, f"{', '.join(missing)} missing")
        finish()
    example = pointer.example(args.barline)
    wav = args.folder / NAME
    raw = tone(wav)
    before = wav.read_bytes()
    session = args.folder / "drag session"
    shutil.rmtree(session, ignore_errors=True)
    with tempfile.TemporaryDirectory() as home, desktop.display("1600x1100x24"):
        settings = Path(home) / ".config/ardour7"
        settings.mkdir(parents=True)
        (settings / ".a7").touch()
        (settings / "config").write_text(CONFIG)
        script = Path(home) / "session.lua"
        script.write_text(SESSION)
        environment = {"HOME": home, "BARLINE_SESSION": str(session)}
        subprocess.run(["ardour7-lua", script], env=os.environ | environment, check=True, capture_output=True, timeout=60)
        drop_and_save(args, example, wav, session, environment)

    text = (session / "drag.ardour").read_text()
    regions = re.findall(rf'<Region name="{Path(NAME).stem}[^>]*whole-file="0"[^>]*', text)
    lengths = [int(found) for region in regions for found in re.findall(r' length="a(\d+)@', region)]
    check("the session has the region, as long as the file", lengths == [SECONDS * TICKS_A_SECOND], f"{len(regions)}, {lengths}")
    for side, (name, at) in enumerate((("left", "L"), ("right", "R"))):
        files = list((session / "interchange").rglob(f"*%{at}.wav"))
        samples = [
            int.from_bytes(raw[i : i + 3], "little", signed=True) / 2**23 for i in range(3 * side, len(raw), 6)
        ]
        wanted = struct.pack(f"<{len(samples)}f", *samples)
        check(f"Ardour's {name} channel is ours, every sample", [floats(file) for file in files] == [wanted], len(wanted) // 4)
    check("the file lies where it lay", wav.read_bytes() == before)
    finish()


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
