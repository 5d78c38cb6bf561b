"""Goals: how they are written, and when they are reached."""

from __future__ import annotations

import pytest

from traffic.errors import InputError
from transit.definitions import definitions, named
from transit.goals import Goal, better, read_goals


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("on-time-visits=0.87", Goal("on-time-visits", 0.87)),
        (" on-time-visits = 87 %", Goal("on-time-visits", 0.87)),
        ("excess-wait=60", Goal("excess-wait", 60.0)),
        ("trips-dropped=1%", Goal("trips-dropped", 0.01)),
        ("headway-cv=0.3", Goal("headway-cv", 0.3)),
    ],
)
def test_goals_are_read(text: str, goal: Goal) -> None:
    (found,) = read_goals([text])
    assert found.definition == goal.definition
    assert found.value == pytest.approx(goal.value, rel=1e-15)


@pytest.mark.parametrize(
    "texts",
    [
        ["on-time-visits"],
        ["lateness=1"],
        ["on-time-visits=87"],
        ["on-time-visits=-0.1"],
        ["on-time-visits=nan"],
        ["on-time-visits=much"],
        ["excess-wait=60%"],
        ["excess-wait=inf"],
        ["deviation-p50=60"],
        ["scheduled-wait=60"],
        ["on-time-visits=0.8", "on-time-visits=0.9"],
    ],
)
def test_what_is_no_goal_is_refused(texts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        read_goals(texts)
    assert caught.value.field == "--goal"
    assert caught.value.value == texts[-1]


def test_which_way_is_better() -> None:
    ways = {definition.name: better(definition) for definition in definitions()}
    assert {name for name, way in ways.items() if way < 0} == {
        "tfl-excess-wait",
        "trips-dropped",
        "trips-cut",
        "headway-cv",
        "headway-cv-scheduled",
        "wait",
        "excess-wait",
        "deviation-put-aside",
    }
    assert {name for name, way in ways.items() if way == 0} == {
        "scheduled-wait",
        *(f"deviation-p{percent:02d}" for percent in (5, 15, 50, 85, 95)),
    }
    assert better(named(["on-time-visits"])[0]) == 1


def test_a_goal_is_reached_where_it_is_met_exactly() -> None:
    assert Goal("on-time-visits", 0.87).met(0.87, 1)
    assert not Goal("on-time-visits", 0.87).met(0.8699, 1)
    assert Goal("excess-wait", 60.0).met(59.0, -1)
    assert not Goal("excess-wait", 60.0).met(61.0, -1)
