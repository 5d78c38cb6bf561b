"""Rules of vehicles: where they are, and that positions and updates say the same of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from transit.coded import NONE
from transit.realtime_rules.finding import Finding

if TYPE_CHECKING:
    from transit.realtime_rules.schedule import Schedule

__all__ = ["check_pairs", "check_vehicles"]

_AREA_M = 1609.0
_LINE_M = 200.0
_FAST_M_S = 26.0


def check_vehicles(feed: Any, schedule: Schedule) -> Iterator[Finding]:
    """Yield what is wrong with vehicles and their positions."""
    seen: set[str] = set()
    for entity in feed.entity:
        if entity.HasField("trip_update") and not entity.trip_update.vehicle.id:
            yield Finding("W002", entity.id, "an update without it")
        if not entity.HasField("vehicle"):
            continue
        vehicle = entity.vehicle.vehicle.id
        if not vehicle:
            yield Finding("W002", entity.id, "a position without it")
        elif vehicle in seen:
            yield Finding("E052", entity.id, repr(vehicle))
        seen.add(vehicle)
        if entity.vehicle.HasField("position"):
            yield from _position(feed, entity, schedule)


def _position(feed: Any, entity: Any, schedule: Schedule) -> Iterator[Finding]:
    position = entity.vehicle.position
    lon, lat = position.longitude, position.latitude
    if position.HasField("speed") and not 0.0 <= position.speed <= _FAST_M_S:
        yield Finding("W004", entity.id, f"{position.speed:g} m/s")
    if position.HasField("bearing") and not 0.0 <= position.bearing <= 360.0:
        yield Finding("E027", entity.id, f"{position.bearing:g}")
    here = position.HasField("latitude") and position.HasField("longitude")
    if not (here and -90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        yield Finding("E026", entity.id, f"longitude {lon:g}, latitude {lat:g}")
        return
    off_m = schedule.off_area_m(lon, lat)
    if off_m > _AREA_M:
        yield Finding("E028", entity.id, f"{off_m:.0f} m")
        return
    trip = schedule.trips.get(entity.vehicle.trip.trip_id)
    if trip is not None and not _detour(feed, entity.vehicle.trip):
        off_m = schedule.off_line_m(trip, lon, lat)
        if off_m > _LINE_M:
            yield Finding("E029", entity.id, f"{off_m:.0f} m")


def _detour(feed: Any, trip: Any) -> bool:
    return any(
        entity.alert.effect == entity.alert.DETOUR
        and any(
            (trip.trip_id and trip.trip_id == each.trip.trip_id)
            or (trip.route_id and trip.route_id == each.trip.route_id)
            for each in entity.alert.informed_entity
        )
        for entity in feed.entity
        if entity.HasField("alert")
    )


def check_pairs(entities: list[Any], schedule: Schedule) -> Iterator[Finding]:
    """Yield where updates and positions, both of which there must be, name other trips and vehicles."""
    updates = [
        (entity.trip_update.trip.trip_id, entity.trip_update.vehicle.id)
        for entity in entities
        if entity.HasField("trip_update") and entity.trip_update.trip.HasField("trip_id")
    ]
    positions = [
        (entity.vehicle.trip.trip_id, entity.vehicle.vehicle.id)
        for entity in entities
        if entity.HasField("vehicle") and entity.vehicle.vehicle.HasField("id")
    ]
    if not (updates and positions):
        return
    for rows, others, names in (
        (updates, positions, ("updates", "positions")),
        (positions, updates, ("positions", "updates")),
    ):
        for column, kind in ((0, "trip_id"), (1, "vehicle.id")):
            there = {row[column] for row in others}
            for key in sorted({row[column] for row in rows if row[column]} - there):
                yield Finding("W003", "", f"{kind} {key!r} in {names[0]} and not in {names[1]}")
    yield from _pairings(updates, positions, schedule)


def _pairings(
    updates: list[tuple[str, str]], positions: list[tuple[str, str]], schedule: Schedule
) -> Iterator[Finding]:
    vehicle_of = {trip: vehicle for trip, vehicle in positions if trip}
    for trip, vehicle in updates:
        other = vehicle_of.get(trip)
        if vehicle and other and other != vehicle:
            yield Finding(
                "E047", "", f"trip_id {trip!r} with {vehicle!r} in updates and {other!r} in positions"
            )
    trip_of: dict[str, list[str]] = {}
    for trip, vehicle in updates:
        if vehicle:
            trip_of.setdefault(vehicle, []).append(trip)
    for trip, vehicle in positions:
        others = trip_of.get(vehicle, [])
        if (
            trip
            and others
            and not any(trip == other or _one_block(trip, other, schedule) for other in others)
        ):
            yield Finding(
                "E047", "", f"vehicle {vehicle!r} on {trip!r} in positions and {others[-1]!r} in updates"
            )


def _one_block(one: str, other: str, schedule: Schedule) -> bool:
    numbers = [schedule.trips.get(one), schedule.trips.get(other)]
    codes = {NONE if trip is None else int(schedule.timetable.trips.block.code[trip]) for trip in numbers}
    return len(codes) == 1 and NONE not in codes
