"""The VST3 in Ardour without its window: a song at 97.5 BPM whose session holds the plugin's state,
loaded, saved, loaded again, and exported twice.

Ardour 7.3 always says that it plays in real time, also while it exports, and gives places in whole ticks
of a 1920th of a beat: the plugin finds the line that they were rounded from. Its scanner, its cache of plugins
and its settings get a home of their own."""

import base64
import os
import re
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy
import soundfile

import clip
import juce_state
import slots
from report import arguments, check, finish

HERE = Path(__file__).resolve().parent
LIBRARIES = Path("/usr/lib/ardour7")
SCANNER = {
    "LD_LIBRARY_PATH": LIBRARIES,
    "ARDOUR_DATA_PATH": "/usr/share/ardour7",
    "ARDOUR_CONFIG_PATH": "/etc/ardour7",
    "ARDOUR_DLL_PATH": LIBRARIES,
}
CLASS_ID = b"BarlineLoopMaker".hex().upper().encode()
# Ardour's superclock.
TICKS_A_SECOND = 282_240_000
SECONDS = 12


def vst3_preset(state: dict) -> bytes:
    """A state as VST3 hosts file it: a head, the component's bytes, a list of what lies where."""
    data = juce_state.json.dumps(state).encode()
    head = b"VST3" + struct.pack("<I", 1) + CLASS_ID + struct.pack("<q", 48 + len(data))
    parts = b"Comp" + struct.pack("<qq", 48, len(data)) + b"Cont" + struct.pack("<qq", 48 + len(data), 0)
    return head + data + b"List" + struct.pack("<I", 2) + parts


def state_in(session: str) -> dict:
    """The plugin's state in a session's text."""
    data = base64.b64decode(re.search(r"<chunk>([^<]*)</chunk>", session).group(1))
    _, size = struct.unpack_from("<qq", data, data.rindex(b"Comp") + 4)
    return juce_state.json.loads(data[48 : 48 + size])


