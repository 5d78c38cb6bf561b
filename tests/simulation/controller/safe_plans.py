"""Random junctions with several safe plans each, as the plan class and as the controller knows them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from signals.junction import Junction
from signals.plan import Plan, Stage, StageSequence
from signals.wire import plan_to_dict
from simulation.controller.days import DAYS, Entry, Method, Programme
from simulation.controller.gate import CheckedPlan, checked_plan
from simulation.controller.tables import Tables
from tests.signals.junctions import random_junction, random_stages
from tests.simulation.controller.tables_for_tests import tables_of
from traffic.errors import InputError


def junction_with_plans(
    rng: np.random.Generator, count: int
) -> tuple[Junction, Tables, list[tuple[Plan, CheckedPlan]]]:
    """Return a junction with `count` safe plans; some of them share their stages."""
    while True:
        junction = random_junction(rng)
        plans: list[Plan] = []
        for _ in range(count * 8):
            if plans and rng.random() < 0.4:
                stages = plans[-1].stages
            else:
                stages = tuple(Stage(frozenset(s)) for s in random_stages(junction, rng) if s)
            plan = _plan(junction, stages, rng)
            if plan is not None:
                plans.append(plan)
            if len(plans) == count:
                tables = tables_of(junction)
                return junction, tables, [(p, checked_plan(plan_to_dict(p), tables)) for p in plans]


def _plan(junction: Junction, stages: tuple[Stage, ...], rng: np.random.Generator) -> Plan | None:
    try:
        sequence = StageSequence.of(junction, stages)
        durations = sequence.least_durations_s() + rng.integers(0, 20, len(sequence))
        cycle = int(durations.sum())
        return Plan(junction, cycle, int(rng.integers(0, cycle)), stages, tuple(durations.tolist()))
    except InputError:
        return None


def always(plan: CheckedPlan, method: Method = Method.SHORTWAY, zone: str = "UTC") -> Programme:
    """Return the programme that has a plan at all times."""
    return Programme(tuple((Entry(0, plan, method),) for _ in DAYS), ZoneInfo(zone))
