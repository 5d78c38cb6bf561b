"""What is wrong is taken back, by an end or a roll-back, whatever waits, is to come, or comes late; and nothing else with it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from signals.lifecycle import coordination, decisions
from signals.lifecycle.in_force import still_told, version_in_force
from signals.lifecycle.records import GroupState, SetState, Slot
from tests.signals.lifecycle.desk import SERVICE, Desk, replayed
from traffic.errors import RefusedError

LEAD = timedelta(seconds=10)


def state_of(desk: Desk, plan_set: str) -> SetState:
    return desk.state.plan_set(plan_set).state


def _shown(desk: Desk) -> dict[str, str | None]:
    found = {key: version_in_force(desk.state, key, desk.at) for key in "jk"}
    return {key: version and version.plan_set for key, version in found.items()}


@pytest.mark.parametrize("later", [["j"], ["j", "k"]])
def test_what_is_in_force_is_ended_and_rolled_back_whatever_is_activated_for_later(later: list[str]) -> None:
    both = {"g": ["j", "k"]}
    for taken_back in ("end", "roll_back"):
        desk = Desk()
        good = desk.published(both)
        desk.bring_in(good)
        wrong = desk.published(both)
        desk.bring_in(wrong)
        desk.coordinate()
        tomorrow = desk.published({"g": later}, begins_in_hours=20)
        desk.activate(tomorrow)
        assert state_of(desk, wrong) is SetState.IN_FORCE
        if taken_back == "end":
            desk.end(wrong)
            assert desk.coordinate() == ["plan_set.expired"]
            assert _shown(desk) == {"j": None, "k": None}
            desk.wait(hours=20)
            assert _shown(desk) == {"k": None} | dict.fromkeys(later, tomorrow)
        else:
            back = desk.roll_back(wrong)
            desk.bring_in(back)
            desk.coordinate()
            assert _shown(desk) == {"j": back, "k": back}
            assert set(decisions.rollback_sources(desk.state, desk.at, back).values()) == {wrong}
            assert state_of(desk, wrong) is SetState.ROLLED_BACK
            assert state_of(desk, tomorrow) is SetState.SUPERSEDED  # a slot has one that is to come
        assert replayed(desk) == desk.state


@pytest.mark.parametrize("taken_back", ["end", "roll_back"])
def test_a_wrong_group_is_taken_back_while_another_one_waits_for_a_silent_member(taken_back: str) -> None:
    desk = Desk()
    parts = {"east": ["j"], "west": ["k"]}
    good = desk.published(parts)
    desk.bring_in(good)
    wrong = desk.published(parts)
    with pytest.raises(RefusedError, match="set-2: is activated in no junction"):
        desk.roll_back(wrong)
    desk.accept("j", 2)
    desk.coordinate()
    desk.wait(minutes=1)
    assert state_of(desk, wrong) is SetState.PUBLISHED
    if taken_back == "end":
        desk.end(wrong)
        desk.coordinate()
        assert _shown(desk) == {"j": None, "k": good}
        assert state_of(desk, wrong) is SetState.EXPIRED
    else:
        back = desk.roll_back(wrong)
        desk.bring_in(back)
        desk.coordinate()
        assert _shown(desk) == {"j": back, "k": good}
        assert state_of(desk, wrong) is SetState.ROLLED_BACK
    assert desk.state.junction("k").slot(Slot.BASE).pending is None
    assert not desk.state.alarms
    assert replayed(desk) == desk.state


def test_what_waits_altogether_is_withdrawn_by_an_end_at_once_and_ends_with_a_later_one() -> None:
    desk = Desk()
    first = desk.published({"all": ["a", "b"]})
    assert desk.end(first) == ["group.kept", "plan_set.kept"]
    second = desk.published({"all": ["a", "b"]})
    assert desk.end(second, minutes=30) == ["plan_set.ended"]
    desk.activate(second)
    assert desk.state.junction("a").slot(Slot.BASE).current.until == desk.at + timedelta(minutes=30)


@pytest.mark.parametrize("slot", Slot)
def test_the_end_of_what_has_not_begun_takes_nothing_away_that_is_in_force(slot: Slot) -> None:
    desk = Desk()
    now = desk.published({"g": ["j"]}, slot=slot, hours=48)
    desk.bring_in(now)
    later = desk.published({"g": ["j", "k"]}, slot=slot, hours=48, begins_in_hours=20)
    desk.activate(later)
    for minutes in (0, 19 * 60):
        with pytest.raises(
            RefusedError, match=f"junction j: has not begun, and takes the place of {now} when"
        ):
            desk.end(later, minutes=minutes)
    assert desk.end(later, minutes=21 * 60) == ["plan_set.ended"]
    desk.wait(hours=19)
    desk.coordinate()
    assert _shown(desk) == {"j": now, "k": None}
    desk.wait(hours=1)
    desk.coordinate()
    assert _shown(desk) == {"j": later, "k": later}
    desk.wait(hours=1)
    desk.coordinate()
    assert _shown(desk) == {"j": None, "k": None}


def test_what_has_not_begun_is_ended_where_nothing_was_before_it() -> None:
    desk = Desk()
    first = desk.published({"g": ["j"]}, begins_in_hours=20)
    desk.activate(first)
    desk.end(first)
    assert desk.coordinate() == ["plan_set.expired"]
    desk.wait(hours=20)
    assert _shown(desk)["j"] is None


@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_to_come_is_ended_where_what_was_before_it_is_over_and_its_own_end_is_told_in_place_of_both(
    *, at_once: bool
) -> None:
    desk = Desk()
    first = desk.published({"g": ["j"]})
    desk.bring_in(first)
    later = desk.published({"g": ["j"]}, begins_in_hours=20)
    desk.activate(later)
    desk.end(first, minutes=0 if at_once else 600)
    if at_once:
        desk.coordinate()
    else:
        with pytest.raises(RefusedError, match=f"takes the place of {first} when it does"):
            desk.end(later, minutes=599)
    desk.end(later, minutes=0 if at_once else 600)
    desk.wait(hours=0 if at_once else 10)
    desk.coordinate()
    assert state_of(desk, later) is SetState.EXPIRED
    has = desk.state.junction("j").slot(Slot.BASE)
    for hours in (0, 20, 100):
        told = still_told(Slot.BASE, has, desk.at + timedelta(hours=hours))
        assert told is not None
        assert (told.number, told.until) == (2, desk.at)
        assert version_in_force(desk.state, "j", desk.at + timedelta(hours=hours)) is None
    after = desk.published({"g": ["j"]}, begins_in_hours=30)
    desk.activate(after)
    assert _shown(desk)["j"] is None
    desk.wait(hours=30)
    desk.coordinate()
    assert _shown(desk)["j"] == after
    assert replayed(desk) == desk.state


def test_a_group_that_would_end_before_it_begins_keeps_what_it_has() -> None:
    desk = Desk()
    now = desk.published({"g": ["j"]})
    desk.bring_in(now)
    short = desk.published({"g": ["j"]}, hours=1)
    desk.wait(minutes=4, seconds=50)
    desk.accept("j", 2)
    desk.coordinate(lead_s=3600)
    assert desk.state.plan_set(short).groups["g"].state is GroupState.PENDING
    desk.wait(hours=1)
    assert desk.coordinate()[0] == "group.kept"
    assert _shown(desk)["j"] == now


@pytest.mark.parametrize("late_s", [9, 10, 50])
def test_an_activation_that_was_entered_too_late_is_signed_again(late_s: float) -> None:
    desk = Desk()
    desk.published({"g": ["j", "k"]})
    for key in "jk":
        desk.accept(key, 1)
    (what,), since = coordination.ready(desk.state, desk.at), desk.at + LEAD
    desk.wait(seconds=late_s)
    tokens = dict.fromkeys("jk", "go")
    if late_s < LEAD.total_seconds():
        assert coordination.activate(desk.state, desk.at, SERVICE, what, tokens, since)
        return
    with pytest.raises(RefusedError, match="group g, activate_at: must be later than"):
        coordination.activate(desk.state, desk.at, SERVICE, what, tokens, since)
    assert desk.coordinate() == ["group.activated"]
    assert desk.state.plan_set("set-1").groups["g"].activate_at == desk.at + LEAD


def test_what_is_rolled_back_before_it_begins_leaves_what_was_before_within_reach() -> None:
    desk = Desk()
    good = desk.published({"g": ["j"]})
    desk.bring_in(good)
    wrong = desk.published({"g": ["j"]})
    desk.bring_in(wrong)
    tomorrow = desk.published({"g": ["j"]}, begins_in_hours=20)
    desk.activate(tomorrow)
    again = desk.roll_back(tomorrow)
    desk.bring_in(again)  # the plans of the wrong set, which were in force
    assert decisions.rollback_sources(desk.state, desk.at, again) == {"j": good}


def test_a_successor_that_has_begun_and_ended_unseen_has_superseded_what_was_before_it() -> None:
    desk = Desk()
    first = desk.published({"g": ["j"]})
    desk.bring_in(first)
    second = desk.published({"g": ["j"]}, begins_in_hours=2, hours=3)
    desk.activate(second)
    desk.wait(hours=9)
    assert [kind for kind in desk.coordinate() if kind.startswith("plan_set")] == [
        "plan_set.superseded",
        "plan_set.expired",
    ]
    assert state_of(desk, first) is SetState.SUPERSEDED


def test_a_version_that_goes_on_until_its_successor_begins_is_run_and_refused_as_any_other() -> None:
    desk = Desk()
    desk.activate(desk.published({"g": ["j", "k"]}))
    desk.wait(minutes=1)
    desk.activate(desk.published({"g": ["j"]}, begins_in_hours=20))
    desk.run("k", 1)
    assert desk.run("j", 1) == ["junction.running", "group.in_force", "plan_set.in_force"]
    assert desk.refuse("j", 1) == ["junction.refused", "alarm.raised"]
    desk.wait(hours=20)
    with pytest.raises(RefusedError, match="not a version that the junction is to have"):
        desk.run("j", 1)
