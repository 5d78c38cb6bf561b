"""Before and after: differences with intervals, by a plain bootstrap and by what the intervals must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transit.made_visits import DAY, random_rows, trip, visits_of
from transit import comparing
from transit.comparing import Unit, compared
from transit.definitions import definitions, named
from transit.grouping import dense
from transit.punctuality import punctuality
from transit.visit_facts import VisitFacts
from transit.visits import StopVisits

ON_TIME = named(["on-time-visits"])


def _trips(late_s: list[list[float | None]], day: int = DAY) -> list[dict[str, Any]]:
    return [
        {**row, "day": day, "scheduled_headway_s": float("nan")}
        for number, late in enumerate(late_s)
        for row in trip(late, f"t{number}", start_s=600.0 * number)
    ]


def _facts(late_s: list[list[float | None]]) -> VisitFacts:
    return VisitFacts(visits_of(_trips(late_s)))


def _compared(before: VisitFacts, after: VisitFacts, *names: str, **options: Any) -> Any:
    chosen = named(names) if names else ON_TIME
    return compared(before, after, chosen, np.random.default_rng(7), **options)


def test_trips_that_are_all_alike_leave_no_doubt() -> None:
    found = _compared(_facts([[0.0, 600.0]] * 8), _facts([[0.0, 0.0]] * 5))
    (row,) = found.rows
    assert (found.unit, found.clusters) == (Unit.TRIP, (8, 5))
    assert (row.before.value, row.after.value) == (0.5, 1.0)
    assert row.difference == row.low == row.high == 0.5
    assert row.sure


def test_a_record_does_not_differ_from_itself() -> None:
    facts = _facts([[0.0, 600.0]] * 10 + [[0.0, 0.0]] * 10)
    (row,) = _compared(facts, facts).rows
    assert row.difference == 0.0
    assert row.low < 0.0 < row.high
    assert not row.sure


def test_what_is_drawn_is_trips_and_not_visits() -> None:
    """Half of n trips are on time everywhere, half nowhere: the variance of the share of a draw is 1 / (4 n)."""
    count, stops = 40, 8
    facts = _facts([[0.0] * stops] * (count // 2) + [[600.0] * stops] * (count // 2))
    sure = _facts([[0.0] * stops] * count)
    (row,) = _compared(facts, sure, draws=20_000).rows
    half = 1.96 * np.sqrt(1.0 / (4 * count))
    assert row.low == pytest.approx(0.5 - half, abs=0.013)  # shares of 40 trips are 0.025 apart
    assert row.high == pytest.approx(0.5 + half, abs=0.013)


def test_days_are_drawn_where_there_are_enough_of_them() -> None:
    rows = [row for day in range(10) for row in _trips([[0.0, 0.0 if day % 2 else 600.0]] * 3, DAY + day)]
    facts = VisitFacts(visits_of(rows))
    found = _compared(facts, facts)
    assert (found.unit, found.clusters) == (Unit.DAY, (10, 10))
    by_trip = _compared(facts, facts, unit=Unit.TRIP)
    assert by_trip.clusters == (30, 30)
    wide, narrow = (one.rows[0].high - one.rows[0].low for one in (found, by_trip))
    assert wide > 1.3 * narrow  # trips of a day are alike: sqrt(3) in the limit


def test_same_seed_same_interval() -> None:
    before, after = _facts([[0.0, 600.0], [0.0, 0.0]] * 9), _facts([[0.0, 0.0], [600.0, 600.0]] * 9)
    assert _compared(before, after).rows == _compared(before, after).rows


def test_spreads_and_what_the_timetable_says_have_no_interval() -> None:
    facts = _facts([[0.0, 30.0 * k] for k in range(9)])
    for row in _compared(facts, facts, "headway-cv", "scheduled-wait").rows:
        assert row.difference == 0.0
        assert (row.low, row.high, row.sure) == (None, None, False)


def test_what_is_not_known_has_no_difference() -> None:
    nothing = VisitFacts(StopVisits.of("Asia/Almaty", 0))
    (row,) = _compared(nothing, _facts([[0.0, 0.0]])).rows
    assert (row.before.value, row.difference, row.low) == (None, None, None)


def _plain(facts: VisitFacts, name: str, picked: list[int]) -> float:
    """Return a figure of the trips with these numbers, by taking their visits again as often as they were picked.

    Only for figures that take each visit by itself.
    """
    alone = facts.trip < 0
    own = np.where(alone, np.cumsum(alone) - 1 + facts.trips, facts.trip)
    cluster = dense([own])[0]
    parts = []
    for place, number in enumerate(picked):
        part = facts.visits.take(np.flatnonzero(cluster == number))
        named_again = [f"{place}:{text}" if text else None for text in part.trip.texts()]
        columns = {column: getattr(part, column) for column in StopVisits.columns()}
        parts.append(StopVisits.of(part.zone, len(part), **{**columns, "trip": named_again}))
    value = punctuality(StopVisits.joined(parts), (), named([name])).value[0, 0]
    return float(value)


class _Picking(np.random.Generator):
    """Draws clusters that are known beforehand."""

    def __init__(self, picked: np.ndarray) -> None:
        super().__init__(np.random.PCG64(0))
        self.picked = picked

    def integers(self, *_: Any, **__: Any) -> Any:
        return self.picked.copy()


@settings(max_examples=40)
@given(rows=random_rows(most_trips=4), seed=st.integers(0, 99))
def test_draws_are_the_figures_of_records_made_of_the_trips_drawn(
    rows: list[dict[str, Any]], seed: int
) -> None:
    facts = VisitFacts(visits_of(rows))
    cluster = comparing._clusters(facts, Unit.TRIP)
    clusters = int(cluster.max()) + 1
    picked = np.random.default_rng(seed).integers(0, clusters, (3, clusters))
    for name in ("on-time-visits", "on-time-arrivals-seen", "deviation-p50", "trips-dropped"):
        (drawn,) = comparing._drawn(facts, cluster, named([name]), 3, _Picking(picked))
        np.testing.assert_allclose(drawn, [_plain(facts, name, draw) for draw in picked.tolist()], rtol=1e-12)


@given(rows=random_rows(), other=random_rows())
def test_any_two_records_can_be_compared(rows: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    found = compared(
        VisitFacts(visits_of(rows)),
        VisitFacts(visits_of(other)),
        definitions(),
        np.random.default_rng(1),
        draws=40,
    )
    assert [row.definition.name for row in found.rows] == [each.name for each in definitions()]
    for row in found.rows:
        if row.low is not None:
            assert row.high is not None
            assert row.low <= row.high
            assert row.difference is not None
