"""Section 3 of the report: offsets with certified ratios in both models, and SUMO's delay of both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks import offsets
from benchmarks.report_networks import Networks
from benchmarks.report_results import Certified, OffsetDelay, OffsetsNetwork, OffsetsScenario
from benchmarks.report_store import Store

__all__ = ["NetworkCase", "ScenarioCase", "measure"]

_SWEEPS, _MERGES = 10, 1000


class ScenarioCase(NamedTuple):
    """A scenario, and how long it is run in SUMO with how many seeds and sets of random offsets; 0 seeds: not."""

    scenario: str
    duration_s: int
    runs: int
    random: int


class NetworkCase(NamedTuple):
    """A SUMO network, how many seeds, and how many sets of random offsets."""

    network: str
    runs: int
    random: int


FULL = (ScenarioCase("almaty", 900, 1, 1), ScenarioCase("grid 20x20", 900, 1, 1))
QUICK = (ScenarioCase("corridor", 300, 1, 1),)
FULL_NETWORKS = (
    NetworkCase("cologne8", 3, 3),
    NetworkCase("grid4x4", 3, 3),
    NetworkCase("ingolstadt21", 3, 3),
    NetworkCase("synth450_medium", 1, 1),
    NetworkCase("cologne1", 3, 0),
    NetworkCase("ingolstadt1", 3, 0),
)
QUICK_NETWORKS = (NetworkCase("cologne8", 1, 1),)


def measure(
    store: Store, networks: Networks, scenarios: Sequence[ScenarioCase], cases: Sequence[NetworkCase]
) -> None:
    """Measure what the store does not have."""
    for scenario in scenarios:
        store.measure(scenario.scenario, partial(_scenario, scenario))
    for case in cases:
        if networks.path(case.network) is None:
            store.missing(case.network, "the network is not in the folder of SUMO networks")
        else:
            store.measure(case.network, partial(_network, networks, case))


def _scenario(case: ScenarioCase) -> OffsetsScenario:
    model = offsets.model_of(case.scenario)
    solved = offsets.solve_both(case.scenario, model.pairs, sweeps=_SWEEPS, merges=_MERGES)
    found = list[offsets.Delayed]()
    if case.runs:
        sets = offsets.scenario_sets(model, solved, random=case.random)
        seeds = range(1, case.runs + 1)
        found += offsets.scenario_delays(model, sets, seeds, duration_s=case.duration_s)
    return OffsetsScenario(
        key="",
        network=case.scenario,
        lights=len(model.pairs.junctions),
        pairs=len(model.pairs.first),
        cycle_s=model.pairs.period_s,
        certified=tuple(
            Certified(
                model=row.model,
                found=row.found,
                bound=row.bound,
                ratio=row.ratio,
                as_they_are=row.as_they_are,
                seconds=round(row.seconds, 1),
            )
            for row in solved
        ),
        delays=tuple(_delay(row) for row in found),
    )


def _network(networks: Networks, case: NetworkCase) -> OffsetsNetwork:
    found = offsets.network_offsets(
        networks.city(case.network),
        range(1, case.runs + 1),
        sweeps=_SWEEPS,
        merges=_MERGES,
        random=case.random,
    )
    return OffsetsNetwork(
        key="",
        network=case.network,
        lights=found.lights,
        pairs=found.pairs,
        cycles=found.cycles,
        delays=tuple(_delay(row) for row in found.rows),
    )


def _delay(row: offsets.Delayed) -> OffsetDelay:
    return OffsetDelay(
        offsets=row.offsets,
        certified=row.certified,
        pairwise=row.pairwise,
        sumo_s=_floats(row.sumo_s),
        model_s=() if row.model_s is None else _floats(row.model_s),
        teleports=row.teleports,
    )


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
