"""Transitions: closed forms, an independent judge second by second, and random pairs of plans."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from signals.junction import Conflict, GroupKind, Junction, SignalGroup
from signals.plan import Plan, Stage, StageSequence
from signals.transition import Method, Transition, TransitionCycle, first_start_s, transition
from signals.transition_rules import StageRow
from tests.signals.hand_plans import crossroads_junction
from tests.signals.junctions import random_junction, random_stages
from tests.signals.ref_expand import tables_of
from tests.signals.ref_transition import faults
from traffic.errors import InputError

METHODS = tuple(Method)


def two_stages(*, most: int | None = None) -> Junction:
    """Two streets in conflict, 5 s of intergreen, green of 5 s at least."""
    groups = [
        SignalGroup(name, GroupKind.VEHICLE, (k,), (), 5, most, 0, 3, 0) for k, name in enumerate(("A", "B"))
    ]
    conflict = np.array([[0, Conflict.FULL], [Conflict.FULL, 0]], dtype=np.uint8)
    return Junction(0, "j", "J", tuple(groups), conflict, np.where(conflict > 0, 5, 0), 20, 150)


def plan_of(junction: Junction, durations: tuple[int, ...], offset: int, *groups: tuple[int, ...]) -> Plan:
    stages = tuple(Stage(frozenset(g)) for g in groups or ((0,), (1,)))
    return Plan(junction, sum(durations), offset, stages, durations)


def judged(found: Transition) -> list[str]:
    """The independent judge's verdict."""
    middle = [(set(s.groups), d) for c in found.cycles for s, d in zip(c.stages, c.durations_s, strict=True)]
    rows = [
        ([set(s.groups) for s in plan.stages], list(plan.durations_s)) for plan in (found.before, found.after)
    ]
    joined = ([stage for stage, _ in middle], [duration for _, duration in middle])
    return faults(tables_of(found.before.junction), rows[0], joined, rows[1])


@pytest.mark.parametrize("shift", [1, 7, 20, 21, 50, 79, 80, 83, 84, 99])
def test_times_in_transition_for_an_offset_shift_are_those_of_the_closed_form(shift):
    junction = two_stages()
    before, after = plan_of(junction, (60, 40), 0), plan_of(junction, (60, 40), shift)
    longer = shift + 100 * math.ceil(shift / 20)
    shorter = 100 * math.ceil((100 - shift) / 17) - (100 - shift)
    seconds = {method: transition(before, after, 130, method).seconds for method in METHODS}
    assert seconds == {Method.DWELL: shift, Method.LONGWAY: longer, Method.SHORTWAY: min(longer, shorter)}


def test_a_transition_begins_with_the_first_cycle_from_the_switch_on():
    junction = two_stages()
    before, after = plan_of(junction, (60, 40), 30), plan_of(junction, (30, 40), 10)
    for switch, start in ((0, 30), (30, 30), (31, 130), (1000, 1030)):
        found = transition(before, after, switch, Method.DWELL)
        assert found.start_s == start == first_start_s(before, switch)
        assert found.seconds == (10 - start) % 70
        assert found.end_s % 70 == 10


def test_greatest_greens_split_a_dwell_into_several_cycles():
    # green 55 of at most 70: each cycle holds the reference stage by 15 s at most, so 40 s take 15 + 15 + 10.
    junction = two_stages(most=70)
    found = transition(plan_of(junction, (60, 40), 0), plan_of(junction, (60, 40), 40), 0, Method.DWELL)
    assert [cycle.durations_s for cycle in found.cycles] == [(75, 40), (75, 40), (10,)]
    assert found.seconds == 240
    assert judged(found) == []


def test_a_method_that_greatest_greens_forbid_is_refused():
    junction = two_stages(most=55)
    before, after = plan_of(junction, (60, 40), 0), plan_of(junction, (60, 40), 40)
    with pytest.raises(InputError, match="safe transition") as refused:
        transition(before, after, 0, Method.DWELL)
    assert "another method" in (refused.value.hint or "")
    found = transition(before, after, 0, Method.LONGWAY)
    assert [cycle.durations_s for cycle in found.cycles] == [
        (60, 60),
        (60, 60),
    ]  # the other street has the time


def test_no_cycle_is_shortened_below_its_least_greens():
    # 11 + 10 s of 30 s are greens of 5 s at least: shortened by 5 s in a cycle at most, not by the 17 % of 60 s.
    junction = two_stages()
    before, after = plan_of(junction, (11, 11), 0), plan_of(junction, (11, 11), 19)
    found = transition(before, after, 0, Method.SHORTWAY)
    assert [c.seconds for c in found.cycles] == [
        20,
        21,
    ]  # the shortest two cycles of 19 mod 22, 10 s a stage at least
    assert judged(found) == []


