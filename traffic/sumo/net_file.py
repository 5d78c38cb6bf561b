"""A SUMO network file (``.net.xml``, also gzipped) as plain records, nothing interpreted yet.

Read from the description of SUMO's network format (https://sumo.dlr.de/docs/Networks/SUMO_Road_Networks.html). Only
what Jasyl uses is kept: lanes that cars may use, connections between them, right-of-way matrices of junctions, traffic
lights with all their programs.
"""

from __future__ import annotations

import gzip
import math
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from traffic.errors import InputError

__all__ = [
    "NetConnection",
    "NetEdge",
    "NetJunction",
    "NetLane",
    "NetLogic",
    "NetPhase",
    "SumoNet",
    "opened",
    "read_logics",
    "read_net",
    "records",
]

_CAR = "passenger"
_GZIP = b"\x1f\x8b"


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
class NetPhase:
    """Seconds during which nothing changes, and the letter of every place.

    Attributes
    ----------
    name, max_s, yellow_s, red_s
        Of a NEMA phase: its number, its greatest green, and the yellow and red that follow it.
    """

    duration_s: float
    state: str
    name: str = ""
    max_s: float = 0.0
    yellow_s: float = 0.0
    red_s: float = 0.0


@dataclass(frozen=True)
class NetLogic:
    """A program of a traffic light."""

    light: str
    program: str
    kind: str
    offset_s: float
    phases: tuple[NetPhase, ...]
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def cycle_s(self) -> float:
        """Sum of all phases."""
        return sum(phase.duration_s for phase in self.phases)


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


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file of SUMO, gzipped or not."""
    file = Path(path)
    try:
        stream = file.open("rb")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=file) from error
    with stream:
        packed = stream.read(2) == _GZIP
        stream.seek(0)
        if packed:
            with gzip.open(stream) as text:
                yield text  # type: ignore[misc]
        else:
            yield stream


def records(path: str | os.PathLike[str], *roots: str) -> Iterator[ET.Element]:
    """Yield the children of the root of an XML file one by one, freeing each after use.

    Parameters
    ----------
    roots
        Names that the root may have; none: any.
    """
    depth = 0
    try:
        with opened(path) as stream:
            for event, element in ET.iterparse(stream, events=("start", "end")):  # noqa: S314 - no entities: expat >= 2.4
                if event == "start":
                    depth += 1
                    if depth == 1:
                        root = element
                        if roots and root.tag not in roots:
                            rule = f"must be an XML file of SUMO with the root <{'> or <'.join(roots)}>"
                            raise InputError(rule, file=path, field="root", value=root.tag)
                    continue
                depth -= 1
                if depth == 1:
                    yield element
                    root.clear()
    except (ET.ParseError, EOFError, gzip.BadGzipFile, OSError) as error:
        hint = "It may have been cut off; fetch or write it again"
        raise InputError(f"cannot be read as XML: {error}", file=path, hint=hint) from error


def read_logics(path: str | os.PathLike[str]) -> tuple[NetLogic, ...]:
    """Return the programs of an additional file."""
    return tuple(read_logic(row, Path(path)) for row in records(path) if row.tag == "tlLogic")


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
        id=_text(element, "id", path),
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
        index=int(_number(element, "index", path)),
        length_m=_number(element, "length", path),
        speed_m_s=_number(element, "speed", path),
        shape=_shape(element.get("shape", ""), path),
        cars=_for_cars(element.get("allow"), element.get("disallow")),
    )


def _for_cars(allow: str | None, disallow: str | None) -> bool:
    if allow:
        return allow == "all" or _CAR in allow.split()
    return not (disallow and (disallow == "all" or _CAR in disallow.split()))


def _junction(element: ET.Element, path: Path) -> NetJunction:
    inside = tuple(element.get("intLanes", "").split())
    requests = sorted(element.iter("request"), key=lambda row: _number(row, "index", path))
    return NetJunction(
        id=_text(element, "id", path),
        x_m=_number(element, "x", path),
        y_m=_number(element, "y", path),
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
        from_edge=_text(element, "from", path),
        to_edge=_text(element, "to", path),
        from_lane=int(_number(element, "fromLane", path)),
        to_lane=int(_number(element, "toLane", path)),
        via=element.get("via", ""),
        direction=element.get("dir", "s"),
        light=element.get("tl", ""),
        index=int(_number(element, "linkIndex", path, "-1")),
    )


def read_logic(element: ET.Element, path: Path) -> NetLogic:
    """Return the program that a ``<tlLogic>`` describes."""
    phases = tuple(_phase(phase, path) for phase in element.iter("phase"))
    light = _text(element, "id", path)
    where = f"tlLogic {light}"
    if not phases or sum(phase.duration_s for phase in phases) <= 0:
        raise InputError("must have a phase that lasts", file=path, field=where)
    if len({len(phase.state) for phase in phases}) > 1:
        rule, value = "must have states of one length", [phase.state for phase in phases]
        raise InputError(rule, file=path, field=where, value=value)
    return NetLogic(
        light=light,
        program=element.get("programID", "0"),
        kind=element.get("type", "static"),
        offset_s=_number(element, "offset", path, "0"),
        phases=phases,
        params={row.get("key", ""): row.get("value", "") for row in element.iter("param")},
    )


def _phase(element: ET.Element, path: Path) -> NetPhase:
    duration_s = _number(element, "duration", path)
    return NetPhase(
        duration_s=duration_s,
        state=_text(element, "state", path),
        name=element.get("name", ""),
        max_s=_number(element, "maxDur", path, str(duration_s)),
        yellow_s=_number(element, "yellow", path, "0"),
        red_s=_number(element, "red", path, "0"),
    )


def _shape(text: str, path: Path) -> tuple[tuple[float, float], ...]:
    try:
        return tuple((float(x), float(y)) for x, y, *_ in (point.split(",") for point in text.split()))
    except ValueError as error:
        raise InputError("must be points x,y", file=path, field="shape", value=text) from error


def _text(element: ET.Element, name: str, path: Path) -> str:
    value = element.get(name)
    if not value:
        raise InputError(f"must have the attribute {name}", file=path, field=_place(element))
    return value


def _number(element: ET.Element, name: str, path: Path, default: str | None = None) -> float:
    text = _text(element, name, path) if default is None else element.get(name, default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError("must be a number", file=path, field=f"{_place(element)}, {name}", value=text)
    return value


def _place(element: ET.Element) -> str:
    return f"{element.tag} {element.get('id', '')}".strip()
