from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.traffic.demand_networks import both_ways, cross, grid, link
from traffic.assemble import JunctionSpec, NodeSpec, assemble
from traffic.assignment import CostSettings, TrafficAssignment, assign, default_capacity_veh_s, shares
from traffic.calibration import calibrate_total
from traffic.errors import InputError
from traffic.flow import FlowParameters
from traffic.gravity import gravity
from traffic.network import RoadClass, Turn
from traffic.od import ODMatrix
from traffic.saturation import ReferenceControl
from traffic.zones import Zones, make_zones


def matrix(size, **trips):
    table = np.zeros((size, size))
    for pair, value in trips.items():
        table[int(pair[1]), int(pair[2])] = value
    return ODMatrix(table, [1.0], 3600.0, "made")


def small_city(total_veh_h=6000.0):
    network = grid(4, 3)
    zones = make_zones(network, target=20)
    return network, zones, gravity(network, zones, total_veh_h=total_veh_h, rng=np.random.default_rng(7))


def steady_state(network, demand, period=0):
    """Solve the linear balance: what enters a link is what its entries and the movements into it bring."""
    links = len(network.links)
    entering = np.zeros(links)
    np.add.at(entering, demand.entry_link, demand.entry_veh_s[period])
    onward = np.zeros((links, links))
    share = demand.movement_share[period]
    np.add.at(onward, (network.movements.out_link, network.movements.in_link), share)
    return np.linalg.solve(np.eye(links) - onward, entering)


def test_one_trip_through_a_junction():
    network = cross()
    zones = Zones.from_links("ENWS", [[0], [2], [4], [6]], [[1], [3], [5], [7]], network=network)
    found = assign(network, zones, matrix(4, t02=720.0, t03=360.0))
    assert found.relative_gap == pytest.approx(0.0, abs=1e-15)
    expected = np.zeros(8)
    expected[[0, 5, 7]] = 0.3, 0.2, 0.1
    assert found.link_veh_s == pytest.approx(expected, abs=1e-15)
    moves = network.movements
    through = (moves.in_link == 0) & (moves.out_link == 5)
    assert found.movement_veh_s[through] == pytest.approx([0.2])
    assert found.entry_veh_s.tolist() == pytest.approx([0.3, 0, 0, 0])
    assert found.exit_veh_s.tolist() == pytest.approx([0, 0, 0.2, 0.1])
    demand = found.flow_demand(network)
    demand.check(network)
    assert demand.entry_link.tolist() == [0]
    assert demand.movement_share[0, through] == pytest.approx([2 / 3])
    assert demand.exit_share[0, [1, 3, 5, 7]].tolist() == [1.0] * 4
    assert (demand.source, demand.period_s) == ("made", 3600.0)


def two_routes(speed_m_s):
    """From 0 over 1 to 4 on either of two roads, by node 2 (north) or by node 3 (south)."""
    places = [(0, 0), (500, 0), (1000, 400), (1000, -400), (1500, 0), (2000, 0)]
    nodes = [NodeSpec(x, y, gateway=k in (0, 5)) for k, (x, y) in enumerate(places)]
    pairs = [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4), (4, 5)]
    links = [link(nodes, *pair, lanes=1, road_class=RoadClass.PRIMARY) for pair in pairs]
    slow = link(nodes, 1, 3, lanes=1, speed_m_s=speed_m_s, road_class=RoadClass.PRIMARY)
    return assemble("routes", "EPSG:32643", nodes, [*links[:2], slow, *links[3:]])


