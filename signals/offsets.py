"""Offsets of coordinated junctions: the pairwise model, its best solution found, and a bound on what is possible.

In the pairwise model the cost of the links between two junctions depends on the difference of their offsets
alone: platoons keep the shape that they have in the evaluation at hand. Then the network's cost is a sum of
tables, one for each pair of neighbours, and

- on a forest of junctions, given all others, dynamic programming finds the best offsets exactly; random
  forests, one after the other, and several starts find good ones for the whole network;
- the relative offsets around a loop add up to a whole period. The least cost of each loop, with every pair's
  table shared out among the loops it lies in, is a lower bound of the cost (Lagrangian decomposition: any
  shares give a valid bound, subgradient steps raise it).

The *bound ratio* is the improvement over the mean of random offsets, as a part of the largest improvement that the
bound allows: (mean - found) / (mean - bound). A constant that is added to the costs does not change it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from signals._kernels_offsets import descend, forest_step, link_tables, loop_minimum
from traffic.arrays import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from signals.profile import ProfileModel

__all__ = ["PairwiseModel", "best_offsets", "bound_ratio", "loop_bound", "pairwise_model"]

_LONGEST_LOOP = 8


@dataclass(frozen=True, eq=False)
class PairwiseModel:
    """Costs of pairs of junctions of one period, against their relative offset.

    Attributes
    ----------
    period_s
        Period of all junctions in the model.
    junctions
        Rows in the network's `Junctions`; the model counts them from 0.
    first, second
        Junctions of each edge; shape (edges,).
    cost
        Cost of the edge when the offset of `first` minus that of `second` is d seconds more than in the
        evaluation that the model was made from; shape (edges, period).
    """

    period_s: int
    junctions: NDArray[np.int32]
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    cost: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("junctions", "first", "second"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.int32))
        object.__setattr__(self, "cost", frozen(self.cost, np.float64))

    def total(self, shift_s: NDArray[np.integer]) -> float:
        """Return the cost when every junction's offset is `shift_s` seconds later; shape (junctions,)."""
        apart = (shift_s[self.first] - shift_s[self.second]) % self.period_s
        return float(self.cost[np.arange(len(apart)), apart].sum())

    @property
    def mean(self) -> float:
        """Mean cost of random offsets."""
        return float(self.cost.mean(axis=1).sum()) if len(self.first) else 0.0

    def adjacency(self) -> tuple[NDArray[np.int32], ...]:
        """Return, junction by junction, begin, other junction, edge, and 1 (at the edge's first) or -1."""
        edges = np.arange(len(self.first))
        at = np.concatenate([self.first, self.second])
        other = np.concatenate([self.second, self.first])
        order = np.argsort(at, kind="stable")
        begin = np.concatenate([[0], np.cumsum(np.bincount(at, minlength=len(self.junctions)))])
        sign = np.repeat([1, -1], len(edges))
        columns = (begin, other[order], np.concatenate([edges, edges])[order], sign[order])
        return tuple(frozen(column, np.int32) for column in columns)


def pairwise_model(model: ProfileModel, period_s: int) -> PairwiseModel:
    """Return the pairwise model of the junctions with `period_s`, from the evaluation in hand.

    A link belongs to the junction at its end and to the one where most of its traffic comes from; nodes without a
    signal between them only pass platoons on.
    """
    network, flow = model.network, model.demand.link_veh_s
    of_node = np.full(len(network.nodes), -1, dtype=np.int64)
    of_node[model.nodes] = np.arange(len(model.nodes))
    end = of_node[network.links.to_node]
    source = _source_junctions(model, of_node)
    period = model.plan.period
    fits = (end >= 0) & (source >= 0) & (source != end) & (flow > 0)
    fits &= (period[network.links.to_node] == period_s) & (
        period[model.nodes[np.maximum(source, 0)]] == period_s
    )
    links = np.flatnonzero(fits)
    junctions = np.flatnonzero(period[model.nodes] == period_s)
    local = np.full(len(model.nodes), -1, dtype=np.int64)
    local[junctions] = np.arange(len(junctions))
    one, two = local[source[links]], local[end[links]]
    pair = np.column_stack([np.minimum(one, two), np.maximum(one, two)])
    edges, row = np.unique(pair, axis=0, return_inverse=True)
    table = np.zeros(max(len(edges), 1) * model.net.stride)
    link_tables(
        model.net,
        model.plan,
        model.state,
        frozen(links, np.int32),
        frozen(row.ravel(), np.int32),
        frozen(one < two, np.int32),
        table,
        np.zeros(3),
    )
    cost = table.reshape(-1, model.net.stride)[: len(edges), :period_s]
    return PairwiseModel(
        period_s=period_s,
        junctions=frozen(junctions, np.int32),
        first=frozen(edges[:, 0], np.int32),
        second=frozen(edges[:, 1], np.int32),
        cost=cost,
    )