class Ardour:
    def __init__(self, home: str, folder: Path, outputs="main"):
        self.home, self.session, self.exports = home, folder / outputs, folder / "exports"
        self.file, self.outputs = self.session / "song.ardour", outputs

    def run(self, step: str) -> str:
        told = {"HOME": self.home, "BARLINE_SESSION": self.session, "BARLINE_STEP": step, "BARLINE_EXPORT": self.exports}
        told["BARLINE_OUTPUTS"] = self.outputs
        environment = os.environ | {key: str(value) for key, value in told.items()}
        command = ["ardour7-lua", HERE / "ardour_song.lua"]
        # Exporting without any plugin in the session ends this shell by a signal 4 times in 25, for its
        # own heap is broken then; making, loading and saving did in none of 80.
        for _ in range(4 if step == "export" else 1):
            shutil.rmtree(self.exports, ignore_errors=True)
            self.exports.mkdir()
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
            if done.returncode >= 0:
                break
        if done.returncode != 0:
            raise RuntimeError(f"Ardour, {step}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stderr

    def export(self) -> numpy.ndarray:
        """The file's samples."""
        self.run("export")
        files = list(self.exports.iterdir())
        if len(files) != 1:
            raise RuntimeError(f"exported: {files}")
        samples, rate_hz = soundfile.read(files[0])
        if rate_hz != slots.RATE_HZ:
            raise RuntimeError(f"exported at {rate_hz} Hz")
        return samples.T


def scan(bundle: Path, home: str):
    """Puts the bundle where Ardour looks, and has it looked at."""
    place = Path(home) / ".vst3"
    place.mkdir()
    (place / "Barline.vst3").symlink_to(bundle.resolve())
    environment = os.environ | {"HOME": home} | {key: str(value) for key, value in SCANNER.items()}
    command = [LIBRARIES / "ardour-vst3-scanner", "-f", place / "Barline.vst3"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    check("Ardour's scanner finds the plugin", "Found Plugin: Barline" in done.stdout + done.stderr, done.returncode)


def fill(ardour: Ardour, state: dict):
    """Writes the state, and a range to export, into the session."""
    text = ardour.file.read_text()
    chunk = base64.b64encode(vst3_preset(state)).decode()
    text, chunks = re.subn(r"<chunk>[^<]*</chunk>", f"<chunk>{chunk}</chunk>", text)
    place = f'start="a0" end="a{SECONDS * TICKS_A_SECOND}"'
    song = f'<Locations><Location id="900001" name="session" {place} flags="IsSessionRange" locked="0" timestamp="0" cue="0"/></Locations>'
    text, ranges = re.subn(r"<Locations/>", song, text)
    if (chunks, ranges) != (1, 1):
        raise RuntimeError(f"the session has {chunks} states and {ranges} places for its range")
    ardour.file.write_text(text)


def main():
    args = arguments()
    missing = [tool for tool in ("ardour7-lua",) if shutil.which(tool) is None]
    if missing:
        print(f"  {', '.join(missing)} is not installed: not asked")
        finish()
    reference = clip.make(args.barline, args.folder)
    folder = args.folder / "ardour"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with tempfile.TemporaryDirectory() as home:
        scan(args.bundle, home)
        ardour = Ardour(home, folder)
        ardour.run("make")
        text = ardour.file.read_text()
        check("a session with the plugin on a bus is saved", 'unique-id="4261726C' in text and state_in(text)["fields"])
        filled = slots.state([slots.saved(reference, clip.TEMPO_BPM)], {"slot": {"i32": 1}})
        fill(ardour, filled)

        said = ardour.run("save")
        tempo = float(re.search(r"^tempo (\S+)$", said, re.MULTILINE).group(1))
        check("it is loaded again, at its tempo", abs(tempo - clip.TEMPO_BPM) < 1e-6 and "plugin Barline" in said, tempo)
        first = state_in(ardour.file.read_text())
        project = juce_state.project(first)
        wanted = juce_state.project(filled)["clips"][0]["flac"]
        check("and saved with its clip", project["clips"][0]["flac"] == wanted, f"{len(wanted)} letters")
        ardour.run("save")
        check("saved once more it is the same", state_in(ardour.file.read_text()) == first)

        one, two = ardour.export(), ardour.export()
        grid(reference, [one, two])
        # Ardour begins its pre-roll where it likes.
        apart = float(abs(one - two).max())
        check("two exports are the same", apart == 0.0, f"{one.shape[1]} frames, apart by {apart:.2g} at most")

        wide = Ardour(home, folder, "all")
        wide.run("make")
        ports = wide.file.read_text().count('name="Loop/audio_out ')
        fill(wide, filled)
        apart = float(abs(wide.export() - one).max())
        told = f"{ports} outputs, apart by {apart:.2g}"
        check("with all of the plugin's outputs in use it sounds the same", (ports, apart) == (18, 0.0), told)
    finish()


def grid(reference: numpy.ndarray, exports: list):
    """Every half beat of an export is the clip at its place in the song: to the frame, but for the
    frames of the clip that lie between two of the song's."""
    clip_frames, piece_frames = reference.shape[1], 12_000
    for number, heard in enumerate(exports, 1):
        late = []
        for start in range(4_800, heard.shape[1] - piece_frames, 15_000):
            place = start * clip.TEMPO_BPM / 60.0 / slots.RATE_HZ % clip.BEATS / clip.BEATS * clip_frames
            piece = heard[0][start : start + piece_frames]
            at = round(place) + numpy.arange(piece_frames)
            off = [float(((piece - reference[0][(at - lag) % clip_frames]) ** 2).sum()) for lag in range(-60, 61)]
            late.append(int(numpy.argmin(off)) - 60)
        worst = max(map(abs, late))
        check(f"export {number} is on the beat at {clip.TEMPO_BPM} BPM", worst <= 1, f"{worst} frames off at most")


main()
