"""Predictors on days that they have not seen: scores of the ETA Accuracy Benchmark, with spread over seeds.

    python -m benchmarks.prediction --seeds 5
    python -m benchmarks.prediction --only mbta --mbta FILE --json

`generated`: three days of a generated city to learn from, and another one to be tried on, for each seed; `held`: the same under
dispatch control. `mbta`: half of the trips of the file (for each seed, one of every two neighbours by chance) to learn from, and
the others to be tried on; all trips are seen as the day goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.loader import build, load
from simulation.buses.predicted import generated_days
from simulation.buses.replay import Policy
from transit.dispatching import OnSchedule, ScheduleHolding
from transit.prediction.calls import Calls, Record
from transit.prediction.study import PUBLISHED, Compared, compared, summary
from transit.prediction.training import halves_of
from transit.visit_files import read_visits
from transit.visits import StopVisits

__all__ = ["generated", "mbta"]

_DAY = date(2026, 11, 23)
_TRAINING_DAYS = 3
_MBTA = Path("../shared/data/transit/mbta_2018/mbta_bus_arrival_departure_sample_2018.csv.gz")
_HELD = Policy(starting=OnSchedule(), holding=ScheduleHolding(early_s=30.0))


def generated(
    scenario: str, vehicles: int, seed: int, every_s: float, policy: Policy | None = None
) -> Compared:
    """Train on three generated days, and try on a fourth."""
    seeds = [1000 * seed + number for number in range(_TRAINING_DAYS + 1)]
    days = generated_days(build(load(scenario)), _DAY, seeds, vehicles=vehicles, policy=policy)
    last = days[-1]
    return compared(StopVisits.joined(days[:-1]), Record.of(Calls.of(last), last), every_s=every_s)


def mbta(path: Path, seed: int, every_s: float) -> Compared:
    """Train on half of the trips of a day, and try on the others."""
    visits = read_visits(path).visits
    calls = Calls.of(visits)
    known, unknown = halves_of(calls, np.random.default_rng([seed, 5_000]))
    return compared(
        visits.take(np.sort(calls.row[known[calls.run]])),
        Record.of(calls, visits),
        every_s=every_s,
        scored=unknown,
    )


def _table(title: str, found: dict[str, Any]) -> str:
    lines = [f"{title}: {found['seeds']} seeds, {np.mean(found['predictions']):,.0f} predictions each"]
    lines += [
        "",
        "| predictor | score | sd | 0-3 | 3-6 | 6-10 | 10-15 min | mean error s | mean absolute s |",
        "|" + " --- |" * 9,
    ]
    for name, figures in found["predictors"].items():
        shares = " | ".join(f"{100 * share:.1f}" for share in figures["buckets"].values())
        score = figures["score"]
        error = f"{figures['mean_error_s']:.0f} | {figures['mean_absolute_error_s']:.0f}"
        lines.append(f"| {name} | {100 * score['mean']:.1f} | {100 * score['sd']:.1f} | {shares} | {error} |")
    for name, margin in found["margins"].items():
        points = [f"{100 * margin[key]:.2f}" for key in ("mean", "sd", "least")]
        lines.append(f"margin of {name}: {points[0]} points, sd {points[1]}, least {points[2]}")
    lines.append(f"within the 80 % range: {100 * found['within_80']['mean']:.1f} %")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=["generated", "held", "mbta"], action="append")
    parser.add_argument("--scenario", default="grid-6x5")
    parser.add_argument("--vehicles", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--every", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--mbta", type=Path, default=_MBTA, metavar="FILE")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    kinds: dict[str, Callable[[int], Compared]] = {
        "generated": lambda seed: generated(given.scenario, given.vehicles, seed, given.every),
        "held": lambda seed: generated(given.scenario, given.vehicles, seed, given.every, _HELD),
    }
    if given.mbta.is_file():
        kinds["mbta"] = lambda seed: mbta(given.mbta, seed, given.every)
    result: dict[str, Any] = {}
    for kind, run in kinds.items():
        if given.only and kind not in given.only:
            continue
        found, begin = [], time.perf_counter()
        for seed in range(1, given.seeds + 1):
            found.append(run(seed))
            took = time.perf_counter() - begin
            score = 100 * found[-1].scores[PUBLISHED].score
            print(f"{kind}, seed {seed}: {score:.1f} after {took:.0f} s", file=sys.stderr)
        result[kind] = summary(found)
    if given.json:
        print(json.dumps(result, indent=1))
        return
    print("\n\n".join(_table(kind, found) for kind, found in result.items()))


if __name__ == "__main__":
    main()
