"""A GMNS network as a `RoadNetwork`, with the way back to the ids of its tables.

- A link that cars may use becomes one of ours, or two where it is not directed. Nodes that only other links touch are left out.
- ``movement.csv`` says of a link which turns may be made at its end, from which lanes: what it does not name is prohibited. Links
  that it does not mention have movements and lane use by our own rules.
- Nodes of the type `external`, and those that no movement leads on from, are gateways.
- `ctrl_type` `signal` makes a node a junction; a crosswalk between two nodes that have it as parent crosses one of its legs.
- Columns that Jasyl adds (`saturation_flow`, `angle_rad`, ...) say what GMNS has no word for; without them it is worked out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from traffic.assemble import JunctionSpec, LinkSpec, NodeSpec, assemble
from traffic.errors import InputError
from traffic.gmns.cells import rows_of
from traffic.gmns.config import read_config
from traffic.gmns.crosswalks import crosswalks
from traffic.gmns.lane_use import lane_groups, movement_at
from traffic.gmns.links import read_roads
from traffic.gmns.stop_lines import stop_lines
from traffic.gmns.turns import read_turns
from traffic.lanes import TURN_FACTOR
from traffic.network import Connections, JunctionKind, Movements, Places, RoadNetwork, Turn

if TYPE_CHECKING:
    from traffic.gmns.cells import Row
    from traffic.gmns.links import GmnsRoads
    from traffic.gmns.records import GmnsFolder
    from traffic.gmns.turns import GmnsTurns

__all__ = ["GmnsNetwork", "road_network"]

_EXTERNAL, _DEAD_END, _SIGNAL = "external", "dead_end", "signal"


@dataclass(frozen=True, eq=False)
class GmnsNetwork:
    """A road network and how it hangs together with the tables that it comes from.

    Attributes
    ----------
    node_ids
        `node_id` of each node of the network.
    movements
        The movement that each `mvmt_id` has become; those that were left out are missing.
    movement_nodes
        `node_id` of every `mvmt_id`.
    crosswalks
        The crossing that each `link_id` has become.
    left_out
        How many links and movements were left out, by reason.
    warnings
        What was read otherwise than it stands in the file.
    """

    folder: GmnsFolder
    network: RoadNetwork
    node_ids: tuple[str, ...]
    movements: dict[str, int]
    movement_nodes: dict[str, str]
    crosswalks: dict[str, int]
    left_out: dict[str, int]
    warnings: tuple[str, ...]


def road_network(
    folder: GmnsFolder,
    *,
    name: str | None = None,
    crs: str | None = None,
    length: str | None = None,
    speed: str | None = None,
) -> GmnsNetwork:
    """Make a road network of GMNS tables.

    Parameters
    ----------
    name
        Name of the network; default: `dataset_name` of ``config.csv``.
    crs, length, speed
        What holds instead of ``config.csv``: see `read_config`.
    """
    config = read_config(folder, crs=crs, length=length, speed=speed)
    roads = read_roads(folder, config)
    builder = _Builder(roads)
    try:
        return builder.build(name or config.name or "GMNS")
    except InputError as error:
        if error.file is not None:
            raise
        raise InputError(
            error.rule, file=folder.source, field=error.field, value=error.value, hint=error.hint
        ) from error


class _Builder:
    """Puts one network together."""

    def __init__(self, roads: GmnsRoads) -> None:
        self.roads = roads
        self.lines, warnings = stop_lines(roads)
        self.turns: GmnsTurns = read_turns(roads, self.lines)
        self.warnings = [*roads.warnings, *warnings, *self.turns.warnings]
        touched = {node for link in roads.links for node in (link.from_node, link.to_node)}
        elsewhere = {row.text(end) for row in roads.others.values() for end in ("from_node_id", "to_node_id")}
        self.node_ids = tuple(key for key in roads.nodes if key in touched or key not in elsewhere)
        self.node = {key: position for position, key in enumerate(self.node_ids)}
        self.into: dict[str, list[int]] = defaultdict(list)
        self.out_of: dict[str, list[int]] = defaultdict(list)
        for k, link in enumerate(roads.links):
            self.into[link.to_node].append(k)
            self.out_of[link.from_node].append(k)
        self.exits: dict[int, list[int]] = defaultdict(list)
        """Links that movements which are told lead to from each link."""
        for into, out_of in self.turns.told:
            self.exits[into].append(out_of)

    def build(self, name: str) -> GmnsNetwork:
        told_nodes = {self.roads.links[k].to_node for k in self.turns.mentioned}
        silent = [
            k for k, link in enumerate(self.roads.links) if link.to_node in told_nodes and not self._told(k)
        ]
        if silent:
            self.warnings.append(
                f"{len(silent)} links have no movement at a node that has others: by default rules"
            )
        banned = frozenset(pair for k in range(len(self.roads.links)) for pair in self._banned(k))
        made = assemble(
            name,
            self.roads.crs,
            [self._node(key) for key in self.node_ids],
            [self._link(k) for k in range(len(self.roads.links))],
            banned=banned,
            u_turns=frozenset(self.turns.told),
            places=self._places(),
        )
        made = self._turned(made)
        groups, connections = lane_groups(self.roads, self.lines, self.turns, made)
        along = np.array([line.along for line in self.lines], dtype=np.int32)
        found = crosswalks(self.roads, made, self.node)
        network = replace(
            made,
            links=replace(made.links, running_lanes=along),
            lane_groups=groups,
            connections=connections,
            crossings=found.crossings,
        )
        at = movement_at(network)
        keys = {key: at[pair] for pair, told in self.turns.told.items() for key in told.keys}
        left_out = {f"links: {reason}": n for reason, n in self.roads.left_out.items()}
        left_out |= {f"movements: {reason}": n for reason, n in self.turns.left_out.items()}
        return GmnsNetwork(
            folder=self.roads.folder,
            network=network,
            node_ids=self.node_ids,
            movements=keys,
            movement_nodes=self.turns.node_of,
            crosswalks=found.at,
            left_out=left_out,
            warnings=(*self.warnings, *found.warnings),
        )

    def _told(self, k: int) -> bool:
        """Whether the table says of link `k` where it leads: at an external node what it does not say is not there."""
        node = self.roads.links[k].to_node
        return k in self.turns.mentioned or bool(self.turns.told and self._type(node) == _EXTERNAL)

    def _banned(self, k: int) -> list[tuple[int, int]]:
        """Return the turns at the end of link `k` that may not be made."""
        if not self._told(k):
            return []
        ahead = self.out_of[self.roads.links[k].to_node]
        return [(k, out_of) for out_of in ahead if out_of not in self.exits[k]]

    def _type(self, node: str) -> str:
        return self.roads.nodes[node].text("node_type").lower()

    def _leads_on(self, k: int) -> bool:
        """Whether traffic can go on at the end of link `k` without turning round."""
        if self._told(k):
            return bool(self.exits[k])
        link = self.roads.links[k]
        ahead = (o for o in self.out_of[link.to_node] if self.roads.links[o].to_node != link.from_node)
        return any(True for _ in ahead)

    def _node(self, key: str) -> NodeSpec:
        row, at = self.roads.nodes[key], self.roads.placed[key]
        kind = self._type(key)
        stuck = kind != _DEAD_END and any(not self._leads_on(k) for k in self.into[key])
        return NodeSpec(
            float(at[0]),
            float(at[1]),
            osm_id=row.whole("osm_node_id", 0),
            gateway=kind == _EXTERNAL or stuck,
            junction=self._junction(key, row),
        )

    def _junction(self, key: str, row: Row) -> JunctionSpec | None:
        if row.text("ctrl_type").lower() != _SIGNAL or not self.into[key]:
            return None
        if not any(self._leads_on(k) for k in self.into[key]):
            self.warnings.append(f"node {key}: signals without a movement to control")
            return None
        osm_nodes = row.text("osm_nodes").split()
        if not all(number.isascii() and number.isdecimal() and len(number) <= 18 for number in osm_nodes):
            raise row.wrong("osm_nodes", "must be numbers with spaces between", "Correct the cell")
        kind = row.text("junction_kind").upper() or JunctionKind.INTERSECTION.name
        if kind not in JunctionKind.__members__:
            raise row.wrong("junction_kind", "must be intersection or crossing", "Correct the cell")
        return JunctionSpec(
            row.verbatim("junction_key") or f"gmns:{key}",
            row.verbatim("name") or self._streets(key),
            JunctionKind[kind],
            tuple(map(int, osm_nodes)),
        )

    def _streets(self, key: str) -> str:
        names = (self.roads.links[k].name for k in (*self.into[key], *self.out_of[key]))
        return " / ".join(dict.fromkeys(name for name in names if name)) or f"node {key}"

    def _link(self, k: int) -> LinkSpec:
        link, line = self.roads.links[k], self.lines[k]
        return LinkSpec(
            from_node=self.node[link.from_node],
            to_node=self.node[link.to_node],
            shape=link.shape_m,
            speed_m_s=link.speed_m_s,
            running_lanes=line.along,
            road_class=link.road_class,
            length_m=link.length_m,
            name=link.name,
            osm_way=link.row.whole("osm_way_id", 0),
            layer=self._layer(link.row),
            left_bay_lanes=sum(lane.pocket and lane.number < 0 for lane in line.lanes),
            right_bay_lanes=sum(lane.pocket and lane.number >= 0 for lane in line.lanes),
        )

    @staticmethod
    def _layer(row: Row) -> int:
        layer = row.whole("layer", 0)
        if not abs(layer) <= 100:
            raise row.wrong("layer", "must be from -100 to 100", "Correct the layer, or empty the cell")
        return layer

    def _places(self) -> Places:
        rows = rows_of(self.roads.folder, "place", ("name", "x_coord", "y_coord", "weight"))
        if not rows:
            return Places.none()
        x, y, weight = (np.array([row.number(c) for row in rows]) for c in ("x_coord", "y_coord", "weight"))
        return Places(x, y, weight, tuple(row.verbatim("name") for row in rows))

    def _turned(self, made: RoadNetwork) -> RoadNetwork:
        """Return the network with the turns that are told, each link's movements from right to left."""
        moves = made.movements
        turn, angle, factor = moves.turn.copy(), moves.angle_rad.copy(), moves.saturation_factor.copy()
        for pair, movement in movement_at(made).items():
            told = self.turns.told.get(pair)
            if told is None:
                continue
            if told.turn is not None and told.turn != turn[movement]:
                turn[movement] = told.turn
                factor[movement] = TURN_FACTOR[told.turn]
            angle[movement] = angle[movement] if told.angle_rad is None else told.angle_rad
            factor[movement] = factor[movement] if told.saturation_factor is None else told.saturation_factor
        order = np.lexsort((angle, turn == Turn.U_TURN, moves.in_link))
        return replace(
            made,
            movements=Movements(
                moves.in_link[order], moves.out_link[order], turn[order], angle[order], factor[order]
            ),
            connections=Connections(
                made.connections.lane_group, np.argsort(order).astype(np.int32)[made.connections.movement]
            ),
        )
