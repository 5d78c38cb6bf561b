"""Section 2 of the report: whether our microscopic model ranks plans as SUMO does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from benchmarks import sumo_ranking
from benchmarks.report_networks import Networks
from benchmarks.report_results import Ranked
from benchmarks.report_store import Store

__all__ = ["Case", "measure"]

_SEED = 1


class Case(NamedTuple):
    """A network, how many plans, and how many seeds of both models."""

    network: str
    plans: int
    seeds: int


_SMALL = ("cologne1", "ingolstadt1", "cologne8", "grid4x4", "ingolstadt21")
FULL = (*(Case(name, 40, 5) for name in _SMALL), Case("synth450_medium", 40, 1))  # a run of it takes minutes
QUICK = (Case("cologne1", 12, 1), Case("ingolstadt1", 12, 1))


def measure(store: Store, networks: Networks, cases: Sequence[Case], *, jobs: int = 1) -> None:
    """Measure what the store does not have, with `jobs` runs of SUMO at once."""
    for case in cases:
        if networks.path(case.network) is None:
            store.missing(case.network, "the network is not in the folder of SUMO networks")
            continue
        store.measure(case.network, partial(_ranked, networks, case, jobs))


def _ranked(networks: Networks, case: Case, jobs: int) -> Ranked:
    city = networks.city(case.network)
    row = sumo_ranking.measure(city, plans=case.plans, seeds=case.seeds, seed=_SEED, jobs=jobs)
    return Ranked(
        key="",
        network=case.network,
        seeds=case.seeds,
        model_s=tuple(row.ranking.model_s.tolist()),
        sumo_s=tuple(row.ranking.sumo_s.tolist()),
        spearman=row.ranking.spearman,
        best_quarter=row.ranking.best_quarter,
        regret=row.ranking.regret,
    )
