"""Plans side by side: the optimiser against its rivals, over demand levels and demand seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from scenarios.loader import City, build
from scenarios.scenario import Scenario
from signals.greens import movement_greens
from signals.optimize import optimize
from signals.plan import PlanSet
from simulation.rivals import Rivals
from traffic.flow import FlowModel
from traffic.progress import Progress

__all__ = ["METHODS", "Score", "compare", "markdown"]

METHODS = ("isolated Webster", "green waves", "random restart", "Jasyl")


@dataclass(frozen=True)
class Score:
    """What one method's plans did in the flow model.

    Attributes
    ----------
    scale
        Demand relative to the scenario's.
    delay_s, stops
        Seconds of delay (waiting to enter included) and stops, each per vehicle due.
    waiting
        Vehicles that had not got in at the end.
    """

    scenario: str
    scale: float
    demand_seed: int
    method: str
    delay_s: float
    stops: float
    waiting: float


def compare(
    scenario: Scenario,
    *,
    scales: Sequence[float] = (0.6, 0.8, 1.0, 1.1),
    demand_seeds: Sequence[int] = (1, 2, 3),
    seconds: float = 20.0,
    progress: Progress | None = None,
) -> Iterator[Score]:
    """Yield the scores of every method; each case plans for the demand that it is judged by.

    The optimiser and the random search get the same time.
    """
    total, done = len(scales) * len(demand_seeds) * len(METHODS), 0
    for seed in demand_seeds:
        city = build(scenario, seed=seed)
        for scale in scales:
            for method, plans, model in _plans(city, scale, seconds):
                yield _score(city, scale, seed, method, plans, model)
                done += 1
                if progress is not None:
                    progress(done, total, f"{scenario.name} x {scale}, seed {seed}: {method}")


def _plans(city: City, scale: float, seconds: float) -> Iterator[tuple[str, PlanSet, FlowModel]]:
    demand = city.demand.scaled(scale)
    duration = city.scenario.run.duration_s
    model = FlowModel(city.network, demand)
    rivals = Rivals(city.network, city.junctions, demand, duration_s=duration)
    found: tuple[Callable[[], PlanSet], ...] = (
        rivals.isolated_webster,
        rivals.green_wave,
        lambda: rivals.random_restart(seconds=seconds),
        lambda: optimize(city.network, city.junctions, demand, seconds=seconds, duration_s=duration).plans,
    )
    for method, make in zip(METHODS, found, strict=True):
        yield method, make(), model


def _score(city: City, scale: float, seed: int, method: str, plans: PlanSet, model: FlowModel) -> Score:
    run = city.scenario.run
    figures = model.run(movement_greens(city.network, plans), run.duration_s, run.duration_s).summary()
    return Score(
        scenario=city.scenario.name,
        scale=scale,
        demand_seed=seed,
        method=method,
        delay_s=figures["delay_s_per_veh"],
        stops=figures["stops_per_veh"],
        waiting=figures["waiting_to_enter"],
    )


def markdown(scores: Sequence[Score]) -> str:
    """Return a table: a row for each scenario and scale, mean and spread over demand seeds for each method."""
    lines = [
        "| scenario | demand | " + " | ".join(f"{method}: delay s/veh, stops" for method in METHODS) + " |",
        "| --- | --- |" + " --- |" * len(METHODS),
    ]
    for scenario, scale in dict.fromkeys((score.scenario, score.scale) for score in scores):
        cells = [scenario, f"{scale:g}"]
        for method in METHODS:
            rows = [s for s in scores if (s.scenario, s.scale, s.method) == (scenario, scale, method)]
            delays = [row.delay_s for row in rows]
            spread = f" ± {stdev(delays):.1f}" if len(delays) > 1 else ""
            cells.append(f"{mean(delays):.1f}{spread}, {mean(row.stops for row in rows):.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
