"""Trips of a feed whose route and service are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transit.coded import NONE
from transit.gtfs.places import with_key
from transit.gtfs.values import coded, positions_in, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.coded import Coded
    from transit.gtfs.problem_list import ProblemList
    from transit.gtfs.tables import Table

__all__ = ["TripRows", "read_trips"]


class TripRows(NamedTuple):
    """Rows of ``trips.txt``.

    Attributes
    ----------
    known
        Identifiers of all trips of the file; `key` has those of which route and service are there.
    """

    table: Table
    known: frozenset[str]
    key: tuple[str, ...]
    route: NDArray[np.int32]
    service: NDArray[np.int32]
    direction: NDArray[np.int8]
    headsign: Coded
    block: Coded
    shape: NDArray[np.int32]

    def take(self, rows: NDArray[np.bool_]) -> TripRows:
        """Return some of the trips."""
        key = tuple(name for name, good in zip(self.key, rows.tolist(), strict=True) if good)
        return TripRows(
            self.table.take(rows),
            self.known,
            key,
            self.route[rows],
            self.service[rows],
            self.direction[rows],
            self.headsign.take(rows),
            self.block.take(rows),
            self.shape[rows],
        )


def read_trips(
    table: Table,
    routes: tuple[str, ...],
    services: tuple[str, ...],
    shapes: tuple[tuple[str, ...], bool],
    problems: ProblemList,
) -> TripRows:
    """Return the trips that may be used.

    Parameters
    ----------
    shapes
        Identifiers of shapes, and whether the feed has a file of them.
    """
    table, (keys,) = with_key(table, ("trip_id",), problems)
    route_key, service_key, shape_key = (
        coded(table, name) for name in ("route_id", "service_id", "shape_id")
    )
    route = positions_in(route_key, {key: k for k, key in enumerate(routes)})
    service = positions_in(service_key, {key: k for k, key in enumerate(services)})
    problems.errors(table, route == NONE, "route_id", "must be a route of routes.txt")
    problems.errors(
        table, service == NONE, "service_id", "must be a service of calendar.txt or calendar_dates.txt"
    )
    direction, _ = whole(table, "direction_id", problems, most=1, warn=True)
    shape = positions_in(shape_key, {key: k for k, key in enumerate(shapes[0])})
    lost = (shape == NONE) & (shape_key.code != NONE) & shapes[1]
    problems.warnings(table, lost, "shape_id", "must be a shape of shapes.txt: straight lines are taken")
    rows = TripRows(
        table,
        frozenset(keys.names),
        tuple(keys.names[code] for code in keys.code.tolist()),
        route,
        service,
        direction.astype(np.int8),
        coded(table, "trip_headsign"),
        coded(table, "block_id"),
        shape,
    )
    return rows.take((route != NONE) & (service != NONE))
