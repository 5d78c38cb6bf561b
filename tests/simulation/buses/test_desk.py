"""The optimising dispatcher in a run: what it says is done, and limits are kept whatever it says."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from scenarios.bus_day import BusDay, BusSettings, build_bus_day
from scenarios.loader import City, build, load
from simulation.buses.breakdowns import Breakdown, drawn_breakdowns
from simulation.buses.desk import Dispatching
from simulation.buses.policies import compared
from simulation.buses.replay import Policy, replay
from simulation.buses.riders import dispatching_of, expected_aboard, turns_between
from simulation.buses.service import Service
from simulation.buses.street import Fortune, Luck, Street
from simulation.buses.study import signals_of
from simulation.rivals import isolated_webster
from tests.simulation.buses.days import DAY, line
from tests.simulation.buses.test_breakdowns import STARTS, at_s, no_vehicle_is_at_two_places, two_vehicles
from tests.simulation.buses.test_replay import Constant
from traffic.errors import InputError
from transit.dispatch.dispatcher import Dispatcher
from transit.dispatch.line_state import Turn
from transit.dispatch.problem import Weights
from transit.dispatching import OnSchedule

HOUR = 3600


def told(
    service: Service, dispatcher: Dispatcher, turns: tuple[Turn, ...] = (), *, spares: int = 0
) -> Policy:
    """A policy whose dispatcher expects 36 passengers an hour at every stop, and nobody aboard."""
    rate_s = np.full(len(service.call), 0.01)
    known = Dispatching(dispatcher, rate_s, np.zeros(len(rate_s)), turns={(0, 0): turns})
    return Policy(starting=OnSchedule(), dispatch=known, spares=spares)


def test_a_day_as_planned_stays_as_it_is() -> None:
    service = two_vehicles()
    found = replay(service, Constant(service), told(service, Dispatcher(early_s=0.0)))
    assert found.departure_s == pytest.approx(service.departure_s, abs=1.5)
    assert not found.held_s.any()


def test_the_gap_that_a_late_vehicle_leaves_is_shared() -> None:
    """Trip 1 loses 400 s. The dispatcher sees it, and has trip 0 wait on its way."""
    service = Service.of(line(STARTS[:3], stops=20, run_s=150), DAY)
    conditions = Constant(service)
    slow = dict.fromkeys(range(20, 24), 250.0)  # the second trip loses 400 s on its first four stretches
    conditions.run_s = lambda call, leave_s: slow.get(call, 150.0)  # type: ignore[method-assign]  # noqa: ARG005
    free = replay(service, conditions, Policy(starting=OnSchedule()))
    dispatcher = Dispatcher(Weights(late=0.0), turn_late_s=math.inf, hold_s=300.0)
    policy = told(service, dispatcher)
    held = replay(service, conditions, policy)
    assert held.held_s.max() <= 300.0
    assert held.held_s[:20].sum() > 0.0

    def wait(departure_s: np.ndarray) -> float:
        gaps = np.diff(departure_s.reshape(3, 20), axis=0)[:, :-1]
        return float((gaps**2).sum())

    assert wait(held.departure_s) < wait(free.departure_s)


def test_a_spare_takes_over_at_once() -> None:
    service = two_vehicles()
    broken = [Breakdown(0, at_s(service, 100.0))]
    found = replay(service, Constant(service), told(service, Dispatcher(), spares=1), breakdowns=broken)
    assert found.vehicle.tolist() == [0, 1, 2, 1, 2, 1]
    alone = replay(service, Constant(service), told(service, Dispatcher()), breakdowns=broken)
    assert alone.dropped.sum() >= 2 - 1  # the other vehicle has no time for all of them


def test_a_late_vehicle_turns_and_is_in_time_for_its_way_back() -> None:
    """Trip 0 loses 1500 s on its way to the second stop. It ends at its third stop; the next one begins there."""
    service = two_vehicles()
    late = Constant(service)
    late.run_s = lambda call, leave_s: 90.0 if call else 1_590.0  # type: ignore[method-assign]  # noqa: ARG005
    turn = Turn(2, 2, 60.0)
    dispatcher = Dispatcher(Weights(lost=10.0), most_choices=1)
    found = replay(service, late, told(service, dispatcher, (turn,)))
    made = np.isfinite(found.departure_s).reshape(6, 5)
    assert made[0].tolist() == [True, True, True, False, False]
    assert made[2].tolist() == [False, False, True, True, True]
    assert found.cut[[0, 2]].tolist() == [True, True]
    # it leaves 30 s early, as it may, so the third stop at -30 + 1590 + 90 s, and the other one 60 s later
    assert found.departure_s[2] == at_s(service, 1_650.0)
    assert found.departure_s[12] == at_s(service, 1_710.0)
    never = replay(service, late, told(service, Dispatcher(turn_late_s=math.inf), (turn,)))
    assert not never.cut.any()


def test_expected_load_by_hand() -> None:
    """Ten passengers come to each of five stops in a headway of 600 s; each gets off at any stop ahead alike."""
    service = Service.of(line([HOUR, HOUR + 600]), DAY)
    found = expected_aboard(service, np.full(10, 1 / 60))
    assert found[:5].tolist() == [0.0] * 5  # nobody is known to have come before the first trip
    # 10; of 10 a quarter gets off at the second stop, of 17.5 a third at the third, of 21.67 half at the fourth, then all
    assert found[5:] == pytest.approx([10.0, 17.5, 17.5 * 2 / 3 + 10, (17.5 * 2 / 3 + 10) / 2 + 10, 0.0])


def test_turns_are_where_the_way_back_is_near() -> None:
    timetable = line([HOUR], stops=11)
    there = np.arange(11)
    found = turns_between(timetable, there, there[::-1])
    assert [(turn.leave, turn.join) for turn in found] == [(4, 6), (6, 4), (8, 2)]
    assert all(turn.way_s == pytest.approx(180.0) for turn in found)
    assert turns_between(line([HOUR], stops=3), there[:3], there[:2]) == ()


@pytest.fixture(scope="module")
def city() -> City:
    return build(load("grid-6x5"))


@pytest.fixture(scope="module")
def made(city: City) -> BusDay:
    return build_bus_day(city.network, BusSettings(vehicles=6, seed=3), date(2026, 11, 27))


@pytest.mark.parametrize("spares", [0, 1])
def test_a_generated_day_keeps_all_limits_and_repeats(city: City, made: BusDay, spares: int) -> None:
    service = Service.of(made.timetable, made.day)
    plans = isolated_webster(city.network, city.junctions, city.demand)
    signals = signals_of(city.network, plans, city.demand, made.lines.traffic_by_hour)
    luck = Luck.drawn(service, Fortune(), np.random.default_rng(5))
    broken = drawn_breakdowns(service, 1, np.random.default_rng(7), out_s=3_600.0)
    known = dispatching_of(service, made.lines)
    policy = Policy(starting=OnSchedule(), dispatch=known, spares=spares)
    found, again = (
        replay(service, Street(service, made.lines, luck, signals.delay), policy, breakdowns=broken)
        for _ in range(2)
    )
    assert found.departure_s.tobytes() == again.departure_s.tobytes()
    no_vehicle_is_at_two_places(service, found)
    assert (found.held_s >= 0.0).all()
    assert found.held_s.max() <= known.dispatcher.hold_s
    first = service.first[:-1][~found.dropped & ~found.cut]
    assert (found.departure_s[first] >= service.departure_s[first] - known.dispatcher.early_s - 1e-3).all()


def test_variants_are_chosen_by_name(city: City) -> None:
    day = date(2026, 11, 27)
    found = compared(city, day, vehicles=10, seeds=1, breakdowns=1, only=["untouched", "extra vehicles"])
    assert [row["variant"] for row in found.rows()] == ["untouched", "extra vehicles"]
    without, spare = (found.outcomes[name][0] for name in ("untouched", "extra vehicles"))
    assert without.dropped > spare.dropped
    assert without.dropped > 0.0
    with pytest.raises(InputError, match="'untouched', 'signal priority'"):
        compared(city, day, vehicles=10, seeds=1, only=["nothing"])
