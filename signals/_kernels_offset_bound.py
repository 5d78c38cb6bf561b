"""Loops of a pairwise model of offsets: least sums around them, and shares of the tables that raise these sums.

A loop is a run of places; each place holds a share of the table of one edge (row-major, one row of `period`) and the
sign of the edge in the loop. The signed relative offsets around a loop add up to 0 (modulo the period).
"""

from __future__ import annotations

import math

from traffic._kernels_jit import F1, I1, OutF1, helper, kernel

__all__ = ["balance_shares", "loop_minima"]

_FAINT = 1e-250


@helper
def _joined(
    one: OutF1, table: F1, row: int, sign: int, cooled: OutF1, weight: OutF1, temperature: float
) -> None:
    """Put into `one` the soft minimum of its sums with a table row, by total difference; sharp where it is faint.

    The soft minimum of x is -T log(sum exp(-x / T)); where all exponentials are too small for that, as a loop's
    links disagree by many T, the minimum takes its place. `cooled` and `weight` are work space of 2 and 1 rows.
    """
    period = len(weight)
    low = one[0]
    floor = table[row]
    for d in range(period):
        low = min(low, one[d])
        floor = min(floor, table[row + d])
    for d in range(period):
        cooled[d] = one[d]
        cooled[period + d] = 0.0
        column = d if sign > 0 or d == 0 else period - d
        weight[d] = math.exp((floor - table[row + column]) / temperature)
    for s in range(period):
        factor = math.exp((low - cooled[s]) / temperature)
        for d in range(period - s):
            cooled[period + s + d] += factor * weight[d]
        for d in range(period - s, period):
            cooled[s + d] += factor * weight[d]
    for total in range(period):
        if cooled[period + total] > _FAINT:
            one[total] = low + floor - temperature * math.log(cooled[period + total])
            continue
        least = math.inf
        for s in range(period):
            d = (total - s + period) % period
            column = d if sign > 0 or d == 0 else period - d
            least = min(least, cooled[s] + table[row + column])
        one[total] = least


@helper
def _edge_marginal(
    period: int,
    begin: int,
    end: int,
    place: int,
    sign: I1,
    share: OutF1,
    temperature: float,
    marginal: OutF1,
    work: OutF1,
) -> None:
    """Write into `marginal` the soft least sum of a loop for each relative offset of the edge at `place`."""
    one = work[:period]
    cooled = work[period : 3 * period]
    weight = work[3 * period : 4 * period]
    started = False
    for other in range(begin, end):
        if other == place:
            continue
        if started:
            _joined(one, share, other * period, sign[other], cooled, weight, temperature)
            continue
        started = True
        for d in range(period):
            column = d if sign[other] > 0 or d == 0 else period - d
            one[d] = share[other * period + column]
    for d in range(period):
        rest = d if sign[place] < 0 or d == 0 else period - d
        marginal[d] = share[place * period + d] + one[rest]


@kernel
def balance_shares(
    period: int,
    loop_begin: I1,
    sign: I1,
    loop_of: I1,
    edge_begin: I1,
    places: I1,
    order: I1,
    temperature: float,
    share: OutF1,
    work: OutF1,
) -> None:
    """Share the table of each edge of `order` out among its loops so that all have the same soft least sums.

    That is the best there is for one edge, given the shares of all others: coordinate ascent on the smoothed bound.
    `places` lists the places of each edge. `work` holds 5 rows and one for each loop that an edge lies in.
    """
    mean = work[4 * period : 5 * period]
    for edge in order:
        count = edge_begin[edge + 1] - edge_begin[edge]
        if count < 2:
            continue
        for d in range(period):
            mean[d] = 0.0
        for k in range(count):
            place = places[edge_begin[edge] + k]
            loop = loop_of[place]
            marginal = work[(5 + k) * period : (6 + k) * period]
            _edge_marginal(
                period,
                loop_begin[loop],
                loop_begin[loop + 1],
                place,
                sign,
                share,
                temperature,
                marginal,
                work,
            )
            for d in range(period):
                mean[d] += marginal[d] / count
        for k in range(count):
            row = places[edge_begin[edge] + k] * period
            for d in range(period):
                share[row + d] += mean[d] - work[(5 + k) * period + d]


@kernel
def loop_minima(period: int, loop_begin: I1, sign: I1, share: F1, least: OutF1, work: OutF1) -> None:
    """Write the least sum of the shares around each loop into `least`; `work` holds 3 rows."""
    value = work[:period]
    after = work[period : 2 * period]
    row = work[2 * period : 3 * period]
    for loop in range(len(loop_begin) - 1):
        for place in range(loop_begin[loop], loop_begin[loop + 1]):
            for d in range(period):
                column = d if sign[place] > 0 or d == 0 else period - d
                row[d] = share[place * period + column]
            if place == loop_begin[loop]:
                for d in range(period):
                    value[d] = row[d]
                continue
            for d in range(period):
                after[d] = math.inf
            for s in range(period):
                given = value[s]
                for d in range(period - s):
                    after[s + d] = min(after[s + d], given + row[d])
                for d in range(period - s, period):
                    after[s + d - period] = min(after[s + d - period], given + row[d])
            for d in range(period):
                value[d] = after[d]
        least[loop] = value[0]
