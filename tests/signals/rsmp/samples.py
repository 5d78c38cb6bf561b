"""One message of every kind, and hypothesis strategies of many."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from hypothesis import strategies as st

from signals.rsmp.alarms import AlarmOrder, AlarmState
from signals.rsmp.commands import (
    Command,
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
from signals.rsmp.lists import Switch
from signals.rsmp.messages import (
    AggregatedStatus,
    AggregatedStatusRequest,
    CommandRequest,
    CommandResponse,
    CommandValue,
    Message,
    MessageAck,
    MessageNotAck,
    StatusName,
    StatusRequest,
    StatusResponse,
    StatusSubscribe,
    StatusUnsubscribe,
    StatusUpdate,
    StatusValue,
    Subscription,
    Version,
    Watchdog,
)
from signals.rsmp.security import SecurityCode, SecurityCodes
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
    Priority,
    Status,
    TimeTablesStatus,
    WeekStatus,
)

SITE = "AL+0001=001TC000"
CODES = SecurityCodes(SecurityCode("1111-first"), SecurityCode("2222-second"))
AT = datetime(2026, 11, 27, 6, 30, 0, 123000, tzinfo=UTC)
A_UUID = "0c2d54d1-7f5e-4c3b-9d5f-1f2e3d4c5b6a"
ANOTHER = "5a1b2c3d-4e5f-4a6b-8c7d-8e9f0a1b2c3d"

COMMANDS: tuple[Command, ...] = (
    SetMode(mode="YellowFlash", timeout_min=30),
    SetMode(mode="NormalControl"),
    SetMode(mode="Dark", intersection=1),
    SetPlan(plan=4),
    SetPlan(plan=4, by_order=False),
    SetBands(plan=4, bands={1: 10, 3: 0}),
    SetOffset(plan=4, offset_s=17),
    SetWeek(tables=dict.fromkeys(range(5), 1) | {5: 2, 6: 2}),
    SetTimeTables(switches=(Switch(1, 0, 22, 0), Switch(1, 4, 6, 30))),
    SetCycle(plan=4, cycle_s=90),
    RequestPriority(request="bus 12", kind="new", level=7, group="AL+0001=001SG001", eta_s=12, vehicle="bus"),
    RequestPriority(request="tram", kind="new", level=7, lane_in=1, lane_out=2),
    RequestPriority(request="bus 12", kind="update", level=8, eta_s=3),
    RequestPriority(request="bus 12", kind="cancel", level=0),
    SetClock(at=AT.replace(microsecond=0)),
)

STATUSES: tuple[Status, ...] = (
    GroupsStatus("1B0N", 12, 40, 1),
    OnStatus((1, 2), (True, False), ("forced", "startup")),
    FlashStatus((0,), (False,), ("startup",)),
    PlanStatus(4, "forced"),
    ControlModeStatus((0,), ("control",)),
    BandsStatus({(1, 1): 5, (1, 2): 0, (4, 1): 99}),
    BandsStatus({}),
    OffsetStatus({1: 0, 4: 255}),
    WeekStatus({0: 1, 6: 12}),
    TimeTablesStatus((Switch(1, 4, 6, 30), Switch(12, 16, 23, 59))),
    CycleStatus({1: 60, 4: 120}),
    PrioritiesStatus((Priority("bus 12", AT, "completed", 5, 0), Priority("b", AT, "received"))),
    PrioritiesStatus(()),
    ClockStatus(AT.replace(microsecond=0)),
    ChecksumStatus("e3b0c442", AT),
)


def status_rows(status: Status) -> tuple[StatusValue, ...]:
    """Return what a message carries of `status`."""
    return tuple(StatusValue(status.code, name, value, "recent") for name, value in status.values().items())


def _alarms() -> list[Message]:
    told = {"id": A_UUID, "component": SITE, "at": AT, "category": "D", "acknowledged": False, "active": True}
    lamp = (("color", "red"),)
    return [
        AlarmState(**told, code="A0201", event="Issue", suspended=False, priority=2, values=lamp),
        AlarmState(**told, code="A0001", event="Issue", suspended=True, priority=2),
        AlarmState(**told, code="A0010", event="Acknowledge", suspended=True, priority=3),
        AlarmState(**told, code="A0010", event="Suspend", suspended=True, priority=3),
        AlarmState(**told, code="A0010", event="Suspend", suspended=False, priority=3, external_code="x"),
        AlarmOrder(id=A_UUID, component=SITE, code="A0010", wish="Acknowledge", at=AT),
        *(
            AlarmOrder(id=A_UUID, component=SITE, code="A0010", wish=wish)
            for wish in ("Request", "Suspend", "Resume")
        ),
    ]


def samples() -> list[Message]:
    """Return messages of every kind, with every command and status."""
    place = {"id": A_UUID, "component": SITE}
    names = tuple(StatusName(row.code, row.name) for status in STATUSES for row in status_rows(status))
    found: list[Message] = [
        MessageAck(of=A_UUID),
        MessageNotAck(of=A_UUID, reason="Incorrect security code"),
        MessageNotAck(of=A_UUID, reason=None),
        Version(id=A_UUID, core=("3.2.0", "3.2.1", "3.2.2"), sxl="1.2.1", sites=(SITE,)),
        Watchdog(id=A_UUID, at=AT),
        AggregatedStatus(
            **place,
            at=AT,
            functional_position=None,
            functional_state="",
            bits=(False,) * 5 + (True, False, False),
        ),
        AggregatedStatusRequest(**place),
        StatusRequest(**place, names=names),
        StatusUnsubscribe(**place, names=names[:1]),
        StatusSubscribe(
            **place,
            subscriptions=(
                Subscription("S0014", "status", 0, True),
                Subscription("S0001", "stage", 5, False),
            ),
        ),
        StatusResponse(**place, at=AT, values=(StatusValue("S0014", "status", None, "unknown"),)),
        StatusUpdate(**place, at=AT, values=(StatusValue("S0014", "status", "3", "old"),)),
        CommandResponse(**place, at=AT, values=()),
        *_alarms(),
    ]
    for status in STATUSES:
        found.append(StatusResponse(**place, at=AT, values=status_rows(status)))
        found.append(StatusUpdate(**place, at=AT, values=status_rows(status)))
    for command in COMMANDS:
        rows = arguments_of(command, CODES)
        found.append(CommandRequest(**place, arguments=rows))
        echo = tuple(CommandValue(row.code, row.name, row.value, "recent") for row in rows)
        found.append(CommandResponse(**place, at=AT, values=echo))
    return found


uuids = st.uuids(version=4).map(str)
times = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(  # noqa: DTZ001 - made aware below
    lambda at: at.replace(tzinfo=UTC, microsecond=at.microsecond // 1000 * 1000)
)


def new_ids(seed: int = 0):
    """Return a callable that gives UUIDs of version 4, the same ones each time."""
    counter = iter(range(1, 1 << 30))
    return lambda: str(uuid.UUID(int=(seed << 64) + next(counter), version=4))
