"""Positions of vehicles as somebody recorded them: nothing is taken for true yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError
from transit.coded import Coded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Positions"]


@dataclass(frozen=True, eq=False)
class Positions:
    """Positions in the order in which they came; all columns of shape (positions,).

    Attributes
    ----------
    time_s
        When the vehicle was there by its own clock, POSIX seconds.
    lon, lat
        WGS 84, degrees; whatever was recorded, 0 and 0 too.
    heading_deg, speed_m_s
        Clockwise from north; NaN where it is not known.
    vehicle
        Of every position.
    trip, route, block
        What the vehicle was assigned to, as the source says; each may be missing.
    row
        Number of the record in the source, from 1, so that people find it.
    """

    time_s: NDArray[np.float64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    heading_deg: NDArray[np.float32]
    speed_m_s: NDArray[np.float32]
    vehicle: Coded
    trip: Coded
    route: Coded
    block: Coded
    row: NDArray[np.int64]

    def __post_init__(self) -> None:
        columns = (self.lon, self.lat, self.heading_deg, self.speed_m_s, self.vehicle, self.trip)
        for column in (*columns, self.route, self.block, self.row):
            if len(column) != len(self.time_s):
                raise InputError(
                    f"must have {len(self.time_s)} rows, as time_s", field="positions", value=len(column)
                )
        if (self.vehicle.code < 0).any():
            raise InputError("must be known of every position", field="vehicle")

    def __len__(self) -> int:
        return len(self.time_s)

    @classmethod
    def joined(cls, parts: Sequence[Positions]) -> Positions:
        """Return positions one part after the other."""
        return cls(
            np.concatenate([part.time_s for part in parts]),
            np.concatenate([part.lon for part in parts]),
            np.concatenate([part.lat for part in parts]),
            np.concatenate([part.heading_deg for part in parts]),
            np.concatenate([part.speed_m_s for part in parts]),
            Coded.joined([part.vehicle for part in parts]),
            Coded.joined([part.trip for part in parts]),
            Coded.joined([part.route for part in parts]),
            Coded.joined([part.block for part in parts]),
            np.concatenate([part.row for part in parts]),
        )

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Positions:
        """Return some of the positions."""
        return Positions(
            self.time_s[rows],
            self.lon[rows],
            self.lat[rows],
            self.heading_deg[rows],
            self.speed_m_s[rows],
            self.vehicle.take(rows),
            self.trip.take(rows),
            self.route.take(rows),
            self.block.take(rows),
            self.row[rows],
        )
