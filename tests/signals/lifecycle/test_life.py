"""Plan sets from draft to superseded, by example."""

from __future__ import annotations

from datetime import timedelta

import pytest

from signals.lifecycle import coordination, decisions
from signals.lifecycle.in_force import active_versions
from signals.lifecycle.records import GroupState, SetState, Slot
from tests.signals.lifecycle.desk import APPROVER, AUTHOR, SERVICE, Desk, replayed
from traffic.errors import InputError, RefusedError, UnknownError

LEAD = timedelta(seconds=10)
TWO = {"east": ["a", "b"], "west": ["c"]}


def state_of(desk: Desk, plan_set: str) -> SetState:
    return desk.state.plan_set(plan_set).state


def test_a_set_goes_from_draft_to_in_force() -> None:
    desk = Desk()
    plan_set = desk.draft(TWO)
    states = [state_of(desk, plan_set)]
    for step in (desk.check, desk.approve, desk.publish):
        step(plan_set)
        states.append(state_of(desk, plan_set))
    for key in "abc":
        assert desk.pending(key) == 1
        desk.accept(key, 1)
    states.append(state_of(desk, plan_set))
    assert desk.coordinate() == ["group.activated", "group.activated"]
    for key in "abc":
        desk.run(key, 1)
    states.append(state_of(desk, plan_set))
    assert [s.value for s in states] == [
        "draft",
        "checked",
        "approved",
        "published",
        "acknowledged",
        "in_force",
    ]
    assert replayed(desk) == desk.state


def test_a_group_switches_only_when_every_member_has_acknowledged() -> None:
    desk = Desk()
    plan_set = desk.published(TWO)
    desk.accept("a", 1)
    desk.accept("c", 1)
    assert desk.coordinate() == ["group.activated"]
    groups = desk.state.plan_set(plan_set).groups
    assert groups["east"].state is GroupState.PENDING
    assert groups["west"].state is GroupState.ACTIVATED
    assert groups["west"].activate_at == desk.at + timedelta(seconds=10)
    assert desk.state.junction("a").slot(Slot.BASE).current is None
    desk.accept("b", 1)
    assert desk.coordinate() == ["group.activated"]
    assert desk.current("a") == desk.current("b") == 1


def test_a_refusal_lets_its_group_keep_what_it_has_and_the_other_go_on() -> None:
    desk = Desk()
    desk.bring_in(desk.published(TWO))
    second = desk.published(TWO)
    desk.accept("a", 2)
    desk.refuse("b", 2, "intergreen N to E is 6 s")
    desk.accept("c", 2)
    desk.coordinate()
    desk.run("c", 2)
    assert [desk.current(key) for key in "abc"] == [1, 1, 2]
    assert all(desk.state.junction(key).slot(Slot.BASE).pending is None for key in "abc")
    assert state_of(desk, second) is SetState.IN_FORCE
    assert state_of(desk, "set-1") is SetState.IN_FORCE  # a and b still have it
    (alarm,) = desk.state.alarms.values()
    assert alarm.kind == "group_kept"
    assert "b refuses version 2: intergreen N to E is 6 s" in alarm.text
    assert alarm.junctions == ("a", "b")


def test_a_deadline_lets_the_group_keep_what_it_has_and_names_the_silent() -> None:
    desk = Desk()
    plan_set = desk.published({"all": ["a", "b", "c"]})
    desk.accept("a", 1)
    desk.wait(minutes=5, seconds=-1)
    assert desk.coordinate() == []
    desk.wait(seconds=1)
    assert desk.coordinate() == ["group.kept", "alarm.raised", "plan_set.kept"]
    assert state_of(desk, plan_set) is SetState.KEPT
    (alarm,) = desk.state.alarms.values()
    assert alarm.text.endswith("(no word of b, c)")
    with pytest.raises(RefusedError, match="not a version that the junction is to have"):
        desk.accept("b", 1)


def test_versions_rise_also_after_one_was_taken_back() -> None:
    desk = Desk()
    first = desk.published({"all": ["a"]})
    desk.enter(APPROVER, lambda s, at, w: decisions.withdraw(s, at, w, first))
    assert state_of(desk, first) is SetState.KEPT
    desk.published({"all": ["a"]})
    assert desk.pending("a") == 2
    event = desk.published({"all": ["a"]}, slot=Slot.EVENT, hours=2)
    assert desk.pending("a", Slot.EVENT) == 3
    assert state_of(desk, event) is SetState.PUBLISHED


