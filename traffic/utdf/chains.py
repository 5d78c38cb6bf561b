"""Links of a UTDF file: one direction of a road from node to node, over its bends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError
from traffic.utdf.tables import DIRECTIONS, NodeType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.utdf.tables import UtdfRecords, UtdfTables

__all__ = ["Chain", "chains_of"]

_CURVE_POINTS = 8
_MOST_LANES = 20


@dataclass(frozen=True, eq=False)
class Chain:
    """One direction of a road.

    Attributes
    ----------
    ids
        INTID of its nodes from upstream, bends between the first and the last.
    direction
        The direction's name at the last node, e.g. ``"NB"``.
    shape_m
        Points from start to end, metres; shape (n, 2).
    lanes
        Lanes where it ends.
    """

    ids: tuple[int, ...]
    direction: str
    shape_m: NDArray[np.float64]
    length_m: float
    speed_m_s: float
    lanes: int
    name: str


@dataclass(frozen=True)
class _Piece:
    """A direction of [Links] with lanes."""

    up: int
    intid: int
    direction: str
    lanes: int
    records: UtdfRecords


def chains_of(tables: UtdfTables) -> list[Chain]:
    """Return the links in the order in which [Links] has their last pieces."""
    pieces = [piece for intid in tables.links for piece in _pieces(tables, intid)]
    into: dict[int, list[_Piece]] = {}
    for piece in pieces:
        into.setdefault(piece.intid, []).append(piece)
    whole = [piece for piece in pieces if tables.nodes[piece.intid].kind is not NodeType.BEND]
    if not whole:
        rule, hint = "must have a direction with lanes", "Export the links too"
        raise InputError(rule, file=tables.file.source, field="[Links], Lanes", hint=hint)
    return [_chain(tables, _upstream(tables, piece, into)) for piece in whole]


def _pieces(tables: UtdfTables, intid: int) -> list[_Piece]:
    records, found, seen = tables.links[intid], [], set[int]()
    for direction in DIRECTIONS:
        up = records.whole("Up ID", direction, 0)
        if up == 0:
            continue
        field = f"{records.where}, Up ID, {direction}"
        if up not in tables.nodes or up == intid:
            rule, hint = "must be another node of [Nodes]", "Add the node, or empty the cell"
            raise InputError(rule, file=records.file, field=field, value=up, hint=hint)
        if up in seen:
            rule, hint = "must not be upstream of a node twice", "Put a bend into one of the two roads"
            raise InputError(rule, file=records.file, field=field, value=up, hint=hint)
        seen.add(up)
        lanes = records.whole("Lanes", direction, 0)
        if not 0 <= lanes <= _MOST_LANES:
            field, rule = f"{records.where}, Lanes, {direction}", f"must be from 0 to {_MOST_LANES}"
            raise InputError(rule, file=records.file, field=field, value=lanes, hint="Correct the lanes")
        if lanes:
            found.append(_Piece(up, intid, direction, lanes, records))
    return found


def _upstream(tables: UtdfTables, last: _Piece, into: dict[int, list[_Piece]]) -> list[_Piece]:
    """Return the pieces from the first node that is no bend to `last`."""
    found = [last]
    while tables.nodes[found[0].up].kind is NodeType.BEND:
        bend, came_to = found[0].up, found[0].intid
        before = [piece for piece in into.get(bend, []) if piece.up != came_to]
        if len(before) != 1 or len(found) > len(tables.nodes):
            rule = "must be a bend that one road leads to from the other side"
            hint = "Correct the links of the bend, or give the node another type"
            where = f"[Nodes], INTID {bend}"
            raise InputError(rule, file=tables.file.source, field=where, value=len(before), hint=hint)
        found.insert(0, before[0])
    return found


def _chain(tables: UtdfTables, pieces: list[_Piece]) -> Chain:
    last, metre = pieces[-1], tables.metre
    points = [_position(tables, pieces[0].up)[None], *(_curve(tables, piece)[1:] for piece in pieces)]
    lengths = [_positive(piece, "Distance") * metre for piece in pieces]
    times = [
        length / (_positive(piece, "Speed") * tables.speed_unit_m_s)
        for piece, length in zip(pieces, lengths, strict=True)
    ]
    return Chain(
        ids=(pieces[0].up, *(piece.intid for piece in pieces)),
        direction=last.direction,
        shape_m=np.concatenate(points) * metre,
        length_m=sum(lengths),
        speed_m_s=sum(lengths) / sum(times),
        lanes=last.lanes,
        name=last.records.text("Name", last.direction),
    )


def _positive(piece: _Piece, record: str) -> float:
    value = piece.records.number(record, piece.direction)
    if value <= 0:
        field = f"{piece.records.where}, {record}, {piece.direction}"
        hint = "Correct the cell in the file, or in Synchro and export again"
        raise InputError("must be more than 0", file=piece.records.file, field=field, value=value, hint=hint)
    return value


def _position(tables: UtdfTables, intid: int) -> NDArray[np.float64]:
    node = tables.nodes[intid]
    return np.array([node.x, node.y])


def _curve(tables: UtdfTables, piece: _Piece) -> NDArray[np.float64]:
    """Points of a piece: straight, or a quadratic Bezier curve about its one curve point."""
    start, end = _position(tables, piece.up), _position(tables, piece.intid)
    if (start == end).all():
        rule, hint = f"must not lie where INTID {piece.intid} does", "Move one of the two nodes"
        where, value = f"[Nodes], INTID {piece.up}, X, Y", ", ".join(f"{x:g}" for x in start)
        raise InputError(rule, file=tables.file.source, field=where, value=value, hint=hint)
    if not piece.records.text("Curve Pt X", piece.direction):
        return np.stack([start, end])
    point = np.array([piece.records.number(f"Curve Pt {axis}", piece.direction) for axis in "XY"])
    t = np.linspace(0.0, 1.0, _CURVE_POINTS)[:, None]
    curve: NDArray[np.float64] = (1 - t) ** 2 * start + 2 * t * (1 - t) * point + t**2 * end
    return curve
