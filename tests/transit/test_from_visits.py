"""The timetable of a record that comes without one."""

from __future__ import annotations

import numpy as np
import pytest

from traffic.errors import InputError
from transit.from_visits import planned
from transit.timetable import service_day_s
from transit.visits import StopVisits

ZONE = "America/New_York"
DAY = 17_805
START_S = service_day_s(np.datetime64(DAY, "D").astype(object), ZONE)


def visits(**changes: list[object]) -> StopVisits:
    columns: dict[str, object] = {
        "day": [DAY] * 5,
        "trip": ["b", "a", "a", "b", "a"],
        "route": ["1"] * 5,
        "direction": [0, 1, 1, 0, 1],
        "stop": ["s2", "s1", "s2", "s1", "s3"],
        "sequence": [2, 1, 2, 1, 3],
        "scheduled_departure_s": START_S + np.array([90_060.0, 3600.0, 3660.0, 90_000.0, 3720.0]),
    }
    return StopVisits.of(ZONE, 5, **{**columns, **changes})


def test_trips_come_out_in_order_and_each_stop_time_is_its_visit() -> None:
    found = planned(visits())
    timetable = found.timetable
    assert timetable.trips.key == ("b", "a")
    assert found.row.tolist() == [3, 0, 1, 2, 4]
    assert timetable.times.departure_s.tolist() == [90_000, 90_060, 3600, 3660, 3720]
    assert [timetable.stops.key[k] for k in timetable.times.stop] == ["s1", "s2", "s1", "s2", "s3"]
    assert timetable.trips.direction.tolist() == [0, 1]
    assert len(timetable.trips_on(np.datetime64(DAY, "D").astype(object))) == 2
    assert found.left_out == ()


def test_a_trip_whose_times_go_back_is_left_out_and_named() -> None:
    times = START_S + np.array([90_060.0, 3600.0, 3500.0, 90_000.0, 3720.0])
    found = planned(visits(scheduled_departure_s=times))
    assert found.left_out == ("a",)
    assert found.timetable.trips.key == ("b",)


def test_the_same_trip_on_two_days_is_two_trips() -> None:
    found = planned(visits(day=[DAY, DAY, DAY, DAY, DAY + 1]))
    assert found.timetable.trips.key == ("2018-10-01 b", "2018-10-01 a", "2018-10-02 a")
    assert found.timetable.services == ("2018-10-01", "2018-10-02")


@pytest.mark.parametrize("changes", [{"trip": [None] * 5}, {"scheduled_departure_s": [np.nan] * 5}])
def test_what_has_no_plan_is_refused(changes: dict[str, list[object]]) -> None:
    with pytest.raises(InputError):
        planned(visits(**changes))
