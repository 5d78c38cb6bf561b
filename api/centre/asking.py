"""What the centre is asked with, and what it goes by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from signals.lifecycle.facts import Fact
from signals.lifecycle.records import Lifecycle, OrderMode, Slot
from signals.schedule import Schedule

__all__ = ["Condition", "Decide", "Limits", "NewPlanSet", "Rules"]

Decide = Callable[[Lifecycle, datetime, str], list[Fact]]
Condition = Callable[[Lifecycle], None]
"""Raises unless the state is one that something may be decided on."""


@dataclass(frozen=True)
class Rules:
    """What the centre goes by.

    Attributes
    ----------
    ack_deadline
        After this time a group that is not complete keeps what it has.
    lead
        From the activation of a group to the switch.
    time_zone
        Of the day types.
    """

    four_eyes: bool = True
    ack_deadline: timedelta = timedelta(minutes=2)
    lead: timedelta = timedelta(seconds=30)
    time_zone: str = "Asia/Almaty"


@dataclass(frozen=True)
class NewPlanSet:
    """A plan set as somebody hands it in.

    Attributes
    ----------
    document
        In the format ``jasyl-plans`` or ``jasyl-schedule``.
    groups
        Junctions that switch together; where there are none, neighbours whose cycles fit each other.
    """

    document: Mapping[str, Any]
    name: str = ""
    slot: Slot = Slot.BASE
    activate_from: datetime | None = None
    valid_until: datetime | None = None
    groups: Mapping[str, Sequence[str]] | None = None


class Limits(Protocol):
    """What controllers cannot do that are not told signed plans."""

    async def findings(self, plans: Lifecycle, junction: str, schedule: Schedule, row: int) -> list[str]:
        """Return what stands against giving a controller the plans of a schedule."""

    def require_none(self, junction: str) -> None:
        """Raise `RefusedError` for a junction that has such a controller already."""

    def require_order(self, junction: str, mode: OrderMode) -> None:
        """Raise `RefusedError` for an order that a controller cannot carry out."""
