"""Turning counts and their CSV file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from traffic import csv_rows
from traffic.arrays import frozen, require, require_finite
from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = ["TurningCounts", "compass_side", "read_turning_counts"]

_COLUMNS = ("junction", "from", "to", "start", "count")
_COMPASS = {name: k * np.pi / 4 for k, name in enumerate(("E", "NE", "N", "NW", "W", "SW", "S", "SE"))}
_NEAR_RAD = np.pi / 4 + 1e-6
_BACK_M = 25.0
_INDEX = re.compile("[0-9]{1,9}")
_TIME = re.compile("([0-9]{1,2}):([0-9]{1,2})(:00)?")
_MOST_VEH = 100_000.0  # in one interval: more is a slip


@dataclass(frozen=True, eq=False)
class TurningCounts:
    """Vehicles counted on movements.

    Attributes
    ----------
    movement
        Indices into `Movements`, each at most once; shape (counted,).
    vehicles
        Vehicles in each interval; shape (intervals, counted).
    interval_s
        Length of an interval, seconds.
    start_s
        Start of the first interval, seconds after midnight.
    source
        Name of the file.
    """

    movement: NDArray[np.int32]
    vehicles: NDArray[np.float64]
    interval_s: float
    start_s: float
    source: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "movement", frozen(self.movement, np.int32))
        object.__setattr__(self, "vehicles", frozen(self.vehicles, np.float64))
        require_finite("counts.vehicles", self.vehicles)
        require(self.vehicles >= 0, "counts.vehicles", "must be 0 or more", self.vehicles)
        shape = self.vehicles.shape
        if len(shape) != 2 or shape[0] < 1 or shape[1] != len(self.movement) or shape[1] < 1:
            rule = "must have a row for each interval and a column for each movement, one or more"
            raise InputError(rule, field="counts.vehicles", value=shape)
        if len(np.unique(self.movement)) != len(self.movement):
            raise InputError("must not appear twice", field="counts.movement", value=len(self.movement))
        if not (np.isfinite(self.interval_s) and self.interval_s > 0):
            raise InputError("must be more than 0 s", field="counts.interval_s", value=self.interval_s)


def read_turning_counts(path: Path, network: RoadNetwork, *, interval_s: float = 900.0) -> TurningCounts:
    """Read turning counts from a CSV file with the columns `junction`, `from`, `to`, `start` and `count`.

    Parameters
    ----------
    path
        `junction` is a junction's key, ``osm:<id>`` of a node, or the index of a node; `from` and `to` are
        the legs on which vehicles arrive and leave, as a compass direction seen from the junction (``N``,
        ``NE``, ...) or as the index of a link; `start` is the begin of the interval as ``HH:MM``; `count` is
        in vehicles per interval. Every movement needs a count in every interval; intervals follow each other.
    interval_s
        Length of an interval, seconds.
    """
    table: dict[int, dict[float, float]] = {}
    first_row: dict[tuple[int, float], int] = {}
    finder = _MovementFinder(path, network)
    for line, row in csv_rows.rows(path, _COLUMNS):
        movement = finder.movement(line, row["junction"], row["from"], row["to"])
        start = _time(path, line, row["start"])
        if (movement, start) in first_row:
            rule, hint = "must appear once", f"it stands in row {first_row[movement, start]} already"
            raise InputError(rule, file=path, field=f"row {line}: start", value=row["start"], hint=hint)
        first_row[movement, start] = line
        table.setdefault(movement, {})[start] = csv_rows.number(
            path, f"row {line}: count", row["count"], most=_MOST_VEH
        )
    if not table:
        hint = f"add rows of {', '.join(_COLUMNS)}"
        raise InputError("must have a count", file=path, field="count", hint=hint)
    if not any(any(counts.values()) for counts in table.values()):
        hint = "Check that this is the right file and column; leave out the movements that nobody counted"
        raise InputError("must be above 0 in some row", file=path, field="count", value=0.0, hint=hint)
    times = _intervals(path, table, first_row, interval_s)
    movements = sorted(table)
    vehicles = np.array([[table[m][time] for m in movements] for time in times])
    return TurningCounts(np.array(movements, dtype=np.int32), vehicles, interval_s, times[0], path.name)


def _intervals(
    path: Path,
    table: dict[int, dict[float, float]],
    first_row: dict[tuple[int, float], int],
    interval_s: float,
) -> list[float]:
    times = sorted({time for counts in table.values() for time in counts})
    for earlier, later in pairwise(times):
        if later - earlier != interval_s:
            rule = f"intervals must follow each other every {interval_s / 60:g} minutes"
            value = f"{_clock(earlier)}, {_clock(later)}"
            hint = "Add the intervals between, or leave out those after the gap; counts of other intervals must be summed up"
            raise InputError(rule, file=path, field="start", value=value, hint=hint)
    for movement, counts in table.items():
        missing = [time for time in times if time not in counts]
        if missing:
            line = first_row[movement, min(counts)]
            hint = "add the count, or leave the movement out in all intervals to have it estimated"
            rule = "every counted movement needs a count in every interval"
            field = f"row {line}: no row of this movement for start"
            raise InputError(rule, file=path, field=field, value=_clock(missing[0]), hint=hint)
    return times


def _clock(time_s: float) -> str:
    return f"{int(time_s) // 3600:02d}:{int(time_s) % 3600 // 60:02d}"


def _time(path: Path, line: int, text: str) -> float:
    found = _TIME.fullmatch(text)
    if not found or int(found[1]) >= 24 or int(found[2]) >= 60:
        hint = "Write the begin of the interval from 00:00 to 23:59, such as 07:15"
        raise InputError(
            "must be a time as HH:MM", file=path, field=f"row {line}: start", value=text, hint=hint
        )
    return 3600.0 * int(found[1]) + 60.0 * int(found[2])


class _MovementFinder:
    """Finds movements by junction and legs."""

    def __init__(self, path: Path, network: RoadNetwork) -> None:
        self.path, self.network = path, network
        self.node_of = {
            key: int(node) for key, node in zip(network.junctions.key, network.junctions.node, strict=True)
        }
        for node, osm in enumerate(network.nodes.osm_id.tolist()):
            if osm:
                self.node_of.setdefault(f"osm:{osm}", node)
        for key, osm_nodes in zip(network.junctions.key, network.junctions.osm_nodes, strict=True):
            for osm in osm_nodes:
                self.node_of.setdefault(f"osm:{osm}", self.node_of[key])
        pairs = zip(network.movements.in_link.tolist(), network.movements.out_link.tolist(), strict=True)
        self.movement_of = {pair: row for row, pair in enumerate(pairs)}

    def movement(self, line: int, junction: str, start: str, end: str) -> int:
        """Return the movement that a row names."""
        node = self._node(line, junction)
        links = self.network.links
        arriving, leaving = np.flatnonzero(links.to_node == node), np.flatnonzero(links.from_node == node)
        in_link = self._leg(line, "from", start, arriving, at_end=True)
        out_link = self._leg(line, "to", end, leaving, at_end=False)
        found = self.movement_of.get((in_link, out_link))
        if found is None:
            hint = "check the two legs, and the turn restrictions of the network"
            value = f"{start} -> {end}"
            rule = "the network has no such movement"
            raise InputError(rule, file=self.path, field=f"row {line}: from, to", value=value, hint=hint)
        return found

    def _node(self, line: int, name: str) -> int:
        if name in self.node_of:
            return self.node_of[name]
        if _INDEX.fullmatch(name) and int(name) < len(self.network.nodes):
            return int(name)
        some = ", ".join(list(self.network.junctions.key)[:3])
        rule, hint = "must be a junction or a node of the network", f"junctions are called {some}, ..."
        raise InputError(rule, file=self.path, field=f"row {line}: junction", value=name, hint=hint)

    def _leg(self, line: int, column: str, name: str, links: NDArray[np.intp], *, at_end: bool) -> int:
        field = f"row {line}: {column}"
        if _INDEX.fullmatch(name):
            if int(name) not in links:
                rule, hint = "must be a link at this junction", f"links there: {links.tolist()}"
                raise InputError(rule, file=self.path, field=field, value=name, hint=hint)
            return int(name)
        if name.upper() not in _COMPASS:
            rule = "must be a compass direction or the index of a link"
            raise InputError(rule, file=self.path, field=field, value=name, hint="write N, NE, E, ...")
        side = np.array([_bearing(self.network, link, at_end=at_end) for link in links.tolist()])
        bend = np.abs((side - _COMPASS[name.upper()] + np.pi) % (2 * np.pi) - np.pi)
        near = np.flatnonzero(bend <= _NEAR_RAD)
        near = near[np.argsort(bend[near], kind="stable")]
        if len(near) == 0:
            rule = "the junction has no leg in this direction"
            raise InputError(rule, file=self.path, field=field, value=name, hint="give the index of a link")
        if len(near) > 1 and bend[near[1]] - bend[near[0]] < np.pi / 18:
            rule = "two legs lie in this direction"
            raise InputError(rule, file=self.path, field=field, value=name, hint="give the index of a link")
        return int(links[near[0]])


def compass_side(network: RoadNetwork, link: int, *, at_end: bool) -> str:
    """Return on which side of the junction at its end (or start) a link lies: ``"N"``, ``"NE"``, ..."""
    return list(_COMPASS)[round(_bearing(network, link, at_end=at_end) / (np.pi / 4)) % 8]


def _bearing(network: RoadNetwork, link: int, *, at_end: bool) -> float:
    """Direction of a leg seen from the junction, radians from the east."""
    shape = network.shape(link)
    points = shape[::-1] if at_end else shape
    far = np.flatnonzero(np.hypot(*(points - points[0]).T) >= _BACK_M)
    away = points[far[0]] if len(far) else points[-1]
    return float(np.arctan2(away[1] - points[0][1], away[0] - points[0][0]))
