"""The commands that Jasyl gives, typed, to and from the arguments of a message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Literal, cast

from signals.rsmp.lists import DAYS, MOST_BANDS, Switch, by_number, rows_text, switches, table_text
from signals.rsmp.members import is_secret
from signals.rsmp.messages import CommandArgument
from signals.rsmp.security import SecurityCode, SecurityCodes
from signals.rsmp.sxl_table import COMMANDS
from traffic.errors import InputError

__all__ = [
    "Command",
    "Mode",
    "Order",
    "RequestPriority",
    "SetBands",
    "SetClock",
    "SetCycle",
    "SetMode",
    "SetOffset",
    "SetPlan",
    "SetTimeTables",
    "SetWeek",
    "arguments_of",
    "orders_in",
]

Mode = Literal["NormalControl", "YellowFlash", "Dark"]


@dataclass(frozen=True, kw_only=True)
class Command:
    """Any command."""

    code: ClassVar[str]

    def values(self) -> dict[str, str]:
        """Return the arguments beside the security code, by name."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class SetMode(Command):
    """M0001: normal control, yellow flash or dark, for `timeout_min` (0: until further notice)."""

    code: ClassVar[str] = "M0001"
    mode: Mode
    timeout_min: int = 0
    intersection: int = 0

    def values(self) -> dict[str, str]:
        """Return the arguments beside the security code, by name."""
        timeout, intersection = str(self.timeout_min), str(self.intersection)
        return {"status": self.mode, "timeout": timeout, "intersection": intersection}


@dataclass(frozen=True, kw_only=True)
class SetPlan(Command):
    """M0002: run a plan by order, or (`by_order` false) again what the controller itself chooses."""

    code: ClassVar[str] = "M0002"
    plan: int
    by_order: bool = True

    def values(self) -> dict[str, str]:
        """Return the arguments beside the security code, by name."""
        return {"status": str(self.by_order), "timeplan": str(self.plan)}


@dataclass(frozen=True, kw_only=True)
class SetBands(Command):
    """M0014: seconds in dynamic bands of a plan, by band."""

    code: ClassVar[str] = "M0014"
    plan: int
    bands: Mapping[int, int]

    def __post_init__(self) -> None:
        for band, seconds in self.bands.items():
            if not 1 <= band <= MOST_BANDS or not 0 <= seconds <= 99:
                rule = f"must be bands from 1 to {MOST_BANDS} with 0 to 99 s"
                raise InputError(rule, field="M0014.status", value=f"{band}-{seconds}")

    def values(self) -> dict[str, str]:
        """Return the arguments beside the security code, by name."""
        return {"plan": str(self.plan), "status": table_text(self.bands)}


@dataclass(frozen=True, kw_only=True)
class SetOffset(Command):
    """M0015: offset of a plan."""

    code: ClassVar[str] = "M0015"
    plan: int
    offset_s: int

    def values(self) -> dict[str, str]:
        """Return the arguments beside the security code, by name."""
        return {"plan": str(self.plan), "status": str(self.offset_s)}


@dataclass(frozen=True, kw_only=True)
class SetWeek(Command):
    """M0016: which time table each day of the week has, by day (Monday is 0)."""

    code: ClassVar[str] = "M0016"
    tables: Mapping[int, int]

    def __post_init__(self) -> None:
        for day, table in self.tables.items():
            if not 0 <= day < len(DAYS) or not 0 <= table <= 12:
                rule = "must be days from 0 to 6 with time tables up to 12"
                raise InputError(rule, field="M0016.status", value=f"{day}-{table}")

    def values(self) -> dict[str, str]:
        """Return the arguments beside the security code, by name."""
        return {"status": table_text(self.tables)}


@dataclass(frozen=True, kw_only=True)
class SetTimeTables(Command):
    """M0017: when which plan begins, in local time."""

    code: ClassVar[str] = "M0017"
    switches: tuple[Switch, ...]

    def values(self) -> dict[str, str]:
        """Return the arguments beside the security code, by name."""
        rows = sorted(self.switches)
        return {"status": rows_text((row.table, row.plan, row.hour, row.minute) for row in rows)}


@dataclass(frozen=True, kw_only=True)
class SetCycle(Command):
    """M0018: cycle time of a plan."""

    code: ClassVar[str] = "M0018"
    plan: int
    cycle_s: int

    def values(self) -> dict[str, str]:
        """Return the arguments beside the security code, by name."""
        return {"plan": str(self.plan), "status": str(self.cycle_s)}


_REFERENCES = {
    "signalGroupId": "group",
    "inputId": "input",
    "connectionId": "connection",
    "approachId": "approach",
    "laneInId": "lane_in",
    "laneOutId": "lane_out",
    "priorityId": "priority",
}


