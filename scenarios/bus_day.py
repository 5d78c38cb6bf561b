"""A generated day of buses for a city: routes, timetable, blocks, passengers. Labelled generated wherever it is shown.

Everything follows from one seed and the numbers of `BusDay`. How punctual the untouched city is was calibrated once (`RUSHED`:
how much shorter running times are in the timetable than in the street) and is not changed when policies are compared.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pyproj import Transformer

from scenarios.bus_ways import LEAST_STOPS, BusStop, Way, WayFinder
from scenarios.day_profile import TYPICAL, read_profile
from traffic.errors import InputError
from transit.coded import Coded
from transit.lines import Lines
from transit.timetable import Routes, Shapes, Stops, StopTimes, Timetable, Trips

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from traffic.network import RoadNetwork
    from traffic.progress import Progress

__all__ = [
    "GENERATED_DAY",
    "RUSHED",
    "SIGNAL_S",
    "STOP_S",
    "BusDay",
    "BusSettings",
    "build_bus_day",
    "by_hour",
    "passenger_rates",
]

GENERATED_DAY = date(2026, 11, 27)
FIRST_S, LAST_S = 6 * 3600, 23 * 3600
RUSHED = 0.93
"""What the timetable allows for running, over what the street takes in the mean."""
SIGNAL_S, STOP_S = 17.0, 16.0
"""What a signal, and a stop, take in the mean."""
_ROUNDED_S = 60
_LAYOVER_S = 240
_PEAK_HEADWAYS_S = (300, 360, 420, 480, 600, 720, 900)
_OFF_PEAK = 1.4
_PEAK_HOURS = frozenset({7, 8, 9, 16, 17, 18, 19})
_LENGTH_SHARE = (0.35, 0.75)
_TRIES = 400
_BUS_KIND = 3


class BusSettings(NamedTuple):
    """What is generated.

    Attributes
    ----------
    vehicles
        About so many are needed at once.
    passengers_h
        Of a stop and route in the busiest hour, the mean over stops of a route that comes every ten minutes.
    """

    vehicles: int = 3500
    seed: int = 1
    passengers_h: float = 24.0


@dataclass(frozen=True, eq=False)
class BusDay:
    """A day of buses.

    Attributes
    ----------
    vehicles
        How many blocks there are.
    label
        What must be shown with every figure.
    matched
        Part of the ways that is in the network.
    """

    timetable: Timetable
    lines: Lines
    day: date
    vehicles: int
    label: str = "generated"
    matched: float = 1.0


@dataclass
class _Route:
    name: str
    ways: tuple[Way, Way]
    headway_s: int


@dataclass
class _Drawn:
    """Trips as they are made: route, direction, start, block, and times of their stops."""

    route: list[int]
    direction: list[int]
    block: list[int]
    times: list[NDArray[np.int32]]
    vehicles: int = 0


def build_bus_day(
    network: RoadNetwork,
    settings: BusSettings,
    day: date,
    *,
    zone: str = "Asia/Almaty",
    progress: Progress | None = None,
) -> BusDay:
    """Generate routes until their blocks need as many vehicles as are wanted."""
    rng = np.random.default_rng([settings.seed, 2_026])
    finder = WayFinder(network)
    hours = by_hour()
    routes: list[_Route] = []
    drawn = _Drawn([], [], [], [])
    while drawn.vehicles < settings.vehicles:
        route = _route(finder, rng, len(routes))
        _run(route, len(routes), hours.running, drawn)
        routes.append(route)
        if progress is not None:
            progress(min(drawn.vehicles, settings.vehicles), settings.vehicles, f"{len(routes)} routes")
    return _assembled(network, routes, drawn, hours, settings, rng, day, zone)


class Hours(NamedTuple):
    """Factors by hour of the day; all of shape (24,)."""

    running: NDArray[np.float64]
    passengers: NDArray[np.float64]
    traffic: NDArray[np.float64]


def by_hour() -> Hours:
    """Return factors by hour: running takes 0.85 of the free time at night and 1.25 of it in the busiest hour."""
    profile = np.array(read_profile(TYPICAL))
    traffic = profile.reshape(24, -1).mean(axis=1)
    traffic = traffic / traffic.max()
    return Hours(0.85 + 0.4 * traffic**2, traffic, traffic)


def _route(finder: WayFinder, rng: np.random.Generator, number: int) -> _Route:
    least_m, most_m = (share * finder.span_m() for share in _LENGTH_SHARE)
    for _ in range(_TRIES):
        begin, end = rng.choice(finder.terminals, 2, replace=False).tolist()
        apart_m = float(np.hypot(*(finder.middle_m[begin] - finder.middle_m[end])))
        if not least_m <= apart_m <= most_m:
            continue
        ways = finder.ways(begin, end, rng)
        if ways is not None:
            return _Route(str(number + 1), ways, int(rng.choice(_PEAK_HEADWAYS_S)))
    rule = f"must be large enough for bus routes of {LEAST_STOPS} stops or more"
    raise InputError(rule, field="network", value=f"{finder.span_m():.0f} m across")


def _run(route: _Route, number: int, running: NDArray[np.float64], drawn: _Drawn) -> None:
    """Make the trips of a route, and give each to the vehicle that has waited longest at its terminal, or to a new one."""
    waiting: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    starts = sorted((at, direction) for direction in (0, 1) for at in _starts(route.headway_s, direction))
    for at, direction in starts:
        times = _times(route.ways[direction], at, running)
        here, there = waiting[direction], waiting[1 - direction]
        if here and here[0][0] <= at:
            block = heapq.heappop(here)[1]
        else:
            block, drawn.vehicles = drawn.vehicles, drawn.vehicles + 1
        heapq.heappush(there, (int(times[-1]) + _LAYOVER_S, block))
        drawn.route.append(number)
        drawn.direction.append(direction)
        drawn.block.append(block)
        drawn.times.append(times)


def _starts(headway_s: int, direction: int) -> Iterable[int]:
    at = FIRST_S + direction * headway_s // 2 // _ROUNDED_S * _ROUNDED_S
    while at < LAST_S:
        yield at
        slower = 1.0 if at // 3600 in _PEAK_HOURS else _OFF_PEAK
        at += round(headway_s * slower / _ROUNDED_S) * _ROUNDED_S


def _times(way: Way, start_s: int, running: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return planned times at stops: what the street takes in the mean of its hour, times `RUSHED`, in whole minutes."""
    free = np.array([sum(piece.free_s for piece in row) for row in way.pieces])
    signals = np.array([sum(piece.movement >= 0 for piece in row) for row in way.pieces])
    factor = running[start_s // 3600 % 24]
    exact = np.concatenate(([0.0], np.cumsum(RUSHED * (free * factor + SIGNAL_S * signals + STOP_S))))
    times: NDArray[np.int32] = (start_s + np.round(exact / _ROUNDED_S) * _ROUNDED_S).astype(np.int32)
    return times


def _assembled(
    network: RoadNetwork,
    routes: Sequence[_Route],
    drawn: _Drawn,
    hours: Hours,
    settings: BusSettings,
    rng: np.random.Generator,
    day: date,
    zone: str,
) -> BusDay:
    number: dict[BusStop, int] = {}
    stops_of = [
        [
            np.array([number.setdefault(stop, len(number)) for stop in way.stops], np.int32)
            for way in route.ways
        ]
        for route in routes
    ]
    rate_of = [
        [passenger_rates(len(way.stops), route.headway_s, settings.passengers_h, rng) for way in route.ways]
        for route in routes
    ]
    pieces_of = [[[*way.pieces, ()] for way in route.ways] for route in routes]
    pairs = list(zip(drawn.route, drawn.direction, strict=True))
    counts = np.array([len(times) for times in drawn.times])
    at = np.concatenate(drawn.times)
    times = StopTimes(
        np.concatenate([stops_of[r][d] for r, d in pairs]),
        np.concatenate([np.arange(1, count + 1, dtype=np.int32) for count in counts.tolist()]),
        at,
        at,
        np.ones(len(at), bool),
        np.concatenate([np.array(routes[r].ways[d].distance_m) for r, d in pairs]),
    )
    trips = len(pairs)
    timetable = Timetable(
        zone,
        _stops(network, list(number)),
        Routes(
            tuple(f"g{route.name}" for route in routes),
            tuple(route.name for route in routes),
            np.full(len(routes), _BUS_KIND, np.int32),
        ),
        ("generated",),
        (frozenset({day}),),
        Trips(
            tuple(f"g{k}" for k in range(trips)),
            np.array(drawn.route, np.int32),
            np.zeros(trips, np.int32),
            np.array(drawn.direction, np.int8),
            Coded.none(trips),
            Coded.of([f"block {block + 1}" for block in drawn.block]),
            np.full(trips, -1, np.int32),
            np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        ),
        times,
        Shapes((), np.zeros(1, np.int64), np.zeros(0), np.zeros(0)),
    )
    lines = Lines(
        [row for r, d in pairs for row in pieces_of[r][d]],
        np.concatenate([rate_of[r][d] for r, d in pairs]),
        hours.running,
        hours.passengers,
        hours.traffic,
    )
    return BusDay(timetable, lines, day, drawn.vehicles)


def passenger_rates(
    count: int, headway_s: float, passengers_h: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return passengers a second at each stop: more for frequent routes, and fewer towards the end of the way."""
    along = np.linspace(1.6, 0.0, count)
    usual = passengers_h / 3600.0 * min(600.0 / headway_s, 2.0)
    rates: NDArray[np.float64] = usual * along * rng.gamma(2.0, 0.5, count)
    return rates


def _stops(network: RoadNetwork, found: Sequence[BusStop]) -> Stops:
    links = network.links
    link = np.array([stop.link for stop in found])
    share = np.array([stop.at_m for stop in found]) / links.length_m[link]
    begin, end = links.from_node[link], links.to_node[link]
    x_m = network.nodes.x_m[begin] * (1 - share) + network.nodes.x_m[end] * share
    y_m = network.nodes.y_m[begin] * (1 - share) + network.nodes.y_m[end] * share
    lon, lat = Transformer.from_crs(network.crs, "EPSG:4326", always_xy=True).transform(x_m, y_m)
    keys = tuple(f"{stop.link}:{stop.at_m:.0f}" for stop in found)
    street = [int(name) for name in links.name[link]]
    named = tuple(network.names[name] if name >= 0 else key for name, key in zip(street, keys, strict=True))
    return Stops(keys, named, np.asarray(lon), np.asarray(lat))
