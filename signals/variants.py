"""Other sequences made from a good one: lead and lag of turns that would have to give way, other orders."""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import TYPE_CHECKING

from signals.junction import Conflict, GroupKind
from signals.sequence import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from signals.junction import Junction

__all__ = ["canonical", "stage_orders", "turn_variants"]

Stages = tuple[Stage, ...]
_MOST_ORDERED = 5


def canonical(stages: Stages) -> Stages:
    """Return the cyclic order without repeated neighbours, begun where its group positions are least."""
    kept = [stage for stage, following in pairwise((*stages, stages[0])) if stage != following]
    kept = kept or [stages[0]]
    turns = [tuple(kept[k:] + kept[:k]) for k in range(len(kept))]
    return min(turns, key=lambda order: [sorted(stage.groups) for stage in order])


def stage_orders(stages: Stages) -> Iterator[Stages]:
    """Yield all other cyclic orders of up to five stages."""
    if 3 <= len(stages) <= _MOST_ORDERED:
        for rest in permutations(stages[1:]):
            if rest != stages[1:]:
                yield (stages[0], *rest)


def turn_variants(junction: Junction, stages: Stages) -> Iterator[tuple[int, frozenset[int], Stages]]:
    """Yield sequences in which turns that give way in `stages` also have a stage without opposing traffic.

    Each comes with its rank of usefulness (0: both lefts of a road lead, 1: so at every stage, 2: one leads
    and the other lags, 3: one leads) and with the groups that are protected.
    """
    single: list[tuple[int, frozenset[int], Stages]] = []
    leads: dict[int, tuple[Stage, frozenset[int]]] = {}
    for position, stage in enumerate(stages):
        turning = _turning(junction, stage)
        both = _protected(junction, stage, turning)
        if both is not None and len(turning) > 1:
            leads[position] = (both, turning)
            yield 0, turning, _insert(stages, {position: [both]}, {})
        alone = {g: _protected(junction, stage, frozenset((g,))) for g in sorted(turning)}
        ready = [(g, own) for g, own in alone.items() if own is not None]
        if len(turning) == 1 and ready:
            leads[position] = (ready[0][1], turning)
        for group, own in ready:
            rank = 0 if len(turning) == 1 else 3
            single.append((rank, frozenset((group,)), _insert(stages, {position: [own]}, {})))
            for lagging, lag in ready:
                if lagging != group and lag != own:
                    order = _insert(stages, {position: [own]}, {position: [lag]})
                    single.append((2, frozenset((group, lagging)), order))
    if len(leads) > 1:
        protected = frozenset().union(*(groups for _, groups in leads.values()))
        yield 1, protected, _insert(stages, {k: [lead] for k, (lead, _) in leads.items()}, {})
    yield from single


def _turning(junction: Junction, stage: Stage) -> frozenset[int]:
    """Vehicle groups of the stage that give way to other vehicles in it."""
    return frozenset(g for g in stage.groups if any(_opposes(junction, h, g) for h in stage.groups))


def _opposes(junction: Junction, group: int, turning: int) -> bool:
    vehicle = junction.groups[group].kind == GroupKind.VEHICLE
    return vehicle and bool(junction.conflict[turning, group] == Conflict.YIELD)


def _protected(junction: Junction, stage: Stage, turning: frozenset[int]) -> Stage | None:
    """Return the part of the stage in which `turning` groups meet no opposing vehicles, if there is one."""
    kept = frozenset(h for h in stage.groups if not any(_opposes(junction, h, g) for g in turning))
    if not turning <= kept or kept == stage.groups:
        return None
    return Stage(kept)


def _insert(stages: Stages, before: dict[int, list[Stage]], after: dict[int, list[Stage]]) -> Stages:
    order: list[Stage] = []
    for position, stage in enumerate(stages):
        order += [*before.get(position, ()), stage, *after.get(position, ())]
    return tuple(order)
