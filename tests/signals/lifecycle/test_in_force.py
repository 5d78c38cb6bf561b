"""What a junction is to show: the version that has begun and lasts, of the slot that counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from signals.lifecycle.in_force import still_in_force, still_told, version_in_force
from signals.lifecycle.records import OrderMode, Slot
from tests.signals.lifecycle.desk import Desk, replayed

GROUP = {"g": ["j"]}
DAY_S = 86_400.0


def _shown(desk: Desk, **later: float) -> int | None:
    found = version_in_force(desk.state, "j", desk.at + timedelta(**later))
    return None if found is None else found.number


def _activated(desk: Desk, lead_s: float, slot: Slot = Slot.BASE, hours: float | None = None) -> int:
    desk.published(GROUP, slot=slot, hours=hours)
    desk.accept("j", desk.pending("j", slot))
    desk.coordinate(lead_s)
    return desk.current("j", slot)


def test_a_version_is_in_force_from_its_time_on_and_the_one_before_until_then() -> None:
    desk = Desk()
    assert _shown(desk) is None
    first = _activated(desk, 10)
    assert (_shown(desk, seconds=9), _shown(desk, seconds=10)) == (None, first)
    desk.wait(seconds=20)
    second = _activated(desk, DAY_S)
    assert (_shown(desk), _shown(desk, hours=23.9), _shown(desk, hours=24)) == (first, first, second)
    assert replayed(desk) == desk.state


def test_what_was_replaced_before_it_began_is_never_in_force() -> None:
    desk = Desk()
    first = _activated(desk, 10)
    desk.wait(seconds=20)
    _activated(desk, 7 * DAY_S)
    third = _activated(desk, 2 * DAY_S)
    assert [_shown(desk, days=days) for days in (0, 1.9, 2, 7)] == [first, first, third, third]


def test_what_never_began_is_nothing_to_go_on_with() -> None:
    desk = Desk()
    _activated(desk, 2 * DAY_S)
    second = _activated(desk, DAY_S)
    assert [_shown(desk, days=days) for days in (0, 1, 2)] == [None, second, second]


def test_a_version_of_before_that_has_ended_is_not_gone_on_with() -> None:
    desk = Desk()
    base = _activated(desk, 10)
    first = _activated(desk, 10, Slot.EVENT, hours=2)
    desk.wait(seconds=20)
    second = _activated(desk, 4 * 3600, Slot.EVENT, hours=9)
    assert [_shown(desk, hours=hours) for hours in (0, 1.9, 2, 3.9, 4, 9)] == [
        *(first, first, base, base, second, base)
    ]


def test_what_was_replaced_does_not_come_back_when_its_successor_has_ended() -> None:
    desk = Desk()
    base = _activated(desk, 10)
    _activated(desk, 10, Slot.EVENT, hours=48)
    desk.wait(seconds=20)
    _activated(desk, 10, Slot.EVENT, hours=40)
    desk.wait(seconds=20)
    desk.end("set-3")
    assert desk.coordinate() == ["plan_set.superseded", "plan_set.expired"]
    third = _activated(desk, DAY_S, Slot.EVENT, hours=30)
    assert [_shown(desk, days=days) for days in (0, 0.9, 1)] == [base, base, third]
    has = desk.state.junction("j").slot(Slot.EVENT)
    assert still_told(Slot.EVENT, has, desk.at) is None
    assert has.current is not None
    assert has.current.before is None


def test_the_end_of_a_version_of_the_day_is_told_until_another_one_has_begun() -> None:
    desk = Desk()
    first = _activated(desk, 10)
    desk.wait(seconds=20)
    desk.end("set-1")
    desk.coordinate()

    def told(**later: float) -> tuple[int, str | None] | None:
        has = desk.state.junction("j").slot(Slot.BASE)
        found = still_told(Slot.BASE, has, desk.at + timedelta(**later))
        return None if found is None else (found.number, found.activation)

    assert _shown(desk) is None
    assert told() == told(days=365) == (first, "end-set-1")
    second = _activated(desk, DAY_S)
    assert [told(days=days) for days in (0, 0.9, 1)] == [(first, "end-set-1"), (first, "end-set-1"), None]
    assert [_shown(desk, days=days) for days in (0, 0.9, 1)] == [None, None, second]
    assert replayed(desk) == desk.state


@pytest.mark.parametrize(("slot", "is_told"), [(Slot.BASE, True), (Slot.EVENT, False)])
def test_a_version_of_the_day_that_has_ended_by_itself_is_told_until_another_one_has_begun(
    slot: Slot, *, is_told: bool
) -> None:
    """Who was away has the one before it, and goes on with that."""
    desk = Desk()
    _activated(desk, 10, slot, hours=48)
    desk.wait(seconds=20)
    second = _activated(desk, 10, slot, hours=1)
    desk.wait(hours=2)
    desk.coordinate()
    assert desk.state.junction("j").slot(slot).current is None

    def told(**later: float) -> int | None:
        found = still_told(slot, desk.state.junction("j").slot(slot), desk.at + timedelta(**later))
        return None if found is None else found.number

    assert told() == told(days=365) == (second if is_told else None)
    _activated(desk, DAY_S, slot, hours=48)
    assert [told(days=days) for days in (0, 0.9, 1)] == [*([second] * 2 if is_told else [None] * 2), None]


def test_slots_count_by_rank_and_an_order_above_them() -> None:
    desk = Desk()
    base, event = _activated(desk, 10), _activated(desk, 10, Slot.EVENT, hours=5)
    incident = _activated(desk, 10, Slot.INCIDENT, hours=1)
    desk.wait(seconds=20)
    assert [_shown(desk), _shown(desk, hours=2), _shown(desk, hours=6)] == [incident, event, base]
    desk.hold("j", "op")
    desk.order("j", "op", OrderMode.SLOT, slot=Slot.BASE, minutes=10)
    assert (_shown(desk), _shown(desk, minutes=10)) == (base, incident)
    desk.order("j", "op", OrderMode.FLASH, minutes=10)
    assert (_shown(desk), _shown(desk, minutes=10)) == (None, incident)
    desk.order("j", "op", OrderMode.NONE, minutes=10)
    assert _shown(desk) == incident


def test_who_says_again_that_the_version_of_before_is_shown_changes_nothing_until_the_next_begins() -> None:
    desk = Desk()
    first = _activated(desk, 10)
    desk.wait(seconds=20)
    desk.run("j", first)
    _activated(desk, 600)
    has = desk.state.junction("j").slot(Slot.BASE)
    version = still_in_force(has, desk.at)
    assert version is not None
    assert version.number == first
    assert desk.run("j", first) == []
