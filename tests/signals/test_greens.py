"""Signal states of movements, second by second."""

from __future__ import annotations

import numpy as np
import pytest

from signals.build import build_junctions
from signals.greens import group_states, movement_greens
from signals.junction import Conflict
from signals.plan import Plan, PlanSet, Stage
from signals.stages import stage_sequences
from tests.signals.junctions import crossroads, network_of
from traffic.errors import InputError
from traffic.greens import SignalState
from traffic.network import RoadNetwork

RED, PERMISSIVE, PROTECTED, YELLOW = (int(state) for state in SignalState)


def _network_and_plan(offset_s: int = 0) -> tuple[RoadNetwork, Plan]:
    """East and west lead with their left turns, then all of east-west, then north-south."""
    network = network_of(crossroads(1, left_bays=1, crossing=False))
    (junction,) = build_junctions(network)
    position = {group.name: k for k, group in enumerate(junction.groups)}
    stages = (("E-L", "W-L"), ("E-L", "W-L", "E-TR", "W-TR"), ("N-L", "S-L", "N-TR", "S-TR"))
    sets = tuple(Stage(frozenset(position[name] for name in stage)) for stage in stages)
    return network, Plan(junction, 60, offset_s, sets, (15, 20, 25))


def test_states_of_leading_left_turns() -> None:
    _, plan = _network_and_plan()
    states = dict(zip((g.name for g in plan.junction.groups), group_states(plan).tolist(), strict=True))
    windows = dict(zip((g.name for g in plan.junction.groups), plan.green_windows(), strict=True))
    ((start, end),) = windows["E-L"]
    yellow = plan.junction.groups[0].yellow_s
    assert start == 0
    assert states["E-L"][:15] == [PROTECTED] * 15  # oncoming traffic has red
    assert states["E-L"][15:end] == [PERMISSIVE] * (end - 15)
    # What it gives way to goes out at the same time or later.
    assert windows["W-TR"][0][1] >= end
    assert states["E-L"][end : end + yellow] == [YELLOW] * yellow
    assert set(states["E-L"][end + yellow :]) == {RED}
    ((start, end),) = windows["E-TR"]
    assert states["E-TR"] == [RED] * 15 + [PROTECTED] * (end - 15) + [YELLOW] * yellow + [RED] * (
        60 - end - yellow
    )


def test_offset_turns_the_pattern_from_the_cycle_zero() -> None:
    _, plan = _network_and_plan()
    _, later = _network_and_plan(offset_s=22)
    assert np.array_equal(np.roll(group_states(plan), 22, axis=1), group_states(later))
    # Second t of a run is second t - 22 of the plan.
    assert group_states(later)[:, 22].tolist() == group_states(plan)[:, 0].tolist()


def test_every_movement_shows_the_pattern_of_its_group() -> None:
    network, plan = _network_and_plan(offset_s=7)
    greens = movement_greens(network, PlanSet("p", network.name, (plan,)))
    states = group_states(plan)
    inside = set()
    for states_of, group in zip(states, plan.junction.groups, strict=True):
        for movement in group.movements:
            assert greens.pattern(movement).tolist() == states_of.tolist()
            assert greens.period_s[movement] == 60
            inside.add(movement)
    outside = [m for m in range(len(network.movements)) if m not in inside]
    assert (greens.begin[outside] == -1).all()


def test_permissive_exactly_while_somebody_with_the_right_of_way_is_green() -> None:
    network = network_of(crossroads(2, left_bays=1))
    (junction,) = build_junctions(network)
    for sequence in stage_sequences(junction):
        durations = (sequence.least_durations_s() + 5).tolist()
        plan = Plan(junction, sum(durations), 3, sequence.stages, tuple(durations))
        states = group_states(plan)
        green = (states == PROTECTED) | (states == PERMISSIVE)
        for k, row in enumerate(states):
            rights = np.flatnonzero(junction.conflict[k] == Conflict.YIELD)
            expected = green[k] & green[rights].any(axis=0)
            assert np.array_equal(row == PERMISSIVE, expected)
        full = junction.conflict == Conflict.FULL
        assert not (green[:, None] & green[None, :])[full].any()


def test_plans_of_another_network() -> None:
    network, plan = _network_and_plan()
    with pytest.raises(InputError, match=r"network_name: must be plans of the network 'test'"):
        movement_greens(network, PlanSet("p", "elsewhere", (plan,)))
    with pytest.raises(InputError, match="must be 1 plans, one for each junction"):
        movement_greens(network, PlanSet("p", "test", ()))
    assert len(movement_greens(network, PlanSet("p", "", (plan,)))) == len(network.movements)
