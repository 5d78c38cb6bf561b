"""Speed of matching: positions of many buses of a generated city, one core; and reading them from a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.transit.driven import Line, Planned, driven, positions, timetable
from transit.coded import Coded
from transit.matching import Matcher
from transit.position_files import read_positions
from transit.positions import Positions
from transit.timetable import Timetable

LINES = 40
BLOCKS = 5  # of each line
TRIPS = 6  # of each block
EVERY_S = 15.0


def city() -> list[list[Planned]]:
    """Blocks of lines of 10 km that bend ten times and cross each other, there and back."""
    rng = np.random.default_rng(1)
    blocks = []
    for line in range(LINES):
        heading = rng.uniform(0.0, 2 * np.pi) + np.cumsum(rng.normal(0.0, 0.4, 10))
        points = np.vstack([[0.0, 0.0], 1000.0 * np.column_stack([np.cos(heading), np.sin(heading)])])
        bends = rng.uniform(-8000.0, 8000.0, 2) + np.cumsum(points, axis=0)
        there = Line(tuple(map(tuple, bends.tolist())), tuple(np.linspace(0.0, 10_000.0, 26)))
        for k in range(BLOCKS):
            start = 21_600.0 + 600.0 * k
            blocks.append(
                [
                    Planned(
                        f"{line}-{k}-{n}",
                        there if n % 2 == 0 else there.back(),
                        start + 1800.0 * n,
                        f"{line}-{k}",
                        line,
                    )
                    for n in range(TRIPS)
                ]
            )
    return blocks


@pytest.fixture(scope="module")
def table() -> Timetable:
    return timetable([trip for block in city() for trip in block])


@pytest.fixture(scope="module")
def day() -> Positions:
    """Positions as a dispatch centre receives them: all vehicles mixed, with noise."""
    rng = np.random.default_rng(2)
    parts = []
    for block in city():
        time, xy = driven(block, every_s=EVERY_S, dwell_s=15.0, phase_s=float(rng.uniform(0.0, EVERY_S)))
        xy = xy + rng.normal(0.0, 6.0, xy.shape)
        parts.append(positions(time, xy, vehicle=str(block[0].block), block=block[0].block))
    whole = Positions.joined(parts)
    return whole.take(np.argsort(whole.time_s, kind="stable"))


@pytest.mark.parametrize("assigned", ["block", "route", "nothing"])
def test_matching(benchmark: BenchmarkFixture, table: Timetable, day: Positions, assigned: str) -> None:
    """Positions per second are in `extra_info`; 100,000 are the goal."""
    nothing = Coded.none(len(day))
    names = tuple(f"r{name.split('-')[0]}" for name in day.block.names)
    if assigned == "route":
        day = replace(day, block=nothing, route=Coded(names, day.block.code))
    elif assigned == "nothing":
        day = replace(day, block=nothing)

    def run(matcher: Matcher) -> int:
        return len(matcher.push(day)) + len(matcher.finish())

    visits = benchmark.pedantic(run, setup=lambda: ((Matcher(table),), {}), rounds=5)
    stops = sum(len(trip.line.stops_m) for block in city() for trip in block)
    assert visits == stops
    if benchmark.stats:
        benchmark.extra_info["positions"] = len(day)
        benchmark.extra_info["positions_per_s"] = round(len(day) / benchmark.stats.stats.median)


def test_preparation(benchmark: BenchmarkFixture, table: Timetable) -> None:
    assert benchmark(Matcher, table).timetable is table


def test_reading(benchmark: BenchmarkFixture, day: Positions, tmp_path: Path) -> None:
    path = tmp_path / "avl.csv"
    rows = zip(
        day.vehicle.texts(),
        day.time_s.astype("datetime64[s]").astype(str),
        day.block.texts(),
        day.lon.tolist(),
        day.lat.tolist(),
        strict=True,
    )
    lines = (f"{v},{t},{b},BLOCK_ID,{lon:.6f},{lat:.6f}\n" for v, t, b, lon, lat in rows)
    path.write_text("vehicleId,time,assignmentId,assignmentType,longitude,latitude\n" + "".join(lines))
    found = benchmark(read_positions, path)
    assert len(found.positions) == len(day)
