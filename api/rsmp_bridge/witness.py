"""What sites say, for presence, alarms and reports.

All of it is stored before the site is told that it has arrived, so a site that keeps what was not acknowledged loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from api.centre.lookout import Lookout
from api.centre.presence import Presence
from api.rsmp_bridge.sites import Site, Sites
from api.store.reports import Report, Reports
from signals.lifecycle.watch import Finding
from signals.rsmp.alarms import AlarmState
from signals.rsmp.messages import AggregatedStatus, StatusUpdate
from signals.rsmp.versions import Agreement
from signals.texts import as_line

__all__ = ["Witness", "alarm_id"]

_BITS = (
    *("local mode", "no communications", "high priority fault", "medium priority fault"),
    *("low priority fault", "connected", "idle", "not connected"),
)
_OF_CONTROL = frozenset({"S0007", "S0011", "S0014", "S0020", "S0097"})
_TEXT = 400


def alarm_id(site: Site, component: str, code: str) -> str:
    """Return how the ledger calls an alarm of a site; a slash would end the address of an alarm."""
    return f"rsmp:{site.junction}:alarm:{component}:{code}".replace("/", "|")


class Witness:
    """Takes down what sites say.

    Parameters
    ----------
    came, gone, said
        Are told of a site that has connected, that is gone, and that has said something which may matter to what it is
        to do.
    """

    def __init__(
        self,
        sites: Sites,
        *,
        presence: Presence,
        lookout: Lookout,
        reports: Reports,
        clock: Callable[[], datetime],
        came: Callable[[Site], None],
        gone: Callable[[Site], None],
        said: Callable[[Site], None],
    ) -> None:
        self._sites, self._presence, self._lookout, self._reports = sites, presence, lookout, reports
        self._clock = clock
        self._came, self._gone, self._said = came, gone, said

    async def connected(self, site: str, agreement: Agreement) -> None:
        """Take note that a site has connected."""
        one = self._sites.by_id[site]
        one.begin(agreement, self._clock())
        versions = {"core": agreement.core, "sxl": agreement.sxl}
        await self._report(one, "event", self._clock(), {"event": "connected", **versions})
        self._came(one)

    async def lost(self, site: str, reason: str) -> None:
        """Take note that a site is no longer connected."""
        one = self._sites.by_id[site]
        one.end()
        self._gone(one)
        await self._report(one, "event", self._clock(), {"event": "lost", "reason": as_line(reason)[:_TEXT]})

    async def aggregated_status(self, site: str, message: AggregatedStatus) -> None:
        """Take the state of a site in eight bits."""
        one = self._sites.by_id[site]
        one.bits = message.bits
        await self._report(one, "status", message.at, self.state_of(one))

    async def alarm(self, site: str, message: AlarmState) -> None:
        """Take an alarm, or what has happened to it; one that is suspended is not raised."""
        one = self._sites.by_id[site]
        place = message.component, message.code
        known = place in one.alarms
        if message.active:
            one.alarms[place] = message
        else:
            one.alarms.pop(place, None)
        if known or message.active:  # all that are not are told of at each connection
            data = {
                "component": message.component,
                "code": message.code,
                "event": message.event,
                "active": message.active,
                "acknowledged": message.acknowledged,
                "suspended": message.suspended,
                "priority": message.priority,
                "values": dict(message.values),
            }
            await self._report(one, "fault", message.at, data)
        identifier = alarm_id(one, *place)
        found = {identifier: _finding(one, message)} if message.active and not message.suspended else {}
        await self._lookout.tell(identifier, found)

    async def status(self, site: str, message: StatusUpdate) -> None:
        """Take values that were subscribed to; what comes out of a buffer is an event of then, no state of now."""
        one = self._sites.by_id[site]
        old = {f"{row.code}.{row.name}": row.value for row in message.values if row.quality == "old"}
        if old:
            await self._report(one, "event", message.at, {"event": "buffered", "values": old})
        recent = {(row.code, row.name): row.value for row in message.values if row.quality == "recent"}
        if recent:
            one.values |= recent
            await self._report(one, "status", message.at, self.state_of(one))
            if any(code in _OF_CONTROL for code, _ in recent):
                self._said(one)

    def state_of(self, site: Site) -> dict[str, Any]:
        """Return the state of a site, as it is reported."""
        active = [alarm for alarm in site.alarms.values() if alarm.active and not alarm.suspended]
        return {
            "protocol": "rsmp",
            "site": site.capability.site,
            "version": site.shown,
            "fault": _finding(site, active[0]).text if active else None,
            "aggregated": [name for name, bit in zip(_BITS, site.bits, strict=False) if bit],
            "values": {f"{code}.{name}": value for (code, name), value in sorted(site.values.items())},
        }

    async def _report(self, site: Site, kind: str, at: datetime, data: Mapping[str, Any]) -> None:
        """Store a report under the next number of its junction."""
        self._presence.note(site.junction)
        number = await self._reports.accepted_until(site.junction) + 1
        while True:
            found = await self._reports.accept(site.junction, [Report(number, kind, at, data)])
            if found.new:
                return
            number = found.until + 1  # another replica has had it, with what the site said there


def _finding(site: Site, alarm: AlarmState) -> Finding:
    values = ", ".join(f"{name} {value}" for name, value in alarm.values)
    text = f"{site.junction}: {alarm.code} of {alarm.component}, priority {alarm.priority}"
    return Finding("rsmp_alarm", as_line(f"{text}: {values}" if values else text)[:_TEXT], site.junction)
