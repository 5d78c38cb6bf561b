"""Days drawn from a record, under each policy: what can be reckoned by hand, and what cannot be done for a record."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from simulation.buses.record import RecordedDay, recorded_day
from simulation.buses.recorded_days import RecordedDays, modelled
from simulation.buses.service import Service
from simulation.buses.study import study
from simulation.buses.validation import on_time
from tests.simulation.buses.days import DAY, line
from tests.simulation.buses.records import some_record, visits_of
from traffic.errors import InputError

HOUR = 3600
STARTS = range(6 * HOUR, 8 * HOUR, 600)
ALONE = (
    "untouched",
    "terminal discipline",
    "schedule holding",
    "headway holding",
    "self-equalising",
    "dispatch control",
)


def day_of(late_s: float | np.ndarray = 0.0, **columns: object) -> RecordedDay:
    """A day of twelve trips of five stops, all visits so late."""
    service = Service.of(line(STARTS, **columns), DAY)  # type: ignore[arg-type]
    return recorded_day(visits_of(service, service.arrival_s + late_s, service.departure_s + late_s))


def test_a_day_as_planned_is_on_time_whatever_is_done_by_the_timetable() -> None:
    found = modelled(day_of(), seeds=2)
    assert set(ALONE) <= set(found.comparison.outcomes)
    for name in ("signal priority", "extra vehicles", "exchanged trips", "optimising dispatcher"):
        assert name not in found.comparison.outcomes
    assert found.validation.on_time[:5] == (1.0, 1.0, 1.0, 1.0, 0.0)
    table = found.comparison.by_variant()
    for name in (
        "untouched",
        "terminal discipline",
        "schedule holding",
        "headway holding",
        "dispatch control",
    ):
        assert table[name]["mean"]["on_time"] == 1.0
        assert table[name]["mean"]["held_s"] == 0.0
    assert found.document()["variants"]["headway holding"]["change"]["mean"]["on_time"] == 0.0


def test_what_discipline_and_holding_do_for_drivers_who_are_early() -> None:
    """All leave two minutes early: discipline mends all of it, and holding what comes after the first stop."""
    variants = modelled(day_of(-120.0), seeds=3).document()["variants"]
    share = {name: row["mean"]["on_time"] for name, row in variants.items()}
    assert (share["untouched"], share["terminal discipline"], share["schedule holding"]) == (0.0, 1.0, 0.8)
    assert variants["terminal discipline"]["change"]["mean"]["on_time"] == 1.0
    assert variants["terminal discipline"]["change"]["sd"]["on_time"] == 0.0
    # from two minutes to half a minute early, once
    assert variants["schedule holding"]["mean"]["held_s"] == 90.0
    assert "change" not in variants["untouched"]


@pytest.mark.parametrize("seed", range(5))
def test_an_untouched_day_is_the_recorded_trips_in_another_order(seed: int) -> None:
    """All trips have the same planned times and are donors, so that each is taken once: the share on time is the record's."""
    service = Service.of(line(STARTS), DAY)
    arrival, departure = some_record(service, np.random.default_rng(seed))
    day = recorded_day(visits_of(service, arrival, departure))
    found = modelled(day, seeds=2, only=["untouched"])
    observed = float(on_time(service, arrival, departure).mean())
    assert found.fitted_on_time == pytest.approx(2 * observed - found.validation.on_time.observed)
    assert [one.on_time for one in found.comparison.outcomes["untouched"]] == [observed, observed]
    run, _ = found.comparison.days.run((1, 0))
    late = run.departure_s[::5] - service.departure_s[::5]
    assert np.sort(late) == pytest.approx(np.sort(departure[::5] - service.departure_s[::5]), abs=1e-5)


