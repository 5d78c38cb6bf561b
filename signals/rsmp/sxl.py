"""Messages against the signal exchange list: codes, names and values must be those of the agreed version."""

from __future__ import annotations

from collections.abc import Iterable

from signals.rsmp.alarms import AlarmOrder, AlarmState
from signals.rsmp.arguments import Argument
from signals.rsmp.messages import (
    CommandArgument,
    CommandRequest,
    CommandResponse,
    CommandValue,
    Identified,
    StatusName,
    StatusRequest,
    StatusResponse,
    StatusSubscribe,
    StatusValue,
    Subscription,
)
from signals.rsmp.sxl_table import ALARMS, COMMANDS, OTHER_COMMANDS, OTHER_STATUSES, STATUSES
from traffic.errors import InputError

__all__ = ["check", "offered_command", "offered_status"]


def check(message: Identified, version: str) -> None:
    """Raise `InputError` where `message` does not keep to the list of `version`.

    Values of statuses and commands that Jasyl does not use are not looked at: nobody asks for them here.
    """
    if isinstance(message, AlarmState | AlarmOrder):
        _check_alarm(message)
    elif isinstance(message, CommandRequest):
        _check_commands(message.arguments)
    elif isinstance(message, CommandResponse):
        for value in message.values:
            _check_command_value(value)
    else:
        for row in _status_rows(message):
            argument = _check_status_name(row, version)
            if argument is not None and isinstance(row, StatusValue) and row.value is not None:
                argument.check(row.value, f"{row.code}.{row.name}")


def offered_command(code: str) -> bool:
    """Return whether the command is one that Jasyl uses."""
    return code in COMMANDS


def offered_status(code: str) -> bool:
    """Return whether the status is one that Jasyl uses."""
    return code in STATUSES


def _check_alarm(message: AlarmState | AlarmOrder) -> None:
    row = ALARMS.get(message.code)
    if row is None:
        raise InputError("must be an alarm of the list", field="Alarm.aCId", value=message.code)
    if isinstance(message, AlarmState):
        known = {argument.name: argument for argument in row.values}
        for name, value in message.values:
            if name in known:  # an alarm with a value of the maker's own is not to be lost for it
                known[name].check(value, f"Alarm {message.code}.{name}")


def _check_commands(arguments: Iterable[CommandArgument]) -> None:
    given: dict[str, list[str]] = {}
    for argument in arguments:
        field = f"{argument.code}.{argument.name}"
        names = given.setdefault(argument.code, [])
        if argument.name in names:
            raise InputError("must be given once", field=field)
        names.append(argument.name)
        if argument.code in COMMANDS:
            row = COMMANDS[argument.code]
            _named(row.arguments, argument.name, argument.code).check_range(argument.value, field)
            if argument.method != row.method:
                raise InputError(f"must be {row.method}", field=f"{field}, cO", value=argument.method)
        else:
            _check_other(argument.code, argument.name)
    for code, names in given.items():
        missing = sorted(_needed(code) - set(names))
        if missing:
            raise InputError(f"must have the argument {missing[0]}", field=code, value=sorted(names))


def _needed(code: str) -> set[str]:
    if code in COMMANDS:
        return {argument.name for argument in COMMANDS[code].arguments if not argument.optional}
    return set(OTHER_COMMANDS[code])


def _check_command_value(value: CommandValue) -> None:
    if value.code not in COMMANDS:
        _check_other(value.code, value.name)
        return
    argument = _named(COMMANDS[value.code].arguments, value.name, value.code)
    if value.value is not None:
        argument.check(value.value, f"{value.code}.{value.name}")


def _check_other(code: str, name: str) -> None:
    if code not in OTHER_COMMANDS:
        raise InputError("must be a command of the list", field="cCI", value=code)
    if name not in OTHER_COMMANDS[code]:
        raise InputError(f"must be an argument of {code}", field=f"{code}.n", value=name)


def _check_status_name(row: StatusName | Subscription | StatusValue, version: str) -> Argument | None:
    if row.code in STATUSES:
        return _named(STATUSES[row.code], row.name, row.code)
    others = OTHER_STATUSES[version]
    if row.code not in others:
        raise InputError(f"must be a status of the list {version}", field="sCI", value=row.code)
    if row.name not in others[row.code]:
        raise InputError(f"must be a value of {row.code}", field=f"{row.code}.n", value=row.name)
    return None


def _status_rows(message: Identified) -> Iterable[StatusName | Subscription | StatusValue]:
    if isinstance(message, StatusResponse):
        return message.values
    if isinstance(message, StatusRequest):
        return message.names
    return message.subscriptions if isinstance(message, StatusSubscribe) else ()


def _named(arguments: Iterable[Argument], name: str, code: str) -> Argument:
    for argument in arguments:
        if argument.name == name:
            return argument
    known = ", ".join(argument.name for argument in arguments)
    raise InputError(f"must be one of {known or 'none'}", field=f"{code}.n", value=name)
