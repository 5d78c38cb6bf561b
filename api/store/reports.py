"""What controllers report: status, faults and events, each junction's numbered by itself, each kept once.

A controller sends what was not accepted again, with the same numbers; what was stored before is passed over. A controller
that lost its count is told by the answer where to go on from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.store.chain import canonical, stamp, to_milliseconds
from api.store.connection import Store
from api.store.errors import StoreDamaged
from api.store.scripts import ACCEPT_REPORTS
from traffic.errors import InputError

__all__ = ["KINDS", "MOST_BYTES", "Accepted", "Page", "Report", "Reports", "StoredReport", "stored_report"]

KINDS = ("status", "fault", "event")

_HIGHEST_NUMBER = 2**53 - 1
_MOST_REPORTS = 1000
MOST_BYTES = 4 * 2**20
"""How long the reports of a batch may be together, as they are stored."""
_MOST_BYTES_EACH = 64 * 2**10
_CHUNK, _MOST_SCANNED = 1000, 20_000
_MOST_READ = 1000
_POSITION = re.compile(r"(\d{1,20})-(\d{1,20})", re.ASCII)
_POSITIONS = range(2**63)  # Redis takes no position after the greatest


@dataclass(frozen=True, slots=True)
class Report:
    """A report as a controller sends it.

    Parameters
    ----------
    number
        Rises from report to report of a junction.
    kind
        One of `KINDS`.
    at
        When, by the controller's clock.
    data
        The particulars, of what JSON has.
    """

    number: int
    kind: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report as it was stored.

    Parameters
    ----------
    position
        Where it is among all reports; None where it was read as the last status of its junction.
    junction, number, kind, at, data
        See `Report`.
    received
        When it was accepted, by the clock of the service.
    """

    position: str | None
    junction: str
    number: int
    kind: str
    at: datetime
    received: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch of reports.

    Parameters
    ----------
    until
        The highest number that is stored; the controller may forget reports up to it.
    new
        How many of the batch were not stored before.
    missing
        How many numbers were passed over: reports that will never come.
    """

    until: int
    new: int
    missing: int


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the reports.

    Parameters
    ----------
    reports
        The reports, oldest first.
    after
        Where the next page begins; the same as before where there is nothing new.
    complete
        Whether this page reaches the newest report.
    """

    reports: tuple[StoredReport, ...]
    after: str
    complete: bool


async def _unrationed(_size: int) -> None:
    """Let everything in."""


