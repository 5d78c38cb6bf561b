"""Stages and their cyclic order: which durations are safe follows from them alone.

Stage k lasts from the start of its green to the start of green of the next stage. Groups that are in stage
k but not in the next one *end* there: each goes out `end_gap_s` seconds before the next stage starts, which
is its largest intergreen to any group that *starts* there. Groups in both stages stay green. A group that is
in every stage is green for ever, which no group in full conflict with another one can be.

A group that gives way may not end while vehicles that it gives way to stay green (the *yellow trap*): its
drivers see their own yellow, take it that oncoming traffic has to stop as well, and turn in front of it.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from signals.junction import Conflict, GroupKind, Junction
from signals.yellow_traps import check_yellow_traps
from traffic.arrays import frozen
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "LEAST_PLANNED_STAGE_S",
    "NO_MAXIMUM_S",
    "Stage",
    "StageSequence",
    "forget_sequences",
    "stage_starts",
    "walking_stage_s",
    "whole_number",
]

LEAST_PLANNED_STAGE_S = 5
"""Shorter stages are safe, but no plan that is made here has them; see `StageSequence.planned_stage_s`."""

NO_MAXIMUM_S = 1_000_000
"""Stands in `StageSequence.run_max_s` for a green without an upper bound."""


@dataclass(frozen=True)
class Stage:
    """Signal groups that are green together, by their position in `Junction.groups`."""

    groups: frozenset[int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", frozenset(whole_number(g, "stage.groups") for g in self.groups))
        if not self.groups:
            raise InputError("a stage needs a signal group", field="stage.groups")


@dataclass(frozen=True, eq=False)
class StageSequence:
    """Stages of one junction in their cyclic order, and the bounds of safe durations.

    Any whole durations d with ``d >= min_stage_s`` whose sum is within the cycle bounds and whose green of
    every run, ``sum(d[first..last]) - end_gap_s``, is within ``run_min_s`` and ``run_max_s``, make a safe
    `signals.plan.Plan`.

    Attributes
    ----------
    runs
        Greens in a cycle: group, first stage, last stage (before `first` where the run goes over the end
        of the cycle); shape (runs, 3), sorted by group. A group that is always green has the run
        (group, 0, stages - 1).
    end_gap_s
        Seconds from the end of the run's green to the start of the stage after its last; shape (runs,).
    run_min_s, run_max_s
        Bounds of the run's green; `NO_MAXIMUM_S` where there is none; shape (runs,).
    always_green
        True for the runs that neither start nor end; shape (runs,).
    min_stage_s
        Least durations; shape (stages,). They hold the intergreens between stages that are not neighbours,
        the greens of runs of one stage, and 1 s of common green.
    lost_s
        Seconds of a cycle that are lost to vehicles: the sum over all changes of the largest end gap of a
        vehicle group, and `walking_stage_s` for each stage without vehicles.
    """

    junction: Junction
    stages: tuple[Stage, ...]
    runs: NDArray[np.int32] = field(init=False, repr=False)
    end_gap_s: NDArray[np.int32] = field(init=False, repr=False)
    run_min_s: NDArray[np.int32] = field(init=False, repr=False)
    run_max_s: NDArray[np.int32] = field(init=False, repr=False)
    always_green: NDArray[np.bool_] = field(init=False, repr=False)
    min_stage_s: NDArray[np.int32] = field(init=False, repr=False)
    lost_s: int = field(init=False)
    _pairs: _Pairs = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        _check_stages(self.junction, self.stages)
        check_yellow_traps(self.junction, self.stages)
        member = np.zeros((len(self.junction.groups), len(self.stages)), dtype=bool)
        for position, stage in enumerate(self.stages):
            member[sorted(stage.groups), position] = True
        runs = _find_runs(member)
        always: NDArray[np.bool_] = np.all(member[runs[:, 0]], axis=1)
        needed = _needed(self.junction)
        gaps = _end_gaps(runs, always, needed, len(self.stages))
        pairs = _Pairs.of(self.junction, runs, always, needed)
        groups = [self.junction.groups[g] for g in runs[:, 0].tolist()]
        least = [group.min_green_s for group in groups]
        most = [NO_MAXIMUM_S if group.max_green_s is None else group.max_green_s for group in groups]
        bounds = _least_durations(runs, always, gaps, least, pairs, len(self.stages))
        lost = _lost_s(self.junction, runs, gaps, member)
        _store(self, runs=runs, end_gap_s=gaps, run_min_s=least, run_max_s=most, min_stage_s=bounds)
        object.__setattr__(self, "always_green", frozen(always, np.bool_))
        object.__setattr__(self, "lost_s", lost)
        object.__setattr__(self, "_pairs", pairs)

    @staticmethod
    def of(junction: Junction, stages: Iterable[Stage]) -> StageSequence:
        """Return the sequence, made once for the same junction and stages."""
        return _sequence(junction, tuple(stages))

    def __len__(self) -> int:
        return len(self.stages)

    def green_s(self, durations_s: NDArray[np.integer[Any]] | Sequence[int]) -> NDArray[np.int64]:
        """Return the green of every run in seconds; shape (runs,)."""
        starts = stage_starts(durations_s)
        first, last = self.runs[:, 1], self.runs[:, 2]
        unwrapped = np.where(last < first, last + len(self.stages), last)
        green: NDArray[np.int64] = starts[unwrapped + 1] - starts[first] - self.end_gap_s
        return green

    def feasible(self, durations_s: NDArray[np.integer[Any]] | Sequence[int]) -> bool:
        """Return whether `durations_s` keep all bounds of this sequence (the cycle bounds included)."""
        durations = np.asarray(durations_s)
        cycle = int(durations.sum())
        green = self.green_s(durations)
        return bool(
            (durations >= self.min_stage_s).all()
            and (green >= self.run_min_s).all()
            and (green <= self.run_max_s).all()
            and self.junction.cycle_min_s <= cycle <= self.junction.cycle_max_s
        )

    @cached_property
    def planned_stage_s(self) -> NDArray[np.int32]:
        """Least duration of each stage in plans that are made; shape (stages,).

        A stage of a second or two, as before the one that it leads, is safe but looks like a fault on the street, and one
        that is not shown for `Junction.stage_shown_s` is none. It is allowed where the cycle or a greatest green leaves
        no room for a longer one.
        """
        bounds = self.min_stage_s
        shown = np.full(len(self.stages), LEAST_PLANNED_STAGE_S)
        if self.junction.stage_shown_s:
            shown = np.maximum(shown, self.stage_changes_s() + self.junction.stage_shown_s)
        for stage in np.flatnonzero(bounds < shown).tolist():
            longer = bounds.copy()
            longer[stage] = shown[stage]
            least = self._least_from(longer)
            if least.sum() <= self.junction.cycle_max_s and (self.green_s(least) <= self.run_max_s).all():
                bounds = longer
        return frozen(bounds, np.int32)

    def stage_changes_s(self) -> NDArray[np.int64]:
        """Return for how many seconds each stage is not shown alone; shape (stages,).

        These are the yellow of what has ended at its begin, where nothing starts there, and the seconds for which
        groups end before its end.
        """
        changes = np.zeros(len(self.stages), dtype=np.int64)
        yellow_s = np.array([group.yellow_s for group in self.junction.groups])[self.runs[:, 0]]
        for stage in range(len(self.stages)):
            steady = ~self.always_green
            ends = steady & (self.runs[:, 2] == stage)
            changes[stage] = self.end_gap_s[ends].max(initial=0)
            if not (steady & (self.runs[:, 1] == stage)).any():
                before = steady & (self.runs[:, 2] == (stage - 1) % len(self.stages))
                changes[stage] += (yellow_s - self.end_gap_s)[before].max(initial=0)
        return changes

    def planned_durations_s(self) -> NDArray[np.int32]:
        """Return small durations that keep `planned_stage_s` and every lower bound of `least_durations_s`."""
        return self._least_from(self.planned_stage_s)

    def least_durations_s(self) -> NDArray[np.int32]:
        """Return small durations that keep every lower bound; upper bounds are not looked at."""
        return self._least_from(self.min_stage_s)

    def _least_from(self, stage_s: NDArray[np.int32]) -> NDArray[np.int32]:
        durations, count = stage_s.tolist(), len(self.stages)
        runs = zip(self.runs.tolist(), self.run_min_s.tolist(), self.end_gap_s.tolist(), strict=True)
        longer = sorted(
            ((last - first) % count + 1, first, last, least + gap) for (_, first, last), least, gap in runs
        )
        for length, first, last, needed in longer:
            if length > 1:  # those of one stage are in `stage_s`
                inside = sum(durations[k % count] for k in range(first, first + length))
                durations[last] += max(needed - inside, 0)
        return frozen(durations, np.int32)

    def names(self) -> tuple[tuple[str, ...], ...]:
        """Return the names of the groups of each stage."""
        groups = self.junction.groups
        return tuple(tuple(groups[g].name for g in sorted(stage.groups)) for stage in self.stages)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of runs (row ends, column starts) that need time between them."""

    ends: NDArray[np.intp]
    starts: NDArray[np.intp]
    needed_s: NDArray[np.int64]
    full: NDArray[np.bool_]

    @classmethod
    def of(
        cls, junction: Junction, runs: NDArray[np.int32], always: NDArray[np.bool_], needed: NDArray[np.int32]
    ) -> _Pairs:
        group = runs[:, 0]
        matrix = needed[np.ix_(group, group)]
        matrix = np.where(always[:, None] | always[None, :], 0, matrix)
        full = junction.conflict[np.ix_(group, group)] == Conflict.FULL
        ends, starts = np.nonzero((matrix > 0) | full)
        return cls(ends, starts, matrix[ends, starts].astype(np.int64), full[ends, starts])


