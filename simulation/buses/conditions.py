"""How long everything takes: as it was recorded, or drawn from what was fitted.

The luck of every call is drawn before the run, so that the same trip has the same luck whatever is done about it, and a
difference between two runs is one of what was done.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from simulation.buses.service import Service

__all__ = ["Conditions", "Passengers", "Tabled", "recorded", "runs"]


class Conditions(Protocol):
    """What a run asks of the street and of passengers."""

    def begin_s(self, trip: int) -> float:
        """Return when a driver whom nobody tells anything would leave the first stop, POSIX seconds."""

    def layover_s(self, trip: int) -> float:
        """Return how long the vehicle needs before a trip after it has ended the one before."""

    def dwell_s(self, call: int, headway_s: float) -> float:
        """Return how long a vehicle stands for passengers who have come until it arrived; once for each call.

        Parameters
        ----------
        headway_s
            Since those who came boarded the vehicle before; NaN: no vehicle came before.
        """

    def stay(self, call: int, stood_s: float) -> None:
        """Let those board who come while a vehicle stands longer than it must, in so many seconds: they do so meanwhile."""

    def run_s(self, call: int, leave_s: float) -> float:
        """Return how long a vehicle that leaves then takes to the next stop of its trip."""


@dataclass(frozen=True, eq=False)
class Tabled:
    """Conditions that are known beforehand, whatever happens on the way.

    Attributes
    ----------
    begin, layover
        Of every trip, seconds.
    dwell, run
        Of every call, seconds; the last call of a trip has no run.
    """

    begin: Sequence[float]
    layover: Sequence[float]
    dwell: Sequence[float]
    run: Sequence[float]

    def begin_s(self, trip: int) -> float:
        """Return when the trip begins."""
        return self.begin[trip]

    def layover_s(self, trip: int) -> float:
        """Return what its vehicle needs before."""
        return self.layover[trip]

    def dwell_s(self, call: int, headway_s: float) -> float:  # noqa: ARG002 - whatever the headway is
        """Return how long the vehicle stands."""
        return self.dwell[call]

    def stay(self, call: int, stood_s: float) -> None:
        """Let nobody board: who comes is not known."""

    def run_s(self, call: int, leave_s: float) -> float:  # noqa: ARG002 - whenever it is
        """Return how long it takes to the next stop."""
        return self.run[call]


def recorded(service: Service, arrival_s: NDArray[np.float64], departure_s: NDArray[np.float64]) -> Tabled:
    """Return a day as it was recorded: running and dwelling take what they took; a run with nothing changed is the record.

    A layover may become shorter than it was, down to five minutes.

    Parameters
    ----------
    arrival_s, departure_s
        Of every call, POSIX seconds, all of them known; shape (calls,).
    """
    for name, column in (("arrival_s", arrival_s), ("departure_s", departure_s)):
        if len(column) != len(service.call) or not np.isfinite(column).all():
            rule = f"must be known of all {len(service.call)} calls"
            raise InputError(rule, field=name, hint="Leave trips out that were not observed throughout")
    if (departure_s < arrival_s).any():
        raise InputError("must not be before the arrival", field="departure_s")
    run = runs(service, arrival_s, departure_s)
    if (run < 0.0).any():
        raise InputError("must not be before the departure from the stop before", field="arrival_s")
    begin, end = service.first[:-1], service.first[1:] - 1
    layover = np.zeros(len(service))
    for duty in service.duties:
        for before, trip in pairwise(duty):
            layover[trip] = departure_s[begin[trip]] - departure_s[end[before]]
    if (layover < 0.0).any():
        key = service.timetable.trips.key[int(service.trips[int(np.argmin(layover))])]
        rule = "must not begin before its vehicle has ended the trip before"
        raise InputError(rule, field="trip", value=key, hint="Its block was run by two vehicles: divide it")
    needed = np.minimum(layover, _ENOUGH_S)
    dwell = departure_s - arrival_s
    return Tabled(departure_s[begin].tolist(), needed.tolist(), dwell.tolist(), run.tolist())


def runs(
    service: Service, arrival_s: NDArray[np.float64], departure_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the time from each call to the next of its trip, 0 for the last; shape (calls,)."""
    run = np.zeros(len(arrival_s))
    run[:-1] = arrival_s[1:] - departure_s[:-1]
    run[service.first[1:] - 1] = 0.0
    return run


_ENOUGH_S = 300.0


@dataclass(frozen=True)
class Passengers:
    """How long boarding takes.

    Attributes
    ----------
    doors_s
        Opening, closing and pulling out, where somebody gets on or off.
    each_s
        For each one who boards.
    most
        So many find room.
    """

    doors_s: float = 8.0
    each_s: float = 1.8
    most: float = 90.0

    def dwell_s(self, rate_s: float, headway_s: float) -> float:
        """Return the dwell where so many passengers come in a second, those of a whole headway."""
        boarding = min(rate_s * max(headway_s, 0.0), self.most)
        return self.doors_s + self.each_s * boarding if boarding > _ANYBODY else 0.0


_ANYBODY = 0.05
