"""Kernels of the user equilibrium: path sets and gradient projection."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from traffic._kernels_assignment_tree import CostTable, Graph, evaluate, evaluate_element, shortest_tree
from traffic._kernels_jit import F1, I1, OutF1, OutI1, helper, kernel

__all__ = ["CostTable", "Graph", "PathPool", "Trips", "Work", "compact", "evaluate", "project", "search"]


class Trips(NamedTuple):
    """Trips sorted by origin: those of origin i are begin[i] .. begin[i + 1] - 1."""

    origin: I1
    begin: I1
    destination: I1
    flow: F1


class PathPool(NamedTuple):
    """Paths as arc lists in one pool; the paths of a trip form a linked list.

    `rest` is the number of sweeps for which a trip is left alone.
    """

    first: OutI1
    rest: OutI1
    following: OutI1
    begin: OutI1
    end: OutI1
    flow: OutF1
    arc: OutI1
    size: OutI1  # paths, arcs, last mark


class Work(NamedTuple):
    """Scratch space: marks of elements, and the elements that only one of two paths uses."""

    elements: int
    mark_best: OutI1
    mark_path: OutI1
    only_path: OutI1
    only_best: OutI1


@helper
def _path_cost(graph: Graph, pool: PathPool, path: int, cost: F1) -> float:
    vertices = graph.vertices
    total = 0.0
    for i in range(pool.begin[path], pool.end[path]):
        a = pool.arc[i]
        total += cost[vertices + a] + cost[graph.head[a]]
    return total


@helper
def _known_cost(graph: Graph, pool: PathPool, trip: int, cost: F1) -> float:
    best = math.inf
    path = pool.first[trip]
    while path >= 0:
        best = min(best, _path_cost(graph, pool, path, cost))
        path = pool.following[path]
    return best


@helper
def _add_path(graph: Graph, pool: PathPool, trip: int, sink: int, parent: I1, flow: float) -> bool:
    """Store the tree path to `sink`; return False where the pool is full."""
    count = 0
    v = sink
    while parent[v] >= 0:
        count += 1
        v = graph.tail[parent[v]]
    paths = pool.size[0]
    start = pool.size[1]
    if paths >= len(pool.flow) or start + count > len(pool.arc):
        return False
    v = sink
    for i in range(count):
        pool.arc[start + count - 1 - i] = parent[v]
        v = graph.tail[parent[v]]
    pool.begin[paths] = start
    pool.end[paths] = start + count
    pool.flow[paths] = flow
    pool.following[paths] = pool.first[trip]
    pool.first[trip] = paths
    pool.size[0] = paths + 1
    pool.size[1] = start + count
    return True


@helper
def _load_new(
    graph: Graph, table: CostTable, pool: PathPool, begin_at: int, state: tuple[OutF1, OutF1, OutF1]
) -> None:
    """Add the flow of the paths from `begin_at` on to their elements."""
    flow, cost, slope = state
    for path in range(begin_at, pool.size[0]):
        amount = pool.flow[path]
        if amount > 0.0:
            for i in range(pool.begin[path], pool.end[path]):
                a = pool.arc[i]
                w = graph.head[a]
                flow[graph.vertices + a] += amount
                flow[w] += amount
                evaluate_element(table, graph.vertices + a, flow[graph.vertices + a], cost, slope)
                evaluate_element(table, w, flow[w], cost, slope)


@helper
def _mark(graph: Graph, pool: PathPool, path: int, mark: OutI1, stamp: int) -> None:
    for i in range(pool.begin[path], pool.end[path]):
        a = pool.arc[i]
        mark[graph.vertices + a] = stamp
        mark[graph.head[a]] = stamp


@helper
def _unmarked(graph: Graph, pool: PathPool, path: int, mark: I1, stamp: int, found: OutI1) -> int:
    """Write the elements of `path` without the mark `stamp` to `found`; return their number."""
    count = 0
    for i in range(pool.begin[path], pool.end[path]):
        a = pool.arc[i]
        if mark[graph.vertices + a] != stamp:
            found[count] = graph.vertices + a
            count += 1
        if mark[graph.head[a]] != stamp:
            found[count] = graph.head[a]
            count += 1
    return count


@helper
def _shift(
    table: CostTable, elements: I1, count: int, amount: float, state: tuple[OutF1, OutF1, OutF1]
) -> None:
    flow, cost, slope = state
    for i in range(count):
        e = elements[i]
        flow[e] += amount
        evaluate_element(table, e, flow[e], cost, slope)


@helper
def _exchange(
    table: CostTable,
    pool: PathPool,
    path: int,
    best: int,
    work: Work,
    counts: tuple[int, int],
    state: tuple[OutF1, OutF1, OutF1],
) -> None:
    """Move flow from `path` to `best` by Newton steps on their difference of cost.

    `work` holds the elements that only one of the two uses.
    """
    of_path, of_best = counts
    _, cost, slope = state
    tolerance = 0.0
    moved = 0.0
    for step in range(4):
        gap = 0.0
        rate = 0.0
        for i in range(of_path):
            gap += cost[work.only_path[i]]
            rate += slope[work.only_path[i]]
        for i in range(of_best):
            gap -= cost[work.only_best[i]]
            rate += slope[work.only_best[i]]
        if step == 0:
            tolerance = 1e-3 * gap
        if abs(gap) <= tolerance or (step == 0 and gap <= 0.0):
            break
        available = pool.flow[path]
        # a step beyond the balance is taken back, at most to where the exchange began
        amount = max(gap / rate, -moved) if rate > 0.0 else available
        if amount >= available:
            amount = available
            pool.flow[path] = 0.0
        else:
            pool.flow[path] = available - amount
        pool.flow[best] += amount
        moved += amount
        _shift(table, work.only_path, of_path, -amount, state)
        _shift(table, work.only_best, of_best, amount, state)
        if pool.flow[path] == 0.0 and rate == 0.0:
            break


@helper
def _project_trip(
    graph: Graph,
    table: CostTable,
    trips: Trips,
    pool: PathPool,
    trip: int,
    work: Work,
    state: tuple[OutF1, OutF1, OutF1],
    tolerance: float,
) -> float:
    """Move flow to the cheapest known path of one trip; return the excess cost of the others before."""
    cost = state[1]
    path = pool.first[trip]
    if path < 0 or pool.following[path] < 0:
        return 0.0
    best = -1
    best_cost = math.inf
    total = 0.0
    while path >= 0:
        value = _path_cost(graph, pool, path, cost)
        if value < best_cost:
            best = path
            best_cost = value
        total += value * pool.flow[path]
        path = pool.following[path]
    excess: float = total - best_cost * trips.flow[trip]
    if excess <= tolerance * total:
        pool.rest[trip] = 4
        return excess
    stamp_best = pool.size[2] + 1
    stamp = stamp_best
    _mark(graph, pool, best, work.mark_best, stamp_best)
    path = pool.first[trip]
    while path >= 0:
        if path != best and pool.flow[path] > 0.0:
            stamp += 1
            _mark(graph, pool, path, work.mark_path, stamp)
            of_path = _unmarked(graph, pool, path, work.mark_best, stamp_best, work.only_path)
            of_best = _unmarked(graph, pool, best, work.mark_path, stamp, work.only_best)
            _exchange(table, pool, path, best, work, (of_path, of_best), state)
        path = pool.following[path]
    pool.size[2] = stamp
    return excess


@kernel
def project(
    graph: Graph,
    table: CostTable,
    trips: Trips,
    pool: PathPool,
    flow: OutF1,
    cost: OutF1,
    slope: OutF1,
    work: Work,
    tolerance: float,
) -> float:
    """Move flow to the cheapest known path of each trip; one sweep over all trips.

    Trips whose excess cost is at most `tolerance` of their cost are left as they are, and rest for a few
    sweeps. Returns the excess cost of the known paths over the cheapest ones, as it was met on the way.
    """
    excess = 0.0
    state = (flow, cost, slope)
    for trip in range(len(trips.destination)):
        if pool.rest[trip] > 0:
            pool.rest[trip] -= 1
            continue
        excess += _project_trip(graph, table, trips, pool, trip, work, state, tolerance)
    return excess


@kernel
def search(
    graph: Graph,
    table: CostTable,
    trips: Trips,
    pool: PathPool,
    flow: OutF1,
    cost: OutF1,
    slope: OutF1,
    result: OutF1,
    work: Work,
    begin_at: int,
    improve: bool,
    tolerance: float,
) -> int:
    """Give every trip its shortest path; a trip without any path is loaded on it at once.

    With `improve`, each trip moves flow to its cheapest path before the next tree is found, and result[i] is
    the excess cost that the trips of origin i had before. Without, it is the sum of flow times shortest cost
    over these trips; infinite where a trip cannot be made. Returns the origin at which the pool was full, or
    the number of origins.
    """
    vertices = graph.vertices
    state = (flow, cost, slope)
    distance = np.empty(vertices, dtype=np.float64)
    parent = np.empty(vertices, dtype=np.int32)
    key = np.empty(vertices, dtype=np.float64)
    item = np.empty(2 * vertices, dtype=np.int32)
    for i in range(begin_at, len(trips.origin)):
        shortest_tree(graph, cost, trips.origin[i], distance, parent, key, item)
        before = pool.size[0]
        total = 0.0
        for trip in range(trips.begin[i], trips.begin[i + 1]):
            sink = trips.destination[trip]
            total += trips.flow[trip] * distance[sink]
            if distance[sink] == math.inf:
                continue
            start_flow = trips.flow[trip] if pool.first[trip] < 0 else 0.0
            known = _known_cost(graph, pool, trip, cost)
            wanted = start_flow > 0.0 or distance[sink] < known * (1.0 - 1e-11)
            if wanted and not _add_path(graph, pool, trip, sink, parent, start_flow):
                _load_new(graph, table, pool, before, state)
                return i
        result[i] = total
        _load_new(graph, table, pool, before, state)
        if improve:
            excess = 0.0
            for trip in range(trips.begin[i], trips.begin[i + 1]):
                excess += _project_trip(graph, table, trips, pool, trip, work, state, tolerance)
            result[i] = excess
    return len(trips.origin)


@kernel
def compact(graph: Graph, trips: Trips, old: PathPool, new: PathPool, flow: OutF1) -> None:
    """Copy the used paths to `new`, trip by trip, and add up the flow of every element afresh."""
    vertices = graph.vertices
    for e in range(len(flow)):
        flow[e] = 0.0
    paths = 0
    arcs = 0
    for trip in range(len(trips.destination)):
        new.first[trip] = -1
        new.rest[trip] = 0
        total = 0.0
        path = old.first[trip]
        while path >= 0:
            total += old.flow[path]
            path = old.following[path]
        path = old.first[trip]
        last = -1
        while path >= 0:
            if old.flow[path] > 0.0:
                # the flow of the trip is kept to the last bit that the sum allows
                amount = old.flow[path] * (trips.flow[trip] / total)
                new.begin[paths] = arcs
                for i in range(old.begin[path], old.end[path]):
                    a = old.arc[i]
                    new.arc[arcs] = a
                    arcs += 1
                    flow[vertices + a] += amount
                    flow[graph.head[a]] += amount
                new.end[paths] = arcs
                new.flow[paths] = amount
                new.following[paths] = -1
                if last < 0:
                    new.first[trip] = paths
                else:
                    new.following[last] = paths
                last = paths
                paths += 1
            path = old.following[path]
    new.size[0] = paths
    new.size[1] = arcs
    new.size[2] = old.size[2]
