"""The bundles in the formats' own validators, each where it is installed: clap-validator, Steinberg's
`validator` and pluginval, by these names on the PATH or where BARLINE_CLAP_VALIDATOR, BARLINE_VALIDATOR
and BARLINE_PLUGINVAL say. None of them comes as a package.

Each runs once, or BARLINE_VALIDATOR_RUNS times, in a home of its own; pluginval in random order, and
once more in a process of its own."""

import contextlib
import os
import shutil
import subprocess
import tempfile

import desktop
from report import arguments, check, finish

PLUGINVAL = ["--strictness-level", "10", "--randomise"]
# Much longer than any of them takes on two cores.
LONGEST_SECONDS = 240


def installed(name: str) -> str | None:
    path = shutil.which(os.environ.get(f"BARLINE_{name.replace('-', '_').upper()}", name))
    if path and name == "validator":
        # Others have that name too.
        version = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=20)
        path = path if "VST" in version.stdout else None
    return path


def passes(title: str, command: list):
    runs = int(os.environ.get("BARLINE_VALIDATOR_RUNS", "1"))
    told = ""
    passed = 0
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as home:
            environment = os.environ | {"HOME": home, "BARLINE_LIBRARY": f"{home}/library"}
            try:
                done = subprocess.run(
                    command, env=environment, capture_output=True, text=True, errors="replace", timeout=LONGEST_SECONDS
                )
            except subprocess.TimeoutExpired:
                told = f"no end after {LONGEST_SECONDS} s"
                continue
        passed += done.returncode == 0
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).splitlines()
            wrong = [line for line in lines if "FAIL" in line.upper() or "panicked" in line]
            told = "; ".join([str(done.returncode), *wrong[:5]])
    check(title, passed == runs, " ".join([f"{passed} of {runs}", told]).strip())


def main():
    args = arguments()
    vst3, clap = args.bundle, args.bundle.with_suffix(".clap")
    tools = {name: installed(name) for name in ("clap-validator", "validator", "pluginval")}
    for name, path in tools.items():
        if path is None:
            print(f"  {name} is not installed: not asked")
    if path := tools["clap-validator"]:
        passes("clap-validator", [path, "validate", clap])
        passes("clap-validator, all in one process", [path, "validate", "--in-process", clap])
    if path := tools["validator"]:
        passes("Steinberg's validator, its long tests too", [path, "-e", vst3])
    if path := tools["pluginval"]:
        # Nothing but a display of its own stands in for the user's.
        with contextlib.ExitStack() as stack:
            gone = desktop.missing()
            if gone:
                print(f"  {', '.join(gone)} missing: pluginval without its windows")
            else:
                stack.enter_context(desktop.display())
            windows = ["--skip-gui-tests"] if gone else []
            for where, more in ((", in its process", ["--validate-in-process"]), ("", [])):
                passes(f"pluginval at strictness 10{where}", [path, *PLUGINVAL, *windows, *more, "--validate", vst3])
    finish()


main()
