"""Holds, orders and alarms, by example."""

from __future__ import annotations

from datetime import timedelta

import pytest

from signals.lifecycle import operators
from signals.lifecycle.records import OrderMode, Slot
from tests.signals.lifecycle.desk import START, Desk, replayed
from traffic.errors import InputError, RefusedError, UnknownError

A, B = "Aigerim", "Bolat"


def test_one_operator_holds_a_junction() -> None:
    desk = Desk()
    desk.hold("a", A, minutes=30)
    with pytest.raises(RefusedError, match=r"is held by Aigerim until 2026-11-27T07:30:00.000Z"):
        desk.hold("a", B)
    desk.hold("a", A, minutes=40)  # longer
    desk.wait(minutes=40)
    desk.hold("a", B)


def test_a_hold_is_released_by_its_holder_or_by_ejecting() -> None:
    desk = Desk()
    desk.hold("a", A)
    with pytest.raises(RefusedError, match="is held by Aigerim") as refused:
        desk.enter(B, lambda s, at, w: operators.release(s, at, w, "a"))
    assert refused.value.status == 403
    desk.enter(B, lambda s, at, w: operators.release(s, at, w, "a", eject=True))
    desk.hold("a", B)
    desk.enter(B, lambda s, at, w: operators.release(s, at, w, "a"))
    with pytest.raises(UnknownError, match="nobody holds it"):
        desk.enter(B, lambda s, at, w: operators.release(s, at, w, "a"))


def test_only_who_holds_a_junction_gives_orders() -> None:
    desk = Desk()
    with pytest.raises(RefusedError, match="must be held by who gives an order"):
        desk.order("a", A, OrderMode.FLASH)
    desk.hold("a", A)
    with pytest.raises(RefusedError, match="must be held by who gives an order"):
        desk.order("a", B, OrderMode.FLASH)
    desk.order("a", A, OrderMode.FLASH)
    record = desk.state.junction("a")
    assert record.order is not None
    assert (record.order.mode, record.order.token, record.sequence) == (OrderMode.FLASH, "order-1", 1)
    desk.order("a", A, OrderMode.NONE)
    assert desk.state.junction("a").sequence == 2


def test_an_order_ends_by_itself() -> None:
    desk = Desk()
    desk.hold("a", A, minutes=60)
    desk.order("a", A, OrderMode.ALL_RED, minutes=30)
    desk.wait(minutes=30)
    assert desk.coordinate() == ["junction.order_expired"]
    assert desk.state.junction("a").order is None
    desk.wait(minutes=30)
    assert desk.coordinate() == ["junction.released"]
    assert desk.state.junction("a").hold is None


@pytest.mark.parametrize("mode", [OrderMode.NONE, OrderMode.FLASH])
def test_an_order_is_followed_by_none_for_as_long_as_what_it_took_the_place_of_would_last(
    mode: OrderMode,
) -> None:
    desk = Desk()
    desk.hold("a", A, minutes=60)
    desk.order("a", A, OrderMode.ALL_RED, minutes=60)
    desk.order("a", A, OrderMode.FLASH, minutes=20)
    desk.order("a", A, mode, minutes=5)
    over = START + timedelta(minutes=60)
    for minutes in (0, 5, 50):
        desk.wait(minutes=minutes)
        desk.coordinate()
        found = desk.state.junction("a").order
        assert found is not None
        assert found.mode is (mode if desk.at == START else OrderMode.NONE)
        assert found.last_until == over
        word = desk.words[found.token]
        assert (word.mode, word.expires_at) == (found.mode, found.expires_at)
        assert desk.at < word.expires_at
        assert word.sequence <= desk.state.junction("a").sequence
    desk.wait(minutes=5)
    desk.coordinate()
    assert desk.state.junction("a").order is None
    assert replayed(desk) == desk.state


def test_an_order_that_expires_unseen_with_what_it_took_the_place_of_is_followed_by_nothing() -> None:
    desk = Desk()
    desk.hold("a", A, minutes=120)
    desk.order("a", A, OrderMode.FLASH, minutes=30)
    desk.order("a", A, OrderMode.ALL_RED, minutes=1)
    desk.wait(minutes=30)
    assert desk.coordinate() == ["junction.order_expired"]
    assert desk.state.junction("a").order is None
    assert desk.coordinate() == []
    assert replayed(desk) == desk.state


def test_a_slot_that_is_ordered_has_a_plan() -> None:
    desk = Desk()
    desk.hold("a", A, minutes=60)
    with pytest.raises(RefusedError, match="junction a, slot: has no plan"):
        desk.order("a", A, OrderMode.SLOT, slot=Slot.INCIDENT)
    for mode, slot in ((OrderMode.SLOT, None), (OrderMode.FLASH, Slot.BASE)):
        with pytest.raises(InputError, match="must be given with the mode slot"):
            desk.order("a", A, mode, slot=slot)


@pytest.mark.parametrize("minutes", [0, -1, 12 * 60 + 1])
def test_orders_and_holds_have_an_end(minutes: float) -> None:
    desk = Desk()
    with pytest.raises(InputError, match="until: must be later than"):
        desk.hold("a", A, minutes=minutes)
    desk.hold("a", A)
    with pytest.raises(InputError, match="expires_at: must be later than"):
        desk.order("a", A, OrderMode.FLASH, minutes=minutes)


def test_an_alarm_on_what_has_happened_ends_when_it_has_been_seen() -> None:
    desk = Desk()
    desk.published({"all": ["a"]})
    desk.refuse("a", 1)
    (alarm,) = desk.state.alarms
    assert desk.enter(A, lambda s, at, w: operators.acknowledge_alarm(s, at, w, alarm)) == [
        "alarm.acknowledged",
        "alarm.cleared",
    ]
    with pytest.raises(UnknownError, match="there is no such alarm"):
        desk.enter(A, lambda s, at, w: operators.acknowledge_alarm(s, at, w, alarm))
