"""One dynamic evaluation of an hour, on one core: this flow model beside UXsim and SUMO, and how it grows.

    python benchmarks/flow_speed.py --runs 5 --uxsim-python ~/uxsim/bin/python --json flow_speed.json

Every engine has the same links, the same number of vehicles and a process of its own, and the repetitions of all
engines on a network take turns. Measured is the run itself, without imports, loading and set-up: median and minimum
of the elapsed time, and the minimum of the processor time, of which all ratios are, as others may use the machine.
SUMO's processor time is with loading. The engines differ in what they compute: UXsim moves platoons of five vehicles
in steps of five seconds and chooses routes every ten minutes; SUMO moves single vehicles. Both have trips, which the
flow model has not.

All grids are loaded until the 90th percentile of X is 0.9. On those with more than 450 junctions, trips through
gateways are as many for each entry as on the grid of 450, zones grow with the root of the number of junctions (each
pair of zones has to be assigned), the gap of the assignment is 1 %, and plans have Webster's splits in the stages
that lose least, not measured anew. Vehicles inside are told, because a fuller network is more work.

A run of SUMO may take a quarter of an hour: `--sumo-seconds` runs the first part of the hour, and the table says which;
its ratio flatters SUMO then, as the network is emptiest at first.
"SUMO meso" is its mesoscopic model on the same files.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.loader import City, Scenario, build, load
from scenarios.schema import GeneratedDemand, GridNetwork, parse
from signals.greens import movement_greens
from signals.plan import PlanSet
from signals.stages import stage_sequences
from signals.webster_plans import flow_ratios, webster_plans
from simulation.rivals import isolated_webster
from simulation.sumo.export import export
from traffic.errors import InputError
from traffic.flow import FlowParameters

DURATION_S = 3600
SCENARIOS = ("grid 25x18", "grid 30x30", "grid 45x40", "grid 75x60", "almaty-osm")
PLAIN_JUNCTIONS = 450
DEFAULT_ZONES = GeneratedDemand.model_fields["zones"].default
DEFAULT_GATEWAY_SHARE = GeneratedDemand.model_fields["gateway_share"].default
GREEN_S, CLEARING_S = 40, 5
ENGINES = ("Jasyl", "UXsim C++", "UXsim Python", "SUMO", "SUMO meso")
# the slower engines are left out on networks with more links
MOST_LINKS = {"UXsim C++": 8000, "UXsim Python": 1000, "SUMO": 4000, "SUMO meso": 4000}


@dataclass(frozen=True)
class Row:
    """What one engine needed on one network; `reason` tells why it did not run."""

    scenario: str
    engine: str
    junctions: int
    links: int
    movements: int
    steps: int
    runs: int
    median_s: float
    min_s: float
    cpu_s: float
    ns_per_link_step: float
    ratio: float
    simulated_s: int
    inside: float
    peak_mib: float
    vehicles: float
    arrived: float
    reason: str = ""


def scenario_of(name: str) -> Scenario:
    """Return the scenario `name`; a big grid loaded like that of 450 junctions, at an affordable price."""
    found = load(name)
    network = found.file.network
    if not isinstance(network, GridNetwork) or network.columns * network.rows <= PLAIN_JUNCTIONS:
        return found
    table = found.file.model_dump(exclude_unset=True)
    table["demand"] |= {
        "zones": round(DEFAULT_ZONES * (network.columns * network.rows / PLAIN_JUNCTIONS) ** 0.5),
        "gateway_share": DEFAULT_GATEWAY_SHARE * _border(network.columns, network.rows) / _border(25, 18),
        "gap": 0.01,
    }
    return Scenario(parse(table, file=found.source), found.source, found.folder)


def _border(columns: int, rows: int) -> float:
    """Return streets that reach the border for each junction."""
    return 2 * (columns + rows) / (columns * rows)


def plans_of(city: City) -> PlanSet:
    """Return isolated Webster plans; for many junctions those that need no measuring and few stage searches."""
    network, junctions = city.network, city.junctions
    if len(junctions) <= PLAIN_JUNCTIONS:
        return isolated_webster(network, junctions, city.demand)
    ratios = flow_ratios(network, junctions, city.demand.movement_veh_s(network, 0))
    sequences = [stage_sequences(junction, limit=1) for junction in junctions]
    return webster_plans(network, junctions, ratios, sequences, None, "plain Webster")


def prepare(name: str, folder: Path, *, seed: int) -> dict[str, int]:
    """Write what the engines read, unless the folder holds it already; return the size of the network."""
    sizes = folder / "case.json"
    if not sizes.exists():
        folder.mkdir(parents=True, exist_ok=True)
        city = build(scenario_of(name))
        network, demand = city.network, city.demand
        plans = plans_of(city)
        flow = (network, demand, movement_greens(network, plans))
        (folder / "flow.pickle").write_bytes(pickle.dumps(flow))
        (folder / "uxsim.json").write_text(json.dumps(uxsim_case(city, seed)), encoding="utf-8")
        if len(network.links) <= MOST_LINKS["SUMO"] and importlib.util.find_spec("sumo") is not None:
            export(network, demand, folder / "sumo", plans=plans, seed=seed, duration_s=DURATION_S)
        size = {
            "junctions": len(city.junctions),
            "links": len(network.links),
            "movements": len(network.movements),
        }
        sizes.write_text(json.dumps(size), encoding="utf-8")
    found: dict[str, int] = json.loads(sizes.read_text(encoding="utf-8"))
    return found


def uxsim_case(city: City, seed: int) -> dict[str, Any]:
    """Return the network as UXsim takes it: two phases at each junction, by axis, and trips of one platoon each.

    A trip starts where its vehicles enter and ends where vehicles leave, drawn in proportion to the flows.
    """
    network, demand = city.network, city.demand
    nodes, links = network.nodes, network.links
    signalled = np.zeros(len(nodes), dtype=bool)
    signalled[network.junctions.node] = True
    dx = np.abs(nodes.x_m[links.to_node] - nodes.x_m[links.from_node])
    dy = np.abs(nodes.y_m[links.to_node] - nodes.y_m[links.from_node])
    phase = np.where(signalled[links.to_node], (dx < dy).astype(int), 0)
    signal = [GREEN_S + CLEARING_S, GREEN_S + CLEARING_S]
    return {
        "jam_density_veh_m": FlowParameters().jam_density_veh_m,
        "nodes": [
            [str(i), float(nodes.x_m[i]), float(nodes.y_m[i]), signal if signalled[i] else [0]]
            for i in range(len(nodes))
        ],
        "links": [
            [
                str(i),
                str(links.from_node[i]),
                str(links.to_node[i]),
                float(links.length_m[i]),
                float(links.speed_m_s[i]),
                int(links.running_lanes[i]),
                [int(phase[i])],
            ]
            for i in range(len(links))
        ],
        "trips": _trips(city, np.random.default_rng(seed), demand.entry_veh_s[0] * DURATION_S),
    }


def _trips(city: City, rng: np.random.Generator, entering: np.ndarray[Any, Any]) -> list[list[Any]]:
    platoon, demand, links = 5, city.demand, city.network.links
    number = round(entering.sum() / platoon)
    origin = links.from_node[
        demand.entry_link[rng.choice(len(entering), number, p=entering / entering.sum())]
    ]
    leaving = demand.link_veh_s[0] * demand.exit_share[0]
    goal = links.to_node[rng.choice(len(leaving), number, p=leaving / leaving.sum())]
    second = rng.integers(0, DURATION_S // platoon, number) * platoon
    return [[str(a), str(b), int(t)] for a, b, t in zip(origin, goal, second, strict=True) if a != b]


@contextmanager
def worker(python: str, engine: str, case: Path, duration_s: int) -> Iterator[subprocess.Popen[str]]:
    """Start an engine in a process of its own; it prepares before it says that it is there."""
    script = Path(__file__).with_name("flow_engines.py")
    command = [python, str(script), engine, str(case), str(duration_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            answer(process)
            yield process
        finally:
            process.kill()


def answer(process: subprocess.Popen[str]) -> dict[str, float]:
    """Return what the worker says next."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        message = f"{process.args!r} ended with code {process.wait()}"
        raise RuntimeError(message)
    found: dict[str, float] = json.loads(line)
    return found


