"""What stands at the top of the report: title, what network and demand are, which plans, and what to be wary of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from api.oversaturation import oversaturation_warning
from api.pages import number
from scenarios.schema import CountsDemand, GeneratedDemand, OdDemand

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from api.report.measures import Case
    from scenarios.loader import City

__all__ = ["head"]

_NO_CHANGE_VEH = 0.5
_FROM_OSM = ("osm", "file")
_PLANS = {
    "before": "timing sheet",
    "isolated Webster": "isolated Webster plans",
    "optimised": "optimised plans",
    "start": "isolated Webster plans, the start of a search that found nothing better",
}


def head(
    city: City, cases: Sequence[Case], *, minutes: float, date: dt.date, seed: int | None, scale: float
) -> dict[str, Any]:
    """Return the texts above the figures.

    Parameters
    ----------
    minutes
        Length of the run.
    seed
        Seed of generated demand; `None`: the scenario's own.
    scale
        Factor on the scenario's demand.
    """
    label, note = _demand(city)
    network = "generated network" if city.label == "generated" else city.label
    return {
        "title": city.scenario.title,
        "labels": [network, label],
        "notes": [_network(city), note],
        "facts": _facts(city, cases, minutes, date, seed, scale),
        "date": date.isoformat(),
        "warning": oversaturation_warning(
            {case.name.lower(): case.summary for case in cases}, minutes=minutes
        ),
    }


def _network(city: City) -> str:
    """Return what the network is, with the credit that the licence of OpenStreetMap asks for."""
    parts = [f"Network: {city.label}.", city.scenario.description.strip()]
    if city.scenario.network.kind in _FROM_OSM:
        parts.append("Map data: © OpenStreetMap contributors, Open Database License (ODbL).")
    return " ".join(part for part in parts if part)


def _facts(
    city: City, cases: Sequence[Case], minutes: float, date: dt.date, seed: int | None, scale: float
) -> list[str]:
    facts = [f"{len(city.junctions)} junctions", f"{number(minutes, 0)} min simulated"]
    facts.append(f"{number(cases[0].summary['vehicles'], 0)} vehicles")
    if scale != 1.0:
        facts.append(f"demand times {scale:g}")
    if len(cases) > 1:
        facts += [f"{case.name.lower()}: {_plans(city, case)}" for case in cases]
    if isinstance(city.scenario.demand, GeneratedDemand):
        facts.append(f"demand seed {city.scenario.demand.seed if seed is None else seed}")
    facts.append(date.isoformat())
    return facts


def _plans(city: City, case: Case) -> str:
    """Return what the plans of a case are."""
    told = _PLANS.get(case.plans.name, case.plans.name)
    if case.plans is city.before and city.left_out:
        return f"{told}, and Webster's plan at {city.left_out} junctions that it leaves out"
    return told


def _demand(city: City) -> tuple[str, str]:
    """Return a label and a note that say what the demand is and how it came about."""
    section, figures = city.scenario.demand, city.figures
    if isinstance(section, CountsDemand):
        return "counted demand", f"Counted demand: turning counts of {section.file}{_balance(city)}."
    assigned = (
        f"{number(figures['total_veh_h'], 0)} veh/h between {number(figures['zones'], 0)} zones, assigned in user "
        f"equilibrium (relative gap {figures['relative_gap']:.1e})"
        if "relative_gap" in figures
        else "assigned in user equilibrium"
    )
    if isinstance(section, OdDemand):
        return "demand of an OD matrix", f"Demand: the OD matrix {section.file}, {assigned}."
    return "generated demand", (
        "Generated demand: trips from a seeded gravity model, not counted traffic. The figures compare plans with "
        f"each other; they do not measure the city. {assigned[0].upper()}{assigned[1:]}."
    )


def _balance(city: City) -> str:
    """Return how far the counts were changed to agree with each other."""
    figures = city.figures
    if "counted_movements" not in figures:
        return ""
    return (
        f", {number(figures['counted_movements'], 0)} movements in {number(figures['intervals'], 0)} intervals of "
        f"{number(city.demand.period_s / 60, 0)} min. Balanced between junctions, {_rounds(city)}: "
        f"{number(100 * figures['changed_share'], 1)} % of the counted vehicles were added or taken away; "
        f"{_largest_change(city)}{_full_links(city)}"
    )


def _full_links(city: City) -> str:
    """Say on how many roads the estimate was cut off at what their lanes can bring."""
    full = int(city.figures.get("full_links", 0))
    if not full:
        return ""
    roads = "1 of the uncounted roads" if full == 1 else f"{full} uncounted roads"
    return f"; {roads} would have had to bring more than their lanes can, so a count there is doubtful"


def _rounds(city: City) -> str:
    """Return in how many rounds uncounted movements were guessed, and whether more would have changed much."""
    rounds, change = number(city.figures["rounds"], 0), city.figures["last_change_veh"]
    told = "by half a vehicle" if change < _NO_CHANGE_VEH else f"by more than {number(change, 1)} vehicles"
    return f"in {rounds} rounds, the last of which changed no flow {told}"


def _largest_change(city: City) -> str:
    figures, network = city.figures, city.network
    counted, balanced = figures["largest_change_counted_veh"], figures["largest_change_balanced_veh"]
    if abs(balanced - counted) < _NO_CHANGE_VEH:
        return "no count was changed by half a vehicle"
    link = network.movements.in_link[int(figures["largest_change_movement"])]
    row = np.flatnonzero(network.junctions.node == network.links.to_node[link])
    where = f" at {network.junctions.name[row[0]]}" if len(row) else ""
    return f"the largest change of one count is from {number(counted, 0)} to {number(balanced, 1)} vehicles{where}"
