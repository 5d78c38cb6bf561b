"""Stop visits: what was to happen at stops, and what did. Everything about punctuality is counted from these."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from traffic.errors import InputError
from transit.coded import NONE, Coded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Point", "Relationship", "StopVisits", "trip_ends"]


class Relationship(IntEnum):
    """How a visit stands to the timetable (TIDES ``schedule_relationship``)."""

    SCHEDULED = 0
    SKIPPED = 1  # the trip ran, and left this stop out: a trip that was turned short, too
    ADDED = 2
    MISSING = 3  # it was to happen, and nobody knows whether it did


class Point(IntEnum):
    """Where in its trip a visit is."""

    MIDDLE = 0
    START = 1
    END = 2


@dataclass(frozen=True, eq=False)
class StopVisits:
    """Visits in any order; all columns of shape (visits,). What is not known is NaN, or no text.

    Attributes
    ----------
    zone
        IANA name of the time zone that hours are of.
    day
        Service day, in days after 1970-01-01.
    route, trip, stop, vehicle, block
        Identifiers; `trip` tells trips of the same day apart.
    direction
        0 or 1, or -1 where it is not said.
    sequence
        Place of the visit within its trip, rising.
    point, relationship
        `Point` and `Relationship`.
    timepoint
        Whether the timetable is to be kept here (GTFS ``timepoint``).
    scheduled_arrival_s, scheduled_departure_s, arrival_s, departure_s
        POSIX seconds.
    scheduled_headway_s, headway_s
        Since the trip before of the same route and direction at this stop, where the source says so.
    boardings, alightings, load
        Passengers; `load` when leaving.
    confidence
        From 0 to 1: how sure it is that the visit was like this; 1 for what was recorded at the stop.
    """

    zone: str
    day: NDArray[np.int32]
    route: Coded
    direction: NDArray[np.int8]
    trip: Coded
    stop: Coded
    vehicle: Coded
    block: Coded
    sequence: NDArray[np.int32]
    point: NDArray[np.int8]
    relationship: NDArray[np.int8]
    timepoint: NDArray[np.bool_]
    scheduled_arrival_s: NDArray[np.float64]
    scheduled_departure_s: NDArray[np.float64]
    arrival_s: NDArray[np.float64]
    departure_s: NDArray[np.float64]
    scheduled_headway_s: NDArray[np.float64]
    headway_s: NDArray[np.float64]
    boardings: NDArray[np.float32]
    alightings: NDArray[np.float32]
    load: NDArray[np.float32]
    confidence: NDArray[np.float32]

    def __post_init__(self) -> None:
        ZoneInfo(self.zone)
        for name in self.columns():
            if len(getattr(self, name)) != len(self.day):
                value = len(getattr(self, name))
                raise InputError(f"must have {len(self.day)} rows, as day", field=name, value=value)

    def __len__(self) -> int:
        return len(self.day)

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(field.name for field in fields(cls) if field.name != "zone")

    @classmethod
    def of(cls, zone: str, rows: int, **columns: Any) -> StopVisits:
        """Return visits of which only some columns are known; arrays, or sequences of texts."""
        found: dict[str, Any] = {}
        for name in cls.columns():
            given = columns.pop(name, None)
            if name in _TEXTS:
                found[name] = given if isinstance(given, Coded) else _coded(given, rows)
            else:
                dtype, missing = _DTYPES.get(name, (np.float64, np.nan))
                found[name] = np.full(rows, missing, dtype) if given is None else np.asarray(given, dtype)
        if columns:
            raise InputError("must be a column of stop visits", field=next(iter(columns)))
        return cls(zone=zone, **found)

    @classmethod
    def joined(cls, parts: Sequence[StopVisits]) -> StopVisits:
        """Return visits of one time zone one after the other."""
        zones = {part.zone for part in parts}
        if len(zones) != 1:
            raise InputError(
                "must be the same for all visits, and of one at least", field="zone", value=sorted(zones)
            )
        found: dict[str, Any] = {}
        for name in cls.columns():
            columns = [getattr(part, name) for part in parts]
            found[name] = Coded.joined(columns) if name in _TEXTS else np.concatenate(columns)
        return cls(zone=zones.pop(), **found)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> StopVisits:
        """Return some of the visits."""
        chosen: dict[str, Any] = {}
        for name in self.columns():
            column = getattr(self, name)
            chosen[name] = column.take(rows) if isinstance(column, Coded) else column[rows]
        return replace(self, **chosen)

    def before(self, time_s: float) -> StopVisits:
        """Return the visits of service days before that of a time, but for what of them was planned or happened after it."""
        today = datetime.fromtimestamp(time_s, ZoneInfo(self.zone)).date().toordinal() - _EPOCH
        times_s = (self.scheduled_arrival_s, self.scheduled_departure_s, self.arrival_s, self.departure_s)
        after = np.any([column > time_s for column in times_s], axis=0)
        return self.take((self.day < today) & ~after)

    def rounded(self, digits: int) -> StopVisits:
        """Return the visits with observed times of so many digits after the second."""
        arrival_s, departure_s = np.round(self.arrival_s, digits), np.round(self.departure_s, digits)
        return replace(self, arrival_s=arrival_s, departure_s=departure_s)

    @property
    def arrival_deviation_s(self) -> NDArray[np.float64]:
        """How late vehicles arrived, seconds; NaN where it is not known."""
        return self.arrival_s - self.scheduled_arrival_s

    @property
    def departure_deviation_s(self) -> NDArray[np.float64]:
        """How late vehicles left, seconds; NaN where it is not known."""
        return self.departure_s - self.scheduled_departure_s

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Which visits are known to have happened."""
        known: NDArray[np.bool_] = np.isfinite(self.arrival_s) | np.isfinite(self.departure_s)
        return known


def trip_ends(visits: StopVisits, stop: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return which visits are the first and the last of their trip (`Point`); those of no trip are neither.

    Parameters
    ----------
    stop
        Which stop of its trip each visit is of, or NaN: two vehicles on one trip are both at its start.
    """
    point = np.full(len(visits), Point.MIDDLE, dtype=np.int8)
    order = np.lexsort((visits.sequence, visits.trip.code, visits.day))
    new = np.ones(len(order) + 1, dtype=bool)
    trip, day = visits.trip.code[order], visits.day[order]
    new[1:-1] = (trip[1:] != trip[:-1]) | (day[1:] != day[:-1])
    run, at = np.cumsum(new[:-1]) - 1, stop[order]
    for kind, ends in ((Point.END, new[1:]), (Point.START, new[:-1])):
        point[order[ends | (at == at[ends][run])]] = kind
    point[visits.trip.code == NONE] = Point.MIDDLE
    return point


_EPOCH = date(1970, 1, 1).toordinal()
_TEXTS = frozenset({"route", "trip", "stop", "vehicle", "block"})
_DTYPES: dict[str, tuple[Any, Any]] = {
    "day": (np.int32, 0),
    "direction": (np.int8, -1),
    "sequence": (np.int32, 0),
    "point": (np.int8, Point.MIDDLE),
    "relationship": (np.int8, Relationship.SCHEDULED),
    "timepoint": (np.bool_, True),
    "boardings": (np.float32, np.nan),
    "alightings": (np.float32, np.nan),
    "load": (np.float32, np.nan),
    "confidence": (np.float32, 1.0),
}


def _coded(texts: Any, rows: int) -> Coded:
    return Coded.none(rows) if texts is None else Coded.of(texts)
