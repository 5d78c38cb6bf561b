"""Corridors: chains of signalised junctions along one street, found in the network."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from math import inf, pi
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError
from traffic.network import Turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

    B1 = NDArray[np.bool_]

__all__ = ["Corridor", "Path", "find_corridors"]

_LONGEST_GAP_M = 1500.0
_SAME_STREET_RAD = 75 * pi / 180
_STRAIGHT_RAD = 35 * pi / 180


@dataclass(frozen=True)
class Path:
    """One direction of travel along a corridor.

    Attributes
    ----------
    stops
        Positions in `Corridor.junctions`, in the order of travel.
    movements
        The movement made at each stop; -1 where there is none.
    links
        The links from each stop to the next; one row fewer than `stops`.
    distance_m, travel_s
        Way and free-flow travel time from the first stop to each stop.
    """

    stops: tuple[int, ...]
    movements: tuple[int, ...]
    links: tuple[tuple[int, ...], ...]
    distance_m: tuple[float, ...]
    travel_s: tuple[float, ...]


@dataclass(frozen=True)
class Corridor:
    """A chain of signalised junctions along one street.

    Attributes
    ----------
    name
        The street name that most of its length carries; empty where it has none.
    junctions
        Rows of the network's `Junctions`, in the order of travel forward.
    position_m
        Distance of each junction from the first.
    forward
        The way along all junctions in order.
    backward
        The way back: none on a one-way street; several pieces where it cannot be driven in one.
    """

    name: str
    junctions: tuple[int, ...]
    position_m: tuple[float, ...]
    forward: Path
    backward: tuple[Path, ...]


class _Streets:
    """The straightest continuation of every link, at most one link into each."""

    def __init__(self, network: RoadNetwork) -> None:
        self.network = network
        links, movements = network.links, network.movements
        name = links.name
        angle = np.abs(movements.angle_rad)
        same = (name[movements.in_link] >= 0) & (name[movements.in_link] == name[movements.out_link])
        limit = np.where(same, _SAME_STREET_RAD, _STRAIGHT_RAD)
        straight = (movements.turn != Turn.U_TURN) & (angle <= limit)
        order = np.lexsort((np.arange(len(angle)), angle, ~same))
        self.onward = np.full(len(links), -1, dtype=np.int64)
        self.back = np.full(len(links), -1, dtype=np.int64)
        for row in order[straight[order]].tolist():
            source, target = int(movements.in_link[row]), int(movements.out_link[row])
            if self.onward[source] < 0 and self.back[target] < 0:
                self.onward[source] = row
                self.back[target] = row
        self._by_exit = np.argsort(movements.out_link, kind="stable")
        self.junction = np.full(len(network.nodes), -1, dtype=np.int64)
        self.junction[network.junctions.node] = np.arange(len(network.junctions))

    def _follow(self, start: int) -> list[int]:
        chain, link = [start], start
        while self.onward[link] >= 0:
            link = int(self.network.movements.out_link[self.onward[link]])
            if link == start:
                break
            chain.append(link)
        return chain

    def chains(self) -> list[list[int]]:
        """Return every link once, in chains; a ring is cut at its first link."""
        seen = np.zeros(len(self.onward), dtype=bool)
        chains = []
        for start in [*np.flatnonzero(self.back < 0).tolist(), *range(len(self.onward))]:
            if not seen[start]:
                chain = self._follow(start)
                seen[chain] = True
                chains.append(chain)
        return chains

    def _straightest(self, rows: NDArray[np.intp]) -> int:
        """Return the one of some movements that turns least; -1 where there is none."""
        movements = self.network.movements
        rows = rows[movements.turn[rows] != Turn.U_TURN]
        return int(rows[np.argmin(np.abs(movements.angle_rad[rows]))]) if len(rows) else -1

    def _into(self, link: int) -> int:
        first, last = np.searchsorted(self.network.movements.out_link, [link, link + 1], sorter=self._by_exit)
        return self._straightest(self._by_exit[first:last])

    def _out_of(self, link: int) -> int:
        first, last = np.searchsorted(self.network.movements.in_link, [link, link + 1])
        return self._straightest(np.arange(first, last))

    def legs(self, chain: list[int]) -> list[tuple[int, int, int]]:
        """Return (junction, movement, number of links of the chain before it) along a chain."""
        links = self.network.links
        found = []
        first = int(self.junction[links.from_node[chain[0]]])
        if first >= 0:
            found.append((first, self._into(chain[0]), 0))
        for count, link in enumerate(chain, start=1):
            junction = int(self.junction[links.to_node[link]])
            if junction >= 0:
                row = int(self.onward[link])
                found.append((junction, row if row >= 0 else self._out_of(link), count))
        return found


@dataclass(frozen=True)
class _Run:
    """One direction of travel past signalised junctions, none of them twice."""

    junctions: tuple[int, ...]
    movements: tuple[int, ...]
    links: tuple[tuple[int, ...], ...]

    def part(self, first: int, last: int) -> _Run:
        return _Run(
            self.junctions[first : last + 1], self.movements[first : last + 1], self.links[first:last]
        )


def _runs(streets: _Streets, longest_gap_m: float) -> list[_Run]:
    runs: list[_Run] = []
    length_m = streets.network.links.length_m
    for chain in streets.chains():
        legs = streets.legs(chain)
        first, known = 0, set[int]()
        for position, (junction, _, count) in enumerate(legs):
            gap = length_m[chain[legs[position - 1][2] : count]].sum() if position > first else 0.0
            if junction in known or gap > longest_gap_m:
                runs.append(_run(chain, legs[first:position]))
                first, known = position, set()
            known.add(junction)
        runs.append(_run(chain, legs[first:]))
    return [run for run in runs if len(run.junctions) > 1]


def _run(chain: list[int], legs: list[tuple[int, int, int]]) -> _Run:
    counts = [count for _, _, count in legs]
    between = tuple(tuple(chain[a:b]) for a, b in pairwise(counts))
    return _Run(tuple(leg[0] for leg in legs), tuple(leg[1] for leg in legs), between)


def _length(network: RoadNetwork, links: Iterable[int]) -> float:
    return float(network.links.length_m[list(links)].sum())


def _opposite(run: _Run, runs: Sequence[_Run], visits: dict[int, list[int]], used: B1) -> list[_Run]:
    """Return parts of other runs that pass junctions of `run` in reverse order, side by side along it."""
    place = {junction: position for position, junction in enumerate(run.junctions)}
    shared = Counter(row for junction in run.junctions for row in visits[junction])
    found: list[tuple[int, int, int, int, _Run]] = []
    for row in sorted(shared):
        places = [place.get(junction, -1) for junction in runs[row].junctions]
        for stretch in _falling(places):
            part = runs[row].part(stretch[0], stretch[-1])
            taken = used[[link for links in part.links for link in links]].any()
            if len(stretch) > 1 and not taken:
                found.append((-len(stretch), places[stretch[-1]], places[stretch[0]], row, part))
    chosen: list[tuple[int, int, _Run]] = []
    for _, low, high, _, part in sorted(found, key=lambda item: item[:4]):
        if all(high <= first or last <= low for first, last, _ in chosen):
            chosen.append((low, high, part))
    return [part for _, _, part in sorted(chosen, key=lambda item: -item[0])]


def _falling(places: list[int]) -> list[list[int]]:
    """Return the longest stretches of positions at which `places` (-1: none) falls."""
    stretches: list[list[int]] = []
    for position, place in enumerate(places):
        if place < 0:
            continue
        if stretches and place < places[stretches[-1][-1]]:
            stretches[-1].append(position)
        else:
            stretches.append([position])
    return stretches


def _path(network: RoadNetwork, run: _Run, junctions: Sequence[int]) -> Path:
    place = {junction: position for position, junction in enumerate(junctions)}
    times = network.links.length_m / network.links.speed_m_s
    steps_m = [_length(network, links) for links in run.links]
    steps_s = [float(times[list(links)].sum()) for links in run.links]
    return Path(
        stops=tuple(place[junction] for junction in run.junctions),
        movements=run.movements,
        links=run.links,
        distance_m=(0.0, *np.cumsum(steps_m).tolist()),
        travel_s=(0.0, *np.cumsum(steps_s).tolist()),
    )


def _positions(network: RoadNetwork, run: _Run, backward: Sequence[_Run]) -> dict[int, float]:
    """Distance of every junction from the first; those only on the way back are put in between."""
    steps = (_length(network, links) for links in run.links)
    position = dict(zip(run.junctions, np.cumsum([0.0, *steps]).tolist(), strict=True))
    for back in backward:
        way = np.cumsum([0.0, *(_length(network, links) for links in back.links)])
        known = [k for k, junction in enumerate(back.junctions) if junction in run.junctions]
        values = np.interp(way, way[known], [position[back.junctions[k]] for k in known])
        for k, junction in enumerate(back.junctions):
            position.setdefault(junction, float(values[k]))
    return dict(sorted(position.items(), key=lambda item: (item[1], item[0])))


def _corridor(network: RoadNetwork, run: _Run, backward: Sequence[_Run]) -> Corridor:
    position = _positions(network, run, backward)
    named: dict[str, float] = {}
    for link in (link for links in run.links for link in links):
        name = network.link_name(link)
        named[name] = named.get(name, 0.0) + float(network.links.length_m[link])
    junctions = tuple(position)
    return Corridor(
        name=max(named, key=lambda name: (named[name], name), default=""),
        junctions=junctions,
        position_m=tuple(position.values()),
        forward=_path(network, run, junctions),
        backward=tuple(_path(network, back, junctions) for back in backward),
    )


def find_corridors(
    network: RoadNetwork, *, least_junctions: int = 3, longest_gap_m: float = _LONGEST_GAP_M
) -> tuple[Corridor, ...]:
    """Return the corridors of a network, those with most junctions first.

    A street goes on along the movement that keeps its name (turning by no more than 75 degrees), else along
    the straightest one (35 degrees at most). A corridor ends where the street does, where the next
    signal is more than `longest_gap_m` away, and where it would pass a junction again.
    """
    if least_junctions < 2:
        raise InputError("must be 2 or more", field="least_junctions", value=least_junctions)
    streets = _Streets(network)
    runs = _runs(streets, longest_gap_m if longest_gap_m > 0 else inf)
    runs.sort(key=lambda run: (-len(run.junctions), -sum(_length(network, x) for x in run.links), run.links))
    visits: dict[int, list[int]] = {}
    for row, run in enumerate(runs):
        for junction in run.junctions:
            visits.setdefault(junction, []).append(row)
    used = np.zeros(len(network.links), dtype=bool)
    corridors = []
    for run in runs:
        for first, last in _free_parts(run, used):
            part = run.part(first, last)
            if len(part.junctions) < least_junctions:
                continue
            backward = _opposite(part, runs, visits, used)
            for piece in (part, *backward):
                used[[link for links in piece.links for link in links]] = True
            corridors.append(_corridor(network, part, backward))
    return tuple(sorted(corridors, key=lambda c: (-len(c.junctions), -c.position_m[-1], c.junctions)))


def _free_parts(run: _Run, used: B1) -> list[tuple[int, int]]:
    """Return first and last position of each part of `run` none of whose links is in use."""
    parts, first = [], 0
    for position, links in enumerate(run.links):
        if used[list(links)].any():
            parts.append((first, position))
            first = position + 1
    return [*parts, (first, len(run.links))]
