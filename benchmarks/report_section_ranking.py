"""Section 2 of the page: whether plans are ranked as SUMO ranks them."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.report_plots import scatter
from benchmarks.report_results import Entry, Ranked
from benchmarks.report_tables import Part, table

__all__ = ["part"]

_GOAL = """\
Plans of the shipped stages, half of them random and half around the best of a short search, in our \
microscopic model and in SUMO, the mean over seeds in both. Rank correlation (Spearman) over all plans and \
within the quarter that is best in SUMO; regret: by how much the plan that our model likes best is worse in \
SUMO than the best one there. No goal is set in figures: a correlation of 1 and no regret are the best there \
is."""
_COLUMNS = ("network", "plans", "seeds", "rank correlation", "in the best quarter", "regret")


def part(entries: Iterable[Entry]) -> Part:
    """Return the section."""
    rows, plots = [], []
    for entry in entries:
        if not isinstance(entry, Ranked):
            continue
        figures = [f"{entry.spearman:.3f}", f"{entry.best_quarter:.2f}", f"{100 * entry.regret:.1f} %"]
        rows.append([entry.network, str(len(entry.model_s)), str(entry.seeds), *figures])
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
