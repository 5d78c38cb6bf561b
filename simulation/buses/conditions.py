"""How long everything takes: as it was recorded, or drawn from what was fitted.

The luck of every call is drawn before the run, so that the same trip has the same luck whatever is done about it, and a
difference between two runs is one of what was done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulation.buses.service import Service

__all__ = ["Conditions", "Passengers", "Recorded"]


class Conditions(Protocol):
    """What a run asks of the street and of passengers."""

    def begin_s(self, trip: int) -> float:
        """Return when a driver whom nobody tells anything would leave the first stop, POSIX seconds."""

    def layover_s(self, trip: int) -> float:
        """Return how long the vehicle needs before a trip after it has ended the one before."""

    def dwell_s(self, call: int, headway_s: float) -> float:
        """Return how long a vehicle stands for passengers who have come in the headway (NaN: nobody came before)."""

    def run_s(self, call: int, leave_s: float) -> float:
        """Return how long a vehicle that leaves then takes to the next stop of its trip."""


@dataclass(frozen=True, eq=False)
class Recorded:
    """A day as it was recorded: running and dwelling take what they took; a run with nothing changed is the record.

    Parameters
    ----------
    arrival_s, departure_s
        Of every call, POSIX seconds, all of them known; shape (calls,).
    """

    service: Service
    arrival_s: NDArray[np.float64]
    departure_s: NDArray[np.float64]
    _dwell_s: list[float] = field(init=False, repr=False)
    _run_s: list[float] = field(init=False, repr=False)
    _begin_s: list[float] = field(init=False, repr=False)
    _layover_s: list[float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        service, arrival, departure = self.service, self.arrival_s, self.departure_s
        for name, column in (("arrival_s", arrival), ("departure_s", departure)):
            if len(column) != len(service.call) or not np.isfinite(column).all():
                rule = f"must be known of all {len(service.call)} calls"
                raise InputError(rule, field=name, hint="Leave trips out that were not observed throughout")
        if (departure < arrival).any():
            raise InputError("must not be before the arrival", field="departure_s")
        run = np.zeros(len(arrival))
        run[:-1] = arrival[1:] - departure[:-1]
        run[service.first[1:] - 1] = 0.0
        if (run < 0.0).any():
            raise InputError("must not be before the departure from the stop before", field="arrival_s")
        begin, end = service.first[:-1], service.first[1:] - 1
        layover = np.zeros(len(service))
        for duty in service.duties:
            for before, trip in pairwise(duty):
                layover[trip] = departure[begin[trip]] - departure[end[before]]
        if (layover < 0.0).any():
            key = service.timetable.trips.key[int(service.trips[int(np.argmin(layover))])]
            rule = "must not begin before its vehicle has ended the trip before"
            raise InputError(
                rule, field="trip", value=key, hint="Its block was run by two vehicles: divide it"
            )
        object.__setattr__(self, "_dwell_s", (departure - arrival).tolist())
        object.__setattr__(self, "_run_s", run.tolist())
        object.__setattr__(self, "_begin_s", departure[begin].tolist())
        object.__setattr__(self, "_layover_s", layover.tolist())

    def begin_s(self, trip: int) -> float:
        """Return when the trip began."""
        return self._begin_s[trip]

    def layover_s(self, trip: int) -> float:
        """Return the shortest layover that is known to be possible: the recorded one, five minutes at most."""
        return min(self._layover_s[trip], _ENOUGH_S)

    def dwell_s(self, call: int, headway_s: float) -> float:  # noqa: ARG002 - whatever the headway is
        """Return what it took."""
        return self._dwell_s[call]

    def run_s(self, call: int, leave_s: float) -> float:  # noqa: ARG002 - whenever it is
        """Return what it took."""
        return self._run_s[call]


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

    def dwell_s(self, rate_s: float, headway_s: float, luck: float) -> float:
        """Return the dwell where so many passengers come in a second.

        Parameters
        ----------
        luck
            By what part there are more or fewer of them than in the mean; -1 is nobody.
        """
        boarding = min(rate_s * max(headway_s, 0.0) * (1.0 + luck), self.most)
        return self.doors_s + self.each_s * boarding if boarding > _ANYBODY else 0.0


_ANYBODY = 0.05
