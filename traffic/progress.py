"""How long work tells what it has done."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress"]


class Progress(Protocol):
    """Called now and then by long work; must return quickly."""

    def __call__(self, done: float, total: float, note: str = "") -> None:
        """Report that `done` of `total` units are done."""
