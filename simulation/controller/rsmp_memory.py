"""A controller in memory for RSMP: sets what it is told to, and runs stored plans by its clock.

It has no lamps and keeps nothing on disk: it stands behind an RSMP site where the protocol is what matters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, cast

from signals.rsmp.capability import Capability, StoredPlan
from signals.rsmp.capability_file import capability_to_dict
from signals.rsmp.commands import Mode, RequestPriority
from signals.rsmp.lists import Switch
from signals.rsmp.mapping import RsmpPlan, durations_of
from signals.rsmp.statuses import Priority, Source
from signals.rsmp.sxl_table import ALARMS
from simulation.controller.rsmp_model import PlanSettings, SiteAlarm
from traffic.errors import InputError

__all__ = ["MemoryModel"]

_OVER = frozenset({"completed", "timeout", "rejected", "cooldown", "stale"})
_GREEN, _RED, _DARK, _FLASH = "1Bac"


class MemoryModel:
    """A controller as its capability file describes it.

    Parameters
    ----------
    clock
        Gives the true time; the controller's own clock may be set off it.
    zone
        Of its time tables.
    seconds_to_change
        From the order to run a plan to the change.
    """

    def __init__(
        self,
        capability: Capability,
        *,
        clock: Callable[[], datetime],
        zone: tzinfo = UTC,
        seconds_to_change: float = 0.0,
    ) -> None:
        self._capability, self._clock, self._zone = capability, clock, zone
        self._components: dict[str, Literal["controller", "group", "detector"]] = {
            **{group.component: "group" for group in capability.groups if group.component},
            capability.component: "controller",
        }
        self._off, self._to_change = timedelta(0), timedelta(seconds=seconds_to_change)
        self._mode: tuple[Mode, Source] = ("NormalControl", "startup")
        self._mode_until: tuple[datetime, tuple[Mode, Source]] | None = None
        self._forced: list[tuple[datetime, int | None]] = []  # since when which plan runs by order
        self._plans = {plan.number: _stored(plan) for plan in capability.plans}
        self._week: dict[int, int] = dict.fromkeys(range(7), 1)
        self._tables: tuple[Switch, ...] = ()
        self._priorities: dict[str, Priority] = {}
        self._changed_at, self._checksum = clock(), cast("str | None", None)
        self._alarms = {
            (component, code): SiteAlarm(component, code, clock())
            for component, kind in self.components().items()
            for code, row in ALARMS.items()
            if row.of == kind
        }

    def components(self) -> Mapping[str, Literal["controller", "group", "detector"]]:
        """Return the kinds of its components, by id."""
        return self._components

    def now(self) -> datetime:
        """Return the time by its own clock."""
        return self._clock() + self._off

    def set_clock(self, at: datetime) -> None:
        """Set its clock."""
        self._off = at - self._clock()

    def mode(self) -> tuple[Mode, Source]:
        """Return its functional position, and who has chosen it."""
        if self._mode_until is not None and self._clock() >= self._mode_until[0]:
            self._mode, self._mode_until = self._mode_until[1], None
        return self._mode

    def set_mode(self, mode: Mode, timeout_min: int, intersection: int) -> None:
        """Set the functional position; after `timeout_min` (0: never) it goes back to the one before."""
        if intersection not in {0, 1}:
            raise InputError(
                "must be 0 or 1: there is one intersection", field="intersection", value=intersection
            )
        before = self.mode()
        until = self._clock() + timedelta(minutes=timeout_min)
        self._mode_until = (until, before) if timeout_min else None
        self._mode = (mode, "forced")

    def control_mode(self) -> Literal["startup", "control", "standby", "failure", "test"]:
        """Return what it is doing."""
        return "control" if self.mode()[0] == "NormalControl" else "standby"

    def plan(self) -> tuple[int, Source]:
        """Return the number of the plan that runs, and who has chosen it."""
        now, running = self._clock(), None
        for since, number in self._forced:
            if since <= now:
                running = number
        if running is not None:
            return running, "forced"
        chosen = self._by_time_table()
        return (self._capability.plans[0].number, "startup") if chosen is None else (chosen, "calendar_clock")

    def set_plan(self, number: int | None) -> None:
        """Run a plan by order, or (`None`) what its own time tables choose."""
        if number is not None:
            self._known(number)
        past = [row for row in self._forced if row[0] <= self._clock()]
        self._forced = [*past[-1:], (self._clock() + self._to_change, number)]

    def plans(self) -> Mapping[int, PlanSettings]:
        """Return what its stored plans are set to, by number."""
        return dict(self._plans)

    def set_cycle(self, plan: int, cycle_s: int) -> None:
        """Set the cycle time of a stored plan."""
        low, high = self._known(plan).cycle_range_s or (0, 0)
        if not low <= cycle_s <= high:
            raise InputError(f"must be from {low} to {high} s", field="cycle time", value=cycle_s)
        self._change(plan, replace(self._plans[plan], cycle_s=cycle_s))

    def set_offset(self, plan: int, offset_s: int) -> None:
        """Set the offset of a stored plan."""
        if not self._known(plan).offset_settable:
            raise InputError("must be a plan whose offset can be set", field="plan", value=plan)
        self._change(plan, replace(self._plans[plan], offset_s=offset_s))

    def set_bands(self, plan: int, bands: Mapping[int, int]) -> None:
        """Set seconds in dynamic bands of a stored plan; others stay as they are."""
        known = {band.number: band for band in self._known(plan).bands}
        for number, seconds in bands.items():
            band = known.get(number)
            if band is None or not band.min_s <= seconds <= band.max_s:
                rule = "must be bands of the plan, within their bounds"
                raise InputError(rule, field="dynamic bands", value=f"{number}-{seconds}")
        settings = self._plans[plan]
        self._change(plan, replace(settings, bands={**settings.bands, **bands}))

    def week(self) -> Mapping[int, int]:
        """Return the time table of each day (Monday is 0)."""
        return dict(self._week)

    def set_week(self, tables: Mapping[int, int]) -> None:
        """Set the time table of some days."""
        self._week |= tables
        self._touch()

    def time_tables(self) -> tuple[Switch, ...]:
        """Return when which plan begins."""
        return self._tables

    def set_time_tables(self, switches: tuple[Switch, ...]) -> None:
        """Set the time tables that `switches` has rows of."""
        for row in switches:
            if row.plan:
                self._known(row.plan)
        changed = {row.table for row in switches}
        kept = (row for row in self._tables if row.table not in changed)
        self._tables = tuple(sorted((*kept, *switches)))
        self._touch()

    def groups(self) -> str:
        """Return what each signal group shows, one letter for each."""
        mode = self.mode()[0]
        if mode != "NormalControl":
            return (_FLASH if mode == "YellowFlash" else _DARK) * len(self._capability.groups)
        green = self._known(self.plan()[0]).stages[self.stage() - 1]
        return "".join(_GREEN if group.name in green else _RED for group in self._capability.groups)

    def counters_s(self) -> tuple[int, int]:
        """Return the cycle counter and the base cycle counter."""
        settings = self._plans[self.plan()[0]]
        base = (int(self.now().timestamp()) - self._capability.counter_epoch_s) % settings.cycle_s
        return (base + settings.offset_s) % settings.cycle_s, base

    def stage(self) -> int:
        """Return the stage that is shown, from 1; 0: none."""
        if self.mode()[0] != "NormalControl":
            return 0
        number = self.plan()[0]
        stored, settings = self._known(number), self._plans[number]
        set_to = RsmpPlan(number, settings.cycle_s, settings.offset_s, tuple(sorted(settings.bands.items())))
        left = (self.counters_s()[0] - stored.counter_s) % settings.cycle_s
        for stage, seconds in enumerate(durations_of(set_to, stored), 1):
            left -= seconds
            if left < 0:
                return stage
        return 0

    def priorities(self) -> tuple[Priority, ...]:
        """Return the requests for priority; one that is over is returned once more, then forgotten."""
        found = tuple(self._priorities.values())
        self._priorities = {row.request: row for row in found if row.state not in _OVER}
        return found

    def request_priority(self, request: RequestPriority) -> None:
        """Take a request for priority, a change of one, or its end."""
        known = self._priorities.get(request.request)
        if request.kind == "new":
            if known is not None:
                raise InputError("must be a new one", field="requestId", value=request.request)
            if request.group is not None and self.components().get(request.group) != "group":
                raise InputError(
                    "must be a signal group of the site", field="signalGroupId", value=request.group
                )
            self._priorities[request.request] = Priority(request.request, self.now(), "activated")
        elif known is None:
            raise InputError("must be a request that is known", field="requestId", value=request.request)
        elif request.kind == "cancel":
            self._priorities[request.request] = Priority(request.request, self.now(), "completed", 0, 0)

    def checksum(self) -> tuple[str, datetime]:
        """Return a hash of its traffic parameters, and when they have last changed."""
        if self._checksum is None:
            settings = [
                (number, plan.cycle_s, plan.offset_s, sorted(plan.bands.items()))
                for number, plan in sorted(self._plans.items())
            ]
            tables = [(row.table, row.plan, row.hour, row.minute) for row in self._tables]
            parts = (capability_to_dict(self._capability), settings, tables, sorted(self._week.items()))
            self._checksum = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        return self._checksum, self._changed_at

    def alarms(self) -> tuple[SiteAlarm, ...]:
        """Return all of its alarms, active or not."""
        return tuple(self._alarms.values())

    def set_alarm(self, component: str, code: str, *, active: bool) -> SiteAlarm:
        """Have an alarm become active or inactive, and return it."""
        before = self._alarms[component, code]
        acknowledged = before.acknowledged and not active
        after = replace(before, active=active, acknowledged=acknowledged, at=self.now())
        self._alarms[component, code] = after
        return after

    def acknowledge(self, component: str, code: str) -> None:
        """Mark an alarm as acknowledged."""
        self._alarms[component, code] = replace(
            self._alarms[component, code], acknowledged=True, at=self.now()
        )

    def suspend(self, component: str, code: str, *, suspended: bool) -> None:
        """Suspend an alarm, or resume it."""
        self._alarms[component, code] = replace(
            self._alarms[component, code], suspended=suspended, at=self.now()
        )

    def aggregated(self) -> tuple[bool, ...]:
        """Return its state in eight bits."""
        active = {ALARMS[alarm.code].priority for alarm in self._alarms.values() if alarm.active}
        return (False, False, 1 in active, 2 in active, 3 in active, True, False, False)

    def _known(self, number: int) -> StoredPlan:
        return self._capability.plan(number)

    def _change(self, plan: int, settings: PlanSettings) -> None:
        if settings != self._plans[plan]:
            self._plans[plan] = settings
            self._touch()

    def _touch(self) -> None:
        self._changed_at, self._checksum = self.now(), None

    def _by_time_table(self) -> int | None:
        """Return the plan that the last switch of today's time table has begun; `None` where none has."""
        local = self.now().astimezone(self._zone)
        table = self._week.get(local.weekday(), 0)
        past = [
            row
            for row in self._tables
            if row.table == table and (row.hour, row.minute) <= (local.hour, local.minute)
        ]
        latest = max(past, key=lambda row: (row.hour, row.minute), default=None)
        return None if latest is None or latest.plan == 0 else latest.plan


def _stored(plan: StoredPlan) -> PlanSettings:
    """Return what a plan is set to as it is stored: seconds in the bands that give its cycle."""
    bands = {band.number: band.min_s for band in plan.bands}
    if plan.remainder is None:
        left = plan.cycle_s - sum(plan.base_s) - sum(bands.values())
        for band in plan.bands:
            more = min(left, band.max_s - band.min_s)
            bands[band.number] += more
            left -= more
    return PlanSettings(plan.cycle_s, plan.offset_s, bands)
