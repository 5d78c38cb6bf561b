"""The statuses that Jasyl reads, typed, to and from the values of messages.

Each class has the fields of its status; its ``values`` are what a message carries, by name, and ``read`` takes them
back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Self, cast

from signals.rsmp.lists import Switch, by_number, by_plan_and_band, rows_text, switches, table_text
from signals.rsmp.members import timestamp_text, timestamp_value
from signals.rsmp.sxl_table import STATUSES
from traffic.errors import InputError

__all__ = [
    "BandsStatus",
    "ChecksumStatus",
    "ClockStatus",
    "ControlModeStatus",
    "CycleStatus",
    "FlashStatus",
    "GroupsStatus",
    "OffsetStatus",
    "OnStatus",
    "PlanStatus",
    "PrioritiesStatus",
    "Priority",
    "PriorityState",
    "Source",
    "Status",
    "TimeTablesStatus",
    "WeekStatus",
    "names_of",
]

Source = Literal["operator_panel", "calendar_clock", "control_block", "forced", "startup", "other"]
PriorityState = Literal[
    "received", "queued", "activated", "completed", "timeout", "rejected", "cooldown", "stale"
]

Values = Mapping[str, Any]


def names_of(code: str) -> tuple[str, ...]:
    """Return the names of the values of a status."""
    return tuple(argument.name for argument in STATUSES[code])


@dataclass(frozen=True)
class Status:
    """Any status."""

    code: ClassVar[str]

    def values(self) -> dict[str, Any]:
        """Return what a message carries, by name."""
        raise NotImplementedError

    @classmethod
    def read(cls, values: Values) -> Self:
        """Return the status that a message carries; its values have passed the check of the list."""
        raise NotImplementedError


@dataclass(frozen=True)
class GroupsStatus(Status):
    """S0001: one character for each signal group, the counters of the cycle and of its base, the stage."""

    code: ClassVar[str] = "S0001"
    groups: str
    cycle_counter_s: int
    base_counter_s: int
    stage: int

    def values(self) -> dict[str, Any]:
        """Return what a message carries, by name."""
        numbers = (self.cycle_counter_s, self.base_counter_s, self.stage)
        return dict(zip(names_of(self.code), (self.groups, *map(str, numbers)), strict=True))

    @classmethod
    def read(cls, values: Values) -> Self:
        """Return the status that a message carries."""
        counters = (int(values[name]) for name in ("cyclecounter", "basecyclecounter", "stage"))
        return cls(values["signalgroupstatus"], *counters)


@dataclass(frozen=True)
class _Switched(Status):
    intersections: tuple[int, ...]
    states: tuple[bool, ...]
    sources: tuple[Source, ...]

    def values(self) -> dict[str, Any]:
        """Return what a message carries, by name."""
        return {
            "intersection": ",".join(map(str, self.intersections)),
            "status": ",".join(map(str, self.states)),
            "source": ",".join(self.sources),
        }

    @classmethod
    def read(cls, values: Values) -> Self:
        """Return the status that a message carries."""
        intersections, states = values["intersection"].split(","), values["status"].split(",")
        _same_length(cls.code, intersections, states)
        return cls(
            tuple(map(int, intersections)),
            tuple(state == "True" for state in states),
            tuple(cast("list[Source]", values["source"].split(","))),
        )


@dataclass(frozen=True)
class OnStatus(_Switched):
    """S0007: whether the lamps of each intersection are on (0: all intersections)."""

    code: ClassVar[str] = "S0007"


@dataclass(frozen=True)
class FlashStatus(_Switched):
    """S0011: whether each intersection shows yellow flash (0: all intersections)."""

    code: ClassVar[str] = "S0011"


@dataclass(frozen=True)
class PlanStatus(Status):
    """S0014: the plan that runs, and who has chosen it."""

    code: ClassVar[str] = "S0014"
    plan: int
    source: Source

    def values(self) -> dict[str, Any]:
        """Return what a message carries, by name."""
        return {"status": str(self.plan), "source": self.source}

    @classmethod
    def read(cls, values: Values) -> Self:
        """Return the status that a message carries."""
        return cls(int(values["status"]), values["source"])


@dataclass(frozen=True)
class ControlModeStatus(Status):
    """S0020: the mode of each intersection: startup, control, standby, failure or test."""

    code: ClassVar[str] = "S0020"
    intersections: tuple[int, ...]
    modes: tuple[str, ...]

    def values(self) -> dict[str, Any]:
        """Return what a message carries, by name."""
        return {
            "intersection": ",".join(map(str, self.intersections)),
            "controlmode": ",".join(self.modes),
        }

    @classmethod
    def read(cls, values: Values) -> Self:
        """Return the status that a message carries."""
        intersections, modes = values["intersection"].split(","), values["controlmode"].split(",")
        _same_length(cls.code, intersections, modes)
        return cls(tuple(map(int, intersections)), tuple(modes))


@dataclass(frozen=True)
class BandsStatus(Status):
    """S0023: seconds in every dynamic band, by plan and band."""

    code: ClassVar[str] = "S0023"
    bands: Mapping[tuple[int, int], int]

    def of_plan(self, plan: int) -> dict[int, int]:
        """Return the seconds of the bands of one plan."""
        return {band: seconds for (number, band), seconds in self.bands.items() if number == plan}

    def values(self) -> dict[str, Any]:
        """Return what a message carries, by name."""
        rows = ((plan, band, seconds) for (plan, band), seconds in sorted(self.bands.items()))
        return {"status": rows_text(rows)}

    @classmethod
    def read(cls, values: Values) -> Self:
        """Return the status that a message carries."""
        return cls(by_plan_and_band(values["status"], "S0023.status"))


@dataclass(frozen=True)
class _ByNumber(Status):
    table: Mapping[int, int]

    def values(self) -> dict[str, Any]:
        """Return what a message carries, by name."""
        return {"status": table_text(self.table)}

    @classmethod
    def read(cls, values: Values) -> Self:
        """Return the status that a message carries."""
        return cls(by_number(values["status"], f"{cls.code}.status"))


@dataclass(frozen=True)
class OffsetStatus(_ByNumber):
    """S0024: the offset of each plan, in seconds."""

    code: ClassVar[str] = "S0024"


@dataclass(frozen=True)
class WeekStatus(_ByNumber):
    """S0026: the time table of each day of the week (Monday is 0)."""

    code: ClassVar[str] = "S0026"


@dataclass(frozen=True)
class TimeTablesStatus(Status):
    """S0027: when which plan begins."""

    code: ClassVar[str] = "S0027"
    switches: tuple[Switch, ...]

    def values(self) -> dict[str, Any]:
        """Return what a message carries, by name."""
        return {"status": rows_text((row.table, row.plan, row.hour, row.minute) for row in self.switches)}

    @classmethod
    def read(cls, values: Values) -> Self:
        """Return the status that a message carries."""
        return cls(switches(values["status"], "S0027.status"))


@dataclass(frozen=True)
class CycleStatus(_ByNumber):
    """S0028: the cycle time of each plan, in seconds."""

    code: ClassVar[str] = "S0028"


@dataclass(frozen=True)
class Priority:
    """What has become of a request for priority.

    Attributes
    ----------
    extension_s, reduction_s
        Green given and red saved, as far as the controller tells them once it is completed.
    """

    request: str
    at: datetime
    state: PriorityState
    extension_s: int | None = None
    reduction_s: int | None = None

    def row(self) -> dict[str, str]:
        """Return the item of the list of a message."""
        more = {"e": self.extension_s, "d": self.reduction_s}
        seconds = {name: str(value) for name, value in more.items() if value is not None}
        return {"r": self.request, "t": timestamp_text(self.at), "s": self.state, **seconds}


@dataclass(frozen=True)
class PrioritiesStatus(Status):
    """S0033: every request for priority; one that is over is shown once more."""

    code: ClassVar[str] = "S0033"
    priorities: tuple[Priority, ...]

    def values(self) -> dict[str, Any]:
        """Return what a message carries, by name."""
        return {"status": [priority.row() for priority in self.priorities]}

    @classmethod
    def read(cls, values: Values) -> Self:
        """Return the status that a message carries."""
        return cls(
            tuple(
                Priority(
                    row["r"],
                    timestamp_value(row["t"], "S0033.t"),
                    row["s"],
                    int(row["e"]) if "e" in row else None,
                    int(row["d"]) if "d" in row else None,
                )
                for row in values["status"]
            )
        )


@dataclass(frozen=True)
class ClockStatus(Status):
    """S0096: the time of the controller, in UTC."""

    code: ClassVar[str] = "S0096"
    at: datetime

    def values(self) -> dict[str, Any]:
        """Return what a message carries, by name."""
        at = self.at.astimezone(UTC)
        return {name: str(getattr(at, name)) for name in names_of(self.code)}

    @classmethod
    def read(cls, values: Values) -> Self:
        """Return the status that a message carries."""
        numbers = [int(values[name]) for name in names_of(cls.code)]
        try:
            return cls(datetime(*numbers, tzinfo=UTC))  # type: ignore[misc,arg-type]
        except (ValueError, OverflowError):
            raise InputError("must be a day that exists", field=cls.code, value=numbers) from None


@dataclass(frozen=True)
class ChecksumStatus(Status):
    """S0097: a hash of the controller's traffic parameters, and when it was made."""

    code: ClassVar[str] = "S0097"
    checksum: str
    at: datetime

    def values(self) -> dict[str, Any]:
        """Return what a message carries, by name."""
        return {"checksum": self.checksum, "timestamp": timestamp_text(self.at)}

    @classmethod
    def read(cls, values: Values) -> Self:
        """Return the status that a message carries."""
        return cls(values["checksum"], timestamp_value(values["timestamp"], "S0097.timestamp"))


def _same_length(code: str, intersections: list[str], values: list[str]) -> None:
    if len(intersections) != len(values):
        rule = f"must have a value for each of the {len(intersections)} intersections"
        raise InputError(rule, field=code, value=values)
