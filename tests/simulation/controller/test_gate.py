"""The last gate against the plan class and an independent judge: what they refuse it refuses, nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from signals.junction import GroupKind
from signals.plan import Stage, StageSequence
from signals.wire import plan_from_dict, plan_to_dict
from simulation.controller.gate import checked_plan
from simulation.controller.lamps import cycle_rows
from tests.signals.hand_plans import crossroads_junction, crossroads_plans
from tests.signals.junctions import random_junction, random_stages
from tests.signals.ref_expand import faults
from tests.signals.ref_expand import tables_of as judged_tables
from tests.signals.test_plan_mutations import _mutate
from tests.simulation.controller.tables_for_tests import plan_document, tables_of
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from signals.junction import Junction

COUNT = int(os.environ.get("JASYL_PLANS", "10000"))


def mutated_plans(seed: int, count: int) -> Iterator[tuple[Junction, tuple]]:
    """Plans of random junctions with one to three changes each, about a fifth of them still safe."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        junction = random_junction(rng)
        stages = random_stages(junction, rng)
        try:
            sequence = StageSequence.of(junction, [Stage(frozenset(s)) for s in stages])
        except InputError:
            continue
        base = sequence.least_durations_s() + rng.integers(0, 12, len(sequence))
        for _ in range(10):
            yield junction, _mutate(junction, stages, base.tolist(), rng)
            made += 1


def test_the_gate_agrees_with_the_plan_class_and_with_the_judge() -> None:
    safe = 0
    tables, last = None, None
    for junction, mutant in mutated_plans(20_260_102, COUNT):
        if junction is not last:
            tables, judged, last = tables_of(junction), judged_tables(junction), junction
        document = plan_document(junction, *mutant)
        gate = _error(lambda: checked_plan(document, tables))  # noqa: B023 - called at once
        plan = _error(lambda: plan_from_dict(document, {junction.key: junction}))  # noqa: B023
        wrong = faults(judged, *mutant)
        assert bool(gate) == bool(plan) == bool(wrong), (gate, plan, wrong, document)
        safe += not gate
    assert COUNT / 10 < safe < COUNT * 0.9


def _error(call) -> str:
    try:
        call()
    except InputError as error:
        return str(error)
    return ""


def test_what_is_shown_is_what_the_plan_class_shows() -> None:
    shown = 0
    for junction, mutant in mutated_plans(3, 600):
        document = plan_document(junction, *mutant)
        if _error(lambda: plan_from_dict(document, {junction.key: junction})):  # noqa: B023
            continue
        expected = plan_from_dict(document, {junction.key: junction}).expand()
        rows = cycle_rows(checked_plan(document, tables_of(junction)))
        assert np.array_equal(np.array([list(row) for row in rows], dtype=np.uint8).T, expected)
        shown += 1
    assert shown > 60


def _crossroads(**changes: object) -> dict:
    return plan_to_dict(crossroads_plans()[0]) | changes


def _stages(*rows: tuple[list[str], object]) -> list[dict]:
    return [{"groups": groups, "duration_s": duration} for groups, duration in rows]


STREET, CROSS = ["NS", "NS-L", "P-E"], ["EW", "EW-L"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"junction": "other"}, "junction: must be that of this controller's tables"),
        ({"digest": "0"}, "digest: must be that of this controller's tables"),
        ({"cycle_s": 80.0}, "cycle_s: must be a whole number"),
        ({"cycle_s": True}, "cycle_s: must be a whole number"),
        ({"cycle_s": 29}, "cycle_s: must be from 30 to 120"),
        ({"cycle_s": 10**400}, "cycle_s: must be from 30 to 120"),
        ({"offset_s": 80}, "offset_s: must be from 0 to 79"),
        ({"offset_s": None}, "offset_s: must be a whole number"),
        ({"version": 0}, "version: must be 1 or more"),
        ({"name": 3}, "name: must be text"),
        ({"stages": {}}, "stages: must be a list"),
        ({"stages": []}, "must add up to the cycle"),
        ({"colour": 1}, "plan: must be a known key"),
        ({"stages": _stages((["NS", "XX"], 80))}, "must be a signal group of the tables"),
        ({"stages": _stages(([["NS"]], 80))}, "must be a signal group of the tables"),
        ({"stages": _stages((["NS", "NS"], 80))}, "must not name a group twice"),
        ({"stages": _stages(([], 80))}, "must name a signal group"),
        ({"stages": _stages((STREET, 40), (STREET, 40))}, "must differ from the stage before it"),
        ({"stages": _stages((STREET, 40), (CROSS, 41))}, "must add up to the cycle of 80 s"),
        ({"stages": _stages((STREET, 81), (CROSS, -1))}, "must be 1 or more"),
        ({"stages": _stages((STREET, 80))}, "must be green in some stage"),
        ({"stages": _stages((STREET + CROSS, 80))}, "must never be green together"),
        ({"stages": _stages((STREET, 73), (CROSS, 7))}, "must be green for 5 s or more"),
        ({"stages": _stages((STREET, 14), (CROSS, 66))}, "must be green together in the first second"),
        (
            {"stages": _stages((["NS", "NS-L", "P-E"], 39), (["NS"], 6), (CROSS, 35))},
            "groups NS-L and NS: must not end while the other",
        ),
        (
            {"stages": _stages((STREET, 35), (["NS-L"], 6), (CROSS, 39))},
            "groups P-E and EW: must be 14 s or more from the end of the one to the start of the other",
        ),
    ],
)
def test_each_rule_has_its_sentence(changes: dict, rule: str) -> None:
    with pytest.raises(InputError) as caught:
        checked_plan(_crossroads(**changes), tables_of(crossroads_junction()))
    assert rule in str(caught.value)


def test_the_plan_by_hand_is_accepted() -> None:
    plan = checked_plan(_crossroads(), tables_of(crossroads_junction()))
    # The walk needs 14 s to the start of EW, of which the stage of NS-L alone gives 15.
    assert plan.windows == (((0, 30),), ((0, 40),), ((45, 75),), ((45, 75),), ((0, 30),))
    assert plan.starts_s == (0, 30, 45)
    assert not plan.always


@pytest.mark.parametrize("value", [None, 1, "plan", [], {"stages": 1}])
def test_what_is_no_plan_is_refused(value: object) -> None:
    with pytest.raises(InputError):
        checked_plan(value, tables_of(crossroads_junction()))


def test_tables_of_other_groups_refuse_what_the_junction_would_not() -> None:
    """The gate goes by its own tables: a longer intergreen in them is all that it takes."""
    junction = crossroads_junction()
    longer = junction.intergreen_s.copy()
    longer[0, 2] = 16
    with pytest.raises(InputError, match="16 s or more"):
        checked_plan(_crossroads(), tables_of(junction, intergreen_s=longer.tolist()))
    assert junction.groups[4].kind == GroupKind.PEDESTRIAN
