"""Kernel that puts the stops of a trip on its line."""

from __future__ import annotations

import math

import numpy as np

from traffic._kernels_jit import F1, OutF1, kernel

__all__ = ["place_stops"]

_TIE_M2 = 0.01  # what is nearer than this is as near: 10 cm, as coordinates are rounded


@kernel
def place_stops(x: F1, y: F1, along: F1, stop_x: F1, stop_y: F1, distance_m: OutF1, offset_m: OutF1) -> None:
    """Put stops on a line in their order, so that the sum of their squared distances from it is least.

    Dynamic programming over stops and segments; exact where stops are in order on each segment. Where they are not, the
    second one may be put where the first one is, which is good but not always least. Among places that are as near,
    stops take the first one, and the last stop the last one.
    """
    segments, count = len(x) - 1, len(stop_x)
    total = np.zeros((count, segments))
    place = np.zeros((count, segments))
    away = np.zeros((count, segments))
    came = np.zeros((count, segments), dtype=np.int32)
    for i in range(count):
        least, least_at = math.inf, 0
        for j in range(segments):
            dx, dy = x[j + 1] - x[j], y[j + 1] - y[j]
            length2 = dx * dx + dy * dy
            share = 0.0
            if length2 > 0.0:
                share = ((stop_x[i] - x[j]) * dx + (stop_y[i] - y[j]) * dy) / length2
                share = min(max(share, 0.0), 1.0)
            run = along[j + 1] - along[j]
            at = along[j] + share * run
            ox, oy = x[j] + share * dx - stop_x[i], y[j] + share * dy - stop_y[i]
            d2 = ox * ox + oy * oy
            before, before_at = 0.0, j
            if i > 0:
                # the stop before may be on an earlier segment, or on this one and not beyond
                before, before_at = total[i - 1, j], j
                at_same, d2_same = at, d2
                if place[i - 1, j] > at:
                    at_same = place[i - 1, j]
                    share = (at_same - along[j]) / run if run > 0.0 else 0.0
                    ox, oy = x[j] + share * dx - stop_x[i], y[j] + share * dy - stop_y[i]
                    d2_same = ox * ox + oy * oy
                if least + d2 <= before + d2_same:
                    before, before_at = least, least_at
                else:
                    at, d2 = at_same, d2_same
                if total[i - 1, j] < least - _TIE_M2:
                    least, least_at = total[i - 1, j], j
            total[i, j] = before + d2
            place[i, j] = at
            away[i, j] = d2
            came[i, j] = before_at
    best = 0
    for j in range(segments):
        if total[count - 1, j] < total[count - 1, best]:
            best = j
    chosen = best
    for j in range(segments):
        if total[count - 1, j] <= total[count - 1, best] + _TIE_M2:
            chosen = j
    for i in range(count - 1, -1, -1):
        distance_m[i] = place[i, chosen]
        offset_m[i] = math.sqrt(away[i, chosen])
        chosen = came[i, chosen]
