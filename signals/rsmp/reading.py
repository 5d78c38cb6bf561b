"""JSON objects to messages; what the schemas of RSMP refuse is refused here, with member, value and rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from signals.rsmp.alarms import AlarmEvent, AlarmOrder, AlarmState, AlarmWish
from signals.rsmp.members import Members, is_secret
from signals.rsmp.messages import (
    AggregatedStatus,
    AggregatedStatusRequest,
    CommandArgument,
    CommandRequest,
    CommandResponse,
    CommandValue,
    Message,
    MessageAck,
    MessageNotAck,
    Quality,
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
from traffic.errors import InputError

__all__ = ["id_of", "message_from"]

_VERSION = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}(\.[0-9]{1,2})?.*", re.DOTALL)
_VERSION_RULE = "must be a version such as 3.2.2"
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_QUALITIES = ("recent", "old", "undefined", "unknown")
_NO_VALUE = ("undefined", "unknown")


def message_from(document: object) -> Message:
    """Return the message that a JSON object is.

    Members that no message has are passed over, as the specification wants it, save inside of lists, where its
    schemas allow none.
    """
    values = Members(document, "message")
    values.choice("mType", ("rSMsg",))
    kind = values.choice("type", _READERS)
    return _READERS[kind](Members(document, kind))


def id_of(document: dict[str, Any]) -> str | None:
    """Return the id of a message that may be wrong in anything else, to say so to its sender."""
    try:
        return Members(document, "message").identifier("mId")
    except InputError:
        return None


def _ack(values: Members) -> MessageAck:
    return MessageAck(of=values.identifier("oMId"))


def _not_ack(values: Members) -> MessageNotAck:
    return MessageNotAck(of=values.identifier("oMId"), reason=values.text("rea") if "rea" in values else None)


def _version(values: Members) -> Version:
    core = values.items(
        "RSMP", lambda row: row.matching("vers", _VERSION, _VERSION_RULE), only=("vers",), least=1
    )
    sites = values.items("siteId", lambda row: row.text("sId"), only=("sId",), least=1)
    for name, found in (("RSMP", core), ("siteId", sites)):
        if len(set(found)) != len(found):
            raise InputError("must not say the same twice", field=values.field(name), value=found)
    if "" in sites:
        raise InputError("must not be empty", field=values.field("siteId"), value=sites)
    return Version(
        id=values.identifier("mId"),
        core=core,
        sxl=values.matching("SXL", _VERSION, _VERSION_RULE),
        sites=sites,
    )


def _watchdog(values: Members) -> Watchdog:
    return Watchdog(id=values.identifier("mId"), at=values.time("wTs"))


def _aggregated_status(values: Members) -> AggregatedStatus:
    bits = values.value("se")
    if not isinstance(bits, list) or len(bits) != 8 or not all(isinstance(bit, bool) for bit in bits):
        raise InputError("must be eight times true or false", field=values.field("se"), value=bits)
    return AggregatedStatus(
        id=values.identifier("mId"),
        component=values.text_or_empty("cId"),
        at=values.time("aSTS"),
        functional_position=values.text_or_none("fP"),
        functional_state=values.text_or_none("fS"),
        bits=tuple(bits),
    )


def _aggregated_status_request(values: Members) -> AggregatedStatusRequest:
    return AggregatedStatusRequest(id=values.identifier("mId"), component=values.text("cId"))


def _alarm(values: Members) -> AlarmOrder | AlarmState:
    event = values.choice("aSp", ("Issue", "Acknowledge", "Suspend", "Resume", "Request"))
    tells = {"Issue": True, "Request": False, "Acknowledge": "ack" in values}.get(event, "sS" in values)
    return _alarm_state(values, event) if tells else _alarm_order(values, event)


def _alarm_order(values: Members, wish: str) -> AlarmOrder:
    return AlarmOrder(
        id=values.identifier("mId"),
        component=values.text("cId"),
        code=values.code("aCId", "A"),
        external_code=values.text("xACId"),
        wish=cast("AlarmWish", wish),
        at=values.time("aTs") if wish == "Acknowledge" else None,
    )


def _alarm_state(values: Members, event: str) -> AlarmState:
    # Issued ones: only what the schemas know. The others: they let both casings pass.
    casings = ("suspended",) if event == "Issue" else ("Suspended", "suspended")
    priority = int(values.choice("pri", ("1", "2", "3")))
    return AlarmState(
        id=values.identifier("mId"),
        component=values.text("cId"),
        code=values.code("aCId", "A"),
        external_code=values.text("xACId"),
        event=cast("AlarmEvent", event),
        acknowledged=values.choice("ack", ("Acknowledged", "notAcknowledged")) == "Acknowledged",
        active=values.choice("aS", ("Active", "inActive")) == "Active",
        suspended=values.choice("sS", (*casings, "notSuspended")) != "notSuspended",
        at=values.time("aTs"),
        category=cast("Any", values.choice("cat", ("T", "D"))),
        priority=cast("Any", priority),
        values=values.items("rvs", lambda row: (row.text("n"), row.text("v")), only=("n", "v")),
    )


def _status_name(row: Members) -> StatusName:
    return StatusName(row.code("sCI", "S"), row.text("n"))


def _status_request(values: Members) -> StatusRequest:
    names = values.items("sS", _status_name, only=("sCI", "n"), least=1)
    return StatusRequest(id=values.identifier("mId"), component=values.text("cId"), names=names)


def _status_unsubscribe(values: Members) -> StatusUnsubscribe:
    names = values.items("sS", _status_name, only=("sCI", "n"), least=1)
    return StatusUnsubscribe(id=values.identifier("mId"), component=values.text("cId"), names=names)


def _subscription(row: Members) -> Subscription:
    text = row.matching("uRt", _WHOLE, "must be whole seconds, as text")
    interval, on_change = int(text), row.flag("sOc")
    if interval < 0:
        raise InputError("must be 0 s or more", field=row.field("uRt"), value=text)
    if interval == 0 and not on_change:
        raise InputError("must be 1 s or more, unless sOc is true", field=row.field("uRt"), value=text)
    return Subscription(row.code("sCI", "S"), row.text("n"), interval, on_change)


def _status_subscribe(values: Members) -> StatusSubscribe:
    rows = values.items("sS", _subscription, only=("sCI", "n", "uRt", "sOc"), least=1)
    return StatusSubscribe(id=values.identifier("mId"), component=values.text("cId"), subscriptions=rows)


def _status_value(row: Members) -> StatusValue:
    quality, value = row.choice("q", _QUALITIES), row.value("s")
    if quality in _NO_VALUE and value is not None:
        raise InputError(f"must be null where q is {quality}", field=row.field("s"), value=value)
    if quality not in _NO_VALUE and not isinstance(value, str | list):
        raise InputError("must be text or a list", field=row.field("s"), value=value)
    return StatusValue(row.code("sCI", "S"), row.text("n"), value, cast("Quality", quality))


def _status_response(values: Members) -> StatusResponse:
    rows = values.items("sS", _status_value, only=("sCI", "n", "s", "q"), least=1)
    identifier, component = values.identifier("mId"), values.text("cId")
    return StatusResponse(id=identifier, component=component, at=values.time("sTs"), values=rows)


def _status_update(values: Members) -> StatusUpdate:
    rows = values.items("sS", _status_value, only=("sCI", "n", "s", "q"), least=1)
    identifier, component = values.identifier("mId"), values.text("cId")
    return StatusUpdate(id=identifier, component=component, at=values.time("sTs"), values=rows)


def _command_argument(row: Members) -> CommandArgument:
    name = row.text("n")
    value = row.text("v", secret=is_secret(name))
    return CommandArgument(row.code("cCI", "M"), name, row.text("cO"), value)


def _command_request(values: Members) -> CommandRequest:
    rows = values.items("arg", _command_argument, only=None, least=1)
    return CommandRequest(id=values.identifier("mId"), component=values.text("cId"), arguments=rows)


def _command_value(row: Members) -> CommandValue:
    name, age = row.text("n"), row.choice("age", _QUALITIES)
    if age in _NO_VALUE:
        if row.value("v") is not None:
            raise InputError(f"must be null where age is {age}", field=row.field("v"))
        return CommandValue(row.code("cCI", "M"), name, None, cast("Quality", age))
    value = row.text("v", secret=is_secret(name))
    return CommandValue(row.code("cCI", "M"), name, value, cast("Quality", age))


def _command_response(values: Members) -> CommandResponse:
    rows = values.items("rvs", _command_value, only=("cCI", "n", "v", "age"))
    identifier, component = values.identifier("mId"), values.text("cId")
    return CommandResponse(id=identifier, component=component, at=values.time("cTS"), values=rows)


_READERS: dict[str, Callable[[Members], Message]] = {
    "MessageAck": _ack,
    "MessageNotAck": _not_ack,
    "Version": _version,
    "Watchdog": _watchdog,
    "AggregatedStatus": _aggregated_status,
    "AggregatedStatusRequest": _aggregated_status_request,
    "Alarm": _alarm,
    "StatusRequest": _status_request,
    "StatusResponse": _status_response,
    "StatusSubscribe": _status_subscribe,
    "StatusUnsubscribe": _status_unsubscribe,
    "StatusUpdate": _status_update,
    "CommandRequest": _command_request,
    "CommandResponse": _command_response,
}
