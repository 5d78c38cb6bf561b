"""Who was on board: boardings from taps of cards, and alightings that nobody records, estimated from where people go next.

A card that is tapped again is taken to have left the vehicle where it is nearest to the next tap, the last of the day where it
is nearest to the first (trip chaining). Where that tells nothing, because a card was seen once or the next tap is too far away,
passengers are divided among the later stops of the trip in the proportions of those whose stop was found. All are then multiplied
by an expansion factor, for those who board without a tap.

References
----------
Barry, J., Newhouser, R., Rahbee, A., Sayeda, S. (2002). Origin and destination estimation in New York City with automated fare
system data. Transportation Research Record 1817, 183-187.
Trépanier, M., Tranchant, N., Chapleau, R. (2007). Individual trip destination estimation in a transit smart card automated fare
collection system. Journal of Intelligent Transportation Systems 11(1), 1-14.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError
from transit.coded import NONE
from transit.tap_places import TapFate, boarded
from transit.visits import Point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.tap_files import Taps
    from transit.timetable import Stops
    from transit.visits import StopVisits

__all__ = ["Ridership", "RidershipRules", "TapFate", "ridership"]

_DEGREE_M = np.radians(1.0) * 6_371_008.8
_AT_ONCE = 100_000
_NOBODY_SEEN = 1.0  # a stop at which nobody was seen to leave counts as much as one passenger


@dataclass(frozen=True)
class RidershipRules:
    """How taps become passengers.

    Attributes
    ----------
    expansion
        Boardings for each tap: 1 where everybody taps, 1.25 where a count on board found that one in five does not. It is
        the same everywhere, and has to come from a count: taps do not tell.
    early_s
        Clocks of card readers may be so much off.
    longest_s
        A tap longer than this after a vehicle left a stop is on no visit; so long before a trip people board at its start.
    walk_m
        Nobody walks further to the next vehicle.
    """

    expansion: float = 1.0
    early_s: float = 20.0
    longest_s: float = 900.0
    walk_m: float = 800.0

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value, least = getattr(self, name), 1.0 if name == "expansion" else 0.0
            if not (np.isfinite(value) and value >= least):
                raise InputError(f"must be {least:g} or more", field=f"rules.{name}", value=value)


@dataclass(frozen=True, eq=False)
class Ridership:
    """Passengers at every visit.

    Attributes
    ----------
    visits
        With boardings, alightings and load; those of a trip add up.
    visit
        At which visit each tap was, or -1; shape (taps,).
    fate
        `TapFate` of each tap; shape (taps,).
    left
        At which visit its passenger got off, or -1 where only proportions are known; shape (taps,).
    rules
        By which this was found.
    """

    visits: StopVisits
    visit: NDArray[np.int64]
    fate: NDArray[np.int8]
    left: NDArray[np.int64]
    rules: RidershipRules

    def counts(self) -> dict[str, float]:
        """Return how many taps met each fate, how many were linked to a stop, and by what all were multiplied."""
        of_fate = np.bincount(self.fate, minlength=len(TapFate)).tolist()
        return {
            **{fate.name.lower(): of_fate[fate] for fate in TapFate},
            "linked": int((self.left >= 0).sum()),
            "expansion": self.rules.expansion,
        }


def ridership(visits: StopVisits, taps: Taps, stops: Stops, rules: RidershipRules | None = None) -> Ridership:
    """Return who boarded and who was on board at each visit.

    Parameters
    ----------
    visits
        Where vehicles were and when, or were to be; those without a time have no passengers.
    stops
        Where stops are, by the identifiers that visits and taps have.
    """
    rules = rules or RidershipRules()
    visit, fate = boarded(visits, taps, early_s=rules.early_s, longest_s=rules.longest_s)
    trips = _Trips(visits)
    on = np.flatnonzero(visit >= 0)
    on = on[trips.later[visit[on]] > 0]  # who boards where the trip was last seen is not carried on
    fate[np.setdiff1d(np.flatnonzero(visit >= 0), on)] = TapFate.BETWEEN_TRIPS
    visit[fate != TapFate.BOARDED] = -1
    left = np.full(len(taps), -1, dtype=np.int64)
    left[on] = _linked(visits, trips, taps.take(on), visit[on], stops, rules.walk_m)
    boardings = np.bincount(visit[on], minlength=len(visits)).astype(np.float64)
    alightings = np.bincount(left[left >= 0], minlength=len(visits)).astype(np.float64)
    open_boardings = np.bincount(visit[on][left[on] < 0], minlength=len(visits)).astype(np.float64)
    alightings += _in_proportion(visits, trips, open_boardings, alightings)
    load = trips.added_up(boardings - alightings)
    factor = rules.expansion
    filled = replace(
        visits,
        boardings=(factor * boardings).astype(np.float32),
        alightings=(factor * alightings).astype(np.float32),
        load=(factor * np.maximum(load, 0.0)).astype(np.float32),
    )
    return Ridership(filled, visit, fate, left, rules)


class _Trips:
    """The seen visits of each trip one after the other.

    Attributes
    ----------
    order
        Visits trip by trip; shape (seen,).
    place
        Where each visit is in `order`, or -1; shape (visits,).
    first, end
        Places of the first visit of each place's trip, and after its last; shape (seen,).
    later
        How many visits of its trip come after each visit; 0 for those that are not seen; shape (visits,).
    """

    def __init__(self, visits: StopVisits) -> None:
        seen = np.flatnonzero(visits.observed & (visits.trip.code != NONE))
        keys = (visits.sequence[seen], visits.trip.code[seen], visits.day[seen])
        self.order = seen[np.lexsort(keys)]
        self.place = np.full(len(visits), -1, dtype=np.int64)
        self.place[self.order] = np.arange(len(self.order))
        trip, day = visits.trip.code[self.order], visits.day[self.order]
        new = np.concatenate(([True], (np.diff(trip) != 0) | (np.diff(day) != 0)))[: len(self.order)]
        begins = np.flatnonzero(new)
        counts = np.diff(np.append(begins, len(self.order)))
        self.first, self.end = np.repeat(begins, counts), np.repeat(begins + counts, counts)
        self.later = np.zeros(len(visits), dtype=np.int64)
        self.later[self.order] = self.end - np.arange(len(self.order)) - 1

    def added_up(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return sums of the values of visits from the start of each trip to each visit; shape (visits,)."""
        total = np.concatenate(([0.0], np.cumsum(values[self.order])))
        found = np.zeros(len(values))
        found[self.order] = total[1:] - total[self.first]
        return found


