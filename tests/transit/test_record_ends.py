"""Records that begin and end while vehicles are under way: what nobody can have seen is unknown, and not lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.transit.driven import driven, positions, there_and_back, timetable
from transit.definitions import named
from transit.matched_records import matched_record
from transit.punctuality import Figure, punctuality
from transit.visits import Relationship, StopVisits

TRIPS = there_and_back(4)
CHOSEN = named(["on-time-visits", "trips-cut", "trips-dropped"])


def visits_between(first_s: float, last_s: float) -> StopVisits:
    """What is found of a bus, always 60 s late, that runs four trips of 500 s, one every 900 s."""
    time_s, xy = driven(TRIPS, late_s=60.0)
    since_s = time_s - time_s[0]
    chosen = (since_s >= first_s) & (since_s <= last_s)
    return matched_record(timetable(TRIPS), positions(time_s, xy).take(chosen)).visits


def figures(visits: StopVisits) -> tuple[Figure, ...]:
    return tuple(punctuality(visits, (), CHOSEN))


@pytest.mark.parametrize(
    ("first_s", "last_s", "trips", "whole"),
    [(0.0, 1200.0, 2, 1), (0.0, 2050.0, 3, 2), (300.0, 4000.0, 4, 3), (300.0, 2050.0, 3, 1)],
)
def test_a_trip_under_way_at_an_end_of_the_record_is_not_cut(
    first_s: float, last_s: float, trips: int, whole: int
) -> None:
    """A bus that is always on time: every visit that is judged is on time, and no trip is cut."""
    visits = visits_between(first_s, last_s)
    on_time, cut, dropped = figures(visits)
    seen = int(visits.observed.sum())
    assert (len(visits), whole * 9 < seen < trips * 9) == (trips * 9, True)
    assert (on_time.numerator, on_time.denominator) == (seen, seen)
    assert on_time.unobserved == (len(visits) - seen) / len(visits)
    assert (cut.numerator, cut.denominator, cut.unobserved) == (0, whole, (trips - whole) / trips)
    assert (dropped.numerator, dropped.denominator, dropped.unobserved) == (0, trips, 0.0)


def without(visits: StopVisits, trip: str, first: int, last: int) -> StopVisits:
    """Some visits of a trip are missing."""
    gone = np.array(visits.trip.texts()) == trip
    gone &= (visits.sequence >= first) & (visits.sequence <= last)
    return replace(
        visits,
        arrival_s=np.where(gone, np.nan, visits.arrival_s),
        departure_s=np.where(gone, np.nan, visits.departure_s),
        relationship=np.where(gone, Relationship.MISSING, visits.relationship).astype(np.int8),
    )


def test_a_trip_that_is_turned_short_within_the_record_is_cut_and_that_is_inferred() -> None:
    on_time, cut, _ = figures(without(visits_between(0.0, 4000.0), "t1", 6, 9))
    assert (on_time.numerator, on_time.denominator, on_time.unobserved) == (32, 36, 4 / 36)
    assert (cut.numerator, cut.denominator, cut.unobserved) == (1, 4, 0.25)


def test_a_trip_that_the_source_says_was_cut_is_observed() -> None:
    visits = without(visits_between(0.0, 4000.0), "t1", 6, 9)
    told = np.where(visits.observed, visits.relationship, Relationship.SKIPPED).astype(np.int8)
    _, cut, _ = figures(replace(visits, relationship=told))
    assert (cut.numerator, cut.denominator, cut.unobserved) == (1, 4, 0.0)


def test_days_are_recorded_each_by_itself() -> None:
    """The record of one day that ends early is no longer than it is because another day's goes on."""
    visits = visits_between(0.0, 1200.0)
    later = visits_between(0.0, 4000.0)
    later = replace(later, day=later.day + 1)
    _, cut, _ = figures(StopVisits.joined([visits, later]))
    assert (cut.numerator, cut.denominator) == (0, 5)
