"""Plans in Webster's manner: splits in proportion to critical flow ratios, at his cycle or a given one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from signals.plan import Plan, PlanSet
from signals.webster import optimum_cycle_s
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from signals.junction import Junction
    from signals.profile import ProfileModel
    from signals.sequence import StageSequence
    from traffic.network import RoadNetwork

__all__ = ["flow_ratios", "measured_plans", "webster_durations_s", "webster_plan", "webster_plans"]

_FULL = 0.95
_PRACTICAL_X = 0.9  # Akcelik 1981, ARRB Research Report 123: what a cycle should leave in reserve
_MEASUREMENTS = 4
_MOST_X = 2.0


class _Needs(NamedTuple):
    """What the stages of a sequence need whatever the flows are.

    Attributes
    ----------
    runs
        Signal group and stages of every run, the shortest runs first.
    least_s
        `StageSequence.planned_durations_s`; one of each stage.
    change_s
        Longest time between the end of a stage's greens and the stage's end; one of each stage.
    """

    runs: tuple[tuple[int, tuple[int, ...]], ...]
    least_s: tuple[int, ...]
    change_s: tuple[int, ...]


@lru_cache(maxsize=8192)
def _needs(sequence: StageSequence) -> _Needs:
    count = len(sequence)
    ordered = sorted(sequence.runs.tolist(), key=lambda run: (run[2] - run[1]) % count)
    runs = tuple(
        (group, tuple((first + k) % count for k in range((last - first) % count + 1)))
        for group, first, last in ordered
    )
    change = (int(sequence.end_gap_s[sequence.runs[:, 2] == k].max(initial=0)) for k in range(count))
    return _Needs(runs, tuple(sequence.planned_durations_s().tolist()), tuple(change))


def flow_ratios(
    network: RoadNetwork, junctions: Sequence[Junction], movement_veh_s: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Return for each junction the highest ratio of flow to saturation flow of each signal group's lane groups."""
    from traffic.saturation import lane_group_flow_ratio  # noqa: PLC0415

    ratio = lane_group_flow_ratio(network, movement_veh_s)
    highest = np.zeros(len(network.movements))
    np.maximum.at(highest, network.connections.movement, ratio[network.connections.lane_group])
    return [
        np.array(
            [max((float(highest[m]) for m in group.movements), default=0.0) for group in junction.groups]
        )
        for junction in junctions
    ]


def _stage_ratios(sequence: StageSequence, ratio: Sequence[float]) -> list[float]:
    """Return the least flow ratios of the stages such that every group has its own over all its stages."""
    need = [0.0] * len(sequence)
    for group, stages in _needs(sequence).runs:
        missing = ratio[group] - _total(need[k] for k in stages)
        if missing > 0:
            need[max(stages, key=need.__getitem__)] += missing
    return need


def _total(values: Iterable[float]) -> float:
    """Return the plain sum: that of newer Pythons compensates, and plans would differ in their last digits."""
    total = 0.0
    for value in values:
        total += value
    return total


def webster_durations_s(
    sequence: StageSequence, ratio: NDArray[np.float64], cycle_s: int
) -> tuple[int, ...] | None:
    """Return durations that share a cycle in proportion to critical flow ratios; `None` where that is not safe.

    Parameters
    ----------
    ratio
        Flow ratio of each signal group; shape (groups,).
    """
    needs = _needs(sequence)
    spare = cycle_s - sum(needs.least_s)
    if spare < 0:
        return None
    least = np.array(needs.least_s, dtype=np.int64)
    need = np.array(_stage_ratios(sequence, ratio.tolist()))
    total = float(need.sum())
    lost = min(sequence.lost_s, cycle_s - len(sequence))
    wish = (cycle_s - lost) * (need / total if total > 0 else np.full(len(need), 1.0 / len(need)))
    wish = np.maximum(wish + needs.change_s, least)
    over = wish - least
    share = over / over.sum() if over.sum() > 0 else np.full(len(over), 1.0 / len(over))
    durations = least + np.floor(share * spare).astype(np.int64)
    durations[int(np.argmax(share))] += cycle_s - int(durations.sum())
    if not sequence.feasible(durations):
        durations = _filled(sequence, least, share, cycle_s)
    fits = int(durations.sum()) == cycle_s and sequence.feasible(durations)
    return tuple(int(d) for d in durations) if fits else None


def _filled(
    sequence: StageSequence, least: NDArray[np.int64], share: NDArray[np.float64], cycle_s: int
) -> NDArray[np.int64]:
    """Return durations near `share` of a cycle that keep the greatest greens; a shorter cycle where these are short.

    Second by second, the stage that is furthest below its share and may have one more gets it.
    """
    durations = least.copy()
    while durations.sum() < cycle_s:
        wanting = share * (cycle_s - least.sum()) - (durations - least)
        for stage in np.argsort(-wanting, kind="stable").tolist():
            durations[stage] += 1
            if (sequence.green_s(durations) <= sequence.run_max_s).all():
                break
            durations[stage] -= 1
        else:
            break
    return durations


