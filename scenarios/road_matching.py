"""Lines on a map, such as the shapes of bus trips, as ways through a road network.

The most likely sequence of links (a hidden Markov model, after Newson and Krumm 2009, as for positions in `transit.matching`):
links should be near the line and lead where it leads, and what is driven along them between two points should be as long as the
line is. A line may leave the network, at a cost, as not every street that buses use is in it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = ["MatchedLine", "Passing", "RoadMatcher"]

_EVERY_M, _POINTS_M = 40.0, 12.0
_GATE_M, _NOISE_M = 45.0, 12.0
_ALIKE = 0.5  # cosine of the angle between a line and a link
_DETOUR_M, _AHEAD_M, _BACK_M = 15.0, 300.0, 25.0
_AWAY, _LEAVE, _TURN = 4.0, 3.0, 0.2  # away from all links, between there and here, from one link to the next
OFF = -1
"""The number of no link."""


class Passing(NamedTuple):
    """A movement that is made, and how far along the line, metres."""

    at_m: float
    movement: int


@dataclass(frozen=True, eq=False)
class MatchedLine:
    """A line on the roads.

    Attributes
    ----------
    at_m
        Places along the line, from its start to its end; shape (points,).
    link
        The link there, or `OFF`; shape (points,).
    passings
        Movements in their order.
    """

    at_m: NDArray[np.float64]
    link: NDArray[np.int64]
    passings: tuple[Passing, ...]

    @property
    def matched(self) -> float:
        """Part of the points that are on a link."""
        return float((self.link != OFF).mean())


class _Option(NamedTuple):
    link: int
    offset_m: float
    cost: float


class RoadMatcher:
    """Finds lines in a road network."""

    def __init__(self, network: RoadNetwork) -> None:
        movements = network.movements
        pairs = zip(movements.in_link.tolist(), movements.out_link.tolist(), strict=True)
        self._movement = {pair: number for number, pair in enumerate(pairs)}
        self._next: dict[int, list[int]] = {}
        for before, after in self._movement:
            self._next.setdefault(before, []).append(after)
        self._length_m: list[float] = network.links.length_m.tolist()
        self._points = _points_of(network)
        self._tree = cKDTree(self._points[:, :2])
        self._reached: dict[int, dict[int, tuple[float, int]]] = {}

    def matched(self, x_m: NDArray[np.float64], y_m: NDArray[np.float64]) -> MatchedLine:
        """Return a line of two points or more, in the coordinates of the network, as a way along its links."""
        at_m, points, heading = _resampled(x_m, y_m)
        options = self._options(points, heading)
        chosen = self._likeliest(at_m, options)
        links = np.array([OFF if k == OFF else row[k].link for row, k in zip(options, chosen, strict=True)])
        passings: list[Passing] = []
        for i, (one, two) in enumerate(pairwise(chosen)):
            if OFF not in {one, two}:
                passings += self._between(options[i][one], options[i + 1][two], at_m[i], at_m[i + 1])
        return MatchedLine(at_m, links, tuple(passings))

    def _options(self, points: NDArray[np.float64], heading: NDArray[np.float64]) -> list[list[_Option]]:
        """Return the links near each point that lead the same way, each at its nearest place."""
        found = []
        for near, point, ahead in zip(
            self._tree.query_ball_point(points, _GATE_M), points, heading, strict=True
        ):
            rows = self._points[near]
            rows = rows[rows[:, 4:] @ ahead > _ALIKE]
            away = np.hypot(*(rows[:, :2] - point).T)
            best: dict[int, _Option] = {}
            for k in np.argsort(-away, kind="stable").tolist():  # the nearest is written last
                link = int(rows[k, 2])
                best[link] = _Option(link, float(rows[k, 3]), 0.5 * (float(away[k]) / _NOISE_M) ** 2)
            found.append(list(best.values()))
        return found

    def _likeliest(self, at_m: NDArray[np.float64], options: list[list[_Option]]) -> list[int]:
        """Return which option holds at each point, or `OFF`, at the least cost of all."""
        cost = {k: option.cost for k, option in enumerate(options[0])} | {OFF: _AWAY}
        back: list[dict[int, int]] = []
        for i, (here, there) in enumerate(pairwise(options)):
            step_m = float(at_m[i + 1] - at_m[i])
            after, origin = {}, {}
            for k in (*range(len(there)), OFF):
                before, value = min(
                    ((j, spent + self._change(here, j, there, k, step_m)) for j, spent in cost.items()),
                    key=lambda pair: pair[1],
                )
                after[k] = value + (_AWAY if k == OFF else there[k].cost)
                origin[k] = before
            cost = after
            back.append(origin)
        chosen = [min(cost, key=lambda k: cost[k])]
        for origin in reversed(back):
            chosen.append(origin[chosen[-1]])
        return chosen[::-1]

    def _change(self, here: list[_Option], j: int, there: list[_Option], k: int, step_m: float) -> float:
        if OFF in {j, k}:
            return 0.0 if j == k else _LEAVE
        way_m = self._way_m(here[j], there[k])
        if way_m is None:
            return float("inf")
        turn = 0.0 if here[j].link == there[k].link else _TURN
        return abs(way_m - step_m) / _DETOUR_M + turn

    def _way_m(self, one: _Option, two: _Option) -> float | None:
        """Return how far it is from one place to another along links, where it is not too far."""
        if one.link == two.link and two.offset_m >= one.offset_m - _BACK_M:
            return max(two.offset_m - one.offset_m, 0.0)
        found = self._ahead(one.link).get(two.link)
        return None if found is None else self._length_m[one.link] - one.offset_m + found[0] + two.offset_m

    def _ahead(self, link: int) -> dict[int, tuple[float, int]]:
        """Return links that are reached from the end of one: metres between, and the link before."""
        if link in self._reached:
            return self._reached[link]
        found: dict[int, tuple[float, int]] = {}
        queue = [(0.0, after, link) for after in self._next.get(link, ())]
        heapq.heapify(queue)
        while queue:
            passed_m, here, before = heapq.heappop(queue)
            if here in found:
                continue
            found[here] = (passed_m, before)
            further_m = passed_m + self._length_m[here]
            if further_m <= _AHEAD_M:
                for after in self._next.get(here, ()):
                    heapq.heappush(queue, (further_m, after, here))
        self._reached[link] = found
        return found

    def _between(self, one: _Option, two: _Option, from_m: float, to_m: float) -> list[Passing]:
        """Return the movements between two points, at their places along the line."""
        if one.link == two.link and two.offset_m >= one.offset_m - _BACK_M:
            return []
        reached, links = self._ahead(one.link), [two.link]
        while True:
            before = reached[links[-1]][1]
            links.append(before)
            if before == one.link:
                break
        links.reverse()
        passed_m, places = self._length_m[one.link] - one.offset_m, []
        for link in links[1:]:
            places.append(passed_m)
            passed_m += self._length_m[link]
        way_m = max(places[-1] + two.offset_m, 1e-9)
        return [
            Passing(from_m + (to_m - from_m) * place / way_m, self._movement[pair])
            for place, pair in zip(places, pairwise(links), strict=True)
        ]


def _points_of(network: RoadNetwork) -> NDArray[np.float64]:
    """Return points along all links: x, y, link, metres from its start, and the direction; shape (points, 6)."""
    begin = network.links.shape_start
    end = np.append(begin[1:], len(network.shape_x_m))
    rows = []
    for link, (first, last) in enumerate(zip(begin.tolist(), end.tolist(), strict=True)):
        at, points, heading = _resampled(
            network.shape_x_m[first:last], network.shape_y_m[first:last], _POINTS_M
        )
        scale = network.links.length_m[link] / max(float(at[-1]), 1e-9)
        rows.append(np.column_stack([points, np.full(len(at), float(link)), at * scale, heading]))
    return np.vstack(rows)


def _resampled(
    x_m: NDArray[np.float64], y_m: NDArray[np.float64], every_m: float = _EVERY_M
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return places along a line, evenly spread, their points, and the direction of the line there."""
    step = np.hypot(np.diff(x_m), np.diff(y_m))
    kept = np.concatenate(([True], step > 0.0))
    x_m, y_m, along = x_m[kept], y_m[kept], np.concatenate(([0.0], np.cumsum(step)))[kept]
    if len(along) < 2:
        raise InputError("must have two points that are apart", field="line", value=len(along))
    at = np.linspace(0.0, along[-1], max(round(along[-1] / every_m), 1) + 1)
    points = np.column_stack([np.interp(at, along, x_m), np.interp(at, along, y_m)])
    piece = np.clip(np.searchsorted(along, at, side="right") - 1, 0, len(along) - 2)
    ahead = np.column_stack([np.diff(x_m)[piece], np.diff(y_m)[piece]])
    return at, points, ahead / np.hypot(*ahead.T)[:, None]
