"""Punctuality under names: what each name means, and who published it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from traffic.errors import InputError
from transit.excess_wait import ActualWait, ExcessWait, Frequent, ScheduledWait
from transit.regularity import (
    Deviation,
    HeadwayExcess,
    HeadwaySpread,
    HeadwayWithin,
    PutAside,
    RegularTrips,
    RunningTime,
    TripsLost,
    Unless,
)
from transit.tallies import OnTime, Place, Sum, Window
from transit.visit_facts import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transit.tallies import Measure, Summed

__all__ = ["Definition", "Settings", "definitions", "named"]

_OWN = "Jasyl"
_UK = "Senior Traffic Commissioner (Great Britain), Statutory Document 14: Local Bus Services, 2015"
_MBTA = "MBTA, Service Delivery Policy, 2017 and 2021: bus reliability"
_MBTA_2024 = "MBTA, Service Delivery Policy, 2024: bus reliability, dropped trips penalised"
_TFL = "Transport for London, Quality of Service Indicators (iBus), 2015"
_TTC = (
    "Toronto Transit Commission, Service Standards and Decision Rules, in force in 2021: service reliability"
)
_TCQSM = "TRB, Transit Capacity and Quality of Service Manual, 3rd edition (TCRP Report 165), 2013"
_CIS = "Urban bus operation as taught and contracted in the CIS (Varelopulo 1981; Spirin 2004)"

_WINDOW, _REGULAR, _LIMITS = Window(60.0, 300.0), Window(120.0, 120.0), Window(3600.0, 7200.0)
_FREQUENT = Frequent(720.0, by_route=True)


@dataclass(frozen=True)
class Definition:
    """One definition.

    Attributes
    ----------
    unit
        ``"share"`` of 1, ``"s"`` for seconds, or ``"1"`` for a ratio.
    says
        What the figure is, as one sentence for the page that shows it.
    source
        Title and year of the published rule; ``"Jasyl"`` for ours.
    """

    name: str
    unit: Literal["share", "s", "1"]
    says: str
    source: str
    measure: Measure


@dataclass(frozen=True)
class Settings:
    """What may be chosen; the presets of agencies do not heed it.

    Attributes
    ----------
    window
        Of the definitions named ``on-time-...``.
    frequent
        Which service is frequent, for excess wait.
    regular
        Of the definitions named ``regularity-...``.
    limits
        Deviations outside are put aside before percentiles are taken: such a record is of another trip, or another day.
    percents
        Percentiles of the deviation.
    """

    window: Window = _WINDOW
    frequent: Frequent = _FREQUENT
    regular: Window = _REGULAR
    limits: Window = _LIMITS
    percents: tuple[int, ...] = (5, 15, 50, 85, 95)

    def __post_init__(self) -> None:
        for percent in self.percents:
            if not 1 <= percent <= 100:
                raise InputError("must be from 1 to 100", field="percents", value=percent)


def definitions(settings: Settings | None = None) -> tuple[Definition, ...]:
    """Return all definitions."""
    chosen = settings or Settings()
    return (*_on_time(chosen), *_agencies(), *_regular(chosen), *_headways(chosen), *_percentiles(chosen))


def named(names: Sequence[str], settings: Settings | None = None) -> tuple[Definition, ...]:
    """Return the definitions of these names, in this order."""
    known = {definition.name: definition for definition in definitions(settings)}
    for name in names:
        if name not in known:
            hint = f"Choose from {', '.join(known)}"
            raise InputError("must be the name of a definition", field="definition", value=name, hint=hint)
    return tuple(known[name] for name in names)


def _on_time(chosen: Settings) -> list[Definition]:
    places = {
        "arrivals": (Event.ARRIVAL, Place.ANYWHERE, "arrivals at stops after the first"),
        "departures": (Event.DEPARTURE, Place.ANYWHERE, "departures from stops before the last"),
        "visits": (Event.POINT, Place.ANYWHERE, "departures, and arrivals at the end of trips,"),
        "timepoints": (
            Event.POINT,
            Place.TIMEPOINTS,
            "departures from time points, and arrivals at the end of trips,",
        ),
    }
    found = []
    for name, (event, place, what) in places.items():
        for losses in (True, False):
            whole = "all that were due, those of dropped and cut trips included" if losses else "those seen"
            rule = OnTime(event, place, chosen.window, losses=losses)
            says = f"Share of {what} within {chosen.window} of the timetable, of {whole}."
            found.append(Definition(f"on-time-{name}{'' if losses else '-seen'}", "share", says, _OWN, rule))
    return found


def _agencies() -> list[Definition]:
    no_early = Window(np.inf, 300.0)
    uk = Sum(
        (
            _at(Place.STARTS, 60.0, 300.0),
            _at(Place.MIDDLE_TIMEPOINTS, 60.0, 300.0),
            OnTime(Event.POINT, Place.ENDS, no_early),
        )
    )
    seldom, often = Frequent(720.0, by_route=True), Frequent(600.0)
    return [
        Definition(
            "uk-on-time",
            "share",
            "Share of departures from starts and time points within -1/+5 min, and of arrivals at ends not over +5 min.",
            _UK,
            uk,
        ),
        Definition(
            "mbta-on-time",
            "share",
            "Frequent service (headway of 15 min or less, or as the source says): share of headways at starts and middles no "
            "more than 3 min over the scheduled one, and of running times at ends up to 120 %; other service: departures 0/+3 "
            "min at starts and -1/+6 min at middles, arrivals up to +5 min at ends; of those seen.",
            _MBTA,
            _mbta(losses=False),
        ),
        Definition(
            "mbta-on-time-2024",
            "share",
            "The same, with visits of dropped and cut trips counted as not on time.",
            _MBTA_2024,
            _mbta(losses=True),
        ),
        Definition(
            "tfl-on-time",
            "share",
            "Routes whose median headway is over 12 min: share of departures from time points within -2/+5 min.",
            _TFL,
            Unless(seldom, OnTime(Event.DEPARTURE, Place.TIMEPOINTS, Window(120.0, 300.0))),
        ),
        Definition(
            "tfl-excess-wait",
            "s",
            "Routes whose median headway is 12 min or less: mean wait of passengers who come at any moment, less the "
            "mean wait by the timetable.",
            _TFL,
            ExcessWait(seldom),
        ),
        Definition(
            "ttc-departures",
            "share",
            "Share of departures from starts of trips within -1/+5 min.",
            _TTC,
            _at(Place.STARTS, 60.0, 300.0),
        ),
        Definition(
            "ttc-arrivals",
            "share",
            "Share of arrivals at ends of trips within -1/+5 min.",
            _TTC,
            _at(Place.ENDS, 60.0, 300.0),
        ),
        Definition(
            "ttc-headways",
            "share",
            "Share of headways scheduled at 10 min or less within 50 % of the scheduled one, those of lost trips included.",
            _TTC,
            HeadwayWithin(often, part=0.5),
        ),
    ]


def _regular(chosen: Settings) -> list[Definition]:
    window = chosen.regular
    return [
        Definition(
            "regularity-trips",
            "share",
            f"Share of trips within {window} at every time point, of all due that were seen or lost at every one.",
            _CIS,
            RegularTrips(window, Place.TIMEPOINTS),
        ),
        Definition(
            "regularity-dispatch",
            "share",
            f"Share of trips that left their start within {window}, of all due that were seen or lost.",
            _CIS,
            RegularTrips(window, Place.STARTS),
        ),
        Definition(
            "regularity-intervals",
            "share",
            f"Share of headways that differed from the scheduled one by no more than {window.late_s / 60:g} min, those of lost "
            "trips included.",
            _CIS,
            HeadwayWithin(Frequent(np.inf), tolerance_s=window.late_s),
        ),
        Definition(
            "trips-dropped", "share", "Share of trips that did not run at all.", _OWN, TripsLost(part=False)
        ),
        Definition("trips-cut", "share", "Share of trips that left out stops.", _OWN, TripsLost(part=True)),
    ]


def _headways(chosen: Settings) -> list[Definition]:
    every, frequent = Frequent(np.inf), chosen.frequent
    which = f"scheduled at {frequent.limit_s / 60:g} min or less" + (
        " (median of the route)" if frequent.by_route else ""
    )
    return [
        Definition(
            "headway-within-50",
            "share",
            "Share of headways within 50 % of the scheduled one, those of lost trips included.",
            _TCQSM,
            HeadwayWithin(every, part=0.5),
        ),
        Definition(
            "headway-cv",
            "1",
            "Standard deviation of headways over their mean.",
            _OWN,
            HeadwaySpread(every, planned=False),
        ),
        Definition(
            "headway-cv-scheduled",
            "1",
            "Standard deviation of differences between headways and scheduled headways, over the mean scheduled headway.",
            _TCQSM,
            HeadwaySpread(every, planned=True),
        ),
        Definition("wait", "s", f"Mean wait at headways {which}.", _TCQSM, ActualWait(frequent)),
        Definition(
            "scheduled-wait",
            "s",
            f"Mean wait by the timetable at headways {which}.",
            _TCQSM,
            ScheduledWait(frequent),
        ),
        Definition(
            "excess-wait",
            "s",
            f"Mean wait less that by the timetable of the same line and hour, at headways {which}.",
            _TFL,
            ExcessWait(frequent),
        ),
    ]


def _percentiles(chosen: Settings) -> list[Definition]:
    limits = chosen.limits
    return [
        *(
            Definition(
                f"deviation-p{percent:02d}",
                "s",
                f"How late visits were, {percent} % of them no more, records outside {limits} put aside.",
                _OWN,
                Deviation(percent, limits),
            )
            for percent in chosen.percents
        ),
        Definition(
            "deviation-put-aside",
            "share",
            f"Share of visits seen whose deviation is outside {limits}.",
            _OWN,
            PutAside(limits),
        ),
    ]


def _at(place: Place, early_s: float, late_s: float) -> OnTime:
    return OnTime(Event.POINT, place, Window(early_s, late_s))


def _mbta(*, losses: bool) -> Summed:
    frequent = Frequent(900.0, stated=True)
    windows = {
        Place.STARTS: Window(0.0, 180.0),
        Place.MIDDLES: Window(60.0, 360.0),
        Place.ENDS: Window(np.inf, 300.0),
    }
    timed = (
        Unless(frequent, OnTime(Event.POINT, place, window, losses=losses))
        for place, window in windows.items()
    )
    return Sum((*timed, HeadwayExcess(frequent, 180.0, losses), RunningTime(frequent, 1.2, losses)))
