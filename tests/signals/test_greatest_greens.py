"""Greatest greens below what the cycle could hold: plans are made all the same, in a shorter cycle."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest

from scenarios.corridor import build_corridor
from signals.aspects import SignalSettings
from signals.build import build_junctions
from signals.optimize import optimize
from signals.plan import Plan, PlanSet
from signals.sequence import LEAST_PLANNED_STAGE_S, StageSequence
from tests.signals.small_cities import even_demand
from traffic.overrides import JunctionOverride, Overrides


def _city(most_s: int, at: tuple[int, ...], **more: object):
    """A busy corridor in which all vehicle groups of some junctions have a greatest green."""
    network = build_corridor(4)
    plain = build_junctions(network, settings=SignalSettings())
    wishes = {}
    for j in at:
        groups = [group for group in plain[j].groups if group.movements]
        wishes[plain[j].key] = JunctionOverride(max_green_s={g.name: most_s for g in groups}, **more)
    overrides = Overrides(signals=MappingProxyType(wishes))
    return network, build_junctions(network, overrides=overrides), even_demand(network, 0.25)


@pytest.mark.parametrize("most_s", [50, 40, 30, 25])
@pytest.mark.parametrize("at", [(1,), (0, 1, 2, 3)])
def test_plans_keep_greatest_greens(most_s: int, at: tuple[int, ...]) -> None:
    city = _city(most_s, at)
    found = optimize(*city, seed=1, steps=10, duration_s=900)
    assert found.objective_after <= found.objective_before
    for j in at:
        plan = found.plans[j]
        greens = plan.sequence.green_s(plan.durations_s)[~plan.sequence.always_green]
        assert greens.max() <= max(most_s, int(plan.sequence.run_max_s.min()))


def test_a_locked_plan_with_greatest_greens_does_not_stop_the_others() -> None:
    network, junctions, demand = _city(30, (1,), locked=True)
    free = _city(30, (1,))[1]
    begun = optimize(network, free, demand, seed=1, steps=0, duration_s=900).plans
    plans = [
        Plan(junction, plan.cycle_s, plan.offset_s, plan.stages, plan.durations_s, "before")
        for junction, plan in zip(junctions, begun, strict=True)
    ]
    start = PlanSet("before", network.name, tuple(plans))
    found = optimize(network, junctions, demand, start=start, seed=1, steps=10, duration_s=900)
    assert found.plans[1] == start[1]


def test_a_greatest_green_goes_before_a_longer_stage() -> None:
    """A short stage stays short where the green over it and the next one may not be longer."""
    free = _lead(None)
    run = int(np.flatnonzero((free.runs[:, 1] == 0) & (free.runs[:, 2] == 1))[0])
    green_s = int(free.green_s(free.least_durations_s())[run])
    assert free.planned_stage_s[0] == _lead(green_s + 4).planned_stage_s[0] == LEAST_PLANNED_STAGE_S
    tight = _lead(green_s)
    assert tight.planned_stage_s[0] == tight.min_stage_s[0] < LEAST_PLANNED_STAGE_S


def _lead(most_s: int | None) -> StageSequence:
    """One group of the first stage of a junction begins alone."""
    network = build_corridor(2)
    plain = build_junctions(network)[0]
    both = optimize(network, build_junctions(network), even_demand(network, 0.1), steps=0).plans[0].stages
    leading = min(g for g in both[0].groups if plain.groups[g].movements)
    name = plain.groups[leading].name
    wish = JunctionOverride(max_green_s={} if most_s is None else {name: most_s})
    overrides = Overrides(signals=MappingProxyType({plain.key: wish}))
    junction = build_junctions(network, overrides=overrides)[0]
    sequence = StageSequence.of(junction, (type(both[0])(frozenset({leading})), *both))
    assert sequence.min_stage_s[0] < LEAST_PLANNED_STAGE_S
    return sequence
