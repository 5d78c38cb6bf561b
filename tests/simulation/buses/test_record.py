"""What of a recorded day can be run: trips with a plan that were seen, in blocks that one vehicle can have run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.buses.record import divided, recorded_day
from simulation.buses.service import Service
from tests.simulation.buses.days import DAY, line
from tests.simulation.buses.records import visits_of
from traffic.errors import InputError
from transit.coded import Coded
from transit.visits import Relationship, StopVisits

HOUR = 3600
NAN = float("nan")
PLANNED_S = 1e9 + np.array([0.0, 100.0, 200.0])


def trip(name: str | None, late_s: list[float], **columns: object) -> StopVisits:
    """Three visits of a trip, so late; NaN: not seen."""
    known: dict[str, object] = {
        "day": [11_574] * 3,
        "route": ["1"] * 3,
        "direction": [0] * 3,
        "stop": ["a", "b", "c"],
        "trip": [name] * 3,
        "sequence": [1, 2, 3],
        "scheduled_departure_s": PLANNED_S,
        "departure_s": PLANNED_S + late_s,
    }
    return StopVisits.of("UTC", 3, **{**known, **columns})


def test_what_became_of_each_trip_is_counted() -> None:
    whole, part = trip("whole", [0.0, 10.0, 20.0]), trip("part", [0.0, NAN, 20.0])
    unseen, back = trip("unseen", [NAN] * 3), trip("back", [250.0, 10.0, 20.0])
    far = trip("another day", [86_400.0] * 3)
    no_plan = trip("no plan", [0.0] * 3, scheduled_departure_s=[NAN] * 3)
    extra = trip("extra", [0.0] * 3, relationship=[Relationship.ADDED] * 3)
    nobody = trip(None, [0.0] * 3)
    day = recorded_day(StopVisits.joined([whole, part, unseen, back, far, no_plan, extra, nobody]))
    assert day.counts() == {
        "trips_planned": 5,
        "trips_not_seen": 1,
        "trips_seen": 4,
        "trips_seen_throughout": 1,
        "trips_without_plan": 1,
        "visits_not_planned": 3,
    }
    keys = [day.service.timetable.trips.key[k] for k in day.service.trips.tolist()]
    assert dict(zip(keys, day.rising.tolist(), strict=True)) == {
        "whole": True,
        "part": True,
        "back": False,
        "another day": True,
    }
    assert [key for key, is_whole in zip(keys, day.whole.tolist(), strict=True) if is_whole] == ["whole"]
    assert len(day.visits) == 15
    assert [day.visits.trip[k] for k in day.row.tolist()] == np.repeat(keys, 3).tolist()


def test_a_vehicle_that_leaves_before_it_comes_goes_back() -> None:
    visits = trip("a", [0.0] * 3, arrival_s=PLANNED_S + np.array([0.0, 1.0, 0.0]))
    assert recorded_day(visits).rising.tolist() == [False]


def test_the_day_with_the_most_visits_is_taken_or_that_which_is_named() -> None:
    one, two = trip("a", [0.0] * 3), trip("b", [0.0] * 3)
    other = trip(
        "a",
        [86_400.0] * 3,
        day=[11_575] * 3,
        scheduled_departure_s=PLANNED_S + 86_400.0,
    )
    visits = StopVisits.joined([other, one, two])
    first = date(1970, 1, 1) + timedelta(days=11_574)
    assert recorded_day(visits).service.day == first
    assert len(recorded_day(visits, day=first + timedelta(days=1)).service) == 1
    with pytest.raises(InputError, match=r"--day: must be a day of the record .*2 days, from"):
        recorded_day(visits, day=first + timedelta(days=2))


def test_routes_may_be_chosen() -> None:
    visits = StopVisits.joined([trip("a", [0.0] * 3), trip("b", [0.0] * 3, route=["2"] * 3)])
    assert len(recorded_day(visits).service) == 2
    assert recorded_day(visits, routes=["2"]).visits.trip.texts() == ["b"] * 3
    with pytest.raises(InputError, match=r"--route: must be a route of the record .*One of: 1, 2"):
        recorded_day(visits, routes=["1", "3"])


def test_a_record_without_routes_is_run_as_one() -> None:
    day = recorded_day(trip("a", [0.0] * 3, route=[None] * 3))
    assert day.service.timetable.routes.name == ("?",)


@pytest.mark.parametrize(
    ("visits", "rule"),
    [
        (trip(None, [0.0] * 3), "must be visits that name their trips"),
        (trip("a", [NAN] * 3), "must have visits that were seen"),
        (trip("a", [0.0] * 3, scheduled_departure_s=[NAN] * 3), "must have planned times"),
    ],
)
def test_what_cannot_be_run_is_refused(visits: StopVisits, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        recorded_day(visits)


def test_a_vehicle_stands_for_a_block_where_there_is_none() -> None:
    later = [PLANNED_S + 900.0 * k for k in range(4)]
    parts = [
        trip(
            name,
            [0.0] * 3,
            scheduled_departure_s=at,
            departure_s=at,
            vehicle=[None, of, of],
            block=[block] * 3,
        )
        for name, at, of, block in zip(
            "abcd", later, ["7", "7", "8", "7"], ["x", None, "x", None], strict=True
        )
    ]
    day = recorded_day(StopVisits.joined(parts))
    assert day.blocks
    assert sorted(day.service.duties) == [(0, 2), (1, 3)]
    alone = replace(StopVisits.joined(parts), vehicle=Coded.none(12), block=Coded.none(12))
    assert not recorded_day(alone).blocks


def test_a_block_of_two_vehicles_is_divided() -> None:
    service = Service.of(line([HOUR, HOUR + 600, HOUR + 1200], blocks=["b"] * 3), DAY)
    begin = service.departure_s[service.first[:-1]]
    assert divided(service, begin, begin + 600.0) is service
    split = divided(service, begin, begin + 601.0)
    assert sorted(split.duties) == [(0, 2), (1,)]
    assert split.timetable.trips.block.texts() == ["b", "b (2)", "b"]
    assert split.departure_s.tobytes() == service.departure_s.tobytes()


@given(
    begin=st.lists(st.integers(0, 50), min_size=1, max_size=12),
    longest=st.integers(1, 30),
    blocks=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_vehicle_is_at_two_places(begin: list[int], longest: int, blocks: int, seed: int) -> None:
    names = [f"b{k % blocks}" for k in range(len(begin))]
    service = Service.of(line([HOUR + 60 * k for k in range(len(begin))], blocks=names), DAY)
    begin_s = np.array(begin, dtype=np.float64)
    end_s = begin_s + np.random.default_rng(seed).integers(0, longest, len(begin))
    found = divided(service, begin_s, end_s)
    assert sorted(trip for duty in found.duties for trip in duty) == list(range(len(begin)))
    for duty in found.duties:
        assert all(begin_s[b] >= end_s[a] for a, b in pairwise(duty))
        assert len({names[trip] for trip in duty}) == 1


def test_visits_of_a_record_are_those_of_its_calls() -> None:
    service = Service.of(line([HOUR, HOUR + 600]), DAY)
    late = service.departure_s + 30.0
    late[7] = NAN
    day = recorded_day(visits_of(service, late, late))
    assert day.service.departure_s.tolist() == service.departure_s.tolist()
    assert np.array_equal(day.departure_s, late, equal_nan=True)
    assert day.whole.tolist() == [True, False]
