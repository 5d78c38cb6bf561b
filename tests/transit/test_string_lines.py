"""String lines: places of stops in closed form, lines of single trips, and those of a replayed day."""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transit.made_visits import DAY, NINE_S, random_rows, trip, visits_of
from traffic.errors import InputError
from transit.stop_places import GAP_S, stop_places
from transit.string_lines import string_lines
from transit.visit_facts import VisitFacts


def _places(runs: list[tuple[int, int, float]], stops: int) -> list[float]:
    start, end, running = (np.array(column) for column in zip(*runs, strict=True))
    return stop_places(start, end, running.astype(float), stops).tolist()


def test_on_a_line_places_are_sums_of_mean_running_times() -> None:
    runs = [(0, 1, 100.0), (0, 1, 140.0), (1, 2, 60.0), (2, 3, 200.0)]
    assert _places(runs, 4) == pytest.approx([0.0, 120.0, 180.0, 380.0], abs=1e-9)


def test_a_variant_that_leaves_out_a_stop_is_weighed_by_its_trips() -> None:
    # two ways from 0 to 2: 100 + 100 by three trips, 230 by one. With x = 200 + 2 d: 3 d = d' by least squares
    runs = [(0, 1, 100.0), (1, 2, 100.0)] * 3 + [(0, 2, 230.0)]
    # minimise 3 (a - 100)² + 3 (b - 100)² + (a + b - 230)²: a = b = (300 + 230) / 5 = 106
    assert _places(runs, 3) == pytest.approx([0.0, 106.0, 212.0], abs=1e-9)


def test_parts_that_no_trip_connects_stand_one_after_the_other() -> None:
    found = _places([(0, 1, 50.0), (2, 3, 70.0)], 4)
    assert found == pytest.approx([0.0, 50.0, 50.0 + GAP_S, 120.0 + GAP_S], abs=1e-9)


def _lines(rows: list[dict[str, Any]], **options: Any) -> Any:
    return string_lines(visits_of(rows), "1", 0, **options)


def test_a_trip_is_planned_and_observed() -> None:
    found = _lines(trip([0.0, 60.0, 120.0], vehicle="v"))
    assert found.stops == ("A", "B", "C")
    assert found.place_s.tolist() == pytest.approx([0.0, 300.0, 600.0])
    (line,) = found.trips
    assert (line.trip, line.vehicle, line.seen, line.bridged) == ("t", "v", True, ())
    assert line.planned[:, 0].tolist() == [NINE_S, NINE_S + 300, NINE_S + 600]
    (observed,) = line.observed
    assert observed[:, 0].tolist() == [NINE_S, NINE_S + 360, NINE_S + 720]
    np.testing.assert_allclose(observed[:, 1], [0.0, 300.0, 600.0], atol=1e-9)
    assert found.span_s == (NINE_S, NINE_S + 720)
    assert found.day == date(2018, 10, 1)


def test_a_dwell_is_a_line_at_one_place_and_layovers_are_not_drawn() -> None:
    rows = trip([0.0, 0.0, 0.0])
    rows[0]["arrival_s"] = NINE_S - 900.0  # the vehicle waits at the terminal
    rows[1]["arrival_s"] = NINE_S + 270.0
    rows[2]["departure_s"] = NINE_S + 1500.0
    (line,) = _lines(rows).trips
    (observed,) = line.observed
    assert observed[:, 0].tolist() == [NINE_S, NINE_S + 270.0, NINE_S + 300.0, NINE_S + 600.0]
    assert observed[1, 1] == observed[2, 1]


def test_stops_between_that_were_not_seen_are_bridged() -> None:
    (line,) = _lines(trip([0.0, 0.0, None, 30.0, 30.0])).trips
    assert [run[:, 0].tolist() for run in line.observed] == [
        [NINE_S, NINE_S + 300],
        [NINE_S + 930, NINE_S + 1230],
    ]
    (bridge,) = line.bridged
    assert bridge[:, 0].tolist() == [NINE_S + 300, NINE_S + 930]
    np.testing.assert_allclose(bridge[:, 1], [300.0, 900.0], atol=1e-9)


def test_a_trip_that_was_not_seen_has_its_plan_only() -> None:
    rows = trip([None, None, None], "lost") + trip([0.0, 0.0, 0.0], "ran", start_s=600.0)
    lost, ran = _lines(rows).trips
    assert (lost.trip, lost.seen, lost.observed, len(lost.planned)) == ("lost", False, (), 3)
    assert ran.seen


def test_a_visit_of_another_day_is_put_aside() -> None:
    found = _lines(trip([0.0, -86_400.0, 0.0]))
    assert found.put_aside == 1
    (line,) = found.trips
    assert len(line.observed) == 2
    assert found.span_s == (NINE_S, NINE_S + 600)


