"""At which stop visit a passenger boarded who tapped a card: by vehicle and time, or by route, stop and time."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Literal

import numpy as np

from transit.coded import NONE
from transit.visits import Point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.coded import Coded
    from transit.tap_files import Taps
    from transit.visits import StopVisits

__all__ = ["TapFate", "boarded"]


class TapFate(IntEnum):
    """What became of a tap."""

    BOARDED = 0
    UNKNOWN_PLACE = 1  # no visit is of this vehicle, or of this route and stop
    NO_VISIT = 2  # none of these was at that time
    BETWEEN_TRIPS = 3  # the trip had ended, and the next had not begun to board


def boarded(
    visits: StopVisits, taps: Taps, *, early_s: float, longest_s: float
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Return the visit of each tap, or -1, and its fate; shape (taps,).

    Who taps a card on board may do so while the vehicle drives on: a tap is of the last stop that its vehicle has come to,
    no longer than `longest_s` after it left. At the start of a trip people board during the layover. Taps that are known by
    route and stop are of the first visit there that has not left yet, or that left not longer than `early_s` ago.

    Parameters
    ----------
    early_s
        A clock may be so much off.
    """
    came_s = np.where(np.isnan(visits.arrival_s), visits.departure_s, visits.arrival_s)
    left_s = np.where(np.isnan(visits.departure_s), visits.arrival_s, visits.departure_s)
    visit = np.full(len(taps), -1, dtype=np.int64)
    fate = np.full(len(taps), TapFate.UNKNOWN_PLACE, dtype=np.int8)
    on_board = taps.vehicle.code != NONE
    for rows, find in ((on_board, _on_vehicle), (~on_board, _at_stop)):
        mine = np.flatnonzero(rows)
        visit[mine], fate[mine] = find(visits, taps.take(mine), (came_s, left_s), (early_s, longest_s))
    return visit, fate


def _on_vehicle(
    visits: StopVisits,
    taps: Taps,
    times: tuple[NDArray[np.float64], NDArray[np.float64]],
    limits: tuple[float, float],
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    (came_s, left_s), (early_s, longest_s) = times, limits
    seen = np.flatnonzero(np.isfinite(came_s) & (visits.vehicle.code != NONE))
    order = seen[np.lexsort((visits.sequence[seen], came_s[seen], visits.vehicle.code[seen]))]
    own = visits.vehicle.code[order].astype(np.int64)
    before_s = np.full(len(order), -np.inf)
    before_s[1:] = np.where(own[1:] == own[:-1], left_s[order[:-1]], -np.inf)
    sooner_s = np.where(visits.point[order] == Point.START, longest_s, early_s)
    opens_s = np.maximum(before_s, came_s[order] - sooner_s)
    group = _codes(taps.vehicle, visits.vehicle)
    place = _place(own, opens_s, group, taps.time_s, side="right") - 1
    known = (place >= 0) & (group != NONE)
    known &= np.append(own, NONE)[place] == group
    found = np.append(order, -1)[np.where(known, place, -1)]
    late = taps.time_s > np.append(left_s, -np.inf)[found] + longest_s
    ended = np.append(visits.point, Point.MIDDLE)[found] == Point.END
    fate = np.select(
        [~np.isin(group, own), late, ended],
        [TapFate.UNKNOWN_PLACE, TapFate.NO_VISIT, TapFate.BETWEEN_TRIPS],
        TapFate.BOARDED,
    ).astype(np.int8)
    return np.where(fate == TapFate.BOARDED, found, -1), fate


def _at_stop(
    visits: StopVisits,
    taps: Taps,
    times: tuple[NDArray[np.float64], NDArray[np.float64]],
    limits: tuple[float, float],
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    (_, left_s), (early_s, longest_s) = times, limits
    stops = len(visits.stop.names) + 1
    own = visits.route.code.astype(np.int64) * stops + visits.stop.code
    known = (visits.route.code != NONE) & (visits.stop.code != NONE) & (visits.point != Point.END)
    seen = np.flatnonzero(np.isfinite(left_s) & known)
    order = seen[np.lexsort((left_s[seen], own[seen]))]
    route, stop = _codes(taps.route, visits.route), _codes(taps.stop, visits.stop)
    group = np.where((route == NONE) | (stop == NONE), NONE, route * stops + stop)
    place = _place(own[order], left_s[order], group, taps.time_s - early_s, side="left")
    found = np.append(order, -1)[np.minimum(place, len(order))]
    same = (np.append(own, NONE)[found] == group) & (group != NONE)
    good = same & (np.append(left_s, np.inf)[found] <= taps.time_s + longest_s)
    unknown = np.where(np.isin(group, own[order]), TapFate.NO_VISIT, TapFate.UNKNOWN_PLACE)
    fate = np.where(good, TapFate.BOARDED, unknown).astype(np.int8)
    return np.where(good, found, -1), fate


def _place(
    group: NDArray[np.int64],
    time_s: NDArray[np.float64],
    wanted: NDArray[np.int64],
    at_s: NDArray[np.float64],
    *,
    side: Literal["left", "right"],
) -> NDArray[np.int64]:
    """Return where times of groups belong in rows that are in the order of group and time."""
    if not len(group):
        return np.zeros(len(wanted), dtype=np.int64)
    start_s = min(float(time_s.min()), float(at_s.min(initial=np.inf)))
    span_s = max(float(time_s.max()), float(at_s.max(initial=-np.inf))) - start_s + 1.0
    key = np.maximum.accumulate(group * span_s + (time_s - start_s))
    found: NDArray[np.int64] = np.searchsorted(key, wanted * span_s + (at_s - start_s), side=side)
    return found


def _codes(texts: Coded, known: Coded) -> NDArray[np.int64]:
    """Return the codes in `known` of a column of texts, `NONE` for those that it does not have."""
    number = {name: code for code, name in enumerate(known.names)}
    of_name = np.array([number.get(name, NONE) for name in texts.names] + [NONE], dtype=np.int64)
    found: NDArray[np.int64] = of_name[texts.code]
    return found
