"""The ETA Accuracy Benchmark by hand: limits, buckets, and the mean of the four."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.errors import InputError
from transit.prediction.accuracy import BUCKETS, bucket_of, eta_accuracy

NOON = 1_795_978_800.0


def scored(rows: list[tuple[float, float, float]]) -> tuple[tuple[float, ...], tuple[int, ...], float]:
    made, predicted, actual = (NOON + np.array(column, float) for column in zip(*rows, strict=True))
    found = eta_accuracy(made, predicted, actual)
    return found.share, found.counts, found.score


@pytest.mark.parametrize(
    ("away_s", "early_s", "late_s"), [(100, 30, 90), (200, 60, 150), (400, 60, 210), (700, 90, 270)]
)
def test_limits_are_included(away_s: float, early_s: float, late_s: float) -> None:
    """A vehicle may come so much earlier, or later, than was said; a hundredth of a second more is too much."""
    rows = [
        (0, away_s + early_s, away_s),
        (0, away_s - late_s, away_s),
        (0, away_s + early_s + 0.01, away_s),
        (0, away_s - late_s - 0.01, away_s),
    ]
    share, count, _ = scored(rows)
    place = count.index(4)
    assert share[place] == 0.5


def test_buckets_include_their_start_and_not_their_end() -> None:
    away = np.array([-0.01, 0, 179.99, 180, 359.99, 360, 599.99, 600, 899.99, 900, math.nan])
    made = np.full(len(away), NOON)
    assert bucket_of(made, made + away).tolist() == [-1, 0, 0, 1, 1, 2, 2, 3, 3, -1, -1]


def test_the_score_is_the_mean_of_four_shares_however_many_predictions_they_have() -> None:
    rows = [(0, 100, 100)] * 9 + [(0, 300, 100)]  # 90 % of ten
    rows += [(0, 200, 200), (0, 300, 200)]  # half of two
    rows += [(0, 400, 400)] * 3  # all
    rows += [(0, 0, 700)] * 4  # none
    assert scored(rows) == ((0.9, 0.5, 1.0, 0.0), (10, 2, 3, 4), pytest.approx(0.6))


def test_without_predictions_in_a_bucket_there_is_no_score() -> None:
    share, count, score = scored([(0, 100, 100)])
    assert share[0] == 1.0
    assert count == (1, 0, 0, 0)
    assert math.isnan(score)


def test_a_vehicle_that_never_came_does_not_count_and_one_that_was_not_predicted_counts_against() -> None:
    share, count, _ = scored([(0, 100, math.nan), (0, math.nan, 100), (0, 90, 100)])
    assert (share[0], count[0]) == (0.5, 2)


def test_as_many_times_are_wanted_of_each_kind() -> None:
    with pytest.raises(InputError, match="as many times"):
        eta_accuracy(np.zeros(2), np.zeros(2), np.zeros(1))


@given(st.lists(st.tuples(st.integers(-100, 1000), st.integers(-100, 1300)), min_size=1, max_size=40))
def test_it_is_what_a_slow_reading_of_the_rules_gives(rows: list[tuple[int, int]]) -> None:
    hits, counts = [0] * 4, [0] * 4
    for away, predicted in rows:
        for k, (_, start, end, early, late) in enumerate(BUCKETS):
            if start <= away < end:
                counts[k] += 1
                hits[k] += predicted - early <= away <= predicted + late
    _, count, _ = scored([(0, predicted, away) for away, predicted in rows])
    share, _, _ = scored([(0, predicted, away) for away, predicted in rows])
    assert list(count) == counts
    for k in range(4):
        assert math.isnan(share[k]) if counts[k] == 0 else share[k] == hits[k] / counts[k]
