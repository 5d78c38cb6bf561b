"""Which junctions switch together."""

from __future__ import annotations

import pytest

from scenarios.grid import build_grid
from signals.coordinated import coordinated_groups, neighbours
from tests.signals.small_cities import road_of_signals

LINE = [("a", "b"), ("b", "c"), ("c", "d")]


def test_neighbours_along_a_road_are_those_next_to_each_other() -> None:
    assert neighbours(road_of_signals(4, spacing=300.0)) == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize(("spacing", "pairs"), [(799.0, 1), (800.0, 1), (801.0, 0)])
def test_neighbours_are_within_half_a_mile(spacing: float, pairs: int) -> None:
    assert len(neighbours(road_of_signals(2, spacing=spacing))) == pairs


def test_a_grid_has_its_streets_as_neighbours() -> None:
    rows, columns = 3, 4
    city = build_grid(columns, rows)
    assert len(neighbours(city)) == rows * (columns - 1) + columns * (rows - 1)


def test_cycles_that_are_multiples_go_together() -> None:
    cycles = {"a": [60], "b": [120], "c": [90], "d": [45]}
    assert coordinated_groups(cycles, LINE) == {"group 1": ["a", "b"], "group 2": ["c", "d"]}


def test_cycles_must_fit_in_every_set_of_a_schedule() -> None:
    cycles = {"a": [60, 60], "b": [60, 80], "c": [60, 80], "d": [60, 160]}
    assert coordinated_groups(cycles, LINE) == {"group 1": ["a"], "group 2": ["b", "c", "d"]}


def test_junctions_outside_of_the_set_join_nothing() -> None:
    assert coordinated_groups({"a": [60], "c": [60]}, LINE) == {"group 1": ["a"], "group 2": ["c"]}
