"""Road networks as GeoJSON and GeoPackage, for maps and geographic information systems.

Both hold the layers ``nodes``, ``links``, ``junctions`` and ``crossings``, the GeoPackage ``movements`` too.
GeoJSON is one collection in longitude and latitude (RFC 7946), with the layer as a property; the GeoPackage
keeps the network's own projection. Crossings and movements are drawn schematically: the network knows their
legs, not their kerbs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import shapely

from traffic.errors import InputError
from traffic.files import replacing
from traffic.network import JunctionKind, RoadClass, Turn

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

    Columns = dict[str, NDArray[Any]]

__all__ = ["write_geojson", "write_geopackage"]

_WGS84 = "EPSG:4326"
_DECIMALS = 7  # of a degree: about 1 cm
_MILLI, _MICRO = 3, 6  # decimals of metres and km/h, and of all other numbers
_CROSSING_M = 12.0  # from the node to where a crossing is drawn
_MOVEMENT_M = 15.0  # from the node to the ends of a drawn movement
_GEOJSON_LAYERS = ("links", "nodes", "junctions", "crossings")
_FIXED_DATE = "1970-01-01T00:00:00.000Z"  # a GeoPackage is stamped; same network, same bytes


def write_geojson(
    network: RoadNetwork,
    path: str | os.PathLike[str],
    *,
    link_columns: Mapping[str, NDArray[Any]] | None = None,
) -> None:
    """Write `network` as one GeoJSON feature collection in longitude and latitude (WGS 84).

    Parameters
    ----------
    network
        The network; its `crs` must be known to PROJ.
    path
        The file to write.
    link_columns
        Further properties of the links by name, e.g. the degree of saturation; one value per link, NaN for
        none.
    """
    layers = _layers(network, _GEOJSON_LAYERS, link_columns)
    to_degrees = pyproj.Transformer.from_crs(_crs(network), _WGS84, always_xy=True)
    with replacing(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write('{"type": "FeatureCollection", "features": [\n')
        separator = ""
        for layer, (columns, geometry) in layers.items():
            for feature in _features(layer, columns, geometry, to_degrees):
                stream.write(separator + json.dumps(feature, ensure_ascii=False, allow_nan=False))
                separator = ",\n"
        stream.write("\n]}\n")


def write_geopackage(
    network: RoadNetwork,
    path: str | os.PathLike[str],
    *,
    link_columns: Mapping[str, NDArray[Any]] | None = None,
) -> None:
    """Write `network` as a GeoPackage with one layer for each table, in the network's projection.

    Parameters
    ----------
    network
        The network; its `crs` must be known to PROJ.
    path
        The file to write, with the suffix ``.gpkg``.
    link_columns
        Further columns of the links by name; one value per link.
    """
    import geopandas as gpd  # noqa: PLC0415 - takes most of a second that GeoJSON need not spend
    import pyogrio  # noqa: PLC0415

    if not str(path).endswith(".gpkg"):
        raise InputError("must end in .gpkg", file=path, field="path", hint="Give the file that ending")
    layers = _layers(network, (*_GEOJSON_LAYERS, "movements"), link_columns)
    crs = _crs(network)
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _FIXED_DATE})
    try:
        with replacing(path) as draft:
            draft.unlink(missing_ok=True)
            for layer, (columns, geometry) in layers.items():
                frame = gpd.GeoDataFrame(columns, geometry=geometry, crs=crs)
                frame.to_file(draft, layer=layer, driver="GPKG", engine="pyogrio", geometry_type=_kind(layer))
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _kind(layer: str) -> str:
    return "Point" if layer in {"nodes", "junctions"} else "LineString"


def _crs(network: RoadNetwork) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(network.crs)
    except pyproj.exceptions.CRSError as error:
        hint = 'Use a projected coordinate system, e.g. "EPSG:32643"'
        rule = "must be a coordinate system known to PROJ"
        raise InputError(rule, field="crs", value=network.crs, hint=hint) from error


def _layers(
    network: RoadNetwork, names: tuple[str, ...], link_columns: Mapping[str, NDArray[Any]] | None
) -> dict[str, tuple[Columns, NDArray[Any]]]:
    build = {
        "links": lambda: _links(network, link_columns or {}),
        "nodes": lambda: _nodes(network),
        "junctions": lambda: _junctions(network),
        "crossings": lambda: _crossings(network),
        "movements": lambda: _movements(network),
    }
    layers = {name: build[name]() for name in names}
    return {name: (_rounded(columns), geometry) for name, (columns, geometry) in layers.items()}


def _rounded(columns: Columns) -> Columns:
    """Return the columns without the digits that binary fractions bring: 60 km/h, not 60.00000000000001."""
    return {
        name: np.round(column.astype(np.float64), _MILLI if name.endswith(("_m", "_km_h")) else _MICRO)
        if column.dtype.kind == "f"
        else column
        for name, column in columns.items()
    }


def _links(network: RoadNetwork, link_columns: Mapping[str, NDArray[Any]]) -> tuple[Columns, NDArray[Any]]:
    links = network.links
    columns: Columns = {
        "link": np.arange(len(links)),
        "from_node": links.from_node,
        "to_node": links.to_node,
        "name": np.array([network.link_name(i) for i in range(len(links))], dtype=object),
        "length_m": links.length_m,
        "speed_km_h": links.speed_m_s * 3.6,
        "lanes": links.lanes,
        "running_lanes": links.running_lanes,
        "road_class": np.array([RoadClass(c).name.lower() for c in links.road_class], dtype=object),
        "osm_way": links.osm_way,
        "osm_layer": links.layer,
    }
    for name, values in link_columns.items():
        if name in columns or name in {"geometry", "layer"}:
            rule, hint = "must not be the name of a link property", "Call the column something else"
            raise InputError(rule, field="link_columns", value=name, hint=hint)
        array = np.asarray(values)
        if array.shape != (len(links),):
            rule = f"must have one value for each of the {len(links)} links"
            hint = "Give NaN for the links without a value"
            raise InputError(rule, field=f"link_columns.{name}", value=array.shape, hint=hint)
        columns[name] = array
    counts = np.diff(np.r_[links.shape_start, len(network.shape_x_m)])
    points = np.column_stack([network.shape_x_m, network.shape_y_m])
    return columns, shapely.linestrings(points, indices=np.repeat(np.arange(len(links)), counts))


def _nodes(network: RoadNetwork) -> tuple[Columns, NDArray[Any]]:
    nodes = network.nodes
    columns: Columns = {
        "node": np.arange(len(nodes)),
        "osm_id": nodes.osm_id,
        "gateway": nodes.gateway,
    }
    return columns, shapely.points(nodes.x_m, nodes.y_m)


def _junctions(network: RoadNetwork) -> tuple[Columns, NDArray[Any]]:
    junctions, nodes = network.junctions, network.nodes
    columns: Columns = {
        "junction": np.arange(len(junctions)),
        "key": np.array(junctions.key, dtype=object),
        "name": np.array(junctions.name, dtype=object),
        "kind": np.array([JunctionKind(k).name.lower() for k in junctions.kind], dtype=object),
        "node": junctions.node,
    }
    return columns, shapely.points(nodes.x_m[junctions.node], nodes.y_m[junctions.node])


def _crossings(network: RoadNetwork) -> tuple[Columns, NDArray[Any]]:
    crossings = network.crossings
    columns: Columns = {
        "crossing": np.arange(len(crossings)),
        "junction": crossings.junction,
        "length_m": crossings.length_m,
        "refuge": crossings.refuge,
        "in_link": crossings.in_link,
        "out_link": crossings.out_link,
    }
    lines = [_crossing_line(network, i) for i in range(len(crossings))]
    return columns, shapely.linestrings(np.array(lines).reshape(-1, 2, 2))


def _crossing_line(network: RoadNetwork, crossing: int) -> NDArray[np.float64]:
    """Return a line across the leg, `_CROSSING_M` from its node, shape (2, 2)."""
    table = network.crossings
    in_link, out_link = int(table.in_link[crossing]), int(table.out_link[crossing])
    # Both links lie on the centre line of an undivided road, on their own carriageways of a divided one.
    legs = [network.shape(in_link)[::-1]] if in_link >= 0 else []
    legs += [network.shape(out_link)] if out_link >= 0 else []
    if not legs:
        node = network.junctions.node[table.junction[crossing]]
        x, y = float(network.nodes.x_m[node]), float(network.nodes.y_m[node])
        legs = [np.array([[x, y], [x + 1.0, y]])]
    points = [_along(leg, _CROSSING_M) for leg in legs]
    middle = np.mean(points, axis=0)
    along = np.mean([p - leg[0] for p, leg in zip(points, legs, strict=True)], axis=0)
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
    half = across * float(table.length_m[crossing]) / 2
    return np.array([middle - half, middle + half])


def _movements(network: RoadNetwork) -> tuple[Columns, NDArray[Any]]:
    movements = network.movements
    columns: Columns = {
        "movement": np.arange(len(movements)),
        "in_link": movements.in_link,
        "out_link": movements.out_link,
        "turn": np.array([Turn(t).name.lower() for t in movements.turn], dtype=object),
        "saturation_factor": movements.saturation_factor,
    }
    lines = np.zeros((len(movements), 3, 2))
    for m, (i, o) in enumerate(zip(movements.in_link, movements.out_link, strict=True)):
        node = network.links.to_node[i]
        lines[m, 0] = _along(network.shape(i)[::-1], _MOVEMENT_M)
        lines[m, 1] = network.nodes.x_m[node], network.nodes.y_m[node]
        lines[m, 2] = _along(network.shape(o), _MOVEMENT_M)
    return columns, shapely.linestrings(lines)


def _along(points: NDArray[np.float64], distance_m: float) -> NDArray[np.float64]:
    """Return the point at `distance_m` along a line of `points`, at most half-way."""
    length = np.r_[0.0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    at = min(distance_m, length[-1] / 2)
    return np.array([np.interp(at, length, points[:, 0]), np.interp(at, length, points[:, 1])])


def _features(
    layer: str, columns: Columns, geometry: NDArray[Any], to_degrees: pyproj.Transformer
) -> Iterator[dict[str, object]]:
    points, owner = shapely.get_coordinates(geometry, return_index=True)
    degrees = np.round(np.column_stack(to_degrees.transform(points[:, 0], points[:, 1])), _DECIMALS)
    if not np.isfinite(degrees).all():
        rule = "must be a coordinate system in which all points have a longitude and latitude"
        hint = "Use the projected coordinate system of the city"
        raise InputError(rule, field="crs", value=layer, hint=hint)
    pairs = degrees.tolist()
    begin = np.searchsorted(owner, np.arange(len(geometry) + 1)).tolist()
    values = {name: _plain(column) for name, column in columns.items()}
    kind = _kind(layer)
    for row in range(len(geometry)):
        line = pairs[begin[row] : begin[row + 1]]
        yield {
            "type": "Feature",
            "geometry": {"type": kind, "coordinates": line[0] if kind == "Point" else line},
            "properties": {"layer": layer} | {name: column[row] for name, column in values.items()},
        }


def _plain(column: NDArray[Any]) -> list[object]:
    """Return the values as JSON knows them: no NaN, no infinity."""
    if column.dtype.kind == "f":
        return [value if np.isfinite(value) else None for value in column.tolist()]
    return list(column.tolist())
