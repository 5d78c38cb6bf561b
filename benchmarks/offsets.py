"""Offsets and certified bounds, in the pairwise and in the sinusoidal model, and SUMO's delay of both solutions.

    python benchmarks/offsets.py corridor "grid 20x20" almaty
    python benchmarks/offsets.py cologne8 grid4x4/run.sumocfg --seeds 3

Scenarios: the models at the common cycle that the optimiser takes, Webster's splits, coordinated once. Ratios are
improvements over random offsets as parts of what the bound allows. "as they are" are the offsets under which the model was
made. With ``--sumo`` the scenario is exported and SUMO runs both solutions.

SUMO configurations (a .sumocfg file, or a folder that holds one): splits of a short search with flows, which stay; then the
offsets of both models, those of the search, zero and random ones, each in SUMO and in our microscopic model. A run of a large
network takes minutes: ``--seeds 1 --random 1`` keeps it to five.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scenarios.loader import City, build, load
from signals.objective import Objective
from signals.offset_bound import loop_bound
from signals.offsets import PairwiseModel, best_offsets, pairwise_model
from signals.optimize import usable_sequences
from signals.plan import PlanSet
from signals.search import Search
from signals.sinusoidal import sinusoidal_model, solve
from signals.sumo.programs import additional_xml, programs
from simulation.sumo.city import read_city
from simulation.sumo.config import read_config
from simulation.sumo.export import export
from simulation.sumo.offsets import (
    coordinate,
    delays,
    offset_tables,
    random_offsets,
    with_shifts,
    zero_offsets,
)
from simulation.sumo.optimize import optimize_flows
from simulation.sumo.run import run_seeds
from traffic.errors import JasylError
from traffic.sumo.layout import lay_out

HEADER = "| network | junctions | pairs | cycle s | model | found | bound | ratio | as they are | seconds |"
SUMO_HEADER = "| network | lights | pairs | cycle s | offsets | certified | pairwise | SUMO s/veh | sd | our model s/veh | sd |"
DELAY_HEADER = "| scenario | offsets | SUMO s/veh | sd | teleports |"
_STEPS = 8


class Model(NamedTuple):
    """The pairwise model of a scenario, and the plans under which it was made."""

    city: City
    pairs: PairwiseModel
    plans: PlanSet


def model_of(name: str) -> Model:
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
    plans = search.model.to_plans(timings, name="as they are")
    return Model(city, pairwise_model(search.model, cycle), plans)


class Row(NamedTuple):
    """Line of the table, and the solution's shifts of the offsets, seconds."""

    text: str
    shift_s: np.ndarray


def rows(name: str, pairs: PairwiseModel, *, sweeps: int, merges: int) -> list[Row]:
    """Solve both models of a scenario; return the lines of the table."""
    head = f"| {name} | {len(pairs.junctions)} | {len(pairs.first)} | {pairs.period_s} |"
    began = time.perf_counter()
    shift_s = best_offsets(pairs, np.random.default_rng(0), merges=merges)
    found = pairs.total(shift_s)
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
    return [Row(first, shift_s), Row(second, best.shift_s(pairs.period_s))]


def scenario_delays(
    model: Model, sets: list[PlanSet], seeds: range, *, duration_s: int, jobs: int
) -> Iterator[str]:
    """Export a scenario and run plans for it in SUMO; yield a line for each, with SUMO's delay over the seeds."""
    city = model.city
    with tempfile.TemporaryDirectory(prefix="jasyl-offsets-") as folder:
        files = export(city.network, city.demand, folder, plans=model.plans, seed=1, duration_s=duration_s)
        config, layout = read_config(files.config), lay_out(city.network)
        file = Path(folder) / "offsets.add.xml"
        for plans in sets:
            text = additional_xml(programs(city.network, plans, layout), program="offsets")
            file.write_text(text, encoding="utf-8")
            scores = run_seeds(config, seeds, plans=[file], jobs=jobs)
            delay_s = np.array([score["delay_per_veh"] for score in scores.values()])
            jammed = np.mean([score["teleports"] for score in scores.values()])
            yield f"| {plans.name} | {_cells([delay_s])} | {jammed:.0f} |"


