"""Feeds that are whole: what they say is what the timetable says."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.transit.feeds import GOOD, changed, folder, new
from tests.transit.ref_shape import least_squares, shares
from transit._kernels_shape import place_stops
from transit.gtfs import read_gtfs
from transit.timetable import Timetable

_GEOD = pyproj.Geod(ellps="WGS84")


def _read(path: Path, files: Mapping[str, str | bytes]) -> Timetable:
    feed = read_gtfs(folder(path / "feed", files))
    assert feed.problems == ()
    return feed.timetable


def _metres(*lons: float, lat: float = 43.25) -> list[float]:
    """Return the distances between points east of each other."""
    return [_GEOD.inv(one, lat, other, lat)[2] for one, other in pairwise(lons)]


def test_a_feed_says_what_it_says(tmp_path: Path) -> None:
    made = _read(tmp_path, GOOD)
    assert (made.zone, made.agencies) == ("Asia/Almaty", ("A",))
    assert made.stops.key == ("s1", "s2", "s3", "s4")
    assert made.stops.lon.tolist() == [76.90, 76.91, 76.92, 76.94]
    assert made.routes.name == ("32", "Airport line")
    assert made.routes.kind.tolist() == [3, 3]
    assert made.trips.key == ("t1", "t2", "t3")
    assert made.trips.headsign.texts() == ["East, fast", "West", None]
    assert made.trips.block.texts() == ["b1", "b1", None]
    assert made.trips.direction.tolist() == [0, 1, 0]
    assert made.trips.shape.tolist() == [0, -1, 0]
    assert made.trips.first.tolist() == [0, 4, 7, 9]
    assert made.times.sequence.tolist() == [1, 2, 5, 9, 1, 2, 3, 1, 2]
    assert made.trips.repeats is None


def test_days_are_those_of_the_week_and_those_added_without_those_removed(tmp_path: Path) -> None:
    made = _read(tmp_path, GOOD)
    week = [date(2026, 11, day) for day in (23, 24, 25, 26, 28, 30)]
    week += [date(2026, 12, day) for day in (1, 2, 3, 4)]
    assert sorted(made.days[made.services.index("week")]) == week
    assert made.days[made.services.index("extra")] == {date(2026, 12, 1)}
    assert made.trips_on(date(2026, 12, 1)).tolist() == [0, 1, 2]
    assert made.trips_on(date(2026, 11, 27)).tolist() == []


def test_times_are_counted_on_past_midnight(tmp_path: Path) -> None:
    made = _read(tmp_path, GOOD)
    assert made.times.arrival_s[4:7].tolist() == [85_800, 86_710, 90_062]
    assert made.times.departure_s[4:7].tolist() == [85_800, 86_740, 90_062]
    start = made.start_s(date(2026, 11, 23))  # UTC+5
    assert start + 90_062 == int(np.datetime64("2026-11-23T20:01:02", "s").astype(int))


def test_a_stop_without_a_time_is_reached_at_one_speed(tmp_path: Path) -> None:
    """From s2 (left at 08:02:30) to s4 (reached at 08:10:00) it is 0.03 degrees, and s3 is a third of the way."""
    made = _read(tmp_path, GOOD)
    assert made.times.arrival_s[2] == made.times.departure_s[2] == 8 * 3600 + 150 + 450 // 3
    assert made.times.exact.tolist() == [True, True, False, True, True, True, True, True, True]


def test_without_a_shape_the_speed_is_that_along_straight_lines(tmp_path: Path) -> None:
    files = changed("trips.txt", "b1,east", "b1,")(dict(GOOD))
    made = _read(tmp_path, {**files, "trips.txt": files["trips.txt"]})
    assert made.times.arrival_s[2] == 8 * 3600 + 150 + 150
    np.testing.assert_allclose(
        made.times.distance_m[:4], np.cumsum([0, *_metres(76.90, 76.91, 76.92, 76.94)])
    )


def test_stops_at_one_place_divide_the_time_by_their_number(tmp_path: Path) -> None:
    stops = GOOD["stops.txt"].replace("76.91", "76.90").replace("76.92", "76.90").replace("76.94", "76.90")
    made = _read(
        tmp_path,
        {
            **changed("trips.txt", "b1,east", "b1,")(dict(GOOD)),
            "stops.txt": stops,
            "shapes.txt": GOOD["shapes.txt"],
        },
    )
    assert made.times.arrival_s[2] == 8 * 3600 + 150 + 225


def test_a_time_that_is_about_right_is_not_exact(tmp_path: Path) -> None:
    text = (
        GOOD["stop_times.txt"]
        .replace("\n", ",1\n")
        .replace("sequence,1", "sequence,timepoint")
        .replace("s2,2,1", "s2,2,0")
    )
    made = _read(tmp_path, {**GOOD, "stop_times.txt": text})
    assert made.times.exact[:4].tolist() == [True, False, False, True]


def test_stops_are_on_the_shape(tmp_path: Path) -> None:
    made = _read(tmp_path, GOOD)
    np.testing.assert_allclose(
        made.times.distance_m[:4],
        np.cumsum([0, *_metres(76.90, 76.91, 76.92, 76.94)]),
        rtol=1e-8,  # of a plane in place of the ellipsoid
    )


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    files = dict(GOOD)
    for name in ("stop_times.txt", "shapes.txt"):
        header, *rows = GOOD[name].rstrip("\n").split("\n")
        files[name] = "\n".join([header, *rows[::-1]]) + "\n"
    one, other = _read(tmp_path / "one", GOOD).times, _read(tmp_path / "other", files).times
    for column in ("stop", "sequence", "arrival_s", "departure_s", "distance_m"):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column))


def _ring(stops: str, *, shape: str = "") -> dict[str, str]:
    """Return a feed of one trip along a ring of four sides of 0.01 degrees."""
    corners = [(43.25, 76.90), (43.25, 76.91), (43.26, 76.91), (43.26, 76.90), (43.25, 76.90)]
    return {
        **GOOD,
        "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\na,a,43.25,76.90\nb,b,43.25,76.91\nc,c,43.26,76.91\n",
        "shapes.txt": shape
        or "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
        + "".join(f"ring,{lat},{lon},{k}\n" for k, (lat, lon) in enumerate(corners)),
        "trips.txt": "route_id,service_id,trip_id,shape_id\nr1,week,t,ring\n",
        "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        + "".join(f"t,08:0{k}:00,08:0{k}:00,{stop},{k}\n" for k, stop in enumerate(stops)),
    }


_SIDES = [*_metres(76.90, 76.91), _GEOD.inv(76.91, 43.25, 76.91, 43.26)[2], *_metres(76.91, 76.90, lat=43.26)]
_CORNERS = np.cumsum([0.0, *_SIDES, _SIDES[1]])


@pytest.mark.parametrize(
    ("stops", "corners"),
    [
        ("abca", [0, 1, 2, 4]),
        ("aa", [0, 4]),
        ("ba", [1, 4]),
        ("ca", [2, 4]),
        ("ab", [0, 1]),
        ("abc", [0, 1, 2]),
    ],
)
def test_a_ring_begins_and_ends_at_one_stop(stops: str, corners: list[int], tmp_path: Path) -> None:
    made = _read(tmp_path, _ring(stops))
    np.testing.assert_allclose(made.times.distance_m, _CORNERS[corners], atol=1e-6)


def test_a_trip_that_goes_round_twice_needs_a_shape_that_does(tmp_path: Path) -> None:
    corners = [(43.25, 76.90), (43.25, 76.91), (43.26, 76.91), (43.26, 76.90)] * 2 + [(43.25, 76.90)]
    shape = "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n" + "".join(
        f"ring,{lat},{lon},{k}\n" for k, (lat, lon) in enumerate(corners)
    )
    made = _read(tmp_path, _ring("abcabca", shape=shape))
    once = _CORNERS[[0, 1, 2]]
    np.testing.assert_allclose(
        made.times.distance_m, [*once, *(once + _CORNERS[4]), 2 * _CORNERS[4]], atol=1e-6
    )


def test_out_and_back_on_one_street(tmp_path: Path) -> None:
    shape = (
        "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
        "ring,43.25,76.90,1\nring,43.25,76.93,2\nring,43.25,76.90,3\n"
    )
    made = _read(tmp_path, _ring("aba", shape=shape))
    one, all_of_it = _metres(76.90, 76.91)[0], 2 * _metres(76.90, 76.93)[0]
    assert made.times.distance_m[0] == 0.0
    assert min(abs(made.times.distance_m[1] - one), abs(made.times.distance_m[1] - all_of_it + one)) < 1e-3
    assert made.times.distance_m[2] == pytest.approx(all_of_it, abs=1e-6)


def test_distances_of_the_feed_decide_where_they_fit(tmp_path: Path) -> None:
    """On the way back the stop is passed a second time: only the feed knows that the trip calls there then."""
    shape = (
        "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence,shape_dist_traveled\n"
        "ring,43.25,76.90,1,0\nring,43.25,76.93,2,30\nring,43.25,76.90,3,60\n"
    )
    files = _ring("aba", shape=shape)
    rows = files["stop_times.txt"].split("\n")
    given_km = ["shape_dist_traveled", "0", "50", "60"]
    text = "\n".join(f"{row},{far}" for row, far in zip(rows, given_km, strict=False)) + "\n"
    made = _read(tmp_path, {**files, "stop_times.txt": text})
    side = _metres(76.90, 76.91)[0]
    np.testing.assert_allclose(made.times.distance_m, [0.0, 5 * side, 6 * side], rtol=1e-7)


@pytest.mark.parametrize(
    "given_m", [("0", "10", "9"), ("0", "", "60"), ("0", "50", "6000"), ("60", "50", "0")]
)
def test_distances_of_the_feed_that_do_not_fit_are_not_taken(
    given_m: tuple[str, ...], tmp_path: Path
) -> None:
    shape = _ring("ab")["shapes.txt"].split("\n")
    far = ["shape_dist_traveled", "0", "10", "20", "30", "40"]
    files = _ring("abc", shape="\n".join(f"{row},{x}" for row, x in zip(shape, far, strict=False)) + "\n")
    rows = files["stop_times.txt"].split("\n")
    text = "\n".join(f"{row},{x}" for row, x in zip(rows, ["shape_dist_traveled", *given_m], strict=False))
    made = _read(tmp_path, {**files, "stop_times.txt": text + "\n"})
    np.testing.assert_allclose(made.times.distance_m, _CORNERS[[0, 1, 2]], atol=1e-6)


_POINT = st.tuples(st.integers(-5, 5), st.integers(-5, 5))
_LINE = st.lists(_POINT, min_size=2, max_size=5).filter(
    lambda line: all(one != other for one, other in pairwise(line))
)


@given(_LINE, st.lists(_POINT, min_size=1, max_size=4))
def test_stops_are_put_on_the_line_in_order_and_nearest_all_together(
    line: list[tuple[int, int]], stops: list[tuple[int, int]]
) -> None:
    """Exactly so where the stops are in order on each segment for itself; loops and crossings are drawn as well."""
    total, least, in_order = _placed(np.array(line, dtype=float), np.array(stops, dtype=float))
    assert total >= least - 1e-6
    if in_order:
        assert total <= least + 0.01 * (len(stops) + 1)


@given(st.lists(_POINT, min_size=2, max_size=5, unique=True), st.lists(_POINT, min_size=1, max_size=4))
def test_stops_along_a_line_that_does_not_turn_back_are_nearest(
    line: list[tuple[int, int]], stops: list[tuple[int, int]]
) -> None:
    corners, places = (
        np.sort(np.array(line, dtype=float), axis=0),
        np.sort(np.array(stops, dtype=float), axis=0),
    )
    total, least, in_order = _placed(np.unique(corners, axis=0), places)
    assert in_order
    assert least - 1e-6 <= total <= least + 0.01 * (len(stops) + 1)


def _placed(line: NDArray[np.float64], stops: NDArray[np.float64]) -> tuple[float, float, bool]:
    """Return the sum of squares, the least one, and whether each segment has all stops in order."""
    if len(line) < 2:
        line = np.vstack([line, line[-1] + 1.0])
    line, stops = line * 100.0, stops * 100.0
    (x, y), (sx, sy) = line.T.copy(), stops.T.copy()
    along = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))))
    distance_m, offset_m = np.empty(len(stops)), np.empty(len(stops))
    place_stops(x, y, along, sx, sy, distance_m, offset_m)
    assert (np.diff(distance_m) >= 0.0).all()
    assert distance_m[0] >= 0.0
    assert distance_m[-1] <= along[-1]
    placed = np.hypot(np.interp(distance_m, along, x) - sx, np.interp(distance_m, along, y) - sy)
    np.testing.assert_allclose(placed, offset_m, atol=1e-6)
    in_order = all((np.diff(shares(one, other, stops)) >= 0.0).all() for one, other in pairwise(line))
    return float((offset_m**2).sum()), least_squares(line, stops), in_order


def test_headways_make_trips(tmp_path: Path) -> None:
    text = (
        "trip_id,start_time,end_time,headway_secs,exact_times\n"
        "t1,10:00:00,10:30:00,600,1\nt1,24:00:00,24:31:00,1800,0\n"
    )
    made = _read(tmp_path, new("frequencies.txt", text)(dict(GOOD)))
    starts = ["10:00:00", "10:10:00", "10:20:00", "24:00:00", "24:30:00"]
    assert made.trips.key == (*(f"t1@{start}" for start in starts), "t2", "t3")
    repeats = made.trips.repeats
    assert repeats is not None
    assert repeats.key == ("t1",) * 5 + ("t2", "t3")
    assert repeats.start_s.tolist() == [36_000, 36_600, 37_200, 86_400, 88_200, -1, -1]
    assert repeats.headway_s.tolist() == [600, 600, 600, 1800, 1800, 0, 0]
    assert repeats.exact.tolist() == [True, True, True, False, False, True, True]
    assert made.trips.block.texts() == [None] * 5 + ["b1", None]
    first = made.trips.first
    assert made.times.arrival_s[first[1] : first[2]].tolist() == [36_600, 36_720, 36_900, 37_200]
    assert made.times.departure_s[first[4] : first[5]].tolist() == [88_200, 88_350, 88_500, 88_800]
    assert made.times.exact[first[1] : first[2]].tolist() == [True, True, False, True]
    assert not made.times.exact[first[3] : first[5]].any()


def test_a_trip_that_was_made_has_a_name_of_its_own(tmp_path: Path) -> None:
    files = {name: text.replace("t2", "t3@10:00:00") for name, text in GOOD.items()}
    text = "trip_id,start_time,end_time,headway_secs\nt3,10:00:00,10:01:00,600\n"
    made = _read(tmp_path, {**files, "frequencies.txt": text})
    assert made.trips.key == ("t1", "t3@10:00:00", "t3@10:00:00'")


def test_stations_are_kept_with_their_kind(tmp_path: Path) -> None:
    rows = GOOD["stops.txt"].rstrip("\n").split("\n")
    text = "\n".join(
        [rows[0] + ",location_type", *(row + "," for row in rows[1:]), "S,Station,43.25,76.9,1", "n,,,,3"]
    )
    made = _read(tmp_path, {**GOOD, "stops.txt": text})
    assert made.stops.key == ("s1", "s2", "s3", "s4", "S")
    assert made.stops.kind is not None
    assert made.stops.kind.tolist() == [0, 0, 0, 0, 1]


def test_porto_alegre(shared_data: Path) -> None:
    path = shared_data / "transit" / "porto_alegre_gtfs.zip"
    feed = read_gtfs(path, strict=True)
    made = feed.timetable
    assert (len(made.routes), len(made.trips), len(made.times)) == (115, 2374, 130_019)
    assert {problem.rule for problem in feed.problems} == {
        "must be within 100 m of the shape of its trip (told once for a shape)"
    }
    with zipfile.ZipFile(path) as archive:
        lines = archive.read("stop_times.txt").decode("utf-8-sig").splitlines()
    timed = sum(1 for line in lines[1:] if line.split(",")[1] not in {"", '""'})
    assert made.times.exact.sum() == timed
    inner = np.ones(len(made.times), dtype=bool)
    inner[made.trips.first[:-1]] = False
    steps = np.diff(made.times.distance_m, prepend=0.0)[inner]
    assert (steps >= 0.0).all()
    assert np.median(steps) == pytest.approx(300.0, abs=100.0)


@pytest.mark.parametrize(
    ("file", "trips", "times"),
    [("wmata_gtfs_S2.zip", 1267, 65_276), ("wmata_gtfs_5A.zip", 372, 2046)],
)
def test_washington(file: str, trips: int, times: int, shared_data: Path) -> None:
    feed = read_gtfs(shared_data / "transit" / "wmata_2016" / file)
    assert (len(feed.timetable.trips), len(feed.timetable.times)) == (trips, times)
    assert not feed.problems


def test_distances_of_caltrain_are_those_that_it_gives(shared_data: Path) -> None:
    path = shared_data / "transit" / "caltrain_rt" / "ct.zip"
    made = read_gtfs(path, strict=True).timetable
    with zipfile.ZipFile(path) as archive:
        rows = [
            line.split(",") for line in archive.read("stop_times.txt").decode("utf-8-sig").splitlines()[1:]
        ]
    given_m = {(row[0], int(row[4])): float(row[8]) for row in rows}
    trip = np.repeat(np.arange(len(made.trips)), np.diff(made.trips.first))
    want = [
        given_m[made.trips.key[t], s]
        for t, s in zip(trip.tolist(), made.times.sequence.tolist(), strict=True)
    ]
    np.testing.assert_allclose(made.times.distance_m, want, rtol=4e-3, atol=1.0)  # theirs are on a sphere