def test_a_new_set_supersedes_the_one_before_when_no_junction_has_it_any_more() -> None:
    desk = Desk()
    first = desk.published(TWO)
    desk.bring_in(first)
    second = desk.published({"west": ["c"]})
    desk.bring_in(second)
    assert state_of(desk, first) is SetState.IN_FORCE
    third = desk.published({"east": ["a", "b"]})
    desk.activate(third)
    assert state_of(desk, first) is SetState.IN_FORCE  # until the other begins
    desk.wait(minutes=1)
    assert desk.coordinate() == ["plan_set.superseded"]
    for key in "ab":
        desk.run(key, desk.current(key))
    assert [state_of(desk, s) for s in (first, second, third)] == [
        SetState.SUPERSEDED,
        SetState.IN_FORCE,
        SetState.IN_FORCE,
    ]
    assert desk.state.live == {second, third}


def test_a_set_that_lost_its_silent_junction_comes_into_force() -> None:
    desk = Desk()
    first = desk.published({"all": ["a", "b"]})
    desk.accept("a", 1)
    desk.accept("b", 1)
    desk.coordinate()
    desk.wait(minutes=1)
    desk.run("a", 1)
    assert state_of(desk, first) is SetState.ACKNOWLEDGED
    desk.published({"only": ["b"]})
    desk.accept("b", 2)
    desk.coordinate()
    assert state_of(desk, first) is SetState.ACKNOWLEDGED  # b is still to show it until the other begins
    desk.wait(seconds=10)
    desk.coordinate()
    assert state_of(desk, first) is SetState.IN_FORCE


def test_rolling_back_publishes_what_was_before_as_new_versions() -> None:
    desk = Desk()
    first, second = desk.published(TWO), None
    desk.bring_in(first)
    second = desk.published(TWO)
    desk.bring_in(second)
    assert decisions.rollback_sources(desk.state, desk.at, second) == {"a": first, "b": first, "c": first}
    back = desk.published(TWO, rollback_of=second)
    desk.bring_in(back)
    assert [desk.current(key) for key in "abc"] == [3, 3, 3]
    assert [state_of(desk, s) for s in (first, second, back)] == [
        SetState.SUPERSEDED,
        SetState.ROLLED_BACK,
        SetState.IN_FORCE,
    ]


def test_there_is_nothing_to_roll_back_to_after_the_first_set() -> None:
    desk = Desk()
    first = desk.published(TWO)
    desk.bring_in(first)
    with pytest.raises(RefusedError, match="junction a: had no plans of the service before"):
        decisions.rollback_sources(desk.state, desk.at, first)


def test_an_event_ends_by_itself() -> None:
    desk = Desk()
    desk.bring_in(desk.published(TWO))
    event = desk.published(TWO, slot=Slot.EVENT, hours=2)
    desk.bring_in(event)
    assert desk.current("a", Slot.EVENT) == 2
    desk.wait(hours=2)
    assert desk.coordinate() == ["plan_set.expired"]
    assert state_of(desk, event) is SetState.EXPIRED
    assert desk.state.junction("a").slot(Slot.EVENT).current is None
    assert desk.current("a") == 1


def test_an_event_is_ended_before_its_time_by_new_activations() -> None:
    desk = Desk()
    event = desk.published(TWO, slot=Slot.EVENT, hours=2)
    desk.bring_in(event)
    until = desk.at + timedelta(minutes=1)
    sequence = desk.state.junction("a").sequence
    tokens = {key: f"end-{key}" for key in "abc"}
    desk.enter(APPROVER, lambda s, at, w: decisions.end(s, at, w, event, tokens, until))
    current = desk.state.junction("a").slot(Slot.EVENT).current
    assert current is not None
    assert (current.activation, current.until) == ("end-a", until)
    assert desk.state.junction("a").sequence == sequence + 1
    desk.wait(minutes=1)
    assert desk.coordinate() == ["plan_set.expired"]


