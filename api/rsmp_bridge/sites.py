"""Which RSMP sites there are, what they can express, and what they have said last."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from api.rsmp_bridge.contents import Contents
from api.rsmp_bridge.programmes import require_room
from api.rsmp_bridge.target import kept
from signals.lifecycle.records import Alarm, Lifecycle, OrderMode
from signals.rsmp.alarms import AlarmState
from signals.rsmp.capability import Capability
from signals.rsmp.versions import Agreement
from simulation.controller.commissioning import bare_tables
from traffic.errors import InputError, RefusedError

if TYPE_CHECKING:
    from api.centre.centre import Centre
    from api.rsmp_bridge.files import Commissioned
    from signals.schedule import Schedule

__all__ = ["MOST_STRANGE", "MOST_UNTOLD", "Site", "Sites"]

MOST_STRANGE = 100
"""How many alarms of a site on components that its capability file does not have are told apart at a time."""
MOST_UNTOLD = 1000
"""How many of the further ones are kept in mind until they are over."""


@dataclass(eq=False)
class Site:
    """One site, and what it has said since it connected to this replica.

    Attributes
    ----------
    values
        Of the statuses that are subscribed to, by code and name.
    bits
        The aggregated status.
    alarms
        Those that are active, by component and code.
    strange
        Alarms that are told apart though their component is not in its capability file: detectors, or anything.
    untold
        Active ones that are not told apart, for want of room.
    forgets
        Whether there have been too many of these to keep in mind, since the service started.
    findings
        What an operator must see for as long as it lasts, by kind.
    shown
        The version that it runs.
    """

    capability: Capability
    contents: Contents
    agreement: Agreement | None = None
    connected_at: datetime | None = None
    values: dict[tuple[str, str], Any] = field(default_factory=dict)
    bits: tuple[bool, ...] = ()
    alarms: dict[tuple[str, str], AlarmState] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)
    shown: int | None = None
    strange: set[tuple[str, str]] = field(default_factory=set)
    untold: set[tuple[str, str]] = field(default_factory=set)
    forgets: bool = False

    @property
    def has_untold(self) -> bool:
        """Whether alarms may be active that are not told apart."""
        return self.forgets or bool(self.untold)

    def alarm_id(self, component: str, code: str) -> str:
        """Return how the ledger calls an alarm of the site; a slash would end the address of an alarm."""
        return f"rsmp:{self.junction}:alarm:{component}:{code}".replace("/", "|")

    def tells_apart(self, component: str, code: str, raised: Container[str]) -> bool:
        """Return whether an active alarm is one for itself: who invents components must not fill the ledger.

        What is over makes room when it is cleared, of which there are few in an hour.

        Parameters
        ----------
        raised
            Alarms of the ledger, by how it calls them.
        """
        capability, place = self.capability, (component, code)
        if component in {capability.component, *(group.component for group in capability.groups)}:
            return True
        if place not in self.strange and len(self.strange) >= MOST_STRANGE:
            self.strange = {
                one for one in self.strange if one in self.alarms or self.alarm_id(*one) in raised
            }
        if place in self.strange or len(self.strange) < MOST_STRANGE:
            self.strange.add(place)
            return True
        if len(self.untold) < MOST_UNTOLD:
            self.untold.add(place)
        self.forgets |= place not in self.untold
        return False

    @property
    def junction(self) -> str:
        """Key of its junction."""
        return self.capability.junction

    def begin(self, agreement: Agreement, at: datetime) -> None:
        """Take note that it has connected; what it said before counts no more."""
        self.agreement, self.connected_at = agreement, at
        self.values, self.bits, self.alarms, self.shown = {}, (), {}, None

    def end(self) -> None:
        """Take note that it is gone."""
        self.agreement, self.connected_at, self.shown = None, None, None


class Sites:
    """All sites of the capability files; asked before anything is published or ordered.

    Parameters
    ----------
    time_zone
        Of the time tables of the sites.
    """

    def __init__(
        self,
        files: Iterable[Commissioned],
        centre: Centre,
        *,
        time_zone: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._centre, self._clock = centre, clock
        self.files = tuple(map(self._alone, files))
        self.by_id: dict[str, Site] = {}
        self.unusable: dict[str, str] = {}
        for row in self.files:
            capability = row.capability
            if capability is None:
                continue
            if row.problem is not None:
                self.unusable[capability.junction] = row.problem
                continue
            tables = bare_tables(centre.city.junction(capability.junction), time_zone=time_zone)
            self.by_id[capability.site] = Site(capability, Contents(centre, capability, tables))
        self.by_junction = {site.junction: site for site in self.by_id.values()}

    def _alone(self, row: Commissioned) -> Commissioned:
        """Return a capability file as it can be used: not where a controller is registered for its junction."""
        capability = row.capability
        if capability is None or row.problem is not None or not self._is_registered(capability.junction):
            return row
        rule = "must be the only controller of its junction, and one is registered that speaks HTTP"
        hint = "Revoke that one (POST /v1/controllers/.../revoke), or remove this file; then start the service again"
        error = InputError(rule, file=row.file, field="junction", value=capability.junction, hint=hint)
        return replace(row, problem=str(error))

    def _is_registered(self, junction: str) -> bool:
        return junction in self._centre.ledger.state.access.controllers

    def require_none(self, junction: str) -> None:
        """Raise `RefusedError` for the junction of a site: a junction has one controller."""
        for row in self.files:
            if row.capability is not None and row.capability.junction == junction:
                rule = f"has a controller that speaks RSMP, by its capability file {row.file.name}"
                hint = "Remove that file from the folder rsmp of every replica, and start them again"
                raise RefusedError(rule, field="junction", value=junction, hint=hint)

    @property
    def raised(self) -> Mapping[str, Alarm]:
        """Alarms of the ledger, by how it calls them."""
        return self._centre.plans.alarms

    @property
    def capabilities(self) -> Mapping[str, Capability]:
        """What the sites can do, by site id."""
        return {name: site.capability for name, site in self.by_id.items()}

    async def findings(self, plans: Lifecycle, junction: str, schedule: Schedule, row: int) -> list[str]:
        """Return what stands against giving a site the plans of a schedule; nothing for other controllers."""
        if junction in self.unusable:
            return [f"{junction}: its capability file cannot be used: {self.unusable[junction]}"]
        site = self.by_junction.get(junction)
        if site is None:
            return []
        if self._is_registered(junction):  # by another replica, since this one was started
            return [
                f"{junction}: it has two controllers: one is registered that speaks HTTP, and this one speaks RSMP"
            ]
        others = []
        for content in kept(plans, junction, self._clock()):
            with suppress(InputError):  # what the site cannot have takes no room
                others.append(await site.contents.of(content))
        try:
            new = site.contents.of_schedule(schedule, row)
            require_room([*others, new], site.capability)
        except InputError as error:
            return [f"{junction}: {error}"]
        return []

    def require_order(self, junction: str, mode: OrderMode) -> None:
        """Raise `RefusedError` for an order that RSMP cannot carry."""
        if mode is OrderMode.ALL_RED and junction in self.by_junction:
            rule = (
                "must be one that RSMP has a command for: M0001 knows normal control, yellow flash and dark"
            )
            hint = "Order flash; all red can be switched at the controller itself"
            raise RefusedError(rule, field=f"junction {junction}, mode", value=mode.value, hint=hint)
