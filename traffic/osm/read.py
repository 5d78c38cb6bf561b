"""Reads OpenStreetMap files; the only importer of osmium.

The file is passed over three times (tagged nodes; ways and relations; coordinates of the nodes that are
used), so that nothing but the extract is ever held in memory.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import osmium
from osmium.filter import KeyFilter

from traffic.errors import InputError
from traffic.osm.extract import OsmExtract, OsmGap, OsmPlaces, OsmRestriction, OsmSignals
from traffic.osm.tags import WAY_KEYS, closed_reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from traffic.progress import Progress

__all__ = ["EXTENSIONS", "read_osm"]

EXTENSIONS = (".osm", ".osm.gz", ".osm.bz2", ".osm.pbf", ".pbf")
"""Endings of file names that can be read."""

_PLACES = frozenset(
    {"city", "town", "borough", "suburb", "quarter", "neighbourhood", "village", "hamlet", "city_block"}
)
_BARRIERS = frozenset({"bollard", "block", "jersey_barrier", "wall", "fence", "debris", "log", "chain"})
_OPEN = frozenset({"yes", "permissive", "designated", "destination", "customers"})


def read_osm(path: Path, *, progress: Progress | None = None) -> OsmExtract:
    """Read an OpenStreetMap file.

    Parameters
    ----------
    path
        ``.osm``, ``.osm.gz`` or ``.osm.pbf``.

    Raises
    ------
    InputError
        If the file is missing, truncated, not an OSM file, has no drivable road, or a node of a road has a
        position off the globe.
    """
    path = Path(path)
    _check_name(path)
    with _file_errors(path):
        points = _read_points(path)
        _report(progress, 1, "ways")
        ways = _read_ways(path, points.signals)
        _report(progress, 2, "positions")
        if not ways.ids:
            raise InputError(
                "must hold a road that cars may use",
                file=path,
                field="way.highway",
                value=f"{ways.counts['ways not a road for cars']} other ways",
                hint="Check that the extract covers the city and was not filtered for another use",
            )
        where = _read_positions(path, ways.node_ids() | points.node_ids())
    _report(progress, 3, "done")
    return _extract(path, points, ways, where)


class _Points:
    """Tagged nodes, by id."""

    def __init__(self) -> None:
        self.signals: dict[int, Mapping[str, str]] = {}
        self.places: dict[int, Mapping[str, str]] = {}
        self.signs: dict[str, list[int]] = {"crossing": [], "stop": [], "give_way": [], "barrier": []}
        self.counts: Counter[str] = Counter()

    def node_ids(self) -> set[int]:
        return self.signals.keys() | self.places.keys()

    def add(self, osm_id: int, tags: Mapping[str, str]) -> None:
        kinds = {kind.strip() for kind in tags.get("highway", "").split(";")}
        if "traffic_signals" in kinds or (
            "crossing" in kinds and "traffic_signals" in tags.get("crossing", "").split(";")
        ):
            self.signals[osm_id] = tags
        for kind in ("crossing", "stop", "give_way"):
            if kind in kinds:
                self.signs[kind].append(osm_id)
        if tags.get("barrier") in _BARRIERS and not _opened(tags):
            self.signs["barrier"].append(osm_id)
        if tags.get("place") in _PLACES:
            self.places[osm_id] = tags
        self.counts["speed cameras"] += "speed_camera" in kinds
        self.counts["bus stops"] += "bus_stop" in kinds


class _Ways:
    """Drivable ways, and which other ways carry a signal."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.nodes: list[list[int]] = []
        self.tags: list[Mapping[str, str]] = []
        self.carriers: dict[int, str] = {}
        self.restrictions: list[OsmRestriction] = []
        self.counts: Counter[str] = Counter()

    def node_ids(self) -> set[int]:
        return {node for nodes in self.nodes for node in nodes}

    def add(self, osm_id: int, tags: dict[str, str], nodes: list[int], signals: Mapping[int, object]) -> None:
        reason = closed_reason(tags)
        if reason is None:
            once = [node for node, before in zip(nodes, [None, *nodes], strict=False) if node != before]
            if len(once) < 2:
                self.counts["ways with fewer than 2 nodes"] += 1
                return
            self.ids.append(osm_id)
            self.nodes.append(once)
            self.tags.append({key: value for key, value in tags.items() if key in WAY_KEYS})
            return
        self.counts[f"ways {reason}"] += 1
        kind = tags.get("highway") or tags.get("railway", "way")
        label = kind if reason == "not a road for cars" else f"{kind}, {reason}"
        for node in nodes:
            if node in signals:
                self.carriers.setdefault(node, label)

    def restrict(self, osm_id: int, tags: Mapping[str, str], members: Iterable[tuple[str, str, int]]) -> None:
        kind = _restriction_kind(tags)
        if kind is None:
            self.counts["restrictions not for cars or not understood"] += 1
            return
        by_role: dict[str, list[tuple[str, int]]] = {}
        for role, member, ref in members:
            by_role.setdefault(role, []).append((member, ref))
        via = by_role.get("via", [])
        if any(member == "w" for member, _ in via):
            self.counts["restrictions over a way (not supported)"] += 1
            return
        froms = [ref for member, ref in by_role.get("from", []) if member == "w"]
        tos = [ref for member, ref in by_role.get("to", []) if member == "w"]
        if len(via) != 1 or not froms or not tos:
            self.counts["restrictions without from, via or to"] += 1
            return
        for start in froms:
            self.restrictions.extend(OsmRestriction(osm_id, kind, start, via[0][1], end) for end in tos)


