"""The day of buses of a city: by the timetable that its scenario names, else generated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios.bus_day import GENERATED_DAY, BusSettings, build_bus_day
from traffic.errors import InputError

if TYPE_CHECKING:
    from datetime import date

    from scenarios.bus_day import BusDay
    from scenarios.loader import City
    from traffic.progress import Progress

__all__ = ["bus_day_of"]


def bus_day_of(
    city: City, *, vehicles: int, day: date | None = None, progress: Progress | None = None
) -> BusDay:
    """Return the buses of a city.

    Parameters
    ----------
    vehicles
        How many are generated, where the scenario names no timetable.
    day
        Default: of a timetable that with the most trips; a generated day is the same on all.
    """
    name = city.scenario.transit.gtfs
    if name is None:
        settings = BusSettings(vehicles=vehicles)
        return build_bus_day(city.network, settings, day or GENERATED_DAY, progress=progress)
    from scenarios.bus_timetable import busiest_day, timetable_bus_day  # noqa: PLC0415 - only for timetables
    from transit.gtfs import read_gtfs  # noqa: PLC0415

    path = city.scenario.find("transit.gtfs", name)
    timetable = read_gtfs(path).timetable
    day = day or busiest_day(timetable)
    if not len(timetable.trips_on(day)):
        first, last = (str(end(set().union(*timetable.days))) for end in (min, max))
        hint = f"It has days from {first} to {last}"
        raise InputError("must be a day with trips", file=path, field="--day", value=str(day), hint=hint)
    rate = BusSettings().passengers_h
    return timetable_bus_day(city.network, timetable, day, passengers_h=rate, progress=progress)
