"""Brings one site that is connected to what the ledger wants of it.

Each step looks at the ledger and asks the site; nothing is remembered but that there was nothing to do. So a step that was cut
off anywhere is simply taken again, by this replica or another.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from api.rsmp.errors import (
    NoAnswerError,
    NotAcknowledgedError,
    NotConnectedError,
    PlanRunsError,
    ReadBackError,
    RsmpError,
)
from api.rsmp_bridge.programmes import Programme, allocated, days_of, time_tables
from api.rsmp_bridge.reading import Calendar, Stored, read_calendar, read_stored
from api.rsmp_bridge.target import Content, Target, kept, pending, target_of
from api.rsmp_bridge.witness import alarm_id
from api.store.errors import StoreUnavailable
from signals.lifecycle import decisions
from signals.lifecycle.watch import LARGEST_SKEW, Finding
from signals.rsmp.mapping import RsmpPlan
from signals.rsmp.statuses import ClockStatus, FlashStatus, OnStatus, PlanStatus
from signals.texts import as_line
from traffic.errors import InputError, JasylError, RefusedError

if TYPE_CHECKING:
    from api.centre import Centre
    from api.lookout import Lookout
    from api.news import News
    from api.rsmp_bridge.sites import Site
    from api.rsmp_server import Supervisor
    from signals.lifecycle.records import Version

__all__ = ["Agent", "Parts"]

_LOG = logging.getLogger("jasyl.rsmp")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_CLOCK_EVERY = timedelta(hours=1)
_LOOK_EVERY = timedelta(minutes=5)
_REASON = 1000
_PATIENCE = 4


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
    """The site has not done yet what it was told; `patient`: it may need a moment."""

    def __init__(self, sentence: str, *, patient: bool = True) -> None:
        self.patient = patient
        super().__init__(sentence)


@dataclass
class _Trouble:
    """What stands against something that is to be done: how often it was met, when it is tried again."""

    text: str
    times: int
    pause_s: float
    until: float
    patient: bool

    @property
    def lasts(self) -> bool:
        """Whether an operator is to see it; what may need a moment, only after some tries."""
        return not self.patient or self.times >= _PATIENCE


class Agent:
    """Acts for one site for as long as it is connected to this replica."""

    def __init__(self, site: Site, parts: Parts) -> None:
        self._site, self._parts = site, parts
        self._capability, self._junction = site.capability, site.junction
        self._who = f"controller:{site.junction}"
        self._poked = asyncio.Event()
        self._clock_read: datetime | None = None
        self._done: Target | None = None
        self._done_at = parts.clock()
        self._tried: Target | None = None
        self._troubles: dict[str, _Trouble] = {}

    def poke(self) -> None:
        """Look at the site anew: it has said something."""
        self._done = None
        if "not_followed" in self._troubles:
            self._troubles["not_followed"].until = -math.inf
        self._poked.set()

    async def run(self) -> None:
        """Act until cancelled, or until the site is gone."""
        while True:
            tag = self._parts.centre.plans.tag(self._junction)
            news = asyncio.ensure_future(self._parts.news.of(self._junction, tag))
            poked = asyncio.ensure_future(self._poked.wait())
            try:
                if not await self._step_and_tell():
                    return
                waited = {news, poked}
                await asyncio.wait(waited, timeout=self._parts.every_s, return_when=asyncio.FIRST_COMPLETED)
                if news.done():
                    self._try_at_once()
            finally:
                news.cancel()
                poked.cancel()
            self._poked.clear()

    def _try_at_once(self) -> None:
        for trouble in self._troubles.values():
            trouble.until = -math.inf

    async def _step_and_tell(self) -> bool:
        """Take a step, tell what stands against it, and return whether the site is still there."""
        try:
            await self.step()
            await self._tell()
        except NotConnectedError:
            return False
        except StoreUnavailable as error:
            _LOG.warning("Site %s waits: %s", self._capability.site, error)
        except Exception:  # noqa: BLE001 - whatever it is, it concerns this site alone, and is tried again
            _LOG.exception("Site %s could not be served", self._capability.site)
        return True

    async def _tell(self) -> None:
        found = {kind: trouble.text for kind, trouble in self._troubles.items() if trouble.lasts}
        self._site.findings = found
        prefix = f"rsmp:{self._junction}:site:"
        rows = {
            f"{prefix}{kind}": Finding(f"rsmp_{kind}", as_line(text)[:_REASON], self._junction)
            for kind, text in found.items()
        }
        await self._parts.lookout.tell(prefix, rows)

    async def step(self) -> None:
        """Do what is due."""
        await self._attempt("clock", self._set_clock)
        await self._attempt("alarms", self._acknowledge_alarms)
        await self._attempt("plan_waits", self._answer_all)
        target = target_of(self._parts.centre.plans, self._junction, self._parts.clock())
        await self._attempt("order", lambda: self._require_possible(target))
        if target != self._tried:
            self._tried, self._done = target, None
            self._troubles.pop("not_followed", None)
        now = self._parts.clock()
        if (
            target != self._done or now - self._done_at >= _LOOK_EVERY
        ):  # its time tables may have changed the plan
            self._done_at = now
            self._done = target  # before it is done: what the site says meanwhile makes it be looked at again
            if not await self._attempt("not_followed", lambda: self._carry_out(target)):
                self._done = None

    async def _attempt(self, kind: str, act: Callable[[], Awaitable[None]]) -> bool:
        """Do something, unless it has failed a moment ago, and return whether it is done."""
        now, before = asyncio.get_running_loop().time(), self._troubles.get(kind)
        if before is not None and now < before.until:
            return False
        try:
            await act()
        except NotConnectedError:
            raise
        except RefusedError as error:  # the ledger has gone on meanwhile: it is looked at again
            _LOG.info("%s: %s", self._junction, error)
            return False
        except (RsmpError, InputError, NotYetError) as error:
            _LOG.warning("%s: %s", self._junction, error)
            times = 1 if before is None else before.times + 1
            pause_s = min(_FIRST_PAUSE_S * 2 ** (times - 1), _LONGEST_PAUSE_S)
            patient = isinstance(error, NoAnswerError) or (isinstance(error, NotYetError) and error.patient)
            text = f"{self._junction}: {error}"
            self._troubles[kind] = _Trouble(text, times, pause_s, now + pause_s, patient)
            return False
        self._troubles.pop(kind, None)
        return True

    async def _require_possible(self, target: Target) -> None:
        if target.impossible is not None:
            raise InputError(
                "must be one that RSMP has a command for", field="order", value=target.impossible
            )

    async def _set_clock(self) -> None:
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

    async def _acknowledge_alarms(self) -> None:
        """Tell the site which of its alarms an operator has seen."""
        alarms = self._parts.centre.plans.alarms
        for (component, code), said in list(self._site.alarms.items()):
            alarm = alarms.get(alarm_id(self._site, component, code))
            if alarm is not None and alarm.acknowledged_by is not None and not said.acknowledged:
                await self._parts.supervisor.alarm(self._capability.site, component, code, "Acknowledge")

    async def _answer_all(self) -> None:
        for content in pending(self._parts.centre.plans, self._junction):
            await self._answer(content)

    async def _answer(self, content: Content) -> None:
        """Write a version that waits into the site, and say whether that was possible."""
        version = content.version
        assert version is not None
        try:
            programme = await self._site.contents.of(content)
            await self._prepare(programme, content)
        except PlanRunsError:
            self.poke()  # its own time tables were faster: another stored plan is chosen
        except (InputError, NotAcknowledgedError, ReadBackError) as error:
            await self._refuse(version, error)
        else:
            await self._parts.centre.commit(
                lambda plans, at, who: decisions.accept(plans, at, who, self._junction, version.number),
                self._who,
                "read back from the site",
            )

    async def _refuse(self, version: Version, error: Exception) -> None:
        reason = as_line(str(error))[:_REASON]
        await self._parts.centre.commit(
            lambda plans, at, who: decisions.refuse(plans, at, who, self._junction, version.number, reason),
            self._who,
            reason,
        )

    async def _prepare(self, programme: Programme, content: Content) -> dict[str, RsmpPlan]:
        """Write what is not there yet into stored plans that are not in use, and return where each plan is."""
        stored = await read_stored(self._parts.supervisor, self._capability)
        calendar = None
        if programme.only is None or stored.source != "forced":
            calendar = await read_calendar(self._parts.supervisor, self._capability.site)
        places = stored.places(programme)
        if len(places) < len(programme.plans):
            taken = {stored.active} | await self._in_use(stored, content)
            if calendar is not None and stored.source != "forced":
                taken |= calendar.numbers
            new = allocated(programme, places, taken, self._capability.site)
            for plan in new.values():
                await self._parts.supervisor.prepare(self._capability.site, plan)
            places |= new
        if programme.only is None:
            await self._write_tables(programme, places, calendar)
        return places

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

    async def _carry_out(self, target: Target) -> None:
        await self._set_mode(target)
        try:
            await self._run(target)
        except (InputError, NotAcknowledgedError, ReadBackError) as error:
            if target.content is not None and target.content.version is not None:
                await self._refuse(target.content.version, error)
            raise

    async def _set_mode(self, target: Target) -> None:
        """Order flash, or end what was ordered; what somebody at the controller has chosen stays."""
        supervisor, site = self._parts.supervisor, self._capability.site
        flash = await supervisor.read(site, FlashStatus)
        if target.mode == "flash":
            if not all(flash.states):
                assert target.flash_until is not None
                left_s = (target.flash_until - self._parts.clock()).total_seconds()
                # It ends by itself in the site too, should nobody be here to end it.
                await supervisor.set_mode(site, "YellowFlash", timeout_min=max(1, math.ceil(left_s / 60)))
            return
        on = await supervisor.read(site, OnStatus)
        dark = [source for state, source in zip(on.states, on.sources, strict=False) if not state]
        flashing = [source for state, source in zip(flash.states, flash.sources, strict=False) if state]
        if "forced" in {*dark, *flashing}:
            await supervisor.set_mode(site, "NormalControl")
        elif dark or flashing:
            raise NotYetError(f"the site is dark or flashes, by {(dark + flashing)[0]}", patient=False)

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
            raise NotYetError(told, patient=False)
        places = stored.places(programme)
        if len(places) < len(programme.plans):
            places = await self._prepare(programme, content)
        if programme.only is not None:
            await self._run_one(places[programme.only], stored)
        else:
            await self._run_tables(programme, places)
        self._site.shown = None if content.version is None else content.version.number
        if content.version is not None and target.mode == "control":
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
                lambda plans, at, who: decisions.run(plans, at, who, self._junction, version.number),
                self._who,
                "read back from the site",
            )


@contextmanager
def _changing() -> Iterator[None]:
    """Take a plan that does not run yet as one that will: a controller ends its cycle first."""
    try:
        yield
    except ReadBackError as error:
        if error.field in {"S0014", "S0014, source"}:
            raise NotYetError(str(error)) from error
        raise
