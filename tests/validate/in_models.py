"""A project whose model is not here, in a JUCE host (pedalboard) under Xvfb: its clips play, the panel offers to
fetch the model, and a hand on the mouse does that from a hub on the loopback: question, progress, pause, further
on, and a loop made with it.

The hub is the one of the command line's tests (`tests/hub`); nothing leaves this machine."""

import json
import os
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
import slots
from in_editor import ACCENT, MAKE_SECONDS, Panel, Sound, processor_seconds, until
from report import arguments, check, finish

HERE = Path(__file__).resolve().parent
MODEL = "some/tiny"
# Of another machine's cache.
ELSEWHERE = "/elsewhere/hub/models--some--tiny/snapshots/0123456789"
WEIGHTS = "/model.safetensors"
FETCH_SECONDS = 30


def served(barline: Path):
    """The hub with a tiny random model in the published layout; the tests' build has made it."""
    program = barline.parents[1] / "debug/barline-hub"
    if not program.is_file():
        command = ["cargo", "build", "--quiet", "--package", "barline-hub"]
        subprocess.run(command, cwd=HERE, check=True)
    return pointer.Program(program, MODEL, HERE.parent / "golden/models/mono")


def project() -> bytes:
    """Clips in all slots, and a model that is nowhere on this machine."""
    state = slots.hums({})
    fields = juce_state.project(state)
    fields |= {"prompt": "dark techno drums", "model": {"Folder": ELSEWHERE}, "model_id": MODEL}
    state["fields"]["project"] = json.dumps(fields | {"selected": 1})
    return juce_state.pack(state)


class Page(Panel):
    """The panel with its page of models."""

    def accent_block(self, top=0.0, bottom=1.0, left=0.0, least=(40, 16)):
        """The middle of the largest part there that is filled with the accent's colour: a button to press.
        Shares of the window; the least width and height."""
        pixels = self.pixels().astype(int)
        rows, columns = pixels.shape[:2]
        area = pixels[int(top * rows) : int(bottom * rows), int(left * columns) :]
        filled = (abs(area - ACCENT) < 40).all(axis=2)
        lines = filled.sum(axis=1) >= least[0]
        begin = best = None
        for row, line in enumerate([*lines, False]):
            if line and begin is None:
                begin = row
            if not line and begin is not None:
                if row - begin >= least[1] and (best is None or row - begin > best[1] - best[0]):
                    best = (begin, row)
                begin = None
        if best is None:
            return None
        across = numpy.flatnonzero(filled[best[0] : best[1]].sum(axis=0) >= (best[1] - best[0]) / 2)
        if len(across) < least[0]:
            return None
        x = self.left + int(left * columns) + int(numpy.median(across))
        return x, self.top + int(top * rows) + (best[0] + best[1]) // 2

    def press(self, place):
        pointer.move(*(int(number) for number in place))
        time.sleep(0.15)
        desktop.run("xdotool", "click", "1")
        time.sleep(0.3)
        # Off it again: buttons are another colour under the pointer.
        pointer.move(self.left + 3, self.top + 3)
        time.sleep(0.2)

    def side(self, least=(40, 16)):
        """A filled button in the side panel."""
        return self.accent_block(left=self.side_left(), top=0.1, least=least)

    def side_left(self) -> float:
        return (self.place("tab takes")[0] - self.left) / self.width - 0.03

    def bar(self):
        """The bar of progress."""
        return self.accent_block(left=self.side_left(), top=0.1, least=(6, 3))


def fetch(page: Page, hub, found: dict):
    # The message's own button, above the pads.
    generate_y = (page.place("generate")[1] - page.top) / page.height
    offer = lambda: page.accent_block(top=generate_y + 0.06, bottom=0.98, least=(20, 16))
    found["offered"] = until(lambda: offer() is not None, 10)
    page.picture("models-missing")
    hub.tell("asked")
    found["asked before"] = hub.line("", 5)
    page.press(offer())
    found["question"] = until(lambda: page.side() is not None, 10)
    page.picture("models-question")
    page.press(page.side())
    found["progress"] = until(lambda: page.bar() is not None, 10)
    time.sleep(0.8)
    page.picture("models-fetching")
    y = page.bar()[1] + 19
    page.press((page.place("pause fetch")[0], y))
    found["paused"] = until(lambda: page.bar() is None, 5)
    time.sleep(1.0)
    found["stays paused"] = page.bar() is None
    page.picture("models-paused")
    hub.tell("heal")
    page.press((page.place("fetch model")[0], y - 7))
    found["question again"] = until(lambda: page.side() is not None, 10)
    page.picture("models-further")
    page.press(page.side())


