"""Predictors tried on a day that happened: they are fed as it went on, and asked again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from transit.prediction.accuracy import HORIZON_S, Score, eta_accuracy
from transit.prediction.following import Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from transit.prediction.calls import Record
    from transit.prediction.predictors import Forecast, Predictor

__all__ = ["Trial", "joined", "tried"]

_PLANNED_FURTHER_S = 1800.0


class Trial(NamedTuple):
    """Predictions for vehicles that came soon after, and when they came.

    Attributes
    ----------
    names
        Of the predictors.
    made_s, actual_s
        When each prediction was made, and when the vehicle came (at first stops: left); POSIX seconds, shape (predictions,).
    call
        What it was about.
    later
        Whether that is of the next trip of the vehicle.
    predicted_s, sd_s
        What each predictor said, and how uncertain it was; shape (predictors, predictions).
    """

    names: tuple[str, ...]
    made_s: NDArray[np.float64]
    actual_s: NDArray[np.float64]
    call: NDArray[np.int32]
    later: NDArray[np.bool_]
    predicted_s: NDArray[np.float64]
    sd_s: NDArray[np.float64]

    def score(self, name: str) -> Score:
        """Return what the benchmark says of a predictor."""
        return eta_accuracy(self.made_s, self.predicted_s[self.names.index(name)], self.actual_s)


def tried(
    record: Record,
    predictors: Mapping[str, Predictor],
    *,
    every_s: float = 60.0,
    within_s: float = HORIZON_S,
    scored: NDArray[np.bool_] | None = None,
    together: Callable[[dict[str, Forecast]], Mapping[str, Forecast]] | None = None,
) -> Trial:
    """Feed a day to predictors, and keep what they said of each call in the time before it.

    Every vehicle that was under way at a moment has all its coming stops predicted by all predictors: none can leave out what is
    hard.

    Parameters
    ----------
    every_s
        They are asked at whole multiples of so many seconds.
    within_s
        Predictions are kept where the vehicle came within so long; default: what the benchmark looks at.
    scored
        Runs whose predictions are kept; default: all. The others are seen as well. Shape (runs,).
    together
        Makes further forecasts of those of one moment.
    """
    calls, events, actual_s = record.calls, record.events(), record.reached_s.copy()
    if scored is not None:
        actual_s[~scored[calls.run]] = np.nan
    follower, place = Follower(calls), 0
    kept: list[tuple[NDArray[Any], ...]] = []
    names: tuple[str, ...] = tuple(predictors)
    for now_s in _moments(record, every_s):
        some, place = events.before(now_s, place)
        passed = follower.push(some)
        for predictor in predictors.values():
            predictor.learn(passed)
        ahead = follower.ahead(now_s, within_s + _PLANNED_FURTHER_S)
        if not len(ahead.call):
            continue
        forecasts = {name: predictor.predict(ahead) for name, predictor in predictors.items()}
        if together is not None:
            forecasts = {**forecasts, **together(forecasts)}
        names = tuple(forecasts)
        away_s = actual_s[ahead.call] - now_s
        rows = np.flatnonzero(ahead.coming & (away_s >= 0.0) & (away_s < within_s))
        kept.append(
            (
                np.full(len(rows), now_s),
                actual_s[ahead.call[rows]],
                ahead.call[rows],
                ahead.later[rows],
                np.stack([found.arrival_s[rows] for found in forecasts.values()]),
                np.stack([found.sd_s[rows] for found in forecasts.values()]),
            )
        )
    if not kept:
        nothing = np.zeros(0)
        return Trial(
            names,
            nothing,
            nothing,
            nothing.astype(np.int32),
            nothing.astype(bool),
            *np.zeros((2, len(names), 0)),
        )
    return Trial(names, *(np.concatenate(parts, axis=-1) for parts in zip(*kept, strict=True)))


def _moments(record: Record, every_s: float) -> NDArray[np.float64]:
    seen = np.concatenate([record.arrival_s, record.departure_s])
    seen = seen[np.isfinite(seen)]
    if not len(seen):
        return np.zeros(0)
    return np.arange(np.floor(seen.min() / every_s) + 1, np.ceil(seen.max() / every_s)) * every_s


def joined(trials: Sequence[Trial]) -> Trial:
    """Return the trials of the same predictors on several days as one; calls are those of each day."""
    columns = list(zip(*(trial[1:] for trial in trials), strict=True))
    return Trial(trials[0].names, *(np.concatenate(parts, axis=-1) for parts in columns))