def test_two_routes_share_by_the_cost_formula():
    # both roads have the same capacity c and differ by d = 640.3 (1/10 - 1/14) s in free time; each has two
    # links with Akcelik's delay. The split solves d + 2 q(v2) = 2 q(v1), the turns of the two roads being alike.
    network = two_routes(10.0)
    zones = Zones.from_links("ab", [[0], []], [[], [5]], network=network)
    settings = CostSettings(turn_s=(0.0, 0.0, 0.0, 0.0), rounds=0)
    found = assign(network, zones, matrix(2, t01=2000.0), settings=settings, gap=1e-12)
    capacity, _ = default_capacity_veh_s(network, settings)
    length = network.links.length_m[1]

    def queue(flow, c):
        x, k = flow / c, 8 * settings.delay_parameter / (c * settings.period_s)
        return settings.period_s / 4 * ((x - 1) + np.sqrt((x - 1) ** 2 + k * x))

    north = queue(found.link_veh_s[1], capacity[1]) + queue(found.link_veh_s[3], capacity[3])
    south = queue(found.link_veh_s[2], capacity[2]) + queue(found.link_veh_s[4], capacity[4])
    moves = network.movements
    assert (found.link_veh_s[1:3] > 0.05).all()
    turn = {
        (int(a), int(b)): cost
        for a, b, cost in zip(moves.in_link, moves.out_link, found.movement_cost_s, strict=True)
    }
    north += turn[0, 1] + turn[1, 3] + turn[3, 5]
    south += turn[0, 2] + turn[2, 4] + turn[4, 5]
    assert north == pytest.approx(south + length * (1 / 10 - 1 / 14), abs=1e-6)
    assert found.link_veh_s[1] + found.link_veh_s[2] == pytest.approx(2000 / 3600, rel=1e-12)


