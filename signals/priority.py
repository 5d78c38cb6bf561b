"""Priority for public transport at signals: who asks, what may be granted, and what it costs the others.

A request is neutral: it names a movement, a time and how late somebody is. What may be granted keeps the plan safe and the wave
whole: a green goes on for longer (extension), or comes sooner (early green), at the expense of the other stages of the same
cycle, which keep the durations that they need; the next cycle begins when it always does, and then the junction recovers.

References
----------
Transit Signal Priority Handbook (ITS America, 2005), chapters 3 and 5; Signal Timing Manual, second edition (NCHRP 812),
section 10.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.plan import Plan, PlanSet
    from traffic.network import RoadNetwork

__all__ = [
    "Grant",
    "PriorityRequest",
    "PriorityRules",
    "PriorityTable",
    "added_delay_veh_s",
    "granted",
    "priority_table",
]


class PriorityRequest(NamedTuple):
    """Somebody who comes to a signal.

    Attributes
    ----------
    movement
        Position of the movement in the network.
    time_s
        When it would pass if the signal were green and nobody stood there, POSIX seconds.
    late_s
        How late it is, or by how much its headway is too long.
    """

    movement: int
    time_s: float
    late_s: float


@dataclass(frozen=True)
class PriorityRules:
    """What may be granted.

    Attributes
    ----------
    least_late_s
        Who is less late gets nothing.
    extension_s, early_s
        By how much a green may end later, or begin sooner.
    recovery_s
        So long after a grant a junction gives none.
    """

    least_late_s: float = 60.0
    extension_s: float = 10.0
    early_s: float = 10.0
    recovery_s: float = 150.0

    def __post_init__(self) -> None:
        for name in ("extension_s", "early_s", "recovery_s"):
            if not 0.0 <= getattr(self, name) <= 600.0:
                raise InputError("must be from 0 to 600 s", field=name, value=getattr(self, name))


class Grant(NamedTuple):
    """What a request gets: an extension, after which nobody waits, or a green that comes earlier.

    Attributes
    ----------
    taken_s
        Green that the other stages lose in this cycle, seconds.
    """

    extension: bool
    taken_s: float


def granted(
    rules: PriorityRules, request: PriorityRequest, *, red_s: float, since_s: float, most_s: float
) -> Grant | None:
    """Return what a request gets at a red signal, or `None`.

    Parameters
    ----------
    red_s, since_s
        Until when, and since when, the signal is red, seconds; 0 while it is green, when nothing needs to be granted.
    most_s
        As in `PriorityTable`.
    """
    if request.late_s < rules.least_late_s or red_s <= 0.0:
        return None
    if since_s <= min(rules.extension_s, most_s):
        return Grant(extension=True, taken_s=since_s)
    taken_s = min(rules.early_s, most_s, red_s)
    return Grant(extension=False, taken_s=taken_s) if taken_s >= 1.0 else None


@dataclass(frozen=True, eq=False)
class PriorityTable:
    """What each movement can be granted; shape (movements,).

    Attributes
    ----------
    junction
        Position of its junction, or -1.
    most_s
        How much green other stages can do without, one cycle long, seconds.
    opposed
        Movements of the junction that are red while it is green.
    """

    junction: NDArray[np.int32]
    most_s: NDArray[np.float64]
    opposed: tuple[tuple[int, ...], ...]


def priority_table(network: RoadNetwork, plans: PlanSet) -> PriorityTable:
    """Return what plans leave for priority: green that other stages have beyond the durations that they need."""
    count = len(network.movements)
    junction = np.full(count, -1, dtype=np.int32)
    most_s = np.zeros(count)
    opposed: list[tuple[int, ...]] = [()] * count
    for number, plan in enumerate(plans):
        for position, group in enumerate(plan.junction.groups):
            movements = list(group.movements)
            junction[movements] = number
            most_s[movements] = _spare_s(plan, position)
            red = _red_while_green(plan, position)
            for movement in movements:
                opposed[movement] = red
    return PriorityTable(junction, most_s, tuple(opposed))


def added_delay_veh_s(flow_veh_s: float, flow_ratio: float, red_s: float, taken_s: float) -> float:
    """Return what it costs a movement to lose green once, vehicle seconds.

    The area of the queue triangle of a red of r seconds is q r^2 / (2 (1 - y)); it grows to that of r and what is taken. Above
    saturation it is held at a flow ratio of 0.95.

    Parameters
    ----------
    flow_ratio
        Flow over saturation flow, y.
    """
    emptying = 2.0 * (1.0 - min(flow_ratio, _FULL))
    return flow_veh_s * ((red_s + taken_s) ** 2 - red_s**2) / emptying


_FULL = 0.95


def _spare_s(plan: Plan, group: int) -> float:
    """Return what the stages without the group have beyond the durations that they need."""
    needed = plan.sequence.planned_durations_s()
    others = [k for k, stage in enumerate(plan.stages) if group not in stage.groups]
    return float(sum(max(plan.durations_s[k] - int(needed[k]), 0) for k in others))


def _red_while_green(plan: Plan, group: int) -> tuple[int, ...]:
    together = {other for stage in plan.stages if group in stage.groups for other in stage.groups}
    apart = (g for position, g in enumerate(plan.junction.groups) if position not in together)
    return tuple(sorted({movement for g in apart for movement in g.movements}))
