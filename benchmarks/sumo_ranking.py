"""How well our microscopic model ranks plans as SUMO does: one row for each network.

    python benchmarks/sumo_ranking.py cologne1 cologne8 --plans 40 --seeds 5

Each network is a .sumocfg file or a folder that holds one. Half of the plans are random, the others lie around the best
that a short search finds. With ``--plot FOLDER`` a scatter plot of each network is written (SVG).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.report_plots import scatter
from simulation.sumo.city import SumoCity, read_city
from simulation.sumo.config import read_config
from simulation.sumo.ranking import Ranking, plans_to_rank, rank

__all__ = ["Row", "measure"]


class Row(NamedTuple):
    """How the plans of one network are ranked; `plans` are their names, in the order of the delays."""

    network: str
    plans: tuple[str, ...]
    ranking: Ranking
    seconds: float

    def markdown(self) -> str:
        """Return the line of the table."""
        found = self.ranking
        figures = f"{found.spearman:.3f} | {found.best_quarter:.2f} | {100 * found.regret:.1f} %"
        return f"| {self.network} | {len(self.plans)} | {figures} | {self.seconds:.0f} |"

    def plot(self) -> str:
        """Return a scatter plot as SVG."""
        found = self.ranking
        return scatter(
            self.network,
            found.model_s.tolist(),
            found.sumo_s.tolist(),
            spearman=found.spearman,
            best_quarter=found.best_quarter,
        )


def measure(city: SumoCity, *, plans: int = 40, seeds: int = 5, seed: int = 1, jobs: int = 1) -> Row:
    """Rank `plans` plans, drawn with `seed`, over `seeds` seeds in both models."""
    began = time.perf_counter()
    chosen = plans_to_rank(city, plans, seed=seed)
    found = rank(city, chosen, range(1, seeds + 1), jobs=jobs)
    names = tuple(plan.name for plan in chosen)
    return Row(city.roads.network.name, names, found, time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="+", type=Path)
    parser.add_argument("--plans", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1, help="of the plans")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--plot", type=Path, default=None)
    parser.add_argument("--save", type=Path, default=None, help="folder for the delays as JSON")
    options = parser.parse_args()
    print("| network | plans | Spearman | best quarter | regret | seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for folder in options.networks:
        city = read_city(read_config(folder))
        row = measure(city, plans=options.plans, seeds=options.seeds, seed=options.seed, jobs=options.jobs)
        print(row.markdown(), flush=True)
        if options.plot is not None:
            options.plot.mkdir(parents=True, exist_ok=True)
            (options.plot / f"ranking-{row.network}.svg").write_text(row.plot(), encoding="utf-8")
        if options.save is not None:
            options.save.mkdir(parents=True, exist_ok=True)
            columns = {
                "name": row.plans,
                "model": row.ranking.model_s.tolist(),
                "sumo": row.ranking.sumo_s.tolist(),
            }
            (options.save / f"{row.network}.json").write_text(json.dumps(columns), encoding="utf-8")


if __name__ == "__main__":
    main()
