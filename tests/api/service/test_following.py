"""Who shows another plan than is in force: seen when it lasts, whichever replica is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.centre.following import Following
from signals.lifecycle.coordination import SETTLING
from signals.lifecycle.records import OrderMode
from signals.lifecycle.watch import Finding, watched
from tests.signals.lifecycle.desk import SERVICE, Desk

ALARM = "status:j:plan"


def _in_force() -> Desk:
    desk = Desk()
    plan_set = desk.published({"g": ["j"]})
    desk.bring_in(plan_set)
    return desk


def _told(desk: Desk, following: Following, version: object, **more: Any) -> dict[str, Finding]:
    return following.findings(desk.state, "j", {"version": version, **more}, desk.at)


def test_what_one_replica_has_raised_another_lets_stand_until_the_controller_follows() -> None:
    desk, one, other = _in_force(), Following(), Following()
    assert _told(desk, one, None, source="local") == {}
    desk.at += SETTLING
    found = _told(desk, one, None, source="local")
    assert [finding.what for finding in found.values()] == ["wrong_plan"]
    desk.enter(SERVICE, lambda s, at, w: watched(s, at, w, "status:j:", found))
    assert list(_told(desk, other, None, source="local")) == [ALARM]
    assert list(other.findings(desk.state, "j", None, desk.at)) == [ALARM]
    assert list(_told(desk, other, "nonsense")) == [ALARM]
    assert _told(desk, other, 1) == {}


@pytest.mark.parametrize("version", ["1", 1.0, True, [], {}])
def test_a_status_that_names_no_version_says_nothing(version: object) -> None:
    desk, following = _in_force(), Following()
    for _ in range(2):
        assert _told(desk, following, version) == {}
        assert following.findings(desk.state, "j", {"fault": None}, desk.at) == {}
        desk.wait(hours=1)


def test_time_counts_from_when_something_else_is_in_force_and_a_fault_is_an_alarm_of_its_own() -> None:
    desk, following = _in_force(), Following()
    assert _told(desk, following, None) == {}
    desk.wait(minutes=5)
    desk.bring_in(desk.published({"g": ["j"]}))
    assert _told(desk, following, None) == {}
    desk.wait(minutes=5)
    assert _told(desk, following, None) == {}
    assert _told(desk, following, None, fault="conflict") == {}
    desk.wait(minutes=5)
    assert _told(desk, following, None) == {}
    desk.at += SETTLING - timedelta(seconds=1)
    assert _told(desk, following, None) == {}
    desk.wait(seconds=1)
    (finding,) = _told(desk, following, None, source="line\nbreak").values()
    assert finding.text == "j shows line break, and is to show version 2 of set-2"


def test_who_is_to_show_no_plan_and_shows_one_is_told() -> None:
    desk, following = _in_force(), Following()
    desk.hold("j", "op")
    desk.order("j", "op", OrderMode.ALL_RED)
    assert _told(desk, following, 1) == {}
    desk.at += SETTLING
    (finding,) = _told(desk, following, 1).values()
    assert finding.text == "j shows version 1, and is to show no plan of the service"
    assert _told(desk, following, None, source="order") == {}
