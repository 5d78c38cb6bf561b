"""Offsets and certified bounds, in the pairwise and in the sinusoidal model: one table.

    python benchmarks/offsets.py corridor "grid 20x20" almaty

The models are those of each scenario at the common cycle that the optimiser takes: Webster's splits, coordinated
once. Ratios are improvements over random offsets as parts of what the bound allows. "as they are" are the offsets
under which the model was made.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from scenarios.loader import build, load
from signals.objective import Objective
from signals.offset_bound import loop_bound
from signals.offsets import PairwiseModel, best_offsets, pairwise_model
from signals.optimize import usable_sequences
from signals.search import Search
from signals.sinusoidal import sinusoidal_model, solve

HEADER = "| network | junctions | pairs | cycle s | model | found | bound | ratio | as they are | seconds |"


def model_of(name: str) -> PairwiseModel:
    """Return the pairwise model of a scenario at the best common cycle."""
    city = build(load(name))
    sequences = usable_sequences(city.network, city.junctions, city.demand, start=city.before)
    search = Search(
        city.network,
        city.junctions,
        city.demand,
        sequences,
        objective=city.objective or Objective(),
        parameters=None,
        start=city.before,
        seed=0,
        duration_s=city.scenario.run.duration_s,
    )
    steps = search.steps()
    next(steps)
    tried = []
    for step in steps:
        if not step.name.startswith("common cycle"):
            break
        tried.append((step.judged, int(step.name.split()[2]), search.model.timings()))
    _, cycle, timings = min(tried, key=lambda entry: entry[:2])
    search.model.evaluate(timings, epsilon=0.005)
    return pairwise_model(search.model, cycle)


def rows(name: str, *, sweeps: int, merges: int) -> list[str]:
    """Solve both models of a scenario; return the lines of the table."""
    pairs = model_of(name)
    head = f"| {name} | {len(pairs.junctions)} | {len(pairs.first)} | {pairs.period_s} |"
    began = time.perf_counter()
    found = pairs.total(best_offsets(pairs, np.random.default_rng(0), merges=merges))
    bound = loop_bound(pairs, sweeps=sweeps)
    taken = time.perf_counter() - began
    zero = np.zeros(len(pairs.junctions), dtype=np.int32)
    span = pairs.mean - bound
    ratio, now = (pairs.mean - found) / span, (pairs.mean - pairs.total(zero)) / span
    first = f"{head} pairwise cost | {found:.1f} | {bound:.1f} | {ratio:.4f} | {now:.3f} | {taken:.1f} |"
    began = time.perf_counter()
    model = sinusoidal_model(pairs)
    best = solve(model, np.random.default_rng(0))
    taken = time.perf_counter() - began
    now = model.gain(np.zeros(model.count)) / best.bound
    rounded = (pairs.mean - pairs.total(best.shift_s(pairs.period_s))) / span
    print(f"{name}: mean {pairs.mean:.1f}; sinusoidal offsets reach {rounded:.3f} pairwise", file=sys.stderr)
    second = (
        f"{head} sinusoidal gain | {best.value:.1f} | {best.bound:.1f} | {best.ratio or 1.0:.4f} | "
        f"{now:.3f} | {taken:.1f} |"
    )
    return [first, second]


def main() -> None:
    """Print the table as markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="+")
    parser.add_argument("--sweeps", type=int, default=10)
    parser.add_argument("--merges", type=int, default=1000)
    options = parser.parse_args()
    print(HEADER)
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in options.scenarios:
        print("\n".join(rows(name, sweeps=options.sweeps, merges=options.merges)), flush=True)


if __name__ == "__main__":
    main()
