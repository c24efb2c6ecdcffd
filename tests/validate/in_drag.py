"""Files out of a window and into it, with GTK and Qt at the other end, under Xvfb.

The window is the example of `plugin/drag`: the crate's real code in a window of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import desktop
import pointer
from report import arguments, check, finish

HERE = Path(__file__).resolve().parent
# The system's: the toolkits come with it, not with the hosts' environment.
PYTHON = "/usr/bin/python3"
NAME = "barline größe, 97.5bpm #1 100%.wav"
# Two thirds of a second more than the 5 s that a target has.
PATIENCE = 5.7


def path_of(uri: str) -> Path:
    parts = urllib.parse.urlsplit(uri)
    return Path(urllib.parse.unquote(parts.path))


def toolkit(kind, *words):
    program = pointer.Program(PYTHON, HERE / "drag" / f"{kind}_window.py", *words)
    line = program.line('{"window"')
    if line is None:
        raise RuntimeError(f"no {kind} window")
    return program, json.loads(line)["window"]


def ours(example, *words):
    program = pointer.Program(example, *words)
    window = int(program.line("window ").split()[1])
    # Mapped and framed.
    time.sleep(0.4)
    return program, window


class Out:
    """One drag out of our window."""

    def __init__(self, example, files):
        self.program, self.window = ours(example, "--drag", *files)
        pointer.place(self.window, 40, 60)

    def outcome(self, seconds=3.0):
        line = self.program.line("outcome ", seconds)
        return None if line is None else line.removeprefix("outcome ")

    def drag_to(self, place, seconds=3.0):
        pointer.drag(pointer.middle(self.window), place)
        return self.outcome(seconds)


def out_into(out, kind, files):
    target, window = toolkit(kind, "--take")
    pointer.place(window, 600, 60)
    outcome = out.drag_to(pointer.middle(window))
    line = target.line('{"took"', 3)
    target.end()
    took = json.loads(line)["took"] if line else []
    same = [path_of(uri) for uri in took] == files
    equal = same and all(path_of(uri).read_bytes() == file.read_bytes() for uri, file in zip(took, files))
    check(f"{kind.upper()} takes the files, byte for byte", outcome == "Dropped" and equal, f"{outcome}, {took}")


def refusals(out, example):
    check("dropped on nothing", (found := out.drag_to((900, 800))) == "Nothing", found)

    left, top, *_ = pointer.geometry(out.window)
    pointer.press(pointer.middle(out.window))
    pointer.carry(pointer.middle(out.window), (left + 33, top + 44))
    pointer.release()
    check("dropped on ourselves, and where", (found := out.outcome()) == "Ourselves { x: 33, y: 44 }", found)

    target, window = toolkit("gtk", "--refuse")
    pointer.place(window, 600, 60)
    check("a target that refuses", (found := out.drag_to(pointer.middle(window))) == "Refused", found)
    target.end()

    target, window = toolkit("gtk", "--take")
    pointer.place(window, 600, 60)
    begin, end = pointer.middle(out.window), pointer.middle(window)
    pointer.press(begin)
    pointer.carry(begin, end)
    desktop.run("xdotool", "key", "Escape")
    found = out.outcome()
    pointer.release()
    check("Escape cancels, nothing is dropped", found == "Cancelled" and target.line('{"took"', 0.5) is None, found)

    pointer.press(begin)
    pointer.carry(begin, end)
    out.program.tell("cancel")
    found = out.outcome()
    pointer.release()
    check("so does the panel", found == "Cancelled" and target.line('{"took"', 0.5) is None, found)

    pointer.press(begin)
    pointer.carry(begin, end)
    target.child.send_signal(signal.SIGKILL)
    time.sleep(0.3)
    pointer.release()
    check("a target that dies under the pointer", (found := out.outcome()) == "Nothing", found)
    target.end()

    # Our own example without ears: it says that it takes drops, and answers nothing.
    mute, window = ours(example)
    pointer.place(window, 600, 60)
    # Atom 5, as a version, has a name that xprop can write.
    desktop.run("xprop", "-id", str(window), "-f", "XdndAware", "32a", "-set", "XdndAware", "BITMAP")
    began = time.monotonic()
    pointer.drag(begin, pointer.middle(window))
    waited = time.monotonic()
    found = out.outcome(8)
    waited = time.monotonic() - waited
    check("a target that never answers: 5 s", found == "NoAnswer" and 4.8 < waited < PATIENCE, f"{found}, {waited:.1f} s")

    pointer.drag(begin, pointer.middle(window))
    time.sleep(0.5)
    mute.end()
    waited = time.monotonic()
    found = out.outcome(8)
    waited = time.monotonic() - waited
    check("a target that dies after the drop", found == "NoAnswer" and waited < 1, f"{found}, {waited:.2f} s")

    pointer.press(begin)
    pointer.carry(begin, (700, 500))
    out.program.tell("close")
    found = out.outcome()
    pointer.release()
    check("our window closes in the middle", found == "Cancelled", found)


def never_in_the_way(out):
    lines = [line for line in out.program.lines if line.startswith("started in ")]
    longest = max(int(line.split()[2]) for line in lines)
    check("starting a drag holds the window's thread for less than 5 ms", longest < 5000, f"{longest} us, {len(lines)} drags")


def into_us(example, kind, files):
    target, window = ours(example, "--listen")
    pointer.place(window, 40, 60)
    source, giver = toolkit(kind, "--give", *files)
    pointer.place(giver, 600, 60)
    left, top, *_ = pointer.geometry(window)
    pointer.drag(pointer.middle(giver), (left + 50, top + 70))
    line = target.line("event Drop", 3) or ""
    wanted = ", ".join(f'"{file}"' for file in files)
    passed = f"paths: [{wanted}], x: 50, y: 70" in line
    hovered = any(line.startswith("event Hover") for line in target.lines)
    check(f"{kind.upper()} drops files into our window", passed and hovered, line)
    check(f"{kind.upper()} hears that it went well", source.line('{"ended"', 3) is not None)
    # In and out again.
    pointer.press(pointer.middle(giver))
    pointer.carry(pointer.middle(giver), (left + 50, top + 70))
    pointer.carry((left + 50, top + 70), (700, 600))
    found = target.line("event Leave", 3)
    pointer.release()
    check(f"{kind.upper()} leaves again", found == "event Leave", found)
    source.end()
    target.end()


def one_of_ours_to_another(example, files):
    target, window = ours(example, "--listen")
    pointer.place(window, 600, 60)
    out = Out(example, files)
    outcome = out.drag_to(pointer.middle(window))
    line = target.line("event Drop", 3) or ""
    check("from one of our windows to another", outcome == "Dropped" and str(files[0]) in line, f"{outcome}, {line}")
    out.program.end()
    target.end()


def clipboard(example, file):
    first, _ = ours(example, "--copy", file)
    line = first.line("copy ")
    target, _ = toolkit("gtk", "--paste")
    pasted = json.loads(target.line('{"pasted"', 5) or "{}")
    target.end()
    uri = file.as_uri().replace(",", "%2C")
    decoded = [path_of(uri) for uri in pasted.get("pasted") or []]
    check("copied: GTK pastes the file", line == "copy Some(Ok(()))" and decoded == [file], f"{line}, {pasted}")
    check("copied as file managers do", pasted.get("gnome") == f"copy\n{uri}" and pasted.get("text") == str(file), pasted)
    first.end()


def main():
    args = arguments()
    tools = [*desktop.missing(), *(tool for tool in ("xprop",) if shutil.which(tool) is None)]
    toolkits = subprocess.run([PYTHON, "-c", "import gi, PyQt5.QtWidgets; gi.require_version('Gtk', '3.0')"], capture_output=True)
    if tools or toolkits.returncode:
        words = toolkits.stderr.decode().strip().rsplit("\n", 1)[-1]
        check("the tools for drags", False, f"{', '.join(tools)} {words} missing, see apt.txt")
        finish()
    subprocess.run(["cargo", "build", "--quiet", "--package", "barline-drag", "--example", "drag_window"], cwd=HERE, check=True)
    example = args.barline.parents[1] / "debug/examples/drag_window"
    os.environ["QT_QPA_PLATFORM"] = "xcb"
    os.environ["GDK_BACKEND"] = "x11"
    folder = args.folder / "a drag"
    folder.mkdir(exist_ok=True)
    files = [folder / NAME, folder / "b.wav"]
    for file in files:
        file.write_bytes(os.urandom(20_000))
    with desktop.display():
        out = Out(example, files)
        out_into(out, "gtk", files)
        out_into(out, "qt", files)
        refusals(out, example)
        never_in_the_way(out)
        out.program.end()
        missing = Out(example, [folder / "missing.wav"])
        found = missing.drag_to((900, 800))
        check("a file that is missing", (found or "").startswith("Failed(Missing("), found)
        missing.program.end()
        into_us(example, "gtk", files)
        into_us(example, "qt", files)
        one_of_ours_to_another(example, files[:1])
        clipboard(example, files[0])
        check("the files lie where they lay", all(len(file.read_bytes()) == 20_000 for file in files))
    finish()


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
