"""The editor in a JUCE host (pedalboard) under Xvfb, used by pointer and keys as a producer would: a prompt is
typed, a loop is made, one is cancelled, slots are played, the library is searched. What the host gets of
the keys and what an open panel costs is measured.

Where things are is read from `places.json`, which the panel's own tests keep."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import numpy
import pedalboard

import desktop
import juce_state
import pointer
from report import arguments, check, finish
from screen import Screen

PLACES = json.loads((Path(__file__).parent / "places.json").read_text())
# Digits and spaces are text here, and neither launch slots nor start the host.
WORDS, MORE_WORDS = "dark techno", " 1 2"
OPEN_SECONDS, MAKE_SECONDS, MEASURED_SECONDS = 30, 120, 60
RATE_HZ, BLOCK_FRAMES = 48_000, 480
# The theme's accent: what is on, what is heard, what to press.
ACCENT = numpy.array([0xFF, 0xB0, 0x4A])
SHARE_SECONDS, SHARE_TIMES = 3, 3
IDLE_SHARE = 0.01
CANCEL_SECONDS = 0.1


def find_window(name: str):
    """The host's window with the plugin's name: its id and geometry, once it has a size."""
    begin = time.monotonic()
    while time.monotonic() - begin < OPEN_SECONDS:
        for window in desktop.run("xdotool", "search", "--onlyvisible", "--name", name).split():
            # xdotool counts the frame twice, xwininfo does not.
            numbers = pointer.geometry(window)
            if len(numbers) == 4 and numbers[2] > 300 and numbers[3] > 200:
                return window, numbers
        time.sleep(0.2)
    raise TimeoutError("no window of the editor")


def until(true, seconds: float, pause=0.05) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(pause)
    return False


class Panel:
    """The panel's window, and a hand on it."""

    def __init__(self, folder: Path):
        self.window, (self.left, self.top, self.width, self.height) = find_window("^Barline$")
        self.folder = folder
        self.screen = Screen()
        # Does what it is told at once, without a program's start before it.
        self.hand = pointer.Program("xdotool", "-")
        # The first frames are drawn by software.
        until(lambda: len(numpy.unique(self.pixels().reshape(-1, 3), axis=0)) > 60, 20)

    def place(self, name: str):
        """A place in it, on the screen."""
        x, y = PLACES[name]
        full = PLACES["size"]
        return self.left + x * self.width / full[0], self.top + y * self.height / full[1]

    def pixels(self) -> numpy.ndarray:
        return self.screen.part(self.left, self.top, self.width, self.height)

    def around(self, name: str, width: int, height: int, dx=0, dy=0) -> numpy.ndarray:
        x, y = self.place(name)
        left, top = int(x + dx - width / 2), int(y + dy - height / 2)
        return self.screen.part(left, top, width, height).astype(int)

    def click(self, name: str):
        pointer.move(*(str(int(number)) for number in self.place(name)))
        time.sleep(0.15)
        desktop.run("xdotool", "click", "1")
        time.sleep(0.25)

    def key(self, *keys: str):
        desktop.run("xdotool", "key", *keys)
        time.sleep(0.2)

    def type(self, text: str):
        desktop.run("xdotool", "type", "--delay", "60", text)
        time.sleep(0.5)

    def ready(self) -> bool:
        """The button says Generate: it is filled with the accent. Its left end is free of text."""
        edge = self.around("generate", 4, 20, dx=-50).reshape(-1, 3)
        # Under the pointer it is lighter.
        return bool((abs(edge - ACCENT) < 60).all())

    def accented(self, name: str, width: int, height: int, dy=0) -> int:
        """Pixels there that have the accent's colour."""
        part = self.around(name, width, height, dy=dy).reshape(-1, 3)
        return int((abs(part - ACCENT) < 40).all(axis=1).sum())

    def picture(self, name: str) -> Path:
        file = self.folder / f"{name}.png"
        desktop.run("import", "-window", self.window, str(file))
        return file


