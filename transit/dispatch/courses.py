"""What each vehicle of a line may do: go on, turn short where it is late, run trips of another one, stand by.

Only those have a choice whom it may help: vehicles that would begin their next trip late, those that stand by, and, where a
vehicle has broken down, those that are next at the terminal where its trip is to begin.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from transit.dispatch.problem import NOWHERE, Course, Pass, Problem, bounds

if TYPE_CHECKING:
    from transit.dispatch.dispatcher import Dispatcher
    from transit.dispatch.line_state import Call, LineState, Trip, Turn, Vehicle

__all__ = ["Choice", "problem_of"]


class Choice(NamedTuple):
    """What a course means.

    Attributes
    ----------
    turn
        Where the trip that the vehicle is on is turned.
    chain
        The trips that it is to run after that.
    """

    turn: Turn | None
    chain: tuple[int, ...]


def problem_of(state: LineState, rules: Dispatcher) -> tuple[Problem, list[list[Choice]]]:
    """Return the problem, and what its courses mean."""
    ready_s = [_ready_s(state, vehicle) for vehicle in state.vehicles]
    choices = [[Choice(None, vehicle.chain)] for vehicle in state.vehicles]
    given_up = _exchanges(state, rules, ready_s, choices)
    for position, vehicle in enumerate(state.vehicles):
        late = _late_s(state, vehicle, ready_s[position]) > rules.turn_late_s
        if late and sum(len(own) > 1 for own in choices) < rules.most_choices:
            choices[position] += [Choice(turn, vehicle.chain) for turn in _turns(state, vehicle)]
    courses = tuple(
        tuple(_course(state, rules, vehicle, choice) for choice in own)
        for vehicle, own in zip(state.vehicles, choices, strict=True)
    )
    open_trips = [trip for chain in (*state.orphans, *given_up) for trip in chain]
    due = {trip: rules.weights.lost * len(state.trips[trip].calls) for trip in open_trips}
    last_s, next_s = _ends(state, courses)
    return Problem(courses, last_s, due, rules.weights, next_s), choices


def _ends(
    state: LineState, courses: tuple[tuple[Course, ...], ...]
) -> tuple[dict[int, float], dict[int, float]]:
    """Return when the vehicle before all others left each place, and when the one after them is expected."""
    soonest_s: dict[int, float] = {}
    passes: dict[int, Pass] = {}
    for course in (course for own in courses for course in own):
        for at, free_s in zip(course.passes, bounds(course).free_s, strict=True):
            if at.place != NOWHERE:
                soonest_s[at.call] = min(soonest_s.get(at.call, math.inf), free_s)
                passes[at.call] = at
    last_s, next_s = dict(state.last_s), {}
    first_s: dict[int, float] = {}
    for call, free_s in sorted(soonest_s.items(), key=lambda item: (item[1], item[0])):
        at = passes[call]
        first_s.setdefault(at.place, free_s)
        if not math.isnan(at.headway_s):  # the first of the day has none: that of the next one
            last_s.setdefault(at.place, first_s[at.place] - at.headway_s)
            next_s[at.place] = free_s + at.headway_s
    return last_s, next_s


def _ready_s(state: LineState, vehicle: Vehicle) -> float:
    """Return when a vehicle could begin its next trip."""
    if vehicle.at < 0:
        return vehicle.since_s
    run_s = [call.run_s for call in state.trips[vehicle.trips[0]].calls[vehicle.at + 1 :]]
    if run_s:  # it has not left the next stop yet
        run_s[0] = max(run_s[0], state.now_s - vehicle.since_s)
    layover_s = state.trips[vehicle.chain[0]].layover_s if vehicle.chain else 0.0
    return vehicle.since_s + sum(run_s) + layover_s


def _late_s(state: LineState, vehicle: Vehicle, ready_s: float) -> float:
    chain = vehicle.chain
    return ready_s - _begin_s(state, chain) if chain else -math.inf


def _begin_s(state: LineState, chain: tuple[int, ...]) -> float:
    return state.trips[chain[0]].calls[0].planned_s


def _turns(state: LineState, vehicle: Vehicle) -> list[Turn]:
    """Return the turns that are still ahead of a vehicle."""
    if vehicle.at < 0 or not vehicle.chain:
        return []
    return [turn for turn in state.trips[vehicle.trips[0]].turns if turn.leave > vehicle.at]


def _exchanges(
    state: LineState, rules: Dispatcher, ready_s: list[float], choices: list[list[Choice]]
) -> list[tuple[int, ...]]:
    """Add who may run whose trips; return the chains that their vehicles may give up."""
    given_up: list[tuple[int, ...]] = []
    at: dict[int, list[int]] = {}
    for position, vehicle in enumerate(state.vehicles):
        if vehicle.terminal >= 0:
            at.setdefault(vehicle.terminal, []).append(position)
    for terminal, here in at.items():
        orphans = [chain for chain in state.orphans if state.trips[chain[0]].terminal == terminal]
        idle = [p for p in here if not state.vehicles[p].trips][: rules.most_choices]
        busy = [p for p in here if state.vehicles[p].chain]
        busy.sort(key=lambda p: (_begin_s(state, state.vehicles[p].chain), p))
        late = [p for p in busy if _late_s(state, state.vehicles[p], ready_s[p]) > rules.replace_late_s]
        may = late[: rules.most_choices] if idle else []
        if orphans:
            due_s = _begin_s(state, orphans[0])
            next_ones = [p for p in busy if ready_s[p] <= due_s + rules.replace_late_s and p not in may]
            may += next_ones[: rules.most_choices - len(may)]
        own = {p: state.vehicles[p].chain for p in may}
        given_up += own.values()
        for p in idle:
            choices[p] += [Choice(None, chain) for chain in (*orphans, *own.values())]
        for p in may:
            before = [c for c in (*orphans, *own.values()) if _begin_s(state, c) < _begin_s(state, own[p])]
            choices[p] += [Choice(None, chain) for chain in (*before, *([()] if idle else []))]
    return given_up


def _course(state: LineState, rules: Dispatcher, vehicle: Vehicle, choice: Choice) -> Course:
    made = _Making(rules, vehicle.since_s, state.now_s)
    turn, weights = choice.turn, rules.weights
    price, join, pause_s = 0.0, 0, 0.0 if vehicle.at < 0 else None
    run: list[int] = []
    if vehicle.at >= 0:
        trip = state.trips[vehicle.trips[0]]
        run.append(trip.number)
        made.go(trip, vehicle.at + 1, None if turn is None else turn.leave)
        if turn is not None:
            pause_s, join = turn.way_s, turn.join
            left = trip.calls[turn.leave]
            wait_s = 0.0 if math.isnan(left.headway_s) else left.headway_s
            price = weights.lost * (len(trip.calls) - 1 - turn.leave + join) + left.aboard * wait_s
    for number in choice.chain:
        trip = state.trips[number]
        run.append(number)
        made.begin(trip, join, trip.layover_s if pause_s is None else pause_s)
        join, pause_s = 0, None
    return Course(vehicle.since_s, tuple(made.passes), tuple(run), price)


class _Making:
    """Passes as they are made, to the end of the horizon."""

    def __init__(self, rules: Dispatcher, begin_s: float, now_s: float) -> None:
        self.rules, self.now_s = rules, now_s
        self.passes: list[Pass] = []
        self.soon_s, self.run_s = begin_s, 0.0

    def begin(self, trip: Trip, position: int, pause_s: float) -> None:
        """Add a trip that begins at a stop after a pause."""
        self._drive(pause_s)
        call = trip.calls[position]
        earliest_s = max(call.planned_s - self.rules.early_s, self.now_s)
        self._add(trip, position, call, self.rules.terminal_s, earliest_s)
        self.go(trip, position + 1, None)

    def go(self, trip: Trip, position: int, last: int | None) -> None:
        """Add the stops of a trip from one on; the last one is where everybody gets off."""
        end = len(trip.calls) - 1 if last is None else last
        for k in range(position, end + 1):
            call = trip.calls[k]
            self._drive(call.run_s)
            if k == position and self.soon_s < self.now_s:  # it has not left here yet, whatever was predicted
                self._drive(self.now_s - self.soon_s)
            if k == end:
                self._note(Pass(call.number, NOWHERE, self.run_s, call.planned_s, 0.0))
            elif call.control:
                self._add(trip, k, call, self.rules.hold_s, -math.inf)

    def _drive(self, run_s: float) -> None:
        self.soon_s += run_s
        self.run_s += run_s

    def _add(self, trip: Trip, position: int, call: Call, longest_s: float, earliest_s: float) -> None:
        """Add a control point, which stands for the stops before the next one."""
        rate_s, stops, k = call.rate_s, 1, position + 1
        while k < len(trip.calls) - 1 and not trip.calls[k].control:
            rate_s, stops, k = rate_s + trip.calls[k].rate_s, stops + 1, k + 1
        aboard = 0.0 if earliest_s > -math.inf else call.aboard
        self.soon_s = max(self.soon_s, earliest_s)
        self._note(
            Pass(
                call.number,
                call.place,
                self.run_s,
                call.planned_s,
                longest_s,
                earliest_s,
                rate_s,
                aboard,
                stops,
                call.headway_s,
            )
        )

    def _note(self, at: Pass) -> None:
        if self.soon_s <= self.now_s + self.rules.horizon_s:
            self.passes.append(at)
        self.run_s = 0.0
