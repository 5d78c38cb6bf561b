"""What all messages share: the header, how trips are named, and the bytes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from google.transit import gtfs_realtime_pb2 as pb

from traffic.files import replacing
from transit.coded import NONE

if TYPE_CHECKING:
    import os

    from transit.timetable import Timetable

__all__ = ["describe", "encoded", "new_feed", "write_feed"]

_VERSION = "2.0"


def new_feed(time_s: float) -> Any:
    """Return a feed without entities that was made at a POSIX second."""
    feed = pb.FeedMessage()
    feed.header.gtfs_realtime_version = _VERSION
    feed.header.incrementality = pb.FeedHeader.FULL_DATASET
    feed.header.timestamp = int(time_s)
    return feed


def describe(trip: Any, timetable: Timetable, key: str, day: date | None) -> None:
    """Fill in a trip descriptor; a trip that was made from a headway is named by the written trip and its start."""
    number, trips = timetable.trip_number[key], timetable.trips
    trip.trip_id = key
    trip.route_id = timetable.routes.key[int(trips.route[number])]
    if trips.direction[number] >= 0:
        trip.direction_id = int(trips.direction[number])
    if day is not None:
        trip.start_date = f"{day:%Y%m%d}"
    trip.schedule_relationship = pb.TripDescriptor.SCHEDULED
    repeats = trips.repeats
    if repeats is not None and repeats.start_s[number] != NONE:
        start_s = int(repeats.start_s[number])
        trip.trip_id = repeats.key[number]
        trip.start_time = f"{start_s // 3600:02}:{start_s // 60 % 60:02}:{start_s % 60:02}"
        if not repeats.exact[number]:
            trip.schedule_relationship = pb.TripDescriptor.UNSCHEDULED


def encoded(feed: Any) -> bytes:
    """Return the bytes of a feed; the same feed makes the same bytes."""
    content: bytes = feed.SerializeToString(deterministic=True)
    return content


def write_feed(path: str | os.PathLike[str], feed: Any) -> None:
    """Write a feed into a file, whole or not at all: who reads it meanwhile reads the one before."""
    with replacing(path) as draft:
        draft.write_bytes(encoded(feed))
