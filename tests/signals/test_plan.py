"""Plans: what they show, and that an unsafe one cannot be made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.aspects import Aspect
from signals.build import build_junctions
from signals.junction import Conflict, GroupKind, Junction, SignalGroup
from signals.plan import Plan, PlanSet, Stage, StageSequence
from tests.signals.junctions import crossroads, network_of, random_junction, random_stages
from tests.signals.ref_expand import show, tables_of
from traffic.errors import InputError


def _group(name: str, *, walks: bool = False, least: int = 5, most: int | None = None) -> SignalGroup:
    return SignalGroup(
        name=name,
        kind=GroupKind.PEDESTRIAN if walks else GroupKind.VEHICLE,
        movements=(),
        crossings=(),
        min_green_s=least,
        max_green_s=most,
        flashing_green_s=3,
        yellow_s=0 if walks else 3,
        red_amber_s=0 if walks else 2,
    )


def _junction(**changes: object) -> Junction:
    """Main road A, side road B, walk W over the main road; A and B 5 s apart, A -> W 6, W -> A 10."""
    conflict = np.zeros((3, 3), dtype=np.uint8)
    intergreen = np.zeros((3, 3), dtype=np.int32)
    for i, j, time in ((0, 1, 5), (1, 0, 5), (0, 2, 6), (2, 0, 10)):
        conflict[i, j] = Conflict.FULL
        intergreen[i, j] = time
    conflict[1, 2] = Conflict.YIELD
    intergreen[1, 2], intergreen[2, 1] = 4, 8
    junction = Junction(
        index=0,
        key="j",
        name="J",
        groups=(_group("A", most=60), _group("B"), _group("W", walks=True, least=7)),
        conflict=conflict,
        intergreen_s=intergreen,
        cycle_min_s=30,
        cycle_max_s=90,
    )
    return replace(junction, **changes)


def _stages(*groups: tuple[int, ...]) -> tuple[Stage, ...]:
    return tuple(Stage(frozenset(g)) for g in groups)


def _plan(**changes: object) -> Plan:
    values = {"cycle_s": 60, "offset_s": 10, "stages": _stages((0,), (1, 2)), "durations_s": (35, 25)}
    return Plan(_junction(), **(values | changes))  # type: ignore[arg-type]


def test_greens_end_the_largest_intergreen_before_the_next_stage() -> None:
    # A ends 6 s before the walk (more than the 5 s to B); B 5 s and the walk 10 s before A.
    assert _plan().green_windows() == (((0, 29),), ((35, 55),), ((35, 50),))


def test_expansion_shows_the_aspects_of_every_second() -> None:
    shown = _plan().expand()
    red, red_amber, green, flashing, yellow = Aspect
    assert shown.shape == (3, 60)
    expected = [green] * 26 + [flashing] * 3 + [yellow] * 3 + [red] * 26 + [red_amber] * 2
    assert shown[0].tolist() == expected
    expected = [red] * 33 + [red_amber] * 2 + [green] * 17 + [flashing] * 3 + [yellow] * 3 + [red] * 2
    assert shown[1].tolist() == expected
    assert shown[2].tolist() == [red] * 35 + [green] * 12 + [flashing] * 3 + [red] * 10


def test_sequence_bounds_by_hand() -> None:
    sequence = StageSequence.of(_junction(), _stages((0,), (1, 2)))
    assert sequence.runs.tolist() == [[0, 0, 0], [1, 1, 1], [2, 1, 1]]
    assert sequence.end_gap_s.tolist() == [6, 5, 10]
    assert sequence.min_stage_s.tolist() == [5 + 6, 7 + 10]
    assert sequence.lost_s == 6 + 5  # the walk runs out beside the green of B
    assert sequence.least_durations_s().tolist() == [11, 17]


def test_plans_that_are_made_have_no_stage_of_a_second_or_two_where_there_is_room() -> None:
    """B alone before B and C: 1 s would be safe. C walks 7 s and 10 s more; A has 5 s and 5 s after it."""
    stages = _stages((0,), (1,), (1, 2))
    roomy, tight = (
        StageSequence.of(_junction(cycle_min_s=20, cycle_max_s=most), stages) for most in (32, 31)
    )
    assert roomy.min_stage_s.tolist() == [10, 1, 17]
    assert roomy.planned_stage_s.tolist() == [10, 5, 17]
    assert roomy.planned_durations_s().tolist() == [10, 5, 17]
    assert tight.planned_stage_s.tolist() == [10, 1, 17]
    assert roomy.feasible([10, 1, 21])


def test_group_of_two_stages_stays_green_between_them() -> None:
    plan = _plan(stages=_stages((0,), (1,), (1, 2)), durations_s=(30, 5, 25))
    assert plan.green_windows() == (((0, 25),), ((30, 55),), ((35, 50),))
    assert plan.sequence.runs.tolist() == [[0, 0, 0], [1, 1, 2], [2, 2, 2]]


def test_green_over_the_end_of_the_cycle() -> None:
    plan = _plan(stages=_stages((1, 2), (0,), (1,)), durations_s=(20, 30, 10))
    # The walk ends 10 s before A, B 5 s; A 5 s before B; B goes on into the next cycle.
    assert plan.green_windows() == (((20, 45),), ((50, 75),), ((0, 10),))
    assert plan.sequence.runs.tolist() == [[0, 1, 1], [1, 2, 0], [2, 0, 0]]


def test_intergreen_holds_across_a_short_stage_between() -> None:
    # The walk ends where only B stays on, without a gap; A comes 10 s after it.
    sequence = StageSequence.of(_junction(), _stages((0,), (1, 2), (1,)))
    assert sequence.end_gap_s.tolist() == [6, 5, 0]
    assert sequence.min_stage_s.tolist() == [11, 7, 10]
    _plan(stages=sequence.stages, durations_s=(35, 15, 10))
    with pytest.raises(InputError, match=r"junction j, intergreen: must be at least 10 s from the end of W"):
        _plan(stages=sequence.stages, durations_s=(35, 16, 9))


def test_always_green_group_without_full_conflict() -> None:
    junction = _junction(conflict=np.zeros((3, 3)), intergreen_s=np.zeros((3, 3)))
    groups = tuple(replace(group, max_green_s=None) for group in junction.groups)
    junction = replace(junction, groups=groups)
    plan = Plan(junction, 40, 0, _stages((0, 1, 2)), (40,))
    assert plan.green_windows() == (((0, 40),),) * 3
    assert (plan.expand() == Aspect.GREEN).all()
    assert plan.sequence.runs.tolist() == [[0, 0, 0], [1, 0, 0], [2, 0, 0]]
    assert plan.sequence.always_green.all()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"stages": _stages((0, 1), (2,))}, "stage 1: groups in full conflict must not be green together"),
        ({"stages": _stages((0,), (1,))}, r"every signal group must be green in some stage \(got 'W'\)"),
        ({"stages": _stages((0,), (3, 1, 2))}, "must be the positions of groups, from 0 to 2"),
        ({"stages": _stages((0,), (-1, 1, 2))}, "must be the positions of groups, from 0 to 2"),
        ({"stages": (), "durations_s": ()}, "must add up to the cycle|needs a stage"),
        ({"stages": _stages((0,), (1, 2), (1, 2)), "durations_s": (20, 20, 20)}, "stage 2: must differ"),
        ({"durations_s": (35, 24)}, r"durations_s: must add up to the cycle of 60 s"),
        ({"durations_s": (35, 20, 5)}, "must be 2 durations"),
        ({"durations_s": (44, 16)}, r"group W: green must be at least 7 s \(got 6\)"),
        ({"durations_s": (10, 50)}, r"group A: green must be at least 5 s \(got 4\)"),
        ({"durations_s": (67, 18), "cycle_s": 85}, r"group A: green must be at most 60 s \(got 61\)"),
        ({"durations_s": (90, -30)}, "green must be"),
        ({"durations_s": (35.0, 25)}, r"durations_s: must be a whole number \(got 35.0\)"),
        ({"durations_s": (float("nan"), 25)}, "must be a whole number"),
        ({"durations_s": (True, 59)}, "must be a whole number"),
        ({"cycle_s": 60.0}, "cycle_s: must be a whole number"),
        ({"cycle_s": 29, "durations_s": (11, 18)}, "cycle_s: must be from 30 to 90 s"),
        ({"cycle_s": 91, "durations_s": (60, 31)}, "cycle_s: must be from 30 to 90 s"),
        ({"offset_s": 60}, "offset_s: must be from 0 to 59 s"),
        ({"offset_s": -1}, "offset_s: must be from 0 to 59 s"),
        ({"version": 0}, "version: must be 1 or more"),
    ],
)
def test_unsafe_plan_cannot_be_made(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as error:
        _plan(**changes)
    assert "junction j" in str(error.value)


def test_one_second_of_common_green_is_needed() -> None:
    # B is in stages 1 and 2, so its green is long enough, but stage 2 would begin after its end.
    stages = _stages((0,), (1, 2), (1,))
    junction = _junction(intergreen_s=np.array([[0, 5, 6], [12, 0, 4], [10, 8, 0]]))
    Plan(junction, 60, 0, stages, (25, 22, 13))
    with pytest.raises(InputError, match=r"stage 3: must last longer than the 12 s of intergreen after B"):
        Plan(junction, 60, 0, stages, (25, 23, 12))


def test_dark_time_holds_yellow_and_red_amber() -> None:
    conflict = np.array([[0, 2], [2, 0]])
    groups = (_group("A"), _group("W", walks=True, least=4))
    junction = Junction(0, "j", "J", groups, conflict, np.array([[0, 3], [2, 0]]), 10, 90)
    # A is dark from 3 s before the walk until it starts again: 3 + 6 seconds are enough.
    assert Plan(junction, 20, 0, _stages((0,), (1,)), (14, 6)).green_windows()[0] == ((0, 11),)
    lone = replace(junction, conflict=np.zeros((2, 2)), intergreen_s=np.zeros((2, 2)))
    with pytest.raises(InputError, match="must be at least 5 s from the end of A to the start of A"):
        Plan(lone, 20, 0, _stages((0, 1), (1,)), (16, 4))
    Plan(lone, 20, 0, _stages((0, 1), (1,)), (15, 5))


def test_with_offset_and_with_durations() -> None:
    plan = _plan()
    assert plan.with_offset(75).offset_s == 15
    assert plan.with_offset(-5).offset_s == 55
    longer = plan.with_durations((40, 30))
    assert (longer.cycle_s, longer.offset_s, longer.durations_s) == (70, 10, (40, 30))
    with pytest.raises(InputError, match="at least"):
        plan.with_durations((40, 10))


def test_numpy_integers_are_whole_numbers() -> None:
    plan = _plan(durations_s=tuple(np.array([35, 25], dtype=np.int32)), cycle_s=np.int64(60))
    assert (plan.cycle_s, plan.durations_s) == (60, (35, 25))
    assert all(type(d) is int for d in (*plan.durations_s, plan.cycle_s))


def test_plan_set_is_in_the_order_of_the_junctions() -> None:
    plan = _plan()
    assert PlanSet("p", "n", (plan,))[0] is plan
    with pytest.raises(InputError, match=r"plans\[1\]: must be the plan of the junction in row 1"):
        PlanSet("p", "n", (plan, plan))
    moved = PlanSet("p", "n", (plan,)).with_plans([plan.with_offset(3)], name="q")
    assert (moved.name, moved[0].offset_s) == ("q", 3)


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_durations_within_the_bounds_make_a_plan(seed: int) -> None:
    rng = np.random.default_rng(seed)
    junction = random_junction(rng)
    try:
        sequence = StageSequence.of(junction, [Stage(frozenset(s)) for s in random_stages(junction, rng)])
    except InputError:
        return  # a bounded green in every stage, or a single stage repeated
    for extra in (0, 1, 5, 20):
        durations = sequence.least_durations_s() + rng.integers(0, extra + 1, len(sequence))
        if sequence.feasible(durations):
            cycle = int(durations.sum())
            plan = Plan(junction, cycle, int(rng.integers(cycle)), sequence.stages, tuple(durations.tolist()))
            greens = sequence.green_s(durations)
            assert (greens >= sequence.run_min_s).all()
            windows = sorted(end - start for group in plan.green_windows() for start, end in group)
            assert windows == sorted(greens.tolist())


@settings(max_examples=100)
@given(seed=st.integers(0, 2**32 - 1))
def test_expansion_shows_what_the_reference_shows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    junction = random_junction(rng)
    stages = random_stages(junction, rng)
    try:
        sequence = StageSequence.of(junction, [Stage(frozenset(s)) for s in stages])
    except InputError:
        return
    durations = sequence.least_durations_s()
    durations = durations + np.eye(len(durations), dtype=int)[0] * max(
        junction.cycle_min_s - int(durations.sum()), 0
    )
    if not sequence.feasible(durations):
        return
    plan = Plan(junction, int(durations.sum()), 0, sequence.stages, tuple(durations.tolist()))
    shown = plan.expand()
    green = (shown == Aspect.GREEN) | (shown == Aspect.FLASHING_GREEN)
    assert green.tolist() == show(tables_of(junction), stages, durations.tolist())
    for row, group in zip(shown, junction.groups, strict=True):
        runs = _count_runs(row)
        assert (row == Aspect.YELLOW).sum() == runs * group.yellow_s
        assert (row == Aspect.RED_AMBER).sum() == runs * group.red_amber_s
        assert (row == Aspect.FLASHING_GREEN).sum() == runs * group.flashing_green_s


def _count_runs(row: np.ndarray) -> int:
    green = (row == Aspect.GREEN) | (row == Aspect.FLASHING_GREEN)
    return int((green & ~np.roll(green, 1)).sum())


def test_a_group_does_not_end_while_what_it_gives_way_to_stays_green() -> None:
    (junction,) = build_junctions(network_of(crossroads(crossing=False)))
    south, north, east, west = (junction.group_index(f"{leg}-LTR") for leg in "SNEW")
    both, side = (south, north), (east, west)
    for trap in ((both, (south,), side), ((north,), both, (south,), side)):
        with pytest.raises(InputError, match=r"yellow trap.*N-LTR, S-LTR"):
            StageSequence.of(junction, _stages(*trap))
        with pytest.raises(InputError, match="N-LTR must not end while S-LTR, to which it gives way, stays"):
            Plan(junction, 25 * len(trap), 0, _stages(*trap), (25,) * len(trap))
    for safe in (((south,), both, side), (both, side), ((south,), (north,), side)):
        assert Plan(junction, 25 * len(safe), 0, _stages(*safe), (25,) * len(safe)).cycle_s == 25 * len(safe)
