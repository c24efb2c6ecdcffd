"""The panel inside Ardour, under Xvfb: inserted on a track, opened from the mixer, typed into, a loop made,
played by Ardour's own Space, stopped by a digit.

Not run by `cargo xtask validate`: Ardour is a large package, and starts in its own time. Where it is installed
(on Debian: `ardour`), run it like the others, with `--bundle`, `--barline` and `--folder`. It leaves pictures in
the folder."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import desktop
import pointer
from ardour_drag import CONFIG, window_of
from in_editor import MAKE_SECONDS, Panel, until
from report import arguments, check, finish

LIBRARY = Path("/usr/lib/ardour7")
SCANNER = LIBRARY / "ardour-vst3-scanner"
WORDS = "dark techno"
# From the corner of Ardour's window: the plugin in the first strip of the mixer.
PROCESSOR = (320, 194)
SESSION = """
local session = create_session(os.getenv("BARLINE_SESSION"), "panel", 48000)
assert(session, "no session")
local midi = ARDOUR.ChanCount(ARDOUR.DataType("midi"), 1)
local stereo = ARDOUR.ChanCount(ARDOUR.DataType("audio"), 2)
local tracks = session:new_midi_track(midi, stereo, true, ARDOUR.PluginInfo(), nil, nil, 1, "Loops", -1,
  ARDOUR.TrackMode.Normal, true)
local plugin = ARDOUR.LuaAPI.new_plugin(session, "Barline", ARDOUR.PluginType.VST3, "")
assert(not plugin:isnil(), "no plugin")
assert(tracks:front():add_processor_by_index(plugin, 0, nil, true) == 0)
session:save_state("")
close_session()
quit()
"""


def sounding(panel: Panel) -> bool:
    """The waveform of what is heard has the accent's colour; its markers alone have little of it."""
    return panel.accented("waveform", 400, 60) > 1_000


def use(panel: Panel, folder: Path):
    def picture(name: str):
        desktop.run("import", "-window", "root", str(folder / f"{name}.png"))

    panel.click("prompt")
    panel.type(WORDS)
    panel.key("Return")
    check("Enter begins a loop", until(lambda: not panel.ready(), 3.0, pause=0.01))
    check("the loop is made", until(panel.ready, MAKE_SECONDS))
    time.sleep(1.0)
    check("the typed space did not start Ardour", not sounding(panel))
    panel.key("Escape")
    panel.key("space")
    check("Space starts Ardour, and the loop sounds", until(lambda: sounding(panel), 5.0))
    time.sleep(1.0)
    picture("ardour-panel")
    panel.key("0")
    # The bar is played to its end.
    check("0 stops the loop", until(lambda: not sounding(panel), 5.0))
    panel.key("1")
    check("1 launches it", until(lambda: sounding(panel), 5.0))
    panel.key("space")
    check("Space stops Ardour", until(lambda: not sounding(panel), 5.0))
    picture("ardour-panel-stopped")


def main():
    args = arguments()
    tools = ("ardour", "ardour7-lua", str(SCANNER))
    missing = [*desktop.missing(), *(tool for tool in tools if shutil.which(tool) is None)]
    if missing:
        check("Ardour and the tools for a display", False, f"{', '.join(missing)} missing")
        finish()
    with tempfile.TemporaryDirectory() as home, desktop.display("1600x1100x24"):
        home = Path(home)
        settings = home / ".config/ardour7"
        settings.mkdir(parents=True)
        (settings / ".a7").touch()
        (settings / "config").write_text(CONFIG.replace("<Config>", '<Config><Option name="use-vst3" value="1"/>'))
        bundle = home / ".vst3/Barline.vst3"
        shutil.copytree(args.bundle, bundle)
        session = home / "session"
        script = home / "session.lua"
        script.write_text(SESSION)
        places = {"HOME": home, "XDG_DATA_HOME": home / "data", "BARLINE_LIBRARY": home / "library"}
        ours = os.environ | {name: str(path) for name, path in places.items()}
        headless = ours | {
            "BARLINE_SESSION": str(session),
            "LD_LIBRARY_PATH": str(LIBRARY),
            "ARDOUR_DLL_PATH": str(LIBRARY),
            "ARDOUR_DATA_PATH": "/usr/share/ardour7",
            "ARDOUR_CONFIG_PATH": "/etc/ardour7",
        }
        for command in ([SCANNER, "-f", bundle], ["ardour7-lua", script]):
            subprocess.run(command, env=headless, check=True, capture_output=True, timeout=90)
        log = open(args.folder / "ardour.log", "w")
        ardour = subprocess.Popen(
            ["ardour", session / "panel.ardour"], env=ours, stdout=log, stderr=log, start_new_session=True
        )
        try:
            window = window_of("^panel - Ardour", 60)
            # Drawn after it is shown.
            time.sleep(4)
            desktop.run("xdotool", "windowactivate", "--sync", window)
            desktop.run("xdotool", "key", "alt+m")
            time.sleep(2)
            left, top, *_ = pointer.geometry(window)
            pointer.move(left + PROCESSOR[0], top + PROCESSOR[1])
            time.sleep(0.3)
            desktop.run("xdotool", "click", "--repeat", "2", "--delay", "80", "1")
            panel = Panel(args.folder)
            check("the panel opens from Ardour's mixer", True, (panel.width, panel.height))
            use(panel, args.folder)
        finally:
            os.killpg(ardour.pid, signal.SIGKILL)
            ardour.wait()
    finish()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