def test_where_the_stages_change_the_bridge_goes_before_the_new_reference_stage():
    junction = two_stages()
    before, after = plan_of(junction, (60, 40), 0), plan_of(junction, (40, 60), 60, (1,), (0,))
    found = transition(before, after, 0, Method.SHORTWAY)
    assert [
        (sorted(s.groups), d) for c in found.cycles for s, d in zip(c.stages, c.durations_s, strict=True)
    ] == [([0], 60)]
    assert judged(found) == []
    later = transition(before, replace(after, offset_s=80), 0, Method.LONGWAY)
    assert later.cycles[0].stages == before.stages[:1]
    assert later.end_s % 100 == 80
    assert judged(later) == []


def test_an_unsafe_or_untimely_transition_cannot_be_constructed():
    junction = two_stages()
    before, after = plan_of(junction, (60, 40), 0), plan_of(junction, (60, 40), 15)
    good = transition(before, after, 0, Method.LONGWAY)
    cycle = good.cycles[0]
    assert cycle.seconds == 115
    for durations, rule in (
        ((106, 9), "B be green for 5 s at least"),
        ((9, 106), "A be green for 5 s at least"),
        ((60, 54), "in step"),
    ):
        with pytest.raises(InputError, match=rule):
            replace(good, cycles=(TransitionCycle(cycle.stages, durations),))
    with pytest.raises(InputError, match="first start"):
        replace(good, start_s=1)
    with pytest.raises(InputError, match="reference stage"):
        replace(good, cycles=(TransitionCycle(cycle.stages[::-1], (55, 60)),))
    with pytest.raises(InputError, match="junction"):
        transition(before, plan_of(two_stages(most=99), (60, 40), 0), 0)


def test_the_independent_judge_sees_what_is_unsafe():
    tables = tables_of(two_stages(most=80))
    steady = ([{0}, {1}], [60, 40])
    for stages, durations, told in (
        ([{0}, {1}], [8, 107], "0 green for 3 s only at 300"),
        ([{0, 1}], [20], "0 and 1 green together at 300"),
        ([{0}], [30], "0 green too long at 300"),
        ([{0}, {1}], [60, 4], "1 is not green in its stage at 360"),
    ):
        assert told in faults(tables, steady, (stages, durations), steady)
    assert faults(tables, steady, ([{0}], [20]), steady) == []


def test_rows_of_stages_refuse_full_conflicts_and_yellow_traps():
    junction = crossroads_junction()
    stage = {name: Stage(frozenset(groups)) for name, groups in {"a": {0, 1}, "b": {0}, "c": {0, 2}}.items()}
    with pytest.raises(InputError, match="full conflict"):
        StageRow(junction, (stage["c"],), (0, 20))
    with pytest.raises(InputError, match="yellow trap"):
        StageRow(junction, (stage["a"], stage["b"]), (0, 20, 40))
    with pytest.raises(InputError, match="whole number"):
        StageRow(junction, (stage["b"],), (0, 20.5))


def random_plan(junction: Junction, stages: list[set[int]], rng: np.random.Generator) -> Plan | None:
    """A safe plan with these stages, or none where luck does not find one."""
    try:
        sequence = StageSequence.of(junction, [Stage(frozenset(s)) for s in stages])
    except InputError:
        return None
    least = sequence.least_durations_s()
    for spread in (30, 15, 5, 0):
        durations = least + rng.integers(0, spread + 1, len(least))
        if sequence.feasible(durations):
            cycle = int(durations.sum())
            values = tuple(int(d) for d in durations)
            return Plan(junction, cycle, int(rng.integers(cycle)), sequence.stages, values)
    return None


@given(seed=st.integers(0, 10**9), method=st.sampled_from(METHODS), same=st.booleans())
@settings(max_examples=300)
def test_random_pairs_of_plans_come_into_step_and_nothing_is_unsafe_between(seed, method, same):
    rng = np.random.default_rng(seed)
    junction = random_junction(rng)
    stages = random_stages(junction, rng)
    before = random_plan(junction, stages, rng)
    after = random_plan(junction, stages if same else random_stages(junction, rng), rng)
    assume(before is not None and after is not None)
    switch = int(rng.integers(0, 86_400))
    try:
        found = transition(before, after, switch, method)
    except InputError as error:
        assert "safe transition" in error.rule  # noqa: PT017
        assume(False)
    assert 0 <= found.start_s - switch < before.cycle_s
    assert (found.start_s - before.offset_s) % before.cycle_s == 0
    assert (found.end_s - after.offset_s) % after.cycle_s == 0
    assert judged(found) == []
    for cycle in found.cycles:
        if cycle.stages == after.stages and len(after.stages) > 1 and method != Method.DWELL:
            least = after.cycle_s * (1 - 0.17) if method == Method.SHORTWAY else after.cycle_s
            assert least <= cycle.seconds <= after.cycle_s * 1.2
    assert transition(before, before, switch, method).seconds == 0
    np.testing.assert_array_equal(
        found.row.expand(found.end_s, found.end_s + 1) % 3 == 2, after.expand()[:, :1] % 3 == 2
    )
