"""Tables of the report in Markdown, and the marks of what falls short."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Part", "mark", "spread", "table"]

SHORT = "**falls short**"


@dataclass
class Part:
    """A section of the page: its goal, tables and sentences, and plots (file, title, SVG)."""

    goal: str
    blocks: list[str] = field(default_factory=list)
    plots: list[tuple[str, str, str]] = field(default_factory=list)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, text: int = 1) -> str:
    """Return a table whose first `text` columns are text and the others figures."""
    rule = ["---"] * text + ["---:"] * (len(columns) - text)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows))


def mark(*, met: bool) -> str:
    """Return what the page says of a goal."""
    return "met" if met else SHORT


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Return mean and standard deviation, or the one value; ``-`` where there is none."""
    if not values:
        return "-"
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean
