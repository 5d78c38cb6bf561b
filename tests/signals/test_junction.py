"""Junctions: what cannot be constructed, and what their digest depends on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from signals.junction import Conflict, GroupKind, Junction, SignalGroup
from traffic.errors import InputError

VEHICLE = SignalGroup("V", GroupKind.VEHICLE, (4, 5), (), 7, None, 3, 4, 2)
WALK = SignalGroup("P", GroupKind.PEDESTRIAN, (), (1,), 7, 30, 3, 0, 0)


def _junction(**changes: object) -> Junction:
    values = {
        "index": 0,
        "key": "k",
        "name": "K",
        "groups": (VEHICLE, WALK),
        "conflict": [[0, 2], [2, 0]],
        "intergreen_s": [[0, 6], [9, 0]],
        "cycle_min_s": 40,
        "cycle_max_s": 120,
    }
    return Junction(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"groups": ()}, "a junction needs a signal group"),
        ({"groups": (VEHICLE, VEHICLE)}, r"groups.name: must not appear in two signal groups \(got 'V'\)"),
        ({"groups": (VEHICLE, replace(VEHICLE, name="W"))}, r"groups.movements: must not appear .*got 4"),
        ({"conflict": [[0]]}, "conflict: must be 2 x 2"),
        ({"conflict": [[0, 3], [3, 0]]}, "must be a Conflict"),
        ({"conflict": [[2, 2], [2, 0]]}, "a group cannot conflict with itself"),
        ({"conflict": [[0, 2], [0, 0]]}, "a full conflict must hold both ways"),
        ({"conflict": [[0, 0], [1, 0]]}, "pedestrians never yield at a signal"),
        ({"intergreen_s": [[0, 6], [-1, 0]]}, "must be 0 s or more"),
        ({"intergreen_s": [[0, 3], [9, 0]]}, "must be at least the yellow of the group that ends"),
        ({"intergreen_s": [[0, 6], [1, 0]]}, "must be at least the red-amber of the group that starts"),
        ({"cycle_min_s": 0}, "cycle_min_s: must be from 1 to cycle_max_s"),
        ({"cycle_min_s": 121}, "cycle_min_s: must be from 1 to cycle_max_s, 120"),
    ],
)
def test_junction_that_breaks_a_rule(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        _junction(**changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"min_green_s": 0}, "V.min_green_s: must be 1 s or more"),
        ({"yellow_s": -1}, "V.yellow_s: must be 0 s or more"),
        ({"max_green_s": 6}, "V.max_green_s: must be at least the minimum green of 7 s"),
        ({"min_green_s": 2}, "V.flashing_green_s: must fit into the minimum green of 2 s"),
    ],
)
def test_group_that_breaks_a_rule(changes: dict[str, int], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        replace(VEHICLE, **changes)  # type: ignore[arg-type]


def test_groups_with_left_turns_in_shared_lanes_yield_to_each_other() -> None:
    groups = (VEHICLE, replace(VEHICLE, name="W", movements=(6,)))
    junction = _junction(groups=groups, conflict=[[0, 1], [1, 0]])
    assert (junction.conflict + junction.conflict.T == 2 * Conflict.YIELD).sum() == 2


def test_digest_depends_on_what_makes_a_plan_safe_and_on_nothing_else() -> None:
    base = _junction().digest
    assert _junction().digest == base
    assert _junction(index=7, name="Other", locked=True).digest == base
    moved = (replace(VEHICLE, movements=(14, 15)), replace(WALK, crossings=(3,)))
    assert _junction(groups=moved).digest == base
    changes = (
        {"key": "l"},
        {"cycle_max_s": 100},
        {"cycle_min_s": 41},
        {"intergreen_s": [[0, 7], [9, 0]]},
        {"conflict": [[0, 1], [0, 0]]},
        {"groups": (replace(VEHICLE, min_green_s=8), WALK)},
        {"groups": (replace(VEHICLE, max_green_s=80), WALK)},
        {"groups": (replace(VEHICLE, yellow_s=5), WALK)},
        {"groups": (replace(VEHICLE, movements=(4,)), WALK)},
    )
    digests = {_junction(**change).digest for change in changes}
    assert len(digests) == len(changes)
    assert base not in digests


def test_group_index_by_name() -> None:
    assert _junction().group_index("P") == 1
    with pytest.raises(InputError, match=r"must be a signal group of the junction \(got 'Q'\). It has V, P"):
        _junction().group_index("Q")


def test_matrices_are_frozen() -> None:
    junction = _junction(conflict=np.array([[0, 2], [2, 0]]))
    with pytest.raises(ValueError, match="read-only"):
        junction.conflict[0, 1] = 0
