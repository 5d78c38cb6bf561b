"""Small cities with made-up results, for the tests of the report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scenarios.grid import build_grid
from scenarios.loader import City, load
from signals.build import build_junctions
from signals.objective import Objective
from signals.plan import Plan, PlanSet
from signals.stages import stage_sequences
from traffic.demand import FlowDemand
from traffic.flow import Curves, FlowResult, FlowSeries
from traffic.network import RoadNetwork


def no_demand(network: RoadNetwork) -> FlowDemand:
    links = len(network.links)
    return FlowDemand(
        period_s=3600.0,
        entry_link=np.empty(0, dtype=np.int32),
        entry_veh_s=np.empty((1, 0)),
        movement_share=np.zeros((1, len(network.movements))),
        exit_share=np.ones((1, links)),
        link_veh_s=np.zeros((1, links)),
        source="made up",
    )


def grid_city(columns: int, rows: int) -> City:
    network = build_grid(columns, rows)
    return City(
        scenario=load(f"grid {columns}x{rows}"),
        network=network,
        junctions=build_junctions(network),
        demand=no_demand(network),
        before=None,
        objective=Objective(),
        label="generated",
    )


def make_plans(city: City, name: str, *, spare_s: int = 20, step_s: int = 7) -> PlanSet:
    """Plans with the least durations and `spare_s` more of stage 1; offsets rise by `step_s`."""
    plans = []
    for junction in city.junctions:
        sequence = stage_sequences(junction, limit=1)[0]
        durations = [int(d) for d in sequence.least_durations_s()]
        durations[0] += max(min(spare_s, junction.cycle_max_s - sum(durations)), 0)
        cycle = sum(durations)
        offset = junction.index * step_s % cycle
        plans.append(Plan(junction, cycle, offset, sequence.stages, tuple(durations), name=name))
    return PlanSet(name, city.network.name, tuple(plans))


def make_result(network: RoadNetwork, *, seed: int = 1, busy: float = 1.0, slow: float = 1.0) -> FlowResult:
    """A result with plausible numbers; `busy` is the share of links that carry flow."""
    rng = np.random.default_rng(seed)
    links, groups = len(network.links), len(network.lane_groups)
    flow = np.where(rng.random(links) < busy, rng.integers(50, 900, links).astype(float), 0.0)
    saturation = rng.uniform(0.1, 1.3, groups)
    worst = np.zeros(links)
    np.maximum.at(worst, network.lane_groups.link, saturation)
    zeros = np.zeros(links)
    empty = np.empty((0, 1))
    return FlowResult(
        duration_s=3600,
        vehicles=2000.0,
        arrived=1800.0,
        under_way=180.0,
        waiting_to_enter=20.0 * slow,
        standing=0.0,
        total_time_s=400_000.0 * slow,
        delay_s=100_000.0 * slow,
        stops=3000.0 * slow,
        throughput_veh_h=1800.0,
        fuel_l=900.0,
        co2_kg=2100.0,
        conservation_error=0.0,
        link_inflow_veh=flow,
        link_outflow_veh=flow * 0.9,
        link_delay_s=flow * 30.0 * slow,
        link_stops=flow * 0.6,
        link_max_queue_veh=flow * 0.02,
        link_saturation=worst,
        entry_waiting_veh=zeros,
        entry_delay_s=zeros,
        group_inflow_veh=rng.uniform(10, 500, groups),
        group_saturation=saturation,
        movement_veh=flow[network.movements.in_link] / 3.0,
        series=FlowSeries(*([np.empty(0)] * 6), empty, empty),
        curves=Curves(np.empty(0, dtype=np.int32), empty, empty),
    )


def renamed(city: City, name: str) -> City:
    """The city with `name` for every street and junction, as a hostile map might have it."""
    network = city.network
    junctions = replace(network.junctions, name=(name,) * len(network.junctions))
    network = replace(network, names=(name,) * len(network.names), junctions=junctions)
    return replace(
        city,
        network=network,
        junctions=tuple(replace(junction, name=name) for junction in city.junctions),
        label=name,
    )
