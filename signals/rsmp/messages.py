"""Messages of the RSMP core, 3.2.0 to 3.2.2, and how each is written; `signals.rsmp.reading` reads them.

The three versions have the same messages. 3.2.1 names the timestamp as a type of its own, 3.2.2 has a subscription's
interval start anew when a change has been sent (which a site here does under all three).

Alarms are told apart by who speaks: an `AlarmOrder` (`signals.rsmp.alarms`) asks, an `AlarmState` tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from signals.rsmp.members import SECRET, is_secret, timestamp_text

__all__ = [
    "AggregatedStatus",
    "AggregatedStatusRequest",
    "CommandArgument",
    "CommandRequest",
    "CommandResponse",
    "CommandValue",
    "Identified",
    "Message",
    "MessageAck",
    "MessageNotAck",
    "Quality",
    "StatusName",
    "StatusRequest",
    "StatusResponse",
    "StatusSubscribe",
    "StatusUnsubscribe",
    "StatusUpdate",
    "StatusValue",
    "Subscription",
    "Version",
    "Watchdog",
    "written",
]

Quality = Literal["recent", "old", "undefined", "unknown"]
"""Of a value: up to date, from the buffer, of a component that does not exist, not known (the last two are null)."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """Any message."""

    kind: ClassVar[str]

    def body(self) -> dict[str, Any]:
        """Return the members beside ``mType`` and ``type``."""
        raise NotImplementedError


def written(message: Message) -> dict[str, Any]:
    """Return `message` as a JSON object."""
    return {"mType": "rSMsg", "type": message.kind, **message.body()}


@dataclass(frozen=True, kw_only=True)
class MessageAck(Message):
    """The message with the id `of` has arrived and was understood."""

    kind: ClassVar[str] = "MessageAck"
    of: str

    def body(self) -> dict[str, Any]:
        """Return the members beside ``mType`` and ``type``."""
        return {"oMId": self.of}


@dataclass(frozen=True, kw_only=True)
class MessageNotAck(Message):
    """The message with the id `of` was not understood, or is refused."""

    kind: ClassVar[str] = "MessageNotAck"
    of: str
    reason: str | None

    def body(self) -> dict[str, Any]:
        """Return the members beside ``mType`` and ``type``."""
        return {"oMId": self.of, **({} if self.reason is None else {"rea": self.reason})}


@dataclass(frozen=True, kw_only=True)
class Identified(Message):
    """A message with an id of its own: each of them is acknowledged."""

    id: str

    def body(self) -> dict[str, Any]:
        """Return the members beside ``mType`` and ``type``."""
        return {"mId": self.id, **self.content()}

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Version(Identified):
    """The first message of either side: versions of the core that it speaks, signal exchange list, site ids."""

    kind: ClassVar[str] = "Version"
    core: tuple[str, ...]
    sxl: str
    sites: tuple[str, ...]

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        return {
            "RSMP": [{"vers": version} for version in self.core],
            "siteId": [{"sId": site} for site in self.sites],
            "SXL": self.sxl,
        }


@dataclass(frozen=True, kw_only=True)
class Watchdog(Identified):
    """A sign of life, with the sender's time."""

    kind: ClassVar[str] = "Watchdog"
    at: datetime

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        return {"wTs": timestamp_text(self.at)}


@dataclass(frozen=True, kw_only=True)
class _OfComponent(Identified):
    component: str

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        return {"ntsOId": "", "xNId": "", "cId": self.component}


@dataclass(frozen=True, kw_only=True)
class AggregatedStatus(_OfComponent):
    """The state of a site in eight bits.

    Attributes
    ----------
    bits
        Local mode, no communication, fault of high, of medium, of low priority, in use, idle, not connected.
    """

    kind: ClassVar[str] = "AggregatedStatus"
    at: datetime
    functional_position: str | None
    functional_state: str | None
    bits: tuple[bool, ...]

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        return {
            **super().content(),
            "aSTS": timestamp_text(self.at),
            "fP": self.functional_position,
            "fS": self.functional_state,
            "se": list(self.bits),
        }


@dataclass(frozen=True, kw_only=True)
class AggregatedStatusRequest(_OfComponent):
    """The supervisor wants to know the aggregated status."""

    kind: ClassVar[str] = "AggregatedStatusRequest"


