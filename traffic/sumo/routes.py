"""Vehicles with routes (``.rou.xml``) as the demand of the flow model: entries and turning shares over time."""

from __future__ import annotations

import math
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.sumo.records import records
from traffic.sumo.road import SumoRoads
from traffic.sumo.vehicles import DEFAULT_TYPE

__all__ = ["Departure", "DrivenRoute", "by_car", "demand_of", "read_departures", "scaled"]

_PARTS = 1000  # of a vehicle, of which SUMO makes one more


@dataclass(frozen=True)
class Departure:
    """Vehicles of one type that leave at `depart_s` (or evenly until `until_s`) along `edges`.

    `lane` and `speed` are those to depart with, in SUMO's words; empty where none are given. `chooses` tells that the route
    is not given: `edges` is the one that was taken in some traffic, and in another one it may be another.
    """

    depart_s: float
    until_s: float
    vehicles: float
    edges: tuple[str, ...]
    kind: str = DEFAULT_TYPE
    lane: str = ""
    speed: str = ""
    chooses: bool = False


class DrivenRoute(NamedTuple):
    """Edges that a vehicle without a route drove, and whether it was free to choose all of them but the ends."""

    edges: tuple[str, ...]
    chooses: bool


def read_departures(
    path: str | os.PathLike[str], *, driven: Mapping[str, DrivenRoute] | None = None
) -> Iterator[Departure]:
    """Yield the departures of a route file in which every vehicle and flow has its route.

    Parameters
    ----------
    driven
        Routes of single vehicles to which the file gives none, by their id.
    """
    routes: dict[str, tuple[str, ...]] = {}
    for element in records(path, "routes", "additional"):
        if element.tag == "route":
            routes[element.get("id", "")] = _edges(element, Path(path))
        elif element.tag in {"vehicle", "flow"}:
            for departure in _departures(element, routes, Path(path)):
                other = (driven or {}).get(element.get("id", "")) if element.tag == "vehicle" else None
                yield (
                    departure
                    if other is None
                    else replace(departure, edges=other.edges, chooses=other.chooses)
                )


def _edges(element: ET.Element, path: Path) -> tuple[str, ...]:
    edges = tuple(element.get("edges", "").split())
    if not edges:
        raise InputError("must name edges", file=path, field=f"route {element.get('id', '')}".strip())
    return edges


def _departures(element: ET.Element, routes: dict[str, tuple[str, ...]], path: Path) -> Iterator[Departure]:
    where = f"{element.tag} {element.get('id', '')}"
    inside = element.find("route")
    chosen = element.find("routeDistribution/route")
    if inside is not None:
        edges = _edges(inside, path)
    elif chosen is not None:
        edges = _edges(chosen, path)
    elif element.get("route") in routes:
        edges = routes[str(element.get("route"))]
    else:
        raise InputError("must have a route", file=path, field=where, value=element.get("route"))
    kind = element.get("type", DEFAULT_TYPE)
    wish = element.get("departLane", ""), element.get("departSpeed", "")
    if element.tag == "vehicle":
        depart = _seconds(element, "depart", path, where)
        yield Departure(depart, depart, 1.0, edges, kind, *wish)
        return
    begin, end = _seconds(element, "begin", path, where), _seconds(element, "end", path, where)
    yield Departure(begin, end, _count(element, end - begin, path, where), edges, kind, *wish)


def _count(element: ET.Element, span_s: float, path: Path, where: str) -> float:
    if element.get("number"):
        return _seconds(element, "number", path, where)
    if element.get("vehsPerHour"):
        return _seconds(element, "vehsPerHour", path, where) * span_s / 3600.0
    if element.get("probability"):
        return _seconds(element, "probability", path, where) * span_s
    text = element.get("period", "")
    at_random = text.startswith("exp(") and text.endswith(")")  # exp(RATE): RATE vehicles a second on average
    period = _number(text[4:-1] if at_random else text, path, f"{where}, period")
    if period <= 0:
        raise InputError("must be more than 0", file=path, field=f"{where}, period", value=text)
    return period * span_s if at_random else span_s / period


def _seconds(element: ET.Element, name: str, path: Path, where: str) -> float:
    return _number(element.get(name, ""), path, f"{where}, {name}")


