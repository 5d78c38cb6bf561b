"""From records of stop visits to plain values: all that the page shows. The template sees text, numbers and drawings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from api.pages import number
from api.transit_report.bar_charts import bars, plain
from api.transit_report.diagrams import diagrams
from api.transit_report.headline import grouped, headline
from api.transit_report.heat import heat_table
from api.transit_report.quality import head, quality
from api.transit_report.tables import ranking_table, waits
from api.transit_report.texts import compared_rows, kpi
from traffic.errors import InputError
from transit.comparing import compared
from transit.definitions import named
from transit.distributions import deviation_histogram, headway_histogram
from transit.heat_maps import heat_map
from transit.punctuality import figures_of
from transit.visit_facts import VisitFacts
from transit.worst import LEAST, worst

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from transit.comparing import Comparison, Unit
    from transit.definitions import Definition
    from transit.distributions import Histogram
    from transit.goals import Goal
    from transit.heat_maps import HeatMap
    from transit.records import Record
    from transit.worst import Ranking

__all__ = ["CHOSEN", "Wanted", "content"]

CHOSEN = (
    "on-time-visits",
    "on-time-visits-seen",
    "on-time-timepoints",
    "regularity-dispatch",
    "headway-within-50",
    "headway-cv",
    "wait",
    "scheduled-wait",
    "excess-wait",
    "trips-dropped",
    "trips-cut",
    "deviation-p05",
    "deviation-p50",
    "deviation-p95",
)
"""Definitions that the report shows where none are chosen."""

_MOST_ROUTES, _MOST_STOPS, _WORST_DRAWN = 60, 40, 3
_BESIDE = ("deviation-p50", "headway-within-50", "headway-cv", "excess-wait")
_WAITS = ("wait", "scheduled-wait", "excess-wait")


@dataclass(frozen=True)
class Wanted:
    """What the report is to show.

    Attributes
    ----------
    definitions
        The first share of them ranks routes and stops and colours the heat maps.
    goals
        Of some of them.
    routes
        String lines of these; none for the worst ones.
    least
        Fewer visits do not rank.
    date
        That the page carries; the same records, date and seed give the same bytes.
    seed
        Of the bootstrap.
    unit
        What the bootstrap draws; `None` for days where there are enough of them, else trips.
    """

    date: dt.date
    definitions: tuple[Definition, ...] = field(default_factory=lambda: named(CHOSEN))
    goals: tuple[Goal, ...] = ()
    routes: tuple[str, ...] = ()
    least: int = LEAST
    title: str | None = None
    seed: int = 0
    unit: Unit | None = None

    @property
    def main(self) -> Definition:
        """The definition that ranks."""
        found = next((each for each in self.definitions if each.unit == "share"), None)
        if found is None:
            hint = "Choose a share too, such as on-time-visits: it ranks routes and stops"
            names = ", ".join(each.name for each in self.definitions)
            raise InputError("must have a share among them", field="definition", value=names, hint=hint)
        return found

    def goal(self, name: str) -> Goal | None:
        """Return the goal of a definition."""
        return next((goal for goal in self.goals if goal.definition == name), None)


def content(record: Record, wanted: Wanted, before: Record | None = None) -> dict[str, Any]:
    """Return everything that the page shows."""
    if not len(record.visits):
        hint = "Look at what is wrong with the record: jasyl transit punctuality says it"
        raise InputError("must have stop visits", file=record.name, hint=hint)
    _check_goals(wanted)
    facts, main = VisitFacts(record.visits), wanted.main
    figures = list(figures_of(facts, (), wanted.definitions))
    routes = worst(facts, ("route",), main, least=wanted.least)
    stops = worst(facts, ("stop",), main, least=wanted.least)
    goal = wanted.goal(main.name)
    beside = named(_BESIDE)
    drawn = wanted.routes or tuple(str(row.label[0]) for row in routes.rows[:_WORST_DRAWN])
    difference = None if before is None else _difference(before, facts, wanted)
    cards = [kpi(d, f, wanted.goal(d.name)) for d, f in zip(wanted.definitions, figures, strict=True)]
    (first,) = (card for card in cards if card["name"] == main.name)
    hours = worst(facts, ("hour",), main, least=wanted.least)
    ranked = [("route", routes, {}), ("stop", stops, record.stop_names), ("hour", hours, {})]
    return {
        "head": head(record, facts, wanted.title, wanted.date),
        "main": main.name,
        "headline": headline(first, main, ranked, goal, difference),
        "groups": grouped([card for card in cards if card is not first]),
        "goals": bool(wanted.goals),
        "routes": ranking_table(facts, routes, beside, {}, goal),
        "stops": ranking_table(facts, stops, beside[:1], record.stop_names, goal, most=_MOST_STOPS),
        "few": {
            "least": wanted.least,
            "routes": routes.few and number(routes.few, 0),
            "stops": stops.few and number(stops.few, 0),
        },
        "diagrams": diagrams(facts, drawn, record.stop_names, required=bool(wanted.routes)),
        "heat": _heat(facts, routes, stops, main, record),
        "distributions": _distributions(facts, drawn),
        "waits": waits(facts, named(_WAITS)),
        "quality": quality(record, facts),
        "definitions": _definitions((*wanted.definitions, *beside, *named(_WAITS))),
        "compared": None if before is None or difference is None else _compared(before, difference, wanted),
    }


def _check_goals(wanted: Wanted) -> None:
    names = [definition.name for definition in wanted.definitions]
    for goal in wanted.goals:
        if goal.definition not in names:
            hint = f"Choose it with --definition {goal.definition}, or set a goal for {', '.join(names)}"
            raise InputError(
                "must be of a definition that is shown", field="--goal", value=goal.definition, hint=hint
            )


def _heat(
    facts: VisitFacts, routes: Ranking, stops: Ranking, main: Definition, record: Record
) -> list[dict[str, Any]]:
    """Return the heat maps: routes by how many visits they have, stops from the worst one on."""
    (median,) = named(["deviation-p50"])
    busy = sorted(routes.rows, key=lambda row: -row.denominator)[:_MOST_ROUTES]
    shown = heat_map(facts, "route", main).labels
    of_routes = [label for label in shown if label in {row.label[0] for row in busy}]
    of_stops = [row.label[0] for row in stops.rows[:_MOST_STOPS]]
    busiest = _part(of_routes, shown, "routes, those with the most visits")
    poorest = _part(of_stops, stops.rows, "stops that rank")
    maps: list[tuple[str, HeatMap, Mapping[str, str], str]] = [
        ("Routes", heat_map(facts, "route", main, of_routes), {}, busiest),
        ("Stops, the worst first", heat_map(facts, "stop", main, of_stops), record.stop_names, poorest),
        ("Routes: how late, the median in minutes", heat_map(facts, "route", median, of_routes), {}, busiest),
    ]
    return [
        heat_table(title, found, names, part)
        for title, found, names, part in maps
        if found.labels and found.hours
    ]


def _part(some: Sequence[object], every: Sequence[object], what: str) -> str:
    """Return how many of all are shown, where that is not all."""
    return "" if len(some) == len(every) else f"{number(len(some), 0)} of {number(len(every), 0)} {what}"


def _distributions(facts: VisitFacts, routes: Sequence[str]) -> list[dict[str, Any]]:
    """Return how headways and deviations are distributed: of everything, then headways of the routes that are drawn."""
    found = [
        _distribution(
            "Headways over scheduled ones", headway_histogram(facts), "of the scheduled headway", (0.5, 1.5)
        ),
        _distribution("How late", deviation_histogram(facts), "min late", (-1.0, 5.0)),
    ]
    if len(facts.visits.route.names) > 1:
        for route in routes:
            own = headway_histogram(facts, facts.visits.route.is_any([route]))
            title = f"Headways of route {route} over scheduled ones"
            found.append(_distribution(title, own, "of the scheduled headway", (0.5, 1.5)))
    return [each for each in found if each["total"] != "0"]


def _distribution(title: str, histogram: Histogram, unit: str, good: tuple[float, float]) -> dict[str, Any]:
    total = max(histogram.total, 1)
    edges = list(zip(histogram.edges[:-1].tolist(), histogram.edges[1:].tolist(), strict=True))
    inside = sum(
        int(count)
        for (low, high), count in zip(edges, histogram.counts, strict=True)
        if low >= good[0] and high <= good[1]
    )
    told = f"{number(100.0 * inside / total, 0)} % from {plain(good[0])} to {plain(good[1])} {unit}"
    rows = [
        {
            "low": "" if np.isinf(low) else plain(low),
            "high": "" if np.isinf(high) else plain(high),
            "count": number(count, 0),
            "share": number(100.0 * count / total, 1),
        }
        for (low, high), count in zip(edges, histogram.counts.tolist(), strict=True)
        if count
    ]
    return {
        "title": title,
        "unit": unit,
        "total": number(histogram.total, 0),
        "told": told,
        "svg": bars(histogram, unit, f"{title}: {told}", good),
        "rows": rows,
    }


def _definitions(shown: Sequence[Definition]) -> list[dict[str, str]]:
    """Return each definition once, in words."""
    units = {"share": "share", "s": "s", "1": "ratio"}
    once = {definition.name: definition for definition in shown}
    return [
        {"name": each.name, "unit": units[each.unit], "says": each.says, "source": each.source}
        for each in once.values()
    ]


def _difference(before: Record, facts: VisitFacts, wanted: Wanted) -> Comparison:
    if not len(before.visits):
        raise InputError("must have stop visits", file=before.name, field="--before")
    generator = np.random.default_rng(wanted.seed)
    return compared(VisitFacts(before.visits), facts, wanted.definitions, generator, unit=wanted.unit)


def _compared(before: Record, found: Comparison, wanted: Wanted) -> dict[str, Any]:
    return {
        "head": head(before, VisitFacts(before.visits), None, wanted.date),
        "rows": compared_rows(found),
        "unit": str(found.unit),
        "clusters": [number(count, 0) for count in found.clusters],
        "draws": number(found.draws, 0),
    }
