"""The optimiser: from demand to a plan for every junction.

1. Stage sequences, and Webster's splits by the saturation flows that streams really reach (`signals.webster_plans`)
   at common cycles; the best cycle is found by climbing, judged by the flow model. At that one also splits of least
   delay (`signals.splits`).
2. Offsets in the pairwise model (`signals.offsets`) for one common cycle and for groups of junctions with cycles of
   their own (`signals.cycles`); small junctions run at half of the cycle.
3. Local search in the cyclic profile model (`signals.local_search`): offsets, splits, stage sequences, half cycles.
4. Feedback: where the flow model shows a queue that a junction cannot discharge and that fills its link, its lane
   groups weigh more; the local search answers, the flow model decides.
5. Kicks: offsets of a neighbourhood shift, the local search repairs, what is not better is taken back.
6. Search in the flow model itself (`signals.direct_search`), in turns with 3 to 5: as often as each of these ways
   still finds better plans, and from the start where the profile model misleads (queues that block each other).

The flow model judges the start and every candidate; the best of all is returned, so the result is never worse
than its start. The time budget only decides when to stop: the same seed and number of steps give the same plans.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from signals.budget import Budget, Clock
from signals.locked import check_start
from signals.objective import Objective, Robust
from signals.search import Search, Step
from signals.stages import has_too_many_stages, stage_sequences
from signals.webster_plans import flow_ratios
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from signals.junction import Junction
    from signals.plan import PlanSet
    from signals.profile_parameters import ProfileParameters
    from signals.sequence import StageSequence
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork
    from traffic.progress import Progress

__all__ = ["Objective", "Optimized", "Robust", "Step", "optimize", "usable_sequences"]


_MOST_OTHERS = 16


@dataclass(frozen=True)
class Optimized:
    """The result of `optimize`.

    Attributes
    ----------
    plans
        The best plans found.
    objective_before, objective_after
        Objective of the start and of `plans` in the flow model, seconds per vehicle (`Objective.judge`).
    offset_bound_ratio
        In the pairwise model around the result: improvement over the mean of random offsets, as a share of the
        largest improvement that the certified bound allows (`signals.offsets`). `None` where offsets change
        nothing, as no two junctions of one period have traffic between them, and where the time is too short for it.
    seconds
        Time taken.
    log
        The steps.
    others
        Plans that were judged on the way, the best of them first: at other cycles, with other offsets.
    """

    plans: PlanSet
    objective_before: float
    objective_after: float
    offset_bound_ratio: float | None
    seconds: float
    seed: int
    log: tuple[Step, ...]
    others: tuple[PlanSet, ...] = ()


def usable_sequences(
    network: RoadNetwork,
    junctions: Sequence[Junction],
    demand: FlowDemand,
    *,
    start: PlanSet | None = None,
    limit: int = 6,
) -> tuple[tuple[StageSequence, ...], ...]:
    """Return the stage sequences of each junction for its flows, that of its plan in `start` first.

    The flows are those of the busiest demand period of each movement. A locked junction has the sequence of its
    plan only, so it must have one; so has one with too many stages to choose from, if it has a plan. A plan in
    `start` that breaks a fixed stage order is refused.
    """
    check_start(junctions, start)
    busiest = np.max([demand.movement_veh_s(network, k) for k in range(demand.periods)], axis=0)
    ratios = flow_ratios(network, junctions, busiest)
    found: list[tuple[StageSequence, ...]] = []
    for junction, flows in zip(junctions, ratios, strict=True):
        own = None if start is None else start[junction.index].sequence
        if own is not None and (junction.locked or has_too_many_stages(junction, flows)):
            found.append((own,))
            continue
        others = stage_sequences(junction, flows=flows, limit=limit)
        kept = () if own is None else (own,)
        found.append((*kept, *(s for s in others if own is None or s.stages != own.stages)))
    return tuple(found)


def optimize(
    network: RoadNetwork,
    junctions: Sequence[Junction],
    demand: FlowDemand,
    *,
    seed: int = 0,
    seconds: float = 20.0,
    steps: int | None = None,
    objective: Objective | None = None,
    start: PlanSet | None = None,
    warm: bool = False,
    sequences: Sequence[Sequence[StageSequence]] | None = None,
    candidates: Sequence[PlanSet] = (),
    parameters: ProfileParameters | None = None,
    duration_s: int = 3600,
    judged_under: Sequence[FlowDemand] = (),
    robust: Robust = Robust.MEAN,
    progress: Progress | None = None,
    observe: Callable[[Step, float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    clock: Clock = time.perf_counter,
) -> Optimized:
    """Return the best plans found for all junctions of a network under one demand.

    Parameters
    ----------
    seed
        Of all random choices.
    seconds
        Stop after so many seconds; decides only when to stop. A step in hand is cut short and judged, so the end is
        late by one evaluation in both models at most, once the start is judged and unless a cycle is being tried.
    steps
        Stop after so many steps instead, however long they take: the same steps give the same plans.
    start
        Plans to improve on; default: isolated Webster plans (`signals.webster_plans`). Locked junctions keep
        their plan of the start and cannot do without it.
    warm
        Whether `start` are good plans, for a demand that has changed a little: they are improved on as they are, and
        neither other common cycles nor other stage sequences are tried.
    sequences
        Stage sequences that plans may use, those of `start` among them; default: `usable_sequences`, and those
        of `start` alone where that is `warm`.
    candidates
        Other plans with these stage sequences, such as those of a search with another objective: the best of them are
        improved on beside what is found here.
    duration_s
        Length of the run of the flow model that judges, and of the demand that is planned for.
    judged_under
        Demands under which the flow model judges plans, in place of `demand`, which the profile model plans for.
    robust
        Whether the mean over these demands counts, or the worst.
    observe
        Told each step, and the objective of the best plans so far.
    should_stop
        Asked again and again; the best plans so far are returned soon after it says so.
    """
    _check_end(seconds, steps)
    if not junctions:
        hint = "Give the nodes their signals before the network is imported"
        raise InputError("must have a junction with signals", field="network", value=network.name, hint=hint)
    check_start(junctions, start)
    if warm and start is None:
        hint = "Give the plans as start"
        raise InputError("needs plans to start from", field="warm", value=warm, hint=hint)
    budget = Budget(seconds if steps is None else None, clock, should_stop)
    if sequences is None and warm and start is not None:
        sequences = [(start[junction.index].sequence,) for junction in junctions]
    elif sequences is None:
        sequences = usable_sequences(network, junctions, demand, start=start)
    search = Search(
        network,
        junctions,
        demand,
        sequences,
        objective=objective or Objective(),
        parameters=parameters,
        start=start,
        seed=seed,
        duration_s=duration_s,
        judged_under=judged_under,
        robust=robust,
        warm=warm,
        candidates=candidates,
        budget=budget,
    )
    log = []
    for step in search.steps():
        log.append(step)
        if observe is not None:
            observe(step, search.best.value)
        if progress is not None:
            progress(min(budget.passed_s(), seconds), seconds, f"{step.name}: {search.best.value:.2f} s")
        if budget.spent() or (steps is not None and len(log) > steps):
            break
    ratio = search.offset_bound_ratio()
    if progress is not None and ratio is not None:
        progress(
            seconds,
            seconds,
            f"{search.best.value:.2f} s; offsets reach {ratio:.0%} of what their bound allows",
        )
    return Optimized(
        plans=search.best.plans,
        objective_before=search.start.value,
        objective_after=search.best.value,
        offset_bound_ratio=ratio,
        seconds=budget.passed_s(),
        seed=seed,
        log=tuple(log),
        others=search.others(_MOST_OTHERS),
    )


def _check_end(seconds: float, steps: int | None) -> None:
    if not (np.isfinite(seconds) and seconds > 0):
        raise InputError("must be more than 0 s", field="seconds", value=seconds)
    if steps is not None and steps < 0:
        raise InputError("must be 0 or more", field="steps", value=steps)
