"""A worker process: takes one request from standard input, tells what it does on standard output, a JSON object a line.

It ends when its standard input is closed, so that it does not outlive the service, however that ended: its whole group
of processes is killed. SIGINT asks an optimisation to end with the best plans so far.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, TextIO

from api.console import stop_on_interrupt
from api.jobs.model import Progress, request_of
from api.masking import mask
from traffic.errors import InputError

__all__ = ["main"]

_NICE = 10  # what is served goes first


def main() -> None:
    """Work on the request of standard input."""
    events = _own_output()
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    os.nice(_NICE)
    _tell(events, _outcome(request, events))


def _own_output() -> TextIO:
    """Keep standard output for events: what libraries print goes to standard error."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return events


def _end_with_the_service() -> None:
    while os.read(0, 1024):
        pass  # nothing more is said to a worker
    os.killpg(0, signal.SIGKILL)


def _outcome(message: dict[str, Any], events: TextIO) -> dict[str, Any]:
    """Return the last event: what came out, or why nothing did."""
    from api.jobs.work import worked  # noqa: PLC0415 - after the thread that watches for the end

    def tell(progress: Progress) -> None:
        _tell(events, {"event": "progress", **progress.model_dump()})

    request = request_of(message["request"])
    try:
        with stop_on_interrupt() as should_stop:
            figures = worked(
                request, message["city"], Path(message["folder"]), tell=tell, should_stop=should_stop
            )
    except InputError as error:
        return {"event": "failed", "problem": error.problem()}
    except KeyboardInterrupt:
        return {"event": "stopped"}
    except Exception:  # noqa: BLE001 - the service tells it, and lives on
        traceback_text = mask(traceback.format_exc())
        return {"event": "crashed", "traceback": traceback_text}
    return {"event": "done", "figures": figures}


def _tell(events: TextIO, event: dict[str, Any]) -> None:
    events.write(json.dumps(event, allow_nan=False) + "\n")
    events.flush()


if __name__ == "__main__":
    main()
