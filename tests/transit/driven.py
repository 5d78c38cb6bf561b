"""Buses whose way is known: a timetable on drawn lines, and positions of vehicles that drive along them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from transit.coded import Coded
from transit.positions import Positions
from transit.timetable import Routes, Shapes, Stops, StopTimes, Timetable, Trips, service_day_s

ZONE = "Asia/Almaty"
DAY = date(2026, 11, 27)
START_S = service_day_s(DAY, ZONE)
LON, LAT = 76.9, 43.25
DEGREE_M = np.radians(1.0) * 6_371_008.8


@dataclass(frozen=True)
class Line:
    """A drawn line, in metres, and where along it stops are."""

    points: tuple[tuple[float, float], ...]
    stops_m: tuple[float, ...]

    def at(self, s: NDArray[np.float64]) -> NDArray[np.float64]:
        line = np.array(self.points)
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        return np.column_stack([np.interp(s, along, line[:, k]) for k in range(2)])

    @property
    def length_m(self) -> float:
        return float(np.hypot(*np.diff(np.array(self.points), axis=0).T).sum())

    def back(self) -> Line:
        length = self.length_m
        return Line(self.points[::-1], tuple(length - s for s in self.stops_m[::-1]))


STREET = Line(((0.0, 0.0), (2500.0, 0.0), (2500.0, 1500.0)), tuple(np.arange(0.0, 4001.0, 500.0)))


@dataclass(frozen=True)
class Planned:
    """A trip: it leaves at `start_s` and runs at `speed_m_s`."""

    key: str
    line: Line
    start_s: float
    block: str | None = "b"
    route: int = 0
    speed_m_s: float = 8.0


def degrees(xy: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scale = np.cos(np.radians(LAT))
    return LON + xy[:, 0] / (DEGREE_M * scale), LAT + xy[:, 1] / DEGREE_M


def timetable(trips: list[Planned], *, shapes: bool = True) -> Timetable:
    """Each trip has stops and, unless `shapes` is false, a shape of its own."""
    xy = np.vstack([trip.line.at(np.array(trip.line.stops_m)) for trip in trips])
    lon, lat = degrees(xy)
    counts = [len(trip.line.stops_m) for trip in trips]
    due = [np.round(trip.start_s + np.array(trip.line.stops_m) / trip.speed_m_s) for trip in trips]
    points = [np.array(trip.line.points) for trip in trips]
    shape_lon, shape_lat = degrees(np.vstack(points))
    routes = max(trip.route for trip in trips) + 1
    names = tuple(f"{trip.key}:{k}" for trip in trips for k in range(len(trip.line.stops_m)))
    empty = Shapes((), np.zeros(1, np.int64), np.zeros(0), np.zeros(0))
    return Timetable(
        ZONE,
        Stops(names, names, lon, lat),
        Routes(
            tuple(f"r{k}" for k in range(routes)),
            tuple(str(k) for k in range(routes)),
            np.full(routes, 3, np.int32),
        ),
        ("daily",),
        (frozenset({DAY, date(2026, 11, 28)}),),
        Trips(
            tuple(trip.key for trip in trips),
            np.array([trip.route for trip in trips], np.int32),
            np.zeros(len(trips), np.int32),
            np.full(len(trips), -1, np.int8),
            Coded.none(len(trips)),
            Coded.of([trip.block for trip in trips]),
            np.arange(len(trips), dtype=np.int32) if shapes else np.full(len(trips), -1, np.int32),
            np.concatenate([[0], np.cumsum(counts)]),
        ),
        StopTimes(
            np.arange(sum(counts), dtype=np.int32),
            np.concatenate([np.arange(1, n + 1) for n in counts]).astype(np.int32),
            np.concatenate(due).astype(np.int32),
            np.concatenate(due).astype(np.int32),
            np.ones(sum(counts), bool),
            np.concatenate([np.array(trip.line.stops_m) for trip in trips]),
        ),
        Shapes(
            tuple(trip.key for trip in trips),
            np.concatenate([[0], np.cumsum([len(part) for part in points])]),
            shape_lon,
            shape_lat,
        )
        if shapes
        else empty,
    )


def there_and_back(trips: int = 2, *, every_s: float = 900.0, first_s: float = 28_800.0) -> list[Planned]:
    lines = (STREET, STREET.back())
    return [Planned(f"t{k}", lines[k % 2], first_s + k * every_s) for k in range(trips)]


def way(
    trip: Planned, *, late_s: float = 0.0, speed_m_s: float = 8.0, dwell_s: float = 0.0
) -> NDArray[np.float64]:
    """Return times and distances at which a vehicle arrives at and leaves each stop; shape (2 * stops, 2)."""
    time, rows, last = trip.start_s + late_s, [], 0.0
    for k, stop in enumerate(trip.line.stops_m):
        time += (stop - last) / speed_m_s
        last = stop
        stand = dwell_s if 0 < k < len(trip.line.stops_m) - 1 else 0.0
        rows += [(time, stop), (time + stand, stop)]
        time += stand
    return np.array(rows)


def driven(
    trips: list[Planned],
    *,
    every_s: float = 10.0,
    phase_s: float = 0.0,
    late_s: float = 0.0,
    speed_m_s: float = 8.0,
    dwell_s: float = 0.0,
    wait_s: float = 60.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return seconds of the day and metres of a vehicle that runs trips one after the other, and waits before and after."""
    ways = [way(trip, late_s=late_s, speed_m_s=speed_m_s, dwell_s=dwell_s) for trip in trips]
    time = np.arange(ways[0][0, 0] - wait_s + phase_s, ways[-1][-1, 0] + wait_s + 1e-6, every_s)
    xy = np.empty((len(time), 2))
    for trip, knots in zip(trips, ways, strict=True):
        now = time >= knots[0, 0] if trip is not trips[0] else np.ones(len(time), bool)
        xy[now] = trip.line.at(np.interp(time[now], knots[:, 0], knots[:, 1]))
    return time, xy


def positions(
    time: NDArray[np.float64],
    xy: NDArray[np.float64],
    *,
    vehicle: str = "v",
    block: str | None = "b",
    trip: str | None = None,
    route: str | None = None,
) -> Positions:
    lon, lat = degrees(xy)
    rows = len(time)
    unknown = np.full(rows, np.nan, np.float32)
    named, on_trip, on_route, on_block = (Coded.of([text] * rows) for text in (vehicle, trip, route, block))
    number = np.arange(1, rows + 1)
    return Positions(START_S + time, lon, lat, unknown, unknown, named, on_trip, on_route, on_block, number)
