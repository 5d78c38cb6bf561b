"""Passengers from taps: small days worked out by hand, a slow plain twin, and what holds on any day."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transit.made_visits import NINE_S, visits_of
from traffic.errors import InputError
from transit.coded import Coded
from transit.ridership import Ridership, RidershipRules, TapFate, ridership
from transit.tap_files import Taps
from transit.timetable import Stops
from transit.visits import Point, StopVisits

# five stops 600 m apart along the equator; those of the way back are across the street
PLACES = "ABCDE"
EAST = 600.0 / 111_195.08
STOPS = Stops(
    tuple(PLACES) + tuple(PLACES.lower()),
    tuple(PLACES) * 2,
    np.tile(EAST * np.arange(5), 2),
    np.repeat([0.0, 0.0001], 5),
)


def run(name: str, start_s: float, *, back: bool = False, vehicle: str = "v") -> list[dict[str, Any]]:
    """Return the visits of a trip: 120 s from stop to stop, 20 s at each."""
    stops = PLACES.lower()[::-1] if back else PLACES
    rows = []
    for place, stop in enumerate(stops):
        came_s = NINE_S + start_s + 120.0 * place
        point = {0: Point.START, 4: Point.END}.get(place, Point.MIDDLE)
        row = {"trip": name, "stop": stop, "sequence": place + 1, "vehicle": vehicle, "point": point}
        rows.append({**row, "direction": int(back), "arrival_s": came_s, "departure_s": came_s + 20.0})
    return rows


def there_and_back() -> StopVisits:
    return visits_of(run("out", 0.0) + run("home", 3600.0, back=True))


def taps_of(*rows: tuple[float, str | None, str | None, str | None, str | None]) -> Taps:
    """Return taps: seconds after 9 o'clock, card, vehicle, route, stop."""
    time_s, *texts = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    columns = (Coded.of(column) for column in texts)
    return Taps(NINE_S + np.array(time_s, dtype=np.float64), *columns, np.arange(2, len(rows) + 2))


def on_board(found: Ridership, trip: str) -> list[tuple[float, float, float]]:
    """Boardings, alightings and load of a trip, stop by stop."""
    visits = found.visits
    rows = [row for row in range(len(visits)) if visits.trip[row] == trip]
    rows.sort(key=lambda row: int(visits.sequence[row]))
    columns = (visits.boardings, visits.alightings, visits.load)
    return [tuple(float(column[row]) for column in columns) for row in rows]


def test_who_goes_back_got_off_where_the_way_back_begins() -> None:
    """Out from B, back from d (across the street from D): off at D; back home to b, where the day began."""
    found = ridership(
        there_and_back(), taps_of((130.0, "x", "v", None, None), (3735.0, "x", "v", None, None)), STOPS
    )
    assert on_board(found, "out") == [(0, 0, 0), (1, 0, 1), (0, 0, 1), (0, 1, 0), (0, 0, 0)]
    assert on_board(found, "home") == [(0, 0, 0), (1, 0, 1), (0, 0, 1), (0, 1, 0), (0, 0, 0)]
    assert found.counts() == {
        "boarded": 2,
        "unknown_place": 0,
        "no_visit": 0,
        "between_trips": 0,
        "linked": 2,
        "expansion": 1.0,
    }


def test_those_of_whom_nothing_is_known_are_divided_as_others_are() -> None:
    """Two linked to D: weights of B, C, D, E are 1, 1, 3, 1. A third from A leaves 1/6 here, 1/2 at D; all thrice over."""
    rows: list[tuple[float, str | None, str | None, str | None, str | None]] = []
    for card in ("x", "y"):
        rows += [(5.0, card, "v", None, None), (3735.0, card, "v", None, None)]
    found = ridership(
        there_and_back(), taps_of(*rows, (6.0, None, "v", None, None)), STOPS, RidershipRules(3.0)
    )
    expected = [(9, 0, 9), (0, 0.5, 8.5), (0, 0.5, 8), (0, 7.5, 0.5), (0, 0.5, 0)]
    np.testing.assert_allclose(on_board(found, "out"), expected, atol=1e-6)
    assert found.counts()["linked"] == 4


def test_too_far_to_walk_is_not_linked() -> None:
    """Across the street are 11 m."""
    taps = taps_of((5.0, "x", "v", None, None), (3735.0, "x", "v", None, None))
    assert ridership(there_and_back(), taps, STOPS, RidershipRules(walk_m=12.0)).left.tolist() == [3, 9]
    assert ridership(there_and_back(), taps, STOPS, RidershipRules(walk_m=10.0)).left.tolist() == [-1, -1]


def test_nobody_gets_off_after_the_next_tap() -> None:
    """The next tap is at D, at a time when this vehicle was at B: from there it is 1200 m."""
    visits = visits_of(run("out", 0.0) + run("before", -180.0, vehicle="w"))
    taps = taps_of((5.0, "x", "v", None, None), (190.0, "x", "w", None, None))
    assert ridership(visits, taps, STOPS, RidershipRules(walk_m=1250.0)).left[0] == 1
    assert ridership(visits, taps, STOPS).left[0] == -1
    later = taps_of((5.0, "x", "v", None, None), (480.0, "x", None, "1", "D"))
    again = visits_of(run("out", 0.0) + run("after", 300.0, vehicle="w"))
    assert ridership(again, later, STOPS).left[0] == 3


