"""Small feeds in GTFS-Realtime, whole and broken, for one timetable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from google.transit import gtfs_realtime_pb2 as pb

from tests.transit.feeds import GOOD

NOW_S = 1_796_007_720  # 2026-11-30 08:02:00 in Almaty (UTC+5), a Monday
DAY_S = NOW_S - 8 * 3600 - 120

TIMETABLE: Mapping[str, str] = {
    **GOOD,
    "stops.txt": GOOD["stops.txt"].replace("\n", ",\n").replace("stop_lon,", "stop_lon,location_type")
    + "S,Station,43.25,76.92,1\n",
    "shapes.txt": GOOD["shapes.txt"].replace("76.94,3", "76.93,3") + "east,43.25,76.94,4\n",
    "trips.txt": GOOD["trips.txt"] + "r1,week,ring,,0,,\nr1,week,often,,0,,\nr1,week,clock,,0,,\n",
    "stop_times.txt": GOOD["stop_times.txt"]
    + "".join(
        f"{trip},{hour}:0{k}:00,{hour}:0{k}:00,{stop},{k}\n"
        for trip, hour, stops in (("ring", 10, "121"), ("often", 11, "12"), ("clock", 12, "12"))
        for k, stop in enumerate((f"s{each}" for each in stops), start=1)
    ),
    "frequencies.txt": (
        "trip_id,start_time,end_time,headway_secs,exact_times\n"
        "often,06:00:00,22:00:00,600,0\nclock,06:00:00,22:00:00,600,1\n"
    ),
}


def trip(
    feed: Any, key: str, stops: str = "", *, entity: str = "", vehicle: str = "v1", day: str = "20261130"
) -> Any:
    """Add an update of a trip with times a minute apart: at ``"1:s1 2:s2"``, a stop_sequence and stop_id each."""
    update = feed.entity.add(id=entity or key).trip_update
    update.trip.trip_id = key
    update.trip.start_date = day
    update.trip.schedule_relationship = pb.TripDescriptor.SCHEDULED
    update.timestamp = NOW_S - 10
    if vehicle:
        update.vehicle.id = vehicle
    for k, call in enumerate(stops.split()):
        sequence, _, stop = call.partition(":")
        each = update.stop_time_update.add(schedule_relationship="SCHEDULED")
        if sequence:
            each.stop_sequence = int(sequence)
        if stop:
            each.stop_id = stop
        each.arrival.time = NOW_S + 60 * k
        each.departure.time = NOW_S + 60 * k + 20
    return update


def position(feed: Any, vehicle: str, key: str, *, lon: float = 76.91, lat: float = 43.25) -> Any:
    """Add a position of a vehicle on a trip."""
    found = feed.entity.add(id=f"at {vehicle}").vehicle
    if vehicle:
        found.vehicle.id = vehicle
    if key:
        found.trip.trip_id = key
        found.trip.start_date = "20261130"
        found.trip.schedule_relationship = pb.TripDescriptor.SCHEDULED
    found.position.longitude, found.position.latitude = lon, lat
    found.timestamp = NOW_S - 5
    return found


def alert(feed: Any, **about: str) -> Any:
    """Add an alert."""
    found = feed.entity.add(id="works").alert
    found.header_text.translation.add(text="Works", language="en")
    found.active_period.add(start=NOW_S - 3600, end=NOW_S + 3600)
    if about:
        found.informed_entity.add(**about)
    return found


def empty() -> Any:
    """Return a feed without entities."""
    feed = pb.FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    feed.header.incrementality = pb.FeedHeader.FULL_DATASET
    feed.header.timestamp = NOW_S
    return feed


def good() -> Any:
    """Return a feed that keeps all rules."""
    feed = empty()
    trip(feed, "t1", "1:s1 2:s2 5:s3 9:s4")
    position(feed, "v1", "t1")
    alert(feed, route_id="r1")
    return feed


class Broken(NamedTuple):
    """A change that breaks a rule, and which others it breaks with it."""

    change: Callable[[Any], object]
    also: frozenset[str] = frozenset()


def _update(feed: Any) -> Any:
    return feed.entity[0].trip_update


def _stop(feed: Any, number: int = 1) -> Any:
    return _update(feed).stop_time_update[number]


def _set(path: str, value: object) -> Callable[[Any], object]:
    """Set a field of the first update, its second stop, the position or the alert: ``"vehicle.position.speed"``."""

    def change(feed: Any) -> None:
        first, *names = path.split(".")
        roots: dict[str, Any] = {
            "header": feed.header,
            "update": _update(feed),
            "stop": _stop(feed),
            "vehicle": feed.entity[1].vehicle,
            "alert": feed.entity[2].alert,
            "about": feed.entity[2].alert.informed_entity[0],
        }
        target = roots[first]
        for name in names[:-1]:
            target = getattr(target, name)
        setattr(target, names[-1], value)

    return change


def _clear(path: str, *fields: str) -> Callable[[Any], object]:
    def change(feed: Any) -> None:
        target: Any = {"header": feed.header, "update": _update(feed), "stop": _stop(feed)}.get(path)
        target = target if target is not None else feed.entity[1].vehicle
        for field in fields:
            target.ClearField(field)

    return change


def _several(*changes: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda feed: [change(feed) for change in changes]


def _swapped(feed: Any) -> None:
    one, other = _stop(feed, 1), _stop(feed, 2)
    for field in ("stop_sequence", "stop_id"):
        left, right = getattr(one, field), getattr(other, field)
        setattr(one, field, right)
        setattr(other, field, left)


def _bare_event(feed: Any) -> None:
    _stop(feed).arrival.ClearField("time")


def _delay_only(feed: Any) -> None:
    for event in (_stop(feed, 2).arrival, _stop(feed, 2).departure):
        event.ClearField("time")
        event.delay = 30


def _by_headway(feed: Any, *fields: str) -> Any:
    update = trip(feed, "often", "1:s1 2:s2", vehicle="v2")
    update.trip.start_time = "07:10:00"
    update.trip.schedule_relationship = pb.TripDescriptor.UNSCHEDULED
    position(feed, "v2", "")
    for field in fields:
        update.trip.ClearField(field)
    return update


BROKEN: Mapping[str, Broken] = {
    "E001": Broken(_set("vehicle.timestamp", NOW_S * 1000), frozenset({"E012"})),
    "E001 of a stop": Broken(_set("stop.arrival.time", 20), frozenset({"E022"})),
    "E001 of an alert": Broken(lambda feed: feed.entity[2].alert.active_period.add(start=20)),
    "E002": Broken(_swapped, frozenset({"E051"})),
    "E003": Broken(lambda feed: position(feed, "v2", "t9")),
    "E004": Broken(_set("update.trip.route_id", "r9")),
    "E006": Broken(lambda feed: _by_headway(feed, "start_time")),
    "E006 of a day": Broken(lambda feed: _by_headway(feed, "start_date")),
    "E009": Broken(
        lambda feed: (trip(feed, "ring", ":s1 :s2 :s1", vehicle="v2"), position(feed, "v2", "")),
    ),
    "E011": Broken(_set("vehicle.stop_id", "s9")),
    "E011 of an alert": Broken(_set("about.stop_id", "s9")),
    "E012": Broken(_set("vehicle.timestamp", NOW_S + 1)),
    "E013": Broken(
        lambda feed: setattr(_by_headway(feed).trip, "schedule_relationship", pb.TripDescriptor.SCHEDULED)
    ),
    "E015": Broken(_set("vehicle.stop_id", "S")),
    "E016": Broken(_set("vehicle.trip.schedule_relationship", pb.TripDescriptor.ADDED)),
    "E019": Broken(
        lambda feed: (
            setattr(trip(feed, "clock", "1:s1 2:s2", vehicle="v2").trip, "start_time", "07:05:00"),
            position(feed, "v2", ""),
        )
    ),
    "E020": Broken(_set("update.trip.start_time", "8 o'clock"), frozenset({"E023"})),
    "E021": Broken(_set("update.trip.start_date", "2026113")),
    "E021 of no day": Broken(_set("update.trip.start_date", "20261131")),
    "E022": Broken(_set("stop.arrival.time", NOW_S + 20)),
    "E023": Broken(_set("update.trip.start_time", "08:00:01")),
    "E024": Broken(_set("update.trip.direction_id", 1)),
    "E025": Broken(_set("stop.departure.time", NOW_S + 59)),
    "E026": Broken(_set("vehicle.position.latitude", 91.0)),
    "E027": Broken(_set("vehicle.position.bearing", 361.0)),
    "E028": Broken(_set("vehicle.position.latitude", 43.28)),
    "E029": Broken(_set("vehicle.position.latitude", 43.256)),
    "E030": Broken(
        _several(
            _set("about.trip.trip_id", "t3"),
            _set("about.trip.schedule_relationship", pb.TripDescriptor.SCHEDULED),
        )
    ),
    "E031": Broken(
        _several(
            _set("about.trip.route_id", "r2"),
            _set("about.trip.schedule_relationship", pb.TripDescriptor.SCHEDULED),
        ),
        frozenset({"W006"}),
    ),
    "E032": Broken(lambda feed: feed.entity[2].alert.ClearField("informed_entity")),
    "E033": Broken(lambda feed: feed.entity[2].alert.informed_entity.add()),
    "E034": Broken(_set("about.agency_id", "B")),
    "E035": Broken(_set("update.trip.route_id", "r2")),
    "E036": Broken(_set("stop.stop_sequence", 1), frozenset({"E002", "E051"})),
    "E037": Broken(_set("stop.stop_id", "s1"), frozenset({"E045"})),
    "E038": Broken(_set("header.gtfs_realtime_version", "2.1")),
    "E039": Broken(lambda feed: setattr(feed.entity[0], "is_deleted", False)),
    "E040": Broken(_clear("stop", "stop_id", "stop_sequence")),
    "E041": Broken(_clear("update", "stop_time_update")),
    "E042": Broken(_set("stop.schedule_relationship", pb.TripUpdate.StopTimeUpdate.NO_DATA)),
    "E043": Broken(_clear("stop", "arrival", "departure")),
    "E044": Broken(_bare_event),
    "E045": Broken(_set("stop.stop_id", "s4")),
    "E046": Broken(_delay_only),
    "E048": Broken(_clear("header", "timestamp")),
    "E049": Broken(_clear("header", "incrementality")),
    "E051": Broken(_set("stop.stop_sequence", 3)),
    "E052": Broken(lambda feed: setattr(position(feed, "v1", ""), "timestamp", NOW_S - 4)),
    "W001": Broken(_clear("vehicle", "timestamp")),
    "W002": Broken(lambda feed: position(feed, "", "")),
    "W004": Broken(_set("vehicle.position.speed", 26.5)),
    "W005": Broken(lambda feed: _by_headway(feed).ClearField("vehicle"), frozenset({"W002"})),
    "W006": Broken(lambda feed: feed.entity[1].vehicle.trip.ClearField("trip_id")),
    "W009": Broken(lambda feed: feed.entity[1].vehicle.trip.ClearField("schedule_relationship")),
    "W009 of a stop": Broken(_clear("stop", "schedule_relationship")),
}
"""For each rule that one feed can break by itself: the change of `good`, and which rules it breaks besides."""
