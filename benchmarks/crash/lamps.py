"""Whether lamps were safe, second by second: a plain reading of what was shown, apart from the controller's own monitor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from simulation.controller.lamps import Lamp
from simulation.controller.tables import FULL, Tables

__all__ = ["Lamps"]

_GREENS = (Lamp.GREEN, Lamp.FLASHING_GREEN)


@dataclass
class Lamps:
    """The lamps of one controller from when it was switched on, or began anew.

    Attributes
    ----------
    second
        The controller's own count, of the last second that was seen.
    broken
        What was unsafe, in words.
    """

    tables: Tables
    second: int | None = None
    broken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        size = len(self.tables.groups)
        self._row: bytes | None = None
        self._green_since: list[int | None] = [None] * size
        self._ended: list[int | None] = [None] * size
        self._since = [0] * size

    def see(self, second: int, row: bytes) -> None:
        """Look at one second; after one that was missed all begins anew, as at the controller."""
        if self.second is None or second != self.second + 1 or _flashes(row):
            self._forget()
        elif self._row is not None and not _flashes(self._row):
            self._changes(second, row)
        self._together(second, row)
        for group, lamp in enumerate(row):
            if self._row is None or self._row[group] != lamp:
                self._since[group] = second
        self.second, self._row = second, row

    def _forget(self) -> None:
        size = len(self.tables.groups)
        self._row, self._green_since, self._ended = None, [None] * size, [None] * size

    def _together(self, second: int, row: bytes) -> None:
        green = [group for group, lamp in enumerate(row) if lamp in _GREENS]
        for place, one in enumerate(green):
            for other in green[:place]:
                if self.tables.conflict[other][one] == FULL:
                    self._tell(second, "green together", (other, one))

    def _changes(self, second: int, row: bytes) -> None:
        assert self._row is not None
        for group, (before, now) in enumerate(zip(self._row, row, strict=True)):
            own = self.tables.groups[group]
            if before in _GREENS and now not in _GREENS:
                since = self._green_since[group]
                if since is not None and second - since < own.min_green_s:
                    self._tell(second, f"green for less than {own.min_green_s} s", (group,))
                if own.yellow_s and now != Lamp.YELLOW:
                    self._tell(second, "no yellow after green", (group,))
                self._green_since[group], self._ended[group] = None, second
            if before == Lamp.YELLOW and now != before and second - self._since[group] != own.yellow_s:
                self._tell(second, f"yellow for other than {own.yellow_s} s", (group,))
        for group, (before, now) in enumerate(zip(self._row, row, strict=True)):
            if now in _GREENS and before not in _GREENS:
                self._green_since[group] = second
                self._require_intergreens(second, group)

    def _require_intergreens(self, second: int, group: int) -> None:
        for other, end in enumerate(self._ended):
            needed = self.tables.needed_s[other][group]
            if end is not None and second - end < needed:
                self._tell(
                    second, f"green {second - end} s after the other's end, needs {needed} s", (other, group)
                )

    def _tell(self, second: int, what: str, groups: Sequence[int]) -> None:
        names = ", ".join(self.tables.groups[group].name for group in groups)
        self.broken.append(f"{self.tables.junction}, second {second}: {what} ({names})")


def _flashes(row: Iterable[int]) -> bool:
    return any(lamp >= Lamp.FLASHING_YELLOW for lamp in row)
