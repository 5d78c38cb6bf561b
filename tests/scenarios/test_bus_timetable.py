"""Timetables on the streets of a network: signals on the way, times as planned in the mean, blocks; and Porto Alegre."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pyproj import Transformer

from scenarios.bus_day import SIGNAL_S, STOP_S, by_hour
from scenarios.bus_service import bus_day_of
from scenarios.bus_timetable import busiest_day, timetable_bus_day
from scenarios.bus_ways import Way, WayFinder
from scenarios.loader import City, build, load
from simulation.buses.policies import compared
from traffic.errors import InputError
from transit.coded import Coded
from transit.gtfs import read_gtfs
from transit.timetable import Routes, Shapes, Stops, StopTimes, Timetable, Trips

DAY = date(2026, 11, 27)
EIGHT_S = 8 * 3600


@pytest.fixture(scope="module")
def city() -> City:
    return build(load("grid-12x10"))


@pytest.fixture(scope="module")
def ways(city: City) -> tuple[Way, Way]:
    finder, rng = WayFinder(city.network), np.random.default_rng(5)
    while True:
        begin, end = rng.choice(finder.terminals, 2, replace=False).tolist()
        found = finder.ways(begin, end, rng)
        if found is not None and min(len(way.stops) for way in found) >= 5:
            return found


def links_of(city: City, way: Way) -> list[int]:
    passed = [piece.movement for row in way.pieces for piece in row if piece.movement >= 0]
    return [way.stops[0].link, *city.network.movements.out_link[passed].tolist()]


def timetable(city: City, ways: tuple[Way, Way], planned_s: int, starts_s: list[list[int]]) -> Timetable:
    """Trips there and back that start at these seconds, with the shapes of their links."""
    network = city.network
    ends = np.append(network.links.shape_start, len(network.shape_x_m))
    back = Transformer.from_crs(network.crs, "EPSG:4326", always_xy=True)
    points, stops, distances = [], [], []
    for way in ways:
        rows = np.concatenate([np.arange(ends[k], ends[k + 1]) for k in links_of(city, way)])
        x_m, y_m = network.shape_x_m[rows], network.shape_y_m[rows]
        along = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(x_m), np.diff(y_m)))))
        at = way.stops[0].at_m + np.array(way.distance_m)
        points.append(back.transform(x_m, y_m))
        stops.append(back.transform(np.interp(at, along, x_m), np.interp(at, along, y_m)))
        distances.append(at)
    trips = [(direction, start) for direction in (0, 1) for start in starts_s[direction]]
    counts = [len(distances[d]) for d, _ in trips]
    offset = [0, len(distances[0])]
    times = np.concatenate(
        [np.round(np.linspace(start, start + planned_s, len(distances[d]))) for d, start in trips]
    ).astype(np.int32)
    names = tuple(f"S{k}" for k in range(sum(map(len, distances))))
    return Timetable(
        "Asia/Almaty",
        Stops(names, names, *(np.concatenate([row[k] for row in stops]) for k in (0, 1))),
        Routes(("r",), ("32",), np.array([3], np.int32)),
        ("daily",),
        (frozenset({DAY}),),
        Trips(
            tuple(f"t{k}" for k in range(len(trips))),
            np.zeros(len(trips), np.int32),
            np.zeros(len(trips), np.int32),
            np.array([d for d, _ in trips], np.int8),
            Coded.none(len(trips)),
            Coded.none(len(trips)),
            np.array([d for d, _ in trips], np.int32),
            np.concatenate(([0], np.cumsum(counts))),
        ),
        StopTimes(
            np.concatenate([offset[d] + np.arange(len(distances[d])) for d, _ in trips]).astype(np.int32),
            np.concatenate([np.arange(1, n + 1) for n in counts]).astype(np.int32),
            times,
            times,
            np.ones(len(times), bool),
            np.concatenate([distances[d] for d, _ in trips]),
        ),
        Shapes(
            ("there", "back"),
            np.concatenate(([0], np.cumsum([len(row[0]) for row in points]))),
            *(np.concatenate([row[k] for row in points]) for k in (0, 1)),
        ),
    )


def test_signals_on_the_way_and_times_are_those_planned(city: City, ways: tuple[Way, Way]) -> None:
    """The mean of a trip: free running in its hour, 17 s for each signal and 16 s for each stretch."""
    planned_s = 900
    table = timetable(city, ways, planned_s, [[EIGHT_S], [EIGHT_S + 3600]])
    made = timetable_bus_day(city.network, table, DAY, passengers_h=24.0)
    signals = set(city.network.junctions.node.tolist())
    for trip, way in enumerate(ways):
        rows = range(int(table.trips.first[trip]), int(table.trips.first[trip + 1]))
        pieces = [made.lines.pieces[row] for row in rows]
        assert pieces[-1] == ()
        passed = [m for row in pieces for _, m in row if m >= 0]
        own = [piece.movement for row in way.pieces for piece in row if piece.movement >= 0]
        node = city.network.links.to_node[city.network.movements.in_link]
        assert passed == [m for m in own if int(node[m]) in signals]
        free_s = sum(seconds for row in pieces for seconds, _ in row)
        factor = by_hour().running[8 + trip]
        mean_s = free_s * factor + SIGNAL_S * len(passed) + STOP_S * (len(rows) - 1)
        assert mean_s == pytest.approx(planned_s, rel=0.01)
    assert made.matched == 1.0
    assert (made.lines.passengers_s >= 0.0).all()


def test_who_waits_longest_runs_the_next_trip(city: City, ways: tuple[Way, Way]) -> None:
    """Two there and one back within the turn-round; a third there is run by who came back."""
    table = timetable(city, ways, 1500, [[EIGHT_S, EIGHT_S + 600, EIGHT_S + 5400], [EIGHT_S + 1740]])
    made = timetable_bus_day(city.network, table, DAY, passengers_h=24.0)
    blocks = made.timetable.trips.block.texts()
    assert blocks == ["generated block 1", "generated block 2", "generated block 1", "generated block 1"]
    assert made.vehicles == 2
    given = replace(table, trips=replace(table.trips, block=Coded.of(["a", "b", "c", "d"])))
    kept = timetable_bus_day(city.network, given, DAY, passengers_h=24.0)
    assert kept.timetable.trips.block.texts() == ["a", "b", "c", "d"]


def test_a_scenario_without_a_timetable_has_generated_buses(city: City) -> None:
    made = bus_day_of(city, vehicles=10)
    assert made.label == "generated"
    assert made.vehicles >= 10


@pytest.fixture(scope="module")
def porto_alegre(shared_data: Path) -> City:
    if not (shared_data / "transit" / "porto_alegre_gtfs.zip").is_file():
        pytest.skip("the timetable of Porto Alegre is not here")
    return build(load("porto-alegre"))


def test_porto_alegre_runs_its_own_timetable(porto_alegre: City, shared_data: Path) -> None:
    found = read_gtfs(shared_data / "transit" / "porto_alegre_gtfs.zip").timetable
    day = busiest_day(found)
    made = bus_day_of(porto_alegre, vehicles=1)
    assert made.day == day
    assert made.timetable.times.arrival_s.tobytes() == found.times.arrival_s.tobytes()
    assert made.matched > 0.5
    assert sum(m >= 0 for row in made.lines.pieces for _, m in row) > 10 * len(found.trips)
    with pytest.raises(InputError, match="day with trips"):
        bus_day_of(porto_alegre, vehicles=1, day=date(2026, 11, 27))
    outcomes = compared(porto_alegre, vehicles=1, seeds=1, only=["untouched", "signal priority"])
    assert outcomes.trips == len(found.trips_on(day))
    assert outcomes.label.startswith("timetable")
