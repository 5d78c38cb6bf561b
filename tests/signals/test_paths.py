"""Paths through junctions that consist of several nodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from signals.aspects import SignalSettings
from signals.conflicts import clearing_speed_m_s, movement_conflicts
from signals.paths import movement_paths
from tests.signals.junctions import Leg, network_of
from traffic.assemble import JunctionSpec, LinkSpec, NodeSpec, assemble
from traffic.network import RoadClass, RoadNetwork


def _wide_junction(reach_m: float) -> RoadNetwork:
    """A crossroads whose links end and start `reach_m` from its node."""
    arms = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    nodes = [NodeSpec(0.0, 0.0, junction=JunctionSpec("wide", "Wide"))]
    nodes += [NodeSpec(float(x), float(y), gateway=True) for x, y in 400.0 * arms]
    links = []
    for row, arm in enumerate(arms, start=1):
        inward = np.array([400.0 * arm, reach_m * arm])
        links.append(LinkSpec(row, 0, inward, 14.0, 2, RoadClass.SECONDARY))
        links.append(LinkSpec(0, row, inward[::-1], 14.0, 2, RoadClass.SECONDARY))
    return assemble("wide", "EPSG:32643", nodes, links)


@pytest.mark.parametrize("reach_m", [0.0, 20.0, 60.0])
def test_a_path_is_as_long_as_the_way_between_its_links(reach_m: float) -> None:
    network = _wide_junction(reach_m)
    paths = movement_paths(network, SignalSettings())
    x, y, start = network.shape_x_m, network.shape_y_m, network.links.shape_start
    for movement, along in zip(paths.movement.tolist(), paths.along_m, strict=True):
        last = int(start[network.movements.in_link[movement]]) + 1
        first = int(start[network.movements.out_link[movement]])
        assert along[-1] >= np.hypot(x[first] - x[last], y[first] - y[last])


def _sideways(reach_m: float, *, speed_m_s: float = 14.0) -> RoadNetwork:
    """A crossroads whose northern road comes from the west for its last `reach_m`, past the node."""
    nodes = [NodeSpec(0.0, 0.0, junction=JunctionSpec("askew", "Askew"))]
    nodes += [
        NodeSpec(x, y, gateway=True) for x, y in ((400.0, 0.0), (0.0, 400.0), (-400.0, 0.0), (0.0, -400.0))
    ]
    links = []
    for row in range(1, 5):
        x, y = nodes[row].x_m, nodes[row].y_m
        inward = np.array([[x, y], [-reach_m, 0.0] if row == 2 else [0.0, 0.0]])
        links.append(LinkSpec(row, 0, inward, speed_m_s, 1, RoadClass.SECONDARY))
        links.append(LinkSpec(0, row, np.array([[0.0, 0.0], [x, y]]), speed_m_s, 1, RoadClass.SECONDARY))
    return assemble("askew", "EPSG:32643", nodes, links)


def test_who_clears_goes_what_the_drawing_is_short_of_and_who_enters_does_not() -> None:
    """The road from the north ends 80 m west of the node; as drawn it ends before it."""
    settings = SignalSettings()
    plain, askew = _sideways(0.0), _sideways(80.0)
    short, long = movement_paths(plain, settings), movement_paths(askew, settings)
    north = askew.movements.in_link[long.movement] == 2
    assert (short.missing_m == 0.0).all()
    assert (long.missing_m[~north] == 0.0).all()
    assert np.allclose(long.missing_m[north], 80.0 - long.along_m[north, -1])
    assert (long.missing_m[north] > 0.0).any()
    conflicts = movement_conflicts(askew, settings)
    without = movement_conflicts(askew, settings, paths=replace(long, missing_m=0.0 * long.missing_m))
    assert (conflicts.one == without.one).all()
    assert (conflicts.other == without.other).all()
    missing_s = np.zeros(len(askew.movements))
    missing_s[long.movement] = long.missing_m / clearing_speed_m_s(askew, settings)[long.movement]
    assert np.allclose(conflicts.clearing_s - without.clearing_s, missing_s[conflicts.one], atol=1e-5)


def test_slow_roads_have_no_more_entering_time_deducted_than_40_km_h_leave() -> None:
    slow, fast = 5.0, 40.0 / 3.6
    settings, plain = SignalSettings(), SignalSettings(deducts_entering_time=False)
    network = _sideways(0.0, speed_m_s=slow)
    deducted = movement_conflicts(network, settings).clearing_s
    at_its_speed = movement_conflicts(network, replace(settings, entering_speed_m_s=slow)).clearing_s
    whole = movement_conflicts(network, plain).clearing_s
    assert (deducted <= whole + 1e-5).all()
    assert (deducted >= at_its_speed - 1e-5).all()
    longest = movement_paths(network, settings).along_m.max()
    assert (whole - deducted).max() <= longest / fast + 1e-5
    assert (whole - at_its_speed).max() > longest / fast


def test_the_links_under_one_crossing_are_one_leg() -> None:
    """People cross the road in from the east together with the road out to the north-east."""
    network = network_of([Leg(0.0), Leg(28.0), Leg(180.0)])
    crossings = network.crossings
    east, north_east = crossings.in_link[0], crossings.in_link[1]
    swapped = replace(crossings, in_link=np.array([north_east, east, crossings.in_link[2]], dtype=np.int32))
    for table, mate in ((crossings, 0), (swapped, 1)):
        paths = movement_paths(replace(network, crossings=table), SignalSettings())
        assert paths.in_leg[east] == paths.out_leg[table.out_link[mate]]


def _far_exit(reach_m: float) -> RoadNetwork:
    """A crossroads whose road out to the east begins `reach_m` from the node, while the road in ends at it."""
    nodes = [NodeSpec(0.0, 0.0, junction=JunctionSpec("long", "Long"))]
    nodes += [
        NodeSpec(x, y, gateway=True) for x, y in ((400.0, 0.0), (0.0, 400.0), (-400.0, 0.0), (0.0, -400.0))
    ]
    links = []
    for row in range(1, 5):
        end = np.array([nodes[row].x_m, nodes[row].y_m])
        first = np.array([reach_m if row == 1 else 0.0, 0.0])
        links.append(LinkSpec(row, 0, np.array([end, [0.0, 0.0]]), 14.0, 1, RoadClass.SECONDARY))
        links.append(LinkSpec(0, row, np.array([first, end]), 14.0, 1, RoadClass.SECONDARY))
    return assemble("long", "EPSG:32643", nodes, links)


def test_no_entering_time_is_deducted_for_the_far_end_of_the_other_direction() -> None:
    """Nobody who enters from the east gets later to the others because the way out is drawn far away."""
    settings = SignalSettings()
    near, far = movement_conflicts(_far_exit(0.0), settings), movement_conflicts(_far_exit(60.0), settings)
    paths = movement_paths(_far_exit(60.0), settings)
    from_east = np.isin(_far_exit(60.0).movements.in_link[paths.movement], 0)
    assert (paths.ahead_m[~from_east] == 0.0).all()
    assert (paths.ahead_m[from_east] > 40.0).all()
    entering = _far_exit(60.0).movements.in_link[far.other] == 0
    time_of = {
        (a, b): t for a, b, t in zip(near.one.tolist(), near.other.tolist(), near.clearing_s, strict=True)
    }
    for a, b, t in zip(
        far.one[entering].tolist(), far.other[entering].tolist(), far.clearing_s[entering], strict=True
    ):
        assert t >= time_of.get((a, b), t) - 0.5
