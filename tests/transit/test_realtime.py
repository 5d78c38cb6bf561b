"""GTFS-Realtime out: what is written keeps the rules, and two readers find in it what went in."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.transit import gtfs_realtime_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from tests.transit.feeds import folder
from tests.transit.feeds_realtime import DAY_S, NOW_S, TIMETABLE
from traffic.errors import InputError
from transit.coded import Coded
from transit.gtfs import read_gtfs
from transit.positions import Positions
from transit.realtime import (
    Alert,
    Informed,
    Predictions,
    alerts,
    encoded,
    trip_updates,
    vehicle_positions,
    write_feed,
)
from transit.realtime_rules import check
from transit.timetable import Timetable
from transit.visits import Relationship

DAY = (date(2026, 11, 30) - date(1970, 1, 1)).days
NAN = float("nan")


@pytest.fixture(scope="module")
def timetable(tmp_path_factory: pytest.TempPathFactory) -> Timetable:
    return read_gtfs(folder(tmp_path_factory.mktemp("gtfs") / "feed", TIMETABLE)).timetable


def predictions(**changes: Any) -> Predictions:
    """The rest of trip t1 and the begin of t2, in no order."""
    columns: dict[str, Any] = {
        "trip": ["t1", "t2", "t1", "t1"],
        "day": [DAY] * 4,
        "sequence": [5, 1, 2, 9],
        "arrival_s": [NOW_S + 200.4, NAN, NOW_S + 30.0, NOW_S + 500.0],
        "departure_s": [NOW_S + 210.0, DAY_S + 86_000.0, NOW_S + 60.0, NAN],
        "arrival_delay_s": [NAN, NAN, 30.0, 20.0],
        "departure_delay_s": [NAN, 200.0, 30.0, NAN],
        "uncertainty_s": [40.0, NAN, 20.0, 60.0],
        "vehicle": ["v1", None, "v1", "v1"],
        "made_s": [NOW_S - 3.0, NAN, NOW_S - 7.0, NOW_S - 3.0],
    }
    return Predictions.of(4, **{**columns, **changes})


def positions(**changes: Any) -> Positions:
    rows = len(changes.get("time_s", [0.0] * 5))
    columns: dict[str, Any] = {
        "time_s": [NOW_S - 30.0, NOW_S - 5.0, NOW_S - 9.0, NOW_S - 4.0, NOW_S + 1.0],
        "lon": [76.90, 76.91, 76.90, 0.0, 76.92],
        "lat": [43.25, 43.25, 43.25, 0.0, 43.25],
        "heading_deg": [90.0, 360.0, NAN, NAN, 90.0],
        "speed_m_s": [8.0, 9.0, NAN, 1.0, 9.0],
        "vehicle": ["v1", "v1", "v0", "v0", "v1"],
        "trip": ["t1", "t1", "t9", "t9", "t1"],
    }
    columns = {**columns, **changes}
    return Positions(
        *(np.array(columns[name], float) for name in ("time_s", "lon", "lat")),
        *(np.array(columns[name], np.float32) for name in ("heading_deg", "speed_m_s")),
        Coded.of(columns["vehicle"]),
        Coded.of(columns["trip"]),
        Coded.none(rows),
        Coded.none(rows),
        np.arange(1, rows + 1),
    )


def test_the_header_is_that_of_version_2(timetable: Timetable) -> None:
    for feed in (
        trip_updates(predictions(), timetable, time_s=NOW_S + 0.9),
        vehicle_positions(positions(), timetable, time_s=NOW_S + 0.9),
        alerts([], timetable, time_s=NOW_S + 0.9),
    ):
        assert feed.header.gtfs_realtime_version == "2.0"
        assert feed.header.incrementality == pb.FeedHeader.FULL_DATASET
        assert feed.header.HasField("incrementality")
        assert feed.header.timestamp == NOW_S


def test_predictions_come_back(timetable: Timetable) -> None:
    feed = pb.FeedMessage.FromString(encoded(trip_updates(predictions(), timetable, time_s=NOW_S)))
    assert [entity.id for entity in feed.entity] == ["trip:20261130:t1", "trip:20261130:t2"]
    one, other = (entity.trip_update for entity in feed.entity)
    assert (one.trip.trip_id, one.trip.route_id, one.trip.direction_id) == ("t1", "r1", 0)
    assert (one.trip.start_date, one.vehicle.id, one.timestamp) == ("20261130", "v1", NOW_S - 3)
    assert other.timestamp == NOW_S
    assert not other.HasField("vehicle")
    stops = one.stop_time_update
    assert [(stop.stop_sequence, stop.stop_id) for stop in stops] == [(2, "s2"), (5, "s3"), (9, "s4")]
    assert [stop.arrival.time - NOW_S for stop in stops] == [30, 200, 500]
    assert [stop.departure.time - NOW_S for stop in stops[:2]] == [60, 210]
    assert not stops[2].HasField("departure")
    assert [stop.arrival.uncertainty for stop in stops] == [20, 40, 60]
    assert (stops[0].arrival.delay, stops[2].arrival.delay) == (30, 20)
    assert not stops[1].arrival.HasField("delay")
    assert (other.stop_time_update[0].departure.time, other.stop_time_update[0].departure.delay) == (
        DAY_S + 86_000,
        200,
    )


def test_what_is_written_keeps_the_rules(timetable: Timetable) -> None:
    updates = trip_updates(
        predictions(vehicle=["v1", "v0", "v1", "v1"]),
        timetable,
        time_s=NOW_S,
        canceled=[("t3", date(2026, 12, 1))],
    )
    found = check(updates, timetable, now_s=NOW_S)
    assert {(finding.rule, finding.entity) for finding in found} == {
        ("W002", "trip:20261201:t3")
    }  # nobody runs it
    places = positions(vehicle=["v1", "v1", "v0", "v0", "v1"], trip=["t1", "t1", "t2", "t2", "t1"])
    made = vehicle_positions(places, timetable, time_s=NOW_S)
    assert (
        check(
            made,
            timetable,
            now_s=NOW_S,
            beside=trip_updates(predictions(vehicle=["v1", "v0", "v1", "v1"]), timetable, time_s=NOW_S),
        )
        == []
    )
    about = Alert(
        "works", {"en": "Works"}, (Informed(route="r1", trip="t1"), Informed(stop="s1", agency="A"))
    )
    assert check(alerts([about], timetable, time_s=NOW_S), timetable, now_s=NOW_S) == []


def test_a_second_reader_finds_the_same(timetable: Timetable) -> None:
    """A decoder of the public validator that does not know the bindings."""
    decode = pytest.importorskip("gtfs_rt_validator.proto.decode")
    schema = pytest.importorskip("gtfs_rt_validator.proto.schema_current")
    content = encoded(trip_updates(predictions(), timetable, time_s=NOW_S))
    feed = decode.decode(content, schema.SCHEMA)
    assert feed.get("header").get("timestamp") == NOW_S
    update = feed.get("entity")[0].get("trip_update")
    assert update.get("trip").get("trip_id") == "t1"
    times = [stop.get("arrival").get("time") for stop in update.get("stop_time_update")]
    assert times == [NOW_S + 30, NOW_S + 200, NOW_S + 500]


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (content[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if content[at - 1] < 0x80:
            return value, at


def _fields(content: bytes) -> list[tuple[int, Any]]:
    """Read the wire format of protobuf by hand."""
    at, found = 0, []
    while at < len(content):
        key, at = _varint(content, at)
        if key & 7 == 0:
            value, at = _varint(content, at)
        else:
            size, at = _varint(content, at) if key & 7 == 2 else ({1: 8, 5: 4}[key & 7], at)
            value, at = content[at : at + size], at + size
        found.append((key >> 3, value))
    return found


def test_the_bytes_are_those_of_the_specification(timetable: Timetable) -> None:
    """By the numbers of the fields in gtfs-realtime.proto, without any library."""
    header, first, second = _fields(encoded(trip_updates(predictions(), timetable, time_s=NOW_S)))
    assert (header[0], _fields(header[1])) == (1, [(1, b"2.0"), (2, 0), (3, NOW_S)])
    assert first[0] == second[0] == 2
    entity = dict(_fields(first[1]))
    assert entity[1] == b"trip:20261130:t1"
    update = _fields(entity[3])
    trip = dict(_fields(dict(update)[1]))
    assert (trip[1], trip[3], trip[4], trip[5], trip[6]) == (b"t1", b"20261130", 0, b"r1", 0)
    stops = [dict(_fields(value)) for number, value in update if number == 2]
    assert [(stop[1], stop[4], stop[5]) for stop in stops] == [(2, b"s2", 0), (5, b"s3", 0), (9, b"s4", 0)]
    assert [dict(_fields(stop[2]))[2] for stop in stops] == [NOW_S + 30, NOW_S + 200, NOW_S + 500]
    assert dict(_fields(stops[0][3])) == {1: 30, 2: NOW_S + 60, 3: 20}


def test_stops_that_are_left_out_and_of_which_nothing_is_known(timetable: Timetable) -> None:
    relationship = [
        Relationship.SKIPPED,
        Relationship.SCHEDULED,
        Relationship.SCHEDULED,
        Relationship.MISSING,
    ]
    feed = trip_updates(predictions(relationship=relationship), timetable, time_s=NOW_S)
    stops = feed.entity[0].trip_update.stop_time_update
    kinds = pb.TripUpdate.StopTimeUpdate
    assert [stop.schedule_relationship for stop in stops] == [kinds.SCHEDULED, kinds.SKIPPED, kinds.NO_DATA]
    assert not any(stop.HasField("arrival") or stop.HasField("departure") for stop in stops[1:])
    assert not [found for found in check(feed, timetable) if found.rule != "W002"]


def test_a_stop_without_time_and_delay_is_left_out(timetable: Timetable) -> None:
    nothing = [NAN] * 4
    made = predictions(
        arrival_s=nothing, departure_s=nothing, arrival_delay_s=nothing, departure_delay_s=nothing
    )
    assert not trip_updates(made, timetable, time_s=NOW_S).entity


@given(shift_s=st.lists(st.floats(-600.0, 600.0), min_size=8, max_size=8))
def test_times_rise_whatever_is_predicted(shift_s: list[float], timetable: Timetable) -> None:
    """None is put earlier, and none that rises already is touched, but for the rounding to seconds."""
    made = timetable
    plan_s = DAY_S + np.array([0, 0, 120, 150, 300, 300, 600, 600]) + 8 * 3600
    want_s = plan_s + np.array(shift_s)
    columns = {"arrival_s": want_s[::2], "departure_s": want_s[1::2], "sequence": [1, 2, 5, 9]}
    feed = trip_updates(
        Predictions.of(4, trip=["t1"] * 4, day=[DAY] * 4, vehicle=["v"] * 4, **columns), made, time_s=NOW_S
    )
    assert not check(feed, made)
    stops = feed.entity[0].trip_update.stop_time_update
    got_s = np.array([time for stop in stops for time in (stop.arrival.time, stop.departure.time)])
    assert (got_s >= np.round(want_s)).all()
    rises = np.diff(np.round(want_s), prepend=-np.inf) >= np.array([0, 0, 1, 0, 1, 0, 1, 0])
    if rises.all():
        np.testing.assert_array_equal(got_s, np.round(want_s))


def test_trips_by_headway_are_named_by_the_trip_of_the_feed_and_their_start(timetable: Timetable) -> None:
    keys = ["often@07:10:00", "clock@07:20:00"]
    made = Predictions.of(
        2, trip=keys, day=[DAY] * 2, sequence=[1, 1], departure_s=[NOW_S, NOW_S + 60.0], vehicle=["v1", "v2"]
    )
    feed = trip_updates(made, timetable, time_s=NOW_S)
    often, clock = (entity.trip_update.trip for entity in feed.entity)
    assert (often.trip_id, often.start_time, often.schedule_relationship) == (
        "often",
        "07:10:00",
        often.UNSCHEDULED,
    )
    assert (clock.trip_id, clock.start_time, clock.schedule_relationship) == (
        "clock",
        "07:20:00",
        clock.SCHEDULED,
    )
    assert [entity.id for entity in feed.entity] == [f"trip:20261130:{key}" for key in keys]
    assert check(feed, timetable) == []
    where = positions(
        time_s=[NOW_S - 1.0],
        lon=[76.9],
        lat=[43.25],
        heading_deg=[NAN],
        speed_m_s=[NAN],
        vehicle=["v1"],
        trip=keys[:1],
    )
    seen = vehicle_positions(where, timetable, time_s=NOW_S)
    assert seen.entity[0].vehicle.trip.start_date == "20261130"
    assert check(seen, timetable) == []


def test_the_last_place_of_each_vehicle_is_told(timetable: Timetable) -> None:
    feed = pb.FeedMessage.FromString(encoded(vehicle_positions(positions(), timetable, time_s=NOW_S)))
    assert [entity.id for entity in feed.entity] == ["vehicle:v0", "vehicle:v1"]
    zero, one = (entity.vehicle for entity in feed.entity)
    assert (zero.timestamp, one.timestamp) == (NOW_S - 9, NOW_S - 5)  # not at 0, 0; not of the future
    assert (one.position.longitude, one.position.latitude) == (np.float32(76.91), np.float32(43.25))
    assert (one.position.bearing, one.position.speed, one.trip.trip_id) == (0.0, 9.0, "t1")
    assert not zero.HasField("trip")
    assert not zero.position.HasField("speed")
    assert not zero.position.HasField("bearing")


@pytest.mark.parametrize(
    ("hours", "day"), [(24.1, "20261130"), (23.7, "20261130"), (25.0, "20261130"), (47.9, "20261201")]
)
def test_a_position_after_midnight_is_of_the_day_before(hours: float, day: str, timetable: Timetable) -> None:
    """Trip t2 leaves at 23:50."""
    time_s = DAY_S + hours * 3600.0
    where = positions(
        time_s=[time_s],
        lon=[76.9],
        lat=[43.25],
        heading_deg=[NAN],
        speed_m_s=[NAN],
        vehicle=["v"],
        trip=["t2"],
    )
    feed = vehicle_positions(where, timetable, time_s=time_s)
    assert feed.entity[0].vehicle.trip.start_date == day


def test_alerts_come_back(timetable: Timetable) -> None:
    given_alert = Alert(
        "works",
        {"kk": "Жол жөндеу", "en": "Road works"},
        (Informed(route="r1", stop="s1"), Informed(trip="t1")),
        {"": "Until Monday"},
        "CONSTRUCTION",
        "DETOUR",
        ((NOW_S, None), (None, NOW_S + 9)),
    )
    found = pb.FeedMessage.FromString(encoded(alerts([given_alert], timetable, time_s=NOW_S))).entity[0]
    assert found.id == "alert:works"
    texts = {text.language: text.text for text in found.alert.header_text.translation}
    assert texts == {"kk": "Жол жөндеу", "en": "Road works"}
    assert not found.alert.description_text.translation[0].HasField("language")
    assert (found.alert.cause, found.alert.effect) == (pb.Alert.CONSTRUCTION, pb.Alert.DETOUR)
    periods = [(each.HasField("start"), each.HasField("end")) for each in found.alert.active_period]
    assert periods == [(True, False), (False, True)]
    about = found.alert.informed_entity
    assert (about[0].route_id, about[0].stop_id, about[1].trip.trip_id) == ("r1", "s1", "t1")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"key": ""}, "alert.key: must be given"),
        ({"informed": ()}, "must say what the alert is about"),
        ({"informed": (Informed(),)}, "must say what the alert is about"),
        ({"cause": "RAIN"}, "alert a.cause: must be one of UNKNOWN_CAUSE"),
        ({"effect": "LATE"}, "alert a.effect: must be one of NO_SERVICE"),
        ({"informed": (Informed(route="r9"),)}, "informed.route: must be in the timetable"),
        ({"informed": (Informed(trip="t9"),)}, "informed.trip: must be in the timetable"),
        ({"informed": (Informed(stop="s9"),)}, "informed.stop: must be in the timetable"),
        ({"informed": (Informed(agency="B"),)}, "informed.agency: must be in the timetable"),
        ({"informed": (Informed(trip="t1", route="r2"),)}, "must be the route of the trip"),
    ],
)
def test_an_alert_that_breaks_a_rule_is_refused(
    changes: dict[str, Any], rule: str, timetable: Timetable
) -> None:
    columns: dict[str, Any] = {"key": "a", "header": {"en": "x"}, "informed": (Informed(route="r1"),)}
    with pytest.raises(InputError, match=rule):
        alerts([Alert(**{**columns, **changes})], timetable, time_s=NOW_S)


def test_two_alerts_of_one_key_are_refused(timetable: Timetable) -> None:
    one = Alert("a", {"en": "x"}, (Informed(route="r1"),))
    with pytest.raises(InputError, match="key of one alert"):
        alerts([one, one], timetable, time_s=NOW_S)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"trip": ["t1", "t9", "t1", "t1"]}, "must be a trip of the timetable .got 't9'"),
        ({"sequence": [5, 1, 3, 9]}, "must be a stop_sequence of trip t1 .got 3"),
        ({"sequence": [5, 1, 5, 9]}, "must be predicted once for trip t1 .got 5"),
        ({"trip": ["t1", None, "t1", "t1"]}, "trip: must be known"),
        ({"arrival_s": [1.0]}, "arrival_s: must have 4 rows"),
        ({"delay": [1.0]}, "must be a column of predictions"),
    ],
)
def test_predictions_that_break_a_rule_are_refused(
    changes: dict[str, Any], rule: str, timetable: Timetable
) -> None:
    with pytest.raises(InputError, match=rule):
        trip_updates(predictions(**changes), timetable, time_s=NOW_S)


def test_identifiers_stay_from_feed_to_feed_and_the_same_input_makes_the_same_bytes(
    timetable: Timetable,
) -> None:
    first = trip_updates(predictions(), timetable, time_s=NOW_S)
    rest = predictions(arrival_s=[NOW_S + 260.0, NAN, NOW_S + 30.0, NOW_S + 600.0])
    second = trip_updates(rest, timetable, time_s=NOW_S + 20)
    assert [entity.id for entity in first.entity] == [entity.id for entity in second.entity]
    assert encoded(first) == encoded(trip_updates(predictions(), timetable, time_s=NOW_S))
    assert not [found for found in check(second, timetable, first, now_s=NOW_S + 20) if found.rule != "W002"]


def test_a_feed_is_written_whole(tmp_path: Path, timetable: Timetable) -> None:
    feed = trip_updates(predictions(), timetable, time_s=NOW_S)
    write_feed(tmp_path / "updates.pb", feed)
    assert (tmp_path / "updates.pb").read_bytes() == encoded(feed)
    assert [path.name for path in tmp_path.iterdir()] == ["updates.pb"]
    with pytest.raises(InputError, match="folder that exists"):
        write_feed(tmp_path / "no" / "updates.pb", feed)
