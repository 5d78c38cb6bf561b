"""What is done at a site: its clock set, alarms acknowledged, versions written and read back, the right one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from api.rsmp.errors import NotAcknowledgedError, PlanRunsError, ReadBackError
from api.rsmp_bridge.programmes import Programme, allocated, days_of, time_tables
from api.rsmp_bridge.reading import Calendar, Stored, read_calendar, read_stored
from api.rsmp_bridge.target import Content, Target, kept, pending
from signals.lifecycle import words
from signals.lifecycle.coordination import SETTLING
from signals.lifecycle.watch import LARGEST_SKEW
from signals.rsmp.mapping import RsmpPlan
from signals.rsmp.statuses import ClockStatus, FlashStatus, OnStatus, PlanStatus
from signals.texts import as_line, cut
from traffic.errors import InputError, JasylError

if TYPE_CHECKING:
    from api.centre.centre import Centre
    from api.centre.lookout import Lookout
    from api.centre.news import News
    from api.rsmp_bridge.sites import Site
    from api.rsmp_server import Supervisor
    from signals.lifecycle.records import Version

__all__ = ["MODE_SETTLING", "Errands", "NotYetError", "Parts"]

MODE_SETTLING = timedelta(minutes=2)
"""How long a site may take to begin to flash, by least greens and clearances, or to come back by its start-up."""
_OF_MODE = frozenset({"S0007", "S0011", "S0020"})
_OF_PLAN = frozenset({"S0014", "S0014, source"})

_CLOCK_EVERY = timedelta(hours=1)
_REASON = 1000


@dataclass(frozen=True)
class Parts:
    """What agents are handed.

    Attributes
    ----------
    every_s
        How often the time is looked at.
    """

    centre: Centre
    news: News
    lookout: Lookout
    supervisor: Supervisor
    clock: Callable[[], datetime]
    every_s: float = 1.0


class NotYetError(JasylError):
    """The site has not done yet what it was told.

    Attributes
    ----------
    settling
        How long it may take before an operator is told.
    """

    def __init__(self, sentence: str, *, settling: timedelta = SETTLING) -> None:
        self.settling = settling
        super().__init__(sentence)


class Errands:
    """What can be done at one site. Whatever was done before, each begins with what the site says now."""

    def __init__(self, site: Site, parts: Parts) -> None:
        self._site, self._parts = site, parts
        self._capability, self._junction = site.capability, site.junction
        self._who = f"controller:{site.junction}"
        self._clock_read: datetime | None = None
        self._flash_until: datetime | None = None

    async def require_possible(self, target: Target) -> None:
        """Raise `InputError` for an order that RSMP cannot carry."""
        if target.impossible is not None:
            raise InputError(
                "must be one that RSMP has a command for", field="order", value=target.impossible
            )

    async def set_clock(self) -> None:
        """Set the clock of the site where it is off, for its offsets and time tables hang on it."""
        supervisor, site, now = self._parts.supervisor, self._capability.site, self._parts.clock()
        ahead_s = supervisor.clocks_ahead_s().get(site, 0.0)
        due = self._clock_read is None or now - self._clock_read >= _CLOCK_EVERY
        if not due and abs(ahead_s) <= LARGEST_SKEW.total_seconds():
            return
        read = (await supervisor.read(site, ClockStatus)).at
        if abs(read - self._parts.clock()) > LARGEST_SKEW:
            await supervisor.set_clock(site)
        self._clock_read = now

    async def acknowledge_alarms(self) -> None:
        """Tell the site which of its alarms an operator has seen."""
        alarms = self._parts.centre.plans.alarms
        for (component, code), said in list(self._site.alarms.items()):
            alarm = alarms.get(self._site.alarm_id(component, code))
            if alarm is not None and alarm.acknowledged_by is not None and not said.acknowledged:
                await self._parts.supervisor.alarm(self._capability.site, component, code, "Acknowledge")

    async def answer_all(self) -> None:
        """Accept or refuse the versions that wait for it."""
        for content in pending(self._parts.centre.plans, self._junction):
            await self._answer(content)

    async def _answer(self, content: Content) -> None:
        """Write a version that waits into the site, and say whether that was possible."""
        version = content.version
        try:
            programme = await self._site.contents.of(content)
            await self._prepare(programme, content)
        except PlanRunsError as error:  # its own time tables were faster: another stored plan is chosen
            raise NotYetError(str(error)) from error
        except (InputError, NotAcknowledgedError, ReadBackError) as error:
            await self._refuse(version, error)
        else:
            await self._parts.centre.commit(
                lambda plans, at, who: words.accept(plans, at, who, self._junction, version.number),
                self._who,
                "read back from the site",
            )

    async def _refuse(self, version: Version, error: Exception) -> None:
        reason = cut(as_line(str(error)), _REASON)
        await self._parts.centre.commit(
            lambda plans, at, who: words.refuse(plans, at, who, self._junction, version.number, reason),
            self._who,
            reason,
        )

    async def _prepare(self, programme: Programme, content: Content) -> dict[str, RsmpPlan]:
        """Write what is not there yet into stored plans that are not in use, and return where each plan is."""
        stored = await read_stored(self._parts.supervisor, self._capability)
        calendar = await read_calendar(self._parts.supervisor, self._capability.site)
        places = stored.places(programme)
        if len(places) < len(programme.plans):
            taken = {stored.active} | await self._in_use(stored, content)
            new = self._allocated(programme, places, stored, taken, calendar)
            for plan in new.values():
                await self._parts.supervisor.prepare(self._capability.site, plan)
            places |= new
        if programme.only is None:
            await self._write_tables(programme, places, calendar)
        return places

    def _allocated(
        self,
        programme: Programme,
        places: dict[str, RsmpPlan],
        stored: Stored,
        taken: set[int],
        calendar: Calendar | None,
    ) -> dict[str, RsmpPlan]:
        """Return which stored plans are written into: those that its own time tables may choose only if it must be.

        While it runs a plan by order its tables choose nothing; after a power cut they may for a moment.
        """
        site, by_tables = self._capability.site, set() if calendar is None else calendar.numbers
        try:
            return allocated(programme, places, taken | by_tables, site)
        except InputError:
            if stored.source != "forced":
                raise
            return allocated(programme, places, taken, site)

    async def _in_use(self, stored: Stored, content: Content) -> set[int]:
        """Return the stored plans that hold what the site has or is to have, beside `content`."""
        numbers: set[int] = set()
        for other in kept(self._parts.centre.plans, self._junction, self._parts.clock()):
            if other != content:
                try:
                    programme = await self._site.contents.of(other)
                except InputError:
                    continue  # it cannot be there
                numbers |= {plan.number for plan in stored.places(programme).values()}
        return numbers

    async def _write_tables(
        self, programme: Programme, places: dict[str, RsmpPlan], calendar: Calendar | None
    ) -> dict[int, int]:
        """Write time tables that the site does not use yet, and return the week that would use them."""
        site = self._capability.site
        if calendar is None:
            rule = (
                "must tell and take time tables (S0026, S0027, M0016, M0017) for plans that change by the day"
            )
            raise InputError(rule, field=f"site {site}, time tables")
        week, rows = time_tables(programme.with_numbers(places), calendar.week, calendar.switches, site)
        if set(rows) - set(calendar.switches):
            await self._parts.supervisor.set_time_tables(site, rows)
        return week

    async def carry_out(self, target: Target) -> None:
        """Have the site show what it is to show, and say that it does; a version that it cannot is refused."""
        with _changing(_OF_MODE, MODE_SETTLING):
            await self._set_mode(target)
        try:
            await self._run(target)
        except (InputError, NotAcknowledgedError, ReadBackError) as error:
            if target.content is not None:
                await self._refuse(target.content.version, error)
            raise

    async def _set_mode(self, target: Target) -> None:
        """Order flash, or end what was ordered; what somebody at the controller has chosen stays."""
        supervisor, site = self._parts.supervisor, self._capability.site
        flash = await supervisor.read(site, FlashStatus)
        if target.mode == "flash":
            if not all(flash.states) or (
                "forced" in flash.sources and self._flash_until != target.flash_until
            ):
                await self._flash(target)
            return
        self._flash_until = None
        on = await supervisor.read(site, OnStatus)
        dark = [source for state, source in zip(on.states, on.sources, strict=False) if not state]
        flashing = [source for state, source in zip(flash.states, flash.sources, strict=False) if state]
        if "forced" in {*dark, *flashing}:
            await supervisor.set_mode(site, "NormalControl")
        elif dark or flashing:
            told = f"the site is dark or flashes, by {(dark + flashing)[0]}"
            raise NotYetError(told, settling=timedelta(0))

    async def _flash(self, target: Target) -> None:
        """Order flash, anew where it is to last longer or shorter than was ordered or than is known."""
        assert target.flash_until is not None
        left_s = (target.flash_until - self._parts.clock()).total_seconds()
        # It ends by itself in the site too, should nobody be here to end it.
        minutes = max(1, math.ceil(left_s / 60))
        await self._parts.supervisor.set_mode(self._capability.site, "YellowFlash", timeout_min=minutes)
        self._flash_until = target.flash_until

    async def _run(self, target: Target) -> None:
        content = target.content
        if content is None:
            self._site.shown = None
            if target.ever:
                await self._release()
            return
        programme = await self._site.contents.of(content)
        stored = await read_stored(self._parts.supervisor, self._capability)
        if stored.source == "operator_panel":
            told = f"plan {stored.active} was chosen at the panel of the controller"
            raise NotYetError(told, settling=timedelta(0))
        places = stored.places(programme)
        if len(places) < len(programme.plans):
            places = await self._prepare(programme, content)
        if programme.only is not None:
            await self._run_one(places[programme.only], stored)
        else:
            await self._run_tables(programme, places)
        self._site.shown = content.version.number
        if target.mode == "control":
            await self._say_running(content.version)

    async def _run_one(self, plan: RsmpPlan, stored: Stored) -> None:
        if (stored.active, stored.source) != (plan.number, "forced"):
            with _changing():
                await self._parts.supervisor.activate(self._capability.site, plan.number, expected=plan)

    async def _run_tables(self, programme: Programme, places: dict[str, RsmpPlan]) -> None:
        """Have the site choose by time tables, and see that it chooses what we would."""
        supervisor, site = self._parts.supervisor, self._capability.site
        calendar = await read_calendar(supervisor, site)
        days = programme.with_numbers(places)
        if calendar is None or days_of(calendar.week, calendar.switches) != days:
            await supervisor.set_week(site, await self._write_tables(programme, places, calendar))
        runs = await supervisor.active_plan(site)
        if runs.source == "forced":
            with _changing():
                await supervisor.release(site)
            runs = await supervisor.active_plan(site)
        wanted = places[programme.at(self._parts.clock())].number
        if runs.plan != wanted:
            raise NotYetError(f"the site runs plan {runs.plan}, and its time tables have plan {wanted} now")

    async def _release(self) -> None:
        runs: PlanStatus = await self._parts.supervisor.active_plan(self._capability.site)
        if runs.source == "forced":
            with _changing():
                await self._parts.supervisor.release(self._capability.site)

    async def _say_running(self, version: Version) -> None:
        plans = self._parts.centre.plans
        group = plans.sets[version.plan_set].group_of(self._junction)
        if self._junction not in group.running:
            await self._parts.centre.commit(
                lambda plans, at, who: words.run(plans, at, who, self._junction, version.number),
                self._who,
                "read back from the site",
            )


@contextmanager
def _changing(fields: Collection[str] = _OF_PLAN, settling: timedelta = SETTLING) -> Iterator[None]:
    """Take what is not shown yet as what will be: a controller ends its cycle, or its greens and its start-up, first."""
    try:
        yield
    except ReadBackError as error:
        if error.field in fields:
            raise NotYetError(str(error), settling=settling) from error
        raise
