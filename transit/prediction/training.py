"""Everything that is fitted, from stop visits of earlier days and from nothing else.

Parameters and weights are fitted to what the history had not seen: days, or halves of the trips where there is one day only, are
left out in turn. The history that is used in the end is that of all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from transit.prediction.blend import FITTED_S, Aim, Weights, blended, fit_weights, quantiles
from transit.prediction.calls import Calls, Record
from transit.prediction.history import History
from transit.prediction.kalman import Kalman, Parameters, fit_parameters, residuals
from transit.prediction.predictors import Forecast, Historical, LastVehicle, Planned, Predictor, Timetabled
from transit.prediction.trial import Trial, joined, tried

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from transit.visits import StopVisits

__all__ = ["BLEND", "INTERVAL", "MEMBERS", "Trained", "halves_of", "predictors", "together"]

MEMBERS = ("schedule", "last vehicle", "historical", "kalman")
BLEND = "blend"
INTERVAL = (0.1, 0.9)
_MOST_FOLDS = 4
_WITHIN_S = FITTED_S + 1500.0  # so that those who come later than predicted are not left out


@dataclass(frozen=True, eq=False)
class Trained:
    """What was learned of earlier days.

    Attributes
    ----------
    tried
        The predictions that the weights were fitted to, each by predictors that had not seen the trip; `None` where none were.
    """

    history: History
    parameters: Parameters
    weights: Weights
    tried: Trial | None = None

    @classmethod
    def nothing(cls) -> Trained:
        """Return what can be known without earlier days: the timetable, and how vehicles usually differ."""
        return cls(History.none(), Parameters(), Weights.leading(MEMBERS))

    @classmethod
    def of(cls, visits: StopVisits, *, every_s: float = 60.0) -> Trained:
        """Learn from visits.

        Parameters
        ----------
        every_s
            How often predictors are asked while their weights are fitted.
        """
        record = Record.of(calls := Calls.of(visits), visits)
        folds = [(fold, History.fit(record.only(~fold)), record.only(fold)) for fold in _folds(calls, record)]
        parameters = fit_parameters([residuals(own, history) for _, history, own in folds])
        trials = [
            tried(
                _seen(record, fold),
                predictors(calls, history, parameters),
                every_s=every_s,
                within_s=_WITHIN_S,
                scored=fold,
            )
            for fold, history, _ in folds
        ]
        trial = joined(trials)
        return cls(History.fit(record), parameters, fit_weights(trial, MEMBERS), trial)


def predictors(calls: Calls, history: History, parameters: Parameters) -> dict[str, Predictor]:
    """Return all predictors but the blend, by name."""
    return {
        "timetable": Timetabled(calls),
        "schedule": Planned(calls),
        "last vehicle": LastVehicle(calls, history),
        "historical": Historical(calls, history),
        "kalman": Kalman(calls, history, parameters),
    }


def together(trained: Trained, forecasts: Mapping[str, Forecast]) -> dict[str, Forecast]:
    """Return the blend of forecasts: at the median, as told to passengers, and the ends of its 80 % interval."""
    middle = blended(trained.weights, forecasts)
    ends = quantiles(trained.weights, forecasts, INTERVAL)
    return {
        BLEND: middle,
        f"{BLEND}, {Aim.PASSENGER}": blended(trained.weights, forecasts, Aim.PASSENGER),
        **{
            f"{BLEND}, {share}": replace(middle, arrival_s=end)
            for share, end in zip(INTERVAL, ends, strict=True)
        },
    }


def _folds(calls: Calls, record: Record) -> list[NDArray[np.bool_]]:
    """Return runs to be left out in turn: days, in four parts at most, or halves of one day's trips."""
    seen = np.isfinite(record.reached_s)
    days = np.unique(calls.day[np.unique(calls.run[seen])])
    if len(days) < 2:
        return list(halves_of(calls))
    parts = np.array_split(days, min(len(days), _MOST_FOLDS))
    return [np.isin(calls.day, part) for part in parts]


def halves_of(
    calls: Calls, rng: np.random.Generator | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return every first and every second trip of each route and direction, by departure; shape (runs,).

    Parameters
    ----------
    rng
        Chooses which of two neighbours goes where; default: they take turns.
    """
    begin = calls.first[:-1]
    way = np.array([f"{calls.places[p][0]}\0{calls.places[p][1]}" for p in calls.place[begin].tolist()])
    order = np.lexsort((calls.departure_s[begin], way))
    _, starts = np.unique(way[order], return_index=True)
    counts = np.diff(np.append(starts, len(order)))
    place = np.arange(len(order)) - np.repeat(starts, counts)
    first = place % 2 == 0
    if rng is not None:
        swap = rng.random(len(order)) < 0.5
        pair = np.repeat(np.cumsum(counts) - counts, counts) + place // 2
        first ^= swap[pair]
    found = np.empty(len(order), dtype=bool)
    found[order] = first
    return found, ~found


def _seen(record: Record, fold: NDArray[np.bool_]) -> Record:
    """Return what a centre would have seen while it predicted `fold`: all trips of these days."""
    return record.only(np.isin(record.calls.day, record.calls.day[fold]))
