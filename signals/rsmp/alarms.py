"""Alarm messages: what a supervisor asks for, and what a site tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from signals.rsmp.members import timestamp_text
from signals.rsmp.messages import Identified
from traffic.errors import InputError

__all__ = ["AlarmEvent", "AlarmOrder", "AlarmState", "AlarmWish"]

AlarmWish = Literal["Request", "Acknowledge", "Suspend", "Resume"]
AlarmEvent = Literal["Issue", "Acknowledge", "Suspend", "Resume"]


@dataclass(frozen=True, kw_only=True)
class _Alarm(Identified):
    kind: ClassVar[str] = "Alarm"
    component: str
    code: str
    external_code: str = ""

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        return {
            "ntsOId": "",
            "xNId": "",
            "cId": self.component,
            "aCId": self.code,
            "xACId": self.external_code,
            "xNACId": "",
        }


@dataclass(frozen=True, kw_only=True)
class AlarmOrder(_Alarm):
    """A supervisor wants to know an alarm, acknowledges it, suspends or resumes it.

    Attributes
    ----------
    at
        When it was acknowledged. The examples of the specification have no time here; its schemas ask for one.
    """

    wish: AlarmWish
    at: datetime | None = None

    def __post_init__(self) -> None:
        if self.wish == "Acknowledge" and self.at is None:
            raise InputError("must be there for an acknowledgement", field="Alarm.aTs")

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        time = {} if self.at is None else {"aTs": timestamp_text(self.at)}
        return {**super().content(), "aSp": self.wish, **time}


@dataclass(frozen=True, kw_only=True)
class AlarmState(_Alarm):
    """The state of an alarm, and what has just happened to it.

    Attributes
    ----------
    event
        ``Issue``: it has become active or inactive, or is sent on request. ``Acknowledge``, ``Suspend``: that.
    at
        When it happened.
    category
        ``T`` for traffic, ``D`` for technical.
    priority
        1 (highest) to 3.
    values
        Names and values beside, as the signal exchange list has them for the alarm.
    """

    event: AlarmEvent
    acknowledged: bool
    active: bool
    suspended: bool
    at: datetime
    category: Literal["T", "D"]
    priority: Literal[1, 2, 3]
    values: tuple[tuple[str, str], ...] = ()

    def content(self) -> dict[str, Any]:
        """Return the members beside the id."""
        # The schemas want another casing of one word when an alarm is issued; the specification has one.
        suspended = "suspended" if self.event == "Issue" else "Suspended"
        return {
            **super().content(),
            "aSp": self.event,
            "ack": "Acknowledged" if self.acknowledged else "notAcknowledged",
            "aS": "Active" if self.active else "inActive",
            "sS": suspended if self.suspended else "notSuspended",
            "aTs": timestamp_text(self.at),
            "cat": self.category,
            "pri": str(self.priority),
            "rvs": [{"n": name, "v": value} for name, value in self.values],
        }
