"""Three plain ways to time a city's signals, to be beaten by the optimiser.

- `isolated_webster`: every junction for itself, with Webster's optimum cycle and splits in proportion to the critical
  flow ratios.
- `green_wave`: one common cycle, the best of a few, the same kind of splits, and offsets set link by link along
  the heaviest flows such that the platoon arrives at the start of green.
- `random_restart`: random cycles, splits and offsets, changed at random, judged by the flow model, for as long as
  the optimiser is given.

All leave locked junctions their plans of `start`, as the optimiser does.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from signals.greens import movement_greens
from signals.locked import check_start, with_locked
from signals.objective import Objective
from signals.optimize import usable_sequences
from signals.plan import Plan, PlanSet
from signals.profile import ProfileModel
from signals.webster_plans import measured_plans, webster_durations_s, webster_plans
from traffic.flow import FlowModel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from signals.junction import Junction
    from signals.sequence import StageSequence
    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork

__all__ = ["green_wave", "isolated_webster", "random_restart"]

_CYCLES_S = (60, 80, 100)
_MEASURED_AT_S = 90


def isolated_webster(
    network: RoadNetwork,
    junctions: Sequence[Junction],
    demand: FlowDemand,
    *,
    start: PlanSet | None = None,
    sequences: Sequence[Sequence[StageSequence]] | None = None,
) -> PlanSet:
    """Return plans with Webster's optimum cycle and splits at every junction, offsets 0."""
    sequences = _sequences(network, junctions, demand, start, sequences)
    model = ProfileModel(network, junctions, sequences, demand)
    return with_locked(measured_plans(model, sequences, None, "isolated Webster")[0], start)


def _sequences(
    network: RoadNetwork,
    junctions: Sequence[Junction],
    demand: FlowDemand,
    start: PlanSet | None,
    given: Sequence[Sequence[StageSequence]] | None,
) -> Sequence[Sequence[StageSequence]]:
    """Return the `given` stage sequences or the usable ones; refuse locked junctions without a plan in `start`."""
    check_start(junctions, start)
    return usable_sequences(network, junctions, demand, start=start) if given is None else given


def green_wave(
    network: RoadNetwork,
    junctions: Sequence[Junction],
    demand: FlowDemand,
    *,
    cycles: Sequence[int] = _CYCLES_S,
    start: PlanSet | None = None,
    sequences: Sequence[Sequence[StageSequence]] | None = None,
    objective: Objective | None = None,
    duration_s: int = 3600,
) -> PlanSet:
    """Return the best common cycle of `cycles` with greedy green waves, judged by the flow model."""
    sequences = _sequences(network, junctions, demand, start, sequences)
    model = ProfileModel(network, junctions, sequences, demand, duration_s=duration_s)
    flow = model.demand.link_veh_s[network.movements.in_link] * model.demand.movement_share
    judge = _judge(network, demand, objective, duration_s)
    best, least = None, np.inf
    for cycle in cycles:
        name = f"green waves, {cycle} s"
        plans, _ = measured_plans(model, sequences, cycle, name)
        plans = _waves(network, with_locked(plans, start), flow, cycle)
        value = judge(plans)
        if best is None or value < least:
            best, least = plans, value
    if best is None:
        return isolated_webster(network, junctions, demand, start=start, sequences=sequences)
    return best


def _waves(network: RoadNetwork, plans: PlanSet, flow: NDArray[np.float64], cycle_s: int) -> PlanSet:
    """Set offsets link by link: the heaviest flow between two junctions first, trees of junctions joined whole.

    A tree with a locked junction stays where it is; two of them are not joined.
    """
    movements, links = network.movements, network.links
    at = np.full(len(network.nodes), -1, dtype=np.int64)
    at[network.junctions.node] = np.arange(len(network.junctions))
    start = _green_starts(network, plans)
    locked = np.array([plan.junction.locked for plan in plans], dtype=bool)
    offset = np.array([plan.offset_s for plan in plans], dtype=np.int64)
    tree = np.arange(len(plans))
    same = np.array([plan.cycle_s == cycle_s for plan in plans], dtype=bool)
    out_of = {int(link): m for m, link in _heaviest(movements.out_link, flow)}
    into = {int(link): m for m, link in _heaviest(movements.in_link, flow)}
    order = np.argsort(-np.bincount(movements.in_link, weights=flow, minlength=len(links)), kind="stable")
    for link in order.tolist():
        one, two = int(at[links.from_node[link]]), int(at[links.to_node[link]])
        if one < 0 or two < 0 or tree[one] == tree[two] or not (same[one] and same[two]):
            continue
        if link not in out_of or link not in into:
            continue
        arrival = offset[one] + start[out_of[link]] + links.length_m[link] / links.speed_m_s[link]
        shift = round(float(arrival)) - int(offset[two]) - int(start[into[link]])
        first, second = tree == tree[one], tree == tree[two]
        if not locked[second].any():
            offset[second] += shift
        elif not locked[first].any():
            offset[first] -= shift
        else:
            continue
        tree[second] = tree[one]
    return plans.with_plans(
        plan.with_offset(int(offset[j])) for j, plan in enumerate(plans) if same[j] and not locked[j]
    )


