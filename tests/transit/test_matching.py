"""Positions matched: closed forms of vehicles whose way is known, dirty streams, and the same answer in any pieces."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transit.driven import (
    DAY,
    START_S,
    STREET,
    Line,
    Planned,
    driven,
    positions,
    there_and_back,
    timetable,
    way,
)
from traffic.errors import InputError
from transit.matched_visits import completed, scheduled_visits
from transit.matching import Fate, Match, Matcher, MatchRules, match
from transit.positions import Positions
from transit.visits import Point, Relationship, StopVisits

EXACT_S = 1e-4  # degrees and back, and a street bent by the earth
ONE = there_and_back(1)
TWO = there_and_back(2)


def found(visits: StopVisits) -> list[tuple[str | None, int]]:
    return list(zip(visits.trip.texts(), visits.sequence.tolist(), strict=True))


def every_stop(trips: list[Planned]) -> list[tuple[str, int]]:
    return [(trip.key, k + 1) for trip in trips for k in range(len(trip.line.stops_m))]


def truth(visits: StopVisits, trips: list[Planned], *, departures: bool, **driving: float) -> np.ndarray:
    ways = {trip.key: way(trip, **driving) for trip in trips}
    return np.array(
        [START_S + ways[t][2 * (k - 1) + departures, 0] for t, k in found(visits)]  # type: ignore[index]
    )


def errors(visits: StopVisits, trips: list[Planned], **driving: float) -> np.ndarray:
    """How late visits are told, arrivals and departures, where they are."""
    late = np.concatenate(
        [
            visits.arrival_s - truth(visits, trips, departures=False, **driving),
            visits.departure_s - truth(visits, trips, departures=True, **driving),
        ]
    )
    return late[np.isfinite(late)]


@pytest.mark.parametrize("shapes", [True, False])
@pytest.mark.parametrize(("speed", "every_s"), [(8.0, 10.0), (12.5, 7.0), (5.0, 23.0)])
def test_a_constant_speed_passes_each_stop_when_it_must(speed: float, every_s: float, shapes: bool) -> None:
    """Passage at D is at start + D / speed, whatever the moments at which positions come."""
    line = STREET if shapes else Line(((0.0, 0.0), (4000.0, 0.0)), STREET.stops_m)
    trips = [Planned("t0", line, 28_800.0)]
    time, xy = driven(trips, every_s=every_s, speed_m_s=speed, wait_s=0.0)
    matched = match(timetable(trips, shapes=shapes), positions(time, xy))
    visits = matched.visits
    assert matched.counts() == {Fate.MATCHED: len(time)}
    assert found(visits) == every_stop(trips)[: len(visits)]
    assert len(visits) >= len(line.stops_m) - 1
    middle = visits.point == Point.MIDDLE
    expected = truth(visits, trips, departures=False, speed_m_s=speed)
    np.testing.assert_allclose(visits.arrival_s[middle], expected[middle], rtol=0, atol=EXACT_S)
    np.testing.assert_array_equal(visits.arrival_s[middle], visits.departure_s[middle])


@pytest.mark.parametrize("every_s", [2.0, 5.0, 10.0])
@pytest.mark.parametrize("phase_s", [0.0, 1.3, 4.9])
def test_dwell_is_found_where_positions_stand(every_s: float, phase_s: float) -> None:
    """At the usual speed, arrivals and departures are right but for what a slow creep to the stop may hide."""
    driving = {"speed_m_s": 8.0, "dwell_s": 40.0}
    time, xy = driven(TWO, every_s=every_s, phase_s=phase_s, late_s=120.0, **driving)
    visits = match(timetable(TWO), positions(time, xy)).visits
    assert found(visits) == every_stop(TWO)
    middle = visits.point == Point.MIDDLE
    late = errors(visits.take(middle), TWO, late_s=120.0, **driving)
    assert len(late) == 2 * 14
    assert np.abs(late).max() <= MatchRules().stand_m_s * every_s / MatchRules().run_m_s + EXACT_S
    assert (visits.confidence[middle] > 0.9).all()


def test_the_ends_of_trips_have_one_time() -> None:
    time, xy = driven(TWO, every_s=5.0)
    visits = match(timetable(TWO), positions(time, xy)).visits
    start, end = visits.point == Point.START, visits.point == Point.END
    assert np.isnan(visits.arrival_s[start]).all()
    assert np.isnan(visits.departure_s[end]).all()
    assert np.abs(errors(visits, TWO)).max() <= 5.0 / 8.0 + EXACT_S
    assert visits.stop.texts()[:2] == ["t0:0", "t0:1"]
    assert set(visits.vehicle.texts()) == {"v"}
    assert set(visits.block.texts()) == {"b"}
    np.testing.assert_array_equal(visits.scheduled_departure_s[start], START_S + np.array([28_800, 29_700]))


@pytest.mark.parametrize(
    "assigned",
    [{"block": "b"}, {"block": None, "route": "r0"}, {"block": None, "route": "0"}, {"block": None}],
)
def test_trips_are_found_by_block_route_or_nothing(assigned: dict[str, str | None]) -> None:
    time, xy = driven(TWO, every_s=10.0, late_s=200.0)
    visits = match(timetable(TWO), positions(time, xy, **assigned)).visits
    assert found(visits) == every_stop(TWO)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("every_s", "median_s"), [(5.0, 3.0), (15.0, 6.0)])
def test_noise_of_receivers_is_smoothed(seed: int, every_s: float, median_s: float) -> None:
    """Where but one position stands at a stop, its dwell of 20 s is not seen, and no visit is further off than that."""
    trips = there_and_back(4)
    time, xy = driven(trips, every_s=every_s, dwell_s=20.0, late_s=60.0)
    noisy = xy + np.random.default_rng(seed).normal(0.0, 8.0, xy.shape)
    matched = match(timetable(trips), positions(time, noisy))
    assert matched.counts() == {Fate.MATCHED: len(time)}
    assert found(matched.visits) == every_stop(trips)
    inner = matched.visits.take(matched.visits.point == Point.MIDDLE)
    late = errors(inner, trips, dwell_s=20.0, late_s=60.0)
    assert np.median(np.abs(late)) < median_s
    assert np.abs(late).max() < 20.0
    assert abs(late.mean()) < 1.5


def test_jumps_are_passed_over_and_told() -> None:
    time, xy = driven(TWO, every_s=10.0, late_s=60.0)
    clean = match(timetable(TWO), positions(time, xy)).visits
    jumped = xy.copy()
    jumped[20] = STREET.at(np.array([3900.0]))[0]  # on the street, where the vehicle cannot be yet
    jumped[40] += [3000.0, 9000.0]
    matched = match(timetable(TWO), positions(time, jumped))
    assert matched.positions.fate[[20, 40]].tolist() == [Fate.CONTRADICTED, Fate.OFF_ROUTE]
    assert matched.counts()[Fate.MATCHED] == len(time) - 2
    assert found(matched.visits) == found(clean)
    same = ~np.isnan(clean.arrival_s)
    np.testing.assert_allclose(matched.visits.arrival_s[same], clean.arrival_s[same], rtol=0, atol=10.0 / 8.0)


def test_a_detour_is_bridged() -> None:
    """Stops that were driven around are told with less confidence: nobody saw whether they were served."""
    time, xy = driven(ONE, every_s=10.0, wait_s=0.0)
    around = (time > 28_800 + 100) & (time < 28_800 + 220)
    xy[around, 1] += 150.0
    matched = match(timetable(ONE), positions(time, xy))
    assert matched.counts() == {Fate.MATCHED: int((~around).sum()), Fate.OFF_ROUTE: int(around.sum())}
    trust = dict(zip(matched.visits.sequence.tolist(), matched.visits.confidence.tolist(), strict=True))
    assert trust[3] == trust[4] < 0.7 < trust[2]


def test_nowhere_twice_and_late() -> None:
    time, xy = driven(ONE, every_s=10.0, wait_s=0.0)
    made = positions(time, xy)
    lon, lat = made.lon.copy(), made.lat.copy()
    lon[10] = lat[10] = 0.0
    lat[11] = np.nan
    lon[12] = 181.0
    rows = np.arange(len(made))
    rows = np.insert(rows, 30, 29)  # once more
    rows = np.append(rows, 5)  # much too late
    matched = match(timetable(ONE), replace(made, lon=lon, lat=lat).take(rows))
    assert matched.positions.fate[10:13].tolist() == [Fate.NO_PLACE] * 3
    assert matched.positions.fate[30] == Fate.DUPLICATE
    assert matched.positions.fate[-1] == Fate.OUT_OF_ORDER
    assert matched.counts()[Fate.MATCHED] == len(made) - 3
    assert found(matched.visits) == every_stop(ONE)


@pytest.mark.parametrize("seed", range(3))
def test_positions_that_overtake_each_other_are_put_in_order(seed: int) -> None:
    time, xy = driven(TWO, every_s=10.0)
    made = positions(time, xy)
    delay_s = np.random.default_rng(seed).uniform(0.0, 50.0, len(time))
    shuffled = made.take(np.argsort(time + delay_s, kind="stable"))
    ordered, mixed = match(timetable(TWO), made), match(timetable(TWO), shuffled)
    assert mixed.counts() == ordered.counts()
    assert same(mixed.visits, ordered.visits)


def test_a_wrong_clock_is_found_by_the_positions_around_it() -> None:
    time, xy = driven(TWO, every_s=10.0)
    made = positions(time, xy)
    wrong = made.time_s.copy()
    wrong[[15, 60]] += [86_400 * 365, -7200]
    matched = match(timetable(TWO), replace(made, time_s=wrong))
    assert matched.positions.fate[[15, 60]].tolist() == [Fate.CLOCK] * 2
    assert found(matched.visits) == every_stop(TWO)


def test_a_clock_that_was_set_is_followed() -> None:
    """A unit that starts with a clock of 1980 and finds the time after some positions."""
    time, xy = driven(TWO, every_s=10.0)
    made = positions(time, xy)
    wrong = made.time_s.copy()
    wrong[:3] -= 46 * 365 * 86_400
    matched = match(timetable(TWO), replace(made, time_s=wrong))
    assert matched.positions.fate[:3].tolist() == [Fate.NO_TRIP] * 3
    assert (matched.positions.fate[3:] == Fate.MATCHED).all()
    assert found(matched.visits) == every_stop(TWO)


@pytest.mark.parametrize("offset_s", [-100.0, 240.0])
def test_a_clock_that_is_off_moves_every_visit_by_as_much(offset_s: float) -> None:
    time, xy = driven(TWO, every_s=10.0)
    made = positions(time, xy)
    right = match(timetable(TWO), made)
    off = match(timetable(TWO), replace(made, time_s=made.time_s + offset_s))
    assert found(off.visits) == found(right.visits)
    for name in ("arrival_s", "departure_s"):
        moved = getattr(off.visits, name) - offset_s
        np.testing.assert_allclose(moved, getattr(right.visits, name), rtol=0, atol=1e-6)


def test_reasons_of_those_that_no_trip_fits() -> None:
    time, xy = driven(ONE, every_s=10.0)
    table = timetable(ONE)
    unknown = match(table, positions(time, xy, block="nobody"))
    assert unknown.counts() == {Fate.UNKNOWN_ASSIGNMENT: len(time)}
    night = match(table, positions(time + 12 * 3600, xy))
    assert night.counts() == {Fate.NO_TRIP: len(time)}
    early = match(table, positions(time - 1500, xy + 500.0))
    assert early.counts()[Fate.BETWEEN_TRIPS] > 0.9 * len(time)
    free = match(table, positions(time, xy, block="nobody"), MatchRules(ignore_assignments=True))
    assert found(free.visits) == every_stop(ONE)


def test_a_vehicle_on_its_way_to_the_start_has_not_begun() -> None:
    """It comes against the direction, waits beside the path, and turns at the start: no visit before it does."""
    line = ONE[0].line
    before = np.arange(-900.0, 0.0, 30.0)
    s = np.interp(before, [-900.0, -700.0, -400.0, -300.0], [1500.0, 700.0, 700.0, 0.0])
    time, xy = driven(ONE, every_s=10.0, wait_s=0.0)
    both = positions(np.append(before + 28_800.0, time), np.vstack([line.at(s), xy]))
    matched = match(timetable(ONE), both)
    assert found(matched.visits) == every_stop(ONE)
    assert matched.visits.departure_s[0] >= START_S + 28_800 - 30.0


def test_a_loop_that_passes_a_stop_twice_keeps_its_order() -> None:
    """A street to the end of town and back over the same stops, one trip."""
    line = Line(((0.0, 0.0), (2000.0, 0.0), (2000.0, 10.0), (0.0, 10.0)), tuple(np.linspace(0.0, 4010.0, 9)))
    trips = [Planned("loop", line, 28_800.0)]
    time, xy = driven(trips, every_s=10.0, late_s=30.0)
    visits = match(timetable(trips), positions(time, xy)).visits
    assert found(visits) == every_stop(trips)
    middle = visits.take(visits.point == Point.MIDDLE)
    assert np.abs(errors(middle, trips, late_s=30.0)).max() < EXACT_S


def test_night_trips_belong_to_the_day_before() -> None:
    late = [Planned("n", STREET, 25.2 * 3600)]
    time, xy = driven(late, every_s=10.0)
    visits = match(timetable(late), positions(time, xy)).visits
    assert found(visits) == every_stop(late)
    assert set(visits.day.tolist()) == {(DAY - type(DAY)(1970, 1, 1)).days}


def test_missing_visits_are_those_that_nobody_saw() -> None:
    trips = there_and_back(3)
    time, xy = driven(trips[:1], every_s=10.0, wait_s=0.0)
    table = timetable(trips)
    visits = match(table, positions(time[30:], xy[30:])).visits
    whole = completed(visits, table)
    assert sorted(found(whole)) == sorted(every_stop(trips[:1]))
    missing = whole.relationship == Relationship.MISSING
    assert int(missing.sum()) == 9 - len(visits) == 5
    assert not whole.observed[missing].any()
    assert sorted(found(completed(visits, table, [DAY]))) == sorted(every_stop(trips))
    assert found(scheduled_visits(table, [DAY])) == every_stop(trips)


def test_rules_that_make_no_sense_are_refused() -> None:
    for name, value in (("gate_m", 0.0), ("late_s", -1.0), ("noise_m", float("nan"))):
        with pytest.raises(InputError, match=name):
            MatchRules(**{name: value})


def bytes_of(match_or_visits: StopVisits) -> list[object]:
    columns = [getattr(match_or_visits, name) for name in StopVisits.columns()]
    return [column.tobytes() if isinstance(column, np.ndarray) else column.texts() for column in columns]


def same(a: StopVisits, b: StopVisits) -> bool:
    return bytes_of(a) == bytes_of(b)


def in_pieces(cuts: list[int], whole: Positions) -> Match:
    matcher = Matcher(TABLE)
    ends = [0, *sorted(cut % (len(whole) + 1) for cut in cuts), len(whole)]
    parts = [matcher.push(whole.take(slice(a, b))) for a, b in pairwise(ends)]
    visits = StopVisits.joined([*parts, matcher.finish()])
    assert matcher.pending == 0
    decided = matcher.decided()
    order = np.argsort(decided.serial)
    return Match(visits, type(decided)(*(getattr(decided, n)[order] for n in decided.__dataclass_fields__)))


TABLE = timetable(there_and_back(6))


def dirty(seed: int, vehicles: int = 3) -> Positions:
    """Vehicles of one block and of none, one among the other; with noise, jumps, copies, zeros and wrong clocks."""
    rng = np.random.default_rng(seed)
    parts, sent = [], []
    for k in range(vehicles):
        time, xy = driven(there_and_back(6)[k : k + 3], every_s=20.0, phase_s=3.0 * k, dwell_s=15.0)
        xy = xy + rng.normal(0.0, 10.0, xy.shape)
        jumps = rng.random(len(time)) < 0.03
        xy[jumps] += rng.normal(0.0, 3000.0, (int(jumps.sum()), 2))
        sent.append(time)
        time = time + np.where(rng.random(len(time)) < 0.02, rng.choice([-86_400.0, 4000.0, 1e9]), 0.0)
        parts.append(positions(time, xy, vehicle=f"v{k}", block=[None, "b", "b"][k]))
    made = Positions.joined(parts)
    arrives_s = np.concatenate(sent)
    lon = made.lon.copy()
    lon[rng.random(len(lon)) < 0.02] = np.nan
    made = replace(made, lon=lon)
    order = np.argsort(arrives_s + rng.uniform(0.0, 50.0, len(made)), kind="stable")
    return made.take(np.repeat(order, np.where(rng.random(len(order)) < 0.02, 2, 1)))


@settings(max_examples=60)
@given(seed=st.integers(0, 7), cuts=st.lists(st.integers(0, 10_000), max_size=12))
def test_any_pieces_give_the_same_bytes(seed: int, cuts: list[int]) -> None:
    whole = dirty(seed)
    once, pieces = match(TABLE, whole), in_pieces(cuts, whole)
    assert same(once.visits, pieces.visits)
    for name in once.positions.__dataclass_fields__:
        assert getattr(once.positions, name).tobytes() == getattr(pieces.positions, name).tobytes()


@pytest.mark.parametrize("seed", range(8))
def test_every_position_is_settled_once_and_visits_are_in_order(seed: int) -> None:
    whole = dirty(seed)
    matched = match(TABLE, whole)
    assert matched.positions.serial.tolist() == list(range(len(whole)))
    assert sum(matched.counts().values()) == len(whole)
    visits = matched.visits
    assert len(visits) > 30
    assert ((visits.confidence >= 0) & (visits.confidence <= 1)).all()
    both = np.isfinite(visits.arrival_s) & np.isfinite(visits.departure_s)
    assert (visits.arrival_s[both] <= visits.departure_s[both]).all()
    for vehicle in set(visits.vehicle.texts()):
        mine = visits.take(visits.vehicle.is_any([vehicle or ""]))
        time = np.where(np.isfinite(mine.arrival_s), mine.arrival_s, mine.departure_s)
        assert (np.diff(time) >= 0).all()


def test_vehicles_do_not_change_each_other() -> None:
    whole = dirty(3)
    together = match(TABLE, whole).visits
    for name in whole.vehicle.names:
        alone = match(TABLE, whole.take(whole.vehicle.is_any([name]))).visits
        assert same(together.take(together.vehicle.is_any([name])), alone)
