"""What passengers meet who come to stops, at random or by the timetable: how long they wait, how vehicles follow each other.

Nobody waits where trips end, so that ends are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulation.buses.service import Service

__all__ = ["Waits", "headways_within", "left_ahead", "printed_wait_s", "waits"]

_ROUNDING_S = 1e-3


class Waits(NamedTuple):
    """Mean wait as vehicles left, and by the timetable, of the same passengers, seconds; NaN where there are none."""

    actual_s: float
    planned_s: float


class _Spans(NamedTuple):
    """From when until when passengers come to each place, POSIX seconds; NaN where nobody boards; shape (places,)."""

    opens_s: NDArray[np.float64]
    closes_s: NDArray[np.float64]


def waits(service: Service, departure_s: NDArray[np.float64]) -> Waits:
    """Return how long passengers wait who come to each place evenly from the first planned departure to the last one.

    Each waits for the next vehicle that leaves, however late; after the last one that comes, until the last planned departure,
    which is the least that it can be. So a day that ends early, or begins late, is not the better for it.

    Parameters
    ----------
    departure_s
        As run, POSIX seconds, NaN for calls that were not made; shape (calls,).
    """
    calls = _boarding(service)
    place, planned_s = service.place[calls], service.departure_s[calls]
    spans = _spans(service.places, place, planned_s)
    served = np.isfinite(spans.opens_s)
    passengers_s = float((spans.closes_s - spans.opens_s)[served].sum())
    if passengers_s <= 0.0:
        return Waits(float("nan"), float("nan"))
    waited = (_waited(place, column[calls], spans) for column in (departure_s, service.departure_s))
    actual, planned = waited
    return Waits(actual / passengers_s, planned / passengers_s)


def _spans(places: int, place: NDArray[np.int64], planned_s: NDArray[np.float64]) -> _Spans:
    """Return from the first planned departure until the last one of each place."""
    opens_s, closes_s = (np.full(places, value) for value in (np.inf, -np.inf))
    np.minimum.at(opens_s, place, planned_s)
    np.maximum.at(closes_s, place, planned_s)
    return _Spans(opens_s, closes_s)


def _short(place: NDArray[np.int64], departure_s: NDArray[np.float64], spans: _Spans) -> NDArray[np.int64]:
    """Return the places that the last vehicle left before the last planned departure, or that none came to."""
    latest_s = np.full(len(spans.opens_s), -np.inf)
    np.maximum.at(latest_s, place, departure_s)
    return np.flatnonzero(np.isfinite(spans.opens_s) & (latest_s < spans.closes_s))


def _waited(place: NDArray[np.int64], departure_s: NDArray[np.float64], spans: _Spans) -> float:
    """Return the wait of all who come, one in a second, at all places; seconds squared."""
    made = np.isfinite(departure_s)
    place, departure_s = place[made], departure_s[made]
    served, short = np.flatnonzero(np.isfinite(spans.opens_s)), _short(place, departure_s, spans)
    place = np.concatenate((place, served, short))
    moment_s = np.concatenate((departure_s, spans.opens_s[served], spans.closes_s[short]))
    order = np.lexsort((moment_s, place))
    place, moment_s = place[order], moment_s[order]
    next_s = moment_s[1:]
    same = np.diff(place) == 0
    since_s, until_s = (
        np.clip(edge_s, spans.opens_s[place[1:]], spans.closes_s[place[1:]])
        for edge_s in (moment_s[:-1], next_s)
    )
    return float((((next_s - since_s) ** 2 - (next_s - until_s) ** 2) / 2.0)[same].sum())


def printed_wait_s(service: Service, departure_s: NDArray[np.float64]) -> float:
    """Return how long passengers wait who come to each place at the very times of the timetable, one at each but the last.

    Each waits for the next vehicle that leaves at that time or after it; after the last one that comes, until the last planned
    departure, as in `waits`. Who comes at that one is left out: nobody knows how long they would wait who miss it. NaN where
    there are none.
    """
    calls = _boarding(service)
    place, planned_s, left_s = service.place[calls], service.departure_s[calls], departure_s[calls]
    spans = _spans(service.places, place, planned_s)
    made, comes = np.isfinite(left_s), planned_s < spans.closes_s[place]
    if not comes.any():
        return float("nan")
    short = _short(place[made], left_s[made], spans)
    leaves_at = np.concatenate((place[made], short))
    leaves_s = np.concatenate((left_s[made], spans.closes_s[short]))
    moment_s = np.concatenate((planned_s[comes] - _ROUNDING_S, leaves_s))
    leaves = np.arange(len(moment_s)) >= np.count_nonzero(comes)
    order = np.lexsort((moment_s, np.concatenate((place[comes], leaves_at))))
    # the last at every place is a departure, so that the next one after any passenger is of the same place
    later = np.where(leaves[order], np.arange(len(order)), len(order))
    following = np.minimum.accumulate(later[::-1])[::-1][~leaves[order]]
    passenger = order[~leaves[order]]
    waited_s = moment_s[order[following]] - planned_s[comes][passenger]
    return float(np.maximum(waited_s, 0.0).mean())


def left_ahead(service: Service, departure_s: NDArray[np.float64], by_s: float) -> tuple[float, float]:
    """Return which part of all departures, and of those from first stops, was earlier than planned by more than so much.

    Of all that are planned: one that was not made is not ahead.
    """
    ahead = service.departure_s - departure_s > by_s
    return float(ahead[_boarding(service)].mean()), float(ahead[service.first[:-1]].mean())


def headways_within(service: Service, departure_s: NDArray[np.float64], part: float) -> float:
    """Return the share of planned headways, of which the one that was run differs by so great a part at most.

    A call that was not made is none of these; the next one has the longer headway, over the planned one of its own.
    """
    calls = _boarding(service)
    order = calls[np.lexsort((service.departure_s[calls], service.place[calls]))]
    planned_s = _headways_s(service.place[order], service.departure_s[order])
    made = np.flatnonzero(np.isfinite(departure_s[order]))
    headway_s = np.full(len(order), np.nan)
    headway_s[made] = _headways_s(service.place[order[made]], departure_s[order[made]])
    due = planned_s > 0.0
    good = np.abs(headway_s[due] - planned_s[due]) <= part * planned_s[due]
    return float(good.mean()) if len(good) else float("nan")


def _headways_s(place: NDArray[np.int64], moment_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the time since the one before at the same place, NaN for the first of each."""
    headway_s = np.full(len(place), np.nan)
    same = np.flatnonzero(np.diff(place) == 0) + 1
    headway_s[same] = moment_s[same] - moment_s[same - 1]
    return headway_s


def _boarding(service: Service) -> NDArray[np.int64]:
    """Return the calls at which passengers board: all but the ends of trips."""
    return np.delete(np.arange(len(service.call)), service.first[1:] - 1)
