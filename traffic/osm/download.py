"""Downloads a place by name; the only importer of osmnx.

The answers of the map servers are kept in osmnx's cache, so that a place is downloaded once. A download
holds no turn restrictions, since osmnx does not ask for relations.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import osmnx
import platformdirs

from traffic.errors import InputError
from traffic.osm.extract import OsmExtract, OsmPlaces, OsmSignals
from traffic.osm.tags import WAY_KEYS, closed_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["download_place", "extract_from_graph"]

_NODE_KEYS = (
    "highway",
    "crossing",
    "traffic_signals:direction",
    "direction",
    "barrier",
    "motor_vehicle",
    "access",
)
_BARRIERS = frozenset({"bollard", "block", "jersey_barrier", "wall", "fence", "debris", "log", "chain"})


def download_place(place: str, *, cache: Path | None = None) -> OsmExtract:
    """Download the roads and signals of a place.

    Parameters
    ----------
    place
        Anything that the Nominatim geocoder knows an area for: ``"Almaty, Kazakhstan"``.
    cache
        Folder for the answers; default: Jasyl's folder in the user's cache.

    Raises
    ------
    InputError
        If the place is unknown, has no area or no road, or no server can be reached.
    """
    if not place.strip():
        hint = "Write one that OpenStreetMap knows, e.g. 'Almaty, Kazakhstan'"
        raise InputError("must be the name of a place", field="place", value=place, hint=hint)
    folder = cache or Path(platformdirs.user_cache_dir("jasyl")) / "osm"
    with _settings(folder), _download_errors(place):
        graph = osmnx.graph_from_place(
            place, network_type="drive_service", simplify=False, retain_all=True, truncate_by_edge=True
        )
    return extract_from_graph(graph, source=place)


def extract_from_graph(graph: Any, *, source: str) -> OsmExtract:
    """Return the extract of an osmnx graph.

    The graph must not be simplified and must hold each way once, in the order of its nodes (``all_oneway``).
    """
    closed: Counter[str] = Counter()
    ids: list[int] = []
    chains: list[list[int]] = []
    tags: list[Mapping[str, str]] = []
    for osm_id, edges in sorted(_edges_by_way(graph).items()):
        own = _way_tags(edges[0][2])
        reason = closed_reason(own)
        if reason is not None:
            closed[f"ways {reason}"] += 1
            continue
        for chain in _chains([(u, v) for u, v, _ in edges]):
            ids.append(osm_id)
            chains.append(chain)
            tags.append(own)
    if not ids:
        raise InputError(
            "must hold a road that cars may use",
            file=source,
            field="way.highway",
            hint="Name a larger area, or import a file",
        )
    driven = {node for chain in chains for node in chain}
    points = {int(node): data for node, data in graph.nodes(data=True)}
    signals = {node: _text(data) for node, data in points.items() if _is_signal(data)}
    nodes = sorted(driven | signals.keys())
    order = {node: index for index, node in enumerate(nodes)}

    def marked(test: str) -> np.ndarray[Any, np.dtype[np.int32]]:
        found = [order[node] for node in nodes if node in driven and test in _kinds(points[node])]
        return np.array(found, dtype=np.int32)

    return OsmExtract(
        source=source,
        node_id=np.array(nodes),
        lon=np.array([float(points[node]["x"]) for node in nodes]),
        lat=np.array([float(points[node]["y"]) for node in nodes]),
        way_id=np.array(ids),
        way_begin=np.r_[0, np.cumsum([len(chain) for chain in chains])],
        way_node=np.array([order[node] for chain in chains for node in chain]),
        way_tags=tuple(tags),
        signals=OsmSignals(
            node=np.array([order[node] for node in signals], dtype=np.int32),
            tags=tuple(signals.values()),
            carrier=tuple("" if node in driven else "nothing" for node in signals),
        ),
        places=OsmPlaces.none(),
        restrictions=(),
        crossing_node=marked("crossing"),
        stop_node=marked("stop"),
        give_way_node=marked("give_way"),
        barrier_node=marked("barrier"),
        counts={**closed, "downloads without turn restrictions": 1},
    )


@contextmanager
def _settings(folder: Path) -> Iterator[None]:
    """Set what osmnx keeps of the tags, and put its settings back afterwards."""
    settings = osmnx.settings
    wanted = {
        "use_cache": True,
        "cache_folder": folder,
        "all_oneway": True,
        "useful_tags_way": sorted(WAY_KEYS),
        "useful_tags_node": list(_NODE_KEYS),
    }
    before = {name: getattr(settings, name) for name in wanted}
    try:
        for name, value in wanted.items():
            setattr(settings, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)


@contextmanager
def _download_errors(place: str) -> Iterator[None]:
    """Turn what osmnx and the network raise into an `InputError`."""
    try:
        yield
    except (TypeError, ValueError) as error:  # osmnx's own errors on answers are ValueErrors
        raise InputError(
            "must be a place with an area and roads",
            field="place",
            value=place,
            hint=f"Write it as on the map, with its country ({error})",
        ) from error
    except OSError as error:  # what requests raises is an OSError
        raise InputError(
            "must be downloaded, but no map server answers",
            field="place",
            value=place,
            hint=f"Check the connection or import a file ({error})",
        ) from error


def _edges_by_way(graph: Any) -> dict[int, list[tuple[int, int, Mapping[str, Any]]]]:
    ways: dict[int, list[tuple[int, int, Mapping[str, Any]]]] = defaultdict(list)
    for u, v, data in graph.edges(data=True):
        ways[int(data["osmid"])].append((int(u), int(v), data))
    return ways


def _way_tags(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a way; osmnx has turned ways with ``oneway=-1`` round already."""
    tags = {key: str(value) for key, value in data.items() if key in WAY_KEYS and isinstance(value, str)}
    if tags.get("oneway") in {"-1", "reverse"}:
        tags["oneway"] = "yes"
    return tags


def _chains(edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Join the edges of a way into chains of nodes; a way that was cut has several.

    Where a way passes a node twice the chain ends there, which changes nothing since ways are cut at
    shared nodes.
    """
    after: dict[int, list[int]] = defaultdict(list)
    into: Counter[int] = Counter()
    for u, v in edges:
        after[u].append(v)
        into[v] += 1
    inner = {node for node, nexts in after.items() if len(nexts) == 1 and into[node] == 1}
    starts = [u for u in after if u not in inner] or [edges[0][0]]
    chains = []
    seen: set[tuple[int, int]] = set()
    for start in [*starts, *inner]:
        for first in after[start]:
            chain, here = [start], first
            while (chain[-1], here) not in seen:
                seen.add((chain[-1], here))
                chain.append(here)
                if here not in inner:
                    break
                here = after[here][0]
            if len(chain) > 1:
                chains.append(chain)
    return chains


def _kinds(data: Mapping[str, Any]) -> set[str]:
    kinds = {kind.strip() for kind in str(data.get("highway", "")).split(";")}
    open_to_cars = data.get("motor_vehicle") == "yes" or data.get("access") in {"yes", "permissive"}
    if data.get("barrier") in _BARRIERS and not open_to_cars:
        kinds.add("barrier")
    return kinds


def _is_signal(data: Mapping[str, Any]) -> bool:
    kinds = _kinds(data)
    crossing = "traffic_signals" in str(data.get("crossing", "")).split(";")
    return "traffic_signals" in kinds or ("crossing" in kinds and crossing)


def _text(data: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(data[key]) for key in _NODE_KEYS if key in data}
