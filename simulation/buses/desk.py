"""The dispatcher's desk: what it sees of a line in a run, and how what it decides is carried out."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from transit.dispatch.line_state import Call, LineState, Trip, Turn, Vehicle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulation.buses.fleet import Fleet
    from simulation.buses.fleet import Vehicle as Running
    from simulation.buses.replay import Run
    from simulation.buses.service import Service
    from transit.dispatch.dispatcher import Decisions, Dispatcher

__all__ = ["Desk", "Dispatching"]

_PARTS = 4
_LEARNT = 0.3


@dataclass(frozen=True, eq=False)
class Dispatching:
    """An optimising dispatcher and what it knows beforehand.

    Attributes
    ----------
    every_s
        How often it looks at a line; where a vehicle breaks down, at once.
    rate_s, aboard
        Of every call of the service, as expected: passengers who come in a second, and who are in the vehicle when it leaves;
        shape (calls,).
    turns
        Where vehicles may turn, by the patterns of a trip and of the one after it.
    """

    dispatcher: Dispatcher
    rate_s: NDArray[np.float64]
    aboard: NDArray[np.float64]
    every_s: float = 120.0
    turns: dict[tuple[int, int], tuple[Turn, ...]] = field(default_factory=dict)


class Desk:
    """Decides for one line at a time."""

    def __init__(self, run: Run, service: Service, dispatching: Dispatching) -> None:
        self.run, self.every_s, self.dispatcher = run, dispatching.every_s, dispatching.dispatcher
        self.turns = dispatching.turns
        self.rate_s: list[float] = dispatching.rate_s.tolist()
        self.aboard: list[float] = dispatching.aboard.tolist()
        self.pattern: list[int] = service.timetable.pattern[service.trips].tolist()
        self.control = _control(run)
        self.pace_s = [math.nan] * service.places
        self.said: dict[int, list[int]] = {}
        self.fleet: Fleet

    def learn(self, place: int, run_s: float) -> None:
        """Note how long a vehicle has taken from leaving the stop before until it could leave this one."""
        known_s = self.pace_s[place]
        self.pace_s[place] = run_s if known_s != known_s else known_s + _LEARNT * (run_s - known_s)  # noqa: PLR0124 - NaN

    def decide(self, line: int, now_s: float) -> None:
        """Look at a line, and have done what is best."""
        state = self._state(line, now_s)
        if not state.vehicles:
            return
        found = self.dispatcher.decide(state)
        for call in self.said.get(line, ()):
            self.run.orders.pop(call, None)
        self.said[line] = list(found.leave_s)
        self._reassign(line, found)
        self._turn(found)
        self.run.orders.update(found.leave_s)

    def _state(self, line: int, now_s: float) -> LineState:
        trips: dict[int, Trip] = {}
        vehicles = []
        end_s = now_s + self.dispatcher.horizon_s
        for running in self.fleet.members[line].values():
            seen = self._seen(running, line, now_s, end_s, trips)
            if seen is not None:
                vehicles.append(seen)
        orphans = tuple(
            chain
            for one in self.fleet.orphans_of(line)
            if (chain := self._chain(one, line, end_s, trips)) and self.fleet.begin_s[chain[0]] <= end_s
        )
        left_s = self.run.left_s
        places = {call.place for one in trips.values() for call in one.calls if call.control}
        last_s = {place: left_s[place] for place in sorted(places) if left_s[place] == left_s[place]}
        return LineState(now_s, tuple(vehicles), trips, orphans, last_s)

    def _seen(
        self, running: Running, line: int, now_s: float, end_s: float, trips: dict[int, Trip]
    ) -> Vehicle | None:
        """Return a vehicle as the dispatcher sees it, `None` where it is not on this line."""
        fleet, trip = self.fleet, running.trip
        if running.out:
            return None
        if trip >= 0:
            if fleet.line[trip] != line:
                return None
            at = self.run.latest[trip]
            after = running.todo[0] if running.todo else -1
            turned = after in fleet.way_s
            trips[trip] = self._trip(trip, at, () if turned else self._ahead(trip, at, after))
            chain = self._chain(running.todo, line, end_s, trips)
            terminal = fleet.terminal[after] if chain and not turned else -1
            return Vehicle(running.number, 0, self.run.departure_s[at], (trip, *chain), terminal)
        chain = self._chain(running.todo, line, end_s, trips)
        if not chain and not running.idle:
            return None
        terminal = fleet.terminal[chain[0]] if chain else running.terminal
        joins = bool(chain) and self.run.begins[chain[0]] != self.run.first[chain[0]]
        return Vehicle(running.number, -1, max(running.ready_s, now_s), chain, -1 if joins else terminal)

    def _chain(self, todo: deque[int], line: int, end_s: float, trips: dict[int, Trip]) -> tuple[int, ...]:
        """Return the trips of a chain that are of interest: the next one, and all that begin within the horizon."""
        found: list[int] = []
        for trip in todo:
            if self.fleet.line[trip] != line or (found and self.fleet.begin_s[trip] > end_s):
                break
            trips[trip] = self._trip(trip, self.run.begins[trip], ())
            found.append(trip)
        return tuple(found)

    def _trip(self, trip: int, begin: int, turns: tuple[Turn, ...]) -> Trip:
        run, fleet = self.run, self.fleet
        calls = tuple(self._call(call) for call in range(begin, run.ends[trip] + 1))
        layover_s = fleet.way_s.get(trip)
        if layover_s is None:
            layover_s = run.conditions.layover_s(trip)
        return Trip(trip, fleet.terminal[trip], calls, layover_s, turns)

    def _call(self, call: int) -> Call:
        run = self.run
        place, planned_s = run.place[call], run.planned_s[call]
        run_s = self.pace_s[place]
        if run_s != run_s:  # noqa: PLR0124 - NaN: nobody has come here yet
            run_s = max(planned_s - run.planned_s[call - 1], 0.0) if call else 0.0
        return Call(
            call,
            place,
            planned_s,
            run_s,
            run.headway_s[call],
            self.rate_s[call],
            self.aboard[call],
            self.control[call],
        )

    def _ahead(self, trip: int, at: int, after: int) -> tuple[Turn, ...]:
        """Return where a trip may still be turned, positions counted from the stop that its vehicle has left."""
        if after < 0:
            return ()
        past = at - self.run.first[trip]
        known = self.turns.get((self.pattern[trip], self.pattern[after]), ())
        return tuple(turn._replace(leave=turn.leave - past) for turn in known if turn.leave > past)

    def _reassign(self, line: int, found: Decisions) -> None:
        fleet = self.fleet
        if not found.chains:
            return
        changed = {number: fleet.vehicles[number] for number in found.chains}
        whole = {one.todo[0]: one.todo for one in changed.values() if one.todo}
        whole |= {chain[0]: chain for chain in fleet.orphans_of(line)}
        taken = {chain[0] for chain in found.chains.values() if chain}
        given_up = [one.todo for one in changed.values() if one.todo and one.todo[0] not in taken]
        fleet.orphans = [chain for chain in fleet.orphans if chain[0] not in taken] + given_up
        for number, chain in found.chains.items():
            fleet.give(changed[number], whole[chain[0]] if chain else deque())

    def _turn(self, found: Decisions) -> None:
        run, fleet = self.run, self.fleet
        for trip, turn in found.turns.items():
            after = fleet.vehicles[fleet.ran_by[trip]].todo[0]
            run.ends[trip] = run.latest[trip] + turn.leave
            run.begins[after] = run.first[after] + turn.join
            fleet.way_s[after] = turn.way_s


def _control(run: Run) -> list[bool]:
    """Return where vehicles may be held: at the beginning of trips, and at some timepoints between, evenly spread."""
    found = [False] * len(run.exact)
    for begin, end in zip(run.first[:-1], run.first[1:], strict=True):
        apart = max(math.ceil((end - begin) / _PARTS), 2)
        for call in range(begin, end - 1, apart):
            found[call] = call == begin or run.exact[call]
    return found
