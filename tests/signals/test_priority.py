"""Priority at signals: what is granted, and what it costs the others, by closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.loader import build, load
from signals.priority import (
    Grant,
    PriorityRequest,
    PriorityRules,
    added_delay_veh_s,
    granted,
    priority_table,
)
from simulation.rivals import isolated_webster
from traffic.errors import InputError

RULES = PriorityRules(least_late_s=60.0, extension_s=10.0, early_s=8.0)
LATE = PriorityRequest(movement=0, time_s=0.0, late_s=61.0)


@pytest.mark.parametrize(
    ("red_s", "since_s", "most_s", "grant"),
    [
        (20.0, 5.0, 30.0, Grant(extension=True, taken_s=5.0)),
        (20.0, 11.0, 30.0, Grant(extension=False, taken_s=8.0)),
        (3.0, 40.0, 30.0, Grant(extension=False, taken_s=3.0)),
        (20.0, 5.0, 4.0, Grant(extension=False, taken_s=4.0)),
        (20.0, 5.0, 0.5, None),
        (0.0, 0.0, 30.0, None),
    ],
)
def test_what_is_granted(red_s: float, since_s: float, most_s: float, grant: Grant | None) -> None:
    assert granted(RULES, LATE, red_s=red_s, since_s=since_s, most_s=most_s) == grant


def test_who_is_in_time_gets_nothing() -> None:
    assert granted(RULES, LATE._replace(late_s=59.0), red_s=20.0, since_s=5.0, most_s=30.0) is None


def test_without_early_greens_there_are_extensions_alone() -> None:
    rules = PriorityRules(least_late_s=60.0, extension_s=20.0, early_s=0.0)
    assert granted(rules, LATE, red_s=30.0, since_s=20.0, most_s=30.0) == Grant(extension=True, taken_s=20.0)
    assert granted(rules, LATE, red_s=30.0, since_s=21.0, most_s=30.0) is None
    assert granted(rules, LATE, red_s=30.0, since_s=16.0, most_s=15.0) is None


@given(
    late_s=st.floats(-600, 600), red_s=st.floats(0, 120), since_s=st.floats(0, 120), most_s=st.floats(0, 60)
)
def test_nobody_is_granted_more_than_others_can_do_without(
    late_s: float, red_s: float, since_s: float, most_s: float
) -> None:
    found = granted(RULES, LATE._replace(late_s=late_s), red_s=red_s, since_s=since_s, most_s=most_s)
    if found is not None:
        assert 0.0 <= found.taken_s <= min(most_s, max(RULES.extension_s, RULES.early_s))
        assert late_s >= RULES.least_late_s


def test_the_cost_is_the_growth_of_the_queue_triangle() -> None:
    """q = 0.2 veh/s, y = 0.25, red 30 s: 120 veh s a cycle; with 36 s 172.8, so 6 s of green cost 52.8."""
    assert added_delay_veh_s(0.2, 0.25, 30.0, 6.0) == pytest.approx(52.8, rel=1e-12)
    assert added_delay_veh_s(0.2, 0.25, 30.0, 0.0) == 0.0
    assert added_delay_veh_s(0.2, 2.0, 30.0, 6.0) == pytest.approx(added_delay_veh_s(0.2, 0.95, 30.0, 6.0))


def test_rules_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="recovery_s"):
        PriorityRules(recovery_s=float("nan"))


def test_stages_keep_what_they_need() -> None:
    """What a movement can be granted is what the stages without it have beyond their needs, and it opposes those alone."""
    city = build(load("corridor"))
    plans = isolated_webster(city.network, city.junctions, city.demand)
    table = priority_table(city.network, plans)
    for number, plan in enumerate(plans):
        needed = plan.sequence.planned_durations_s()
        for position, group in enumerate(plan.junction.groups):
            without = [k for k, stage in enumerate(plan.stages) if position not in stage.groups]
            spare = sum(plan.durations_s[k] - int(needed[k]) for k in without)
            for movement in group.movements:
                assert table.junction[movement] == number
                assert table.most_s[movement] == spare
                assert movement not in table.opposed[movement]
    signalised = {m for plan in plans for group in plan.junction.groups for m in group.movements}
    others = np.setdiff1d(np.arange(len(city.network.movements)), sorted(signalised))
    assert (table.junction[others] == -1).all()
