"""Rules of trip descriptors: in updates, positions and alerts; and of what alerts are about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from transit.realtime_rules.finding import Finding

if TYPE_CHECKING:
    from transit.realtime_rules.schedule import Schedule

__all__ = ["check_alerts", "check_trips"]

_TIME = re.compile(r"[0-2]?[0-9]:[0-5][0-9]:[0-5][0-9]", re.ASCII)
_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)


def check_trips(feed: Any, schedule: Schedule) -> Iterator[Finding]:
    """Yield what is wrong with the trips of updates and positions."""
    for entity in feed.entity:
        for name in ("trip_update", "vehicle"):
            if not entity.HasField(name):
                continue
            message = getattr(entity, name)
            if name == "trip_update" or message.HasField("trip"):
                yield from _descriptor(entity.id, message.trip, schedule)
                yield from _by_headway(entity.id, message, schedule)
        if entity.HasField("trip_update"):
            updates = entity.trip_update.stop_time_update
            if any(not update.HasField("schedule_relationship") for update in updates):
                yield Finding("W009", entity.id, "a stop_time_update without it")


def _descriptor(entity: str, trip: Any, schedule: Schedule) -> Iterator[Finding]:
    if not trip.HasField("schedule_relationship"):
        yield Finding("W009", entity, "a trip without it")
    if trip.route_id and trip.route_id not in schedule.routes:
        yield Finding("E004", entity, repr(trip.route_id))
    if trip.HasField("start_time") and not _TIME.fullmatch(trip.start_time):
        yield Finding("E020", entity, repr(trip.start_time))
    if trip.HasField("start_date") and not _is_day(trip.start_date):
        yield Finding("E021", entity, repr(trip.start_date))
    if not trip.HasField("trip_id"):
        yield Finding("W006", entity, "none")
    elif trip.trip_id in schedule.trips:
        yield from _known(entity, trip, schedule)
    elif trip.schedule_relationship != trip.ADDED:
        yield Finding("E003", entity, repr(trip.trip_id))


def _known(entity: str, trip: Any, schedule: Schedule) -> Iterator[Finding]:
    number = schedule.trips[trip.trip_id]
    if trip.schedule_relationship == trip.ADDED:
        yield Finding("E016", entity, repr(trip.trip_id))
    yield from _start(entity, trip, schedule)
    direction = int(schedule.timetable.trips.direction[number])
    if trip.HasField("direction_id") and trip.direction_id != direction:
        yield Finding("E024", entity, f"{trip.direction_id}, and in the timetable {direction}")
    yield from _route_of(entity, trip, schedule)


def _start(entity: str, trip: Any, schedule: Schedule) -> Iterator[Finding]:
    if trip.trip_id in schedule.starts:
        if trip.start_time not in schedule.starts[trip.trip_id]:
            yield Finding("E019", entity, repr(trip.start_time))
    elif trip.HasField("start_time") and trip.trip_id not in schedule.by_headway:
        first = schedule.first_arrival(schedule.trips[trip.trip_id])
        if trip.start_time != first:
            yield Finding("E023", entity, f"{trip.start_time!r}, and in the timetable {first!r}")


def _route_of(entity: str, trip: Any, schedule: Schedule) -> Iterator[Finding]:
    if trip.HasField("route_id") and trip.route_id in schedule.routes and trip.trip_id in schedule.trips:
        route = schedule.route(schedule.trips[trip.trip_id])
        if route != trip.route_id:
            yield Finding("E035", entity, f"{trip.route_id!r}, and in the timetable {route!r}")


def _by_headway(entity: str, message: Any, schedule: Schedule) -> Iterator[Finding]:
    trip = message.trip
    if trip.trip_id not in schedule.by_headway:
        return
    for name in ("start_date", "start_time"):
        if not trip.HasField(name):
            yield Finding("E006", entity, f"no {name}")
    if trip.HasField("schedule_relationship") and trip.schedule_relationship != trip.UNSCHEDULED:
        yield Finding("E013", entity, str(trip.schedule_relationship))
    if not message.vehicle.HasField("id"):
        yield Finding("W005", entity, "none")


def _is_day(text: str) -> bool:
    found = _DAY.fullmatch(text)
    try:
        return found is not None and bool(date(int(found[1]), int(found[2]), int(found[3])))
    except ValueError:
        return False


def check_alerts(feed: Any, schedule: Schedule) -> Iterator[Finding]:
    """Yield what is wrong with what alerts are about."""
    for entity in feed.entity:
        if not entity.HasField("alert"):
            continue
        if not entity.alert.informed_entity:
            yield Finding("E032", entity.id, "none")
        for selector in entity.alert.informed_entity:
            yield from _selector(entity.id, selector, schedule)


def _selector(entity: str, selector: Any, schedule: Schedule) -> Iterator[Finding]:
    trip = selector.trip
    named = any(selector.HasField(name) for name in ("agency_id", "route_id", "route_type", "stop_id"))
    if not (named or trip.HasField("trip_id") or trip.HasField("route_id")):
        yield Finding("E033", entity, "none")
    if selector.HasField("agency_id") and selector.agency_id not in schedule.timetable.agencies:
        yield Finding("E034", entity, repr(selector.agency_id))
    yield from _route_of(entity, trip, schedule)
    if not selector.HasField("trip"):
        return
    if not trip.HasField("trip_id"):
        yield Finding("W006", entity, "none")
    if not trip.HasField("schedule_relationship"):
        yield Finding("W009", entity, "a trip without it")
    if selector.HasField("route_id"):
        number = schedule.trips.get(trip.trip_id)
        if number is not None and schedule.route(number) != selector.route_id:
            yield Finding("E030", entity, f"{trip.trip_id!r} and {selector.route_id!r}")
        if trip.HasField("route_id") and trip.route_id != selector.route_id:
            yield Finding("E031", entity, f"{trip.route_id!r} and {selector.route_id!r}")
