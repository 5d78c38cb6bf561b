"""Stages one after the other that do not repeat: what makes such a row of stages safe.

A plan repeats its cycle, so `signals.sequence` counts around the end of the cycle. Between two plans nothing repeats. The
rules are those of `signals.plan`, read along a row of stages: where stage k ends, groups that are not in stage k + 1 go out
their largest intergreen to any group that starts there before it starts.

Every rule on durations says how long after one start of a stage another one is at least, so the starts are the nodes of a
graph of differences: its longest paths tell whether there are safe starts, and between which bounds each may be chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from signals.aspects import Aspect
from signals.junction import Conflict
from signals.sequence import whole_number
from signals.yellow_traps import gives_way
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from signals.junction import Junction
    from signals.sequence import Stage

__all__ = ["Bound", "StageRow", "bounds_of", "safe_starts"]

_NEVER = -(10**9)


class Bound(NamedTuple):
    """Stage `until` starts at least `least_s` after stage `since`; a negative number bounds the time between from above."""

    since: int
    until: int
    least_s: int
    rule: str


class _Run(NamedTuple):
    """A green: stages `first` to ``end - 1``; `begun` is False where it was there before the row, `gap_s` is dark at its end."""

    group: int
    first: int
    end: int
    begun: bool
    ended: bool
    gap_s: int


@dataclass(frozen=True)
class StageRow:
    """Stages of one junction in a row; safe by construction.

    What was before the first stage and comes after the last one is not known, so greens that are there at an end of the
    row have no length: rows begin and end with a whole cycle of a plan, whose own check knows.

    Attributes
    ----------
    starts_s
        Start of green of each stage, and the end of the last; whole seconds; shape (stages + 1,).
    """

    junction: Junction
    stages: tuple[Stage, ...]
    starts_s: tuple[int, ...]

    def __post_init__(self) -> None:
        where = f"junction {self.junction.key}"
        starts = tuple(whole_number(start, f"{where}, starts_s") for start in self.starts_s)
        object.__setattr__(self, "stages", tuple(self.stages))
        object.__setattr__(self, "starts_s", starts)
        if len(starts) != len(self.stages) + 1 or not self.stages:
            rule = f"must be {len(self.stages) + 1} seconds: the start of each stage and the end of the last"
            raise InputError(rule, field=f"{where}, starts_s", value=len(starts))
        for bound in bounds_of(self.junction, self.stages):
            between = starts[bound.until] - starts[bound.since]
            if between < bound.least_s:
                field = f"{where}, stage {min(bound.since, bound.until) + 1} of the transition"
                raise InputError(bound.rule, field=field, value=abs(between))

    @cached_property
    def windows_s(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Greens of every group as (start, end)."""
        windows: list[list[tuple[int, int]]] = [[] for _ in self.junction.groups]
        for run in _runs(self.junction, self.stages):
            windows[run.group].append((self.starts_s[run.first], self.starts_s[run.end] - run.gap_s))
        return tuple(tuple(group) for group in windows)

    def expand(self, begin_s: int, end_s: int) -> NDArray[np.uint8]:
        """Return the `Aspect` of each group in every second of a part of the row; shape (groups, seconds)."""
        shown = np.full((len(self.junction.groups), end_s - begin_s), Aspect.RED, dtype=np.uint8)
        for row, group, windows in zip(shown, self.junction.groups, self.windows_s, strict=True):
            for start, end in windows:
                goes_on = end == self.starts_s[-1]
                flashing = end - (0 if goes_on else group.flashing_green_s)
                for aspect, since, until in (
                    (Aspect.RED_AMBER, start - group.red_amber_s, start),
                    (Aspect.GREEN, start, flashing),
                    (Aspect.FLASHING_GREEN, flashing, end),
                    (Aspect.YELLOW, end, end + group.yellow_s),
                ):
                    row[max(since - begin_s, 0) : max(until - begin_s, 0)] = aspect
        return shown


def _check_stages(junction: Junction, stages: Sequence[Stage]) -> None:
    """Refuse groups in full conflict in one stage, and yellow traps between stages."""
    where = f"junction {junction.key}, stage"
    full, yields = junction.conflict == Conflict.FULL, np.argwhere(gives_way(junction)).tolist()
    for position, stage in enumerate(stages):
        groups = sorted(stage.groups)
        if groups[-1] >= len(junction.groups) or groups[0] < 0:
            rule = f"must be the positions of groups, from 0 to {len(junction.groups) - 1}"
            raise InputError(rule, field=f"{where} {position + 1} of the transition", value=groups)
        if full[np.ix_(groups, groups)].any():
            rule = "groups in full conflict must not be green together"
            raise InputError(rule, field=f"{where} {position + 1} of the transition", value=groups)
        following = stages[min(position + 1, len(stages) - 1)].groups
        for ends, stays in yields:
            if ends in stage.groups - following and stays in stage.groups & following:
                one, other = junction.groups[ends].name, junction.groups[stays].name
                raise InputError(
                    f"{one} must not end while {other}, to which it gives way, stays green (yellow trap)",
                    field=f"{where} {position + 1} of the transition",
                    value=f"{one}, {other}",
                )


