"""Trips of a line exchanged at its terminals: who is ready runs the next one that is due and has nobody there to run it.

Every trip is looked at shortly before it is due. Where its vehicle is not there, another one that is takes it over with all that
comes after it, and the late one goes on with what that vehicle was to run: no trip is lost, and none is run twice. Where nobody
is there, the first vehicle that comes, and is not late for its own trip, takes it over.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    import simpy

    from simulation.buses.fleet import Fleet, Vehicle
    from transit.dispatching import Exchange

__all__ = ["Exchanges"]


class Exchanges:
    """Who takes over from whom, terminal by terminal."""

    def __init__(self, fleet: Fleet, rule: Exchange) -> None:
        self.fleet, self.rule = fleet, rule
        self.waiting: dict[int, list[int]] = {terminal: [] for terminal in sorted(set(fleet.terminal))}

    def start(self, environment: simpy.Environment) -> None:
        """Have every terminal looked at."""
        due: dict[int, list[int]] = {terminal: [] for terminal in self.waiting}
        for trip, terminal in enumerate(self.fleet.terminal):
            due[terminal].append(trip)
        for trips in due.values():
            trips.sort(key=lambda trip: (self.fleet.begin_s[trip], trip))
            environment.process(self._look(environment, trips))

    def _look(self, environment: simpy.Environment, trips: Iterable[int]) -> Generator[Any, None, None]:
        for trip in trips:
            look_s = self.fleet.begin_s[trip] - self.rule.ahead_s
            yield environment.timeout(max(look_s - environment.now, 0.0))
            if self.fleet.ran_by[trip] < 0:
                self._due(trip)

    def _due(self, trip: int) -> None:
        """Find somebody for a trip whose vehicle will not be ready in time."""
        found = self._holder(trip)
        if found is None:
            return
        holder, before = found
        latest_s = self.fleet.begin_s[trip] + self.rule.late_s
        if before == 0 and _there(holder) and holder.ready_s <= latest_s:
            return
        taker = max(self._takers(trip, latest_s), key=self._next, default=None)
        if taker is None:
            self.waiting[self.fleet.terminal[trip]].append(trip)
        else:
            self._exchange(holder, before, taker)

    def came(self, vehicle: Vehicle) -> None:
        """Have a vehicle that has come to a terminal take over the first trip that waits there, if it has time."""
        fleet = self.fleet
        if not vehicle.todo:
            return
        own = vehicle.todo[0]
        terminal = fleet.terminal[own]
        waiting = [trip for trip in self.waiting[terminal] if fleet.ran_by[trip] < 0]
        self.waiting[terminal] = waiting
        if not self._may_give(own, vehicle.ready_s):
            return
        for trip in waiting:
            found = self._holder(trip)
            if found is None or fleet.begin_s[trip] >= fleet.begin_s[own]:
                continue
            holder, before = found
            if before == 0 and _there(holder) and holder.ready_s <= vehicle.ready_s:
                continue
            self._exchange(holder, before, vehicle)
            return

    def _may_give(self, own: int, ready_s: float) -> bool:
        """Return whether a vehicle has time until its own next trip, and is not so long without one that it may be away."""
        begin_s = self.fleet.begin_s[own]
        return ready_s <= begin_s <= ready_s + self.rule.away_s

    def _takers(self, trip: int, latest_s: float) -> list[Vehicle]:
        """Return who stands at the terminal of a trip, is ready in time, and is to run a later one."""
        fleet = self.fleet
        terminal, begin_s = fleet.terminal[trip], fleet.begin_s[trip]
        return [
            vehicle
            for vehicle in fleet.members[fleet.line[trip]].values()
            if vehicle.todo
            and vehicle.came
            and _there(vehicle)
            and fleet.terminal[vehicle.todo[0]] == terminal
            and vehicle.ready_s <= latest_s
            and begin_s < fleet.begin_s[vehicle.todo[0]]
            and self._may_give(vehicle.todo[0], vehicle.ready_s)
        ]

    def _next(self, vehicle: Vehicle) -> tuple[float, int]:
        return self.fleet.begin_s[vehicle.todo[0]], -vehicle.number

    def _holder(self, trip: int) -> tuple[Vehicle, int] | None:
        """Return who is to run a trip, and how many trips it has to begin before."""
        for vehicle in self.fleet.members[self.fleet.line[trip]].values():
            if trip in vehicle.todo:
                return vehicle, vehicle.todo.index(trip)
        return None

    def _exchange(self, holder: Vehicle, before: int, taker: Vehicle) -> None:
        """Exchange what a vehicle is to run after some trips with all that another one is to run."""
        chain, own = list(holder.todo), taker.todo
        self._ready(taker, chain[before])
        if before == 0 and _there(holder):
            self._ready(holder, own[0])
        self.fleet.give(holder, deque(chain[:before] + list(own)))
        self.fleet.give(taker, deque(chain[before:]))
        for vehicle in (holder, taker):
            if vehicle.called is not None and not vehicle.called.triggered:
                vehicle.called.succeed()

    def _ready(self, vehicle: Vehicle, trip: int) -> None:
        """Give a vehicle the layover of the trip that it is to run, in place of that of its own next one."""
        layover_s = self.fleet.run.conditions.layover_s
        vehicle.ready_s += layover_s(trip) - layover_s(vehicle.todo[0])


def _there(vehicle: Vehicle) -> bool:
    """Return whether a vehicle is where its next trip begins; before its first one it is on its way from the depot."""
    return vehicle.trip < 0 and not vehicle.out
