"""Dispatch control: when a vehicle that could leave a stop, or a terminal, is to leave.

Rules see what a control centre sees: the timetable, and where vehicles are. They know nothing of the future.

References
----------
Daganzo, C. F. (2009). A headway-based approach to eliminate bus bunching. Transportation Research Part B 43(10), 913-921.
Bartholdi, J. J., Eisenstein, D. D. (2012). A self-coordinating bus route to resist bus bunching. Transportation Research
Part B 46(4), 481-491.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from traffic.errors import InputError

__all__ = [
    "AsDriven",
    "AtStop",
    "AtTerminal",
    "Exchange",
    "Free",
    "HeadwayHolding",
    "Holding",
    "OnHeadway",
    "OnSchedule",
    "ScheduleHolding",
    "SelfEqualising",
    "Starting",
]


_MINUTE_S = 60.0


class AtStop(NamedTuple):
    """A vehicle that could leave a stop now, as a control centre sees it. What is not known is NaN.

    Attributes
    ----------
    now_s
        When it could leave.
    scheduled_s
        When it is to leave.
    headway_s
        Since the vehicle before of the same route and direction has left.
    planned_headway_s
        The same in the timetable.
    behind_s
        Until the vehicle behind is expected here.
    timepoint
        Whether vehicles are held here at all.
    """

    now_s: float
    scheduled_s: float
    headway_s: float
    planned_headway_s: float
    behind_s: float
    timepoint: bool


class Holding(Protocol):
    """A rule by which vehicles are held at stops."""

    def hold_s(self, at: AtStop) -> float:
        """Return for how long to hold a vehicle that could leave, seconds, 0 or more."""


@dataclass(frozen=True)
class Free:
    """Nobody is held."""

    def hold_s(self, at: AtStop) -> float:  # noqa: ARG002 - whatever happens
        """Return 0."""
        return 0.0


@dataclass(frozen=True)
class ScheduleHolding:
    """Early vehicles wait for the timetable at timepoints.

    Attributes
    ----------
    early_s
        So early a vehicle may leave.
    longest_s
        Nobody is held for longer.
    """

    early_s: float = 0.0
    longest_s: float = 300.0

    def __post_init__(self) -> None:
        _require(self.early_s >= 0.0, "early_s", self.early_s)
        _require(self.longest_s >= 0.0, "longest_s", self.longest_s)

    def hold_s(self, at: AtStop) -> float:
        """Return how much too early a vehicle is."""
        if not at.timepoint:
            return 0.0
        return _within(at.scheduled_s - self.early_s - at.now_s, self.longest_s)


@dataclass(frozen=True)
class HeadwayHolding:
    """Vehicles that follow too closely wait, the more so the closer they are (Daganzo 2009, eq. 7).

    Held for ``slack_s + gain * (planned headway - headway)``, and never for less than nothing: with equal headways every
    vehicle is held for the slack, which is what those have to gain that are late.

    Attributes
    ----------
    gain
        From 0 to 1: what part of a gap that is missing is waited for. Bunching does not grow where it is more than the
        part of a headway that passengers board in.
    """

    gain: float = 0.6
    slack_s: float = 0.0
    longest_s: float = 180.0

    def __post_init__(self) -> None:
        _require(0.0 <= self.gain <= 1.0, "gain", self.gain)
        _require(self.slack_s >= 0.0, "slack_s", self.slack_s)
        _require(self.longest_s >= 0.0, "longest_s", self.longest_s)

    def hold_s(self, at: AtStop) -> float:
        """Return the slack and a part of the missing headway."""
        missing_s = at.planned_headway_s - at.headway_s
        if not at.timepoint or missing_s != missing_s:  # noqa: PLR0124 - NaN: the first of the day
            return 0.0
        return _within(self.slack_s + self.gain * missing_s, self.longest_s)


@dataclass(frozen=True)
class SelfEqualising:
    """Each vehicle waits for a part of the gap behind it, so that gaps become equal whatever they are to be.

    With ``gain`` a, a vehicle is held for a times the time until the one behind is expected (Bartholdi and Eisenstein 2012,
    eq. 1); no timetable is needed.
    """

    gain: float = 0.15
    longest_s: float = 180.0

    def __post_init__(self) -> None:
        _require(0.0 <= self.gain < 1.0, "gain", self.gain)
        _require(self.longest_s >= 0.0, "longest_s", self.longest_s)

    def hold_s(self, at: AtStop) -> float:
        """Return a part of the gap behind."""
        if not at.timepoint or at.behind_s != at.behind_s:
            return 0.0
        return _within(self.gain * at.behind_s, self.longest_s)


class AtTerminal(NamedTuple):
    """A vehicle that is ready for its next trip. What is not known is NaN.

    Attributes
    ----------
    ready_s
        From when on it could leave.
    driver_s
        When it would leave if nobody said anything, and it were ready.
    scheduled_s
        When it is to leave.
    before_s
        When the vehicle before of the same route and direction has left, or will.
    planned_headway_s
        Between these two in the timetable.
    """

    ready_s: float
    driver_s: float
    scheduled_s: float
    before_s: float
    planned_headway_s: float


class Starting(Protocol):
    """A rule by which vehicles leave terminals."""

    def leave_s(self, at: AtTerminal) -> float:
        """Return when to leave, not before the vehicle is ready."""


@dataclass(frozen=True)
class AsDriven:
    """Drivers leave when they like."""

    def leave_s(self, at: AtTerminal) -> float:
        """Return when the driver leaves."""
        return max(at.ready_s, at.driver_s)


@dataclass(frozen=True)
class OnSchedule:
    """Terminal discipline: nobody leaves early, and who is ready leaves in time.

    Attributes
    ----------
    early_s
        So much before the timetable a vehicle leaves that is ready: time in hand for the way, that passengers are told of.
        Who comes to the stop less than that before the time of the timetable may miss it.
    """

    early_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.early_s <= _MINUTE_S:
            raise InputError("must be from 0 to 60 s", field="early_s", value=self.early_s)

    def leave_s(self, at: AtTerminal) -> float:
        """Return the time of the timetable less what is in hand, or when the vehicle is ready."""
        return max(at.ready_s, at.scheduled_s - self.early_s)


@dataclass(frozen=True)
class OnHeadway:
    """Vehicles leave a planned headway after each other, whatever the timetable says.

    Attributes
    ----------
    early_s
        So much before the timetable a vehicle may leave at the earliest.
    """

    early_s: float = 60.0

    def __post_init__(self) -> None:
        _require(self.early_s >= 0.0, "early_s", self.early_s)

    def leave_s(self, at: AtTerminal) -> float:
        """Return the time of the one before and a headway; the first of the day keeps the timetable."""
        due_s = at.before_s + at.planned_headway_s
        if due_s != due_s:  # noqa: PLR0124 - NaN
            return max(at.ready_s, at.scheduled_s)
        return max(at.ready_s, due_s, at.scheduled_s - self.early_s)


@dataclass(frozen=True)
class Exchange:
    """Trips of a line are exchanged at its terminals: who is ready runs the next one whose vehicle is not there.

    Attributes
    ----------
    ahead_s
        So long before a trip is due it is looked whether its vehicle is there.
    late_s
        A vehicle that is there, and will be ready so late, runs its own trip.
    away_s
        A vehicle that has nothing to run for so long is not counted on.
    """

    ahead_s: float = 120.0
    late_s: float = 60.0
    away_s: float = 3600.0

    def __post_init__(self) -> None:
        for name in ("ahead_s", "late_s", "away_s"):
            _require(getattr(self, name) >= 0.0, name, getattr(self, name))


def _within(hold_s: float, longest_s: float) -> float:
    return min(max(hold_s, 0.0), longest_s)


def _require(holds: bool, field: str, value: float) -> None:  # noqa: FBT001 - the rule itself
    if not holds:
        raise InputError("must be 0 or more, and a gain 1 at most", field=field, value=value)
