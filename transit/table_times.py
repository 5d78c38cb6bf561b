"""Times written in many ways, as POSIX seconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from traffic.errors import InputError

__all__ = ["check_zone", "days_of", "local_to_posix", "posix_seconds"]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a clock on the wall of some time zone
_MICROSECONDS = 1e6  # divided by, not multiplied by its inverse: the nearest number to what is written
_MILLISECONDS = 1e11  # as seconds that is the year 5138, as milliseconds 1973
_QUARTER_S = 900


def check_zone(zone: str, field: str) -> None:
    """Raise `InputError` unless there is such a time zone."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        hint = 'Write it as "America/New_York"'
        raise InputError("must be an IANA time zone", field=field, value=zone, hint=hint) from error


def posix_seconds(texts: Any, zone: str) -> NDArray[np.float64]:
    """Return the times of an Arrow column of texts; NaN where there is none.

    Times without an offset from UTC are of the time zone `zone`; plain numbers are POSIX seconds, or milliseconds.
    """
    given = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    try:
        return _scaled(pc.cast(given, pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64))
    except pa.ArrowInvalid:
        pass
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            ticks = pc.cast(pc.cast(given, kind), pa.int64())
        except pa.ArrowInvalid:
            continue
        seconds = ticks.to_numpy(zero_copy_only=False).astype(np.float64) / _MICROSECONDS
        return seconds if kind.tz else local_to_posix(seconds, zone)
    return np.array([_one(text, zone) for text in texts.to_pylist()], dtype=np.float64)


def local_to_posix(wall_s: NDArray[np.float64], zone: str) -> NDArray[np.float64]:
    """Return POSIX seconds from seconds of a wall clock since 1970-01-01; of an hour that comes twice, the first."""
    quarter = np.floor(wall_s / _QUARTER_S)
    known = np.isfinite(quarter) & (np.abs(wall_s) < _MILLISECONDS / 2)
    different, place = np.unique(quarter[known], return_inverse=True)
    tz, offset = ZoneInfo(zone), np.zeros(len(different))
    for k, number in enumerate(different.tolist()):
        wall = _EPOCH + timedelta(seconds=number * _QUARTER_S)
        away = wall.replace(tzinfo=tz).utcoffset()
        offset[k] = away.total_seconds() if away is not None else 0.0
    found = np.full(len(wall_s), np.nan)
    found[known] = wall_s[known] - offset[place]
    return found


def days_of(time_s: NDArray[np.float64], zone: str, *, start_h: float = 0.0) -> NDArray[np.int32]:
    """Return the day of each POSIX second, in days after 1970-01-01; days start at `start_h`; 0 for NaN."""
    hour = np.floor(time_s / _QUARTER_S)
    known = np.isfinite(hour)
    different, place = np.unique(hour[known], return_inverse=True)
    tz = ZoneInfo(zone)
    local = [
        datetime.fromtimestamp(number * _QUARTER_S, tz).replace(tzinfo=None) - timedelta(hours=start_h)
        for number in different.tolist()
    ]
    day = np.array([(wall - _EPOCH).days for wall in local], dtype=np.int32)
    found = np.zeros(len(time_s), dtype=np.int32)
    found[known] = day[place] if len(day) else 0
    return found


def _scaled(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(seconds) > _MILLISECONDS, seconds / 1000.0, seconds)


def _one(text: str, zone: str) -> float:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        try:
            return float(_scaled(np.array([float(text)]))[0])
        except ValueError:
            return np.nan
    return (value if value.tzinfo else value.replace(tzinfo=ZoneInfo(zone))).timestamp()
