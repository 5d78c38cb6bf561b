"""From a city, its plans and the runs of the flow model to plain values: all that the page shows.

Only this module, and those that it calls (`measures`, `roadmap`, `junction_pages`, `corridor_pages`), know
the classes of Jasyl; the templates and scripts of the page see text and numbers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from api.pages import number
from api.report.corridor_pages import corridor_page
from api.report.figures import definitions, totals
from api.report.head import head
from api.report.junction_pages import JunctionPages
from api.report.measures import Case, measure
from api.report.roadmap import Frame, map_data
from signals.corridors import find_corridors
from signals.paths import movement_paths
from traffic.errors import InputError
from traffic.network import JunctionKind

if TYPE_CHECKING:
    import datetime as dt

    from scenarios.loader import City
    from signals.plan import PlanSet
    from traffic.flow import FlowResult
    from traffic.network import RoadNetwork

__all__ = ["Report", "report"]

_WORST = 11
_FEW = 3
_SERVICE = "ABCDEF"
_DASH = " \N{EN DASH} "


@dataclass(frozen=True)
class Report:
    """What the page is made of: `text` for the template, `data` for the scripts."""

    text: dict[str, Any]
    data: dict[str, Any]


def report(
    city: City,
    plans: PlanSet,
    *,
    before: PlanSet | None,
    result: FlowResult,
    result_before: FlowResult | None,
    date: dt.date,
    seed: int | None,
    scale: float,
) -> Report:
    """Return everything that the report shows."""
    network = city.network
    _check(network, plans, result)
    cases = [measure("Plans", network, plans, result)]
    if before is not None and result_before is not None:
        _check(network, before, result_before)
        cases = [replace(cases[0], name="After")]
        cases.append(measure("Before", network, before, result_before))
    frame = Frame(network)
    pages = JunctionPages(network, frame, cases, movement_paths(network, city.scenario.settings()))
    junctions = [pages.page(junction) for junction in city.junctions]
    corridors = [corridor_page(network, corridor, cases) for corridor in find_corridors(network)]
    data = {
        "title": city.scenario.title,
        "cases": [case.name for case in cases],
        "names": list(network.names),
        "map": map_data(network, frame, cases),
        "junctions": junctions,
        "corridors": corridors,
    }
    rows = [_junction_row(junction) for junction in junctions]
    text = {
        "head": head(city, cases, minutes=result.duration_s / 60, date=date, seed=seed, scale=scale),
        "limit": _limit(city, junctions),
        "compared": len(cases) > 1,
        "totals": totals(cases),
        "definitions": definitions(),
        "service": _service(junctions, cases),
        "junctions": sorted(rows, key=lambda row: (-row["rank"], row["key"])),
        "worst": sorted(rows, key=lambda row: (-row["rank"], row["key"]))[:_WORST],
        "corridors": _corridor_rows(corridors, junctions),
    }
    return Report(text=text, data=data)


def _check(network: RoadNetwork, plans: PlanSet, result: FlowResult) -> None:
    if plans.network_name != network.name:
        rule = f"must be plans of the network {network.name!r}"
        raise InputError(rule, field="network_name", value=plans.network_name)
    for field, values, rows in (
        ("plans", plans.plans, len(network.junctions)),
        ("result.link_inflow_veh", result.link_inflow_veh, len(network.links)),
        ("result.movement_veh", result.movement_veh, len(network.movements)),
    ):
        if len(values) != rows:
            raise InputError(f"must have {rows} rows", field=field, value=len(values))


def _limit(city: City, junctions: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the junction whose least cycle is the longest; none where that is the shortest cycle allowed."""
    longest = max(junctions, key=lambda page: int(page["cases"][0]["lc"]), default=None)
    if longest is None or longest["cases"][0]["lc"] <= city.scenario.settings().cycle_min_s:
        return None
    cycle = longest["cases"][0]["lc"]
    others = sum(page["cases"][0]["lc"] == cycle for page in junctions) - 1
    return {"key": longest["k"], "name": longest["n"], "cycle": cycle, "others": others}


def _junction_row(page: dict[str, Any]) -> dict[str, Any]:
    """Return one row of the table of junctions, as text."""
    shown = page["cases"][0]
    flow, x, delay, los, stops, queue, hours = shown["all"]
    row: dict[str, Any] = {
        "key": page["k"],
        "name": page["n"],
        "kind": "crossing" if page["t"] == JunctionKind.CROSSING else "intersection",
        "rank": hours,
        "los": los,
        "delay": number(delay, 1),
        "total": number(hours, 1),
        "x": number(x / 100, 2),
        "flow": number(flow, 0),
        "stops": number(stops, 2),
        "queue": number(queue, 0),
        "cycle": shown["c"],
        "offset": shown["o"],
        "stages": len(shown["st"]),
        "least": shown["lc"],
    }
    if len(page["cases"]) > 1:
        old = page["cases"][1]["all"]
        row["delay_before"], row["x_before"] = number(old[2], 1), number(old[1] / 100, 2)
        row["change"] = number(delay - old[2], 1, signed=True)
    return row


def _service(junctions: list[dict[str, Any]], cases: list[Case]) -> list[dict[str, Any]]:
    """Return how many junctions have each level of service, for each case."""
    found = [Counter(page["cases"][k]["all"][3] for page in junctions) for k in range(len(cases))]
    most = max((count for counter in found for count in counter.values()), default=1)
    rows = []
    for position, los in enumerate(_SERVICE):
        bars = [
            {
                "name": case.name,
                "kind": case.name.lower(),
                "count": counter[los],
                "width": 85 * counter[los] // most,
            }
            for case, counter in zip(cases, found, strict=True)
        ]
        rows.append({"los": los, "bin": position, "bars": bars})
    return rows


def _corridor_rows(corridors: list[dict[str, Any]], junctions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the table of corridors: one for each path."""
    rows = []
    for index, corridor in enumerate(corridors):
        for position, path in enumerate(corridor["paths"]):
            ends = [junctions[corridor["j"][path["stops"][k]]]["n"] for k in (0, -1)]
            found = [case[position] for case in corridor["cases"]]
            row = {
                "index": index,
                "name": corridor["n"] or "Unnamed road",
                "ends": _DASH.join(ends),
                "junctions": len(path["stops"]),
                "length": number(path["d"][-1] / 1000, 1),
                "cycle": _cycles(found[0]["c"]),
                "direction": path["dir"],
                "least": max(junctions[corridor["j"][stop]]["cases"][0]["lc"] for stop in path["stops"]),
            }
            stretches = len(path["stops"]) - 1
            for suffix, case in zip(("", "_before"), found, strict=False):
                row[f"band{suffix}"] = number(case["width"], 1) if "width" in case else _DASH.strip()
                row[f"links{suffix}"] = number(100 * case["links"] / stretches, 0)
            rows.append(row)
    return rows


def _cycles(cycles_s: list[int]) -> str:
    """Return the cycles of a corridor, or their range where they are many."""
    different = sorted(set(cycles_s))
    if len(different) <= _FEW:
        return ", ".join(map(str, different))
    return f"{different[0]}\N{EN DASH}{different[-1]}"
