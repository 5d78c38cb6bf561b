"""Plane geometry of polylines, as far as the schematic cities need it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Points = NDArray[np.float64]

__all__ = ["Crossing", "along", "crossings", "groups_within", "lengthened", "part"]

_CLEAR_M = 20.0


@dataclass(frozen=True)
class Crossing:
    """Where two polylines cross: their indices, the distance from the start of either, the position."""

    first: int
    second: int
    first_m: float
    second_m: float
    x_m: float
    y_m: float


def along(points: Points) -> NDArray[np.float64]:
    """Return the distance of every point from the start of the polyline."""
    steps: NDArray[np.float64] = np.hypot(*np.diff(points, axis=0).T)
    return np.concatenate([[0.0], np.cumsum(steps)])


def crossings(lines: Sequence[Points]) -> list[Crossing]:
    """Return all crossings of different polylines, in the order of the lines and along the first of two."""
    found = []
    boxes = np.array([[*line.min(axis=0), *line.max(axis=0)] for line in lines])
    for first, second in combinations(range(len(lines)), 2):
        a, b = boxes[first], boxes[second]
        if (a[:2] <= b[2:]).all() and (b[:2] <= a[2:]).all():
            found += _pair(lines, first, second)
    return found


def groups_within(points: Points, distance_m: float) -> NDArray[np.int64]:
    """Give points nearer than `distance_m`, and their neighbours in turn, the same number.

    Numbers run from 0 in the order in which the groups first appear.
    """
    near = np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1)) < distance_m
    number = np.full(len(points), -1, dtype=np.int64)
    groups = 0
    for start in range(len(points)):
        if number[start] >= 0:
            continue
        reached, frontier = near[start].copy(), near[start]
        while frontier.any():
            frontier = near[frontier].any(axis=0) & ~reached
            reached |= frontier
        number[reached] = groups
        groups += 1
    return number


def lengthened(points: Points, *, start_m: float, end_m: float) -> Points:
    """Return the polyline with its ends drawn out straight."""
    first = points[1] - points[0]
    last = points[-1] - points[-2]
    longer = points.copy()
    longer[0] -= first / np.hypot(*first) * start_m
    longer[-1] += last / np.hypot(*last) * end_m
    return longer


def part(points: Points, start_m: float, end_m: float) -> Points:
    """Return the vertices strictly between two distances, those right beside the ends left out."""
    distance = along(points)
    return points[(distance > start_m + _CLEAR_M) & (distance < end_m - _CLEAR_M)]


def _pair(lines: Sequence[Points], first: int, second: int) -> list[Crossing]:
    """Crossings of two polylines: every segment of one with every segment of the other."""
    a, b = lines[first], lines[second]
    step_a, step_b = np.diff(a, axis=0)[:, None, :], np.diff(b, axis=0)[None, :, :]
    gap = b[None, :-1, :] - a[:-1, None, :]
    cross = step_a[..., 0] * step_b[..., 1] - step_a[..., 1] * step_b[..., 0]
    parallel = cross == 0
    cross = np.where(parallel, 1.0, cross)
    t = (gap[..., 0] * step_b[..., 1] - gap[..., 1] * step_b[..., 0]) / cross
    u = (gap[..., 0] * step_a[..., 1] - gap[..., 1] * step_a[..., 0]) / cross
    hit = ~parallel & (t >= 0) & (t < 1) & (u >= 0) & (u < 1)
    along_a, along_b = along(a), along(b)
    found = []
    for i, j in np.argwhere(hit):
        x_m, y_m = (a[i] + t[i, j] * (a[i + 1] - a[i])).tolist()
        first_m = float(along_a[i] + t[i, j] * (along_a[i + 1] - along_a[i]))
        second_m = float(along_b[j] + u[i, j] * (along_b[j + 1] - along_b[j]))
        found.append(Crossing(first, second, first_m, second_m, x_m, y_m))
    return found
