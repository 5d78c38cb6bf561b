"""What an RSMP site needs of the controller behind it, in the words of signal control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from signals.rsmp.commands import Mode, RequestPriority
from signals.rsmp.lists import Switch
from signals.rsmp.statuses import Priority, Source

__all__ = ["PlanSettings", "SiteAlarm", "SiteModel"]


@dataclass(frozen=True)
class PlanSettings:
    """What a stored plan is set to: cycle, offset in the sense of RSMP, seconds by band."""

    cycle_s: int
    offset_s: int
    bands: Mapping[int, int]


@dataclass(frozen=True)
class SiteAlarm:
    """An alarm of a component, and when it has last become so."""

    component: str
    code: str
    at: datetime
    active: bool = False
    acknowledged: bool = False
    suspended: bool = False
    values: tuple[tuple[str, str], ...] = ()


class SiteModel(Protocol):
    """A controller. What cannot be set raises `InputError`, which the supervisor is told."""

    def components(self) -> Mapping[str, Literal["controller", "group", "detector"]]:
        """Return the kinds of its components, by id; the controller itself is one of them."""

    def now(self) -> datetime:
        """Return the time by its own clock."""

    def set_clock(self, at: datetime) -> None:
        """Set its clock."""

    def mode(self) -> tuple[Mode, Source]:
        """Return its functional position, and who has chosen it."""

    def set_mode(self, mode: Mode, timeout_min: int, intersection: int) -> None:
        """Set the functional position; after `timeout_min` (0: never) it goes back to the one before."""

    def control_mode(self) -> Literal["startup", "control", "standby", "failure", "test"]:
        """Return what it is doing."""

    def plan(self) -> tuple[int, Source]:
        """Return the number of the plan that runs, and who has chosen it."""

    def set_plan(self, number: int | None) -> None:
        """Run a plan by order, or (`None`) what its own time tables choose."""

    def plans(self) -> Mapping[int, PlanSettings]:
        """Return what its stored plans are set to, by number."""

    def set_cycle(self, plan: int, cycle_s: int) -> None:
        """Set the cycle time of a stored plan."""

    def set_offset(self, plan: int, offset_s: int) -> None:
        """Set the offset of a stored plan."""

    def set_bands(self, plan: int, bands: Mapping[int, int]) -> None:
        """Set seconds in dynamic bands of a stored plan; others stay as they are."""

    def week(self) -> Mapping[int, int]:
        """Return the time table of each day (Monday is 0)."""

    def set_week(self, tables: Mapping[int, int]) -> None:
        """Set the time table of some days."""

    def time_tables(self) -> tuple[Switch, ...]:
        """Return when which plan begins."""

    def set_time_tables(self, switches: tuple[Switch, ...]) -> None:
        """Set the time tables that `switches` has rows of."""

    def groups(self) -> str:
        """Return what each signal group shows, one letter for each (as S0001 has them)."""

    def counters_s(self) -> tuple[int, int]:
        """Return the cycle counter and the base cycle counter."""

    def stage(self) -> int:
        """Return the stage that is shown, from 1; 0: none."""

    def priorities(self) -> tuple[Priority, ...]:
        """Return the requests for priority; one that is over is returned once more, then forgotten."""

    def request_priority(self, request: RequestPriority) -> None:
        """Take a request for priority, a change of one, or its end."""

    def checksum(self) -> tuple[str, datetime]:
        """Return a hash of its traffic parameters, and when they have last changed."""

    def alarms(self) -> tuple[SiteAlarm, ...]:
        """Return all of its alarms, active or not."""

    def acknowledge(self, component: str, code: str) -> None:
        """Mark an alarm as acknowledged."""

    def suspend(self, component: str, code: str, *, suspended: bool) -> None:
        """Suspend an alarm, or resume it."""

    def aggregated(self) -> tuple[bool, ...]:
        """Return its state in eight bits."""
