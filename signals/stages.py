"""Stages by integer programming: every group served, no conflict, fewest lost seconds.

The model has a fixed number of stages in cyclic order and a variable for each group and stage. It minimises
first the lost seconds, the sum over all changes of the largest intergreen after a vehicle group that ends
(stages that serve people on foot only are lost as a whole), then the number of stages, then the intergreens
after pedestrian groups. Where flows are known, lost seconds count as shares of a cycle of 90 s and the sum of
critical flow ratios is added: what is left is the spare capacity of the junction (Webster's Y and L), which a
split of every approach for itself, though it loses few seconds, does not have. The number of stages is the
least possible one, or one more where that is better. Every stage holds all groups that can be added.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from ortools.sat.python import cp_model

from signals.junction import Conflict, GroupKind
from signals.sequence import NO_MAXIMUM_S, Stage, StageSequence, walking_stage_s
from signals.variants import canonical, stage_orders, turn_variants
from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.junction import Junction

__all__ = ["stage_sequences"]

Literals = list[list[cp_model.IntVar]]
Stages = tuple[Stage, ...]

_DETERMINISTIC_LIMIT = 1.0
_MOST_STAGES = 10
_LOST_WEIGHT = 10_000_000
_CHANGE_WEIGHT = 1_000_000
_WALK_WEIGHT = 1
_DESIGN_CYCLE_S = 90
_RATIO_UNIT = 90_000
_RATIO_STEP = 1_800  # flow ratios are rounded to 0.02, so that like junctions share their stages
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
    fitting, others = _cached(_Structure.of(junction, flows), limit)
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
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    return bool(solver.solve(model) in (cp_model.OPTIMAL, cp_model.FEASIBLE))


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


class _Structure:
    """A junction as far as its stages depend on it; equal structures share their stages."""

    def __init__(self, junction: Junction, ratios: tuple[int, ...], key: bytes) -> None:
        self.junction = junction
        self.ratios = ratios
        self.key = key
        self.vehicles = [group.kind == GroupKind.VEHICLE for group in junction.groups]
        self.full = junction.conflict == Conflict.FULL

    @classmethod
    def of(cls, junction: Junction, flows: NDArray[np.float64] | None) -> _Structure:
        size = len(junction.groups)
        values = np.zeros(size) if flows is None else np.asarray(flows, dtype=np.float64)
        if values.shape != (size,) or not np.isfinite(values).all() or (values < 0).any():
            rule = f"must be {size} finite flow ratios, 0 or more"
            raise InputError(rule, field=f"junction {junction.key}, flows", value=values.tolist())
        steps = np.rint(np.minimum(values, 1.0) * (_RATIO_UNIT / _RATIO_STEP)).astype(np.int64)
        ratios = tuple((steps * _RATIO_STEP).tolist())
        timing = [(g.kind, g.min_green_s, g.max_green_s, g.yellow_s, g.red_amber_s) for g in junction.groups]
        text = repr((timing, ratios, junction.cycle_min_s, junction.cycle_max_s)).encode()
        return cls(junction, ratios, text + junction.conflict.tobytes() + junction.intergreen_s.tobytes())

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Structure) and self.key == other.key

    @cached_property
    def reduced(self) -> tuple[_Reduced, list[list[int]]]:
        """The structure with equal groups joined, and the groups behind each of its rows."""
        return _Reduced.of(self)

    def fewest_stages(self) -> int:
        """Size of a set of groups that all conflict with each other: no sequence has fewer stages."""
        best = 1
        for first in range(len(self.full)):
            members = [first]
            for group in np.argsort(-self.full.sum(axis=1), kind="stable").tolist():
                if all(self.full[group, m] for m in members):
                    members.append(group)
            best = max(best, len(members))
        return best


@dataclass(frozen=True)
class _Reduced:
    """A structure whose groups of equal full conflicts are one.

    Such groups are in the same stages, since every stage holds all groups that fit into it. Matrices are in
    rows; intergreens are the longest of the groups that were joined.
    """

    full: tuple[tuple[bool, ...], ...]
    vehicle_s: tuple[tuple[int, ...], ...]
    walk_s: tuple[tuple[int, ...], ...]
    vehicles: tuple[bool, ...]
    ratios: tuple[int, ...]
    walking_stage_s: int

    @classmethod
    def of(cls, structure: _Structure) -> tuple[_Reduced, list[list[int]]]:
        """Return the reduced structure and the groups behind each of its rows."""
        joined: dict[bytes, list[int]] = {}
        for group, row in enumerate(structure.full):
            joined.setdefault(row.tobytes(), []).append(group)
        sets = list(joined.values())
        first = [members[0] for members in sets]
        vehicle = np.array(structure.vehicles)
        order = [g for members in sets for g in members]
        begin = np.cumsum([0, *(len(members) for members in sets[:-1])])

        def longest(mask: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
            times = np.where(mask[:, None], structure.junction.intergreen_s, 0)[order][:, order]
            times = np.maximum.reduceat(np.maximum.reduceat(times, begin, axis=0), begin, axis=1)
            return tuple(map(tuple, times.tolist()))

        reduced = cls(
            full=tuple(map(tuple, structure.full[np.ix_(first, first)].tolist())),
            vehicle_s=longest(vehicle),
            walk_s=longest(~vehicle),
            vehicles=tuple(bool(vehicle[members].any()) for members in sets),
            ratios=tuple(
                max(structure.ratios[g] if structure.vehicles[g] else 0 for g in members) for members in sets
            ),
            walking_stage_s=walking_stage_s(structure.junction),
        )
        return reduced, sets


@lru_cache(maxsize=4096)
def _cached(structure: _Structure, limit: int) -> tuple[tuple[Stages, ...], tuple[Stages, ...]]:
    """Stages of up to `limit` sequences, the best first, and those that were looked at in all."""
    best = _best(structure)
    if best is None:
        raise InputError(
            f"must have a sequence of at most {_MOST_STAGES} stages",
            field=f"junction {structure.junction.key}, stages",
            value=len(structure.junction.groups),
            hint="Split the junction in the overrides file",
        )
    found = [best, *(_alternatives(structure, best) if limit > 1 else [])]
    found = list(dict.fromkeys(canonical(stages) for stages in found))
    fitting = (stages for stages in found if _fits(StageSequence.of(structure.junction, stages)))
    return tuple(islice(fitting, limit)), tuple(found)


def _best(structure: _Structure) -> Stages | None:
    """Return the best sequence with the least possible number of stages or one more, if there is one.

    A model of n stages holds the sequences of fewer ones too, since a stage may be repeated at no cost.
    """
    fewest = structure.fewest_stages()
    for count in range(fewest, _MOST_STAGES):
        solution = _solve(structure, count if fewest == 1 else count + 1)
        if solution is None:
            continue
        if len(solution) <= count or _solve(structure, count) is not None:
            return solution
    return None


def _alternatives(structure: _Structure, best: Stages) -> list[Stages]:
    """Alternatives by rank of usefulness, then the flow that they help, then lost seconds."""
    ranked: list[tuple[tuple[float, ...], Stages]] = []

    def add(rank: int, helped: float, stages: Stages) -> None:
        lost = StageSequence.of(structure.junction, stages).lost_s
        ranked.append(((rank, -helped, lost, len(ranked)), stages))

    for rank, protected, stages in turn_variants(structure.junction, best):
        add(rank, sum(structure.ratios[g] for g in protected), stages)
    orders = sorted(stage_orders(best), key=lambda order: StageSequence.of(structure.junction, order).lost_s)
    for stages in orders[:_OTHER_ORDERS]:
        add(_ORDER, 0.0, stages)
    if len(best) > 2:
        others = (_solve(structure, len(best), stage) for stage in best)
        for other in islice((other for other in others if other is not None), _OTHER_PARTITIONS):
            add(_PARTITION, 0.0, other)
    return [stages for _, stages in sorted(ranked, key=lambda item: item[0])]


def _solve(structure: _Structure, count: int, without: Stage | None = None) -> Stages | None:
    """Return the best sequence of `count` stages (fewer where neighbours come out equal), or none."""
    reduced, sets = structure.reduced
    banned = None if without is None else tuple(members[0] in without.groups for members in sets)
    found = _solve_reduced(reduced, count, banned)
    if found is None:
        return None
    return canonical(tuple(Stage(frozenset(g for row in rows for g in sets[row])) for rows in found))


@lru_cache(maxsize=16384)
def _solve_reduced(
    reduced: _Reduced, count: int, banned: tuple[bool, ...] | None
) -> tuple[tuple[int, ...], ...] | None:
    """Return the rows in each stage; `banned` is a stage that may not be used."""
    model = cp_model.CpModel()
    rows, stages = range(len(reduced.full)), range(count)
    member = [[model.new_bool_var("") for _ in stages] for _ in rows]
    out = [[literal.negated() for literal in row] for row in member]
    foes = [[h for h in rows if reduced.full[g][h]] for g in rows]
    for g in rows:
        model.add_bool_or(member[g])
        for k in stages:
            for h in foes[g]:
                if h < g:
                    model.add_bool_or([out[g][k], out[h][k]])
            model.add_bool_or([member[g][k], *(member[h][k] for h in foes[g])])
    for k in stages:
        if banned is not None:
            model.add_bool_or([out[g][k] for g in rows if banned[g]])
    model.add(member[0][0] == 1)
    model.minimize(sum(_lost(model, reduced, member, out) + _critical(model, reduced, member)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = _DETERMINISTIC_LIMIT
    solver.parameters.cp_model_presolve = False  # the models are too small to pay for it
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return tuple(tuple(g for g in rows if solver.boolean_value(member[g][k])) for k in stages)


def _lost(
    model: cp_model.CpModel, reduced: _Reduced, member: Literals, out: Literals
) -> list[cp_model.LinearExpr]:
    """Weighted lost seconds and number of changes, and the intergreens after pedestrian groups."""
    count = len(member[0])
    cost: list[cp_model.LinearExpr] = []
    loaded = any(reduced.ratios)
    per_second = _RATIO_UNIT // _DESIGN_CYCLE_S if loaded else _LOST_WEIGHT
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


def _critical(model: cp_model.CpModel, reduced: _Reduced, member: Literals) -> list[cp_model.LinearExpr]:
    """Shares of the cycle that give each group its flow ratio, in parts of `_RATIO_UNIT`."""
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
