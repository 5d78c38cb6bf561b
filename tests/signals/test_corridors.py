from __future__ import annotations

from itertools import pairwise
from math import cos, radians, sin

import numpy as np
import pytest

from scenarios.grid import build_grid
from signals.corridors import Corridor, find_corridors
from traffic.assemble import assemble
from traffic.errors import InputError
from traffic.network import RoadClass, RoadNetwork
from traffic.specs import JunctionSpec, LinkSpec, NodeSpec

SPEED = 12.5
Road = tuple[int, int, str, bool]


def network_of(points: list[tuple[float, float]], roads: list[Road], signals: set[int]) -> RoadNetwork:
    """A network with a node at each point; a road is (from, to, name, two-way)."""
    meets = [sum(node in road[:2] for road in roads) for node in range(len(points))]
    nodes = [
        NodeSpec(
            x, y, gateway=meets[k] == 1, junction=JunctionSpec(f"j{k}", f"J{k}") if k in signals else None
        )
        for k, (x, y) in enumerate(points)
    ]
    links = []
    for start, end, name, both in roads:
        for a, b in ((start, end), (end, start))[: 2 if both else 1]:
            shape = np.array([points[a], points[b]])
            links.append(LinkSpec(a, b, shape, SPEED, 2, RoadClass.PRIMARY, name=name))
    return assemble("test", "EPSG:32643", nodes, links)


def street(*, both: bool = True, bend_deg: float = 0.0, name_after: str = "Main") -> RoadNetwork:
    """A street of 3 signals 400 m apart that bends at the middle one, with a side street at each signal."""
    turn = radians(bend_deg)
    after = [(800 + d * cos(turn), d * sin(turn)) for d in (400.0, 800.0)]
    points = [(0.0, 0.0), (400.0, 0.0), (800.0, 0.0), *after]
    points += [(x, y - 300) for x, y in points[1:4]]
    points += [(x, y + 300) for x, y in points[1:4]]
    main: list[Road] = [(k, k + 1, "Main" if k < 2 else name_after, both) for k in range(4)]
    sides: list[Road] = []
    for k in range(3):
        sides += [(5 + k, 1 + k, f"Side {k}", True), (1 + k, 8 + k, f"Side {k}", True)]
    return network_of(points, [*main, *sides], {1, 2, 3})


def only(network: RoadNetwork) -> Corridor:
    corridors = find_corridors(network)
    assert len(corridors) == 1
    return corridors[0]


def test_two_way_street_is_one_corridor_with_two_directions() -> None:
    network = street()
    corridor = only(network)
    assert corridor.name == "Main"
    (backward,) = corridor.backward
    assert corridor.position_m == (0.0, 400.0, 800.0)
    assert corridor.forward.stops == (0, 1, 2)
    assert backward.stops == (2, 1, 0)
    for path in (corridor.forward, backward):
        assert path.distance_m == (0.0, 400.0, 800.0)
        assert path.travel_s == (0.0, 32.0, 64.0)


def test_paths_are_connected_and_their_movements_lead_along_them() -> None:
    network = street()
    corridor = only(network)
    nodes = network.junctions.node
    for path in (corridor.forward, *corridor.backward):
        for stretch, (a, b) in zip(path.links, pairwise(path.stops), strict=True):
            assert network.links.from_node[stretch[0]] == nodes[corridor.junctions[a]]
            assert network.links.to_node[stretch[-1]] == nodes[corridor.junctions[b]]
        for k, movement in enumerate(path.movements):
            into, out = network.movements.in_link[movement], network.movements.out_link[movement]
            assert k == 0 or into == path.links[k - 1][-1]
            assert k == len(path.movements) - 1 or out == path.links[k][0]
            assert abs(network.movements.angle_rad[movement]) < 1e-6


def test_one_way_street_has_one_direction() -> None:
    corridor = only(street(both=False))
    assert corridor.backward == ()
    assert corridor.forward.stops == (0, 1, 2)


