from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from signals.build import build_junctions
from signals.plan import Plan, PlanSet, Stage
from signals.stages import stage_sequences
from signals.utdf.read import read_signals
from signals.utdf.write import plans_to_utdf
from tests.traffic.hand_networks import crossroads
from tests.traffic.utdf.hand_files import crossroads_utdf
from traffic.assemble import JunctionSpec, LinkSpec, NodeSpec, assemble
from traffic.errors import InputError
from traffic.network import RoadClass
from traffic.utdf.roads import road_network
from traffic.utdf.tables import NodeType, UtdfTables


def written(network, plan):
    plans = PlanSet("plans", network.name, (plan,))
    return plans_to_utdf(network, plans, np.full(len(network.movements), 0.05))


def read_back(network, plan):
    signals = read_signals(road_network(written(network, plan), name=network.name))
    assert signals.refused == {}
    return signals.plans[0]


def told(plan):
    names = [set(stage) for stage in plan.sequence.names()]
    return plan.cycle_s, plan.offset_s, plan.durations_s, names


def four_stages():
    """Left turns of the east-west road, the road, and the same north to south, by the rules of the country."""
    network = crossroads()
    junction = build_junctions(network)[0]
    at = junction.group_index
    pairs = [("E-L", "W-L"), ("E-TR", "W-TR", "P-N", "P-S"), ("N-L", "S-L"), ("N-TR", "S-TR", "P-E", "P-W")]
    stages = tuple(Stage(frozenset(map(at, names))) for names in pairs)
    return network, Plan(junction, 100, 33, stages, (20, 32, 18, 30))


def records(file, section, record):
    table = getattr(UtdfTables.of(file), section)[1]
    return {
        column: table.text(record, column) for column in table.cells[record] if table.text(record, column)
    }


def numbers(file, record):
    cells = records(file, "phases", record)
    return [float(cells[f"D{k}"]) for k in range(1, 17) if f"D{k}" in cells]


def test_each_stage_is_a_phase_of_one_ring():
    network, plan = four_stages()
    file = written(network, plan)
    assert numbers(file, "BRP") == [111, 112, 113, 114]
    change = [y + r for y, r in zip(numbers(file, "Yellow"), numbers(file, "AllRed"), strict=True)]
    splits = [green + end for green, end in zip(numbers(file, "MaxGreen"), change, strict=True)]
    assert splits == [20, 32, 18, 30]
    assert numbers(file, "Start") == [33, 53, 85, 3]
    assert all(end >= 3 for end in change)
    lefts = [records(file, "lanes", "Phase1")[f"{d}L"] for d in ("WB", "EB", "SB", "NB")]
    assert lefts == ["1", "1", "3", "3"]
    timing = {name: cells["DATA"] for name, cells in UtdfTables.of(file).timeplans[1].cells.items()}
    assert (timing["Cycle Length"], timing["Offset"], timing["Reference Phase"]) == ("100", "33", "1")


def test_four_stages_come_back():
    network, plan = four_stages()
    assert told(read_back(network, plan)) == told(plan)


@settings(max_examples=40)
@given(
    offset=st.integers(0, 99),
    more=st.lists(st.integers(0, 20), min_size=4, max_size=4),
    turned=st.integers(0, 3),
)
def test_any_offset_splits_and_first_stage_come_back(offset, more, turned):
    network, plan = four_stages()
    least = plan.sequence.least_durations_s().tolist()
    durations = [a + b for a, b in zip(least, more, strict=True)]
    order = [(turned + k) % 4 for k in range(4)]
    cycle = sum(durations)
    assume(plan.junction.cycle_min_s <= cycle <= plan.junction.cycle_max_s)
    changed = Plan(
        plan.junction,
        cycle,
        offset % cycle,
        tuple(plan.stages[k] for k in order),
        tuple(durations[k] for k in order),
    )
    assert told(read_back(network, changed)) == told(changed)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"phases": {"Walk": {6: 7}, "DontWalk": {6: 11}}},
        {"lanes": {"PermPhase1": {"EBL": 2}}},
        {"timeplans": {"Referenced To": 1, "Offset": 3}},
    ],
)
def test_plans_of_rings_come_back_from_one_ring(changes):
    roads = road_network(crossroads_utdf(**changes), name="hand")
    plan = read_signals(roads).plans[0]
    again = read_back(roads.network, plan)
    assert told(again) == told(plan)
    assert again.green_windows() == plan.green_windows()


