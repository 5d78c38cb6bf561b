"""Mutated plans: the plan class accepts what an independent second-by-second expansion finds safe, nothing else."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from signals import sequence
from signals.junction import GroupKind
from signals.plan import Plan, Stage, StageSequence
from tests.signals.junctions import random_junction, random_stages
from tests.signals.ref_expand import faults, tables_of
from traffic.errors import InputError

if TYPE_CHECKING:
    from signals.junction import Junction

COUNT = int(os.environ.get("JASYL_PLANS", "10000"))
_NOT_WHOLE = (float("nan"), float("inf"), None, True, "20", 20.0, 20.5)

# Every rule that a plan can break, by the words of `ref_expand.faults`.
_KINDS = {
    "whole numbers": "whole numbers",
    "missing duration or empty stage": "stages and durations",
    "unknown group": "unknown group",
    "cycle bounds": "cycle bounds",
    "offset": "offset",
    "durations": "durations",
    "repeated stage": "a stage that changes nothing",
    "conflict": r"\d+ and \d+ green together",
    "never green": r"\d+ never green",
    "not green in its stage": r"\d+ is not green in its stage",
    "green for ever": r"\d+ green for ever",
    "yellow trap": r"\d+ ends before \d+",
    "minimum green": r"\d+ green for \d+ s only",
    "maximum green": r"\d+ green for \d+ s",
    "intergreen over the end of the cycle": r"\d+ starts too soon after \d+, over the end of the cycle",
    "pedestrian clearance": r"\d+ starts too soon after (?P<walk>\d+)",
    "intergreen": r"\d+ starts too soon after \d+",
}


def _kinds(junction: Junction, wrong: list[str]) -> set[str]:
    found = set()
    for fault in wrong:
        for kind, pattern in _KINDS.items():
            match = re.fullmatch(pattern, fault)
            walk = match and match.groupdict().get("walk")
            if match and (walk is None or junction.groups[int(walk)].kind == GroupKind.PEDESTRIAN):
                found.add(kind)
                break
        else:
            pytest.fail(f"no kind of fault: {fault}")
    return found


def _mutate(
    junction: Junction, stages: list[set[int]], durations: list[int], rng: np.random.Generator
) -> tuple[list[set[int]], list, object, object]:
    """Change a plan in one to three places, most of them small; break a number of some."""
    stages, durations = [set(s) for s in stages], list(durations)
    offset = int(rng.integers(0, max(sum(durations), 1)))
    for _ in range(int(rng.integers(1, 4))):
        k, other = (int(v) for v in rng.integers(0, len(stages), 2))
        g = int(rng.integers(0, len(junction.groups)))
        match int(rng.integers(0, 12)):
            case 0 | 1 | 2:
                durations[k] += int(rng.integers(-6, 7))
            case 3 | 4:
                step = int(rng.integers(1, 9))
                durations[k] -= step
                durations[other] += step
            case 5:
                stages[k] ^= {g}
            case 6:
                row: list = stages if rng.random() < 0.5 else durations
                row[k], row[other] = row[other], row[k]
            case 7:
                stages.insert(k, {h for h in stages[k] if rng.random() < 0.7})
                durations.insert(k, int(rng.integers(0, 12)))
            case 8 if len(stages) > 1:
                del stages[k], durations[k]
            case 9:
                for stage in stages:
                    stage.add(g)
            case 10:
                stages[k].discard(g)
                stages[other].add(g)
            case 11:  # the walks end first, their clearance may be cut short
                stages.insert(k + 1, {h for h in stages[k] if junction.groups[h].kind == GroupKind.VEHICLE})
                durations.insert(k + 1, int(rng.integers(1, 8)))
    cycle = sum(durations)
    if rng.random() < 0.1:
        return _spoil(junction, stages, durations, cycle, offset, rng)
    return stages, durations, cycle, offset


def _spoil(
    junction: Junction,
    stages: list[set[int]],
    durations: list,
    cycle: int,
    offset: object,
    rng: np.random.Generator,
) -> tuple[list[set[int]], list, object, object]:
    """Break the type or the range of one number."""
    k = int(rng.integers(len(durations)))
    odd = _NOT_WHOLE[int(rng.integers(len(_NOT_WHOLE)))]
    match int(rng.integers(0, 10)):
        case 0:
            durations[k] = odd
        case 1:
            offset = odd
        case 2:
            return stages, durations, odd, offset
        case 3:
            durations[k] = float(durations[k])
        case 4:
            durations[k] -= cycle
            durations[k - 1] += cycle
        case 5:
            offset = (-1, cycle, cycle + 7, -cycle)[int(rng.integers(4))]
        case 6:
            durations = [d * 4 for d in durations]
            return stages, durations, sum(durations), offset
        case 7:
            stages[k].add((-1, len(junction.groups), 99)[int(rng.integers(3))])
        case 8:
            durations.pop()
        case 9:
            return stages, durations, cycle + int(rng.choice((-1, 1))), offset
    return stages, durations, cycle, offset


def _refused(
    junction: Junction, stages: list[set[int]], durations: list, cycle: object, offset: object
) -> str:
    """Return the error that the plan class raises, or nothing."""
    try:
        Plan(junction, cycle, offset, tuple(Stage(frozenset(s)) for s in stages), tuple(durations))  # type: ignore[arg-type]
    except InputError as error:
        return str(error)
    return ""


def _compare(seed: int, count: int) -> tuple[int, Counter[str]]:
    """Judge `count` mutated plans twice; return how many were safe, and those that broke one rule only by rule."""
    rng = np.random.default_rng(seed)
    judged = safe = 0
    alone: Counter[str] = Counter()
    while judged < count:
        junction = random_junction(rng)
        tables = tables_of(junction)
        stages = random_stages(junction, rng)
        try:
            made = StageSequence.of(junction, [Stage(frozenset(s)) for s in stages])
        except InputError:
            continue
        base = made.least_durations_s() + rng.integers(0, 12, len(made))
        for _ in range(10):
            plan = _mutate(junction, stages, base.tolist(), rng)
            wrong = faults(tables, *plan)
            refused = _refused(junction, *plan)
            assert bool(wrong) == bool(refused), (wrong, refused, seed, judged, plan, tables)
            kinds = _kinds(junction, wrong)
            judged, safe = judged + 1, safe + (not wrong)
            alone.update(kinds if len(kinds) == 1 else ())
    return safe, alone


def test_unsafe_mutants_are_refused_and_safe_ones_accepted() -> None:
    safe, alone = _compare(seed=20_260_101, count=COUNT)
    assert safe > COUNT / 10
    few = {kind: alone[kind] for kind in _KINDS if alone[kind] < COUNT / 5000}
    assert not few, f"too few mutants that break this rule alone: {few}"


def test_the_judge_notices_yellow_traps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence, "check_yellow_traps", lambda _junction, _stages: None)
    with pytest.raises(AssertionError, match="assert True == False"):
        _compare(seed=5, count=5000)


@pytest.mark.parametrize("gate", ["_check_times", "_check_greens", "_check_intergreens"])
def test_the_judge_notices_a_missing_gate(gate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Plan, gate, lambda _plan, _where: None)
    with pytest.raises(AssertionError, match="assert True == False"):
        _compare(seed=5, count=5000)
