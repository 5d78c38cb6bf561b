"""Whole cities: ranges that an engineer expects, and nothing lost without a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.traffic.osm.maps import assert_sound
from traffic.network import JunctionKind
from traffic.osm.build import build_network
from traffic.osm.read import read_osm

if TYPE_CHECKING:
    from pathlib import Path

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
