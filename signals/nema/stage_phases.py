"""The stages of a plan as phases of one ring, a phase a stage.

That says any plan, also one that two rings cannot: a group in two stages that follow each other stays green. Yellow and
all-red of a phase are the time that its vehicles need before the next stage; where people need more, don't walk has the rest.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from signals.junction import Conflict, GroupKind
from traffic.network import Turn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from signals.plan import Plan

__all__ = ["ServedPhases", "StagePhase", "stage_phase"]


@dataclass(frozen=True)
class StagePhase:
    """The times of the phase that a stage becomes, seconds.

    Attributes
    ----------
    max_green_s, yellow_s, all_red_s
        Together as long as the stage.
    walk_s, dont_walk_s
        `None` where no people have green.
    """

    min_green_s: int
    max_green_s: int
    yellow_s: int
    all_red_s: int
    walk_s: int | None
    dont_walk_s: int | None

    @property
    def min_split_s(self) -> int:
        """The least time in which vehicles and people of the phase are done."""
        change = self.yellow_s + self.all_red_s
        return max(self.min_green_s + change, (self.walk_s or 0) + (self.dont_walk_s or 0) + change)


def stage_phase(plan: Plan, k: int) -> StagePhase:
    """Return the times of the phase that is stage `k`: what changes at its end decides."""
    junction, sequence, duration = plan.junction, plan.sequence, plan.durations_s[k]
    ends: dict[GroupKind, list[tuple[int, int]]] = {kind: [] for kind in GroupKind}
    for (group, _, last), gap, always in zip(
        sequence.runs.tolist(), sequence.end_gap_s.tolist(), sequence.always_green.tolist(), strict=True
    ):
        if last == k and not always:
            ends[junction.groups[group].kind].append((group, gap))
    present = [junction.groups[g] for g in sorted(plan.stages[k].groups)]
    changing = [junction.groups[g] for g, _ in ends[GroupKind.VEHICLE]] or present
    yellow = min(max((group.yellow_s for group in changing), default=0), duration - 1)
    all_red = max(max((gap for _, gap in ends[GroupKind.VEHICLE]), default=0) - yellow, 0)
    change = yellow + all_red
    clearance = max(max((gap for _, gap in ends[GroupKind.PEDESTRIAN]), default=0) - change, 0)
    on_foot = [group.min_green_s for group in present if group.kind is GroupKind.PEDESTRIAN]
    least = [group.min_green_s for group in present if group.kind is GroupKind.VEHICLE]
    return StagePhase(
        min_green_s=min(min(least, default=1), duration - change),
        max_green_s=duration - change,
        yellow_s=yellow,
        all_red_s=all_red,
        walk_s=min(*on_foot, duration - change - clearance) if on_foot else None,
        dont_walk_s=clearance if on_foot else None,
    )


@dataclass
class ServedPhases:
    """In which phases, numbered from 1, movements and crossings of some junctions are green.

    Attributes
    ----------
    protected, permitted
        By movement: where a left turn yields to somebody in the stage, it is permitted. Movements of a junction that no group
        controls have neither.
    walks
        By crossing.
    """

    protected: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    permitted: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    walks: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, plan: Plan, turn: NDArray[np.uint8]) -> None:
        """Note the phases of a plan.

        Parameters
        ----------
        turn
            The `Turn` of each movement of the network; shape (movements,).
        """
        junction = plan.junction
        for g, group in enumerate(junction.groups):
            for number, stage in enumerate(plan.stages, start=1):
                if g not in stage.groups:
                    continue
                yields = any(junction.conflict[g, h] == Conflict.YIELD for h in stage.groups)
                for movement in group.movements:
                    across = turn[movement] in {Turn.LEFT, Turn.U_TURN}
                    (self.permitted if yields and across else self.protected)[movement].append(number)
                for crossing in group.crossings:
                    self.walks[crossing].append(number)
