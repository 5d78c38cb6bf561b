"""The rival of plans for SUMO: a plain random search with SUMO in the loop.

    python benchmarks/sumo_search.py cologne8 grid4x4/run.sumocfg --seconds 240

It keeps the shipped stages and changes greens, offsets and the common cycle at random. Every change is run in SUMO, with two
seeds; what is not better is taken back. Plans are then scored with seeds that the search has not seen.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signals.plan import Plan, PlanSet
from simulation.sumo.city import SumoCity, read_city, write_programs
from simulation.sumo.config import read_config
from simulation.sumo.optimize import with_stages_shown
from simulation.sumo.run import run_seeds
from traffic.errors import InputError, JasylError

__all__ = ["Searched", "search"]

_SEEDS = (1, 2)
_UNSEEN = range(100, 103)
_CYCLES_S = (40, 120)
_OTHER_CYCLE = 0.2  # part of the changes
_SHIFT_S, _MOVE_S = 15, 8
_TRIES = 30


class Searched(NamedTuple):
    """The best plans, how many were tried, and the seconds that it took; `delay_s` with the seeds of the search."""

    plans: PlanSet
    delay_s: float
    tried: int
    seconds: float


def search(city: SumoCity, *, seconds: float, seed: int) -> Searched:
    """Search for `seconds`, beginning with the shipped programs; the run in hand at that moment is waited for."""
    began = time.perf_counter()
    city = with_stages_shown(city)
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory(prefix="jasyl-search-") as folder:
        file = Path(folder) / "tls.add.xml"

        def judge(plans: PlanSet) -> float:
            write_programs(city, plans, file)
            scores = run_seeds(city.config, _SEEDS, plans=[file])
            return float(np.mean([score["delay_per_veh"] for score in scores.values()]))

        best = city.shipped()
        least, tried = judge(best), 1
        while time.perf_counter() - began < seconds:
            trial = changed(best, rng)
            delay_s = judge(trial)
            tried += 1
            if delay_s < least:
                best, least = trial, delay_s
    return Searched(best, least, tried, time.perf_counter() - began)


def changed(plans: PlanSet, rng: np.random.Generator) -> PlanSet:
    """Return plans with another common cycle, or with other greens and offsets at some of the lights."""
    if rng.random() < _OTHER_CYCLE:
        cycle_s = int(rng.integers(_CYCLES_S[0] // 5, _CYCLES_S[1] // 5 + 1)) * 5
        return plans.with_plans(_at_cycle(plan, cycle_s) for plan in plans)
    share = float(rng.choice([0.05, 0.2, 0.5]))
    chosen = rng.random(len(plans)) < share
    chosen[rng.integers(len(plans))] = True
    return plans.with_plans(
        _moved(plan, rng) for plan, here in zip(plans, chosen.tolist(), strict=True) if here
    )


def _at_cycle(plan: Plan, cycle_s: int) -> Plan:
    """Return a plan at another cycle, its spare green shared out as it is now; as it is where that is not allowed."""
    least = plan.sequence.planned_durations_s().astype(np.int64)
    spare = np.maximum(np.array(plan.durations_s) - least, 0)
    left = cycle_s - int(least.sum())
    if left < 0:
        return plan
    weight = spare / spare.sum() if spare.any() else np.full(len(least), 1.0 / len(least))
    durations = least + np.diff(np.rint(np.cumsum(weight) * left), prepend=0.0).astype(np.int64)
    return _with_durations(plan, durations.tolist()) or plan


def _moved(plan: Plan, rng: np.random.Generator) -> Plan:
    """Return a plan with another offset, or with green moved from one stage to another."""
    if len(plan.durations_s) < 2 or rng.random() < 0.5:
        return plan.with_offset(plan.offset_s + int(rng.integers(-_SHIFT_S, _SHIFT_S + 1)))
    for _ in range(_TRIES):
        giver, taker = rng.choice(len(plan.durations_s), size=2, replace=False).tolist()
        durations = list(plan.durations_s)
        step = int(rng.integers(1, _MOVE_S + 1))
        durations[giver] -= step
        durations[taker] += step
        found = _with_durations(plan, durations)
        if found is not None:
            return found
    return plan


def _with_durations(plan: Plan, durations_s: list[int]) -> Plan | None:
    """Return the plan with other durations, or `None` where they are not safe or do not show a stage."""
    if (np.array(durations_s) < np.minimum(plan.sequence.planned_stage_s, plan.durations_s)).any():
        return None
    try:
        return plan.with_durations(durations_s)
    except InputError:
        return None


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| network | plans tried | seconds | s/veh with its seeds | s/veh with others | sd |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    try:
        for path in options.networks:
            city = read_city(read_config(path))
            found = search(city, seconds=options.seconds, seed=options.seed)
            with tempfile.TemporaryDirectory(prefix="jasyl-search-") as folder:
                file = Path(folder) / "tls.add.xml"
                write_programs(city, found.plans, file)
                scores = run_seeds(city.config, _UNSEEN, plans=[file])
            unseen = [score["delay_per_veh"] for score in scores.values()]
            figures = f"{found.tried} | {found.seconds:.0f} | {found.delay_s:.1f} | {np.mean(unseen):.1f}"
            print(f"| {city.roads.network.name} | {figures} | {np.std(unseen, ddof=1):.1f} |", flush=True)
    except JasylError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
