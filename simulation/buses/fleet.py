"""Who runs which trips: vehicles and their duties, those that break down, spares at terminals, trips that nobody runs."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from simulation.buses.exchanges import Exchanges

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    import simpy

    from simulation.buses.breakdowns import Breakdown
    from simulation.buses.desk import Desk
    from simulation.buses.replay import Policy, Run
    from simulation.buses.service import Service

__all__ = ["Fleet", "Vehicle"]

LATEST_S = 600.0
"""A trip that nobody has begun so long after it was to begin is not run."""
_WATCH_S = 60.0
_POLL_S = 30.0
_BEFORE_S = 300.0


@dataclass(eq=False)
class Vehicle:
    """A vehicle.

    Attributes
    ----------
    number
        That of its duty as planned; spares have those after.
    todo
        The trips that it is to run and has not begun.
    trip
        The one that it is on, or -1.
    ready_s
        From when on it may begin the next one.
    stands_by
        Whether it stays where it has nothing to run.
    terminal
        Where it stands by.
    breakdowns
        To come, the next one first.
    out
        Whether it is broken down, or has ended its day.
    came
        Whether it has ended a trip: before, it is in the depot, or on its way from there.
    called
        Ends its wait at a terminal, where its trips may be exchanged.
    """

    number: int
    todo: deque[int]
    trip: int = -1
    ready_s: float = 0.0
    stands_by: bool = False
    terminal: int = -1
    breakdowns: deque[Breakdown] = field(default_factory=deque)
    out: bool = False
    came: bool = False
    called: simpy.Event | None = None

    @property
    def breaks_s(self) -> float:
        """When it breaks down next."""
        return self.breakdowns[0].at_s if self.breakdowns else math.inf

    @property
    def idle(self) -> bool:
        """Whether it stands by."""
        return self.stands_by and not self.todo and self.trip < 0 and not self.out


class Fleet:
    """Vehicles of a day, by line: the route of their trips.

    Parameters
    ----------
    desk
        Who decides for lines; `None`: nobody, but that the first spare at a terminal takes over.
    """

    def __init__(
        self, run: Run, service: Service, policy: Policy, breakdowns: Iterable[Breakdown], desk: Desk | None
    ) -> None:
        self.run, self.desk, self.late_s = run, desk, policy.replace_late_s
        if desk is not None:
            desk.fleet = self
        table, times = service.timetable.trips, service.timetable.times
        route = table.route[service.trips].astype(np.int64)
        starts = route * len(service.timetable.stops) + times.stop[service.call[service.first[:-1]]]
        self.line: list[int] = route.tolist()
        self.terminal: list[int] = np.unique(starts, return_inverse=True)[1].reshape(-1).tolist()
        self.begin_s: list[float] = service.departure_s[service.first[:-1]].tolist()
        self.vehicles = [Vehicle(number, deque(duty)) for number, duty in enumerate(service.duties)]
        for one in sorted(breakdowns, key=lambda one: one.at_s):
            self.vehicles[one.duty].breakdowns.append(one)
        self.orphans: list[deque[int]] = []
        self.members: dict[int, dict[int, Vehicle]] = {line: {} for line in sorted(set(self.line))}
        self.way_s: dict[int, float] = {}
        self.alarms: set[int] = set()
        self.ran_by = [-1] * len(service)
        for vehicle in self.vehicles:
            self._join(vehicle, vehicle.todo)
        self._place_spares(policy.spares)
        self.exchanges = None if policy.exchange is None else Exchanges(self, policy.exchange)
        self.watched = desk is not None or policy.spares > 0
        self.last_s = dict.fromkeys(self.members, -math.inf)
        for line, begin_s in zip(self.line, self.begin_s, strict=True):
            self.last_s[line] = max(self.last_s[line], begin_s + LATEST_S)
        self.start_s = min(self.begin_s, default=0.0) - _BEFORE_S
        self.end_s = max(self.last_s.values(), default=0.0)

    def _place_spares(self, each: int) -> None:
        """Put spares at the terminals of every line in turn, the one with the most trips first."""
        trips: dict[int, dict[int, int]] = {line: {} for line in self.members}
        for line, terminal in zip(self.line, self.terminal, strict=True):
            trips[line][terminal] = trips[line].get(terminal, 0) + 1
        for line, counts in trips.items():
            terminals = sorted(counts, key=lambda terminal: (-counts[terminal], terminal))
            for k in range(each):
                spare = Vehicle(len(self.vehicles), deque(), stands_by=True)
                spare.terminal = terminals[k % len(terminals)]
                self.vehicles.append(spare)
                self.members[line][spare.number] = spare

    def start(self, environment: simpy.Environment) -> None:
        """Have all lines watched where there is anything to decide."""
        if self.exchanges is not None:
            self.exchanges.start(environment)
        if self.watched:
            for line in self.members:
                environment.process(self._watch(environment, line))

    def next_trip(self, environment: simpy.Environment, vehicle: Vehicle) -> Generator[Any, None, int]:
        """Wait until a vehicle is to begin a trip, and return it; -1 at the end of its day."""
        while True:
            if vehicle.breaks_s <= environment.now:
                yield from self.breakdown(environment, vehicle)
            if vehicle.out or not (vehicle.todo or (vehicle.stands_by and environment.now < self.end_s)):
                vehicle.out = True
                return -1
            until_s = vehicle.breaks_s
            if vehicle.todo:
                until_s = min(until_s, self.run.look_s(vehicle.todo[0], vehicle.ready_s))
            if not (yield from self._waited(environment, vehicle, until_s)):
                continue
            if vehicle.breaks_s > environment.now:
                if (
                    self.watched or self.exchanges is not None
                ):  # what was decided since may have been too late
                    vehicle.ready_s = max(vehicle.ready_s, environment.now)
                vehicle.trip = vehicle.todo.popleft()
                self.ran_by[vehicle.trip] = vehicle.number
                return vehicle.trip

    def _waited(
        self, environment: simpy.Environment, vehicle: Vehicle, until_s: float
    ) -> Generator[Any, None, bool]:
        """Wait, and return whether a vehicle still has the trips that it had; else, or where that is not known, look again."""
        wait_s = max(until_s - environment.now, 0.0)
        if self.watched:
            if wait_s > 0.0:
                yield environment.timeout(min(wait_s, max(_POLL_S, self.start_s - environment.now)))
            return wait_s <= 0.0
        if self.exchanges is None:
            yield environment.timeout(wait_s)
            return True
        vehicle.called = environment.event()
        yield environment.timeout(wait_s) | vehicle.called
        return not vehicle.called.triggered

    def ended(self, vehicle: Vehicle, leave_s: float) -> None:
        """Note that a vehicle has ended its trip, or turned."""
        after = vehicle.todo[0] if vehicle.todo else vehicle.trip
        way_s = self.way_s.pop(after, None)
        vehicle.ready_s = leave_s + (self.run.conditions.layover_s(after) if way_s is None else way_s)
        vehicle.trip, vehicle.came = -1, True
        if self.exchanges is not None:
            self.exchanges.came(vehicle)

    def breakdown(self, environment: simpy.Environment, vehicle: Vehicle) -> Generator[Any, None, None]:
        """Stop a vehicle when it breaks down, and have it come back when it is mended."""
        yield environment.timeout(max(vehicle.breaks_s - environment.now, 0.0))
        out_s = vehicle.breakdowns.popleft().out_s
        chain, vehicle.todo = vehicle.todo, deque()
        vehicle.trip, vehicle.out = -1, True
        if chain:
            self._whole(chain[0])
            vehicle.terminal = self.terminal[chain[0]]
            if self.watched:
                self.orphans.append(chain)
                self.alarms.add(self.line[chain[0]])
        if out_s == math.inf:
            return
        yield environment.timeout(out_s)
        vehicle.out, vehicle.ready_s = False, environment.now
        if self.watched and not any(chain is one for one in self.orphans):
            vehicle.stands_by = vehicle.stands_by or bool(chain)
            return
        self.orphans = [one for one in self.orphans if one is not chain]
        while chain and self.begin_s[chain[0]] + LATEST_S < environment.now:
            chain.popleft()
        vehicle.todo = chain

    def give(self, vehicle: Vehicle, chain: deque[int]) -> None:
        """Have a vehicle run some trips instead of its own; without any, it stands by where its own were to begin."""
        if not chain and vehicle.todo:
            vehicle.stands_by, vehicle.terminal = True, self.terminal[vehicle.todo[0]]
        vehicle.todo = chain
        self._join(vehicle, chain)

    def _join(self, vehicle: Vehicle, chain: Iterable[int]) -> None:
        for trip in chain:
            self.members[self.line[trip]][vehicle.number] = vehicle

    def _whole(self, trip: int) -> None:
        """Have a trip begin at its first stop, whatever was decided for who was to run it."""
        self.run.begins[trip] = self.run.first[trip]
        self.way_s.pop(trip, None)

    def orphans_of(self, line: int) -> list[deque[int]]:
        """Return the chains of a line whose next trip has no vehicle, the most urgent first."""
        own = [chain for chain in self.orphans if self.line[chain[0]] == line]
        return sorted(own, key=lambda chain: (self.begin_s[chain[0]], chain[0]))

    def _watch(self, environment: simpy.Environment, line: int) -> Generator[Any, None, None]:
        """Look at a line now and then."""
        begin_s = min(b for own, b in zip(self.line, self.begin_s, strict=True) if own == line)
        yield environment.timeout(max(begin_s - _BEFORE_S - environment.now, 0.0))
        next_s = environment.now
        while environment.now < self.last_s[line]:
            self._expire(environment.now)
            if self.desk is None:
                self._first_spares(line, environment.now)
            elif environment.now >= next_s or line in self.alarms:
                self.alarms.discard(line)
                self.desk.decide(line, environment.now)
                next_s = environment.now + self.desk.every_s
            yield environment.timeout(_WATCH_S)

    def _expire(self, now_s: float) -> None:
        """Drop trips that nobody has begun in time."""
        for chain in self.orphans:
            while chain and self.begin_s[chain[0]] + LATEST_S < now_s:
                chain.popleft()
        self.orphans = [chain for chain in self.orphans if chain]

    def _first_spares(self, line: int, now_s: float) -> None:
        """Have the first spare at the terminal take over from vehicles that broke down, or are late."""
        for chain in self.orphans_of(line):
            spare = self._spare_at(line, self.terminal[chain[0]])
            if spare is not None:
                self.orphans = [one for one in self.orphans if one is not chain]
                self.give(spare, chain)
        for vehicle in list(self.members[line].values()):
            chain = vehicle.todo
            if vehicle.trip < 0 or not chain or self.begin_s[chain[0]] + self.late_s > now_s:
                continue
            spare = self._spare_at(line, self.terminal[chain[0]])
            if spare is not None:
                self.give(vehicle, deque())
                self.give(spare, chain)

    def _spare_at(self, line: int, terminal: int) -> Vehicle | None:
        idle = [v for v in self.members[line].values() if v.idle and v.terminal == terminal]
        return min(idle, key=lambda v: (v.ready_s, v.number), default=None)


def names(service: Service, vehicles: int) -> Sequence[str]:
    """Return what vehicles are called: after their block, or the trip of a duty without one; spares are numbered."""
    trips = service.timetable.trips
    found = []
    for duty in service.duties:
        own = int(service.trips[duty[0]])
        found.append(trips.block[own] or f"trip {trips.key[own]}")
    return [*found, *(f"spare {k}" for k in range(1, vehicles - len(found) + 1))]
