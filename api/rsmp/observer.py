"""Who is told of what sites say."""

from __future__ import annotations

from typing import Protocol

from signals.rsmp.alarms import AlarmState
from signals.rsmp.messages import AggregatedStatus, StatusUpdate
from signals.rsmp.versions import Agreement

__all__ = ["Observer"]


class Observer(Protocol):
    """Is told of everything that sites say, in the order in which each site says it.

    A message is acknowledged to the site only when the method has returned; where it raises, the message is not
    acknowledged and the connection is closed, so that nothing counts as taken that was not. `NotTakenError` alone is told
    to the site, which would send the same again at each connection. A method must not wait for an order to the same site: the
    answer would be behind it.
    """

    async def connected(self, site: str, agreement: Agreement) -> None:
        """Take note that a site has connected."""

    async def lost(self, site: str, reason: str) -> None:
        """Take note that a site is no longer connected."""

    async def aggregated_status(self, site: str, message: AggregatedStatus) -> None:
        """Take the state of a site in eight bits."""

    async def alarm(self, site: str, message: AlarmState) -> None:
        """Take an alarm, or what has happened to it."""

    async def status(self, site: str, message: StatusUpdate) -> None:
        """Take values that were subscribed to; those from a buffer have the quality ``old``."""