def _opened(tags: Mapping[str, str]) -> bool:
    return any(tags.get(key) in _OPEN for key in ("motorcar", "motor_vehicle", "vehicle", "access"))


def _restriction_kind(tags: Mapping[str, str]) -> str | None:
    """Return the restriction that holds for cars at all times of day."""
    if "motorcar" in tags.get("except", "").split(";"):
        return None
    for key in ("restriction:motorcar", "restriction"):
        kind = tags.get(key, "")
        if kind.startswith(("no_", "only_")):
            return kind
    return None


def _read_points(path: Path) -> _Points:
    points = _Points()
    keys = KeyFilter("highway", "place", "barrier", "crossing")
    for node in osmium.FileProcessor(str(path), osmium.osm.NODE).with_filter(keys):
        points.add(node.id, dict(node.tags))
    return points


def _read_ways(path: Path, signals: Mapping[int, object]) -> _Ways:
    ways = _Ways()
    kinds = osmium.osm.WAY | osmium.osm.RELATION
    keys = KeyFilter("highway", "railway", "restriction", "restriction:motorcar", "restriction:conditional")
    for item in osmium.FileProcessor(str(path), kinds).with_filter(keys):
        tags = dict(item.tags)
        if item.is_way():
            ways.add(item.id, tags, [node.ref for node in item.nodes], signals)
        elif tags.get("type", "").startswith("restriction"):
            members = [(member.role, member.type, member.ref) for member in item.members]
            ways.restrict(item.id, tags, members)
    return ways


def _read_positions(path: Path, ids: set[int]) -> dict[int, tuple[float, float]]:
    where = {}
    for node in osmium.FileProcessor(str(path), osmium.osm.NODE):
        if node.id not in ids:  # an IdFilter would take a gigabyte for ids as far apart as OSM's are
            continue
        place = node.location
        if not place.valid():
            raise InputError(
                "must have a latitude from -90 to 90 and a longitude from -180 to 180",
                file=path,
                field=f"node {node.id}",
                value=str(place),
                hint="Mend the node or take it out of the file",
            )
        where[node.id] = (place.lon, place.lat)
    return where


