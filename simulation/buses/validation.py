"""Whether a fitted model may be believed: it is fitted to every second trip, and must fall within what the others leave open.

The figures of the other trips are uncertain themselves; how much so is told by a bootstrap over trips (Efron and Tibshirani 1993,
chapter 13: percentile intervals).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulation.buses.fitted import drawn, fit
from simulation.buses.replay import replay
from simulation.buses.service import Service

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Figure", "Halves", "Validation", "halves", "headway_cv", "headway_ratios", "on_time", "validate"]

EARLY_S, LATE_S = 60.0, 300.0
_DRAWS = 2_000


class Figure(NamedTuple):
    """A figure of the trips that the model has not seen.

    Attributes
    ----------
    observed
        In the record.
    low, high
        95 % interval of the bootstrap.
    replayed
        The mean over seeds of the model.
    sd
        Its standard deviation over seeds; NaN for one seed.
    """

    observed: float
    low: float
    high: float
    replayed: float
    sd: float

    @property
    def inside(self) -> bool:
        """Whether the model falls within the interval."""
        return self.low <= self.replayed <= self.high


class Validation(NamedTuple):
    """Share of visits on time (`on-time-visits`), and coefficient of variation of headways over planned ones.

    Attributes
    ----------
    headway_cv
        `None` where there are no two headways.
    trips
        That were tested.
    without_donor
        Of these, trips on whose way none was fitted: they run as planned.
    """

    on_time: Figure
    headway_cv: Figure | None
    trips: int
    without_donor: int


class Halves(NamedTuple):
    """Positions in the timetable of every first and every second trip of each route and direction, by departure."""

    odd: NDArray[np.int64]
    even: NDArray[np.int64]


def halves(service: Service, complete: NDArray[np.bool_]) -> Halves:
    """Divide the trips that were observed throughout; shape of `complete`: (trips,)."""
    trips, table = service.trips[complete], service.timetable.trips
    way = table.route[trips].astype(np.int64) * 3 + table.direction[trips]
    order = np.argsort(way, kind="stable")
    begins = np.concatenate(([0], np.flatnonzero(np.diff(way[order])) + 1))
    counts = np.diff(np.append(begins, len(order)))
    place = np.arange(len(order)) - np.repeat(begins, counts)
    return Halves(np.sort(trips[order[place % 2 == 0]]), np.sort(trips[order[place % 2 == 1]]))


def on_time(
    service: Service, arrival_s: NDArray[np.float64], departure_s: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which calls were from 1 min early to 5 min late, as `on-time-visits` has it; shape (calls,).

    At the end of a trip the arrival is judged, elsewhere the departure.
    """
    late_s, last = departure_s - service.departure_s, service.first[1:] - 1
    late_s[last] = arrival_s[last] - service.arrival_s[last]
    found: NDArray[np.bool_] = (late_s >= -EARLY_S) & (late_s <= LATE_S)
    return found


def headway_ratios(
    service: Service, departure_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return headways over planned ones, in the planned order, and the later trip of each; shape (headways,).

    Where a vehicle did not come, the next one has the longer headway, over the planned one of its own.
    """
    order = np.lexsort((service.departure_s, service.place))
    planned_s = np.diff(service.departure_s[order], prepend=np.nan)
    planned_s[1:][np.diff(service.place[order]) != 0] = np.nan
    made = np.isfinite(departure_s[order])
    order, planned_s = order[made], planned_s[made]
    known = np.flatnonzero((np.diff(service.place[order]) == 0) & (planned_s[1:] > 0.0))
    ratio = np.diff(departure_s[order])[known] / planned_s[1:][known]
    return ratio, service.trip_of_call[order[known + 1]]


def headway_cv(service: Service, departure_s: NDArray[np.float64]) -> float:
    """Return the coefficient of variation of headways over planned ones; NaN where there are no two."""
    ratio, _ = headway_ratios(service, departure_s)
    return float(ratio.std() / ratio.mean()) if len(ratio) > 1 and ratio.mean() != 0.0 else float("nan")


def validate(
    fitted: tuple[Service, NDArray[np.float64], NDArray[np.float64]],
    tested: tuple[Service, NDArray[np.float64], NDArray[np.float64]],
    *,
    seeds: int = 10,
    seed: int = 0,
) -> Validation:
    """Fit to some trips, and compare a replay of others with their record.

    Parameters
    ----------
    fitted, tested
        Trips, and arrivals and departures of their calls as recorded, POSIX seconds.
    """
    model, (service, arrival_s, departure_s) = fit(*fitted), tested
    shares, variations, without = [], [], 0
    for number in range(seeds):
        conditions, alone = drawn(service, model, np.random.default_rng([seed, number]))
        found = replay(service, conditions)
        shares.append(float(on_time(service, found.arrival_s, found.departure_s).mean()))
        variations.append(headway_cv(service, found.departure_s))
        without = int(alone.sum())
    rng = np.random.default_rng([seed, 7_000])
    share, variation = _resampled(service, arrival_s, departure_s, rng)
    observed = float(on_time(service, arrival_s, departure_s).mean())
    observed_cv = headway_cv(service, departure_s)
    spread = None if np.isnan(observed_cv) else _figure(observed_cv, variation, variations)
    return Validation(_figure(observed, share, shares), spread, len(service), without)


def _figure(observed: float, resampled: NDArray[np.float64], replayed: list[float]) -> Figure:
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    sd = float(np.std(replayed, ddof=1)) if len(replayed) > 1 else float("nan")
    return Figure(observed, float(low), float(high), float(np.mean(replayed)), sd)


def _resampled(
    service: Service,
    arrival_s: NDArray[np.float64],
    departure_s: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both figures of trips drawn with replacement, each with its calls and the headways before it.

    The second is NaN where none of these has a headway.
    """
    trips = len(service)
    good = np.add.reduceat(on_time(service, arrival_s, departure_s).astype(np.float64), service.first[:-1])
    calls = np.diff(service.first)
    ratio, trip = headway_ratios(service, departure_s)
    count, total, square = (np.bincount(trip, ratio**power, trips) for power in (0, 1, 2))
    shares, variations = np.empty(_DRAWS), np.full(_DRAWS, np.nan)
    for draw in range(_DRAWS):
        chosen = rng.integers(0, trips, trips)
        shares[draw] = good[chosen].sum() / calls[chosen].sum()
        headways = count[chosen].sum()
        mean = total[chosen].sum() / max(headways, 1.0)
        if mean != 0.0:
            variations[draw] = np.sqrt(max(square[chosen].sum() / headways - mean**2, 0.0)) / mean
    return shares, variations
