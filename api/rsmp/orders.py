"""What is sent to a site, read back and compared: nothing counts as done that was not read back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from api.rsmp.comparing import ReadBack, of_intersection, require_echo
from api.rsmp.connection import Connection
from api.rsmp.errors import NotConnectedError, PlanRunsError, ReadBackError
from api.rsmp.settings import RsmpSettings
from signals.rsmp.alarms import AlarmOrder, AlarmState, AlarmWish
from signals.rsmp.capability import Capability
from signals.rsmp.commands import (
    Command,
    Mode,
    RequestPriority,
    SetBands,
    SetClock,
    SetCycle,
    SetMode,
    SetOffset,
    SetPlan,
    SetTimeTables,
    SetWeek,
    arguments_of,
)
from signals.rsmp.mapping import RsmpPlan, require_possible
from signals.rsmp.messages import (
    AggregatedStatus,
    AggregatedStatusRequest,
    CommandRequest,
    CommandResponse,
    CommandValue,
    Identified,
    StatusName,
    StatusRequest,
    StatusResponse,
    StatusSubscribe,
    StatusUnsubscribe,
    StatusValue,
    Subscription,
)
from signals.rsmp.security import SecurityCodes
from signals.rsmp.statuses import (
    BandsStatus,
    ClockStatus,
    ControlModeStatus,
    CycleStatus,
    FlashStatus,
    OffsetStatus,
    OnStatus,
    PlanStatus,
    PrioritiesStatus,
    Priority,
    Status,
    TimeTablesStatus,
    WeekStatus,
    names_of,
)
from traffic.errors import InputError

__all__ = ["Orders"]

_Read = TypeVar("_Read", bound=Status)
_Value = TypeVar("_Value")
_Message = TypeVar("_Message", bound=Identified)


class Orders:
    """Orders to one connected site. They are to be given one after the other: answers name no question."""

    def __init__(self, connection: Connection, capability: Capability, settings: RsmpSettings) -> None:
        self._connection, self._capability, self._settings = connection, capability, settings
        self._site = capability.site

    async def prepare(self, plan: RsmpPlan) -> ReadBack:
        """Write a plan into a stored one that does not run, and read it back."""
        stored = require_possible(plan, self._capability)
        found = await self._read_known([PlanStatus, CycleStatus])
        if cast("PlanStatus", self._required(found, PlanStatus)).plan == plan.number:
            raise PlanRunsError(self._site, plan.number)
        steps: list[Command] = []
        if plan.bands:
            steps.append(SetBands(plan=plan.number, bands=dict(plan.bands)))
        if stored.cycle_range_s is not None:
            # In between, the stages must fit into the cycle: a longer one is set before them, a shorter one after.
            cycles = cast("CycleStatus", self._required(found, CycleStatus)).table
            longer = plan.cycle_s > cycles.get(plan.number, 0)
            steps.insert(0 if longer else len(steps), _cycle(plan))
        if stored.offset_settable:
            steps.append(SetOffset(plan=plan.number, offset_s=plan.offset_s))
        for step in steps:
            await self.command(step)
        read_back = await self.verify(plan)
        if dict(read_back.values)["S0014"] == plan.number:  # its own time table may have chosen it meanwhile
            raise PlanRunsError(self._site, plan.number)
        return read_back

    async def verify(self, plan: RsmpPlan) -> ReadBack:
        """Read back what a site has stored for `plan`, and compare it."""
        stored = require_possible(plan, self._capability)
        kinds: list[type[Status]] = [
            PlanStatus,
            CycleStatus,
            OffsetStatus,
            *([BandsStatus] if plan.bands else []),
        ]
        found = await self._read_known(kinds)
        rows: list[tuple[str, object]] = [
            ("S0014", cast("PlanStatus", self._required(found, PlanStatus)).plan)
        ]
        # What cannot be set, and is not told either, is as the capability file has it.
        settable = ((CycleStatus, stored.cycle_range_s is not None), (OffsetStatus, stored.offset_settable))
        for kind, needed in settable:
            status = cast("CycleStatus | OffsetStatus | None", found[kind])
            if status is None and not needed:
                continue
            read = None if status is None else status.table.get(plan.number)
            sent = plan.cycle_s if kind is CycleStatus else plan.offset_s
            rows.append(self._same(f"{kind.code}, plan {plan.number}", sent, read))
        if plan.bands:
            bands = cast("BandsStatus | None", found[BandsStatus])
            of_plan = {} if bands is None else bands.of_plan(plan.number)
            for band, seconds in plan.bands:
                field = f"S0023, plan {plan.number}, band {band}"
                rows.append(self._same(field, seconds, of_plan.get(band)))
        return self._read_back(rows)

    async def activate(self, number: int, expected: RsmpPlan | None) -> ReadBack:
        """Have a stored plan run, and wait until it does."""
        self._capability.plan(number)
        if expected is not None:
            if expected.number != number:
                raise InputError(f"must be plan {number}", field="expected", value=expected.number)
            await self.verify(expected)
        await self.command(SetPlan(plan=number))
        read = await self._until(
            lambda: self.read(PlanStatus), lambda status: status.plan == number, self._settings.activation_s
        )
        return self._read_back([self._same("S0014", number, read.plan)])

    async def release(self) -> ReadBack:
        """Have the controller choose its plan itself again."""
        active = (await self.read(PlanStatus)).plan
        await self.command(SetPlan(plan=max(active, 1), by_order=False))
        read = await self._until(
            lambda: self.read(PlanStatus),
            lambda status: status.source != "forced",
            self._settings.activation_s,
        )
        if read.source == "forced":
            raise ReadBackError(self._site, "S0014, source", "other than forced", read.source)
        return self._read_back([("S0014", read.plan), ("S0014, source", read.source)])

    async def set_mode(self, mode: Mode, timeout_min: int, intersection: int) -> ReadBack:
        """Set normal control, yellow flash or dark, and wait until it is so."""
        await self.command(SetMode(mode=mode, timeout_min=timeout_min, intersection=intersection))
        wanted: dict[type[Status], object] = {OnStatus: mode != "Dark", FlashStatus: mode == "YellowFlash"}
        if mode == "NormalControl":
            wanted[ControlModeStatus] = "control"

        async def read() -> dict[type[Status], object]:
            found = await self._read_known(list(wanted))
            return {kind: of_intersection(status, intersection) for kind, status in found.items()}

        values = await self._until(read, lambda found: found == wanted, self._settings.mode_s)
        return self._read_back([self._same(kind.code, sent, values[kind]) for kind, sent in wanted.items()])

    async def set_week(self, command: SetWeek) -> ReadBack:
        """Set the time table of each day, and read them back."""
        await self.command(command)
        table = (await self.read(WeekStatus)).table
        days = sorted(command.tables.items())
        return self._read_back([self._same(f"S0026, day {day}", sent, table.get(day)) for day, sent in days])

    async def set_time_tables(self, command: SetTimeTables) -> ReadBack:
        """Set when which plan begins, and read it back."""
        await self.command(command)
        read = (await self.read(TimeTablesStatus)).switches
        tables = {row.table for row in command.switches}
        of_tables = tuple(row for row in read if row.table in tables)
        return self._read_back([self._same("S0027", tuple(sorted(command.switches)), of_tables)])

    async def set_clock(self, command: SetClock) -> ReadBack:
        """Set the clock, and read it back."""
        started = asyncio.get_running_loop().time()
        await self.command(command)
        read = (await self.read(ClockStatus)).at
        passed = asyncio.get_running_loop().time() - started
        off = (read - command.at).total_seconds()
        tolerance = self._settings.clock_tolerance_s
        if not -tolerance <= off <= passed + tolerance:
            raise ReadBackError(self._site, "S0096", command.at.isoformat(), read.isoformat())
        return self._read_back([("S0096", read)])

    async def request_priority(self, command: RequestPriority) -> Priority | None:
        """Ask for priority, and return what has become of it; `None` where the site shows it no longer."""
        self._connection.priorities.pop(command.request, None)
        await self.command(command)
        for priority in (await self.read(PrioritiesStatus)).priorities:
            if priority.request == command.request:
                return priority
        told = self._connection.priorities.get(command.request)
        if told is None and command.kind != "cancel":
            raise ReadBackError(self._site, f"S0033, request {command.request}", command.kind, None)
        return told

    async def subscribe(self, component: str, rows: tuple[Subscription, ...]) -> None:
        """Have values sent from now on, or change how often they are."""
        message = StatusSubscribe(id=self._connection.new_id(), component=component, subscriptions=rows)
        await self._connection.post(message, "the subscription")

    async def unsubscribe(self, component: str, names: tuple[StatusName, ...]) -> None:
        """Have values no longer sent."""
        message = StatusUnsubscribe(id=self._connection.new_id(), component=component, names=names)
        await self._connection.post(message, "the end of the subscription")

    async def aggregated_status(self) -> AggregatedStatus:
        """Return the state of the site in eight bits, asked for now."""
        found: list[AggregatedStatus] = []
        message = AggregatedStatusRequest(id=self._connection.new_id(), component=self._capability.component)
        await self._connection.ask(
            message, "the request of the aggregated status", _collecting(AggregatedStatus, found)
        )
        return found[-1]

    async def alarm(self, component: str, code: str, wish: AlarmWish) -> AlarmState:
        """Ask for an alarm, acknowledge, suspend or resume it, and return what the site then says of it."""
        event = {"Request": "Issue", "Resume": "Suspend"}.get(wish, wish)
        found: list[AlarmState] = []

        def complete(message: Identified) -> bool:
            if not isinstance(message, AlarmState) or (message.component, message.code) != (component, code):
                return False
            found.append(message)
            return message.event in {event, wish}

        order = AlarmOrder(
            id=self._connection.new_id(),
            component=component,
            code=code,
            wish=wish,
            at=self._connection.clock(),
        )
        await self._connection.ask(order, f"{wish} of alarm {code}", complete)
        state = found[-1]
        wanted = {"Acknowledge": ("ack", state.acknowledged, True), "Suspend": ("sS", state.suspended, True)}
        wanted["Resume"] = ("sS", state.suspended, False)
        if wish in wanted:
            name, read, sent = wanted[wish]
            self._same(f"{code}.{name}", sent, read)
        return state

    async def command(self, command: Command) -> None:
        """Give a command, and compare what the site says that it has made of it."""
        component, codes = self._capability.component, self._codes()
        rows = arguments_of(command, codes)
        request = CommandRequest(id=self._connection.new_id(), component=component, arguments=rows)
        found: list[CommandValue] = []

        def complete(message: Identified) -> bool:
            if not isinstance(message, CommandResponse) or message.component != component:
                return False
            values = [value for value in message.values if value.code == command.code]
            found.extend(values)
            return bool(values)

        await self._connection.ask(request, f"command {command.code}", complete)
        require_echo(self._site, command, rows, found)

    async def read(self, kind: type[_Read]) -> _Read:
        """Return a status, asked for now."""
        return cast("_Read", self._required(await self._read_known([kind]), kind))

    async def _read_known(self, kinds: list[type[Status]]) -> dict[type[Status], Status | None]:
        """Return statuses, asked for now; `None` where the site does not know one."""
        names = [StatusName(kind.code, name) for kind in kinds for name in names_of(kind.code)]
        missing, values = {(name.code, name.name) for name in names}, dict[tuple[str, str], StatusValue]()

        def complete(message: Identified) -> bool:
            if type(message) is StatusResponse and message.component == self._capability.component:
                for value in message.values:
                    values[value.code, value.name] = value
                    missing.discard((value.code, value.name))
            return not missing

        request = StatusRequest(
            id=self._connection.new_id(), component=self._capability.component, names=tuple(names)
        )
        what = f"the request of {', '.join(kind.code for kind in kinds)}"
        await self._connection.ask(request, what, complete)
        return {kind: self._status(kind, values) for kind in kinds}

    def _status(self, kind: type[Status], values: dict[tuple[str, str], StatusValue]) -> Status | None:
        rows = {name: values[kind.code, name] for name in names_of(kind.code)}
        if any(row.quality != "recent" for row in rows.values()):
            return None
        try:
            return kind.read({name: row.value for name, row in rows.items()})
        except InputError as error:
            raise ReadBackError(self._site, error.field or kind.code, error.rule, error.value) from None

    def _required(self, found: dict[type[Status], Status | None], kind: type[Status]) -> Status:
        status = found[kind]
        if status is None:
            raise ReadBackError(self._site, kind.code, "known", None)
        return status

    def _codes(self) -> SecurityCodes:
        admission = self._connection.admission
        if admission is None:
            raise NotConnectedError(self._site)
        return admission.codes

    def _same(self, field: str, sent: object, read: object) -> tuple[str, object]:
        if sent != read:
            raise ReadBackError(self._site, field, sent, read)
        return field, read

    def _read_back(self, rows: list[tuple[str, object]]) -> ReadBack:
        return ReadBack(self._site, self._connection.clock(), tuple(rows))

    async def _until(
        self, read: Callable[[], Awaitable[_Value]], good: Callable[[_Value], bool], seconds: float
    ) -> _Value:
        """Return the first value that is good, or the last one that there was in time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            value = await read()
            left = end - loop.time()
            if good(value) or left <= 0:
                return value
            await self._connection.update_within(min(self._settings.poll_s, left))


def _cycle(plan: RsmpPlan) -> Command:
    return SetCycle(plan=plan.number, cycle_s=plan.cycle_s)


def _collecting(kind: type[_Message], found: list[_Message]) -> Callable[[Identified], bool]:
    """Return what keeps the first message of `kind`, and says that it has come."""

    def complete(message: Identified) -> bool:
        if not isinstance(message, kind):
            return False
        found.append(message)
        return True

    return complete
