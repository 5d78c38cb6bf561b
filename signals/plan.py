"""Plans; one that is unsafe cannot be constructed.

What makes a plan safe:

1. two groups in full conflict are never in the same stage, and every group is in some stage;
2. from any end of green of i to the next start of green of j there are at least ``intergreen_s[i, j]``
   seconds, also when whole stages lie between and across the end of the cycle;
3. every green is within the minimum and the maximum green of its group (pedestrians: the walk; their
   clearance time is part of the intergreen);
4. a group is dark long enough to show its yellow and its red-amber, and 1 s at least;
5. in every stage all its groups are green together for 1 s at least;
6. no vehicle group ends while one that it gives way to stays green, which its drivers cannot see (the yellow
   trap): both end at the same change of stages, or the one that has the way ends first;
7. the durations are whole seconds that add up to the cycle time, which is within the junction's bounds.

How stages and durations turn into greens is told in `signals.sequence`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from signals.aspects import Aspect
from signals.sequence import NO_MAXIMUM_S, Stage, StageSequence, stage_starts, whole_number
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from signals.junction import Junction

__all__ = ["NO_MAXIMUM_S", "Plan", "PlanSet", "Stage", "StageSequence"]


@dataclass(frozen=True)
class Plan:
    """Cycle, offset, stages and durations of one junction; safe by construction (see the module's rules).

    Attributes
    ----------
    offset_s
        Start of green of stage 0, in seconds after the cycle zero; from 0 to ``cycle_s - 1``.
    durations_s
        Seconds from the start of green of each stage to the start of green of the next.
    version
        Grows with every change of the junction's plan.
    """

    junction: Junction
    cycle_s: int
    offset_s: int
    stages: tuple[Stage, ...]
    durations_s: tuple[int, ...]
    name: str = ""
    version: int = 1

    def __post_init__(self) -> None:
        where = f"junction {self.junction.key}"
        for name in ("cycle_s", "offset_s", "version"):
            object.__setattr__(self, name, whole_number(getattr(self, name), f"{where}, {name}"))
        durations = tuple(whole_number(d, f"{where}, durations_s") for d in self.durations_s)
        object.__setattr__(self, "durations_s", durations)
        object.__setattr__(self, "stages", tuple(self.stages))
        self._check_times(where)
        self._check_greens(where)
        self._check_intergreens(where)

    @property
    def sequence(self) -> StageSequence:
        """The stage sequence behind the plan."""
        return StageSequence.of(self.junction, self.stages)

    def _check_times(self, where: str) -> None:
        low, high = self.junction.cycle_min_s, self.junction.cycle_max_s
        if not low <= self.cycle_s <= high:
            rule = f"must be from {low} to {high} s"
            hint = "Change the cycle, or the bounds of the junction: cycle_min_s and cycle_max_s in the overrides"
            raise InputError(rule, field=f"{where}, cycle_s", value=self.cycle_s, hint=hint)
        if not 0 <= self.offset_s < self.cycle_s:
            rule = f"must be from 0 to {self.cycle_s - 1} s"
            same = self.offset_s % self.cycle_s
            hint = f"An offset counts within the cycle of {self.cycle_s} s: {same} s means the same"
            raise InputError(rule, field=f"{where}, offset_s", value=self.offset_s, hint=hint)
        if self.version < 1:
            raise InputError("must be 1 or more", field=f"{where}, version", value=self.version)
        if len(self.durations_s) != len(self.stages):
            rule = f"must be {len(self.stages)} durations, one for each stage"
            hint = "Give each stage its duration, from its start of green to that of the next stage"
            raise InputError(rule, field=f"{where}, durations_s", value=len(self.durations_s), hint=hint)
        if sum(self.durations_s) != self.cycle_s:
            rule = f"must add up to the cycle of {self.cycle_s} s"
            total = sum(self.durations_s)
            apart = f"{abs(self.cycle_s - total)} s {'short of' if total < self.cycle_s else 'over'} it"
            hint = (
                f"They add up to {total} s, {apart}: change a duration or the cycle; a duration counts from a "
                "start of green to the next, intergreen included"
            )
            raise InputError(rule, field=f"{where}, durations_s", value=self.durations_s, hint=hint)

    def _check_greens(self, where: str) -> None:
        sequence = self.sequence
        for run, green in enumerate(sequence.green_s(self.durations_s).tolist()):
            group, _, last = sequence.runs[run].tolist()
            name = self.junction.groups[group].name
            if sequence.always_green[run]:
                continue
            low, high = int(sequence.run_min_s[run]), int(sequence.run_max_s[run])
            if not low <= green <= high:
                rule = f"green must be at least {low} s" if green < low else f"green must be at most {high} s"
                more = "Lengthen" if green < low else "Shorten"
                hint = (
                    f"{more} the stages in which {name} is green by {max(low - green, green - high)} s in all"
                )
                raise InputError(rule, field=f"{where}, group {name}", value=green, hint=hint)
            if self.durations_s[last] <= sequence.end_gap_s[run]:
                rule = f"must last longer than the {sequence.end_gap_s[run]} s of intergreen after {name}"
                hint = "Lengthen this stage: the intergreen to the next one is a part of it"
                raise InputError(
                    rule, field=f"{where}, stage {last + 1}", value=self.durations_s[last], hint=hint
                )
        for position, duration in enumerate(self.durations_s):
            if duration < 1:
                rule, hint = "must last 1 s or more", "Lengthen this stage, or leave it out"
                raise InputError(rule, field=f"{where}, stage {position + 1}", value=duration, hint=hint)

    def _check_intergreens(self, where: str) -> None:
        sequence, pairs = self.sequence, self.sequence._pairs  # noqa: SLF001 - two halves of one check
        start = stage_starts(self.durations_s)[sequence.runs[:, 1]]
        green = sequence.green_s(self.durations_s)
        # A full conflict may not overlap either, so its time counts from the start of the green that ends.
        since = np.where(pairs.full, 0, green[pairs.ends])
        needed = pairs.needed_s + green[pairs.ends] - since
        between = (start[pairs.starts] - start[pairs.ends] - since) % self.cycle_s
        broken = np.flatnonzero(between < needed)
        if len(broken):
            first = broken[0]
            groups = sequence.runs[:, 0]
            one = self.junction.groups[groups[pairs.ends[first]]].name
            other = self.junction.groups[groups[pairs.starts[first]]].name
            least = int(pairs.needed_s[first])
            rule = f"must be at least {least} s from the end of {one} to the start of {other}"
            value = int(between[first] - needed[first] + pairs.needed_s[first])
            hint = f"Lengthen the stages between them by {least - value} s in all"
            raise InputError(rule, field=f"{where}, intergreen", value=value, hint=hint)

    def with_offset(self, offset_s: int) -> Plan:
        """Return the plan with another offset, taken modulo the cycle."""
        return replace(self, offset_s=whole_number(offset_s, "offset_s") % self.cycle_s)

    def with_durations(self, durations_s: Iterable[int]) -> Plan:
        """Return the plan with other durations, their sum as cycle, and the offset modulo that cycle."""
        durations = tuple(durations_s)
        cycle = sum(durations)
        offset = self.offset_s % cycle if cycle > 0 else self.offset_s
        return replace(self, durations_s=durations, cycle_s=cycle, offset_s=offset)

    def green_windows(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Return the greens of every group as (start, end), in seconds after the start of stage 0.

        A start is from 0 to ``cycle_s - 1``; an end beyond ``cycle_s`` goes over the end of the cycle. A
        group that is always green has the one window (0, cycle_s).
        """
        sequence = self.sequence
        starts = stage_starts(self.durations_s)[sequence.runs[:, 1]].tolist()
        greens = sequence.green_s(self.durations_s).tolist()
        windows: list[list[tuple[int, int]]] = [[] for _ in self.junction.groups]
        for group, start, green in zip(sequence.runs[:, 0].tolist(), starts, greens, strict=True):
            windows[group].append((start, start + green))
        return tuple(tuple(sorted(group)) for group in windows)

    def expand(self) -> NDArray[np.uint8]:
        """Return the `Aspect` of each group, second by second from the start of stage 0; (groups, cycle)."""
        shown = np.full((len(self.junction.groups), self.cycle_s), Aspect.RED, dtype=np.uint8)
        for row, group, windows in zip(shown, self.junction.groups, self.green_windows(), strict=True):
            for start, end in windows:
                if end - start == self.cycle_s:
                    row[:] = Aspect.GREEN
                    continue
                flashing = end - group.flashing_green_s
                for aspect, since, until in (
                    (Aspect.RED_AMBER, start - group.red_amber_s, start),
                    (Aspect.GREEN, start, flashing),
                    (Aspect.FLASHING_GREEN, flashing, end),
                    (Aspect.YELLOW, end, end + group.yellow_s),
                ):
                    row[np.arange(since, until) % self.cycle_s] = aspect
        return shown


@dataclass(frozen=True)
class PlanSet:
    """One plan per junction of a network, in the order of its `Junctions`.

    Attributes
    ----------
    network_name
        Name of the network that the plans are for; empty where the source of the plans does not tell.
    """

    name: str
    network_name: str
    plans: tuple[Plan, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "plans", tuple(self.plans))
        for position, plan in enumerate(self.plans):
            if plan.junction.index != position:
                rule = f"must be the plan of the junction in row {position}"
                raise InputError(rule, field=f"plans[{position}]", value=plan.junction.key)

    def __len__(self) -> int:
        return len(self.plans)

    def __iter__(self) -> Iterator[Plan]:
        return iter(self.plans)

    def __getitem__(self, junction: int) -> Plan:
        return self.plans[junction]

    def with_plans(self, plans: Iterable[Plan], *, name: str | None = None) -> PlanSet:
        """Return the set with `plans` in the place of the ones of their junctions."""
        changed = list(self.plans)
        for plan in plans:
            changed[plan.junction.index] = plan
        return replace(self, plans=tuple(changed), name=self.name if name is None else name)
