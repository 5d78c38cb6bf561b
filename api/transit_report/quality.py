"""What a record is, and what is to be known before its figures are believed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from api.pages import counted, number
from api.transit_report.texts import percent
from transit.coded import NONE
from transit.definitions import named
from transit.problems import Severity
from transit.punctuality import figures_of
from transit.visit_facts import Fate
from transit.visits import Relationship

if TYPE_CHECKING:
    from transit.records import Record
    from transit.visit_facts import VisitFacts

__all__ = ["head", "quality"]

_EPOCH = date(1970, 1, 1)
_MOST_PROBLEMS = 100
_FATES = {
    Fate.SEEN: "seen",
    Fate.LOST: "lost: told as skipped, or of a trip that was dropped or cut",
    Fate.UNKNOWN: "unknown: due, and nobody knows",
    Fate.EXTRA: "extra: not in the timetable",
}


def head(record: Record, facts: VisitFacts, title: str | None, day: date) -> dict[str, Any]:
    """Return the texts above the figures."""
    visits = record.visits
    days = [_EPOCH + timedelta(days=int(visits.day[at()])) for at in (visits.day.argmin, visits.day.argmax)]
    span = str(days[0]) if days[0] == days[1] else f"{days[0]} to {days[1]}"
    facts_shown = [span, counted(len(visits), "stop visit")]
    if facts.trips:
        facts_shown.append(counted(facts.trips, "trip"))
    routes, stops = (
        len(np.unique(column.code[column.code != NONE])) for column in (visits.route, visits.stop)
    )
    facts_shown += [counted(routes, "route"), counted(stops, "stop"), f"hours of {visits.zone}"]
    return {
        "title": title or f"Punctuality: {record.name}",
        "record": record.name,
        "facts": facts_shown,
        "date": str(day),
    }


def quality(record: Record, facts: VisitFacts) -> dict[str, Any]:
    """Return what is known of a record, and what is wrong with it."""
    visits, total = record.visits, len(record.visits)
    moment = facts.moment
    put_aside = next(iter(figures_of(facts, (), named(["deviation-put-aside"]))))
    fates = Counter(facts.fate.tolist())
    kinds = Counter(visits.relationship.tolist())
    rows = [
        ("Visits", total, 1.0),
        *((f"Visits {_FATES[fate]}", fates[fate], fates[fate] / total) for fate in Fate),
        *(
            (f"Visits that the source calls {kind.name.lower()}", kinds[kind], kinds[kind] / total)
            for kind in Relationship
        ),
        _share("Visits without a planned time", ~np.isfinite(moment.scheduled_s)),
        _share("Visits without a trip", visits.trip.code == NONE),
        _share("Visits without a vehicle", visits.vehicle.code == NONE),
        _share("Visits of a route that is not known", visits.route.code == NONE),
        (
            "Deviations put aside, more than 60 min early or 120 min late",
            put_aside.numerator,
            put_aside.value or 0.0,
        ),
    ]
    severities = Counter(str(problem.severity) for problem in record.problems)
    errors, warnings = severities[Severity.ERROR], severities[Severity.WARNING]
    return {
        "rows": [
            {"what": what, "count": number(count, 0), "share": percent(share)} for what, count, share in rows
        ],
        "span": _span(facts),
        "positions": [
            {"fate": fate.replace("_", " "), "count": number(count, 0)}
            for fate, count in sorted(record.fates.items(), key=lambda item: -item[1])
        ],
        "errors": number(errors, 0),
        "warnings": number(warnings, 0),
        "problems": [_problem(problem) for problem in record.problems[:_MOST_PROBLEMS]],
        "more": max(0, len(record.problems) - _MOST_PROBLEMS),
    }


def _share(what: str, rows: Any) -> tuple[str, int, float]:
    return what, int(np.count_nonzero(rows)), float(np.mean(rows))


def _problem(problem: Any) -> dict[str, str]:
    line = str(problem.line) if problem.line else ""
    return {**problem._asdict(), "severity": str(problem.severity), "line": line}


def _span(facts: VisitFacts) -> str:
    """Return from when to when visits were seen, by the local clock."""
    seen = facts.moment.actual_s[np.isfinite(facts.moment.actual_s)]
    if not len(seen):
        return "none seen"
    zone = ZoneInfo(facts.visits.zone)
    first, last = (
        f"{datetime.fromtimestamp(float(at), tz=UTC).astimezone(zone):%Y-%m-%d %H:%M}"
        for at in (seen.min(), seen.max())
    )
    return f"{first} to {last}"