def once(process: subprocess.Popen[str]) -> dict[str, float]:
    """Have the worker run once."""
    assert process.stdin is not None
    process.stdin.write("run\n")
    process.stdin.flush()
    return answer(process)


def why_not(engine: str, links: int, uxsim_python: str) -> str:
    """Return why the engine cannot run here, or nothing."""
    if links > MOST_LINKS.get(engine, links):
        return f"run up to {MOST_LINKS[engine]} links only"
    if engine.startswith("SUMO") and importlib.util.find_spec("sumo") is None:
        return "eclipse-sumo is not installed"
    if engine.startswith("UXsim"):
        asked = [uxsim_python, "-c", "import uxsim"]
        if subprocess.run(asked, check=False, capture_output=True).returncode:
            return "UXsim is not installed"
    return ""


def measure(name: str, options: argparse.Namespace, folder: Path) -> list[Row]:
    """Run all engines on one scenario, in turns."""
    case = folder / name.replace(" ", "-")
    print(f"{name}: preparing", file=sys.stderr, flush=True)
    try:
        size = prepare(name, case, seed=1)
    except InputError as error:
        size = dict.fromkeys(("junctions", "links", "movements"), 0)
        return [_row(name, engine, size, [], 0.0, str(error)) for engine in options.engines]
    reasons = {e: why_not(e, size["links"], options.uxsim_python) for e in options.engines}
    figures: dict[str, list[dict[str, float]]] = {e: [] for e in options.engines}
    with ExitStack() as stack:
        processes = {
            engine: stack.enter_context(
                worker(_python(engine, options), engine, case, _simulated_s(engine, options))
            )
            for engine in options.engines
            if not reasons[engine]
        }
        for turn in range(max(options.runs, options.slow_runs)):
            for engine, process in processes.items():
                if turn < (options.runs if engine == "Jasyl" else options.slow_runs):
                    figures[engine].append(once(process))
                    print(f"{name}: {engine}: {figures[engine][-1]}", file=sys.stderr, flush=True)
    own = min((f["cpu_s"] for f in figures.get("Jasyl", [])), default=np.nan)
    return [
        _row(name, e, size, figures[e], own, reasons[e], _simulated_s(e, options)) for e in options.engines
    ]


