"""The run of a day: each vehicle is a process that runs its trips, stop by stop; one event for each stop visit.

What a vehicle does at a stop depends on who was there before, so events are handled in the order of time; ties go by the order of
the duties, so that a run repeats to the byte.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from simulation.buses.desk import Desk, Dispatching
from simulation.buses.fleet import Fleet, Vehicle, names
from traffic.errors import InputError
from transit.dispatching import AsDriven, AtStop, AtTerminal, Exchange, Free, Holding, Starting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulation.buses.breakdowns import Breakdown
    from simulation.buses.conditions import Conditions
    from simulation.buses.service import Service
    from traffic.progress import Progress

__all__ = ["Policy", "Replayed", "replay"]

_TOLD_S = 900.0
_LOOK_S = 60.0  # so long before a vehicle could leave a terminal its leaving is thought about
_NAN = float("nan")


@dataclass(frozen=True)
class Policy:
    """What a control centre does.

    Attributes
    ----------
    starting, holding
        At terminals, and at stops.
    overtaking
        Whether a vehicle may pass one of its route, on the way or at a stop.
    follow_s
        Where it may not: it comes and leaves so long after it, at the earliest.
    spares
        Extra vehicles of each line, at its terminals in turn. They run trips of those that have broken down, or are late.
    replace_late_s
        A spare begins the trip of a vehicle that is still on the way so long after it was to begin.
    dispatch
        Who decides about holding, short turns and spares, line by line; where nothing is said, `starting` and `holding` hold.
    exchange
        Who takes over trips from vehicles that are late at a terminal; `None`: each vehicle runs its own block.
    """

    starting: Starting = field(default_factory=AsDriven)
    holding: Holding = field(default_factory=Free)
    overtaking: bool = True
    follow_s: float = 5.0
    spares: int = 0
    replace_late_s: float = 300.0
    dispatch: Dispatching | None = None
    exchange: Exchange | None = None

    def __post_init__(self) -> None:
        for name in ("spares", "replace_late_s"):
            if not getattr(self, name) >= 0:
                raise InputError("must be 0 or more", field=name, value=getattr(self, name))
        if self.exchange is not None and self.dispatch is not None:
            hint = "The optimising dispatcher decides who runs which trip"
            raise InputError(
                "must not be given with `dispatch`", field="exchange", value=self.exchange, hint=hint
            )


@dataclass(frozen=True, eq=False)
class Replayed:
    """What happened: POSIX seconds, NaN for calls that were not made; shape (calls,).

    Attributes
    ----------
    held_s
        How long vehicles were held at stops.
    vehicle
        Who ran each trip, or -1: nobody; shape (trips,).
    vehicles
        Names of vehicles: their block, and spares.
    """

    service: Service
    arrival_s: NDArray[np.float64]
    departure_s: NDArray[np.float64]
    held_s: NDArray[np.float64]
    vehicle: NDArray[np.int64]
    vehicles: Sequence[str]

    @property
    def dropped(self) -> NDArray[np.bool_]:
        """Which trips were not run at all; shape (trips,)."""
        found: NDArray[np.bool_] = ~np.logical_or.reduceat(
            np.isfinite(self.arrival_s), self.service.first[:-1]
        )
        return found

    @property
    def cut(self) -> NDArray[np.bool_]:
        """Which trips were run in part: turned short, joined late, or broken down on the way; shape (trips,)."""
        whole = np.logical_and.reduceat(np.isfinite(self.arrival_s), self.service.first[:-1])
        found: NDArray[np.bool_] = ~whole & ~self.dropped
        return found

    @property
    def exchanged(self) -> NDArray[np.bool_]:
        """Which trips were run by another vehicle than that of their block; shape (trips,)."""
        own = np.repeat(np.arange(len(self.service.duties)), [len(duty) for duty in self.service.duties])
        planned = np.empty(len(self.service), dtype=np.int64)
        planned[[trip for duty in self.service.duties for trip in duty]] = own
        found: NDArray[np.bool_] = (self.vehicle >= 0) & (self.vehicle != planned)
        return found


def replay(
    service: Service,
    conditions: Conditions,
    policy: Policy | None = None,
    *,
    breakdowns: Sequence[Breakdown] = (),
    progress: Progress | None = None,
) -> Replayed:
    """Run a day, and return when vehicles came and left.

    Parameters
    ----------
    conditions
        How long everything takes (`simulation.buses.conditions.recorded`: as it did).
    policy
        Default: nobody is told anything.
    breakdowns
        Where nobody takes over, trips that the vehicle cannot begin are not run.
    """
    policy = policy or Policy()
    run = Run(service, conditions, policy)
    fleet = Fleet(run, service, policy, breakdowns, run.desk)
    environment = simpy.Environment()
    for vehicle in fleet.vehicles:
        environment.process(run.day(environment, fleet, vehicle))
    fleet.start(environment)
    if progress is None:
        environment.run()
    else:
        _told(environment, run, progress)
    return Replayed(
        service,
        np.array(run.arrival_s),
        np.array(run.departure_s),
        np.array(run.held_s),
        np.array(fleet.ran_by, dtype=np.int64),
        names(service, len(fleet.vehicles)),
    )


def _told(environment: simpy.Environment, run: Run, progress: Progress) -> None:
    while environment.peek() != float("inf"):
        environment.run(until=environment.peek() + _TOLD_S)
        progress(run.made, len(run.arrival_s), "stop visits")


class Run:
    """State of a run, in plain lists: reading one number of an array costs more than all else at a stop."""

    def __init__(self, service: Service, conditions: Conditions, policy: Policy) -> None:
        calls = len(service.call)
        self.conditions, self.policy = conditions, policy
        self.first: list[int] = service.first.tolist()
        self.place: list[int] = service.place.tolist()
        self.planned_s: list[float] = service.departure_s.tolist()
        self.due_s: list[float] = service.arrival_s.tolist()
        self.headway_s: list[float] = service.headway_s.tolist()
        self.exact: list[bool] = service.timetable.times.exact[service.call].tolist()
        self.after: list[int] = service.after.tolist()
        self.left_s, self.coming_s = [_NAN] * service.places, [_NAN] * service.places
        self.boarded_s = [_NAN] * service.places  # who came until then has boarded
        self.latest = [-1] * len(service)
        self.arrival_s, self.departure_s = [_NAN] * calls, [_NAN] * calls
        self.held_s = [0.0] * calls
        self.made = 0
        self.begins, self.ends = self.first[:-1], [first - 1 for first in self.first[1:]]
        self.orders: dict[int, float] = {}
        self.desk = None if policy.dispatch is None else Desk(self, service, policy.dispatch)
        self.holds = not isinstance(policy.holding, Free) or self.desk is not None

    def day(
        self, environment: simpy.Environment, fleet: Fleet, vehicle: Vehicle
    ) -> Generator[Any, None, None]:
        """Run the trips of one vehicle."""
        while (trip := (yield from fleet.next_trip(environment, vehicle))) >= 0:
            call = self.begins[trip]
            leave_s = self._start(trip, call, vehicle.ready_s)
            while call < self.ends[trip]:
                arrive_s = self._reach(call, leave_s)
                if arrive_s > vehicle.breaks_s:
                    yield from fleet.breakdown(environment, vehicle)
                    break
                call += 1
                yield environment.timeout(arrive_s - environment.now)
                leave_s = self._visit(trip, call, arrive_s, last=call == self.ends[trip])
            else:
                fleet.ended(vehicle, leave_s)

    def look_s(self, trip: int, ready_s: float) -> float:
        """Return when to think about leaving: late, so that the vehicle before has left."""
        call = self.begins[trip]
        if call in self.orders:
            return max(ready_s, self.orders[call] - _LOOK_S)
        leave_s: float = min(self.planned_s[call], self._driver_s(trip, call))
        return max(ready_s, leave_s - _LOOK_S)

    def _driver_s(self, trip: int, call: int) -> float:
        """Return when the driver would begin a trip at a stop, the first one or where the trip is joined."""
        after_s = self.planned_s[call] - self.planned_s[self.first[trip]]
        return self.conditions.begin_s(trip) + after_s

    def _start(self, trip: int, call: int, ready_s: float) -> float:
        place = self.place[call]
        leave_s = self.policy.starting.leave_s(
            AtTerminal(
                ready_s,
                self._driver_s(trip, call),
                self.planned_s[call],
                self.left_s[place],
                self.headway_s[call],
            )
        )
        if call in self.orders:
            leave_s = max(ready_s, self.orders[call])
        self._leave(trip, call, leave_s - self.conditions.dwell_s(call, _NAN), leave_s)
        self.boarded_s[place] = leave_s
        return leave_s

    def _reach(self, call: int, leave_s: float) -> float:
        """Return when a vehicle that leaves then reaches its next stop."""
        arrive_s = leave_s + self.conditions.run_s(call, leave_s)
        if not self.policy.overtaking:
            place = self.place[call + 1]
            arrive_s = max(
                arrive_s, self.coming_s[place] + self.policy.follow_s
            )  # the first has NaN, never more
            self.coming_s[place] = arrive_s
        return arrive_s

    def _visit(self, trip: int, call: int, arrive_s: float, *, last: bool) -> float:
        """Return when a vehicle that arrives now leaves."""
        place = self.place[call]
        ready_s = leave_s = arrive_s + self.conditions.dwell_s(call, arrive_s - self.boarded_s[place])
        if self.desk is not None:
            self.desk.learn(place, leave_s - self.departure_s[call - 1])
        if not last:
            if self.holds:
                leave_s += self._hold(trip, call, leave_s)
            before_s = self.left_s[place]
            if not self.policy.overtaking and leave_s < before_s + self.policy.follow_s:
                leave_s = before_s + self.policy.follow_s
        boarded_s = arrive_s
        if leave_s > ready_s:
            self.conditions.stay(call, leave_s - max(arrive_s, self.boarded_s[place]))
            boarded_s = leave_s
        self.boarded_s[place] = max(boarded_s, self.boarded_s[place])  # NaN, as it is at first, is never more
        self._leave(trip, call, arrive_s, leave_s)
        return leave_s

    def _hold(self, trip: int, call: int, now_s: float) -> float:
        if call in self.orders:
            assert self.desk is not None
            self.held_s[call] = min(max(self.orders[call] - now_s, 0.0), self.desk.dispatcher.hold_s)
            return self.held_s[call]
        hold_s = self.policy.holding.hold_s(
            AtStop(
                now_s,
                self.planned_s[call],
                now_s - self.left_s[self.place[call]],
                self.headway_s[call],
                self._behind_s(trip, call, now_s),
                self.exact[call],
            )
        )
        self.held_s[call] = hold_s
        return hold_s

    def _behind_s(self, trip: int, call: int, now_s: float) -> float:
        """Return until when the vehicle behind is expected: from where it was last, as long as the timetable has it."""
        follower = self.after[trip]
        if follower < 0:
            return _NAN
        there = self.first[follower] + call - self.first[trip]
        if there >= self.first[follower + 1] or self.place[there] != self.place[call]:
            return _NAN
        at = self.latest[follower]
        late_s = 0.0 if at < 0 else self.departure_s[at] - self.planned_s[at]
        return self.due_s[there] + late_s - now_s

    def _leave(self, trip: int, call: int, arrive_s: float, leave_s: float) -> None:
        self.arrival_s[call], self.departure_s[call] = arrive_s, leave_s
        self.left_s[self.place[call]] = leave_s
        self.latest[trip] = call
        self.made += 1