def scenario(name: str, options: argparse.Namespace, *, first: bool) -> None:
    """Print the table of a scenario, and SUMO's delays if they are asked for."""
    model = model_of(name)
    if not len(model.pairs.first):
        print(
            f"{name}: no two junctions have traffic between them, so offsets change nothing", file=sys.stderr
        )
        return
    found = rows(name, model.pairs, sweeps=options.sweeps, merges=options.merges)
    if first:
        print(HEADER, "|---" * 10 + "|", sep="\n")
    print("\n".join(row.text for row in found), flush=True)
    if options.sumo:
        sets = [
            with_shifts(model.plans, [model.pairs], [row.shift_s], name=kind)
            for kind, row in zip(("pairwise", "sinusoidal"), found, strict=True)
        ]
        sets += [model.plans, *_uncoordinated(model.plans, options.random)]
        print("", DELAY_HEADER, "|---" * 5 + "|", sep="\n")
        duration_s = min(options.sumo_s or np.inf, model.city.scenario.run.duration_s)
        seeds = range(1, options.seeds + 1)
        for line in scenario_delays(model, sets, seeds, duration_s=int(duration_s), jobs=options.jobs):
            print(f"| {name} {line}", flush=True)


def sumo_network(path: Path, options: argparse.Namespace) -> None:
    """Print the lines of a SUMO configuration."""
    city = read_city(read_config(path))
    name, lights = city.roads.network.name, len(city.lights)
    if lights < 2:
        print(f"| {name} | {lights} |" + " - |" * 9, flush=True)
        return
    start = optimize_flows(city, steps=_STEPS, seed=1).plans
    tables = offset_tables(city, start, sweeps=options.sweeps)
    solved = coordinate(tables, seed=0, merges=options.merges)
    cycles = "/".join(str(cycle) for cycle in sorted({plan.cycle_s for plan in start}))
    head = f"| {name} | {lights} | {sum(len(pairs.first) for pairs in tables.models)} | {cycles} |"
    certified = {found.plans.name: found.ratio for found in solved}
    sets = [*(found.plans for found in solved), replace(start, name="of the search")]
    sets += _uncoordinated(start, options.random)
    found = delays(city, sets, range(1, options.seeds + 1), jobs=options.jobs)
    for kind in dict.fromkeys(plans.name for plans in sets):
        places = [k for k, plans in enumerate(sets) if plans.name == kind]
        ratios = [ratio for k in places if (ratio := tables.ratio(sets[k])) is not None]
        mean = float(np.mean(ratios)) if ratios else None
        cells = [_figure(certified.get(kind)), _figure(mean)]
        cells += [_cells([found[k].sumo_s for k in places]), _cells([found[k].model_s for k in places])]
        print(f"{head} {kind} | {' | '.join(cells)} |", flush=True)


def _uncoordinated(plans: PlanSet, count: int) -> list[PlanSet]:
    """Return `plans` with offsets of zero, and `count` times with random ones."""
    rng = np.random.default_rng(1)
    return [zero_offsets(plans), *(random_offsets(plans, rng) for _ in range(count))]


def _figure(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.4f}"


def _cells(by_seed: list[np.ndarray]) -> str:
    """Return mean and standard deviation: over the seeds, or of the means of several sets of offsets."""
    values = by_seed[0] if len(by_seed) == 1 else np.array([seeds.mean() for seeds in by_seed])
    spread = f"{np.std(values, ddof=1):.2f}" if len(values) > 1 else "-"
    return f"{np.mean(values):.2f} | {spread}"


def _is_sumo(path: Path) -> bool:
    return path.suffix == ".sumocfg" or (path.is_dir() and any(path.glob("*.sumocfg")))


def main() -> int:
    """Print the tables as markdown: scenarios first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="+", help="scenarios and SUMO configurations")
    parser.add_argument("--sweeps", type=int, default=10)
    parser.add_argument("--merges", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3, help="of the microscopic runs")
    parser.add_argument("--random", type=int, default=3, help="sets of random offsets")
    parser.add_argument("--jobs", type=int, default=1, help="runs of SUMO at a time")
    parser.add_argument("--sumo", action="store_true", help="run scenarios in SUMO too")
    parser.add_argument("--sumo-s", type=int, default=None, help="length of these runs, seconds")
    options = parser.parse_args()
    configurations = [name for name in options.networks if _is_sumo(Path(name))]
    scenarios = [name for name in options.networks if name not in configurations]
    try:
        for place, name in enumerate(scenarios):
            scenario(name, options, first=place == 0 or options.sumo)
        if configurations:
            print(SUMO_HEADER, "|---" * 11 + "|", sep="\n")
        for name in configurations:
            sumo_network(Path(name), options)
    except JasylError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