def _source_junctions(model: ProfileModel, of_node: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each link the junction that most of its traffic has passed last; -1: none."""
    network, demand = model.network, model.demand
    movements = network.movements
    volume = demand.link_veh_s[movements.in_link] * demand.movement_share
    heaviest = np.full(len(network.links), -1, dtype=np.int64)
    order = np.argsort(volume, kind="stable")
    heaviest[movements.out_link[order]] = movements.in_link[order]
    source = of_node[network.links.from_node]
    before = np.arange(len(network.links))
    for _ in range(20):
        open_ = (source < 0) & (before >= 0)
        if not open_.any():
            break
        before[open_] = heaviest[before[open_]]
        known = open_ & (before >= 0)
        source[known] = of_node[network.links.from_node[before[known]]]
    return source


class _Solver:
    """Work space of the offset kernels for one pairwise model."""

    def __init__(self, pairs: PairwiseModel) -> None:
        self.pairs = pairs
        count, period = len(pairs.junctions), pairs.period_s
        self.begin, self.other, self.edge, self.sign = pairs.adjacency()
        self.table = frozen(pairs.cost.ravel(), np.float64)
        self.work = np.zeros(5 * max(count, 1), dtype=np.int32)
        self.value = np.zeros(max(count, 1) * period)
        self.choice = np.zeros(max(count, 1) * period, dtype=np.int32)

    def forest(self, order: NDArray[np.int32], shift: NDArray[np.int32]) -> None:
        """Make a forest of junctions, picked in `order`, best given the others."""
        period = self.pairs.period_s
        forest_step(
            period,
            period,
            self.begin,
            self.other,
            self.edge,
            self.sign,
            self.table,
            order,
            shift,
            self.work,
            self.value,
            self.choice,
        )

    def descend(self, order: NDArray[np.int32], shift: NDArray[np.int32]) -> float:
        """Make one junction after the other best given its neighbours; return the change of the cost."""
        period = self.pairs.period_s
        return float(
            descend(period, period, self.begin, self.other, self.edge, self.sign, self.table, order, shift)
        )


def best_offsets(
    pairs: PairwiseModel,
    rng: np.random.Generator,
    *,
    fixed: NDArray[np.bool_] | None = None,
    starts: int = 1,
    rounds: int = 20,
    patience: int = 3,
) -> NDArray[np.int32]:
    """Return shifts of the offsets that are good in the pairwise model; shape (junctions of the model,).

    Each start makes random forests best, one after the other, until `patience` of them in a row have not
    helped. The first start begins from the offsets as they are, so the result is never worse.

    Parameters
    ----------
    fixed
        Junctions whose offset stays; shape (junctions of the model,). No forest takes them, so the others are
        made best given theirs.
    """
    count = len(pairs.junctions)
    best = np.zeros(count, dtype=np.int32)
    free = np.arange(count) if fixed is None else np.flatnonzero(~fixed)
    if not len(pairs.first) or not len(free):
        return best
    solver = _Solver(pairs)
    least = pairs.total(best)
    for start in range(starts):
        shift = np.zeros(count, dtype=np.int32)
        if start > 0:
            shift[free] = rng.integers(0, pairs.period_s, len(free))
        reached, idle = np.inf, 0
        for _ in range(rounds):
            order = frozen(rng.permutation(free), np.int32)
            solver.forest(order, shift)
            solver.descend(order, shift)
            cost = pairs.total(shift)
            idle = 0 if cost < reached - 1e-9 else idle + 1
            reached = min(reached, cost)
            if idle >= patience:
                break
        if reached < least:
            least, best = reached, shift.copy()
    return best


def loop_bound(pairs: PairwiseModel, *, known: float | None = None, steps: int = 20) -> float:
    """Return a lower bound on the cost of any offsets in the pairwise model.

    Parameters
    ----------
    known
        Cost of some offsets, which sets the length of the steps (Polyak's rule); default: of those in hand.
    steps
        Subgradient steps on the shares of the pairs in their loops; each keeps the bound valid.
    """
    if not len(pairs.first):
        return 0.0
    loops = _short_loops(pairs)
    inside = np.zeros(len(pairs.first), dtype=np.int64)
    for loop in loops:
        inside[[edge for edge, _ in loop]] += 1
    rows = [edge for loop in loops for edge, _ in loop]
    free = float(pairs.cost[inside == 0].min(axis=1).sum()) if (inside == 0).any() else 0.0
    if not loops:
        return free
    goal = pairs.total(np.zeros(len(pairs.junctions), dtype=np.int64)) if known is None else known
    share = pairs.cost[rows] / inside[rows][:, None]
    best = -np.inf
    begin = np.cumsum([0, *(len(loop) for loop in loops)])
    signs = frozen([sign for loop in loops for _, sign in loop], np.int32)
    length, idle = 0.5, 0
    for _ in range(max(steps, 1)):
        value, found = _loops_minimum(pairs.period_s, share, begin, signs)
        idle = 0 if free + value > best else idle + 1
        if idle > 1:
            length, idle = 0.5 * length, 0
        best = max(best, free + value)
        chosen = np.zeros_like(share)
        chosen[np.arange(len(rows)), found] = 1.0
        mean = np.zeros_like(pairs.cost)
        np.add.at(mean, rows, chosen)
        gradient = chosen - (mean / np.maximum(inside, 1)[:, None])[rows]
        square = float(np.square(gradient).sum())
        if square <= 0 or goal <= free + value:
            break
        share = share + gradient * (length * (goal - free - value) / square)
    return best


def _loops_minimum(
    period: int, share: NDArray[np.float64], begin: NDArray[np.int64], signs: NDArray[np.int32]
) -> tuple[float, NDArray[np.int32]]:
    """Return the sum of the least costs of all loops and the relative offset of each edge in them."""
    table = frozen(share.ravel(), np.float64)
    longest = int(np.diff(begin).max())
    value, choice = np.zeros(longest * period), np.zeros(longest * period, dtype=np.int32)
    found = np.zeros(len(share), dtype=np.int32)
    total = 0.0
    for k in range(len(begin) - 1):
        part = slice(int(begin[k]), int(begin[k + 1]))
        rows = frozen(np.arange(part.start, part.stop), np.int32)
        total += loop_minimum(
            period, period, rows, frozen(signs[part], np.int32), table, value, choice, found[part]
        )
    return total, found


def _short_loops(pairs: PairwiseModel) -> list[list[tuple[int, int]]]:
    """Return short loops through the edges, as lists of (edge, direction), each loop once."""
    neighbours: list[list[tuple[int, int, int]]] = [[] for _ in pairs.junctions]
    for edge, (a, b) in enumerate(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)):
        neighbours[a].append((b, edge, 1))
        neighbours[b].append((a, edge, -1))
    loops: dict[frozenset[int], list[tuple[int, int]]] = {}
    for edge, (a, b) in enumerate(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)):
        for forbidden in _detours(neighbours, a, b, edge):
            path = _path(neighbours, b, a, forbidden)
            if path is not None:
                loop = [(edge, 1), *path]
                loops.setdefault(frozenset(e for e, _ in loop), loop)
    return list(loops.values())


def _detours(
    neighbours: list[list[tuple[int, int, int]]], a: int, b: int, edge: int
) -> Iterable[frozenset[int]]:
    """Yield sets of edges to avoid: the edge itself, then with the first path's start too, for its other side."""
    yield frozenset([edge])
    path = _path(neighbours, b, a, frozenset([edge]))
    if path is not None:
        yield frozenset([edge, path[0][0]])


def _path(
    neighbours: list[list[tuple[int, int, int]]], start: int, goal: int, forbidden: frozenset[int]
) -> list[tuple[int, int]] | None:
    """Return a shortest path as (edge, direction), or `None` beyond the longest loop."""
    came: dict[int, tuple[int, int, int]] = {start: (-1, -1, 0)}
    queue = deque([(start, 0)])
    while queue:
        node, depth = queue.popleft()
        if node == goal:
            path = []
            while node != start:
                before, edge, sign = came[node]
                path.append((edge, sign))
                node = before
            return path[::-1]
        if depth + 1 < _LONGEST_LOOP:
            for other, edge, sign in neighbours[node]:
                if other not in came and edge not in forbidden:
                    came[other] = (node, edge, sign)
                    queue.append((other, depth + 1))
    return None


def bound_ratio(
    models: Sequence[PairwiseModel], shifts: Sequence[NDArray[np.integer]], *, steps: int = 20
) -> float | None:
    """Return the bound ratio (see the module) of offsets in one or several models; 1 is optimal.

    The improvements of all models are added up, and so are the largest that their bounds allow. `None` where
    no offset can change anything, as there is no pair or all relative offsets cost the same.
    """
    gained = allowed = 0.0
    for pairs, shift_s in zip(models, shifts, strict=True):
        found = pairs.total(shift_s)
        gained += pairs.mean - found
        allowed += pairs.mean - loop_bound(pairs, known=found, steps=steps)
    return gained / allowed if allowed > 1e-9 else None
