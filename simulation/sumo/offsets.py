"""Offsets for plans that keep their splits, in two models with certified ratios, and what they cost in SUMO.

The tables of both models come from the flows of a city under given plans. The *pairwise* solution minimises their sum, the
*sinusoidal* one the sum of their first harmonics (`signals.offsets`, `signals.sinusoidal`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from signals.offset_bound import loop_bound
from signals.offsets import PairwiseModel, best_offsets, pairwise_model
from signals.plan import Plan, PlanSet
from signals.profile import ProfileModel
from signals.profile_parameters import ProfileParameters
from signals.sinusoidal import sinusoidal_model, solve
from simulation.sumo.city import SumoCity, write_programs
from simulation.sumo.refine import MicroscopicJudge
from simulation.sumo.run import run_seeds

__all__ = [
    "Coordinated",
    "Delays",
    "OffsetTables",
    "coordinate",
    "delays",
    "offset_tables",
    "random_offsets",
    "with_shifts",
    "zero_offsets",
]

_EPSILON = 0.005  # vehicles per second, as in the search
_FULL_TURN = 2.0 * np.pi
_NOTHING = 1e-9  # in the unit of the tables: no offsets change anything

_Shifts = NDArray[np.int32]


class Coordinated(NamedTuple):
    """Plans with new offsets, and how good these are in the model that they come from.

    Attributes
    ----------
    ratio
        Certified: the improvement over random offsets as a part of what the bound allows, at most 1. That of the
        offsets as they stand in `plans`, in whole seconds. `None` where offsets change nothing.
    """

    plans: PlanSet
    ratio: float | None


@dataclass(frozen=True, eq=False)
class Delays:
    """Delay of plans, seconds per vehicle, by seed; shape (seeds,) each."""

    sumo_s: NDArray[np.float64]
    model_s: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OffsetTables:
    """What offsets cost, for plans whose splits stay.

    Attributes
    ----------
    plans
        The plans under which the tables were made.
    models
        The pairwise model of each period in which any two junctions have traffic between them.
    bound
        Certified lower bound on the sum of the costs of all models (`signals.offset_bound.loop_bound`).
    """

    plans: PlanSet
    models: tuple[PairwiseModel, ...]
    bound: float

    def ratio(self, plans: PlanSet) -> float | None:
        """Return the certified ratio in the pairwise model of `plans`, which differ in offsets alone; see `Coordinated`."""
        mean = sum(pairs.mean for pairs in self.models)
        cost = 0.0
        for pairs in self.models:
            later = [plans[row].offset_s - self.plans[row].offset_s for row in pairs.junctions.tolist()]
            cost += pairs.total(np.array(later, dtype=np.int64))
        return _part(mean - cost, mean - self.bound)


def offset_tables(city: SumoCity, plans: PlanSet, *, sweeps: int = 10) -> OffsetTables:
    """Return what offsets cost in the flows of `city` under `plans`.

    Parameters
    ----------
    sweeps
        Of the bound.
    """
    model = ProfileModel(
        city.roads.network,
        [light.junction for light in city.lights],
        [[plan.sequence] for plan in plans],
        city.demand,
        parameters=ProfileParameters(flow=city.parameters),
        duration_s=city.duration_s,
    )
    timings = model.from_plans(plans)
    model.evaluate(timings, epsilon=_EPSILON)
    found = (pairwise_model(model, int(period)) for period in np.unique(timings.period_s))
    models = tuple(pairs for pairs in found if len(pairs.first))
    return OffsetTables(plans, models, sum(loop_bound(pairs, sweeps=sweeps) for pairs in models))


def coordinate(tables: OffsetTables, *, seed: int, merges: int = 1000) -> tuple[Coordinated, Coordinated]:
    """Return the plans with the offsets of the pairwise and of the sinusoidal solution; all else stays.

    Parameters
    ----------
    seed
        Of the searches.
    merges
        Of the pairwise solution (`signals.offsets.best_offsets`).
    """
    shifts, phases, gained, allowed = list[_Shifts](), list[_Shifts](), 0.0, 0.0
    for pairs in tables.models:
        shifts.append(best_offsets(pairs, np.random.default_rng(seed), merges=merges))
        harmonics = sinusoidal_model(pairs)
        found = solve(harmonics, np.random.default_rng(seed))
        phases.append(found.shift_s(pairs.period_s))
        gained += harmonics.gain(phases[-1].astype(np.float64) * (_FULL_TURN / pairs.period_s))
        allowed += found.bound
    pairwise = with_shifts(tables.plans, tables.models, shifts, name="pairwise")
    sinusoidal = with_shifts(tables.plans, tables.models, phases, name="sinusoidal")
    return (
        Coordinated(pairwise, tables.ratio(pairwise)),
        Coordinated(sinusoidal, _part(gained, allowed)),
    )


def _part(gained: float, allowed: float) -> float | None:
    return gained / allowed if allowed > _NOTHING else None


def with_shifts(
    plans: PlanSet, models: Sequence[PairwiseModel], shifts: Sequence[_Shifts], *, name: str
) -> PlanSet:
    """Return `plans` with the offsets of the junctions of each model later by its shifts, seconds; locked ones stay."""
    moved = [
        _at(plans[row], plans[row].offset_s + shift)
        for pairs, shift_s in zip(models, shifts, strict=True)
        for row, shift in zip(pairs.junctions.tolist(), shift_s.tolist(), strict=True)
    ]
    return plans.with_plans(moved, name=name)


def zero_offsets(plans: PlanSet) -> PlanSet:
    """Return `plans` with every first stage beginning at the cycle zero; locked ones stay."""
    return plans.with_plans((_at(plan, 0) for plan in plans), name="zero")


def random_offsets(plans: PlanSet, rng: np.random.Generator) -> PlanSet:
    """Return `plans` with every offset anywhere in its cycle; locked ones stay."""
    return plans.with_plans((_at(plan, int(rng.integers(plan.cycle_s))) for plan in plans), name="random")


def _at(plan: Plan, offset_s: int) -> Plan:
    return plan if plan.junction.locked else plan.with_offset(offset_s)


def delays(city: SumoCity, plans: Iterable[PlanSet], seeds: Sequence[int], *, jobs: int = 1) -> list[Delays]:
    """Run each of `plans` in SUMO and in the microscopic model, with the same numbers as seeds."""
    judge = MicroscopicJudge(city, seeds=seeds, teleport_s=0.0)
    found = []
    with tempfile.TemporaryDirectory(prefix="jasyl-offsets-") as name:
        file = Path(name) / "tls.add.xml"
        for plan_set in plans:
            write_programs(city, plan_set, file)
            scores = run_seeds(city.config, seeds, plans=[file], jobs=jobs)
            theirs = np.array([score["delay_per_veh"] for score in scores.values()])
            found.append(Delays(theirs, np.array(judge.costs(plan_set))))
    return found
