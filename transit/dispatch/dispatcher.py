"""The optimising dispatcher: what is to be done on a line now, for the coming half hour or so, until it is asked again."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from traffic.errors import InputError
from transit.dispatch.courses import problem_of
from transit.dispatch.problem import Weights
from transit.dispatch.solver import solve

if TYPE_CHECKING:
    from transit.dispatch.line_state import LineState, Turn

__all__ = ["Decisions", "Dispatcher"]

_HELD_S = 1.0


class Decisions(NamedTuple):
    """What is to be done.

    Attributes
    ----------
    leave_s
        When to leave, by the number of the call: from terminals, and from stops where a vehicle is to be held.
    turns
        Trips that are to be turned short, by number.
    chains
        By the number of the vehicle: the trips that it is to run after the one that it is on, where these are not its own.
    cost, cost_before
        Of what is decided, and of leaving everything as it is, in seconds of passengers who wait.
    """

    leave_s: dict[int, float]
    turns: dict[int, Turn]
    chains: dict[int, tuple[int, ...]]
    cost: float
    cost_before: float


@dataclass(frozen=True)
class Dispatcher:
    """How a line is dispatched.

    Attributes
    ----------
    horizon_s
        How far ahead it looks.
    hold_s
        No vehicle is held for longer at a stop.
    terminal_s
        No vehicle leaves a terminal so much later than it could.
    early_s
        So much before the timetable a vehicle may leave a terminal.
    replace_late_s, turn_late_s
        Vehicles that would begin their next trip later than this may be replaced, or turn short (inf: never).
    most_choices
        So many vehicles have a choice at once, at each terminal and for turning.
    """

    weights: Weights = field(default_factory=Weights)
    horizon_s: float = 2_400.0
    hold_s: float = 120.0
    terminal_s: float = 300.0
    early_s: float = 30.0
    replace_late_s: float = 240.0
    turn_late_s: float = 480.0
    most_choices: int = 2

    def __post_init__(self) -> None:
        for name in (
            "horizon_s",
            "hold_s",
            "terminal_s",
            "early_s",
            "replace_late_s",
            "turn_late_s",
            "most_choices",
        ):
            value = getattr(self, name)
            if not value >= 0 or (math.isinf(value) and not name.endswith("late_s")):
                raise InputError("must be a number of 0 or more", field=name, value=value)

    def decide(self, state: LineState) -> Decisions:
        """Return what is best for a line as a whole; the same for the same state."""
        problem, choices = problem_of(state, self)
        plan = solve(problem)
        leave_s: dict[int, float] = {}
        turns: dict[int, Turn] = {}
        chains: dict[int, tuple[int, ...]] = {}
        for v, (vehicle, number) in enumerate(zip(state.vehicles, plan.chosen, strict=True)):
            choice, course = choices[v][number], problem.courses[v][number]
            if choice.turn is not None:
                turns[vehicle.trips[0]] = choice.turn
            if choice.chain != vehicle.chain:
                chains[vehicle.number] = choice.chain
            before_s = course.begin_s
            for at, leaves_s in zip(course.passes, plan.leave_s[v], strict=True):
                if at.terminal or leaves_s > before_s + at.run_s + _HELD_S:
                    leave_s[at.call] = leaves_s
                before_s = leaves_s
        return Decisions(leave_s, turns, chains, plan.cost, plan.cost_before)
