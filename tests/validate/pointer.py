"""Programs in windows on the display, and a mouse that drags between them."""

import re
import subprocess
import threading
import time

import desktop

# Toolkits take a drag for one only when it looks like a hand's.
STEPS, STEP_SECONDS = 12, 0.02


class Program:
    """A child that prints lines, which can be waited for."""

    def __init__(self, *command, **options):
        self.child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            **options,
        )
        self.lines = []
        self._read = 0
        self._more = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        for line in self.child.stdout:
            with self._more:
                self.lines.append(line.rstrip("\n"))
                self._more.notify_all()

    def line(self, beginning: str, seconds=10.0):
        """The next line that begins so, or None when none comes in time."""
        end = time.monotonic() + seconds
        with self._more:
            while True:
                while self._read < len(self.lines):
                    self._read += 1
                    if self.lines[self._read - 1].startswith(beginning):
                        return self.lines[self._read - 1]
                if not self._more.wait(end - time.monotonic()) or time.monotonic() > end:
                    return None

    def tell(self, line: str):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def end(self):
        self.child.kill()
        self.child.wait()


def place(window, x, y):
    """Moves a window, waits for it, and gives its corner and size."""
    desktop.run("xdotool", "windowmove", str(window), str(x), str(y))
    time.sleep(0.2)
    return geometry(window)


def geometry(window):
    """Left, top, width, height on the screen."""
    info = desktop.run("xwininfo", "-id", str(window))
    values = re.findall(r"(?:Absolute upper-left [XY]|Width|Height):\s+(-?\d+)", info)
    return [int(value) for value in values[:4]]


def middle(window):
    left, top, width, height = geometry(window)
    return left + width // 2, top + height // 2


def move(x, y):
    desktop.run("xdotool", "mousemove", str(x), str(y))


def press(begin):
    move(*begin)
    time.sleep(0.1)
    desktop.run("xdotool", "mousedown", "1")
    time.sleep(0.1)


def carry(begin, end):
    """With the button down, in small steps."""
    for step in range(1, STEPS + 1):
        move(*(a + (b - a) * step // STEPS for a, b in zip(begin, end)))
        time.sleep(STEP_SECONDS)
    time.sleep(0.2)


def release():
    desktop.run("xdotool", "mouseup", "1")


def drag(begin, end):
    press(begin)
    carry(begin, end)
    release()
