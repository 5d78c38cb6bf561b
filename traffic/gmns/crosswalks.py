"""Crosswalks of a GMNS network as pedestrian crossings of the legs of junctions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from traffic.gmns.links import is_crosswalk
from traffic.network import Crossings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traffic.gmns.cells import Row
    from traffic.gmns.links import GmnsRoads
    from traffic.network import RoadNetwork

__all__ = ["FoundCrosswalks", "crosswalks"]

_REACH_M = 60.0
_NONE = "none"


@dataclass(frozen=True, eq=False)
class FoundCrosswalks:
    """Crossings, the crossing of each `link_id`, and what could not be placed."""

    crossings: Crossings
    at: dict[str, int]
    warnings: tuple[str, ...]


def crosswalks(roads: GmnsRoads, network: RoadNetwork, node: dict[str, int]) -> FoundCrosswalks:
    """Return the crossings of junctions in their order.

    Parameters
    ----------
    node
        Index of each `node_id` in `network`.
    """
    junction = {int(n): row for row, n in enumerate(network.junctions.node)}
    link_of = {link.key: k for k, link in enumerate(roads.links) if link.forward}
    found: list[tuple[int, int, int, float, bool, str]] = []
    lost = 0
    for key, row in roads.others.items():
        if not is_crosswalk(row):
            continue
        parents = {
            roads.nodes[row.text(end)].text("parent_node_id") for end in ("from_node_id", "to_node_id")
        }
        parent = parents.pop() if len(parents) == 1 else ""
        at = junction.get(node.get(parent, -1))
        legs = None if at is None else _legs(roads, network, row, node[parent], link_of)
        if at is None or legs is None:
            lost += 1
            continue
        found.append((at, *legs, _length_m(roads, row), row.yes("refuge", default=False), key))
    found.sort(key=lambda crossing: crossing[0])
    columns = list(zip(*found, strict=True)) or [()] * 6
    warnings = [f"{lost} crosswalks cross no leg of a junction with signals"] if lost else []
    return FoundCrosswalks(
        Crossings(*map(np.array, columns[:5])),
        {str(key): position for position, key in enumerate(columns[5])},
        tuple(warnings),
    )


def _length_m(roads: GmnsRoads, row: Row) -> float:
    told = float(roads.long_length.si(row.decimal("length", Decimal(0))))
    if told < 0 or (told == 0 and row.text("length")):
        raise row.wrong("length", "must be more than 0", "Correct the length, or empty the cell")
    return told or float(np.hypot(*(np.subtract(*_ends(roads, row)))))


def _ends(roads: GmnsRoads, row: Row) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    one, other = (roads.placed[row.text(end)] for end in ("from_node_id", "to_node_id"))
    return one, other


def _legs(
    roads: GmnsRoads, network: RoadNetwork, row: Row, node: int, link_of: dict[str, int]
) -> tuple[int, int] | None:
    """Return the in-link and the out-link that a crosswalk crosses, -1 for none; `None` where it crosses nothing."""
    ends = (("crosses_ib_link_id", network.links.to_node), ("crosses_ob_link_id", network.links.from_node))
    if any(row.text(column) for column, _ in ends):
        legs = []
        for column, at in ends:
            link = -1 if row.text(column) == _NONE else link_of.get(row.text(column))
            if link is None or (link >= 0 and at[link] != node):
                rule = f"must be a link_id of a road at the junction, or {_NONE}"
                raise row.wrong(column, rule, "Correct the cell, or empty both columns")
            legs.append(link)
        return legs[0], legs[1]
    walk = _ends(roads, row)
    links = network.links
    into = [k for k in np.flatnonzero(links.to_node == node).tolist() if _meet(network.shape(k)[::-1], walk)]
    out_of = [k for k in np.flatnonzero(links.from_node == node).tolist() if _meet(network.shape(k), walk)]
    if not into and not out_of:
        return None
    return (into[0] if into else -1), (out_of[0] if out_of else -1)


def _meet(leg: NDArray[np.float64], walk: Sequence[NDArray[np.float64]]) -> bool:
    """Whether a leg, from the junction on, crosses the line of a crosswalk near it."""
    along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(leg, axis=0).T))]
    near = leg[: int(np.searchsorted(along, _REACH_M)) + 1]
    one, other = walk
    sides = _side(one, other, near)
    for k in range(len(near) - 1):
        if sides[k] * sides[k + 1] <= 0 and (np.prod(_side(near[k], near[k + 1], np.array(walk))) <= 0):
            return True
    return False


def _side(
    start: NDArray[np.float64], end: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return on which side of a line points lie: positive to its left."""
    way, to = end - start, points - start
    side: NDArray[np.float64] = way[0] * to[:, 1] - way[1] * to[:, 0]
    return side
