"""Why positions and a timetable do not fit together, and what to do about it: the wrong city, days, names or time zone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from traffic.errors import InputError
from transit.coded import NONE
from transit.matching import Fate, MatchRules, match

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from transit.coded import Coded
    from transit.positions import Positions
    from transit.timetable import Timetable

__all__ = ["Trouble", "matching_trouble"]

_FEW = 0.1
"""With a smaller share of positions on trips, something is wrong with them or with the timetable."""
_FAR_KM = 5.0
_MOST = 0.5
_SAMPLE, _TRIED = 500, 3000
_RADIUS_KM = 6_371.0
_HOUR_S = 3600.0
_SHOWN = 3
_DAY = timedelta(days=1)
_REASONS = {
    Fate.NO_PLACE: "They have no place: 0 and 0, or none on earth. Look at the receivers, or at which columns are read",
    Fate.DUPLICATE: "They repeat the vehicle and time of others: is the column of vehicles, or of times, the right one?",
    Fate.OUT_OF_ORDER: "They come after later ones of the same vehicle: sort the file by time",
    Fate.CLOCK: "Their times jump by half an hour and more: is the column of vehicles, or of times, the right one?",
    Fate.UNKNOWN_ASSIGNMENT: "Give the timetable of these days, or --ignore-assignments to try all trips",
    Fate.NO_TRIP: "No trip is under way at their times: look at --zone, and at the hours that the timetable covers",
    Fate.BETWEEN_TRIPS: "They are away from the paths of trips, between one and the next: are these vehicles in service?",
    Fate.OFF_ROUTE: "They are away from the paths of trips: are the shapes of the timetable those of these days?",
    Fate.CONTRADICTED: "They jump: is the column of vehicles the right one?",
}


class Trouble(NamedTuple):
    """What is wrong: parts of an `InputError`, or of a warning."""

    rule: str
    value: str
    hint: str

    def __str__(self) -> str:
        return f"{self.rule} ({self.value}). {self.hint}"

    def error(self, file: object) -> InputError:
        """Return what to raise where nothing can be made of a file."""
        return InputError(self.rule, file=file, value=self.value, hint=self.hint)


def matching_trouble(
    timetable: Timetable,
    positions: Positions,
    counts: Mapping[Fate, int],
    rules: MatchRules | None = None,
) -> Trouble | None:
    """Return why so few positions are on trips; nothing where a tenth or more are.

    Parameters
    ----------
    counts
        How many positions met each fate.
    """
    matched = counts.get(Fate.MATCHED, 0)
    if matched >= _FEW * len(positions):
        return None
    others = {fate: count for fate, count in counts.items() if fate is not Fate.MATCHED}
    most = max(others, key=lambda fate: others[fate])
    rule = f"must be on trips of the timetable: {matched or 'none'} of {len(positions)} positions {_are(matched)}"
    ranked = sorted(others.items(), key=lambda item: -item[1])
    value = ", ".join(f"{fate.name.lower()}: {count}" for fate, count in ranked)
    return Trouble(rule, value, _reason(timetable, positions, most, rules or MatchRules()))


def _are(count: int) -> str:
    return "are" if count > 1 else "is"


def _reason(timetable: Timetable, positions: Positions, most: Fate, rules: MatchRules) -> str:
    if most is Fate.NO_PLACE:
        return _REASONS[most]
    unknown = _names(timetable, positions) if most is Fate.UNKNOWN_ASSIGNMENT else None
    return (
        _far(timetable, positions)
        or _other_days(timetable, positions)
        or unknown
        or _other_zone(timetable, positions, rules)
        or _REASONS[most]
    )


def _far(timetable: Timetable, positions: Positions) -> str | None:
    step = max(1, len(positions) // _SAMPLE)
    lon, lat = positions.lon[::step], positions.lat[::step]
    away_km = _away_km(timetable, lon, lat)
    if not away_km > _FAR_KM:
        return None
    if _away_km(timetable, lat, lon) <= _FAR_KM:
        return "Longitude and latitude are exchanged: read each from the other's column (--columns)"
    far = f"{away_km:,.0f} km" if away_km >= 2 * _FAR_KM else f"{away_km:.1f} km"
    return f"They are {far} from the nearest stop of the timetable, as the middle of them is: give the timetable of their city"


def _away_km(timetable: Timetable, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> float:
    """Return the median distance from the nearest stop; NaN where no position has a place."""
    used = np.unique(timetable.times.stop)
    good = (np.abs(lon) <= 180) & (np.abs(lat) <= 90) & ((lon != 0) | (lat != 0))
    places = _on_sphere(timetable.stops.lon[used], timetable.stops.lat[used])
    places = places[np.isfinite(places).all(axis=1)]
    if not good.any() or not len(places):
        return float("nan")
    cosine = (_on_sphere(lon[good], lat[good]) @ places.T).max(axis=1)
    return float(np.median(_RADIUS_KM * np.arccos(np.clip(cosine, -1.0, 1.0))))


def _on_sphere(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    east, north = np.radians(lon), np.radians(lat)
    return np.column_stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)])


def _other_days(timetable: Timetable, positions: Positions) -> str | None:
    """Return that the timetable has no trips on the days of positions, nor on those before, which may go on past midnight."""
    runs = {day for days in timetable.days for day in days}
    known = positions.time_s[np.isfinite(positions.time_s)]
    zone = ZoneInfo(timetable.zone)
    quarters = np.unique(known // (_HOUR_S / 4)) * (_HOUR_S / 4)
    days = sorted({datetime.fromtimestamp(second, zone).date() for second in quarters.tolist()})
    if not days or not runs or any(day in runs or day - _DAY in runs for day in days):
        return None
    return f"They are of {_span(days)}, the timetable runs on {_span(sorted(runs))}: give the timetable of these days"


def _span(days: list[date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _names(timetable: Timetable, positions: Positions) -> str | None:
    """Return what positions are assigned to, and what the timetable has instead."""
    columns: tuple[tuple[str, Coded, tuple[str, ...]], ...] = (
        ("trips", positions.trip, timetable.trips.key),
        ("blocks", positions.block, timetable.trips.block.names),
        ("routes", positions.route, tuple(dict.fromkeys((*timetable.routes.name, *timetable.routes.key)))),
    )
    told = [
        f"{kind} {_few(wanted)}, where the timetable has {_few(known) if known else 'none'}"
        for kind, column, known in columns
        if (wanted := _used(column)) and not set(wanted) & set(known)
    ]
    if not told:
        return None
    return f"They are assigned to {'; '.join(told)}. {_REASONS[Fate.UNKNOWN_ASSIGNMENT]}"


def _used(column: Coded) -> tuple[str, ...]:
    codes = np.unique(column.code[column.code != NONE]).tolist()
    return tuple(column.names[code] for code in codes)


def _few(names: tuple[str, ...]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more


def _other_zone(timetable: Timetable, positions: Positions, rules: MatchRules) -> str | None:
    """Return that most positions would be on trips if their times were of UTC instead of the zone, or the other way round."""
    known = positions.time_s[np.isfinite(positions.time_s)]
    if not len(known):
        return None
    moment = datetime.fromtimestamp(float(np.median(known)), ZoneInfo(timetable.zone))
    away = moment.utcoffset()
    if not away:
        return None
    sample = positions.take(slice(0, _TRIED))
    ways = (
        (away.total_seconds(), "their times are of UTC: give --zone UTC"),
        (
            -away.total_seconds(),
            f"their times, which say that they are of UTC, are of {timetable.zone} in truth: mend them, or leave --zone out",
        ),
    )
    for shift_s, what in ways:
        moved = replace(sample, time_s=sample.time_s + shift_s)
        share = match(timetable, moved, rules).counts().get(Fate.MATCHED, 0) / len(sample)
        if share > _MOST:
            return f"{share:.0%} of them are on trips if {what}"
    return None
