"""Junctions from roads: conflicts written down by hand, groups, intergreens, policies, overrides."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.aspects import SignalSettings
from signals.build import build_junctions
from signals.conflicts import movement_conflicts
from signals.junction import Conflict, GroupKind, Junction
from tests.signals.junctions import Leg, crossroads, leg_lists, network_of
from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.network import JunctionKind, RoadClass, RoadNetwork, Turn
from traffic.overrides import JunctionOverride, Overrides
from traffic.priority import give_way


def _only(legs: list[Leg], **options: object) -> Junction:
    (junction,) = build_junctions(network_of(legs), **options)  # type: ignore[arg-type]
    return junction


def _table(junction: Junction) -> dict[str, str]:
    """Conflicts of each group, one letter a column: F full, y yields, . none."""
    return {
        group.name: "".join(".yF"[value] for value in row)
        for group, row in zip(junction.groups, junction.conflict.tolist(), strict=True)
    }


def test_crossroads_with_shared_lanes() -> None:
    assert _table(_only(crossroads())) == {
        #          S E N W  P: E N W S
        "S-LTR": ".FyF" + "yFyF",
        "E-LTR": "F.Fy" + "FyFy",
        "N-LTR": "yF.F" + "yFyF",
        "W-LTR": "FyF." + "FyFy",
        "P-E": ".F.F" + "....",
        "P-N": "F.F." + "....",
        "P-W": ".F.F" + "....",
        "P-S": "F.F." + "....",
    }


def test_crossroads_with_left_turn_lanes() -> None:
    assert _table(_only(crossroads(2, left_bays=1))) == {
        #         S-TR S-L E-TR E-L N-TR N-L W-TR W-L  P: E N W S
        "S-TR": "..FF..FF" + "yF.F",
        "S-L": "..FFy.FF" + "..yF",
        "E-TR": "FF..FF.." + "FyF.",
        "E-L": "FF..FFy." + "F..y",
        "N-TR": "..FF..FF" + ".FyF",
        "N-L": "y.FF..FF" + "yF..",
        "W-TR": "FF..FF.." + "F.Fy",
        "W-L": "FFy.FF.." + ".yF.",
        "P-E": "..FF..F." + "....",
        "P-N": "F...FF.." + "....",
        "P-W": "..F...FF" + "....",
        "P-S": "FF..F..." + "....",
    }


def test_left_turns_over_pedestrians_where_the_country_forbids_it() -> None:
    rules = SignalSettings(left_yields_to_pedestrians=False)
    table = _table(_only(crossroads(2, left_bays=1), settings=rules))
    assert table["S-L"] == "..FFy.FF" + "..FF"
    assert table["P-W"] == ".FF...FF" + "...."
    assert table["S-TR"] == "..FF..FF" + "yF.F"  # right turns still give way


def test_t_junction() -> None:
    legs = [Leg(0.0), Leg(90.0), Leg(180.0)]
    assert _table(_only(legs)) == {
        #         E N W  P: E N W
        "E-TR": ".F." + "FyF",
        "N-LR": "F.F" + "yFy",
        "W-LT": "yF." + "FyF",
        "P-E": "F.F" + "...",
        "P-N": ".F." + "...",
        "P-W": "F.F" + "...",
    }


def test_right_turn_lanes_conflict_only_where_they_merge() -> None:
    table = _table(_only(crossroads(2, left_bays=1, right_bays=1)))
    names = list(table)
    met = {other for other, letter in zip(names, table["N-R"], strict=True) if letter != "."}
    # It merges with the through traffic and the opposing left turn that leave to the west, and drives
    # over the crossings of its own leg and of the western one.
    assert met == {"E-T", "P-N", "P-W"}
    assert table["S-L"][names.index("N-R")] == "y"
    assert table["N-R"][names.index("P-W")] == "y"


def test_one_way_streets() -> None:
    legs = [Leg(0.0, 2, 0), Leg(90.0, 2, 0), Leg(180.0, 0, 2), Leg(270.0, 0, 2)]
    table = _table(_only(legs))
    # From the east: straight on or left (south); from the north: straight on or right (west).
    assert table == {
        "E-LT": ".F" + "F.Fy",
        "N-TR": "F." + ".FyF",
        "P-E": "F." + "....",
        "P-N": ".F" + "....",
        "P-W": "F." + "....",
        "P-S": ".F" + "....",
    }


def test_a_crossing_is_called_as_the_approach_of_its_leg() -> None:
    # Two legs that lie about north; the first of them has no crossing.
    legs = [Leg(0.0), Leg(75.0, crossing=False), Leg(108.0), Leg(180.0), Leg(270.0)]
    network = network_of(legs)
    (junction,) = build_junctions(network)
    assert [g.name for g in junction.groups if g.kind == GroupKind.PEDESTRIAN] == [
        "P-E",
        "P-N2",
        "P-W",
        "P-S",
    ]
    (second,) = (g for g in junction.groups if g.name.startswith("N2-"))
    (walk,) = (g for g in junction.groups if g.name == "P-N2")
    leg = network.crossings.in_link[list(walk.crossings)]
    assert set(network.movements.in_link[list(second.movements)]) == set(leg)


@settings(max_examples=60)
@given(legs=leg_lists())
def test_groups_of_one_leg_have_its_name(legs: list[Leg]) -> None:
    network = network_of(legs)
    (junction,) = build_junctions(network)
    approach = {}
    for group in junction.groups:
        for m in group.movements:
            approach[int(network.movements.in_link[m])] = group.name.split("-")[0]
    assert len(set(approach.values())) == len(approach)
    for group in junction.groups:
        for link in network.crossings.in_link[list(group.crossings)]:
            assert link < 0 or group.name == f"P-{approach[int(link)]}"


def test_mid_block_crossing_has_two_groups() -> None:
    legs = [Leg(0.0, 2, 2), Leg(180.0, 2, 2)]
    (junction,) = build_junctions(network_of(legs, kind=JunctionKind.CROSSING))
    assert [(g.name, g.kind) for g in junction.groups] == [
        ("V", GroupKind.VEHICLE),
        ("P", GroupKind.PEDESTRIAN),
    ]
    assert junction.conflict.tolist() == [[0, 2], [2, 0]]
    # Yellow 4 s; 20 m and a vehicle of 6 m at 13.9 m/s: 2 s. Four lanes of 3.5 m at 1.2 m/s: 12 s.
    assert junction.intergreen_s.tolist() == [[0, 6], [12, 0]]


def test_mid_block_crossing_with_a_side_road_keeps_conflicting_vehicles_apart() -> None:
    legs = [Leg(0.0), Leg(90.0, crossing=False), Leg(180.0, crossing=True)]
    (junction,) = build_junctions(network_of(legs, kind=JunctionKind.CROSSING))
    assert [g.name for g in junction.groups] == ["E-TR", "N-LR", "W-LT", "P-W"]


def test_refuge_halves_the_clearance_of_the_crossing() -> None:
    def longest(*, refuge: bool) -> int:
        junction = _only(crossroads(3, refuge=refuge))
        return int(junction.intergreen_s[junction.group_index("P-N"), junction.group_index("N-LTR")])

    # 6 lanes of 3.5 m; with the refuge 3 lanes at a time.
    assert (longest(refuge=False), longest(refuge=True)) == (18, 9)


def test_intergreens_grow_with_the_junction_and_never_fall_below_the_rule() -> None:
    small, large = _only(crossroads(1)), _only(crossroads(3, speed_km_h=50.0))
    for junction in (small, large):
        full = junction.conflict == Conflict.FULL
        vehicles = np.array([g.kind == GroupKind.VEHICLE for g in junction.groups])
        least = np.array([g.yellow_s + 1 for g in junction.groups])[:, None]
        assert (junction.intergreen_s >= least)[full & vehicles[:, None]].all()
    assert (large.intergreen_s >= small.intergreen_s).all()
    assert large.intergreen_s.sum() > small.intergreen_s.sum()


def test_clearing_times_of_two_straight_roads_by_hand() -> None:
    network = network_of(crossroads(1, crossing=False))
    found = movement_conflicts(network, SignalSettings())
    turn, node = network.movements.turn, network.links.from_node[network.movements.in_link]
    into = network.links.to_node[network.movements.out_link]
    # From the east to the west, from the north to the south; the stop lines are 8.25 m from the middle.
    at = {(int(node[m]), int(into[m])): m for m in range(len(turn)) if turn[m] == Turn.THROUGH}
    pair = (found.one == at[1, 3]) & (found.other == at[2, 4])
    back = (found.one == at[2, 4]) & (found.other == at[1, 3])
    speed = 50.0 / 3.6
    # The paths cross 9.875 m after the one stop line and 6.625 m after the other; a vehicle is in the way
    # from 2.8 m before to 2.8 m after that.
    low, high = (9.875 - 6.625 + 6.0) / speed, (9.875 - 6.625 + 6.0 + 2 * 2.8) / speed
    assert low < found.clearing_s[pair].item() < high
    low, high = (6.625 - 9.875 + 6.0) / speed, (6.625 - 9.875 + 6.0 + 2 * 2.8) / speed
    assert low < found.clearing_s[back].item() < high


def _demand(network: RoadNetwork, flows: dict[tuple[int, int], float]) -> FlowDemand:
    """Flows in veh/h by the nodes that movements come from and go to."""
    links, movements = network.links, network.movements
    flow = np.zeros(len(movements))
    for m, (a, b) in enumerate(zip(movements.in_link.tolist(), movements.out_link.tolist(), strict=True)):
        flow[m] = flows.get((int(links.from_node[a]), int(links.to_node[b])), 0.0) / 3600.0
    total = np.bincount(movements.in_link, weights=flow, minlength=len(links))
    share = np.divide(
        flow, total[movements.in_link], out=np.zeros_like(flow), where=total[movements.in_link] > 0
    )
    into = np.bincount(movements.in_link, minlength=len(links)) > 0
    first = {int(m): k for k, m in reversed(list(enumerate(movements.in_link.tolist())))}
    for link in np.flatnonzero(into & (total == 0)):
        share[first[int(link)]] = 1.0
    entry = np.flatnonzero(into)
    return FlowDemand(
        period_s=3600.0,
        entry_link=entry,
        entry_veh_s=total[entry][None],
        movement_share=share[None],
        exit_share=(~into).astype(float)[None],
        link_veh_s=total[None],
        source="test",
    )


@pytest.mark.parametrize(
    ("left", "opposing", "protected"),
    [(100.0, 800.0, False), (240.0, 100.0, True), (120.0, 800.0, True), (110.0, 800.0, False)],
)
def test_left_turns_are_protected_by_volume_and_product(
    left: float, opposing: float, protected: bool
) -> None:
    # Two opposing lanes: the product counts from 90,000; 240 veh/h do without it.
    network = network_of(crossroads(2, left_bays=1))
    demand = _demand(network, {(4, 3): left, (2, 4): opposing})  # from S to W, from N to S
    (junction,) = build_junctions(network, demand=demand)
    relation = junction.conflict[junction.group_index("S-L"), junction.group_index("N-TR")]
    assert relation == (Conflict.FULL if protected else Conflict.YIELD)
    other = junction.conflict[junction.group_index("N-L"), junction.group_index("S-TR")]
    assert other == Conflict.YIELD


def test_a_digest_tells_another_demand_from_another_junction() -> None:
    network = network_of(crossroads(2, left_bays=1))
    quiet, busy = (
        build_junctions(network, demand=_demand(network, {(4, 3): left, (2, 4): 100.0}))[0]
        for left in (100.0, 300.0)
    )
    other = _only(crossroads(3, left_bays=1))
    busy.require_digest(busy.digest, "digest")
    with pytest.raises(InputError, match=r"other left turns are protected .*--planned-scale"):
        busy.require_digest(quiet.digest, "digest")
    for digest in (other.digest, "", 7, None):
        with pytest.raises(InputError, match=r"was made for other data .*Optimise again for the network"):
            busy.require_digest(digest, "digest")


def test_left_turn_in_a_shared_lane_stays_permissive() -> None:
    network = network_of(crossroads(1))
    (junction,) = build_junctions(network, demand=_demand(network, {(4, 3): 300.0, (2, 4): 800.0}))
    assert junction.conflict[junction.group_index("S-LTR"), junction.group_index("N-LTR")] == Conflict.YIELD


def test_left_turn_over_four_lanes_or_fast_traffic_is_protected() -> None:
    for legs in (crossroads(4, left_bays=1), crossroads(1, left_bays=1, speed_km_h=80.0)):
        junction = _only(legs)
        relation = junction.conflict[junction.group_index("S-L"), junction.group_index("N-TR")]
        assert relation == Conflict.FULL


def test_two_left_turn_lanes_are_protected() -> None:
    junction = _only(crossroads(2, left_bays=2))
    relation = junction.conflict[junction.group_index("S-L"), junction.group_index("N-TR")]
    assert relation == Conflict.FULL


@settings(max_examples=60)
@given(legs=leg_lists(), u_turns=st.booleans())
def test_who_yields_agrees_with_the_flow_model(legs: list[Leg], u_turns: bool) -> None:
    network = network_of(legs, u_turns=u_turns)
    (junction,) = build_junctions(network)
    rules = give_way(network)
    for i, one in enumerate(junction.groups):
        for j, other in enumerate(junction.groups):
            if junction.conflict[i, j] == Conflict.YIELD and other.movements:
                yields = [n for m in one.movements for n in rules.of(m) if n in other.movements]
                assert yields, (one.name, other.name)


@settings(max_examples=60)
@given(legs=leg_lists())
def test_movements_that_share_a_lane_switch_together(legs: list[Leg]) -> None:
    network = network_of(legs)
    (junction,) = build_junctions(network)
    group_of = {m: k for k, group in enumerate(junction.groups) for m in group.movements}
    connections = network.connections
    for lane_group in np.unique(connections.lane_group):
        members = connections.movement[connections.lane_group == lane_group]
        assert len({group_of.get(int(m)) for m in members}) == 1


def test_rotation_does_not_change_conflicts() -> None:
    upright = _only(crossroads(2, left_bays=1))
    turned = _only([Leg(leg.angle_deg + 31.0, 2, 2, left_bays=1) for leg in crossroads()])
    assert sorted(map(tuple, np.sort(turned.conflict, axis=1).tolist())) == sorted(
        map(tuple, np.sort(upright.conflict, axis=1).tolist())
    )
    assert np.array_equal(np.sort(turned.intergreen_s.ravel()), np.sort(upright.intergreen_s.ravel()))


def test_median_of_a_divided_road_moves_the_stop_lines_of_the_crossing_street() -> None:
    narrow, wide = (network_of(crossroads(2)), network_of(crossroads(2)))
    # Draw the east-west carriageways 20 m apart: arriving links are even, leaving ones odd.
    y = wide.shape_y_m.copy()
    for link, side in ((0, 10.0), (1, -10.0), (4, -10.0), (5, 10.0)):
        y[wide.links.shape_start[link] : wide.links.shape_start[link] + 2] += side
    wide = replace(wide, shape_y_m=y)
    before, after = (build_junctions(network)[0] for network in (narrow, wide))
    assert np.array_equal(before.conflict, after.conflict)
    assert (after.intergreen_s >= before.intergreen_s).all()
    assert after.intergreen_s.sum() > before.intergreen_s.sum()


def _overrides(**wishes: JunctionOverride) -> Overrides:
    return Overrides(signals=MappingProxyType(wishes))


def test_the_engineers_bounds_names_orders_and_locks() -> None:
    wish = JunctionOverride(
        min_green_s={"N-LTR": 12, "E": 9},
        max_green_s={"E": 40},
        fixed_order=(("S-LTR", "N-LTR", "P-E", "P-W"), ("E-LTR", "W-LTR", "P-N", "P-S")),
        locked=True,
        name="Abay / Dostyk",
        cycle_min_s=50,
        cycle_max_s=100,
    )
    junction = _only(crossroads(), overrides=_overrides(centre=wish))
    bounds = {g.name: (g.min_green_s, g.max_green_s) for g in junction.groups}
    assert bounds["N-LTR"] == (12, None)
    assert bounds["E-LTR"] == (9, 40)
    assert bounds["P-E"] == (7, None)
    assert (junction.name, junction.locked) == ("Abay / Dostyk", True)
    assert (junction.cycle_min_s, junction.cycle_max_s) == (50, 100)
    assert junction.fixed_order == wish.fixed_order


def _cleared_s(junction: Junction) -> dict[str, int]:
    """Longest intergreen from each group of people on foot to any other."""
    return {
        group.name: int(times.max())
        for group, times in zip(junction.groups, junction.intergreen_s, strict=True)
        if group.kind == GroupKind.PEDESTRIAN
    }


def test_refuges_and_walks_as_the_engineer_saw_them() -> None:
    """Six lanes of 3.5 m at 1.2 m/s are 17.5 s, three are 8.75 s, and 9.7 m are 8.1 s."""
    wish = JunctionOverride(refuge={"P-N": True, "P-S": False, "P-E": True}, walk_m={"P-E": 9.7})
    plain = _cleared_s(_only(crossroads(3)))
    assert plain == dict.fromkeys(("P-E", "P-N", "P-W", "P-S"), 18)
    assert _cleared_s(_only(crossroads(3), overrides=_overrides(centre=wish))) == plain | {"P-N": 9, "P-E": 9}
    taken = JunctionOverride(refuge={"P-N": False})
    network = network_of([replace(leg, refuge=True) for leg in crossroads(3)])
    (junction,) = build_junctions(network, overrides=_overrides(centre=taken))
    # the 2 m of the island that is none are walked as well: 23 m
    assert _cleared_s(junction) == dict.fromkeys(("P-E", "P-W", "P-S"), 9) | {"P-N": 20}


def test_no_refuge_in_a_road_of_one_direction() -> None:
    legs = [Leg(0.0), Leg(90.0, lanes_out=0), Leg(180.0)]
    with pytest.raises(InputError, match=r"centre\.refuge: must be a crossing over both directions.*'P-N'"):
        _only(legs, overrides=_overrides(centre=JunctionOverride(refuge={"P-N": True})))


@pytest.mark.parametrize(("refuge", "least_m"), [(True, 7.5), (False, 15.0)])
def test_a_walk_shorter_than_the_lanes_is_a_slip(refuge: bool, least_m: float) -> None:
    """Three lanes either way."""
    fine = JunctionOverride(refuge={"P-E": refuge}, walk_m={"P-E": least_m})
    _only(crossroads(3), overrides=_overrides(centre=fine))
    slip = replace(fine, walk_m={"P-E": least_m - 0.1})
    with pytest.raises(InputError, match=rf"walk_m\.P-E: must be {least_m:g} m or more"):
        _only(crossroads(3), overrides=_overrides(centre=slip))


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (_overrides(centre=JunctionOverride(refuge={"E-LTR": True})), "refuge: must be a pedestrian group"),
        (_overrides(centre=JunctionOverride(walk_m={"P-X": 9.0})), "walk_m: must be a pedestrian group"),
        (_overrides(center=JunctionOverride()), r"signals: must be the key of a junction \(got 'center'\)"),
        (
            _overrides(centre=JunctionOverride(min_green_s={"N-T": 9})),
            "min_green_s: must be a signal group or",
        ),
        (_overrides(centre=JunctionOverride(max_green_s={"Q": 9})), "max_green_s: must be a signal group or"),
        (
            _overrides(centre=JunctionOverride(fixed_order=(("X",),))),
            "must be a signal group of the junction",
        ),
        (
            _overrides(centre=JunctionOverride(max_green_s={"N": 5})),
            "must be at least the minimum green of 7",
        ),
    ],
)
def test_overrides_of_what_is_not_there(overrides: Overrides, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        _only(crossroads(), overrides=overrides)


def test_a_group_that_is_always_green_has_no_maximum() -> None:
    legs = [Leg(0.0, crossing=False), Leg(180.0, crossing=False)]
    junction = _only(legs, settings=SignalSettings(max_green_s=30))
    assert [g.max_green_s for g in junction.groups] == [None, None]
    with pytest.raises(InputError, match="is always green"):
        _only(legs, overrides=_overrides(centre=JunctionOverride(max_green_s={"E-T": 30})))


def test_junction_with_one_approach() -> None:
    legs = [Leg(0.0, 1, 0, crossing=False), Leg(180.0, 0, 1, road_class=RoadClass.TRUNK)]
    with pytest.raises(InputError, match=r"junctions.centre: a junction needs two approaches"):
        _only(legs)
    # With people who cross it can be controlled.
    assert len(_only([Leg(0.0, 1, 0, crossing=True), legs[1]]).groups) == 2


def test_settings_of_a_country_reach_the_groups() -> None:
    group = _only(crossroads(), settings=SignalSettings.of("DE")).groups[0]
    assert (group.flashing_green_s, group.yellow_s, group.red_amber_s) == (0, 4, 1)
    walk = _only(crossroads()).groups[-1]
    assert (walk.flashing_green_s, walk.yellow_s, walk.red_amber_s, walk.min_green_s) == (3, 0, 0, 7)
