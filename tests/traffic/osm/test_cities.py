"""Whole cities: ranges that an engineer expects, and nothing lost without a reason."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.spatial import cKDTree

from tests.traffic.osm.maps import assert_sound
from traffic.defaults import HIGHWAY_CLASS
from traffic.network import JunctionKind
from traffic.osm.build import build_network
from traffic.osm.read import read_osm
from traffic.osm.roads import project

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from traffic.network import RoadNetwork
    from traffic.osm.extract import OsmExtract
    from traffic.quality import QualityReport

pytestmark = pytest.mark.slow

_City = tuple["OsmExtract", "RoadNetwork", "QualityReport"]


def _import(path: Path, country: str) -> _City:
    extract = read_osm(path)
    return extract, *build_network(extract, name=path.name, country=country)


@pytest.fixture(scope="module")
def almaty(shared_data: Path) -> _City:
    return _import(shared_data / "osm" / "almaty_2024-10.osm.gz", "KZ")


@pytest.fixture(scope="module")
def almaty_2012(shared_data: Path) -> _City:
    return _import(shared_data / "osm" / "almaty_2012.osm.pbf", "KZ")


@pytest.fixture(scope="module")
def porto_alegre(shared_data: Path) -> _City:
    return _import(shared_data / "osm" / "porto_alegre_2020.osm.pbf", "BR")


def test_almaty(almaty: _City) -> None:
    _, network, report = almaty
    assert 330 <= report.junctions <= 365
    assert report.signal_nodes == 479
    assert len(report.unmatched) <= 5
    assert report.counts["speed cameras"] == 64
    assert report.counts["bus stops"] == 811
    assert report.crossings >= 8
    assert network.crs == "EPSG:32643"
    assert_sound(network, report)


def test_almaty_2012_has_its_turn_restrictions(almaty_2012: _City) -> None:
    extract, network, report = almaty_2012
    assert len(extract.restrictions) == 88
    fates = dict(report.restrictions)
    fates.pop("links without a way on, their bans dropped", None)
    assert sum(fates.values()) == 88
    assert fates["used"] >= 80
    assert len(report.unmatched) <= 8
    assert_sound(network, report)


def test_porto_alegre(porto_alegre: _City) -> None:
    extract, network, report = porto_alegre
    vehicle = sum("traffic_signals" in tags.get("highway", "") for tags in extract.signals.tags)
    assert vehicle == 1664  # two of them have a list of values
    assert report.signal_nodes == 1877  # with signalised pedestrian crossings
    assert 780 <= report.junctions <= 880
    at_edge = [
        reason for reason in report.unmatched.values() if reason.startswith("at an end of the network")
    ]
    assert len(report.unmatched) - len(at_edge) <= 4
    assert len(at_edge) <= 15
    assert report.defaults["lanes"] < report.links
    assert_sound(network, report)


@pytest.mark.parametrize("city", ["almaty", "porto_alegre", "almaty_2012"])
def test_roads_are_kept_or_dropped_with_a_reason(city: str, request: pytest.FixtureRequest) -> None:
    """Length of the streets of the extract = kept + dropped, within 2 %."""
    extract, _, report = request.getfixturevalue(city)
    east = np.radians(extract.lon) * np.cos(np.radians(np.median(extract.lat))) * 6_371_000.0
    north = np.radians(extract.lat) * 6_371_000.0
    total = {"one": 0.0, "two": 0.0}
    for way, tags in enumerate(extract.way_tags):
        if tags["highway"] == "service":
            continue
        nodes = extract.nodes_of(way)
        length = np.hypot(np.diff(east[nodes]), np.diff(north[nodes])).sum() / 1000.0
        one = tags.get("oneway") in {"yes", "-1", "1", "true"} or tags.get("junction") == "roundabout"
        total["one" if one or tags["highway"] == "motorway" else "two"] += length
    directed = total["one"] + 2 * total["two"]
    dropped = sum(row.km for row in report.dropped)
    assert directed - 2 * dropped <= report.link_km * 1.02
    assert report.link_km <= directed * 1.02


@pytest.mark.parametrize("city", ["almaty", "porto_alegre"])
def test_junctions_look_like_junctions(city: str, request: pytest.FixtureRequest) -> None:
    _, network, report = request.getfixturevalue(city)
    junctions = network.junctions
    approaches = np.bincount(network.links.to_node, minlength=len(network.nodes))[junctions.node]
    intersection = junctions.kind == JunctionKind.INTERSECTION
    assert (approaches >= 1).all()
    assert (approaches[~intersection] <= 3).all()
    assert np.mean((approaches[intersection] >= 2) & (approaches[intersection] <= 5)) > 0.9
    suspicious = report.by_suspicion()
    assert len(suspicious.get("one approach", [])) <= 0.05 * len(junctions)
    assert len(suspicious.get("more than 6 approaches", [])) <= 3
    assert "wide junction" not in suspicious
    assert len(suspicious.get("very short link", [])) <= 0.001 * len(network.links)


def test_what_a_smaller_choice_of_classes_leaves(almaty: _City) -> None:
    extract, network, report = almaty
    major, small = build_network(extract, name="major", classes="major")
    assert len(major.links) < len(network.links) / 3
    assert small.junctions > 0.9 * report.junctions
    assert_sound(major, small)


def _ways_on(extract: OsmExtract) -> dict[int, set[int]]:
    """Return the nodes that can be driven to from each node, from the bare ways."""
    onward: dict[int, set[int]] = defaultdict(set)
    for way, tags in enumerate(extract.way_tags):
        if tags["highway"] not in HIGHWAY_CLASS:
            continue
        nodes = extract.nodes_of(way).tolist()
        one_way = tags.get("oneway") in {"yes", "1", "true", "-1"} or tags["highway"] == "motorway"
        one_way |= tags.get("junction") in {"roundabout", "circular"}
        if tags.get("oneway") == "-1":
            nodes.reverse()
        for here, there in pairwise(nodes):
            onward[here].add(there)
            if not one_way:
                onward[there].add(here)
    return onward


@pytest.mark.parametrize(
    ("name", "country"), [("almaty_2024-10.osm.gz", "KZ"), ("porto_alegre_2020.osm.pbf", "BR")]
)
def test_movements_are_those_that_the_bare_ways_allow(name: str, country: str, shared_data: Path) -> None:
    """A search over the bare ways within each intersection finds the same turns, sharp ones apart."""
    extract = read_osm(shared_data / "osm" / name)
    network, _ = build_network(extract, name=name, country=country, classes="major")
    onward = _ways_on(extract)
    points = np.column_stack(project(extract)[1:])
    used = np.array(sorted(onward.keys() | set().union(*onward.values())))
    tree = cKDTree(points[used])
    shapes = [network.shape(link) for link in range(len(network.links))]
    made = set(zip(network.movements.in_link.tolist(), network.movements.out_link.tolist(), strict=True))
    missing, compared = 0, 0
    for junction in np.flatnonzero(network.junctions.kind == JunctionKind.INTERSECTION):
        node = network.junctions.node[junction]
        ins = np.flatnonzero(network.links.to_node == node).tolist()
        outs = np.flatnonzero(network.links.from_node == node).tolist()
        stops = np.array([shapes[i][-1] for i in ins] + [shapes[o][0] for o in outs])
        off, nearest = tree.query(stops)
        if off.max() > 0.5:  # cut between two nodes
            continue
        middle = (network.nodes.x_m[node], network.nodes.y_m[node])
        radius = np.hypot(*(stops - middle).T).max() + 8.0
        within = set(used[tree.query_ball_point(middle, radius)].tolist())
        at = used[nearest].tolist()
        for link, last in zip(ins, at[: len(ins)], strict=True):
            before = int(used[tree.query(shapes[link][-2])[1]])
            seen, stack = {last}, [(last, before)]
            while stack:
                here, back = stack.pop()
                found = (onward[here] & within) - seen - {back}
                seen |= found
                stack += [(there, here) for there in found]
            for out, first in zip(outs, at[len(ins) :], strict=True):
                compared += 1
                assert first in seen or (link, out) not in made
                missing += (
                    first in seen and (link, out) not in made and _turn_deg(shapes[link], shapes[out]) < 115
                )
    assert compared > 3000
    assert missing == 0


def _turn_deg(arriving: NDArray[np.float64], leaving: NDArray[np.float64]) -> float:
    ahead, on = arriving[-1] - arriving[-2], leaving[1] - leaving[0]
    return float(np.degrees(np.arccos(np.clip(ahead @ on / np.hypot(*ahead) / np.hypot(*on), -1, 1))))
