from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx as nx
import osmnx
import pytest

from traffic.errors import InputError
from traffic.osm.build import build_network
from traffic.osm.download import download_place, extract_from_graph

if TYPE_CHECKING:
    from pathlib import Path


def _graph() -> Any:
    """A cross with a footway, as osmnx gives it when every way is kept in the order of its nodes."""
    graph = nx.MultiDiGraph(crs="epsg:4326")
    points = {1: (76.9, 43.25), 2: (76.896, 43.25), 3: (76.904, 43.25), 4: (76.9, 43.247), 5: (76.9, 43.253)}
    for osm_id, (x, y) in points.items():
        graph.add_node(osm_id, x=x, y=y, street_count=4)
    graph.nodes[1]["highway"] = "traffic_signals"
    graph.add_node(6, x=76.91, y=43.25, highway="crossing", crossing="traffic_signals")
    abay = {
        "osmid": 10,
        "highway": "primary",
        "name": "Abay",
        "lanes": "4",
        "reversed": False,
        "length": 320.0,
    }
    graph.add_edge(2, 1, **abay)
    graph.add_edge(1, 3, **abay)
    dostyk = {"osmid": 11, "highway": "secondary", "oneway": "-1", "reversed": False}
    graph.add_edge(4, 1, **dostyk)
    graph.add_edge(1, 5, **dostyk)
    graph.add_edge(3, 6, osmid=12, highway="service", access="no", reversed=False)
    return graph


def test_a_graph_becomes_an_extract() -> None:
    extract = extract_from_graph(_graph(), source="Almaty")
    assert extract.node_id.tolist() == [1, 2, 3, 4, 5, 6]
    assert extract.way_id.tolist() == [10, 11]
    assert [extract.node_id[extract.nodes_of(way)].tolist() for way in (0, 1)] == [[2, 1, 3], [4, 1, 5]]
    assert dict(extract.way_tags[0]) == {"highway": "primary", "name": "Abay", "lanes": "4"}
    assert extract.way_tags[1]["oneway"] == "yes"  # osmnx has turned the nodes round
    assert extract.node_id[extract.signals.node].tolist() == [1, 6]
    assert extract.signals.carrier == ("", "nothing")
    assert extract.counts["ways closed to general traffic"] == 1
    network, report = build_network(extract, name="Almaty")
    assert network.junctions.key == ("osm:1",)
    assert (len(network.links), report.signal_nodes, list(report.unmatched)) == (6, 2, [6])


def test_cut_ways_and_rings_are_joined_into_chains() -> None:
    graph = _graph()
    for number in range(20, 26):
        graph.add_node(number, x=76.92 + number / 1000, y=43.25)
    for u, v in ((20, 21), (23, 24), (21, 22)):
        graph.add_edge(u, v, osmid=13, highway="primary", reversed=False)
    for u, v in ((20, 23), (23, 25), (25, 20)):
        graph.add_edge(u, v, osmid=14, highway="primary", junction="roundabout", reversed=False)
    extract = extract_from_graph(graph, source="Almaty")
    chains = [
        (int(extract.way_id[way]), extract.node_id[extract.nodes_of(way)].tolist())
        for way in range(2, len(extract.way_id))
    ]
    assert chains == [(13, [20, 21, 22]), (13, [23, 24]), (14, [20, 23, 25, 20])]


def test_a_graph_without_roads_is_refused() -> None:
    graph = nx.MultiDiGraph()
    graph.add_node(1, x=76.9, y=43.25)
    graph.add_node(2, x=76.91, y=43.25)
    graph.add_edge(1, 2, osmid=1, highway="footway")
    with pytest.raises(InputError, match="must hold a road that cars may use"):
        extract_from_graph(graph, source="Almaty")


def test_download_sets_osmnx_up_and_puts_it_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, Any] = {}

    def fake(place: str, **options: Any) -> Any:
        asked.update(options, place=place)
        for name in ("use_cache", "cache_folder", "all_oneway", "useful_tags_way", "useful_tags_node"):
            asked[name] = getattr(osmnx.settings, name)
        return _graph()

    before = (osmnx.settings.all_oneway, osmnx.settings.cache_folder, osmnx.settings.useful_tags_way)
    monkeypatch.setattr(osmnx, "graph_from_place", fake)
    extract = download_place("Almaty, Kazakhstan", cache=tmp_path)
    assert extract.source == "Almaty, Kazakhstan"
    assert asked["place"] == "Almaty, Kazakhstan"
    assert (asked["use_cache"], asked["cache_folder"], asked["all_oneway"]) == (True, tmp_path, True)
    assert (asked["simplify"], asked["retain_all"]) == (False, True)
    assert {"turn:lanes", "maxspeed", "layer", "oneway"} <= set(asked["useful_tags_way"])
    assert {"highway", "crossing"} <= set(asked["useful_tags_node"])
    after = (osmnx.settings.all_oneway, osmnx.settings.cache_folder, osmnx.settings.useful_tags_way)
    assert after == before


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (TypeError("Nominatim did not geocode query"), "must be a place with an area and roads"),
        (ValueError("Found no graph nodes"), "must be a place with an area and roads"),
        (ConnectionError("no route to host"), "no map server answers"),
    ],
)
def test_download_errors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, rule: str
) -> None:
    def fake(_place: str, **_options: Any) -> Any:
        raise error

    monkeypatch.setattr(osmnx, "graph_from_place", fake)
    with pytest.raises(InputError, match=rule) as caught:
        download_place("Atlantis", cache=tmp_path)
    assert caught.value.field == "place"
    assert osmnx.settings.all_oneway is False


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(InputError, match="must be the name of a place"):
        download_place(" ")