@dataclass(frozen=True, kw_only=True)
class RequestPriority(Command):
    """M0022: priority for a vehicle, told apart by `request`.

    Attributes
    ----------
    group, input, connection, approach, lane_in, lane_out, priority
        What it is for: one of them (a lane out only with a lane in) where `kind` is ``new``, else none.
    level
        0 (lowest) to 14.
    """

    code: ClassVar[str] = "M0022"
    request: str
    kind: Literal["new", "update", "cancel"]
    level: int
    group: str | None = None
    input: int | None = None
    connection: int | None = None
    approach: int | None = None
    lane_in: int | None = None
    lane_out: int | None = None
    priority: int | None = None
    eta_s: int | None = None
    vehicle: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in _REFERENCES.values() if getattr(self, name) is not None]
        if self.kind != "new" and given:
            rule = "must refer to nothing but the request, unless it is new"
            raise InputError(rule, field="M0022", value=given)
        if self.kind == "new" and len(set(given) - {"lane_out"}) != 1:
            rule = "must refer to one group, input, connection, approach, lane or priority"
            raise InputError(rule, field="M0022", value=given)
        if self.lane_out is not None and self.lane_in is None:
            raise InputError("must come with a lane in", field="M0022.laneOutId", value=self.lane_out)

    def values(self) -> dict[str, str]:
        """Return the arguments, by name; what is not given is left out."""
        rows: dict[str, object] = {"requestId": self.request}
        rows |= {name: getattr(self, field) for name, field in _REFERENCES.items()}
        rows |= {"type": self.kind, "level": self.level, "eta": self.eta_s, "vehicleType": self.vehicle}
        return {name: str(value) for name, value in rows.items() if value is not None}


_CLOCK = ("year", "month", "day", "hour", "minute", "second")


@dataclass(frozen=True, kw_only=True)
class SetClock(Command):
    """M0104: the time, in UTC and whole seconds."""

    code: ClassVar[str] = "M0104"
    at: datetime

    def values(self) -> dict[str, str]:
        """Return the arguments beside the security code, by name."""
        at = self.at.astimezone(UTC)
        return {name: str(getattr(at, name)) for name in _CLOCK}


@dataclass(frozen=True)
class Order:
    """A command that has arrived, with its security code (`None` where the command has none)."""

    command: Command | None
    code: str
    security: SecurityCode | None


def arguments_of(command: Command, codes: SecurityCodes | None) -> tuple[CommandArgument, ...]:
    """Return the arguments of `command`, in the order of the list.

    Raises
    ------
    InputError
        For a value out of its range.
    """
    row, values = COMMANDS[command.code], command.values()
    rows = []
    for argument in row.arguments:
        if is_secret(argument.name):
            if codes is None or row.security_level is None:
                raise InputError("must come with security codes", field=command.code)
            text = codes.level(row.security_level).reveal()
        elif argument.name in values:
            text = values[argument.name]
            argument.check_range(text, f"{command.code}.{argument.name}")
        else:
            continue
        rows.append(CommandArgument(command.code, argument.name, row.method, text))
    return tuple(rows)


def orders_in(arguments: Iterable[CommandArgument]) -> tuple[Order, ...]:
    """Return the commands of a message that keeps to the list (`signals.rsmp.sxl.check`).

    A command that Jasyl does not use has `None` in its place.
    """
    grouped: dict[str, dict[str, str]] = {}
    for argument in arguments:
        grouped.setdefault(argument.code, {})[argument.name] = argument.value
    orders = []
    for code, values in grouped.items():
        read = _READERS.get(code)
        security = SecurityCode(values["securityCode"]) if "securityCode" in values else None
        orders.append(Order(None if read is None else read(values), code, security))
    return tuple(orders)


def _set_mode(values: dict[str, str]) -> Command:
    mode = cast("Mode", values["status"])
    return SetMode(mode=mode, timeout_min=int(values["timeout"]), intersection=int(values["intersection"]))


def _set_plan(values: dict[str, str]) -> Command:
    return SetPlan(plan=int(values["timeplan"]), by_order=values["status"] == "True")


def _set_bands(values: dict[str, str]) -> Command:
    return SetBands(plan=int(values["plan"]), bands=by_number(values["status"], "M0014.status"))


def _set_offset(values: dict[str, str]) -> Command:
    return SetOffset(plan=int(values["plan"]), offset_s=int(values["status"]))


def _set_week(values: dict[str, str]) -> Command:
    return SetWeek(tables=by_number(values["status"], "M0016.status"))


def _set_time_tables(values: dict[str, str]) -> Command:
    return SetTimeTables(switches=switches(values["status"], "M0017.status"))


def _set_cycle(values: dict[str, str]) -> Command:
    return SetCycle(plan=int(values["plan"]), cycle_s=int(values["status"]))


def _request_priority(values: dict[str, str]) -> Command:
    numbers = {
        field: int(values[name])
        for name, field in _REFERENCES.items()
        if name in values and name != "signalGroupId"
    }
    return RequestPriority(
        request=values["requestId"],
        kind=cast("Literal['new', 'update', 'cancel']", values["type"]),
        level=int(values["level"]),
        group=values.get("signalGroupId"),
        eta_s=int(values["eta"]) if "eta" in values else None,
        vehicle=values.get("vehicleType"),
        **numbers,
    )


def _set_clock(values: dict[str, str]) -> Command:
    numbers = [int(values[name]) for name in _CLOCK]
    try:
        return SetClock(at=datetime(*numbers, tzinfo=UTC))  # type: ignore[misc,arg-type]
    except ValueError:
        raise InputError("must be a day that exists", field="M0104", value=numbers) from None


_READERS: dict[str, Callable[[dict[str, str]], Command]] = {
    "M0001": _set_mode,
    "M0002": _set_plan,
    "M0014": _set_bands,
    "M0015": _set_offset,
    "M0016": _set_week,
    "M0017": _set_time_tables,
    "M0018": _set_cycle,
    "M0022": _request_priority,
    "M0104": _set_clock,
}
