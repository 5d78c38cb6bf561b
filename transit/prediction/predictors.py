"""Predictors behind one protocol: what each of them thinks that running and dwelling will take.

A predictor learns from what vehicles have done (`learn`), and says of the calls ahead when vehicles will be there (`predict`). It
is never told what has not happened yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from transit.prediction._kernels_walking import walk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.prediction.calls import Calls
    from transit.prediction.following import Ahead, Passed
    from transit.prediction.history import History

__all__ = [
    "Estimates",
    "Forecast",
    "Historical",
    "LastVehicle",
    "Planned",
    "Predictor",
    "Timetabled",
    "walked",
]

_FRESH_S = 7200.0


@dataclass(frozen=True, eq=False)
class Forecast:
    """When vehicles will come and leave: POSIX seconds, a row for each of `Ahead`.

    Attributes
    ----------
    sd_s
        Standard deviation of the arrival (at the first stop of a trip: of leaving it); 0 where a predictor does not know it.
    """

    ahead: Ahead
    arrival_s: NDArray[np.float64]
    departure_s: NDArray[np.float64]
    sd_s: NDArray[np.float64]


class Predictor(Protocol):
    """One way to predict."""

    def learn(self, passed: Passed) -> None:
        """Take in what vehicles have done since the last time."""

    def predict(self, ahead: Ahead) -> Forecast:
        """Return when vehicles will be at the calls ahead."""


class Estimates(NamedTuple):
    """What a predictor thinks of each row of `Ahead`; all of shape (rows,).

    Attributes
    ----------
    run_s
        From the stop of the row to the next one.
    log_sd, pace_sd
        Standard deviation of its logarithm: of each stretch alone, and shared by all stretches of a vehicle.
    dwell_s, dwell_sd
        At the stop of the row.
    hold_s
        When an early vehicle leaves there at the earliest, POSIX seconds; NaN where nobody waits.
    """

    run_s: NDArray[np.float64]
    log_sd: NDArray[np.float64]
    pace_sd: NDArray[np.float64]
    dwell_s: NDArray[np.float64]
    dwell_sd: NDArray[np.float64]
    hold_s: NDArray[np.float64]


def walked(
    calls: Calls, ahead: Ahead, found: Estimates, late_s: NDArray[np.float64], layover_s: float
) -> Forecast:
    """Return the forecast that follows from estimates: from where each vehicle is, stretch by stretch.

    A vehicle between two stops is known to need longer than it has taken already: what is left is the median of those times that
    are longer. At the start of a trip, in the same way, of how late vehicles leave there.
    """
    rows = len(ahead.call)
    arrival_s, departure_s, sd_s = np.empty(rows), np.empty(rows), np.empty(rows)
    walk(
        ahead.now_s,
        ahead.first,
        ahead.call,
        calls.run,
        calls.first,
        calls.departure_s,
        ahead.state.left,
        ahead.state.since_s,
        found.run_s,
        found.log_sd,
        found.pace_sd,
        found.dwell_s,
        found.dwell_sd,
        found.hold_s,
        late_s,
        layover_s,
        arrival_s,
        departure_s,
        sd_s,
    )
    return Forecast(ahead, arrival_s, departure_s, sd_s)


class Timetabled:
    """The timetable as it is printed; what should have come already comes now."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def learn(self, passed: Passed) -> None:
        """Learn nothing."""

    def predict(self, ahead: Ahead) -> Forecast:
        """Return planned times."""
        arrival_s = np.maximum(self._calls.arrival_s[ahead.call], ahead.now_s)
        departure_s = np.maximum(self._calls.departure_s[ahead.call], ahead.now_s)
        return Forecast(ahead, arrival_s, departure_s, np.zeros(len(ahead.call)))


