"""The panel inside Ardour's own window, under Xvfb, as a producer uses it: the plugin is opened in the
mixer, a prompt is typed, the loop is made and plays, its pad is dragged onto the timeline while the
transport rolls, the session is saved, closed and opened again.

Not run by `cargo xtask validate`: Ardour is a large package, and starts in its own time. Where it
is installed (on Debian: `ardour`), run it like the others, with `--bundle`, `--barline` and
`--folder`, from the environment of those. It leaves the session and pictures in the folder."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import soundfile

import desktop
import pointer
from ardour_drag import CONFIG, TICKS_A_SECOND, window_of
from in_editor import MAKE_SECONDS, Panel, until
from report import arguments, check, finish

WORDS = "dark techno drums"
LIBRARIES = Path("/usr/lib/ardour7")
SESSION = """
local session = create_session(os.getenv("BARLINE_SESSION"), "song", 48000)
assert(session, "no session")
local tracks = session:new_midi_track(
  ARDOUR.ChanCount(ARDOUR.DataType("midi"), 1), ARDOUR.ChanCount(ARDOUR.DataType("audio"), 2),
  true, ARDOUR.PluginInfo(), nil, nil, 1, "Loops", -1, ARDOUR.TrackMode.Normal, true)
session:new_audio_track(2, 2, nil, 1, "Timeline", -1, ARDOUR.TrackMode.Normal, true, true)
local plugin = ARDOUR.LuaAPI.new_plugin(session, "Barline", ARDOUR.PluginType.VST3, "")
assert(not plugin:isnil(), "no plugin")
for track in tracks:iter() do
  assert(track:add_processor_by_index(plugin, 0, nil, true) == 0)
end
session:save_state("")
close_session()
quit()
"""
SCREEN = "1700x1560x24"
# From the corner of Ardour's window, made this large, to what is clicked in it.
SIZE = ("1690", "760")
LOOPS, PLUGIN, PLAY, STOP, TIMELINE = (50, 385), (46, 177), (155, 44), (181, 44), (895, 428)
# Where the plugin's window goes: below Ardour's.
BELOW = (0, 830)


class Ardour:
    """A running Ardour with the session open and the panel on the screen."""

    def __init__(self, session: Path, environment: dict, log):
        self.child = subprocess.Popen(
            ["ardour", session / "song.ardour"],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.window = window_of("song - Ardour", 90)
        # Drawn after it is shown.
        time.sleep(5)
        desktop.run("xdotool", "windowsize", self.window, *SIZE)
        pointer.place(self.window, 0, 20)
        time.sleep(1)

    def click(self, place, *how: str):
        left, top, *_ = pointer.geometry(self.window)
        pointer.move(left + place[0], top + place[1])
        time.sleep(0.3)
        desktop.run("xdotool", "click", *how, "1")
        time.sleep(0.5)

    def open_panel(self, folder: Path) -> Panel:
        self.click(LOOPS)
        desktop.run("xdotool", "key", "shift+e")
        time.sleep(2)
        self.click(PLUGIN, "--repeat", "2", "--delay", "120")
        pointer.place(window_of("Barline .by Barline", 30), *BELOW)
        time.sleep(1)
        return Panel(folder)

    def drag(self, panel: Panel, name: str):
        left, top, *_ = pointer.geometry(self.window)
        begin = [int(number) for number in panel.place(name)]
        end = (left + TIMELINE[0], top + TIMELINE[1])
        pointer.press(begin)
        pointer.carry(begin, end)
        # The file is written and offered while the button is down.
        time.sleep(1.5)
        pointer.release()

    def save(self):
        desktop.run("xdotool", "windowactivate", "--sync", self.window)
        desktop.run("xdotool", "key", "ctrl+s")
        time.sleep(4)

    def end(self):
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()


def picture(folder: Path, name: str) -> Path:
    file = folder / f"{name}.png"
    desktop.run("import", "-window", "root", str(file))
    return file


def sounding(panel: Panel) -> bool:
    """The waveform of what is heard has the accent's colour; its markers alone have little of it."""
    return panel.accented("waveform", 400, 60) > 1_000


def keys(panel: Panel):
    """Ardour's Space, and the panel's digits."""
    check("the typed spaces did not start Ardour", not sounding(panel))
    panel.key("Escape")
    panel.key("space")
    check("Space starts Ardour, and the loop sounds", until(lambda: sounding(panel), 5.0))
    panel.key("0")
    # The bar is played to its end.
    check("0 stops the loop", until(lambda: not sounding(panel), 5.0))
    panel.key("1")
    check("1 launches it", until(lambda: sounding(panel), 5.0))
    panel.key("space")
    check("Space stops Ardour", until(lambda: not sounding(panel), 5.0))


