"""Recorded stop visits from any table, by what its columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from traffic.errors import InputError
from transit.coded import NONE
from transit.column_names import checked_names, read_names
from transit.table_times import check_zone, days_of
from transit.timetable import service_day_s
from transit.visits import Relationship, StopVisits, trip_ends

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from transit.coded import Coded
    from transit.table_files import Table

__all__ = ["OWN", "VisitMap", "mapped_visits"]

_TIMES = ("scheduled_arrival", "scheduled_departure", "arrival", "departure")
_DAY_S = 86_400
_DAY_STARTS_H = 4.0  # nights belong to the day before
_EPOCH = date(1970, 1, 1)
_COMPACT_DAY = r"^(\d{4})(\d{2})(\d{2})$"
_NO = ("false", "False", "FALSE", "0", "no")


@dataclass(frozen=True)
class VisitMap:
    """What the columns of a table of stop visits are called. All but `stop` and one time may be missing.

    Attributes
    ----------
    stop
        Must be there.
    scheduled_arrival, scheduled_departure, arrival, departure
        Times as planned and as they were: with a date, or, where `day` is there, clock times of the service day, counted on past
        24:00 after midnight. A visit without a time as it was is one that nobody saw.
    day
        Service day. Where there is none, the day begins at 4 o'clock.
    trip, sequence
        Which trip, and the place of the visit in it; without `sequence`, visits of a trip are in the order of their times.
    route, direction, vehicle, block
        May be.
    timepoint
        Whether the timetable is to be kept there: ``false``, ``no`` and ``0`` are no.
    relationship
        ``scheduled``, ``skipped``, ``added`` or ``missing``.
    boardings, alightings, load
        Passengers.
    zone
        IANA name of the time zone of times without an offset from UTC, and of the hours of the day.
    """

    stop: str
    scheduled_arrival: str | None = None
    scheduled_departure: str | None = None
    arrival: str | None = None
    departure: str | None = None
    day: str | None = None
    trip: str | None = None
    sequence: str | None = None
    route: str | None = None
    direction: str | None = None
    vehicle: str | None = None
    block: str | None = None
    timepoint: str | None = None
    relationship: str | None = None
    boardings: str | None = None
    alightings: str | None = None
    load: str | None = None
    zone: str | None = None

    def __post_init__(self) -> None:
        if not any(getattr(self, name) for name in _TIMES):
            raise InputError(f"must name one of {', '.join(_TIMES)}", field="columns")
        if self.zone is not None:
            check_zone(self.zone, "columns.zone")

    @classmethod
    def of(cls, names: Mapping[str, Any], *, file: object = None) -> VisitMap:
        """Return the map that a dictionary, or the table ``[columns]`` in it, describes."""
        return cls(**checked_names(names, cls, ("stop",), file=file))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> VisitMap:
        """Read a map from a TOML file with a table ``[columns]``."""
        return cls.of(read_names(path), file=path)

    def needed(self) -> tuple[str, ...]:
        """Return the columns that it names, all of which a table must have."""
        names = (getattr(self, name) for name in self.__dataclass_fields__ if name != "zone")
        return tuple(name for name in names if name)


OWN = VisitMap(**{name: name for name in VisitMap.__dataclass_fields__ if name != "zone"})
"""The tables that `transit.table_out.write_visits` makes."""


def mapped_visits(table: Table, meaning: VisitMap, zone: str) -> StopVisits:
    """Return the visits of a table; what is wrong with it is added to its problems."""
    check_zone(zone, "zone")
    table.require(meaning.needed(), "stop visits, by the map of columns")
    day_s = _days_s(table, meaning.day)
    times = {f"{name}_s": _times(table, getattr(meaning, name), day_s, zone) for name in _TIMES}
    stop, trip = table.texts(meaning.stop), table.texts(meaning.trip)
    moment_s = _first_known(times)
    day = np.where(np.isfinite(day_s), day_s // _DAY_S, days_of(moment_s, zone, start_h=_DAY_STARTS_H))
    table.tell(stop.code == NONE, meaning.stop, "must say which stop it is", needed=True)
    timeless = ~np.isfinite(moment_s)
    told = next(name for name in (getattr(meaning, each) for each in _TIMES) if name)
    rule = "must have a time, planned or as it was, with a date or with a service day"
    table.tell(timeless & (np.isfinite(day_s) | (meaning.day is None)), told, rule, needed=True)
    visits = StopVisits.of(
        zone,
        len(table),
        day=np.nan_to_num(day).astype(np.int32),
        route=table.texts(meaning.route),
        direction=np.nan_to_num(table.numbers(meaning.direction, least=0, most=1), nan=-1.0),
        trip=trip,
        stop=stop,
        vehicle=table.texts(meaning.vehicle),
        block=table.texts(meaning.block),
        timepoint=~table.texts(meaning.timepoint).is_any(_NO),
        relationship=_relationship(table, meaning.relationship, times),
        **{
            name: table.numbers(getattr(meaning, name), least=0)
            for name in ("boardings", "alightings", "load")
        },
        **times,
    )
    known = (stop.code != NONE) & ~timeless
    if meaning.day is not None:
        known &= np.isfinite(day_s)
    sequence = _sequence(table, meaning.sequence, visits, moment_s)
    visits = replace(visits, sequence=sequence).take(known)
    return replace(visits, point=trip_ends(visits, visits.sequence.astype(np.float64)))


def _days_s(table: Table, name: str | None) -> NDArray[np.float64]:
    """Return the midnight of each service day as if it were in UTC; NaN where it is not known."""
    if name is None:
        return np.full(len(table), np.nan)
    dashed = pc.replace_substring_regex(
        pc.utf8_trim_whitespace(table.columns[name]), _COMPACT_DAY, r"\1-\2-\3"
    )
    return replace(table, columns={**table.columns, name: dashed}).times(name, "UTC", needed=True)


def _times(table: Table, name: str | None, day_s: NDArray[np.float64], zone: str) -> NDArray[np.float64]:
    """Return POSIX seconds: from times with a date, or from clock times of the service day."""
    if name is None:
        return np.full(len(table), np.nan)
    texts = table.texts(name)
    clock = np.array([_clock_s(text) for text in texts.names] + [np.nan])
    if not texts.names or not np.isfinite(clock[:-1]).all():
        return table.times(name, zone)
    days, number = np.unique(np.nan_to_num(day_s) // _DAY_S, return_inverse=True)
    starts = [service_day_s(_EPOCH + timedelta(days=int(each)), zone) for each in days.tolist()]
    found = np.array(starts, dtype=np.float64)[number] + clock[texts.code]
    return np.where(np.isfinite(day_s), found, np.nan)


def _clock_s(text: str) -> float:
    """Return the seconds of a clock time, H:MM or H:MM:SS; NaN where it is none."""
    parts = text.split(":")
    if not (2 <= len(parts) <= 3 and all(part.isdecimal() and len(part) <= 3 for part in parts)):
        return float("nan")
    hours, minutes, seconds = (int(part) for part in (*parts, "0")[:3])
    return 3600.0 * hours + 60.0 * minutes + seconds if minutes < 60 and seconds < 60 else float("nan")


def _first_known(times: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the first time of each visit that is known: planned ones before others."""
    columns = list(times.values())
    found = columns[0].copy()
    for column in columns[1:]:
        found = np.where(np.isfinite(found), found, column)
    return found


