"""The optimiser: from demand to a plan for every junction.

1. Stage sequences, and splits of least delay for each candidate cycle (`signals.splits`, `signals.cycles`).
2. Offsets in the pairwise model (`signals.offsets`) for one common cycle and for groups of junctions with cycles of
   their own; small junctions run at half of the cycle.
3. Local search in the cyclic profile model (`signals.local_search`): offsets, splits, stage sequences, half cycles.
4. Kicks: offsets of a neighbourhood shift, the local search repairs, what is not better is taken back.

The flow model judges the start and every candidate; the best of all is returned, so the result is never worse
than its start. The time budget only decides when to stop: the same seed and number of steps give the same plans.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from signals.cycles import candidate_cycles, common_cycle, cycle_groups
from signals.greens import movement_greens
from signals.local_search import LocalSearch
from signals.objective import Objective
from signals.offsets import best_offsets, bound_ratio, pairwise_model
from signals.profile import ProfileModel, Timings
from signals.profile_parameters import ProfileParameters
from signals.splits import delay_splits
from signals.stages import stage_sequences
from traffic.errors import InputError
from traffic.flow import FlowModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from signals.junction import Junction
    from signals.plan import PlanSet
    from signals.sequence import StageSequence
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork
    from traffic.progress import Progress

__all__ = ["Objective", "Optimized", "Step", "flow_ratios", "optimize", "usable_sequences"]

_START_CYCLE_S = 90
_FINALISTS = 3
_EPSILON = 0.003


class Clock(Protocol):
    """Tells the time in seconds since some moment."""

    def __call__(self) -> float:
        """Return the time."""


@dataclass(frozen=True)
class Step:
    """One step of the optimiser.

    Attributes
    ----------
    name
        What was done.
    cost
        Cost in the profile model: vehicles in delay, on average, with stops and overflow in weights.
    judged
        Objective in the flow model, seconds per vehicle; `None` where it was not asked.
    """

    name: str
    cost: float
    judged: float | None


@dataclass(frozen=True)
class Optimized:
    """The result of `optimize`.

    Attributes
    ----------
    plans
        The best plans found.
    objective_before, objective_after
        Objective of the start and of `plans` in the flow model, seconds per vehicle (`Objective.judge`).
    offset_bound_ratio
        How near the offsets are to the best possible ones in the pairwise model of the result: improvement over
        random offsets, as a part of the largest improvement that a certified bound allows (`signals.offsets`).
    seconds
        Time taken.
    log
        The steps.
    """

    plans: PlanSet
    objective_before: float
    objective_after: float
    offset_bound_ratio: float
    seconds: float
    seed: int
    log: tuple[Step, ...]


def flow_ratios(
    network: RoadNetwork, junctions: Sequence[Junction], movement_veh_s: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Return for each junction the highest ratio of flow to saturation flow of each signal group's lane groups."""
    from traffic.saturation import lane_group_flow_ratio  # noqa: PLC0415

    ratio = lane_group_flow_ratio(network, movement_veh_s)
    highest = np.zeros(len(network.movements))
    np.maximum.at(highest, network.connections.movement, ratio[network.connections.lane_group])
    return [
        np.array(
            [max((float(highest[m]) for m in group.movements), default=0.0) for group in junction.groups]
        )
        for junction in junctions
    ]


def usable_sequences(
    junctions: Sequence[Junction], *, start: PlanSet | None = None, limit: int = 6
) -> tuple[tuple[StageSequence, ...], ...]:
    """Return the stage sequences of each junction, that of its plan in `start` first.

    A locked junction has that of its plan only.
    """
    found: list[tuple[StageSequence, ...]] = []
    for junction in junctions:
        own = None if start is None else start[junction.index].sequence
        if own is not None and junction.locked:
            found.append((own,))
            continue
        others = stage_sequences(junction, limit=limit)
        found.append(
            (
                *([own] if own is not None else []),
                *(s for s in others if own is None or s.stages != own.stages),
            )
        )
    return tuple(found)


