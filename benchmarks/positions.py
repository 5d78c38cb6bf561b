"""Positions of a whole city's day matched as a stream: how many a second, and in how much memory.

    python -m benchmarks.positions
    python -m benchmarks.positions --positions 1000000 --assigned route

Generated: 700 lines of 10 km, 5 buses on each, there and back every half hour of 18, a position every 10 s: 3,500
buses and 22.7 million positions. Those of three minutes come at once, in the order of time; what is settled is counted and
let go, so that memory does not grow with the day. Times are of matching alone, without making the positions.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.transit.driven import DAY, START_S, ZONE, degrees
from transit.coded import Coded
from transit.matching import Fate, Matcher, MatchRules
from transit.positions import Positions
from transit.timetable import Routes, Shapes, Stops, StopTimes, Timetable, Trips

__all__ = ["City", "Matched", "city", "main", "matched", "stream"]

LINES, BUSES = 700, 5  # of each line
TRIPS, TRIP_S, APART_S = 36, 1800, 360
FIRST_S, EVERY_S, CHUNK_S = 6 * 3600, 10, 180
BENDS, BEND_M, STOPS = 10, 1000.0, 26
SPEED_M_S, DWELL_S, NOISE_M = 8.0, 15.0, 6.0
LENGTH_M = BENDS * BEND_M
STOPS_M = np.linspace(0.0, LENGTH_M, STOPS)


class City(NamedTuple):
    """Lines as points in metres, shape (lines, points, 2), and the timetable of their buses."""

    points: NDArray[np.float64]
    timetable: Timetable

    @property
    def buses(self) -> int:
        """How many buses there are."""
        return len(self.points) * BUSES


class Matched(NamedTuple):
    """What a run found; `seconds` are those of matching."""

    positions: int
    on_trips: int
    visits: int
    seconds: float
    memory_mib: float


def city(lines: int = LINES, trips: int = TRIPS) -> City:
    """Return lines that bend ten times and cross each other, and a timetable of trips along them."""
    rng = np.random.default_rng(1)
    heading = rng.uniform(0.0, 2 * np.pi, (lines, 1)) + np.cumsum(
        rng.normal(0.0, 0.4, (lines, BENDS)), axis=1
    )
    steps = BEND_M * np.stack([np.cos(heading), np.sin(heading)], axis=2)
    start = rng.uniform(-8000.0, 8000.0, (lines, 1, 2))
    points = np.concatenate([start, start + np.cumsum(steps, axis=1)], axis=1)
    return City(points, _timetable(points, trips))


def _timetable(points: NDArray[np.float64], trips: int) -> Timetable:
    lines = len(points)
    line, bus, turn = (
        part.ravel()
        for part in np.meshgrid(np.arange(lines), np.arange(BUSES), np.arange(trips), indexing="ij")
    )
    count, back = len(line), turn % 2
    number = np.arange(STOPS)
    stop = line[:, None] * STOPS + np.where(back[:, None] == 1, STOPS - 1 - number, number)
    start_s = FIRST_S + APART_S * bus + TRIP_S * turn
    due = (start_s[:, None] + np.round(STOPS_M / SPEED_M_S)).astype(np.int32).ravel()
    where = np.repeat(np.arange(lines), STOPS)
    stop_lon, stop_lat = degrees(_at(points, where, np.tile(STOPS_M, lines)))
    both = np.stack([points, points[:, ::-1]], axis=1).reshape(-1, 2)
    shape_lon, shape_lat = degrees(both)
    names = tuple(f"s{k}" for k in range(lines * STOPS))
    routes = tuple(f"r{k}" for k in range(lines))
    return Timetable(
        ZONE,
        Stops(names, names, stop_lon, stop_lat),
        Routes(routes, routes, np.full(lines, 3, np.int32)),
        ("daily",),
        (frozenset({DAY}),),
        Trips(
            tuple(f"t{k}" for k in range(count)),
            line.astype(np.int32),
            np.zeros(count, np.int32),
            back.astype(np.int8),
            Coded.none(count),
            Coded(_names(lines), (line * BUSES + bus).astype(np.int32)),
            (2 * line + back).astype(np.int32),
            np.arange(0, (count + 1) * STOPS, STOPS),
        ),
        StopTimes(
            stop.astype(np.int32).ravel(),
            np.tile(number + 1, count).astype(np.int32),
            due,
            due,
            np.ones(count * STOPS, bool),
            np.tile(STOPS_M, count),
        ),
        Shapes(
            tuple(f"{k}" for k in range(2 * lines)),
            np.arange(0, (2 * lines + 1) * (BENDS + 1), BENDS + 1),
            shape_lon,
            shape_lat,
        ),
    )


def _names(lines: int) -> tuple[str, ...]:
    return tuple(f"b{k}" for k in range(lines * BUSES))


def _at(
    points: NDArray[np.float64], line: NDArray[np.int64], s_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return points at distances along lines; shape (places, 2)."""
    piece = np.minimum((s_m // BEND_M).astype(np.int64), BENDS - 1)
    part = (s_m / BEND_M - piece)[:, None]
    found: NDArray[np.float64] = points[line, piece] * (1.0 - part) + points[line, piece + 1] * part
    return found


def stream(made: City, count: int, *, assigned: str = "block", trips: int = TRIPS) -> Iterator[Positions]:
    """Yield up to `count` positions, as a dispatch centre receives them."""
    rng, buses = np.random.default_rng(2), made.buses
    bus = np.arange(buses)
    start_s = FIRST_S + APART_S * (bus % BUSES)
    phase_s = rng.uniform(0.0, EVERY_S, buses)
    dwell = np.where(np.arange(STOPS) % (STOPS - 1) == 0, 0.0, DWELL_S)
    came = STOPS_M / SPEED_M_S + np.concatenate(([0.0], np.cumsum(dwell)[:-1]))
    knots_s, knots_m = np.column_stack([came, came + dwell]).ravel(), np.repeat(STOPS_M, 2)
    names, routes = _names(len(made.points)), tuple(f"r{k}" for k in range(len(made.points)))
    end_s, sent, at_s = FIRST_S + APART_S * BUSES + TRIP_S * trips, 0, FIRST_S
    while sent < count and at_s < end_s:
        ticks = at_s + np.arange(0, CHUNK_S, EVERY_S)
        time_s = (ticks[None, :] + phase_s[:, None]).ravel()
        who = np.repeat(bus, len(ticks))
        since_s = time_s - start_s[who]
        kept = (since_s >= -60.0) & (since_s < trips * TRIP_S)
        order = np.flatnonzero(kept)[np.argsort(time_s[kept], kind="stable")][: count - sent]
        time_s, who, since_s = time_s[order], who[order], np.maximum(since_s[order], 0.0)
        turn = (since_s // TRIP_S).astype(np.int64)
        s_m = np.interp(since_s - turn * TRIP_S, knots_s, knots_m)
        xy = _at(made.points, who // BUSES, np.where(turn % 2 == 1, LENGTH_M - s_m, s_m))
        lon, lat = degrees(xy + rng.normal(0.0, NOISE_M, xy.shape))
        unknown, none = np.full(len(who), np.nan, np.float32), Coded.none(len(who))
        code = who.astype(np.int32)
        route = Coded(routes, code // BUSES) if assigned == "route" else none
        block = Coded(names, code) if assigned == "block" else none
        row = np.arange(sent + 1, sent + len(who) + 1)
        yield Positions(
            START_S + time_s, lon, lat, unknown, unknown, Coded(names, code), none, route, block, row
        )
        sent += len(who)
        at_s += CHUNK_S


def matched(made: City, parts: Iterator[Positions]) -> Matched:
    """Match positions as they come, and count what is settled."""
    matcher = Matcher(made.timetable, MatchRules())
    positions, visits, decided, seconds = 0, 0, 0, 0.0
    for part in parts:
        positions += len(part)
        began = time.perf_counter()
        visits += len(matcher.push(part))
        decided += len(matcher.decided())
        seconds += time.perf_counter() - began
    began = time.perf_counter()
    visits += len(matcher.finish())
    decided += len(matcher.decided())
    seconds += time.perf_counter() - began
    if decided != positions:
        message = f"{positions - decided} of {positions} positions were not settled"
        raise RuntimeError(message)
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    return Matched(positions, matcher.counts[Fate.MATCHED], visits, seconds, memory_mib)


def main(arguments: Sequence[str] | None = None) -> None:
    """Match the positions and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--positions", type=int, default=22_000_000)
    parser.add_argument("--assigned", choices=["block", "route", "nothing"], default="block")
    given = parser.parse_args(arguments)
    made = city()
    found = matched(made, stream(made, given.positions, assigned=given.assigned))
    print(
        f"{found.positions:,} positions of {made.buses:,} buses assigned to {given.assigned}: "
        f"{found.positions / found.seconds:,.0f} a second, {found.seconds:.1f} s; "
        f"{found.on_trips / found.positions:.2%} on trips, {found.visits:,} stop visits; "
        f"{found.memory_mib:,.0f} MiB at most"
    )


if __name__ == "__main__":
    main()
