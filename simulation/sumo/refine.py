"""Search in the microscopic model, from what the optimiser found in the flow model.

The same vehicles have the same luck under all plans, so that a difference between two plans is one of the plans. Plans
that do clearly worse with the first seeds are not run with the others.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from signals.budget import Clock
from signals.direct_search import DirectSearch, Judged
from signals.plan import PlanSet
from simulation.sumo.alone import moved
from simulation.sumo.city import SumoCity
from simulation.sumo.microscopic import lights_of_plans, microscopic_models
from traffic.progress import Progress

__all__ = ["MicroscopicJudge", "Refined", "refine"]

_WORSE = (
    0.02  # by which plans may be worse with the first seed, half of it with two, to be run with the others
)
_SCALES = (1.0, 1.08)  # where queues block each other, plans must do with somewhat more demand too
_OWN_CYCLE = 0.6  # part of the moves, at a light with no other near it
_TELEPORT_S = 5000.0  # who has to be taken out of the way tells that others are stuck too
_NAME = "optimised"
_FEW_LIGHTS = 4
_SEEDS_FEW, _SEEDS_MANY = 24, 16
_SEEDS_FIRST, _FIRST = 8, 0.6  # with few lights: fewer seeds in this part of the time, so that more is tried
_LIGHT_SEEDS = 400
_TOLD = 4  # seeds of the delay that is told
_JUDGED = 0.1  # part of the time that judging one set of plans may take


class Refined(NamedTuple):
    """The best plans, figures of the start and of them, and how many were tried.

    Attributes
    ----------
    objective_before_s, objective_after_s
        What is minimised (`MicroscopicJudge`), seconds per vehicle.
    delay_before_s, delay_after_s
        Delay alone, under the demand as it is, seconds per vehicle.
    """

    plans: PlanSet
    objective_before_s: float
    objective_after_s: float
    delay_before_s: float
    delay_after_s: float
    tried: int


class MicroscopicJudge:
    """Delay, halts and teleports of plans in the microscopic model, the mean over seeds.

    Parameters
    ----------
    seeds
        Of drivers and their luck; default: so many that rare locks of queues are seen (`_seed_count`).
    stop_s, teleport_s
        A halt, and a teleport, counts as much as so many seconds of delay.
    scales
        Of the demand, in turns with the seeds.
    threads
        How many runs at once; default: one for each core.

    Attributes
    ----------
    count
        How many of the seeds plans are judged with.
    """

    def __init__(
        self,
        city: SumoCity,
        *,
        seeds: Iterable[int] | None = None,
        stop_s: float = 0.0,
        teleport_s: float = _TELEPORT_S,
        scales: Sequence[float] = (1.0,),
        threads: int | None = None,
    ) -> None:
        self.city, self.stop_s, self.teleport_s = city, stop_s, teleport_s
        self.threads = threads or os.cpu_count() or 1
        self.seeds = tuple(seeds if seeds is not None else range(1, _seed_count(city) + 1))
        variants = [(seed, scales[k % len(scales)]) for k, seed in enumerate(self.seeds)]
        self.scales = tuple(scale for _, scale in variants)
        self.models = microscopic_models(city, variants)
        self.count = len(self.seeds)

    def run(self, plans: PlanSet, begin: int, until: int) -> list[tuple[float, NDArray[np.float64]]]:
        """Return the cost per vehicle and by link, seconds, with seeds number `begin` to before `until`."""
        lights = lights_of_plans(self.city, plans)

        def one(k: int) -> tuple[float, NDArray[np.float64]]:
            found = self.models[k].run(lights, self.city.duration_s, seed=self.seeds[k])
            vehicles = max(found.vehicles, 1)
            weighted_s = self.stop_s * found.halts + self.teleport_s * found.teleports
            return found.delay_per_veh_s + weighted_s / vehicles, found.edge_delay_s / vehicles

        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(one, range(begin, until)))

    def keep_to(self, seconds: float, plans: PlanSet, clock: Clock) -> None:
        """Leave out seeds, but for two, that make judging plans take longer than `seconds`."""
        began = clock()
        self.run(plans, 0, 1)
        fits = math.floor(seconds / max(clock() - began, 1e-3) * self.threads)
        count = min(max(fits, 2), len(self.seeds))
        self.seeds, self.scales, self.models = self.seeds[:count], self.scales[:count], self.models[:count]
        self.count = count

    def delay_s(self, plans: PlanSet) -> float:
        """Return the mean delay per vehicle under the demand as it is, of a few seeds, seconds."""
        chosen = [k for k, scale in enumerate(self.scales) if scale == 1.0][:_TOLD]
        lights = lights_of_plans(self.city, plans)

        def one(k: int) -> float:
            return self.models[k].run(lights, self.city.duration_s, seed=self.seeds[k]).delay_per_veh_s

        with ThreadPoolExecutor(self.threads) as pool:
            return float(np.mean(list(pool.map(one, chosen))))

    def rounds(self) -> Iterator[tuple[int, int]]:
        """Yield which seeds are run at once: the first, one more, two, four, ..."""
        done = 0
        while done < self.count:
            until = min(max(2 * done, 1), self.count)
            yield done, until
            done = until

    def costs(self, plans: PlanSet) -> list[float]:
        """Return the cost per vehicle with each seed, seconds."""
        return [cost for cost, _ in self.run(plans, 0, len(self.seeds))]

    def value(self, plans: PlanSet) -> float:
        """Return the mean cost per vehicle over all seeds, seconds."""
        return float(np.mean(self.costs(plans)))

    def judge(self, plans: PlanSet, rival: Sequence[float] = ()) -> tuple[Judged, tuple[float, ...]]:
        """Judge plans, and give their costs seed by seed; as soon as they are clearly worse than the `rival`'s they stop."""
        costs: list[float] = []
        links: list[NDArray[np.float64]] = []
        for begin, until in self.rounds():
            found = self.run(plans, begin, until)
            costs += [cost for cost, _ in found]
            links += [link for _, link in found]
            if rival and sum(costs) > (1.0 + _WORSE / len(costs)) * sum(rival[: len(costs)]):
                break
        value = float(np.mean(costs))
        if len(costs) < len(rival):  # as much worse as it was so far
            value += float(np.mean(rival)) - float(np.mean(rival[: len(costs)]))
        return Judged(value, plans, np.mean(links, axis=0)), tuple(costs)

    def best_first(self, candidates: Sequence[PlanSet]) -> Iterator[list[tuple[Judged, tuple[float, ...]]]]:
        """Yield the candidates, judged, best ones first, after each round; the worse half of them does not get into the next."""
        left = [(plans, list[float](), list[NDArray[np.float64]]()) for plans in candidates]
        for begin, until in self.rounds():
            for plans, costs, links in left:
                for cost, link in self.run(plans, begin, until):
                    costs.append(cost)
                    links.append(link)
            left.sort(key=lambda found: sum(found[1]))
            yield [
                (Judged(float(np.mean(costs)), plans, np.mean(links, axis=0)), tuple(costs))
                for plans, costs, links in left
            ]
            left = left[: (len(left) + 1) // 2]


def _seed_count(city: SumoCity) -> int:
    """Return how many seeds plans are compared over: fewer where many lights even out what one does."""
    if len(city.lights) <= _FEW_LIGHTS:
        return _SEEDS_FEW
    return min(max(math.ceil(_LIGHT_SEEDS / len(city.lights)), 2), _SEEDS_MANY)


class _Search:
    def __init__(self, judge: MicroscopicJudge, starts: Sequence[PlanSet], seed: int) -> None:
        self.judge, self.seed, self.tried = judge, seed, 0
        city = judge.city
        self.free = np.flatnonzero([not light.junction.locked for light in city.lights])
        self.alone = len(city.lights) == 1
        self.direct = DirectSearch(city.roads.network, self.free, self._try)
        self.others = list(starts)
        self.best, self.costs = judge.judge(starts[0])
        self.start = self.best

    def begin(self, spent: Callable[[], bool]) -> Iterator[int]:
        """Judge the other starts, all of them with the first seed and the better ones with more; yield after each round.

        Where the time is `spent`, what is best with the seeds so far is taken.
        """
        if not self.others[1:]:
            return
        for number, ranked in enumerate(self.judge.best_first(self.others[1:]), start=1):
            self.tried += len(ranked)
            judged, costs = ranked[0]
            known = len(costs)
            last = known == len(self.costs) or spent()
            if last and sum(costs) < sum(self.costs[:known]):
                rest_s = float(np.mean(self.costs)) - float(np.mean(self.costs[:known]))
                self.best, self.costs = judged._replace(value=judged.value + rest_s), costs
            yield number
            if last:
                break

    def judge_with(self, count: int) -> None:
        """Go on with another number of seeds, at most as many as there are."""
        self.judge.count = min(count, len(self.judge.seeds))
        self.best, self.costs = self.judge.judge(self.best.plans)

    def _try(self, plans: PlanSet) -> Judged:
        self.tried += 1
        judged, costs = self.judge.judge(plans, self.costs)
        if judged.value < self.best.value:
            self.best, self.costs = judged, costs
        return judged

    def step(self, turn: int) -> None:
        rng = np.random.default_rng([self.seed, 40_000, turn])
        if self.alone and rng.random() < _OWN_CYCLE:
            changed = moved(self.best.plans[int(self.free[0])], rng)
            if changed is not None:
                self._try(self.best.plans.with_plans([changed], name=_NAME))
            return
        self.direct.improve(self.best, self.others, rng)


def refine(
    city: SumoCity,
    starts: Sequence[PlanSet],
    *,
    stop_s: float = 0.0,
    seed: int = 0,
    seconds: float = 10.0,
    steps: int | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    threads: int | None = None,
    clock: Clock = time.perf_counter,
) -> Refined:
    """Return the best plans that moves from the best of `starts` find.

    Parameters
    ----------
    starts
        Plans to begin with; the delay before is that of the first.
    seconds, steps
        When to stop: after so many seconds, or moves where they are given. At least all `starts` are run with a seed.
        In little time fewer seeds are taken.
    threads
        How many runs at once; default: one for each core.
    """
    began = clock()
    judge = MicroscopicJudge(
        city, stop_s=stop_s, scales=_SCALES if len(city.lights) > _FEW_LIGHTS else (1.0,), threads=threads
    )
    if steps is None:
        judge.keep_to(_JUDGED * seconds, starts[0], clock)
    search = _Search(judge, starts, seed)
    if len(city.lights) <= _FEW_LIGHTS:
        search.judge_with(_SEEDS_FIRST)

    def tell(what: str) -> None:
        if progress is not None:
            progress(
                min(clock() - began, seconds), seconds, f"single vehicles, {what}: {search.best.value:.2f} s"
            )

    def spent() -> bool:
        stopped = should_stop is not None and should_stop()
        return stopped or (steps is None and clock() - began >= seconds)

    def part(turn: int) -> float:
        return turn / steps if steps is not None else (clock() - began) / seconds

    for number in search.begin(spent):
        tell(f"starts, round {number}")
    turn = 0
    while search.free.size and not spent() and (steps is None or turn < steps):
        if judge.count < len(judge.seeds) and part(turn) > _FIRST:
            search.judge_with(len(judge.seeds))
        search.step(turn)
        turn += 1
        tell(f"move {turn}")
    before_s, after_s = (judge.delay_s(plans) for plans in (starts[0], search.best.plans))
    return Refined(search.best.plans, search.start.value, search.best.value, before_s, after_s, search.tried)
