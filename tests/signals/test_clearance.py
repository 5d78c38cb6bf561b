"""Change and clearance times against figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from signals.aspects import COUNTRIES, Aspect, CountryAspects, SignalSettings
from signals.build import build_junctions
from signals.clearance import (
    ite_yellow_s,
    pedestrian_clearance_s,
    vehicle_intergreen_s,
    whole_seconds,
    yellow_s,
)
from signals.conflicts import movement_conflicts
from signals.walks import longest_walks_m
from tests.signals.junctions import Leg, crossroads, network_of
from traffic.errors import InputError
from traffic.network import Turn
from traffic.units import KM_H


def test_ite_yellow_of_50_km_h() -> None:
    # 1.0 + (50 / 3.6) / (2 * 3.05) = 3.2769
    assert ite_yellow_s(50 * KM_H) == pytest.approx(3.28, abs=0.005)
    assert ite_yellow_s(50 * KM_H) == pytest.approx(1.0 + 50 / 3.6 / 6.1)


@pytest.mark.parametrize(
    ("mph", "expected"), [(25, 2.83), (30, 3.20), (35, 3.57), (40, 3.93), (45, 4.30), (50, 4.67), (55, 5.03)]
)
def test_ite_yellow_in_feet(mph: float, expected: float) -> None:
    # 1.0 + 1.47 V / 20 with the deceleration of 10 ft/s^2.
    assert ite_yellow_s(mph * 0.44704, deceleration_m_s2=3.048) == pytest.approx(expected, abs=0.01)


def test_downhill_takes_longer() -> None:
    # 1.0 + 15 / (2 * 3.05 - 2 * 9.81 * 0.05) = 1.0 + 15 / 5.119
    assert ite_yellow_s(15.0, grade=-0.05) == pytest.approx(1.0 + 15.0 / 5.119)
    with pytest.raises(InputError, match="must leave a way to brake"):
        ite_yellow_s(15.0, grade=-0.4)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_speeds_must_be_real(speed: float) -> None:
    with pytest.raises(InputError):
        ite_yellow_s(speed)
    with pytest.raises(InputError):
        pedestrian_clearance_s(10.0, speed)


def test_yellow_in_whole_seconds_is_at_least_that_of_the_country() -> None:
    settings = SignalSettings()
    assert yellow_s(50 * KM_H, settings) == 4
    assert yellow_s(30 * KM_H, settings) == 3
    assert yellow_s(10 * KM_H, settings) == 3
    assert yellow_s(80 * KM_H, settings) == 5


def test_pedestrian_clearance() -> None:
    assert pedestrian_clearance_s(14.0, 1.2) == 12  # 11.67
    assert pedestrian_clearance_s(12.0, 1.2) == 10  # a whole number stays one
    with pytest.raises(InputError):
        pedestrian_clearance_s(0.0, 1.2)


@pytest.mark.parametrize(
    ("leg", "length_m", "walk_m", "clearance_s"),
    [
        # Four lanes and a bay on one side of the refuge, two on the other: 5 * 3.5 m.
        (Leg(0.0, 4, 2, left_bays=1, crossing=True, refuge=True), 26.5, 17.5, 15),
        (Leg(0.0, 1, 3, crossing=True, refuge=True), 16.0, 10.5, 9),
        (Leg(0.0, 2, 2, crossing=True, refuge=True), 16.0, 7.0, 6),
        (Leg(0.0, 2, 2, crossing=True), 14.0, 14.0, 12),
        # One carriageway has no middle to wait in.
        (Leg(0.0, 3, 0, crossing=True, refuge=True), 10.5, 10.5, 9),
        (Leg(0.0, 0, 3, crossing=True, refuge=True), 10.5, 10.5, 9),
    ],
)
def test_the_longest_walk_between_islands_decides(
    leg: Leg, length_m: float, walk_m: float, clearance_s: int
) -> None:
    others = [Leg(angle, crossing=False) for angle in (90.0, 180.0, 270.0)]
    network = network_of([leg, *others])
    assert network.crossings.length_m.tolist() == [length_m]
    assert longest_walks_m(network, np.zeros(1)).tolist() == [walk_m]
    (junction,) = build_junctions(network)
    times = junction.intergreen_s[junction.group_index("P-E")]
    assert set(times[times > 0].tolist()) == {clearance_s}


def test_rounding_up_does_not_cost_a_second_for_a_rounding_error() -> None:
    assert whole_seconds(3.0 + 1e-12) == 3
    assert whole_seconds(3.001) == 4


def test_intergreen_is_yellow_and_clearing_with_a_least() -> None:
    found = vehicle_intergreen_s(np.array([4, 4, 3]), np.array([-2.0, 1.2, 2.0]), SignalSettings())
    assert found.tolist() == [5, 6, 5]


def test_country_presets() -> None:
    kazakhstan = SignalSettings.of("KZ")
    assert kazakhstan == SignalSettings()
    assert kazakhstan.aspects == CountryAspects(flashing_green_s=3, yellow_s=3, red_amber_s=2)
    assert SignalSettings.of("br").aspects.flashing_green_s == 0
    assert SignalSettings.of("DE", cycle_max_s=90).aspects.red_amber_s == 1
    assert set(COUNTRIES) == {"KZ", "BR", "US", "DE"}
    assert [aspect.name for aspect in Aspect] == ["RED", "RED_AMBER", "GREEN", "FLASHING_GREEN", "YELLOW"]


@pytest.mark.parametrize(
    ("country", "km_h", "seconds"),
    [
        ("KZ", 60, 4),  # 1.0 + 16.667 / 6.1 = 3.73
        ("KZ", 80, 5),  # 1.0 + 22.222 / 6.1 = 4.64
        ("BR", 40, 3),  # 1.0 + 11.111 / 6.1 = 2.82
        ("DE", 50, 4),  # 1.0 + 13.889 / 6.1 = 3.28
        ("US", 30 * 1.609344, 4),  # 1.0 + 1.4667 * (30 + 7) / 20 = 3.71
        ("US", 40 * 1.609344, 5),  # 1.0 + 1.4667 * (40 + 7) / 20 = 4.45; without the margin 3.93
        ("US", 55 * 1.609344, 6),  # 1.0 + 1.4667 * (55 + 7) / 20 = 5.55
    ],
)
def test_yellow_by_country(country: str, km_h: float, seconds: int) -> None:
    assert yellow_s(km_h * KM_H, SignalSettings.of(country)) == seconds


@pytest.mark.parametrize(
    ("country", "clearance_s"),
    [("KZ", 12), ("BR", 12), ("DE", 12), ("US", 14)],  # 14 m at 1.2 m/s: 11.67; 45.93 ft at 3.5 ft/s: 13.12
)
def test_walking_speed_by_country(country: str, clearance_s: int) -> None:
    settings = SignalSettings.of(country)
    (junction,) = build_junctions(network_of(crossroads(2)), settings=settings)
    times = junction.intergreen_s[junction.group_index("P-E")]
    assert set(times[times > 0].tolist()) == {clearance_s}


@pytest.mark.parametrize(
    ("country", "length_m", "deducts"),
    [("KZ", 6.0, True), ("BR", 6.0, True), ("DE", 6.0, True), ("US", 20 * 0.3048, False)],
)
def test_clearing_time_of_two_straight_roads_by_country(country: str, length_m: float, deducts: bool) -> None:
    network = network_of(crossroads(1, crossing=False))
    settings = SignalSettings.of(country)
    found = movement_conflicts(network, settings)
    turn, node = network.movements.turn, network.links.from_node[network.movements.in_link]
    through = {int(node[m]): m for m in np.flatnonzero(turn == Turn.THROUGH)}
    clearing = found.clearing_s[(found.one == through[1]) & (found.other == through[2])].item()
    # The paths cross 9.875 m after the stop line of who clears and 6.625 m after that of who enters; vehicles
    # are in each other's way from 2.8 m before to 2.8 m after that.
    speed, cleared, reached = 50.0 / 3.6, 9.875 + length_m, 6.625 if deducts else 0.0
    assert (cleared - reached) / speed < clearing <= (cleared + 2.8 - reached + 2.8 * deducts) / speed
    if not deducts:
        # W ends 2.8 m behind the middle of the lane, at the last sample (0.87 m apart) before that.
        assert clearing == pytest.approx((cleared + 2.8) / speed, abs=0.87 / speed)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cycle_min_s": 0}, "cycle_min_s"),
        ({"cycle_max_s": 30}, "cycle_max_s"),
        ({"walking_speed_m_s": float("nan")}, "walking_speed_m_s"),
        ({"deceleration_m_s2": 0.0}, "deceleration_m_s2"),
        ({"all_red_min_s": 0}, "all_red_min_s"),
        ({"min_green_s": 2}, "aspects.flashing_green_s"),
        ({"max_greens": 20}, "max_greens"),
    ],
)
def test_settings_that_break_a_rule(changes: dict[str, float], field: str) -> None:
    with pytest.raises(InputError) as error:
        SignalSettings.of("KZ", **changes)
    assert error.value.field == field


def test_unknown_country() -> None:
    with pytest.raises(InputError, match=r"must be a known country \(got 'XX'\).*KZ, BR, US, DE"):
        SignalSettings.of("XX")


def test_without_an_island_the_median_is_walked_too() -> None:
    legs = [Leg(0.0, 2, 2, crossing=True), *(Leg(angle, crossing=False) for angle in (90.0, 180.0, 270.0))]
    network = network_of(legs)
    assert longest_walks_m(network, np.array([31.0])).tolist() == [31.0]
    divided = network_of([replace(legs[0], refuge=True), *legs[1:]])
    assert longest_walks_m(divided, np.array([31.0])).tolist() == [7.0]
