"""Zones: where trips begin and end, as sets of links.

Vehicles enter at the upstream end of a link and leave at the downstream end of a link. A gateway is a zone of
its own; the rest of the area is divided into inner zones of about equal road length, and their traffic enters
and leaves on minor roads, several links each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from traffic.arrays import frozen, require, require_finite, require_index
from traffic.errors import InputError
from traffic.network import RoadClass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = ["Zones", "connected_sides", "make_zones", "reachable"]

_LINKS_PER_ZONE = 8
_USED_LENGTH_M = 250.0
_SWEEPS = 50


@dataclass(frozen=True, eq=False)
class Zones:
    """Origins and destinations of trips.

    Attributes
    ----------
    name
        Unique name of each zone, as matrices and files call it.
    gateway
        True for a zone outside of the area, on the other side of a gateway node.
    x_m, y_m
        Centre, in the network's projected coordinates.
    weight
        Relative number of trip ends, 0 or more; comparable among gateways and among inner zones.
    entry_begin, exit_begin
        Zone z has the entry links ``entry_link[entry_begin[z] : entry_begin[z + 1]]``, and the exit links
        likewise; shape (zones + 1,). A zone may lack either, if not both.
    entry_link, exit_link
        Indices into `Links`.
    """

    name: tuple[str, ...]
    gateway: NDArray[np.bool_]
    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    weight: NDArray[np.float64]
    entry_begin: NDArray[np.int32]
    entry_link: NDArray[np.int32]
    exit_begin: NDArray[np.int32]
    exit_link: NDArray[np.int32]

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", tuple(self.name))
        object.__setattr__(self, "gateway", frozen(self.gateway, np.bool_))
        for field in ("x_m", "y_m", "weight"):
            object.__setattr__(self, field, frozen(getattr(self, field), np.float64))
            require_finite(f"zones.{field}", getattr(self, field))
        for field in ("entry_begin", "entry_link", "exit_begin", "exit_link"):
            object.__setattr__(self, field, frozen(getattr(self, field), np.int32))
        require(self.weight >= 0, "zones.weight", "must be 0 or more", self.weight)
        self._check_sizes()
        if len(set(self.name)) != len(self.name):
            twice = next(name for name in self.name if self.name.count(name) > 1)
            raise InputError("must be unique", field="zones.name", value=twice)

    def _check_sizes(self) -> None:
        size = len(self.name)
        for field in ("gateway", "x_m", "y_m", "weight"):
            if len(getattr(self, field)) != size:
                rule = f"must have {size} rows"
                raise InputError(rule, field=f"zones.{field}", value=len(getattr(self, field)))
        for use in ("entry", "exit"):
            begin, link = getattr(self, f"{use}_begin"), getattr(self, f"{use}_link")
            fits = len(begin) == size + 1 and begin[0] == 0 and begin[-1] == len(link)
            if not (fits and (np.diff(begin) >= 0).all()):
                rule = f"must rise from 0 to the number of {use} links in {size + 1} rows"
                raise InputError(rule, field=f"zones.{use}_begin", value=len(begin))
        links = np.diff(self.entry_begin) + np.diff(self.exit_begin)
        require(links > 0, "zones", "a zone needs an entry link or an exit link", links)

    def __len__(self) -> int:
        return len(self.name)

    def entries(self, zone: int) -> NDArray[np.int32]:
        """Return the links on which traffic from `zone` enters."""
        return self.entry_link[self.entry_begin[zone] : self.entry_begin[zone + 1]]

    def exits(self, zone: int) -> NDArray[np.int32]:
        """Return the links on which traffic to `zone` leaves."""
        return self.exit_link[self.exit_begin[zone] : self.exit_begin[zone + 1]]

    def index(self) -> dict[str, int]:
        """Return the row of each zone by its name."""
        return {name: row for row, name in enumerate(self.name)}

    def check(self, network: RoadNetwork) -> None:
        """Raise `InputError` unless every link exists in `network`."""
        require_index("zones.entry_link", self.entry_link, len(network.links))
        require_index("zones.exit_link", self.exit_link, len(network.links))

    @classmethod
    def from_links(
        cls,
        name: Iterable[str],
        entries: Iterable[Iterable[int]],
        exits: Iterable[Iterable[int]],
        *,
        network: RoadNetwork,
        gateway: Iterable[bool] | None = None,
        weight: Iterable[float] | None = None,
    ) -> Zones:
        """Return zones given by lists of links; their centres are the mean of the links' ends."""
        names = tuple(name)
        entry, leave = [list(part) for part in entries], [list(part) for part in exits]
        nodes = [
            [*network.links.from_node[a].tolist(), *network.links.to_node[b].tolist()]
            for a, b in zip(entry, leave, strict=True)
        ]
        return cls(
            name=names,
            gateway=np.zeros(len(names), dtype=bool)
            if gateway is None
            else np.array(list(gateway), dtype=bool),
            x_m=np.array([network.nodes.x_m[part].mean() for part in nodes]),
            y_m=np.array([network.nodes.y_m[part].mean() for part in nodes]),
            weight=np.ones(len(names)) if weight is None else np.array(list(weight), dtype=float),
            entry_begin=np.cumsum([0, *map(len, entry)]),
            entry_link=np.array([link for part in entry for link in part], dtype=np.int32),
            exit_begin=np.cumsum([0, *map(len, leave)]),
            exit_link=np.array([link for part in leave for link in part], dtype=np.int32),
        )


