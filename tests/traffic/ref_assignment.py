"""User equilibrium the slow way: Frank-Wolfe on arcs, Bellman-Ford, exact line search, plain Python."""

from __future__ import annotations

import math


def akcelik(table, e, flow):
    """Cost of element e, straight from the formula in `CostFunction`."""
    x = flow / table.capacity[e]
    root = math.sqrt((x - 1.0) ** 2 + table.randomness[e] * x)
    queue = table.queue_s[e] * ((x - 1.0) + root)
    return table.free_s[e] + table.rise_s[e] * x ** table.power[e] + queue


def shortest(graph, cost, origin):
    distance = [math.inf] * graph.vertices
    parent = [-1] * graph.vertices
    distance[origin] = 0.0
    for _ in range(graph.vertices):
        for a, (tail, head) in enumerate(zip(graph.tail.tolist(), graph.head.tolist(), strict=True)):
            there = distance[tail] + cost[graph.vertices + a] + cost[head]
            if there < distance[head]:
                distance[head], parent[head] = there, a
    return distance, parent


def all_or_nothing(graph, cost, trips):
    flow = [0.0] * graph.elements
    total = 0.0
    for origin, destination, amount in trips:
        distance, parent = shortest(graph, cost, origin)
        total += amount * distance[destination]
        v = destination
        while v != origin:
            a = parent[v]
            flow[graph.vertices + a] += amount
            flow[v] += amount
            v = int(graph.tail[a])
    return flow, total


def frank_wolfe(graph, table, trips, *, gap, limit=20000):
    """Return element flows with a relative gap of at most `gap`."""

    def costs(flow):
        return [akcelik(table, e, flow[e]) for e in range(graph.elements)]

    flow, _ = all_or_nothing(graph, costs([0.0] * graph.elements), trips)
    for _ in range(limit):
        cost = costs(flow)
        target, best = all_or_nothing(graph, cost, trips)
        total = sum(c * f for c, f in zip(cost, flow, strict=True))
        if total - best <= gap * total:
            return flow
        step = [t - f for t, f in zip(target, flow, strict=True)]
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = 0.5 * (low + high)
            at = costs([f + middle * d for f, d in zip(flow, step, strict=True)])
            if sum(c * d for c, d in zip(at, step, strict=True)) > 0:
                high = middle
            else:
                low = middle
        flow = [f + low * d for f, d in zip(flow, step, strict=True)]
    raise AssertionError("did not converge")