def test_a_set_is_not_published_over_one_that_is_under_way() -> None:
    desk = Desk()
    desk.published({"all": ["a"]})
    second = desk.draft({"all": ["a"]})
    desk.check(second)
    desk.approve(second)
    with pytest.raises(RefusedError, match="junction a: has a plan of the set set-1 under way"):
        desk.publish(second)


def test_a_junction_that_somebody_holds_is_left_alone() -> None:
    desk = Desk()
    desk.hold("c", "Dana", minutes=10)
    plan_set = desk.draft(TWO)
    desk.check(plan_set)
    desk.approve(plan_set)
    with pytest.raises(
        RefusedError, match=r"junction c: is held by Dana until 2026-11-27T07:10:00.000Z \(got 'Dana'\)"
    ) as refused:
        desk.publish(plan_set)
    assert "`jasyl junction eject c`" in str(refused.value.hint)
    desk.wait(minutes=10)
    desk.publish(plan_set)


def test_an_author_does_not_approve_her_own_set() -> None:
    desk = Desk()
    plan_set = desk.draft(TWO)
    desk.check(plan_set)
    with pytest.raises(RefusedError, match="somebody else than its author") as refused:
        desk.approve(plan_set, AUTHOR)
    assert refused.value.status == 403
    desk.enter(AUTHOR, lambda s, at, w: decisions.approve(s, at, w, plan_set, four_eyes=False))


@pytest.mark.parametrize("alias", ["AIGERIM", "\u0410igerim", "Aigerim\u200b"])
def test_an_author_who_is_spelt_in_another_way_is_still_the_author(alias: str) -> None:
    desk = Desk()
    plan_set = desk.draft(TWO)
    desk.check(plan_set)
    with pytest.raises(RefusedError, match="somebody else than its author"):
        desk.approve(plan_set, alias)


def test_a_set_with_findings_is_refused_for_good() -> None:
    desk = Desk()
    plan_set = desk.draft(TWO)
    desk.check(plan_set, ["junction a: green must be at least 5 s"])
    assert state_of(desk, plan_set) is SetState.REFUSED
    with pytest.raises(RefusedError, match=r"must be checked \(got 'refused'\)"):
        desk.approve(plan_set)


def test_acknowledging_twice_is_once() -> None:
    desk = Desk()
    desk.published({"all": ["a"]})
    assert desk.accept("a", 1) == ["junction.accepted", "plan_set.acknowledged"]
    assert desk.accept("a", 1) == []
    desk.coordinate()
    assert desk.accept("a", 1) == []
    assert desk.run("a", 1) == ["junction.running", "group.in_force", "plan_set.in_force"]
    assert desk.run("a", 1) == []


def test_a_version_that_is_not_activated_may_not_be_run() -> None:
    desk = Desk()
    desk.published({"all": ["a", "b"]})
    desk.accept("a", 1)
    with pytest.raises(RefusedError, match="is not activated, and must not be shown"):
        desk.run("a", 1)


def test_who_is_late_after_the_activation_is_told_and_the_alarm_goes_with_its_reason() -> None:
    desk = Desk()
    desk.published({"all": ["a", "b"]})
    desk.accept("a", 1)
    desk.accept("b", 1)
    desk.coordinate()
    desk.run("a", 1)
    desk.wait(minutes=6, seconds=10)
    assert desk.coordinate() == ["alarm.raised"]
    assert desk.coordinate() == []
    (alarm,) = desk.state.alarms.values()
    assert (alarm.kind, alarm.junctions) == ("not_in_step", ("b",))
    assert desk.run("b", 1)[:2] == ["junction.running", "group.in_force"]
    assert not desk.state.alarms


@pytest.mark.parametrize(
    ("groups", "text"),
    [
        ({}, "groups: must have a group"),
        ({"all": []}, "groups, all: must have a junction"),
        ({"east": ["a"], "west": ["b", "a"]}, "groups, west: must be in one group, and is in east too"),
        ({"east": ["a", "a"]}, "groups, east: must be in one group, and is in east too"),
    ],
)
def test_groups_part_the_junctions(groups: dict, text: str) -> None:
    with pytest.raises(InputError, match=text):
        Desk().draft(groups)


