"""A fleet of virtual controllers that writes down what it was answered and what every lamp has shown.

python -m benchmarks.crash.fleet SETTINGS.json
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.crash.journal import Journal
from simulation.controller.commissioning import read_credentials, read_folder
from simulation.controller.fleet import Fleet, FleetSettings
from simulation.controller.http import Link, Settings
from simulation.controller.verdicts import Acknowledgement

__all__ = ["fingerprint", "run_fleet"]


def fingerprint(kind: str, data: Mapping[str, Any]) -> str:
    """Return a digest of what a report says."""
    text = json.dumps([kind, data], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _RecordedFleet(Fleet):
    """A fleet that notes every second of every controller."""

    seconds: Journal

    def _show(self, wall_s: int) -> None:
        super()._show(wall_s)
        runners = [cabinet.runner for cabinet in self.cabinets]
        self.seconds.note(
            {
                "s": wall_s,
                "own": [runner.second for runner in runners],
                "rows": [runner.row.hex() for runner in runners],
                "backup": sum(runner.backup for runner in runners),
                "shown": [[now.source, now.version] for now in map(_in_force, runners)],
            }
        )


def _in_force(runner: Any) -> Any:
    return runner.in_force()


def _recording(journal: Journal) -> type[Link]:
    """Return a way to the service that writes down what was answered."""

    class Recording(Link):
        def __init__(self, client: Any, junction: str, credential: str, **how: Any) -> None:
            super().__init__(client, junction, credential, **how)
            self._junction = junction

        async def acknowledge(self, told: Acknowledgement, at: str) -> None:
            await super().acknowledge(told, at)
            journal.write({"acknowledged": [self._junction, told.version, told.result], "at": time.time()})

        async def report(self, reports: Sequence[Mapping[str, Any]], at: str) -> object:
            until = await super().report(reports, at)
            told = [
                [row["number"], fingerprint(row["kind"], row["data"])]
                for row in reports
                if isinstance(until, int) and row["number"] <= until
            ]
            journal.write({"reported": self._junction, "reports": told})
            return until

    return Recording


async def _run(fleet: Fleet, say_ready: Callable[..., None]) -> None:
    until, ready, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, until.set)

    async def announce() -> None:
        await ready.wait()
        say_ready()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(announce())
        tasks.create_task(fleet.run(until, ready))


def run_fleet(settings: Mapping[str, Any], say_ready: Callable[..., None]) -> None:
    """Run controllers until told to stop."""
    folder = Path(settings["folder"])
    redis = settings["append_only_file"]
    journal = Journal(folder / "fleet.jsonl", None if redis is None else Path(redis))
    tables = read_folder(folder / "tables")
    fleet = _RecordedFleet(
        tables,
        read_credentials(folder / "credentials.json", [one.junction for one in tables]),
        folder / "controllers",
        FleetSettings(
            Settings(settings["url"], wait_s=10),
            push=settings["push"],
            events=True,
            retry_s=(0.2, 2.0),
            seed=settings["seed"],
        ),
        clock=time.time,
        steady=time.monotonic,
        make_link=_recording(journal),
    )
    fleet.seconds = Journal(folder / "seconds.jsonl")
    fleet.seconds.note({"start": [one.junction for one in tables]})
    asyncio.run(_run(fleet, say_ready))
    (folder / "fleet_summary.json").write_text(json.dumps(fleet.summary(), indent=1), encoding="utf-8")
