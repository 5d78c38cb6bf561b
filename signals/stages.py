"""Stages by integer programming: every group served, no conflict, fewest lost seconds.

The model has a fixed number of stages in cyclic order and a variable for each group and stage. It minimises
first the lost seconds, the sum over all changes of the largest intergreen after a vehicle group that ends
(stages that serve people on foot only are lost as a whole), then the number of stages, then the intergreens
after pedestrian groups. Where flows are known, lost seconds count as shares of a cycle of 90 s and the sum of
critical flow ratios is added: what is left is the spare capacity of the junction (Webster's Y and L), which a
split of every approach for itself, though it loses few seconds, does not have. The number of stages is the
least possible one, or one more where that is better. Every stage holds all groups that can be added. No group
ends while vehicles that it gives way to stay green; where that cannot be had otherwise, those that give way
to each other get stages of their own.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
from ortools.sat.python import cp_model

from signals.sequence import NO_MAXIMUM_S, Stage, StageSequence, yellow_trap
from signals.structure import RATIO_UNIT, Reduced, Structure
from signals.variants import canonical, stage_orders, turn_variants
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from signals.junction import Junction

__all__ = ["stage_sequences"]

Literals = list[list[cp_model.IntVar]]
Stages = tuple[Stage, ...]

_DETERMINISTIC_LIMIT = 1.0
_SOLVED = (cp_model.OPTIMAL, cp_model.FEASIBLE)
_MOST_STAGES = 10
_LOST_WEIGHT = 10_000_000
_CHANGE_WEIGHT = 1_000_000
_WALK_WEIGHT = 1
_DESIGN_CYCLE_S = 90
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


def _fits(sequence: StageSequence) -> bool:
    """Whether some durations keep all bounds of the sequence and of the cycle."""
    bounded = bool((sequence.run_max_s < NO_MAXIMUM_S).any())
    if not bounded and sequence.feasible(_stretched(sequence)):
        return True
    junction, runs = sequence.junction, sequence.runs.tolist()
    count, longest = len(sequence), junction.cycle_max_s
    model = cp_model.CpModel()
    durations = [
        model.new_int_var(int(least), max(longest, int(least)), "") for least in sequence.min_stage_s
    ]
    model.add(sum(durations) >= junction.cycle_min_s)
    model.add(sum(durations) <= longest)
    for position, (_, first, last) in enumerate(runs):
        inside = [durations[k % count] for k in range(first, first + (last - first) % count + 1)]
        green = sum(inside) - int(sequence.end_gap_s[position])
        if not sequence.always_green[position]:
            model.add(green >= int(sequence.run_min_s[position]))
            model.add(green <= int(sequence.run_max_s[position]))
    return _solver().solve(model) in _SOLVED


def _solver() -> cp_model.CpSolver:
    """Return a solver that does the same on every machine: one thread, and a limit on its work, not on its time."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = _DETERMINISTIC_LIMIT
    return solver


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
    found = _solve_reduced(reduced, count, banned)
    if found is None:
        return None
    return canonical(tuple(Stage(frozenset(g for row in rows for g in sets[row])) for rows in found))


@lru_cache(maxsize=16384)
def _solve_reduced(
    reduced: Reduced, count: int, banned: tuple[bool, ...] | None
) -> tuple[tuple[int, ...], ...] | None:
    """Return the rows in each stage; `banned` is a stage that may not be used."""
    model = cp_model.CpModel()
    rows, stages = range(len(reduced.full)), range(count)
    member = [[model.new_bool_var("") for _ in stages] for _ in rows]
    out = [[literal.negated() for literal in row] for row in member]
    foes = [[h for h in rows if reduced.full[g][h]] for g in rows]
    oncoming = [[h for h in rows if reduced.gives_way[g][h]] for g in rows]
    for g in rows:
        model.add_bool_or(member[g])
        for k in stages:
            for h in foes[g]:
                if h < g:
                    model.add_bool_or([out[g][k], out[h][k]])
            model.add_bool_or([member[g][k], *(member[h][k] for h in foes[g])])
            follows = (k + 1) % count
            for h in oncoming[g]:
                model.add_bool_or([out[g][k], out[h][k], member[g][follows], out[h][follows]])
    for k in stages:
        if banned is not None:
            model.add_bool_or([out[g][k] for g in rows if banned[g]])
    model.add(member[0][0] == 1)
    model.minimize(sum(_lost(model, reduced, member, out) + _critical(model, reduced, member)))
    solver = _solver()
    solver.parameters.cp_model_presolve = False  # the models are too small to pay for it
    if solver.solve(model) not in _SOLVED:
        return None
    return tuple(tuple(g for g in rows if solver.boolean_value(member[g][k])) for k in stages)


