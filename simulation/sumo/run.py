"""Run a SUMO simulation over some seeds and score it.

Every vehicle that is due before the end counts: arrived, still under way, or still waiting to enter. So a plan cannot
win by keeping vehicles outside, and what it does to the last of them is seen.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from simulation.sumo.config import SumoConfig
from simulation.sumo.executables import MESSAGE_LENGTH, environment, sumo_program
from traffic.errors import InputError, JasylError
from traffic.progress import Progress
from traffic.sumo.records import records

__all__ = ["Score", "Summary", "run", "run_seeds", "summary"]

Score = dict[str, float]
_TRIPS, _STATISTICS = "trips.xml", "statistics.xml"
_ENDS = ("final simulation step has been reached", "All vehicles have left")


def run_seeds(
    config: SumoConfig,
    seeds: Sequence[int],
    *,
    plans: Sequence[Path] = (),
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[int, Score]:
    """Return the score of every seed; see `run`.

    Parameters
    ----------
    jobs
        Runs at a time. `cpu_s` is each run's own.
    """
    scores: dict[int, Score] = {}
    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        for seed, score in zip(
            seeds, pool.map(lambda seed: run(config, seed, plans=plans), seeds), strict=True
        ):
            scores[seed] = score
            if progress is not None:
                progress(len(scores), len(seeds), f"seed {seed}: {score['delay_per_veh']:.2f} s/veh")
    return scores


class Summary(TypedDict):
    """Scores by seed, and their mean and standard deviation by figure."""

    seeds: dict[int, Score]
    mean: Score
    sd: Score


def summary(scores: dict[int, Score]) -> Summary:
    """Return the scores with their mean and standard deviation over the seeds."""
    columns = {key: [score[key] for score in scores.values()] for key in next(iter(scores.values()))}
    return {
        "seeds": scores,
        "mean": {key: statistics.mean(values) for key, values in columns.items()},
        "sd": {key: statistics.stdev(values) if len(values) > 1 else 0.0 for key, values in columns.items()},
    }


def run(config: SumoConfig, seed: int, *, plans: Sequence[Path] = ()) -> Score:
    """Run one seed and return its figures.

    Parameters
    ----------
    plans
        Additional files with signal programs, loaded after those of the configuration.

    Returns
    -------
    Score
        Counts of vehicles; means over arrived vehicles (``mean_...``); over all vehicles due, time in system
        (``tts_per_veh``) and delay (``delay_per_veh``: time loss and waiting to enter), in seconds, and stops; teleports
        and near misses as SUMO counts them; time taken.
    """
    with tempfile.TemporaryDirectory(prefix="jasyl-sumo-") as name:
        folder = Path(name)
        began = time.perf_counter()
        cpu_s = _run(_command(config, seed, plans, folder), folder)
        wall_s = time.perf_counter() - began
        score = {**_trips(folder / _TRIPS), **_safety(folder / _STATISTICS)}
    moved_s = score.pop("moved_s")
    return {
        **score,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "veh_updates_per_cpu_s": moved_s / cpu_s,  # of steps of 1 s
        "simsec_per_cpu_s": (config.end_s - config.begin_s) / cpu_s,
    }


def _command(config: SumoConfig, seed: int, plans: Sequence[Path], folder: Path) -> list[str]:
    command = [
        str(sumo_program("sumo")),
        "-c",
        str(config.file),
        "--seed",
        str(seed),
        "--end",
        str(config.end_s),
    ]
    command += ["--time-to-teleport", str(config.teleport_s)]
    command += ["--no-step-log", "--no-warnings", "--duration-log.disable", "--verbose"]
    command += ["--tripinfo-output", str(folder / _TRIPS), "--statistic-output", str(folder / _STATISTICS)]
    command += ["--tripinfo-output.write-unfinished", "--tripinfo-output.write-undeparted"]
    additional = [*config.additional, *(path.absolute() for path in plans)]
    return [*command, "-a", ",".join(map(str, additional))] if additional else command


def _run(command: list[str], folder: Path) -> float:
    """Run SUMO and return the seconds of processor time that it took."""
    with (
        (folder / "stderr.txt").open("w+", encoding="utf-8") as errors,
        (folder / "stdout.txt").open("w+", encoding="utf-8") as told,
    ):
        process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
            command, env=environment(Path(command[0])), stdout=told, stderr=errors
        )
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            message = errors.read()[-MESSAGE_LENGTH:].strip()
            if process.returncode > 0:
                raise InputError(f"SUMO refuses it: {message}", file=command[2])
            text = f"SUMO ended with signal {-process.returncode}: {message}"
            raise JasylError(text)
        told.seek(0)
        log = told.read()
        if not any(reason in log for reason in _ENDS):
            text = "SUMO was stopped before the end: its figures would be those of a part of the run"
            raise JasylError(text)
    return used.ru_utime


@dataclass
class _Sums:
    due: int = 0
    never_entered: int = 0
    arrived: int = 0
    stops: int = 0
    duration_s: float = 0.0
    loss_s: float = 0.0
    waited_s: float = 0.0
    entering_s: float = 0.0
    total_s: float = 0.0
    delay_s: float = 0.0

    def add(self, trip: ET.Element) -> None:
        """Add a vehicle, in the order of the file, so that sums are the same to the last digit everywhere."""
        duration, late, loss = (float(trip.get(k, "nan")) for k in ("duration", "departDelay", "timeLoss"))
        depart, arrival = float(trip.get("depart", "nan")), float(trip.get("arrival", "nan"))
        if depart < 0:
            duration = loss = 0.0
            self.never_entered += 1
        self.due += 1
        self.total_s += duration + late
        self.delay_s += loss + late
        self.entering_s += late
        self.stops += int(trip.get("waitingCount", "0"))
        if depart >= 0 and arrival >= 0:
            self.arrived += 1
            self.duration_s += duration
            self.loss_s += loss
            self.waited_s += float(trip.get("waitingTime", "nan"))


def _trips(file: Path) -> Score:
    sums = _Sums()
    for trip in records(file, "tripinfos"):
        if trip.tag == "tripinfo":
            sums.add(trip)
    due, arrived = max(sums.due, 1), max(sums.arrived, 1)
    departed = sums.due - sums.never_entered
    return {
        "scheduled": sums.due,
        "departed": departed,
        "arrived": sums.arrived,
        "running": departed - sums.arrived,
        "backlog": sums.never_entered,
        "mean_duration": sums.duration_s / arrived,
        "mean_timeLoss": sums.loss_s / arrived,
        "mean_waitingTime": sums.waited_s / arrived,
        "mean_departDelay": sums.entering_s / due,
        "tts_h": sums.total_s / 3600,
        "tts_per_veh": sums.total_s / due,
        "delay_per_veh": sums.delay_s / due,
        "stops_per_veh": sums.stops / due,
        "moved_s": sums.total_s - sums.entering_s,
    }


def _safety(file: Path) -> Score:
    found = {row.tag: dict(row.attrib) for row in records(file, "statistics")}
    teleports, safety = found["teleports"], found["safety"]
    return {
        "teleports": int(teleports["total"]),
        "teleports_jam": int(teleports["jam"]),
        "teleports_yield": int(teleports["yield"]),
        "teleports_wrongLane": int(teleports["wrongLane"]),
        "collisions": int(safety["collisions"]),
        "emergencyBraking": int(safety["emergencyBraking"]),
        "emergencyStops": int(safety["emergencyStops"]),
    }
