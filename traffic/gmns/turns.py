"""Movements of a GMNS network that cars may make: from which link to which, from which lanes, which turn."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from traffic.gmns.cells import by_key, rows_of
from traffic.gmns.links import MOST_LANES
from traffic.network import Turn

if TYPE_CHECKING:
    from traffic.gmns.cells import Row
    from traffic.gmns.links import GmnsRoads
    from traffic.gmns.stop_lines import StopLine

__all__ = ["GmnsTurns", "ToldTurn", "read_turns"]

_TURNS = {
    Turn.RIGHT: ("right", "r"),
    Turn.THROUGH: ("thru", "through", "straight", "merge", "diverge"),
    Turn.LEFT: ("left", "l"),
    Turn.U_TURN: ("uturn", "u-turn", "u_turn", "u"),
}
_TURN_OF = {name: turn for turn, names in _TURNS.items() for name in names}


@dataclass
class ToldTurn:
    """What the rows of one pair of links say.

    Attributes
    ----------
    keys
        The `mvmt_id` of each row.
    lanes
        Numbers of the lanes from which it is made; empty where the file leaves it open.
    turn, angle_rad, saturation_factor
        `None` where the file leaves it open.
    """

    keys: list[str] = field(default_factory=list)
    lanes: set[int] = field(default_factory=set)
    turn: Turn | None = None
    angle_rad: float | None = None
    saturation_factor: float | None = None


@dataclass(frozen=True)
class GmnsTurns:
    """The movements of a file.

    Attributes
    ----------
    told
        By in-link and out-link.
    mentioned
        Links of which a row says where they lead, be it only where cars may not go.
    node_of
        Node of each row by its `mvmt_id`, left out or not.
    left_out
        How many rows were left out, by reason.
    warnings
        What was read otherwise than it stands in the file.
    """

    told: dict[tuple[int, int], ToldTurn]
    mentioned: frozenset[int]
    node_of: dict[str, str]
    left_out: dict[str, int]
    warnings: tuple[str, ...]


def read_turns(roads: GmnsRoads, lines: list[StopLine]) -> GmnsTurns:
    """Read ``movement.csv``; without one, no movement is told."""
    columns = ("mvmt_id", "node_id", "ib_link_id", "ob_link_id")
    rows = by_key(rows_of(roads.folder, "movement", columns), "mvmt_id")
    ends = _Ends(roads)
    told: dict[tuple[int, int], ToldTurn] = defaultdict(ToldTurn)
    left_out: Counter[str] = Counter()
    mentioned: set[int] = set()
    lost = 0
    for key, row in rows.items():
        into, out_of = ends.of(row)
        if into is None or out_of is None:
            left_out["from or to a link without cars"] += 1
            mentioned |= set() if into is None else {into}
            continue
        lanes, closed = _lanes(row, lines[into])
        reason = _reason(roads, row, closed=closed)
        mentioned |= set() if closed else {into}
        if reason:
            left_out[reason] += 1
            continue
        lost += not lanes and bool(row.text("start_ib_lane"))
        _add(told[into, out_of], key, row, lanes)
    warnings = (
        [f"{lost} movements begin in a lane that their link lacks: lanes by default rules"] if lost else []
    )
    node_of = {key: row.text("node_id") for key, row in rows.items()}
    return GmnsTurns(dict(told), frozenset(mentioned), node_of, dict(left_out.most_common()), tuple(warnings))


class _Ends:
    """Finds the links of a movement."""

    def __init__(self, roads: GmnsRoads) -> None:
        self.roads = roads
        self.known = {link.key for link in roads.links}
        arriving = {(link.key, link.to_node): k for k, link in enumerate(roads.links)}
        leaving = {(link.key, link.from_node): k for k, link in enumerate(roads.links)}
        self.at = (("ib_link_id", arriving, "end"), ("ob_link_id", leaving, "begin"))

    def of(self, row: Row) -> tuple[int | None, ...]:
        """Return the in-link and the out-link; `None` for one that cars may not use."""
        node = row.text("node_id")
        if node not in self.roads.nodes:
            raise row.wrong("node_id", "must be a node_id of node.csv", "Add the node, or correct the cell")
        found: list[int | None] = []
        for column, at, verb in self.at:
            link = row.text(column)
            if link in self.roads.others:
                found.append(None)
                continue
            if link not in self.known:
                rule = "must be a link_id of link.csv"
                raise row.wrong(column, rule, "Add the link, or correct the cell")
            if (link, node) not in at:
                rule = f"must be a link that may {verb} at node {node}"
                raise row.wrong(column, rule, "Correct the link or the node of the movement")
            found.append(at[link, node])
        return tuple(found)


def _reason(roads: GmnsRoads, row: Row, *, closed: bool) -> str:
    """Return why cars may not make a movement; empty where they may."""
    if not roads.uses.cars(row):
        return f"allowed_uses {row.text('allowed_uses').lower()}"
    if row.text("capacity") and row.decimal("capacity") == 0:
        return "capacity 0"
    return "from lanes without cars" if closed else ""


def _lanes(row: Row, line: StopLine) -> tuple[set[int], bool]:
    """Return the lanes for cars from which a movement is made, and whether it has others only."""
    if not row.text("start_ib_lane"):
        return set(), False
    first = row.whole("start_ib_lane")
    last = row.whole("end_ib_lane", first)
    for column, number in (("start_ib_lane", first), ("end_ib_lane", last)):
        if not abs(number) <= MOST_LANES:
            raise row.wrong(column, f"must be from -{MOST_LANES} to {MOST_LANES}", "Correct the number")
    if last < first:
        raise row.wrong("end_ib_lane", "must be start_ib_lane or more", "Lanes count from left to right")
    named = {number for number in range(first, last + 1) if number} or {0}
    own = named & {lane.number for lane in line.lanes}
    return own, not own and bool(named & line.closed)


def _add(turn: ToldTurn, key: str, row: Row, lanes: set[int]) -> None:
    turn.keys.append(key)
    turn.lanes |= lanes
    turn.turn = _TURN_OF.get(row.text("type").lower(), turn.turn)
    if row.text("angle_rad"):
        turn.angle_rad = row.number("angle_rad")
        if not abs(turn.angle_rad) <= np.pi:
            raise row.wrong("angle_rad", "must be from -pi to pi", "Correct the angle, or empty the cell")
    if row.text("saturation_factor"):
        turn.saturation_factor = row.number("saturation_factor")
        if not 0 < turn.saturation_factor <= 2:
            raise row.wrong("saturation_factor", "must be more than 0 and 2 at most", "Correct the factor")
