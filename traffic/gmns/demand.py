"""Demand in the General Modeling Network Specification (GMNS).

Read are ``demand.csv`` (`o_zone_id`, `d_zone_id`, `volume`), as the tools around GMNS write it, and the zones
of ``node.csv`` (`zone_id`, `x_coord`, `y_coord`), whose coordinate system is the `crs` of the ``config.csv`` beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from scipy.spatial import cKDTree

from traffic import csv_rows
from traffic.errors import InputError
from traffic.gmns.config import LOCAL
from traffic.od import ODMatrix, check_rows, read_trip_table
from traffic.zones import Zones

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = ["config_file", "read_gmns_zones", "read_od_gmns"]

_FAR_M = 1e12


def read_od_gmns(
    path: Path,
    zones: Zones,
    *,
    network: RoadNetwork | None = None,
    volume_hours: float = 1.0,
    profile: Sequence[float] = (1.0,),
    period_s: float = 3600.0,
) -> ODMatrix:
    """Read ``demand.csv``; zone ids are the names of `zones`.

    Parameters
    ----------
    network
        Where given, every trip must be possible on it.
    volume_hours
        Hours that a volume stands for.
    profile, period_s
        The time profile (see `ODMatrix`).
    """
    if not (np.isfinite(volume_hours) and volume_hours > 0):
        raise InputError("must be more than 0", file=path, field="volume_hours", value=volume_hours)
    trips, rows = read_trip_table(path, zones, columns=("o_zone_id", "d_zone_id", "volume"))
    matrix = ODMatrix(trips / volume_hours, np.asarray(profile, dtype=np.float64), period_s, path.name)
    if network is not None:
        check_rows(path, matrix, zones, network, rows)
    return matrix


def config_file(path: Path) -> Path:
    """Return the path of the ``config.csv`` that belongs to a ``node.csv``; it may be missing."""
    return path.with_name("config.csv")


def read_gmns_zones(path: Path, network: RoadNetwork, *, reach_m: float = 300.0) -> Zones:
    """Read the zones of a GMNS ``node.csv``: the nodes with a `zone_id`, moved to the nearest node of `network`.

    Traffic enters on the links that leave these nodes and leaves on the links that arrive there.

    Parameters
    ----------
    reach_m
        How far the nearest node may be.
    """
    names, lines, points = _zone_nodes(path)
    points = _projected(config_file(path), points, network)
    nodes = np.column_stack([network.nodes.x_m, network.nodes.y_m])
    # what cannot be projected is infinite, which is far from every node
    distance, nearest = cKDTree(nodes).query(np.nan_to_num(points, nan=_FAR_M, posinf=_FAR_M, neginf=_FAR_M))
    far = np.flatnonzero(~(distance <= reach_m))
    if len(far):
        rule = f"must lie within {reach_m:g} m of a node of the network"
        hint = "check the coordinate system in config.csv, or import a larger area"
        field = f"row {lines[far[0]]}: x_coord, y_coord"
        raise InputError(rule, file=path, field=field, value=names[far[0]], hint=hint)
    entries: dict[str, list[int]] = {name: [] for name in names}
    exits: dict[str, list[int]] = {name: [] for name in names}
    for name, node in zip(names, nearest.tolist(), strict=True):
        entries[name] += np.flatnonzero(network.links.from_node == node).tolist()
        exits[name] += np.flatnonzero(network.links.to_node == node).tolist()
    unique = [[sorted(set(part)) for part in table.values()] for table in (entries, exits)]
    return Zones.from_links(entries, *unique, network=network)


def _zone_nodes(path: Path) -> tuple[list[str], list[int], NDArray[np.float64]]:
    names: list[str] = []
    lines: list[int] = []
    points: list[tuple[float, float]] = []
    for line, row in csv_rows.rows(path, ("zone_id", "x_coord", "y_coord")):
        if not row["zone_id"]:
            continue
        texts = (row["x_coord"], row["y_coord"])
        try:
            point = (float(texts[0]), float(texts[1]))
        except ValueError:
            point = (float("nan"), float("nan"))
        if not np.isfinite(point).all():
            field = f"row {line}: x_coord, y_coord"
            hint = "Write both coordinates of a node with a zone as digits, or leave its zone_id empty"
            raise InputError(
                "must be finite numbers", file=path, field=field, value=", ".join(texts), hint=hint
            )
        names.append(row["zone_id"])
        lines.append(line)
        points.append(point)
    if not names:
        hint = "give the nodes at which trips begin and end a zone_id"
        raise InputError("no node has a zone", file=path, field="zone_id", hint=hint)
    return names, lines, np.array(points)


def _projected(config: Path, points: NDArray[np.float64], network: RoadNetwork) -> NDArray[np.float64]:
    """Return the points in the network's coordinates; longitude and latitude without a ``config.csv``."""
    crs = "4326"
    if config.is_file():
        crs = next((row["crs"] for _, row in csv_rows.rows(config, ("crs",)) if row["crs"]), crs)
    if LOCAL in {crs, network.crs}:
        if crs != network.crs:
            rule, hint = (
                f"must be {network.crs}, as the network has",
                "Give zones in the network's coordinates",
            )
            raise InputError(rule, file=config, field="crs", value=crs, hint=hint)
        return points
    try:
        source = CRS.from_user_input(f"EPSG:{crs}" if crs.isdecimal() else crs)
    except CRSError:
        rule, hint = "must be a coordinate system", "give an EPSG number"
        raise InputError(rule, file=config, field="crs", value=crs, hint=hint) from None
    transform = Transformer.from_crs(source, CRS.from_user_input(network.crs), always_xy=True)
    return np.column_stack(transform.transform(points[:, 0], points[:, 1]))
