"""What earlier days teach: running by stretch and hour, dwell and headways by place, holding, starts and layovers.

All of it is kept by the identifiers of stops and routes, so that it holds for any later timetable that still has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transit.prediction.calls import BINS
from transit.prediction.following import Follower

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.prediction.calls import Calls, Record
    from transit.prediction.following import Passed

__all__ = ["MOST_HEADWAY_S", "Dwells", "History", "Running", "Starts", "passed_of"]

_FEW = 3.0  # observations that count as much as what is known from all the others
_SOME = 20.0
_QUANTILES = 41
_LEAST_LOG, _MOST_LOG = np.log(0.25), np.log(4.0)
_EARLY_S, _HELD_S = 60.0, 45.0
_LEAST_STARTS = 20
_USUAL_LOG_SD = 0.3
_MOST_GAP = 3.0
_WAIT_SHARE = 0.5
MOST_HEADWAY_S = 7200.0
"""What is longer is the end of service, and no headway."""


class Running(NamedTuple):
    """Running times of stretches.

    Attributes
    ----------
    median_s
        By stretch and hour; NaN where fewer than three vehicles were seen. Shape (stretches, 24).
    whole_s
        The median by stretch; shape (stretches,).
    log
        Mean logarithm by stretch and hour: that of the cell as far as it has observations, else of the stretch and of the hour
        everywhere. Shape (stretches, 24).
    log_var
        Variance of the logarithm around it; shape (stretches,).
    seen
        Vehicles; shape (stretches,).
    over_planned
        Median of running times over planned ones, for stretches that were never seen.
    """

    median_s: NDArray[np.float64]
    whole_s: NDArray[np.float64]
    log: NDArray[np.float64]
    log_var: NDArray[np.float64]
    seen: NDArray[np.float64]
    over_planned: float


class Dwells(NamedTuple):
    """Dwell at places.

    Attributes
    ----------
    mean_s, headway_s
        Dwell, and headway between vehicles that come, by place and hour; shape (places, 24).
    by_headway
        How much longer a vehicle stands, as a part of the mean, for a headway that is longer by one part.
    variation
        Standard deviation over mean.
    holds
        Whether early vehicles wait for the timetable; shape (places,).
    hold_early_s
        So much before the timetable they leave, in the median.
    """

    mean_s: NDArray[np.float64]
    headway_s: NDArray[np.float64]
    by_headway: float
    variation: float
    holds: NDArray[np.bool_]
    hold_early_s: float


class Starts(NamedTuple):
    """How late vehicles leave first stops (quantiles, rising), and what they need between trips at least."""

    late_s: NDArray[np.float64]
    layover_s: float


@dataclass(frozen=True, eq=False)
class History:
    """What was learned; `links` and `places` name the rows of its arrays, as `Calls` does."""

    links: tuple[tuple[str, str], ...]
    places: tuple[tuple[str, str, str], ...]
    running: Running
    dwells: Dwells
    starts: Starts

    @classmethod
    def none(cls) -> History:
        """Return the history of somebody who has seen nothing: the timetable holds, and nobody is late or held."""
        empty = np.zeros((0, BINS))
        return cls(
            (),
            (),
            Running(empty, np.zeros(0), empty, np.zeros(0), np.zeros(0), 1.0),
            Dwells(empty, empty, 0.0, 0.0, np.zeros(0, bool), 0.0),
            Starts(np.zeros(1), 0.0),
        )

    @classmethod
    def fit(cls, record: Record) -> History:
        """Learn from what happened."""
        calls, passed = record.calls, passed_of(record)
        return cls(
            calls.links,
            calls.places,
            _running(calls, passed),
            _dwells(record, passed),
            _starts(record),
        )

    def link_rows(self, calls: Calls) -> NDArray[np.int64]:
        """Return the row of each stretch of `calls`, -1 for those that were never seen."""
        known = {name: row for row, name in enumerate(self.links) if self.running.seen[row] > 0}
        return np.array([known.get(name, -1) for name in calls.links], dtype=np.int64)

    def place_rows(self, calls: Calls) -> NDArray[np.int64]:
        """Return the row of each place of `calls`, -1 for those that were never seen."""
        known = {name: row for row, name in enumerate(self.places)}
        return np.array([known.get(name, -1) for name in calls.places], dtype=np.int64)


def passed_of(record: Record) -> Passed:
    """Return all that vehicles did."""
    return Follower(record.calls).push(record.events())


def _running(calls: Calls, passed: Passed) -> Running:
    links, hour = len(calls.links), calls.bins(passed.call, passed.left_s)
    run_s = np.maximum(passed.run_s, 1.0)
    link = calls.link[passed.call].astype(np.int64)
    cell = link * BINS + hour
    count = np.bincount(link, minlength=links).astype(np.float64)
    whole_s, _ = _medians(link, run_s, links)
    median_s, seen = _medians(cell, run_s, links * BINS)
    log = np.log(run_s)
    usual = np.log(whole_s)
    log = np.clip(log, usual[link] + _LEAST_LOG, usual[link] + _MOST_LOG)
    of_hour = np.zeros(BINS)
    of_link = np.zeros(links)
    for _ in range(2):
        of_link = _means(link, log - of_hour[hour], links, np.zeros(links), 0.0)
        of_hour = _means(hour, log - of_link[link], BINS, np.zeros(BINS), _SOME)
    rest = log - of_link[link] - of_hour[hour]
    own = _means(cell, rest, links * BINS, np.zeros(links * BINS), _FEW).reshape(links, BINS)
    profile = of_link[:, None] + of_hour + own
    square = (log - profile[link, hour]) ** 2
    pooled = float(square.mean()) if len(square) else _USUAL_LOG_SD**2
    planned_s = calls.planned_run_s[passed.call]
    known = planned_s > 0.0
    ratio = float(np.median(run_s[known] / planned_s[known])) if known.any() else 1.0
    return Running(
        np.where(seen >= _FEW, median_s, np.nan).reshape(links, BINS),
        whole_s,
        profile,
        _means(link, square, links, np.full(links, pooled), _FEW),
        count,
        ratio,
    )


def _means(
    key: NDArray[np.int64], value: NDArray[np.float64], count: int, usual: NDArray[np.float64], weight: float
) -> NDArray[np.float64]:
    """Return the mean by key, drawn to `usual` as if there were `weight` observations more of that."""
    total = np.bincount(key, value, count) + weight * usual
    number = np.bincount(key, minlength=count) + weight
    found: NDArray[np.float64] = np.divide(total, number, out=usual.copy(), where=number > 0)
    return found


def _medians(
    key: NDArray[np.int64], value: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the median by key (NaN where there is none), and how many values it is of."""
    order = np.lexsort((value, key))
    number = np.bincount(key, minlength=count)
    first = np.cumsum(number) - number
    found = np.full(count, np.nan)
    some = number > 0
    low, high = first + (number - 1) // 2, first + number // 2
    ranked = value[order]
    found[some] = 0.5 * (ranked[low[some]] + ranked[high[some]])
    return found, number


