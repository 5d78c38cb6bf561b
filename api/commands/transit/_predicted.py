"""Predictions as rows, for tables, JSON and CSV."""

from __future__ import annotations

import csv
import math
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from traffic.files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from transit.realtime import Predictions
    from transit.timetable import Timetable

__all__ = ["COLUMNS", "date_of", "rows_of", "write_rows"]

COLUMNS = (
    "trip",
    "day",
    "vehicle",
    "stop_sequence",
    "stop",
    "arrival",
    "departure",
    "arrival_delay_s",
    "departure_delay_s",
    "uncertainty_s",
)
_EPOCH = date(1970, 1, 1)


def date_of(number: int) -> date:
    """Return the date of a day that is counted from 1970-01-01."""
    return _EPOCH + timedelta(days=number)


def rows_of(predicted: Predictions, timetable: Timetable) -> list[dict[str, object]]:
    """Return predictions as rows, one vehicle after the other, with local times."""
    zone = ZoneInfo(timetable.zone)
    columns = (
        predicted.trip.texts(),
        [date_of(day).isoformat() for day in predicted.day.tolist()],
        predicted.vehicle.texts(),
        predicted.sequence.tolist(),
        _stops(timetable, predicted),
        *(_clock(times_s, zone) for times_s in (predicted.arrival_s, predicted.departure_s)),
        *(
            _whole(seconds)
            for seconds in (
                predicted.arrival_delay_s,
                predicted.departure_delay_s,
                predicted.uncertainty_s,
            )
        ),
    )
    return [dict(zip(COLUMNS, values, strict=True)) for values in zip(*columns, strict=True)]


def _clock(times_s: NDArray[np.float64], zone: ZoneInfo) -> list[str | None]:
    return [
        None if math.isnan(time_s) else datetime.fromtimestamp(round(time_s), zone).isoformat()
        for time_s in times_s.tolist()
    ]


def _whole(seconds: NDArray[np.float64]) -> list[int | None]:
    return [None if math.isnan(value) else round(value) for value in seconds.tolist()]


def _stops(timetable: Timetable, predicted: Predictions) -> list[str]:
    first, times = timetable.trips.first, timetable.times
    found = []
    for row in range(len(predicted)):
        trip = timetable.trip_number[str(predicted.trip[row])]
        calls = slice(int(first[trip]), int(first[trip + 1]))
        at = int(np.searchsorted(times.sequence[calls], predicted.sequence[row]))
        found.append(timetable.stops.key[int(times.stop[calls][at])])
    return found


def write_rows(output: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows as CSV."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
