"""Who gives way to whom at a traffic light of SUMO, place by place of its states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traffic.sumo.net_file import NetConnection, NetJunction, SumoNet
from traffic.sumo.road import SumoRoads

__all__ = ["Places", "places_of"]

_UNSEEN = "unseen"


@dataclass(frozen=True, eq=False)
class Places:
    """The places in the states of one traffic light.

    Attributes
    ----------
    edge
        The edge that each place lets go; empty where the light governs nothing there.
    lanes
        Lanes of that edge that it lets go.
    movements
        Movements of cars that it lets go; none for people on foot.
    gives_way, foes
        Whether a place (row) gives way to another, and whether their paths meet; shape (places, places). Places of
        one edge do not meet. A place that the right-of-way matrix does not tell of, as in networks without internal lanes,
        meets all others (`untold`).
    untold
        Whether that is so of each place; shape (places,).
    """

    edge: tuple[str, ...]
    lanes: tuple[frozenset[int], ...]
    movements: tuple[tuple[int, ...], ...]
    gives_way: NDArray[np.bool_]
    foes: NDArray[np.bool_]
    untold: NDArray[np.bool_]

    def with_unseen(self) -> Places:
        """Return the places and one more, for somebody whom the network does not have and who meets all others."""
        size = len(self.edge)
        foes = np.pad(self.foes, (0, 1), constant_values=True)
        foes[size, size] = False
        return Places(
            edge=(*self.edge, _UNSEEN),
            lanes=(*self.lanes, frozenset()),
            movements=(*self.movements, ()),
            gives_way=np.pad(self.gives_way, (0, 1)),
            foes=foes,
            untold=np.pad(self.untold, (0, 1)),
        )


def places_of(roads: SumoRoads, light: str, size: int) -> Places:
    """Return the places of `light`, which has `size` of them."""
    at_place = {k: parts for k, parts in roads.net.at_light.get(light, {}).items() if k < size}
    edge, lanes, movements = [], [], []
    for place in range(size):
        parts = at_place.get(place, [])
        edge.append(parts[0].from_edge if parts else "")
        lanes.append(frozenset(c.from_lane for c in parts))
        pairs = [(c.from_edge, c.to_edge) for c in parts]
        movements.append(tuple(sorted({roads.movement_of[p] for p in pairs if p in roads.movement_of})))
    gives_way, foes = np.zeros((2, size, size), dtype=bool)
    rows = _request_rows(roads.net, at_place)
    for one, (node, own) in rows.items():
        for other, (where, theirs) in rows.items():
            if node is where and one != other and edge[one] != edge[other]:
                gives_way[one, other] = _any(node.response, own, theirs)
                foes[one, other] = _any(node.foes, own, theirs) or _any(node.foes, theirs, own)
    untold = np.array([place in at_place and place not in rows for place in range(size)], dtype=bool)
    other_edge = np.array([[one != other for other in edge] for one in edge], dtype=bool).reshape(size, size)
    foes |= (untold[:, None] | untold[None, :]) & other_edge
    return Places(tuple(edge), tuple(lanes), tuple(movements), gives_way, foes, untold)


def _any(table: NDArray[np.bool_], rows: Sequence[int], columns: Sequence[int]) -> bool:
    return bool(table[np.ix_(list(rows), list(columns))].any())


def _request_rows(
    net: SumoNet, at_place: Mapping[int, Sequence[NetConnection]]
) -> dict[int, tuple[NetJunction, list[int]]]:
    """Return the node and the rows of its right-of-way matrix that belong to each place."""
    row_of: dict[str, dict[str, int]] = {}
    found: dict[int, tuple[NetJunction, list[int]]] = {}
    for place, parts in at_place.items():
        node_id = _node(net, parts[0])
        if node_id not in net.junctions:
            continue
        node = net.junctions[node_id]
        inside = row_of.setdefault(node_id, {lane: row for row, lane in enumerate(node.inside)})
        rows = [_row(net, inside, c) for c in parts]
        if all(0 <= row < len(node.foes) for row in rows):
            found[place] = (node, rows)
    return found


def _node(net: SumoNet, c: NetConnection) -> str:
    if c.from_edge in net.edges and not c.from_edge.startswith(":"):
        return net.edges[c.from_edge].to_node
    return c.from_edge[1:].rpartition("_")[0]  # a walking area: ":NODE_w0"


def _row(net: SumoNet, inside: Mapping[str, int], c: NetConnection) -> int:
    """Return the row of a connection in the matrix of its node, or -1; a crossing has no way through but its own."""
    own = (*net.way_through(c.via), f"{c.to_edge}_{c.to_lane}")
    return next((inside[lane] for lane in own if lane in inside), -1)
