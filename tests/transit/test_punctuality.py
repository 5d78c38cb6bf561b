"""Punctuality in cases that are counted by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from itertools import permutations

import numpy as np
import pytest

from tests.transit.made_visits import DAY, NINE_S, departures, trip, visits_of
from traffic.errors import InputError
from transit.definition_search import definitions_within
from transit.definitions import Settings, definitions, named
from transit.excess_wait import Frequent
from transit.grouping import group_sum
from transit.punctuality import Figure, punctuality
from transit.tallies import Window
from transit.visit_facts import Losses
from transit.visits import Relationship, StopVisits

HOUR = [float(minute) for minute in range(0, 60, 10)]


def figure(
    visits: StopVisits, name: str, settings: Settings | None = None, losses: Losses | None = None
) -> Figure:
    return punctuality(visits, (), named([name], settings), losses).of(name)


def test_headways_of_10_min_make_passengers_wait_5_min() -> None:
    visits = departures(HOUR, [minute + 3 for minute in HOUR])
    assert figure(visits, "wait")[2:] == (300.0, 5 * 180_000, 5 * 600, 0.0)
    assert figure(visits, "scheduled-wait").value == 300.0
    assert figure(visits, "excess-wait")[2:] == (0.0, 0, 3_000, 0.0)
    assert figure(visits, "headway-cv").value == 0.0
    assert figure(visits, "headway-within-50")[2:5] == (1.0, 5, 5)


def test_pairs_make_passengers_wait_twice_as_long() -> None:
    """Headways of 20 and 0 min in turn: 20 * 20 / 2 / 20 = 10 min, 5 more than by the timetable."""
    visits = departures(HOUR, [0.0, 20.0, 20.0, 40.0, 40.0, 60.0])
    assert figure(visits, "wait").value == 600.0
    assert figure(visits, "excess-wait").value == 300.0
    assert figure(visits, "headway-within-50")[2:5] == (0.0, 0, 5)
    headways = [1200, 0, 1200, 0, 1200]
    expected = np.std(headways) / np.mean(headways)
    assert figure(visits, "headway-cv").value == pytest.approx(expected, rel=1e-15)
    off = [600, -600, 600, -600, 600]
    assert figure(visits, "headway-cv-scheduled").value == pytest.approx(np.std(off) / 600, rel=1e-15)


def test_variation_by_hand() -> None:
    """Headways of 6, 10 and 14 min: mean 10, deviation sqrt(32 / 3)."""
    visits = departures([0.0, 10.0, 20.0, 30.0], [0.0, 6.0, 16.0, 30.0])
    found = figure(visits, "headway-cv")
    assert found.value == pytest.approx(math.sqrt(32 / 3) / 10, rel=1e-15)
    assert (found.numerator, found.denominator) == (pytest.approx(60 * math.sqrt(32 / 3), rel=1e-15), 600)


def test_one_headway_has_no_variation() -> None:
    assert figure(departures([0.0, 10.0], [0.0, 10.0]), "headway-cv")[2:] == (None, 0, 0, 0.0)


@pytest.mark.parametrize(
    ("relationship", "dropped", "wait_s", "unobserved"),
    [
        (Relationship.SKIPPED, False, (3 * 180_000 + 720_000) / 3_000, 0.0),
        (Relationship.MISSING, True, (3 * 180_000 + 720_000) / 3_000, 0.2),
        (Relationship.MISSING, False, 300.0, 0.4),
    ],
)
def test_a_trip_that_did_not_come_makes_the_wait_longer(
    relationship: Relationship, dropped: bool, wait_s: float, unobserved: float
) -> None:
    """One headway of 20 min beside three of 10; where nobody knows whether it came, that headway is not known."""
    visits = departures(HOUR, [0.0, 10.0, None, 30.0, 40.0, 50.0])
    kinds = visits.relationship.copy()
    kinds[2] = relationship
    visits = replace(visits, relationship=kinds)
    found = figure(visits, "excess-wait", losses=Losses(dropped=dropped))
    assert found.value == pytest.approx(wait_s - 300.0, rel=1e-15)
    assert found.unobserved == unobserved


@pytest.mark.parametrize("relationship", [Relationship.SKIPPED, Relationship.MISSING])
@pytest.mark.parametrize("lost", [slice(2, None), slice(None, -2)])
def test_trips_lost_at_an_end_of_the_day_count_against_headways(
    relationship: Relationship, lost: slice
) -> None:
    """Ten trips 10 min apart, two run: nobody came for 80 min, and one headway of 10 min was kept of the nine due."""
    minutes = [10.0 * number for number in range(10)]
    visits = departures(minutes, minutes)
    left_s, kinds = visits.departure_s.copy(), visits.relationship.copy()
    left_s[lost], kinds[lost] = math.nan, relationship
    visits = replace(visits, departure_s=left_s, relationship=kinds)
    told = relationship is Relationship.SKIPPED
    silent = 0 if told else np.count_nonzero(np.isnan(left_s[1:]))
    for name in ("wait", "excess-wait", "tfl-excess-wait"):
        wait, time = (4_800**2 + 600**2) / 2, 5_400
        found = figure(visits, name)
        assert found[3:] == (wait - (0 if name == "wait" else 300 * time), time, silent / 9)
    judged = 9 if lost.start else 8  # where the first were lost, the first that came has no headway
    for name in ("headway-within-50", "regularity-intervals", "ttc-headways"):
        found = figure(visits, name)
        assert found[2:5] == (1 / judged, 1, judged)
        assert found.unobserved == (silent + 9 - judged) / 9


def test_a_line_on_which_no_vehicle_came_makes_passengers_wait_all_day() -> None:
    visits = departures(HOUR, [None] * 6)
    assert figure(visits, "wait")[2:] == (1_500.0, 3_000**2 / 2, 3_000, 1.0)
    assert figure(visits, "headway-within-50")[2:] == (0.0, 0, 5, 1.0)
    assert figure(visits, "wait", losses=Losses(dropped=False))[2:] == (None, 0, 0, 1.0)


def test_an_extra_vehicle_in_place_of_the_last_leaves_no_gap() -> None:
    visits = departures(HOUR, [*HOUR[:-1], None])
    extra = {"trip": "extra", "relationship": Relationship.ADDED, "vehicle": "v"}
    joined = StopVisits.joined([visits, visits_of([{**extra, "departure_s": NINE_S + 60 * 55}])])
    assert figure(joined, "wait")[3:5] == ((4 * 600**2 + 900**2) / 2, 3_300)
    short = StopVisits.joined([visits, visits_of([{**extra, "departure_s": NINE_S + 60 * 45}])])
    assert figure(short, "wait")[3:5] == ((4 * 600**2 + 2 * 300**2) / 2, 3_000)


def test_an_extra_vehicle_shortens_the_wait() -> None:
    visits = departures(HOUR, HOUR)
    extra = visits_of(
        [
            {
                "trip": "extra",
                "relationship": Relationship.ADDED,
                "departure_s": NINE_S + 60 * 25,
                "vehicle": "v",
            }
        ]
    )
    found = figure(StopVisits.joined([visits, extra]), "wait")
    assert (found.numerator, found.denominator) == ((4 * 600**2 + 2 * 300**2) // 2, 3_000)


def test_excess_wait_is_over_the_timetable_of_the_same_hour() -> None:
    """Every 10 min, then every 5 min, all on time: no excess in either hour, though the means of the hours differ."""
    minutes = [*HOUR, *(float(minute) for minute in range(60, 120, 5))]
    found = punctuality(departures(minutes, minutes), ("hour",), named(["excess-wait", "wait"]))
    assert [found.of("excess-wait", hour=hour).value for hour in (9, 10)] == [
        0.0,
        pytest.approx(0.0, abs=1e-12),
    ]
    assert found.of("wait", hour=9).value == 300.0
    assert found.of("wait", hour=10).value == (600**2 + 11 * 300**2) / 2 / (600 + 11 * 300)


def test_excess_wait_is_of_frequent_routes() -> None:
    visits = departures([0.0, 13.0, 26.0], [0.0, 13.0, 26.0])
    assert figure(visits, "excess-wait")[2:] == (None, 0, 0, 0.0)
    wider = Settings(frequent=Frequent(780.0))
    assert figure(visits, "excess-wait", wider)[2:5] == (0.0, 0, 1_560)


def test_a_loop_is_no_headway() -> None:
    """A trip that ends where it began does not follow itself."""
    rows = [
        row for name, start_s in (("a", 0.0), ("b", 600.0)) for row in trip([0.0, 0.0, 0.0], name, start_s)
    ]
    for row in rows:
        row["stop"] = {"A": "A", "B": "B", "C": "A"}[row["stop"]]
    assert figure(visits_of(rows), "headway-within-50")[2:5] == (1.0, 3, 3)


def test_limits_of_a_window_are_on_time() -> None:
    rows = [
        row for k, late in enumerate([-60.001, -60.0, 300.0, 300.001]) for row in trip([late, None], f"t{k}")
    ]
    assert figure(visits_of(rows), "ttc-departures")[2:5] == (0.5, 2, 4)
    every = Settings(window=Window(math.inf, 300.0))
    assert figure(visits_of(rows), "on-time-departures-seen", every)[2:5] == (0.75, 3, 4)


def test_dropped_and_short_turned_trips_count_against_it() -> None:
    rows = [
        *trip([0.0, 10.0, 20.0, 30.0], "whole"),
        *trip([0.0, 10.0, None, None], "turned short", 600.0),
        *trip([None] * 4, "dropped", 1200.0),
        *trip([0.0, None, 0.0, None], "seen in part", 1800.0),
    ]
    visits = visits_of(rows)
    assert figure(visits, "on-time-visits")[2:] == (8 / 14, 8, 14, 0.5)
    assert figure(visits, "on-time-visits-seen")[2:] == (1.0, 8, 8, 0.5)
    assert figure(visits, "on-time-visits", losses=Losses(dropped=False, cut_visits=0))[2:] == (
        1.0,
        8,
        8,
        0.5,
    )
    assert figure(visits, "on-time-visits", losses=Losses(dropped=False, cut_visits=1))[2:] == (
        8 / 11,
        8,
        11,
        0.5,
    )
    assert figure(visits, "regularity-trips")[2:] == (
        1 / 3,
        1,
        3,
        0.75,
    )  # nobody knows of the one seen in part
    assert figure(visits, "trips-dropped")[2:] == (0.25, 1, 4, 0.25)
    assert figure(visits, "trips-cut")[2:] == (0.25, 1, 4, 0.5)  # that it was turned short is inferred


def test_skipped_visits_are_known_not_to_have_happened() -> None:
    rows = trip([0.0, None, 0.0])
    rows[1]["relationship"] = Relationship.SKIPPED
    assert figure(visits_of(rows), "on-time-visits")[2:] == (2 / 3, 2, 3, 0.0)


@pytest.mark.parametrize(
    ("deviations_s", "good"),
    [
        ([0.0, -60.0, -900.0], 3),
        ([180.0, 360.0, 300.0], 3),
        ([-1.0, -61.0, 301.0], 0),
        ([181.0, 361.0, 300.0], 1),
    ],
)
def test_mbta_rules_by_timetable(deviations_s: list[float], good: int) -> None:
    assert figure(visits_of(trip(deviations_s)), "mbta-on-time")[3:5] == (good, 3)


def test_mbta_rules_by_headway() -> None:
    """A second trip 10 min later: 3 min over the headway is good, and 12 min where 10 were planned."""
    late = trip([180.0, 181.0, 300.0], "late", 600.0)
    found = punctuality(
        visits_of([*trip([0.0, 0.0, 0.0], "first"), *late]), ("hour", "direction"), named(["mbta-on-time"])
    )
    assert found.records() == [
        {
            "definition": "mbta-on-time",
            "group": {"hour": 9, "direction": 0},
            "value": 5 / 6,
            "numerator": 5,
            "denominator": 6,
            "unobserved": 0.0,
        }
    ]
    slow = trip([0.0, 0.0, 121.0], "slow", 600.0)
    assert figure(visits_of([*trip([0.0, 0.0, 0.0], "first"), *slow]), "mbta-on-time")[3:5] == (5, 6)


def test_mbta_headways_are_those_of_the_source() -> None:
    """Where the source says which visits are of frequent service, the others are not, however close they are."""
    rows = [*trip([0.0, 0.0], "a"), *trip([200.0, 0.0], "b", 600.0)]
    assert figure(visits_of(rows), "mbta-on-time")[3:5] == (3, 4)
    rows[2] |= {"scheduled_headway_s": 1_500.0, "headway_s": 1_680.0}
    assert figure(visits_of(rows), "mbta-on-time")[3:5] == (4, 4)
    rows[2]["headway_s"] = 1_681.0
    assert figure(visits_of(rows), "mbta-on-time")[3:5] == (3, 4)


def test_percentiles_put_outliers_aside() -> None:
    late_s = [*range(10, 210, 10), -87_600, 30_960]  # 20 visits, one of the day before, one of another trip
    rows = [row for k, late in enumerate(late_s) for row in trip([float(late), None], f"t{k}")]
    visits = visits_of(rows)
    assert [figure(visits, f"deviation-p{percent:02d}")[2:5] for percent in (5, 15, 50, 85, 95)] == [
        (10.0, 1, 20),
        (30.0, 3, 20),
        (100.0, 10, 20),
        (170.0, 17, 20),
        (190.0, 19, 20),
    ]
    assert figure(visits, "deviation-put-aside")[2:5] == (2 / 22, 2, 22)


def test_a_group_that_was_not_seen_says_so() -> None:
    rows = [
        *trip([0.0, 0.0], "a", route="9"),
        *trip([None, None], "b", route="10"),
        *trip([0.0, 0.0], "c", route=None),
    ]
    visits = visits_of(rows)
    found = punctuality(visits, ("route",), named(["on-time-visits-seen", "excess-wait", "deviation-p50"]))
    assert found.labels == (("9",), ("10",), (None,))
    assert found.of("on-time-visits-seen", route="10")[2:] == (None, 0, 0, 1.0)
    assert found.of("deviation-p50", route="10")[2:] == (None, 0, 0, 1.0)
    assert found.of("excess-wait", route="9")[2:] == (None, 0, 0, 0.0)
    assert json.loads(json.dumps(found.records(), allow_nan=False)) == found.records()


def test_a_figure_that_was_not_counted_is_refused() -> None:
    found = punctuality(visits_of(trip([0.0, 0.0])), ("route",), named(["on-time-visits"]))
    for name, group in (
        ("wait", {"route": "1"}),
        ("on-time-visits", {"route": "2"}),
        ("on-time-visits", {"stop": "A"}),
    ):
        with pytest.raises(InputError, match="of these figures"):
            found.of(name, **group)


def test_no_visits_have_no_figures_but_say_so() -> None:
    empty = StopVisits.of("UTC", 0)
    assert {one[2:] for one in punctuality(empty)} == {(None, 0, 0, 0.0)}
    assert len(punctuality(empty, ("route",))) == 0


def test_groups_are_labelled_and_in_order() -> None:
    rows = [
        *trip([0.0, 0.0], "a", route="10", day=DAY + 1, block="b"),
        *trip([0.0, 0.0], "b", 3_600.0, route="9", direction=-1),
    ]
    found = punctuality(
        visits_of(rows), ("route", "direction", "hour", "day", "block"), named(["on-time-visits"])
    )
    assert found.labels == (
        ("9", None, 10, str(date(2018, 10, 1)), None),
        ("10", 0, 9, str(date(2018, 10, 2)), "b"),
    )
    table = found.table()
    assert table["route"] == ["9", "10"]
    assert table["value"] == [1.0, 1.0]
    assert {len(column) for column in table.values()} == {2}


def test_sums_do_not_depend_on_the_order_of_rows() -> None:
    values = np.array([0.1, 1e9, 0.2, -1e9, 0.3, 7.0])
    group = np.array([0, 0, 0, 0, 0, 2])
    sums = {
        group_sum(values[list(order)], group[list(order)], 3).tobytes() for order in permutations(range(6))
    }
    assert len(sums) == 1
    np.testing.assert_allclose(group_sum(values, group, 3), [0.6, 0.0, 7.0], atol=1e-6)


def test_of_two_vehicles_at_once_the_first_is_the_same_in_any_order() -> None:
    times = {"scheduled_departure_s": NINE_S + 600, "departure_s": NINE_S + 600}
    rows = [
        {"trip": "a", "scheduled_departure_s": NINE_S, "departure_s": NINE_S},
        {"trip": "b", "block": "one", **times},
        {"trip": "c", "block": "two", **times},
    ]
    for order in permutations(rows):
        found = punctuality(visits_of(list(order)), ("block",), named(["scheduled-wait", "wait"]))
        for name in ("scheduled-wait", "wait"):
            assert [found.of(name, block=block).denominator for block in ("one", "two", None)] == [600, 0, 0]


def test_a_vehicle_that_drove_past_ends_no_wait() -> None:
    visits = departures(HOUR, HOUR)
    kinds = visits.relationship.copy()
    kinds[2] = Relationship.SKIPPED
    found = figure(replace(visits, relationship=kinds), "wait")
    assert (found.numerator, found.denominator) == ((3 * 600**2 + 1_200**2) // 2, 3_000)


@pytest.mark.parametrize("by", [("line",), ("route", "route")])
def test_groups_by_other_fields_are_refused(by: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="by"):
        punctuality(visits_of(trip([0.0, 0.0])), by)


def test_an_unknown_definition_is_refused() -> None:
    with pytest.raises(InputError, match="Choose from on-time-arrivals"):
        named(["on-time"])


def test_every_definition_has_a_name_of_its_own_and_a_source() -> None:
    every = definitions()
    assert len({one.name for one in every}) == len(every)
    assert all(one.says.endswith(".") and one.source for one in every)


def test_definitions_that_could_give_a_figure() -> None:
    """Four departures 0, 2, 4 and 20 min late: 75 % are inside -1/+5 min, half inside -1/+2, a quarter inside -1/+1."""
    rows = [row for k, late in enumerate([0.0, 120.0, 240.0, 1200.0]) for row in trip([late, None], f"t{k}")]
    tried = definitions_within(visits_of(rows), 0.6, 0.87)
    found = {one.figure.definition: (one.figure.value, one.within) for one in tried}
    assert found["on-time departures, starts, -1/+5 min, of those due"] == (0.75, True)
    assert found["on-time departures, starts, -1/+2 min, of those seen"] == (0.5, False)
    assert found["on-time departures, starts, 0/+1 min, of those due"] == (0.25, False)
    assert found["trips within -4/+4 min, starts"] == (0.75, True)
    assert found["ttc-departures"] == (0.75, True)
    assert not any(one.startswith("on-time arrivals") for one in found)
    with pytest.raises(InputError, match="the lower first"):
        definitions_within(visits_of(rows), 0.87, 0.6)
