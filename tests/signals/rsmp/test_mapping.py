"""Plans as an RSMP controller can take them, and back; what it cannot do is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from signals.rsmp.capability import Band
from signals.rsmp.mapping import RsmpPlan, durations_of, mapped, require_possible, shown
from tests.signals.rsmp.sites import settings_of, site, stored_plans, two_stages
from traffic.errors import InputError


def _document(*stages: tuple[str, int], offset_s: int = 0, **changes: Any) -> dict[str, Any]:
    rows = [{"groups": list(groups), "duration_s": seconds} for groups, seconds in stages]
    values = {"junction": "osm:1", "digest": "d", "name": "n", "version": 3}
    cycle = sum(seconds for _, seconds in stages)
    return {**values, "cycle_s": cycle, "offset_s": offset_s, "stages": rows, **changes}


def test_a_plan_by_hand():
    """Base 15 and 20 s: 38 s for the first stage are 23 s in its band; the second has the rest of 70 s."""
    assert mapped(_document(("NS", 38), ("EW", 32)), site()) == RsmpPlan(1, 70, 0, ((1, 23),))


def test_a_later_start_is_a_smaller_offset_of_the_controller():
    """A start at 10 s of a cycle of 70 s: the counter says 0 there when base + offset = 70, so the offset is 60."""
    assert mapped(_document(("NS", 38), ("EW", 32), offset_s=10), site()).offset_s == 60


def test_counter_and_epoch_of_the_controller_are_heeded():
    capability = site(two_stages(1, counter_s=3), counter_epoch_s=1_000)
    # At T = 10 (mod 70) base is (10 - 1000) mod 70 = 60; 3 = (60 + o) mod 70 gives o = 13.
    assert mapped(_document(("NS", 38), ("EW", 32), offset_s=10), capability).offset_s == 13


def test_a_document_that_begins_with_another_stage_is_turned():
    """EW first at 10 s, for 32 s: NS begins at 42 s."""
    turned = mapped(_document(("EW", 32), ("NS", 38), offset_s=10), site())
    assert turned == mapped(_document(("NS", 38), ("EW", 32), offset_s=42), site())


def test_the_running_plan_is_not_written_into():
    document = _document(("NS", 38), ("EW", 32))
    assert mapped(document, site(), avoid=1).number == 2
    assert mapped(document, site(), avoid=2).number == 1
    with pytest.raises(InputError, match="second stored plan"):
        mapped(document, site(two_stages(1)), avoid=1)


@pytest.mark.parametrize(
    ("document", "feature"),
    [
        (_document(("NE", 38), ("SW", 32)), "stage order"),
        (_document(("NS", 20), ("EW", 20), ("N", 20)), "stage order"),
        (_document(("NS", 15), ("EW", 24)), "plan 1, cycle"),
        (_document(("NS", 61), ("EW", 60)), "plan 1, cycle"),
        (_document(("NS", 14), ("EW", 46)), "split of stage 1"),
        (_document(("NS", 76), ("EW", 24)), "split of stage 1"),
        (_document(("NS", 41), ("EW", 19)), "split of stage 2"),
        (_document(("NS", 30), ("EW", 30), junction="osm:2"), "junction"),
        (_document(("NS", 30), ("EX", 30)), "stage 2, groups"),
        (_document(("NS", 30), ("EW", 30), cycle_s=61), "cycle_s"),
        (_document(("NS", 30), ("EW", 30), offset_s="0"), "offset_s"),
        (_document(("NS", 30), ("EW", 30), offset_s=True), "offset_s"),
        ({"stages": []}, "plan"),
        ([], "plan"),
    ],
)
def test_what_cannot_be_expressed_is_named(document, feature):
    with pytest.raises(InputError) as caught:
        mapped(document, site())
    assert caught.value.field.endswith(feature)


def test_what_cannot_be_set_must_be_as_it_is_stored():
    fixed = site(two_stages(1, cycle_range_s=None, offset_settable=False, offset_s=10))
    # Stored: the counter is 0 at base 50 of 60, so stage 1 starts at 50 s.
    assert mapped(_document(("NS", 30), ("EW", 30), offset_s=50), fixed) == RsmpPlan(1, 60, 10, ((1, 15),))
    with pytest.raises(InputError, match="must let stage 1 of the controller start at 50 s"):
        mapped(_document(("NS", 30), ("EW", 30), offset_s=49), fixed)
    with pytest.raises(InputError, match="cycle: must be 60 s"):
        mapped(_document(("NS", 30), ("EW", 31), offset_s=50), fixed)


def test_a_controllers_intergreen_must_leave_a_second_of_the_stage():
    slow = site(two_stages(1, base_s=(5, 5), bands=(Band(1, 1, 0, 60),)), intergreens={("N", "E"): 8})
    assert mapped(_document(("NS", 9), ("EW", 40)), slow).bands == ((1, 4),)
    with pytest.raises(InputError, match="longer than 8 s"):
        mapped(_document(("NS", 8), ("EW", 41)), slow)


def _events(document: dict[str, Any]) -> list[tuple[int, int, list[str]]]:
    """Return when which stage starts, wherever the document begins."""
    start, found = document["offset_s"], []
    for stage in document["stages"]:
        found.append((start % document["cycle_s"], stage["duration_s"], sorted(stage["groups"])))
        start += stage["duration_s"]
    return sorted(found)


@settings(max_examples=60)
@given(st.data())
def test_shown_and_mapped_are_inverse(data):
    capability = site(
        data.draw(stored_plans(1)),
        data.draw(stored_plans(2)),
        counter_epoch_s=data.draw(st.integers(0, 2000)),
    )
    plan = data.draw(settings_of(data.draw(st.sampled_from(capability.plans))))
    try:
        document = shown(plan, capability, digest="d", name="n", version=3)
    except InputError:
        assume(False)
    assert sum(stage["duration_s"] for stage in document["stages"]) == plan.cycle_s == document["cycle_s"]
    turn = data.draw(st.integers(0, len(document["stages"]) - 1))
    lead = sum(stage["duration_s"] for stage in document["stages"][:turn])
    turned = {
        **document,
        "stages": [*document["stages"][turn:], *document["stages"][:turn]],
        "offset_s": (document["offset_s"] + lead) % plan.cycle_s,
    }
    back = mapped(turned, capability)
    require_possible(back, capability)
    assert _events(shown(back, capability)) == _events(document)
    if back.number == plan.number and len(set(capability.plan(plan.number).stages)) == len(
        document["stages"]
    ):
        assert (back.cycle_s, back.bands) == (plan.cycle_s, plan.bands)
        assert (back.offset_s - plan.offset_s) % plan.cycle_s == 0


@settings(max_examples=50)
@given(st.data())
def test_a_mapped_plan_runs_as_its_document_second_by_second(data):
    """Expand the controller as the specification has it: c = (b + o) mod C, stage by the counter."""
    capability = site(data.draw(stored_plans(1)), counter_epoch_s=data.draw(st.integers(0, 500)))
    stored = capability.plans[0]
    durations = data.draw(
        st.lists(st.integers(6, 60), min_size=len(stored.stages), max_size=len(stored.stages))
    )
    assume(sum(durations) <= 255)
    rows = [(sorted(stage), seconds) for stage, seconds in zip(stored.stages, durations, strict=True)]
    document = _document(*rows, offset_s=data.draw(st.integers(0, sum(durations) - 1)))
    try:
        plan = mapped(document, capability)
    except InputError:
        return
    for second in range(3000, 3000 + plan.cycle_s):
        counter = (second - capability.counter_epoch_s + plan.offset_s) % plan.cycle_s
        at, of_plan = (
            (counter - stored.counter_s) % plan.cycle_s,
            (second - document["offset_s"]) % plan.cycle_s,
        )
        assert _stage(at, durations_of(plan, stored)) == _stage(of_plan, durations)


def _stage(second: int, durations: Any) -> int:
    for stage, seconds in enumerate(durations):
        second -= seconds
        if second < 0:
            return stage
    raise AssertionError(second)


@pytest.mark.parametrize(
    "plan",
    [
        RsmpPlan(3, 60, 0, ((1, 5),)),
        RsmpPlan(1, 39, 0, ((1, 0),)),
        RsmpPlan(1, 121, 0, ((1, 60),)),
        RsmpPlan(1, 60, 256, ((1, 5),)),
        RsmpPlan(1, 60, -1, ((1, 5),)),
        RsmpPlan(1, 60, 0, ()),
        RsmpPlan(1, 60, 0, ((2, 5),)),
        RsmpPlan(1, 60, 0, ((1, 61),)),
        RsmpPlan(1, 60, 0, ((1, 26),)),
    ],
)
def test_a_setting_that_is_not_possible_is_refused(plan):
    with pytest.raises(InputError):
        require_possible(plan, site())
    require_possible(RsmpPlan(1, 60, 0, ((1, 25),)), site())