def _linked(
    visits: StopVisits,
    trips: _Trips,
    taps: Taps,
    visit: NDArray[np.int64],
    stops: Stops,
    walk_m: float,
) -> NDArray[np.int64]:
    """Return the visit at which each passenger got off, where the next tap of the card tells it, else -1."""
    found = np.full(len(taps), -1, dtype=np.int64)
    known = np.flatnonzero(taps.card.code != NONE)
    order = known[np.lexsort((taps.time_s[known], visits.day[visit[known]], taps.card.code[known]))]
    card, day = taps.card.code[order], visits.day[visit[order]]
    new = np.concatenate(([True], (np.diff(card) != 0) | (np.diff(day) != 0)))[: len(order)]
    begins = np.flatnonzero(new)
    counts = np.diff(np.append(begins, len(order)))
    following = np.arange(len(order)) + 1
    following[begins + counts - 1] = begins  # the last of the day goes back to where the first was
    until_s = np.where(following > np.arange(len(order)), taps.time_s[order[following]], np.inf)
    several = np.repeat(counts > 1, counts)
    x_m, y_m = _plane(visits, stops)
    for begin in range(0, len(order), _AT_ONCE):
        rows = np.arange(begin, min(begin + _AT_ONCE, len(order)))
        rows = rows[several[rows]]
        target = visit[order[following[rows]]]
        found[order[rows]] = _nearest(
            visits, trips, visit[order[rows]], (x_m, y_m), target, until_s[rows], walk_m
        )
    return found