def host_window(panel: str) -> str:
    """The nearest window around the panel's that has a name: the host's own."""
    window = panel
    for _ in range(8):
        info = desktop.run("xwininfo", "-tree", "-id", window)
        window = re.search(r"Parent window id: (0x\w+)", info).group(1)
        if '"' in desktop.run("xwininfo", "-id", window).split("\n", 1)[0]:
            break
    return window


class HostKeys:
    """The keys that arrive at the host's own window."""

    def __init__(self, panel: str):
        self.program = pointer.Program("xev", "-id", host_window(panel), "-event", "keyboard")
        time.sleep(0.5)

    def pressed(self) -> list[str]:
        """Names of those since the last time."""
        time.sleep(0.3)
        lines = "\n".join(self.program.lines)
        self.program.lines.clear()
        events = lines.split("\n\n")
        return [
            found.group(1)
            for event in events
            if "KeyPress" in event and (found := re.search(r"keysym 0x\w+, (\w+)\)", event))
        ]


class Sound:
    """Has the plugin process as a host does whose transport stands, in real time."""

    def __init__(self, plugin):
        self.plugin, self.level, self.running = plugin, 0.0, True
        self.thread = threading.Thread(target=self._play, daemon=True)
        self.thread.start()

    def _play(self):
        seconds = BLOCK_FRAMES / RATE_HZ
        due = time.monotonic()
        while self.running:
            block = self.plugin([], seconds, RATE_HZ, 2, BLOCK_FRAMES, False)
            peak = float(abs(block).max()) if block.size else 0.0
            # It falls as a meter's does.
            self.level = max(peak, self.level * 0.97)
            due += seconds
            time.sleep(max(0.0, due - time.monotonic()))

    def end(self):
        self.running = False
        self.thread.join()