@dataclass(frozen=True)
class StatusName:
    """One value of one status: ``("S0014", "status")``."""

    code: str
    name: str

    def row(self) -> dict[str, Any]:
        """Return the item of the list of a message."""
        return {"sCI": self.code, "n": self.name}


@dataclass(frozen=True)
class Subscription:
    """A value that is to be sent every `interval_s` seconds (0: not), and when it changes."""

    code: str
    name: str
    interval_s: int
    on_change: bool

    def row(self) -> dict[str, Any]:
        """Return the item of the list of a message."""
        return {"sCI": self.code, "n": self.name, "uRt": str(self.interval_s), "sOc": self.on_change}


@dataclass(frozen=True)
class StatusValue:
    """A value as it is sent: text, a list of objects, or null where it is unknown or undefined."""

    code: str
    name: str
    value: str | list[Any] | None
    quality: Quality

    def row(self) -> dict[str, Any]:
        """Return the item of the list of a message."""
        return {"sCI": self.code, "n": self.name, "s": self.value, "q": self.quality}


@dataclass(frozen=True, kw_only=True)
class StatusRequest(_OfComponent):
    """The supervisor wants values once."""

    kind: ClassVar[str] = "StatusRequest"
    names: tuple[StatusName, ...]

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        return {**super().content(), "sS": [name.row() for name in self.names]}


@dataclass(frozen=True, kw_only=True)
class StatusUnsubscribe(StatusRequest):
    """The supervisor no longer wants values."""

    kind: ClassVar[str] = "StatusUnsubscribe"


@dataclass(frozen=True, kw_only=True)
class StatusSubscribe(_OfComponent):
    """The supervisor wants values from now on."""

    kind: ClassVar[str] = "StatusSubscribe"
    subscriptions: tuple[Subscription, ...]

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        return {**super().content(), "sS": [subscription.row() for subscription in self.subscriptions]}


@dataclass(frozen=True, kw_only=True)
class StatusResponse(_OfComponent):
    """The values that were asked for."""

    kind: ClassVar[str] = "StatusResponse"
    at: datetime
    values: tuple[StatusValue, ...]

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        return {
            **super().content(),
            "sTs": timestamp_text(self.at),
            "sS": [value.row() for value in self.values],
        }


@dataclass(frozen=True, kw_only=True)
class StatusUpdate(StatusResponse):
    """Values that are subscribed to."""

    kind: ClassVar[str] = "StatusUpdate"


@dataclass(frozen=True)
class CommandArgument:
    """One argument of a command; security codes are not shown."""

    code: str
    name: str
    method: str
    value: str

    def row(self) -> dict[str, Any]:
        """Return the item of the list of a message."""
        return {"cCI": self.code, "n": self.name, "cO": self.method, "v": self.value}

    def __repr__(self) -> str:
        shown = SECRET if is_secret(self.name) else self.value
        return f"CommandArgument({self.code!r}, {self.name!r}, {self.method!r}, {shown!r})"


@dataclass(frozen=True)
class CommandValue:
    """What a site says an argument now is; security codes are not shown."""

    code: str
    name: str
    value: str | None
    age: Quality

    def row(self) -> dict[str, Any]:
        """Return the item of the list of a message."""
        return {"cCI": self.code, "n": self.name, "v": self.value, "age": self.age}

    def __repr__(self) -> str:
        shown = SECRET if is_secret(self.name) else self.value
        return f"CommandValue({self.code!r}, {self.name!r}, {shown!r}, {self.age!r})"


@dataclass(frozen=True, kw_only=True)
class CommandRequest(_OfComponent):
    """The supervisor gives commands."""

    kind: ClassVar[str] = "CommandRequest"
    arguments: tuple[CommandArgument, ...]

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        return {**super().content(), "arg": [argument.row() for argument in self.arguments]}


@dataclass(frozen=True, kw_only=True)
class CommandResponse(_OfComponent):
    """What a site has made of commands."""

    kind: ClassVar[str] = "CommandResponse"
    at: datetime
    values: tuple[CommandValue, ...]

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        return {
            **super().content(),
            "cTS": timestamp_text(self.at),
            "rvs": [value.row() for value in self.values],
        }