@lru_cache(maxsize=8192)
def _sequence(junction: Junction, stages: tuple[Stage, ...]) -> StageSequence:
    return StageSequence(junction, stages)


def forget_sequences() -> None:
    """Forget the sequences of `StageSequence.of`; for measurements of a search from nothing."""
    _sequence.cache_clear()


def _store(target: object, **columns: object) -> None:
    for name, values in columns.items():
        object.__setattr__(target, name, frozen(values, np.int32))


def whole_number(value: object, name: str) -> int:
    """Return `value` as an int; refuse everything that is not a whole number by its type."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool | np.bool_):
        raise InputError("must be a whole number", field=name, value=value)
    return number


def _check_stages(junction: Junction, stages: tuple[Stage, ...]) -> None:
    count, where = len(junction.groups), f"junction {junction.key}"
    if not stages:
        raise InputError("a stage sequence needs a stage", field=where)
    full = junction.conflict == Conflict.FULL
    for position, stage in enumerate(stages):
        groups, field_name = sorted(stage.groups), f"{where}, stage {position + 1}"
        if groups[0] < 0 or groups[-1] >= count:
            rule = f"must be the positions of groups, from 0 to {count - 1}"
            raise InputError(rule, field=field_name, value=groups)
        clash = np.argwhere(full[np.ix_(groups, groups)])
        if len(clash):
            one, other = (junction.groups[groups[i]].name for i in clash[0])
            rule = "groups in full conflict must not be green together"
            hint = f"Take {one} or {other} out of this stage, and give it green in another one"
            raise InputError(rule, field=field_name, value=f"{one}, {other}", hint=hint)
    for position, (stage, following) in enumerate(pairwise((*stages, stages[0]))):
        if stage == following and len(stages) > 1:
            rule = "must differ from the stage after it"
            hint = "Make the two one stage, with the sum of their durations"
            raise InputError(
                rule, field=f"{where}, stage {position + 1}", value=sorted(stage.groups), hint=hint
            )
    served = frozenset().union(*(stage.groups for stage in stages))
    for position, group in enumerate(junction.groups):
        if position not in served:
            rule, hint = "every signal group must be green in some stage", f"Add {group.name} to a stage"
            raise InputError(rule, field=where, value=group.name, hint=hint)
        everywhere = all(position in stage.groups for stage in stages)
        if everywhere and group.max_green_s is not None:
            rule = f"must end after at most {group.max_green_s} s, so it cannot be in every stage"
            hint = f"Take {group.name} out of a stage"
            raise InputError(rule, field=where, value=group.name, hint=hint)


def _find_runs(member: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return (group, first stage, last stage) of each green; `member` has shape (groups, stages)."""
    count = member.shape[1]
    runs: list[tuple[int, int, int]] = []
    starts = member & ~np.roll(member, 1, axis=1)
    for group, row in enumerate(member):
        if row.all():
            runs.append((group, 0, count - 1))
        for first in np.flatnonzero(starts[group]).tolist():
            last = first
            while row[(last + 1) % count]:
                last += 1
            runs.append((group, first, last % count))
    return np.array(runs, dtype=np.int32).reshape(-1, 3)


