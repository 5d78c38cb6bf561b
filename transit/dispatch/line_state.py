"""A line at a moment, as a control centre sees it. Times are POSIX seconds, predictions those of whoever asks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Call", "LineState", "Trip", "Turn", "Vehicle"]


class Call(NamedTuple):
    """A trip at a stop.

    Attributes
    ----------
    number
        The caller's, for what is decided about it.
    place
        Vehicles that come to the same place follow each other there.
    planned_s
        When it is to leave.
    run_s
        Predicted: from leaving the stop before until it could leave this one.
    headway_s
        Planned, since the trip before; NaN for the first.
    rate_s
        Passengers who come in a second.
    aboard
        Passengers in the vehicle when it leaves, predicted.
    control
        Whether vehicles may be held here.
    """

    number: int
    place: int
    planned_s: float
    run_s: float
    headway_s: float = math.nan
    rate_s: float = 0.0
    aboard: float = 0.0
    control: bool = True


class Turn(NamedTuple):
    """A place where a vehicle may end a trip early, and begin its next one late.

    Attributes
    ----------
    leave
        Position of the last stop that the trip serves.
    join
        Position of the first stop that the next trip serves.
    way_s
        From leaving the one until it could leave the other.
    """

    leave: int
    join: int
    way_s: float


class Trip(NamedTuple):
    """A trip.

    Attributes
    ----------
    number
        The caller's.
    terminal
        Number of the place where it begins: a vehicle that is there may run it.
    layover_s
        From ending the trip before until it could begin.
    turns
        Where it may be turned into the trip after it in its chain.
    """

    number: int
    terminal: int
    calls: tuple[Call, ...]
    layover_s: float = 180.0
    turns: tuple[Turn, ...] = ()


class Vehicle(NamedTuple):
    """A vehicle that runs.

    Attributes
    ----------
    number
        The caller's.
    at
        Position of the last stop that it has left on ``trips[0]``; -1 where it is on none.
    since_s
        When it left it; else, from when on it is ready.
    trips
        What it is to run, one after the other.
    terminal
        Where it stands, or will when it has ended the trip that it is on; -1: where nobody else begins.
    """

    number: int
    at: int
    since_s: float
    trips: tuple[int, ...]
    terminal: int = -1

    @property
    def chain(self) -> tuple[int, ...]:
        """The trips that it has not begun."""
        return self.trips[1:] if self.at >= 0 else self.trips


@dataclass(frozen=True)
class LineState:
    """What is known of a line.

    Attributes
    ----------
    trips
        By number: those that are under way, and those that are to begin within the horizon.
    orphans
        Chains of trips that have lost their vehicle.
    last_s
        When the last vehicle left each place.
    """

    now_s: float
    vehicles: tuple[Vehicle, ...]
    trips: Mapping[int, Trip]
    orphans: tuple[tuple[int, ...], ...] = ()
    last_s: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chains = [(f"vehicle {one.number}", one.trips) for one in self.vehicles]
        seen: dict[int, str] = {}
        for name, chain in (*chains, *(("orphans", chain) for chain in self.orphans)):
            for trip in chain:
                if trip not in self.trips:
                    raise InputError("must be a trip of the line", field=name, value=trip)
                if trip in seen:
                    rule = f"must not be run by two vehicles: {seen[trip]} has it"
                    raise InputError(rule, field=name, value=trip)
                seen[trip] = name
        for one in self.vehicles:
            if one.at >= 0 and not (one.trips and one.at < len(self.trips[one.trips[0]].calls)):
                raise InputError("must be a stop of the trip", field="at", value=one.at)
