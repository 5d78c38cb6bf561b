"""Days of one line for the tests of predictors: what is planned, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from transit.coded import Coded
from transit.timetable import service_day_s
from transit.visits import Point, StopVisits

ZONE = "Asia/Almaty"
DAY = 20_784  # 2026-11-27
START_S = float(service_day_s(date(2026, 11, 27), ZONE))
EIGHT_S = START_S + 8 * 3600


def line(
    starts_s: Sequence[float],
    late_s: NDArray[np.float64] | None = None,
    *,
    stops: int = 5,
    run_s: float = 120.0,
    dwell_s: float = 0.0,
    blocks: Sequence[str] | None = None,
    day: int = DAY,
) -> StopVisits:
    """Trips that leave so many seconds after eight, a stop every `run_s` and `dwell_s` at each, all seen `late_s` late.

    Shape of `late_s`: (trips, stops, 2), of arrivals and departures; default: in time.
    """
    trips = len(starts_s)
    begin = EIGHT_S + 86_400.0 * (day - DAY) + np.asarray(starts_s, float)[:, None]
    arrival = begin + (run_s + dwell_s) * np.arange(stops) - np.where(np.arange(stops) > 0, dwell_s, 0.0)
    departure = arrival + np.where((np.arange(stops) > 0) & (np.arange(stops) < stops - 1), dwell_s, 0.0)
    late = np.zeros((trips, stops, 2)) if late_s is None else late_s
    point = np.array([Point.START, *[Point.MIDDLE] * (stops - 2), Point.END])
    return StopVisits.of(
        ZONE,
        trips * stops,
        day=np.full(trips * stops, day),
        route=["r"] * (trips * stops),
        direction=np.zeros(trips * stops),
        trip=[f"t{k}" for k in range(trips) for _ in range(stops)],
        stop=[f"S{k}" for k in range(stops)] * trips,
        block=Coded.none(trips * stops)
        if blocks is None
        else Coded.of(blocks[k] for k in range(trips) for _ in range(stops)),
        vehicle=[f"v{k}" for k in range(trips) for _ in range(stops)],
        sequence=np.tile(np.arange(1, stops + 1), trips),
        point=np.tile(point, trips),
        scheduled_arrival_s=arrival.ravel(),
        scheduled_departure_s=departure.ravel(),
        arrival_s=(arrival + late[:, :, 0]).ravel(),
        departure_s=(departure + late[:, :, 1]).ravel(),
    )


def driven(
    starts_s: Sequence[float],
    run_s: NDArray[np.float64],
    *,
    planned_s: float = 120.0,
    day: int = DAY,
    blocks: Sequence[str] | None = None,
) -> StopVisits:
    """Trips that leave in time and run each stretch in so many seconds, without dwell; shape of `run_s`: (trips, stops - 1)."""
    stops = run_s.shape[1] + 1
    late = np.zeros((len(starts_s), stops))
    late[:, 1:] = np.cumsum(run_s - planned_s, axis=1)
    both = np.repeat(late[:, :, None], 2, axis=2)
    return line(starts_s, both, stops=stops, run_s=planned_s, day=day, blocks=blocks)


def lucky_days(
    rng: np.random.Generator,
    days: int,
    *,
    trips: int = 40,
    stretches: int = 12,
    run_s: float = 90.0,
    pace_sd: float = 0.12,
    noise_sd: float = 0.15,
) -> list[StopVisits]:
    """Days on which each trip has a pace, and each of its stretches a noise, both of the logarithm of the running time."""
    found = []
    for number in range(days):
        pace = rng.normal(0.0, pace_sd, (trips, 1))
        run = run_s * np.exp(pace + rng.normal(0.0, noise_sd, (trips, stretches)))
        starts = [600.0 * k for k in range(trips)]
        found.append(driven(starts, run, planned_s=run_s, day=DAY + number))
    return found
