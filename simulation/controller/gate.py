"""The last gate: a plan is shown second by second by the controller's own tables before any lamp shows it.

What a plan means: stage k is green from its start to the start of stage k + 1. A group that is in stage k but not in the
next one goes out as many seconds before the change as its largest intergreen to a group that starts there. All groups of a
stage are green together in its first second. The offset is the start of stage 0 after the cycle zero.

The gate knows neither the plan class nor the code that made the plan, and shares none with them: what it refuses stays
refused whatever they think of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulation.controller.reading import items, record, text, whole
from simulation.controller.tables import FULL
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from simulation.controller.tables import Tables

__all__ = ["CheckedPlan", "checked_plan"]

_PLAN_KEYS = ("junction", "digest", "name", "version", "cycle_s", "offset_s", "stages")
_STAGE_KEYS = ("groups", "duration_s")


@dataclass(frozen=True, eq=False)
class CheckedPlan:
    """A plan that has passed the gate; one that breaks a rule cannot be constructed.

    Attributes
    ----------
    stages
        Groups that are green together, by their position in the tables.
    durations_s
        From the start of each stage to the start of the next.
    windows
        Greens of each group as (start, end) in seconds after the start of stage 0, start within the cycle; a group that is
        always green has none.
    always
        Groups that are always green.
    """

    tables: Tables = field(repr=False)
    cycle_s: int
    offset_s: int
    stages: tuple[frozenset[int], ...]
    durations_s: tuple[int, ...]
    name: str = ""
    windows: tuple[tuple[tuple[int, int], ...], ...] = field(init=False, repr=False)
    always: frozenset[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_stages()
        shown = list(self._expanded())
        _Inspection(self.tables, shown, self.stages, self.starts_s).run()
        windows, always = _windows(shown, len(self.tables.groups))
        object.__setattr__(self, "windows", windows)
        object.__setattr__(self, "always", always)

    @property
    def starts_s(self) -> tuple[int, ...]:
        """Starts of the stages, in seconds after the start of stage 0."""
        starts, at = [], 0
        for duration in self.durations_s:
            starts.append(at)
            at += duration
        return tuple(starts)

    def _check_numbers(self) -> None:
        tables = self.tables
        whole(self.cycle_s, "cycle_s", low=tables.cycle_min_s, high=tables.cycle_max_s)
        whole(self.offset_s, "offset_s", high=self.cycle_s - 1)
        for position, duration in enumerate(self.durations_s):
            whole(duration, f"stage {position + 1}, duration_s", low=1)
        if len(self.durations_s) != len(self.stages):
            rule = f"must be {len(self.stages)} durations, one for each stage"
            raise InputError(rule, field="durations_s", value=len(self.durations_s))
        if sum(self.durations_s) != self.cycle_s:
            rule = f"must add up to the cycle of {self.cycle_s} s"
            raise InputError(rule, field="durations_s", value=self.durations_s)

    def _check_stages(self) -> None:
        if not self.stages:
            raise InputError("must have a stage", field="stages", value=[])
        for position, stage in enumerate(self.stages):
            where = f"stage {position + 1}, groups"
            if not stage:
                raise InputError("must name a signal group", field=where, value=[])
            for group in stage:
                whole(group, where, high=len(self.tables.groups) - 1)
            if stage == self.stages[position - 1] and len(self.stages) > 1:
                raise InputError("must differ from the stage before it", field=where, value=sorted(stage))

    def _expanded(self) -> Iterator[int]:
        """Yield the groups that are green in each second of the cycle, as bits."""
        intergreen = self.tables.intergreen_s
        for position, (now, duration) in enumerate(zip(self.stages, self.durations_s, strict=True)):
            following = self.stages[(position + 1) % len(self.stages)]
            starting = following - now
            staying = _bits(now & following)
            going = {g: max((intergreen[g][s] for s in starting), default=0) for g in now - following}
            for left in range(duration, 0, -1):
                yield staying | _bits(g for g, gap in going.items() if left > gap)


def checked_plan(document: object, tables: Tables) -> CheckedPlan:
    """Return the plan that plain values describe, or raise `InputError` and say which rule it breaks.

    Parameters
    ----------
    document
        A plan as in the files of plans: junction, digest, name, version, cycle_s, offset_s, stages.
    """
    values = record(document, _PLAN_KEYS, "plan")
    for name, own in (("junction", tables.junction), ("digest", tables.digest)):
        if values[name] != own:
            rule = f"must be that of this controller's tables, {own!r}"
            raise InputError(rule, field=name, value=values[name])
    whole(values["version"], "version", low=1)
    position = {name: k for k, name in enumerate(tables.names)}
    stages, durations = [], []
    for number, value in enumerate(items(values["stages"], "stages")):
        row = record(value, _STAGE_KEYS, f"stage {number + 1}")
        stages.append(_groups(row, position, f"stage {number + 1}, groups"))
        durations.append(row["duration_s"])
    return CheckedPlan(
        tables=tables,
        cycle_s=values["cycle_s"],
        offset_s=values["offset_s"],
        stages=tuple(stages),
        durations_s=tuple(durations),
        name=text(values["name"], "name", empty=True),
    )


def _groups(row: Mapping[str, object], position: Mapping[str, int], where: str) -> frozenset[int]:
    names = items(row["groups"], where)
    found = []
    for name in names:
        if not isinstance(name, str) or name not in position:
            rule, hint = "must be a signal group of the tables", f"They have {', '.join(position)}"
            raise InputError(rule, field=where, value=name, hint=hint)
        found.append(position[name])
    if len(set(found)) != len(found):
        raise InputError("must not name a group twice", field=where, value=names)
    return frozenset(found)


class _Inspection:
    """One look at a cycle that repeats: twice around, so that what lies over its end is seen."""

    def __init__(
        self, tables: Tables, shown: list[int], stages: tuple[frozenset[int], ...], starts: tuple[int, ...]
    ) -> None:
        self.tables, self.shown, self.stages, self.starts = tables, shown, stages, starts
        self.cycle = len(shown)
        self.begun: dict[int, int] = {}
        self.ended: dict[int, int] = {}

    def run(self) -> None:
        self._check_presence()
        full = [_bits(j for j, value in enumerate(row) if value == FULL) for row in self.tables.conflict]
        for together in set(self.shown):
            for g in _positions(together):
                if together & full[g]:
                    raise self._error("must never be green together", g, _first(together & full[g]))
        for second in range(2 * self.cycle):
            before, now = self.shown[second % self.cycle - 1], self.shown[second % self.cycle]
            if before != now:
                for g in _positions(before & ~now):
                    self._end(g, second)
                for g in _positions(now & ~before):
                    self._start(g, second)

    def _check_presence(self) -> None:
        for position, (start, stage) in enumerate(zip(self.starts, self.stages, strict=True)):
            missing = _bits(stage) & ~self.shown[start]
            if missing:
                rule = "must be green together in the first second of their stage: it is too short for the intergreen"
                raise InputError(rule, field=f"stage {position + 1}", value=self._name(_first(missing)))
        ever, always = 0, self.shown[0]
        for now in self.shown:
            ever, always = ever | now, always & now
        for g, group in enumerate(self.tables.groups):
            if not ever >> g & 1:
                raise InputError("must be green in some stage", field="stages", value=group.name)
            if always >> g & 1 and group.max_green_s is not None:
                rule = f"must end after {group.max_green_s} s at most, and is always green"
                raise InputError(rule, field=f"group {group.name}", value=self.cycle)

    def _start(self, g: int, second: int) -> None:
        self.begun[g] = second
        for other, end in self.ended.items():
            needed = self.tables.needed_s[other][g]
            if second - end < needed:
                rule = f"must be {needed} s or more from the end of the one to the start of the other"
                raise self._error(rule, other, g, second - end)

    def _end(self, g: int, second: int) -> None:
        group = self.tables.groups[g]
        if g in self.begun:
            green = second - self.begun[g]
            if green < group.min_green_s:
                rule = f"must be green for {group.min_green_s} s or more"
                raise InputError(rule, field=f"group {group.name}", value=green)
            if group.max_green_s is not None and green > group.max_green_s:
                rule = f"must be green for {group.max_green_s} s at most"
                raise InputError(rule, field=f"group {group.name}", value=green)
        self.ended[g] = second
        self._check_trap(g, second)

    def _check_trap(self, g: int, second: int) -> None:
        """Refuse an end while those that the group gives way to stay green beyond the change of stages."""
        change = next(s for s in range(second, second + self.cycle) if s % self.cycle in self.starts)
        staying = -1
        for at in range(second - 1, change + 1):
            staying &= self.shown[at % self.cycle]
        for other in _positions(staying):
            if self.tables.gives_way(g, other):
                rule = "must not end while the other, to which it gives way, stays green (yellow trap)"
                raise self._error(rule, g, other)

    def _name(self, g: int) -> str:
        return self.tables.groups[g].name

    def _error(self, rule: str, one: int, other: int, value: object = None) -> InputError:
        pair = f"{self._name(one)} and {self._name(other)}"
        return InputError(rule, field=f"groups {pair}", value=pair if value is None else value)


def _windows(shown: list[int], size: int) -> tuple[tuple[tuple[tuple[int, int], ...], ...], frozenset[int]]:
    """Return the greens of each group, and the groups that are always green."""
    cycle = len(shown)
    windows: list[tuple[tuple[int, int], ...]] = []
    always = set()
    for g in range(size):
        row = [now >> g & 1 for now in shown]
        starts = [t for t in range(cycle) if row[t] and not row[t - 1]]
        ends = [t for t in range(cycle) if row[t - 1] and not row[t]]
        if not starts:
            always.add(g)
        windows.append(tuple((t, t + min((e - t) % cycle for e in ends)) for t in starts))
    return tuple(windows), frozenset(always)


def _bits(groups: Iterable[int]) -> int:
    bits = 0
    for g in groups:
        bits |= 1 << g
    return bits


def _positions(bits: int) -> list[int]:
    return [g for g in range(bits.bit_length()) if bits >> g & 1]


def _first(bits: int) -> int:
    return _positions(bits)[0]