def _webster_cycle(junction: Junction, sequence: StageSequence, ratio: Sequence[float]) -> int:
    """Return Webster's cycle, longer where least durations would leave other stages above the practical X."""
    need, needs = _stage_ratios(sequence, ratio), _needs(sequence)
    total = _total(need)
    best = junction.cycle_max_s if total >= _FULL else optimum_cycle_s(sequence.lost_s, total)
    best = max(best, junction.cycle_min_s, float(sum(needs.least_s)))
    while best < junction.cycle_max_s:
        scale = best / _PRACTICAL_X
        longer = _total(
            max(float(least), own * scale + change)
            for own, least, change in zip(need, needs.least_s, needs.change_s, strict=True)
        )
        if longer <= best + 0.5:
            break
        best = longer
    return int(min(round(best), junction.cycle_max_s))


def webster_plan(
    junction: Junction,
    several: Sequence[StageSequence],
    ratio: NDArray[np.float64],
    cycle_s: int | None,
    name: str,
) -> Plan:
    """Return a plan with Webster's splits: at `cycle_s` or else, where that is `None` or too short, his cycle."""
    # The sequence that needs the shortest cycle loses least.
    known = ratio.tolist()
    own = [_webster_cycle(junction, sequence, known) for sequence in several]
    order = sorted(range(len(several)), key=own.__getitem__)
    within = cycle_s is not None and junction.cycle_min_s <= cycle_s <= junction.cycle_max_s
    for wanted in ([cycle_s] if within else []) + [None]:
        for k in order:
            cycle = own[k] if wanted is None else wanted
            durations = webster_durations_s(several[k], ratio, cycle)
            if durations is not None:
                return Plan(junction, cycle, 0, several[k].stages, durations, name=name)
    for cycle, sequence in zip(own, several, strict=True):
        least = sequence.least_durations_s().astype(np.int64)
        even = np.full(len(least), 1.0 / len(least))
        longer = _filled(sequence, least, even, cycle)
        if sequence.feasible(longer):
            filled = tuple(int(d) for d in longer)
            return Plan(junction, sum(filled), 0, sequence.stages, filled, name=name)
    raise InputError(
        f"no stages fill a cycle of {junction.cycle_min_s} to {junction.cycle_max_s} s",
        field=f"junction {junction.key}, stages",
        hint="Allow longer greens (max_green_s) or a shorter cycle (cycle_min_s)",
    )


def webster_plans(
    network: RoadNetwork,
    junctions: Sequence[Junction],
    ratios: Sequence[NDArray[np.float64]],
    sequences: Sequence[Sequence[StageSequence]],
    cycle_s: int | None,
    name: str,
) -> PlanSet:
    """Return `webster_plan` of every junction."""
    plans = [
        webster_plan(junction, several, ratio, cycle_s, name)
        for junction, several, ratio in zip(junctions, sequences, ratios, strict=True)
    ]
    return PlanSet(name, network.name, tuple(plans))


def measured_plans(
    model: ProfileModel,
    sequences: Sequence[Sequence[StageSequence]],
    cycle_s: int | None,
    name: str,
) -> tuple[PlanSet, list[NDArray[np.float64]]]:
    """Return plans, and the flow ratios behind them, by the saturation flows that the streams really reach.

    Turns that find gaps reach less than their saturation flow, and how much less depends on the plan. So it is
    measured under a plan and the plan is made again, as an engineer would in the field.
    """
    network, junctions = model.network, model.junctions
    flow = model.demand.link_veh_s[network.movements.in_link] * model.demand.movement_share
    first = flow_ratios(network, junctions, flow)
    owner, movement = network.connections.lane_group, network.connections.movement
    now = [ratio.copy() for ratio in first]
    plans = webster_plans(network, junctions, now, sequences, cycle_s, name)
    for _ in range(_MEASUREMENTS):
        model.evaluate(model.from_plans(plans), epsilon=0.02)
        figures = model.figures()
        used = np.minimum(figures.flow_veh_s / np.maximum(figures.capacity_veh_s, 1e-6), _MOST_X)
        highest = np.zeros(len(network.movements))
        np.maximum.at(highest, movement, used[owner])
        for junction, plan, ratio in zip(junctions, plans, now, strict=True):
            for position, windows in enumerate(plan.green_windows()):
                members = list(junction.groups[position].movements)
                if members:
                    green = sum(end - start for start, end in windows) / plan.cycle_s
                    seen = float(highest[members].max()) * green
                    ratio[position] = max(0.5 * (ratio[position] + seen), first[junction.index][position])
        plans = webster_plans(network, junctions, now, sequences, cycle_s, name)
    return plans, now
