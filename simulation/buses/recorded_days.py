"""A recorded day under one change at a time: days drawn from what was fitted to it, after it was tried on trips not fitted.

Running and dwelling are those of recorded trips: they do not answer to headways, so that what a policy does to boarding, and so
to bunching, is left out. Where the record says no blocks, every vehicle is ready when its trip is to begin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulation.buses.breakdowns import drawn_breakdowns
from simulation.buses.fitted import drawn, fit
from simulation.buses.policies import Comparison, chosen, variants
from simulation.buses.record import divided
from simulation.buses.replay import replay
from simulation.buses.service import Service
from simulation.buses.study import outcome, study
from simulation.buses.validation import halves, headway_cv, on_time, validate
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulation.buses.fitted import Fit
    from simulation.buses.record import RecordedDay
    from simulation.buses.replay import Replayed
    from simulation.buses.study import Outcome, Variant
    from simulation.buses.validation import Figure, Validation
    from traffic.progress import Progress

__all__ = ["Modelled", "RecordedDays", "modelled"]

_FIGURES = (
    "on_time",
    "headway_within_half",
    "wait_s",
    "excess_wait_s",
    "run_s",
    "held_s",
    "dropped",
    "cut",
    "printed_wait_s",
    "left_ahead",
    "started_ahead",
)
_WHY = ". A record says nothing of signals, nor of who waits at stops and where vehicles may turn"
_WHY_ALONE = f"{_WHY}; this one has no blocks either, which others could take over"
_READY = "; it has no blocks: vehicles are ready when their trips are to begin"
_BEFORE = "untouched"


@dataclass(frozen=True, eq=False)
class RecordedDays:
    """Days like a recorded one, to be run under each of several variants (`simulation.buses.study.Runs`).

    Attributes
    ----------
    fitted
        What the luck of a day is drawn from.
    breakdowns
        So many vehicles break down on each day, and are out for the rest of it.
    """

    service: Service
    fitted: Fit
    variants: tuple[Variant, ...]
    breakdowns: int = 0

    def __call__(self, task: tuple[int, int]) -> Outcome:
        """Return the figures of the day of one seed under one variant."""
        return outcome(self.service, self.run(task)[0])

    def run(self, task: tuple[int, int]) -> tuple[Replayed, None]:
        """Return the day of one seed under one variant; there is no priority."""
        seed, number = task
        conditions, _ = drawn(self.service, self.fitted, np.random.default_rng([seed, 33_000]))
        broken = drawn_breakdowns(self.service, self.breakdowns, np.random.default_rng([seed, 32_000]))
        return replay(self.service, conditions, self.variants[number].policy, breakdowns=broken), None


class Modelled(NamedTuple):
    """A model of a recorded day, what it is worth, and what policies do in it.

    Attributes
    ----------
    validation
        Fitted to every first trip of each route and direction, and tried on every second one.
    fitted_trips
        How many trips that were.
    fitted_on_time, fitted_cv
        The figures of these: where both halves differ by chance, so does the model from the second.
    comparison
        Days of all trips that were seen, fitted to all that were seen throughout.
    without_donor
        Trips that are not run, as none on their way was seen throughout.
    """

    validation: Validation
    fitted_trips: int
    fitted_on_time: float
    fitted_cv: float
    comparison: Comparison
    without_donor: int

    def document(self) -> dict[str, Any]:
        """Return all figures as plain values; `None` for those that there are not."""
        found, tried = self.comparison, self.validation
        return {
            "label": found.label,
            "definition": "on-time-visits",
            "trips": found.trips,
            "trips_without_donor": self.without_donor,
            "stop_visits": found.stop_visits,
            "blocks": found.vehicles,
            "seeds": len(next(iter(found.outcomes.values()))),
            "validation": {
                "fitted_trips": self.fitted_trips,
                "tested_trips": tried.trips,
                "tested_trips_without_donor": tried.without_donor,
                "on_time": _plain(tried.on_time, self.fitted_on_time),
                "headway_cv": None if tried.headway_cv is None else _plain(tried.headway_cv, self.fitted_cv),
            },
            "variants": {
                name: {**_parts(rows), **self._changed(name)} for name, rows in found.by_variant().items()
            },
        }

    def _changed(self, name: str) -> dict[str, Any]:
        """Return what a variant changes; nothing where it is not known how the days were before."""
        found = self.comparison
        known = name != _BEFORE and _BEFORE in found.outcomes
        return {"change": _parts(found.changed(name, _BEFORE))} if known else {}


def modelled(
    day: RecordedDay,
    *,
    seeds: int,
    only: Sequence[str] = (),
    breakdowns: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Modelled:
    """Try a model of a recorded day, and run days of it under each policy.

    Parameters
    ----------
    only
        Names of the variants that are run; default: all that a record allows.
    breakdowns
        So many vehicles break down on each day, and are out for the rest of it: only where the record says blocks.
    workers
        Processes that share the runs; the figures do not depend on it.
    """
    possible = _possible(day)
    wanted = chosen(possible, only, why=_WHY if day.blocks else _WHY_ALONE)
    if breakdowns and not day.blocks:
        rule = (
            "must be 0 for a record without blocks: a vehicle has one trip, and nobody could take over others"
        )
        raise InputError(rule, field="--breakdowns", value=breakdowns)
    parts = halves(day.service, day.whole)
    if not len(parts.odd) or not len(parts.even):
        rule = "must have two trips of a route and direction that were seen throughout, to fit and to try a model"
        hint = "Run it as it was: --mode trace"
        raise InputError(rule, field="RECORD", value=int(day.whole.sum()), hint=hint)
    odd, even = (day.of(np.isin(day.service.trips, half)) for half in parts)
    tried = validate(odd, even, seeds=seeds)
    fitted = fit(*day.of(day.whole))
    known = np.isin(day.service.timetable.pattern[day.service.trips], list(fitted.by_pattern))
    service = day.of(known)[0]
    first, last = service.first[:-1], service.first[1:] - 1
    service = divided(service, service.departure_s[first], service.departure_s[last])
    days = RecordedDays(service, fitted, wanted, breakdowns)
    found = study(days, seeds=range(1, seeds + 1), workers=workers, progress=progress)
    comparison = Comparison(
        len(service),
        len(service.duties) if day.blocks else 0,
        len(service.call),
        found,
        days,
        f"model fitted to the record of {service.day}{'' if day.blocks else _READY}",
        _FIGURES,
    )
    share, spread = float(on_time(*odd).mean()), headway_cv(odd[0], odd[2])
    return Modelled(tried, len(parts.odd), share, spread, comparison, int(np.count_nonzero(~known)))


def _possible(day: RecordedDay) -> list[Variant]:
    """Return what may be done without signals; where vehicles have one trip each, without what others could take over."""
    found = [one for one in variants(None, None) if one.priority is None]
    if day.blocks:
        return found
    alone = [
        replace(one, policy=replace(one.policy, exchange=None)) for one in found if not one.policy.spares
    ]
    return [
        one for place, one in enumerate(alone) if one.policy not in [each.policy for each in alone[:place]]
    ]


def _plain(figure: Figure, fitted: float) -> dict[str, Any]:
    values = _known(
        {"fitted": round(fitted, 6), **{name: round(value, 6) for name, value in figure._asdict().items()}}
    )
    return {**values, "inside": figure.inside}


def _parts(rows: dict[str, dict[str, float]]) -> dict[str, Any]:
    return {part: _known(row) for part, row in rows.items()}


def _known(row: dict[str, float]) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in row.items()}
