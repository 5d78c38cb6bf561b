"""Offsets of coordinated junctions: the pairwise model, its best solution found, and a bound on what is possible.

In the pairwise model the cost of the links between two junctions depends on the difference of their offsets
alone: platoons keep the shape that they have in the evaluation at hand. Then the network's cost is a sum of
tables, one for each pair of neighbours, and

- on a forest of junctions, given all others, dynamic programming finds the best offsets exactly; random
  forests, one after the other, and several starts find good ones for the whole network;
- junctions that move together keep their relative offsets. Such groups are the junctions of a smaller pairwise model,
  whose forests move whole districts against each other: a way out where no junction can improve alone.

`signals.offset_bound` tells how good the best possible offsets can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from signals._kernels_offsets import descend, forest_step, link_tables
from traffic.arrays import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.profile import ProfileModel

__all__ = ["PairwiseModel", "best_offsets", "merged_model", "pairwise_model"]

_DENSEST = 0.7  # part of the pairs that groups are made of, at most


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
    merges: int = 0,
) -> NDArray[np.int32]:
    """Return shifts of the offsets that are good in the pairwise model; shape (junctions of the model,).

    Each start makes random forests best, one after the other, until `patience` of them in a row have not
    helped. The first start begins from the offsets as they are, so the result is never worse. At the end
    random groups of junctions move together, `merges` times over.

    Parameters
    ----------
    fixed
        Junctions whose offset stays; shape (junctions of the model,). No forest takes them, so the others are
        made best given theirs.
    merges
        Number of times that junctions are put into random groups, which move as one.
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
    held = np.zeros(count, dtype=bool) if fixed is None else fixed
    for _ in range(merges):
        best = _move_groups(pairs, best, held, rng)
    return best


def _move_groups(
    pairs: PairwiseModel, shift: NDArray[np.int32], held: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int32]:
    """Return `shift`, or better ones where random groups of junctions move against each other.

    The junctions of random edges form a group; those that are `held` are in none of them together with others
    that move.
    """
    count = len(shift)
    joined = rng.random(len(pairs.first)) < rng.uniform(0.0, _DENSEST)
    joined &= held[pairs.first] == held[pairs.second]
    ends = pairs.first[joined], pairs.second[joined]
    graph = coo_array((np.ones(len(ends[0])), ends), shape=(count, count))
    groups, group = connected_components(graph, directed=False)
    merged = merged_model(pairs, shift, group, groups)
    free = np.setdiff1d(np.arange(groups), group[held])
    if not len(merged.first) or not len(free):
        return shift
    solver, order = _Solver(merged), frozen(rng.permutation(free), np.int32)
    move = np.zeros(groups, dtype=np.int32)
    solver.forest(order, move)
    solver.descend(order, move)
    trial = ((shift + move[group]) % pairs.period_s).astype(np.int32)
    return trial if pairs.total(trial) < pairs.total(shift) else shift


def merged_model(
    pairs: PairwiseModel, shift: NDArray[np.int32], group: NDArray[np.integer], groups: int
) -> PairwiseModel:
    """Return the pairwise model of groups of junctions that move as one from `shift`.

    What pairs inside a group cost is left out.

    Parameters
    ----------
    shift
        Offsets from which the groups move, seconds; shape (junctions,).
    group
        Group of each junction, 0 .. groups - 1; shape (junctions,).
    """
    period = pairs.period_s
    apart = np.flatnonzero(group[pairs.first] != group[pairs.second])
    one, two = group[pairs.first[apart]], group[pairs.second[apart]]
    now = shift[pairs.first[apart]] - shift[pairs.second[apart]]
    way = np.where(one < two, 1, -1)
    column = (now[:, None] + way[:, None] * np.arange(period)) % period
    key, row = np.unique(np.minimum(one, two) * np.int64(groups) + np.maximum(one, two), return_inverse=True)
    cost = np.zeros((len(key), period))
    np.add.at(cost, row, pairs.cost[apart[:, None], column])
    ends = (frozen(key // groups, np.int32), frozen(key % groups, np.int32))
    return PairwiseModel(period, frozen(np.arange(groups), np.int32), *ends, cost)