def use(plugin, args, hub, closed: threading.Event, found: dict):
    """Another thread than the window's: what a user would do."""
    sound = page = None
    try:
        page = Page(args.folder)
        sound = Sound(plugin)
        page.click("audition")
        page.key("1")
        found["plays"] = until(lambda: sound.level > 0.02, 5.0)
        fetch(page, hub, found)
        # The host's state is its own thread's: whether it is in use is asked when the window is closed.
        cache = Path(os.environ["HF_HOME"]) / "hub/models--some--tiny/snapshots"
        found["here"] = until(cache.is_dir, FETCH_SECONDS, pause=0.2)
        time.sleep(1.0)
        found["still plays"] = sound.level > 0.02
        page.picture("models-here")
        # The page has been open all this time, beside a loop.
        used = processor_seconds()
        found["measured"] = sum(seconds for name, seconds in used.items() if "barline-speeds" in name)
        page.click("generate")
        # Every take is kept.
        library = Path(os.environ["BARLINE_LIBRARY"])
        found["kept"] = until(lambda: any(library.rglob("*.wav")), MAKE_SECONDS, pause=0.2)
        time.sleep(1.0)
        page.picture("models-made")
    except Exception:
        traceback.print_exc()
    finally:
        if sound:
            sound.running = False
        if page:
            page.hand.end()
        closed.set()


def saved(plugin) -> dict:
    return juce_state.project(juce_state.unpack(plugin.raw_state))


def model(plugin):
    """The folder of the project's model."""
    named = saved(plugin)["model"]
    return named.get("Folder") if isinstance(named, dict) else None


def made_by(plugin) -> list[str]:
    clips = saved(plugin).get("clips", [])
    return [clip["facts"]["model"] for clip in clips if clip]


def main():
    args = arguments()
    missing = desktop.missing()
    if missing:
        check("the tools for a display", False, f"{', '.join(missing)} missing, see apt.txt")
        finish()
    hub = served(args.barline)
    home = tempfile.mkdtemp(prefix="barline-models-")
    os.environ |= {"HOME": home, "XDG_DATA_HOME": home, "BARLINE_LIBRARY": f"{home}/library"}
    os.environ |= {"XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home, "HF_HOME": f"{home}/hf"}
    os.environ["HF_ENDPOINT"] = hub.line("http", 10)
    for name in ("HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        os.environ.pop(name, None)
    # Some seconds for it.
    hub.tell(f"slow {WEIGHTS} 20000 200")
    with desktop.display():
        plugin = pedalboard.load_plugin(str(args.bundle))
        plugin([], 0.02, 48_000)
        plugin.raw_state = project()
        plugin([], 0.02, 48_000)
        closed, found = threading.Event(), {}
        user = threading.Thread(target=use, args=(plugin, args, hub, closed, found))
        user.start()
        plugin.show_editor(closed)
        user.join()
    check("a clip of a project plays whose model is not here", found.get("plays", False))
    check("the model is offered", found.get("offered", False))
    check("nothing is asked of the hub before that", found.get("asked before") == ".", found.get("asked before"))
    for what, key in (
        ("size and licence are asked about", "question"),
        ("a bar says how far it is", "progress"),
        ("it is paused", "paused"),
        ("and stays so", "stays paused"),
        ("the rest is asked about", "question again"),
        ("it comes", "here"),
        ("the clip plays on", "still plays"),
        ("a loop is made", "kept"),
    ):
        check(what, found.get(key, False))
    measured = found.get("measured")
    told = "not seen" if measured is None else f"{1000 * measured:.0f} ms of a core"
    check("speeds are not measured beside a loop", measured is not None and measured < 0.3, told)
    made = made_by(plugin)
    check("and made with it", MODEL in made, made)
    folder = model(plugin) or ""
    check("the project names where it lies now", folder.startswith(f"{home}/hf/hub/models--some--tiny"), folder)
    hub.end()
    finish()


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
