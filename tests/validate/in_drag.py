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
    out.program.tell("noise")
    out.program.line("noise made")
    pointer.release()
    found = out.outcome(8)
    check("a drag among nonsense", found == "Dropped" and target.line('{"took"', 2) is not None, found)

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


def drop_properties(window) -> str:
    found = desktop.run("xprop", "-id", str(window), "XdndProxy", "XdndAware")
    return found.replace("no such atom on any window", "not found")


def into_us_in_a_host(example, host_kind, takes, source_kind, files):
    """The window that sources see first is then the host's."""
    name = f"{source_kind.upper()} to {host_kind.upper()} host that {'takes drops itself' if takes else 'takes none'}"
    if host_kind == "plain":
        host, socket = ours(example)
        desktop.run("xdotool", "windowsize", "--sync", str(socket), "320", "300")
        host_window = socket
    else:
        host, host_window = toolkit(host_kind, "--host", *(["--take"] if takes else []))
        socket = json.loads(next(line for line in host.lines if line.startswith('{"socket"')))["socket"]
    untouched = drop_properties(host_window)
    target, window = ours(example, "--listen", "--parent", str(socket))
    pointer.place(host_window, 40, 60)
    source, giver = toolkit(source_kind, "--give", *files)
    pointer.place(giver, 600, 60)
    begin = pointer.middle(giver)
    left, top, *_ = pointer.geometry(window)
    # The listener looks for the host's window once a second.
    time.sleep(1.2)
    pointer.drag(begin, (left + 50, top + 70))
    line = target.line("event Drop", 3) or ""
    check(f"{name}: into the editor", str(files[0]) in line and "x: 50, y: 70" in line, line)
    time.sleep(0.5)
    left, top, *_ = pointer.geometry(host_window)
    if takes:
        pointer.press(begin)
        # By way of the editor: it must let go.
        over, beside = (left + 50, top + 150), (left + 50, top + 40)
        pointer.carry(begin, over)
        pointer.carry(over, beside)
        pointer.release()
        took = json.loads(host.line('{"took"', 3) or "{}").get("took", [])
        passed = [path_of(uri) for uri in took] == files and target.line("event Leave", 2) is not None
        check(f"{name}: beside it", passed, took)
    else:
        pointer.drag(begin, (left + 50, top + 280))
        check(f"{name}: not beside it", target.line("event Drop", 0.5) is None)
    before = drop_properties(host_window)
    target.tell("quit")
    target.child.wait(5)
    after = drop_properties(host_window)
    check(f"{name}: left as it was", after == untouched and "XdndProxy(WINDOW)" in before, f"{before!r} {after!r}")
    if takes:
        pointer.drag(begin, (left + 50, top + 40))
        check(f"{name}: and takes drops as before", host.line('{"took"', 3) is not None)
    for program in (source, host, target):
        program.end()


def across_a_host(example, files):
    """GTK knows one drag for each source: what it hears of one window after it has heard of the next ends the
    drag there. The host's first window is led to us, its second one is not."""
    host, window = toolkit("gtk", "--host", "--take", "--second")
    said = {name: number for line in host.lines for name, number in json.loads(line).items()}
    second, socket = said["second"], said["socket"]
    target, panel = ours(example, "--listen", "--parent", str(socket), "--drag", *files)
    pointer.place(window, 40, 60)
    pointer.place(second, 40, 400)
    source, giver = toolkit("qt", "--give", *files)
    pointer.place(giver, 600, 60)
    # The listener looks for the host's window once a second.
    time.sleep(1.2)
    left, top, *_ = pointer.geometry(window)
    frame, end = (left + 50, top + 40), pointer.middle(second)
    left, top, *_ = pointer.geometry(panel)
    inside = (left + 50, top + 40)

    def dropped(begin, pause_s):
        pointer.press(begin)
        away = (begin[0] + 20, begin[1] + 20)
        pointer.carry(begin, away)
        for place in (frame, (frame[0] + 5, frame[1] + 5)):
            pointer.move(*place)
            time.sleep(pause_s)
        pointer.move(*end)
        time.sleep(0.3)
        pointer.release()
        took = json.loads(host.line('{"took"', 3) or "{}")
        passed = took.get("title") == "second GTK window"
        return passed and [path_of(uri) for uri in took["took"]] == files

    for name, begin in (("another program's", pointer.middle(giver)), ("ours", inside)):
        took = [dropped(begin, pause_ms / 1000) for pause_ms in (10, 30, 60, 120)]
        check(f"{name}: across the window around us, to the host's next", all(took), took)
    for program in (source, host, target):
        program.end()


