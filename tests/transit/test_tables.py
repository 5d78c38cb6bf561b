"""The tables of transit: what does not hold together cannot be constructed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.errors import InputError
from transit.coded import Coded
from transit.timetable import Routes, Shapes, Stops, StopTimes, Timetable, Trips, service_day_s
from transit.visits import StopVisits

COLUMN = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c", "d"])))


def timetable(**changes: Any) -> Timetable:
    """Two trips of one block over three stops, and back over two."""
    parts: dict[str, Any] = {
        "zone": "Asia/Almaty",
        "stops": Stops(("A", "B", "C"), ("A", "B", "C"), np.array([76.9, 76.91, 76.92]), np.full(3, 43.25)),
        "routes": Routes(("r",), ("32",), np.array([3], np.int32)),
        "services": ("daily",),
        "days": (frozenset({date(2026, 11, 27)}),),
        "trips": Trips(
            ("t1", "t2"),
            np.zeros(2, np.int32),
            np.zeros(2, np.int32),
            np.array([0, 1], np.int8),
            Coded.of(["north", "south"]),
            Coded.of(["b1", "b1"]),
            np.full(2, -1, np.int32),
            np.array([0, 3, 5]),
        ),
        "times": StopTimes(
            np.array([0, 1, 2, 2, 0], np.int32),
            np.array([1, 2, 3, 1, 5], np.int32),
            np.array([0, 60, 120, 300, 420], np.int32),
            np.array([0, 70, 120, 300, 420], np.int32),
            np.ones(5, bool),
            np.array([0.0, 800.0, 1600.0, 0.0, 1600.0]),
        ),
        "shapes": Shapes((), np.zeros(1, np.int64), np.zeros(0), np.zeros(0)),
    }
    return Timetable(**{**parts, **changes})


@given(COLUMN)
def test_texts_come_back(texts: list[str | None]) -> None:
    column = Coded.of(texts)
    assert column.texts() == texts
    assert [column[row] for row in range(len(texts))] == texts
    assert column.is_any(["a", "d"]).tolist() == [text in {"a", "d"} for text in texts]


@given(st.lists(COLUMN))
def test_joined_texts_are_the_texts_one_after_the_other(columns: list[list[str | None]]) -> None:
    joined = Coded.joined([Coded.of(texts) for texts in columns])
    assert joined.texts() == [text for texts in columns for text in texts]
    assert len(set(joined.names)) == len(joined.names)


def test_a_code_without_name_is_refused() -> None:
    with pytest.raises(InputError, match="position of one of 1 names"):
        Coded(("a",), np.array([0, 1], np.int32))


def test_trips_run_on_the_days_of_their_service() -> None:
    made = timetable()
    assert made.trips_on(date(2026, 11, 27)).tolist() == [0, 1]
    assert made.trips_on(date(2026, 11, 28)).tolist() == []
    assert made.trip_number == {"t1": 0, "t2": 1}
    assert made.pattern.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("field", "column", "value", "rule"),
    [
        ("stop", 4, 3, "from 0 to 2"),
        ("departure_s", 1, 59, "before the arrival"),
        ("arrival_s", 2, 69, "before the departure"),
        ("sequence", 2, 2, "rise within a trip"),
    ],
)
def test_stop_times_that_contradict_each_other_are_refused(
    field: str, column: int, value: int, rule: str
) -> None:
    times = timetable().times
    changed = getattr(times, field).copy()
    changed[column] = value
    with pytest.raises(InputError, match=rule):
        timetable(times=replace(times, **{field: changed}))


@pytest.mark.parametrize("first", [[0, 3], [0, 3, 4], [0, 0, 5], [1, 3, 5], [0, 5, 5]])
def test_stop_times_must_be_divided_among_the_trips(first: list[int]) -> None:
    trips = timetable().trips
    with pytest.raises(InputError, match="divide the stop times"):
        timetable(trips=replace(trips, first=np.array(first)))


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2018, 3, 11), -1), (date(2018, 11, 4), 1), (date(2018, 7, 1), 0)],
)
def test_a_service_day_begins_12_hours_before_noon(day: date, hours: int) -> None:
    """On the day on which clocks go forward that is an hour before midnight: 23 hours to the next one."""
    midnight = (
        np.datetime64(day, "s").astype(int) + (5 if day.month == 3 or day == date(2018, 11, 4) else 4) * 3600
    )
    if day == date(2018, 11, 4):
        midnight -= 3600
    assert service_day_s(day, "America/New_York") - midnight == hours * 3600


def test_visits_know_what_they_are_given() -> None:
    visits = StopVisits.of(
        "America/New_York",
        2,
        route=["1", "2"],
        scheduled_arrival_s=[100.0, 200.0],
        arrival_s=[160.0, np.nan],
    )
    assert visits.arrival_deviation_s[0] == 60.0
    assert visits.observed.tolist() == [True, False]
    assert visits.trip.texts() == [None, None]
    both = StopVisits.joined([visits, visits.take(np.array([1]))])
    assert both.route.texts() == ["1", "2", "2"]
    assert len(both) == 3


def test_visits_of_several_zones_are_not_joined() -> None:
    one, other = (StopVisits.of(zone, 0) for zone in ("UTC", "Asia/Almaty"))
    with pytest.raises(InputError, match="zone"):
        StopVisits.joined([one, other])


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(InputError, match="column of stop visits"):
        StopVisits.of("UTC", 1, delay_s=[3.0])