def optimize(
    network: RoadNetwork,
    junctions: Sequence[Junction],
    demand: FlowDemand,
    *,
    seed: int = 0,
    seconds: float = 20.0,
    steps: int | None = None,
    objective: Objective | None = None,
    start: PlanSet | None = None,
    sequences: Sequence[Sequence[StageSequence]] | None = None,
    parameters: ProfileParameters | None = None,
    duration_s: int = 3600,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    clock: Clock = time.perf_counter,
) -> Optimized:
    """Return the best plans found for all junctions of a network under one demand.

    Parameters
    ----------
    seed
        Of all random choices.
    seconds
        Stop after about so many seconds; decides only when to stop.
    steps
        Stop after so many steps instead, however long they take: the same steps give the same plans.
    start
        Plans to improve on; default: a common cycle with splits by delay and offset 0. Locked junctions keep
        their plan of the start.
    sequences
        Stage sequences that plans may use, those of `start` among them; default: `usable_sequences`.
    duration_s
        Length of the run of the flow model that judges, and of the demand that is planned for.
    should_stop
        Asked after every step.
    """
    if not (np.isfinite(seconds) and seconds > 0):
        raise InputError("must be more than 0 s", field="seconds", value=seconds)
    if steps is not None and steps < 0:
        raise InputError("must be 0 or more", field="steps", value=steps)
    began = clock()
    if sequences is None:
        sequences = usable_sequences(junctions, start=start)
    objective = objective or Objective()
    search = _Search(network, junctions, demand, sequences, objective, parameters, start, seed, duration_s)
    limit = np.inf if steps is None else steps
    for count, step in enumerate(search.steps()):
        search.log.append(step)
        passed = clock() - began
        if progress is not None:
            progress(min(passed, seconds), seconds, f"{step.name}: {search.best_value:.2f} s")
        if (
            count >= limit
            or (steps is None and passed >= seconds)
            or (should_stop is not None and should_stop())
        ):
            break
    return search.result(clock() - began)


