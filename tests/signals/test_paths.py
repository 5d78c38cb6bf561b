"""Paths through junctions that consist of several nodes."""

from __future__ import annotations

import numpy as np
import pytest

from signals.aspects import SignalSettings
from signals.paths import movement_paths
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
