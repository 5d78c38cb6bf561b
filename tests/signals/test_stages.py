"""Stages: no conflict by a judge of its own, everything served, as few lost seconds as can be."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from signals.build import build_junctions
from signals.junction import Conflict, GroupKind, Junction
from signals.plan import Plan, StageSequence
from signals.sequence import walking_stage_s
from signals.stages import stage_sequences
from tests.signals.junctions import (
    Leg,
    crossroads,
    leg_lists,
    leg_of_link,
    network_of,
    outer_lanes,
    random_junction,
)
from tests.signals.ref_swept import SweptJunction
from traffic.errors import InputError
from traffic.network import JunctionKind, RoadNetwork, Turn


def _names(sequence: StageSequence) -> list[set[str]]:
    return [set(stage) for stage in sequence.names()]


def _only(legs: list[Leg], **options: object) -> Junction:
    return build_junctions(network_of(legs, **options))[0]  # type: ignore[arg-type]


def test_shared_lanes_at_a_crossroads_make_two_stages() -> None:
    best = stage_sequences(_only(crossroads()))[0]
    assert _names(best) == [
        {"S-LTR", "N-LTR", "P-E", "P-W"},
        {"E-LTR", "W-LTR", "P-N", "P-S"},
    ]


def test_protected_left_turns_get_stages_of_their_own() -> None:
    junction = _only(crossroads(4, left_bays=1))
    best = stage_sequences(junction)[0]
    served = [{name for name in stage if not name.startswith("P")} for stage in _names(best)]
    assert sorted(map(sorted, served)) == [["E-L", "W-L"], ["E-TR", "W-TR"], ["N-L", "S-L"], ["N-TR", "S-TR"]]


def test_nobody_walks_where_a_protected_left_turn_leaves() -> None:
    junction = _only(crossroads(2, left_bays=1, crossing=True, speed_km_h=80.0))
    for left, walk in (("S-L", "P-W"), ("N-L", "P-E"), ("E-L", "P-S"), ("W-L", "P-N")):
        rows = junction.group_index(left), junction.group_index(walk)
        assert junction.conflict[rows] == junction.conflict[rows[::-1]] == Conflict.FULL
        for sequence in stage_sequences(junction):
            assert not any({left, walk} <= stage for stage in _names(sequence))


def test_permissive_left_turns_may_lead_or_lag() -> None:
    sequences = stage_sequences(_only(crossroads(2, left_bays=1)), limit=6)
    assert [len(sequence) for sequence in sequences] == [2, 3, 3, 4, 4, 4]
    lefts = [{"S-L", "N-L", "P-E", "P-W"}, {"E-L", "W-L", "P-N", "P-S"}]
    assert lefts[0] in _names(sequences[1])
    assert lefts[1] in _names(sequences[2])
    assert all(stage in _names(sequences[3]) for stage in lefts)
    assert [s.lost_s for s in sequences] == [sequences[0].lost_s] * 6


def test_the_heavier_left_turn_leads_first() -> None:
    junction = _only(crossroads(2, left_bays=1))
    flows = np.full(len(junction.groups), 0.1)
    flows[junction.group_index("W-L")] = 0.3
    assert {"E-L", "W-L", "P-N", "P-S"} in _names(stage_sequences(junction, flows=flows)[1])


def test_other_orders_of_many_stages() -> None:
    sequences = stage_sequences(_only(crossroads(4, left_bays=1)))
    first = sorted(map(sorted, _names(sequences[0])))
    assert sum(sorted(map(sorted, _names(other))) == first for other in sequences[1:]) >= 2
    assert len({sequence.stages for sequence in sequences}) == len(sequences)


def test_mid_block_crossing_has_two_stages() -> None:
    legs = [Leg(0.0, 2, 2), Leg(180.0, 2, 2)]
    sequences = stage_sequences(_only(legs, kind=JunctionKind.CROSSING))
    assert [_names(sequence) for sequence in sequences] == [[{"V"}, {"P"}]]


def test_nothing_in_conflict_is_one_stage() -> None:
    legs = [Leg(0.0, crossing=False), Leg(180.0, crossing=False)]
    (only,) = stage_sequences(_only(legs))
    assert _names(only) == [{"E-T", "W-T"}]
    assert only.always_green.all()


def test_fixed_order_stands_alone() -> None:
    order = (("E-LTR", "W-LTR", "P-N", "P-S"), ("S-LTR", "P-E", "P-W"), ("N-LTR", "P-E", "P-W"))
    junction = replace(_only(crossroads()), fixed_order=order)
    (only,) = stage_sequences(junction)
    assert _names(only) == [set(stage) for stage in order]
    trap = (("S-LTR", "N-LTR", "P-E", "P-W"), ("S-LTR", "P-E", "P-W"), order[0])
    with pytest.raises(
        InputError, match=r"N-LTR must not end while S-LTR, to which it gives way, stays green"
    ):
        stage_sequences(replace(junction, fixed_order=trap))
    incomplete = replace(junction, fixed_order=order[:2])
    with pytest.raises(InputError, match=r"every signal group must be green.*N-LTR"):
        stage_sequences(incomplete)


def test_cycle_too_short_for_any_sequence() -> None:
    junction = replace(_only(crossroads()), cycle_min_s=10, cycle_max_s=20)
    with pytest.raises(
        InputError, match=r"junction centre, stages: its stages must fit into a cycle of 10 to 20"
    ):
        stage_sequences(junction)


def test_maximum_greens_that_cannot_fill_the_cycle() -> None:
    junction = _only(crossroads())
    groups = tuple(replace(g, max_green_s=g.min_green_s + 1) for g in junction.groups)
    with pytest.raises(InputError, match="must fit into a cycle of 60 to 120"):
        stage_sequences(replace(junction, groups=groups, cycle_min_s=60))
    # Enough for the shortest cycle.
    assert stage_sequences(replace(junction, groups=groups, cycle_min_s=28))


@pytest.mark.parametrize("flows", [np.zeros(3), np.full(8, np.nan), np.full(8, -0.1)])
def test_flows_must_fit(flows: np.ndarray) -> None:
    with pytest.raises(InputError, match="must be 8 finite flow ratios"):
        stage_sequences(_only(crossroads()), flows=flows)


def test_equal_structures_give_equal_stages_and_limits_hold() -> None:
    first, second = (_only(crossroads(2), key=key) for key in ("a", "b"))
    left, right = stage_sequences(first), stage_sequences(second)
    assert [s.stages for s in left] == [s.stages for s in right]
    assert [s.stages for s in stage_sequences(first, limit=2)] == [s.stages for s in left[:2]]
    assert all(s.junction is second for s in right)


def _lost_by_hand(junction: Junction, stages: list[frozenset[int]]) -> int:
    """Sum over all changes of the longest intergreen after a vehicle group that ends."""
    total = 0
    for now, then in zip(stages, stages[1:] + stages[:1], strict=True):
        vehicles = [g for g in now if junction.groups[g].kind == GroupKind.VEHICLE]
        total += max(
            (int(junction.intergreen_s[e, s]) for e in vehicles if e not in then for s in then - now),
            default=0,
        )
        total += 0 if vehicles else walking_stage_s(junction)
    return total


def _trapped(junction: Junction, stages: list[frozenset[int]]) -> bool:
    """Whether vehicles that give way lose their green while those they give way to keep theirs."""
    return any(
        junction.groups[x].kind == junction.groups[y].kind == GroupKind.VEHICLE
        and junction.conflict[x, y] == Conflict.YIELD
        for now, then in zip(stages, stages[1:] + stages[:1], strict=True)
        for x, y in product(now - then, now & then)
    )


def _fewest_lost(junction: Junction, *, apart: bool = False) -> tuple[int, int]:
    """Lost seconds and stages of the best sequence without a yellow trap, by trying all sequences of maximal sets.

    Where all have one, vehicles that give way to each other are kept `apart`.
    """
    size = len(junction.groups)
    vehicle = np.array([group.kind == GroupKind.VEHICLE for group in junction.groups])
    yields = (junction.conflict == Conflict.YIELD) & vehicle & vehicle[:, None]
    full = junction.conflict == Conflict.FULL
    full = full | yields | yields.T if apart else full
    free = [
        frozenset(s)
        for mask in range(1, 1 << size)
        if not full[np.ix_(s := [g for g in range(size) if mask >> g & 1], s)].any()
    ]
    largest = [s for s in free if not any(s < other for other in free)]
    for count in range(1, size + 1):
        found, covered = [], False
        for more in (count, count + 1):
            for stages in product(largest, repeat=more):
                repeats = more > 1 and any(stages[k] == stages[k - 1] for k in range(more))
                if not repeats and len(frozenset().union(*stages)) == size:
                    covered = True
                    if apart or not _trapped(junction, list(stages)):
                        found.append((_lost_by_hand(junction, list(stages)), more))
            if more == count and not covered:
                break
        else:
            return min(found) if found else _fewest_lost(junction, apart=True)
    pytest.fail("no sequence")


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1))
def test_integer_program_agrees_with_trying_everything(seed: int) -> None:
    junction = random_junction(np.random.default_rng(seed))
    groups = tuple(replace(g, max_green_s=None) for g in junction.groups[:5])
    part = np.ix_(range(len(groups)), range(len(groups)))
    junction = replace(
        junction,
        groups=groups,
        conflict=junction.conflict[part],
        intergreen_s=junction.intergreen_s[part],
        cycle_max_s=10_000,
    )
    best = stage_sequences(junction, limit=1)[0]
    lost, count = _fewest_lost(junction)
    assert (best.lost_s, len(best)) == (lost, count)


def test_a_trap_that_every_order_has_keeps_the_two_apart() -> None:
    # B goes with both A and C, and A with B only: whatever the order, A ends while B stays.
    vehicle = replace(random_junction(np.random.default_rng(0)).groups[0], max_green_s=None)
    groups = tuple(replace(vehicle, name=name, movements=(m,)) for m, name in enumerate("ABC"))
    conflict = np.zeros((3, 3), dtype=np.uint8)
    conflict[0, 1] = Conflict.YIELD
    conflict[0, 2] = conflict[2, 0] = Conflict.FULL
    intergreen = np.where(conflict | conflict.T, 6, 0).astype(np.int32)
    junction = Junction(0, "x", "X", groups, conflict, intergreen, 30, 120)
    assert [_names(sequence) for sequence in stage_sequences(junction)] == [[{"A"}, {"B", "C"}]]
    flows = np.array([0.1, 0.4, 0.2])
    assert _names(stage_sequences(junction, flows=flows)[0]) == [{"A"}, {"B", "C"}]


def test_no_alternative_has_a_yellow_trap() -> None:
    for legs in (crossroads(), crossroads(2, left_bays=1), crossroads(4, left_bays=1)):
        junction = _only(legs)
        found = stage_sequences(junction, limit=30)
        assert len(found) > 1
        assert not any(_trapped(junction, [stage.groups for stage in s.stages]) for s in found)


def test_flow_ratios_break_ties_between_partitions() -> None:
    # Three legs that all conflict but for one pair, which a busy third group makes worth while.
    full = Conflict.FULL
    junction = random_junction(np.random.default_rng(0))
    group = replace(junction.groups[0], kind=GroupKind.VEHICLE, max_green_s=None)
    groups = tuple(replace(group, name=name, movements=()) for name in "ABCD")
    # A-C, A-D, B-C, B-D may not be chosen twice: the compatible pairs are A+B, C+D, A+C and B+D.
    conflict = np.full((4, 4), full) * (1 - np.eye(4, dtype=int))
    for a, b in ((0, 1), (2, 3), (0, 2), (1, 3)):
        conflict[a, b] = conflict[b, a] = 0
    junction = replace(
        junction,
        groups=groups,
        conflict=conflict.astype(np.uint8),
        intergreen_s=np.where(conflict == full, 6, 0).astype(np.int32),
        cycle_max_s=1000,
    )
    together = stage_sequences(junction, flows=np.array([0.4, 0.4, 0.1, 0.1]))[0]
    assert _names(together) == [{"A", "B"}, {"C", "D"}]
    together = stage_sequences(junction, flows=np.array([0.4, 0.1, 0.4, 0.1]))[0]
    assert _names(together) == [{"A", "C"}, {"B", "D"}]


def _judge(
    legs: list[Leg], network: RoadNetwork, junction: Junction, sequences: tuple[StageSequence, ...]
) -> None:
    """Fail if groups that meet by the swept-path test are ever green together without a right to be."""
    drawn = SweptJunction(legs)
    leg_of = leg_of_link(network)
    movements = network.movements
    swept = {}
    for m in np.flatnonzero(network.links.to_node[movements.in_link] == 0).tolist():
        ends = leg_of[int(movements.in_link[m])], leg_of[int(movements.out_link[m])]
        swept[m] = drawn.movement(*ends, *outer_lanes(network, m))
    grounds = {
        c: drawn.crossing(leg_of[max(into, out)], over_in=into >= 0, over_out=out >= 0)
        for c, (into, out) in enumerate(
            zip(network.crossings.in_link.tolist(), network.crossings.out_link.tolist(), strict=True)
        )
    }
    pairs = {
        pair
        for sequence in sequences
        for stage in sequence.stages
        for pair in product(stage.groups, stage.groups)
    }
    for i, j in sorted(pairs):
        for m in junction.groups[i].movements:
            _judge_vehicles(legs, network, junction, swept, m, i, j)
            _judge_walks(legs, network, junction, swept, m, grounds, leg_of, i, j)


def _judge_vehicles(legs, network, junction, swept, m: int, i: int, j: int) -> None:
    """Only a left turn across oncoming traffic may be green with what it meets."""
    turn = network.movements.turn
    for n in junction.groups[j].movements:
        if swept[m].from_leg == swept[n].from_leg or not swept[m].meets(swept[n]):
            continue
        between = legs[swept[m].from_leg].angle_deg - legs[swept[n].from_leg].angle_deg
        oncoming = abs((between + 180.0) % 360.0 - 180.0) > 110.0
        rights = [
            turn[left] in {Turn.LEFT, Turn.U_TURN}
            and turn[other] in {Turn.THROUGH, Turn.RIGHT}
            and junction.conflict[row, column] == Conflict.YIELD
            for left, other, row, column in ((m, n, i, j), (n, m, j, i))
        ]
        assert oncoming, (legs, m, n)
        assert any(rights), (legs, m, n)


def _judge_walks(legs, network, junction, swept, m: int, grounds, leg_of, i: int, j: int) -> None:
    """Only a turning vehicle that gives way may drive over people who cross the leg that it leaves by.

    A left turn with lanes of its own across fast traffic does not: it is protected.
    """
    crossings = network.crossings
    for c in junction.groups[j].crossings:
        if swept[m].drives_over(grounds[c]):
            leg = leg_of[int(max(crossings.in_link[c], crossings.out_link[c]))]
            assert network.movements.turn[m] != Turn.THROUGH
            assert swept[m].to_leg == leg
            assert junction.conflict[i, j] == Conflict.YIELD
            assert not _turns_across_fast_traffic(legs, network, junction.groups[i].movements, swept, m)


def _turns_across_fast_traffic(legs, network, group: tuple[int, ...], swept, m: int) -> bool:
    """Whether a left turn with a signal of its own crosses vehicles that come straight at it at 72 km/h or more."""
    turn = network.movements.turn
    if any(turn[n] not in {Turn.LEFT, Turn.U_TURN} for n in group):
        return False
    own = legs[swept[m].from_leg].angle_deg
    return any(
        turn[n] == Turn.THROUGH
        and legs[other.from_leg].speed_km_h >= 72.0
        and abs((legs[other.from_leg].angle_deg - own) % 360.0 - 180.0) < 30.0
        and swept[m].meets(other)
        for n, other in swept.items()
    )


def _check_random_junction(legs: list[Leg], *, u_turns: bool, limit: int) -> None:
    network = network_of(legs, u_turns=u_turns)
    (junction,) = build_junctions(network)
    served = {m for group in junction.groups for m in group.movements}
    into = network.links.to_node[network.movements.in_link] == 0
    assert served == set(np.flatnonzero(into).tolist())
    junction = replace(junction, cycle_max_s=300)
    sequences = stage_sequences(junction, limit=limit)
    _judge(legs, network, junction, sequences)
    for sequence in sequences:
        assert not _trapped(junction, [stage.groups for stage in sequence.stages])
        assert frozenset().union(*(s.groups for s in sequence.stages)) == set(range(len(junction.groups)))
        durations = sequence.least_durations_s().astype(int)
        durations[0] += max(junction.cycle_min_s - durations.sum(), 0)
        Plan(junction, int(durations.sum()), 0, sequence.stages, tuple(durations.tolist()))


@settings(max_examples=60)
@given(legs=leg_lists(), u_turns=st.booleans())
def test_stages_of_random_junctions_have_no_conflicting_greens(legs: list[Leg], u_turns: bool) -> None:
    _check_random_junction(legs, u_turns=u_turns, limit=6)


@pytest.mark.slow
@settings(max_examples=int(os.environ.get("JASYL_JUNCTIONS", "1000")))
@given(legs=leg_lists(), u_turns=st.booleans(), limit=st.sampled_from((1, 1, 1, 6)))
def test_stages_of_many_random_junctions(legs: list[Leg], u_turns: bool, limit: int) -> None:
    _check_random_junction(legs, u_turns=u_turns, limit=limit)


def _used_of_90_s(sequence: StageSequence, flows: np.ndarray) -> float:
    """Share of a cycle of 90 s that is lost or needed: lost seconds and the least sum of flow ratios (an LP)."""
    member = np.array(
        [[g in stage.groups for stage in sequence.stages] for g in range(len(flows))], dtype=float
    )
    found = linprog(np.ones(len(sequence)), A_ub=-member, b_ub=-flows, method="highs")
    return sequence.lost_s / 90 + float(found.fun)


@pytest.mark.parametrize("seed", range(25))
def test_flows_choose_the_stages_with_most_spare_capacity(seed: int) -> None:
    rng = np.random.default_rng([seed, 7])
    junction = random_junction(rng)
    groups = tuple(replace(group, max_green_s=None) for group in junction.groups)
    junction = replace(junction, groups=groups, cycle_max_s=10_000)
    vehicle = [group.kind == GroupKind.VEHICLE for group in junction.groups]
    flows = np.where(vehicle, rng.integers(0, 15, len(vehicle)) * 0.02, 0.0)
    chosen, plain = (stage_sequences(junction, flows=given)[0] for given in (flows, None))
    assert _used_of_90_s(chosen, flows) <= _used_of_90_s(plain, flows) + 1e-9


def test_opposite_roads_run_together_where_traffic_is_heavy() -> None:
    junction = _only(crossroads(4, left_bays=1))
    flows = np.array([0.04 if group.name.endswith("-L") else 0.3 for group in junction.groups])
    served = [
        {name for name in stage if name.endswith("TR")}
        for stage in _names(stage_sequences(junction, flows=flows)[0])
    ]
    assert {"E-TR", "W-TR"} in served
    assert {"N-TR", "S-TR"} in served