class Planned:
    """The timetable, and the deviation of each vehicle carried on to all stops of its trip.

    Its next trip begins as planned, or as soon as the vehicle is there.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def learn(self, passed: Passed) -> None:
        """Learn nothing: where vehicles are is known."""

    def predict(self, ahead: Ahead) -> Forecast:
        """Return planned running and dwelling after where vehicles are."""
        calls, nothing = self._calls, np.zeros(len(ahead.call))
        dwell_s = calls.departure_s[ahead.call] - calls.arrival_s[ahead.call]
        never = np.full(len(ahead.call), np.nan)
        run_s = calls.planned_run_s[ahead.call]
        found = Estimates(run_s, nothing, nothing, dwell_s, nothing, never)
        return walked(calls, ahead, found, np.zeros(1), 0.0)


class Historical:
    """Median running times by stretch and hour, mean dwell by place and hour, of earlier days."""

    def __init__(self, calls: Calls, history: History) -> None:
        self._calls, self._history = calls, history
        self.link = history.link_rows(calls)
        self.place = history.place_rows(calls)

    def learn(self, passed: Passed) -> None:
        """Learn nothing of this day."""

    def predict(self, ahead: Ahead) -> Forecast:
        """Return what earlier days took."""
        return walked(self._calls, ahead, self.estimates(ahead), *self._history.starts)

    def estimates(self, ahead: Ahead) -> Estimates:
        """Return running, dwell and holding of the history; the timetable's where there is none."""
        calls, running, dwells = self._calls, self._history.running, self._history.dwells
        hour = calls.bins(ahead.call, ahead.when_s)
        link, known = self.rows(calls.link[ahead.call], self.link)
        run_s = calls.planned_run_s[ahead.call] * running.over_planned
        log_sd = np.zeros(len(run_s))
        usual = float(np.mean(running.log_var)) if len(running.log_var) else 0.0
        log_sd[run_s > 0.0] = np.sqrt(usual)
        cell = running.median_s[link[known], hour[known]]
        run_s[known] = np.where(np.isnan(cell), running.whole_s[link[known]], cell)
        log_sd[known] = np.sqrt(running.log_var[link[known]])
        place, there = self.rows(calls.place[ahead.call], self.place)
        dwell_s = calls.departure_s[ahead.call] - calls.arrival_s[ahead.call]
        dwell_s[there] = dwells.mean_s[place[there], hour[there]]
        hold_s = np.full(len(run_s), np.nan)
        kept = there.copy()
        kept[there] = dwells.holds[place[there]]
        kept &= calls.timepoint[ahead.call]
        hold_s[kept] = calls.departure_s[ahead.call[kept]] - dwells.hold_early_s
        return Estimates(run_s, log_sd, np.zeros(len(run_s)), dwell_s, dwell_s * dwells.variation, hold_s)

    @staticmethod
    def rows(
        number: NDArray[np.int32], row: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the rows of numbers of which some are -1, and which are known."""
        found = np.where(number >= 0, row[number], -1) if len(row) else np.full(len(number), -1)
        return found, found >= 0


class LastVehicle:
    """The running time of the vehicle before on the same stretch, of whatever route; where none ran lately, the history.

    Parameters
    ----------
    fresh_s
        A vehicle that ran longer ago tells nothing.
    """

    def __init__(self, calls: Calls, history: History, *, fresh_s: float = _FRESH_S) -> None:
        self._calls, self._fresh_s = calls, fresh_s
        self._history, self._usual = history, Historical(calls, history)
        self._run_s = np.full(len(calls.links), np.nan)
        self._left_s = np.full(len(calls.links), -np.inf)

    def learn(self, passed: Passed) -> None:
        """Keep the last running time of each stretch."""
        link = self._calls.link[passed.call]
        self._run_s[link] = passed.run_s  # of several, the last one stays
        self._left_s[link] = passed.left_s

    def predict(self, ahead: Ahead) -> Forecast:
        """Return what the vehicles before took."""
        found = self._usual.estimates(ahead)
        link = self._calls.link[ahead.call]
        if len(self._run_s):
            fresh = (link >= 0) & (ahead.now_s - self._left_s[link] <= self._fresh_s)
            found = found._replace(run_s=np.where(fresh, self._run_s[link], found.run_s))
        return walked(self._calls, ahead, found, *self._history.starts)
