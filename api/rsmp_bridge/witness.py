"""What sites say, for presence, alarms and reports.

All of it is stored before the site is told that it has arrived, so a site that keeps what was not acknowledged loses nothing.
What cannot be stored is refused, and a site that says more than it may is read more slowly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from api.centre.lookout import Lookout
from api.centre.presence import Presence
from api.rsmp.errors import NotTakenError
from api.rsmp_bridge.sites import MOST_STRANGE, Site, Sites
from api.store.errors import StoreDamaged
from api.store.reports import Report, Reports
from signals.lifecycle.watch import Finding
from signals.rsmp.alarms import AlarmState
from signals.rsmp.messages import AggregatedStatus, StatusUpdate
from signals.rsmp.versions import Agreement
from signals.texts import as_line, is_line
from traffic.errors import InputError

__all__ = ["Witness"]

_BITS = (
    *("local mode", "no communications", "high priority fault", "medium priority fault"),
    *("low priority fault", "connected", "idle", "not connected"),
)
_OF_CONTROL = frozenset({"S0007", "S0011", "S0014", "S0020", "S0097"})
_TEXT = 400
_LONGEST_COMPONENT = 200


class Witness:
    """Takes down what sites say.

    Parameters
    ----------
    wait_s
        Counts bytes of reports of a junction, and gives 0; or how long to wait with them.
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
        wait_s: Callable[[str, int], float],
        clock: Callable[[], datetime],
        came: Callable[[Site], None],
        gone: Callable[[Site], None],
        said: Callable[[Site], None],
    ) -> None:
        self._sites, self._presence, self._lookout, self._reports = sites, presence, lookout, reports
        self._wait_s, self._clock = wait_s, clock
        self._came, self._gone, self._said = came, gone, said

    async def connected(self, site: str, agreement: Agreement) -> None:
        """Take note that a site has connected."""
        one = self._sites.by_id[site]
        one.begin(agreement, self._clock())
        versions = {"core": agreement.core, "sxl": agreement.sxl}
        await self._report(one, "event", self._clock(), {"event": "connected", **versions})
        if not one.has_untold:
            await self._lookout.tell(_others(one), {})
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
        if len(message.component) > _LONGEST_COMPONENT or not is_line(message.component):
            rule = f"Alarm.cId: must be a line of up to {_LONGEST_COMPONENT} characters"
            raise NotTakenError(site, rule)
        if message.active or self._was_told_of(one, place):  # all that are not are told of at each connection
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
        if message.active and not one.tells_apart(*place, self._sites.raised):
            await self._lookout.tell(_others(one), {_others(one): _finding_of_others(one)})
            return
        if message.active:
            one.alarms[place] = message
        else:
            one.alarms.pop(place, None)
        identifier = one.alarm_id(*place)
        found = {identifier: _finding(one, message)} if message.active and not message.suspended else {}
        await self._lookout.tell(identifier, found)
        if place in one.untold:
            one.untold.remove(place)
            if not one.has_untold:
                await self._lookout.tell(_others(one), {})

    def _was_told_of(self, site: Site, place: tuple[str, str]) -> bool:
        """Return whether an alarm stands in the reports as active, or may."""
        known = place in site.alarms or place in site.untold or site.alarm_id(*place) in self._sites.raised
        return known or site.forgets

    async def status(self, site: str, message: StatusUpdate) -> None:
        """Take values that were subscribed to; what comes out of a buffer is an event of then, no state of now."""
        one = self._sites.by_id[site]
        old = {f"{row.code}.{row.name}": row.value for row in message.values if row.quality == "old"}
        if old:
            await self._report(one, "event", message.at, {"event": "buffered", "values": old})
        recent = {(row.code, row.name): row.value for row in message.values if row.quality == "recent"}
        if recent:
            before, one.values = one.values, one.values | recent
            try:
                await self._report(one, "status", message.at, self.state_of(one))
            except NotTakenError:
                one.values = before
                raise
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

        async def admit(size: int) -> None:
            wait = self._wait_s(site.junction, size)
            if wait > 0.0:
                await asyncio.sleep(wait)
                await admit(size)

        number = await self._reports.accepted_until(site.junction) + 1
        while True:
            report = Report(number, kind, at, data)
            try:
                found = await self._reports.accept(site.junction, [report], admit=admit)
            except StoreDamaged:
                raise
            except InputError as error:
                raise NotTakenError(site.capability.site, str(error)) from error
            if found.new:
                return
            number = found.until + 1  # another replica has had it, with what the site said there


def _others(site: Site) -> str:
    """Return how the ledger calls the alarm on all alarms of a site that are not told apart."""
    return f"rsmp:{site.junction}:alarms"


def _finding_of_others(site: Site) -> Finding:
    text = (
        f"{site.junction}: site {site.capability.site} has had more than {MOST_STRANGE} alarms at a time on components that its "
        "capability file does not have: further ones stand in its reports only, until they are over"
    )
    return Finding("rsmp_alarm", text, site.junction)


def _finding(site: Site, alarm: AlarmState) -> Finding:
    values = ", ".join(f"{name} {value}" for name, value in alarm.values)
    text = f"{site.junction}: {alarm.code} of {alarm.component}, priority {alarm.priority}"
    return Finding("rsmp_alarm", as_line(f"{text}: {values}" if values else text)[:_TEXT], site.junction)