def test_banned_turns_are_not_made():
    nodes = [NodeSpec(0.0, 0.0)]
    nodes += [NodeSpec(300.0 * x, 300.0 * y, gateway=True) for x, y in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    links = both_ways(nodes, [(k, 0) for k in (1, 2, 3, 4)])
    network = assemble("cross", "EPSG:32643", nodes, links, banned=frozenset({(0, 7)}))
    zones = make_zones(network)
    with pytest.raises(InputError, match="cannot be reached") as caught:
        assign(network, zones, matrix(4, t03=10.0))
    assert caught.value.value == "gateway 1 -> gateway 4"


def test_gap_conservation_and_shares():
    network, zones, od = small_city()
    found = assign(network, zones, od, gap=1e-5)
    assert found.relative_gap <= 1e-5
    assert found.relative_gaps[-1] == found.relative_gap
    assert found.iterations == len(found.relative_gaps)
    moves, links = network.movements, len(network.links)
    inflow = np.bincount(moves.out_link, found.movement_veh_s, minlength=links)
    inflow += np.bincount(zones.entry_link, found.entry_veh_s, minlength=links)
    outflow = np.bincount(moves.in_link, found.movement_veh_s, minlength=links)
    outflow += np.bincount(zones.exit_link, found.exit_veh_s, minlength=links)
    assert inflow == pytest.approx(found.link_veh_s, abs=1e-9)
    assert outflow == pytest.approx(found.link_veh_s, abs=1e-9)
    sent = [found.entry_veh_s[a:b].sum() for a, b in pairwise(zones.entry_begin)]
    assert sent == pytest.approx(od.trips_veh_h.sum(axis=1) / 3600, rel=1e-9)


def test_flow_demand_reproduces_the_assigned_flow():
    network, zones, od = small_city()
    found = assign(network, zones, replace(od, profile=[0.5, 1.0, 0.8], period_s=900.0))
    demand = found.flow_demand(network)
    demand.check(network)
    assert demand.periods == 3
    for period, factor in enumerate((0.5, 1.0, 0.8)):
        assert steady_state(network, demand, period) == pytest.approx(factor * found.link_veh_s, abs=1e-9)
        assert demand.link_veh_s[period] == pytest.approx(factor * found.link_veh_s, rel=1e-12)
    total = demand.exit_share[0] + np.bincount(
        network.movements.in_link, demand.movement_share[0], minlength=len(network.links)
    )
    assert np.abs(total - 1).max() <= 1e-12


def test_zones_spread_over_their_links():
    network, zones, od = small_city()
    found = assign(network, zones, od)
    for zone in np.flatnonzero(~zones.gateway):
        part = found.entry_veh_s[zones.entry_begin[zone] : zones.entry_begin[zone + 1]]
        assert part.max() <= 0.6 * part.sum()


def test_same_bytes_again():
    first, second = (assign(*small_city()) for _ in range(2))
    assert first.link_veh_s.tobytes() == second.link_veh_s.tobytes()
    assert first.movement_veh_s.tobytes() == second.movement_veh_s.tobytes()


def test_shares_of_links_without_flow():
    network = cross()
    moves = network.movements
    movement_share, exit_share = shares(network, np.zeros(len(moves)), np.zeros(8))
    assert movement_share[moves.in_link == 0].tolist() == pytest.approx([1 / 3] * 3)
    assert exit_share.tolist() == [0.0, 1.0] * 4


def test_default_capacity_of_a_signalised_approach():
    network = cross(lanes=2)
    settings = CostSettings()
    link_capacity, movement_capacity = default_capacity_veh_s(network, settings)
    groups, moves = network.lane_groups, network.movements
    mine = np.flatnonzero(groups.link == 0)
    for movement in np.flatnonzero(moves.in_link == 0):
        rows = network.connections.lane_group[network.connections.movement == movement]
        turns_left = moves.turn[movement] == Turn.LEFT
        share = settings.left_green_share if turns_left else settings.green_share
        rate = groups.saturation_veh_s[rows].sum() * moves.saturation_factor[movement] * share
        assert movement_capacity[movement] == pytest.approx(rate)
    assert 0.85 * settings.green_share * groups.saturation_veh_s[mine].sum() < link_capacity[0]
    assert link_capacity[0] < settings.green_share * groups.saturation_veh_s[mine].sum()
    # nothing holds traffic back at the gateway
    assert link_capacity[1] == pytest.approx(groups.saturation_veh_s[groups.link == 1].sum())


@pytest.mark.parametrize("major_veh_h", [1e-6, 300.0, 900.0])
def test_who_gives_way_has_the_gaps_of_the_major_road(major_veh_h):
    # a residential street from the south turns right into a road from west to east, one lane each: the capacity of the
    # Highway Capacity Manual (2000, equation 17-3) in the assigned flow
    nodes = [NodeSpec(0.0, 0.0)]
    nodes += [NodeSpec(300.0 * x, 300.0 * y, gateway=True) for x, y in ((-1, 0), (1, 0), (0, -1))]
    links = both_ways(nodes, [(1, 0), (2, 0)], lanes=1)
    links += both_ways(nodes, [(3, 0)], lanes=1, road_class=RoadClass.RESIDENTIAL)
    network = assemble("tee", "EPSG:32643", nodes, links)
    zones = Zones.from_links("WSE", [[0], [4], []], [[], [], [3]], network=network)
    problem = TrafficAssignment(network, zones, matrix(3, t02=major_veh_h, t12=20.0))
    problem.solve(1e-9)
    moves, groups = network.movements, network.lane_groups
    right = int(np.flatnonzero((moves.in_link == 4) & (moves.turn == Turn.RIGHT))[0])
    lane = network.connections.lane_group[network.connections.movement == right][0]
    capacity = problem.movement_share[right] * groups.saturation_veh_s[lane] * moves.saturation_factor[right]
    q = major_veh_h / 3600
    gap = FlowParameters().minor_right_gap
    expected = q * np.exp(-q * gap.critical_s) / -np.expm1(-q * gap.follow_up_s)
    assert capacity == pytest.approx(expected, rel=5e-3)


def test_left_turn_bays_and_minor_roads_have_less():
    nodes = [NodeSpec(0.0, 0.0, junction=JunctionSpec("j", "J")), NodeSpec(600.0, 0.0)]
    places = [(-300, 0), (0, 300), (0, -300), (900, 0), (600, 300)]
    nodes += [NodeSpec(float(x), float(y), gateway=True) for x, y in places]
    links = both_ways(nodes, [(k, 0) for k in (2, 3, 4)], left_bay_lanes=1)
    links += both_ways(nodes, [(0, 1), (1, 5)], left_bay_lanes=0)
    links += both_ways(nodes, [(6, 1)], road_class=RoadClass.RESIDENTIAL)
    network = assemble("two", "EPSG:32643", nodes, links)
    settings = CostSettings()
    _, movement = default_capacity_veh_s(network, settings)
    moves, groups = network.movements, network.lane_groups
    left = np.flatnonzero((moves.in_link == 0) & (moves.turn == Turn.LEFT))[0]
    group = network.connections.lane_group[network.connections.movement == left]
    bay = groups.saturation_veh_s[group].sum() * moves.saturation_factor[left]
    assert movement[left] == pytest.approx(settings.left_green_share * bay)
    minor = np.flatnonzero((moves.in_link == 10) & (moves.turn == Turn.RIGHT))[0]
    group = network.connections.lane_group[network.connections.movement == minor]
    lane = groups.saturation_veh_s[group].sum() * moves.saturation_factor[minor]
    assert movement[minor] == pytest.approx(settings.merge_share * lane)
    minor = np.flatnonzero((moves.in_link == 10) & (moves.turn == Turn.LEFT))[0]
    group = network.connections.lane_group[network.connections.movement == minor]
    lane = groups.saturation_veh_s[group].sum() * moves.saturation_factor[minor]
    assert movement[minor] == pytest.approx(settings.minor_share * lane)
    major = np.flatnonzero((moves.in_link == 6) & (moves.turn == Turn.THROUGH))[0]
    assert network.links.to_node[6] == 1
    group = network.connections.lane_group[network.connections.movement == major]
    assert movement[major] == pytest.approx(groups.saturation_veh_s[group].sum())


@pytest.mark.parametrize(
    "change", [{"green_share": 0.0}, {"period_s": -1.0}, {"access_s": np.nan}, {"rounds": -1}]
)
def test_bad_settings_are_refused(change):
    with pytest.raises(InputError):
        CostSettings(**change)


def test_calibrated_total():
    network, zones, od = small_city(total_veh_h=500.0)
    fixed = CostSettings(rounds=0)  # capacities that follow the flows are steady to three digits only
    found = calibrate_total(network, zones, od, gap=1e-8, settings=fixed)
    assert found.saturation == pytest.approx(0.9, rel=2e-3)
    assert found.assignment.relative_gap <= 1e-8
    assert found.assignment.od.total_veh_h == pytest.approx(500.0 * found.scale, rel=1e-9)
    # The same scale, assigned from nothing, is as full. The sum that equilibrium minimises is strictly convex where
    # flows meet signals, so flows of a relative gap g are apart by the order of sqrt(g).
    again = assign(network, zones, od.scaled(found.scale), gap=1e-8, settings=fixed)
    reached = ReferenceControl(network).quantile(again.movement_veh_s)
    assert reached == pytest.approx(found.saturation, rel=1e-4)
    twice = calibrate_total(network, zones, od, gap=1e-8, settings=fixed)
    assert twice.assignment.link_veh_s.tobytes() == found.assignment.link_veh_s.tobytes()


def test_capacities_come_to_rest():
    network, zones, od = small_city(total_veh_h=9000.0)
    flows = [
        assign(network, zones, od, gap=1e-6, settings=CostSettings(rounds=rounds)).link_veh_s
        for rounds in (0, 20, 40)
    ]
    assert flows[1] == pytest.approx(flows[2], abs=1e-3 * flows[2].max())
    assert np.abs(flows[0] - flows[2]).max() > 0.02 * flows[2].max()


def test_calibration_needs_traffic_at_signals():
    network, zones, _ = small_city()
    with pytest.raises(InputError, match="must send traffic"):
        calibrate_total(network, zones, matrix(len(zones)))
    with pytest.raises(InputError, match="more than 0"):
        calibrate_total(network, zones, matrix(len(zones)), target=0.0)


def test_progress_is_told():
    network, zones, od = small_city()
    seen = []
    TrafficAssignment(network, zones, od).solve(1e-4, progress=lambda *call, **_: seen.append(call))
    assert seen[0][0] == 1
    assert "relative gap" in seen[-1][2]


@pytest.mark.slow
def test_city_grid_reaches_the_gap():
    network = grid(25, 18)
    zones = make_zones(network)
    od = gravity(network, zones, total_veh_h=60000.0, rng=np.random.default_rng(0))
    found = assign(network, zones, od)
    assert found.relative_gap <= 1e-4
    demand = found.flow_demand(network)
    demand.check(network)
    assert steady_state(network, demand) == pytest.approx(found.link_veh_s, abs=1e-9)
