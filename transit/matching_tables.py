"""A timetable as matching wants it: paths in metres, segments by cell of a grid, trips by what vehicles are assigned to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from traffic.arrays import frozen
from traffic.errors import InputError
from transit._kernels_matching_grid import near_cells
from transit._kernels_matching_tables import Grid, Paths, Runs
from transit.coded import NONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from transit.coded import Coded
    from transit.timetable import Timetable

__all__ = ["MatchingTables", "matching_tables"]

_Table = TypeVar("_Table", Paths, Grid, Runs)

_RADIUS_M = 6_371_008.8
_CELL_M = 250.0
_MOST_CELLS = 4_000_000
_NEAR_M, _NEAR_SHARE = 100.0, 0.01  # how far the distance of a stop may be from where its path passes it
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, eq=False)
class MatchingTables:
    """See `transit._kernels_matching_tables`.

    Attributes
    ----------
    paths, grid, runs
        For the kernels.
    day
        The service days, in days after 1970-01-01; shape (days,).
    lon0, lat0, scale
        Where x and y are 0, and the length of a degree to the east over that of one to the north.
    blocks, routes, trips
        Number of the group of each name.
    everything
        Number of the group of all trips.
    """

    paths: Paths
    grid: Grid
    runs: Runs
    day: NDArray[np.int32]
    lon0: float
    lat0: float
    scale: float
    blocks: dict[str, int]
    routes: dict[str, int]
    trips: dict[str, int]
    everything: int

    def flat(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return metres east and north: right within a thousandth where a city is."""
        return _flat(lon, lat, self.lon0, self.lat0, self.scale)


def matching_tables(timetable: Timetable, *, gate_m: float) -> MatchingTables:
    """Prepare a timetable; positions up to `gate_m` from a path will be found to be near it."""
    if not len(timetable.trips):
        raise InputError("must have trips to match positions to", field="timetable")
    used = np.unique(timetable.times.stop)
    lon, lat = timetable.stops.lon[used], timetable.stops.lat[used]
    lon0, lat0 = float(np.median(lon)), float(np.median(lat))
    scale = float(np.cos(np.radians(lat0)))
    path, paths = _paths(timetable, lon0, lat0, scale)
    runs, names = _runs(timetable, path)
    day = np.array(sorted({d.toordinal() - _EPOCH for days in timetable.days for d in days}), dtype=np.int32)
    paths, grid, runs = _sealed(paths), _sealed(_grid(paths, gate_m)), _sealed(runs)
    return MatchingTables(paths, grid, runs, day, lon0, lat0, scale, **names)


def _flat(
    lon: NDArray[np.float64], lat: NDArray[np.float64], lon0: float, lat0: float, scale: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    degree_m = np.radians(1.0) * _RADIUS_M
    return (lon - lon0) * (degree_m * scale), (lat - lat0) * degree_m


def _paths(timetable: Timetable, lon0: float, lat0: float, scale: float) -> tuple[NDArray[np.int32], Paths]:
    """Return the path of each trip, and the paths: the same for trips with the same line, stops and distances."""
    trips, times, shapes = timetable.trips, timetable.times, timetable.shapes
    number: dict[tuple[int, bytes, bytes], int] = {}
    path = np.empty(len(trips), dtype=np.int32)
    points: list[NDArray[np.float64]] = []
    stops: list[NDArray[np.float64]] = []
    lines = np.column_stack(_flat(shapes.lon, shapes.lat, lon0, lat0, scale))
    places = np.column_stack(_flat(timetable.stops.lon, timetable.stops.lat, lon0, lat0, scale))
    duration: list[float] = []
    for trip in range(len(trips)):
        rows = slice(trips.first[trip], trips.first[trip + 1])
        shape, stop, distance = int(trips.shape[trip]), times.stop[rows], times.distance_m[rows]
        key = (shape, stop.tobytes(), distance.tobytes())
        found = number.setdefault(key, len(number))
        path[trip] = found
        lasts = float(times.arrival_s[rows][-1] - times.departure_s[rows][0])
        if found < len(points):
            duration[found] = max(duration[found], lasts)
            continue
        line = lines[shapes.first[shape] : shapes.first[shape + 1]] if shape >= 0 else places[:0]
        with_line = len(line) >= 2
        line = line if with_line else places[stop]
        line = np.vstack([line, line]) if len(line) == 1 else line
        s = _along(line)
        points.append(np.column_stack([line, s]))
        stops.append(_stops_on(line, s, places[stop], distance) if with_line else s[: len(stop)])
        duration.append(lasts)
    every, on = np.vstack(points), np.concatenate(stops)
    first, stop_first = _firsts(points), _firsts(stops)
    xy = [_at(line, s) for line, s in zip(points, stops, strict=True)]
    stop_xy = np.vstack(xy)
    x, y, s = (np.ascontiguousarray(every[:, k]) for k in range(3))
    return path, Paths(
        first,
        x,
        y,
        s,
        stop_first,
        on,
        np.ascontiguousarray(stop_xy[:, 0]),
        np.ascontiguousarray(stop_xy[:, 1]),
        np.array(duration),
    )


def _along(line: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])


def _at(points: NDArray[np.float64], s: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.interp(s, points[:, 2], points[:, k]) for k in range(2)])