def _dwells(record: Record, passed: Passed) -> Dwells:
    calls = record.calls
    places = len(calls.places)
    holds, early_s = _holding(record)
    place, hour = calls.place[passed.stood].astype(np.int64), calls.bins(passed.stood, passed.came_s)
    free = ~holds[place] | (passed.came_s + passed.dwell_s > calls.departure_s[passed.stood] + _HELD_S)
    mean_s = _by_place(place[free], hour[free], passed.dwell_s[free], places)
    gap = passed.headway_s < MOST_HEADWAY_S
    headway_s = _by_place(place[gap], hour[gap], passed.headway_s[gap], places)
    known = free & gap & (mean_s[place, hour] > 1.0) & (headway_s[place, hour] > 1.0)
    at = place[known], hour[known]
    relative = passed.dwell_s[known] / mean_s[at] - 1.0
    longer = np.clip(passed.headway_s[known] / headway_s[at], 0.0, _MOST_GAP) - 1.0
    square = float((longer**2).sum())
    slope = float(np.clip((longer * relative).sum() / square, 0.0, 1.0)) if square > 0.0 else 0.0
    rest = relative - slope * longer
    return Dwells(mean_s, headway_s, slope, float(rest.std()) if len(rest) else 0.0, holds, early_s)


def _by_place(
    place: NDArray[np.int64], hour: NDArray[np.int64], value: NDArray[np.float64], places: int
) -> NDArray[np.float64]:
    """Return means by place and hour, drawn to those of the place times what the hour is everywhere; 0 where nothing is known."""
    whole = float(value.mean()) if len(value) else 0.0
    of_place = _means(place, value, places, np.full(places, whole), _FEW)
    relative = value / np.maximum(of_place[place], 1e-9)
    of_hour = _means(hour, relative, BINS, np.ones(BINS), _SOME)
    usual = of_place[:, None] * of_hour
    return _means(place * BINS + hour, value, places * BINS, usual.ravel(), _FEW).reshape(places, BINS)


def _holding(record: Record) -> tuple[NDArray[np.bool_], float]:
    """Return where vehicles that come early wait for the timetable, and how early they then leave."""
    calls = record.calls
    places = len(calls.places)
    middle = calls.timepoint.copy()
    middle[calls.first[:-1]] = False
    early_s = calls.departure_s - record.arrival_s
    early = np.flatnonzero(middle & (early_s > _EARLY_S) & np.isfinite(record.departure_s))
    if not len(early):
        return np.zeros(places, bool), 0.0
    ahead_s = calls.departure_s[early] - record.departure_s[early]
    waited = ahead_s < _HELD_S
    usual = float(waited.mean())
    share = _means(
        calls.place[early].astype(np.int64), waited.astype(float), places, np.full(places, usual), _FEW
    )
    if not waited.any():
        return np.zeros(places, bool), 0.0
    return share > _WAIT_SHARE, float(np.median(ahead_s[waited]))


def _starts(record: Record) -> Starts:
    calls = record.calls
    begin, end = calls.first[:-1], calls.first[1:] - 1
    late_s = record.departure_s[begin] - calls.departure_s[begin]
    seen = late_s[np.isfinite(late_s)]
    if not len(seen):
        return Starts(np.zeros(1), 0.0)
    quantiles = np.quantile(seen, (np.arange(_QUANTILES) + 0.5) / _QUANTILES)
    before = np.flatnonzero(calls.follows >= 0)
    after = calls.follows[before]
    gap_s = record.departure_s[begin[after]] - record.arrival_s[end[before]]
    pressed = gap_s[np.isfinite(gap_s) & (late_s[after] > _EARLY_S) & (gap_s > 0.0)]
    enough = len(pressed) >= _LEAST_STARTS
    return Starts(quantiles, float(np.quantile(pressed, 0.05)) if enough else 0.0)
