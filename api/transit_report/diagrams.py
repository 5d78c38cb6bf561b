"""String lines of the report: which routes, in which rows, and what is told of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from api.pages import counted, number
from api.transit_report.drawing import diagram, strips
from api.transit_report.tables import named_label
from transit.string_lines import string_lines

if TYPE_CHECKING:
    from transit.string_lines import StringLines
    from transit.visit_facts import VisitFacts

__all__ = ["called", "diagrams", "directions_of", "seen_of", "shown_diagram"]

_MOST = 8


def directions_of(facts: VisitFacts, route: str) -> list[int]:
    """Return the directions in which a route has trips that can be drawn."""
    own = facts.visits.route.is_any([route]) & (facts.line >= 0) & (facts.trip >= 0)
    own &= np.isfinite(facts.moment.scheduled_s) | np.isfinite(facts.moment.actual_s)
    return [int(direction) for direction in np.unique(facts.visits.direction[own])]


def diagrams(
    facts: VisitFacts, routes: Sequence[str], names: Mapping[str, str], *, required: bool
) -> list[dict[str, Any]]:
    """Return the diagrams of some routes.

    Parameters
    ----------
    required
        Whether a route without trips is an error, because somebody asked for it.
    """
    found = []
    for route in routes:
        directions = directions_of(facts, route) or ([-1] if required else [])
        found += [string_lines(facts, route, direction) for direction in directions]
    return [shown_diagram(lines, names) for lines in found[:_MOST]]


def shown_diagram(lines: StringLines, names: Mapping[str, str]) -> dict[str, Any]:
    """Return one diagram with its text."""
    title = f"Route {lines.route}" + (f", direction {lines.direction}" if lines.direction >= 0 else "")
    facts = seen_of(lines)
    label = f"String lines of {title} on {lines.day}: {', '.join(facts)}"
    shown = called(lines, names)
    rows = [diagram(shown, strip, label) for strip in strips([shown])]
    return {"title": title, "day": str(lines.day), "facts": facts, "rows": rows}


def called(lines: StringLines, names: Mapping[str, str]) -> StringLines:
    """Return the same with the names of its stops."""
    return replace(lines, stops=tuple(named_label(stop, names) for stop in lines.stops))


def seen_of(lines: StringLines) -> list[str]:
    """Return what is told of a diagram: how many trips were seen, how many visits bunched and put aside."""
    seen = sum(trip.seen for trip in lines.trips)
    bunched = sum(len(trip.bunched) for trip in lines.trips)
    told = [f"{number(seen, 0)} of {counted(len(lines.trips), 'trip')} seen"]
    told.append(f"{counted(bunched, 'visit')} bunched")
    if lines.put_aside:
        told.append(f"{counted(lines.put_aside, 'visit')} put aside, more than 60 min early or 120 min late")
    return told