def _components(network: RoadNetwork) -> tuple[int, NDArray[np.int32]]:
    links, movements = len(network.links), network.movements
    data = np.ones(len(movements), dtype=np.int8)
    graph = csr_array((data, (movements.in_link, movements.out_link)), shape=(links, links))
    count, label = connected_components(graph, directed=True, connection="strong")
    return int(count), label


def _order_of(count: int, arcs: NDArray[np.int32]) -> list[int]:
    """Return the components so that each comes after all that it leads to."""
    following: list[list[int]] = [[] for _ in range(count)]
    waiting = np.zeros(count, dtype=np.int64)
    for tail, head in arcs.tolist():
        following[head].append(tail)
        waiting[tail] += 1
    ready = [c for c in range(count) if waiting[c] == 0]
    for component in ready:
        for tail in following[component]:
            waiting[tail] -= 1
            if waiting[tail] == 0:
                ready.append(tail)
    return ready


def reachable(network: RoadNetwork, zones: Zones) -> NDArray[np.bool_]:
    """Return which zones can be reached from which, by allowed movements; shape (zones, zones).

    Found on the strongly connected parts of the graph whose vertices are links and whose arcs are movements.
    """
    count, label = _components(network)
    arcs = np.column_stack([label[network.movements.in_link], label[network.movements.out_link]])
    arcs = np.unique(arcs[arcs[:, 0] != arcs[:, 1]], axis=0)
    leaves = np.zeros((count, len(zones)), dtype=bool)
    leaves[label[zones.exit_link], np.repeat(np.arange(len(zones)), np.diff(zones.exit_begin))] = True
    heads = np.split(arcs[:, 1], np.searchsorted(arcs[:, 0], np.arange(1, count)))
    for component in _order_of(count, arcs):
        if len(heads[component]):
            leaves[component] |= leaves[heads[component]].any(axis=0)
    found = np.zeros((len(zones), len(zones)), dtype=bool)
    origins = np.repeat(np.arange(len(zones)), np.diff(zones.entry_begin))
    np.logical_or.at(found, origins, leaves[label[zones.entry_link]])
    return found


def _core(network: RoadNetwork) -> NDArray[np.bool_]:
    """Return the links of the largest strongly connected part."""
    _, label = _components(network)
    core: NDArray[np.bool_] = label == np.bincount(label).argmax()
    return core


