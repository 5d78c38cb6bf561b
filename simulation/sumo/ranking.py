"""Whether our microscopic model ranks signal plans as SUMO ranks them.

Plans of all kinds, random ones and some close to the best, are run in both; what counts is not that the delays are the same,
but that their order is, and that the plan which our model likes best is among the best in SUMO.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from signals.plan import Plan, PlanSet
from signals.sequence import StageSequence
from simulation.sumo.city import SumoCity, write_programs
from simulation.sumo.optimize import optimize_flows
from simulation.sumo.refine import MicroscopicJudge
from simulation.sumo.run import run
from traffic.progress import Progress

__all__ = ["Ranking", "plans_to_rank", "rank"]

_OUR_SEEDS = 20
_LONGEST_CYCLE_S = 120
_MOVED_S = 4
_SHIFTED_S = 8
_TRIES = 50


@dataclass(frozen=True, eq=False)
class Ranking:
    """Delays of the same plans in our microscopic model and in SUMO.

    Attributes
    ----------
    model_s, sumo_s
        Delay of each plan, seconds per vehicle, the mean over seeds.
    seed_sd_s
        Standard deviation of SUMO's over the seeds.
    """

    model_s: NDArray[np.float64]
    sumo_s: NDArray[np.float64]
    seed_sd_s: NDArray[np.float64]

    @property
    def spearman(self) -> float:
        """Rank correlation over all plans."""
        return float(spearmanr(self.model_s, self.sumo_s)[0])

    @property
    def best_quarter(self) -> float:
        """Rank correlation within the quarter that is best in SUMO."""
        best = np.argsort(self.sumo_s, kind="stable")[: max(len(self.sumo_s) // 4, 2)]
        return float(spearmanr(self.model_s[best], self.sumo_s[best])[0])

    @property
    def regret(self) -> float:
        """By what share the plan that our model likes best is worse in SUMO than the best one there."""
        return float(self.sumo_s[int(np.argmin(self.model_s))] / self.sumo_s.min() - 1.0)


def rank(
    city: SumoCity,
    plans: Sequence[PlanSet],
    seeds: Sequence[int],
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Ranking:
    """Run `plans` in SUMO with these seeds, and in our microscopic model, which is faster, with 20.

    Parameters
    ----------
    jobs
        Runs of SUMO at a time, of any plan and seed.
    """
    with tempfile.TemporaryDirectory(prefix="jasyl-rank-") as name, ThreadPoolExecutor(max(jobs, 1)) as pool:
        files = [Path(name) / f"{number}.add.xml" for number in range(len(plans))]
        for plan, file in zip(plans, files, strict=True):
            write_programs(city, plan, file)
        runs = pool.map(
            lambda of: run(city.config, of[1], plans=[of[0]])["delay_per_veh"], product(files, seeds)
        )
        judge = MicroscopicJudge(city, seeds=range(1, _OUR_SEEDS + 1), teleport_s=0.0)
        ours = np.array([judge.value(plan) for plan in plans])
        theirs = np.zeros((len(plans), len(seeds)))
        for number, delay_s in enumerate(runs):
            theirs.flat[number] = delay_s
            of, column = divmod(number, len(seeds))
            if progress is not None and column + 1 == len(seeds):
                text = f"{plans[of].name}: {ours[of]:.1f} / {theirs[of].mean():.1f} s"
                progress(of + 1, len(plans), text)
    spread = theirs.std(axis=1, ddof=1) if len(seeds) > 1 else np.zeros(len(plans))
    return Ranking(ours, theirs.mean(axis=1), spread)


def plans_to_rank(city: SumoCity, count: int, *, seed: int, steps: int = 8) -> list[PlanSet]:
    """Return `count` plan sets with the shipped stages.

    The shipped one, as many random ones as others, and the best one that a short search of `steps` finds with changes of it.
    """
    rng = np.random.default_rng(seed)
    shipped = city.shipped()
    random = [_random(shipped, rng, number) for number in range((count - 1) // 2)]
    best = optimize_flows(city, steps=steps, seed=seed).plans
    near = [_near(best, rng, number) for number in range(count - 2 - len(random))]
    return [shipped, *random, replace(best, name="best"), *near]


def _random(shipped: PlanSet, rng: np.random.Generator, number: int) -> PlanSet:
    """Return random splits and offsets at a random common cycle, or a longer one where that is too short."""
    shortest = max(int(plan.sequence.planned_durations_s().sum()) for plan in shipped)
    common = int(rng.integers(min(shortest, _LONGEST_CYCLE_S), _LONGEST_CYCLE_S + 1))
    plans = []
    for plan in shipped:
        sequence = plan.sequence
        least = sequence.planned_durations_s().astype(np.int64)
        cycle = max(common, int(least.sum()), plan.junction.cycle_min_s)
        own = np.maximum(np.array(plan.durations_s) - least, 1)
        share = rng.dirichlet(own / own.mean())
        durations = _whole(least, share, cycle)
        offset = int(rng.integers(cycle))
        plans.append(_plan(plan, sequence, durations, offset))
    return PlanSet(f"random {number + 1}", shipped.network_name, tuple(plans))


def _near(best: PlanSet, rng: np.random.Generator, number: int) -> PlanSet:
    """Return plans in which a part of the junctions, at least one, differ a little from `best`; one alone in its cycle too."""
    plans = []
    changed = rng.random(len(best)) < rng.uniform(0.2, 1.0)
    changed[rng.integers(len(best))] = True
    for plan, chosen in zip(best, changed.tolist(), strict=True):
        durations, offset = np.array(plan.durations_s), plan.offset_s
        if chosen:
            offset = (offset + int(rng.integers(-_SHIFTED_S, _SHIFTED_S + 1))) % plan.cycle_s
            for _ in range(_TRIES):
                moved = durations + rng.integers(-_MOVED_S, _MOVED_S + 1, size=len(durations))
                if len(best) > 1:  # one cycle for neighbours
                    moved[int(np.argmax(moved))] += plan.cycle_s - int(moved.sum())
                if plan.sequence.feasible(moved) and (moved != durations).any():
                    durations = moved
                    break
        plans.append(_plan(plan, plan.sequence, durations, offset))
    return PlanSet(f"near {number + 1}", best.network_name, tuple(plans))


def _whole(least: NDArray[np.int64], share: NDArray[np.float64], cycle: int) -> NDArray[np.int64]:
    """Return whole seconds that add up to the cycle, what `least` leaves divided by `share`."""
    spare = share * (cycle - int(least.sum()))
    durations = least + np.floor(spare).astype(np.int64)
    rest = np.argsort(np.floor(spare) - spare, kind="stable")[: cycle - int(durations.sum())]
    durations[rest] += 1
    return durations


def _plan(plan: Plan, sequence: StageSequence, durations: NDArray[np.int64], offset: int) -> Plan:
    seconds = tuple(int(d) for d in durations)
    return replace(
        plan,
        stages=sequence.stages,
        durations_s=seconds,
        cycle_s=sum(seconds),
        offset_s=offset % sum(seconds),
    )
