"""A SUMO network file (``.net.xml``, also gzipped) as plain records, nothing interpreted yet.

Read from the description of SUMO's network format (https://sumo.dlr.de/docs/Networks/SUMO_Road_Networks.html). Only
what Jasyl uses is kept: lanes that cars may use, connections between them, right-of-way matrices of junctions, traffic
lights with all their programs.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from traffic.errors import InputError
from traffic.sumo.logics import NetLogic, read_logic
from traffic.sumo.records import number_of, records, text_of

__all__ = [
    "NetConnection",
    "NetEdge",
    "NetJunction",
    "NetLane",
    "SumoNet",
    "read_net",
]

_CAR = "passenger"


@dataclass(frozen=True)
class NetLane:
    """A lane; `index` counts from the right, `cars` tells whether passenger cars may use it."""

    index: int
    length_m: float
    speed_m_s: float
    shape: tuple[tuple[float, float], ...]
    cars: bool


@dataclass(frozen=True)
class NetEdge:
    """A directed road, or by its `function` a part of a junction's inside, with its lanes from the right."""

    id: str
    from_node: str
    to_node: str
    name: str
    kind: str
    function: str
    shape: tuple[tuple[float, float], ...]
    lanes: tuple[NetLane, ...]


@dataclass(frozen=True)
class NetConnection:
    """A way from one lane to another; `index` is the place in the states of the traffic light `light`, -1 without one."""

    from_edge: str
    to_edge: str
    from_lane: int
    to_lane: int
    via: str
    direction: str
    light: str
    index: int


@dataclass(frozen=True)
class NetJunction:
    """Where edges meet.

    Attributes
    ----------
    inside
        Internal lanes of the connections, in the order of their places in the right-of-way matrices.
    response, foes
        For each of these, the ones that it gives way to and the ones whose path it crosses or joins; Boolean, square.
    """

    id: str
    x_m: float
    y_m: float
    inside: tuple[str, ...]
    response: NDArray[np.bool_]
    foes: NDArray[np.bool_]


@dataclass(frozen=True)
class SumoNet:
    """What a network file holds; dictionaries are in the order of the file."""

    path: str
    projection: str
    edges: dict[str, NetEdge]
    junctions: dict[str, NetJunction]
    connections: tuple[NetConnection, ...]
    logics: tuple[NetLogic, ...]

    @cached_property
    def at_light(self) -> dict[str, dict[int, list[NetConnection]]]:
        """Connections by traffic light and place."""
        found: dict[str, dict[int, list[NetConnection]]] = {}
        for c in self.connections:
            if c.light and c.index >= 0:
                found.setdefault(c.light, {}).setdefault(c.index, []).append(c)
        return found

    def way_through(self, via: str) -> Iterator[str]:
        """Yield the internal lanes of a connection, from `via` on."""
        seen: set[str] = set()
        while via and via not in seen:
            seen.add(via)
            yield via
            edge, _, lane = via.rpartition("_")
            via = self._following.get((edge, int(lane)), "") if lane.isdigit() else ""

    @cached_property
    def _following(self) -> dict[tuple[str, int], str]:
        return {(c.from_edge, c.from_lane): c.via for c in self.connections if c.from_edge.startswith(":")}

    def lane(self, lane_id: str) -> NetLane | None:
        """Return a lane by SUMO's id, ``EDGE_INDEX``; `None` where there is none."""
        edge, _, index = lane_id.rpartition("_")
        lanes = self.edges[edge].lanes if edge in self.edges else ()
        return lanes[int(index)] if index.isdigit() and int(index) < len(lanes) else None

    def programs(self) -> dict[str, NetLogic]:
        """Return the program of every traffic light that SUMO starts with: the last one that is read."""
        return {logic.light: logic for logic in self.logics}


@dataclass
class _Draft:
    edges: dict[str, NetEdge] = field(default_factory=dict)
    junctions: dict[str, NetJunction] = field(default_factory=dict)
    connections: list[NetConnection] = field(default_factory=list)
    logics: list[NetLogic] = field(default_factory=list)
    projection: str = "!"


