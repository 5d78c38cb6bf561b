"""Webster's cycle and splits; the first oracle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from signals.webster import optimum_cycle_s
from signals.webster_plans import webster_plan
from tests.signals.small_cities import two_stage_sequence, two_stages
from traffic.errors import InputError


def test_optimum_cycle_of_the_worked_example():
    ratio = 500 / 1600 + 300 / 1600
    assert optimum_cycle_s(16.0, ratio) == pytest.approx(58.0, abs=1e-12)


def test_optimum_cycle_at_seven_tenths():
    assert optimum_cycle_s(12.0, 0.7) == pytest.approx(76.7, abs=0.05)


@pytest.mark.parametrize("ratio", [1.0, 1.2, -0.1, float("nan")])
def test_no_cycle_serves_a_full_junction(ratio):
    with pytest.raises(InputError, match="flow_ratio"):
        optimum_cycle_s(10.0, ratio)


def test_lost_time_must_be_a_number():
    with pytest.raises(InputError, match="lost_s"):
        optimum_cycle_s(float("nan"), 0.5)


def test_least_greens_lengthen_the_cycle_until_the_heavy_stage_has_enough():
    # an arterial beside a side street that people on foot take long to cross
    plain = two_stages(0, [0], [1])
    walk = replace(plain.groups[-1], min_green_s=30)
    sequence = two_stage_sequence(replace(plain, groups=(*plain.groups[:-1], walk)), 1)
    for flow in np.linspace(0.05, 0.65, 13):
        ratio = np.array([flow, 0.02, 0.0])
        plan = webster_plan(sequence.junction, (sequence,), ratio, None, "plan")
        green = sum(end - start for start, end in plan.green_windows()[0])
        assert flow * plan.cycle_s <= 0.9 * (green + 1) or plan.cycle_s == sequence.junction.cycle_max_s
        assert plan.cycle_s > 60 or flow < 0.35