def _number(text: str, path: Path, field: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError("must be a number", file=path, field=field, value=text)
    return value


def scaled(departures: Iterable[Departure], scale: float) -> list[Departure]:
    """Return the departures of SUMO's demand with ``--scale``.

    Flows have as many more vehicles, evenly. A single vehicle becomes several that depart at once, or none, as SUMO has it
    where there are no flows: it counts vehicles of both.
    """
    if scale == 1.0:
        return list(departures)
    found: list[Departure] = []
    read = made = 0
    for departure in departures:
        if departure.until_s > departure.depart_s:
            found.append(replace(departure, vehicles=departure.vehicles * scale))
            continue
        copies = _copies(scale, int((made + 1) / scale) if scale > 1.0 else read)
        read, made = read + 1, made + copies
        if copies:
            found.append(replace(departure, vehicles=departure.vehicles * copies))
    return [departure for departure in found if departure.vehicles > 0.0]


def _copies(scale: float, number: int) -> int:
    """Return how many vehicles SUMO makes of the one before which there are `number`."""
    whole = math.floor(scale)
    part = math.floor((scale - whole) * _PARTS + 0.5)
    return whole + (number * part % _PARTS < part)


def by_car(roads: SumoRoads, departures: Iterable[Departure]) -> tuple[list[Departure], float]:
    """Return the departures whose whole route cars may take, and how many vehicles have another one (trams, bicycles)."""
    kept, left_out = [], 0.0
    for departure in departures:
        pairs = pairwise(departure.edges)
        if departure.edges[0] in roads.link_of and all(pair in roads.movement_of for pair in pairs):
            kept.append(departure)
        else:
            left_out += departure.vehicles
    return kept, left_out


def demand_of(
    roads: SumoRoads,
    departures: Iterable[Departure],
    *,
    begin_s: float,
    end_s: float,
    period_s: float = 60.0,
) -> FlowDemand:
    """Return the demand of `departures`, all of them `by_car`, between `begin_s` and `end_s`.

    A vehicle counts at the end of each of its links in the period in which it would get there at free speed.

    Parameters
    ----------
    period_s
        Length of a demand period, seconds.
    """
    network = roads.network
    free_s = network.links.length_m / network.links.speed_m_s
    periods = max(math.ceil((end_s - begin_s) / period_s), 1)
    entering = np.zeros((periods, len(network.links)))
    turning = np.zeros((periods, len(network.movements)))
    leaving = np.zeros((periods, len(network.links)))
    passing = np.zeros((periods, len(network.links)))
    for departure in departures:
        for time_s, vehicles in _spread(departure, begin_s, end_s, period_s):
            path = [roads.link_of[edge] for edge in departure.edges]
            entering[_period(time_s, period_s, periods), path[0]] += vehicles
            now_s = time_s
            for position, link in enumerate(path):
                now_s += float(free_s[link])
                period = _period(now_s, period_s, periods)
                passing[period, link] += vehicles
                if position + 1 < len(path):
                    pair = (roads.edge[link], roads.edge[path[position + 1]])
                    turning[period, roads.movement_of[pair]] += vehicles
                else:
                    leaving[period, link] += vehicles
    entry = np.flatnonzero(entering.sum(axis=0))
    movement_share, exit_share = _shares(network.movements.in_link, turning, leaving)
    return FlowDemand(
        period_s=period_s,
        entry_link=entry.astype(np.int32),
        entry_veh_s=entering[:, entry] / period_s,
        movement_share=movement_share,
        exit_share=exit_share,
        link_veh_s=passing / period_s,
        source="SUMO routes",
    )


def _period(time_s: float, period_s: float, periods: int) -> int:
    return min(int(time_s // period_s), periods - 1)


def _spread(
    departure: Departure, begin_s: float, end_s: float, period_s: float
) -> Iterator[tuple[float, float]]:
    """Yield times from the begin of the run, and vehicles, of what is due within it."""
    if departure.until_s <= departure.depart_s:
        if begin_s <= departure.depart_s < end_s:
            yield departure.depart_s - begin_s, departure.vehicles
        return
    rate = departure.vehicles / (departure.until_s - departure.depart_s)
    now = max(departure.depart_s, begin_s) - begin_s
    last = min(departure.until_s, end_s) - begin_s
    while now < last:
        following = min((now // period_s + 1.0) * period_s, last)
        yield (now + following) / 2.0, rate * (following - now)
        now = following


def _shares(
    in_link: NDArray[np.int32], turning: NDArray[np.float64], leaving: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return turning and exit shares; a period without vehicles has those of all, a link without any lets all out."""
    turns, exits = np.empty_like(turning), np.empty_like(leaving)
    whole_turn, whole_exit = turning.sum(axis=0), leaving.sum(axis=0)
    for period in range(len(turning)):
        total = leaving[period].copy()
        np.add.at(total, in_link, turning[period])
        idle = total <= 0
        turn = np.where(idle[in_link], whole_turn, turning[period])
        leave = np.where(idle, whole_exit, leaving[period])
        total = leave.copy()
        np.add.at(total, in_link, turn)
        unused = total <= 0
        total[unused] = 1.0
        turns[period] = turn / total[in_link]
        exits[period] = np.where(unused, 1.0, leave / total)
    return turns, exits
