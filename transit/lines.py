"""Where the trips of a timetable run, and who waits for them: what a street model needs beyond the timetable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Lines"]

_HOURS = 24


@dataclass(frozen=True, eq=False)
class Lines:
    """The ways between the stops of a timetable.

    Attributes
    ----------
    pieces
        For each stop time of the timetable, the way to the next stop of its trip: free seconds, and the movement at its end,
        or -1; one after the other. The last stop of a trip has none.
    passengers_s
        Passengers who come to each stop time's stop for its route, per second, in the busiest hour; shape (stop times,).
    running_by_hour, passengers_by_hour, traffic_by_hour
        Factors of free running times, of passengers, and of the flow of other traffic, by hour of the day; shape (24,).
    """

    pieces: Sequence[Sequence[tuple[float, int]]]
    passengers_s: NDArray[np.float64]
    running_by_hour: NDArray[np.float64]
    passengers_by_hour: NDArray[np.float64]
    traffic_by_hour: NDArray[np.float64]

    def __post_init__(self) -> None:
        if len(self.pieces) != len(self.passengers_s):
            rule = f"must be {len(self.passengers_s)}, one for each stop time"
            raise InputError(rule, field="pieces", value=len(self.pieces))
        for name in ("running_by_hour", "passengers_by_hour", "traffic_by_hour"):
            column = getattr(self, name)
            if column.shape != (_HOURS,) or not (np.isfinite(column) & (column >= 0.0)).all():
                raise InputError(f"must be {_HOURS} numbers of 0 or more", field=name, value=column.shape)