def make_and_drag(args, ardour: Ardour):
    panel = ardour.open_panel(args.folder)
    check("the panel is drawn", panel.ready(), picture(args.folder, "ardour-opened"))
    panel.click("prompt")
    panel.type(WORDS)
    panel.key("Return")
    begin = time.monotonic()
    started = until(lambda: not panel.ready(), 5.0)
    made = started and until(panel.ready, MAKE_SECONDS)
    check("a typed prompt becomes a loop", made, f"{time.monotonic() - begin:.1f} s")
    keys(panel)
    ardour.click(PLAY)
    plays = until(lambda: sounding(panel), 5.0)
    check("it plays with the transport", plays, picture(args.folder, "ardour-playing"))
    ardour.drag(panel, "pad 1")
    time.sleep(3)
    picture(args.folder, "ardour-dragged")
    ardour.click(STOP)
    check("it stops with it", until(lambda: not sounding(panel), 5.0))
    ardour.save()


def look_again(args, ardour: Ardour):
    panel = ardour.open_panel(args.folder)
    drawn = int((panel.around("waveform", 400, 60).max(axis=2) > 120).sum())
    check("the opened session has the loop", drawn > 1_000, f"{drawn} pixels of its waveform")
    ardour.click(PLAY)
    plays = until(lambda: sounding(panel), 5.0)
    check("and plays it", plays, picture(args.folder, "ardour-opened-again"))


def main():
    args = arguments()
    tools = ("ardour", "ardour7-lua")
    missing = [*desktop.missing(), *(tool for tool in tools if shutil.which(tool) is None)]
    if missing:
        check("Ardour and the tools for a display", False, f"{', '.join(missing)} missing")
        finish()
    session = args.folder / "ardour song"
    shutil.rmtree(session, ignore_errors=True)
    with tempfile.TemporaryDirectory() as home, desktop.display(SCREEN):
        settings = Path(home) / ".config/ardour7"
        settings.mkdir(parents=True)
        (settings / ".a7").touch()
        more = '<Option name="use-vst3" value="1"/>\n  </Config>'
        (settings / "config").write_text(CONFIG.replace("</Config>", more))
        bundle = Path(home) / ".vst3/Barline.vst3"
        shutil.copytree(args.bundle, bundle)
        script = Path(home) / "session.lua"
        script.write_text(SESSION)
        ours = {"HOME": home, "BARLINE_SESSION": str(session), "BARLINE_LIBRARY": f"{home}/library"}
        places = {
            "LD_LIBRARY_PATH": str(LIBRARIES),
            "ARDOUR_DLL_PATH": str(LIBRARIES),
            "ARDOUR_DATA_PATH": "/usr/share/ardour7",
            "ARDOUR_CONFIG_PATH": "/etc/ardour7",
        }
        for command in ([LIBRARIES / "ardour-vst3-scanner", "-f", bundle], ["ardour7-lua", script]):
            everything = os.environ | ours | places
            subprocess.run(command, env=everything, check=True, capture_output=True, timeout=100)
        with open(args.folder / "ardour-panel.log", "w") as log:
            for work in (make_and_drag, look_again):
                ardour = Ardour(session, ours, log)
                try:
                    work(args, ardour)
                finally:
                    ardour.end()
        dragged = list(Path(home).glob("Music/Barline/*.wav"))
        check("the dragged file lies in the music folder", len(dragged) == 1, [file.name for file in dragged])
        taken = [soundfile.read(file)[0] for file in (session / "interchange").rglob("barline_dark*.wav")]
        same = [len(one) > 0 and numpy.array_equal(one, soundfile.read(file)[0]) for one, file in zip(taken, dragged)]
        check("the session has its every sample", same == [True], [len(one) for one in taken])

    text = (session / "song.ardour").read_text()
    regions = re.findall(r'<Region name="barline_dark[^>]*whole-file="0"[^>]*', text)
    lengths = {int(found) for region in regions for found in re.findall(r' length="a(\d+)@', region)}
    # Four bars at 120.
    check("the timeline has its four bars", lengths == {8 * TICKS_A_SECOND}, lengths)
    finish()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
