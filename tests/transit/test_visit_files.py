"""Recorded stop visits read from files."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from traffic.errors import InputError
from transit.problems import Severity
from transit.table_times import days_of, local_to_posix, posix_seconds
from transit.visit_files import VisitFormat, holds_visits, read_visits
from transit.visits import Point, Relationship

MBTA = """service_date,route_id,direction,half_trip_id,stop_id,time_point_id,time_point_order,\
point_type,standard_type,scheduled,actual,earliness,scheduled_headway,headway
2018-10-01T00:00:00Z,1,Inbound,7,110,hhgat,1,Startpoint,Headway,1900-01-01T23:50:00Z,1900-01-01T23:51:30Z,,1200.0,1163.0
2018-10-01T00:00:00Z,1,Inbound,7,75,mit,2,Midpoint,Schedule,1900-01-02T00:05:00Z,1900-01-02T00:06:40Z,-76.0,,
2018-10-01T00:00:00Z,1,Outbound,8,64,Dudly,3,Endpoint,Schedule,1900-01-02T00:10:00Z,,,,
"""
TIDES = """service_date,trip_id_performed,trip_stop_sequence,stop_id,vehicle_id,timepoint,\
schedule_arrival_time,schedule_departure_time,\
actual_arrival_time,actual_departure_time,boarding_1,boarding_2,alighting_1,departure_load,schedule_relationship
2026-11-27,p1,1,A,v,true,,2026-11-27T08:00:00+05:00,,2026-11-27T08:00:30+05:00,3,2,0,5,Scheduled
2026-11-27,p1,2,B,v,false,2026-11-27T08:05:00+05:00,2026-11-27T08:05:00+05:00,2026-11-27T08:06:00+05:00,2026-11-27T08:06:10+05:00,,,,,Scheduled
2026-11-27,p1,3,C,v,true,2026-11-27T08:10:00+05:00,,,,,,,,Skipped
2026-11-27,p1,none,D,v,true,,,,,,,,,Scheduled
"""
AUCKLAND = """observed_by_utc,route_short_name,stop_id,event,delay_min
2017-02-06T17:59:52+13:00,1,1134,arr,-4.083
2017-02-07T02:59:52+13:00,N1,1183,dep,1.85
2017-02-07T02:59:52+13:00,N1,1183,dep,late
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def posix(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def test_mbta_times_are_clock_times_of_boston(tmp_path: Path) -> None:
    found = read_visits(write(tmp_path / "mbta.csv", MBTA))
    visits = found.visits
    assert (found.kind, found.problems) == (VisitFormat.MBTA, ())
    assert visits.point.tolist() == [Point.START, Point.MIDDLE, Point.END]
    assert visits.direction.tolist() == [1, 1, 0]
    assert visits.departure_s[0] == posix("2018-10-01 23:51:30", "America/New_York")
    assert visits.departure_s[1] == posix("2018-10-02 00:06:40", "America/New_York")
    assert visits.departure_deviation_s[:2].tolist() == [90.0, 100.0]
    assert visits.scheduled_arrival_s[2] == posix("2018-10-02 00:10:00", "America/New_York")
    assert np.isnan(visits.arrival_s).all()
    assert visits.relationship.tolist() == [0, 0, Relationship.MISSING]
    assert set(visits.day.tolist()) == {(datetime(2018, 10, 1) - datetime(1970, 1, 1)).days}  # noqa: DTZ001
    assert visits.headway_s[0] == 1163.0


def test_tides_visits_have_the_routes_of_their_trips(tmp_path: Path) -> None:
    write(tmp_path / "trips_performed.csv", "trip_id_performed,route_id,direction_id,block_id\np1,32,1,b7\n")
    found = read_visits(write(tmp_path / "stop_visits.csv", TIDES), zone="Asia/Almaty")
    visits = found.visits
    assert len(visits) == 3
    assert [(p.severity, p.line, p.field) for p in found.problems] == [
        (Severity.ERROR, 5, "trip_stop_sequence")
    ]
    assert visits.route.texts() == ["32"] * 3
    assert visits.block.texts() == ["b7"] * 3
    assert visits.direction.tolist() == [1] * 3
    assert visits.point.tolist() == [Point.START, Point.MIDDLE, Point.END]
    assert visits.timepoint.tolist() == [True, False, True]
    assert visits.relationship.tolist() == [0, 0, Relationship.SKIPPED]
    assert visits.departure_deviation_s[0] == 30.0
    assert visits.arrival_deviation_s[1] == 60.0
    assert visits.boardings[0] == 5.0
    assert np.isnan(visits.boardings[1])


def test_auckland_deviations_are_the_delays(tmp_path: Path) -> None:
    packed = tmp_path / "akl.csv.gz"
    packed.write_bytes(gzip.compress(AUCKLAND.encode()))
    found = read_visits(packed)
    visits = found.visits
    assert found.kind is VisitFormat.AUCKLAND
    assert [p.line for p in found.problems] == [4]
    assert visits.arrival_deviation_s[0] == pytest.approx(-4.083 * 60, abs=1e-6)
    assert visits.departure_deviation_s[1] == pytest.approx(111.0, abs=1e-6)
    assert visits.day[0] == visits.day[1]  # the night belongs to the day before
    assert visits.trip.texts() == [None, None]


def test_a_row_that_is_short_is_told_and_left_out(tmp_path: Path) -> None:
    lines = AUCKLAND.splitlines()
    lines.insert(2, "2017-02-06T17:59:52+13:00,1")
    found = read_visits(write(tmp_path / "a.csv", "\n".join(lines)))
    assert [(p.line, p.field) for p in found.problems] == [(3, "row"), (5, "delay_min")]
    assert len(found.visits) == 2


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"])
def test_what_is_no_file_of_visits_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="must"):
        read_visits(write(tmp_path / "x.csv", text))


