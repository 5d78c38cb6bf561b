"""What a replay has brought about, as stop visits: counted by the same definitions as recorded ones."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from simulation.buses.replay import Replayed
from transit.coded import Coded
from transit.visits import Point, Relationship, StopVisits

if TYPE_CHECKING:
    from simulation.buses.aboard import Aboard
    from simulation.buses.service import Service

__all__ = ["planned_visits", "replayed_visits"]

_EPOCH = date(1970, 1, 1)


def replayed_visits(found: Replayed, aboard: Aboard | None = None) -> StopVisits:
    """Return a visit for every call of a replay, in their order; calls that were not made are skipped.

    Parameters
    ----------
    aboard
        The riders of the run, where there were any: boardings, alightings and load are then known.
    """
    passengers = (
        {}
        if aboard is None
        else {"boardings": aboard.boarded, "alightings": aboard.alighted, "load": aboard.load}
    )
    service = found.service
    timetable, trip = service.timetable, service.trips[service.trip_of_call]
    table, times = timetable.trips, timetable.times
    point = np.full(len(service.call), Point.MIDDLE, dtype=np.int8)
    point[service.first[:-1]], point[service.first[1:] - 1] = Point.START, Point.END
    block = Coded(table.block.names, table.block.code[trip])
    made = np.isfinite(found.arrival_s) | np.isfinite(found.departure_s)
    return StopVisits.of(
        timetable.zone,
        len(service.call),
        day=np.full(len(service.call), (service.day - _EPOCH).days),
        route=Coded(timetable.routes.name, table.route[trip]),
        direction=table.direction[trip],
        trip=Coded(table.key, trip.astype(np.int32)),
        stop=Coded(timetable.stops.key, times.stop[service.call]),
        vehicle=Coded(tuple(found.vehicles), found.vehicle[service.trip_of_call].astype(np.int32)),
        block=block,
        sequence=times.sequence[service.call],
        point=point,
        relationship=np.where(made, Relationship.SCHEDULED, Relationship.SKIPPED),
        timepoint=times.exact[service.call],
        scheduled_arrival_s=service.arrival_s,
        scheduled_departure_s=service.departure_s,
        arrival_s=found.arrival_s,
        departure_s=found.departure_s,
        **passengers,
    )


def planned_visits(service: Service) -> StopVisits:
    """Return a visit for every call of a service, as if everything had gone as planned."""
    nothing, block = np.zeros(len(service.call)), service.timetable.trips.block
    vehicle = block.code[service.trips].astype(np.int64)
    return replayed_visits(
        Replayed(service, service.arrival_s, service.departure_s, nothing, vehicle, block.names)
    )