def _relationship(
    table: Table, name: str | None, times: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.int8]:
    seen = np.isfinite(times["arrival_s"]) | np.isfinite(times["departure_s"])
    texts = table.texts(name)
    words = {kind.name.lower(): kind for kind in Relationship}
    table.tell(
        (texts.code != NONE) & ~_lower(texts, words),
        name or "",
        f"must be one of {', '.join(words)}",
        needed=False,
    )
    of_name = np.array(
        [words.get(text.lower(), Relationship.SCHEDULED) for text in texts.names] + [0], np.int8
    )
    told = of_name[texts.code]
    return np.where((told == Relationship.SCHEDULED) & ~seen, Relationship.MISSING, told).astype(np.int8)


def _lower(texts: Coded, words: Mapping[str, Relationship]) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = np.array([text.lower() in words for text in texts.names] + [False])[texts.code]
    return known


def _sequence(
    table: Table, name: str | None, visits: StopVisits, moment_s: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Return the place of each visit within its trip: as told, else by their times, from 1."""
    if name is not None:
        return np.nan_to_num(table.numbers(name, least=0)).astype(np.int32)
    order = np.lexsort((moment_s, visits.trip.code, visits.day))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(visits.trip.code[order]) != 0) | (np.diff(visits.day[order]) != 0)
    place = np.arange(len(order))
    found = np.zeros(len(order), dtype=np.int32)
    found[order] = place - np.maximum.accumulate(np.where(new, place, 0)) + 1
    return found
