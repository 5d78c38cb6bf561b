"""How many stop visits could be found: counted by hand on a street of 4 km with a stop every 500 m."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transit.driven import driven, positions, there_and_back, timetable
from transit.matched_records import matched_record
from transit.matching import Matcher
from transit.matching_coverage import possible_visits
from transit.positions import Positions
from transit.visits import Relationship


def counted(made: Positions, trips: int = 1) -> tuple[int, int, int]:
    """Return how many visits were found, could be, and were due."""
    found = matched_record(timetable(there_and_back(trips)), made)
    return found.found, found.possible, len(found.visits)


def between(first_m: float, last_m: float) -> Positions:
    """A bus that is seen every 10 s while it is between two places of its street, on time at 8 m/s."""
    time, xy = driven(there_and_back(1), wait_s=0.0)
    s = 8.0 * (time - time[0])
    rows = (s >= first_m) & (s <= last_m)
    return positions(time[rows], xy[rows])


@pytest.mark.parametrize(
    ("first_m", "last_m", "stops"),
    [
        (0.0, 4000.0, 9),
        (100.0, 3900.0, 7),
        (600.0, 1900.0, 2),  # at 1000 and 1500
        (600.0, 900.0, 0),
        (0.0, 60.0, 0),  # it has not left its start
        (0.0, 300.0, 1),
    ],
)
def test_stops_between_the_first_and_the_last_place_can_be_found(
    first_m: float, last_m: float, stops: int
) -> None:
    found, possible, due = counted(between(first_m, last_m))
    assert possible == stops
    assert (found, due) == (possible, 9 if found else 0)


def test_a_gap_that_is_too_long_leaves_out_what_could_be_found() -> None:
    """Forty minutes without a position: the vehicle begins anew, and the stops in between are not made up."""
    trips = there_and_back(1)
    time, xy = driven(trips, wait_s=0.0, speed_m_s=1.2)
    s = 1.2 * (time - time[0])
    rows = (s < 700.0) | (s > 3700.0)
    found = matched_record(timetable(trips), positions(time[rows], xy[rows]))
    assert found.possible == 9
    assert 0 < found.found < 9
    missing = found.visits.relationship == Relationship.MISSING
    assert int(missing.sum()) == 9 - found.found


def test_each_vehicle_and_each_day_counts() -> None:
    """Two vehicles of the same block, and the first of them again on the next day."""
    trips = there_and_back(2)
    time, xy = driven(trips)
    days = [
        positions(time, xy),
        positions(time + 20.0, xy, vehicle="w"),
        positions(time + 86_400.0, xy),
    ]
    found = matched_record(timetable(trips), Positions.joined(days))
    assert (found.found, found.possible) == (54, 54)
    assert len(found.visits) == 54  # both vehicles' visits of the first day are there


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_what_is_found_could_be_found(seed: int) -> None:
    """Whatever positions are lost or scattered, a share of visits found is one from 0 to 1."""
    generator = np.random.default_rng(seed)
    trips = there_and_back(4)
    time, xy = driven(trips, every_s=float(generator.uniform(5.0, 90.0)), dwell_s=20.0)
    kept = generator.uniform(size=len(time)) < generator.uniform(0.1, 1.0)
    kept[0] = True
    made = positions(time[kept], xy[kept] + generator.normal(0.0, 8.0, (int(kept.sum()), 2)))
    matcher = Matcher(timetable(trips))
    found = matcher.archive(made)
    possible = possible_visits(matcher, found, made.vehicle)
    assert len(found.visits) <= possible <= 36
