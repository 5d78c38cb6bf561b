"""The time that a search may take, and a local search that keeps it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import numpy as np

from signals.local_search import LocalSearch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from signals.profile import ProfileModel

__all__ = ["Budget", "Clock", "TimedLocalSearch"]

_AT_ONCE = 8  # junctions that are visited between two looks at the clock
_BOUND_SHARE = 0.15  # part of a budget that the offset bound may take
_BOUND_PER_PAIRS = 10.0  # what the bound takes, in times of the tables of its pairwise model


class Clock(Protocol):
    """Tells the time in seconds since some moment."""

    def __call__(self) -> float:
        """Return the time."""


class Budget:
    """A time that has begun to run.

    Parameters
    ----------
    seconds
        What may be spent; `None`: there is no limit, and the clock decides nothing.
    should_stop
        Asked whether to leave off at once.

    Attributes
    ----------
    evaluation_s
        Longest time that an evaluation of plans has taken; so much is kept for the last one.
    bound_s
        Time that is kept for the offset bound; 0 as long as it is not known to fit.
    """

    def __init__(
        self,
        seconds: float | None = None,
        clock: Clock = time.perf_counter,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self.seconds, self._clock, self._should_stop = seconds, clock, should_stop
        self.evaluation_s = self.bound_s = 0.0
        self._began = clock()

    def passed_s(self) -> float:
        """Return the time since the budget began."""
        return self._clock() - self._began

    def spent(self) -> bool:
        """Return whether no time is left but for what is kept, or work has to stop."""
        if self._should_stop is not None and self._should_stop():
            return True
        return self.seconds is not None and self.passed_s() + self.evaluation_s + self.bound_s >= self.seconds

    def evaluated(self, began_s: float) -> None:
        """Take note that plans were evaluated, from `began_s` (of `passed_s`) to now."""
        self.evaluation_s = max(self.evaluation_s, self.passed_s() - began_s)

    def keep_for_bound(self, pairs_s: float) -> None:
        """Keep time for the offset bound if it fits, where the tables of its pairwise model took `pairs_s`."""
        needed = _BOUND_PER_PAIRS * pairs_s
        fits = self.seconds is not None and needed <= _BOUND_SHARE * self.seconds
        self.bound_s = needed if fits else 0.0

    def allows_bound(self) -> bool:
        """Return whether there is time for the offset bound."""
        stopped = self._should_stop is not None and self._should_stop()
        return not stopped and (self.seconds is None or self.bound_s > 0.0)

    @property
    def endless(self) -> bool:
        """Whether nothing can end it."""
        return self.seconds is None and self._should_stop is None


class TimedLocalSearch(LocalSearch):
    """A local search that leaves off when its budget is spent; until then it is the same."""

    def __init__(self, model: ProfileModel, free: NDArray[np.bool_], budget: Budget) -> None:
        super().__init__(model, free)
        self.budget = budget
        self._held: float | None = None

    def timings(self, junctions: NDArray[np.int64], *, fine: bool = False) -> float:
        """Visit `junctions` in order, as `LocalSearch.timings` does, while there is time."""
        visit = super().timings
        return self._in_parts(junctions, lambda part: visit(part, fine=fine))

    def orders(self, junctions: NDArray[np.int64], *, halving: bool = True) -> float:
        """Visit `junctions` in order, as `LocalSearch.orders` does, while there is time."""
        visit = super().orders
        return self._in_parts(junctions, lambda part: visit(part, halving=halving))

    def _in_parts(self, junctions: NDArray[np.int64], visit: Callable[[NDArray[np.int64]], float]) -> float:
        if self.budget.endless:
            return visit(junctions)
        gained, self._held = 0.0, super()._tolerance()
        for begin in range(0, len(junctions), _AT_ONCE):
            if self.budget.spent():
                break
            gained += visit(junctions[begin : begin + _AT_ONCE])
        self._held = None
        return gained

    def _tolerance(self) -> float:
        """Return that of the whole visit: its parts must not differ from it."""
        return super()._tolerance() if self._held is None else self._held
