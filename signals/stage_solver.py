"""Stages and durations by integer programming: what is too large to be tried out."""

from __future__ import annotations

from ortools.sat.python import cp_model

from signals.sequence import StageSequence
from signals.structure import WALK_WEIGHT, Reduced

__all__ = ["durations_exist", "solve_stages"]

Literals = list[list[cp_model.IntVar]]

_DETERMINISTIC_LIMIT = 1.0
_SOLVED = (cp_model.OPTIMAL, cp_model.FEASIBLE)


def durations_exist(sequence: StageSequence) -> bool:
    """Whether some durations keep all bounds of the sequence and of the cycle."""
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


def solve_stages(
    reduced: Reduced, count: int, banned: tuple[bool, ...] | None
) -> tuple[tuple[int, ...], ...] | None:
    """Return the rows in each of `count` stages; `banned` is a stage that may not be used."""
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
    per_second, per_change = reduced.second_weight, reduced.change_weight
    for k in range(count):
        stays, absent = [], []  # true unless the group ends, unless it starts at this change
        for row, no in zip(member, out, strict=True):
            follows = (k + 1) % count
            stay, quiet = model.new_bool_var(""), model.new_bool_var("")
            model.add_bool_or([stay.negated(), no[k], row[follows]])
            model.add_bool_or([quiet.negated(), row[k], no[follows]])
            stays.append(stay)
            absent.append(quiet)
        for weight, times in ((per_second, reduced.vehicle_s), (WALK_WEIGHT, reduced.walk_s)):
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