def read_net(path: str | os.PathLike[str]) -> SumoNet:
    """Read a network file.

    Raises
    ------
    InputError
        Where the file is not there, is no SUMO network, or breaks off.
    """
    draft = _Draft()
    for element in records(path, "net"):
        _take(element, draft, Path(path))
    if not draft.edges:
        raise InputError("must hold an edge that cars may use", file=path, field="edge")
    return SumoNet(
        path=str(path),
        projection=draft.projection,
        edges=draft.edges,
        junctions=draft.junctions,
        connections=tuple(draft.connections),
        logics=tuple(draft.logics),
    )


def _take(element: ET.Element, draft: _Draft, path: Path) -> None:
    """Add one child of the root to `draft`."""
    if element.tag == "edge":
        edge = _edge(element, path)
        if edge.lanes:
            draft.edges[edge.id] = edge
    elif element.tag == "junction":
        if element.get("type") != "internal":
            junction = _junction(element, path)
            draft.junctions[junction.id] = junction
    elif element.tag == "connection":
        draft.connections.append(_connection(element, path))
    elif element.tag == "tlLogic":
        draft.logics.append(read_logic(element, path))
    elif element.tag == "location":
        draft.projection = element.get("projParameter", "!")


def _edge(element: ET.Element, path: Path) -> NetEdge:
    lanes = tuple(_lane(lane, path) for lane in element.iter("lane"))
    return NetEdge(
        id=text_of(element, "id", path),
        from_node=element.get("from", ""),
        to_node=element.get("to", ""),
        name=element.get("name", ""),
        kind=element.get("type", ""),
        function=element.get("function", "normal"),
        shape=_shape(element.get("shape", ""), path),
        lanes=lanes,
    )


def _lane(element: ET.Element, path: Path) -> NetLane:
    return NetLane(
        index=int(number_of(element, "index", path)),
        length_m=number_of(element, "length", path),
        speed_m_s=number_of(element, "speed", path),
        shape=_shape(element.get("shape", ""), path),
        cars=_for_cars(element.get("allow"), element.get("disallow")),
    )


def _for_cars(allow: str | None, disallow: str | None) -> bool:
    if allow:
        return allow == "all" or _CAR in allow.split()
    return not (disallow and (disallow == "all" or _CAR in disallow.split()))


def _junction(element: ET.Element, path: Path) -> NetJunction:
    inside = tuple(element.get("intLanes", "").split())
    requests = sorted(element.iter("request"), key=lambda row: number_of(row, "index", path))
    return NetJunction(
        id=text_of(element, "id", path),
        x_m=number_of(element, "x", path),
        y_m=number_of(element, "y", path),
        inside=inside,
        response=_bits([row.get("response", "") for row in requests]),
        foes=_bits([row.get("foes", "") for row in requests]),
    )


def _bits(rows: list[str]) -> NDArray[np.bool_]:
    """Return rows of bits, the first place last in each, as a square array."""
    size = len(rows)
    table = np.zeros((size, size), dtype=bool)
    for index, row in enumerate(rows):
        bits = np.array([bit == "1" for bit in reversed(row)], dtype=bool)
        table[index, : len(bits)] = bits[:size]
    return table


def _connection(element: ET.Element, path: Path) -> NetConnection:
    return NetConnection(
        from_edge=text_of(element, "from", path),
        to_edge=text_of(element, "to", path),
        from_lane=int(number_of(element, "fromLane", path)),
        to_lane=int(number_of(element, "toLane", path)),
        via=element.get("via", ""),
        direction=element.get("dir", "s"),
        light=element.get("tl", ""),
        index=int(number_of(element, "linkIndex", path, "-1")),
    )


def _shape(text: str, path: Path) -> tuple[tuple[float, float], ...]:
    try:
        return tuple((float(x), float(y)) for x, y, *_ in (point.split(",") for point in text.split()))
    except ValueError as error:
        raise InputError("must be points x,y", file=path, field="shape", value=text) from error
