"""Worst groups and heat maps: against figures taken one by one, and by plain loops."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transit.made_visits import departures, random_rows, trip, visits_of
from traffic.errors import InputError
from transit.definitions import named
from transit.heat_maps import heat_map
from transit.intervals import wilson
from transit.punctuality import punctuality
from transit.visit_facts import VisitFacts
from transit.visits import StopVisits
from transit.worst import worst

(ON_TIME,) = named(["on-time-departures"])
(MEDIAN,) = named(["deviation-p50"])


def _routes(late_min: dict[str | None, list[float | None]]) -> StopVisits:
    """Departures of routes, so late each."""
    parts = []
    for number, (route, late) in enumerate(late_min.items()):
        due = [10.0 * k for k in range(len(late))]
        came = [None if m is None else d + m for d, m in zip(due, late, strict=True)]
        parts.append(departures(due, came, route=route, stop=f"s{number}"))
    return StopVisits.joined(parts)


def test_the_worst_is_first_and_few_visits_do_not_rank() -> None:
    visits = _routes({"good": [0.0] * 4, "bad": [9.0] * 3 + [0.0], "few": [9.0] * 3, None: [9.0] * 5})
    found = worst(VisitFacts(visits), ("route",), ON_TIME, least=4)
    assert [row.label for row in found.rows] == [("bad",), ("good",)]
    assert found.few == 1  # the unknown route is not counted: it is none
    bad = found.rows[0]
    assert (bad.value, bad.numerator, bad.denominator, bad.unobserved) == (0.25, 1, 4, 0.0)
    ends = wilson(np.array([1]), np.array([4]))
    assert (bad.low, bad.high) == (float(ends.low[0]), float(ends.high[0]))


def test_of_equals_the_one_that_more_is_known_of_is_first() -> None:
    visits = _routes({"9": [9.0] * 2, "10": [9.0] * 3, "8": [9.0] * 2})
    found = worst(VisitFacts(visits), ("route",), ON_TIME, least=1)
    assert [row.label[0] for row in found.rows] == ["10", "8", "9"]


def test_a_group_of_which_nothing_was_seen_does_not_rank() -> None:
    rows = trip([0.0, None, 0.0, 0.0], stop="A")  # one visit in the middle that nobody saw
    rows[1]["stop"] = "unseen"
    found = worst(VisitFacts(visits_of(rows)), ("stop",), named(["on-time-visits"])[0], least=1)
    assert [row.label[0] for row in found.rows] == ["A"]
    assert found.few == 1


@pytest.mark.parametrize(("definition", "least"), [("excess-wait", 1), ("on-time-visits", 0)])
def test_what_cannot_rank_is_refused(definition: str, least: int) -> None:
    visits = _routes({"1": [0.0]})
    with pytest.raises(InputError):
        worst(VisitFacts(visits), ("route",), named([definition])[0], least=least)


@given(rows=random_rows(), least=st.integers(1, 4))
def test_every_group_ranks_or_is_counted_as_few(rows: list[dict[str, object]], least: int) -> None:
    visits = visits_of(rows)
    found = worst(VisitFacts(visits), ("route", "stop"), ON_TIME, least=least)
    figures = [
        figure for figure in punctuality(visits, ("route", "stop"), [ON_TIME]) if figure.group["route"]
    ]
    assert len(found.rows) + found.few == len(figures)
    ranked = {tuple(f.group.values()): f.value for f in figures if f.denominator >= least}
    assert {row.label: row.value for row in found.rows} == ranked
    assert [row.value for row in found.rows] == sorted(row.value for row in found.rows)
    for row in found.rows:
        assert row.low <= row.value <= row.high


def test_a_heat_map_begins_at_four_and_nights_are_last() -> None:
    hours = [5, 23, 1]  # of the clock; 9 o'clock is NINE_S
    visits = departures(
        [60.0 * (hour - 9 + (24 if hour < 4 else 0)) for hour in hours],
        [
            60.0 * (hour - 9 + (24 if hour < 4 else 0)) + late
            for hour, late in zip(hours, (0, 9, 0), strict=True)
        ],
    )
    found = heat_map(VisitFacts(visits), "route", ON_TIME)
    assert found.hours == (*range(5, 24), 0, 1)
    assert found.labels == ("1",)
    known = {
        hour: value
        for hour, value in zip(found.hours, found.value[0].tolist(), strict=True)
        if math.isfinite(value)
    }
    assert known == {5: 1.0, 23: 0.0, 1: 1.0}
    assert found.denominator.sum() == 3


@given(rows=random_rows())
def test_a_heat_map_holds_the_figures_of_its_groups(rows: list[dict[str, object]]) -> None:
    visits = visits_of(rows)
    for definition in (ON_TIME, MEDIAN):
        found = heat_map(VisitFacts(visits), "stop", definition)
        figures = punctuality(visits, ("stop", "hour"), [definition])
        whole: Counter[tuple[object, object]] = Counter()
        for figure in figures:
            stop, hour = figure.group["stop"], figure.group["hour"]
            if hour is not None:
                whole[stop, hour] = figure.denominator
        for k, stop in enumerate(found.labels):
            for j, hour in enumerate(found.hours):
                assert found.denominator[k, j] == whole[stop, hour]
                value = (
                    figures.of(definition.name, stop=stop, hour=hour).value if (stop, hour) in whole else None
                )
                assert (math.isnan(found.value[k, j]) and value is None) or found.value[k, j] == value
        assert found.denominator.sum() == sum(whole.values())


def test_rows_of_a_heat_map_may_be_chosen() -> None:
    visits = _routes({"1": [0.0], "2": [9.0], "3": [0.0]})
    found = heat_map(VisitFacts(visits), "route", ON_TIME, ["3", "nowhere", "2"])
    assert found.labels == ("3", "nowhere", "2")
    assert found.value[:, 0].tolist()[::2] == [1.0, 0.0]
    assert math.isnan(found.value[1, 0])


def test_no_visits_make_no_hours() -> None:
    found = heat_map(VisitFacts(visits_of([])), "route", ON_TIME)
    assert (found.labels, found.hours, found.value.shape) == ((), (), (0, 0))