def test_a_wall_clock_follows_its_zone() -> None:
    """An hour that comes twice is the first of the two; days begin when it is told."""
    zone = "America/New_York"
    texts = ["2018-03-11 01:59:59", "2018-03-11 03:00:00", "2018-11-04 01:30:00", "2018-07-01 12:00:00"]
    wall = np.array(texts, dtype="datetime64[s]").astype(np.float64)
    expected = [posix(text, zone) for text in texts]
    assert local_to_posix(wall, zone).tolist() == expected
    assert expected[1] - expected[0] == 1.0
    assert np.isnan(local_to_posix(np.array([np.nan]), zone)).all()
    night = np.array([posix("2018-07-02 03:59:00", zone), posix("2018-07-02 04:00:00", zone)])
    assert np.diff(days_of(night, zone, start_h=4.0)).tolist() == [1]


def test_written_times_are_the_nearest_numbers() -> None:
    """Every millisecond of two seconds, as Python reads it."""
    texts = [f"2026-11-26T03:00:1{second}.{milli:03d}Z" for second in (2, 3) for milli in range(1000)]
    expected = [datetime.fromisoformat(text).timestamp() for text in texts]
    assert posix_seconds(pa.array(texts), "UTC").tolist() == expected
    local = [text.removesuffix("Z") for text in texts]
    assert posix_seconds(pa.array(local), "UTC").tolist() == expected


def test_the_real_files_are_read_whole(shared_data: Path) -> None:
    folder = shared_data / "transit"
    boston = read_visits(folder / "mbta_2018" / "mbta_bus_arrival_departure_sample_2018.csv.gz")
    assert (len(boston.visits), boston.problems) == (10_000, ())
    assert int(boston.visits.observed.sum()) == 9413
    assert np.bincount(boston.visits.point).tolist() == [7087, 1457, 1456]
    auckland = read_visits(folder / "auckland_2017" / "akl_bus_delays_20170206_20170214.csv.gz")
    assert (len(auckland.visits), auckland.problems) == (187_767, ())
    late = np.concatenate([auckland.visits.arrival_deviation_s, auckland.visits.departure_deviation_s])
    assert np.nanmin(late) / 60 == pytest.approx(-1460.4, abs=0.1)
    assert np.nanmax(late) / 60 == pytest.approx(516.0, abs=0.5)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04\r\x00stops.txt\n", b'"a\rb",\rc\nd', b"\xff\xfe\x00\r"]
)
def test_what_is_no_table_holds_no_visits(content: bytes) -> None:
    assert not holds_visits(content)
