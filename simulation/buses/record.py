"""A recorded day as something to be run: the trips that were seen, in blocks, and when their vehicles came and left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from simulation.buses.service import Service
from traffic.errors import InputError
from transit.coded import NONE, Coded
from transit.from_visits import planned
from transit.tallies import Window
from transit.visits import Relationship

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from transit.from_visits import Planned
    from transit.timetable import Timetable
    from transit.visits import StopVisits

__all__ = ["RecordedDay", "divided", "recorded_day"]

_EPOCH = date(1970, 1, 1)
_LIMITS = Window(3600.0, 7200.0)  # records outside are of another trip, or another day
_SHOWN = 20


@dataclass(frozen=True, eq=False)
class RecordedDay:
    """One day of a record. A trip was seen where it was at one stop at least.

    Attributes
    ----------
    visits
        Those that were planned, of all trips with a plan; every one has a route, ``"?"`` where the record does not say it.
    service
        The trips that were seen.
    row
        Position in `visits` of each call of the service; shape (calls,).
    arrival_s, departure_s
        Of each call as recorded, the one where the other is not; NaN where neither is; shape (calls,).
    rising
        Trips whose times never go back: only these can be run as they were; shape (trips,).
    whole
        Trips of which moreover every call was seen, none of them more than 60 min early or 120 min late; shape (trips,).
    unseen
        How many trips with a plan nobody saw.
    without_plan
        How many trips have no planned times that rise.
    added
        How many visits were not planned.
    """

    visits: StopVisits
    service: Service
    row: NDArray[np.int64]
    arrival_s: NDArray[np.float64]
    departure_s: NDArray[np.float64]
    rising: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    unseen: int
    without_plan: int
    added: int

    @property
    def blocks(self) -> bool:
        """Whether the record says which trips a vehicle runs one after the other."""
        return any(len(duty) > 1 for duty in self.service.duties)

    def counts(self) -> dict[str, int]:
        """Return what became of trips, by what it is called where it is shown."""
        return {
            "trips_planned": self.unseen + len(self.service),
            "trips_not_seen": self.unseen,
            "trips_seen": len(self.service),
            "trips_seen_throughout": int(self.whole.sum()),
            "trips_without_plan": self.without_plan,
            "visits_not_planned": self.added,
        }

    def of(self, trips: NDArray[np.bool_]) -> tuple[Service, NDArray[np.float64], NDArray[np.float64]]:
        """Return some of the trips as a service of their own, with arrivals and departures of its calls."""
        own = trips[self.service.trip_of_call]
        service = Service.of(self.service.timetable, self.service.day, self.service.trips[trips])
        return service, self.arrival_s[own], self.departure_s[own]


def recorded_day(visits: StopVisits, *, day: date | None = None, routes: Sequence[str] = ()) -> RecordedDay:
    """Return a day of recorded visits. What ran a trip is its block, or where there is none its vehicle.

    Parameters
    ----------
    day
        Service day; default: the one with the most visits, of equals the first.
    routes
        Only these; default: all.
    """
    if not (visits.trip.code != NONE).any():
        rule = "must be visits that name their trips, or there is nothing to be run"
        hint = "Files of delays at stops, such as Auckland's, can be read by jasyl transit punctuality only"
        raise InputError(rule, field="RECORD", value=len(visits), hint=hint)
    visits = visits.take(visits.trip.code != NONE)
    visits = replace(visits, route=Coded.of(text or "?" for text in visits.route.texts()))
    visits = _of_day(_of_routes(visits, routes), day)
    due = visits.relationship != Relationship.ADDED
    added, visits = int(np.count_nonzero(~due)), visits.take(due)
    plan = planned(visits)
    timetable = _blocked(plan, visits)
    seen = np.logical_or.reduceat(visits.observed[plan.row], timetable.trips.first[:-1])
    if not seen.any():
        raise InputError("must have visits that were seen", field="RECORD", value=len(visits))
    own_day = _EPOCH + timedelta(days=int(visits.day[0]))
    service = Service.of(timetable, own_day, np.flatnonzero(seen))
    row = plan.row[service.call]
    arrival_s, departure_s = _times(visits, row)
    rising = _rising(service, arrival_s, departure_s)
    whole = rising & _whole(service, arrival_s, departure_s)
    kept = np.sort(plan.row)
    return RecordedDay(
        visits.take(kept),
        service,
        np.searchsorted(kept, row),
        arrival_s,
        departure_s,
        rising,
        whole,
        int(np.count_nonzero(~seen)),
        len(plan.left_out),
        added,
    )


def divided(service: Service, begin_s: NDArray[np.float64], end_s: NDArray[np.float64]) -> Service:
    """Return the same trips with blocks divided where the next trip begins before the one before has ended.

    Two vehicles have run such a block.

    Parameters
    ----------
    begin_s, end_s
        When trips begin and end; shape (trips,).
    """
    part = np.zeros(len(service), dtype=np.int64)
    for duty in service.duties:
        free_s: list[float] = []
        for trip in duty:
            able = (k for k, since_s in enumerate(free_s) if since_s <= begin_s[trip])
            part[trip] = vehicle = next(able, len(free_s))
            free_s[vehicle : vehicle + 1] = [float(end_s[trip])]
    if not part.any():
        return service
    timetable = service.timetable
    trips = timetable.trips
    names: list[str | None] = trips.block.texts()
    for trip in np.flatnonzero(part).tolist():
        own = int(service.trips[trip])
        names[own] = f"{names[own]} ({part[trip] + 1})"
    split = replace(timetable, trips=replace(trips, block=Coded.of(names)))
    return Service.of(split, service.day, service.trips)


def _of_routes(visits: StopVisits, routes: Sequence[str]) -> StopVisits:
    """Return the visits of some routes, of all where none is named."""
    for name in routes:
        if name not in visits.route.names:
            hint = f"One of: {', '.join(sorted(visits.route.names)[:_SHOWN])}"
            raise InputError("must be a route of the record", field="--route", value=name, hint=hint)
    return visits.take(visits.route.is_any(routes)) if routes else visits


def _of_day(visits: StopVisits, day: date | None) -> StopVisits:
    """Return the visits of a service day."""
    days, counts = np.unique(visits.day, return_counts=True)
    number = int(days[np.argmax(counts)]) if day is None else (day - _EPOCH).days
    if number not in days:
        first, last = (_EPOCH + timedelta(days=int(end)) for end in (days[0], days[-1]))
        hint = f"It has {len(days)} days, from {first} to {last}"
        raise InputError("must be a day of the record", field="--day", value=str(day), hint=hint)
    return visits.take(visits.day == number)


def _blocked(plan: Planned, visits: StopVisits) -> Timetable:
    """Return the timetable with what a vehicle ran as the block of trips that have none."""
    trips = plan.timetable.trips
    code = np.append(visits.vehicle.code[plan.row], NONE)
    known = np.where(code[:-1] == NONE, len(plan.row), np.arange(len(plan.row)))
    vehicle = code[np.minimum.reduceat(known, trips.first[:-1])]
    by_vehicle = np.where(vehicle == NONE, NONE, vehicle + len(trips.block.names))
    names = (*trips.block.names, *(f"vehicle {name}" for name in visits.vehicle.names))
    block = Coded(names, np.where(trips.block.code == NONE, by_vehicle, trips.block.code).astype(np.int32))
    return replace(plan.timetable, trips=replace(trips, block=block))


def _times(visits: StopVisits, row: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    arrival_s, departure_s = visits.arrival_s[row], visits.departure_s[row]
    return (
        np.where(np.isnan(arrival_s), departure_s, arrival_s),
        np.where(np.isnan(departure_s), arrival_s, departure_s),
    )


def _rising(
    service: Service, arrival_s: NDArray[np.float64], departure_s: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the trips that nowhere leave before they come, or come before they have left the stop before."""
    found = np.ones(len(service), dtype=bool)
    trip, seen = service.trip_of_call, np.flatnonzero(np.isfinite(arrival_s))
    back = arrival_s[seen[1:]] < departure_s[seen[:-1]]
    found[trip[seen[1:]][back & (np.diff(trip[seen]) == 0)]] = False
    found[trip[seen][departure_s[seen] < arrival_s[seen]]] = False
    return found


def _whole(
    service: Service, arrival_s: NDArray[np.float64], departure_s: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the trips of which all calls were seen, near their planned time."""
    good = _LIMITS.holds(arrival_s - service.arrival_s) & _LIMITS.holds(departure_s - service.departure_s)
    found: NDArray[np.bool_] = np.logical_and.reduceat(good, service.first[:-1])
    return found
