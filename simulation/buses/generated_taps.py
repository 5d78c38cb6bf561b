"""Taps of passengers who do not exist: for trying out what is done with real ones, and for knowing what it should have found.

Labelled generated wherever they are shown. Passengers come to stops as the lines of a day say, and leave at any later stop.
Some of those who travel before two in the afternoon go back some hours later on the same route, and tap the same card.
"""

from __future__ import annotations

import csv
import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from transit.coded import Coded
from transit.tap_files import Taps

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from simulation.buses.service import Service
    from transit.lines import Lines

__all__ = ["GeneratedTaps", "generated_taps", "write_taps"]

_RETURN_SHARE = 0.6
_UNTIL_H, _STAY_H = 14, (3.0, 9.0)
_LAST_S = 15.0  # people tap within so long before the vehicle leaves
_USUAL_S = 600.0


class GeneratedTaps(NamedTuple):
    """Taps, and at which call of the service each passenger really boarded and left; both of shape (taps,)."""

    taps: Taps
    boarded: NDArray[np.int64]
    left: NDArray[np.int64]


def generated_taps(service: Service, lines: Lines, rng: np.random.Generator) -> GeneratedTaps:
    """Return the taps of one day on vehicles that run as planned; everybody taps."""
    start_s = float(service.timetable.start_s(service.day))
    hour = ((service.departure_s - start_s) // 3600).astype(np.int64) % 24
    rate_s = lines.passengers_s[service.call] * lines.passengers_by_hour[hour]
    headway_s = np.where(np.isnan(service.headway_s), _USUAL_S, service.headway_s)
    later = (service.first[1:] - 1)[service.trip_of_call] - np.arange(len(service.call))
    count = np.where(later > 0, rng.poisson(rate_s * headway_s), 0)
    on = np.repeat(np.arange(len(count)), count)
    off = on + rng.integers(1, later[on] + 1)
    card = np.arange(len(on))
    early = (hour[on] < _UNTIL_H) & (rng.random(len(on)) < _RETURN_SHARE)
    back_on, back_off, back_card = _back(service, on[early], off[early], card[early], rng)
    on, off = np.concatenate([on, back_on]), np.concatenate([off, back_off])
    card = np.concatenate([card, back_card])
    time_s = service.departure_s[on] - rng.uniform(0.0, _LAST_S, len(on))
    order = np.argsort(time_s, kind="stable")
    return GeneratedTaps(_taps(service, on[order], card[order], time_s[order]), on[order], off[order])


def _back(
    service: Service,
    on: NDArray[np.int64],
    off: NDArray[np.int64],
    card: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the calls at which people board and leave on their way back, as far as there is one, and their cards."""
    table, first = service.timetable.trips, service.first
    pattern = service.timetable.pattern[service.trips]
    way = table.route[service.trips].astype(np.int64) * 4 + table.direction[service.trips]
    until_s = service.arrival_s[off] + 3600.0 * rng.uniform(*_STAY_H, len(off))
    of_person = way[service.trip_of_call[on]]
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
    for number in np.unique(of_person).tolist():
        trips = np.flatnonzero(way == number // 4 * 4 + 1 - number % 4)
        if not len(trips) or number % 4 > 1:
            continue
        trips = trips[pattern[trips] == pattern[trips[0]]]
        mine = np.flatnonzero(of_person == number)
        stops = np.arange(int(first[trips[0]]), int(first[trips[0] + 1]))
        begin = _nearest(service, off[mine], stops)
        end = _nearest(service, on[mine], stops)
        leaves_s = service.departure_s[first[trips]]
        offset_s = service.departure_s[stops] - leaves_s[0]
        at = np.searchsorted(leaves_s, until_s[mine] - offset_s[begin])
        good = (begin < end) & (at < len(trips))
        calls = first[trips[at[good]]]
        found.append((calls + begin[good], calls + end[good], card[mine[good]]))
    if not found:
        nobody = np.zeros(0, dtype=np.int64)
        return nobody, nobody, nobody
    back_on, back_off, cards = (np.concatenate(column) for column in zip(*found, strict=True))
    return back_on, back_off, cards


def _nearest(service: Service, calls: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which of some calls is nearest to the stop of each of others."""
    places, stop = service.timetable.stops, service.timetable.times.stop[service.call]
    lon, lat = places.lon[stop], places.lat[stop]
    scale = np.cos(np.radians(float(np.nanmean(places.lat))))
    east = (lon[calls, None] - lon[stops]) * scale
    found: NDArray[np.int64] = np.hypot(east, lat[calls, None] - lat[stops]).argmin(axis=1)
    return found


def _taps(
    service: Service, on: NDArray[np.int64], card: NDArray[np.int64], time_s: NDArray[np.float64]
) -> Taps:
    table, trip = service.timetable.trips, service.trips[service.trip_of_call[on]]
    used, code = np.unique(card, return_inverse=True)
    hashes = tuple(hashlib.sha256(f"generated card {k}".encode()).hexdigest()[:16] for k in used.tolist())
    return Taps(
        time_s,
        Coded(hashes, code.reshape(-1).astype(np.int32)),
        Coded(table.block.names, table.block.code[trip]),
        Coded(service.timetable.routes.name, table.route[trip]),
        Coded(service.timetable.stops.key, service.timetable.times.stop[service.call[on]]),
        np.arange(2, len(on) + 2),
    )


def write_taps(path: Path, taps: Taps, zone: str) -> None:
    """Write taps as a CSV that `transit.tap_files.read_taps` reads."""
    tz = ZoneInfo(zone)
    columns = (column.texts() for column in (taps.card, taps.vehicle, taps.route, taps.stop))
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("time", "card", "vehicle", "route", "stop"))
        for time_s, *texts in zip(taps.time_s.tolist(), *columns, strict=True):
            when = datetime.fromtimestamp(round(time_s), tz).isoformat(sep=" ")
            rows.writerow((when, *(text or "" for text in texts)))
