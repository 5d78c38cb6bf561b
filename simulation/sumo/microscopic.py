"""A SUMO configuration in our own microscopic model: the same lanes, vehicles and letters of the lights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from shapely import LineString, Point, get_coordinates

from signals.plan import PlanSet
from signals.sumo.lights import states
from simulation.sumo.city import SumoCity
from traffic.arrays import frozen
from traffic.microscopic import _kernels_tables as t
from traffic.microscopic.lanes import LaneNetwork
from traffic.microscopic.model import Lights, MicroscopicModel, Vehicles
from traffic.microscopic.routes import alternative_routes
from traffic.sumo.net_file import NetConnection, NetEdge, NetJunction, NetLane, SumoNet
from traffic.sumo.routes import Departure
from traffic.sumo.vehicles import CarFollowing

__all__ = ["lights_of_plans", "microscopic_model", "microscopic_models"]

_SHOWN = {
    "r": t.RED,
    "u": t.RED,
    "y": t.YELLOW,
    "g": t.GAPS,
    "s": t.STOP_THEN_GAPS,
    "o": t.GAPS,
    "G": t.GREEN,
    "O": t.GREEN,
}
_HALF_WIDTH_M = 1.6
"""Of a vehicle, with a hand's breadth to the side."""

_LEAST_WAY_M = 0.1
_SLOWEST_FACTOR, _FASTEST_FACTOR = 0.2, 2.0


def microscopic_model(city: SumoCity, *, seed: int = 1, scale: float = 1.0) -> MicroscopicModel:
    """Return the model of a configuration; see `microscopic_models`."""
    return microscopic_models(city, [(seed, scale)])[0]


def microscopic_models(city: SumoCity, variants: Iterable[tuple[int, float]]) -> list[MicroscopicModel]:
    """Return the models of a configuration that share one network; its edges are the links of ``city.roads``.

    Parameters
    ----------
    variants
        A seed and a scale for each model. The seed is of the speeds that drivers choose, and of who is more or less at
        another scale; the scale is of the demand: vehicles are left out, or are followed by another one, at random.
    """
    net = city.roads.net
    edges = [net.edges[name] for name in city.roads.edge]
    network, edge_of = _lane_network(
        net, edges, {light.junction.key: k for k, light in enumerate(city.lights)}
    )
    teleport_s = max(round(city.config.teleport_s), 0)
    ends = [(edge_of[d.edges[0]], edge_of[d.edges[-1]]) for d in city.departures if d.chooses]
    others = alternative_routes(network, ends)
    return [
        MicroscopicModel(network, _vehicles(city, edge_of, edges, others, seed, scale), teleport_s=teleport_s)
        for seed, scale in variants
    ]


def lights_of_plans(city: SumoCity, plans: PlanSet) -> Lights:
    """Return what the places of all lights show under `plans`."""
    begin, period, width, code, at = [], [], [], [], 0
    for light, plan in zip(city.lights, plans, strict=True):
        rows = np.array(
            [[_SHOWN[letter] for letter in state] for state in states(light, plan)], dtype=np.uint8
        )
        rows = np.roll(rows, plan.offset_s, axis=0)
        begin.append(at)
        period.append(len(rows))
        width.append(rows.shape[1])
        code.append(rows.ravel())
        at += rows.size
    whole = [frozen(values, np.int32) for values in (begin, period, width)]
    return Lights(whole[0], whole[1], whole[2], frozen(np.concatenate(code), np.uint8))


