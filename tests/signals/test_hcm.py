"""Control delay after the Highway Capacity Manual against its worked example and its limits."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from signals.hcm import (
    control_delay,
    incremental_delay_s,
    initial_queue_delay_s,
    level_of_service,
    uniform_delay_s,
)
from traffic.errors import InputError

FLOW, CAPACITY, RATIO, CYCLE = 800.0, 775.0, 0.4, 90.0


def test_terms_of_the_worked_example() -> None:
    delay = control_delay(FLOW, CAPACITY, RATIO, CYCLE)
    assert round(FLOW / CAPACITY, 4) == 1.0323
    assert delay.uniform_s == pytest.approx(27.0, abs=1e-12)  # 0.5 C (1 - g/C) at saturation
    excess = FLOW / CAPACITY - 1.0
    by_hand = 225.0 * (excess + math.sqrt(excess**2 + 4.0 * (1.0 + excess) / (CAPACITY * 0.25)))
    assert delay.incremental_s == pytest.approx(by_hand, rel=1e-12)
    assert round(delay.incremental_s, 1) == 40.9
    assert delay.initial_queue_s == 0.0
    assert round(delay.total_s, 1) == 67.9


def test_queue_carries_over_into_the_next_periods() -> None:
    totals, added, queue = [], [], 0.0
    for _ in range(3):
        delay = control_delay(FLOW, CAPACITY, RATIO, CYCLE, queue_veh=queue)
        totals.append(round(delay.total_s, 1))
        added.append(round(delay.initial_queue_s, 1))
        queue = delay.queue_veh
    assert totals == [67.9, 96.9, 126.0]
    assert added == [0.0, 29.0, 58.1]
    assert queue == pytest.approx(3 * 25.0 * 0.25, abs=1e-9)


def test_uniform_delay_is_that_of_a_deterministic_queue() -> None:
    # q = 0.2, s = 0.8 veh/s, C = 60, g = 30: X = 0.5, 6 vehicles at the end of red, 10.0 s/veh.
    assert uniform_delay_s(60.0, 0.5, 0.5) == pytest.approx(10.0, abs=1e-12)


def test_uniform_delay_ends_at_saturation_and_without_red() -> None:
    assert uniform_delay_s(90.0, 0.4, 3.0) == uniform_delay_s(90.0, 0.4, 1.0)
    assert uniform_delay_s(90.0, 1.0, 0.5) == 0.0


def test_incremental_delay_far_above_saturation_is_the_growth_of_the_queue() -> None:
    # Without randomness, half of the queue at the end of the period over the capacity.
    assert incremental_delay_s(1.5, 800.0, 0.25, k=0.0) == pytest.approx(0.5 * 0.5 * 900.0, rel=1e-12)
    assert incremental_delay_s(0.8, 800.0, 0.25, k=0.0) == pytest.approx(0.0, abs=1e-12)


def test_initial_queue_that_clears_within_the_period() -> None:
    # 20 vehicles, 400 veh/h to spare: gone after 0.05 h; on average 10 vehicles wait in it.
    waiting_h = 0.5 * 20.0 * 0.05
    per_vehicle = waiting_h * 3600.0 / (800.0 * 0.25)
    assert initial_queue_delay_s(20.0, 0.5, 800.0, 0.25) == pytest.approx(per_vehicle, rel=1e-12)
    assert control_delay(400.0, 800.0, 0.4, 90.0, queue_veh=20.0).queue_veh == 0.0


def test_uniform_delay_while_an_old_queue_lasts_is_that_at_saturation() -> None:
    # The queue lasts 0.05 h of 0.25 h.
    delay = control_delay(400.0, 800.0, 0.4, 90.0, queue_veh=20.0)
    mixed = 0.2 * uniform_delay_s(90.0, 0.4, 1.0) + 0.8 * uniform_delay_s(90.0, 0.4, 0.5)
    assert delay.uniform_s == pytest.approx(mixed, rel=1e-12)


def test_progression_scales_the_uniform_term_alone() -> None:
    plain = control_delay(400.0, 800.0, 0.4, 90.0)
    better = control_delay(400.0, 800.0, 0.4, 90.0, progression=0.6)
    assert better.uniform_s == pytest.approx(0.6 * plain.uniform_s, rel=1e-12)
    assert better.incremental_s == plain.incremental_s


@pytest.mark.parametrize(
    ("limit", "letters"), [(10.0, "AB"), (20.0, "BC"), (35.0, "CD"), (55.0, "DE"), (80.0, "EF")]
)
def test_limits_of_the_levels_of_service(limit: float, letters: str) -> None:
    assert level_of_service(limit) + level_of_service(math.nextafter(limit, math.inf)) == letters


def test_level_of_service_without_delay() -> None:
    assert level_of_service(0.0) == "A"


@pytest.mark.parametrize("delay", [-0.1, np.nan, np.inf])
def test_refuses_a_level_of_service_of_nothing(delay: float) -> None:
    with pytest.raises(InputError, match="delay_s: must be 0 or more"):
        level_of_service(delay)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("flow_veh_h", (-1.0, 775.0, 0.4, 90.0)),
        ("flow_veh_h", (np.nan, 775.0, 0.4, 90.0)),
        ("capacity_veh_h", (800.0, 0.0, 0.4, 90.0)),
        ("capacity_veh_h", (800.0, np.nan, 0.4, 90.0)),
        ("green_ratio", (800.0, 775.0, 0.0, 90.0)),
        ("green_ratio", (800.0, 775.0, 1.01, 90.0)),
        ("green_ratio", (800.0, 775.0, np.nan, 90.0)),
        ("cycle_s", (800.0, 775.0, 0.4, 0.0)),
        ("cycle_s", (800.0, 775.0, 0.4, np.inf)),
    ],
)
def test_refuses_what_has_no_delay(field: str, arguments: tuple[float, float, float, float]) -> None:
    with pytest.raises(InputError, match=rf"^{field}: "):
        control_delay(*arguments)


@pytest.mark.parametrize("queue", [-1.0, np.nan, np.inf])
def test_refuses_a_bad_initial_queue(queue: float) -> None:
    with pytest.raises(InputError, match=r"^queue_veh: "):
        control_delay(FLOW, CAPACITY, RATIO, CYCLE, queue_veh=queue)


@pytest.mark.parametrize("period", [0.0, -0.25, np.nan])
def test_refuses_a_bad_period(period: float) -> None:
    with pytest.raises(InputError, match=r"^period_h: "):
        control_delay(FLOW, CAPACITY, RATIO, CYCLE, period_h=period)


@pytest.mark.parametrize("period", [0.0, np.nan])
def test_refuses_a_bad_period_after_a_queue(period: float) -> None:
    with pytest.raises(InputError, match=r"^period_h: "):
        control_delay(FLOW, CAPACITY, RATIO, CYCLE, period_h=period, queue_veh=5.0)


def test_delay_grows_with_the_flow() -> None:
    delays = [control_delay(flow, CAPACITY, RATIO, CYCLE).total_s for flow in range(0, 1600, 50)]
    assert all(low < high for low, high in pairwise(delays))
