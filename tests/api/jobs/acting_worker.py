"""A worker that does what the seed of its request says, in place of work that takes seconds to begin."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

FOUND, UNTIL_INTERRUPTED, DEAF, DIES_ONCE, DIES, FAILS, CRASHES, WITH_CHILD, GARBAGE = range(1, 10)


def tell(**event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def progress(share, objective):
    tell(event="progress", stage="optimize", share=share, objective=objective)


def found(folder, objective):
    (folder / "found.json").write_text(json.dumps({"objective": objective}), encoding="utf-8")
    tell(event="done", figures={"objective_after": objective, "plans": "found.json"})


def until_interrupted(folder):
    try:
        progress(0.25, 90.0)
        progress(0.5, 80.0)
        time.sleep(600)
    except KeyboardInterrupt:
        found(folder, 80.0)


def with_child():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    tell(event="progress", stage="optimize", note=str(child.pid))
    time.sleep(600)


def main():
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a background process may have been told to ignore it
    message = json.loads(sys.stdin.readline())
    folder, seed = Path(message["folder"]), message["request"]["seed"]
    attempt = int(folder.name.rpartition("-")[2])
    if seed == FOUND or (seed == DIES_ONCE and attempt > 1):
        progress(1.0, 70.0)
        found(folder, 70.0)
    elif seed in {DIES, DIES_ONCE}:
        progress(0.5, 80.0)
        sys.stderr.write("out of memory for jsy_c2VjcmV0\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    elif seed == UNTIL_INTERRUPTED:
        until_interrupted(folder)
    elif seed == DEAF:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        progress(0.5, 80.0)
        time.sleep(600)
    elif seed == FAILS:
        tell(event="failed", problem={"title": "Bad input", "status": 422, "rule": "must be known"})
    elif seed == CRASHES:
        tell(event="crashed", traceback="ZeroDivisionError")
    elif seed == WITH_CHILD:
        with_child()
    elif seed == GARBAGE:
        sys.stdout.write("no JSON\n")


if __name__ == "__main__":
    main()
