"""All predictors together: weights by how far away a vehicle is, fitted to days on which they were tried.

The time that is left is a weighted sum of what the predictors say, plus a constant; weights are not negative and sum to 1, and
are drawn towards those by inverse error variance. They are fitted around five horizons, and change linearly between them; stops
of a vehicle's next trip have weights of their own.

What is told to passengers may be earlier than the median: who comes too late misses the vehicle, who comes too early waits, and
the benchmark allows for that (30 s early, 90 s late). Of the times that could be told, that one is which would have been accurate
most often, had errors been those of the days on which predictors were tried.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtri

from transit.prediction._kernels_telling import tell
from transit.prediction._kernels_walking import rising
from transit.prediction.accuracy import BUCKETS, HORIZON_S
from transit.prediction.predictors import Forecast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from transit.prediction.trial import Trial

__all__ = ["FITTED_S", "NODES_S", "Aim", "Weights", "blended", "fit_weights", "quantiles"]

NODES_S = np.array([60.0, 270.0, 480.0, 750.0, 1200.0])
FITTED_S = 1500.0
"""Weights are fitted to vehicles that are predicted to come within so many seconds, however late they come."""
_EDGES_S = np.array([0.0, 180.0, 360.0, 600.0, 900.0, FITTED_S])
_NODES = len(NODES_S)
_SHARES = (np.arange(121) + 0.5) / 121.0
_KINDS = 2
_WILD_S = 600.0
_ROUNDS, _NEAR_S = 8, 10.0
_TOWARDS = 0.02  # of the squared error that the draw towards inverse variances counts for
_SUM = 1e3
_LEAST = 50
_LEAST_SD_S = 5.0
_MIDDLE = 2.0 * float(ndtri(0.9))
_TOLD_S = np.array(sorted(np.arange(-180.0, 61.0, 5.0), key=abs))
# of predictions that are made evenly over time, those in short buckets are fewer, and count for more
_BUCKET_WEIGHT = np.array([HORIZON_S / (bucket.end_s - bucket.start_s) for bucket in BUCKETS])
_BEYOND = 0.1  # of the weight of the last bucket, whose limits hold there: the benchmark does not look at what is farther away


class Aim(StrEnum):
    """What is told."""

    MEDIAN = "median"  # as often too early as too late
    PASSENGER = "passenger"  # what the benchmark calls accurate most often


class Weights(NamedTuple):
    """How predictors are blended; `nodes` are horizons, seconds that the leading predictor says are left.

    Attributes
    ----------
    members
        Names of the predictors; the last one leads: horizon, dwell and uncertainty are its own.
    weight
        Of stops of a vehicle's own trip, and of its next one; shape (2, nodes, members), sums to 1 over the members.
    constant_s
        Added to the time that is left; shape (2, nodes).
    errors
        How much later than predicted vehicles came, over the leading predictor's standard deviation: quantiles, rising; shape
        (2, nodes, quantiles).
    """

    members: tuple[str, ...]
    weight: NDArray[np.float64]
    constant_s: NDArray[np.float64]
    errors: NDArray[np.float64]

    @classmethod
    def leading(cls, members: Sequence[str]) -> Weights:
        """Return the weights of somebody who has tried nothing: the last predictor alone, with normal errors."""
        weight = np.zeros((_KINDS, _NODES, len(members)))
        weight[:, :, -1] = 1.0
        errors = np.tile(ndtri(_SHARES), (_KINDS, _NODES, 1))
        return cls(tuple(members), weight, np.zeros((_KINDS, _NODES)), errors)

    @property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviation of the errors, by their middle 80 %: a few vehicles that stood for long say nothing of others."""
        low, high = (_at_share(self.errors, share) for share in (0.1, 0.9))
        found: NDArray[np.float64] = (high - low) / _MIDDLE
        return found


