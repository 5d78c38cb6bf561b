"""A Kalman filter of running times: what each stretch is like now, and how quick each vehicle is on its trip.

The logarithm of a running time is that of the history for the stretch and hour, plus a deviation of the stretch now (which all
vehicles that run there share, and which fades with time), plus a pace of the vehicle on this trip (which all its stretches share,
and which fades stretch by stretch), plus noise. Each vehicle that has run a stretch corrects both states by their shares of
the variance; that the two errors are then related is left out. Dwell takes after the headway that the vehicle has.

References
----------
Cathey, F. W., Dailey, D. J. (2003). A prescription for transit arrival/departure prediction using automatic vehicle location
data. Transportation Research Part C 11(3-4), 241-264.
Shalaby, A., Farhan, A. (2004). Prediction model of bus arrival and departure times using AVL and APC data. Journal of Public
Transportation 7(1), 41-61.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transit.prediction._kernels_filter import Filter, Noise, learn
from transit.prediction._kernels_walking import rising
from transit.prediction.history import MOST_HEADWAY_S, passed_of
from transit.prediction.predictors import Estimates, Forecast, Historical, walked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from transit.prediction.calls import Calls, Record
    from transit.prediction.following import Ahead, Passed
    from transit.prediction.history import History

__all__ = ["Kalman", "Parameters", "Residuals", "fit_parameters", "residuals"]

_WILD_LOG = 1.0
_FADES_S = np.array([300.0, 600.0, 1200.0, 2400.0, 4800.0, 9600.0])
_GAPS_S = np.array([0.0, 300.0, 600.0, 1200.0, 2400.0, 4800.0, 9600.0])
_LAGS = 3
_LEAST_PAIRS = 30
_LEAST_NOISE = 0.2
_MOST_PACE = 0.8
_SHORT, _LONG = 0.3, 3.0
_PARTS = (0.0, 0.25, 0.5, 0.75, 1.0)


class Parameters(NamedTuple):
    """Of the logarithm of running times.

    Attributes
    ----------
    link_var, link_s
        Variance of what a stretch is like now, and after how long it has faded by a factor *e*.
    pace_var, pace_kept
        Variance of what a vehicle is like, and what part of that is left one stretch later.
    noise
        What part of the variance of each stretch is neither.
    """

    link_var: float = 0.005
    link_s: float = 1800.0
    pace_var: float = 0.01
    pace_kept: float = 0.98
    noise: float = 0.8


class Residuals(NamedTuple):
    """By how much the logarithms of running times differed from a history that does not hold them, in the order of time.

    Vehicles left at `left_s`, and had run the stretch at `at_s`; shape (stretches run,).
    """

    link: NDArray[np.int64]
    run: NDArray[np.int64]
    call: NDArray[np.int64]
    left_s: NDArray[np.float64]
    at_s: NDArray[np.float64]
    log: NDArray[np.float64]


def residuals(record: Record, history: History) -> Residuals:
    """Return what a history did not foresee, for stretches that it knows."""
    calls, passed = record.calls, passed_of(record)
    row = history.link_rows(calls)[calls.link[passed.call]]
    known = row >= 0
    call, left_s = passed.call[known], passed.left_s[known]
    log = np.log(np.maximum(passed.run_s[known], 1.0))
    log = log - history.running.log[row[known], calls.bins(call, left_s)]
    log = np.clip(log, -_WILD_LOG, _WILD_LOG)
    return Residuals(
        calls.link[call].astype(np.int64),
        calls.run[call].astype(np.int64),
        call.astype(np.int64),
        left_s,
        left_s + passed.run_s[known],
        log,
    )


def fit_parameters(parts: Sequence[Residuals]) -> Parameters:
    """Return the parameters that residuals have, from their covariances; the usual ones where there are too few.

    The covariance of stretches that follow each other on one trip is that of the pace; of vehicles that follow each other on one
    stretch, that of the stretch, as it falls with the time between them. Of these variances such parts are taken as make the
    filter err least, one stretch ahead: none, where nothing is to be gained.
    """
    total = np.concatenate([part.log for part in parts]) if parts else np.zeros(0)
    if len(total) < _LEAST_PAIRS:
        return Parameters()
    variance = float(np.mean(total**2))
    pace_var, kept = _pace(parts, variance)
    link_var, link_s = _stretch(parts, variance)
    tried = []
    for link_part, pace_part in product(_PARTS, _PARTS):
        some, other = link_part * link_var, pace_part * pace_var
        share = max(1.0 - (some + other) / max(variance, 1e-12), _LEAST_NOISE)
        tried.append(Parameters(some, link_s, other, kept, share))
    surprise = [np.mean([_surprise(part, each, variance) for part in parts]) for each in tried]
    return tried[int(np.argmin(surprise))]


def _surprise(part: Residuals, found: Parameters, variance: float) -> float:
    """Return the mean absolute error of the filter, one stretch ahead."""
    links, runs, count = int(part.link.max(initial=0)) + 1, int(part.run.max(initial=0)) + 1, len(part.log)
    state = Filter(
        np.zeros(links),
        np.full(links, found.link_var),
        np.full(links, part.at_s.min(initial=np.inf)),
        np.zeros(runs),
        np.full(runs, found.pace_var),
        np.full(runs, -1, np.int32),
    )
    surprises = np.zeros(count)
    noise = Noise(found.link_var, found.link_s, found.pace_var, found.pace_kept)
    columns = (column.astype(np.int32) for column in (part.call, part.link, part.run))
    call, link, run = columns
    learn(
        call, link, run, part.at_s, part.log, np.full(count, variance * found.noise), noise, state, surprises
    )
    return float(np.abs(surprises).mean()) if count else 0.0


def _pace(parts: Sequence[Residuals], variance: float) -> tuple[float, float]:
    products: dict[int, list[NDArray[np.float64]]] = {1: [], 2: []}
    for part in parts:
        order = np.lexsort((part.call, part.run))
        run, call, log = part.run[order], part.call[order], part.log[order]
        for lag, found in products.items():
            same = (run[lag:] == run[:-lag]) & (call[lag:] - call[:-lag] == lag)
            found.append((log[lag:] * log[:-lag])[same])
    one, two = (np.concatenate(products[lag]) for lag in (1, 2))
    if len(one) < _LEAST_PAIRS or one.mean() <= 0.0:
        return 0.0, 1.0
    kept = 1.0 if len(two) < _LEAST_PAIRS else float(np.clip(two.mean() / one.mean(), 0.1, 1.0))
    return min(float(one.mean()) / kept, _MOST_PACE * variance), kept


def _stretch(parts: Sequence[Residuals], variance: float) -> tuple[float, float]:
    gaps, products = [], []
    for part in parts:
        order = np.lexsort((part.left_s, part.link))
        link, run, left_s, log = part.link[order], part.run[order], part.left_s[order], part.log[order]
        for lag in range(1, _LAGS + 1):
            pair = (link[lag:] == link[:-lag]) & (run[lag:] != run[:-lag])
            gaps.append((left_s[lag:] - left_s[:-lag])[pair])
            products.append((log[lag:] * log[:-lag])[pair])
    gap_s, value = np.concatenate(gaps), np.concatenate(products)
    number, at = len(_GAPS_S) - 1, np.searchsorted(_GAPS_S, gap_s, side="right") - 1
    inside = (at >= 0) & (at < number)
    count = np.bincount(at[inside], minlength=number).astype(np.float64)
    if count.sum() < _LEAST_PAIRS:
        return 0.0, Parameters().link_s
    mean = np.bincount(at[inside], value[inside], number) / np.maximum(count, 1.0)
    middle_s = np.bincount(at[inside], gap_s[inside], number) / np.maximum(count, 1.0)
    shape = np.exp(-middle_s / _FADES_S[:, None])
    size = np.maximum((count * mean * shape).sum(axis=1) / (count * shape**2).sum(axis=1), 0.0)
    error = (count * (mean - size[:, None] * shape) ** 2).sum(axis=1)
    best = int(np.argmin(error))
    return min(float(size[best]), (1.0 - _LEAST_NOISE) * variance), float(_FADES_S[best])


class Kalman:
    """The filter, over the history of earlier days; without any, over the timetable.

    Parameters
    ----------
    parameters
        Fitted by `fit_parameters`; default: usual ones.
    """

    def __init__(self, calls: Calls, history: History, parameters: Parameters | None = None) -> None:
        self._calls, self._history = calls, history
        self.parameters = found = parameters or Parameters()
        self._usual = Historical(calls, history)
        running, row, links = history.running, self._usual.link, max(len(calls.links), 1)
        known = np.flatnonzero(row >= 0)
        whole = float(np.mean(running.log_var)) if len(running.log_var) else _USUAL_VAR
        log_var, count = np.full(links, whole), np.zeros(links)
        log_var[known], count[known] = running.log_var[row[known]], running.seen[row[known]]
        self._noise_var = np.maximum(log_var * found.noise, 1e-6)
        self._state = Filter(
            np.zeros(links),
            found.link_var
            + np.where(count > 0, 0.0, log_var),  # of a stretch that was never seen nobody knows
            np.full(links, calls.start_s.min(initial=np.inf)),
            np.zeros(calls.runs),
            np.full(calls.runs, found.pace_var),
            np.full(calls.runs, -1, np.int32),
        )

    def learn(self, passed: Passed) -> None:
        """Correct stretches and vehicles by what has been run."""
        calls, parameters = self._calls, self.parameters
        if not len(passed.call):
            return
        link = calls.link[passed.call]
        log = np.log(np.maximum(passed.run_s, 1.0)) - self._profile(passed.call, passed.left_s)
        good = np.isfinite(log)
        learn(
            passed.call[good],
            link[good],
            calls.run[passed.call[good]],
            (passed.left_s + passed.run_s)[good],
            log[good],
            self._noise_var[link[good]],
            Noise(parameters.link_var, parameters.link_s, parameters.pace_var, parameters.pace_kept),
            self._state,
            np.empty(int(good.sum())),
        )

    def _profile(self, call: NDArray[np.int32], time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of usual running times after calls; NaN where neither history nor timetable has one."""
        calls, running = self._calls, self._history.running
        planned_s = calls.planned_run_s[call] * running.over_planned
        found = np.log(np.where(planned_s > 0.0, planned_s, np.nan))
        row, known = Historical.rows(calls.link[call], self._usual.link)
        found[known] = running.log[row[known], calls.bins(call, time_s)[known]]
        return found

    def predict(self, ahead: Ahead) -> Forecast:
        """Return what the filter expects: the median of the sum of stretches, as of a lognormal sum (Fenton 1960)."""
        found = walked(self._calls, ahead, self.estimates(ahead), *self._history.starts)
        if not self._history.links:
            return found  # nobody knows whether a timetable has means or medians
        several = ahead.coming & ~ahead.later & (ahead.steps > 1)
        left_s = np.maximum(found.arrival_s[several] - ahead.now_s, 1.0)
        sooner_s = left_s * (1.0 - 1.0 / np.sqrt(1.0 + (found.sd_s[several] / left_s) ** 2))
        found.arrival_s[several] -= sooner_s
        found.departure_s[several] -= sooner_s
        rising(ahead.first, ahead.now_s, found.arrival_s, found.departure_s)
        return found

    def estimates(self, ahead: Ahead) -> Estimates:
        """Return mean running times by stretch and vehicle, with their uncertainty, and dwell by headway."""
        calls, state, parameters = self._calls, self._state, self.parameters
        usual = self._usual.estimates(ahead)
        run, link = calls.run[ahead.call], calls.link[ahead.call]
        there = link >= 0
        deviation, var = np.zeros(len(link)), np.zeros(len(link))
        fade = np.exp(-np.maximum(ahead.when_s - state.link_s[link], 0.0) / parameters.link_s)
        deviation[there] = (state.link[link] * fade)[there]
        var[there] = (parameters.link_var + (state.link_var[link] - parameters.link_var) * fade**2)[there]
        kept = parameters.pace_kept ** np.where(
            state.pace_call[run] < 0, 0, np.maximum(ahead.call - state.pace_call[run], 0)
        )
        own_var = var + parameters.pace_var * (1.0 - kept**2)
        own_var[there] += self._noise_var[link[there]]
        shared_var = state.pace_var[run] * kept**2
        log = self._profile(ahead.call, ahead.when_s) + deviation + state.pace[run] * kept
        known = np.isfinite(log)
        middle = np.zeros(len(link), dtype=bool)
        middle[ahead.first[:-1]] = True  # a vehicle under way there: what is left is a median, not a mean
        planned = ~Historical.rows(link, self._usual.link)[1]  # a timetable has means already
        mean = log + np.where(middle | planned, 0.0, 0.5 * (own_var + shared_var))
        run_s = np.where(known, np.exp(np.where(known, mean, 0.0)), usual.run_s)
        dwell_s = usual.dwell_s * self._crowd(ahead)
        return Estimates(
            run_s,
            np.where(known, np.sqrt(own_var), 0.0),
            np.where(known, np.sqrt(shared_var), 0.0),
            dwell_s,
            usual.dwell_sd,
            usual.hold_s,
        )

    def _crowd(self, ahead: Ahead) -> NDArray[np.float64]:
        """Return by what factor vehicles stand longer, as they have more or less of a headway than is usual; shape (rows,)."""
        dwells, calls = self._history.dwells, self._calls
        own = np.repeat(ahead.call[ahead.first[:-1]], np.diff(ahead.first))
        place, known = Historical.rows(calls.place[own], self._usual.place)
        factor = np.ones(len(own))
        same = calls.run[ahead.call] == ahead.head
        usual_s = np.full(len(own), np.nan)
        usual_s[known] = dwells.headway_s[place[known], calls.bins(own, ahead.when_s)[known]]
        gap_s = ahead.state.headway_s[ahead.head]
        gap = gap_s / np.where(usual_s > 1.0, usual_s, np.nan)
        good = same & (gap_s < MOST_HEADWAY_S) & np.isfinite(gap)
        factor[good] = 1.0 + dwells.by_headway * (np.clip(gap[good], _SHORT, _LONG) - 1.0)
        return np.maximum(factor, 0.0)


_USUAL_VAR = 0.09
