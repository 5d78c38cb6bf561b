"""The policies that a city may choose from, each alone and all together, on generated days."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scenarios.bus_service import bus_day_of
from signals.priority import PriorityRules
from simulation.buses.aboard import riders_of
from simulation.buses.replay import Policy
from simulation.buses.results import planned_visits, replayed_visits
from simulation.buses.riders import dispatching_of
from simulation.buses.service import Service
from simulation.buses.street import Fortune
from simulation.buses.study import Days, Outcome, Variant, signals_of, study
from simulation.rivals import isolated_webster
from traffic.errors import InputError
from transit.dispatching import Exchange, HeadwayHolding, OnSchedule, ScheduleHolding, SelfEqualising
from transit.ridership import Ridership, RidershipRules, ridership
from transit.tap_files import read_taps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from numpy.typing import NDArray

    from scenarios.loader import City
    from signals.plan import PlanSet
    from simulation.buses.desk import Dispatching
    from simulation.buses.study import Runs, Signals
    from traffic.progress import Progress
    from transit.visits import StopVisits

__all__ = ["CALIBRATED", "Comparison", "Ridden", "chosen", "compared", "variants"]

CALIBRATED = Fortune()
"""The luck of the generated city: with it, and nothing done, 60 % of visits are on time (`on-time-visits`)."""

_EARLY_S = 30.0
_EXTENSIONS = PriorityRules(least_late_s=0.0, extension_s=20.0, early_s=0.0)
_MOST_OPTIMISED = 500


class Ridden(NamedTuple):
    """A file of taps, by vehicle (block) or by route and stop, and how many board for each tap."""

    path: Path
    expansion: float = 1.0


class Comparison(NamedTuple):
    """Figures by variant and seed.

    Attributes
    ----------
    days
        What was run.
    label
        What must be shown with every figure.
    figures
        Those that can be told.
    matched
        Part of the ways of buses that is in the network.
    taps
        What became of taps, where there were any.
    """

    trips: int
    vehicles: int
    stop_visits: int
    outcomes: dict[str, list[Outcome]]
    days: Runs
    label: str = "generated"
    figures: tuple[str, ...] = Outcome._fields
    matched: float = 1.0
    taps: dict[str, float] | None = None

    def rows(self) -> list[dict[str, object]]:
        """Return a row for each variant: means over the days."""
        return [{"variant": name, **row["mean"]} for name, row in self.by_variant().items()]

    def by_variant(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return mean and standard deviation over the days of each figure of each variant."""
        return {name: self._spread(self._table(name)) for name in self.outcomes}

    def changed(self, name: str, before: str = "untouched") -> dict[str, dict[str, float]]:
        """Return mean and standard deviation of the differences that a variant makes, day by day, to another one."""
        return self._spread(self._table(name) - self._table(before))

    def first_day(self) -> dict[str, StopVisits]:
        """Run the day of the first seed anew under each variant, and return its stop visits."""
        variants = enumerate(self.days.variants)
        return {variant.name: replayed_visits(self.days.run((1, k))[0]) for k, variant in variants}

    def document(self) -> dict[str, Any]:
        """Return means and standard deviations as plain values."""
        taps = {} if self.taps is None else {"taps": self.taps}
        return {
            "label": self.label,
            "definition": "on-time-visits",
            "trips": self.trips,
            "vehicles": self.vehicles,
            "stop_visits": self.stop_visits,
            "ways_in_network": round(self.matched, 4),
            **taps,
            "seeds": len(next(iter(self.outcomes.values()))),
            "variants": self.by_variant(),
        }

    def _table(self, name: str) -> NDArray[np.float64]:
        """Return the figures of every day under a variant; shape (days, figures)."""
        return np.array([[getattr(one, figure) for figure in self.figures] for one in self.outcomes[name]])

    def _spread(self, rows: NDArray[np.float64]) -> dict[str, dict[str, float]]:
        """Return mean and standard deviation over the days, which is 0 where there is one day."""
        sd = rows.std(axis=0, ddof=1) if len(rows) > 1 else np.zeros(len(self.figures))
        found = {"mean": rows.mean(axis=0), "sd": sd}
        return {
            part: dict(zip(self.figures, row.round(4).tolist(), strict=True)) for part, row in found.items()
        }


