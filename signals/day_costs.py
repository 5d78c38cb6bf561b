"""What plan sets and the transitions between them cost on a day, measured in the flow model.

Costs are delay: vehicle-seconds above free flow, those who wait to enter included. An interval is measured after a quarter of
an hour of the same demand and plans; what queues are left over from the interval before only the run of the whole day knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from signals.day_demand import REPORT_S, DayDemand
from signals.greens import movement_greens
from signals.schedule import DAY_S
from signals.schedule_greens import Switch, greens_over_time, junction_transition
from signals.transition import Method
from traffic.flow import FlowModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.plan import PlanSet
    from traffic.demand import FlowDemand
    from traffic.flow import FlowParameters
    from traffic.network import RoadNetwork

__all__ = ["DayCosts", "DayRun", "SwitchCost"]

_WATCHED_S = 1800
"""For so long the traffic is watched after a switch."""


@dataclass(frozen=True)
class SwitchCost:
    """What one switch of all junctions costs by one method.

    Attributes
    ----------
    delay_veh_s
        Delay more than with the new plans in force all the time, vehicle-seconds; 0 where it is less.
    seconds
        From the switch time until the last junction is in step.
    other_method
        Junctions that take another method because greatest greens do not allow this one.
    """

    delay_veh_s: float
    seconds: int
    other_method: int


class DayRun(NamedTuple):
    """Delay in every quarter of an hour of a day, vehicle-seconds, and the vehicles that have not arrived at its end."""

    delay_s: NDArray[np.float64]
    left_veh: float


class DayCosts:
    """Measures plan sets on one day; the same is measured once."""

    def __init__(
        self,
        network: RoadNetwork,
        day: DayDemand,
        sets: Sequence[PlanSet],
        parameters: FlowParameters | None = None,
    ) -> None:
        self.network, self.day, self.sets, self.parameters = network, day, tuple(sets), parameters
        self._models: dict[int, FlowModel] = {}
        self._intervals: dict[tuple[int, int], float] = {}
        self._steady: dict[tuple[int, int], float] = {}
        self._switches: dict[tuple[int, int, int, Method], SwitchCost] = {}

    def intervals(self) -> NDArray[np.float64]:
        """Return the delay of each set in each interval, vehicle-seconds; shape (intervals, sets)."""
        rows = [[self._interval(level, s) for s in range(len(self.sets))] for level in self.day.levels]
        return np.array(rows)

    def switch(self, interval: int, before: int, after: int, method: Method) -> SwitchCost:
        """Return what the switch from one set to another costs at the start of an interval."""
        key = (interval, before, after, method)
        if key not in self._switches:
            self._switches[key] = self._measure(*key)
        return self._switches[key]

    def run_day(self, switches: Sequence[Switch]) -> DayRun:
        """Run the whole day."""
        model = FlowModel(self.network, self.day.whole(), self.parameters)
        result = model.run(greens_over_time(self.network, switches, 0, DAY_S), DAY_S, REPORT_S)
        return DayRun(result.series.delay_s, result.under_way + result.waiting_to_enter)

    def _model(self, level: FlowDemand) -> FlowModel:
        return self._models.setdefault(id(level), FlowModel(self.network, level, self.parameters))

    def _interval(self, level: FlowDemand, plans: int) -> float:
        key = (id(level), plans)
        if key not in self._intervals:
            greens = movement_greens(self.network, self.sets[plans])
            run = self._model(level).run(greens, REPORT_S + self.day.interval_s, REPORT_S)
            self._intervals[key] = float(run.series.delay_s[1:].sum())
        return self._intervals[key]

    def _delay(self, switches: Sequence[Switch], interval: int) -> float:
        """Return the delay after the start of an interval; its demand rules before it too."""
        at_s = (interval or len(self.day.levels)) * self.day.interval_s
        watched_s = min(_WATCHED_S, self.day.interval_s)
        greens = greens_over_time(self.network, switches, at_s - REPORT_S, REPORT_S + watched_s)
        run = self._model(self.day.levels[interval]).run(greens, REPORT_S + watched_s, REPORT_S)
        return float(run.series.delay_s[1:].sum())

    def _measure(self, interval: int, before: int, after: int, method: Method) -> SwitchCost:
        at_s = (interval or len(self.day.levels)) * self.day.interval_s
        one, other = self.sets[before], self.sets[after]
        if (interval, after) not in self._steady:
            self._steady[interval, after] = self._delay([Switch(0, other, method)], interval)
        delay = self._delay([Switch(0, one, method), Switch(at_s, other, method)], interval)
        done = [junction_transition(a, b, at_s, method) for a, b in zip(one, other, strict=True)]
        return SwitchCost(
            delay_veh_s=max(delay - self._steady[interval, after], 0.0),
            seconds=max((t.end_s for t in done), default=at_s) - at_s,
            other_method=sum(t.method != method for t in done),
        )