def test_a_late_vehicle_is_relieved_where_there_are_blocks() -> None:
    """Trips take 20 min more than the 6 of the timetable, and vehicles have 4 min between: those behind begin late."""
    late = np.tile([0.0, 300.0, 600.0, 900.0, 1200.0], 12)
    blocks = [f"b{k % 2}" for k in range(12)]
    service = Service.of(line(STARTS, blocks=blocks), DAY)
    visits = visits_of(service, service.arrival_s + late, service.departure_s + late)
    found = modelled(recorded_day(visits), seeds=1)
    assert {*ALONE, "extra vehicles", "exchanged trips"} <= set(found.comparison.outcomes)
    share = {name: row["mean"]["on_time"] for name, row in found.comparison.by_variant().items()}
    assert share["extra vehicles"] > share["terminal discipline"]
    assert found.document()["blocks"] == 2
    assert "no blocks" not in found.comparison.label
    assert "no blocks" in modelled(day_of(), seeds=1, only=["untouched"]).comparison.label


def test_a_day_can_be_run_in_another_process_and_twice() -> None:
    days = modelled(day_of(), seeds=1, only=["untouched", "self-equalising"]).comparison.days
    again = pickle.loads(pickle.dumps(days))  # noqa: S301 - ours
    assert isinstance(again, RecordedDays)
    assert [again((2, k))[:6] for k in range(2)] == [days((2, k))[:6] for k in range(2)]
    assert study(days, seeds=[2])["untouched"][0][:6] == days((2, 0))[:6]


def test_breakdowns_are_the_same_for_every_variant_and_cost_trips() -> None:
    blocks = [f"b{k % 3}" for k in range(12)]
    found = modelled(day_of(blocks=blocks), seeds=2, breakdowns=1, only=["untouched", "terminal discipline"])
    table = found.comparison.by_variant()
    lost = [table[name]["mean"]["dropped"] + table[name]["mean"]["cut"] for name in table]
    assert lost[0] == lost[1] > 0.0


def test_one_seed_has_no_spread() -> None:
    document = modelled(day_of(), seeds=1, only=["untouched"]).document()
    assert document["validation"]["on_time"]["sd"] is None
    assert document["validation"]["on_time"]["inside"] is True
    assert document["variants"]["untouched"]["sd"]["on_time"] == 0.0


def test_a_line_whose_trips_meet_no_other_has_no_headways() -> None:
    service = Service.of(line([6 * HOUR, 9 * HOUR]), DAY)
    visits = visits_of(service, service.arrival_s, service.departure_s)
    document = modelled(recorded_day(visits), seeds=2).document()
    assert document["validation"]["headway_cv"] is None
    assert document["variants"]["untouched"]["mean"]["headway_within_half"] == 1.0


def test_trips_of_which_no_way_is_known_are_not_run() -> None:
    service = Service.of(line(STARTS), DAY)
    visits = visits_of(service, service.arrival_s, service.departure_s)
    way = np.where(visits.trip.code == 11, np.roll(visits.stop.code, 1), visits.stop.code)
    gone = (visits.trip.code == 11) & (visits.sequence == 3)
    visits = replace(
        visits,
        stop=replace(visits.stop, code=way.astype(np.int32)),
        arrival_s=np.where(gone, np.nan, visits.arrival_s),
        departure_s=np.where(gone, np.nan, visits.departure_s),
    )
    found = modelled(recorded_day(visits), seeds=1, only=["untouched"])
    assert (found.comparison.trips, found.without_donor) == (11, 1)


def _more(day: RecordedDay, **asked: object) -> Callable[[], object]:
    return lambda: modelled(day, seeds=1, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("attempt", "told"),
    [
        (_more(day_of(), only=["signal priority"]), r"--only: .*'signal priority'.* nothing of signals"),
        (_more(day_of(), only=["optimising dispatcher"]), r"--only: .*who waits at stops"),
        (_more(day_of(), only=["extra vehicles"]), r"--only: .*no blocks either"),
        (_more(day_of(), breakdowns=1), "--breakdowns: must be 0 for a record without blocks"),
        (
            _more(day_of(np.tile([0.0, 0.0, np.nan, 0.0, 0.0], 12))),
            r"RECORD: must have two trips .*--mode trace",
        ),
    ],
)
def test_what_a_record_does_not_allow_is_refused(attempt: Callable[[], object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        attempt()
