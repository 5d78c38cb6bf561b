"""A `RoadNetwork` as the sections [Network], [Nodes], [Links] and [Lanes] of a UTDF file, in metres and km/h.

Points of a link's shape become bends, which the two directions of a road share where they lie on one another. A second
road between two nodes gets a bend, as UTDF tells roads by their ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError
from traffic.network import Turn
from traffic.units import KM_H
from traffic.utdf.records import UtdfSection
from traffic.utdf.tables import CROSSWALK_PHASES, DIRECTIONS, TURNS, NodeType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = ["NetworkPhases", "network_sections"]

_HEADING_RAD = dict(
    zip(("EB", "NE", "NB", "NW", "WB", "SW", "SB", "SE"), np.arange(8) * np.pi / 4, strict=True)
)
_HOMES = ("T", "L", "R", "L2", "R2", "U")
_CROSSWALK_M = 5.0
_SAME_POINT_M = 0.01
_BAY_M = 0.5


@dataclass(frozen=True)
class NetworkPhases:
    """Numbers of the phases of signals, where a network is written with them.

    Attributes
    ----------
    protected, permitted
        Phases of movements.
    walks
        Phases of crossings.
    """

    protected: Mapping[int, Sequence[int]] = field(default_factory=dict)
    permitted: Mapping[int, Sequence[int]] = field(default_factory=dict)
    walks: Mapping[int, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Piece:
    """Part of a link between two nodes or bends, by INTID."""

    start: int
    end: int
    link: int
    length_m: float
    lanes: int


def network_sections(
    network: RoadNetwork, movement_veh_s: NDArray[np.float64], phases: NetworkPhases
) -> tuple[UtdfSection, ...]:
    """Return the sections of `network`; node i has the INTID i + 1.

    Parameters
    ----------
    movement_veh_s
        Flow of each movement, vehicles per second; shape (movements,).

    Raises
    ------
    InputError
        For what UTDF has no room for: more than 8 roads at a node, or turns that no column is left for.
    """
    return _Writer(network, movement_veh_s, phases).sections()


class _Writer:
    def __init__(
        self, network: RoadNetwork, movement_veh_s: NDArray[np.float64], phases: NetworkPhases
    ) -> None:
        self.network, self.flow, self.phases = network, movement_veh_s, phases
        nodes = network.nodes
        self.position = list(zip(nodes.x_m.tolist(), nodes.y_m.tolist(), strict=True))
        self.chain = self._chains()
        self.pieces = [piece for link in range(len(network.links)) for piece in self._pieces(link)]
        self.direction = self._directions()
        self.column = self._columns()

    def _chains(self) -> list[tuple[int, ...]]:
        """INTIDs along each link; bends are added to the positions."""
        links, chains = self.network.links, list[tuple[int, ...]]()
        used: set[tuple[int, int]] = set()
        by_ends: dict[tuple[int, int], list[int]] = defaultdict(list)
        for link, ends in enumerate(zip(links.from_node.tolist(), links.to_node.tolist(), strict=True)):
            shape = self.network.shape(link)
            back = next(
                (k for k in by_ends[ends[1], ends[0]] if self._mirrors(shape, k, chains[k], used)), None
            )
            if back is not None:
                inner: tuple[int, ...] = chains[back][1:-1][::-1]
            else:
                points = shape[1:-1]
                direct = (ends[0] + 1, ends[1] + 1)
                if not len(points) and (direct in used or ends[0] == ends[1]):
                    points = shape.mean(axis=0)[None]
                inner = self._bends(points)
            chain = (ends[0] + 1, *inner, ends[1] + 1)
            used |= set(pairwise(chain))
            by_ends[ends].append(link)
            chains.append(chain)
        return chains

    def _mirrors(
        self, shape: NDArray[np.float64], other: int, chain: tuple[int, ...], used: set[tuple[int, int]]
    ) -> bool:
        """Whether `other` runs back along `shape`, and nothing has taken that way yet."""
        mate = self.network.shape(other)[::-1]
        free = not set(zip(chain[1:], chain, strict=False)) & used
        return (
            free
            and shape.shape == mate.shape
            and bool(np.abs(shape - mate)[1:-1].max(initial=0) < _SAME_POINT_M)
        )

    def _bends(self, points: NDArray[np.float64]) -> tuple[int, ...]:
        first = len(self.position) + 1
        self.position += [(float(x), float(y)) for x, y in points]
        return tuple(range(first, first + len(points)))

    def _pieces(self, link: int) -> list[_Piece]:
        chain, links = self.chain[link], self.network.links
        points = np.array([self.position[intid - 1] for intid in chain])
        steps = np.maximum(np.hypot(*np.diff(points, axis=0).T), 1e-3)
        lengths = steps / steps.sum() * float(links.length_m[link])
        lanes = [int(links.running_lanes[link])] * (len(chain) - 2) + [int(links.lanes[link])]
        parts = zip(chain, chain[1:], lengths.tolist(), lanes, strict=False)
        return [_Piece(start, end, link, length, count) for start, end, length, count in parts]

    def _directions(self) -> dict[tuple[int, int], str]:
        """Return the direction in which traffic comes to a node (first INTID) from its neighbour (second)."""
        around: dict[int, dict[int, bool]] = defaultdict(dict)  # whether the road only leads away
        for piece in self.pieces:
            around[piece.end][piece.start] = False
            around[piece.start].setdefault(piece.end, True)
        found: dict[tuple[int, int], str] = {}
        for intid, others in around.items():
            arriving = len(others) - sum(others.values())
            if arriving > len(DIRECTIONS):
                rule = f"must have {len(DIRECTIONS)} roads that lead to it or fewer, as UTDF has directions"
                raise InputError(rule, field=f"nodes[{intid - 1}]", value=arriving, hint="Split the node")
            taken: set[str] = set()
            for *_, other, direction in sorted(
                (leaves, round(self._bend_rad(other, intid, heading), 6), other, direction)
                for other, leaves in others.items()
                for direction, heading in _HEADING_RAD.items()
            ):
                if (intid, other) not in found and direction not in taken:
                    found[intid, other] = direction
                    taken.add(direction)
        return found

    def _bend_rad(self, start: int, end: int, heading: float) -> float:
        (x0, y0), (x1, y1) = self.position[start - 1], self.position[end - 1]
        return float(abs((np.arctan2(y1 - y0, x1 - x0) - heading + np.pi) % (2 * np.pi) - np.pi))

    def _columns(self) -> list[str]:
        """Column of each movement."""
        moves = self.network.movements
        bounds = np.searchsorted(moves.in_link, np.arange(len(self.network.links) + 1)).tolist()
        columns = [""] * len(moves)
        for link, (first, stop) in enumerate(pairwise(bounds)):
            chain = self.chain[link]
            turns = self._turns(link, list(range(first, stop)))
            for movement, turn in turns.items():
                columns[movement] = self.direction[chain[-1], chain[-2]] + turn
        return columns

    def _turns(self, link: int, members: list[int]) -> dict[int, str]:
        turn, angle = self.network.movements.turn, self.network.movements.angle_rad
        ahead = [m for m in members if turn[m] == Turn.THROUGH]
        main = min(ahead, key=lambda m: (abs(float(angle[m])), m), default=None)
        right = [m for m in members if turn[m] == Turn.RIGHT]
        left = [m for m in members if turn[m] == Turn.LEFT]
        if main is not None:  # UTDF has one way straight on: other branches of a fork are turns
            right += [m for m in ahead if m != main and angle[m] < angle[main]]
            left = [m for m in ahead if m != main and angle[m] >= angle[main]] + left
        back = [m for m in members if turn[m] == Turn.U_TURN]
        if len(left) == 3 and not back:  # a U-turn gives way as a left turn does
            back = [left.pop()]
        if len(left) == 3 and main is None:
            main = left.pop(0)
        if len(right) == 3 and main is None:
            main = right.pop()
        if len(right) > 2 or len(left) > 2 or len(back) > 1:
            rule = "must have 2 turns to the right, 2 to the left and a U-turn at most, as UTDF has columns"
            raise InputError(
                rule, field=f"links[{link}]", value=len(members), hint="Ban a turn or split the node"
            )
        found = dict(zip(right, ("R2", "R") if len(right) == 2 else ("R",), strict=False))
        found |= dict(zip(left, ("L", "L2"), strict=False)) | dict.fromkeys(back, "U")
        return found if main is None else found | {main: "T"}

    def sections(self) -> tuple[UtdfSection, ...]:
        settings = [("UTDFVERSION", 8), ("Metric", 1)]
        return (
            UtdfSection.of("Network", "Network Settings", ("RECORDNAME", "DATA"), settings),
            UtdfSection.of(
                "Nodes", "Node Data", ("INTID", "TYPE", "X", "Y", "Z", "DESCRIPTION"), self._node_rows()
            ),
            UtdfSection.of("Links", "Link Data", ("RECORDNAME", "INTID", *DIRECTIONS), self._link_rows()),
            self._lanes(),
        )

    def _node_rows(self) -> list[tuple[object, ...]]:
        network = self.network
        signals = dict(zip(network.junctions.node.tolist(), network.junctions.name, strict=True))
        told = set(network.links.to_node[network.movements.in_link].tolist())
        rows: list[tuple[object, ...]] = []
        for node, (x, y) in enumerate(self.position):
            if node >= len(network.nodes):
                kind = NodeType.BEND
            elif node in signals:
                kind = NodeType.SIGNALISED
            else:
                external = bool(network.nodes.gateway[node]) or node not in told
                kind = NodeType.EXTERNAL if external else NodeType.UNSIGNALISED
            rows.append((node + 1, int(kind), x, y, 0, signals.get(node, "")))
        return rows

    def _link_rows(self) -> list[tuple[object, ...]]:
        cells: dict[int, dict[str, dict[str, object]]] = defaultdict(lambda: defaultdict(dict))
        links = self.network.links
        for piece in sorted(self.pieces, key=lambda p: p.link):
            speed = float(links.speed_m_s[piece.link]) / KM_H
            for intid, other, lanes in ((piece.start, piece.end, 0), (piece.end, piece.start, piece.lanes)):
                column, own = self.direction.get((intid, other)), cells[intid]
                if column is None or (lanes == 0 and column in own["Up ID"]):
                    continue
                values = {
                    "Up ID": other,
                    "Lanes": lanes,
                    "Name": self.network.link_name(piece.link),
                    "Distance": piece.length_m,
                    "Speed": speed,
                    "Time": piece.length_m / float(links.speed_m_s[piece.link]),
                    "Crosswalk Width": 0,
                }
                for name, value in values.items():
                    own[name][column] = value
        self._add_crosswalks(cells)
        return [
            (name, intid, *(row.get(direction) for direction in DIRECTIONS))
            for intid, records in sorted(cells.items())
            for name, row in records.items()
        ]

    def _add_crosswalks(self, cells: dict[int, dict[str, dict[str, object]]]) -> None:
        table = self.network.crossings
        for crossing, phases in self.phases.walks.items():
            into, out_of = int(table.in_link[crossing]), int(table.out_link[crossing])
            chain = self.chain[into][::-1] if into >= 0 else self.chain[out_of]
            column = self.direction.get((chain[0], chain[1]))
            if column is None:
                rule = (
                    f"must have {len(DIRECTIONS)} roads or fewer where people cross one that only leads away"
                )
                raise InputError(
                    rule, field=f"nodes[{chain[0] - 1}]", value=len(DIRECTIONS) + 1, hint="Split the node"
                )
            cells[chain[0]]["Crosswalk Width"][column] = _CROSSWALK_M
            cells[chain[0]][CROSSWALK_PHASES][column] = " ".join(map(str, phases))

    def _lanes(self) -> UtdfSection:
        cells: dict[int, dict[str, dict[str, object]]] = defaultdict(lambda: defaultdict(dict))
        moves = self.network.movements
        for movement, column in enumerate(self.column):
            chain = self.chain[int(moves.in_link[movement])]
            own = cells[chain[-1]]
            own["Up Node"][column] = chain[-2]
            own["Dest Node"][column] = self.chain[int(moves.out_link[movement])][1]
            own["Volume"][column] = float(self.flow[movement]) * 3600.0
            for name, phases in (("Phase", self.phases.protected), ("PermPhase", self.phases.permitted)):
                for k, phase in enumerate(phases.get(movement, ()), start=1):
                    own[f"{name}{k}"][column] = phase
        for link in sorted(set(moves.in_link.tolist())):
            self._add_lanes(link, cells[self.chain[link][-1]])
        columns = [d + turn for d in DIRECTIONS for turn in reversed(TURNS)]
        rows = [
            (name, intid, *(row.get(column) for column in columns))
            for intid, records in sorted(cells.items())
            for name, row in records.items()
        ]
        return UtdfSection.of("Lanes", "Lane Group Data", ("RECORDNAME", "INTID", *columns), rows)

    def _add_lanes(self, link: int, own: dict[str, dict[str, object]]) -> None:
        """Write lanes, shared lanes, bays and saturation flows of an approach."""
        groups, joined, moves = self.network.lane_groups, self.network.connections, self.network.movements
        direction = self.direction[self.chain[link][-1], self.chain[link][-2]]
        served: dict[str, list[set[str]]] = {}
        for movement in np.flatnonzero(moves.in_link == link).tolist():
            own["Lanes"][self.column[movement]] = 0
        for group in np.flatnonzero(groups.link == link).tolist():
            members = joined.movement[joined.lane_group == group].tolist()
            turns = {self.column[m][2:]: m for m in members}
            home = next(turn for turn in _HOMES if turn in turns)
            column, count = direction + home, int(groups.lanes[group])
            lanes = served.setdefault(home, [])
            lanes += [set(turns)] * count
            own["Lanes"][column] = len(lanes)
            flow = float(groups.saturation_veh_s[group] * moves.saturation_factor[turns[home]]) * 3600.0
            before = own["SatFlow"].get(column, 0.0)
            own["SatFlow"][column] = flow + (before if isinstance(before, float) else 0.0)
            length_m = float(groups.length_m[group])
            if length_m < float(self.network.links.length_m[link]) - _BAY_M:
                own["Storage"][column], own["StLanes"][column] = length_m, count
        for home, lanes in served.items():
            place = TURNS.index(home)
            right = 2 * bool(lanes[0] & set(TURNS[:place]))
            own["Shared"][direction + home] = right + bool(lanes[-1] & set(TURNS[place + 1 :]))