class Reports:
    """The reports of all controllers.

    Parameters
    ----------
    redis
        Where they are.
    name
        What the keys in Redis begin with.
    clock
        Gives the time (with time zone).
    """

    def __init__(self, redis: Store, *, name: str = "jasyl", clock: Callable[[], datetime]) -> None:
        self._redis = redis
        self._clock = clock
        self.stream = f"{name}:reports"
        self._numbers, self._latest = f"{name}:reports:accepted", f"{name}:reports:latest"

    async def accept(
        self,
        junction: str,
        reports: Sequence[Report],
        *,
        admit: Callable[[int], Awaitable[None]] = _unrationed,
    ) -> Accepted:
        """Store the reports that are not stored yet: all of them, or none.

        Parameters
        ----------
        admit
            Is told how many bytes are to be stored, and raises where that is too much now. What must not be lost with the
            answer is done here: what is stored counts as known when it is sent again.

        Raises
        ------
        InputError
            For a report that breaks a rule; nothing of the batch is stored.
        StoreUnavailable
            When Redis is away; the batch can be sent again.
        """
        _require_batch(junction, reports)
        received = to_milliseconds(self._clock())
        arguments: list[str | bytes | int] = [junction]
        for position, report in enumerate(reports):
            arguments += (report.number, report.kind, _body(junction, report, received, position))
        size = sum(len(part) for part in arguments if isinstance(part, bytes))
        if size > MOST_BYTES:
            rule = f"must be at most {MOST_BYTES} bytes together"
            raise InputError(
                rule, field="reports", value=f"{size} bytes", hint="Send them in several batches"
            )
        await admit(size)
        keys = (self.stream, self._numbers, self._latest)
        answer = await self._redis.repeatedly(lambda: self._redis.run(ACCEPT_REPORTS, keys, arguments))
        return Accepted(int(answer[0]), answer[1], int(answer[2]))

    async def latest(self, junction: str) -> StoredReport | None:
        """Return the last status of a junction; None before the first."""
        body = await self._redis.read("HGET", self._latest, junction)
        return None if body is None else stored_report(None, body)

    async def latest_of_all(self) -> dict[str, StoredReport]:
        """Return the last status of every junction that has sent one."""
        found = await self._redis.read("HGETALL", self._latest)
        return {
            name.decode(): stored_report(None, body)
            for name, body in zip(found[::2], found[1::2], strict=True)
        }

    async def accepted_until(self, junction: str) -> int:
        """Return the highest number of a junction that is stored; 0 before the first."""
        return int(await self._redis.read("HGET", self._numbers, junction) or 0)

    async def read(self, after: str = "0-0", *, junction: str | None = None, limit: int = 100) -> Page:
        """Return the reports after a position that are not archived yet.

        Parameters
        ----------
        after
            `Page.after` of the page before.
        junction
            Whose reports; all without.
        limit
            How many at most. A page can have fewer and not be `complete`: the rest was not of the junction.
        """
        parts = _POSITION.fullmatch(after)
        if parts is None or any(int(part) not in _POSITIONS for part in parts.groups()):
            raise InputError("must be a position that a page has given", field="after", value=after)
        if not 1 <= limit <= _MOST_READ:
            raise InputError(f"must be between 1 and {_MOST_READ}", field="limit", value=limit)
        found: list[StoredReport] = []
        for _ in range(_MOST_SCANNED // _CHUNK):
            rows = await self._redis.read("XRANGE", self.stream, f"({after}", "+", "COUNT", _CHUNK)
            for position, fields in rows:
                after = position.decode()
                report = stored_report(after, fields[1])
                if junction is None or report.junction == junction:
                    found.append(report)
                    if len(found) == limit:
                        return Page(tuple(found), after, complete=False)
            if len(rows) < _CHUNK:
                return Page(tuple(found), after, complete=True)
        return Page(tuple(found), after, complete=False)


def stored_report(position: str | None, body: bytes) -> StoredReport:
    """Return the report that is stored as `body`."""
    try:
        members = json.loads(body)
        at, received = (datetime.fromisoformat(members.pop(name)) for name in ("at", "received"))
        return StoredReport(position=position, at=at, received=received, **members)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise StoreDamaged("must be a report", where=f"report {position}", value=str(error)) from error


def _require_batch(junction: str, reports: Sequence[Report]) -> None:
    if not isinstance(junction, str) or not 1 <= len(junction) <= 200:
        raise InputError("must be text of 1 to 200 characters", field="junction", value=junction)
    if not 1 <= len(reports) <= _MOST_REPORTS:
        rule = f"must be between 1 and {_MOST_REPORTS} reports"
        raise InputError(rule, field="reports", value=len(reports), hint="Send them in several batches")
    last = 0
    for position, report in enumerate(reports):
        if type(report.number) is not int or not last < report.number <= _HIGHEST_NUMBER:
            rule = f"must be a whole number above the one before ({last}), at most {_HIGHEST_NUMBER}"
            raise InputError(rule, field=f"reports[{position}].number", value=report.number)
        last = report.number


def _body(junction: str, report: Report, received: datetime, position: int) -> bytes:
    where = f"reports[{position}]"
    if report.kind not in KINDS:
        raise InputError(f"must be one of {', '.join(KINDS)}", field=f"{where}.kind", value=report.kind)
    if report.at.tzinfo is None:
        raise InputError("must have a time zone", field=f"{where}.at", value=report.at.isoformat())
    members = {
        "at": stamp(report.at),
        "data": dict(report.data),
        "junction": junction,
        "kind": report.kind,
        "number": report.number,
        "received": stamp(received),
    }
    body = canonical(members, field=f"{where}.data")
    if len(body) > _MOST_BYTES_EACH:
        rule = f"must be at most {_MOST_BYTES_EACH} bytes as JSON"
        raise InputError(rule, field=f"{where}.data", value=f"{len(body)} bytes")
    return body
