"""What a site says against what it was told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from api.rsmp.errors import ReadBackError
from signals.rsmp.commands import Command, orders_in
from signals.rsmp.members import is_secret
from signals.rsmp.messages import CommandArgument, CommandValue
from signals.rsmp.statuses import ControlModeStatus, FlashStatus, OnStatus, Status
from traffic.errors import InputError

__all__ = ["ReadBack", "of_intersection", "require_echo"]


@dataclass(frozen=True)
class ReadBack:
    """What a site itself says after an order.

    Attributes
    ----------
    values
        What was compared, by field: ``("S0028, plan 2", 90)``.
    """

    site: str
    at: datetime
    values: tuple[tuple[str, object], ...]


def require_echo(
    site: str, command: Command, sent: tuple[CommandArgument, ...], read: list[CommandValue]
) -> None:
    """Raise `ReadBackError` unless a site has answered a command with the arguments that it was given."""
    values = {value.name: value for value in read}
    plain = [row for row in sent if not is_secret(row.name)]
    echoed = []
    for row in plain:
        value = values.get(row.name)
        if value is None or value.value is None or value.age != "recent":
            said = "nothing" if value is None else value.age
            raise ReadBackError(site, f"{command.code}.{row.name}", row.value, said)
        echoed.append(CommandArgument(row.code, row.name, row.method, value.value))
    try:
        (order,) = orders_in(echoed)
    except InputError as error:
        raise ReadBackError(site, error.field or command.code, "what was sent", error.value) from None
    if order.command != command:  # typed, so that "5" and "05" are the same
        pairs = zip(plain, echoed, strict=True)
        one, other = next((one, other) for one, other in pairs if one.value != other.value)
        raise ReadBackError(site, f"{command.code}.{one.name}", one.value, other.value)


def of_intersection(status: Status | None, intersection: int) -> object:
    """Return what a status says of an intersection: one value where all say the same (0: of all of them)."""
    if isinstance(status, OnStatus | FlashStatus):
        pairs: list[tuple[int, object]] = list(zip(status.intersections, status.states, strict=True))
    elif isinstance(status, ControlModeStatus):
        pairs = list(zip(status.intersections, status.modes, strict=True))
    else:
        return None
    values = [value for number, value in pairs if intersection == 0 or number in {0, intersection}]
    return values[0] if values and all(value == values[0] for value in values) else tuple(values)