def _firsts(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.int32]:
    return np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int32)


def _stops_on(
    line: NDArray[np.float64],
    s: NDArray[np.float64],
    stops: NDArray[np.float64],
    distance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return where along a line its stops are: where it is nearest to each, near the distance that the timetable says.

    The timetable may measure the line a little otherwise than we do; where it passes a stop twice, it says which one is meant.
    """
    a, step = line[:-1], np.diff(line, axis=0)
    length2 = np.maximum((step**2).sum(axis=1), 1e-12)
    found = np.empty(len(stops))
    behind = 0.0
    for k, stop in enumerate(stops):
        share = np.clip(((stop - a) * step).sum(axis=1) / length2, 0.0, 1.0)
        at = s[:-1] + share * np.diff(s)
        off = np.hypot(*(stop - a - share[:, None] * step).T)
        near = np.abs(at - distance[k]) <= _NEAR_M + _NEAR_SHARE * distance[k]
        near &= at >= behind
        chosen = float(at[np.argmin(np.where(near, off, np.inf))]) if near.any() else float(distance[k])
        found[k] = behind = min(max(chosen, behind), float(s[-1]))
    return found


def _grid(paths: Paths, gate_m: float) -> Grid:
    west, south = float(paths.x.min()) - gate_m, float(paths.y.min()) - gate_m
    wide, high = float(paths.x.max()) + gate_m - west, float(paths.y.max()) + gate_m - south
    cell_m = max(_CELL_M, float(np.sqrt(wide * high / _MOST_CELLS)), max(wide, high) / _MOST_CELLS)
    columns, rows = int(wide / cell_m) + 1, int(high / cell_m) + 1
    size = 4 * len(paths.x)
    while True:
        cell, path, segment = (np.empty(size, dtype=np.int32) for _ in range(3))
        count = near_cells(
            paths.first, paths.x, paths.y, west, south, cell_m, columns, rows, gate_m, cell, path, segment
        )
        if count <= size:
            break
        size = count
    order = np.lexsort((segment[:count], path[:count], cell[:count]))
    first = np.zeros(columns * rows + 1, dtype=np.int32)
    np.cumsum(np.bincount(cell[:count], minlength=columns * rows), out=first[1:])
    return Grid(west, south, cell_m, columns, rows, first, path[order], segment[order])


def _runs(timetable: Timetable, path: NDArray[np.int32]) -> tuple[Runs, dict[str, Any]]:
    trips, times = timetable.trips, timetable.times
    start_s = times.departure_s[trips.first[:-1]].astype(np.float64)
    end_s = times.arrival_s[trips.first[1:] - 1].astype(np.float64)
    days = sorted({d for every in timetable.days for d in every})
    active = np.array([[d in every for d in days] for every in timetable.days], dtype=np.uint8)
    block, routes = trips.block, timetable.routes
    blocks = len(block.names)
    everything = blocks + len(routes)
    every = np.arange(len(trips))
    with_block = np.flatnonzero(block.code != NONE)
    group = np.concatenate([block.code[with_block], blocks + trips.route, np.full(len(trips), everything)])
    trip = np.concatenate([with_block, every, every])
    order = np.lexsort((trip, start_s[trip], path[trip], group))
    group, trip = group[order], trip[order].astype(np.int32)
    new = np.ones(len(trip) + 1, dtype=bool)
    new[1:-1] = (group[1:] != group[:-1]) | (path[trip[1:]] != path[trip[:-1]])
    row = np.flatnonzero(new)
    row_group, row_path = group[row[:-1]], path[trip[row[:-1]]]
    runs = Runs(
        path,
        trips.first[:-1].astype(np.int32),
        trips.service.astype(np.int32),
        block.code.astype(np.int32),
        start_s,
        end_s,
        times.arrival_s.astype(np.float64),
        times.departure_s.astype(np.float64),
        np.array([timetable.start_s(d) for d in days], dtype=np.float64),
        active.reshape(-1),
        float(end_s.max()),
        everything + 1,
        np.searchsorted(row_group, np.arange(everything + 2)).astype(np.int32),
        row_path.astype(np.int32),
        row.astype(np.int32),
        trip,
    )
    by_name = {name: blocks + k for k, name in enumerate(routes.name)}
    names = {
        "blocks": {name: k for k, name in enumerate(block.names)},
        "routes": by_name | {key: blocks + k for k, key in enumerate(routes.key)},
        "trips": {key: everything + 1 + k for k, key in enumerate(trips.key)},
        "everything": everything,
    }
    return runs, names


def _sealed(table: _Table) -> _Table:
    """Return a table whose arrays cannot be written to, as kernels want it."""
    arrays: dict[str, Any] = {
        name: frozen(part, part.dtype)
        for name, part in table._asdict().items()
        if isinstance(part, np.ndarray)
    }
    return table._replace(**arrays)


def group_of_names(names: Coded, numbers: dict[str, int]) -> NDArray[np.int64]:
    """Return the group of each row: -1 where its name is not known, -2 where it has none."""
    of_name = np.array([numbers.get(name, -1) for name in names.names] + [-2], dtype=np.int64)
    return of_name[names.code]