def _extract(
    path: Path, points: _Points, ways: _Ways, where: Mapping[int, tuple[float, float]]
) -> OsmExtract:
    counts = points.counts + ways.counts
    ids, nodes, tags = _cut_at_gaps(ways, where)
    order = {osm_id: index for index, osm_id in enumerate(sorted(where))}
    gaps = tuple(_gaps(ways, order))
    missing = len({node for gap in gaps for node in gap.missing})
    if missing:
        counts["nodes of roads missing in the file"] = missing
    if not ids:
        raise InputError(
            "must hold the nodes of its roads",
            file=path,
            field=f"way {gaps[0].way}",
            value=f"node {gaps[0].missing[0]} is not in the file, and {missing - 1} others",
            hint="The file may be cut off; make the extract again with complete ways",
        )
    signals = [osm_id for osm_id in points.signals if osm_id in order]
    driven = {node for way in nodes for node in way}
    places = [points.places[osm_id] for osm_id in points.places]
    return OsmExtract(
        source=str(path),
        node_id=np.array(sorted(where)),
        lon=np.array([where[osm_id][0] for osm_id in order]),
        lat=np.array([where[osm_id][1] for osm_id in order]),
        way_id=np.array(ids),
        way_begin=np.r_[0, np.cumsum([len(way) for way in nodes])],
        way_node=np.array([order[node] for way in nodes for node in way]),
        way_tags=tuple(tags),
        signals=OsmSignals(
            node=np.array([order[osm_id] for osm_id in signals], dtype=np.int32),
            tags=tuple(points.signals[osm_id] for osm_id in signals),
            carrier=tuple("" if s in driven else ways.carriers.get(s, "nothing") for s in signals),
        ),
        places=OsmPlaces(
            lon=np.array([where[osm_id][0] for osm_id in points.places]),
            lat=np.array([where[osm_id][1] for osm_id in points.places]),
            kind=tuple(place["place"] for place in places),
            name=tuple(place.get("name", "") for place in places),
            population=np.array([_population(place) for place in places], dtype=np.int64),
        ),
        restrictions=tuple(ways.restrictions),
        counts=counts,
        gaps=gaps,
        **{
            f"{kind}_node": np.array([order[n] for n in sign if n in driven], dtype=np.int32)
            for kind, sign in points.signs.items()
        },
    )


def _cut_at_gaps(
    ways: _Ways, where: Mapping[int, object]
) -> tuple[list[int], list[list[int]], list[Mapping[str, str]]]:
    """Cut ways where the file lacks a node, as at the edge of an extract."""
    ids: list[int] = []
    parts: list[list[int]] = []
    tags: list[Mapping[str, str]] = []
    for osm_id, nodes, way_tags in zip(ways.ids, ways.nodes, ways.tags, strict=True):
        for present, run in groupby(nodes, key=where.__contains__):
            part = list(run)
            if present and len(part) >= 2:
                ids.append(osm_id)
                parts.append(part)
                tags.append(way_tags)
    return ids, parts, tags


def _gaps(ways: _Ways, order: Mapping[int, int]) -> Iterator[OsmGap]:
    """Yield the ways that refer to nodes that the file lacks; `order` is the index of each node that it has."""
    for osm_id, nodes, tags in zip(ways.ids, ways.nodes, ways.tags, strict=True):
        missing = tuple(dict.fromkeys(node for node in nodes if node not in order))
        if missing:
            gap = nodes.index(missing[0])
            there = [position for position, node in enumerate(nodes) if node in order]
            near = min(there, key=lambda position: abs(position - gap), default=None)
            name = tags.get("name", tags.get("ref", ""))
            yield OsmGap(osm_id, name, missing, None if near is None else order[nodes[near]])


def _population(tags: Mapping[str, str]) -> int:
    digits = tags.get("population", "").replace(" ", "").replace(",", "")
    return int(digits) if digits.isdecimal() else 0


def _check_name(path: Path) -> None:
    if not path.is_file():
        raise InputError("must be a file that exists", file=path, field="FILE", hint="Check the path")
    if not path.name.lower().endswith(EXTENSIONS):
        raise InputError(
            f"must end in {', '.join(EXTENSIONS)}",
            file=path,
            field="FILE",
            hint="Rename the file if it is an OpenStreetMap extract",
        )


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Turn what osmium raises into an `InputError`."""
    try:
        yield
    except osmium.InvalidLocationError as error:
        raise InputError(
            "must have numbers for latitude and longitude",
            file=path,
            field="node.lat, node.lon",
            value=str(error),
            hint="Mend the node or take it out of the file",
        ) from error
    except (RuntimeError, ValueError) as error:
        raise InputError(
            "must be a complete OpenStreetMap file",
            file=path,
            field="file content",
            value=str(error),
            hint="The file is cut off or of another format; download it again and compare the size",
        ) from error


def _report(progress: Progress | None, done: int, note: str) -> None:
    if progress is not None:
        progress(done, 3, f"reading: {note}")