def _lost(
    model: cp_model.CpModel, reduced: Reduced, member: Literals, out: Literals
) -> list[cp_model.LinearExpr]:
    """Weighted lost seconds and number of changes, and the intergreens after pedestrian groups."""
    count = len(member[0])
    cost: list[cp_model.LinearExpr] = []
    loaded = any(reduced.ratios)
    per_second = RATIO_UNIT // _DESIGN_CYCLE_S if loaded else _LOST_WEIGHT
    per_change = per_second // 10 if loaded else _CHANGE_WEIGHT
    for k in range(count):
        stays, absent = [], []  # true unless the group ends, unless it starts at this change
        for row, no in zip(member, out, strict=True):
            follows = (k + 1) % count
            stay, quiet = model.new_bool_var(""), model.new_bool_var("")
            model.add_bool_or([stay.negated(), no[k], row[follows]])
            model.add_bool_or([quiet.negated(), row[k], no[follows]])
            stays.append(stay)
            absent.append(quiet)
        for weight, times in ((per_second, reduced.vehicle_s), (_WALK_WEIGHT, reduced.walk_s)):
            cost += [weight * step for step in _longest(model, times, stays, absent)]
        change = model.new_bool_var("")
        for stay in stays:
            model.add_bool_or([stay, change])
        cost.append(per_change * change)
        on_foot = model.new_bool_var("")
        served = [row[k] for row, vehicle in zip(member, reduced.vehicles, strict=True) if vehicle]
        model.add_bool_or([on_foot, *served])
        cost.append(per_second * reduced.walking_stage_s * on_foot)
    return cost


def _longest(
    model: cp_model.CpModel,
    times: tuple[tuple[int, ...], ...],
    stays: list[cp_model.IntVar],
    absent: list[cp_model.IntVar],
) -> list[cp_model.LinearExpr]:
    """Terms that add up to the largest intergreen of a change: steps from one possible value to the next."""
    pairs: dict[int, list[tuple[int, int]]] = {}
    for g, row in enumerate(times):
        for h, level in enumerate(row):
            if level > 0:
                pairs.setdefault(level, []).append((g, h))
    terms: list[cp_model.LinearExpr] = []
    below, longer = 0, None
    for level in sorted(pairs):
        reached = model.new_bool_var("")
        if longer is not None:
            model.add_implication(reached, longer)
        terms.append((level - below) * reached)
        below, longer = level, reached
        for g, h in pairs[level]:
            model.add_bool_or([stays[g], absent[h], reached])
    return terms


def _critical(model: cp_model.CpModel, reduced: Reduced, member: Literals) -> list[cp_model.LinearExpr]:
    """Shares of the cycle that give each group its flow ratio, in parts of `RATIO_UNIT`."""
    loaded = [g for g, ratio in enumerate(reduced.ratios) if ratio > 0]
    if not loaded:
        return []
    shares = [model.new_int_var(0, max(reduced.ratios), "") for _ in member[0]]
    for g in loaded:
        served = []
        for share, literal in zip(shares, member[g], strict=True):
            part = model.new_int_var(0, reduced.ratios[g], "")
            model.add(part <= share)
            model.add(part <= reduced.ratios[g] * literal)
            served.append(part)
        model.add(sum(served) >= reduced.ratios[g])
    return [share + 0 for share in shares]
