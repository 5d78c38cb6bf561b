"""How far along its line each stop of a trip is.

Stops are put on the shape of the trip all at once, in their order, so that their distances from it, squared, are least
together: where a line passes a stop twice, as loops do, the order decides which time it is. Where the feed gives
distances of its own that fit, they decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyproj

from transit._kernels_shape import place_stops
from transit.coded import NONE
from transit.gtfs.plane import flat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.timetable import Shapes, Stops

__all__ = ["FAR_M", "Along", "along_trips"]

FAR_M = 100.0
"""A stop that is farther from the line than this is perhaps not on it."""

_GEOD = pyproj.Geod(ellps="WGS84")


class Along(NamedTuple):
    """Where the stop times of trips are.

    Attributes
    ----------
    distance_m
        Along the line.
    offset_m
        From the line; 0 where it is straight from stop to stop.
    """

    distance_m: NDArray[np.float64]
    offset_m: NDArray[np.float64]


class _Line(NamedTuple):
    """A shape in metres east and north of its middle."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    along: NDArray[np.float64]
    middle: tuple[float, float]
    travelled: NDArray[np.float64]


def along_trips(
    first: NDArray[np.int64],
    stop: NDArray[np.int32],
    shape: NDArray[np.int32],
    stops: Stops,
    shapes: Shapes,
    *,
    travelled: NDArray[np.float64],
    shape_travelled: NDArray[np.float64],
) -> Along:
    """Return the distance along the line, and from it, of every stop time.

    Parameters
    ----------
    first
        Stop times of trip k are those from ``first[k]`` to before ``first[k + 1]``.
    stop
        Of each stop time.
    shape
        Of each trip, or -1.
    travelled, shape_travelled
        What the feed says of the distance of each stop time, and of each point of shapes; NaN where it says nothing.
    """
    distance_m, offset_m = np.zeros(len(stop)), np.zeros(len(stop))
    known: dict[tuple[int, bytes, bytes], Along] = {}
    lines: dict[int, _Line] = {}
    for trip in range(len(first) - 1):
        rows = slice(int(first[trip]), int(first[trip + 1]))
        number = int(shape[trip])
        given = travelled[rows]
        key = (number, stop[rows].tobytes(), given.tobytes())
        if key not in known:
            lon, lat = stops.lon[stop[rows]], stops.lat[stop[rows]]
            if number == NONE:
                known[key] = Along(_straight(lon, lat), np.zeros(len(lon)))
            else:
                if number not in lines:
                    lines[number] = _line(shapes, number, shape_travelled)
                known[key] = _on_line(lines[number], lon, lat, given)
        distance_m[rows], offset_m[rows] = known[key]
    return Along(distance_m, offset_m)


def _straight(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = _GEOD.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2] if len(lon) > 1 else []
    return np.concatenate(([0.0], np.cumsum(steps)))


def _line(shapes: Shapes, number: int, shape_travelled: NDArray[np.float64]) -> _Line:
    points = slice(int(shapes.first[number]), int(shapes.first[number + 1]))
    lon, lat = shapes.lon[points], shapes.lat[points]
    middle = (float(lon.mean()), float(lat.mean()))
    x, y = flat(lon, lat, middle)
    return _Line(x, y, _straight(lon, lat), middle, np.ascontiguousarray(shape_travelled[points]))


def _on_line(
    line: _Line, lon: NDArray[np.float64], lat: NDArray[np.float64], given: NDArray[np.float64]
) -> Along:
    x, y = flat(lon, lat, line.middle)
    if _fits(line.travelled, given):
        at_x, at_y, along = (
            np.interp(given, line.travelled, values) for values in (line.x, line.y, line.along)
        )
        offset_m = np.hypot(at_x - x, at_y - y)
        if np.median(offset_m) <= FAR_M:
            return Along(along, offset_m)
    distance_m, offset_m = np.empty(len(lon)), np.empty(len(lon))
    place_stops(line.x, line.y, line.along, x, y, distance_m, offset_m)
    return Along(distance_m, offset_m)


def _fits(line: NDArray[np.float64], given: NDArray[np.float64]) -> bool:
    """Say whether distances that the feed gives rise, and lie on the line."""
    known = bool(np.isfinite(line).all() and np.isfinite(given).all())
    return known and bool(
        (np.diff(line) >= 0.0).all()
        and (np.diff(given) >= 0.0).all()
        and line[-1] > line[0]
        and given[-1] > given[0]
        and given[0] >= line[0] - 1e-6
        and given[-1] <= line[-1] * 1.001
    )