def test_curves_and_parallel_roads_become_bends():
    shapes = [(1, 0, [[400, 0], [200, 80], [0, 0]]), (0, 1, [[0, 0], [200, 80], [400, 0]])]
    shapes += [
        (2, 0, [[-400, 0], [0, 0]]),
        (0, 2, [[0, 0], [-400, 0]]),
        (2, 0, [[-400, 0], [-200, -90], [0, 0]]),
    ]
    links = [LinkSpec(a, b, np.array(s, float), 14.0, 1, RoadClass.PRIMARY) for a, b, s in shapes]
    nodes = [NodeSpec(0, 0, junction=JunctionSpec("k", "centre"))]
    nodes += [NodeSpec(400, 0, gateway=True), NodeSpec(-400, 0, gateway=True)]
    network = assemble("bent", "local", nodes, links)
    junction = build_junctions(network)[0]
    sequence = next(iter(stage_sequences(junction, limit=1)))
    durations = tuple(sequence.least_durations_s().tolist())
    longer = max(junction.cycle_min_s - sum(durations), 0)
    durations = (durations[0] + longer, *durations[1:])
    plan = Plan(junction, sum(durations), 4, sequence.stages, durations)
    file = written(network, plan)
    kinds = [node.kind for node in UtdfTables.of(file).nodes.values()]
    assert kinds.count(NodeType.BEND) == 2  # the first road's two directions share theirs
    back = road_network(file, name="bent").network
    found = sorted(np.round(back.shape(k), 6).tolist() for k in range(len(back.links)))
    assert found == sorted(np.array(s, float).tolist() for *_, s in shapes)
    np.testing.assert_allclose(np.sort(back.links.length_m), np.sort(network.links.length_m))
    assert told(read_back(network, plan)) == told(plan)


def test_more_roads_than_directions_are_refused():
    angle = np.arange(9) * 2 * np.pi / 9
    ends = 300 * np.column_stack([np.cos(angle), np.sin(angle)])
    links = [
        LinkSpec(k + 1, 0, np.array([end, [0, 0]]), 14.0, 1, RoadClass.PRIMARY) for k, end in enumerate(ends)
    ]
    links += [LinkSpec(0, 1, np.array([[0, 0], ends[0]]), 14.0, 1, RoadClass.PRIMARY)]
    nodes = [NodeSpec(0, 0), *(NodeSpec(x, y, gateway=True) for x, y in ends)]
    network = assemble("star", "local", nodes, links)
    with pytest.raises(InputError, match=r"nodes\[0\]: must have 8 roads that lead to it or fewer"):
        plans_to_utdf(network, PlanSet("none", "star", ()), np.zeros(len(network.movements)))


def test_roads_that_only_lead_away_may_lack_a_direction():
    angle = np.arange(9) * 2 * np.pi / 9
    ends = 300 * np.column_stack([np.cos(angle), np.sin(angle)])
    links = [LinkSpec(1, 0, np.array([ends[0], [0, 0]]), 14.0, 1, RoadClass.PRIMARY)]
    links += [LinkSpec(0, k + 1, np.array([[0, 0], ends[k]]), 14.0, 1, RoadClass.PRIMARY) for k in range(9)]
    nodes = [NodeSpec(0, 0), *(NodeSpec(x, y, gateway=True) for x, y in ends)]
    kept = {(0, out) for out in (3, 5, 8)}
    banned = frozenset((0, out) for out in range(2, 10)) - kept
    network = assemble("star", "local", nodes, links, banned=frozenset(banned))
    file = plans_to_utdf(network, PlanSet("none", "star", ()), np.full(len(network.movements), 0.1))
    back = road_network(file, name="star").network
    assert len(back.links) == 10
    assert len(back.movements) == len(network.movements) == 3


def test_a_third_left_turn_takes_the_column_of_the_u_turn():
    ends = 300 * np.array([[-1, 0], [1, 0], [0.6, 0.8], [0, 1], [-0.5, 0.85]])
    links = [LinkSpec(1, 0, np.array([ends[0], [0, 0]]), 14.0, 2, RoadClass.PRIMARY)]
    links += [
        LinkSpec(0, k + 1, np.array([[0, 0], ends[k]]), 14.0, 1, RoadClass.PRIMARY) for k in range(1, 5)
    ]
    nodes = [NodeSpec(0, 0), *(NodeSpec(x, y, gateway=True) for x, y in ends)]
    network = assemble("fan", "local", nodes, links)
    file = plans_to_utdf(network, PlanSet("none", "fan", ()), np.full(len(network.movements), 0.1))
    roads = road_network(file, name="fan")
    assert [column[2:] for column in roads.columns] == ["T", "L", "L2", "U"]
    ordered = roads.network.links.to_node[roads.network.movements.out_link]
    assert [roads.intid[node] for node in ordered.tolist()] == [3, 4, 5, 6]
