"""RSMP sites: which there are, and what they have said last."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from pydantic import Field

from api.centre.presence import Presence
from api.context import context_of
from api.http.guards import Reader
from api.http.paging import Cursor, Limit, page_of
from api.http.routes.common import Frozen
from api.http.routing import problems, router
from api.rsmp_bridge.bridge import Bridge
from api.store.reports import Reports
from signals.instants import instant_text

__all__ = ["ROUTER"]

ROUTER = router("sites", "/sites")


class SiteOut(Frozen):
    """An RSMP site, by its capability file."""

    file: Annotated[str, Field(description="Name of the capability file.")]
    site: str | None
    junction: str | None
    problem: Annotated[str | None, Field(description="Why the file cannot be used.")]
    connected: Annotated[bool, Field(description="To the replica that answers.")]
    connected_at: str | None
    core: Annotated[str | None, Field(description="Version of RSMP that is spoken.")]
    sxl: Annotated[str | None, Field(description="Version of the signal exchange list.")]
    clock_ahead_s: float | None
    version: Annotated[int | None, Field(description="Version of the plans that it runs.")]
    findings: Annotated[list[str], Field(description="What stands against what it is to do.")]
    last_heard: Annotated[str | None, Field(description="By any replica, within some seconds.")]
    status: Annotated[dict[str, Any] | None, Field(description="Its last status, from any replica.")]


class SitesOut(Frozen):
    """A page of sites, by the names of their files."""

    sites: list[SiteOut]
    next: str | None


@ROUTER.get("", responses=problems(401, 403, 422, 429, 503))
async def list_sites(request: Request, _actor: Reader, limit: Limit = 100, cursor: Cursor = None) -> SitesOut:
    """List the RSMP sites of the capability files, with what they have said last."""
    context = context_of(request)
    bridge, presence, reports = context.part(Bridge), context.part(Presence), context.part(Reports)
    clocks = bridge.supervisor.clocks_ahead_s()
    files = {row.file.name: row for row in bridge.sites.files}
    page, following = page_of(sorted(files), str, limit, cursor)
    found = []
    for name in page:
        row = files[name]
        capability = row.capability
        site = None if capability is None else bridge.sites.by_id.get(capability.site)
        heard = None if site is None else presence.heard(site.junction)
        last = None if site is None else await reports.latest(site.junction)
        agreement = site and site.agreement
        found.append(
            SiteOut(
                file=name,
                site=capability and capability.site,
                junction=capability and capability.junction,
                problem=row.problem,
                connected=agreement is not None,
                connected_at=instant_text(site.connected_at) if site and site.connected_at else None,
                core=agreement and agreement.core,
                sxl=agreement and agreement.sxl,
                clock_ahead_s=None if capability is None else clocks.get(capability.site),
                version=site and site.shown,
                findings=sorted(site.findings.values()) if site else [],
                last_heard=None if heard is None else instant_text(heard),
                status=None if last is None else dict(last.data),
            )
        )
    return SitesOut(sites=found, next=following)
