"""Timetables for the tests: a line of stops 500 m apart, to and fro."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from transit.coded import Coded
from transit.timetable import Routes, Shapes, Stops, StopTimes, Timetable, Trips

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = date(2026, 11, 27)


def line(
    starts_s: Sequence[int], *, stops: int = 5, run_s: int = 90, blocks: Sequence[str | None] | None = None
) -> Timetable:
    """Trips of one direction of a route that start at these seconds of the day, a stop every `run_s`."""
    trips = len(starts_s)
    arrival = (np.array(starts_s)[:, None] + run_s * np.arange(stops)).ravel().astype(np.int32)
    return Timetable(
        "Asia/Almaty",
        Stops(
            tuple(f"S{k}" for k in range(stops)),
            tuple(f"Stop {k}" for k in range(stops)),
            76.9 + 0.006 * np.arange(stops),
            np.full(stops, 43.25),
        ),
        Routes(("r",), ("32",), np.array([3], np.int32)),
        ("daily",),
        (frozenset({DAY}),),
        Trips(
            tuple(f"t{k}" for k in range(trips)),
            np.zeros(trips, np.int32),
            np.zeros(trips, np.int32),
            np.zeros(trips, np.int8),
            Coded.none(trips),
            Coded.of(blocks if blocks is not None else [None] * trips),
            np.full(trips, -1, np.int32),
            np.arange(0, (trips + 1) * stops, stops),
        ),
        StopTimes(
            np.tile(np.arange(stops, dtype=np.int32), trips),
            np.tile(np.arange(1, stops + 1, dtype=np.int32), trips),
            arrival,
            arrival,
            np.ones(trips * stops, bool),
            np.tile(500.0 * np.arange(stops), trips),
        ),
        Shapes((), np.zeros(1, np.int64), np.zeros(0), np.zeros(0)),
    )