def _python(engine: str, options: argparse.Namespace) -> str:
    return str(options.uxsim_python if engine.startswith("UXsim") else sys.executable)


def _simulated_s(engine: str, options: argparse.Namespace) -> int:
    return int(options.sumo_seconds) if engine == "SUMO" else DURATION_S


def _row(
    name: str,
    engine: str,
    size: dict[str, int],
    figures: list[dict[str, float]],
    own: float,
    reason: str,
    simulated_s: int = DURATION_S,
) -> Row:
    seconds = [f["seconds"] for f in figures] or [float("nan")]
    cpu = min((f["cpu_s"] for f in figures), default=float("nan"))
    last = figures[-1] if figures else dict.fromkeys(("peak_mib", "vehicles", "arrived"), float("nan"))
    steps = simulated_s // 5 if engine.startswith("UXsim") else simulated_s
    return Row(
        scenario=name,
        engine=engine,
        **size,
        steps=steps,
        runs=len(figures),
        median_s=float(np.median(seconds)),
        min_s=min(seconds),
        cpu_s=cpu,
        ns_per_link_step=cpu / (max(size["links"], 1) * steps) * 1e9,
        ratio=cpu / own * (DURATION_S / simulated_s) if own else float("nan"),
        simulated_s=simulated_s,
        inside=last.get("inside", float("nan")),
        peak_mib=last["peak_mib"],
        vehicles=last["vehicles"],
        arrived=last["arrived"],
        reason=reason,
    )


def exponent(rows: list[Row]) -> float:
    """Return the growth of the flow model's seconds with links on the grids: 1 is linear."""
    grids = [r for r in rows if r.engine == "Jasyl" and r.runs and r.scenario.startswith("grid")]
    if len(grids) < 2:
        return float("nan")
    return float(np.polyfit(np.log([r.links for r in grids]), np.log([r.cpu_s for r in grids]), 1)[0])


def markdown(rows: list[Row]) -> str:
    """Return the rows as a table; where an engine did not run, why."""
    columns = (
        "simulated s",
        "n",
        "median s",
        "min s",
        "CPU s",
        "x",
        "ns/step",
        "MiB",
        "inside",
        "due",
        "out",
    )
    lines = [
        f"| scenario | junctions | links | movements | engine | {' | '.join(columns)} |",
        "|---|--:|--:|--:|---" + "|--:" * len(columns) + "|",
    ]
    for r in rows:
        start = f"| {r.scenario} | {r.junctions} | {r.links} | {r.movements} | {r.engine} | {r.simulated_s} | {r.runs} |"
        if r.reason or not r.runs:
            lines.append(f"{start} {r.reason or 'no run asked for'}" + " |" * (len(columns) - 2))
            continue
        lines.append(
            f"{start} {r.median_s:.3f} | {r.min_s:.3f} | {r.cpu_s:.3f} | {r.ratio:.1f} | {r.ns_per_link_step:.1f} "
            f"| {r.peak_mib:.0f} | {r.inside:.0f} | {r.vehicles:.0f} | {r.arrived:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the protocol and print markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", default=list(SCENARIOS))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--runs", type=int, default=7, help="repetitions of the flow model")
    parser.add_argument("--slow-runs", type=int, default=1, help="repetitions of UXsim and SUMO")
    parser.add_argument(
        "--sumo-seconds", type=int, default=DURATION_S, help="part of the hour that SUMO runs"
    )
    parser.add_argument("--uxsim-python", default=sys.executable, help="a Python that has UXsim")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument(
        "--cases", type=Path, help="keep what the engines read in this folder, for the next run"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.cases or Path(scratch)
        rows = [row for name in options.scenarios for row in measure(name, options, folder)]
    print(markdown(rows))
    print(
        "\nx: CPU s over those of Jasyl, as if the hour had gone on like the simulated part; ns/step: for each link and "
        "step; inside: mean vehicles under way; due and out: vehicles."
    )
    print(f"Seconds of the flow model grow with links to the power of {exponent(rows):.2f} on the grids.")
    if options.json:
        found = {"growth_exponent": exponent(rows), "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
