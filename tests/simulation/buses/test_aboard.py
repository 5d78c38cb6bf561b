"""Passengers in a replay: dwell in closed form, nobody is lost, and rates come out as they went in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.signal_delay import SignalDelay
from simulation.buses.aboard import Aboard, DwellByLoad, Riders, riders_of
from simulation.buses.replay import Policy, replay
from simulation.buses.results import planned_visits, replayed_visits
from simulation.buses.service import Service
from simulation.buses.street import Luck, Street
from tests.simulation.buses.days import DAY, line
from traffic.errors import InputError
from transit.coded import Coded
from transit.dispatching import Free, HeadwayHolding, Holding, ScheduleHolding, SelfEqualising
from transit.lines import Lines
from transit.ridership import RidershipRules, ridership
from transit.tap_files import Taps

NOTHING = SignalDelay(np.full(1, -1, np.int32), np.ones(1, np.int32), np.zeros(0), np.zeros(0), np.zeros(0))
SIMPLE = DwellByLoad(
    doors_s=4.0,
    boarding_s=2.0,
    alighting_s=1.0,
    standing_s=0.5,
    board_share=1.0,
    alight_share=1.0,
    seats=30,
    most=50,
)


@pytest.mark.parametrize(
    ("on", "off", "staying", "dwell_s"),
    [
        (0.0, 0.0, 20.0, 0.0),
        (10.0, 0.0, 0.0, 24.0),  # 4 + 10 * 2
        (0.0, 6.0, 14.0, 10.0),  # 4 + 6 * 1
        (10.0, 6.0, 20.0, 30.0),  # 4 + 20 + 6: all sit
        (10.0, 6.0, 25.0, 32.5),  # the last 5 board among standing passengers
        (10.0, 0.0, 40.0, 29.0),  # all 10 do
    ],
)
def test_dwell_in_closed_form(on: float, off: float, staying: float, dwell_s: float) -> None:
    assert SIMPLE.dwell_s(on, off, staying) == dwell_s


def test_the_busiest_door_decides() -> None:
    """4 s, 0.6 of 10 who board at 2.75 s, 0.4 of 5 who leave at 1.75 s."""
    assert DwellByLoad().dwell_s(10.0, 5.0, 0.0) == pytest.approx(4.0 + 16.5 + 3.5)


@pytest.mark.parametrize("wrong", [{"doors_s": -1.0}, {"board_share": 0.0}, {"seats": 50.0, "most": 40.0}])
def test_a_dwell_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        DwellByLoad(**wrong)


@given(
    rate=st.floats(0.0, 0.2),
    leave=st.floats(0.0, 1.0),
    gaps=st.lists(st.floats(0.0, 2000.0), min_size=1, max_size=6),
)
def test_nobody_is_lost(rate: float, leave: float, gaps: list[float]) -> None:
    service = Service.of(line([3600 * k for k in range(len(gaps))]), DAY)
    share = np.full(len(service.call), leave)
    share[service.first[1:] - 1] = 1.0
    rates = np.full(len(share), rate)
    rates[service.first[1:] - 1] = 0.0
    aboard = Aboard(service, Riders(rates, share), SIMPLE, np.ones(len(rates)))
    for trip, gap_s in enumerate(gaps):
        for call in range(int(service.first[trip]), int(service.first[trip + 1])):
            assert aboard.dwell_s(call, gap_s) >= 0.0
    came = rate * 4 * sum(gaps)
    assert sum(aboard.boarded) + sum(aboard.waiting) == pytest.approx(came, rel=1e-9, abs=1e-9)
    assert sum(aboard.alighted) == pytest.approx(sum(aboard.boarded), rel=1e-9, abs=1e-9)
    assert max(aboard.load) <= SIMPLE.most + 1e-9
    assert min(aboard.load) >= 0.0


def test_who_finds_no_room_waits_for_the_next() -> None:
    """60 come to the first stop in 600 s: 50 find room, 10 wait; the next has 10 + 30."""
    service = Service.of(line([28_800, 29_100]), DAY)
    rates = np.zeros(len(service.call))
    rates[service.first[:-1]] = 0.1
    share = np.zeros(len(rates))
    share[service.first[1:] - 1] = 1.0
    aboard = Aboard(service, Riders(rates, share), SIMPLE, np.ones(len(rates)))
    aboard.dwell_s(int(service.first[0]), 600.0)
    aboard.dwell_s(int(service.first[1]), 300.0)
    assert [aboard.load[int(call)] for call in service.first[:2]] == [50.0, 40.0]


def taps_at(service: Service, boardings: list[int]) -> Taps:
    """So many taps when each call but the last of its trip is left, without a card, by block."""
    rows = [
        (float(service.departure_s[call]) - 1.0, service.timetable.trips.block[int(service.trips[trip])])
        for trip in range(len(service))
        for place, call in enumerate(range(int(service.first[trip]), int(service.first[trip + 1]) - 1))
        for _ in range(boardings[place])
    ]
    none = Coded.none(len(rows))
    return Taps(
        np.array([time_s for time_s, _ in rows]),
        none,
        Coded.of([block for _, block in rows]),
        none,
        none,
        np.arange(len(rows)),
    )


def test_rates_are_boardings_over_the_time_in_which_people_came() -> None:
    """Trips every 600 s; 6, 3, 0, 1 board: 0.01, 0.005, 0 and 1/600 a second, but for the first, before which nobody came."""
    service = Service.of(line([28_800, 29_400, 30_000], blocks=["a", "b", "c"]), DAY)
    found = ridership(planned_visits(service), taps_at(service, [6, 3, 0, 1]), service.timetable.stops)
    riders = riders_of(service, found)
    for trip in range(3):
        rows = slice(int(service.first[trip]), int(service.first[trip + 1]))
        np.testing.assert_allclose(riders.rate_s[rows], [0.01, 0.005, 0.0, 1 / 600, 0.0], rtol=1e-6)
        assert riders.leave[rows.stop - 1] == 1.0
        assert riders.leave[rows.start] == 0.0


def test_a_replay_by_plan_carries_whom_the_taps_tell() -> None:
    service = Service.of(line([28_800, 29_400, 30_000], blocks=["a", "b", "c"]), DAY)
    found = ridership(
        planned_visits(service),
        taps_at(service, [6, 3, 0, 1]),
        service.timetable.stops,
        RidershipRules(expansion=2.0),
    )
    street = street_of(service, riders_of(service, found))
    assert street.aboard is not None
    run = replay(service, street)
    visits = replayed_visits(run, street.aboard)
    rows = slice(int(service.first[1]), int(service.first[2]))
    np.testing.assert_allclose(visits.boardings[rows][0], 12.0, rtol=1e-6)
    np.testing.assert_allclose(visits.boardings[rows].sum(), visits.alightings[rows].sum(), rtol=1e-6)
    assert float(visits.load[rows][-1]) == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(run.arrival_s).all()


@pytest.mark.parametrize("holding", [Free(), HeadwayHolding(longest_s=600.0), SelfEqualising()])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_all_who_come_while_vehicles_stand_board(holding: Holding, seed: int) -> None:
    """At each stop on the way: who comes from the first arrival until the last, or until the last one leaves that is held."""
    rng, trips, rate_s = np.random.default_rng(seed), 6, 0.01
    service = Service.of(line([28_800 + 600 * k for k in range(trips)]), DAY)
    calls = len(service.call)
    street = street_of(
        service, Riders(np.full(calls, rate_s), np.full(calls, 0.2)), rng.uniform(0, 500, trips)
    )
    run = replay(service, street, Policy(holding=holding))
    assert street.aboard is not None
    assert not any(street.aboard.waiting)
    boarded, arrival_s, leave_s, held_s = (
        np.asarray(column).reshape(trips, 5)
        for column in (street.aboard.boarded, run.arrival_s, run.departure_s, run.held_s)
    )
    for stop in range(1, 4):
        until_s = np.where(held_s[:, stop] > 0.0, leave_s[:, stop], arrival_s[:, stop]).max()
        came = rate_s * (until_s - arrival_s[:, stop].min())
        assert boarded[:, stop].sum() == pytest.approx(came, rel=1e-6, abs=1e-6)


def test_who_comes_during_a_hold_boards_without_more_dwell() -> None:
    """One a minute. The first vehicle comes a minute early and is held; the second comes 10 min after that one left."""
    service = Service.of(line([28_800, 29_400], stops=3), DAY)
    calls, dwell = len(service.call), DwellByLoad()
    rates = np.tile([0.0, 1 / 60, 0.0], 2)
    street = street_of(service, Riders(rates, np.zeros(calls)), np.array([-60.0, 0.0]))
    run = replay(service, street, Policy(holding=ScheduleHolding()))
    assert street.aboard is not None
    assert run.held_s[1] == 60.0
    assert run.departure_s[1] == service.departure_s[1]
    np.testing.assert_allclose([street.aboard.boarded[1], street.aboard.load[2]], 1.0, rtol=1e-6)
    assert street.aboard.boarded[4] == pytest.approx(10.0)
    assert run.departure_s[4] - run.arrival_s[4] == pytest.approx(dwell.dwell_s(10.0, 0.0, 0.0), abs=1e-5)


def street_of(service: Service, riders: Riders, begin_s: np.ndarray | None = None) -> Street:
    """A street without signals that is run as planned, where nobody boards."""
    calls = len(service.call)
    last = set((service.first[1:] - 1).tolist())
    pieces: list[Any] = [() if call in last else ((90.0, -1),) for call in range(calls)]
    lines = Lines(pieces, np.zeros(calls), np.ones(24), np.ones(24), np.ones(24))
    late_s = np.zeros(len(service)) if begin_s is None else begin_s
    luck = Luck(np.ones(calls), np.zeros(calls), late_s)
    return Street(service, lines, luck, [NOTHING], riders=riders)
