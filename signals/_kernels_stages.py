"""The best cyclic order of stages by branch and bound, and the least sum of their shares of the cycle."""

from __future__ import annotations

import numpy as np

from traffic._kernels_jit import F1, F2, I1, OutF1, OutF2, OutI1, helper, kernel

__all__ = ["best_order", "least_shares"]

_NOTHING = 1e-9
_NO_COST = 1e300


@helper
def _pivot(table: OutF2, rows: int, columns: int, row: int, column: int) -> None:
    pivot = table[row, column]
    for c in range(columns + 1):
        table[row, c] /= pivot
    for r in range(rows + 1):
        factor = table[r, column]
        if r != row and factor != 0.0:
            for c in range(columns + 1):
                table[r, c] -= factor * table[row, c]


@helper
def _shares(served: I1, chosen: OutI1, count: int, ratios: F1, table: OutF2) -> float:
    """Return the least sum of shares of `count` chosen stages that gives each row its ratio.

    Simplex method on the dual, whose origin is feasible: the largest sum of weighted ratios of which no stage serves
    more than a weight of 1. Bland's rule, so that it ends.
    """
    size = len(ratios)
    columns = size + count
    for r in range(count):
        for c in range(columns + 1):
            table[r, c] = 0.0
        for g in range(size):
            table[r, g] = float(served[chosen[r]] >> g & 1)
        table[r, size + r] = 1.0
        table[r, columns] = 1.0
    for c in range(columns + 1):
        table[count, c] = -ratios[c] if c < size else 0.0
    while True:
        column = 0
        while column < columns and table[count, column] >= -_NOTHING:
            column += 1
        if column == columns:
            return float(table[count, columns])
        row = -1
        least = 0.0
        for r in range(count):
            if table[r, column] > _NOTHING:
                bound = table[r, columns] / table[r, column]
                if row < 0 or bound < least:
                    row = r
                    least = bound
        if row < 0:
            return _NO_COST  # a row with a ratio that no stage serves
        _pivot(table, count, columns, row, column)


@kernel
def least_shares(served: I1, ratios: F1, table: OutF2) -> float:
    """Return the least sum of shares of all stages; see `best_order` for the arguments."""
    chosen = np.empty(len(served), dtype=np.int32)
    for k in range(len(served)):
        chosen[k] = k
    return float(_shares(served, chosen, len(served), ratios, table))


@helper
def _closed(served: I1, change: F2, order: OutI1, count: int, everything: int) -> float:
    """Return the cost of the last change of a cycle, or a negative number where it serves not all or may not close."""
    rows = 0
    for k in range(count):
        rows |= served[order[k]]
    if rows != everything or (count > 1 and order[0] == order[count - 1]):
        return -1.0
    return change[order[count - 1], order[0]]


@kernel
def best_order(
    served: I1,
    own: F1,
    change: F2,
    ratios: F1,
    fewest: int,
    most: int,
    steps: int,
    table: OutF2,
    sums: OutF1,
    order: OutI1,
    best: OutI1,
) -> float:
    """Write the cheapest cyclic order of stages that serves all rows into `best`, -1 after its last; return its cost.

    Parameters
    ----------
    served
        Rows of each stage as bits; row 0 is served in the first stage of the order.
    own, change
        Cost of each stage, and of the change from one to another; less than 0 where that may not be.
    ratios
        The least sum of shares that gives each row its ratio is part of the cost.
    fewest, most
        Number of stages.
    steps
        Of the search: where they do not suffice, the cost is -2. It is -1 where there is no such order.
    table, sums, order
        Work space: (stages + 1, rows + stages + 1), (most + 1,), (most,).
    """
    stages = len(served)
    everything = (1 << len(ratios)) - 1
    for k in range(most):
        best[k] = -1
    cheapest_own = _NO_COST
    cheapest = _NO_COST
    for a in range(stages):
        cheapest_own = min(cheapest_own, own[a])
        for b in range(stages):
            if a != b and change[a, b] >= 0.0:
                cheapest = min(cheapest, change[a, b])
    floor = least_shares(served, ratios, table)
    least = _NO_COST
    found = -1.0
    taken = 0
    for count in range(fewest, most + 1):
        depth = 0
        order[0] = -1
        sums[0] = 0.0
        while depth >= 0:
            taken += 1
            if taken > steps:
                return -2.0
            order[depth] += 1
            stage = int(order[depth])
            if stage == stages:
                depth -= 1
                continue
            if depth == 0 and not served[stage] & 1:
                continue
            cost = sums[depth] + own[stage]
            if depth > 0:
                before = order[depth - 1]
                if before == stage or change[before, stage] < 0.0:
                    continue
                cost += change[before, stage]
            left = count - depth - 1
            bound = cost + floor + left * cheapest_own
            if count > 1:
                bound += (left + 1) * cheapest
            if bound >= least - _NOTHING:
                continue
            if left > 0:
                depth += 1
                sums[depth] = cost
                order[depth] = -1
                continue
            last = _closed(served, change, order, count, everything)
            if last < 0.0 or cost + last + floor >= least - _NOTHING:
                continue
            cost += last + _shares(served, order, count, ratios, table)
            if cost < least - _NOTHING:
                least = cost
                found = cost
                for k in range(most):
                    best[k] = order[k] if k < count else -1
    return found
