"""The replay: a recorded day comes out as it was, and what is changed has the effect that can be reckoned by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.buses.conditions import Passengers, recorded
from simulation.buses.replay import Policy, replay
from simulation.buses.service import Service
from tests.simulation.buses.days import DAY, line
from tests.simulation.buses.records import some_record
from traffic.errors import InputError
from transit.dispatching import HeadwayHolding, OnHeadway, OnSchedule, ScheduleHolding, SelfEqualising

HOUR = 3600
BOARDING = Passengers(doors_s=0.0, each_s=1.0, most=1e9)
_CLOCK_S = 2e-6  # POSIX seconds of today are stored to 2.4e-7, five stops add five of them


@given(seed=st.integers(0, 2**32 - 1), trips=st.integers(1, 12), blocks=st.integers(1, 4))
def test_a_recorded_day_comes_out_to_the_last_bit(seed: int, trips: int, blocks: int) -> None:
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.integers(5 * HOUR, 9 * HOUR, trips)).tolist()
    service = Service.of(line(starts, blocks=[f"b{k % blocks}" for k in range(trips)]), DAY)
    arrival, departure = some_record(service, rng)
    found = replay(service, recorded(service, arrival, departure))
    assert found.arrival_s.tobytes() == arrival.tobytes()
    assert found.departure_s.tobytes() == departure.tobytes()
    assert not found.held_s.any()


def test_the_same_run_twice_is_the_same_to_the_byte() -> None:
    service = Service.of(line(range(6 * HOUR, 7 * HOUR, 300)), DAY)
    conditions = recorded(service, *some_record(service, np.random.default_rng(4)))
    policy = Policy(holding=HeadwayHolding(), starting=OnHeadway())
    one, two = (replay(service, conditions, policy) for _ in range(2))
    assert one.departure_s.tobytes() == two.departure_s.tobytes()


@dataclass
class Constant:
    """Every run takes the same time but for `late`, and dwelling depends on the headway alone."""

    service: Service
    run: float = 90.0
    late: dict[int, float] = field(default_factory=dict)
    rate_s: float = 0.0

    def begin_s(self, trip: int) -> float:
        return float(self.service.departure_s[self.service.first[trip]]) + self.late.get(trip, 0.0)

    def layover_s(self, trip: int) -> float:  # noqa: ARG002
        return 60.0

    def dwell_s(self, call: int, headway_s: float) -> float:  # noqa: ARG002
        return 0.0 if math.isnan(headway_s) else BOARDING.dwell_s(self.rate_s, headway_s)

    def stay(self, call: int, stood_s: float) -> None:
        pass

    def run_s(self, call: int, leave_s: float) -> float:  # noqa: ARG002
        return self.run


def test_a_day_as_planned_is_the_timetable() -> None:
    service = Service.of(line([HOUR, 2 * HOUR]), DAY)
    found = replay(service, Constant(service))
    assert found.arrival_s.tolist() == service.arrival_s.tolist()
    assert found.departure_s.tolist() == service.departure_s.tolist()


def test_a_late_vehicle_begins_its_next_trip_late_by_what_the_layover_does_not_take_up() -> None:
    # the first trip ends 900 + 360 s after its planned start at 3600: 4860; with 60 s of layover its vehicle is ready at 4920
    service = Service.of(line([3600, 4500], blocks=["b", "b"]), DAY)
    found = replay(service, Constant(service, late={0: 900.0}))
    assert (found.departure_s - service.departure_s)[5] == 4920 - 4500


def test_bunching_grows_as_theory_says() -> None:
    """With boarding that takes a part b of the headway, a gap of a vehicle grows by 1 + b at each stop."""
    part = 0.1
    service = Service.of(line([HOUR, HOUR + 600, HOUR + 1200], stops=6), DAY)
    found = replay(service, Constant(service, late={1: 60.0}, rate_s=part))
    left = found.departure_s.reshape(3, 6)
    # the first vehicle has no headway and does not dwell; the second one dwells for b of its headway when it comes
    gap = left[1] - left[0]
    assert gap[0] == 660.0
    assert gap[1:] == pytest.approx([660.0 * (1 + part) ** k for k in range(1, 6)], abs=_CLOCK_S)


def test_schedule_holding_makes_early_vehicles_leave_in_time() -> None:
    service = Service.of(line([HOUR]), DAY)
    found = replay(service, Constant(service, run=80.0), Policy(holding=ScheduleHolding()))
    assert found.departure_s[1:4].tolist() == service.departure_s[1:4].tolist()
    assert found.held_s.tolist() == [0.0, 10.0, 10.0, 10.0, 0.0]


def test_headway_holding_waits_for_a_part_of_what_is_missing() -> None:
    service = Service.of(line([HOUR, HOUR + 600]), DAY)
    conditions = Constant(service, late={0: 200.0})  # so the second is 200 s too close
    found = replay(service, conditions, Policy(holding=HeadwayHolding(gain=0.5, longest_s=1000.0)))
    gap = found.departure_s.reshape(2, 5)[1] - found.departure_s.reshape(2, 5)[0]
    assert gap.tolist() == [400.0, 500.0, 550.0, 575.0, 575.0]


def test_self_equalising_waits_for_a_part_of_the_gap_behind() -> None:
    service = Service.of(line([HOUR, HOUR + 600]), DAY)
    found = replay(service, Constant(service), Policy(holding=SelfEqualising(gain=0.1)))
    assert found.held_s[1] == pytest.approx(60.0)  # the one behind is due in 600 s
    assert found.held_s[5:].tolist() == [0.0] * 5  # nobody is behind the last


def test_terminal_discipline_and_headways() -> None:
    service = Service.of(line([HOUR, HOUR + 600]), DAY)
    early = Constant(service, late={0: 300.0, 1: -120.0})
    on_time = replay(service, early, Policy(starting=OnSchedule()))
    assert on_time.departure_s[[0, 5]].tolist() == service.departure_s[[0, 5]].tolist()
    driven = replay(service, early)
    assert (driven.departure_s - service.departure_s)[[0, 5]].tolist() == [300.0, -120.0]


def test_who_may_not_overtake_leaves_after_the_one_before() -> None:
    service = Service.of(line([HOUR, HOUR + 60]), DAY)
    conditions = Constant(service, late={0: 30.0})
    conditions.run_s = lambda call, leave_s: 200.0 if call < 5 else 50.0  # type: ignore[method-assign]  # noqa: ARG005
    free, kept = (
        replay(service, conditions, Policy(overtaking=o)).departure_s.reshape(2, 5) for o in (True, False)
    )
    assert free[1, 2] < free[0, 2]
    assert (kept[1, :-1] >= kept[0, :-1]).all()


@pytest.mark.parametrize("field", ["arrival_s", "departure_s"])
def test_a_record_with_gaps_is_refused(field: str) -> None:
    service = Service.of(line([HOUR]), DAY)
    columns = {"arrival_s": service.arrival_s.copy(), "departure_s": service.departure_s.copy()}
    columns[field][2] = np.nan
    with pytest.raises(InputError, match=f"{field}: must be known of all 5 calls"):
        recorded(service, **columns)


def test_a_vehicle_at_two_places_is_refused() -> None:
    service = Service.of(line([3600, 4500], blocks=["b", "b"]), DAY)
    late = service.arrival_s.copy()
    late[:5] += 800.0
    with pytest.raises(InputError, match="t1"):
        recorded(service, late, late)