@pytest.mark.parametrize(
    ("slot", "hours", "text"),
    [
        (Slot.BASE, 0, "valid_until: must be later than 2026-11-27T07:00:00.000Z"),
        (Slot.EVENT, None, "valid_until: must be given for the slot event"),
        (Slot.INCIDENT, 24 * 31 + 1, "valid_until: must be at most 31 days after"),
    ],
)
def test_what_ends_by_itself_says_when(slot: Slot, hours: float | None, text: str) -> None:
    with pytest.raises(InputError, match=text):
        Desk().draft(TWO, slot=slot, hours=hours)


def test_unknown_sets_and_taken_names_are_told() -> None:
    desk = Desk()
    plan_set = desk.draft(TWO)
    with pytest.raises(UnknownError, match="there is no such plan set"):
        desk.check("set-9")
    new = decisions.Draft(plan_set, "again", Slot.BASE, "d", TWO)
    with pytest.raises(RefusedError, match="plan_set: is taken"):
        decisions.draft(desk.state, desk.at, AUTHOR, new)


def test_versions_must_be_the_next_ones_of_all_junctions() -> None:
    desk = Desk()
    plan_set = desk.draft({"all": ["a", "b"]})
    desk.check(plan_set)
    desk.approve(plan_set)
    deadline = desk.at + timedelta(minutes=5)
    one, two = decisions.NewVersion(1, "p"), decisions.NewVersion(2, "p")
    with pytest.raises(InputError, match="a version for each junction"):
        decisions.publish(desk.state, desk.at, APPROVER, plan_set, {"a": one}, deadline=deadline)
    with pytest.raises(RefusedError, match=r"junction b, version: must be 1 \(got 2\)"):
        decisions.publish(desk.state, desk.at, APPROVER, plan_set, {"a": one, "b": two}, deadline=deadline)


def test_a_refusal_that_is_said_again_is_one_refusal() -> None:
    desk = Desk()
    desk.published({"all": ["a", "b"]})
    assert desk.refuse("a", 1)[0] == "junction.refused"
    assert desk.refuse("a", 1) == []  # pending then, taken back now
    desk.bring_in(desk.published({"all": ["a", "b"]}))
    assert desk.refuse("a", 2) == ["junction.refused", "alarm.raised"]  # one that it runs
    assert desk.refuse("a", 2) == []
    assert desk.state.junction("a").refused == {1, 2}
    with pytest.raises(RefusedError, match="not a version that the junction is to have"):
        desk.refuse("b", 1)
    assert replayed(desk) == desk.state


@pytest.mark.parametrize(("minutes", "rule"), [(121, "must be no later than"), (-1, "must be no earlier")])
def test_an_end_is_between_now_and_the_end_that_a_set_has_anyway(minutes: float, rule: str) -> None:
    desk = Desk()
    event = desk.published(TWO, slot=Slot.EVENT, hours=2)
    for key in "abc":
        desk.accept(key, 1)
    desk.coordinate()
    tokens, until = dict.fromkeys("abc", "end"), desk.at + timedelta(minutes=minutes)
    with pytest.raises(InputError, match=rule):
        desk.enter(APPROVER, lambda s, at, w: decisions.end(s, at, w, event, tokens, until))


def test_what_is_ended_takes_no_group_that_is_activated_later_beyond_its_end() -> None:
    desk = Desk()
    event = desk.published(TWO, slot=Slot.EVENT, hours=2)
    for key in "abc":
        desk.accept(key, 1)
    (first, *_) = coordination.ready(desk.state, desk.at)
    desk.enter(
        SERVICE,
        lambda s, at, w: coordination.activate(
            s, at, w, first, dict.fromkeys(first.versions, "go"), at + LEAD
        ),
    )
    active = active_versions(desk.state, desk.at, desk.state.plan_set(event))
    until = desk.at + timedelta(minutes=5)
    before = desk.state.plan_set(event).revision
    desk.enter(APPROVER, lambda s, at, w: decisions.end(s, at, w, event, dict.fromkeys(active, "end"), until))
    assert desk.state.plan_set(event).revision > before
    desk.coordinate()
    ends = {desk.state.junction(key).slot(Slot.EVENT).current.until for key in "abc"}
    assert ends == {until}
    desk.wait(minutes=5)
    desk.coordinate()
    assert all(desk.state.junction(key).slot(Slot.EVENT).current is None for key in "abc")


