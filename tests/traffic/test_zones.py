from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traffic.demand_networks import cross, grid, link
from traffic.assemble import NodeSpec, assemble
from traffic.errors import InputError
from traffic.network import Places, RoadClass
from traffic.zones import Zones, make_zones, reachable
from traffic.zones_csv import read_zones_csv


def test_gateways_are_zones_of_their_own():
    network = cross()
    zones = make_zones(network)
    assert zones.name == ("gateway 101", "gateway 102", "gateway 103", "gateway 104")
    assert zones.gateway.all()
    for zone, node in enumerate((1, 2, 3, 4)):
        assert network.links.from_node[zones.entries(zone)].tolist() == [node]
        assert network.links.to_node[zones.exits(zone)].tolist() == [node]


def test_inner_zones_use_inner_links_once():
    network = grid(5, 4)
    zones = make_zones(network, target=26)
    inner = np.flatnonzero(~zones.gateway)
    assert zones.gateway.sum() == 18
    assert len(inner) == 8
    links = np.concatenate([zones.entries(zone) for zone in inner])
    assert len(np.unique(links)) == len(links)
    gateway = network.nodes.gateway
    assert not gateway[network.links.from_node[links]].any()
    assert not gateway[network.links.to_node[links]].any()
    assert min(len(zones.entries(zone)) for zone in inner) >= 2


def test_minor_roads_come_first_and_trunk_roads_never():
    network = grid(5, 4)
    classes = np.full(len(network.links), int(RoadClass.TERTIARY), dtype=np.uint8)
    classes[::2] = RoadClass.TRUNK
    classes[1::4] = RoadClass.PRIMARY
    network = replace(network, links=replace(network.links, road_class=classes))
    zones = make_zones(network, target=24)
    used = np.concatenate([zones.entries(z) for z in np.flatnonzero(~zones.gateway)])
    assert set(network.links.road_class[used].tolist()) == {int(RoadClass.TERTIARY)}


def test_places_weigh_zones():
    network = grid(6, 6)
    plain = make_zones(network, target=28)
    places = Places([0.0, 1500.0], [750.0, 750.0], [1.0, 3.0], ("west", "east"))
    weighed = make_zones(replace(network, places=places), target=28)
    inner = ~plain.gateway
    factor = weighed.weight[inner] / plain.weight[inner]
    west = plain.x_m[inner] < 600.0
    east = plain.x_m[inner] > 900.0
    assert west.any()
    assert east.any()
    assert factor[west].max() < factor[east].min()


def test_long_roads_without_junctions_begin_few_trips():
    network = grid(6, 6)
    links = replace(network.links, length_m=network.links.length_m * 10.0)
    near, far = (make_zones(net, target=28) for net in (network, replace(network, links=links)))
    assert network.links.length_m.max() > 250.0
    np.testing.assert_allclose(far.weight[~far.gateway], near.weight[~near.gateway], rtol=1e-12)


def test_one_way_through_the_area():
    # 0 -> 1 -> 2 only: the first zone is an origin, the last one a destination
    nodes = [NodeSpec(0.0, 0.0, gateway=True), NodeSpec(300.0, 0.0), NodeSpec(600.0, 0.0, gateway=True)]
    network = assemble("way", "EPSG:32643", nodes, [link(nodes, 0, 1), link(nodes, 1, 2)])
    zones = make_zones(network)
    assert [zones.entries(z).tolist() for z in (0, 1)] == [[0], []]
    assert [zones.exits(z).tolist() for z in (0, 1)] == [[], [1]]
    assert reachable(network, zones).tolist() == [[False, True], [False, False]]


