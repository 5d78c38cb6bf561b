"""Conditions fitted to recorded trips: each trip of another set takes after one that ran on the same way at about the same time.

Running times are taken over as ratios to the timetable, so that a trip of the peak may take after one that ran before it. What
neighbouring trips have in common (the traffic of the hour) stays in, as both take after neighbours; what they do to each other
stays in as far as it was in the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulation.buses.conditions import Tabled, runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulation.buses.service import Service

__all__ = ["Fit", "drawn", "fit"]

_NEAR = 8


class Fit(NamedTuple):
    """What is known of recorded trips.

    Attributes
    ----------
    donors
        The trips, as a service of their own.
    begin_late_s
        How late each trip began; shape (trips,).
    dwell_s, run_ratio
        Of each call: dwell, and running time over that of the timetable; shape (calls,).
    by_pattern
        Donors of each pattern of the timetable, in the order of departure.
    """

    donors: Service
    begin_late_s: NDArray[np.float64]
    dwell_s: NDArray[np.float64]
    run_ratio: NDArray[np.float64]
    by_pattern: dict[int, NDArray[np.int64]]


def fit(donors: Service, arrival_s: NDArray[np.float64], departure_s: NDArray[np.float64]) -> Fit:
    """Fit to trips that were observed throughout.

    Parameters
    ----------
    arrival_s, departure_s
        Of every call of `donors`, POSIX seconds; shape (calls,).
    """
    begin = donors.first[:-1]
    planned = runs(donors, donors.arrival_s, donors.departure_s)
    ratio = runs(donors, arrival_s, departure_s) / np.maximum(planned, 1.0)
    pattern = donors.timetable.pattern[donors.trips]
    by_pattern = {int(p): np.flatnonzero(pattern == p) for p in np.unique(pattern)}
    late_s = departure_s[begin] - donors.departure_s[begin]
    return Fit(donors, late_s, departure_s - arrival_s, ratio, by_pattern)


def drawn(
    service: Service, fitted: Fit, rng: np.random.Generator, *, near: int = _NEAR
) -> tuple[Tabled, NDArray[np.bool_]]:
    """Return conditions of a day, and which trips have no donor on their way: these run as planned; shape (trips,).

    Parameters
    ----------
    near
        Each trip takes after one of about so many donors around its place in the order of departure.
    """
    donors = fitted.donors
    begin = service.departure_s[service.first[:-1]].copy()
    dwell = service.departure_s - service.arrival_s
    run = runs(service, service.arrival_s, service.departure_s)
    alone = np.ones(len(service), dtype=bool)
    pattern = service.timetable.pattern[service.trips]
    for number, known in fitted.by_pattern.items():
        own = np.flatnonzero(pattern == number)
        alone[own] = False
        for trip, donor in zip(own.tolist(), _chosen(known, len(own), rng, near).tolist(), strict=True):
            mine = slice(int(service.first[trip]), int(service.first[trip + 1]))
            its = slice(int(donors.first[donor]), int(donors.first[donor + 1]))
            begin[trip] += fitted.begin_late_s[donor]
            dwell[mine] = fitted.dwell_s[its]
            run[mine] = np.maximum(run[mine], 1.0) * fitted.run_ratio[its]
    run[service.first[1:] - 1] = 0.0
    return Tabled(begin.tolist(), [0.0] * len(service), dwell.tolist(), run.tolist()), alone


def _chosen(known: NDArray[np.int64], count: int, rng: np.random.Generator, near: int) -> NDArray[np.int64]:
    """Return a donor for each of `count` trips in the order of departure.

    Donors change places with their neighbours, and are then taken in turn, so that no two trips take after the same one
    where there are enough of them: else they would be more alike than trips are.
    """
    places = np.argsort(np.arange(len(known)) + rng.uniform(0.0, near, len(known)), kind="stable")
    turn = (np.arange(count) * len(known)) // max(count, 1)
    chosen: NDArray[np.int64] = known[places[turn]]
    return chosen
