"""Trips between zones: the origin-destination matrix, its time profile and its files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from traffic import csv_rows
from traffic.arrays import frozen, require, require_finite
from traffic.errors import InputError
from traffic.zones import reachable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from traffic.network import RoadNetwork
    from traffic.zones import Zones

__all__ = ["ODMatrix", "check_rows", "read_od_csv", "read_trip_table"]

_MOST_VEH = 1_000_000.0  # in one cell: more is a slip of the unit


@dataclass(frozen=True, eq=False)
class ODMatrix:
    """Trips per hour between zones.

    Attributes
    ----------
    trips_veh_h
        Vehicles per hour from the row's zone to the column's; the diagonal is 0; shape (zones, zones).
    profile
        Demand of each period relative to `trips_veh_h`; shape (periods,). The last one goes on for ever.
    period_s
        Length of one period, seconds.
    source
        Where the matrix comes from, e.g. ``"generated"`` or a file name.
    """

    trips_veh_h: NDArray[np.float64]
    profile: NDArray[np.float64]
    period_s: float
    source: str

    def __post_init__(self) -> None:
        for field in ("trips_veh_h", "profile"):
            values = frozen(getattr(self, field), np.float64)
            object.__setattr__(self, field, values)
            require_finite(field, values)
            require(values >= 0, field, "must be 0 or more", values)
        shape = self.trips_veh_h.shape
        if len(shape) != 2 or shape[0] != shape[1]:
            raise InputError("must be square", field="trips_veh_h", value=shape)
        inner = np.diag(self.trips_veh_h)
        require(inner == 0, "trips_veh_h", "trips within a zone must be 0", inner)
        if self.profile.ndim != 1 or len(self.profile) == 0:
            raise InputError("must have one value for each period", field="profile", value=self.profile.shape)
        if not (np.isfinite(self.period_s) and self.period_s > 0):
            raise InputError("must be more than 0 s", field="period_s", value=self.period_s)

    @property
    def total_veh_h(self) -> float:
        """Vehicles per hour of all trips."""
        return float(self.trips_veh_h.sum())

    def scaled(self, factor: float) -> ODMatrix:
        """Return the matrix with all trips multiplied by `factor`."""
        if not (np.isfinite(factor) and factor >= 0):
            raise InputError("must be 0 or more", field="scale", value=factor)
        return replace(self, trips_veh_h=self.trips_veh_h * factor)

    def check(self, network: RoadNetwork, zones: Zones, *, file: object = None) -> None:
        """Raise `InputError` unless the matrix fits `zones` and every trip can be made on `network`."""
        if len(self.trips_veh_h) != len(zones):
            rule = f"must have {len(zones)} rows, one for each zone"
            raise InputError(rule, file=file, field="trips_veh_h", value=len(self.trips_veh_h))
        lost = np.argwhere((self.trips_veh_h > 0) & ~reachable(network, zones))
        if len(lost):
            origin, destination = lost[0].tolist()
            pair = f"{zones.name[origin]} -> {zones.name[destination]}"
            hint = "give the zones other links, or set these trips to 0"
            rule = "the destination cannot be reached from the origin"
            raise InputError(rule, file=file, field="origin, destination", value=pair, hint=hint)


def read_od_csv(
    path: Path,
    zones: Zones,
    *,
    network: RoadNetwork | None = None,
    profile: Sequence[float] = (1.0,),
    period_s: float = 3600.0,
) -> ODMatrix:
    """Read a matrix from a CSV file with the columns `origin`, `destination` and `veh_h`.

    Parameters
    ----------
    network
        Where given, every trip must be possible on it.
    profile, period_s
        The time profile (see `ODMatrix`).
    """
    trips, rows = read_trip_table(path, zones, columns=("origin", "destination", "veh_h"))
    matrix = ODMatrix(trips, np.asarray(profile, dtype=np.float64), period_s, path.name)
    if network is not None:
        check_rows(path, matrix, zones, network, rows)
    return matrix


def check_rows(
    path: Path, matrix: ODMatrix, zones: Zones, network: RoadNetwork, rows: dict[tuple[int, int], int]
) -> None:
    """Raise `InputError` naming the row of a file whose trips cannot be made on `network`."""
    connected = reachable(network, zones)
    for (origin, destination), line in rows.items():
        if matrix.trips_veh_h[origin, destination] > 0 and not connected[origin, destination]:
            rule = "the destination cannot be reached from the origin"
            pair = f"{zones.name[origin]} -> {zones.name[destination]}"
            hint = "give the zones other links, or set these trips to 0"
            field = f"row {line}: origin, destination"
            raise InputError(rule, file=path, field=field, value=pair, hint=hint)


def read_trip_table(
    path: Path, zones: Zones, *, columns: tuple[str, str, str]
) -> tuple[NDArray[np.float64], dict[tuple[int, int], int]]:
    """Read a long table of trips, not all 0; `columns` names the origin, the destination and the vehicles.

    Returns
    -------
    trips
        Vehicles, in the unit of the file; shape (zones, zones).
    rows
        Line of the file for each (origin, destination) that it names.
    """
    index = zones.index()
    trips = np.zeros((len(zones), len(zones)))
    rows: dict[tuple[int, int], int] = {}
    for line, row in csv_rows.rows(path, columns):
        pair = (
            _zone(path, line, columns[0], row[columns[0]], index),
            _zone(path, line, columns[1], row[columns[1]], index),
        )
        if pair in rows:
            hint = f"it stands in row {rows[pair]} already: add the two up"
            names = f"{zones.name[pair[0]]} -> {zones.name[pair[1]]}"
            rule, field = "must appear once", f"row {line}: {columns[0]}, {columns[1]}"
            raise InputError(rule, file=path, field=field, value=names, hint=hint)
        rows[pair] = line
        trips[pair] = _vehicles(path, line, columns[2], row[columns[2]], same=pair[0] == pair[1])
    if not rows:
        rule, hint = "must have a row with trips", f"add rows of {', '.join(columns)}"
        raise InputError(rule, file=path, field=columns[2], hint=hint)
    if not trips.any():
        rule = f"must have trips: {'its only row has' if len(rows) == 1 else f'all {len(rows)} rows have'} 0 vehicles"
        hint = (
            "Check that this is the right file and column, and give at least one pair of zones its vehicles"
        )
        raise InputError(rule, file=path, field=columns[2], value=0.0, hint=hint)
    return trips, rows


def _zone(path: Path, line: int, column: str, name: str, index: dict[str, int]) -> int:
    if name not in index:
        some = ", ".join(list(index)[:5])
        hint = f"known zones: {some}{', ...' if len(index) > 5 else ''}"
        raise InputError("must be a zone", file=path, field=f"row {line}: {column}", value=name, hint=hint)
    return index[name]


def _vehicles(path: Path, line: int, column: str, text: str, *, same: bool) -> float:
    field = f"row {line}: {column}"
    value = csv_rows.number(path, field, text, most=_MOST_VEH)
    if same and value > 0:
        hint = "trips within a zone do not appear on the network: leave them out"
        raise InputError("must be 0 within a zone", file=path, field=field, value=value, hint=hint)
    return value