def _heaviest(links: NDArray[np.int32], flow: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return (movement, link), the heaviest movement of a link last."""
    order = np.argsort(flow, kind="stable")
    return list(zip(order.tolist(), links[order].tolist(), strict=True))


def _green_starts(network: RoadNetwork, plans: PlanSet) -> NDArray[np.int64]:
    """Return the start of green of each movement after the start of stage 0."""
    start = np.zeros(len(network.movements), dtype=np.int64)
    for plan in plans:
        for group, windows in zip(plan.junction.groups, plan.green_windows(), strict=True):
            longest = max(windows, key=lambda window: window[1] - window[0])
            start[list(group.movements)] = longest[0]
    return start


def _judge(
    network: RoadNetwork, demand: FlowDemand, objective: Objective | None, duration_s: int
) -> Callable[[PlanSet], float]:
    model, goal = FlowModel(network, demand), objective or Objective()

    def judge(plans: PlanSet) -> float:
        return goal.judge(network, model.run(movement_greens(network, plans), duration_s, duration_s))

    return judge


def random_restart(
    network: RoadNetwork,
    junctions: Sequence[Junction],
    demand: FlowDemand,
    *,
    seconds: float = 20.0,
    tries: int | None = None,
    rng: np.random.Generator | None = None,
    start: PlanSet | None = None,
    sequences: Sequence[Sequence[StageSequence]] | None = None,
    objective: Objective | None = None,
    duration_s: int = 3600,
    patience: int = 15,
    clock: Callable[[], float] = time.perf_counter,
) -> PlanSet:
    """Return the best plans of a random search with restarts, judged by the flow model; their name tells the tries.

    A start has a random common cycle, Webster's splits and random offsets. Steps change offsets, durations and
    sequences of some junctions; what is not better is taken back; after `patience` steps in vain it starts anew.

    Parameters
    ----------
    seconds
        Time to take.
    tries
        Runs of the flow model, instead of a time.
    """
    began = clock()
    rng = np.random.default_rng(0) if rng is None else rng
    sequences = _sequences(network, junctions, demand, start, sequences)
    model = ProfileModel(network, junctions, sequences, demand, duration_s=duration_s)
    _, ratios = measured_plans(model, sequences, _MEASURED_AT_S, "random restart")
    judge = _judge(network, demand, objective, duration_s)
    best, least = None, np.inf
    here, value, idle, done = None, np.inf, patience, 0
    while best is None or (done < tries if tries is not None else clock() - began < seconds):
        if here is None or idle >= patience:
            cycle = int(rng.integers(25, 61)) * 2
            here = webster_plans(network, junctions, ratios, sequences, cycle, "random restart")
            here = here.with_plans(plan.with_offset(int(rng.integers(plan.cycle_s))) for plan in here)
            here = with_locked(here, start)
            value, idle = judge(here), 0
        else:
            trial = _changed(here, sequences, ratios, rng)
            reached = judge(trial)
            idle += 1
            if reached < value:
                here, value, idle = trial, reached, 0
        done += 1
        if best is None or value < least:
            best, least = here, value
    return replace(best, name=f"random restart, {done} tries")


def _changed(
    plans: PlanSet,
    sequences: Sequence[Sequence[StageSequence]],
    ratios: Sequence[NDArray[np.float64]],
    rng: np.random.Generator,
) -> PlanSet:
    """Return plans with random changes at a random share of the junctions."""
    share = float(rng.choice([0.02, 0.1, 0.3]))
    changed = []
    for j, plan in enumerate(plans):
        if rng.random() >= max(share, 1.0 / len(plans)) or plan.junction.locked:
            continue
        kind = rng.random()
        if kind < 0.5:
            changed.append(plan.with_offset(plan.offset_s + int(rng.integers(-20, 21))))
        elif kind < 0.9 and len(plan.durations_s) > 1:
            giver, taker = rng.choice(len(plan.durations_s), size=2, replace=False).tolist()
            durations = list(plan.durations_s)
            step = int(rng.integers(1, 9))
            durations[giver] -= step
            durations[taker] += step
            if plan.sequence.feasible(durations):
                changed.append(plan.with_durations(durations))
        else:
            other = sequences[j][int(rng.integers(len(sequences[j])))]
            durations_s = webster_durations_s(other, ratios[j], plan.cycle_s)
            if durations_s is not None:
                fresh = Plan(plan.junction, plan.cycle_s, plan.offset_s, other.stages, durations_s, plan.name)
                changed.append(fresh)
    return plans.with_plans(changed)