def _lane_network(
    net: SumoNet, edges: list[NetEdge], light_of: Mapping[str, int]
) -> tuple[LaneNetwork, dict[str, int]]:
    edge_of = {edge.id: k for k, edge in enumerate(edges)}
    lane_of: dict[tuple[str, int], int] = {}
    for edge in edges:
        for lane in edge.lanes:
            if lane.cars:
                lane_of[edge.id, lane.index] = len(lane_of)
    lanes = [lane for edge in edges for lane in edge.lanes if lane.cars]
    ways = [
        c
        for c in net.connections
        if (c.from_edge, c.from_lane) in lane_of and (c.to_edge, c.to_lane) in lane_of
    ]
    ways.sort(key=lambda c: (lane_of[c.from_edge, c.from_lane], lane_of[c.to_edge, c.to_lane]))
    from_lane = [lane_of[c.from_edge, c.from_lane] for c in ways]
    inside = [[part for name in net.way_through(c.via) if (part := net.lane(name)) is not None] for c in ways]
    length = np.array([max(sum(p.length_m for p in parts), _LEAST_WAY_M) for parts in inside])
    foes = _foes(net, ways)
    meets = _meetings(ways, [_path(parts) for parts in inside], length, foes)
    counts = [sum(lane.cars for lane in edge.lanes) for edge in edges]
    return LaneNetwork(
        edge_lane=np.cumsum([0, *counts]).astype(np.int32),
        lane_length_m=np.array([lane.length_m for lane in lanes]),
        lane_speed_m_s=np.array([lane.speed_m_s for lane in lanes]),
        from_lane=np.array(from_lane, dtype=np.int32),
        to_lane=np.array([lane_of[c.to_edge, c.to_lane] for c in ways], dtype=np.int32),
        way_length_m=length,
        way_speed_m_s=np.array(
            [
                min((p.speed_m_s for p in parts), default=lanes[lane].speed_m_s)
                for parts, lane in zip(inside, from_lane, strict=True)
            ]
        ),
        stop_m=np.array([parts[0].length_m if len(parts) > 1 else 0.0 for parts in inside]),
        light=np.array([light_of.get(c.light, -1) for c in ways], dtype=np.int32),
        place=np.array([c.index for c in ways], dtype=np.int32),
        keeps_clear=np.diff(foes.begin) > 0,
        foe_begin=foes.begin,
        foe=foes.foe,
        yields=foes.yields,
        meets_from_m=meets[:, 0],
        meets_until_m=meets[:, 1],
    ), edge_of


class _Foes(NamedTuple):
    begin: NDArray[np.int32]
    foe: NDArray[np.int32]
    yields: NDArray[np.bool_]


def _foes(net: SumoNet, ways: list[NetConnection]) -> _Foes:
    """Return the connections whose ways meet that of each one, and whether it gives way to them."""
    rows = [_row(net, c) for c in ways]
    at_node: dict[str, list[int]] = {}
    for k, found in enumerate(rows):
        if found is not None:
            at_node.setdefault(found[0].id, []).append(k)
    begin, foes, yields = [0], list[int](), list[bool]()
    for k, found in enumerate(rows):
        if found is not None:
            node, own = found
            for other in at_node[node.id]:
                theirs = rows[other]
                if theirs is None or ways[other].from_edge == ways[k].from_edge:
                    continue
                response = bool(node.response[own, theirs[1]])
                if response or node.foes[own, theirs[1]]:
                    foes.append(other)
                    yields.append(response)
        begin.append(len(foes))
    return _Foes(
        np.array(begin, dtype=np.int32), np.array(foes, dtype=np.int32), np.array(yields, dtype=bool)
    )


def _path(parts: list[NetLane]) -> LineString | None:
    """Return the line of a way through a junction, which may have several parts."""
    points = [point for part in parts for point in part.shape]
    return LineString(points) if len(points) > 1 else None


def _meetings(
    ways: list[NetConnection], paths: list[LineString | None], length: NDArray[np.float64], foes: _Foes
) -> NDArray[np.float64]:
    """Return from where to where on the way of each foe it meets that of the connection; shape (foes, 2)."""
    own = np.repeat(np.arange(len(ways)), np.diff(foes.begin))
    found = np.zeros((len(foes.foe), 2))
    for k, (c, foe) in enumerate(zip(own.tolist(), foes.foe.tolist(), strict=True)):
        mine, theirs = paths[c], paths[foe]
        found[k] = 0.0, length[foe]
        if mine is None or theirs is None or theirs.length <= 0.0:
            continue
        shared = mine.buffer(_HALF_WIDTH_M).intersection(theirs)
        if not shared.is_empty:
            along = [theirs.project(Point(point)) for point in get_coordinates(shared)]
            scale = length[foe] / theirs.length
            found[k] = max(min(along) * scale - _HALF_WIDTH_M, 0.0), max(along) * scale
    return found