def _runs(junction: Junction, stages: Sequence[Stage]) -> list[_Run]:
    """Return the greens of the row, by group and time."""
    count, found = len(stages), []
    for group in range(len(junction.groups)):
        first = None
        for k in range(count + 1):
            green = k < count and group in stages[k].groups
            if green and first is None:
                first = k
            elif not green and first is not None:
                starting = list(stages[k].groups - stages[k - 1].groups) if k < count else []
                gap = int(junction.intergreen_s[group, starting].max(initial=0))
                found.append(_Run(group, first, k, first > 0, k < count, gap))
                first = None
    return found


def bounds_of(junction: Junction, stages: Sequence[Stage]) -> list[Bound]:
    """Return all rules on the starts of `stages`.

    Raises
    ------
    InputError
        For stages that no starts make safe: full conflicts within one, yellow traps from one to the next.
    """
    _check_stages(junction, stages)
    names = [group.name for group in junction.groups]
    bounds = [Bound(k, k + 1, 1, "must last 1 s or more") for k in range(len(stages))]
    runs = _runs(junction, stages)
    starts: list[list[int]] = [[] for _ in names]
    for run in runs:
        if run.begun:
            starts[run.group].append(run.first)
    for run in runs:
        if not run.ended:
            continue
        name, group = names[run.group], junction.groups[run.group]
        rule = f"must last longer than the {run.gap_s} s of intergreen after {name}"
        bounds.append(Bound(run.end - 1, run.end, run.gap_s + 1, rule))
        if run.begun:
            least, most = group.min_green_s, group.max_green_s
            rule = f"must let {name} be green for {least} s at least, and {run.gap_s} s more of intergreen"
            bounds.append(Bound(run.first, run.end, least + run.gap_s, rule))
            if most is not None:
                rule = f"must let {name} be green for {most} s at most, and {run.gap_s} s more of intergreen"
                bounds.append(Bound(run.end, run.first, -(most + run.gap_s), rule))
        bounds += _intergreens(junction, run, starts)
    return bounds


def _intergreens(junction: Junction, run: _Run, starts: Sequence[Sequence[int]]) -> list[Bound]:
    """Return the rules from the end of a green to the next start of every group, its own included."""
    found, group = [], junction.groups[run.group]
    for other, at in enumerate(starts):
        after = next((k for k in at if k > run.end), None)
        dark = max(group.yellow_s + group.red_amber_s, 1)
        needed = dark if other == run.group else int(junction.intergreen_s[run.group, other])
        if after is not None and needed > run.gap_s:
            rule = f"must leave {needed} s from the end of {group.name} to the start of {junction.groups[other].name}"
            found.append(Bound(run.end, after, needed - run.gap_s, rule))
    return found


def safe_starts(
    bounds: Sequence[Bound], fixed_s: Mapping[int, int], wanted_s: Sequence[float]
) -> tuple[int, ...] | None:
    """Return starts that keep `bounds` and lie as wanted where they can, or `None` if none keep them.

    Starts are chosen one after the other, each the nearest to what is wanted of those for which all others can
    follow.

    Parameters
    ----------
    fixed_s
        Starts that are given, by stage; one at least.
    wanted_s
        What each start is to be near to, seconds; shape (stages + 1,).
    """
    count = len(wanted_s)
    least = np.full((count, count), _NEVER, dtype=np.int64)
    np.fill_diagonal(least, 0)
    for since, until, seconds, _ in bounds:
        least[since, until] = max(least[since, until], seconds)
    nodes = sorted(fixed_s)
    times = np.array([fixed_s[k] for k in nodes], dtype=np.int64)
    given = np.ix_(nodes, nodes)
    least[given] = np.maximum(least[given], times[None, :] - times[:, None])
    for k in range(count):
        np.maximum(least, least[:, k, None] + least[None, k], out=least)
    if (np.diag(least) > 0).any():
        return None
    chosen = dict(fixed_s)
    for k in range(count):
        if k not in chosen:
            low = max(start + int(least[j, k]) for j, start in chosen.items())
            high = min(start - int(least[k, j]) for j, start in chosen.items())
            chosen[k] = min(max(round(wanted_s[k]), low), high)
    return tuple(chosen[k] for k in range(count))
