"""The search behind `signals.optimize`: an endless sequence of steps, each of which may find better plans."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from signals.budget import Budget, TimedLocalSearch
from signals.cycles import candidate_cycles, common_cycle, cycle_groups, next_cycle
from signals.direct_search import DirectSearch, Judged
from signals.greens import movement_greens
from signals.objective import Robust
from signals.offset_bound import bound_ratio
from signals.offsets import best_offsets, pairwise_model
from signals.profile import ProfileModel, Timings
from signals.profile_parameters import ProfileParameters
from signals.webster_plans import measured_plans, webster_plans
from traffic.flow import FlowModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from signals.junction import Junction
    from signals.objective import Objective
    from signals.plan import PlanSet
    from signals.sequence import StageSequence
    from traffic.demand import FlowDemand
    from traffic.flow import FlowResult
    from traffic.network import RoadNetwork

__all__ = ["Search", "Step"]

_FINALISTS = 2
_EPSILON = 0.005
_COARSE = 0.02
_KICKS = 20
_TRIALS = 4
_LONGEST_REST = 15
_MISLED_REST = 7
_FULL = 0.8  # part of a link's storage from which its queue is in the way of others
_BUSY = 0.93  # degree of saturation from which a queue is the lane group's own fault
_HEAVIER = 1.6
_HEAVIEST = 50.0

_Found = tuple[float, int, Timings]


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


class Search:
    """The state of one optimisation; see `signals.optimize.optimize` for the parameters."""

    def __init__(
        self,
        network: RoadNetwork,
        junctions: Sequence[Junction],
        demand: FlowDemand,
        sequences: Sequence[Sequence[StageSequence]],
        *,
        objective: Objective,
        parameters: ProfileParameters | None,
        start: PlanSet | None,
        seed: int,
        duration_s: int,
        judged_under: Sequence[FlowDemand] = (),
        robust: Robust = Robust.MEAN,
        warm: bool = False,
        candidates: Sequence[PlanSet] = (),
        budget: Budget | None = None,
    ) -> None:
        self.network, self.objective = network, objective
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
        self.robust = robust
        self.flows = [FlowModel(network, one, settings.flow) for one in judged_under or (demand,)]
        self.locked = np.array([junction.locked for junction in junctions], dtype=bool)
        self.budget = budget or Budget()
        self.local = TimedLocalSearch(self.model, ~self.locked, self.budget)
        self.direct = DirectSearch(network, self.local.free, self._judge, self.budget.spent)
        self.warm, self.candidates = warm, tuple(candidates)
        self._ratios: list[NDArray[np.float64]] | None = None
        if start is None:
            start, self._ratios = measured_plans(self.model, sequences, None, "start")
        self.start_timings = self.model.from_plans(start)
        self.start, self._seen = self._run(start)
        self.best = self.start
        self._weight = np.ones(len(network.lane_groups))
        self._others: list[PlanSet] = []
        self._values: list[float] = []

    def steps(self) -> Iterator[Step]:
        """Work, step by step, for ever; the first step judges the start."""
        cost = self.model.evaluate(self.start_timings, epsilon=_EPSILON)
        yield Step("start", cost, self.start.value)
        if not self.local.free.size:
            return
        found: list[_Found] = [(self.start.value, 0, self.start_timings)]
        for place, plans in enumerate(self.candidates, start=1):
            timings = self.model.from_plans(plans)
            self.model.evaluate(timings, epsilon=_COARSE)
            step = self._judged(f"candidate {place}", timings)
            found.append((step.judged or 0.0, place, timings))
            yield step
        yield from self._adapt(found) if self.warm else self._scan(found)
        found.sort(key=lambda entry: entry[:2])
        yield from self._polish(found[: 1 if self.warm else _FINALISTS])

    def _adapt(self, found: list[_Found]) -> Iterator[Step]:
        """Improve the start in the profile model, where it costs most first; add what is judged to `found`."""
        cost = self.model.state.node_cost[self.model.nodes[self.local.free]]
        costliest = self.local.free[np.argsort(-cost, kind="stable")]
        for fine in (False, True):
            self.local.timings(costliest, fine=fine)
        step = self._judged("adapted", self.model.timings())
        found.append((step.judged or 0.0, 1, self.model.timings()))
        yield step

    def _scan(self, found: list[_Found]) -> Iterator[Step]:
        """Find the best common cycle, climbing from a middle one; add what is judged to `found`."""
        cycles = candidate_cycles(self.model)
        if self._ratios is None:
            self._ratios = measured_plans(self.model, self.model.sequences, None, "start")[1]
        common: list[_Found] = []
        costs: list[NDArray[np.float64]] = []
        while (cycle := next_cycle({tried: value for value, tried, _ in common}, cycles)) is not None:
            plans = webster_plans(
                self.network, self.model.junctions, self._ratios, self.model.sequences, cycle, "optimised"
            )
            timings = self._keep_locked(self.model.from_plans(plans), cycle)
            step = self._coordinated(f"common cycle {cycle} s", timings, cycle)
            common.append((step.judged or 0.0, cycle, timings))
            costs.append(self.model.state.node_cost[self.model.nodes].copy())
            yield step
        best = min(common, key=lambda entry: entry[:2])
        others: dict[str, Callable[[], Timings | None]] = {
            "least delay": lambda: self._keep_locked(common_cycle(self.model, best[1], best[2]), best[1]),
            "cycle groups": lambda: self._grouped(common, np.column_stack(costs)),
        }
        found += common
        for place, (name, make) in enumerate(others.items(), start=1):
            if (other := make()) is not None:
                step = self._coordinated(name, other, place)
                found.append((step.judged or 0.0, place, other))
                yield step

    def _coordinated(self, name: str, timings: Timings, seed: int) -> Step:
        """Set good offsets in `timings` and judge them."""
        self.model.evaluate(timings, epsilon=_COARSE)
        self._coordinate(timings, self._rng(seed), rounds=1)
        return self._judged(name, timings)

    def others(self, most: int) -> tuple[PlanSet, ...]:
        """Return plans that were judged on the way, the best of them first."""
        order = np.argsort(self._values, kind="stable")
        return tuple(self._others[k] for k in order.tolist() if self._others[k] is not self.best.plans)[:most]

    def offset_bound_ratio(self) -> float | None:
        """Return the bound ratio of the best plans (`signals.offset_bound`), over all their periods.

        `None` where there is no pair of junctions, or no time.
        """
        if not self.budget.allows_bound():
            return None
        timings = self.model.from_plans(self.best.plans)
        self.model.reweigh(None)
        self.model.evaluate(timings, epsilon=_EPSILON)
        models = [pairwise_model(self.model, int(period)) for period in np.unique(timings.period_s)]
        return bound_ratio(models, [np.zeros(len(pairs.junctions), dtype=np.int64) for pairs in models])

    def _rng(self, step: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, step])

    def _judge(self, plans: PlanSet) -> Judged:
        """Run the flow model under `plans` and keep the best."""
        judged, seen = self._run(plans)
        if judged.value < self.best.value:
            self.best, self._seen = judged, seen
        return judged

    def _run(self, plans: PlanSet) -> tuple[Judged, FlowResult]:
        """Judge plans; where that is under several demands, the run and the links are those of the worst."""
        began = self.budget.passed_s()
        greens = movement_greens(self.network, plans)
        results = [flow.run(greens, self.duration_s, self.duration_s) for flow in self.flows]
        values = [self.objective.judge(self.network, result, greens) for result in results]
        worst = results[int(np.argmax(values))]
        cost = self.objective.link_cost(self.network, worst, greens)
        self.budget.evaluated(began)
        return Judged(self.robust.of(values), plans, cost), worst

    def _judged(self, name: str, timings: Timings) -> Step:
        began = self.budget.passed_s()
        cost = self.model.evaluate(timings, epsilon=_EPSILON, warm=True)
        judged = self._judge(self.model.to_plans(timings, name="optimised", keep=self.start.plans))
        self._others.append(judged.plans)
        self._values.append(judged.value)
        self.budget.evaluated(began)
        return Step(name, cost, judged.value)

    def _keep_locked(self, timings: Timings, cycle_s: int) -> Timings:
        """Put the plans of locked junctions back; at half of `cycle_s` they are coordinated too."""
        at = self.locked
        for name in ("period_s", "repeats", "sequence", "offset_s", "duration_s"):
            getattr(timings, name)[at] = getattr(self.start_timings, name)[at]
        own = timings.period_s // timings.repeats
        for repeats in (1, 2):
            fits = at & (own * repeats == cycle_s)
            timings.period_s[fits], timings.repeats[fits] = cycle_s, repeats
        return timings

    def _coordinate(self, timings: Timings, rng: np.random.Generator, *, rounds: int = 2) -> float:
        """Set good offsets, period by period, for the evaluation in hand; return the cost.

        Platoons change their shape with the offsets, so more than one round helps.
        """
        model, cost = self.model, self.model.cost
        for _ in range(rounds):
            trial, pairs_s = timings.copy(), 0.0
            for period in np.unique(trial.period_s[~self.locked]).tolist():
                if self.budget.spent():
                    return cost
                began = self.budget.passed_s()
                pairs = pairwise_model(model, int(period))
                pairs_s += self.budget.passed_s() - began
                shift = best_offsets(pairs, rng, fixed=self.locked[pairs.junctions])
                cycle = trial.period_s[pairs.junctions] // trial.repeats[pairs.junctions]
                trial.offset_s[pairs.junctions] = (trial.offset_s[pairs.junctions] + shift) % cycle
            self.budget.keep_for_bound(pairs_s)
            after = model.evaluate(trial, epsilon=_EPSILON, warm=True)
            if after >= cost:
                model.evaluate(timings, epsilon=_EPSILON, warm=True)
                break
            cost, timings.offset_s[:] = after, trial.offset_s
        return cost

    def _grouped(self, common: list[_Found], cost: NDArray[np.float64]) -> Timings | None:
        """Return timings with a cycle for each group of junctions, or `None` where one cycle suits all."""
        best = min(common, key=lambda entry: entry[:2])
        self.model.evaluate(best[2], epsilon=_EPSILON)
        pairs = pairwise_model(self.model, best[1])
        group = cycle_groups(pairs, cost, count=len(cost))
        total = np.zeros_like(cost)
        np.add.at(total, group, cost)
        choice = total.argmin(axis=1)[group]
        if (choice == choice[0]).all():
            return None
        timings = best[2].copy()
        for place, (_, _, other) in enumerate(common):
            at = (choice == place) & ~self.locked
            for name in ("period_s", "repeats", "sequence", "offset_s", "duration_s"):
                getattr(timings, name)[at] = getattr(other, name)[at]
        return timings

    def _polish(self, finalists: list[_Found]) -> Iterator[Step]:
        """Improve the finalists in the profile model, then the best of them in both models."""
        model, improved = self.model, []
        for place, (_, _, given) in enumerate(finalists):
            model.evaluate(given, epsilon=_COARSE)
            self.local.descend(self._rng(10_000 + place), passes=1, costly=0.4)
            timings = model.timings()
            self._coordinate(timings, self._rng(11_000 + place))
            self.local.descend(self._rng(12_000 + place), passes=1, costly=0.0, fine=True)
            step = self._judged(f"local search {place + 1}", model.timings())
            improved.append((step.judged or 0.0, place, model.timings()))
            yield step
        # the profile model knows no spillback: where its improvements are none, go on from what was there
        best = min([*improved, *finalists], key=itemgetter(0))[2]
        misled = min(value for value, *_ in improved) >= min(value for value, *_ in finalists)
        model.evaluate(best, epsilon=_EPSILON)
        for turn in range(2):
            before = model.cost
            self.local.descend(self._rng(20_000 + turn), passes=1, costly=1.0, fine=turn > 0)
            yield self._judged("local search", model.timings())
            if model.cost > before * 0.998:
                break
        yield from self._refine(misled=misled)

    def _refine(self, *, misled: bool) -> Iterator[Step]:
        """Improve the best plans so far in three ways, for ever; a way that was in vain rests for some turns.

        Those that trust the profile model rest from the start where it was `misled`.
        """
        ways = (self._direct, self._weigh, self._kick)
        vain = [0, _MISLED_REST, _MISLED_REST] if misled else [0, 0, 0]
        rest = vain.copy()
        turn = 0
        while True:
            for place, way in enumerate(ways):
                if rest[place] > 0:
                    rest[place] -= 1
                    continue
                turn += 1
                before = self.best.value
                yield way(turn, self._rng(30_000 + turn))
                better = self.best.value < before
                vain[place] = 0 if better else min(2 * vain[place] + 1, _LONGEST_REST)
                rest[place] = vain[place]

    def _direct(self, turn: int, rng: np.random.Generator) -> Step:
        """Move the best plans in the flow model itself."""
        reached: list[float] = []
        while len(reached) < _TRIALS and not (reached and self.budget.spent()):
            reached.append(self.direct.improve(self.best, self._others, rng).value)
        cost = self.model.evaluate(self.model.from_plans(self.best.plans), epsilon=_EPSILON)
        return Step(f"trials {turn}", cost, min(reached))

    def _weigh(self, turn: int, rng: np.random.Generator) -> Step:
        """Improve the best plans in the profile model with more weight where their queues fill links."""
        before = self.best.value
        trial = np.minimum(self._weight * self._feedback(rng), _HEAVIEST)
        self.model.reweigh(trial)
        self.model.evaluate(self.model.from_plans(self.best.plans), epsilon=_COARSE)
        links = self.network.lane_groups.link[trial > self._weight]
        near = self._around(self.network.links.to_node[links])
        self.local.orders(near[: len(self.local.free) // 4 + 4], halving=False)
        self.local.timings(rng.permutation(near), fine=False)
        self.local.timings(rng.permutation(near), fine=True)
        step = self._judged(f"feedback {turn}", self.model.timings())
        if self.best.value < before:
            self._weight = trial
        else:
            self.model.reweigh(self._weight)
        return step

    def _feedback(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return factors on the weights of lane groups: more than 1 where the best plans let a queue fill its link."""
        result = self._seen
        links, groups = self.network.links, self.network.lane_groups
        storage = links.length_m * links.running_lanes * self.model.parameters.flow.jam_density_veh_m
        full = result.link_max_queue_veh >= _FULL * storage
        hot = full[groups.link] & (result.group_saturation >= _BUSY)
        hot &= np.isin(links.to_node[groups.link], self.model.nodes[self.local.free])
        chosen = hot & (rng.random(len(hot)) < 0.6)
        return np.where(chosen if chosen.any() else hot, _HEAVIER, 1.0)

    def _around(self, nodes: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the free junctions at `nodes`, then those one link away."""
        links = self.network.links
        next_to = np.concatenate(
            [links.from_node[np.isin(links.to_node, nodes)], links.to_node[np.isin(links.from_node, nodes)]]
        )
        ordered = list(dict.fromkeys(np.concatenate([np.unique(nodes), np.unique(next_to)]).tolist()))
        at = {int(node): j for j, node in enumerate(self.model.nodes.tolist())}
        free = set(self.local.free.tolist())
        return np.array([at[n] for n in ordered if at.get(n) in free], dtype=np.int64)

    def _kick(self, turn: int, rng: np.random.Generator) -> Step:
        """Shift neighbourhoods of the best plans and repair them; judge what the profile model likes better."""
        model = self.model
        best = model.from_plans(self.best.plans)
        first = cost = model.evaluate(best, epsilon=_EPSILON)
        for _ in range(_KICKS):
            if self.budget.spent():
                break
            trial = best.copy()
            near = self.local.kick(trial, rng, size=int(rng.integers(1, 9)))
            model.load(trial)
            model.update(model.nodes[near], epsilon=_EPSILON)
            self.local.timings(near)
            self.local.timings(near, fine=True)
            if model.cost < cost * (1.0 - 1e-6):
                cost, best = model.cost, model.timings()
            else:
                model.load(best)
                model.update(model.nodes[near], epsilon=_EPSILON)
        if cost < first * (1.0 - 1e-6):
            return self._judged(f"kicks {turn}", best)
        return Step(f"kicks {turn}", cost, None)
