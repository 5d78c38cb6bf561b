"""Rules of updates of stops, by themselves and against the timetable."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from transit.realtime_rules.finding import Finding

if TYPE_CHECKING:
    from transit.realtime_rules.schedule import Calls, Schedule

__all__ = ["check_stops", "check_updates"]

_EVENTS = ("arrival", "departure")


def check_updates(feed: Any, schedule: Schedule) -> Iterator[Finding]:
    """Yield what is wrong with the updates of trips."""
    for entity in feed.entity:
        if entity.HasField("trip_update"):
            yield from _trip_update(entity.id, entity.trip_update, schedule)


def _trip_update(entity: str, trip_update: Any, schedule: Schedule) -> Iterator[Finding]:
    trip, updates = trip_update.trip, trip_update.stop_time_update
    if not updates and trip.schedule_relationship != trip.CANCELED:
        yield Finding("E041", entity, "none")
    for one, other in pairwise(updates):
        if other.HasField("stop_sequence") and one.stop_sequence == other.stop_sequence:
            yield Finding("E036", entity, str(one.stop_sequence))
        if one.stop_id and one.stop_id == other.stop_id:
            yield Finding("E037", entity, repr(one.stop_id))
    for update in updates:
        yield from _events(entity, update)
    number = schedule.trips.get(trip.trip_id)
    yield from _against(entity, updates, None if number is None else schedule.calls(number))


def _place(update: Any) -> str:
    return (
        f"stop_sequence {update.stop_sequence}" if update.HasField("stop_sequence") else repr(update.stop_id)
    )


def _events(entity: str, update: Any) -> Iterator[Finding]:
    given = [name for name in _EVENTS if update.HasField(name)]
    relationship = update.schedule_relationship
    if not (update.HasField("stop_id") or update.HasField("stop_sequence")):
        yield Finding("E040", entity, "none")
    if relationship == update.NO_DATA:
        for name in given:
            yield Finding("E042", entity, f"{name} at {_place(update)}")
    if not given and relationship not in {update.SKIPPED, update.NO_DATA}:
        yield Finding("E043", entity, f"none at {_place(update)}")
    for name in given:
        event = getattr(update, name)
        if relationship != update.SKIPPED and not (event.HasField("time") or event.HasField("delay")):
            yield Finding("E044", entity, f"{name} at {_place(update)}")


def _against(entity: str, updates: Any, calls: Calls | None) -> Iterator[Finding]:
    if calls is None:
        sequences = [update.stop_sequence for update in updates if update.HasField("stop_sequence")]
        yield from _sorted(entity, sequences)
        return
    bare = [update for update in updates if not update.HasField("stop_sequence")]
    if bare and len(set(calls.stop)) < len(calls.stop):
        yield Finding("E009", entity, _place(bare[0]))
    matched = _matched(updates, calls)
    for update, found in matched:
        if found is not None:
            yield from _call(entity, update, calls, found)
        elif update.HasField("stop_sequence"):
            yield Finding("E051", entity, str(update.stop_sequence))
    sequences = [
        update.stop_sequence if update.HasField("stop_sequence") else calls.sequence[found or 0]
        for update, found in matched
        if update.HasField("stop_sequence") or found is not None
    ]
    lost = len(sequences) < len(updates) and any(
        found is not None for update, found in matched if update in bare
    )
    yield from _sorted(entity, sequences, lost=lost)


def _sorted(entity: str, sequences: list[int], *, lost: bool = False) -> Iterator[Finding]:
    if lost or any(other <= one for one, other in pairwise(sequences)):
        yield Finding("E002", entity, str(sequences))


def _call(entity: str, update: Any, calls: Calls, found: int) -> Iterator[Finding]:
    if update.HasField("stop_id") and update.stop_id != calls.stop[found]:
        yield Finding("E045", entity, f"{update.stop_id!r}, and in the timetable {calls.stop[found]!r}")
    for name in _EVENTS:
        if update.HasField(name) and not getattr(update, name).HasField("time") and not calls.given[found]:
            yield Finding("E046", entity, f"{name} at {_place(update)}")


def _matched(updates: Any, calls: Calls) -> list[tuple[Any, int | None]]:
    """Walk along the timetable and the updates at once, up to a stop_sequence that is not there."""
    matched: list[tuple[Any, int | None]] = []
    position = 0
    for update in updates:
        found = _next(update, calls, position)
        matched.append((update, found))
        if found is not None:
            position = found + 1
        elif update.HasField("stop_sequence"):
            break
    return matched


def _next(update: Any, calls: Calls, position: int) -> int | None:
    for k in range(position, len(calls.stop)):
        if update.HasField("stop_sequence"):
            if calls.sequence[k] == update.stop_sequence:
                return k
        elif calls.stop[k] == update.stop_id:
            return k
    return None


def check_stops(feed: Any, schedule: Schedule) -> Iterator[Finding]:
    """Yield which stops are none of the timetable, or none where vehicles call."""
    for entity in feed.entity:
        stops = [
            update.stop_id for update in entity.trip_update.stop_time_update if update.HasField("stop_id")
        ]
        if entity.HasField("vehicle") and entity.vehicle.HasField("stop_id"):
            stops.append(entity.vehicle.stop_id)
        for stop in stops:
            if stop in schedule.stops and schedule.is_station(schedule.stops[stop]):
                yield Finding("E015", entity.id, repr(stop))
        stops += [each.stop_id for each in entity.alert.informed_entity if each.HasField("stop_id")]
        for stop in stops:
            if stop not in schedule.stops:
                yield Finding("E011", entity.id, repr(stop))
