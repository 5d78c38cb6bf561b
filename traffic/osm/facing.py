"""Signals abreast of each other on the carriageways of one road."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from traffic.osm.evidence import angle_between, carriageways

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from traffic.osm.signals import SignalSite
    from traffic.osm.streets import Streets

__all__ = ["Mark", "face_each_other", "face_marks", "facing_pairs"]

_ALONG_MAX_M = 15.0
_ACROSS_MAX_M = 25.0
_ACROSS_SAME_NAME_MAX_M = 40.0
_OPPOSITE_RAD = np.radians(150.0)
_BESIDE_RAD = np.radians(30.0)
_BESIDE_MIN_M = 5.0
_BASE_M = 10.0


@dataclass(frozen=True, eq=False)
class Mark:
    """A one-way carriageway at a signal: position, heading and names."""

    x_m: float
    y_m: float
    heading_rad: float
    names: frozenset[str]


def face_marks(streets: Streets, site: SignalSite) -> tuple[Mark, ...]:
    """Return the one-way carriageways that pass a signal."""
    if site.vertex >= 0:
        x, y = streets.position(site.vertex).tolist()
        return tuple(Mark(x, y, heading, names) for heading, names in carriageways(streets, site.vertex, -1))
    own = streets.streets[site.street]
    if not own.one_way:
        return ()
    stops = np.clip(site.along_m + np.array([-_BASE_M, 0.0, _BASE_M]), 0.0, own.length_m)
    x3, y3 = (np.interp(stops, own.along_m, own.points[:, axis]) for axis in (0, 1))
    name = streets.names[site.street]
    heading = float(np.arctan2(y3[2] - y3[0], x3[2] - x3[0]))
    return (Mark(float(x3[1]), float(y3[1]), heading, frozenset({name} if name else ())),)


def face_each_other(first: Sequence[Mark], second: Sequence[Mark]) -> bool:
    """Whether a carriageway of one signal lies opposite to, or beside, one of the other."""
    return any(_abreast(a, b) for a in first for b in second)


def facing_pairs(
    streets: Streets, sites: Sequence[SignalSite], marks: Sequence[Sequence[Mark]]
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of signals that face each other, the closest first."""
    rows = [(index, _position(streets, site)) for index, site in enumerate(sites) if marks[index]]
    if len(rows) < 2:
        return
    points = np.array([point for _, point in rows])
    pairs = cKDTree(points).query_pairs(_ACROSS_SAME_NAME_MAX_M + _ALONG_MAX_M, output_type="ndarray")
    gap = np.hypot(*(points[pairs[:, 0]] - points[pairs[:, 1]]).T)
    for row in np.lexsort((pairs[:, 1], pairs[:, 0], gap)).tolist():
        first, second = (rows[int(end)][0] for end in pairs[row])
        if face_each_other(marks[first], marks[second]):
            yield first, second


def _position(streets: Streets, site: SignalSite) -> NDArray[np.float64]:
    roads = streets.roads
    return np.array([roads.x_m[site.node], roads.y_m[site.node]])


def _abreast(first: Mark, second: Mark) -> bool:
    angle = angle_between(first.heading_rad, second.heading_rad)
    shared = bool(first.names & second.names)
    beside = angle <= _BESIDE_RAD and shared
    if angle < _OPPOSITE_RAD and not beside:
        return False
    dx, dy = second.x_m - first.x_m, second.y_m - first.y_m
    cos, sin = np.cos(first.heading_rad), np.sin(first.heading_rad)
    along, across = abs(dx * cos + dy * sin), abs(dy * cos - dx * sin)
    if beside:
        return bool(along <= _ALONG_MAX_M and _BESIDE_MIN_M <= across <= _ACROSS_MAX_M)
    same = shared or not (first.names and second.names)
    return bool(along <= _ALONG_MAX_M and across <= (_ACROSS_SAME_NAME_MAX_M if same else _ACROSS_MAX_M))
