"""The editor in a JUCE host (pedalboard) under Xvfb: it opens, takes text, and can be seen."""

import re
import subprocess
import sys
import threading
import time
import traceback

import numpy
import pedalboard

import desktop
import juce_state
from report import arguments, check, finish

WORDS = "dark techno"
# The middle of the prompt field, as shares of the panel's width and height.
FIELD = (0.25, 0.135)
OPEN_SECONDS = 30


def find_window(name: str):
    """The host's window with the plugin's name: its id and geometry, once it has a size."""
    begin = time.monotonic()
    while time.monotonic() - begin < OPEN_SECONDS:
        for window in desktop.run("xdotool", "search", "--onlyvisible", "--name", name).split():
            # xdotool counts the frame twice, xwininfo does not.
            info = desktop.run("xwininfo", "-id", window)
            values = dict(re.findall(r"(Absolute upper-left [XY]|Width|Height):\s+(-?\d+)", info))
            numbers = [int(value) for value in values.values()]
            if len(numbers) == 4 and numbers[2] > 300 and numbers[3] > 200:
                return window, numbers
        time.sleep(0.2)
    raise TimeoutError("no window of the editor")


def picture(window: str) -> numpy.ndarray:
    """The window's pixels, rows by columns by RGB."""
    done = subprocess.run(
        ["import", "-window", window, "-depth", "8", "ppm:-"], capture_output=True, check=True
    )
    _, size, _, pixels = done.stdout.split(b"\n", 3)
    width, height = map(int, size.split())
    return numpy.frombuffer(pixels, "u1", width * height * 3).reshape(height, width, 3)


def visible(pixels: numpy.ndarray) -> int:
    """Colours in a picture: text and controls have hundreds, an empty window has few."""
    packed = pixels.astype(int) @ (65536, 256, 1)
    return len(numpy.unique(packed))


def use_editor(folder, closed: threading.Event, found: dict):
    """Another thread than the window's: what a user would do."""
    try:
        window, (left, top, width, height) = find_window("Barline")
        found["size"] = (width, height)
        # The first frames are drawn by software.
        for _ in range(50):
            time.sleep(0.2)
            if visible(picture(window)) > 60:
                break
        x, y = left + int(width * FIELD[0]), top + int(height * FIELD[1])
        desktop.run("xdotool", "mousemove", str(x), str(y))
        time.sleep(0.3)
        desktop.run("xdotool", "click", "1")
        time.sleep(0.5)
        desktop.run("xdotool", "type", "--delay", "80", WORDS)
        time.sleep(1.0)
        found["colours"] = visible(picture(window))
        file = folder / "editor.png"
        desktop.run("import", "-window", window, str(file))
        found["file"] = file
    except Exception:
        traceback.print_exc()
    finally:
        closed.set()


def main():
    args = arguments()
    missing = desktop.missing()
    if missing:
        check("the tools for a display", False, f"{', '.join(missing)} missing, see apt.txt")
        finish()
    with desktop.display():
        plugin = pedalboard.load_plugin(str(args.bundle))
        closed, found = threading.Event(), {}
        user = threading.Thread(target=use_editor, args=(args.folder, closed, found))
        user.start()
        plugin.show_editor(closed)
        user.join()
        check("the editor opens", "size" in found, found.get("size", "no window"))
        colours = found.get("colours", 0)
        file = found.get("file")
        written = file is not None and file.is_file() and file.stat().st_size > 0
        check("a picture of it is written", written and colours > 60, f"{file}, {colours} colours")
        plugin([], 0.02, 48_000)
        prompt = juce_state.project(juce_state.unpack(plugin.raw_state))["prompt"]
        check(f"typing {WORDS!r} arrives in the prompt", prompt == WORDS, repr(prompt))
        # A second time: windows that leak or double show here.
        again = threading.Event()
        opened = {}

        def close_again():
            try:
                opened["window"], _ = find_window("Barline")
                time.sleep(0.5)
            except TimeoutError:
                pass
            again.set()

        thread = threading.Thread(target=close_again)
        thread.start()
        plugin.show_editor(again)
        thread.join()
        check("it opens again", "window" in opened)
    finish()


if __name__ == "__main__":
    sys.path.insert(0, str(__file__).rsplit("/", 1)[0])
    main()
