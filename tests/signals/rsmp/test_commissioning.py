"""Capability files against junctions: what passes can be set to nothing that is unsafe."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.junction import Conflict
from signals.rsmp.capability import Band, SiteGroup
from signals.rsmp.commissioning import require_junction
from signals.rsmp.mapping import mapped, shown
from signals.wire import plan_from_dict
from tests.signals.rsmp.sites import EW, NS, settings_of, site, stored_plans, two_stages
from traffic.errors import InputError

_PAIRS = [pair for one in NS for other in EW for pair in ((one, other), (other, one))]
_FIVE = dict.fromkeys(_PAIRS, 5)


def _site(*plans, **changes):
    return site(*plans, **{"intergreens": _FIVE, **changes})


def test_a_controller_as_safe_as_its_junction(crossing):
    junction = crossing(intergreen_s=5)
    assert junction.conflict[0, 2] == Conflict.FULL
    require_junction(_site(), junction)
    require_junction(_site(intergreens=dict.fromkeys(_PAIRS, 7)), junction)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"intergreens": {**_FIVE, ("N", "E"): 4}}, "intergreen from N to E: must be 5 s or more"),
        ({"intergreens": {}}, "must be 5 s or more"),
        ({"junction": "osm:2"}, "must be osm:2"),
        ({"groups": (*site().groups, SiteGroup("X"))}, "signal groups of both"),
        ({"plans": (two_stages(1, stages=(NS | {"E"}, EW)),)}, "full conflict"),
        ({"plans": (two_stages(1, stages=(NS, frozenset({"E"}))),)}, "every signal group"),
        (
            {"plans": (two_stages(1, cycle_range_s=(29, 90), base_s=(14, 14)),)},
            "plan 1, cycle: must be within 30",
        ),
        ({"plans": (two_stages(1, cycle_range_s=(40, 151)),)}, "plan 1, cycle: must be within 30"),
        # 5 s of green and 5 s of intergreen are 10 s; 9 s in a stage are too few, and its band does not add any.
        ({"plans": (two_stages(1, base_s=(9, 20)),)}, "stage 1: must be 10 s or more"),
        ({"plans": (two_stages(1, base_s=(15, 9)),)}, "stage 2: must be 10 s or more"),
        # By its own 12 s the controller shows too short a green, though by the junction's 5 s all is well.
        ({"intergreens": dict.fromkeys(_PAIRS, 12)}, "must be 17 s or more"),
    ],
)
def test_what_is_not_safe_is_named(crossing, changes, said):
    with pytest.raises(InputError) as caught:
        require_junction(_site(**changes), crossing(intergreen_s=5))
    assert said in str(caught.value)


def test_a_green_that_a_band_or_a_long_cycle_makes_too_long_is_found(crossing):
    """At most 60 s of green: a stage of 65 s with its intergreen of 5 s."""
    junction = crossing(intergreen_s=5, max_green_s=60)
    plan = two_stages(
        1, base_s=(15, 20), cycle_range_s=(60, 85)
    )  # stage 1 from 15 to 65 s, stage 2 from 20 to 70 s
    with pytest.raises(InputError, match="green of E: must be 60 s or less"):
        require_junction(_site(plan), junction)
    require_junction(_site(replace(plan, cycle_range_s=(60, 80))), junction)
    with pytest.raises(InputError, match="green of N: must be 60 s or less"):
        require_junction(_site(replace(plan, cycle_range_s=(60, 86))), junction)
    fixed = replace(
        plan, remainder=None, base_s=(15, 45), bands=(Band(1, 1, 0, 51),), cycle_range_s=(60, 120)
    )
    with pytest.raises(InputError, match=r"green of N: must be 60 s or less \(got 61\)"):
        require_junction(_site(fixed), junction)
    require_junction(_site(replace(fixed, bands=(Band(1, 1, 0, 50),))), junction)


@settings(max_examples=150)
@given(st.data())
def test_whatever_a_controller_that_passed_is_set_to_is_a_safe_plan(crossing, data):
    junction = crossing(
        intergreen_s=data.draw(st.integers(3, 6)),
        max_green_s=data.draw(st.none() | st.integers(20, 90)),
        cycle_max_s=255,
    )
    stages = data.draw(st.sampled_from([(NS, EW), (NS, frozenset({"N"}), EW), (frozenset({"S"}), NS, EW)]))
    drawn = data.draw(stored_plans(1, stages=stages, base_s=data.draw(st.sampled_from([6, 11, 15]))))
    longer = data.draw(st.integers(0, 3))
    green = {pair: int(junction.intergreen_s.max()) + longer for pair in _PAIRS}
    capability = _site(drawn, intergreens=green)
    try:
        require_junction(capability, junction)
    except InputError:
        return
    plan = data.draw(settings_of(drawn))
    try:
        document = shown(plan, capability, digest=junction.digest)
    except InputError:
        return
    plan_from_dict(document, {junction.key: junction})  # raises for anything unsafe


@settings(max_examples=150)
@given(st.data())
def test_no_document_gets_an_unsafe_plan_into_a_controller_that_passed(crossing, data):
    """Mutated documents: where one is mapped at all, what the controller then runs is safe and is the document."""
    junction = crossing(intergreen_s=5)
    capability = _site()
    require_junction(capability, junction)
    stages = data.draw(st.lists(st.sets(st.sampled_from("NESW"), min_size=1), min_size=1, max_size=3))
    if data.draw(st.integers(0, 3)):
        stages = [NS, EW][:: data.draw(st.sampled_from([1, -1]))]
    around = data.draw(st.sampled_from([(1, 90), (14, 60)]))
    durations = data.draw(st.lists(st.integers(*around), min_size=len(stages), max_size=len(stages)))
    cycle = sum(durations)
    rows = [
        {"groups": sorted(stage), "duration_s": seconds}
        for stage, seconds in zip(stages, durations, strict=True)
    ]
    document = {
        "junction": "osm:1",
        "digest": junction.digest,
        "name": "",
        "version": 1,
        "cycle_s": cycle,
        "offset_s": data.draw(st.integers(0, cycle - 1)),
        "stages": rows,
    }
    try:
        plan = mapped(document, capability)
    except InputError:
        return
    runs = plan_from_dict(shown(plan, capability, digest=junction.digest), {junction.key: junction})
    asked = plan_from_dict(document, {junction.key: junction})
    assert _greens(runs) == _greens(asked)


def _greens(plan) -> list[set[int]]:
    """Return at which seconds of the cycle each group is green."""
    windows = plan.green_windows()
    return [
        {(plan.offset_s + second) % plan.cycle_s for start, end in group for second in range(start, end)}
        for group in windows
    ]
