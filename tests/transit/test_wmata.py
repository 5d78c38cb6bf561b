"""Recorded buses of Washington against the timetable of their days: routes S2 and 5A of 2016; dirty positions of 2015."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from transit.gtfs import read_gtfs
from transit.matching import Fate, Match, Matcher, MatchRules, match
from transit.position_files import read_positions
from transit.positions import Positions
from transit.table_files import read_table
from transit.timetable import Timetable
from transit.visits import StopVisits

ZONE = "America/New_York"
AVL = {
    "avl_S2_2113.csv": ("S2", "877611130", 27, {Fate.MATCHED: 66, Fate.BETWEEN_TRIPS: 6}),
    "avl_5A_8062.csv": ("5A", "868590120", 7, {Fate.MATCHED: 140, Fate.OFF_ROUTE: 4, Fate.CONTRADICTED: 1}),
    "avl_5A_8087_2016-04-21.csv": ("5A", "868589720", 6, {Fate.MATCHED: 171, Fate.BETWEEN_TRIPS: 13}),
}


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "transit" / "wmata_2016"


@pytest.fixture(scope="module")
def timetables(folder: Path) -> dict[str, Timetable]:
    return {route: read_gtfs(folder / f"wmata_gtfs_{route}.zip").timetable for route in ("S2", "5A")}


def recorded(folder: Path, name: str) -> Positions:
    found = read_positions(folder / name, zone=ZONE)
    assert found.problems == ()
    return found.positions


def stops_that_can_be(timetable: Timetable, matched: Match) -> set[tuple[str, int]]:
    """Stops of each trip between the first and last place where the vehicle was seen on it."""
    found = set()
    positions = matched.positions
    for trip in set(positions.trip.tolist()) - {-1}:
        s = positions.distance_m[positions.trip == trip]
        rows = np.arange(timetable.trips.first[trip], timetable.trips.first[trip + 1])
        at = timetable.times.distance_m[rows]
        seen = (at >= 0.999 * s.min() - 5.0) & (
            at <= 1.001 * s.max() + 5.0
        )  # they measure the line otherwise
        if s.max() > s.min():  # one that only waits for its start has left no stop yet
            found |= {(timetable.trips.key[trip], int(k)) for k in timetable.times.sequence[rows[seen]]}
    return found


@pytest.mark.parametrize("name", list(AVL))
def test_every_stop_that_can_be_is_found(folder: Path, timetables: dict[str, Timetable], name: str) -> None:
    route, trip, visits, fates = AVL[name]
    matched = match(timetables[route], recorded(folder, name))
    found = set(zip(matched.visits.trip.texts(), matched.visits.sequence.tolist(), strict=True))
    assert found == stops_that_can_be(timetables[route], matched)
    assert len(matched.visits) == len(found) == visits
    assert matched.visits.trip[0] == trip
    assert matched.counts() == fates
    assert set(matched.visits.route.texts()) == {route}


def last_predictions(folder: Path, visits: StopVisits, ahead_s: float) -> np.ndarray:
    """How much later vehicles came than the last prediction said that was made at least `ahead_s` before."""
    table = read_table(folder / "pred_S2_2113.csv")
    made, predicted = table.times("creationTime", ZONE), table.times("predictionTime", ZONE)
    sequence = table.numbers("gtfsStopSeq").astype(int)
    arrives = table.texts("isArrival").is_any(["10000000"])
    found = []
    for k in range(len(visits)):
        mine = (sequence == visits.sequence[k]) & (made <= visits.arrival_s[k] - ahead_s)
        if mine.any():
            row = np.flatnonzero(mine)[np.argmax(made[mine])]
            leaves = not arrives[row] and np.isfinite(visits.departure_s[k])
            happened = visits.departure_s[k] if leaves else visits.arrival_s[k]
            found.append(happened - predicted[row])
    return np.array(found)


@pytest.mark.parametrize(("ahead_s", "typical_s", "most_s"), [(0.0, 15.0, 75.0), (120.0, 30.0, 250.0)])
def test_visits_agree_with_the_predictions_of_their_day(
    folder: Path, timetables: dict[str, Timetable], ahead_s: float, typical_s: float, most_s: float
) -> None:
    """Predictions made shortly before by another program, from the same positions, say nearly the same."""
    visits = match(timetables["S2"], recorded(folder, "avl_S2_2113.csv")).visits
    late = last_predictions(folder, visits, ahead_s)
    assert len(late) == 27
    assert np.median(np.abs(late)) < typical_s
    assert np.abs(late).max() < most_s


def test_positions_of_other_routes_are_settled_all_the_same(
    folder: Path, timetables: dict[str, Timetable]
) -> None:
    """2,077 positions of August 2015, of routes that the timetable does not have."""
    dirty = recorded(folder, "avltest_2015-08.csv.gz")
    assigned = match(timetables["S2"], dirty)
    assert assigned.counts() == {Fate.UNKNOWN_ASSIGNMENT: len(dirty)}
    free = match(timetables["S2"], dirty, MatchRules(ignore_assignments=True))
    assert sum(free.counts().values()) == len(dirty) == 2077
    assert set(free.counts()) == {Fate.NO_TRIP, Fate.OFF_ROUTE}
    matcher = Matcher(timetables["S2"], MatchRules(ignore_assignments=True))
    parts = [matcher.push(dirty.take(slice(a, b))) for a, b in pairwise([*range(0, 2077, 97), 2077])]
    streamed = StopVisits.joined([*parts, matcher.finish()])
    for name in ("arrival_s", "departure_s", "confidence", "sequence", "day"):
        assert getattr(streamed, name).tobytes() == getattr(free.visits, name).tobytes()
    decided = matcher.decided()
    assert decided.fate[np.argsort(decided.serial)].tolist() == free.positions.fate.tolist()