def test_an_end_that_overtakes_a_late_group_makes_its_activation_be_signed_again() -> None:
    desk = Desk()
    event = desk.published(TWO, slot=Slot.EVENT, hours=2)
    for key in "abc":
        desk.accept(key, 1)
    first, late = coordination.ready(desk.state, desk.at)
    desk.enter(
        SERVICE,
        lambda s, at, w: coordination.activate(
            s, at, w, first, dict.fromkeys(first.versions, "go"), at + LEAD
        ),
    )
    until = desk.at + timedelta(minutes=5)
    tokens = dict.fromkeys(first.versions, "end")
    desk.enter(APPROVER, lambda s, at, w: decisions.end(s, at, w, event, tokens, until))
    with pytest.raises(RefusedError, match="group west, activations: must end with its set"):
        coordination.activate(
            desk.state, desk.at, SERVICE, late, {"c": "signed before the end"}, desk.at + LEAD
        )
    (again,) = coordination.ready(desk.state, desk.at)
    assert again.ends == {"c": until}
    assert desk.coordinate() == ["group.activated"]


def test_what_had_ended_is_not_brought_back() -> None:
    desk = Desk()
    desk.bring_in(desk.published({"all": ["a"]}, slot=Slot.EVENT, hours=2))
    long = desk.published({"all": ["a"]}, slot=Slot.EVENT, hours=200)
    desk.bring_in(long)
    desk.wait(hours=2)
    with pytest.raises(
        RefusedError, match=r"junction a: had plans of the set set-1 before, and these ended at"
    ):
        desk.roll_back(long)


def test_plans_that_are_brought_back_end_when_they_would_have_ended() -> None:
    desk = Desk()
    desk.bring_in(desk.published({"all": ["a"]}))
    desk.bring_in(desk.published({"all": ["b"]}, hours=3))
    ends = desk.state.plan_set("set-2").valid_until
    over = desk.published({"all": ["a", "b"]}, hours=1)
    desk.bring_in(over)
    back = desk.roll_back(over)
    desk.bring_in(back)
    record = desk.state.plan_set(back)
    assert (record.valid_until, record.until_of("a"), record.until_of("b")) == (None, None, ends)
    untils = [desk.state.junction(key).slot(Slot.BASE).current.until for key in "ab"]
    assert untils == [None, ends]
    desk.wait(hours=3)
    assert desk.coordinate() == ["plan_set.expired_in_part"]
    assert state_of(desk, back) is SetState.IN_FORCE
    assert desk.state.junction("b").slot(Slot.BASE).current is None
    assert desk.current("a") == 3
    desk.bring_in(desk.published({"all": ["a"]}))
    assert state_of(desk, back) is SetState.SUPERSEDED
    assert replayed(desk) == desk.state


def test_a_roll_back_of_an_event_ends_junction_by_junction() -> None:
    desk = Desk()
    desk.bring_in(desk.published({"all": ["a"]}, slot=Slot.EVENT, hours=2))
    desk.bring_in(desk.published({"all": ["b"]}, slot=Slot.EVENT, hours=5))
    over = desk.published({"all": ["a", "b"]}, slot=Slot.EVENT, hours=9)
    desk.bring_in(over)
    back = desk.roll_back(over)
    desk.bring_in(back)
    ends = {key: desk.state.plan_set(back).until_of(key) for key in "ab"}
    until = desk.at + timedelta(hours=3)
    assert ends["a"] < until < ends["b"]
    tokens = dict.fromkeys("ab", "end")
    desk.enter(APPROVER, lambda s, at, w: decisions.end(s, at, w, back, tokens, until))
    assert [desk.state.junction(k).slot(Slot.EVENT).current.until for k in "ab"] == [ends["a"], until]
    desk.wait(hours=2)
    assert desk.coordinate() == ["plan_set.expired_in_part"]
    desk.wait(hours=2)
    assert desk.coordinate() == ["plan_set.expired"]
    assert state_of(desk, back) is SetState.EXPIRED


