"""Kernels of the user equilibrium: cost functions and shortest trees."""

from __future__ import annotations

import math
from typing import NamedTuple

from traffic._kernels_jit import F1, I1, OutF1, OutI1, helper, kernel

__all__ = ["CostTable", "Graph", "evaluate", "evaluate_element", "shortest_tree"]


class Graph(NamedTuple):
    """Arcs sorted by tail: those of vertex v are begin[v] .. begin[v + 1] - 1."""

    vertices: int
    begin: I1
    tail: I1
    head: I1


class CostTable(NamedTuple):
    """Cost functions of the elements: all vertices, then all arcs (see `traffic.equilibrium`)."""

    elements: int
    free_s: F1
    capacity: F1
    rise_s: F1
    power: F1
    queue_s: F1
    randomness: F1


@helper
def evaluate_element(table: CostTable, e: int, flow: float, cost: OutF1, slope: OutF1) -> None:
    x = max(flow, 0.0) / table.capacity[e]
    value = table.free_s[e]
    rate = 0.0
    rise = table.rise_s[e]
    if rise > 0.0:
        power = table.power[e]
        if power == 1.0:
            value += rise * x
            rate += rise
        elif power == 4.0:
            cube = x * x * x
            value += rise * cube * x
            rate += 4.0 * rise * cube
        elif x > 0.0:
            lower = math.pow(x, power - 1.0)
            value += rise * lower * x
            rate += rise * power * lower
    queue = table.queue_s[e]
    if queue > 0.0:
        k = table.randomness[e]
        root = math.sqrt((x - 1.0) * (x - 1.0) + k * x)
        # (x - 1) + root, without the cancellation that it suffers below capacity
        value += queue * (k * x / (root + 1.0 - x) if x < 1.0 else x - 1.0 + root)
        rate += queue * (1.0 + (x - 1.0 + 0.5 * k) / root)
    cost[e] = value
    slope[e] = rate / table.capacity[e]


@kernel
def evaluate(table: CostTable, flow: F1, cost: OutF1, slope: OutF1) -> None:
    """Set cost and its derivative of every element at `flow`."""
    for e in range(len(flow)):
        evaluate_element(table, e, flow[e], cost, slope)


@helper
def _sift_up(key: OutF1, item: OutI1, place: OutI1, start: int, value: float, vertex: int) -> None:
    """Put `vertex` into the heap (four children to a node) at `start` or above."""
    i = start
    while i > 0:
        above = (i - 1) >> 2
        if key[above] <= value:
            break
        key[i] = key[above]
        item[i] = item[above]
        place[item[i]] = i
        i = above
    key[i] = value
    item[i] = vertex
    place[vertex] = i


@helper
def _sift_down(key: OutF1, item: OutI1, place: OutI1, size: int, value: float, vertex: int) -> None:
    """Put `vertex` into the heap at the top or below."""
    i = 0
    while True:
        below = 4 * i + 1
        if below >= size:
            break
        least = below
        for child in range(below + 1, min(below + 4, size)):
            if key[child] < key[least]:
                least = child
        if key[least] >= value:
            break
        key[i] = key[least]
        item[i] = item[least]
        place[item[i]] = i
        i = least
    key[i] = value
    item[i] = vertex
    place[vertex] = i


@helper
def shortest_tree(
    graph: Graph, cost: F1, origin: int, distance: OutF1, parent: OutI1, key: OutF1, item: OutI1
) -> None:
    """Dijkstra's algorithm; the cost of a vertex is paid on arrival.

    `key` and `item` are the heap; the second half of `item` says where each vertex stands in it.
    """
    vertices = graph.vertices
    place = item[vertices:]
    for v in range(vertices):
        distance[v] = math.inf
        parent[v] = -1
        place[v] = -1
    distance[origin] = 0.0
    key[0] = 0.0
    item[0] = origin
    size = 1
    while size > 0:
        v = item[0]
        here = key[0]
        size -= 1
        if size > 0:
            _sift_down(key, item, place, size, key[size], item[size])
        for a in range(graph.begin[v], graph.begin[v + 1]):
            w = graph.head[a]
            there = here + (cost[vertices + a] + cost[w])
            if there < distance[w]:
                distance[w] = there
                parent[w] = a
                if graph.begin[w] == graph.begin[w + 1]:
                    continue
                start = place[w]
                if start < 0:
                    start = size
                    size += 1
                _sift_up(key, item, place, start, there, w)
