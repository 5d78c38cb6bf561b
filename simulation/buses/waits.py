"""What passengers meet who come to stops at random: how long they wait, and whether headways are near the planned ones.

Nobody waits where trips end, so that ends are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulation.buses.service import Service

__all__ = ["Waits", "headways_within", "waits"]


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
    opens_s, closes_s = (np.full(service.places, value) for value in (np.inf, -np.inf))
    np.minimum.at(opens_s, place, planned_s)
    np.maximum.at(closes_s, place, planned_s)
    spans = _Spans(opens_s, closes_s)
    served = np.isfinite(opens_s)
    passengers_s = float((closes_s - opens_s)[served].sum())
    if passengers_s <= 0.0:
        return Waits(float("nan"), float("nan"))
    waited = (_waited(place, column[calls], spans) for column in (departure_s, service.departure_s))
    actual, planned = waited
    return Waits(actual / passengers_s, planned / passengers_s)


def _waited(place: NDArray[np.int64], departure_s: NDArray[np.float64], spans: _Spans) -> float:
    """Return the wait of all who come, one in a second, at all places; seconds squared."""
    made = np.isfinite(departure_s)
    place, departure_s = place[made], departure_s[made]
    latest_s = np.full(len(spans.opens_s), -np.inf)
    np.maximum.at(latest_s, place, departure_s)
    served = np.flatnonzero(np.isfinite(spans.opens_s))
    short = served[latest_s[served] < spans.closes_s[served]]
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