def plain_reach(network, zones):
    """Search breadth first from every zone."""
    onward = {}
    for a, b in zip(network.movements.in_link.tolist(), network.movements.out_link.tolist(), strict=True):
        onward.setdefault(a, []).append(b)
    found = np.zeros((len(zones), len(zones)), dtype=bool)
    for origin in range(len(zones)):
        seen = set(zones.entries(origin).tolist())
        queue = list(seen)
        for at in queue:
            new = [x for x in onward.get(at, []) if x not in seen]
            seen.update(new)
            queue += new
        for destination in range(len(zones)):
            found[origin, destination] = bool(seen & set(zones.exits(destination).tolist()))
    return found


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_reachable_agrees_with_a_plain_search(seed):
    rng = np.random.default_rng(seed)
    nodes = [NodeSpec(*rng.uniform(0, 1000, 2), gateway=True) for _ in range(7)]
    pairs = [(a, b) for a in range(7) for b in range(7) if a != b and rng.random() < 0.25] or [(0, 1)]
    network = assemble("random", "EPSG:32643", nodes, [link(nodes, a, b) for a, b in pairs])
    ends = rng.integers(0, len(pairs), (4, 2)).tolist()
    zones = Zones.from_links("abcd", [[a] for a, _ in ends], [[b] for _, b in ends], network=network)
    assert (reachable(network, zones) == plain_reach(network, zones)).all()


def test_same_network_same_zones():
    first, second = make_zones(grid(6, 5), target=40), make_zones(grid(6, 5), target=40)
    for field in ("x_m", "y_m", "weight", "entry_begin", "entry_link", "exit_begin", "exit_link"):
        assert getattr(first, field).tobytes() == getattr(second, field).tobytes()


def test_too_few_zones_are_refused():
    nodes = [NodeSpec(0.0, 0.0, gateway=True), NodeSpec(300.0, 0.0, gateway=True)]
    network = assemble("way", "EPSG:32643", nodes, [link(nodes, 0, 1)])
    with pytest.raises(InputError, match="2 zones"):
        make_zones(network)
    with pytest.raises(InputError, match="2 or more"):
        make_zones(cross(), target=1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ("a", "a")}, "zones.name"),
        ({"weight": [1.0, -1.0]}, "zones.weight[1]"),
        ({"x_m": [0.0, np.nan]}, "zones.x_m[1]"),
        ({"entry_begin": [0, 1]}, "zones.entry_begin"),
        ({"entry_begin": [0, 0, 0], "entry_link": [], "exit_begin": [0, 1, 1], "exit_link": [0]}, "zones[1]"),
        ({"gateway": [True]}, "zones.gateway"),
    ],
)
def test_bad_zones_cannot_be_made(change, field):
    network = cross()
    zones = Zones.from_links("ab", [[0], [2]], [[1], [3]], network=network)
    with pytest.raises(InputError) as caught:
        replace(zones, **change)
    assert caught.value.field == field


def write(tmp_path, text):
    path = tmp_path / "zones.csv"
    path.write_text(text)
    return path


def test_zones_from_a_file(tmp_path):
    # links of the cross run 1-0, 0-1, 2-0, 0-2, ...
    rows = ("East,both,0,,", "East,exit,1,,", "North,entry,,102,100", "North,exit,,100,102")
    text = "\n".join(("zone,use,link,from_osm,to_osm", *rows))
    zones = read_zones_csv(write(tmp_path, text), cross())
    assert zones.name == ("East", "North")
    assert [zones.entries(z).tolist() for z in (0, 1)] == [[0], [2]]
    assert [zones.exits(z).tolist() for z in (0, 1)] == [[0, 1], [3]]


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("zone,link\nA,0\n", "header", "zone, link"),
        ("zone,use,link\nA,in,0\n", "row 2: use", "in"),
        ("zone,use,link\nA,both,99\n", "row 2: link", "99"),
        ("zone,use,link\nA,both,x\n", "row 2: link", "x"),
        ("zone,use,from_osm,to_osm\nA,both,102,101\n", "row 2: from_osm", "102"),
        ("zone,use,link\nA,entry,1\nB,exit,3\n", "row 2: zone", "A"),
        ("zone,use,link\n", "zone", None),
    ],
)
def test_bad_zone_files_are_refused(tmp_path, text, field, value):
    with pytest.raises(InputError) as caught:
        read_zones_csv(write(tmp_path, text), cross())
    assert (caught.value.field, caught.value.value) == (field, value)
    assert caught.value.file.endswith("zones.csv")
