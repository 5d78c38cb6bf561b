"""Generated days as a record of stop visits: for predictors to learn from some and be tried on others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scenarios.bus_day import BusSettings, build_bus_day
from simulation.buses.policies import CALIBRATED
from simulation.buses.replay import Policy, replay
from simulation.buses.service import Service
from simulation.buses.street import Luck, Street
from simulation.buses.study import signals_of
from simulation.rivals import isolated_webster
from transit.matched_visits import scheduled_visits
from transit.visits import Relationship

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from scenarios.loader import City
    from simulation.buses.replay import Replayed
    from transit.visits import StopVisits

__all__ = ["generated_days", "visits_of"]

_DAY_S = 86_400


def generated_days(
    city: City, day: date, seeds: Sequence[int], *, vehicles: int, policy: Policy | None = None
) -> list[StopVisits]:
    """Return one day of buses for each seed: the same timetable, streets and signals, other luck; day k is k days after `day`.

    Parameters
    ----------
    policy
        What the control centre does; default: nothing.
    """
    made = build_bus_day(city.network, BusSettings(vehicles=vehicles), day)
    service = Service.of(made.timetable, made.day)
    plans = isolated_webster(city.network, city.junctions, city.demand)
    signals = signals_of(city.network, plans, city.demand, made.lines.traffic_by_hour)
    found = []
    for number, seed in enumerate(seeds):
        luck = Luck.drawn(service, CALIBRATED, np.random.default_rng([seed, 31_000]))
        street = Street(service, made.lines, luck, signals.delay, layover_s=CALIBRATED.layover_s)
        found.append(visits_of(replay(service, street, policy), later_days=number))
    return found


def visits_of(replayed: Replayed, *, later_days: int = 0) -> StopVisits:
    """Return what happened as stop visits.

    Parameters
    ----------
    later_days
        Put the day off by so many days, its times and its timetable's.
    """
    service = replayed.service
    times, trips = service.timetable.times, service.timetable.trips
    planned = scheduled_visits(service.timetable, [service.day])
    running = service.timetable.trips_on(service.day)
    rows = np.concatenate([np.arange(trips.first[trip], trips.first[trip + 1]) for trip in running.tolist()])
    arrival_s, departure_s = np.full(len(times), np.nan), np.full(len(times), np.nan)
    arrival_s[service.call], departure_s[service.call] = replayed.arrival_s, replayed.departure_s
    seen = np.isfinite(arrival_s[rows]) | np.isfinite(departure_s[rows])
    off_s = float(later_days * _DAY_S)
    return replace(
        planned,
        day=(planned.day + later_days).astype(np.int32),
        relationship=np.where(seen, Relationship.SCHEDULED, Relationship.MISSING).astype(np.int8),
        confidence=seen.astype(np.float32),
        scheduled_arrival_s=planned.scheduled_arrival_s + off_s,
        scheduled_departure_s=planned.scheduled_departure_s + off_s,
        arrival_s=arrival_s[rows] + off_s,
        departure_s=departure_s[rows] + off_s,
    )
