"""Control delay of the Highway Capacity Manual; the second oracle."""

from __future__ import annotations

import pytest

from signals.hcm import control_delay, initial_queue_delay_s, level_of_service, uniform_delay_s
from traffic.errors import InputError


def test_three_periods_of_the_worked_example():
    first = control_delay(800.0, 775.0, 0.4, 90.0)
    assert first.uniform_s == pytest.approx(27.0, abs=0.05)
    assert first.incremental_s == pytest.approx(40.9, abs=0.05)
    assert first.initial_queue_s == 0.0
    assert first.total_s == pytest.approx(67.9, abs=0.05)
    second = control_delay(800.0, 775.0, 0.4, 90.0, queue_veh=first.queue_veh)
    assert second.initial_queue_s == pytest.approx(29.0, abs=0.05)
    assert second.total_s == pytest.approx(96.9, abs=0.05)
    third = control_delay(800.0, 775.0, 0.4, 90.0, queue_veh=second.queue_veh)
    assert third.initial_queue_s == pytest.approx(58.1, abs=0.05)
    assert third.total_s == pytest.approx(126.0, abs=0.05)


def test_uniform_delay_is_that_of_a_deterministic_queue():
    # q = 0.2, s = 0.8 veh/s, C = 60, g = 30: 10 s a vehicle
    assert uniform_delay_s(60.0, 0.5, 0.2 / 0.4) == pytest.approx(10.0, abs=1e-12)


def test_without_red_there_is_no_uniform_delay():
    assert uniform_delay_s(60.0, 1.0, 0.9) == 0.0


def test_an_old_queue_that_clears_within_the_period():
    # 10 vehicles, spare capacity 200 veh/h: gone after 0.05 h; d3 = 1800 * 10 * 0.05 / (1000 * 0.25)
    assert initial_queue_delay_s(10.0, 0.8, 1000.0) == pytest.approx(3.6, abs=1e-12)


def test_progression_helps_only_after_the_old_queue():
    free = control_delay(400.0, 800.0, 0.4, 90.0, progression=0.5)
    assert free.uniform_s == pytest.approx(0.5 * uniform_delay_s(90.0, 0.4, 0.5), rel=1e-12)
    blocked = control_delay(900.0, 800.0, 0.4, 90.0, queue_veh=5.0, progression=0.5)
    assert blocked.uniform_s == pytest.approx(uniform_delay_s(90.0, 0.4, 1.0), rel=1e-12)


@pytest.mark.parametrize(
    ("delay", "letter"),
    [(0, "A"), (10, "A"), (10.1, "B"), (20, "B"), (35, "C"), (55, "D"), (80, "E"), (80.1, "F")],
)
def test_levels_of_service(delay, letter):
    assert level_of_service(delay) == letter


def test_bad_numbers_are_refused():
    with pytest.raises(InputError, match="capacity"):
        control_delay(100.0, 0.0, 0.4, 90.0)
    with pytest.raises(InputError, match="green_ratio"):
        control_delay(100.0, 500.0, 0.0, 90.0)
    with pytest.raises(InputError, match="delay_s"):
        level_of_service(float("nan"))
