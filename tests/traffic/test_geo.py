from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pyogrio
import pyproj
import pytest

from tests.traffic.hand_networks import CRS, ORIGIN, crossroads
from traffic.errors import InputError
from traffic.geo import write_geojson, write_geopackage
from traffic.network import Crossings

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> dict[str, list[dict[str, Any]]]:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    collection = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert collection["type"] == "FeatureCollection"
    layers: dict[str, list[dict[str, Any]]] = {}
    for feature in collection["features"]:
        assert feature["type"] == "Feature"
        layers.setdefault(feature["properties"]["layer"], []).append(feature)
    return layers


def test_geojson_layers_and_values(tmp_path: Path) -> None:
    write_geojson(crossroads(), tmp_path / "a.geojson")
    layers = read(tmp_path / "a.geojson")
    assert {name: len(rows) for name, rows in layers.items()} == {
        "links": 8,
        "nodes": 5,
        "junctions": 1,
        "crossings": 4,
    }
    link = layers["links"][1]["properties"]
    assert link["name"] == "Сейфуллин даңғылы"
    assert [row["properties"]["speed_km_h"] for row in layers["links"]] == [
        float(round(speed * 3.6)) for speed in crossroads().links.speed_m_s
    ]
    assert (link["lanes"], link["running_lanes"], link["road_class"]) == (3, 2, "primary")
    assert layers["junctions"][0]["properties"]["key"] == "centre"


def test_geojson_is_longitude_then_latitude(tmp_path: Path) -> None:
    write_geojson(crossroads(), tmp_path / "a.geojson")
    node = read(tmp_path / "a.geojson")["nodes"][0]
    longitude, latitude = node["geometry"]["coordinates"]
    assert 76.8 < longitude < 77.0
    assert 43.2 < latitude < 43.3
    back = pyproj.Proj(CRS)(longitude, latitude)
    assert back == pytest.approx(ORIGIN, abs=0.01)


def test_geojson_line_keeps_its_direction(tmp_path: Path) -> None:
    network = crossroads()
    write_geojson(network, tmp_path / "a.geojson")
    layers = read(tmp_path / "a.geojson")
    for i, link in enumerate(layers["links"]):
        ends = [network.links.from_node[i], network.links.to_node[i]]
        expected = [layers["nodes"][n]["geometry"]["coordinates"] for n in ends]
        assert link["geometry"] == {"type": "LineString", "coordinates": expected}


def test_link_columns(tmp_path: Path) -> None:
    x = np.array([0.5, np.nan, np.inf, 1.0, 0, 0, 0, 0])
    write_geojson(crossroads(), tmp_path / "a.geojson", link_columns={"saturation": x})
    found = [f["properties"]["saturation"] for f in read(tmp_path / "a.geojson")["links"]]
    assert found == [0.5, None, None, 1.0, 0, 0, 0, 0]


@pytest.mark.parametrize("name", ["lanes", "geometry", "layer"])
def test_link_column_cannot_hide_another(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="must not be the name of a link property"):
        write_geojson(crossroads(), tmp_path / "a.geojson", link_columns={name: np.zeros(8)})
    assert not list(tmp_path.iterdir())


def test_link_column_of_wrong_length(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"link_columns\.x: must have one value for each of the 8 links"):
        write_geopackage(crossroads(), tmp_path / "a.gpkg", link_columns={"x": np.zeros(7)})
    assert not list(tmp_path.iterdir())


def test_unknown_crs(tmp_path: Path) -> None:
    network = replace(crossroads(), crs="somewhere")
    with pytest.raises(InputError, match="crs: must be a coordinate system known to PROJ"):
        write_geojson(network, tmp_path / "a.geojson")
    with pytest.raises(InputError, match="crs: must be a coordinate system known to PROJ"):
        write_geopackage(network, tmp_path / "a.gpkg")
    assert not list(tmp_path.iterdir())


def test_geopackage(tmp_path: Path) -> None:
    network = crossroads()
    write_geopackage(network, tmp_path / "a.gpkg", link_columns={"saturation": np.linspace(0, 0.7, 8)})
    layers = {name for name, _ in pyogrio.list_layers(tmp_path / "a.gpkg")}
    assert layers == {"links", "nodes", "junctions", "crossings", "movements"}
    links = gpd.read_file(tmp_path / "a.gpkg", layer="links")
    assert links.crs == pyproj.CRS(CRS)
    assert links.geometry.length.to_numpy() == pytest.approx(network.links.length_m)
    assert links["saturation"].to_numpy() == pytest.approx(np.linspace(0, 0.7, 8))
    crossings = gpd.read_file(tmp_path / "a.gpkg", layer="crossings")
    assert crossings.geometry.length.to_numpy() == pytest.approx([16.0] * 4)
    movements = gpd.read_file(tmp_path / "a.gpkg", layer="movements")
    assert movements["turn"].tolist() == ["right", "through", "left"] * 4


def test_crossing_lies_across_its_leg(tmp_path: Path) -> None:
    write_geopackage(crossroads(), tmp_path / "a.gpkg")
    east = gpd.read_file(tmp_path / "a.gpkg", layer="crossings").geometry[0]
    (x0, y0), (x1, y1) = np.array(east.coords) - ORIGIN
    assert (x0, x1) == pytest.approx((12.0, 12.0))
    assert sorted([y0, y1]) == pytest.approx([-8.0, 8.0])


def test_crossing_without_a_leg_is_drawn_at_the_node(tmp_path: Path) -> None:
    network = replace(crossroads(), crossings=Crossings([0], [-1], [-1], [10.0], [False]))
    write_geopackage(network, tmp_path / "a.gpkg")
    line = gpd.read_file(tmp_path / "a.gpkg", layer="crossings").geometry[0]
    assert line.length == pytest.approx(10.0)
    assert line.centroid.distance(gpd.points_from_xy([ORIGIN[0]], [ORIGIN[1]])[0]) < 1.0


@pytest.mark.parametrize(("write", "name"), [(write_geojson, "a.geojson"), (write_geopackage, "a.gpkg")])
def test_same_network_same_bytes(tmp_path: Path, write: Any, name: str) -> None:
    write(crossroads(), tmp_path / name)
    first = (tmp_path / name).read_bytes()
    write(crossroads(), tmp_path / name)
    assert (tmp_path / name).read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_geopackage_suffix(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.gpkg"):
        write_geopackage(crossroads(), tmp_path / "a.shp")


def test_numbers_are_written_without_the_digits_of_binary_fractions(tmp_path: Path) -> None:
    network = crossroads()
    links = replace(
        network.links,
        length_m=network.links.length_m + 1 / 3,
        speed_m_s=np.full(len(network.links), 60 / 3.6),
    )
    share = np.full(len(links), 0.1, dtype=np.float32)
    network = replace(network, links=links)
    write_geojson(network, tmp_path / "a.geojson", link_columns={"x": share})
    write_geopackage(network, tmp_path / "a.gpkg", link_columns={"x": share})
    rows = [row["properties"] for row in read(tmp_path / "a.geojson")["links"]]
    frame = gpd.read_file(tmp_path / "a.gpkg", layer="links")
    for speed, length, x in [(row["speed_km_h"], row["length_m"], row["x"]) for row in rows] + list(
        zip(frame["speed_km_h"], frame["length_m"], frame["x"], strict=True)
    ):
        assert (speed, x) == (60.0, 0.1)
        assert length == round(length, 3)
