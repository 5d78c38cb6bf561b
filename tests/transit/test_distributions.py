"""Distributions of headways and deviations: counted by hand, and what they must sum up to."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given

from tests.transit.made_visits import departures, random_rows, trip, visits_of
from transit.definitions import named
from transit.distributions import deviation_histogram, headway_histogram
from transit.punctuality import figures_of
from transit.visit_facts import Fate, VisitFacts


def _counts(histogram: Any) -> dict[tuple[float, float], int]:
    pairs = zip(histogram.edges[:-1].tolist(), histogram.edges[1:].tolist(), strict=True)
    return {pair: count for pair, count in zip(pairs, histogram.counts.tolist(), strict=True) if count}


def test_headways_are_counted_by_the_scheduled_ones() -> None:
    """Every 10 min scheduled; headways of 2.4, 10, 12.5 and 35.1 min."""
    visits = departures([0.0, 10.0, 20.0, 30.0, 40.0], [0.0, 2.4, 12.4, 24.9, 60.0])
    found = _counts(headway_histogram(VisitFacts(visits)))
    assert found == {(0.0, 0.25): 1, (1.0, 1.25): 1, (1.25, 1.5): 1, (3.0, np.inf): 1}


def test_deviations_are_counted_by_minutes() -> None:
    visits = visits_of(trip([-60.0, -61.0, 59.9, 60.0, 1_200.0, None, -86_400.0]))
    found = _counts(deviation_histogram(VisitFacts(visits)))
    assert found == {(-2.0, -1.0): 1, (-1.0, 0.0): 1, (0.0, 1.0): 1, (1.0, 2.0): 1, (20.0, np.inf): 1}


@given(rows=random_rows())
def test_totals_are_the_denominators_of_the_figures_but_for_what_was_lost(rows: list[dict[str, Any]]) -> None:
    facts = VisitFacts(visits_of(rows))
    figures = figures_of(facts, (), named(["deviation-p50", "headway-within-50"]))
    assert deviation_histogram(facts).total == figures.denominator[0, 0]
    lost = facts.due & (facts.fate == Fate.LOST) & (facts.headways.scheduled_s > 0)
    assert headway_histogram(facts).total == figures.denominator[1, 0] - np.count_nonzero(lost)
    of_one = facts.visits.route.is_any(["1"])
    parts = [headway_histogram(facts, rows).counts for rows in (of_one, ~of_one)]
    np.testing.assert_array_equal(parts[0] + parts[1], headway_histogram(facts).counts)
