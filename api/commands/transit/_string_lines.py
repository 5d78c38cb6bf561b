"""Time-distance diagrams of days that were run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from transit.visits import StopVisits

__all__ = ["check_lines", "draw"]

_SHOWN = 20


def check_lines(path: Path | None) -> None:
    """Refuse a file for diagrams that is of no kind that can be written."""
    if path is not None and path.suffix.lower() not in {".html", ".svg"}:
        raise InputError("must end in .html or .svg", field="--string-lines", value=path.name)


def draw(
    path: Path, days: Mapping[str, StopVisits], route: str | None, names: Mapping[str, str] | None = None
) -> None:
    """Write the string lines of a route, in the direction with the most visits, of each day.

    Parameters
    ----------
    route
        Default: that with the most visits on the first day.
    names
        Of stops, by identifier, where they are known.
    """
    import numpy as np

    from api.transit_report import write_string_lines
    from transit.string_lines import string_lines

    visits = next(iter(days.values()))
    if route is None:
        route = visits.route.names[int(np.bincount(visits.route.code[visits.route.code >= 0]).argmax())]
    own = visits.direction[visits.route.is_any([route])]
    if not len(own):
        hint = f"One of: {', '.join(sorted(visits.route.names)[:_SHOWN])}"
        raise InputError("must be a route of the day", field="--route", value=route, hint=hint)
    direction = int(np.bincount(own + 1).argmax()) - 1
    panels = {name: string_lines(found, route, direction) for name, found in days.items()}
    title = f"Route {route}" + (f", direction {direction}" if direction >= 0 else "")
    write_string_lines(path, panels, title=title, names=names)