def _needed(junction: Junction) -> NDArray[np.int32]:
    """Return the least seconds from end to start of green; on the diagonal the dark time of each group."""
    needed = junction.intergreen_s.copy()
    dark = [max(group.yellow_s + group.red_amber_s, 1) for group in junction.groups]
    np.fill_diagonal(needed, dark)
    return needed


def _end_gaps(
    runs: NDArray[np.int32], always: NDArray[np.bool_], needed: NDArray[np.int32], count: int
) -> NDArray[np.int32]:
    matrix = needed[np.ix_(runs[:, 0], runs[:, 0])]
    adjacent = (runs[:, 2] + 1)[:, None] % count == runs[:, 1][None, :]
    adjacent &= ~always[:, None] & ~always[None, :]
    gaps: NDArray[np.int32] = np.where(adjacent, matrix, 0).max(axis=1)
    return gaps


def walking_stage_s(junction: Junction) -> int:
    """Return the seconds that a stage without vehicles takes: the longest walk with its clearance."""
    return max(
        (
            group.min_green_s + int(junction.intergreen_s[position].max())
            for position, group in enumerate(junction.groups)
            if group.kind == GroupKind.PEDESTRIAN
        ),
        default=0,
    )


def _lost_s(
    junction: Junction, runs: NDArray[np.int32], gaps: NDArray[np.int32], member: NDArray[np.bool_]
) -> int:
    vehicle = np.array([group.kind == GroupKind.VEHICLE for group in junction.groups])
    ending = vehicle[runs[:, 0]]
    stages = member.shape[1]
    changes = [int(gaps[ending & (runs[:, 2] == k)].max(initial=0)) for k in range(stages)]
    on_foot = stages - int(np.count_nonzero(member[vehicle].any(axis=0)))
    return sum(changes) + (on_foot * walking_stage_s(junction) if on_foot else 0)


