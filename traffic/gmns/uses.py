"""Who may use a link, a lane or a turn: the lists of `allowed_uses` and the groups of ``use_group.csv``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from traffic.gmns.cells import rows_of

if TYPE_CHECKING:
    from traffic.gmns.cells import Row
    from traffic.gmns.records import GmnsFolder

__all__ = ["Uses"]

_ALL = "all"
_CARS = frozenset((_ALL, "auto", "car", "cars", "sov", "hov", "hov2", "hov3", "hov3+", "motor_vehicle"))
_SEPARATORS = re.compile(r"[,;|\s]+")


class Uses:
    """Tells what cars may use.

    An empty list allows everything; what a group of ``use_group.csv`` holds is looked up to any depth.
    """

    def __init__(self, folder: GmnsFolder) -> None:
        rows = rows_of(folder, "use_group", ("use_group", "uses"))
        self._groups = {row.text("use_group").lower(): _words(row.text("uses")) for row in rows}
        self._known: dict[str, bool] = {}

    def cars(self, row: Row) -> bool:
        """Return whether cars are among the `allowed_uses` of a row."""
        text = row.text("allowed_uses").lower()
        if text not in self._known:
            words = set(_words(text))
            pending = list(words)
            while pending:
                new = set(self._groups.get(pending.pop(), ())) - words
                words |= new
                pending += new
            self._known[text] = not words or bool(words & _CARS)
        return self._known[text]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in _SEPARATORS.split(text.lower()) if word)
