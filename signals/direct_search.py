"""Search in the flow model itself, or in another one that judges plans.

For where queues block each other and the profile model misleads.

A move changes a neighbourhood of junctions: their offsets, the share of some stages in the cycle, or all that they
do, taken over from other plans that were judged. Neighbourhoods are drawn where vehicles wait, and green is moved
to where they wait from where they do not, or nowhere in particular: an empty place further on may be the way out.
A large city is moved in several places at once. Each place is answerable for the links nearest to it, and what made
these worse is taken back before the plans are judged as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from signals.plan import Plan, PlanSet
    from traffic.network import RoadNetwork


__all__ = ["DirectSearch", "Judged"]

_SIZES = (1, 2, 4, 8, 16, 32)
_JUNCTIONS_PER_PLACE = 40
_MOST_PLACES = 16
_EVENLY = 0.3  # part of the places that are drawn anywhere
_OFFSETS = 0.4
_SPLITS = 0.4  # and the rest: taken over
_NAME = "optimised"
_LONGEST_SHIFT_S = 30
_LONGEST_STEP_S = 8


class Judged(NamedTuple):
    """Plans, their objective, and what each link has of it; shape (links,)."""

    value: float
    plans: PlanSet
    link_cost: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DirectSearch:
    """Improves plans by trials in a model that sees queues.

    Attributes
    ----------
    free
        Junctions whose plans may change; shape (free,).
    judge
        Runs the model in which plans are tried.
    spent
        Whether the time is over: then a move that is better in part is not tried again without the rest.
    """

    network: RoadNetwork
    free: NDArray[np.int64]
    judge: Callable[[PlanSet], Judged]
    spent: Callable[[], bool] = lambda: False

    def improve(self, best: Judged, others: Sequence[PlanSet], rng: np.random.Generator) -> Judged:
        """Make one move from `best`, in one or several places; return what was judged, the better of two runs.

        Parameters
        ----------
        others
            Plans to take neighbourhoods from.
        """
        cost = best.link_cost
        centres = self._centres(cost, rng)
        moves = self._moves(best.plans, centres, cost, others, rng)
        first = self.judge(best.plans.with_plans((plan for move in moves for plan in move), name=_NAME))
        change = first.link_cost - cost
        better = np.bincount(self._nearest(centres), weights=change, minlength=len(centres)) < 0.0
        if better.all() or not better.any() or self.spent():
            return first
        kept = [move for move, good in zip(moves, better.tolist(), strict=True) if good]
        second = self.judge(best.plans.with_plans((plan for move in kept for plan in move), name=_NAME))
        return min(first, second, key=attrgetter("value"))

    def _centres(self, cost: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return junctions to move at, most of them where waiting costs most."""
        network = self.network
        wanted = min(max(len(self.free) // _JUNCTIONS_PER_PLACE, 1), _MOST_PLACES)
        at_node = np.bincount(network.links.to_node, weights=cost, minlength=len(network.nodes))
        waiting = at_node[network.junctions.node][self.free]
        share = np.full(len(self.free), 1.0 / len(self.free))
        if waiting.sum() > 0.0:
            share = _EVENLY * share + (1.0 - _EVENLY) * waiting / waiting.sum()
        chosen: NDArray[np.int64] = rng.choice(self.free, size=wanted, replace=False, p=share)
        return chosen

    def _nearest(self, centres: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of the `centres` is nearest to the end of each link; shape (links,)."""
        nearest: NDArray[np.int64] = _distances_m(self.network, self.network.links.to_node, centres).argmin(
            axis=1
        )
        return nearest

    def _moves(
        self,
        plans: PlanSet,
        centres: NDArray[np.int64],
        cost: NDArray[np.float64],
        others: Sequence[PlanSet],
        rng: np.random.Generator,
    ) -> list[list[Plan]]:
        """Return the changed plans around each of the `centres`; no junction changes twice."""
        movements = self.network.movements
        urge = cost[movements.in_link] - cost[movements.out_link]
        distance_m = _distances_m(self.network, self.network.junctions.node[self.free], centres)
        owner = distance_m.argmin(axis=1)
        moves = []
        for place in range(len(centres)):
            own = np.flatnonzero(owner == place)
            near = own[np.argsort(distance_m[own, place], kind="stable")][: int(rng.choice(_SIZES))]
            given = [plans[j] for j in self.free[near].tolist()]
            kind = rng.random()
            if kind < _OFFSETS:
                moves.append(_shifted(given, rng))
            elif kind < _OFFSETS + _SPLITS or not others:
                moves.append(_resplit(given, urge, rng))
            else:
                other = others[int(rng.integers(len(others)))]
                moves.append([other[plan.junction.index] for plan in given])
        return moves


def _distances_m(
    network: RoadNetwork, nodes: NDArray[np.int32], centres: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the distance of `nodes` from the junctions `centres`; shape (nodes, centres)."""
    x, y, at = network.nodes.x_m, network.nodes.y_m, network.junctions.node[centres]
    distance: NDArray[np.float64] = np.hypot(x[nodes, None] - x[at], y[nodes, None] - y[at])
    return distance


def _shifted(plans: Iterable[Plan], rng: np.random.Generator) -> list[Plan]:
    """Shift all offsets by the same time."""
    step = int(rng.integers(1, _LONGEST_SHIFT_S + 1)) * int(rng.choice((-1, 1)))
    return [replace(plan, offset_s=(plan.offset_s + step) % plan.cycle_s, name=_NAME) for plan in plans]


def _resplit(plans: Iterable[Plan], urge: NDArray[np.float64], rng: np.random.Generator) -> list[Plan]:
    """Move some seconds between two stages of each plan: every second time to where more wait than further on.

    Parameters
    ----------
    urge
        How much more waiting costs before each movement than behind it; shape (movements,).
    """
    step, informed = int(rng.integers(1, _LONGEST_STEP_S + 1)), bool(rng.integers(2))
    changed = []
    for plan in plans:
        if len(plan.stages) == 1:
            continue
        giver, taker = rng.choice(len(plan.stages), size=2, replace=False).tolist()
        if informed and _stage_urge(plan, giver, urge) > _stage_urge(plan, taker, urge):
            giver, taker = taker, giver
        durations = list(plan.durations_s)
        durations[giver] -= step
        durations[taker] += step
        least = plan.sequence.planned_stage_s[[giver, taker]]
        if (np.array(durations)[[giver, taker]] >= least).all() and plan.sequence.feasible(durations):
            changed.append(replace(plan, durations_s=tuple(durations), name=_NAME))
    return changed


def _stage_urge(plan: Plan, stage: int, urge: NDArray[np.float64]) -> float:
    groups = plan.junction.groups
    return float(sum(urge[list(groups[g].movements)].sum() for g in plan.stages[stage].groups))