def _nearest(
    visits: StopVisits,
    trips: _Trips,
    visit: NDArray[np.int64],
    plane: tuple[NDArray[np.float64], NDArray[np.float64]],
    target: NDArray[np.int64],
    until_s: NDArray[np.float64],
    walk_m: float,
) -> NDArray[np.int64]:
    """Return which later visit of the same trip is nearest to a place, the earlier of two; -1 where none is near enough."""
    (x_m, y_m), counts = plane, trips.later[visit]
    begins = np.concatenate(([0], np.cumsum(counts)))[:-1].astype(np.int64)
    owner = np.repeat(np.arange(len(visit)), counts)
    place = trips.place[visit][owner] + 1 + np.arange(len(owner)) - begins[owner]
    there = trips.order[place]
    away_m = np.hypot(x_m[there] - x_m[target[owner]], y_m[there] - y_m[target[owner]])
    same = visits.stop.code[there] == visits.stop.code[target[owner]]
    away_m = np.where(same, 0.0, away_m)
    came_s = np.where(np.isnan(visits.arrival_s), visits.departure_s, visits.arrival_s)[there]
    away_m[~(away_m <= walk_m) | (came_s > until_s[owner])] = np.inf
    if not len(visit):
        return np.zeros(0, dtype=np.int64)
    best_m = np.minimum.reduceat(away_m, begins)
    is_best = (away_m == best_m[owner]) & np.isfinite(away_m)
    chosen = np.full(len(visit), -1, dtype=np.int64)
    rows = np.flatnonzero(is_best)[::-1]  # the earlier is written last
    chosen[owner[rows]] = there[rows]
    return chosen


def _in_proportion(
    visits: StopVisits, trips: _Trips, boardings: NDArray[np.float64], linked: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return alightings of passengers of whom nothing is known, divided as those are who were linked; shape (visits,).

    Each passenger leaves at a later stop with a chance in proportion to how many were seen to leave at this stop of the
    route and direction, so that all on board are alike: of a load L, L w / (w + what is to come) leave.
    """
    order = trips.order
    stops, routes = len(visits.stop.names) + 1, len(visits.route.names) + 1
    direction = visits.direction[order].astype(np.int64) + 1
    key = (direction * routes + visits.route.code[order] + 1) * stops + visits.stop.code[order] + 1
    _, line = np.unique(key, return_inverse=True)
    weight = (np.bincount(line.ravel(), linked[order]) + _NOBODY_SEEN)[line.ravel()]
    weight[visits.point[order] == Point.START] = 0.0
    passed = np.concatenate(([0.0], np.cumsum(weight)))
    to_come = passed[trips.end] - passed[np.arange(len(order)) + 1]  # beyond each place
    share = np.divide(boardings[order], to_come, out=np.zeros(len(order)), where=to_come > 0.0)
    before = np.concatenate(([0.0], np.cumsum(share)))
    found = np.zeros(len(visits))
    found[order] = weight * (before[np.arange(len(order))] - before[trips.first])
    return found


def _plane(visits: StopVisits, stops: Stops) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return metres east and north of each visit's stop; NaN where it is not known."""
    number = {key: place for place, key in enumerate(stops.key)}
    at = np.array([number.get(name, len(stops)) for name in visits.stop.names] + [len(stops)])
    lon, lat = np.append(stops.lon, np.nan), np.append(stops.lat, np.nan)
    known = lat[np.isfinite(lat)]
    scale = np.cos(np.radians(float(known.mean()))) if len(known) else 1.0
    place = at[visits.stop.code]
    return lon[place] * scale * _DEGREE_M, lat[place] * _DEGREE_M
