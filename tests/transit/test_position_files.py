"""Positions read from files: whatever is wrong with them is told, and nothing is lost of the good part."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from google.transit import gtfs_realtime_pb2 as gtfs_realtime
from hypothesis import given
from hypothesis import strategies as st

from traffic.errors import InputError
from transit.position_feeds import feed_moment_s, feed_positions
from transit.position_files import ColumnMap, PositionFormat, detect, read_positions
from transit.problems import FeedProblem, Severity

AVL = """"vehicleId","time","assignmentId","assignmentType","heading","latitude","longitude"
8062,"2016-05-05 10:45:09","SE-08","BLOCK_ID",102,38.88489,-77.02115
8062,"2016-05-05 10:45:22.500","","",,38.88490,-77.02110
8063,"2016-05-05 10:45:30","71","ROUTE_ID",,0,0
8063,"2016-05-05 10:45:40","t9","TRIP_ID",,38.9,-77.0
"""


def feed(vehicles: int, *, header_s: int = 1_700_000_000) -> bytes:
    message = gtfs_realtime.FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    message.header.timestamp = header_s
    for k in range(vehicles):
        entity = message.entity.add(id=f"e{k}")
        entity.vehicle.position.latitude = 43.25
        entity.vehicle.position.longitude = 76.9 + k / 100
        entity.vehicle.vehicle.id = f"v{k}"
        entity.vehicle.trip.trip_id = f"t{k}"
        entity.vehicle.timestamp = header_s - k if k else 0
    return bytes(message.SerializeToString())


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_feed_is_read_entity_by_entity(tmp_path: Path) -> None:
    path = tmp_path / "vp.pb"
    path.write_bytes(feed(3))
    found = read_positions(path)
    assert (found.kind, found.problems) == (PositionFormat.GTFS_REALTIME, ())
    positions = found.positions
    assert positions.vehicle.texts() == ["v0", "v1", "v2"]
    assert positions.trip.texts() == ["t0", "t1", "t2"]
    assert positions.time_s.tolist() == [1_700_000_000, 1_699_999_999, 1_699_999_998]
    np.testing.assert_allclose(positions.lon, [76.9, 76.91, 76.92], rtol=0, atol=1e-5)
    assert np.isnan(positions.heading_deg).all()
    assert positions.row.tolist() == [1, 2, 3]
    packed = tmp_path / "vp.pb.gz"
    packed.write_bytes(gzip.compress(feed(3)))
    assert detect(packed) is PositionFormat.GTFS_REALTIME
    assert read_positions(packed).positions.vehicle.texts() == ["v0", "v1", "v2"]


@given(cut=st.integers(1, len(feed(5)) - 1))
def test_what_comes_before_the_cut_is_kept(cut: int) -> None:
    whole, problems = feed(5), []
    sizes = [len(feed(k)) for k in range(6)]
    if cut < sizes[0]:
        with pytest.raises(InputError, match="must have entities"):
            feed_positions(whole[:cut], "vp.pb", problems)
        return
    positions = feed_positions(whole[:cut], "vp.pb", problems)
    assert len(positions) == sum(size <= cut for size in sizes[1:])
    severities = [] if cut in sizes[1:] else [Severity.WARNING if cut == sizes[0] else Severity.ERROR]
    assert [problem.severity for problem in problems] == severities


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(content: bytes) -> None:
    problems: list[FeedProblem] = []
    try:
        positions = feed_positions(content, "x.pb", problems)
    except InputError:
        return
    assert len(positions) or problems


def test_a_feed_says_when_it_was_written(tmp_path: Path) -> None:
    """Feeds that follow each other: as the last one of them."""
    first, second = feed(1), feed(2, header_s=1_700_000_030)
    (tmp_path / "vp.pb").write_bytes(second + first)
    assert read_positions(tmp_path / "vp.pb").written_s == 1_700_000_030
    assert feed_moment_s(first) == 1_700_000_000
    assert np.isnan(feed_moment_s(feed(1, header_s=0)))
    assert np.isnan(feed_moment_s(b"\x0a\x03\x0a\xff\xff"))
    assert np.isnan(read_positions(write(tmp_path / "avl.csv", AVL)).written_s)


def test_entities_that_say_too_little_are_told(tmp_path: Path) -> None:
    message = gtfs_realtime.FeedMessage.FromString(feed(5))
    message.header.ClearField("timestamp")
    message.entity[1].vehicle.position.latitude = float("nan")
    message.entity[2].vehicle.ClearField("position")
    message.entity[3].vehicle.ClearField("vehicle")
    path = tmp_path / "vp.pb"
    path.write_bytes(message.SerializeToString())
    found = read_positions(path)
    assert found.positions.vehicle.texts() == ["e3", "v4"]
    assert [(p.line, p.field) for p in found.problems] == [(1, "timestamp"), (2, "position"), (3, "position")]


def test_avl_times_are_of_the_zone(tmp_path: Path) -> None:
    found = read_positions(write(tmp_path / "avl.csv", AVL), zone="America/New_York")
    positions = found.positions
    assert found.kind is PositionFormat.AVL
    assert found.problems == ()
    assert positions.time_s[0] == 1_462_459_509.0  # 14:45:09 UTC
    assert np.diff(positions.time_s).tolist() == [13.5, 7.5, 10.0]
    assert positions.block.texts() == ["SE-08", None, None, None]
    assert positions.route.texts() == [None, None, "71", None]
    assert positions.trip.texts() == [None, None, None, "t9"]
    assert positions.lon[2] == 0.0  # what was recorded is kept
    assert positions.heading_deg[0] == 102.0


def test_bad_rows_are_told_and_the_others_kept(tmp_path: Path) -> None:
    bad = (
        '8064,"yesterday","x","BLOCK_ID",,38.9,-77.0\n'
        '8064,"2016-05-05 10:45:50","x","BLOCK_ID",,nan,-77.0\n'
        '8064,"2016-05-05 10:45:50","x","BLOCK_ID",,98.9,-77.0\n'
        '8064,"2016-05-05 10:45:50"\n'
        ',"2016-05-05 10:45:50","x","BLOCK_ID",,38.9,-77.0\n'
        '8065,"2016-05-05 10:46:00","x","SHIFT",,38.9,-77.0\n'
        '8066,"2016-05-05 10:46:10","x","BLOCK_ID",north,38.9,-77.0\n'
    )
    found = read_positions(write(tmp_path / "avl.csv", AVL + bad))
    assert found.positions.vehicle.texts() == ["8062", "8062", "8063", "8063", "8065", "8066"]
    assert found.positions.row.tolist() == [1, 2, 3, 4, 10, 11]
    told = sorted((p.line, p.field, p.severity.value) for p in found.problems)
    assert told == [
        (6, "time", "error"),
        (7, "latitude", "error"),
        (8, "latitude", "error"),
        (9, "row", "error"),
        (10, "vehicleId", "error"),
        (11, "assignmentType", "warning"),
        (12, "heading", "warning"),
    ]


def test_any_csv_by_a_map_of_its_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path / "gps.csv",
        "when,x,y,bus,kmh,line\n1700000000,76.9,43.2,7,36,32\n1700000010500,76.9,43.2,7,,\n",
    )
    mapping = write(
        tmp_path / "map.toml",
        '[columns]\ntime = "when"\nlon = "x"\nlat = "y"\nvehicle = "bus"\nspeed = "kmh"\nspeed_unit = "km/h"\nroute = "line"\n',
    )
    found = read_positions(path, columns=ColumnMap.read(mapping))
    assert found.kind is PositionFormat.CSV
    assert found.positions.time_s.tolist() == [1_700_000_000.0, 1_700_000_010.5]
    assert found.positions.speed_m_s[0] == pytest.approx(10.0)
    assert found.positions.route.texts() == ["32", None]
    with pytest.raises(InputError, match="known format of positions"):
        read_positions(path)
    with pytest.raises(InputError, match="map of its columns"):
        read_positions(path, kind=PositionFormat.CSV)
    wrong = ColumnMap(time="when", lon="x", lat="y", vehicle="number")
    with pytest.raises(InputError, match="number"):
        read_positions(path, columns=wrong)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('time = "a"\nlon = "b"\nlat = "c"\n', "columns.vehicle"),
        ('time = "a"\nlon = "b"\nlat = "c"\nvehicle = "d"\nbus = "e"\n', "must be one of"),
        ('time = "a"\nlon = "b"\nlat = "c"\nvehicle = 3\n', "must be a text"),
        ('time = "a"\nlon = "b"\nlat = "c"\nvehicle = "d"\nspeed_unit = "furlongs"\n', "speed_unit"),
        ('time = "a"\nlon = "b"\nlat = "c"\nvehicle = "d"\nzone = "Almaty"\n', "IANA"),
        ("time = \n", "must be TOML"),
    ],
)
def test_a_map_that_is_wrong_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        ColumnMap.read(write(tmp_path / "map.toml", text))


def test_files_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists"):
        read_positions(tmp_path / "no.csv")
    with pytest.raises(InputError, match="empty"):
        read_positions(write(tmp_path / "empty.csv", "  \n"))
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(AVL.encode())[:60])
    with pytest.raises(InputError, match="whole"):
        read_positions(cut)


def test_real_files_are_found_out_and_read(shared_data: Path) -> None:
    folder = shared_data / "transit"
    expected = {
        "krakow_rt/krakow_vehicle_positions_a.pb": ("gtfs-realtime", 366),
        "krakow_rt/krakow_vehicle_positions_t.pb": ("gtfs-realtime", 166),
        "caltrain_rt/ct-vehicle-positions.pb": ("gtfs-realtime", 14),
        "wmata_2016/avl_S2_2113.csv": ("avl", 72),
        "wmata_2016/avltest_2015-08.csv.gz": ("avl", 2077),
        "hsl_hfp/hsl2015-2025-03-01-one-stop-viikki.csv": ("hfp", 110),
    }
    for name, (kind, count) in expected.items():
        found = read_positions(folder / name)
        assert (found.kind.value, len(found.positions), found.problems) == (kind, count, ()), name
    updates = read_positions(folder / "caltrain_rt" / "ct-trip-updates.pb")
    assert len(updates.positions) == 0
    assert "trip updates" in updates.problems[0].rule
