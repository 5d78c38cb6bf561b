"""What time it is by clocks of which some are wrong."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transit.prediction.moment import AHEAD_S, last_moment


def of(*rows: tuple[float, int]) -> float:
    times, vehicles = zip(*rows, strict=True)
    return last_moment(np.array(times, dtype=np.float64), np.array(vehicles, dtype=np.int32))


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
