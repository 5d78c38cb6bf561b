"""All predictors together: weights by how far away a vehicle is, fitted to days on which they were tried.

The time that is left is a weighted sum of what the predictors say, plus a constant; weights are not negative and sum to 1, and
are drawn towards those by inverse error variance. They are fitted around five horizons, and change linearly between them.

What is told to passengers may be earlier than the median: who comes too late misses the vehicle, who comes too early waits. The
benchmark weighs that (30 s early, 90 s late). `aim` is by how many standard deviations, by horizon.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import nnls

from transit.prediction._kernels_walking import rising
from transit.prediction.accuracy import BUCKETS, accurate, bucket_of
from transit.prediction.predictors import Forecast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from transit.prediction.trial import Trial

__all__ = ["FITTED_S", "Aim", "Weights", "blended", "fit_weights", "shifts"]

NODES_S = np.array([60.0, 270.0, 480.0, 750.0, 1200.0])
FITTED_S = 1500.0
"""Weights are fitted to vehicles that are predicted to come within so many seconds, however late they come."""
_EDGES_S = np.array([0.0, 180.0, 360.0, 600.0, 900.0, FITTED_S])
_WILD_S = 600.0
_TOWARDS = 0.02  # of the squared error that the draw towards inverse variances counts for
_SUM = 1e3
_LEAST = 50
_AIMS = np.round(np.arange(-1.6, 0.81, 0.1), 2)
_LEAST_SD_S = 5.0


class Aim(StrEnum):
    """What is told."""

    MEDIAN = "median"  # as often too early as too late
    PASSENGER = "passenger"  # what the benchmark allows most often


class Weights(NamedTuple):
    """How predictors are blended; `nodes` are horizons, seconds that the leading predictor says are left.

    Attributes
    ----------
    members
        Names of the predictors; the last one leads: horizon, dwell and uncertainty are its own.
    weight
        Shape (nodes, members); each row sums to 1.
    constant_s
        Added to the time that is left; shape (nodes,).
    sd
        Standard deviation of the error over what the leading predictor says it is; shape (nodes,).
    aim
        Where it is passengers who are told: by how many standard deviations later than the median; shape (nodes,).
    """

    members: tuple[str, ...]
    weight: NDArray[np.float64]
    constant_s: NDArray[np.float64]
    sd: NDArray[np.float64]
    aim: NDArray[np.float64]

    @classmethod
    def leading(cls, members: Sequence[str]) -> Weights:
        """Return the weights of somebody who has tried nothing: the last predictor alone."""
        weight = np.zeros((len(NODES_S), len(members)))
        weight[:, -1] = 1.0
        nodes = len(NODES_S)
        return cls(tuple(members), weight, np.zeros(nodes), np.ones(nodes), np.zeros(nodes))


def fit_weights(trial: Trial, members: Sequence[str]) -> Weights:
    """Fit to predictions of which the outcome is known, on days that the predictors had not learned from."""
    left_s = np.stack([trial.predicted_s[trial.names.index(name)] for name in members]) - trial.made_s
    actual_s, leader_sd = trial.actual_s - trial.made_s, trial.sd_s[trial.names.index(members[-1])]
    found = Weights.leading(members)
    node = _nodes(left_s[-1])
    for k in range(len(NODES_S)):
        rows = np.flatnonzero(node == k)
        if len(rows) < _LEAST:
            continue
        error = np.clip(left_s[:, rows] - actual_s[rows], -_WILD_S, _WILD_S)
        found.weight[k], found.constant_s[k] = _solved(error)
    _fill(found, node)
    predicted = _left_s(found, left_s)
    spread = np.maximum(leader_sd, _LEAST_SD_S)
    error = np.clip(actual_s - predicted, -_WILD_S, _WILD_S)
    for k in range(len(NODES_S)):
        rows = node == k
        if rows.sum() >= _LEAST:
            # by the middle 80 %: a few vehicles that stood for long do not make all others uncertain
            low, high = np.quantile(error[rows] / spread[rows], [0.1, 0.9])
            found.sd[k] = max((high - low) / 2.563, 0.05)
    sd_s = spread * np.interp(left_s[-1], NODES_S, found.sd)
    found.aim[:] = shifts(trial.made_s, trial.made_s + predicted, trial.actual_s, left_s[-1], sd_s, _AIMS)
    return found


def _solved(error: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return weights and constant for the errors of each predictor: those of the least squared error of the sum."""
    members, rows = error.shape
    mean = error.mean(axis=1)
    centred = error - mean[:, None]
    covariance = centred @ centred.T / rows
    inverse = 1.0 / np.maximum(np.diag(covariance), 1.0)
    prior = inverse / inverse.sum()
    draw = _TOWARDS * float(np.mean(np.diag(covariance))) + 1e-6
    root = np.linalg.cholesky(
        covariance + 1e-9 * np.trace(covariance) * np.eye(members) + 1e-9 * np.eye(members)
    )
    heavy = _SUM * np.sqrt(max(float(np.trace(covariance)), 1.0))
    matrix = np.vstack([root.T, np.sqrt(draw) * np.eye(members), np.full((1, members), heavy)])
    target = np.concatenate([np.zeros(members), np.sqrt(draw) * prior, [heavy]])
    weight = nnls(matrix, target)[0]
    weight = weight / weight.sum()
    blend = weight @ error
    return weight, -float(np.median(blend))


