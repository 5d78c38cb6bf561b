"""Section 4 of the report: speed of the profile model, of planning a city, and of planning it anew; all on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.flow_speed import scenario_of
from benchmarks.plan_quality import LONG_CYCLES_S
from benchmarks.report_networks import Networks
from benchmarks.report_plans import scores, scores_of_plans
from benchmarks.report_results import CityPlan, Evaluation, Replanned, SameTime, Timed
from benchmarks.report_store import Store
from benchmarks.sumo_search import search
from scenarios.loader import City, build, load
from scenarios.schema import GeneratedDemand
from signals.greens import movement_greens
from signals.optimize import Optimized, optimize, usable_sequences
from signals.plan import PlanSet
from signals.profile import ProfileModel
from signals.splits import delay_splits
from signals.stages import forget_stages
from simulation.rivals import green_wave, random_restart
from simulation.sumo.optimize import optimize_city
from traffic.assignment import assign
from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.flow import FlowModel
from traffic.gravity import gravity
from traffic.zones import make_zones

__all__ = ["FULL", "QUICK", "Settings", "measure"]

_SCALE = 0.6
_EPSILON, _COARSE = 0.005, 0.02  # of a full evaluation and of a move, as in the optimiser
_CYCLE_S = 90
_MARGIN = 0.9  # part of a time that is asked for: a search ends late by one evaluation at most

_CHANGED, _FEWER, _MORE = 0.1, 0.5, 1.5


class Settings(NamedTuple):
    """How much is measured; seconds of the searches, and seeds of each."""

    evaluated: tuple[str, ...]
    repetitions: int
    city: str
    fast_s: float
    long_s: float
    fast_seeds: int
    long_seeds: int
    planned_s: float
    replan_s: float
    replan_seeds: int
    same_time: tuple[str, ...]
    same_time_s: float
    runs: int


FULL = Settings(
    evaluated=("grid 25x18", "grid 75x60"),
    repetitions=30,
    city="almaty",
    fast_s=10.0,
    long_s=60.0,
    fast_seeds=3,
    long_seeds=5,
    planned_s=20.0,
    replan_s=1.0,
    replan_seeds=3,
    same_time=("cologne8", "grid4x4"),
    same_time_s=240.0,
    runs=3,
)
QUICK = FULL._replace(
    evaluated=("corridor", "grid 8x8"),
    repetitions=5,
    city="corridor",
    fast_s=2.0,
    long_s=4.0,
    fast_seeds=1,
    long_seeds=2,
    planned_s=3.0,
    replan_seeds=1,
    same_time=("cologne1",),
    same_time_s=10.0,
    runs=1,
)


def measure(store: Store, networks: Networks, settings: Settings) -> None:
    """Measure what the store does not have."""
    for name in settings.evaluated:
        store.measure(f"evaluation/{name}", partial(evaluate, name, settings.repetitions))
    _cities(store, settings)
    for seed in range(1, settings.replan_seeds + 1):
        store.measure(f"replan/{settings.city}/{seed}", partial(replan, settings, seed))
    for name in settings.same_time:
        if networks.path(name) is None:
            store.missing(name, "the network is not in the folder of SUMO networks")
            continue
        for method in ("shipped", "SUMO in the loop", "Jasyl"):
            store.measure(f"same time/{name}/{method}", partial(_same_time, networks, name, method, settings))


def evaluate(name: str, repetitions: int) -> Evaluation:
    """Time a full evaluation and a move of the profile model, and a run of the flow model."""
    city = build(scenario_of(name))
    model = _profile_model(city)
    full_s = _median(repetitions, partial(model.evaluate, epsilon=_EPSILON))
    moves = 10 * repetitions
    row = len(model.junctions) // 2
    node = model.nodes[[row]]
    offsets = iter(np.resize(np.arange(0, _CYCLE_S, 7), moves + 1).tolist())

    def move() -> None:
        model.set_offset(row, next(offsets))
        model.update(node, epsilon=_COARSE)

    move_s = _median(moves, move)
    flow = FlowModel(city.network, city.demand.scaled(_SCALE))
    greens = movement_greens(city.network, model.to_plans(model.timings(), name="timed"))
    flow_s = _median(1, partial(flow.run, greens, 3600, 3600))
    return Evaluation(
        key="",
        scenario=name,
        junctions=len(city.junctions),
        evaluation_ms=1e3 * full_s,
        evaluations=repetitions,
        move_us=1e6 * move_s,
        moves=moves,
        flow_s=flow_s,
    )


def _profile_model(city: City) -> ProfileModel:
    """Return the model with splits of least delay at a common cycle and 60 % of the demand, evaluated once."""
    sequences = usable_sequences(city.network, city.junctions, city.demand)
    model = ProfileModel(city.network, city.junctions, sequences, city.demand.scaled(_SCALE))
    timings, _ = delay_splits(model, np.full(len(city.junctions), _CYCLE_S))
    model.evaluate(timings, epsilon=_EPSILON)
    return model


def _median(times: int, work: Callable[[], object]) -> float:
    """Return the median seconds of `work`, after one time that does not count."""
    work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def _cities(store: Store, settings: Settings) -> None:
    """Plan a city from nothing: in a short time, from several seeds in a long one, and with the rivals."""
    scenario = settings.city
    keys = [("fast", f"{settings.fast_s:g} s", k) for k in range(1, settings.fast_seeds + 1)]
    keys += [("long", f"{settings.long_s:g} s", k) for k in range(1, settings.long_seeds + 1)]
    keys += [("rival", "green waves", 0), ("rival", "random restart", 1)]
    if all(store.has(_city_key(scenario, *key)) for key in keys):
        return  # the city need not be built
    city = build(load(scenario))
    for group, method, seed in keys:
        work = partial(_city_plan, city, settings, group, method, seed)
        store.measure(_city_key(scenario, group, method, seed), work)


def _city_key(scenario: str, group: str, method: str, seed: int) -> str:
    return f"city/{scenario}/{group}/{method}/{seed}"


def _city_plan(city: City, settings: Settings, group: str, method: str, seed: int) -> CityPlan:
    budget_s = settings.fast_s if group == "fast" else settings.long_s
    if group == "rival":
        plan = _rival(city, method, seed, budget_s)
    else:
        found = _optimized(city, city.demand, seed, budget_s, start=city.before)
        plan = _timed(method, seed, budget_s, found.seconds, found.objective_after)
    return CityPlan(key="", scenario=settings.city, group=group, plan=plan)


def _optimized(
    city: City,
    demand: FlowDemand,
    seed: int,
    budget_s: float,
    *,
    start: PlanSet | None,
    warm: bool = False,
) -> Optimized:
    if not warm:
        forget_stages()
    return optimize(
        city.network,
        city.junctions,
        demand,
        seed=seed,
        seconds=_MARGIN * budget_s,
        objective=city.objective,
        start=start,
        warm=warm,
        duration_s=city.scenario.run.duration_s,
    )


def _rival(city: City, method: str, seed: int, budget_s: float) -> Timed:
    """Plan with one of the rivals; the random search has the time of a long start."""
    network, junctions, demand = city.network, city.junctions, city.demand
    duration_s = city.scenario.run.duration_s
    began = time.perf_counter()
    if method == "green waves":
        plans = green_wave(
            network,
            junctions,
            demand,
            cycles=LONG_CYCLES_S,
            start=city.before,
            objective=city.objective,
            duration_s=duration_s,
        )
    else:
        plans = random_restart(
            network,
            junctions,
            demand,
            seconds=budget_s,
            rng=np.random.default_rng(seed),
            start=city.before,
            objective=city.objective,
            duration_s=duration_s,
        )
    return _timed(method, seed, budget_s, time.perf_counter() - began, _judged(city, demand, plans))


def _judged(city: City, demand: FlowDemand, plans: PlanSet) -> float:
    """Return the objective of plans in the flow model, seconds per vehicle."""
    duration_s = city.scenario.run.duration_s
    result = FlowModel(city.network, demand).run(movement_greens(city.network, plans), duration_s, duration_s)
    return city.objective.judge(city.network, result)


def _timed(method: str, seed: int, budget_s: float, taken_s: float, objective_s: float) -> Timed:
    return Timed(
        method=method, seed=seed, budget_s=budget_s, taken_s=round(taken_s, 3), objective_s=objective_s
    )


def replan(settings: Settings, seed: int) -> Replanned:
    """Plan a city, change a tenth of its pairs of zones, and plan anew: from the old plans, and from nothing."""
    city = build(load(settings.city))
    before, after, changed, pairs = changed_demand(city, seed)
    old = _optimized(city, before, seed, settings.planned_s, start=city.before)
    again = _optimized(city, after, seed, settings.replan_s, start=old.plans, warm=True)
    scratch = _optimized(city, after, seed, settings.fast_s, start=city.before)
    return Replanned(
        key="",
        scenario=settings.city,
        seed=seed,
        changed_pairs=changed,
        pairs=pairs,
        old=_timed("old plans", seed, settings.planned_s, old.seconds, _judged(city, after, old.plans)),
        replan=_timed("re-plan", seed, settings.replan_s, again.seconds, again.objective_after),
        scratch=_timed("from scratch", seed, settings.fast_s, scratch.seconds, scratch.objective_after),
    )


def changed_demand(city: City, seed: int) -> tuple[FlowDemand, FlowDemand, int, int]:
    """Return the demand of a city, and that with a tenth of its pairs of zones changed, both assigned anew.

    Each of these pairs gets half or one and a half times its trips, at random. Returns how many were changed, of how many.
    """
    section = city.scenario.file.demand
    if not isinstance(section, GeneratedDemand):
        rule = "must be generated, so that its pairs of zones can be changed"
        raise InputError(rule, file=city.scenario.source, field="demand.kind", value=section.kind)
    zones = make_zones(city.network, target=section.zones)
    od = gravity(
        city.network,
        zones,
        total_veh_h=city.figures["total_veh_h"],
        rng=np.random.default_rng(section.seed),
        gateway_share=section.gateway_share,
        distance_scale_m=section.distance_scale_m,
        profile=section.profile,
        period_s=section.period_s,
    )
    rng = np.random.default_rng([seed, 10])
    used = np.flatnonzero(od.trips_veh_h)
    count = max(round(_CHANGED * len(used)), 1)
    chosen = rng.choice(used, count, replace=False)
    trips = od.trips_veh_h.copy()
    trips.flat[chosen] *= rng.choice([_FEWER, _MORE], count)
    before, after = (
        assign(city.network, zones, matrix, gap=section.gap).flow_demand(city.network).scaled(section.scale)
        for matrix in (od, replace(od, trips_veh_h=trips))
    )
    return before, after, count, len(used)


def _same_time(networks: Networks, name: str, method: str, settings: Settings) -> SameTime:
    """Give the search with SUMO in the loop and ours the same time, with the shipped stages."""
    city, budget_s, seed = networks.city(name), settings.same_time_s, 1
    taken_s, tried = 0.0, 0
    if method == "shipped":
        budget_s, found = 0.0, scores(city, [], settings.runs)
    elif method == "Jasyl":
        forget_stages()
        ours = optimize_city(city, stages="kept", seed=seed, seconds=budget_s, threads=1)
        taken_s, found = ours.seconds, scores_of_plans(city, ours.plans, settings.runs)
    else:
        theirs = search(city, seconds=budget_s, seed=seed)
        taken_s, tried = theirs.seconds, theirs.tried
        found = scores_of_plans(city, theirs.plans, settings.runs)
    return SameTime(
        key="",
        network=name,
        method=method,
        seed=seed,
        budget_s=budget_s,
        taken_s=round(taken_s, 2),
        tried=tried,
        runs=found,
    )
