"""Priority as buses meet it: each signal that is reached late is asked, and what it grants is counted with what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from signals.priority import PriorityRequest, added_delay_veh_s, granted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from signals.priority import PriorityRules, PriorityTable
    from signals.signal_delay import SignalDelay

__all__ = ["Costs", "GrantedPriority"]


@dataclass
class Costs:
    """What was asked for at red signals, granted, gained and paid.

    Attributes
    ----------
    recovering
        Requests that got nothing because the junction had granted another one shortly before.
    gained_s
        Seconds that vehicles did not wait.
    others_veh_s
        Vehicle seconds that others wait for longer.
    """

    asked: int = 0
    extensions: int = 0
    early_greens: int = 0
    recovering: int = 0
    gained_s: float = 0.0
    others_veh_s: float = 0.0


@dataclass
class GrantedPriority:
    """Grants by rules, junction by junction.

    Parameters
    ----------
    signals
        Delay at signals for each hour of the day, 24 of them.
    flow_veh_s, flow_ratio
        Of each movement in each hour, for what it costs the others; shape (24, movements).
    """

    rules: PriorityRules
    table: PriorityTable
    signals: Sequence[SignalDelay]
    flow_veh_s: NDArray[np.float64]
    flow_ratio: NDArray[np.float64]
    costs: Costs = field(default_factory=Costs)
    _free_s: dict[int, float] = field(default_factory=dict)
    _price: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._junction: list[int] = self.table.junction.tolist()
        self._most_s: list[float] = self.table.most_s.tolist()
        one = self.signals[0]
        self._red_s, self._since_s = one.red_s.tolist(), one.since_s.tolist()
        self._longest_red = self._longest_reds(one)

    def delay_s(
        self, movement: int, now_s: float, place: int, delay_s: float, late_s: float, hour: int
    ) -> float:
        """Return the delay of somebody who reaches a signal, with what it grants.

        Parameters
        ----------
        place
            Second of the cycle, as a place in the tables of `SignalDelay`.
        delay_s
            Without priority.
        """
        request = PriorityRequest(movement, now_s, late_s)
        red_s, since_s = self._red_s[place], self._since_s[place]
        grant = granted(self.rules, request, red_s=red_s, since_s=since_s, most_s=self._most_s[movement])
        if grant is None:
            return delay_s
        costs, junction = self.costs, self._junction[movement]
        costs.asked += 1
        if now_s < self._free_s.get(junction, 0.0):
            costs.recovering += 1
            return delay_s
        left_s = 0.0 if grant.extension else max(delay_s - grant.taken_s, 0.0)
        self._free_s[junction] = now_s + self.rules.recovery_s
        costs.extensions += grant.extension
        costs.early_greens += not grant.extension
        costs.gained_s += delay_s - left_s
        costs.others_veh_s += self._cost_veh_s(movement, grant.taken_s, hour)
        return left_s

    def _cost_veh_s(self, movement: int, taken_s: float, hour: int) -> float:
        """Return what others wait for longer when green is taken from them once.

        That of `signals.priority.added_delay_veh_s`, added up: a term in the time taken, and one in its square.
        """
        price = self._price.get((movement, hour))
        if price is None:
            price = self._price[movement, hour] = self._priced(movement, hour)
        return (price[0] + price[1] * taken_s) * taken_s

    def _priced(self, movement: int, hour: int) -> tuple[float, float]:
        flow, ratio, red_s = self.flow_veh_s[hour], self.flow_ratio[hour], self._longest_red
        one_s = [
            added_delay_veh_s(float(flow[other]), float(ratio[other]), 0.0, 1.0)
            for other in self.table.opposed[movement]
        ]
        by_red = (
            2.0 * red_s[other] * each for other, each in zip(self.table.opposed[movement], one_s, strict=True)
        )
        return sum(by_red), sum(one_s)

    def _longest_reds(self, signals: SignalDelay) -> list[float]:
        begin, period = signals.begin.tolist(), signals.period_s.tolist()
        return [
            float(signals.red_s[b : b + p].max()) if b >= 0 else 0.0
            for b, p in zip(begin, period, strict=True)
        ]