class _Place(NamedTuple):
    """Between which rows of weights (kinds by nodes, one after the other) each prediction is, and how far from the first one."""

    low: NDArray[np.int32]
    high: NDArray[np.int32]
    share: NDArray[np.float64]

    @classmethod
    def of(cls, horizon_s: NDArray[np.float64], later: NDArray[np.bool_]) -> _Place:
        low = np.clip(np.searchsorted(NODES_S, horizon_s, side="right") - 1, 0, _NODES - 2)
        share = np.clip((horizon_s - NODES_S[low]) / (NODES_S[low + 1] - NODES_S[low]), 0.0, 1.0)
        first = (low + _NODES * later).astype(np.int32)
        return cls(first, first + np.int32(1), share)

    def between(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what a table of shape (kinds, nodes) has for each prediction."""
        flat = values.reshape(-1)
        found: NDArray[np.float64] = flat[self.low] * (1.0 - self.share) + flat[self.high] * self.share
        return found


def fit_weights(trial: Trial, members: Sequence[str]) -> Weights:
    """Fit to predictions of which the outcome is known, on days that the predictors had not learned from."""
    left_s = np.stack([trial.predicted_s[trial.names.index(name)] for name in members]) - trial.made_s
    actual_s = trial.actual_s - trial.made_s
    spread_s = np.maximum(trial.sd_s[trial.names.index(members[-1])], _LEAST_SD_S)
    found = Weights.leading(members)
    node = _nodes(left_s[-1])
    rows_of = {
        (kind, k): np.flatnonzero((node == k) & (trial.later == bool(kind)))
        for kind in range(_KINDS)
        for k in range(_NODES)
    }
    for at, rows in rows_of.items():
        if len(rows) >= _LEAST:
            error = np.clip(left_s[:, rows] - actual_s[rows], -_WILD_S, _WILD_S)
            found.weight[at], found.constant_s[at] = _solved(error)
    known = [at for at, rows in rows_of.items() if len(rows) >= _LEAST]
    _fill(known, found.weight, found.constant_s)
    later_s = np.clip(actual_s - _left_s(found, left_s, trial.later), -_WILD_S, _WILD_S)
    for at in known:
        rows = rows_of[at]
        found.errors[at] = np.quantile(later_s[rows] / spread_s[rows], _SHARES)
    _fill(known, found.errors)
    return found


def _solved(error: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return weights and constant for the errors of each predictor: those of the least absolute error of the sum.

    A median has that; squared errors would be about the few vehicles that stood for long. Found by squares that are weighted by
    the inverse of the errors before, eight times.
    """
    whole, constant_s = _squares(error, np.ones(error.shape[1]))
    for _ in range(_ROUNDS):
        off_s = np.abs(whole @ error + constant_s)
        whole, constant_s = _squares(error, 1.0 / np.maximum(off_s, _NEAR_S))
    return whole, -float(np.median(whole @ error))


def _squares(error: NDArray[np.float64], heed: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return weights and constant of the least sum of squared errors, each times `heed`, and of the draw to inverse variances."""
    members, share = len(error), heed / heed.sum()
    mean = error @ share
    centred = error - mean[:, None]
    covariance = (centred * share) @ centred.T
    size = float(np.trace(covariance))
    inverse = 1.0 / np.maximum(np.diag(covariance), 1.0)
    prior = inverse / inverse.sum()
    draw = _TOWARDS * size / members + 1e-6
    root = np.linalg.cholesky(covariance + 1e-9 * (size + 1.0) * np.eye(members))
    heavy = _SUM * np.sqrt(max(size, 1.0))
    matrix = np.vstack([root.T, np.sqrt(draw) * np.eye(members), np.full((1, members), heavy)])
    target = np.concatenate([np.zeros(members), np.sqrt(draw) * prior, [heavy]])
    weight = nnls(matrix, target)[0]
    whole: NDArray[np.float64] = weight / weight.sum()
    return whole, -float(whole @ mean)


def _fill(known: Sequence[tuple[int, int]], *tables: NDArray[np.float64]) -> None:
    """Give horizons that were never tried what the nearest one has that was: of the same trip if there is one."""
    for kind in range(_KINDS):
        for node in range(_NODES):
            if not known or (kind, node) in known:
                continue
            nearest = min(known, key=lambda at: (at[0] != kind, abs(at[1] - node)))
            for table in tables:
                table[kind, node] = table[nearest]


def _nodes(horizon_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the node that each horizon counts for; one more than there are beyond what is fitted."""
    found: NDArray[np.int64] = np.searchsorted(_EDGES_S, np.maximum(horizon_s, 0.0), side="right") - 1
    return found


def _at_share(errors: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return the quantile of errors between those that are kept; over the last axis."""
    place = min(max(share * len(_SHARES) - 0.5, 0.0), len(_SHARES) - 1.0)
    low = min(int(place), len(_SHARES) - 2)
    found: NDArray[np.float64] = errors[..., low] + (place - low) * (errors[..., low + 1] - errors[..., low])
    return found


def _left_s(weights: Weights, left_s: NDArray[np.float64], later: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the blended time that is left; shape of `left_s`: (members, rows)."""
    place = _Place.of(left_s[-1], later)
    # near the stop there is little to correct
    found = place.between(weights.constant_s) * np.clip(left_s[-1] / NODES_S[0], 0.0, 1.0)
    for member in range(len(weights.members)):
        found = found + place.between(weights.weight[:, :, member]) * left_s[member]
    least: NDArray[np.float64] = np.maximum(found, 0.0)
    return least


class _Blend(NamedTuple):
    """Of coming rows: the time left at the median, the leading predictor's standard deviation, and where errors are kept."""

    left_s: NDArray[np.float64]
    spread_s: NDArray[np.float64]
    place: _Place


def _blend(weights: Weights, forecasts: Mapping[str, Forecast], rows: NDArray[np.bool_]) -> _Blend:
    lead = forecasts[weights.members[-1]]
    left_s = np.stack([forecasts[name].arrival_s[rows] for name in weights.members]) - lead.ahead.now_s
    later = lead.ahead.later[rows]
    spread_s = np.maximum(lead.sd_s[rows], _LEAST_SD_S)
    return _Blend(_left_s(weights, left_s, later), spread_s, _Place.of(left_s[-1], later))


def blended(weights: Weights, forecasts: Mapping[str, Forecast], aim: Aim = Aim.MEDIAN) -> Forecast:
    """Return the blend of forecasts of the same moment."""
    lead = forecasts[weights.members[-1]]
    ahead, rows = lead.ahead, lead.ahead.coming
    found = _blend(weights, forecasts, rows)
    left_s = found.left_s if aim is Aim.MEDIAN else _told(weights, found)
    arrival_s, departure_s, sd_s = lead.arrival_s.copy(), lead.departure_s.copy(), lead.sd_s.copy()
    standing_s = departure_s[rows] - arrival_s[rows]
    arrival_s[rows] = ahead.now_s + left_s
    departure_s[rows] = arrival_s[rows] + standing_s
    sd_s[rows] = found.spread_s * found.place.between(weights.sd)
    rising(ahead.first, ahead.now_s, arrival_s, departure_s)
    return Forecast(ahead, arrival_s, departure_s, sd_s)


def _told(weights: Weights, found: _Blend) -> NDArray[np.float64]:
    told_s = np.empty(len(found.left_s))
    end_s, early_s, late_s, weight = _told_by()
    tell(
        found.left_s,
        found.spread_s,
        found.place.low,
        found.place.high,
        found.place.share,
        weights.errors.reshape(_KINDS * _NODES, -1),
        _TOLD_S,
        end_s,
        early_s,
        late_s,
        weight,
        told_s,
    )
    return told_s


def _told_by() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return ends, limits and weights of the buckets, and of what is beyond."""
    last = BUCKETS[-1]
    return (
        np.array([*(bucket.end_s for bucket in BUCKETS), np.inf]),
        np.array([*(bucket.early_s for bucket in BUCKETS), last.early_s]),
        np.array([*(bucket.late_s for bucket in BUCKETS), last.late_s]),
        np.append(_BUCKET_WEIGHT, _BEYOND * _BUCKET_WEIGHT[-1]),
    )


def quantiles(
    weights: Weights, forecasts: Mapping[str, Forecast], shares: Sequence[float]
) -> NDArray[np.float64]:
    """Return until when vehicles have come with some probabilities, POSIX seconds; NaN for where they are already.

    Shape (shares, rows of `Ahead`).
    """
    ahead = forecasts[weights.members[-1]].ahead
    rows = ahead.coming
    found = _blend(weights, forecasts, rows)
    result = np.full((len(shares), len(rows)), np.nan)
    for k, share in enumerate(shares):
        later_s = found.spread_s * found.place.between(_at_share(weights.errors, share))
        result[k, rows] = ahead.now_s + np.maximum(found.left_s + later_s, 0.0)
    return result
