"""What an RSMP site answers: requests in, answers out of a `SiteModel`; no sockets, no time of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, cast

from signals.rsmp.alarms import AlarmEvent, AlarmOrder, AlarmState
from signals.rsmp.commands import (
    Command,
    Order,
    RequestPriority,
    SetBands,
    SetClock,
    SetCycle,
    SetMode,
    SetOffset,
    SetPlan,
    SetTimeTables,
    SetWeek,
    orders_in,
)
from signals.rsmp.messages import (
    AggregatedStatus,
    CommandRequest,
    CommandResponse,
    CommandValue,
    Quality,
    StatusName,
    StatusRequest,
    StatusResponse,
    StatusValue,
    Subscription,
)
from signals.rsmp.security import SecurityCodes
from signals.rsmp.statuses import (
    BandsStatus,
    ChecksumStatus,
    ClockStatus,
    ControlModeStatus,
    CycleStatus,
    FlashStatus,
    GroupsStatus,
    OffsetStatus,
    OnStatus,
    PlanStatus,
    PrioritiesStatus,
    Status,
    TimeTablesStatus,
    WeekStatus,
)
from signals.rsmp.sxl import offered_status
from signals.rsmp.sxl_table import ALARMS, COMMANDS
from simulation.controller.rsmp_model import SiteAlarm, SiteModel
from traffic.errors import InputError

__all__ = ["WRONG_CODE", "Answers"]

WRONG_CODE = "Incorrect security code"
"""What the specification wants a site to say, in these words."""

_OF_GROUPS = frozenset({"S0025", "M0010", "M0011"})
_OF_DETECTORS = frozenset({"S0201", "S0202", "S0203", "S0204", "M0008"})


class Answers:
    """Answers requests for the component `main` and those beside it.

    Parameters
    ----------
    codes
        The security codes of the site.
    new_id
        Gives the ids of messages.
    """

    def __init__(self, model: SiteModel, main: str, codes: SecurityCodes, new_id: Callable[[], str]) -> None:
        self._model, self._main, self._codes, self._new_id = model, main, codes, new_id

    def values(self, component: str, names: Iterable[StatusName | Subscription]) -> tuple[StatusValue, ...]:
        """Return values of statuses, read now.

        Those of a component that does not exist are undefined; those that the list has and this site has not are
        unknown.

        Raises
        ------
        InputError
            For a status that components of this kind do not have.
        """
        known: dict[str, dict[str, object]] = {}
        rows = []
        for name in names:
            self.require(component, name.code)
            if component not in self._model.components():
                rows.append(StatusValue(name.code, name.name, None, "undefined"))
            elif not offered_status(name.code):
                rows.append(StatusValue(name.code, name.name, None, "unknown"))
            else:
                if name.code not in known:
                    known[name.code] = self._status(name.code).values()
                value = cast("str | list[object]", known[name.code][name.name])
                rows.append(StatusValue(name.code, name.name, value, "recent"))
        return tuple(rows)

    def require(self, component: str, code: str) -> None:
        """Raise `InputError` where a status or command is not one of this kind of component."""
        kind = self._model.components().get(component)
        wanted = "group" if code in _OF_GROUPS else "detector" if code in _OF_DETECTORS else "controller"
        if kind is not None and kind != wanted:
            raise InputError(f"must be one that a {kind} has", field="code", value=code)

    def status_response(self, request: StatusRequest) -> StatusResponse:
        """Return the answer to a request for statuses."""
        rows = self.values(request.component, request.names)
        return StatusResponse(
            id=self._new_id(), component=request.component, at=self._model.now(), values=rows
        )

    def command_response(self, request: CommandRequest) -> CommandResponse:
        """Carry out commands, and return what has become of their arguments.

        Raises
        ------
        InputError
            For a wrong security code, or for what cannot be done; then no command of the request has been carried
            out that comes after it.
        """
        orders = orders_in(request.arguments)
        for order in orders:
            self.require(request.component, order.code)
        exists = request.component in self._model.components()
        if exists:
            for order in orders:
                self._check_security(order)
            for order in orders:
                if order.command is not None:
                    self._obey(order.command)
        offered = {order.code for order in orders if order.command is not None}
        rows = []
        for argument in request.arguments:
            age: Quality = "undefined" if not exists else "recent" if argument.code in offered else "unknown"
            value = argument.value if age == "recent" else None
            rows.append(CommandValue(argument.code, argument.name, value, age))
        return CommandResponse(
            id=self._new_id(), component=request.component, at=self._model.now(), values=tuple(rows)
        )

    def aggregated_status(self) -> AggregatedStatus:
        """Return the state of the site in eight bits."""
        return AggregatedStatus(
            id=self._new_id(),
            component=self._main,
            at=self._model.now(),
            functional_position=None,
            functional_state=None,
            bits=self._model.aggregated(),
        )

    def alarm_states(self) -> tuple[AlarmState, ...]:
        """Return all alarms, as they are told when a connection begins."""
        return tuple(self.alarm_state(alarm, "Issue") for alarm in self._model.alarms())

    def alarm_state(self, alarm: SiteAlarm, event: AlarmEvent) -> AlarmState:
        """Return what is told of an alarm."""
        return AlarmState(
            id=self._new_id(),
            component=alarm.component,
            code=alarm.code,
            event=event,
            acknowledged=alarm.acknowledged,
            active=alarm.active,
            suspended=alarm.suspended,
            at=alarm.at,
            category="D",
            priority=cast("Literal[1, 2, 3]", ALARMS[alarm.code].priority),
            values=alarm.values,
        )

    def alarm_answer(self, order: AlarmOrder) -> AlarmState:
        """Carry out what a supervisor wants with an alarm, and return its state.

        Raises
        ------
        InputError
            For an alarm that the component does not have.
        """
        self._alarm(order)
        if order.wish == "Acknowledge":
            self._model.acknowledge(order.component, order.code)
        elif order.wish in {"Suspend", "Resume"}:
            self._model.suspend(order.component, order.code, suspended=order.wish == "Suspend")
        event = {"Acknowledge": "Acknowledge", "Request": "Issue"}.get(order.wish, "Suspend")
        return self.alarm_state(self._alarm(order), cast("AlarmEvent", event))

    def _alarm(self, order: AlarmOrder) -> SiteAlarm:
        for alarm in self._model.alarms():
            if (alarm.component, alarm.code) == (order.component, order.code):
                return alarm
        rule = "must be an alarm that the component has"
        raise InputError(rule, field="Alarm.aCId", value=f"{order.component} {order.code}")

    def _check_security(self, order: Order) -> None:
        level = COMMANDS[order.code].security_level if order.code in COMMANDS else None
        if level is None:
            return
        if order.security is None or not self._codes.level(level).matches(order.security.reveal()):
            raise InputError(WRONG_CODE)

    def _obey(self, command: Command) -> None:
        model = self._model
        if isinstance(command, SetMode):
            model.set_mode(command.mode, command.timeout_min, command.intersection)
        elif isinstance(command, SetPlan):
            model.set_plan(command.plan if command.by_order else None)
        elif isinstance(command, SetBands):
            model.set_bands(command.plan, command.bands)
        elif isinstance(command, SetOffset):
            model.set_offset(command.plan, command.offset_s)
        elif isinstance(command, SetCycle):
            model.set_cycle(command.plan, command.cycle_s)
        else:
            self._obey_other(command)

    def _obey_other(self, command: Command) -> None:
        model = self._model
        if isinstance(command, SetWeek):
            model.set_week(command.tables)
        elif isinstance(command, SetTimeTables):
            model.set_time_tables(command.switches)
        elif isinstance(command, RequestPriority):
            model.request_priority(command)
        elif isinstance(command, SetClock):
            model.set_clock(command.at)
        else:
            raise TypeError(command)

    def _status(self, code: str) -> Status:
        model = self._model
        mode, source = model.mode()
        plans = model.plans()
        readers: dict[str, Callable[[], Status]] = {
            "S0001": lambda: GroupsStatus(model.groups(), *model.counters_s(), model.stage()),
            "S0007": lambda: OnStatus((0,), (mode != "Dark",), (source,)),
            "S0011": lambda: FlashStatus((0,), (mode == "YellowFlash",), (source,)),
            "S0014": lambda: PlanStatus(*model.plan()),
            "S0020": lambda: ControlModeStatus((0,), (model.control_mode(),)),
            "S0023": lambda: BandsStatus(
                {(number, band): s for number, plan in plans.items() for band, s in plan.bands.items()}
            ),
            "S0024": lambda: OffsetStatus({number: plan.offset_s for number, plan in plans.items()}),
            "S0026": lambda: WeekStatus(model.week()),
            "S0027": lambda: TimeTablesStatus(model.time_tables()),
            "S0028": lambda: CycleStatus({number: plan.cycle_s for number, plan in plans.items()}),
            "S0033": lambda: PrioritiesStatus(model.priorities()),
            "S0096": lambda: ClockStatus(model.now()),
            "S0097": lambda: ChecksumStatus(*model.checksum()),
        }
        return readers[code]()
