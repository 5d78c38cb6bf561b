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
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

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
from simulation.sumo.city import SumoCity, read_city
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

__all__ = [
    "Delayed",
    "Model",
    "NetworkOffsets",
    "Solved",
    "model_of",
    "network_offsets",
    "scenario_delays",
    "scenario_sets",
    "solve_both",
]

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


class Solved(NamedTuple):
    """A solution of one model of a scenario.

    Attributes
    ----------
    ratio, as_they_are
        Improvement over random offsets as a part of what the bound allows: of the solution, and of the offsets of the plans.
    shift_s
        The solution: by how many seconds offsets are later.
    """

    model: Literal["pairwise cost", "sinusoidal gain"]
    found: float
    bound: float
    ratio: float
    as_they_are: float
    seconds: float
    shift_s: np.ndarray


class Delayed(NamedTuple):
    """What one kind of offsets costs, seconds per vehicle: by seed, or the means of several sets of offsets.

    Attributes
    ----------
    certified, pairwise
        Ratio of the solution in its own model, and of the same offsets in the pairwise model.
    teleports
        Mean over the runs of SUMO; `None` where it was not asked.
    """

    offsets: str
    certified: float | None
    pairwise: float | None
    sumo_s: np.ndarray
    model_s: np.ndarray | None = None
    teleports: float | None = None


class NetworkOffsets(NamedTuple):
    """Offsets on a SUMO network; no `rows` where there is one light only."""

    name: str
    lights: int
    pairs: int
    cycles: str
    rows: tuple[Delayed, ...]


def solve_both(name: str, pairs: PairwiseModel, *, sweeps: int, merges: int) -> tuple[Solved, Solved]:
    """Solve both models of a scenario."""
    began = time.perf_counter()
    shift_s = best_offsets(pairs, np.random.default_rng(0), merges=merges)
    found = pairs.total(shift_s)
    bound = loop_bound(pairs, sweeps=sweeps)
    taken = time.perf_counter() - began
    zero = np.zeros(len(pairs.junctions), dtype=np.int32)
    span = pairs.mean - bound
    ratio, now = (pairs.mean - found) / span, (pairs.mean - pairs.total(zero)) / span
    first = Solved("pairwise cost", found, bound, ratio, now, taken, shift_s)
    began = time.perf_counter()
    model = sinusoidal_model(pairs)
    best = solve(model, np.random.default_rng(0))
    taken = time.perf_counter() - began
    now = model.gain(np.zeros(model.count)) / best.bound
    phases = best.shift_s(pairs.period_s)
    rounded = (pairs.mean - pairs.total(phases)) / span
    print(f"{name}: mean {pairs.mean:.1f}; sinusoidal offsets reach {rounded:.3f} pairwise", file=sys.stderr)
    second = Solved(
        "sinusoidal gain",
        best.value,
        best.bound,
        1.0 if best.ratio is None else best.ratio,
        now,
        taken,
        phases,
    )
    return first, second


def scenario_sets(model: Model, solved: Sequence[Solved], *, random: int) -> list[PlanSet]:
    """Return the plans of a scenario with the offsets of both solutions, as they are, zero, and random ones."""
    sets = [
        with_shifts(model.plans, [model.pairs], [row.shift_s], name=kind)
        for kind, row in zip(("pairwise", "sinusoidal"), solved, strict=True)
    ]
    return [*sets, model.plans, *_uncoordinated(model.plans, random)]


def scenario_delays(
    model: Model,
    sets: Sequence[PlanSet],
    seeds: Sequence[int],
    *,
    duration_s: int | None = None,
    jobs: int = 1,
) -> Iterator[Delayed]:
    """Export a scenario and run plans for it in SUMO, its first `duration_s` seconds; yield what each costs by seed."""
    city = model.city
    length_s = int(min(duration_s or np.inf, city.scenario.run.duration_s))
    with tempfile.TemporaryDirectory(prefix="jasyl-offsets-") as folder:
        files = export(city.network, city.demand, folder, plans=model.plans, seed=1, duration_s=length_s)
        config, layout = read_config(files.config), lay_out(city.network)
        file = Path(folder) / "offsets.add.xml"
        for plans in sets:
            text = additional_xml(programs(city.network, plans, layout), program="offsets")
            file.write_text(text, encoding="utf-8")
            scores = run_seeds(config, seeds, plans=[file], jobs=jobs)
            delay_s = np.array([score["delay_per_veh"] for score in scores.values()])
            jammed = float(np.mean([score["teleports"] for score in scores.values()]))
            yield Delayed(plans.name, None, None, delay_s, teleports=jammed)


