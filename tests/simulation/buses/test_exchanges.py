"""Trips exchanged at terminals: who takes over is reckoned by hand, and whatever happens each trip is run once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.buses.breakdowns import drawn_breakdowns
from simulation.buses.conditions import recorded
from simulation.buses.replay import Policy, Replayed, replay
from simulation.buses.riders import dispatching_of
from simulation.buses.service import Service
from simulation.buses.study import outcome
from tests.simulation.buses.days import DAY, line
from tests.simulation.buses.test_breakdowns import no_vehicle_is_at_two_places, two_vehicles
from tests.simulation.buses.test_replay import Constant, some_record
from traffic.errors import InputError
from transit.dispatching import AsDriven, Exchange, OnHeadway, OnSchedule, Starting
from transit.lines import Lines

HOUR = 3600
DISCIPLINE = Policy(starting=OnSchedule())
EXCHANGE = Policy(starting=OnSchedule(), exchange=Exchange())


class Delayed(Constant):
    """As planned, but that vehicles lose some time on the first stretch of some trips."""

    def run_s(self, call: int, leave_s: float) -> float:
        trip = int(np.searchsorted(self.service.first, call, side="right")) - 1
        lost_s = self.late.get(trip, 0.0) if call == self.service.first[trip] else 0.0
        return super().run_s(call, leave_s) + lost_s


def begun_s(service: Service, found: Replayed) -> list[float]:
    """When trips began, in seconds after they were to."""
    first = service.first[:-1]
    late_s: list[float] = (found.departure_s[first] - service.departure_s[first]).tolist()
    return late_s


def test_who_is_there_runs_what_is_due_and_who_is_late_goes_on_with_what_that_one_had() -> None:
    """Trip 0 ends 1500 s late, at 1860, and its vehicle is ready at 1920.

    Without exchange trip 2, due at 1200, begins at 1920, and trip 4, due at 2400, in time. With it vehicle 1, ready at 1020,
    takes over trips 2 and 4; ready again at 1620, it takes back trip 3 of 1800 and trip 5; the late vehicle runs trip 4.
    """
    service = two_vehicles()
    delayed = Delayed(service, late={0: 1_500.0})
    alone = replay(service, delayed, DISCIPLINE)
    assert begun_s(service, alone) == [0.0, 0.0, 720.0, 0.0, 0.0, 0.0]
    found = replay(service, delayed, EXCHANGE)
    assert begun_s(service, found) == [0.0] * 6
    assert found.vehicle.tolist() == [0, 1, 1, 1, 0, 1]
    assert found.exchanged.tolist() == [False, False, True, False, False, False]
    assert outcome(service, found).exchanged == 1 / 6
    assert outcome(service, alone).exchanged == 0.0


def test_the_first_to_come_takes_over_where_nobody_is_there() -> None:
    """Trip 0 ends 1500 s late, trip 1 300 s late: its vehicle comes at 1260, is ready at 1320, and its own trip 3 is due at 1800.

    Trip 2, due at 1200, has waited for somebody: it begins at 1320 instead of 1920. It ends at 1680, when trip 3 is looked at,
    whose vehicle is now the late one: the same takes it back.
    """
    service = two_vehicles()
    found = replay(service, Delayed(service, late={0: 1_500.0, 1: 300.0}), EXCHANGE)
    assert begun_s(service, found) == [0.0, 0.0, 120.0, 0.0, 0.0, 0.0]
    assert found.vehicle.tolist() == [0, 1, 1, 1, 0, 1]


def test_who_is_late_for_its_own_trip_takes_over_none() -> None:
    """Both vehicles come so late that each is late for its own next trip: nothing is exchanged."""
    service = two_vehicles()
    late = Delayed(
        service, late={0: 2_000.0, 1: 1_000.0}
    )  # ready at 2420 and 2020, for trips of 1200 and 1800
    found, alone = (replay(service, late, policy) for policy in (EXCHANGE, DISCIPLINE))
    assert found.vehicle[:4].tolist() == [0, 1, 0, 1]
    assert begun_s(service, found)[:4] == begun_s(service, alone)[:4] == [0.0, 0.0, 1220.0, 220.0]


def test_a_vehicle_in_the_depot_takes_over_nothing() -> None:
    """Block b has its first trip at 2400: nobody knows that it is there before, and trip 1 waits for its own vehicle."""
    service = Service.of(line([HOUR, HOUR + 600, HOUR + 2400], blocks=["a", "a", "b"]), DAY)
    found = replay(service, Delayed(service, late={0: 900.0}), EXCHANGE)
    assert begun_s(service, found) == [0.0, 720.0, 0.0]
    assert found.vehicle.tolist() == [0, 0, 1]


@pytest.mark.parametrize(("away_s", "taken"), [(3_600.0, True), (900.0, False)])
def test_a_vehicle_with_nothing_to_run_for_long_may_be_away(away_s: float, *, taken: bool) -> None:
    """Vehicle 1 is ready at 1020 and has its next trip at 2400, 1380 s later."""
    service = Service.of(line([HOUR, HOUR + 600, HOUR + 1200, HOUR + 2400], blocks=["a", "b", "a", "b"]), DAY)
    policy = Policy(starting=OnSchedule(), exchange=Exchange(away_s=away_s))
    found = replay(service, Delayed(service, late={0: 1_500.0}), policy)
    assert found.vehicle.tolist() == ([0, 1, 1, 0] if taken else [0, 1, 0, 1])
    assert begun_s(service, found)[2] == (0.0 if taken else 720.0)


@pytest.mark.parametrize(("late_s", "taken"), [(58.0, True), (59.0, False)])
def test_who_is_there_and_ready_soon_runs_its_own(late_s: float, *, taken: bool) -> None:
    """Trip 0 ends at 1199, and its vehicle would begin trip 2 at 1259, 59 s late."""
    service = two_vehicles()
    exchange = Exchange(ahead_s=0.0, late_s=late_s)
    found = replay(
        service, Delayed(service, late={0: 839.0}), Policy(starting=OnSchedule(), exchange=exchange)
    )
    assert found.vehicle[2] == (1 if taken else 0)


def test_without_lateness_nothing_is_exchanged() -> None:
    service = two_vehicles()
    found, alone = (replay(service, Constant(service), policy) for policy in (EXCHANGE, DISCIPLINE))
    assert found.departure_s.tobytes() == alone.departure_s.tobytes()
    assert not found.exchanged.any()


def test_a_single_vehicle_has_nobody_to_exchange_with() -> None:
    service = Service.of(line([HOUR, HOUR + 500, HOUR + 1000], blocks=["a"] * 3), DAY)
    record = recorded(service, *some_record(service, np.random.default_rng(3)))
    found, alone = (replay(service, record, policy) for policy in (EXCHANGE, DISCIPLINE))
    assert found.departure_s.tobytes() == alone.departure_s.tobytes()


@given(
    seed=st.integers(0, 2**32 - 1),
    blocks=st.integers(1, 5),
    spares=st.integers(0, 1),
    broken=st.integers(0, 1),
    out_s=st.sampled_from([600.0, math.inf]),
    starting=st.sampled_from([OnSchedule(early_s=20.0), AsDriven(), OnHeadway()]),
)
@settings(max_examples=60, deadline=None)
def test_every_trip_is_run_once_and_none_earlier_than_allowed(
    seed: int, blocks: int, spares: int, broken: int, out_s: float, starting: Starting
) -> None:
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.integers(5 * HOUR, 8 * HOUR, 16)).tolist()
    service = Service.of(line(starts, blocks=[f"b{k % blocks}" for k in range(16)]), DAY)
    conditions = recorded(service, *some_record(service, rng))
    breakdowns = drawn_breakdowns(service, broken, rng, out_s=out_s)
    policy = Policy(starting=starting, spares=spares, exchange=Exchange())
    found, again = (replay(service, conditions, policy, breakdowns=breakdowns) for _ in range(2))
    assert found.departure_s.tobytes() == again.departure_s.tobytes()
    no_vehicle_is_at_two_places(service, found)
    if isinstance(starting, OnSchedule):
        late_s = np.array(begun_s(service, found))
        assert (late_s[~np.isnan(late_s)] >= -20.0).all()
    if not broken:
        assert np.isfinite(found.departure_s).all()


@given(seed=st.integers(0, 2**32 - 1), blocks=st.integers(2, 6))
@settings(max_examples=40, deadline=None)
def test_layovers_are_kept_by_whoever_takes_over(seed: int, blocks: int) -> None:
    rng = np.random.default_rng(seed)
    starts = (5 * HOUR + 300 * np.arange(18)).tolist()
    service = Service.of(line(starts, blocks=[f"b{k % blocks}" for k in range(18)]), DAY)
    delayed = Delayed(service, late=dict(enumerate(rng.exponential(400.0, 18).tolist())))
    found = replay(service, delayed, EXCHANGE)
    first, last = service.first[:-1], service.first[1:] - 1
    for vehicle in range(blocks):
        own = np.flatnonzero(found.vehicle == vehicle)
        own = own[np.argsort(found.departure_s[first[own]])]
        stood_s = found.departure_s[first[own[1:]]] - found.arrival_s[last[own[:-1]]]
        assert (stood_s >= 60.0 - 1e-6).all()
    assert np.bincount(found.vehicle, minlength=blocks).sum() == 18


def test_time_in_hand_at_terminals() -> None:
    """Who is ready leaves 30 s before its time, never earlier; who is not, leaves when it is ready."""
    service = two_vehicles()
    policy = Policy(starting=OnSchedule(early_s=30.0))
    assert begun_s(service, replay(service, Constant(service), policy)) == [-30.0] * 6
    found = replay(service, Delayed(service, late={0: 900.0}), policy)  # ready at 1290
    assert begun_s(service, found) == [-30.0, -30.0, 90.0, -30.0, -30.0, -30.0]


@pytest.mark.parametrize("early_s", [-1.0, 61.0, math.nan])
def test_time_in_hand_that_cannot_be_is_refused(early_s: float) -> None:
    with pytest.raises(InputError, match="early_s: must be from 0 to 60 s"):
        OnSchedule(early_s=early_s)


@pytest.mark.parametrize("field", ["ahead_s", "late_s", "away_s"])
def test_exchanges_that_cannot_be_are_refused(field: str) -> None:
    with pytest.raises(InputError, match=field):
        Exchange(**{field: -1.0})


def test_the_optimising_dispatcher_exchanges_trips_itself() -> None:
    service = two_vehicles()
    calls, hours = len(service.call), np.ones(24)
    lines = Lines([()] * calls, np.zeros(calls), hours, hours, hours)
    with pytest.raises(InputError, match="exchange: must not be given with `dispatch`"):
        Policy(exchange=Exchange(), dispatch=dispatching_of(service, lines))
