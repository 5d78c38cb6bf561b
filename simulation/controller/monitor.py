"""The conflict monitor: it looks at what the lamps show, second by second, and trusts nobody who says why.

It knows the tables and what it has seen, and nothing of plans, stages or transitions. On the first second that breaks a rule
it forces flash, and stays there until somebody resets it.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulation.controller.lamps import ENDLESS, Lamp, flash_row, red_row
from simulation.controller.tables import FULL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulation.controller.tables import Group, Tables

__all__ = ["Fault", "Monitor"]

_GREENS = (Lamp.GREEN, Lamp.FLASHING_GREEN)
_FLASH = (Lamp.FLASHING_YELLOW, Lamp.DARK)


@dataclass(frozen=True)
class Fault:
    """A rule that was broken in a second, and by whom."""

    second: int
    rule: str
    groups: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f": {', '.join(self.groups)}" if self.groups else ""
        return f"second {self.second}: {self.rule}{told}"


class _BrokenRuleError(Exception):
    def __init__(self, rule: str, *groups: int) -> None:
        super().__init__(rule)
        self.rule, self.groups = rule, groups


class Monitor:
    """What a conflict monitor has seen of one junction.

    Before the first second anything may have been on the road, so that it, like the end of flash, counts as the end of every
    group's green.

    Parameters
    ----------
    second
        The first that it sees.
    fault
        One that nobody has reset yet.

    Attributes
    ----------
    fault
        The first broken rule; while there is one, flash is shown.
    row
        What was shown last.
    green_since, ended
        Start of the present green of each group, or `None`; end of the last.
    """

    def __init__(self, tables: Tables, second: int, fault: Fault | None = None) -> None:
        size = len(tables.groups)
        self.tables = tables
        self.fault = fault
        self.second = second - 1
        self.row = red_row(tables)
        self.green_since: list[int | None] = [None] * size
        self.ended = [second] * size
        self._since = [second] * size
        self._traps: list[tuple[int, int, int, int]] = []
        self._deadline = ENDLESS
        self._flash = flash_row(tables)
        self._lengths = [_lengths(group) for group in tables.groups]
        self._followers = [_followers(lengths) for lengths in self._lengths]

    def copy(self) -> Monitor:
        """Return a monitor that has seen the same."""
        twin = copy(self)
        twin.green_since, twin.ended = [*self.green_since], [*self.ended]
        twin._since, twin._traps = [*self._since], [*self._traps]  # noqa: SLF001 - its own kind
        return twin

    def passes(self, rows: Iterable[bytes]) -> bool:
        """Return whether a monitor that has seen the same would let these rows pass; this one stays as it is."""
        twin = self.copy()
        return all(twin.screen(second, row) == row for second, row in enumerate(rows, self.second + 1))

    def start_of(self, group: int) -> int | None:
        """Return in which second the green of a group began, or begins after the red-amber that is shown; else `None`."""
        if self.row[group] == Lamp.RED_AMBER:
            return self._since[group] + self.tables.groups[group].red_amber_s
        return self.green_since[group]

    def screen(self, second: int, row: bytes) -> bytes:
        """Return what the lamps show in this second: `row`, or flash if it breaks a rule or another one did."""
        if self.fault is None:
            try:
                self._look(second, row)
            except _BrokenRuleError as broken:
                names = tuple(self.tables.groups[g].name for g in broken.groups)
                self.fault = Fault(second, broken.rule, names)
        self.second = second
        self.row = row if self.fault is None else self._flash
        return self.row

    def _look(self, second: int, row: bytes) -> None:
        if second != self.second + 1:
            raise _BrokenRuleError("must see every second, one after the other")
        if row == self.row and second < self._deadline:
            return
        if len(row) != len(self.row):
            raise _BrokenRuleError(f"must be {len(self.row)} groups")
        if any(lamp >= Lamp.FLASHING_YELLOW for lamp in row):
            self._see_flash(second, row)
            return
        if any(lamp in _FLASH for lamp in self.row):
            self._leave_flash(second, row)
            return
        self._check_together(row)
        for g, (before, now) in enumerate(zip(self.row, row, strict=True)):
            if before == now:
                self._check_lasting(g, now, second)
            else:
                self._check_change(g, before, now, second)
        started = [g for g, since in enumerate(self.green_since) if since is None and row[g] in _GREENS]
        ended = [g for g, since in enumerate(self.green_since) if since is not None and row[g] not in _GREENS]
        for g in ended:
            self._end(g, second, row)
        for g in started:
            self._start(g, second)
        self._check_traps(second)
        self._deadline = self._next_deadline(row)

    def _see_flash(self, second: int, row: bytes) -> None:
        if row != self._flash:
            raise _BrokenRuleError("must flash everywhere or nowhere")
        self.green_since = [None] * len(row)
        self.ended = [second] * len(row)
        self._traps.clear()
        self._deadline = ENDLESS

    def _leave_flash(self, second: int, row: bytes) -> None:
        if any(row):
            raise _BrokenRuleError("must be all red after flash")
        self._since = [second] * len(row)
        self.ended = [second] * len(row)
        self._deadline = ENDLESS

    def _check_together(self, row: bytes) -> None:
        for i, lamp in enumerate(row):
            if lamp in _GREENS:
                for j in range(i):
                    if row[j] in _GREENS and self.tables.conflict[i][j] == FULL:
                        raise _BrokenRuleError("must never be green together", j, i)

    def _check_lasting(self, g: int, lamp: int, second: int) -> None:
        """Refuse an aspect of a fixed length that lasts too long, and a green beyond its greatest."""
        group, since = self.tables.groups[g], self._since[g]
        length = self._lengths[g].get(lamp)
        if length is not None and second - since >= length:
            raise _BrokenRuleError(f"must show {Lamp(lamp).name.lower()} for {length} s", g)
        begun = self.green_since[g]
        if begun is not None and group.max_green_s is not None and second - begun >= group.max_green_s:
            raise _BrokenRuleError(f"must be green for {group.max_green_s} s at most", g)

    def _check_change(self, g: int, before: int, now: int, second: int) -> None:
        group = self.tables.groups[g]
        if now not in self._followers[g][before]:
            names = f"{Lamp(now).name.lower()} after {Lamp(before).name.lower()}"
            raise _BrokenRuleError(f"must not show {names}", g)
        length = self._lengths[g].get(before)
        if length is not None and second - self._since[g] != length:
            raise _BrokenRuleError(f"must show {Lamp(before).name.lower()} for {length} s", g)
        if now == Lamp.RED_AMBER and second + group.red_amber_s - self.ended[g] < group.dark_s:
            raise _BrokenRuleError(f"must be dark for {group.dark_s} s", g)
        self._since[g] = second

    def _end(self, g: int, second: int, row: bytes) -> None:
        group, begun = self.tables.groups[g], self.green_since[g]
        green = second - (second if begun is None else begun)
        if green < group.min_green_s:
            raise _BrokenRuleError(f"must be green for {group.min_green_s} s or more", g)
        if group.max_green_s is not None and green > group.max_green_s:
            raise _BrokenRuleError(f"must be green for {group.max_green_s} s at most", g)
        self.green_since[g] = None
        self.ended[g] = second
        # Those that it gives way to must end at the same change of stages, which is not further away than this.
        room = max(self.tables.intergreen_s[g])
        for other, since in enumerate(self.green_since):
            if since is not None and row[other] in _GREENS and self.tables.gives_way(g, other):
                self._traps.append((second + room, g, other, since))

    def _start(self, g: int, second: int) -> None:
        for other, end in enumerate(self.ended):
            needed = self.tables.needed_s[other][g]
            if second - end < needed:
                rule = f"must be {needed} s or more from the end of the one to the start of the other"
                raise _BrokenRuleError(rule, other, g)
        self.green_since[g] = second

    def _check_traps(self, second: int) -> None:
        if not self._traps:
            return
        kept = []
        for until, g, other, since in self._traps:
            if self.green_since[other] == since:
                if second >= until:
                    raise _BrokenRuleError("must not end while the other stays green (yellow trap)", g, other)
                kept.append((until, g, other, since))
        self._traps = kept

    def _next_deadline(self, row: bytes) -> int:
        """Return the second in which the same row would break a rule."""
        deadline = min((until for until, *_ in self._traps), default=ENDLESS)
        for g, lamp in enumerate(row):
            if lamp == Lamp.RED:
                continue
            group, begun = self.tables.groups[g], self.green_since[g]
            length = self._lengths[g].get(lamp)
            if length is not None:
                deadline = min(deadline, self._since[g] + length)
            if begun is not None and group.max_green_s is not None:
                deadline = min(deadline, begun + group.max_green_s)
        return deadline


def _lengths(group: Group) -> dict[int, int]:
    """Return how long the aspects last that have a fixed length."""
    return {
        Lamp.FLASHING_GREEN: group.flashing_green_s,
        Lamp.YELLOW: group.yellow_s,
        Lamp.RED_AMBER: group.red_amber_s,
    }


def _followers(lengths: dict[int, int]) -> dict[int, set[int]]:
    """Return what may follow each aspect; those that last for 0 s are left out."""
    flashing, yellow, amber = (lengths[k] > 0 for k in (Lamp.FLASHING_GREEN, Lamp.YELLOW, Lamp.RED_AMBER))
    begin: set[int] = {Lamp.RED_AMBER} if amber else {Lamp.GREEN, Lamp.FLASHING_GREEN}
    end: set[int] = {Lamp.YELLOW} if yellow else {Lamp.RED, Lamp.RED_AMBER} if amber else {Lamp.RED}
    return {
        Lamp.RED: begin,
        Lamp.RED_AMBER: {Lamp.GREEN, Lamp.FLASHING_GREEN},
        Lamp.GREEN: {Lamp.FLASHING_GREEN} if flashing else end,
        Lamp.FLASHING_GREEN: end,
        Lamp.YELLOW: {Lamp.RED, *begin},
    }