def test_a_set_is_not_published_after_one_that_has_yet_to_begin() -> None:
    desk = Desk()
    desk.bring_in(desk.published({"all": ["a"]}))
    tomorrow = desk.published({"all": ["a"]}, begins_in_hours=24)
    desk.activate(tomorrow)
    with pytest.raises(
        RefusedError, match=r"the set set-2 that begins at 2026-11-28T07:01:00.000Z, before this one"
    ):
        desk.published({"all": ["a"]}, begins_in_hours=25)
    desk.wait(hours=24)
    next_week = desk.published({"all": ["a"]}, begins_in_hours=168)
    desk.activate(next_week)
    slot = desk.state.junction("a").slot(Slot.BASE)
    assert (slot.current.plan_set, slot.current.before) == (next_week, tomorrow)


@pytest.mark.parametrize("hours", [None, 12, 24])
def test_what_begins_no_later_takes_the_place_of_what_has_yet_to_begin(hours: float | None) -> None:
    desk = Desk()
    today = desk.published({"all": ["a"]})
    desk.bring_in(today)
    tomorrow = desk.published({"all": ["a"]}, begins_in_hours=24)
    desk.activate(tomorrow)
    desk.activate(desk.published({"all": ["a"]}, begins_in_hours=hours))
    assert desk.state.junction("a").slot(Slot.BASE).current.before == today
    assert state_of(desk, tomorrow) is SetState.SUPERSEDED


def test_what_has_yet_to_begin_is_rolled_back_to_what_is_in_force() -> None:
    desk = Desk()
    desk.bring_in(desk.published({"all": ["a"]}))
    tomorrow = desk.published({"all": ["a"]}, begins_in_hours=24)
    desk.activate(tomorrow)
    back = desk.roll_back(tomorrow)
    desk.bring_in(back)
    assert state_of(desk, tomorrow) is SetState.ROLLED_BACK
    assert state_of(desk, back) is SetState.IN_FORCE
    assert desk.current("a") == 3


def test_a_group_waits_for_a_plan_that_begins_in_the_time_that_it_takes_to_switch() -> None:
    desk = Desk()
    desk.bring_in(desk.published({"all": ["a"]}))
    soon = desk.published({"all": ["a"]}, begins_in_hours=0.1)
    desk.activate(soon)
    now = desk.published({"all": ["a"]})
    desk.accept("a", 3)
    desk.wait(hours=0.1, seconds=-5)
    assert desk.coordinate() == []
    desk.wait(seconds=5)
    assert desk.coordinate()[0] == "group.activated"
    assert desk.state.junction("a").slot(Slot.BASE).current.before == soon
    assert state_of(desk, now) is SetState.ACKNOWLEDGED


@pytest.mark.parametrize("later", ["superseded", "expired"])
def test_an_alarm_on_what_is_late_ends_with_its_set(later: str) -> None:
    desk = Desk()
    slot, hours = (Slot.BASE, None) if later == "superseded" else (Slot.EVENT, 1)
    first = desk.published({"all": ["a"]}, slot=slot, hours=hours)
    desk.accept("a", 1)
    desk.coordinate()
    desk.wait(minutes=7)
    assert desk.coordinate() == ["alarm.raised"]
    if later == "superseded":
        desk.bring_in(desk.published({"all": ["a"]}))
    else:
        desk.wait(hours=1)
        desk.coordinate()
    assert state_of(desk, first).value == later
    assert desk.state.alarms == {}
    assert replayed(desk) == desk.state


def test_a_rollback_that_cannot_be_published_is_not_begun() -> None:
    desk = Desk()
    first = desk.published({"all": ["a"]})
    desk.bring_in(first)
    second = desk.published({"all": ["a"]})
    desk.bring_in(second)
    desk.hold("a", "Dana")
    back = decisions.Draft("back", "", Slot.BASE, "document", {"all": ["a"]}, rollback_of=second)
    with pytest.raises(RefusedError, match="is held by Dana until"):
        decisions.prepared_rollback(desk.state, desk.at, APPROVER, back, {first: ["a"]})


@pytest.mark.parametrize("name", ["", " a", "a ", "a/b", "a\nb", "\x1b[2K", "a\u2028b", "x" * 81])
def test_groups_have_names_that_stand_in_a_line_and_in_an_address(name: str) -> None:
    desk = Desk()
    with pytest.raises(InputError, match="groups: must be a line"):
        desk.draft({name: ["a"]})
    desk.draft({"x" * 80: ["a"], "group 1 (west)": ["b"], "Абай": ["c"]})
