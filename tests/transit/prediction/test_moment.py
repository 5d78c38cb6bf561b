"""What time it is by clocks of which some are wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transit.feeds import GOOD, zipped
from transit.gtfs import read_gtfs
from transit.prediction.moment import (
    AFTER_HEADER_S,
    AHEAD_S,
    NIGHT_S,
    last_moment,
    not_after_header,
    work_ends_s,
)
from transit.timetable import Timetable

MONDAY = (date(2026, 11, 30) - date(1970, 1, 1)).days


HOUR_S = 3600.0


def of(*rows: tuple[float, int]) -> float:
    times, vehicles = zip(*rows, strict=True)
    return last_moment(np.array(times, dtype=np.float64), np.array(vehicles, dtype=np.int32))


def with_ends(*rows: tuple[float, int, float]) -> float:
    times, vehicles, ends = zip(*rows, strict=True)
    return last_moment(
        np.array(times, dtype=np.float64),
        np.array(vehicles, dtype=np.int32),
        np.array(ends, dtype=np.float64),
    )


def shift(vehicle: int, first_h: float, last_h: float, until_h: float) -> list[tuple[float, int, float]]:
    """A vehicle that is seen every minute, and has work until some hour."""
    return [
        (float(time_s), vehicle, until_h * HOUR_S)
        for time_s in np.arange(first_h * HOUR_S, last_h * HOUR_S, 60.0)
    ]


def timetable(*trips: tuple[str, str, str]) -> Timetable:
    """Trips of some blocks on 30 November 2026, each from one time to another."""
    rows = [(f"t{k}", *each) for k, each in enumerate(trips)]
    files = {
        **GOOD,
        "trips.txt": "route_id,service_id,trip_id,block_id\n"
        + "".join(f"r1,week,{trip},{block}\n" for trip, block, _, _ in rows),
        "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        + "".join(f"{trip},{start},{start},s1,1\n{trip},{end},{end},s4,2\n" for trip, _, start, end in rows),
    }
    with TemporaryDirectory() as folder:
        return read_gtfs(zipped(Path(folder) / "gtfs.zip", files)).timetable


def ends_h(found: Timetable, *trips: int, day: int = MONDAY) -> list[float]:
    """Until which hour of the day the work of trips goes on."""
    days = np.full(len(trips), day, dtype=np.int32)
    ends_s = work_ends_s(found, np.array(trips, dtype=np.int32), days)
    return [(end_s - found.start_s(date(2026, 11, 30))) / HOUR_S for end_s in ends_s.tolist()]


def test_a_clock_that_is_a_day_ahead_is_put_aside() -> None:
    assert of((0, 1), (10, 2), (20, 3), (86_410, 4)) == 20
    assert of((86_410, 4), (86_420, 4), (0, 1), (10, 2), (20, 3)) == 20


def test_clocks_that_are_ahead_by_different_times_are_put_aside_one_by_one() -> None:
    assert of((0, 1), (10, 2), (20, 3), (3600, 4), (86_400, 5), (90_000, 5)) == 20


def test_who_pauses_and_is_seen_again_is_believed() -> None:
    """All vehicles stand still at night; in the morning one of them is the first."""
    assert of((0, 1), (10, 1), (20, 1), (7200, 1)) == 7200
    assert of((0, 1), (0, 2), (7200, 1), (7200, 2)) == 7200


def test_the_first_of_a_morning_are_believed_after_a_night_with_fewer() -> None:
    day = [(float(k), k) for k in range(50)]
    assert of(*day, (10_000.0, 60), (20_000.0, 1), (20_010.0, 2)) == 20_010.0


def test_of_as_many_vehicles_the_one_with_fewer_positions_is_ahead() -> None:
    """A vehicle that is seen again after a pause, in between, does not hide it."""
    assert of((0, 1), (10, 1), (86_400, 2)) == 10
    assert of((0, 1), (10, 1), (20, 1), (86_400, 2), (90_000, 2)) == 20
    assert of((0, 1), (86_400, 2), (86_410, 2)) == 86_410


def test_half_an_hour_is_the_limit() -> None:
    assert of((0, 1), (0, 2), (AHEAD_S - 1, 3)) == AHEAD_S - 1
    assert of((0, 1), (0, 2), (AHEAD_S, 3)) == 0


@pytest.mark.parametrize("buses", [1, 4])
def test_who_begins_in_the_morning_is_believed_as_the_others_had_ended(buses: int) -> None:
    """Five buses until one at night, by the timetable too; fewer others from five on."""
    night = [row for k in range(5) for row in shift(k, 20, 25, until_h=25)]
    morning = [row for k in range(buses) for row in shift(10 + k, 29, 29.4, until_h=33)]
    assert with_ends(*night, *morning) == morning[-1][0]
    not_ended = [(time_s, vehicle, 26 * HOUR_S) for time_s, vehicle, _ in night]
    assert with_ends(*not_ended, *morning) == night[-1][0]


def test_only_those_who_had_work_to_go_on_with_have_stopped() -> None:
    """Of five, two: fewer than the three who come later, and more than one."""
    ended = [row for k in range(3) for row in shift(k, 20, 25, until_h=24.9)]
    others = [row for k in (3, 4) for row in shift(k, 20, 25, until_h=27)]
    later = [shift(10 + k, 29, 29.1, until_h=33) for k in range(3)]
    assert with_ends(*ended, *others, *later[0]) == others[-1][0]
    assert with_ends(*ended, *others, *later[0], *later[1], *later[2]) == later[2][-1][0]


def test_work_that_ended_counts_by_the_last_trip_of_a_vehicle() -> None:
    rows = [(0.0, 1, 60.0), (60.0, 1, 9000.0), (0.0, 2, 60.0), (60.0, 2, 9000.0), (7200.0, 3, 9000.0)]
    assert with_ends(*rows) == 60
    back = [(time_s, vehicle, 9060.0 - until_s) for time_s, vehicle, until_s in rows]
    assert with_ends(*back) == 7200


def test_the_end_of_service_explains_a_night_and_no_longer_silence() -> None:
    """By the clock that is a day ahead, nobody ran from one at night to eight in the evening."""
    night = [row for k in range(5) for row in shift(k, 20, 25, until_h=25)]
    assert with_ends(*night, *shift(9, 44, 45, until_h=49)) == night[-1][0]
    last_s = night[-1][0]
    assert with_ends(*night, (last_s + NIGHT_S, 9, 1e9)) == last_s + NIGHT_S
    assert with_ends(*night, (last_s + NIGHT_S + 1, 9, 1e9)) == last_s


def test_work_goes_on_over_short_layovers_of_a_block() -> None:
    found = timetable(
        ("a", "06:00:00", "07:00:00"),
        ("a", "07:29:59", "08:30:00"),
        ("a", "09:00:00", "10:00:00"),  # half an hour later
        ("b", "08:35:00", "09:00:00"),
        ("", "08:00:00", "09:15:00"),
        ("", "09:20:00", "25:45:00"),
    )
    assert ends_h(found, 0, 1, 2, 3, 4, 5) == [8.5, 8.5, 10.0, 9.0, 9.25, 25.75]


def test_where_no_trip_is_known_work_has_no_end() -> None:
    found = timetable(("a", "06:00:00", "07:00:00"))
    assert ends_h(found, -1, 0) == [np.inf, 7.0]
    assert ends_h(found, day=MONDAY) == []
    assert ends_h(found, 0, day=MONDAY + 5) == [np.inf]  # a Saturday without service


def test_positions_after_the_header_are_put_aside_unless_most_are() -> None:
    times = np.array([0.0, 10.0, 20.0 + AFTER_HEADER_S, 21.0 + AFTER_HEADER_S])
    assert not_after_header(times, 20.0).tolist() == [True, True, True, False]
    assert not_after_header(times, 5.0 - AFTER_HEADER_S).tolist() == [True] * 4
    assert not_after_header(times, np.nan).tolist() == [True] * 4


@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 5)), min_size=1, max_size=40), st.randoms())
def test_the_order_of_positions_does_not_matter(rows: list[tuple[int, int]], random: object) -> None:
    found = of(*rows)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert of(*shuffled) == found
    assert found in {time for time, _ in rows}


@given(st.lists(st.integers(0, 1700), min_size=1, max_size=30))
def test_a_feed_without_a_pause_ends_with_its_last_position(times: list[int]) -> None:
    assert of(*((time, k) for k, time in enumerate(times))) == max(times)
