from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import osmium
import pytest

from tests.traffic.osm.maps import OsmMap, cross
from traffic.errors import InputError
from traffic.osm.extract import OsmGap
from traffic.osm.read import read_osm

if TYPE_CHECKING:
    from pathlib import Path


def _as_pbf(source: Path) -> Path:
    target = source.with_suffix(".osm.pbf")
    with osmium.SimpleWriter(str(target)) as writer:
        for item in osmium.FileProcessor(str(source)):
            writer.add(item)
    return target


def test_all_formats_give_the_same_extract(tmp_path: Path) -> None:
    plain = cross().write(tmp_path / "city.osm")
    packed = tmp_path / "city.osm.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    extracts = [read_osm(path) for path in (plain, packed, _as_pbf(plain))]
    for extract in extracts:
        assert extract.node_id.tolist() == [1, 2, 3, 4, 5]
        assert extract.way_id.tolist() == [10, 11]
        assert [extract.node_id[extract.nodes_of(way)].tolist() for way in (0, 1)] == [[2, 1, 3], [4, 1, 5]]
        assert extract.way_tags[0]["name"] == "Abay"
        assert extract.signals.node.tolist() == [0]
        np.testing.assert_allclose(extract.lon, extracts[0].lon, atol=1e-9)


def test_arrays_are_frozen(tmp_path: Path) -> None:
    extract = read_osm(cross().write(tmp_path / "city.osm"))
    with pytest.raises(ValueError, match="read-only"):
        extract.lon[0] = 0.0


def test_signals_and_what_carries_them(tmp_path: Path) -> None:
    osm = cross()
    osm.node(30, 100, 0, highway="crossing", crossing="traffic_signals")
    osm.ways[0] = (10, [2, 1, 30, 3], osm.ways[0][2])
    osm.signal(31, 50, 50)
    osm.node(32, 60, 50)
    osm.way(12, [31, 32], "footway")
    osm.signal(33, 70, 70)
    osm.node(34, 80, 50, highway="crossing", crossing="uncontrolled")
    extract = read_osm(osm.write(tmp_path / "city.osm"))
    ids = extract.node_id[extract.signals.node].tolist()
    assert dict(zip(ids, extract.signals.carrier, strict=True)) == {
        1: "",
        30: "",
        31: "footway",
        33: "nothing",
    }
    assert extract.node_id[extract.crossing_node].tolist() == [30]


def test_what_is_counted(tmp_path: Path) -> None:
    osm = cross()
    osm.node(30, 10, 10, highway="speed_camera")
    osm.node(31, 20, 10, highway="bus_stop")
    osm.node(32, 30, 10, place="suburb", name="Kok-Tobe", population="12 000")
    osm.way(12, [2, 4], "residential", access="private")
    osm.way(13, [2, 5], "residential", access="no", motor_vehicle="yes")
    osm.way(14, [3, 5], "service", area="yes")
    osm.way(15, [3, 4], "cycleway")
    extract = read_osm(osm.write(tmp_path / "city.osm"))
    assert extract.way_id.tolist() == [10, 11, 13]
    assert dict(extract.counts) == {
        "speed cameras": 1,
        "bus stops": 1,
        "ways closed to general traffic": 1,
        "ways an area": 1,
        "ways not a road for cars": 1,
    }
    assert (extract.places.kind, extract.places.population.tolist()) == (("suburb",), [12000])


def test_restrictions(tmp_path: Path) -> None:
    osm = cross()
    osm.restriction(1, "no_left_turn", 10, 1, 11)
    osm.relations.append(
        (2, [("way", "from", 10), ("way", "via", 11), ("way", "to", 10)], osm.relations[0][2])
    )
    osm.relations.append((3, osm.relations[0][1], {"type": "restriction", "restriction:hgv": "no_left_turn"}))
    osm.relations.append((4, [("way", "from", 10), ("node", "via", 1)], osm.relations[0][2]))
    osm.relations.append((5, osm.relations[0][1], {**osm.relations[0][2], "except": "bus;motorcar"}))
    extract = read_osm(osm.write(tmp_path / "city.osm"))
    (only,) = extract.restrictions
    assert (only.kind, only.from_way, only.via_node, only.to_way) == ("no_left_turn", 10, 1, 11)
    assert extract.counts["restrictions over a way (not supported)"] == 1
    assert extract.counts["restrictions without from, via or to"] == 1
    assert extract.counts["restrictions not for cars or not understood"] == 1