def _least_durations(
    runs: NDArray[np.int32],
    always: NDArray[np.bool_],
    gaps: NDArray[np.int32],
    least: list[int],
    pairs: _Pairs,
    count: int,
) -> list[int]:
    """Return stage durations from which on rules 2, 4 and 5, and 3 for runs of one stage, hold."""
    bounds = [1] * count
    for (_, first, last), gap, green, steady in zip(
        runs.tolist(), gaps.tolist(), least, always.tolist(), strict=True
    ):
        if not steady:
            bounds[last] = max(bounds[last], gap + (green if first == last else 1))
    for ends, starts, needed in zip(
        pairs.ends.tolist(), pairs.starts.tolist(), pairs.needed_s.tolist(), strict=True
    ):
        after, until = int(runs[ends, 2]) + 1, int(runs[starts, 1])
        between = [k % count for k in range(after, after + (until - after) % count)]
        short = needed - int(gaps[ends]) - sum(bounds[k] for k in between)
        if between and short > 0:
            bounds[between[-1]] += short
    return bounds


def stage_starts(durations_s: NDArray[np.integer[Any]] | Sequence[int]) -> NDArray[np.int64]:
    """Return the starts of the stages of two cycles, and the end of the second."""
    durations = np.asarray(durations_s, dtype=np.int64)
    return np.concatenate([[0], np.cumsum(np.concatenate([durations, durations]))])
