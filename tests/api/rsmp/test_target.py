"""What a site is to show at an instant."""

from __future__ import annotations

from datetime import timedelta

from api.rsmp_bridge.target import next_change, target_of
from tests.signals.lifecycle.desk import Desk


def shown(desk: Desk) -> str | None:
    content = target_of(desk.state, "a", desk.at).content
    return None if content is None else content.plan_set


def test_what_is_in_force_is_shown_until_the_next_begins_whatever_stood_between() -> None:
    desk = Desk()
    today = desk.published({"all": ["a"]})
    desk.bring_in(today)
    desk.activate(desk.published({"all": ["a"]}, begins_in_hours=24))
    assert shown(desk) == today
    sooner = desk.published({"all": ["a"]}, begins_in_hours=12)
    desk.activate(sooner)
    assert shown(desk) == today
    assert next_change(desk.state, "a", desk.at) == desk.at + timedelta(hours=12)
    desk.wait(hours=12)
    assert shown(desk) == sooner
    desk.wait(hours=24)
    assert shown(desk) == sooner


def test_what_ends_before_the_next_begins_is_not_shown_between() -> None:
    desk = Desk()
    today = desk.published({"all": ["a"]}, hours=3)
    desk.bring_in(today)
    end = desk.state.plan_set(today).valid_until
    desk.activate(desk.published({"all": ["a"]}, begins_in_hours=24))
    assert shown(desk) == today
    assert next_change(desk.state, "a", desk.at) == end
    desk.wait(hours=3)
    assert shown(desk) is None


def test_plans_that_were_brought_back_end_by_junction() -> None:
    desk = Desk()
    desk.bring_in(desk.published({"all": ["a"]}, hours=3))
    desk.bring_in(desk.published({"all": ["b"]}))
    over = desk.published({"all": ["a", "b"]})
    desk.bring_in(over)
    back = desk.roll_back(over)
    desk.bring_in(back)
    later = desk.published({"all": ["a"]}, begins_in_hours=24)
    desk.activate(later)
    assert shown(desk) == back
    desk.wait(hours=3)
    desk.coordinate()
    assert shown(desk) is None
    assert target_of(desk.state, "b", desk.at).content is not None


def test_what_goes_on_until_the_next_begins_is_the_very_version_and_ends_with_its_own_end() -> None:
    desk = Desk()
    today = desk.published({"all": ["a"]})
    desk.bring_in(today)
    number = desk.current("a")
    desk.activate(desk.published({"all": ["a"]}, begins_in_hours=24))
    content = target_of(desk.state, "a", desk.at).content
    assert content is not None
    assert content.version.number == number
    desk.end(today, minutes=60)
    assert next_change(desk.state, "a", desk.at) == desk.at + timedelta(minutes=60)
    desk.wait(minutes=60)
    assert shown(desk) is None
    desk.coordinate()
    desk.wait(hours=23)
    assert shown(desk) == "set-2"
