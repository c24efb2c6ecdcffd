"""A display of our own with what JUCE hosts need on it: a window manager and an XSETTINGS
manager, without which their windows fail with BadAtom or BadWindow."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time

TOOLS = ("Xvfb", "openbox", "xsettingsd", "xdotool", "xwininfo", "import")


def missing() -> list[str]:
    """What has to be installed first (see apt.txt)."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


@contextlib.contextmanager
def display(size="1280x900x24"):
    """Sets DISPLAY to a new display; ends all that it started."""
    children = []

    def start(*command, **options):
        quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        children.append(subprocess.Popen(command, **(quiet | options)))
        return children[-1]

    with tempfile.TemporaryDirectory() as home:
        try:
            read, write = os.pipe()
            start(
                *("Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp"),
                pass_fds=[write],
                stdout=subprocess.DEVNULL,
            )
            os.close(write)
            with os.fdopen(read) as pipe:
                number = pipe.readline().strip()
            if not number:
                raise RuntimeError("Xvfb does not start")
            os.environ["DISPLAY"] = f":{number}"
            settings = os.path.join(home, "xsettingsd.conf")
            with open(settings, "w") as file:
                file.write('Net/ThemeName "Default"\n')
            start("openbox", env=os.environ | {"HOME": home}, stdout=subprocess.DEVNULL)
            start("xsettingsd", "-c", settings, stdout=subprocess.DEVNULL)
            time.sleep(1.0)
            yield
        finally:
            for child in reversed(children):
                child.terminate()
            for child in reversed(children):
                try:
                    child.wait(5)
                except subprocess.TimeoutExpired:
                    child.kill()


def run(*command) -> str:
    """Output of a tool, empty when it fails: windows come and go."""
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""
