"""What controllers have reported, as engineers and auditors read it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query, Request

from api.context import context_of
from api.http.guards import Reader
from api.http.paging import Limit
from api.http.routes.common import Frozen
from api.http.routing import problems, router
from api.store.reports import Reports, StoredReport
from signals.instants import instant_text

__all__ = ["ROUTER"]

ROUTER = router("reports", "/reports")


class ReportOut(Frozen):
    """A report, as it was stored."""

    junction: str
    number: int
    kind: str
    at: str
    received: str
    data: dict[str, Any]


class ReportsPage(Frozen):
    """A page of reports, the oldest first. The next page goes on after `next`; there may be more while `complete` is false."""

    reports: list[ReportOut]
    next: str
    complete: bool


class Statuses(Frozen):
    """The last status of each junction that has sent one."""

    statuses: list[ReportOut]


def _out(report: StoredReport) -> ReportOut:
    return ReportOut(
        junction=report.junction,
        number=report.number,
        kind=report.kind,
        at=instant_text(report.at),
        received=instant_text(report.received),
        data=dict(report.data),
    )


async def _reports(request: Request) -> Reports:
    return context_of(request).part(Reports)


Stored = Annotated[Reports, Depends(_reports)]


@ROUTER.get("", responses=problems(401, 403, 422, 429, 503))
async def list_reports(
    _actor: Reader,
    stored: Stored,
    junction: Annotated[
        str | None, Query(min_length=1, max_length=200, description="Whose; all without.")
    ] = None,
    after: Annotated[str, Query(max_length=45, description="`next` of the page before.")] = "0-0",
    limit: Limit = 100,
) -> ReportsPage:
    """List the reports that are not archived yet: status, faults and events, the oldest first."""
    page = await stored.read(after, junction=junction, limit=limit)
    return ReportsPage(reports=[_out(r) for r in page.reports], next=page.after, complete=page.complete)


@ROUTER.get("/latest", responses=problems(401, 403, 422, 429, 503))
async def latest(_actor: Reader, stored: Stored) -> Statuses:
    """Return the last status of each junction that has sent one."""
    found = await stored.latest_of_all()
    return Statuses(statuses=[_out(found[key]) for key in sorted(found)])
