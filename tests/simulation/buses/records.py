"""Recorded days for the tests: times of all calls of a service, and stop visits of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simulation.buses.replay import Replayed
from simulation.buses.results import replayed_visits
from transit.visits import Relationship

if TYPE_CHECKING:
    from simulation.buses.service import Service
    from transit.visits import StopVisits


def some_record(service: Service, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Times of all calls with odd fractions of seconds; vehicles of a block are never at two places."""
    calls = len(service.call)
    dwell, run = rng.uniform(0.0, 40.0, calls), rng.uniform(20.0, 200.0, calls)
    arrival, departure = np.zeros(calls), np.zeros(calls)
    for duty in service.duties:
        free = 0.0
        for trip in duty:
            at = max(service.departure_s[service.first[trip]] + rng.normal(0.0, 120.0), free)
            for call in range(service.first[trip], service.first[trip + 1]):
                arrival[call], departure[call] = at, at + dwell[call]
                at = departure[call] + run[call]
            free = departure[service.first[trip + 1] - 1] + rng.uniform(0.0, 500.0)
    return arrival, departure


def visits_of(service: Service, arrival_s: np.ndarray, departure_s: np.ndarray) -> StopVisits:
    """Stop visits of a record; NaN: not seen. Without vehicles, and with the blocks of the timetable."""
    nobody = np.full(len(service), -1, dtype=np.int64)
    found = Replayed(service, arrival_s, departure_s, np.zeros(len(service.call)), nobody, ())
    visits = replayed_visits(found)
    seen = np.full(len(visits), Relationship.SCHEDULED, dtype=np.int8)
    return replace(visits, relationship=np.where(visits.observed, seen, np.int8(Relationship.MISSING)))