@pytest.mark.parametrize(
    ("bend_deg", "name_after", "found"),
    [(60.0, "Main", 1), (60.0, "Other", 0), (20.0, "Other", 1), (-60.0, "Main", 1)],
)
def test_a_street_goes_on_by_name_else_straight(bend_deg: float, name_after: str, found: int) -> None:
    assert len(find_corridors(street(bend_deg=bend_deg, name_after=name_after))) == found


def test_a_long_gap_ends_a_corridor() -> None:
    network = street()
    assert find_corridors(network, longest_gap_m=399.0) == ()
    assert len(find_corridors(network, longest_gap_m=400.0)) == 1


def test_least_number_of_junctions() -> None:
    network = street()
    assert find_corridors(network, least_junctions=4) == ()
    with pytest.raises(InputError, match="must be 2 or more"):
        find_corridors(network, least_junctions=1)


def test_nodes_without_a_signal_are_passed() -> None:
    points = [(200.0 * k, 0.0) for k in range(9)]
    sides: list[Road] = []
    for k in (2, 4, 6):
        points += [(200.0 * k, -300.0), (200.0 * k, 300.0)]
        sides += [(len(points) - 2, k, f"Side {k}", True), (k, len(points) - 1, f"Side {k}", True)]
    main: list[Road] = [(k, k + 1, "Main", True) for k in range(8)]
    corridor = only(network_of(points, main + sides, {2, 4, 6}))
    assert [len(links) for links in corridor.forward.links] == [2, 2]
    assert corridor.position_m == (0.0, 400.0, 800.0)


def test_ring_is_cut_once() -> None:
    count = 8
    points = [(500 * cos(2 * np.pi * k / count), 500 * sin(2 * np.pi * k / count)) for k in range(count)]
    roads: list[Road] = [(k, (k + 1) % count, "Ring", True) for k in range(count)]
    for k in range(count):
        points.append((points[k][0] * 1.6, points[k][1] * 1.6))
        roads.append((k, count + k, f"Spoke {k}", True))
    corridors = find_corridors(network_of(points, roads, set(range(count))))
    assert len(corridors) == 1
    assert corridors[0].junctions == tuple(range(count))
    assert [path.stops for path in corridors[0].backward] == [(7, 6, 5, 4, 3, 2), (1, 0)]


def test_way_back_in_two_pieces() -> None:
    """Five signals 300 m apart; the way back leaves the street between the second and the fourth."""
    points = [(300.0 * k, 0.0) for k in range(7)] + [(900.0, 400.0)]
    roads: list[Road] = [(k, k + 1, "Main", k not in {2, 3}) for k in range(6)]
    roads += [(4, 7, "Bow", False), (7, 2, "Bow", False), (7, 3, "Cut", False)]
    corridors = find_corridors(network_of(points, roads, {1, 2, 3, 4, 5}))
    assert corridors[0].forward.stops == (0, 1, 2, 3, 4)
    assert [path.stops for path in corridors[0].backward] == [(4, 3), (1, 0)]
    assert corridors[0].position_m == (0.0, 300.0, 600.0, 900.0, 1200.0)


def test_grid_has_its_streets_and_avenues() -> None:
    corridors = find_corridors(build_grid(5, 4))
    assert [len(corridor.junctions) for corridor in corridors] == [5] * 4 + [4] * 5
    assert {corridor.name for corridor in corridors} == {
        *(f"Street {k + 1}" for k in range(4)),
        *(f"Avenue {k + 1}" for k in range(5)),
    }
    assert all(len(corridor.backward) == 1 for corridor in corridors)


def test_no_link_is_in_two_corridors() -> None:
    corridors = find_corridors(build_grid(6, 5))
    links: list[int] = []
    for corridor in corridors:
        for path in (corridor.forward, *corridor.backward):
            links += [link for stretch in path.links for link in stretch]
    assert len(links) == len(set(links))


def test_network_without_signals_has_none() -> None:
    assert find_corridors(network_of([(0.0, 0.0), (400.0, 0.0)], [(0, 1, "Main", True)], set())) == ()
