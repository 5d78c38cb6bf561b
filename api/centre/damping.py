"""Alarms that come and go: the ledger keeps every one for good, so that few may come of what does not settle.

Alarms are raised at once. What is limited is how soon and how often they are cleared: one that stands is not raised again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signals.lifecycle.records import Alarm

__all__ = ["HOLD_OFF", "MOST_CLEARED", "Damping"]

HOLD_OFF = timedelta(minutes=1)
"""For how long the reason must have been gone before an alarm on what a controller says of itself is cleared."""
MOST_CLEARED = 10
"""How many alarms of a junction are cleared within an hour; more than these stand until the hour is over."""

_WITHIN = timedelta(hours=1)
_HELD = frozenset({"controller_fault", "clock_wrong"})


class Damping:
    """Which alarms whose reason is gone stand for now. Each replica counts by itself."""

    def __init__(self) -> None:
        self._gone: dict[str, datetime] = {}
        self._cleared: dict[str, deque[datetime]] = {}

    @property
    def waiting(self) -> tuple[str, ...]:
        """Alarms whose reason is gone, and that have not been cleared yet."""
        return tuple(self._gone)

    def found(self, alarms: Iterable[str]) -> None:
        """Take note that there is reason for these."""
        for alarm in alarms:
            self._gone.pop(alarm, None)

    def stands(self, alarm: Alarm, at: datetime) -> bool:
        """Return whether an alarm stands for now, whose reason is gone since now or since an earlier call."""
        since = self._gone.setdefault(alarm.id, at)
        held = alarm.kind in _HELD and at - since < HOLD_OFF
        return held or any(self._spent(junction, at) for junction in alarm.junctions)

    def _spent(self, junction: str, at: datetime) -> bool:
        times = self._cleared.get(junction, deque())
        while times and at - times[0] >= _WITHIN:
            times.popleft()
        return len(times) >= MOST_CLEARED

    def clear(self, alarm: Alarm, at: datetime) -> None:
        """Take note that an alarm is cleared."""
        self.forget(alarm.id)
        for junction in alarm.junctions:
            self._cleared.setdefault(junction, deque()).append(at)

    def forget(self, alarm: str) -> None:
        """Take note that an alarm is gone, by whomever it was cleared."""
        self._gone.pop(alarm, None)
