"""Signs that two vertices belong to one junction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from traffic.osm.streets import End, Streets

__all__ = ["angle_between", "carriageways", "crosses_divided_road", "is_roundabout"]

_STRAIGHT_RAD = np.radians(45.0)
_OPPOSITE_RAD = np.radians(135.0)
_ACROSS_RAD = np.radians(30.0)
_UNNAMED_MAX_M = 40.0
_OTHER_NAME_MAX_M = 25.0


def angle_between(first_rad: float, second_rad: float) -> float:
    """Return the angle between two directions, from 0 to pi."""
    return abs((first_rad - second_rad + np.pi) % (2 * np.pi) - np.pi)


def is_roundabout(streets: Streets, street: int) -> bool:
    """Whether the street is part of a tagged roundabout."""
    return any(streets.roads.tags[piece.way].roundabout for piece, _ in streets.streets[street].parts)


def crosses_divided_road(streets: Streets, street: int) -> bool:
    """Whether a short street leads across the median of a divided road.

    At its two ends, one-way carriageways of opposite directions pass across it. Carriageways of different
    names are those of a pair of one-way streets, unless they are closer than 25 m; unnamed ones may be 40
    m apart.
    """
    own = streets.streets[street]
    at_start = carriageways(streets, own.start, street)
    at_end = carriageways(streets, own.end, street)
    axis = np.arctan2(*(own.points[-1] - own.points[0])[::-1])
    for heading, names in at_start:
        for other, other_names in at_end:
            if angle_between(heading, other) < _OPPOSITE_RAD:
                continue
            across = min(np.sin(angle_between(h, axis)) for h in (heading, other))
            if across < np.sin(_ACROSS_RAD):
                continue
            if names & other_names:
                return True
            limit = _OTHER_NAME_MAX_M if names and other_names else _UNNAMED_MAX_M
            if own.length_m <= limit:
                return True
    return False


def carriageways(streets: Streets, vertex: int, without: int) -> list[tuple[float, frozenset[str]]]:
    """Headings and names of the one-way carriageways that pass straight through a vertex."""
    ends = [end for end in streets.ends[vertex] if end.street != without]
    found = []
    for first in ends:
        for second in ends:
            if not _one_way_through(first, second):
                continue
            heading = first.bearing_rad + np.pi
            if angle_between(heading, second.bearing_rad) <= _STRAIGHT_RAD:
                names = frozenset(n for n in (streets.names[first.street], streets.names[second.street]) if n)
                found.append((second.bearing_rad, names))
    return found


def _one_way_through(first: End, second: End) -> bool:
    return first.enters and not first.leaves and second.leaves and not second.enters
