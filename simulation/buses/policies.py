"""The policies that a city may choose from, each alone and all together, on generated days."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scenarios.bus_day import BusSettings, build_bus_day
from signals.priority import PriorityRules
from simulation.buses.replay import Policy
from simulation.buses.riders import dispatching_of
from simulation.buses.service import Service
from simulation.buses.street import Fortune
from simulation.buses.study import Outcome, Variant, signals_of, study
from simulation.rivals import isolated_webster
from traffic.errors import InputError
from transit.dispatching import HeadwayHolding, OnSchedule, ScheduleHolding, SelfEqualising

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from scenarios.loader import City
    from signals.plan import PlanSet
    from simulation.buses.desk import Dispatching
    from simulation.buses.study import Signals
    from traffic.progress import Progress

__all__ = ["CALIBRATED", "Comparison", "compared", "variants"]

CALIBRATED = Fortune()
"""The luck of the generated city: with it, and nothing done, 60 % of departures are from 1 min early to 5 min late."""

_EARLY_S = 30.0


class Comparison(NamedTuple):
    """Figures by variant and seed."""

    trips: int
    vehicles: int
    stop_visits: int
    outcomes: dict[str, list[Outcome]]

    def rows(self) -> list[dict[str, object]]:
        """Return a row for each variant: means over the days."""
        return [{"variant": name, **_means(found)} for name, found in self.outcomes.items()]

    def document(self) -> dict[str, Any]:
        """Return means and standard deviations as plain values."""
        return {
            "label": "generated",
            "definition": "departures from 1 min early to 5 min late, at all stops",
            "trips": self.trips,
            "vehicles": self.vehicles,
            "stop_visits": self.stop_visits,
            "seeds": len(next(iter(self.outcomes.values()))),
            "variants": {
                name: {"mean": _means(found), "sd": _deviations(found)}
                for name, found in self.outcomes.items()
            },
        }


def _means(found: list[Outcome]) -> dict[str, float]:
    return dict(zip(Outcome._fields, np.array(found).mean(axis=0).round(4).tolist(), strict=True))


def _deviations(found: list[Outcome]) -> dict[str, float]:
    spread = np.array(found).std(axis=0, ddof=1) if len(found) > 1 else np.zeros(len(Outcome._fields))
    return dict(zip(Outcome._fields, spread.round(4).tolist(), strict=True))


def variants(now: Signals, better: Signals | None, dispatching: Dispatching | None = None) -> list[Variant]:
    """Return the city untouched, what may be done about it, one by one, and all of it together.

    Parameters
    ----------
    dispatching
        The optimising dispatcher, where it is to be among them.
    """
    rules, hold, leave = PriorityRules(), ScheduleHolding(early_s=_EARLY_S), OnSchedule()
    dispatch = Policy(starting=leave, holding=hold)
    alone = [
        Variant("untouched", now),
        Variant("signal priority", now, priority=rules),
        Variant("terminal discipline", now, Policy(starting=leave)),
        Variant("schedule holding", now, Policy(holding=hold)),
        Variant("headway holding", now, Policy(starting=leave, holding=HeadwayHolding())),
        Variant("self-equalising", now, Policy(starting=leave, holding=SelfEqualising())),
        Variant("extra vehicles", now, Policy(starting=leave, spares=1)),
        Variant("dispatch control", now, dispatch),
        Variant("dispatch control, priority", now, dispatch, rules),
    ]
    if dispatching is not None:
        best = Policy(starting=leave, dispatch=dispatching)
        alone += [
            Variant("optimising dispatcher", now, best),
            Variant("optimising dispatcher, extra vehicles", now, replace(best, spares=1)),
        ]
    if better is None:
        return alone
    return [*alone, Variant("other signals", better), Variant("all together", better, dispatch, rules)]


def compared(
    city: City,
    day: date,
    *,
    vehicles: int,
    seeds: int,
    better: PlanSet | None = None,
    breakdowns: int = 0,
    only: Sequence[str] = (),
    progress: Progress | None = None,
) -> Comparison:
    """Run generated days over Webster's plans, and `better` ones where there are some, under each policy.

    Parameters
    ----------
    breakdowns
        So many vehicles break down on each day, and are out for the rest of it.
    only
        Names of the variants that are run; default: all.
    """
    made = build_bus_day(city.network, BusSettings(vehicles=vehicles), day)
    service = Service.of(made.timetable, made.day)
    now = isolated_webster(city.network, city.junctions, city.demand)
    hours = made.lines.traffic_by_hour
    signals = [None if p is None else signals_of(city.network, p, city.demand, hours) for p in (now, better)]
    assert signals[0] is not None
    found = study(
        service,
        made.lines,
        _chosen(variants(signals[0], signals[1], dispatching_of(service, made.lines)), only),
        fortune=CALIBRATED,
        seeds=range(1, seeds + 1),
        breakdowns=breakdowns,
        progress=progress,
    )
    return Comparison(len(service), made.vehicles, len(service.call), found)


def _chosen(found: list[Variant], only: Sequence[str]) -> list[Variant]:
    names = [variant.name for variant in found]
    for name in only:
        if name not in names:
            raise InputError(
                "must be a variant", field="only", value=name, hint=f"One of: {', '.join(names)}"
            )
    return [variant for variant in found if not only or variant.name in only]
