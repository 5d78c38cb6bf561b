from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traffic.demand_networks import both_ways, cross, grid
from traffic.assemble import JunctionSpec, NodeSpec, assemble
from traffic.errors import InputError
from traffic.network import JunctionKind, Turn
from traffic.saturation import ReferenceControl, lane_group_flow_ratio


def movement(network, in_link, turn):
    found = np.flatnonzero((network.movements.in_link == in_link) & (network.movements.turn == turn))
    assert len(found) == 1
    return int(found[0])


def flows(network, **by_name):
    table = np.zeros(len(network.movements))
    for name, value in by_name.items():
        in_link, turn = name[1:].split("_")
        table[movement(network, int(in_link), Turn[turn])] = value
    return table


def test_two_stages_share_a_degree_of_saturation():
    # arrivals: link 0 from the east, 2 north, 4 west, 6 south; one lane each
    network = cross(lanes=1)
    rate = network.lane_groups.saturation_veh_s[0]
    flow = flows(network, l0_THROUGH=0.30 * rate, l4_THROUGH=0.15 * rate, l2_THROUGH=0.20 * rate)
    x = ReferenceControl(network).saturation(flow)
    # Y = 0.5, lost 2 x 4 s of 90: X = 0.5 / (82 / 90) on the critical approaches, half of it on the other
    at = {int(link): group for group, link in enumerate(network.lane_groups.link)}
    critical = 0.5 * 90 / 82
    assert x[at[0]] == pytest.approx(critical, rel=1e-9)
    assert x[at[2]] == pytest.approx(critical, rel=1e-9)
    assert x[at[4]] == pytest.approx(critical / 2, rel=1e-9)
    assert x[at[6]] == 0.0
    assert x[[at[1], at[3], at[5], at[7]]].tolist() == [0.0] * 4


def test_left_turn_bays_have_stages_of_their_own():
    network = cross(lanes=1, left_bay_lanes=1)
    moves, groups = network.movements, network.lane_groups
    left = movement(network, 0, Turn.LEFT)
    bay = network.connections.lane_group[network.connections.movement == left][0]
    rate = groups.saturation_veh_s[bay] * moves.saturation_factor[left]
    control = ReferenceControl(network)
    # the only flow: its stage gets all that four stages of 4 s leave
    x = control.saturation(flows(network, l0_LEFT=0.3 * rate))
    assert x[bay] == pytest.approx(0.3 * 90 / 74, rel=1e-9)
    assert np.count_nonzero(x) == 1
    assert len(control.lane_groups) == 8


def test_saturation_is_proportional_to_flow_without_left_turns():
    network = grid(3, 2)
    flow = np.random.default_rng(0).uniform(0.0, 0.1, len(network.movements))
    flow[network.movements.turn >= Turn.LEFT] = 0.0
    control = ReferenceControl(network)
    assert control.quantile(2 * flow) == pytest.approx(2 * control.quantile(flow), rel=1e-9)


def test_left_turns_from_shared_lanes_count_as_several():
    # one lane each way; the left turn of link 0 meets 360 vehicles an hour from the west at a green of 0.45 and a
    # cycle of 90 s (Highway Capacity Manual 2000, chapter 16, appendix C)
    network = cross(lanes=1)
    left, against = movement(network, 0, Turn.LEFT), movement(network, 4, Turn.THROUGH)
    rate = network.lane_groups.saturation_veh_s[0] * network.movements.saturation_factor[left]
    load = 0.1 / rate
    found = 0.1 * np.exp(-0.1 * 4.5) / (1 - np.exp(-0.1 * 2.5))
    reached = (0.45 - load) / (1 - load) * found + 2 / 90
    equivalents = 0.45 * rate / reached
    assert 1.5 < equivalents < 3.0
    flow = np.zeros(len(network.movements))
    flow[[left, against]] = 0.02, 0.1
    x = ReferenceControl(network).saturation(flow)
    at = {int(link): group for group, link in enumerate(network.lane_groups.link)}
    straight = rate / network.movements.saturation_factor[left]
    assert x[at[0]] / x[at[4]] == pytest.approx(0.02 * equivalents / rate / (0.1 / straight), rel=1e-9)


def test_mid_block_crossing_keeps_time_for_people():
    nodes = [NodeSpec(0.0, 0.0, gateway=True), NodeSpec(600.0, 0.0, gateway=True)]
    nodes.append(NodeSpec(300.0, 0.0, junction=JunctionSpec("x", "Crossing", JunctionKind.CROSSING)))
    network = assemble("way", "EPSG:32643", nodes, both_ways(nodes, [(0, 2), (2, 1)], lanes=1))
    rate = network.lane_groups.saturation_veh_s[0]
    x = ReferenceControl(network, walk_s=21.0, lost_s=4.0, cycle_s=100.0).saturation(
        flows(network, l0_THROUGH=0.6 * rate, l3_THROUGH=0.3 * rate)
    )
    assert x.tolist() == pytest.approx([0.6 / 0.75, 0.0, 0.0, 0.3 / 0.75], rel=1e-9)


def test_shared_lanes_even_out():
    network = cross(lanes=2)
    groups = network.lane_groups
    right, through, left = (movement(network, 0, turn) for turn in (Turn.RIGHT, Turn.THROUGH, Turn.LEFT))
    factor = network.movements.saturation_factor
    flow = np.zeros(len(network.movements))
    flow[[right, through, left]] = 0.05, 0.4, 0.1
    ratio = lane_group_flow_ratio(network, flow)
    mine = np.flatnonzero(groups.link == 0)
    assert len(mine) == 2
    work = (flow[[right, through, left]] / factor[[right, through, left]]).sum()
    assert ratio[mine] == pytest.approx([work / groups.saturation_veh_s[mine].sum()] * 2, rel=1e-6)
    # so much left-turning traffic that nothing can be evened out
    flow[[right, through, left]] = 0.02, 0.01, 0.6
    ratio = lane_group_flow_ratio(network, flow)
    assert ratio[mine[1]] == pytest.approx(0.6 / factor[left] / groups.saturation_veh_s[mine[1]], rel=1e-3)


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_work_is_neither_lost_nor_made(seed):
    network = cross(lanes=3)
    flow = np.random.default_rng(seed).uniform(0.0, 0.3, len(network.movements))
    ratio = lane_group_flow_ratio(network, flow)
    groups, moves = network.lane_groups, network.movements
    done = np.bincount(groups.link, ratio * groups.saturation_veh_s, minlength=8)
    asked = np.bincount(moves.in_link, flow / moves.saturation_factor, minlength=8)
    assert done == pytest.approx(asked, rel=1e-9)


def test_networks_without_signals_are_refused():
    nodes = [NodeSpec(0.0, 0.0)]
    nodes += [NodeSpec(300.0 * x, 300.0 * y, gateway=True) for x, y in ((1, 0), (0, 1), (-1, 0))]
    network = assemble("tee", "EPSG:32643", nodes, both_ways(nodes, [(k, 0) for k in (1, 2, 3)]))
    with pytest.raises(InputError, match="needs a signalised junction"):
        ReferenceControl(network)
    with pytest.raises(InputError, match="longer than the lost time"):
        ReferenceControl(cross(), cycle_s=8.0)
    with pytest.raises(InputError, match="finite"):
        lane_group_flow_ratio(cross(), np.full(len(cross().movements), np.nan))
