"""Where vehicles are, what they have done, and what is ahead of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.transit.prediction.days import EIGHT_S, line
from transit.prediction.calls import Calls, Events, Record
from transit.prediction.following import Follower


def following(visits, until_s: float = np.inf):
    calls = Calls.of(visits)
    record = Record.of(calls, visits)
    follower = Follower(calls)
    return follower, follower.push(record.events().before(until_s)[0])


def test_stretches_dwells_and_headways_by_hand() -> None:
    """Two trips ten minutes apart; the second one comes 50 s late to the second stop and stands there for 20 s more."""
    late = np.zeros((2, 3, 2))
    late[1, 1] = [50.0, 70.0]
    late[1, 2] = [70.0, 70.0]
    _, passed = following(line([0, 600], late, stops=3, dwell_s=30.0))
    assert passed.call.tolist() == [0, 1, 3, 4]
    assert passed.run_s.tolist() == [120.0, 120.0, 170.0, 120.0]
    assert passed.stood.tolist() == [1, 4]
    assert passed.dwell_s.tolist() == [30.0, 50.0]
    assert np.isnan(passed.headway_s[0])
    assert passed.headway_s[1] == 600.0 + 50.0 - 30.0  # the first one left 30 s after it came


def test_only_what_is_ahead_of_a_vehicle_is_ahead() -> None:
    follower, _ = following(line([0, 600, 1200]), EIGHT_S + 700.0)
    ahead = follower.ahead(EIGHT_S + 700.0)
    assert ahead.call.tolist() == [5, 6, 7, 8, 9]  # the first trip has ended, the third not begun
    assert ahead.coming.tolist() == [False, True, True, True, True]
    assert follower.ahead(EIGHT_S + 700.0, 300.0).call.tolist() == [5, 6, 7]


def test_the_next_trip_of_a_block_is_ahead_too_until_it_has_begun() -> None:
    visits = line([0, 600], blocks=["b", "b"])
    follower, _ = following(visits, EIGHT_S + 400.0)
    assert follower.ahead(EIGHT_S + 400.0).call.tolist() == [3, 4, 5, 6, 7, 8, 9]
    follower, _ = following(visits, EIGHT_S + 500.0)
    assert follower.ahead(EIGHT_S + 500.0).call.tolist() == [4, 5, 6, 7, 8, 9]
    follower, _ = following(visits, EIGHT_S + 600.0)
    assert follower.ahead(EIGHT_S + 600.0).call.tolist() == [5, 6, 7, 8, 9]


def test_who_has_not_been_seen_for_long_is_under_way_no_more() -> None:
    follower, _ = following(line([0]), EIGHT_S + 10.0)
    assert len(follower.ahead(EIGHT_S + 120.0 + 2700.0).call) == 5
    assert len(follower.ahead(EIGHT_S + 120.0 + 2701.0).call) == 0


def test_what_is_late_or_told_twice_changes_nothing() -> None:
    visits = line([0], dwell_s=10.0)
    calls = Calls.of(visits)
    good = Record.of(calls, visits).events()
    order = [0, 1, 2, 2, 1, 0, 3, 4]  # those of the first stop, and some again after the second one
    again = Events(*(column[order] for column in good))
    follower, other = Follower(calls), Follower(calls)
    passed = follower.push(again)
    expected = other.push(Events(*(column[:5] for column in good)))
    assert passed.run_s.tolist() == expected.run_s.tolist()
    assert follower.state.at.tolist() == other.state.at.tolist()
    assert follower.state.since_s.tolist() == other.state.since_s.tolist()


def test_a_stop_that_was_not_seen_leaves_its_stretches_out() -> None:
    late = np.zeros((1, 5, 2))
    late[0, 2] = np.nan
    _, passed = following(line([0], late))
    assert passed.call.tolist() == [0, 3]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_events_in_pieces_are_the_same_as_at_once(sizes: list[int]) -> None:
    rng = np.random.default_rng(len(sizes))
    late = np.cumsum(rng.exponential(30.0, (6, 5, 1)).repeat(2, axis=2), axis=1)
    visits = line([0, 100, 200, 300, 400, 500], late)
    whole, passed = following(visits)
    calls = Calls.of(visits)
    events, follower, place = Record.of(calls, visits).events(), Follower(calls), 0
    parts = []
    for size in [*sizes, len(events)]:
        parts.append(follower.push(Events(*(column[place : place + size] for column in events))))
        place += size
    for name in passed._fields:
        assert (
            np.concatenate([getattr(part, name) for part in parts]).tobytes()
            == getattr(passed, name).tobytes()
        )
    for name in whole.state._fields:
        assert getattr(whole.state, name).tobytes() == getattr(follower.state, name).tobytes()