def _row(net: SumoNet, c: NetConnection) -> tuple[NetJunction, int] | None:
    """Return the junction of a connection and its place in the right-of-way matrices there."""
    node = net.junctions[net.edges[c.from_edge].to_node]
    own = next((node.inside.index(name) for name in net.way_through(c.via) if name in node.inside), None)
    return None if own is None or own >= len(node.response) else (node, own)


def _vehicles(
    city: SumoCity,
    edge_of: Mapping[str, int],
    edges: list[NetEdge],
    others: Mapping[tuple[int, int], tuple[tuple[int, ...], ...]],
    seed: int,
    scale: float,
) -> Vehicles:
    rng = np.random.default_rng(seed)
    found = sorted(_scaled(list(_single(city)), rng, scale), key=lambda item: item[0])
    types = [city.types.get(departure.kind, CarFollowing()) for _, departure in found]

    def column(name: str) -> NDArray[np.float64]:
        return np.array([getattr(kind, name) for kind in types], dtype=np.float64)

    factor = rng.normal(column("speed_factor"), column("speed_dev"))
    depart_s = np.array([time for time, _ in found])
    return Vehicles(
        depart_s=depart_s,
        depart_speed_m_s=np.array([_depart_speed(departure) for _, departure in found]),
        depart_lane=np.array([_depart_lane(d, edges[edge_of[d.edges[0]]]) for _, d in found], dtype=np.int32),
        length_m=column("length_m"),
        min_gap_m=column("min_gap_m"),
        accel_m_s2=column("accel_m_s2"),
        decel_m_s2=column("decel_m_s2"),
        sigma=column("sigma"),
        tau_s=column("tau_s"),
        speed_factor=np.clip(factor, _SLOWEST_FACTOR, _FASTEST_FACTOR),
        fastest_m_s=column("fastest_m_s"),
        routes=tuple(tuple(edge_of[edge] for edge in departure.edges) for _, departure in found),
        others=tuple(
            others[edge_of[d.edges[0]], edge_of[d.edges[-1]]] if d.chooses else () for _, d in found
        ),
        decide_s=_read_s(depart_s, city.config.read_ahead_s),
    )


def _read_s(depart_s: NDArray[np.float64], ahead_s: float) -> NDArray[np.float64]:
    """Return when SUMO reads each vehicle, and chooses its route: all of the next `ahead_s` and one more at once.

    It reads on in the second in which the last one that it has read departs.
    """
    read_s = np.zeros_like(depart_s)
    begin, now = 0, 0.0
    while begin < len(depart_s):
        until = min(int(np.searchsorted(depart_s, now + ahead_s)) + 1, len(depart_s))
        read_s[begin:until] = now
        begin, now = until, math.ceil(depart_s[until - 1])
    return read_s


def _single(city: SumoCity) -> Iterator[tuple[float, Departure]]:
    """Yield every vehicle within the time of the run and its departure, seconds from the begin."""
    begin, end = city.config.begin_s, city.config.end_s
    for departure in city.departures:
        count = max(math.floor(departure.vehicles + 0.5), 1)
        step = (departure.until_s - departure.depart_s) / count
        for k in range(count):
            time = departure.depart_s + k * step
            if begin <= time < end:
                yield time - begin, departure


def _scaled(
    found: list[tuple[float, Departure]], rng: np.random.Generator, scale: float
) -> list[tuple[float, Departure]]:
    """Return `scale` times as many vehicles."""
    if scale == 1.0:
        return found
    times = np.floor(scale + rng.random(len(found))).astype(int)
    return [entry for entry, count in zip(found, times.tolist(), strict=True) for _ in range(count)]


def _depart_speed(departure: Departure) -> float:
    """Return the speed to enter with; SUMO's default is the fastest that is safe."""
    try:
        return float(departure.speed)
    except ValueError:
        return math.inf


def _depart_lane(departure: Departure, edge: NetEdge) -> int:
    if departure.lane.isdigit():
        own = int(departure.lane)
        return sum(lane.cars and lane.index < own for lane in edge.lanes)
    return t.RIGHTMOST if departure.lane == "first" else t.ANY_BEST