def network_offsets(
    city: SumoCity,
    seeds: Sequence[int],
    *,
    sweeps: int = 10,
    merges: int = 1000,
    random: int = 3,
    jobs: int = 1,
) -> NetworkOffsets:
    """Solve both models of a SUMO network and run these offsets, those of the search, zero and random ones."""
    name, lights = city.roads.network.name, len(city.lights)
    if lights < 2:
        return NetworkOffsets(name, lights, 0, "-", ())
    start = optimize_flows(city, steps=_STEPS, seed=1).plans
    tables = offset_tables(city, start, sweeps=sweeps)
    solved = coordinate(tables, seed=0, merges=merges)
    cycles = "/".join(str(cycle) for cycle in sorted({plan.cycle_s for plan in start}))
    certified = {found.plans.name: found.ratio for found in solved}
    sets = [*(found.plans for found in solved), replace(start, name="of the search")]
    sets += _uncoordinated(start, random)
    found = delays(city, sets, seeds, jobs=jobs)
    rows = []
    for kind in dict.fromkeys(plans.name for plans in sets):
        places = [k for k, plans in enumerate(sets) if plans.name == kind]
        ratios = [ratio for k in places if (ratio := tables.ratio(sets[k])) is not None]
        mean = float(np.mean(ratios)) if ratios else None
        sumo_s = _by_set([found[k].sumo_s for k in places])
        rows.append(
            Delayed(kind, certified.get(kind), mean, sumo_s, _by_set([found[k].model_s for k in places]))
        )
    return NetworkOffsets(name, lights, sum(len(p.first) for p in tables.models), cycles, tuple(rows))


def print_scenario(name: str, options: argparse.Namespace, *, first: bool) -> None:
    """Print the table of a scenario, and SUMO's delays if they are asked for."""
    model = model_of(name)
    if not len(model.pairs.first):
        print(
            f"{name}: no two junctions have traffic between them, so offsets change nothing", file=sys.stderr
        )
        return
    pairs = model.pairs
    solved = solve_both(name, pairs, sweeps=options.sweeps, merges=options.merges)
    if first:
        print(HEADER, "|---" * 10 + "|", sep="\n")
    head = f"| {name} | {len(pairs.junctions)} | {len(pairs.first)} | {pairs.period_s} |"
    for row in solved:
        figures = f"{row.found:.1f} | {row.bound:.1f} | {row.ratio:.4f} | {row.as_they_are:.3f}"
        print(f"{head} {row.model} | {figures} | {row.seconds:.1f} |", flush=True)
    if options.sumo:
        sets = scenario_sets(model, solved, random=options.random)
        print("", DELAY_HEADER, "|---" * 5 + "|", sep="\n")
        seeds = range(1, options.seeds + 1)
        for cost in scenario_delays(model, sets, seeds, duration_s=options.sumo_s, jobs=options.jobs):
            print(f"| {name} | {cost.offsets} | {_spread(cost.sumo_s)} | {cost.teleports:.0f} |", flush=True)


def print_network(path: Path, options: argparse.Namespace) -> None:
    """Print the lines of a SUMO configuration."""
    found = network_offsets(
        read_city(read_config(path)),
        range(1, options.seeds + 1),
        sweeps=options.sweeps,
        merges=options.merges,
        random=options.random,
        jobs=options.jobs,
    )
    if not found.rows:
        print(f"| {found.name} | {found.lights} |" + " - |" * 9, flush=True)
    head = f"| {found.name} | {found.lights} | {found.pairs} | {found.cycles} |"
    for row in found.rows:
        cells = [_figure(row.certified), _figure(row.pairwise), _spread(row.sumo_s)]
        cells += [] if row.model_s is None else [_spread(row.model_s)]
        print(f"{head} {row.offsets} | {' | '.join(cells)} |", flush=True)


def _uncoordinated(plans: PlanSet, count: int) -> list[PlanSet]:
    """Return `plans` with offsets of zero, and `count` times with random ones."""
    rng = np.random.default_rng(1)
    return [zero_offsets(plans), *(random_offsets(plans, rng) for _ in range(count))]


def _figure(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.4f}"


def _by_set(delays_s: list[np.ndarray]) -> np.ndarray:
    """Return the delays by seed of one set of offsets, or the means of several sets."""
    return delays_s[0] if len(delays_s) == 1 else np.array([seeds.mean() for seeds in delays_s])


def _spread(values: np.ndarray) -> str:
    """Return mean and standard deviation."""
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
            print_scenario(name, options, first=place == 0 or options.sumo)
        if configurations:
            print(SUMO_HEADER, "|---" * 11 + "|", sep="\n")
        for name in configurations:
            print_network(Path(name), options)
    except JasylError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
