from __future__ import annotations

import pytest

from traffic.defaults import COUNTRIES, HIGHWAY_CLASS, default_lanes, default_speed_km_h
from traffic.errors import InputError
from traffic.network import RoadClass, Turn
from traffic.osm.tags import closed_reason, one_way, parse_lanes, parse_maxspeed, parse_turn_lanes, read_way

R, T, L, U = Turn.RIGHT, Turn.THROUGH, Turn.LEFT, Turn.U_TURN


@pytest.mark.parametrize(
    ("value", "km_h"),
    [
        ("60", 60.0),
        ("60 km/h", 60.0),
        ("30 mph", 30 * 1.609344),
        ("5mph", 5 * 1.609344),
        ("40;60", 40.0),
        ("RU:urban", 60.0),
        ("KZ:urban", 60.0),
        ("DE:urban", 50.0),
        ("RU:living_street", 20.0),
        ("BR:rural", 80.0),
        ("DE:zone:30", 30.0),
        ("walk", 7.0),
        ("10 knots", 18.52),
    ],
)
def test_maxspeed(value: str, km_h: float) -> None:
    speed = parse_maxspeed(value)
    assert speed is not None
    assert speed * 3.6 == pytest.approx(km_h, rel=1e-12)


@pytest.mark.parametrize("value", ["none", "signals", "fast", "", "0", "3", "900", "-60", "RU:moon", "nan"])
def test_maxspeed_that_says_nothing(value: str) -> None:
    assert parse_maxspeed(value) is None


@pytest.mark.parametrize(
    ("value", "lanes"),
    [
        ("3", 3),
        ("2;3", 2),
        ("1.5", 1),
        ("0", None),
        ("-1", None),
        ("many", None),
        ("99", None),
        ("inf", None),
    ],
)
def test_lanes(value: str, lanes: int | None) -> None:
    assert parse_lanes(value) == lanes


def test_turn_lanes_run_from_the_right() -> None:
    marked = parse_turn_lanes("left|through|through;right")
    assert marked == (frozenset({T, R}), frozenset({T}), frozenset({L}))
    assert parse_turn_lanes("reverse;left||slight_right") == (frozenset({R}), frozenset(), frozenset({U, L}))
    assert parse_turn_lanes("merge_to_left|none") == (frozenset(), frozenset({T}))


@pytest.mark.parametrize("value", ["thorugh|right", "none|none", "|", ""])
def test_turn_lanes_that_say_nothing(value: str) -> None:
    assert parse_turn_lanes(value) is None


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, 0),
        ({"oneway": "yes"}, 1),
        ({"oneway": "-1"}, -1),
        ({"oneway": "reversible"}, 0),
        ({"junction": "roundabout"}, 1),
        ({"junction": "circular", "oneway": "no"}, 0),
        ({"highway": "motorway"}, 1),
        ({"highway": "motorway", "oneway": "no"}, 0),
        ({"highway": "motorway_link"}, 0),
    ],
)
def test_one_way(tags: dict[str, str], expected: int) -> None:
    assert one_way({"highway": "primary", **tags}) == expected


@pytest.mark.parametrize(
    ("tags", "closed"),
    [
        ({"highway": "residential"}, False),
        ({"highway": "residential", "access": "no"}, True),
        ({"highway": "residential", "access": "no", "motor_vehicle": "destination"}, False),
        ({"highway": "residential", "motor_vehicle": "private"}, True),
        ({"highway": "residential", "motorcar": "yes", "motor_vehicle": "no"}, False),
        ({"highway": "footway"}, True),
        ({"highway": "service", "area": "yes"}, True),
        ({}, True),
    ],
)
def test_who_may_drive(tags: dict[str, str], closed: bool) -> None:
    assert (closed_reason(tags) is not None) == closed


@pytest.mark.parametrize(
    ("tags", "forward", "backward"),
    [
        ({"lanes": "4"}, 2, 2),
        ({"lanes": "3"}, 2, 1),
        ({"lanes": "1"}, 1, 1),
        ({"lanes": "5", "lanes:forward": "3"}, 3, 2),
        ({"lanes": "5", "lanes:backward": "1", "lanes:both_ways": "1"}, 3, 1),
        ({"lanes:forward": "3", "lanes:backward": "2"}, 3, 2),
        ({"turn:lanes:forward": "left|through|right", "lanes:backward": "1"}, 3, 1),
        ({"lanes:forward": "3", "lanes:bus:forward": "1", "lanes:backward": "2"}, 2, 2),
    ],
)
def test_lanes_of_two_way_roads(tags: dict[str, str], forward: int, backward: int) -> None:
    way = read_way({"highway": "secondary", **tags}, "KZ")
    assert way.forward is not None
    assert way.backward is not None
    assert (way.forward.lanes, way.backward.lanes) == (forward, backward)
    assert not way.forward.lanes_default


def test_lanes_of_one_way_roads() -> None:
    way = read_way({"highway": "primary", "oneway": "yes", "lanes": "4", "lanes:psv": "1"}, "KZ")
    assert way.forward is not None
    assert (way.forward.lanes, way.backward) == (3, None)
    against = read_way({"highway": "primary", "oneway": "-1"}, "KZ")
    assert against.forward is None
    assert against.backward is not None
    assert (against.backward.lanes, against.backward.lanes_default) == (3, True)


def test_turn_lanes_that_contradict_the_lanes_are_left_out() -> None:
    way = read_way({"highway": "primary", "oneway": "yes", "lanes": "3", "turn:lanes": "left|through"}, "KZ")
    assert way.forward is not None
    assert (way.forward.lanes, way.forward.turn_lanes, way.forward.ignored) == (3, None, ("turn:lanes",))


def test_the_default_stands_in_for_zero_lanes_and_a_word() -> None:
    way = read_way({"highway": "residential", "lanes": "0", "maxspeed": "fast"}, "KZ")
    assert way.forward is not None
    assert (way.forward.lanes, way.forward.lanes_default, way.forward.speed_default) == (1, True, True)


def test_speeds_by_direction_and_default() -> None:
    way = read_way({"highway": "primary", "maxspeed:forward": "40"}, "KZ")
    assert way.forward is not None
    assert way.backward is not None
    assert way.forward.speed_m_s * 3.6 == pytest.approx(40.0)
    assert not way.forward.speed_default
    assert way.backward.speed_m_s * 3.6 == pytest.approx(60.0)
    assert way.backward.speed_default


def test_defaults_are_known_for_every_class_and_country() -> None:
    for highway, road_class in HIGHWAY_CLASS.items():
        assert isinstance(road_class, RoadClass)
        for country in (None, *COUNTRIES):
            assert 5 <= default_speed_km_h(highway, country) <= 130
        for one in (True, False):
            assert 1 <= default_lanes(highway, one_way=one) <= 3
    assert default_speed_km_h("primary", "kz") == 60.0
    assert default_speed_km_h("primary") == 50.0
    assert default_lanes("primary_link", one_way=True) == 1


def test_an_unknown_country_is_refused() -> None:
    with pytest.raises(InputError, match="must be one of BR, KZ, RU"):
        default_speed_km_h("primary", "XX")