def test_ways_are_cut_where_the_file_lacks_nodes(tmp_path: Path) -> None:
    osm = cross()
    osm.ways[0] = (10, [2, 1, 99, 3, 98, 97], osm.ways[0][2])
    extract = read_osm(osm.write(tmp_path / "city.osm"))
    assert extract.counts["nodes of roads missing in the file"] == 3
    assert extract.gaps == (OsmGap(10, "Abay", (99, 98, 97), 0),)
    assert [extract.node_id[extract.nodes_of(way)].tolist() for way in (0, 1)] == [[2, 1], [4, 1, 5]]


@pytest.mark.parametrize("name", ["city.osm", "city.osm.gz", "city.osm.pbf"])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str) -> None:
    osm = cross()
    for extra in range(2000):
        osm.node(100 + extra, extra % 91, extra % 83)
    whole = osm.write(tmp_path / "whole.osm")
    if name.endswith(".pbf"):
        data = _as_pbf(whole).read_bytes()
    else:
        data = gzip.compress(whole.read_bytes()) if name.endswith(".gz") else whole.read_bytes()
    cut = tmp_path / name
    cut.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError, match="must be a complete OpenStreetMap file") as caught:
        read_osm(cut)
    assert caught.value.file == str(cut)
    assert caught.value.hint is not None


@pytest.mark.parametrize("content", [b"", b"hello", b"<html></html>"])
@pytest.mark.parametrize("name", ["city.osm", "city.osm.pbf"])
def test_another_format_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match="must be a complete OpenStreetMap file"):
        read_osm(path)


def test_name_and_existence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a file that exists"):
        read_osm(tmp_path / "none.osm")
    (tmp_path / "city.txt").write_text("hello")
    with pytest.raises(InputError, match=r"must end in \.osm"):
        read_osm(tmp_path / "city.txt")


@pytest.mark.parametrize(
    ("lat", "rule"),
    [
        ("95", "must have a latitude from -90 to 90"),
        ("north", "must have numbers for latitude"),
        ("nan", "must have numbers for latitude"),
    ],
)
def test_bad_coordinates_are_refused(tmp_path: Path, lat: str, rule: str) -> None:
    path = cross().write(tmp_path / "city.osm")
    text = path.read_text()
    start = text.index('lat="') + 5
    path.write_text(text[:start] + lat + text[text.index('"', start) :])
    with pytest.raises(InputError, match=rule) as caught:
        read_osm(path)
    assert caught.value.field is not None
    assert caught.value.field.startswith("node")


def test_a_file_without_roads_is_refused(tmp_path: Path) -> None:
    osm = OsmMap()
    osm.signal(1, 0, 0)
    osm.node(2, 50, 0)
    osm.way(10, [1, 2], "footway")
    with pytest.raises(InputError, match="must hold a road that cars may use") as caught:
        read_osm(osm.write(tmp_path / "city.osm"))
    assert caught.value.field == "way.highway"


def test_a_file_without_the_nodes_of_its_roads_is_refused(tmp_path: Path) -> None:
    osm = OsmMap()
    osm.way(10, [1, 2])
    with pytest.raises(InputError, match="must hold the nodes of its roads") as caught:
        read_osm(osm.write(tmp_path / "city.osm"))
    assert (caught.value.field, caught.value.value) == ("way 10", "node 1 is not in the file, and 1 others")


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[float] = []
    read_osm(cross().write(tmp_path / "city.osm"), progress=lambda done, _total, _note="": told.append(done))
    assert told == sorted(told)
    assert told[-1] == 3