def _fill(found: Weights, node: NDArray[np.int64]) -> None:
    """Give horizons that were never tried the weights of the nearest one that was."""
    tried = [k for k in range(len(NODES_S)) if (node == k).sum() >= _LEAST]
    for k in range(len(NODES_S)):
        if tried and k not in tried:
            nearest = min(tried, key=lambda other: abs(other - k))
            found.weight[k], found.constant_s[k] = found.weight[nearest], found.constant_s[nearest]


def _nodes(horizon_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the node that each horizon counts for; one more than there are beyond what is fitted."""
    found: NDArray[np.int64] = np.searchsorted(_EDGES_S, np.maximum(horizon_s, 0.0), side="right") - 1
    return found


def _left_s(weights: Weights, left_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the blended time that is left; shape of `left_s`: (members, rows)."""
    horizon = left_s[-1]
    found = np.interp(horizon, NODES_S, weights.constant_s)
    # near the stop there is little to correct
    found = found * np.clip(horizon / NODES_S[0], 0.0, 1.0)
    for member in range(len(weights.members)):
        found = found + np.interp(horizon, NODES_S, weights.weight[:, member]) * left_s[member]
    return np.maximum(found, 0.0)


def shifts(
    made_s: NDArray[np.float64],
    predicted_s: NDArray[np.float64],
    actual_s: NDArray[np.float64],
    horizon_s: NDArray[np.float64],
    unit_s: NDArray[np.float64],
    tried: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return by how many units predictions should be later, so that the benchmark calls most of them accurate; shape (nodes,).

    Parameters
    ----------
    unit_s
        Of each prediction.
    tried
        Numbers of units to choose from.
    """
    bucket = bucket_of(made_s, actual_s)
    count = np.maximum(np.bincount(bucket[bucket >= 0], minlength=len(BUCKETS)), 1)
    weight = np.where(bucket >= 0, 1.0 / count[bucket], 0.0)
    node = np.minimum(_nodes(horizon_s), len(NODES_S) - 1)
    gain = np.zeros((len(tried), len(NODES_S)))
    for row, units in enumerate(tried.tolist()):
        good = accurate(bucket, np.maximum(predicted_s + units * unit_s, made_s), actual_s)
        gain[row] = np.bincount(node, good * weight, len(NODES_S))
    # of shifts that are as good, the least
    order = np.argsort(np.abs(tried), kind="stable")
    best: NDArray[np.float64] = tried[order[np.argmax(gain[order], axis=0)]]
    best[-1] = best[-2]  # beyond the buckets there is nothing to choose by
    return best


def blended(weights: Weights, forecasts: Mapping[str, Forecast], aim: Aim = Aim.MEDIAN) -> Forecast:
    """Return the blend of forecasts of the same moment."""
    lead = forecasts[weights.members[-1]]
    ahead, rows = lead.ahead, lead.ahead.coming
    left_s = np.stack([forecasts[name].arrival_s for name in weights.members]) - ahead.now_s
    horizon = left_s[-1]
    arrival_s, departure_s = lead.arrival_s.copy(), lead.departure_s.copy()
    sd_s = np.maximum(lead.sd_s, _LEAST_SD_S) * np.interp(horizon, NODES_S, weights.sd)
    sd_s[~rows] = lead.sd_s[~rows]
    later_s = _left_s(weights, left_s) - horizon
    if aim is Aim.PASSENGER:
        later_s = later_s + np.interp(horizon, NODES_S, weights.aim) * sd_s
    arrival_s[rows] += later_s[rows]
    departure_s[rows] += later_s[rows]
    rising(ahead.first, ahead.now_s, arrival_s, departure_s)
    return Forecast(ahead, arrival_s, departure_s, sd_s)
