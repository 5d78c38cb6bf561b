"""Section 1 of the report: plans for SUMO networks in both tracks, run by SUMO beside the shipped programs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from benchmarks.report_networks import Networks
from benchmarks.report_results import PlanScore, SumoScore
from benchmarks.report_store import Store
from signals.plan import PlanSet
from signals.stages import forget_stages
from simulation.sumo.city import SumoCity, write_programs
from simulation.sumo.optimize import Stages, optimize_city
from simulation.sumo.run import Score, run_seeds

__all__ = ["Case", "measure", "scores", "scores_of_plans"]

_TRACKS: tuple[Stages, ...] = ("kept", "free")
_UNSEEN = 100  # seeds of SUMO from here: nothing is searched with them


class Case(NamedTuple):
    """A network, the seconds of each search, and how many seeds of the search and of SUMO."""

    network: str
    seconds: float
    searches: int
    runs: int


FULL = (
    Case("cologne1", 10.0, 3, 3),
    Case("ingolstadt1", 10.0, 3, 3),
    Case("cologne8", 10.0, 3, 3),
    Case("grid4x4", 10.0, 3, 3),
    Case("ingolstadt21", 240.0, 2, 3),
    Case("synth450_medium", 60.0, 1, 1),
)
QUICK = (Case("cologne1", 3.0, 2, 1), Case("ingolstadt1", 3.0, 2, 1))


def measure(store: Store, networks: Networks, cases: Sequence[Case]) -> None:
    """Measure what the store does not have."""
    for case in cases:
        if networks.path(case.network) is None:
            store.missing(case.network, "the network is not in the folder of SUMO networks")
            continue
        store.measure(f"{case.network}/shipped", partial(_shipped, networks, case))
        for track in _TRACKS:
            for seed in range(1, case.searches + 1):
                work = partial(_planned, networks, case, track, seed)
                store.measure(f"{case.network}/{track}/{seed}", work)


def _shipped(networks: Networks, case: Case) -> PlanScore:
    city = networks.city(case.network)
    return _score(city, case, "shipped", 0, 0.0, scores(city, [], case.runs))


def _planned(networks: Networks, case: Case, track: Stages, seed: int) -> PlanScore:
    city = networks.city(case.network)
    forget_stages()
    found = optimize_city(city, stages=track, seed=seed, seconds=case.seconds)
    return _score(city, case, track, seed, found.seconds, scores_of_plans(city, found.plans, case.runs))


def _score(
    city: SumoCity,
    case: Case,
    track: Literal["shipped", "kept", "free"],
    seed: int,
    search_s: float,
    runs: tuple[SumoScore, ...],
) -> PlanScore:
    return PlanScore(
        key="",
        network=case.network,
        lights=len(city.lights),
        track=track,
        seed=seed,
        search_s=round(search_s, 2),
        runs=runs,
    )


def scores_of_plans(city: SumoCity, plans: PlanSet, runs: int) -> tuple[SumoScore, ...]:
    """Run plans in SUMO with seeds that no search has used."""
    with tempfile.TemporaryDirectory(prefix="jasyl-report-") as folder:
        file = Path(folder) / "tls.add.xml"
        write_programs(city, plans, file)
        return scores(city, [file], runs)


def scores(city: SumoCity, files: Sequence[Path], runs: int) -> tuple[SumoScore, ...]:
    """Run a configuration in SUMO with additional files."""
    seeds = range(_UNSEEN, _UNSEEN + runs)
    return tuple(_figures(seed, score) for seed, score in run_seeds(city.config, seeds, plans=files).items())


def _figures(seed: int, score: Score) -> SumoScore:
    return SumoScore(
        seed=seed,
        delay_s=score["delay_per_veh"],
        teleports=score["teleports"],
        collisions=score["collisions"],
        emergency_braking=score["emergencyBraking"],
        backlog=score["backlog"],
    )
