"""Regular trips, counted by hand."""

from __future__ import annotations

from typing import Any

from tests.transit.made_visits import trip, visits_of
from transit.definitions import named
from transit.punctuality import punctuality
from transit.visits import Relationship


def figure(rows: list[dict[str, Any]], name: str) -> tuple[Any, ...]:
    return punctuality(visits_of(rows), (), named([name])).of(name)[2:]


def test_a_trip_is_regular_if_it_is_so_at_every_time_point() -> None:
    rows = [*trip([120.0, -120.0, 0.0], "a"), *trip([0.0, 121.0, 0.0], "b", 600.0)]
    assert figure(rows, "regularity-trips")[:3] == (0.5, 1, 2)
    rows[4]["timepoint"] = False
    assert figure(rows, "regularity-trips")[:3] == (1.0, 2, 2)
    assert figure(rows, "regularity-dispatch")[:3] == (1.0, 2, 2)


def test_a_trip_seen_at_some_time_points_is_neither_regular_nor_not() -> None:
    rows = [*trip([0.0, None, 0.0], "part"), *trip([0.0, 0.0, 0.0], "whole", 600.0)]
    assert figure(rows, "regularity-trips") == (1.0, 1, 1, 0.5)
    assert figure(rows[:3], "regularity-trips") == (None, 0, 0, 1.0)
    assert figure(rows, "regularity-dispatch") == (1.0, 2, 2, 0.0)
    rows[1]["timepoint"] = False
    assert figure(rows, "regularity-trips") == (1.0, 2, 2, 0.0)
    rows[1] |= {"timepoint": True, "relationship": Relationship.SKIPPED}
    assert figure(rows, "regularity-trips") == (0.5, 1, 2, 0.0)
