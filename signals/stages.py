"""The stages of a junction: every group served, no conflict, fewest lost seconds.

The best order of stages has first the fewest lost seconds, the sum over all changes of the largest intergreen
after a vehicle group that ends (stages that serve people on foot only are lost as a whole), then the fewest
stages, then the shortest intergreens after pedestrian groups. Where flows are known, lost seconds count as
shares of a cycle of 90 s and the sum of critical flow ratios is added: what is left is the spare capacity of the
junction (Webster's Y and L), which a split of every approach for itself, though it loses few seconds, does not
have. The number of stages is the least possible one, or one more where that is better. Every stage holds all
groups that can be added. No group ends while vehicles that it gives way to stay green; where that cannot be had
otherwise, those that give way to each other get stages of their own.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from signals.sequence import NO_MAXIMUM_S, Stage, StageSequence, forget_sequences
from signals.stage_search import best_stages
from signals.stage_solver import durations_exist
from signals.structure import Structure
from signals.variants import canonical, stage_orders, turn_variants
from signals.yellow_traps import yellow_trap
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from signals.junction import Junction

__all__ = ["forget_stages", "has_too_many_stages", "stage_sequences"]

Stages = tuple[Stage, ...]

_MOST_STAGES = 10
_ORDER, _PARTITION = 1, 2
_OTHER_ORDERS, _OTHER_PARTITIONS = 5, 2


def stage_sequences(
    junction: Junction, *, flows: NDArray[np.float64] | None = None, limit: int = 6
) -> tuple[StageSequence, ...]:
    """Return the best stage sequence of `junction` and up to `limit` - 1 alternatives, best first.

    Alternatives: left turns that lead or lag with a stage of their own, other orders of the stages, and other
    partitions. An order fixed by the engineer stands alone.

    Parameters
    ----------
    flows
        Flow ratio (flow over saturation flow) of each group; shape (groups,). Without them lost seconds
        come first.

    Raises
    ------
    InputError
        Where no sequence fits into the longest cycle, or the fixed order breaks a rule.
    """
    if limit < 1:
        raise InputError("must be 1 or more", field="limit", value=limit)
    if junction.fixed_order is not None:
        stages = tuple(
            Stage(frozenset(junction.group_index(name) for name in names)) for names in junction.fixed_order
        )
        fixed = StageSequence.of(junction, stages)
        _require_fitting(junction, [fixed])
        return (fixed,)
    fitting, others = _cached(Structure.of(junction, flows), limit)
    if not fitting:
        _require_fitting(junction, [StageSequence.of(junction, stages) for stages in others])
    return tuple(StageSequence.of(junction, stages) for stages in fitting)


def has_too_many_stages(junction: Junction, flows: NDArray[np.float64] | None = None) -> bool:
    """Return whether there are so many stages that looking for good sequences takes too long."""
    return Structure.of(junction, flows).reduced[0].is_large


def forget_stages() -> None:
    """Forget the sequences that were found before; for measurements of a search from nothing."""
    _cached.cache_clear()
    best_stages.cache_clear()
    forget_sequences()


def _fits(sequence: StageSequence) -> bool:
    """Whether some durations keep all bounds of the sequence and of the cycle."""
    bounded = bool((sequence.run_max_s < NO_MAXIMUM_S).any())
    return (not bounded and sequence.feasible(_stretched(sequence))) or durations_exist(sequence)


def _stretched(sequence: StageSequence) -> NDArray[np.int64]:
    durations = sequence.least_durations_s().astype(np.int64)
    durations[0] += max(sequence.junction.cycle_min_s - int(durations.sum()), 0)
    return durations


def _require_fitting(junction: Junction, sequences: list[StageSequence]) -> None:
    if any(_fits(sequence) for sequence in sequences):
        return
    least = min(int(sequence.least_durations_s().sum()) for sequence in sequences)
    raise InputError(
        f"its stages must fit into a cycle of {junction.cycle_min_s} to {junction.cycle_max_s} s",
        field=f"junction {junction.key}, stages",
        value=f"at least {least} s",
        hint="Change the bounds of the cycle or of the greens, or give long crossings a refuge",
    )


@lru_cache(maxsize=4096)
def _cached(structure: Structure, limit: int) -> tuple[tuple[Stages, ...], tuple[Stages, ...]]:
    """Stages of up to `limit` sequences, the best first, and those that were looked at in all."""
    best = _best(structure)
    if best is None:
        raise InputError(
            f"must have a sequence of at most {_MOST_STAGES} stages",
            field=f"junction {structure.junction.key}, stages",
            value=len(structure.junction.groups),
            hint="Split the junction in the overrides file",
        )
    found: dict[Stages, None] = {}
    fitting: list[Stages] = []
    for stages in chain([best], _alternatives(structure, best) if limit > 1 else ()):
        order = canonical(stages)
        if order in found or yellow_trap(structure.junction, order) is not None:
            continue
        found[order] = None
        if _fits(StageSequence.of(structure.junction, order)):
            fitting.append(order)
        if len(fitting) == limit:
            break
    return tuple(fitting), tuple(found)


def _best(structure: Structure) -> Stages | None:
    """Return the best sequence with the least possible number of stages or one more, if there is one.

    A model of n stages holds the sequences of fewer ones too, since a stage may be repeated at no cost.
    """
    for own in (structure, structure.protected):
        fewest = own.reduced[0].fewest_stages()
        if fewest >= _MOST_STAGES:
            return None
        best = _solve(own, fewest if fewest == 1 else fewest + 1)
        if best is not None:
            return best
    return None


def _alternatives(structure: Structure, best: Stages) -> Iterator[Stages]:
    """Yield alternatives by rank of usefulness, then the flow that they help, then lost seconds."""
    ranked: list[tuple[tuple[float, ...], Stages]] = []

    def add(rank: int, helped: float, stages: Stages) -> None:
        ranked.append(((rank, -helped, structure.lost_s(stages), len(ranked)), stages))

    for rank, protected, stages in turn_variants(structure.junction, best):
        add(rank, sum(structure.ratios[g] for g in protected), stages)
    for stages in sorted(stage_orders(best), key=structure.lost_s)[:_OTHER_ORDERS]:
        add(_ORDER, 0.0, stages)
    # Other partitions take a solver: they are looked for when what ranks before them is used up.
    ranked.sort(key=itemgetter(0))
    before = sum(key[0] < _PARTITION for key, _ in ranked)
    yield from (stages for _, stages in ranked[:before])
    if len(best) > 2:
        others = (_solve(structure, len(best), stage) for stage in best)
        for other in islice((other for other in others if other is not None), _OTHER_PARTITIONS):
            add(_PARTITION, 0.0, other)
    yield from (stages for _, stages in sorted(ranked[before:], key=itemgetter(0)))


def _solve(structure: Structure, count: int, without: Stage | None = None) -> Stages | None:
    """Return the best sequence of `count` stages (fewer where neighbours come out equal), or none."""
    reduced, sets = structure.reduced
    banned = None if without is None else tuple(members[0] in without.groups for members in sets)
    if not reduced.can_be_served(count, banned):
        return None
    found = best_stages(reduced, count, banned)
    if found is None:
        return None
    return canonical(tuple(Stage(frozenset(g for row in rows for g in sets[row])) for rows in found))