def make_zones(network: RoadNetwork, *, target: int = 150) -> Zones:
    """Divide a network into gateways and inner zones.

    Every gateway node becomes a zone. Inner zones, as many as are missing to `target`, are clusters (k-means
    with deterministic, farthest-point seeds) of the minor links of the largest strongly connected part,
    weighted by length. Their traffic enters and leaves on the longest few of these links, never on motorways
    or trunk roads. Their weight is their road length, of each link no more than
    250 m, times the weight of the places nearest to them: where junctions are far apart, few trips begin.

    Parameters
    ----------
    target
        Total number of zones to aim at, 2 or more; more where there are more gateways.
    """
    if target < 2:
        raise InputError("must be 2 or more", field="target", value=target)
    entries, exits, names, weights = _gateways(network)
    inner = _inner_links(network)
    count = min(max(target - len(names), 0), len(inner) // 2)
    gateways = len(names)
    for number, (links, weight) in enumerate(_clusters(network, inner, count), start=1):
        names.append(f"zone {number}")
        entries.append(links)
        exits.append(links)
        weights.append(weight)
    if len(names) < 2:
        hint = "add gateways, or roads that form a connected network"
        raise InputError("needs 2 zones or more", field="network", value=len(names), hint=hint)
    kinds = [row < gateways for row in range(len(names))]
    zones = Zones.from_links(names, entries, exits, network=network, gateway=kinds, weight=weights)
    return _connected(network, zones)


def connected_sides(network: RoadNetwork, zones: Zones) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which zones lead to, and which can be reached from, any other zone."""
    pairs = reachable(network, zones)
    np.fill_diagonal(pairs, val=False)
    leads: NDArray[np.bool_] = pairs @ np.ones(len(zones), dtype=bool)
    led: NDArray[np.bool_] = np.ones(len(zones), dtype=bool) @ pairs
    return leads, led


def _connected(network: RoadNetwork, zones: Zones) -> Zones:
    """Return `zones` without entries from which, and exits to which, no other zone is connected."""
    leads, led = connected_sides(network, zones)
    keep = [row for row in range(len(zones)) if leads[row] or led[row]]
    if len(keep) < 2:
        hint = "check one-ways and banned turns"
        rule = "needs 2 zones that are connected"
        raise InputError(rule, field="network", value=len(keep), hint=hint)
    return Zones.from_links(
        [zones.name[row] for row in keep],
        [zones.entries(row).tolist() if leads[row] else [] for row in keep],
        [zones.exits(row).tolist() if led[row] else [] for row in keep],
        network=network,
        gateway=zones.gateway[keep].tolist(),
        weight=zones.weight[keep].tolist(),
    )


def _gateways(
    network: RoadNetwork,
) -> tuple[list[list[int]], list[list[int]], list[str], list[float]]:
    links, osm = network.links, network.nodes.osm_id
    entries: list[list[int]] = []
    exits: list[list[int]] = []
    names: list[str] = []
    weights: list[float] = []
    used = np.zeros((2, len(links)), dtype=bool)
    used[0, network.movements.in_link] = True
    used[1, network.movements.out_link] = True
    for node in np.flatnonzero(network.nodes.gateway).tolist():
        entry = np.flatnonzero((links.from_node == node) & used[0]).tolist()
        leave = np.flatnonzero((links.to_node == node) & used[1]).tolist()
        if entry or leave:
            entries.append(entry)
            exits.append(leave)
            names.append(f"gateway {osm[node] or node}")
            weights.append(float((_class_weight(network) * links.running_lanes)[[*entry, *leave]].sum()) / 2)
    return entries, exits, names, weights


def _class_weight(network: RoadNetwork) -> NDArray[np.float64]:
    """Relative traffic of a lane by road class: the order of magnitude of daily traffic counts."""
    table = np.ones(len(RoadClass))
    table[[RoadClass.MOTORWAY, RoadClass.TRUNK, RoadClass.PRIMARY, RoadClass.SECONDARY]] = (
        8.0,
        6.0,
        5.0,
        3.5,
    )
    table[RoadClass.TERTIARY] = 2.0
    weight: NDArray[np.float64] = table[network.links.road_class]
    return weight


def _inner_links(network: RoadNetwork) -> NDArray[np.intp]:
    """Links on which inner traffic may enter and leave: connected, minor, with gateways excluded."""
    links, gateway = network.links, network.nodes.gateway
    core = _core(network)
    if core.sum() < 2:
        return np.empty(0, dtype=np.intp)
    core &= ~gateway[links.from_node] & ~gateway[links.to_node] & (links.road_class > RoadClass.TRUNK)
    for lowest in (RoadClass.TERTIARY, RoadClass.SECONDARY):
        minor = core & (links.road_class >= lowest)
        if minor.sum() >= 0.25 * core.sum():
            return np.flatnonzero(minor)
    return np.flatnonzero(core)


def _middle(network: RoadNetwork, links: NDArray[np.intp]) -> NDArray[np.float64]:
    nodes, start, end = network.nodes, network.links.from_node[links], network.links.to_node[links]
    x_m = (nodes.x_m[start] + nodes.x_m[end]) / 2
    y_m = (nodes.y_m[start] + nodes.y_m[end]) / 2
    return np.column_stack([x_m, y_m])


def _nearest(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.intp]:
    nearest: NDArray[np.intp] = cKDTree(centres).query(points)[1]
    return nearest


def _seeds(points: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return `count` points far from each other, the first one nearest to the centre."""
    chosen = [int(((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    distance = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < count and distance.max() > 0:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return points[chosen]


def _clusters(network: RoadNetwork, inner: NDArray[np.intp], count: int) -> list[tuple[list[int], float]]:
    """Return the links and the weight of each cluster of links."""
    if count == 0:
        return []
    points, length = _middle(network, inner), network.links.length_m[inner]
    centres = _seeds(points, count)
    label = _nearest(points, centres)
    for _ in range(_SWEEPS):
        total = np.bincount(label, weights=length, minlength=len(centres))
        for axis in (0, 1):
            moment = np.bincount(label, weights=length * points[:, axis], minlength=len(centres))
            centres[:, axis] = np.where(total > 0, moment / np.maximum(total, 1e-9), centres[:, axis])
        update = _nearest(points, centres)
        if (update == label).all():
            break
        label = update
    factor, used = _place_factor(network, points), np.minimum(length, _USED_LENGTH_M)
    found = []
    for cluster in range(len(centres)):
        members = np.flatnonzero(label == cluster)
        if len(members):
            chosen = members[np.argsort(-length[members], kind="stable")[:_LINKS_PER_ZONE]]
            found.append((sorted(inner[chosen].tolist()), float((used * factor)[members].sum())))
    return found


def _place_factor(network: RoadNetwork, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of the place nearest to each point, relative to the mean; between a third and three."""
    places = network.places
    if len(places) == 0 or places.weight.max() <= 0:
        return np.ones(len(points))
    nearest = _nearest(points, np.column_stack([places.x_m, places.y_m]))
    weight = places.weight[nearest]
    factor: NDArray[np.float64] = (
        np.clip(weight / weight.mean(), 1 / 3, 3.0) if weight.mean() > 0 else weight + 1.0
    )
    return factor