def one_of_ours_to_another(example, files):
    target, window = ours(example, "--listen")
    pointer.place(window, 600, 60)
    out = Out(example, files)
    target.tell("noise")
    target.line("noise made")
    # Drops of programs that do not exist are given up after 5 s.
    target.line("event Drop", 6)
    target.tell("refuse")
    time.sleep(0.1)
    outcome = out.drag_to(pointer.middle(window))
    check("a panel that refuses", outcome == "Refused" and target.line("event Drop", 0.3) is None, outcome)
    target.tell("welcome")
    time.sleep(0.1)
    outcome = out.drag_to(pointer.middle(window))
    line = target.line("event Drop", 3) or ""
    check("from one of our windows to another, that has heard nonsense", outcome == "Dropped" and str(files[0]) in line, f"{outcome}, {line}")
    out.program.end()
    target.end()


def a_frame_that_was_asked_for_too_early(example):
    target, _window = ours(example, "--listen")
    target.tell("frame")
    found = target.line("frame 0", 3)
    check("a frame that was asked for too early comes", found is not None, found)
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
    again = pointer.Program(example, "--copy", file, "--copy", file, "--copy", file)
    lines = [again.line("copy ") for _ in range(3)]
    time.sleep(0.3)
    names = [task.read_text().strip() for task in Path(f"/proc/{again.child.pid}/task").glob("*/comm")]
    owners = sum(name.startswith("barline clip") for name in names)
    check("a copy replaces the one before", lines == ["copy Some(Ok(()))"] * 3 and owners == 1, names)
    again.end()


def errands(example, folder):
    """What needs no file manager and no dialog, and what is said where there is none."""
    file, home = folder / NAME, folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    nowhere = {"PATH": str(home), "HOME": str(home)}

    def said(what, file, environment=nowhere):
        program = pointer.Program(example, f"--{what}", file, env=os.environ | environment)
        line = program.line(f"{what} ", 10)
        program.end()
        return line

    found = said("reveal", folder / "missing.wav")
    check("a missing file is not shown", (found or "").startswith("reveal Some(Err(Missing("), found)
    found = said("reveal", file)
    check("no file manager: said with the path", (found or "").startswith("reveal Some(Err(NoFileManager("), found)
    found = said("save", file)
    check("no dialog: said", found == "save Some(Err(NoDialog))", found)
    # A bin on the same disk is a move; on another the bin is that disk's.
    trash = {"HOME": str(home), "XDG_DATA_HOME": str(home / "data")}
    held = file.read_bytes()
    found = said("bin", file, trash)
    binned = [path for path in home.rglob("*.wav") if path.read_bytes() == held]
    passed = found == "bin Some(Ok(()))" and not file.exists() and len(binned) == 1
    check("the bin has the file, and where it came from", passed and len(list(home.rglob("*.trashinfo"))) == 1, found)
    found = said("bin", file, trash)
    check("a file that is gone already", (found or "").startswith("bin Some(Err(Missing("), found)
    binned[0].rename(file)


def main():
    args = arguments()
    tools = [*desktop.missing(), *(tool for tool in ("xprop",) if shutil.which(tool) is None)]
    toolkits = subprocess.run([PYTHON, "-c", "import gi, PyQt5.QtWidgets; gi.require_version('Gtk', '3.0')"], capture_output=True)
    if tools or toolkits.returncode:
        words = toolkits.stderr.decode().strip().rsplit("\n", 1)[-1]
        check("the tools for drags", False, f"{', '.join(tools)} {words} missing, see apt.txt")
        finish()
    example = pointer.example(args.barline)
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
        across_a_host(example, files)
        a_frame_that_was_asked_for_too_early(example)
        for host, takes, source in (("plain", False, "gtk"), ("gtk", True, "qt"), ("qt", True, "gtk")):
            into_us_in_a_host(example, host, takes, source, files)
        clipboard(example, files[0])
        errands(example, folder)
        check("the files lie where they lay", all(len(file.read_bytes()) == 20_000 for file in files))
    finish()


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