@pytest.mark.parametrize(
    ("tap", "visit", "fate"),
    [
        ((-800.0, None, "v", None, None), 0, TapFate.BOARDED),  # in the layover before the first trip
        ((-901.0, None, "v", None, None), -1, TapFate.NO_VISIT),
        ((101.0, None, "v", None, None), 1, TapFate.BOARDED),  # the clock may be 20 s slow
        ((99.0, None, "v", None, None), 0, TapFate.BOARDED),  # on the way
        ((490.0, None, "v", None, None), -1, TapFate.BETWEEN_TRIPS),
        ((2800.0, None, "v", None, None), 5, TapFate.BOARDED),  # in the layover before the way back
        ((5100.0, None, "v", None, None), -1, TapFate.NO_VISIT),
        ((5.0, None, "w", None, None), -1, TapFate.UNKNOWN_PLACE),
        ((90.0, None, None, "1", "B"), 1, TapFate.BOARDED),
        ((155.0, None, None, "1", "B"), 1, TapFate.BOARDED),
        ((165.0, None, None, "1", "B"), -1, TapFate.NO_VISIT),
        ((470.0, None, None, "1", "E"), -1, TapFate.UNKNOWN_PLACE),  # nobody boards at the end
        ((90.0, None, None, "2", "B"), -1, TapFate.UNKNOWN_PLACE),
    ],
)
def test_where_a_tap_was(tap: tuple[Any, ...], visit: int, fate: TapFate) -> None:
    found = ridership(there_and_back(), taps_of(tap), STOPS)
    assert (found.visit.tolist(), found.fate.tolist()) == ([visit], [fate])


def test_no_taps_are_nobody() -> None:
    found = ridership(there_and_back(), taps_of(), STOPS)
    assert not found.visits.load.any()
    assert found.counts()["boarded"] == 0


@pytest.mark.parametrize("rules", [{"expansion": 0.9}, {"walk_m": -1.0}, {"early_s": float("nan")}])
def test_rules_that_cannot_be_are_refused(rules: dict[str, float]) -> None:
    with pytest.raises(InputError, match="rules"):
        RidershipRules(**rules)


TAP = st.tuples(
    st.floats(-1000.0, 6000.0, allow_nan=False),
    st.sampled_from(["x", "y", "z", None]),
    st.sampled_from(["v", "w"]),
    st.none(),
    st.none(),
)


@given(
    rows=st.lists(TAP, max_size=30), expansion=st.floats(1.0, 3.0), walk_m=st.sampled_from([0.0, 700.0, 5e3])
)
def test_passengers_who_get_on_get_off(rows: list[Any], expansion: float, walk_m: float) -> None:
    visits = visits_of(
        run("out", 0.0)
        + run("home", 3600.0, back=True)
        + run("second", 700.0, vehicle="w")
        + run("third", 2500.0, vehicle="w")
    )
    found = ridership(visits, taps_of(*rows), STOPS, RidershipRules(expansion, walk_m=walk_m))
    assert float(found.visits.boardings.sum()) == pytest.approx(
        expansion * found.counts()["boarded"], rel=1e-5
    )
    for trip in ("out", "home", "second", "third"):
        table = np.array(on_board(found, trip))
        assert (table >= 0.0).all()
        assert table[:, 0].sum() == pytest.approx(table[:, 1].sum(), rel=1e-5, abs=1e-6)
        assert table[0, 1] == 0.0
        assert table[-1, 0] == 0.0
        assert table[-1, 2] == pytest.approx(0.0, abs=1e-4)
        np.testing.assert_allclose(np.diff(table[:, 2]), (table[:, 0] - table[:, 1])[1:], atol=1e-4)
    linked = np.flatnonzero(found.left >= 0)
    boarded, left = found.visit[linked], found.left[linked]
    assert (found.visits.trip.code[boarded] == found.visits.trip.code[left]).all()
    assert (found.visits.sequence[boarded] < found.visits.sequence[left]).all()


@given(rows=st.lists(TAP, max_size=20))
def test_the_same_as_a_slow_plain_twin(rows: list[Any]) -> None:
    """Each card's taps in order; for each the later stops of its trip are looked at one by one."""
    visits, taps = there_and_back(), taps_of(*[(t, card, "v", None, None) for t, card, *_ in rows])
    found = ridership(visits, taps, STOPS)
    expected = [-1] * len(taps)
    for card in {name for name in taps.card.texts() if name is not None}:
        mine = [k for k in range(len(taps)) if taps.card[k] == card and found.visit[k] >= 0]
        mine.sort(key=lambda k: float(taps.time_s[k]))
        for n, k in enumerate(mine if len(mine) > 1 else []):
            following = mine[(n + 1) % len(mine)]
            until_s = taps.time_s[following] if n + 1 < len(mine) else np.inf
            target, best_m = int(found.visit[following]), 800.0
            for row in range(len(visits)):
                same = visits.trip.code[row] == visits.trip.code[found.visit[k]]
                if not same or visits.sequence[row] <= visits.sequence[found.visit[k]]:
                    continue
                one, two = (STOPS.key.index(str(visits.stop[r])) for r in (row, target))
                away = np.hypot(STOPS.lon[one] - STOPS.lon[two], STOPS.lat[one] - STOPS.lat[two])
                away_m = float(away) * 111_195.08
                if (
                    visits.arrival_s[row] <= until_s
                    and away_m <= 800.0
                    and (expected[k] < 0 or away_m < best_m - 1e-6)
                ):
                    expected[k], best_m = row, away_m
    assert found.left.tolist() == expected
