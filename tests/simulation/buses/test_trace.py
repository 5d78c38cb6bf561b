"""A recorded day that is run as it was comes out as it was: every time that was seen, and none that was not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.buses.record import recorded_day
from simulation.buses.service import Service
from simulation.buses.trace import bridged, traced
from tests.simulation.buses.days import DAY, line
from tests.simulation.buses.records import some_record, visits_of
from transit.definitions import named
from transit.punctuality import punctuality
from transit.visits import StopVisits

HOUR = 3600
NAN = float("nan")


def day_of(
    seed: int, trips: int, blocks: int, seen: float
) -> tuple[Service, np.ndarray, np.ndarray, StopVisits]:
    """A record with gaps of which every trip was seen somewhere."""
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.integers(5 * HOUR, 9 * HOUR, trips)).tolist()
    service = Service.of(line(starts, blocks=[f"b{k % blocks}" for k in range(trips)]), DAY)
    arrival, departure = some_record(service, rng)
    gone = rng.random(len(arrival)) > seen
    gone[service.first[:-1] + rng.integers(0, 5, trips)] = False
    arrival[gone] = departure[gone] = NAN
    return service, arrival, departure, visits_of(service, arrival, departure)


@given(
    seed=st.integers(0, 2**32 - 1),
    trips=st.integers(1, 12),
    blocks=st.integers(1, 4),
    seen=st.floats(0.1, 1.0),
)
def test_a_record_with_gaps_comes_out_to_the_last_bit(
    seed: int, trips: int, blocks: int, seen: float
) -> None:
    _, arrival, departure, visits = day_of(seed, trips, blocks, seen)
    found = traced(recorded_day(visits))
    assert found.exact
    assert found.trips == trips
    assert found.bridged == np.isnan(arrival).sum()
    assert found.arrivals == found.departures == (np.isfinite(arrival).sum(), np.isfinite(arrival).sum(), 0.0)
    assert found.replay.arrival_s.tobytes() == arrival.tobytes()
    assert found.replay.departure_s.tobytes() == departure.tobytes()


@given(seed=st.integers(0, 2**32 - 1), trips=st.integers(1, 6), seen=st.floats(0.1, 1.0))
def test_times_that_are_bridged_never_go_back(seed: int, trips: int, seen: float) -> None:
    service, arrival, departure, _ = day_of(seed, trips, trips, seen)
    came, left = bridged(service, arrival, departure)
    known = np.isfinite(arrival)
    assert came[known].tolist() == arrival[known].tolist()
    assert (left >= came).all()
    within = np.ones(len(came) - 1, dtype=bool)
    within[service.first[1:-1] - 1] = False
    assert (came[1:] >= left[:-1])[within].all()


def test_bridges_by_hand() -> None:
    """Stops are 90 s apart in the timetable; the vehicle was seen at the second one and at the fourth."""
    service = Service.of(line([HOUR]), DAY)
    begin = service.departure_s[0]
    arrival, departure = np.full(5, NAN), np.full(5, NAN)
    arrival[[1, 3]], departure[[1, 3]] = (begin + np.array(at) for at in ([100.0, 400.0], [120.0, 430.0]))
    came, left = bridged(service, arrival, departure)
    assert (came - begin).tolist() == [10.0, 100.0, 260.0, 400.0, 520.0]
    assert (left - begin).tolist() == [10.0, 120.0, 260.0, 430.0, 520.0]


def test_trips_that_nobody_saw_and_visits_that_were_skipped_stay_in_the_figures() -> None:
    service, _, _, visits = day_of(3, 6, 2, 1.0)
    gone = np.isin(visits.trip.code, [0, 1])
    visits = replace(
        visits,
        arrival_s=np.where(gone, NAN, visits.arrival_s),
        departure_s=np.where(gone, NAN, visits.departure_s),
    )
    found = traced(recorded_day(visits))
    assert (found.trips, len(found.replay)) == (4, len(service.call))
    chosen = named(["on-time-visits", "trips-dropped", "headway-within-50"])
    whole, again = punctuality(visits, (), chosen), punctuality(found.replay, (), chosen)
    assert list(whole) == list(again)
    assert again.of("trips-dropped").numerator == 2


def test_a_trip_whose_times_go_back_is_on_neither_side() -> None:
    _, _, _, visits = day_of(3, 6, 6, 1.0)
    times = visits.departure_s.copy()
    times[1] += 9000.0
    found = traced(recorded_day(replace(visits, departure_s=times)))
    assert (found.trips, found.backwards, len(found.record)) == (5, 1, 25)
    assert found.exact


def test_a_block_that_two_vehicles_ran_is_run_by_two() -> None:
    service = Service.of(line([HOUR, HOUR + 400], blocks=["b", "b"]), DAY)
    late = service.departure_s.copy()
    late[:5] += 300.0
    found = traced(recorded_day(visits_of(service, late, late)))
    assert (found.divided, found.exact) == (1, True)


def test_headways_are_those_of_the_times() -> None:
    """What the source says of headways is no proof that they came out."""
    service = Service.of(line([HOUR, HOUR + 600]), DAY)
    visits = visits_of(service, service.arrival_s, service.departure_s)
    found = traced(recorded_day(replace(visits, headway_s=np.full(10, 1.0))))
    assert np.isnan(found.record.headway_s).all()
    assert {was.definition: was.value for was, _ in found.figures}["headway-within-50"] == 1.0


def test_what_does_not_come_out_is_told() -> None:
    service = Service.of(line([HOUR, HOUR + 600]), DAY)
    found = traced(recorded_day(visits_of(service, service.arrival_s, service.departure_s)))
    assert found.exact
    other = found.replay.departure_s.copy()
    other[[2, 3]] += [-0.25, 400.0]
    wrong = replace(found, replay=replace(found.replay, departure_s=other))
    assert wrong.departures == (10, 8, 400.0)
    assert not wrong.exact
    assert wrong.counts()["exact"] is False
    shares = {row["definition"]: (row["record"]["value"], row["replay"]["value"]) for row in wrong.records()}
    assert shares["on-time-visits"] == (1.0, pytest.approx(0.9))
