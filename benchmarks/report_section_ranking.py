"""Section 2 of the page: whether plans are ranked as SUMO ranks them."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.report_plots import scatter
from benchmarks.report_results import Entry, Ranked
from benchmarks.report_tables import Part, mark, table

__all__ = ["part"]

_GOAL = """\
Plans of the shipped stages, half of them random and half around the best of a short search, in our \
microscopic model (20 seeds) and in SUMO. Rank correlation (Spearman) over all plans, goal 0.9, and within the \
quarter that is best in SUMO, goal 0.6; regret, goal 2 %: by how much the plan that our model likes best is \
worse in SUMO than the best one there."""
_LEAST, _LEAST_BEST_QUARTER, _MOST_REGRET = 0.9, 0.6, 0.02
_COLUMNS = ("network", "plans", "SUMO seeds", "rank correlation", "in the best quarter", "regret", "")


def part(entries: Iterable[Entry]) -> Part:
    """Return the section."""
    rows, plots = [], []
    for entry in entries:
        if not isinstance(entry, Ranked):
            continue
        figures = [f"{entry.spearman:.3f}", f"{entry.best_quarter:.2f}", f"{100 * entry.regret:.1f} %"]
        rows.append([entry.network, str(len(entry.model_s)), str(entry.seeds), *figures, _mark(entry)])
        plot = scatter(
            entry.network,
            entry.model_s,
            entry.sumo_s,
            spearman=entry.spearman,
            best_quarter=entry.best_quarter,
        )
        title = f"Delay of {len(entry.model_s)} plans of {entry.network} in SUMO and in our model"
        plots.append((f"ranking-{entry.network}.svg", title, plot))
    return Part(_GOAL, [table(_COLUMNS, rows)], plots)


def _mark(entry: Ranked) -> str:
    ranked = entry.spearman >= _LEAST and entry.best_quarter >= _LEAST_BEST_QUARTER
    return mark(met=ranked and entry.regret <= _MOST_REGRET)
