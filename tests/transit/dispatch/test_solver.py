"""The best plan: optima known in closed form, equal to trying everything, and limits that are always kept."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transit.dispatch.problems import STEP_S, simple, tried
from traffic.errors import InputError
from transit.dispatch.problem import (
    KNOTS_S,
    Course,
    Pass,
    Problem,
    Weights,
    bounds,
    cost,
    placed,
    wait_s2,
)
from transit.dispatch.solver import solve

NO_WINDOW = Weights(late=0.0)


def test_waits_are_half_the_square_at_knots_and_chords_between() -> None:
    assert [wait_s2(h) for h in KNOTS_S] == [h * h / 2 for h in KNOTS_S]
    assert wait_s2(90.0) == (60**2 / 2 + 120**2 / 2) / 2
    assert wait_s2(-5.0) == 0.0


def test_the_vehicle_in_the_middle_is_held_until_gaps_are_equal() -> None:
    """Departures at 0, 120 and 840 s, the last of all at -600: the first two gaps of 600, 120, 720 become 600, 420, 420."""
    courses = [(Course(t, (simple(k, 0, 0.0),)),) for k, t in enumerate((0.0, 120.0, 840.0))]
    last = Course(840.0, (simple(2, 0, 0.0, longest_s=0.0),))
    problem = Problem((courses[0], courses[1], (last,)), {0: -600.0}, weights=NO_WINDOW)
    plan = solve(problem)
    # headways 600 + a, 120 - a + b, 720 - b: the least of the sum of squares has them all at 480, but a may not be negative
    assert plan.leave_s == ((0.0,), (420.0,), (840.0,))
    assert plan.cost == pytest.approx(0.01 * (600**2 + 420**2 + 420**2) / 2)
    assert plan.cost_before == pytest.approx(0.01 * (600**2 + 120**2 + 720**2) / 2)


def test_two_vehicles_on_a_loop_part_as_far_as_those_aboard_allow() -> None:
    """Of a gap of 240 s in a loop of 1200, one second of holding gains rate * (behind - ahead) and costs aboard / 2."""

    def held_s(aboard: float) -> float:
        first = Course(0.0, (simple(0, 0, 240.0, aboard=aboard), simple(2, 0, 1200.0, longest_s=0.0)))
        second = Course(0.0, (simple(1, 0, 1200.0, longest_s=0.0),))
        plan = solve(Problem(((first,), (second,)), {0: 0.0}, weights=NO_WINDOW))
        return plan.leave_s[0][0] - 240.0

    # headways 240 + x, 960 - x, 240 + x: the slope is 0.01 * (2 (240 + x) - (960 - x)) + aboard / 2 = 0 at x = 160 if aboard is 0
    assert held_s(0.0) == 180.0  # the knots beside 400 are 360 and 420
    # 0.01 * (2 (240 + x) - (960 - x)) = -2 at x = 280 / 3
    assert held_s(4.0) == pytest.approx(120.0, abs=60.0)
    assert held_s(20.0) == 0.0


def test_nobody_is_held_for_longer_than_allowed() -> None:
    course = Course(60.0, (simple(0, 0, 0.0, longest_s=90.0),))
    after = Course(900.0, (simple(1, 0, 0.0, longest_s=0.0),))
    plan = solve(Problem(((course,), (after,)), {0: 0.0}, weights=NO_WINDOW))
    assert plan.leave_s[0] == (150.0,)


def test_lateness_outside_the_window_is_what_holding_may_not_cost() -> None:
    """A headway would have the vehicle leave at 480 s; it is to leave at 60, five minutes late at most."""
    course = Course(60.0, (simple(0, 0, 0.0, 60.0, longest_s=900.0, stops=10),))
    after = Course(960.0, (simple(1, 0, 0.0, longest_s=0.0),))
    window = Weights(late=1.0, late_s=300.0)
    assert solve(Problem(((course,), (after,)), {0: 0.0}, weights=window)).leave_s[0] == (360.0,)


def test_a_vehicle_turns_where_that_costs_less() -> None:
    """Behind by 20 min: going on costs 1200 - 300 s at 10 stops, turning what is left out."""

    def chosen(lost: float) -> int:
        late = Course(1200.0, (simple(0, -1, 0.0, 0.0, stops=10),))
        turned = Course(0.0, (simple(1, -1, 0.0, 0.0, stops=10),), cost=lost)
        return solve(Problem(((late, turned),), weights=Weights(late=1.0, late_s=300.0))).chosen[0]

    assert chosen(8999.0) == 1
    assert chosen(9001.0) == 0


def test_a_spare_takes_the_trip_that_nobody_runs() -> None:
    stay, take = Course(0.0, ()), Course(0.0, (simple(0, 0, 0.0),), trips=(7,))
    due = {7: 500.0}
    assert solve(Problem(((stay, take),), due=due)).chosen == (1,)
    assert solve(Problem(((stay, take), (stay, take)), due=due)).cost == 0.0  # one of the two
    assert solve(Problem(((stay,),), due=due)).cost == 500.0


def test_a_trip_that_is_not_run_leaves_a_longer_gap() -> None:
    """Two headways of 600 s, or one of 1200 s without the vehicle between: 0.01 * (1200^2 - 2 * 600^2) / 2 = 3600."""

    def chosen(price: float) -> int:
        fixed = [(Course(t, (simple(k, 0, 0.0, longest_s=0.0),)),) for k, t in enumerate((600.0, 1800.0))]
        choice = (
            Course(1200.0, (simple(2, 0, 0.0, longest_s=0.0),), cost=price),
            Course(1200.0, ()),
        )
        return solve(Problem((*fixed, choice), {0: 0.0}, weights=NO_WINDOW)).chosen[2]

    assert chosen(3599.0) == 0
    assert chosen(3601.0) == 1


def test_nobody_is_rid_of_passengers_by_not_coming() -> None:
    """At 600 of 1200 s: 0.01 * (600^2 + 600^2) / 2 = 3600; without, those who wait for 1200 s cost 7200, and dropping 3599."""
    run, drop = Course(600.0, (simple(0, 0, 0.0, longest_s=0.0),)), Course(600.0, ())
    dear = run._replace(cost=3_601.0)
    found = solve(Problem(((run, drop),), {0: 0.0}, weights=NO_WINDOW, next_s={0: 1_200.0}))
    assert (found.chosen, found.cost) == ((0,), pytest.approx(3_600.0))
    other = solve(Problem(((dear, drop),), {0: 0.0}, weights=NO_WINDOW, next_s={0: 1_200.0}))
    assert (other.chosen, other.cost) == ((1,), pytest.approx(7_200.0))


def test_the_same_problem_twice_has_the_same_plan() -> None:
    problem = Problem(tuple((Course(60.0 * v, (simple(v, 0, 0.0),)),) for v in range(6)), {0: -600.0})
    assert solve(problem) == solve(problem)


@pytest.mark.parametrize("name", ["run_s", "longest_s", "rate_s", "aboard", "stops"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_what_cannot_be_is_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        Problem(((Course(0.0, (simple(0, 0, 0.0)._replace(**{name: value}),)),),))


def test_a_vehicle_without_a_course_is_refused() -> None:
    with pytest.raises(InputError, match="courses"):
        Problem(((),))


def test_weights_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="lost"):
        Weights(lost=-1.0)


steps = st.integers(0, 8).map(lambda k: float(k * STEP_S))
limits = st.integers(0, 2).map(lambda k: float(k * STEP_S))


@st.composite
def passes(draw: st.DrawFn) -> Pass:
    earliest = draw(st.sampled_from([-math.inf, 120.0, 600.0]))
    return Pass(
        0,
        draw(st.integers(-1, 1)),
        draw(steps),
        draw(steps),
        draw(limits),
        earliest,
        draw(st.sampled_from([0.0, 0.01, 0.05])),
        draw(st.sampled_from([0.0, 3.0, 20.0])),
        draw(st.integers(0, 5)),
    )


@st.composite
def courses(draw: st.DrawFn) -> Course:
    trips = draw(st.lists(st.integers(0, 2), unique=True, max_size=2))
    price = draw(st.sampled_from([0.0, 300.0]))
    return Course(draw(steps), tuple(draw(st.lists(passes(), max_size=2))), tuple(trips), price)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    idle = st.lists(courses(), max_size=1).map(lambda more: (Course(0.0, ()), *more))
    own = draw(st.lists(st.one_of(courses().map(lambda one: (one._replace(trips=()),)), idle), max_size=3))
    weights = Weights(0.5, draw(st.sampled_from([0.0, 1.0])), 0.0, 60.0, draw(st.sampled_from([0.0, 300.0])))
    last = draw(st.sampled_from([{}, {0: -240.0, 1: 60.0}]))
    following = draw(st.sampled_from([{}, {0: 900.0}, {0: 300.0, 1: 600.0}]))
    return Problem(tuple(own), last, {0: 900.0, 1: 50.0}, weights, following)


@given(problems())
@settings(max_examples=150, deadline=None)
def test_the_best_plan_costs_as_much_as_that_of_trying_everything(problem: Problem) -> None:
    assert solve(problem).cost == pytest.approx(tried(problem), abs=0.2)


@given(problems())
@settings(max_examples=150, deadline=None)
def test_plans_keep_all_limits(problem: Problem) -> None:
    plan = solve(problem)
    assert plan.cost <= plan.cost_before
    assert plan.cost == cost(problem, plan.chosen, plan.leave_s)
    taken = [own[c] for own, c in zip(problem.courses, plan.chosen, strict=True)]
    trips = [trip for one in taken for trip in one.trips]
    assert len(trips) == len(set(trips))
    for course, leave_s in zip(taken, plan.leave_s, strict=True):
        free_s, _ = bounds(course)
        before_s = course.begin_s
        for at, free, leaves_s in zip(course.passes, free_s, leave_s, strict=True):
            ready_s = max(before_s + at.run_s, at.earliest_s)
            assert ready_s - 1e-9 <= leaves_s
            assert leaves_s <= (free if at.terminal else ready_s) + at.longest_s + 1e-9
            before_s = leaves_s
    order = placed(problem, [[bounds(one).free_s for one in own] for own in problem.courses])
    for rows in order.values():
        left = [plan.leave_s[v][k] for v, c, k in rows if plan.chosen[v] == c]
        assert all(a <= b + 0.002 for a, b in pairwise(left))
