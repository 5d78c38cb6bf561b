"""Predictions as events come: what is seen goes in, what will be comes out, at any moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from transit.coded import NONE, Coded
from transit.prediction.blend import Aim, blended, quantiles
from transit.prediction.calls import Calls, Events
from transit.prediction.following import Follower
from transit.prediction.training import BLEND, Trained, predictors
from transit.realtime.predictions import Predictions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from transit.prediction.predictors import Forecast

__all__ = ["PredictionStream", "predictions_of", "vehicles_of"]


class PredictionStream:
    """All vehicles of some days, predicted by the blend or by one predictor.

    Parameters
    ----------
    calls
        What is to be run.
    trained
        What earlier days taught; default: nothing.
    name
        Which predictor; default: the blend.
    """

    def __init__(
        self, calls: Calls, trained: Trained | None = None, *, name: str = BLEND, aim: Aim = Aim.MEDIAN
    ) -> None:
        self.calls, self.trained, self.name, self.aim = calls, trained or Trained.nothing(), name, aim
        every = predictors(calls, self.trained.history, self.trained.parameters)
        needed = self.trained.weights.members if name == BLEND else (name,)
        self._predictors = {each: every[each] for each in needed}
        self._follower = Follower(calls)

    def push(self, events: Events) -> None:
        """Take in what was seen; in the order of time, all at once or piece by piece."""
        passed = self._follower.push(events)
        for predictor in self._predictors.values():
            predictor.learn(passed)

    def predict(self, now_s: float, *, horizon_s: float = np.inf) -> Forecast:
        """Return when all vehicles under way will be at their coming stops.

        Parameters
        ----------
        horizon_s
            Only stops as far as the timetable has them so long after where the vehicle is.
        """
        found = self._forecasts(now_s, horizon_s)
        return blended(self.trained.weights, found, self.aim) if self.name == BLEND else found[self.name]

    def quantiles(
        self, now_s: float, shares: Sequence[float], *, horizon_s: float = np.inf
    ) -> NDArray[np.float64]:
        """Return until when vehicles have come with some probabilities by the blend; shape (shares, rows of `predict`)."""
        return quantiles(self.trained.weights, self._forecasts(now_s, horizon_s), shares)

    def _forecasts(self, now_s: float, horizon_s: float) -> dict[str, Forecast]:
        ahead = self._follower.ahead(now_s, horizon_s)
        return {name: predictor.predict(ahead) for name, predictor in self._predictors.items()}


def predictions_of(calls: Calls, forecast: Forecast, vehicle: Coded | None = None) -> Predictions:
    """Return a forecast as what GTFS-Realtime is made of: coming stops, with delays and uncertainty.

    Parameters
    ----------
    vehicle
        Of each run, where it is known; shape (runs,). Of a run that has not begun, it is that of the run before in its block.
    """
    ahead = forecast.ahead
    rows = np.flatnonzero(ahead.coming)
    call = ahead.call[rows].astype(np.int64)
    run = calls.run[call].astype(np.int64)
    begins, ends = call == calls.first[run], call == calls.first[run + 1] - 1
    arrival_s = np.where(begins, np.nan, forecast.arrival_s[rows])
    departure_s = np.where(ends, np.nan, forecast.departure_s[rows])
    return Predictions(
        calls.trip.take(run),
        calls.day[run],
        calls.sequence[call],
        arrival_s,
        departure_s,
        arrival_s - calls.arrival_s[call],
        departure_s - calls.departure_s[call],
        _uncertainty(forecast.sd_s[rows]),
        np.zeros(len(rows), np.int8),
        _vehicles(vehicle, run, ahead.head[rows]),
        np.full(len(rows), ahead.now_s),
    )


def vehicles_of(calls: Calls, vehicle: Coded) -> Coded:
    """Return the vehicle of each run from that of each visit which `calls` were made from: the last one that is known."""
    code = np.full(calls.runs, NONE, dtype=np.int32)
    seen = vehicle.code[calls.row]
    known = seen != NONE
    code[calls.run[known]] = seen[known]  # of several, the last one stays
    return Coded(vehicle.names, code)


def _uncertainty(sd_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return standard deviations of a second at least: 0 would mean that nothing is uncertain; NaN where none is known."""
    return np.where(sd_s > 0.0, np.maximum(sd_s, 1.0), np.nan)


def _vehicles(vehicle: Coded | None, run: NDArray[np.int64], head: NDArray[np.int32]) -> Coded:
    if vehicle is None:
        return Coded.none(len(run))
    own = vehicle.code[run]
    return Coded(vehicle.names, np.where(own == NONE, vehicle.code[head], own).astype(np.int32))
