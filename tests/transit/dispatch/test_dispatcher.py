"""Decisions about a line whose best course is plain, and what no decision may do whatever the line is like."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transit.dispatch.lines import RUN_S, STOPS, WAY_S, table, trip
from traffic.errors import InputError
from transit.dispatch.dispatcher import Dispatcher
from transit.dispatch.line_state import LineState, Turn, Vehicle
from transit.dispatch.problem import Weights

NOW_S = 10_000.0
EVEN = Dispatcher(Weights(late=0.0), hold_s=1_000.0, early_s=1_000.0, turn_late_s=math.inf)


def test_a_vehicle_on_the_way_is_held_until_its_gaps_are_equal() -> None:
    """The one before left stops 2 and 3 at -400 and 0 s; this one would at 80 and 230; the next is due 600 s later."""
    trips = table(trip(1, NOW_S), trip(2, NOW_S))
    second, third = Vehicle(2, 1, NOW_S - 70.0, (1,)), Vehicle(3, 0, NOW_S - 90.0, (2,))
    last = {2: NOW_S - 400.0, 3: NOW_S}
    alone = EVEN.decide(LineState(NOW_S, (second,), trips, last_s=last))
    assert alone.leave_s[102] == NOW_S + 140.0  # half-way from -400 to 680
    assert (
        NOW_S + 410.0 <= alone.leave_s[103] <= NOW_S + 420.0
    )  # from 0 to 830: chords are level about the middle
    both = EVEN.decide(LineState(NOW_S, (second, third), trips, last_s=last))
    assert 102 not in both.leave_s  # the third comes at 210: the second would rather be earlier
    # half-way from 80 to 810: chords are level where both gaps are from 360 to 420
    assert NOW_S + 440.0 <= both.leave_s[202] <= NOW_S + 450.0


def test_a_spare_begins_the_trip_of_a_vehicle_that_is_late() -> None:
    """The vehicle of trip 1 ends it 1000 s after trip 2 is to begin at terminal 1, where a spare stands."""
    late = Vehicle(1, 0, NOW_S + 400.0, (1, 2), terminal=1)
    trips = table(trip(1, NOW_S - 1_000.0), trip(2, NOW_S, 1))
    spare = Vehicle(9, -1, NOW_S, (), terminal=1)
    found = Dispatcher(turn_late_s=math.inf).decide(LineState(NOW_S, (late, spare), trips))
    assert found.chains == {1: (), 9: (2,)}
    assert found.leave_s[200] == NOW_S
    elsewhere = spare._replace(terminal=0)
    assert Dispatcher(turn_late_s=math.inf).decide(LineState(NOW_S, (late, elsewhere), trips)).chains == {}
    in_time = Vehicle(1, STOPS - 2, NOW_S - 100.0, (1, 2), terminal=1)
    assert Dispatcher(turn_late_s=math.inf).decide(LineState(NOW_S, (in_time, spare), trips)).chains == {}


def test_a_spare_takes_over_from_a_vehicle_that_broke_down() -> None:
    spare = Vehicle(9, -1, NOW_S, (), terminal=1)
    state = LineState(NOW_S, (spare,), table(trip(2, NOW_S + 300.0, 1)), orphans=((2,),))
    found = Dispatcher().decide(state)
    assert found.chains == {9: (2,)}
    assert found.leave_s[200] >= NOW_S + 300.0 - Dispatcher().early_s
    waits = (STOPS - 1) * 0.01 * (1_200.0**2 - 2 * 600.0**2) / 2
    assert found.cost_before - found.cost == pytest.approx(Weights().lost * STOPS + waits)


def test_without_a_spare_another_vehicle_takes_the_trip_that_would_leave_the_longer_gap() -> None:
    """Trips 2 and 3 are to begin 600 s apart, and 2 has lost its vehicle; who is to run 3 could run 2 in time.

    Trip 2 has more passengers to wait for it, so that 3 is dropped rather than 2.
    """
    other = Vehicle(1, -1, NOW_S, (3,), terminal=0)
    trips = table(trip(2, NOW_S + 60.0, rate_s=0.05), trip(3, NOW_S + 660.0, rate_s=0.05))
    last = dict.fromkeys(range(STOPS), NOW_S - 540.0)
    state = LineState(NOW_S, (other,), trips, orphans=((2,),), last_s=last)
    assert Dispatcher().decide(state).chains == {1: (2,)}


def test_a_very_late_vehicle_is_turned_where_its_next_trip_can_be_joined() -> None:
    """25 minutes late at stop 1 of 5: it turns there, and is in time for stop 3 of its way back."""
    turn = Turn(2, 2, 60.0)
    trips = table(trip(1, NOW_S - 1_500.0, turns=(turn,), rate_s=0.0), trip(2, NOW_S - 660.0, 1, rate_s=0.0))
    vehicle = Vehicle(1, 0, NOW_S - 10.0, (1, 2), terminal=1)
    cheap, dear = (Dispatcher(Weights(lost=lost)) for lost in (60.0, 60_000.0))
    state = LineState(NOW_S, (vehicle,), trips)
    assert cheap.decide(state).turns == {1: turn}
    assert dear.decide(state).turns == {}
    passed = state.vehicles[0]._replace(at=2)
    assert cheap.decide(LineState(NOW_S, (passed,), trips)).turns == {}
    punctual = table(trip(1, NOW_S, turns=(turn,)), trip(2, NOW_S + WAY_S + 60.0, 1))
    assert cheap.decide(LineState(NOW_S, (vehicle,), punctual)).turns == {}


def test_control_points_stand_for_the_stops_behind_them() -> None:
    """With control at the first stop alone, passengers of the stops up to the last but one are counted there."""
    calls = trip(1, NOW_S + 60.0).calls
    sparse = trip(1, NOW_S + 60.0)._replace(calls=(calls[0], *(c._replace(control=False) for c in calls[1:])))
    state = LineState(NOW_S, (Vehicle(1, -1, NOW_S, (1,)),), {1: sparse}, last_s={0: NOW_S - 540.0})
    found = Dispatcher(early_s=0.0).decide(state)
    assert found.leave_s == {100: NOW_S + 60.0}
    assert found.cost == pytest.approx((STOPS - 1) * 0.01 * 2 * 600.0**2 / 2)


@pytest.mark.parametrize("field", ["horizon_s", "hold_s", "turn_late_s"])
def test_rules_that_cannot_be_are_refused(field: str) -> None:
    with pytest.raises(InputError, match=field):
        Dispatcher(**{field: -1.0})


def test_states_that_cannot_be_are_refused() -> None:
    trips = table(trip(1, NOW_S))
    with pytest.raises(InputError, match="two vehicles"):
        LineState(NOW_S, (Vehicle(1, -1, NOW_S, (1,)), Vehicle(2, -1, NOW_S, (1,))), trips)
    with pytest.raises(InputError, match="trip of the line"):
        LineState(NOW_S, (Vehicle(1, -1, NOW_S, (5,)),), trips)
    with pytest.raises(InputError, match="at"):
        LineState(NOW_S, (Vehicle(1, 9, NOW_S, (1,)),), trips)


@st.composite
def states(draw: st.DrawFn) -> LineState:
    """Vehicles of a line anywhere, each with the rest of a trip and the one after, orphans and spares."""
    trips, vehicles, orphans = {}, [], []
    number = 0
    for v in range(draw(st.integers(1, 5))):
        direction, late_s = draw(st.integers(0, 1)), draw(st.floats(-300.0, 1_500.0))
        kind = draw(st.sampled_from(["under way", "standing", "orphan", "spare"]))
        begin_s = NOW_S + draw(st.floats(-600.0, 600.0))
        turns = (Turn(2, 2, 90.0), Turn(3, 1, 60.0))
        one = trip(number, begin_s - late_s, direction, aboard=5.0, turns=turns)
        two = trip(number + 1, begin_s - late_s + WAY_S + 60.0, 1 - direction)
        if kind == "spare":
            vehicles.append(Vehicle(v, -1, NOW_S, (), direction))
            continue
        trips |= table(one, two)
        chain = (number, number + 1)
        number += 2
        if kind == "orphan":
            orphans.append(chain)
        elif kind == "standing":
            vehicles.append(Vehicle(v, -1, NOW_S + draw(st.floats(-60.0, 300.0)), chain, direction))
        else:
            at = draw(st.integers(0, STOPS - 2))
            vehicles.append(Vehicle(v, at, NOW_S - draw(st.floats(0.0, 200.0)), chain, 1 - direction))
    last = {place: NOW_S - draw(st.floats(0.0, 900.0)) for place in (0, 2, 10, 13)}
    return LineState(NOW_S, tuple(vehicles), trips, tuple(orphans), last)


@given(states())
@settings(max_examples=120, deadline=None)
def test_what_no_decision_may_do(state: LineState) -> None:
    rules = Dispatcher()
    found = rules.decide(state)
    assert found == rules.decide(state)
    assert found.cost <= found.cost_before
    after = {one.number: found.chains.get(one.number, one.chain) for one in state.vehicles}
    run = [number for chain in after.values() for number in chain]
    assert len(run) == len(set(run))  # no trip has two vehicles
    known = {one.chain for one in state.vehicles} | set(state.orphans) | {()}
    assert set(after.values()) <= known
    assert all(state.trips[c[0]].terminal == v.terminal for v in state.vehicles if (c := after[v.number]))
    for number, turn in found.turns.items():
        (vehicle,) = (one for one in state.vehicles if one.at >= 0 and one.trips[0] == number)
        assert turn.leave > vehicle.at
    for call, leave_s in found.leave_s.items():
        assert leave_s >= NOW_S - 1e-6
        planned_s = state.trips[call // 100].calls[call % 100].planned_s
        if call % 100 == 0:
            assert leave_s >= planned_s - rules.early_s - 1e-6
    for vehicle in state.vehicles:  # nobody leaves before it has come, nor is held for longer than allowed
        if vehicle.at < 0 or vehicle.trips[0] in found.turns:
            continue
        ready_s = vehicle.since_s
        for k in range(vehicle.at + 1, STOPS - 1):
            ready_s = max(ready_s + RUN_S, NOW_S if k == vehicle.at + 1 else -math.inf)
            leave_s = found.leave_s.get(100 * vehicle.trips[0] + k, ready_s)
            assert ready_s - 0.01 <= leave_s <= ready_s + rules.hold_s + 2.0
            ready_s = leave_s
