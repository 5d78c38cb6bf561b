"""Days shared among processes: the same figures as in one, and a process that dies is told."""

from __future__ import annotations

import os
from datetime import date

import pytest

from scenarios.loader import build, load
from simulation.buses.policies import compared
from simulation.buses.workers import WorkerLostError, made


def squared(number: int) -> int:
    return number * number


def died(number: int) -> int:
    if number == 2:
        os._exit(1)
    return number


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    assert list(made(squared, range(7), workers=workers)) == [(k, k * k) for k in range(7)]


def test_nothing_to_do_is_nothing() -> None:
    assert list(made(squared, [], workers=2)) == []


def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(WorkerLostError, match="fewer workers"):
        list(made(died, range(4), workers=2))


def test_days_are_the_same_in_one_process_and_in_two() -> None:
    city = build(load("grid-6x5"))
    day, only = date(2026, 11, 27), ("untouched", "dispatch control, priority", "optimising dispatcher")
    one, two = (compared(city, day, vehicles=6, seeds=2, only=only, workers=n) for n in (1, 2))
    assert one.outcomes == two.outcomes
    assert one.document() == two.document()
