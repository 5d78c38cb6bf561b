"""A `RoadNetwork` as GMNS tables, from which `traffic.gmns.roads` makes the same network again.

Ids are the indices of the network plus one. Lengths of links are in kilometres, other lengths in metres, speeds in km/h; numbers
have all their digits. What GMNS has no word for stands in columns of our own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from traffic.gmns.config import Unit
from traffic.gmns.records import GmnsFolder, GmnsTable
from traffic.network import JunctionKind, RoadClass, Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = ["crosswalk_id", "network_to_gmns"]

_VERSION = "0.96"
_METRE, _KM, _KM_H = Unit(Decimal(1)), Unit(Decimal(1000)), Unit(Decimal(1), Decimal("3.6"))
_HOUR_S = Decimal(3600)
_TURN = {Turn.RIGHT: "right", Turn.THROUGH: "thru", Turn.LEFT: "left", Turn.U_TURN: "uturn"}
_CROSSWALK_M = 12.0
_CARS, _WALK = "AUTO", "WALK"
_USES = ((_CARS, 1, 1, "motor vehicles"), (_WALK, 1, 0, "people on foot"))


def crosswalk_id(crossing: int) -> str:
    """Return the `link_id` of a crossing."""
    return f"x{crossing + 1}"


def network_to_gmns(network: RoadNetwork, controlled: NDArray[np.bool_] | None = None) -> GmnsFolder:
    """Return the tables of a network: config, nodes, links, geometries, lanes, segments, movements.

    Parameters
    ----------
    controlled
        Whether signals control each movement; default: those at junctions. Shape (movements,).
    """
    if controlled is None:
        controlled = np.isin(network.links.to_node[network.movements.in_link], network.junctions.node)
    lanes = [_LinkLanes(network, k) for k in range(len(network.links))]
    tables = [
        _config(network),
        GmnsTable.of("use_definition", ("use", "persons_per_vehicle", "pce", "description"), _USES),
        _nodes(network),
        _links(network, lanes),
        _geometries(network),
        *_lane_tables(network, lanes),
        _movements(network, lanes, controlled),
    ]
    if len(network.places):
        places = network.places
        columns = ("name", "x_coord", "y_coord", "weight")
        rows = zip(places.name, places.x_m.tolist(), places.y_m.tolist(), places.weight.tolist(), strict=True)
        tables.append(GmnsTable.of("place", columns, rows))
    return GmnsFolder(tuple(tables), network.name)


class _LinkLanes:
    """The lanes of a link with the numbers that they have in GMNS.

    Attributes
    ----------
    group
        Lane group of each lane, from the right.
    number
        `lane_num` of each lane, from the right.
    """

    def __init__(self, network: RoadNetwork, link: int) -> None:
        groups = network.lane_groups
        self.link = link
        first, stop = np.searchsorted(groups.link, [link, link + 1]).tolist()
        self.group = [g for g in range(first, stop) for _ in range(int(groups.lanes[g]))]
        running = int(network.links.running_lanes[link])
        self.length_m = float(network.links.length_m[link])
        storage = [float(groups.length_m[g]) for g in self.group]
        right, left = 0, 0
        while len(self.group) - right - left > running:
            if storage[right] < storage[len(storage) - 1 - left]:
                right += 1
            else:
                left += 1
        self.number = [running + right - k for k in range(right + running)] + [-k - 1 for k in range(left)]
        self.pocket = [k < right or k >= right + running for k in range(len(self.group))]
        self.storage_m = storage
        flows = {g: _lane_flow(float(groups.saturation_veh_s[g]), int(groups.lanes[g])) for g in self.group}
        self.flow = [flows[g] for g in self.group]


def _lane_flow(veh_s: float, lanes: int) -> Decimal:
    """Return the saturation flow of each lane of a group, veh/h, with the digits that give `veh_s` again."""
    flow = Decimal(repr(veh_s)) * _HOUR_S / lanes
    short = Decimal(f"{flow:.15g}")
    return short if float(short * lanes / _HOUR_S) == veh_s else flow


def _config(network: RoadNetwork) -> GmnsTable:
    authority, _, code = network.crs.partition(":")
    values = {
        "dataset_name": network.name,
        "short_length": "meter",
        "long_length": "kilometer",
        "speed": "kph",
        "crs": code if authority.upper() == "EPSG" else network.crs,
        "geometry_field_format": "wkt",
        "currency": "",
        "version_number": _VERSION,
        "id_type": "string",
    }
    return GmnsTable.of("config", tuple(values), [tuple(values.values())])


def _nodes(network: RoadNetwork) -> GmnsTable:
    columns = (
        *("node_id", "name", "x_coord", "y_coord", "z_coord", "node_type"),
        *("ctrl_type", "zone_id", "parent_node_id"),
    )
    own = ("osm_node_id", "junction_key", "junction_kind", "osm_nodes")
    nodes, junctions = network.nodes, network.junctions
    row_of = {int(node): row for row, node in enumerate(junctions.node)}
    leads_on = set(network.links.to_node[network.movements.in_link].tolist())
    ends = set(network.links.to_node.tolist())
    rows: list[tuple[object, ...]] = []
    for node in range(len(nodes)):
        kind = "dead_end" if node in ends and node not in leads_on else "intersection"
        kind = "external" if nodes.gateway[node] else kind
        osm_id = int(nodes.osm_id[node]) or None
        place = (float(nodes.x_m[node]), float(nodes.y_m[node]), None, kind)
        row = row_of.get(node)
        if row is None:
            rows.append((node + 1, None, *place, None, None, None, osm_id, None, None, None))
            continue
        kind = JunctionKind(junctions.kind[row]).name.lower()
        told = (junctions.key[row], kind, " ".join(map(str, junctions.osm_nodes[row])))
        rows.append((node + 1, junctions.name[row], *place, "signal", None, None, osm_id, *told))
    for crossing in range(len(network.crossings)):
        parent = int(junctions.node[network.crossings.junction[crossing]]) + 1
        for side, point in zip("ab", _crosswalk(network, crossing), strict=True):
            key = f"{crosswalk_id(crossing)}{side}"
            rows.append(
                (key, None, *point.tolist(), None, "walk_intersection", "signal", None, parent, *[None] * 4)
            )
    return GmnsTable.of("node", (*columns, *own), rows)


def _crosswalk(network: RoadNetwork, crossing: int) -> NDArray[np.float64]:
    """Return the ends of a crossing: a line across its leg near the junction, shape (2, 2)."""
    table = network.crossings
    into, out_of = int(table.in_link[crossing]), int(table.out_link[crossing])
    leg = network.shape(into)[::-1] if into >= 0 else network.shape(out_of)
    along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(leg, axis=0).T))]
    at = min(_CROSSWALK_M, along[-1] / 2)
    middle = np.array([np.interp(at, along, axis) for axis in leg.T])
    way = middle - leg[0]
    across = np.array([-way[1], way[0]]) / max(float(np.hypot(*way)), 1e-9)
    half = across * float(table.length_m[crossing]) / 2
    return np.array([middle - half, middle + half])


def _links(network: RoadNetwork, lanes: list[_LinkLanes]) -> GmnsTable:
    columns = (
        *("link_id", "name", "from_node_id", "to_node_id", "directed", "geometry_id", "dir_flag", "length"),
        *("facility_type", "capacity", "free_speed", "lanes", "allowed_uses"),
    )
    own = ("osm_way_id", "layer", "crosses_ib_link_id", "crosses_ob_link_id", "refuge")
    links = network.links
    rows: list[tuple[object, ...]] = []
    for k in range(len(links)):
        told = (
            _KM.told(float(links.length_m[k])),
            RoadClass(links.road_class[k]).name.lower(),
            f"{float(max(lanes[k].flow)):.6g}",
            _KM_H.told(float(links.speed_m_s[k])),
            int(links.running_lanes[k]),
            _CARS,
        )
        ends = (int(links.from_node[k]) + 1, int(links.to_node[k]) + 1)
        own_cells = (int(links.osm_way[k]) or None, int(links.layer[k]) or None, None, None, None)
        rows.append((k + 1, network.link_name(k), *ends, 1, k + 1, 1, *told, *own_cells))
    for crossing in range(len(network.crossings)):
        table, key = network.crossings, crosswalk_id(crossing)
        legs = [int(link) + 1 or "none" for link in (table.in_link[crossing], table.out_link[crossing])]
        walk = (_KM.told(float(table.length_m[crossing])), "crosswalk", None, None, None, _WALK)
        refuge = int(table.refuge[crossing])
        rows.append((key, None, f"{key}a", f"{key}b", 0, None, 0, *walk, None, None, *legs, refuge))
    return GmnsTable.of("link", (*columns, *own), rows)


def _geometries(network: RoadNetwork) -> GmnsTable:
    rows = []
    for k in range(len(network.links)):
        points = ", ".join(f"{x!r} {y!r}" for x, y in network.shape(k).tolist())
        rows.append((k + 1, f"LINESTRING ({points})"))
    return GmnsTable.of("geometry", ("geometry_id", "geometry"), rows)


def _lane_tables(network: RoadNetwork, lanes: list[_LinkLanes]) -> list[GmnsTable]:
    """Lanes along links, and segments with the pockets at their ends, one for each length of pockets."""
    own = ("saturation_flow", "storage_length")
    along: list[tuple[object, ...]] = []
    segments: list[tuple[object, ...]] = []
    pockets: list[tuple[object, ...]] = []
    for link in lanes:
        key = link.link + 1
        running = [k for k, pocket in enumerate(link.pocket) if not pocket]
        for k in reversed(running):
            mixed = _METRE.told(link.storage_m[k]) if link.storage_m[k] != link.length_m else None
            along.append((f"{key}_{link.number[k]}", key, link.number[k], _CARS, link.flow[k], mixed))
        for storage in sorted({link.storage_m[k] for k, pocket in enumerate(link.pocket) if pocket}):
            own_lanes = [
                k
                for k in reversed(range(len(link.pocket)))
                if link.pocket[k] and link.storage_m[k] == storage
            ]
            left = sum(link.number[k] < 0 for k in own_lanes)
            node, end = int(network.links.from_node[link.link]) + 1, Decimal(repr(link.length_m))
            begin = max(end - Decimal(repr(storage)), Decimal(0))
            number = len(segments) + 1
            count = len(running) + len(own_lanes)
            segments.append((number, key, node, begin, end, count, left, len(own_lanes) - left))
            for k in own_lanes:
                cells = (link.flow[k], _METRE.told(storage))
                pockets.append((f"{number}_{link.number[k]}", number, link.number[k], _CARS, *cells))
    segment = (
        "segment_id",
        "link_id",
        "ref_node_id",
        "start_lr",
        "end_lr",
        "lanes",
        "l_lanes_added",
        "r_lanes_added",
    )
    return [
        GmnsTable.of("lane", ("lane_id", "link_id", "lane_num", "allowed_uses", *own), along),
        GmnsTable.of("segment", segment, segments),
        GmnsTable.of(
            "segment_lane", ("segment_lane_id", "segment_id", "lane_num", "allowed_uses", *own), pockets
        ),
    ]


def _movements(network: RoadNetwork, lanes: list[_LinkLanes], controlled: NDArray[np.bool_]) -> GmnsTable:
    """Movements, with a row for each row of neighbouring lanes from which one is made."""
    columns = (
        "mvmt_id",
        "node_id",
        "ib_link_id",
        "start_ib_lane",
        "end_ib_lane",
        "ob_link_id",
        "type",
        "ctrl_type",
    )
    own = ("angle_rad", "saturation_factor")
    moves, joined = network.movements, network.connections
    groups: list[set[int]] = [set() for _ in range(len(moves))]
    for group, movement in zip(joined.lane_group.tolist(), joined.movement.tolist(), strict=True):
        groups[movement].add(group)
    rows: list[tuple[object, ...]] = []
    for movement in range(len(moves)):
        into, out_of = int(moves.in_link[movement]), int(moves.out_link[movement])
        node = int(network.links.to_node[into])
        told = (
            out_of + 1,
            _TURN[Turn(moves.turn[movement])],
            "signal" if controlled[movement] else "no_control",
            float(moves.angle_rad[movement]),
            float(moves.saturation_factor[movement]),
        )
        for part, (first, last) in enumerate(_ranges(lanes[into], groups[movement])):
            key = f"{movement + 1}_{part + 1}" if part else movement + 1
            rows.append((key, node + 1, into + 1, first, last, *told))
    return GmnsTable.of("movement", (*columns, *own), rows)


def _ranges(link: _LinkLanes, groups: set[int]) -> list[tuple[int, int]]:
    """Return the first and the last number of neighbouring lanes of some groups, from the left."""
    found: list[list[int]] = []
    before = False
    for number, group in sorted(zip(link.number, link.group, strict=True)):
        if group in groups:
            if before:
                found[-1][1] = number
            else:
                found.append([number, number])
        before = group in groups
    return [(first, last) for first, last in found]