def test_a_vehicle_close_behind_another_one_is_bunched() -> None:
    """Scheduled every 600 s: 150 s is a quarter, 149 s is less."""
    rows = trip([450.0, 451.0, 600.0], "first") + trip([0.0, 0.0, 0.0], "second", start_s=600.0)
    first, second = _lines(rows).trips
    assert len(first.bunched) == 0
    assert second.bunched[:, 0].tolist() == [NINE_S + 900.0, NINE_S + 1200.0]
    np.testing.assert_allclose(second.bunched[:, 1], [300.0, 600.0], atol=1e-9)


def test_a_loop_passes_its_first_stop_twice() -> None:
    rows = trip([0.0, 0.0, 0.0])
    rows[2]["stop"] = "A"
    found = _lines(rows)
    assert found.stops == ("A", "B", "A")
    np.testing.assert_allclose(found.place_s, [0.0, 300.0, 600.0], atol=1e-9)


def test_the_day_with_the_most_visits_is_drawn_unless_another_is_asked_for() -> None:
    rows = trip([0.0, 0.0, 0.0], "a") + [{**row, "day": DAY + 1} for row in trip([0.0, 0.0], "b")]
    assert _lines(rows).day == date(2018, 10, 1)
    other = _lines(rows, day=date(2018, 10, 2))
    assert [line.trip for line in other.trips] == ["b"]


@pytest.mark.parametrize(
    ("route", "direction", "day"), [("2", 0, None), ("1", 1, None), ("1", 0, date(2018, 10, 9))]
)
def test_what_is_not_in_the_record_is_refused(route: str, direction: int, day: date | None) -> None:
    with pytest.raises(InputError, match="must have visits of trips in the record"):
        string_lines(visits_of(trip([0.0, 0.0])), route, direction, day)


def test_visits_without_any_time_are_refused() -> None:
    rows = [{**row, "scheduled_departure_s": math.nan} for row in trip([None, None])]
    rows[-1]["scheduled_arrival_s"] = math.nan
    with pytest.raises(InputError, match="must have visits with times"):
        _lines(rows)


def _timed(rows: list[dict[str, Any]], route: str, direction: int) -> bool:
    """Return whether the day that is drawn has a time that is not put aside."""
    own = [row for row in rows if (row["route"], row["direction"]) == (route, direction) and row["trip"]]
    days = [row["day"] for row in own]
    drawn = max(sorted(set(days)), key=days.count)
    names = ("scheduled_arrival_s", "scheduled_departure_s", "arrival_s", "departure_s")
    return any(not math.isnan(row[name]) for row in own if row["day"] == drawn for name in names)


@given(rows=random_rows())
def test_lines_hold_the_times_of_visits_and_nothing_else(rows: list[dict[str, Any]]) -> None:
    visits = visits_of(rows)
    facts = VisitFacts(visits)
    for route, direction in {
        (row["route"], row["direction"]) for row in rows if row["route"] and row["trip"]
    }:
        timed = _timed(rows, route, direction)
        if not timed:
            with pytest.raises(InputError, match="must have visits with times"):
                string_lines(facts, route, direction)
            continue
        found = string_lines(facts, route, direction)
        day = (found.day - date(1970, 1, 1)).days
        own = [row for row in rows if (row["route"], row["direction"], row["day"]) == (route, direction, day)]
        own = [row for row in own if row["trip"]]
        assert found.place_s.min() == 0.0
        assert (np.diff(found.place_s) >= 0.0).all()
        assert {row["stop"] for row in own} == set(found.stops)
        for line in found.trips:
            mine = [row for row in own if row["trip"] == line.trip]
            times = {row[name] for row in mine for name in ("arrival_s", "departure_s")}
            drawn = [point for run in line.observed for point in run[:, 0].tolist()]
            assert set(drawn) <= times
            assert {point for bridge in line.bridged for point in bridge[:, 0].tolist()} <= set(drawn)
            assert len(line.bridged) == max(len(line.observed) - 1, 0)
            planned = {row[f"scheduled_{name}"] for row in mine for name in ("arrival_s", "departure_s")}
            assert set(line.planned[:, 0].tolist()) <= planned
            assert set(line.planned[:, 1].tolist()) <= set(found.place_s.tolist())


@given(
    running=st.lists(st.integers(0, 900), min_size=1, max_size=8),
    noise=st.lists(st.integers(-5, 5), min_size=8, max_size=8),
)
def test_places_keep_the_order_of_a_line(running: list[int], noise: list[int]) -> None:
    base = [(k, k + 1, float(each)) for k, each in enumerate(running)]
    other = [(k, k + 1, float(max(each + noise[k], 0))) for k, each in enumerate(running)]
    found = _places(base + other, len(running) + 1)
    wanted = [(each + max(each + noise[k], 0)) / 2 for k, each in enumerate(running)]
    np.testing.assert_allclose([b - a for a, b in pairwise(found)], wanted, atol=1e-6)
