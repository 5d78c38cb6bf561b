"""Punctuality against plain loops, and what must hold whatever the visits are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transit.made_visits import ZONE, random_rows, visits_of
from tests.transit.ref_punctuality import Reference
from transit.definition_search import Grid, definitions_within
from transit.definitions import Definition, Settings, definitions, named
from transit.grouping import FIELDS
from transit.punctuality import punctuality
from transit.regularity import Deviation, HeadwaySpread
from transit.tallies import OnTime, Place, Window
from transit.visit_facts import Event, Losses

BY = st.lists(st.sampled_from(FIELDS), unique=True, max_size=3).map(tuple)


@settings(max_examples=150)
@given(random_rows(), BY, st.booleans(), st.integers(0, 3))
def test_figures_are_those_of_plain_loops(
    rows: list[dict[str, Any]], by: tuple[str, ...], dropped: bool, cut_visits: int
) -> None:
    expected = Reference(rows, ZONE, dropped=dropped, cut_visits=cut_visits).figures(by)
    figures = punctuality(visits_of(rows), by, losses=Losses(dropped, cut_visits))
    assert {definition.name for definition in figures.definitions} == set(expected)
    assert len(figures) == sum(len(groups) for groups in expected.values())
    for figure in figures:
        value, numerator, denominator, unobserved = expected[figure.definition][tuple(figure.group.values())]
        told = (figure, value, numerator, denominator)
        assert figure.unobserved == unobserved, told
        assert (figure.value is None) == (value is None), told
        assert figure.numerator == pytest.approx(numerator, rel=1e-12, abs=1e-7), told
        assert figure.denominator == pytest.approx(denominator, rel=1e-12), told
        assert figure.value == (None if value is None else pytest.approx(value, rel=1e-12, abs=1e-9)), told


@settings(max_examples=50)
@given(random_rows(), BY, st.randoms(use_true_random=False))
def test_the_order_of_visits_changes_nothing(
    rows: list[dict[str, Any]], by: tuple[str, ...], random: Any
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = punctuality(visits_of(rows), by), punctuality(visits_of(shuffled), by)
    assert one.labels == other.labels
    for part in ("value", "numerator", "denominator", "unobserved"):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part))


@settings(max_examples=50)
@given(random_rows(), BY)
def test_groups_put_together_add_numerators_and_denominators(
    rows: list[dict[str, Any]], by: tuple[str, ...]
) -> None:
    summed = [one for one in definitions() if not isinstance(one.measure, (Deviation, HeadwaySpread))]
    assert len(summed) == len(definitions()) - 7
    visits = visits_of(rows)
    whole, parts = punctuality(visits, (), summed), punctuality(visits, by, summed)
    for part in ("numerator", "denominator"):
        sums = getattr(parts, part).sum(axis=1)
        np.testing.assert_allclose(sums, getattr(whole, part)[:, 0], rtol=1e-12, atol=1e-7)


@settings(max_examples=50)
@given(random_rows(), BY, st.lists(st.integers(0, 700), min_size=4, max_size=4))
def test_a_wider_window_never_lowers_a_share(
    rows: list[dict[str, Any]], by: tuple[str, ...], limits_s: list[int]
) -> None:
    (early, earlier), (late, later) = sorted(limits_s[:2]), sorted(limits_s[2:])
    pair = [
        punctuality(
            visits_of(rows), by, named(["on-time-visits", "regularity-trips", "regularity-dispatch"], chosen)
        )
        for chosen in (
            Settings(window=Window(early, late), regular=Window(early, late)),
            Settings(window=Window(earlier, later), regular=Window(earlier, later)),
        )
    ]
    np.testing.assert_array_equal(pair[0].denominator, pair[1].denominator)
    assert (pair[0].numerator <= pair[1].numerator).all()


@settings(max_examples=30)
@given(random_rows())
def test_shares_of_many_windows_are_those_of_each(rows: list[dict[str, Any]]) -> None:
    visits = visits_of(rows)
    grid = Grid(early_s=(0.0, 60.0, math.inf), late_s=(120.0, 300.0), tolerance_s=(), part=())
    found = {
        one.figure.definition: one.figure._replace(definition="")
        for one in definitions_within(visits, grid=grid)
        if one.figure.definition.startswith("on-time")
    }
    for event, what in zip(Event, ("arrivals", "departures", "visits"), strict=True):
        for place in (Place.ANYWHERE, Place.TIMEPOINTS, Place.STARTS, Place.ENDS):
            for early_s in grid.early_s:
                for late_s in grid.late_s:
                    for losses, of in ((True, "due"), (False, "seen")):
                        window = Window(early_s, late_s)
                        rule = OnTime(event, place, window, losses=losses)
                        (figure,) = punctuality(visits, (), [Definition("", "share", "", "", rule)])
                        name = f"on-time {what}, {place}, {window}, of those {of}"
                        assert found.pop(name, None) == (None if figure.value is None else figure)
    assert not found
