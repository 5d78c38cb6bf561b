"""Results of the report made by hand."""

from __future__ import annotations

from benchmarks.report_results import (
    Certified,
    CityPlan,
    Evaluation,
    Made,
    OffsetDelay,
    OffsetsNetwork,
    OffsetsScenario,
    PlanScore,
    Ranked,
    Replanned,
    SameTime,
    Section,
    SumoScore,
    Timed,
)

MADE = Made(
    date="2026-01-02",
    commit="abc123",
    cpu="A processor",
    cores=2,
    python="3.11.7",
    numba="0.61",
    sumo="1.28.0",
)


def run(delay_s, *, seed=100, teleports=0, braking=0, collisions=0):
    return SumoScore(
        seed=seed,
        delay_s=delay_s,
        teleports=teleports,
        collisions=collisions,
        emergency_braking=braking,
        backlog=0,
    )


def plans(track, seed, *runs, network="cologne1"):
    return PlanScore(
        key=f"{network}/{track}/{seed}",
        seconds=60,
        made=MADE,
        network=network,
        lights=1,
        track=track,
        seed=seed,
        search_s=10,
        runs=runs,
    )


def evaluation(junctions, ms, us, flow_s=1.0):
    return Evaluation(
        key=f"{junctions}",
        made=MADE,
        scenario=f"grid of {junctions}",
        junctions=junctions,
        evaluation_ms=ms,
        evaluations=5,
        move_us=us,
        moves=50,
        flow_s=flow_s,
    )


def timed(method, objective_s, *, taken_s=0.9, budget_s=1.0):
    return Timed(method=method, seed=1, budget_s=budget_s, taken_s=taken_s, objective_s=objective_s)


def city(group, objective_s, *, method="m", taken_s=9.5, budget_s=10):
    plan = timed(method, objective_s, taken_s=taken_s, budget_s=budget_s)
    return CityPlan(key=method, made=MADE, scenario="almaty", group=group, plan=plan)


def replanned(replan_s, *, taken_s=0.9):
    return Replanned(
        key="replan",
        made=MADE,
        scenario="almaty",
        seed=1,
        changed_pairs=10,
        pairs=100,
        old=timed("old plans", 120.0),
        replan=timed("re-plan", replan_s, taken_s=taken_s),
        scratch=timed("from scratch", 100.0),
    )


def same_time(method, *delays_s):
    return SameTime(
        key=method,
        made=MADE,
        network="cologne8",
        method=method,
        seed=1,
        budget_s=60,
        taken_s=60.2,
        tried=40 if method == "SUMO in the loop" else 0,
        runs=tuple(run(delay_s) for delay_s in delays_s),
    )


def certified(model, ratio):
    return Certified(model=model, found=10.0, bound=9.0, ratio=ratio, as_they_are=0.5, seconds=1.0)


def offsets_of_scenario(pairwise, sinusoidal):
    return OffsetsScenario(
        key="almaty",
        made=MADE,
        network="almaty",
        lights=484,
        pairs=878,
        cycle_s=120,
        certified=(certified("pairwise cost", pairwise), certified("sinusoidal gain", sinusoidal)),
        delays=(OffsetDelay(offsets="zero", sumo_s=(107.9,), teleports=0),),
    )


def offsets_of_network(name, lights, *delays):
    return OffsetsNetwork(
        key=name, made=MADE, network=name, lights=lights, pairs=8, cycles="40/64", delays=delays
    )


def ranked():
    return Ranked(
        key="cologne1",
        made=MADE,
        network="cologne1",
        seeds=2,
        model_s=(20.0, 30.0, 40.0),
        sumo_s=(22.0, 35.0, 80.0),
        spearman=1.0,
        best_quarter=0.5,
        regret=0.042,
    )


def section(name, *entries, quick=False, missing=None):
    return Section(section=name, quick=quick, entries=entries, missing=missing or {})
