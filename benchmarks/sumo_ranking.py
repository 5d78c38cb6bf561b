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

import numpy as np

from simulation.sumo.city import read_city
from simulation.sumo.config import read_config
from simulation.sumo.ranking import Ranking, plans_to_rank, rank

_SIDE, _MARGIN = 360, 46


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
        began = time.perf_counter()
        city = read_city(read_config(folder))
        plans = plans_to_rank(city, options.plans, seed=options.seed)
        found = rank(city, plans, range(1, options.seeds + 1), jobs=options.jobs)
        name = city.roads.network.name
        figures = f"{found.spearman:.3f} | {found.best_quarter:.2f} | {100 * found.regret:.1f} %"
        print(f"| {name} | {len(plans)} | {figures} | {time.perf_counter() - began:.0f} |", flush=True)
        if options.plot is not None:
            options.plot.mkdir(parents=True, exist_ok=True)
            (options.plot / f"ranking-{name}.svg").write_text(scatter(name, found), encoding="utf-8")
        if options.save is not None:
            options.save.mkdir(parents=True, exist_ok=True)
            columns = {
                "name": [p.name for p in plans],
                "model": found.model_s.tolist(),
                "sumo": found.sumo_s.tolist(),
            }
            (options.save / f"{name}.json").write_text(json.dumps(columns), encoding="utf-8")


def scatter(name: str, found: Ranking) -> str:
    """Return a scatter plot with logarithmic axes as SVG."""
    low = 0.9 * min(found.model_s.min(), found.sumo_s.min())
    high = 1.1 * max(found.model_s.max(), found.sumo_s.max())

    def place(delay: float) -> float:
        return _SIDE * float(np.log(delay / low) / np.log(high / low))

    ticks = [t for t in (5, 10, 20, 50, 100, 200, 500, 1000) if low <= t <= high]
    size = _SIDE + 2 * _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" font-family="sans-serif" font-size="12">',
        f'<rect width="{size}" height="{size}" fill="white"/>',
        f'<g transform="translate({_MARGIN},{_MARGIN})">',
        f'<rect width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#888"/>',
        f'<path d="M0 {_SIDE} L{_SIDE} 0" stroke="#ccc"/>',
    ]
    for tick in ticks:
        at = place(tick)
        lines.append(f'<text x="{at:.1f}" y="{_SIDE + 16}" text-anchor="middle">{tick}</text>')
        lines.append(f'<text x="-6" y="{_SIDE - at + 4:.1f}" text-anchor="end">{tick}</text>')
    for ours, theirs in zip(found.model_s.tolist(), found.sumo_s.tolist(), strict=True):
        at = f'cx="{place(theirs):.1f}" cy="{_SIDE - place(ours):.1f}"'
        lines.append(f'<circle {at} r="4" fill="#1f6f54" fill-opacity="0.6"/>')
    title = f"{name}: rank correlation {found.spearman:.2f}, best quarter {found.best_quarter:.2f}"
    lines += [
        f'<text x="{_SIDE / 2}" y="-14" text-anchor="middle" font-size="14">{title}</text>',
        f'<text x="{_SIDE / 2}" y="{_SIDE + 34}" text-anchor="middle">delay in SUMO, s/veh</text>',
        f'<text transform="translate(-32,{_SIDE / 2}) rotate(-90)" text-anchor="middle">delay in our model, s/veh</text>',
        "</g></svg>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
