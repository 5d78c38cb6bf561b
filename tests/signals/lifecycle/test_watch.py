"""Alarms on what lasts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from signals.lifecycle.watch import Finding, changed, cleared, junction_findings, silent_findings, watched
from tests.signals.lifecycle.desk import SERVICE, START, Desk


def watch(desk: Desk, prefix: str, found: dict[str, Finding]) -> list[str]:
    told = changed(desk.state, prefix, found)
    kinds = desk.enter(SERVICE, lambda s, at, w: watched(s, at, w, prefix, found))
    assert told is bool(kinds)
    return kinds


def test_an_alarm_lasts_for_as_long_as_its_reason() -> None:
    desk = Desk()
    one = {"silent:a": Finding("controller_silent", "a", "a")}
    two = {**one, "silent:b": Finding("controller_silent", "b", "b")}
    assert watch(desk, "silent:", one) == ["alarm.raised"]
    assert watch(desk, "silent:", one) == []
    assert watch(desk, "silent:", two) == ["alarm.raised"]
    assert watch(desk, "status:a:", {}) == []
    assert set(desk.state.alarms) == set(two)
    assert watch(desk, "silent:", {}) == ["alarm.cleared", "alarm.cleared"]
    assert not desk.state.alarms


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2.0, None),
        (-2.0, None),
        (2.001, "The clock of a is 2 s ahead"),
        (-3600, "The clock of a is 3600 s behind"),
    ],
)
def test_a_clock_that_is_off_is_told(seconds: float, text: str | None) -> None:
    found = junction_findings("a", fault=None, clock=START + timedelta(seconds=seconds), received=START)
    assert [finding.text.startswith(str(text)) for finding in found.values()] == [True] * (text is not None)


@pytest.mark.parametrize(("seconds", "count"), [(1.001, 1), (-1.5, 1), (1.0, 0), (0.0, 0)])
def test_a_clock_that_was_wrong_has_settled_only_well_within_the_limit(seconds: float, count: int) -> None:
    clock, raised = START + timedelta(seconds=seconds), ["status:a:clock"]
    found = junction_findings("a", fault=None, clock=clock, received=START, raised=raised)
    assert len(found) == count


def test_what_is_cleared_is_cleared_once() -> None:
    desk = Desk()
    watch(desk, "silent:", {"silent:a": Finding("controller_silent", "a", "a")})
    kinds = desk.enter(SERVICE, lambda s, at, w: cleared(s, at, w, {"silent:a", "silent:b"}))
    assert kinds == ["alarm.cleared"]
    assert desk.enter(SERVICE, lambda s, at, w: cleared(s, at, w, {"silent:a"})) == []


def test_a_fault_is_told() -> None:
    found = junction_findings("a", fault="conflict monitor: N and E", clock=START, received=START)
    assert [finding.text for finding in found.values()] == ["a reports a fault: conflict monitor: N and E"]


def test_who_is_silent_is_told() -> None:
    longest = timedelta(minutes=2)
    heard = {"a": START, "b": START - longest, "c": START - longest - timedelta(seconds=1), "d": None}
    assert list(silent_findings(heard, START, longest)) == ["silent:c", "silent:d"]