def processor_seconds() -> dict[str, float]:
    """Processor time of every thread of this process by its number and name."""
    used = {}
    for task in Path("/proc/self/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            used[f"{task.name} {name}"] = int((task / "schedstat").read_text().split()[0]) / 1e9
        except OSError:
            continue
    return used


def share_of_a_core(seconds: float) -> dict[str, float]:
    """What each thread of ours used of a core for so long, the busiest first; the host's own are left out: the
    main thread with JUCE's loop, JUCE's timers, and the one that runs this."""
    before, begin = processor_seconds(), time.monotonic()
    time.sleep(seconds)
    after, wall = processor_seconds(), time.monotonic() - begin
    hosts = (str(os.getpid()), str(threading.get_native_id()))
    ours = [name for name in after if name.split()[0] not in hosts and "JUCE" not in name]
    shares = {name: (after[name] - before.get(name, 0.0)) / wall for name in ours}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def least_share() -> dict[str, float]:
    """The least of several: other programs push ours out of the processor's caches."""
    shares = [share_of_a_core(SHARE_SECONDS) for _ in range(SHARE_TIMES)]
    return min(shares, key=lambda share: sum(share.values()))


def write_and_make(panel: Panel, keys: HostKeys, found: dict):
    panel.picture("editor-empty")
    panel.click("prompt")
    keys.pressed()
    panel.type(WORDS)
    # A pointer that is moved aside takes no letters away.
    pointer.move(5, 880)
    panel.type(MORE_WORDS)
    found["leaked"] = keys.pressed()
    found["picture"] = panel.picture("editor")
    found["colours"] = len(numpy.unique(panel.pixels().reshape(-1, 3), axis=0))
    panel.click("8 bars")
    panel.click("4 takes")
    cancel(panel, found)
    panel.click("4 bars")
    panel.click("1 take")
    panel.click("prompt")
    panel.key("Return")
    found["started by Enter"] = until(lambda: not panel.ready(), 2.0, pause=0.01)
    found["made"] = until(panel.ready, MAKE_SECONDS)
    time.sleep(1.0)
    panel.picture("editor-made")
    # The keyboard back from the prompt.
    panel.key("Escape")


def cancel(panel: Panel, found: dict):
    """By the button, and by Escape: time from the press until the button says something else, and until
    Generate is offered again."""
    answers, times = found["answered"], found["cancelled"] = [], []
    for how in ("button", "button", "key"):
        panel.click("generate")
        if not until(lambda: not panel.ready(), 5.0, pause=0.005):
            continue
        # In the middle of it.
        time.sleep(0.7)
        if how == "button":
            panel.picture("editor-generating")
            panel.hand.tell("mousedown 1")
            time.sleep(0.1)
        before = panel.around("generate", 80, 20)
        begin = time.monotonic()
        panel.hand.tell("mouseup 1" if how == "button" else "key Escape")
        if until(lambda: (panel.around("generate", 80, 20) != before).any(), 5.0, pause=0.002):
            answers.append(time.monotonic() - begin)
        if until(panel.ready, 5.0, pause=0.002):
            times.append(time.monotonic() - begin)
        time.sleep(0.3)


def play(panel: Panel, keys: HostKeys, sound: Sound, found: dict):
    panel.click("audition")
    found["launched"] = until(lambda: sound.level > 0.02, 5.0)
    time.sleep(0.5)
    panel.picture("editor-playing")
    keys.pressed()
    panel.key("0")
    found["stopped by 0"] = until(lambda: sound.level < 0.001, 5.0)
    panel.key("1")
    found["launched by 1"] = until(lambda: sound.level > 0.02, 5.0)
    panel.click("pad 1")
    found["stopped by pad"] = until(lambda: sound.level < 0.001, 5.0)
    panel.click("pad 1")
    found["launched by pad"] = until(lambda: sound.level > 0.02, 5.0)
    panel.click("audition")
    keys.pressed()
    panel.key("space")
    panel.key("ctrl+s")
    # The loop goes and comes back.
    panel.key("ctrl+z")
    panel.key("ctrl+shift+z")
    panel.key("3")
    found["the host's"] = keys.pressed()


def search(panel: Panel, found: dict):
    def rows() -> int:
        """Pixels in the colour of pictures of takes, in the list."""
        part = panel.around("library empty", 240, 160, dy=60).reshape(-1, 3)
        wave = numpy.array([0x9A, 0xA6, 0xC2])
        return int((abs(part - wave) < 8).all(axis=1).sum())

    panel.click("tab library")
    found["listed"] = until(lambda: rows() > 20, 5.0)
    panel.click("search")
    panel.type("techno")
    found["found"] = until(lambda: rows() > 20, 3.0)
    panel.picture("editor-library")
    panel.type("zzz")
    found["not found"] = until(lambda: rows() == 0, 3.0)
    panel.key("Escape")
    panel.click("tab models")
    time.sleep(1.0)
    panel.picture("editor-models")
    panel.click("tab takes")


def use_editor(plugin, folder: Path, closed: threading.Event, found: dict):
    """Another thread than the window's: what a user would do."""
    keys = sound = None
    try:
        panel = Panel(folder)
        found["size"] = (panel.width, panel.height)
        keys = HostKeys(panel.window)
        # Hosts process all the time, and take parameters over when they do.
        sound = Sound(plugin)
        write_and_make(panel, keys, found)
        play(panel, keys, sound, found)
        search(panel, found)
        panel.click("audition")
        panel.key("1")
        found["plays on"] = until(lambda: sound.level > 0.02, 5.0)
        found["playing cpu"] = least_share()
        panel.click("audition")
        sound.end()
        # The pointer rests, as it does while somebody works elsewhere.
        pointer.move(5, 5)
        # The page of models was seen: how fast they are is measured when all is quiet, once a machine.
        until(lambda: not any("barline-speeds" in name for name in processor_seconds()), MEASURED_SECONDS, pause=0.5)
        time.sleep(1.5)
        found["idle cpu"] = least_share()
    except Exception:
        traceback.print_exc()
    finally:
        if sound:
            sound.running = False
        if keys:
            keys.program.end()
            panel.hand.end()
        closed.set()


def report(found: dict):
    check("the editor opens", "size" in found, found.get("size", "no window"))
    file, colours = found.get("picture"), found.get("colours", 0)
    written = file is not None and file.is_file() and file.stat().st_size > 0
    check("a picture of it is written", written and colours > 60, f"{file}, {colours} colours")
    check("nothing that is typed reaches the host", found.get("leaked") == [], found.get("leaked"))
    answers, times = found.get("answered", []), found.get("cancelled", [])

    def told(many):
        return ", ".join(f"{1000 * seconds:.0f} ms" for seconds in many)

    # The best of them: on a busy machine others take their time from the rest.
    in_time = len(answers) == 3 and min(answers) <= CANCEL_SECONDS
    check("cancelling answers in time", in_time, f"{told(answers)}; at rest after {told(times)}")
    for what in ("started by Enter", "made", "launched", "stopped by 0", "launched by 1"):
        check(f"a loop is {what}", found.get(what, False))
    for what in ("stopped by pad", "launched by pad"):
        check(f"a loop is {what}", found.get(what, False))
    check("what was undone and done again plays", found.get("plays on", False))
    passed = [key for key in found.get("the host's", []) if not key.startswith(("Control", "Shift"))]
    hosts = passed == ["space", "s"]
    check("Space and Ctrl+S are the host's, Ctrl+Z and digits are not", hosts, passed)
    check("the library lists the loop", found.get("listed", False))
    check("a search finds it", found.get("found", False))
    check("a search for something else does not", found.get("not found", False))
    for what, most in (("playing", None), ("idle", IDLE_SHARE)):
        shares = found.get(f"{what} cpu", {})
        told = ", ".join(f"{name} {100 * share:.2f} %" for name, share in list(shares.items())[:4])
        total = sum(shares.values())
        fair = bool(shares) and (most is None or total <= most)
        check(f"an open panel, {what}, of a core", fair, f"{100 * total:.2f} % ({told})")


def open_again(plugin):
    """A second time: windows that leak or double show here."""
    again, opened = threading.Event(), {}

    def close_again():
        try:
            opened["window"], _ = find_window("^Barline$")
            time.sleep(0.5)
        except TimeoutError:
            pass
        again.set()

    thread = threading.Thread(target=close_again)
    thread.start()
    plugin.show_editor(again)
    thread.join()
    check("it opens again", "window" in opened)


def main():
    args = arguments()
    missing = desktop.missing()
    if missing:
        check("the tools for a display", False, f"{', '.join(missing)} missing, see apt.txt")
        finish()
    # The user's own library and settings are left alone.
    home = tempfile.mkdtemp(prefix="barline-editor-")
    os.environ |= {"HOME": home, "XDG_DATA_HOME": home, "BARLINE_LIBRARY": f"{home}/library"}
    with desktop.display():
        plugin = pedalboard.load_plugin(str(args.bundle))
        plugin([], 0.02, RATE_HZ)
        closed, found = threading.Event(), {}
        user = threading.Thread(target=use_editor, args=(plugin, args.folder, closed, found))
        user.start()
        plugin.show_editor(closed)
        user.join()
        report(found)
        plugin([], 0.02, RATE_HZ)
        prompt = juce_state.project(juce_state.unpack(plugin.raw_state))["prompt"]
        words = WORDS + MORE_WORDS
        check(f"typing {words!r} arrives in the prompt", prompt == words, repr(prompt))
        open_again(plugin)
    finish()


if __name__ == "__main__":
    sys.path.insert(0, str(__file__).rsplit("/", 1)[0])
    main()