def variants(
    now: Signals | None, better: Signals | None, dispatching: Dispatching | None = None
) -> list[Variant]:
    """Return the city untouched, what may be done about it, one by one, and all of it together.

    Parameters
    ----------
    now
        The plans in force; `None` where nothing is known of signals.
    dispatching
        The optimising dispatcher, where it is to be among them.
    """
    hold, leave, ahead = ScheduleHolding(early_s=_EARLY_S), OnSchedule(), OnSchedule(early_s=_EARLY_S)
    dispatch = Policy(starting=ahead, holding=hold, exchange=Exchange())
    in_time = replace(dispatch, starting=leave)
    nothing_ahead = replace(in_time, holding=ScheduleHolding())
    alone = [
        Variant("untouched", now),
        Variant("signal priority", now, priority=_EXTENSIONS),
        Variant("extensions and early greens", now, priority=PriorityRules()),
        Variant("terminal discipline", now, Policy(starting=leave)),
        Variant("time in hand", now, Policy(starting=ahead)),
        Variant("exchanged trips", now, Policy(starting=leave, exchange=Exchange())),
        Variant("schedule holding", now, Policy(holding=hold)),
        Variant("headway holding", now, Policy(starting=leave, holding=HeadwayHolding())),
        Variant("self-equalising", now, Policy(starting=leave, holding=SelfEqualising())),
        Variant("extra vehicles", now, Policy(starting=leave, spares=1)),
        Variant("dispatch control", now, dispatch),
        Variant("dispatch control, nothing ahead", now, nothing_ahead),
        Variant("dispatch control, priority", now, dispatch, _EXTENSIONS),
    ]
    if dispatching is not None:
        best = Policy(starting=leave, dispatch=dispatching)
        alone += [
            Variant("optimising dispatcher", now, best),
            Variant("optimising dispatcher, extra vehicles", now, replace(best, spares=1)),
        ]
    if better is None:
        return alone
    return [
        *alone,
        Variant("other signals", better),
        Variant("all together", better, dispatch, _EXTENSIONS),
        Variant("all together, no time in hand", better, in_time, _EXTENSIONS),
        Variant("all together, nothing ahead", better, nothing_ahead, _EXTENSIONS),
    ]


def compared(
    city: City,
    day: date | None = None,
    *,
    vehicles: int,
    seeds: int,
    better: PlanSet | None = None,
    breakdowns: int = 0,
    only: Sequence[str] = (),
    ridden: Ridden | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Comparison:
    """Run days over Webster's plans, and `better` ones where there are some, under each policy.

    Parameters
    ----------
    day, vehicles
        As in `scenarios.bus_service.bus_day_of`.
    breakdowns
        So many vehicles break down on each day, and are out for the rest of it.
    only
        Names of the variants that are run; default: all, but the optimising dispatcher for 500 vehicles at most, as it takes
        long.
    ridden
        Taps by which passengers come; default: generated ones.
    workers
        Processes that share the runs; the figures do not depend on it.
    """
    made = bus_day_of(city, vehicles=vehicles, day=day)
    service = Service.of(made.timetable, made.day)
    now = isolated_webster(city.network, city.junctions, city.demand)
    riders = None if ridden is None else _ridership(service, ridden)
    hours = made.lines.traffic_by_hour
    signals = [None if p is None else signals_of(city.network, p, city.demand, hours) for p in (now, better)]
    assert signals[0] is not None
    optimised = dispatching_of(service, made.lines) if only or made.vehicles <= _MOST_OPTIMISED else None
    days = Days(
        service,
        made.lines,
        chosen(variants(signals[0], signals[1], optimised), only),
        CALIBRATED,
        None if riders is None else riders_of(service, riders),
        breakdowns,
    )
    found = study(days, seeds=range(1, seeds + 1), workers=workers, progress=progress)
    counts = None if riders is None else riders.counts()
    label = made.label if riders is None else f"{made.label}; boardings from taps, alightings estimated"
    return Comparison(
        len(service), made.vehicles, len(service.call), found, days, label, matched=made.matched, taps=counts
    )


def chosen(found: Sequence[Variant], only: Sequence[str], *, why: str = "") -> tuple[Variant, ...]:
    """Return the variants that are named, all where none is.

    Parameters
    ----------
    why
        What is said, where one is not known, of others that there could be.
    """
    names = [variant.name for variant in found]
    for name in only:
        if name not in names:
            hint = f"One of: {', '.join(map(repr, names))}{why}"
            raise InputError("must be a variant", field="--only", value=name, hint=hint)
    return tuple(variant for variant in found if not only or variant.name in only)


def _ridership(service: Service, ridden: Ridden) -> Ridership:
    """Return the passengers of taps, on vehicles that run as planned."""
    zone = service.timetable.zone
    taps = read_taps(ridden.path, zone=zone).taps
    rules = RidershipRules(expansion=ridden.expansion)
    return ridership(planned_visits(service), taps, service.timetable.stops, rules)
