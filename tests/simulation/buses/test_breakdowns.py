"""Vehicles that break down: what is not run, who takes over, and how it is counted."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.buses.breakdowns import Breakdown, drawn_breakdowns
from simulation.buses.conditions import recorded
from simulation.buses.replay import Policy, replay
from simulation.buses.results import replayed_visits
from simulation.buses.service import Service
from simulation.buses.study import outcome
from simulation.buses.validation import headway_ratios
from tests.simulation.buses.days import DAY, line
from tests.simulation.buses.test_replay import Constant, some_record
from traffic.errors import InputError
from transit.definitions import named
from transit.dispatching import OnSchedule
from transit.punctuality import punctuality
from transit.visits import Relationship

HOUR = 3600
# every trip takes 360 s to its last stop, and 60 s of layover; two vehicles take turns
STARTS = [HOUR, HOUR + 600, HOUR + 1200, HOUR + 1800, HOUR + 2400, HOUR + 3000]


def two_vehicles() -> Service:
    return Service.of(line(STARTS, blocks=["a", "b"] * 3), DAY)


def at_s(service: Service, since_s: float) -> float:
    """POSIX second of so many seconds after the start of the first trip."""
    return float(service.departure_s[0]) + since_s


def test_without_anybody_to_take_over_the_rest_is_not_run() -> None:
    """The vehicle of trips 0, 2 and 4 leaves its second stop at 90 s, would reach the third at 180, and stops at 100."""
    service = two_vehicles()
    found = replay(service, Constant(service), breakdowns=[Breakdown(0, at_s(service, 100.0))])
    made = np.isfinite(found.departure_s).reshape(6, 5)
    assert made.sum(axis=1).tolist() == [2, 5, 0, 5, 0, 5]
    assert made[0].tolist() == [True, True, False, False, False]
    assert found.dropped.tolist() == [False, False, True, False, True, False]
    assert found.cut.tolist() == [True] + [False] * 5
    assert found.vehicle.tolist() == [0, 1, -1, 1, -1, 1]
    figures = outcome(service, found)
    assert (figures.dropped, figures.cut) == (2 / 6, 1 / 6)
    assert figures.on_time == 17 / 30  # all that was run was in time


def test_a_mended_vehicle_goes_on_with_what_it_can_still_begin() -> None:
    """Out from 100 to 1900 s: trip 2, due at 1200, may be begun until 1800 and is dropped; trip 4, due at 2400, is run."""
    service = two_vehicles()
    found = replay(service, Constant(service), breakdowns=[Breakdown(0, at_s(service, 100.0), 1_800.0)])
    assert found.dropped.tolist() == [False, False, True, False, False, False]
    again = replay(service, Constant(service), breakdowns=[Breakdown(0, at_s(service, 100.0), 1_600.0)])
    assert not again.dropped.any()
    assert again.departure_s[10] == at_s(service, 1_700.0)


def test_the_first_spare_at_the_terminal_takes_over() -> None:
    service = two_vehicles()
    policy = Policy(starting=OnSchedule(), spares=1)
    broken = [Breakdown(0, at_s(service, 100.0))]
    found = replay(service, Constant(service), policy, breakdowns=broken)
    assert not found.dropped.any()
    assert found.vehicle.tolist() == [0, 1, 2, 1, 2, 1]
    assert found.cut.tolist() == [True] + [False] * 5
    assert found.departure_s[10:].tolist() == service.departure_s[10:].tolist()
    assert list(found.vehicles) == ["a", "b", "spare 1"]


def test_a_spare_begins_the_trip_of_a_late_vehicle_which_then_stands_by() -> None:
    """Trip 0 begins 1500 s late: at 1500 s the spare begins trip 2; the late vehicle, ready at 1920, is the spare of later."""
    service = two_vehicles()
    late = Constant(service, late={0: 1_500.0})
    alone = replay(service, late)
    assert alone.departure_s[10] == at_s(service, 1_500.0 + 360.0 + 60.0)
    found = replay(service, late, Policy(spares=1, replace_late_s=300.0))
    assert found.vehicle.tolist() == [0, 1, 2, 1, 2, 1]
    # looked at every minute, and spares every half minute
    assert at_s(service, 1_500.0) <= found.departure_s[10] <= at_s(service, 1_590.0)
    patient = replay(service, late, Policy(spares=1, replace_late_s=1_000.0))
    assert patient.departure_s[10] == alone.departure_s[10]


def test_lost_visits_count_against_punctuality() -> None:
    service = two_vehicles()
    found = replay(service, Constant(service), breakdowns=[Breakdown(0, at_s(service, 100.0))])
    visits = replayed_visits(found)
    assert (visits.relationship == Relationship.SKIPPED).sum() == 13
    assert visits.vehicle[0] == "a"
    assert visits.vehicle[10] is None
    wanted = ["on-time-visits", "trips-dropped", "trips-cut"]
    figures = punctuality(visits, by=(), chosen=named(wanted))
    shares = {name: (figures.of(name).numerator, figures.of(name).denominator) for name in wanted}
    assert shares == {"on-time-visits": (17, 30), "trips-dropped": (2, 6), "trips-cut": (1, 6)}


def test_who_does_not_come_leaves_a_longer_headway() -> None:
    service = two_vehicles()
    left = service.departure_s.copy()
    left[5:10] = np.nan
    ratio, later = headway_ratios(service, left)
    assert ratio.reshape(5, 4)[0].tolist() == [2.0, 1.0, 1.0, 1.0]
    assert set(later.tolist()) == {2, 3, 4, 5}


def test_breakdowns_are_the_same_for_the_same_seed() -> None:
    service = two_vehicles()
    one, two = (drawn_breakdowns(service, 2, np.random.default_rng(3)) for _ in range(2))
    assert one == two
    assert [each.duty for each in one] == [0, 1]
    assert all(each.out_s == math.inf for each in one)
    for each in one:
        trips = service.duties[each.duty]
        assert service.departure_s[service.first[trips[0]]] <= each.at_s
        assert each.at_s <= service.arrival_s[service.first[trips[-1] + 1] - 1]
    assert drawn_breakdowns(service, 0, np.random.default_rng(3)) == ()
    with pytest.raises(InputError, match="breakdowns"):
        drawn_breakdowns(service, 3, np.random.default_rng(3))


@pytest.mark.parametrize("field", ["spares", "replace_late_s"])
def test_policies_that_cannot_be_are_refused(field: str) -> None:
    with pytest.raises(InputError, match=field):
        Policy(**{field: -1})


@given(
    seed=st.integers(0, 2**32 - 1),
    blocks=st.integers(1, 4),
    spares=st.integers(0, 2),
    out_s=st.sampled_from([60.0, 1_500.0, math.inf]),
)
@settings(max_examples=40, deadline=None)
def test_no_vehicle_is_on_two_trips(seed: int, blocks: int, spares: int, out_s: float) -> None:
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.integers(5 * HOUR, 9 * HOUR, 12)).tolist()
    service = Service.of(line(starts, blocks=[f"b{k % blocks}" for k in range(12)]), DAY)
    conditions = recorded(service, *some_record(service, rng))
    broken = drawn_breakdowns(service, blocks, rng, out_s=out_s)
    policy = Policy(starting=OnSchedule(), spares=spares, replace_late_s=120.0)
    found, again = (replay(service, conditions, policy, breakdowns=broken) for _ in range(2))
    assert found.departure_s.tobytes() == again.departure_s.tobytes()
    no_vehicle_is_at_two_places(service, found)
    if not spares and math.isinf(out_s):
        after = np.array([one.at_s for one in broken])
        for trip in np.flatnonzero(~found.dropped).tolist():
            begun_s = found.departure_s[service.first[trip]]
            assert begun_s <= after[found.vehicle[trip]] + 61.0  # it is decided a minute before


def no_vehicle_is_at_two_places(service: Service, found) -> None:
    """Each trip was run without gaps by one vehicle, which had ended the one before."""
    ends: dict[int, list[tuple[float, float]]] = {}
    for trip in range(len(service)):
        own = slice(int(service.first[trip]), int(service.first[trip + 1]))
        made = np.flatnonzero(np.isfinite(found.departure_s[own]))
        assert (found.vehicle[trip] >= 0) == bool(len(made))
        if len(made):
            assert (np.diff(made) == 1).all()
            arrival, departure = found.arrival_s[own][made], found.departure_s[own][made]
            assert (departure >= arrival - 1e-6).all()
            assert (arrival[1:] >= departure[:-1] - 1e-6).all()
            ends.setdefault(int(found.vehicle[trip]), []).append((float(departure[0]), float(departure[-1])))
    for spans in ends.values():
        spans.sort()
        assert all(b[0] >= a[1] - 1e-6 for a, b in pairwise(spans))
