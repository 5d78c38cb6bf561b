"""The demand of a day: one steady level for each interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from signals.schedule import DAY_S
from signals.sequence import whole_number
from traffic.demand import FlowDemand
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = ["REPORT_S", "DayDemand"]

REPORT_S = 900
"""Days are counted in quarters of an hour."""


@dataclass(frozen=True, eq=False)
class DayDemand:
    """What moves in each interval of a day.

    Attributes
    ----------
    interval_s
        Length of an interval: a multiple of a quarter of an hour that divides the day.
    levels
        Demand of each interval, one period each, all with the same entry links; the same object where it is the same.
    """

    interval_s: int
    levels: tuple[FlowDemand, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple(self.levels))
        object.__setattr__(self, "interval_s", whole_number(self.interval_s, "interval_s"))
        if self.interval_s < REPORT_S or self.interval_s % REPORT_S or DAY_S % self.interval_s:
            rule = f"must be a multiple of {REPORT_S} s that divides a day"
            raise InputError(rule, field="interval_s", value=self.interval_s)
        if len(self.levels) * self.interval_s != DAY_S:
            rule = f"must be {DAY_S // self.interval_s} levels, one for each interval of the day"
            raise InputError(rule, field="levels", value=len(self.levels))
        for level in self.levels:
            if level.periods != 1 or not np.array_equal(level.entry_link, self.levels[0].entry_link):
                rule = "must have one period each, and the same entry links"
                raise InputError(rule, field="levels", value=level.periods)
        if not self.due_veh().sum() > 0:
            raise InputError("must have vehicles in some interval", field="levels", value=0)

    @classmethod
    def of_profile(cls, network: RoadNetwork, demand: FlowDemand, scales: Sequence[float]) -> DayDemand:
        """Return a day in which the mean of `demand` is multiplied by each of `scales`, of equal intervals."""
        mean = _mean(network, demand)
        distinct = {scale: mean.scaled(scale) for scale in scales}
        if not scales or DAY_S % len(scales):
            raise InputError("must be equal parts of a day", field="scales", value=len(scales))
        return cls(DAY_S // len(scales), tuple(distinct[scale] for scale in scales))

    def due_veh(self) -> NDArray[np.float64]:
        """Return the vehicles due in each interval; shape (intervals,)."""
        return np.array([level.entry_veh_s.sum() * self.interval_s for level in self.levels])

    def whole(self) -> FlowDemand:
        """Return the day as one demand, an interval a period."""
        levels = self.levels
        return FlowDemand(
            period_s=float(self.interval_s),
            entry_link=levels[0].entry_link,
            entry_veh_s=np.concatenate([level.entry_veh_s for level in levels]),
            movement_share=np.concatenate([level.movement_share for level in levels]),
            exit_share=np.concatenate([level.exit_share for level in levels]),
            link_veh_s=np.concatenate([level.link_veh_s for level in levels]),
            source=levels[0].source,
        )

    def representatives(self, count: int) -> tuple[int, ...]:
        """Return intervals that stand for all: the busiest, then always the one that is least like those before it.

        What is compared are the flows of all links. Fewer come back where the day has fewer levels.
        """
        flows = np.concatenate([level.link_veh_s for level in self.levels])
        chosen = [int(self.due_veh().argmax())]
        while len(chosen) < count:
            apart = np.min([np.abs(flows - flows[k]).sum(axis=1) for k in chosen], axis=0)
            farthest = int(apart.argmax())
            if apart[farthest] <= 0:
                break
            chosen.append(farthest)
        return tuple(chosen)


def _mean(network: RoadNetwork, demand: FlowDemand) -> FlowDemand:
    """Return `demand` with its periods put together; shares count by the vehicles that are due on their link."""
    if demand.periods == 1:
        return demand
    links = demand.link_veh_s.sum(axis=0)
    by_link = np.where(links > 0, demand.link_veh_s, 1.0)
    weight = by_link / by_link.sum(axis=0)
    in_link = network.movements.in_link
    return FlowDemand(
        period_s=demand.period_s,
        entry_link=demand.entry_link,
        entry_veh_s=demand.entry_veh_s.mean(axis=0, keepdims=True),
        movement_share=(demand.movement_share * weight[:, in_link]).sum(axis=0, keepdims=True),
        exit_share=(demand.exit_share * weight).sum(axis=0, keepdims=True),
        link_veh_s=demand.link_veh_s.mean(axis=0, keepdims=True),
        source=demand.source,
    )
