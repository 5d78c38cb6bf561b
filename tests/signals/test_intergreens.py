"""Intergreens of random junctions against an independent reckoning from the ground that vehicles sweep."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.aspects import SignalSettings
from signals.build import build_junctions
from signals.conflicts import movement_conflicts
from signals.curves import SAMPLES
from signals.junction import Conflict, GroupKind, Junction
from signals.paths import movement_paths
from tests.signals.junctions import Leg, crossroads, leg_lists, leg_of_link, network_of, outer_lanes
from tests.signals.ref_intergreen import (
    DrawnJunction,
    Track,
    clearing_s,
    leaves_crossing_s,
    walk_s,
    yellow_s,
)
from traffic.network import JunctionKind, RoadNetwork, Turn

COUNTRIES = st.sampled_from(("KZ", "US"))


def _tracks(network: RoadNetwork, drawn: DrawnJunction) -> dict[int, list[Track]]:
    leg, movements = leg_of_link(network), network.movements
    tracks = {}
    for m in np.flatnonzero(network.links.to_node[movements.in_link] == 0).tolist():
        ends = leg[int(movements.in_link[m])], leg[int(movements.out_link[m])]
        lanes = sorted(set(zip(*outer_lanes(network, m), strict=True)))
        tracks[m] = [drawn.track(*ends, lane, out, int(movements.turn[m])) for lane, out in lanes]
    return tracks


def _sampled_s(clearing: list[Track], entering: list[Track] | None = None) -> float:
    """Time between two samples of the paths: so far off are the times that are checked."""
    time_s = max(track.line.length / track.clearing_m_s for track in clearing)
    time_s += max((track.line.length / track.entering_m_s for track in entering or ()), default=0.0)
    return time_s / (SAMPLES - 1)


def _check_vehicles(
    network: RoadNetwork, junction: Junction, tracks: dict[int, list[Track]], rules: SignalSettings
) -> int:
    """Compare the times of all movements from different legs that meet; return how many those are."""
    found = movement_conflicts(network, rules)
    clearing = dict(
        zip(zip(found.one.tolist(), found.other.tolist(), strict=True), found.clearing_s, strict=True)
    )
    group_of = {m: g for g, group in enumerate(junction.groups) for m in group.movements}
    compared = 0
    for m, n in product(tracks, tracks):
        if tracks[m][0].from_leg == tracks[n][0].from_leg:
            continue
        times = [clearing_s(last, first, rules) for last, first in product(tracks[m], tracks[n])]
        needed = max((time for time in times if time is not None), default=None)
        if needed is None:
            continue
        compared += 1
        needed -= _sampled_s(tracks[m], tracks[n])
        assert clearing[m, n] >= needed, (m, n)
        i, j = group_of[m], group_of[n]
        if i != j:
            assert junction.intergreen_s[i, j] >= junction.groups[i].yellow_s + needed, (m, n)
    return compared


def _check_crossings(
    network: RoadNetwork, junction: Junction, drawn: DrawnJunction, tracks: dict[int, list[Track]]
) -> int:
    """Compare the times between vehicles and the crossings of the legs that they enter and leave by."""
    crossings, leg_of = network.crossings, leg_of_link(network)
    group_of = {c: g for g, group in enumerate(junction.groups) for c in group.crossings}
    compared = 0
    for c, (into, out_of) in enumerate(
        zip(crossings.in_link.tolist(), crossings.out_link.tolist(), strict=True)
    ):
        leg = leg_of[max(into, out_of)]
        area = drawn.crossing(leg, over_in=into >= 0, over_out=out_of >= 0)
        walk = group_of[c]
        for group, members in enumerate(junction.groups):
            own = [t for m in members.movements for t in tracks[m] if leg in {t.from_leg, t.to_leg}]
            times = [leaves_crossing_s(track, area, drawn.settings) for track in own]
            needed = max((time for time in times if time is not None), default=None)
            if needed is None:
                continue
            compared += 1
            least = members.yellow_s + needed - _sampled_s(own)
            assert junction.intergreen_s[group, walk] >= least, (members.name, c)
            if junction.conflict[group, walk] == Conflict.FULL:
                assert junction.intergreen_s[walk, group] >= walk_s(drawn.legs[leg], drawn.settings)
    return compared


def _check_random_junction(legs: list[Leg], *, u_turns: bool, country: str) -> None:
    rules = SignalSettings.of(country)
    network = network_of(legs, u_turns=u_turns)
    (junction,) = build_junctions(network, settings=rules)
    drawn = DrawnJunction(legs, rules)
    tracks = _tracks(network, drawn)
    for group in junction.groups:
        if group.kind == GroupKind.VEHICLE:
            speeds = [legs[tracks[m][0].from_leg].speed_km_h for m in group.movements]
            assert group.yellow_s == yellow_s(speeds, rules)
    _check_vehicles(network, junction, tracks, rules)
    _check_crossings(network, junction, drawn, tracks)


@settings(max_examples=60)
@given(legs=leg_lists(), u_turns=st.booleans(), country=COUNTRIES)
def test_intergreens_of_random_junctions_are_long_enough(
    legs: list[Leg], u_turns: bool, country: str
) -> None:
    _check_random_junction(legs, u_turns=u_turns, country=country)


@pytest.mark.slow
@settings(max_examples=int(os.environ.get("JASYL_JUNCTIONS", "1000")))
@given(legs=leg_lists(), u_turns=st.booleans(), country=COUNTRIES)
def test_intergreens_of_many_random_junctions(legs: list[Leg], u_turns: bool, country: str) -> None:
    _check_random_junction(legs, u_turns=u_turns, country=country)


@pytest.mark.parametrize("country", ["KZ", "US"])
def test_the_reckoning_compares_everything_that_meets(country: str) -> None:
    legs, rules = crossroads(2, left_bays=1), SignalSettings.of(country)
    network = network_of(legs)
    (junction,) = build_junctions(network, settings=rules)
    drawn = DrawnJunction(legs, rules)
    tracks = _tracks(network, drawn)
    # A left turn meets the opposing through movement and, of either side, left and through; a through movement
    # also a right turn that merges; a right turn that through movement. Right turns keep to a lane of their own
    # beside the opposing left turn.
    assert _check_vehicles(network, junction, tracks, rules) == 4 * (5 + 6 + 1)
    # Each crossing: the groups of its leg (two), and those that leave over it: left, right, straight on.
    assert _check_crossings(network, junction, drawn, tracks) == 4 * 5


def test_times_of_two_straight_lanes_by_hand() -> None:
    # Stop lines 8.25 m from the middle; the ground of the entering lane lies from 8.6 to 11.15 m after the
    # stop line of who clears, that of the clearing one from 5.35 m after the stop line of who enters.
    legs = crossroads(1, crossing=False)
    for country, length_m, reached_m in (("KZ", 6.0, 6.625 - 1.275), ("US", 6.096, 0.0)):
        drawn = DrawnJunction(legs, SignalSettings.of(country))
        east, north = (drawn.track(leg, leg + 2, 0, 0, Turn.THROUGH) for leg in (0, 1))
        needed = clearing_s(east, north, drawn.settings)
        assert needed == pytest.approx((9.875 + 1.275 + length_m - reached_m) / (50 / 3.6))


def test_one_way_mid_block_crossing_lies_behind_the_stop_line() -> None:
    # Stop line 10 m before the node, people walk up to 5 m beyond it; half the distance at which vehicles
    # are in the way on top: 16.4 m and a vehicle of 6 m at 8.3 m/s, after 3 s of yellow.
    legs = [Leg(0.0, 2, 0, speed_km_h=30.0), Leg(180.0, 0, 2, speed_km_h=30.0)]
    (junction,) = build_junctions(network_of(legs, kind=JunctionKind.CROSSING))
    assert junction.intergreen_s.tolist() == [[0, 3 + 3], [6, 0]]


@pytest.mark.parametrize("lanes", [1, 2, 3, 4])
def test_a_u_turn_is_as_wide_as_a_car_needs(lanes: int) -> None:
    rules = SignalSettings()
    paths = movement_paths(network := network_of(crossroads(lanes), u_turns=True), rules)
    turns = np.flatnonzero(network.movements.turn[paths.movement] == Turn.U_TURN)
    points = paths.points_m[turns]
    steps = np.diff(points, axis=1)
    bend = np.diff(np.unwrap(np.arctan2(steps[..., 1], steps[..., 0])), axis=1)
    length = np.hypot(steps[..., 0], steps[..., 1])
    radius = (length[:, 1:] + length[:, :-1]) / 2.0 / np.abs(bend)
    # Into the kerb lane, at most 10 m across; a polyline of an arc of 5 m bends as that arc does, but where
    # an arc to the right meets one to the left.
    across = np.hypot(*(points[:, -1] - points[:, 0]).T)
    assert across.min() == pytest.approx(min(lanes, 4) * 3.25)
    assert (radius > 4.9).all()
    assert bend.sum(axis=1) == pytest.approx(np.full(len(turns), np.pi), abs=0.25)


def test_a_wide_median_lets_u_turns_into_the_inner_lane() -> None:
    network = network_of(crossroads(2), u_turns=True)
    y = network.shape_y_m.copy()
    for link, side in ((0, 12.0), (1, -12.0), (4, -12.0), (5, 12.0)):
        y[network.links.shape_start[link] : network.links.shape_start[link] + 2] += side
    paths = movement_paths(network := replace(network, shape_y_m=y), SignalSettings())
    turns = network.movements.turn[paths.movement] == Turn.U_TURN
    own = turns & np.isin(network.movements.in_link[paths.movement], (0, 4))
    # A median of 24 m - 2 * 3.25 m, from lane to lane two halves of one more.
    across = np.hypot(*(paths.points_m[own, -1] - paths.points_m[own, 0]).T)
    assert across.min() == pytest.approx(24.0 - 2 * 3.25 + 3.25)


def test_a_u_turn_drives_over_the_crossing_of_its_leg_twice() -> None:
    rules = SignalSettings()
    network = network_of(crossroads(2, left_bays=1, refuge=True), u_turns=True)
    (junction,) = build_junctions(network)
    drawn = DrawnJunction(crossroads(2, left_bays=1, refuge=True), rules)
    tracks = _tracks(network, drawn)
    (turn,) = (m for m, own in tracks.items() if own[0].from_leg == own[0].to_leg == 0)
    group = next(g for g in junction.groups if turn in g.movements)
    way = max(track.line.length for track in tracks[turn])
    rows = junction.group_index(group.name), junction.group_index("P-E")
    assert junction.intergreen_s[rows] >= group.yellow_s + (way + 6.0) / 7.0 - _sampled_s(tracks[turn])
