"""Where every vehicle is, what it has just done, and which calls are ahead of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transit.prediction._kernels_following import Vehicles, ahead, follow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transit.prediction.calls import Calls, Events

__all__ = ["Ahead", "Follower", "Passed"]

_STALE_S = 2700.0


class Passed(NamedTuple):
    """What vehicles have just done.

    Attributes
    ----------
    call, left_s, run_s
        Stretches that were run: the call that each begins at, when the vehicle left, and how long it took; shape (stretches,).
    stood, came_s, dwell_s, headway_s
        Dwells: the call, when the vehicle came, how long it stood, and how long before another one had left; shape (dwells,).
    """

    call: NDArray[np.int32]
    left_s: NDArray[np.float64]
    run_s: NDArray[np.float64]
    stood: NDArray[np.int32]
    came_s: NDArray[np.float64]
    dwell_s: NDArray[np.float64]
    headway_s: NDArray[np.float64]


class Ahead(NamedTuple):
    """The calls ahead of the vehicles under way at some moment.

    Attributes
    ----------
    now_s
        The moment, POSIX seconds.
    first
        The rows of vehicle k are those from ``first[k]`` to before ``first[k + 1]``; shape (vehicles + 1,).
    call
        Of each row. The first row of a vehicle is the stop where it is or was last; shape (rows,).
    head
        The run that each row's vehicle is on; shape (rows,).
    steps
        How many calls after the vehicle's own each row is, within one run; shape (rows,).
    later
        Which rows are of the vehicle's next trip; shape (rows,).
    when_s
        When the vehicle will be there as far as the timetable knows, for the time of day; shape (rows,).
    state
        Where all vehicles are.
    """

    now_s: float
    first: NDArray[np.int32]
    call: NDArray[np.int32]
    head: NDArray[np.int32]
    steps: NDArray[np.int32]
    later: NDArray[np.bool_]
    when_s: NDArray[np.float64]
    state: Vehicles

    @property
    def coming(self) -> NDArray[np.bool_]:
        """Which rows are of stops that vehicles have not come to; shape (rows,)."""
        found = np.ones(len(self.call), dtype=bool)
        found[self.first[:-1]] = False
        return found


class Follower:
    """State of all vehicles, brought forward by events.

    Parameters
    ----------
    stale_s
        A vehicle that was neither seen nor due at its next stop for so long is under way no more.
    """

    def __init__(self, calls: Calls, *, stale_s: float = _STALE_S) -> None:
        runs = calls.runs
        self.calls, self.stale_s = calls, stale_s
        self.state = Vehicles(
            np.full(runs, -1, np.int32),
            np.zeros(runs, np.uint8),
            np.full(runs, np.nan),
            np.full(runs, np.nan),
            np.full(runs, np.nan),
            np.full(len(calls.places), np.nan),
        )

    def push(self, events: Events) -> Passed:
        """Take in events, which must not be before those of earlier calls, and return what vehicles have done."""
        calls, count = self.calls, np.zeros(2, np.int32)
        passages, dwells = np.empty((len(events), 3)), np.empty((len(events), 4))
        follow(*events, calls.run, calls.first, calls.place, self.state, passages, dwells, count)
        ran, stood = passages[: count[0]].T.copy(), dwells[: count[1]].T.copy()
        return Passed(ran[0].astype(np.int32), ran[1], ran[2], stood[0].astype(np.int32), *stood[1:])

    def ahead(self, now_s: float, horizon_s: float = np.inf) -> Ahead:
        """Return the calls ahead of all vehicles, and of their next trips.

        Parameters
        ----------
        horizon_s
            As far as the timetable has them so long after the stop where the vehicle is.
        """
        calls, state = self.calls, self.state
        vehicle, room = np.zeros(calls.runs + 2, np.int32), 4096
        while True:
            call = np.empty(room, np.int32)
            rows = ahead(
                now_s,
                horizon_s,
                self.stale_s,
                calls.first,
                calls.follows,
                calls.arrival_s,
                calls.departure_s,
                state.at,
                state.since_s,
                vehicle,
                call,
            )
            if rows <= room:
                break
            room = rows
        first, call = vehicle[: vehicle[-1] + 1].copy(), call[:rows]
        count = np.diff(first)
        own = np.repeat(call[first[:-1]], count)
        head = calls.run[own]
        same = calls.run[call] == head
        begin = calls.first[calls.run[call]]
        steps = np.where(same, call - own, call - begin)
        late_s = np.where(same, state.since_s[head] - calls.departure_s[own], 0.0)
        when_s = np.maximum(calls.departure_s[call] + late_s, now_s)
        return Ahead(now_s, first, call, head, steps.astype(np.int32), ~same, when_s, state)