class _Search:
    """The state of one optimisation."""

    def __init__(
        self,
        network: RoadNetwork,
        junctions: Sequence[Junction],
        demand: FlowDemand,
        sequences: Sequence[Sequence[StageSequence]],
        objective: Objective,
        parameters: ProfileParameters | None,
        start: PlanSet | None,
        seed: int,
        duration_s: int,
    ) -> None:
        self.network, self.junctions, self.objective = network, junctions, objective
        self.seed, self.duration_s = seed, duration_s
        settings = parameters or ProfileParameters(overflow_weight=objective.overflow)
        self.model = ProfileModel(
            network,
            junctions,
            sequences,
            demand,
            weights=objective.weights(network),
            parameters=settings,
            duration_s=duration_s,
        )
        self.flow = FlowModel(network, demand, settings.flow)
        self.locked = np.array([junction.locked for junction in junctions], dtype=bool)
        self.local = LocalSearch(self.model, ~self.locked)
        self.log: list[Step] = []
        self.best_value = np.inf
        self.start_value = np.inf
        self.base, _ = delay_splits(self.model, np.full(len(junctions), _START_CYCLE_S))
        if start is None:
            self.start_timings = self.base.copy()
            start = self.model.to_plans(self.start_timings, name="start")
        else:
            self.start_timings = self.model.from_plans(start)
        self.start = start
        self.best = start

    def rng(self, step: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, step])

    def judge(self, plans: PlanSet) -> float:
        """Return the objective of `plans` in the flow model and keep the best."""
        result = self.flow.run(movement_greens(self.network, plans), self.duration_s, self.duration_s)
        value = self.objective.judge(self.network, result)
        if value < self.best_value:
            self.best_value, self.best = value, plans
        return value

    def judged(self, name: str, timings: Timings) -> Step:
        cost = self.model.evaluate(timings, epsilon=_EPSILON)
        value = self.judge(self.model.to_plans(timings, name="optimised", keep=self.start))
        return Step(name, cost, value)

    def keep_locked(self, timings: Timings) -> Timings:
        """Put the plans of locked junctions back; their cycle counts as half a period where it is."""
        at = self.locked
        for name in ("period_s", "repeats", "sequence", "offset_s", "duration_s"):
            getattr(timings, name)[at] = getattr(self.start_timings, name)[at]
        return timings

    def coordinate(self, timings: Timings, rng: np.random.Generator, *, rounds: int = 2) -> float:
        """Set good offsets, period by period; return the cost."""
        model = self.model
        cost = model.evaluate(timings, epsilon=_EPSILON)
        for turn in range(rounds):
            trial = timings.copy()
            for period in np.unique(trial.period_s[~self.locked]).tolist():
                pairs = pairwise_model(model, int(period))
                shift = best_offsets(pairs, rng, starts=2 if turn == 0 else 1)
                held = self.locked[pairs.junctions]
                if held.any():
                    shift = np.where(held, 0, shift)
                cycle = trial.period_s[pairs.junctions] // trial.repeats[pairs.junctions]
                trial.offset_s[pairs.junctions] = (trial.offset_s[pairs.junctions] + shift) % cycle
            after = model.evaluate(trial, epsilon=_EPSILON)
            if after >= cost:
                break
            cost = after
            for name in ("offset_s",):
                getattr(timings, name)[:] = getattr(trial, name)
        return cost

    def steps(self) -> Iterator[Step]:
        """Work, step by step; the first step judges the start."""
        first = self.judged("start", self.start_timings)
        self.start_value = self.best_value
        yield first
        found: list[tuple[float, int, Timings]] = []
        node_costs: list[NDArray[np.float64]] = []
        cycles = candidate_cycles(self.model)
        for cycle in cycles:
            timings = self.keep_locked(common_cycle(self.model, cycle, self.base))
            cost = self.coordinate(timings, self.rng(cycle))
            self.model.evaluate(timings, epsilon=_EPSILON)
            node_costs.append(self.model.state.node_cost[self.model.nodes].copy())
            found.append((cost, cycle, timings))
            yield Step(f"common cycle {cycle} s", cost, None)
        grouped = self.grouped(found, np.column_stack(node_costs))
        if grouped is not None:
            found.append(grouped)
            yield Step("cycle groups", grouped[0], None)
        found.sort(key=lambda entry: entry[:2])
        yield from self.polish(found[:_FINALISTS])

    def grouped(
        self, found: list[tuple[float, int, Timings]], cost: NDArray[np.float64]
    ) -> tuple[float, int, Timings] | None:
        """Return timings with a cycle for each group of junctions, or `None` where one cycle suits all."""
        if not len(self.junctions):
            return None
        best = min(found, key=lambda entry: entry[:2])
        self.model.evaluate(best[2], epsilon=_EPSILON)
        pairs = pairwise_model(self.model, best[1])
        group = cycle_groups(pairs, cost, count=len(self.junctions))
        total = np.zeros_like(cost)
        np.add.at(total, group, cost)
        choice = total.argmin(axis=1)[group]
        if (choice == choice[0]).all():
            return None
        timings = best[2].copy()
        for place, (_, _, other) in enumerate(found):
            at = (choice == place) & ~self.locked
            for name in ("period_s", "repeats", "sequence", "offset_s", "duration_s"):
                getattr(timings, name)[at] = getattr(other, name)[at]
        return self.coordinate(timings, self.rng(1)), 0, timings

    def polish(self, finalists: list[tuple[float, int, Timings]]) -> Iterator[Step]:
        """Improve the finalists in the profile model, then the best of them by kicks."""
        model, improved = self.model, []
        for place, (_, cycle, timings) in enumerate(finalists):
            model.evaluate(timings, epsilon=_EPSILON)
            self.local.descend(self.rng(10_000 + place), passes=2, orders=True)
            step = self.judged(f"local search, cycle {cycle or 'groups'}", model.timings())
            improved.append((step.judged, place, model.timings()))
            yield step
        improved.sort(key=lambda entry: entry[:2])
        best = improved[0][2]
        model.evaluate(best, epsilon=_EPSILON)
        self.local.descend(self.rng(20_000), passes=6, orders=True)
        best = model.timings()
        yield self.judged("local search", best)
        cost = judged_cost = model.cost
        turn = 0
        while True:
            turn += 1
            rng = self.rng(30_000 + turn)
            for _ in range(10):
                trial = best.copy()
                near = self.local.kick(trial, rng, size=int(rng.integers(1, 9)))
                model.load(trial)
                model.refresh(epsilon=_EPSILON)
                self.local.timings(near)
                self.local.timings(near, fine=True)
                model.refresh(epsilon=_EPSILON)
                if model.cost < cost * (1.0 - 1e-6):
                    cost, best = model.cost, model.timings()
            if cost < judged_cost * 0.998:
                step = self.judged(f"kicks {turn}", best)
                judged_cost = cost
                yield step
            else:
                yield Step(f"kicks {turn}", cost, None)

    def result(self, seconds: float) -> Optimized:
        """Return the best plans; certify their offsets."""
        timings = self.model.from_plans(self.best)
        self.model.evaluate(timings, epsilon=_EPSILON)
        ratio, weight = 0.0, 0.0
        for period in np.unique(timings.period_s).tolist():
            pairs = pairwise_model(self.model, int(period))
            if len(pairs.first):
                room = float(np.ptp(pairs.cost, axis=1).sum())
                ratio += room * bound_ratio(pairs, np.zeros(len(pairs.junctions), dtype=np.int64))
                weight += room
        return Optimized(
            plans=self.best,
            objective_before=self.start_value,
            objective_after=self.best_value,
            offset_bound_ratio=ratio / weight if weight > 0 else 1.0,
            seconds=seconds,
            seed=self.seed,
            log=tuple(self.log),
        )
