"""What OpenStreetMap tags of a way mean: who may drive, which way, in how many lanes, how fast."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from traffic.defaults import HIGHWAY_CLASS, default_lanes, default_speed_km_h, zone_speed_km_h
from traffic.network import RoadClass, Turn
from traffic.units import KM_H, MILE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LANES_RULE",
    "ONE_WAY",
    "SPEED_RULE",
    "WAY_KEYS",
    "Direction",
    "WayTags",
    "closed_reason",
    "one_way",
    "parse_lanes",
    "parse_maxspeed",
    "parse_turn_lanes",
    "read_way",
    "unknown_turn",
]

WAY_KEYS = frozenset(
    {
        "highway", "name", "ref", "oneway", "junction", "layer", "bridge", "tunnel", "area", "service",
        "access", "vehicle", "motor_vehicle", "motorcar",
        "maxspeed", "maxspeed:forward", "maxspeed:backward",
        "lanes", "lanes:forward", "lanes:backward", "lanes:both_ways",
        "lanes:bus", "lanes:psv", "lanes:bus:forward", "lanes:bus:backward",
        "lanes:psv:forward", "lanes:psv:backward",
        "turn:lanes", "turn:lanes:forward", "turn:lanes:backward",
    }
)  # fmt: skip
"""Keys of a way that the import reads."""

_ACCESS_KEYS = ("motorcar", "motor_vehicle", "vehicle", "access")
_CLOSED = frozenset(
    {"no", "private", "agricultural", "forestry", "delivery", "emergency", "military", "psv", "bus"}
)
_LANES_MAX = 12
_SPEED_MIN_KM_H, _SPEED_MAX_KM_H = 5.0, 150.0
LANES_RULE = f"must be a whole number of lanes from 1 to {_LANES_MAX}"
SPEED_RULE = (
    f"must be a speed from {_SPEED_MIN_KM_H:.0f} to {_SPEED_MAX_KM_H:.0f} km/h or a zone such as RU:urban"
)
_NUMBER = re.compile(r"^(\d+(?:\.\d+)?)\s*(km/h|kmh|kph|mph|knots)?$")
ONE_WAY: Mapping[str, int] = {
    **dict.fromkeys(("yes", "true", "1"), 1),
    **dict.fromkeys(("-1", "reverse"), -1),
    **dict.fromkeys(("no", "false", "0", "reversible", "alternating"), 0),
}
"""What values of ``oneway`` mean: traffic along the way, against it, both."""
_TURNS: Mapping[str, tuple[Turn, ...]] = {
    "left": (Turn.LEFT,),
    "sharp_left": (Turn.LEFT,),
    "slight_left": (Turn.LEFT,),
    "right": (Turn.RIGHT,),
    "sharp_right": (Turn.RIGHT,),
    "slight_right": (Turn.RIGHT,),
    "through": (Turn.THROUGH,),
    "reverse": (Turn.U_TURN,),
    "merge_to_left": (Turn.THROUGH,),
    "merge_to_right": (Turn.THROUGH,),
    "none": (),
    "": (),
}


@dataclass(frozen=True)
class Direction:
    """One direction of a way.

    Attributes
    ----------
    lanes
        Lanes for general traffic, 1 or more.
    turn_lanes
        Markings by lane, lane 0 at the right-hand side; `None` without (usable) tags.
    lanes_default, speed_default
        True where the value is a default of `traffic.defaults`.
    ignored
        Keys of ``turn:lanes`` tags that are there but could not be used.
    left_bay_lanes, right_bay_lanes, bay_length_m, saturation_veh_h_lane
        From the engineer's overrides only; `None` where he says nothing.
    """

    lanes: int
    speed_m_s: float
    turn_lanes: tuple[frozenset[Turn], ...] | None
    lanes_default: bool
    speed_default: bool
    ignored: tuple[str, ...] = ()
    left_bay_lanes: int | None = None
    right_bay_lanes: int | None = None
    bay_length_m: float | None = None
    saturation_veh_h_lane: float | None = None


@dataclass(frozen=True)
class WayTags:
    """A drivable way as the import uses it; a direction that may not be driven is `None`."""

    road_class: RoadClass
    ramp: bool
    name: str
    layer: int
    roundabout: bool
    forward: Direction | None
    backward: Direction | None


def closed_reason(tags: Mapping[str, str]) -> str | None:
    """Return why no car may drive on the way; `None` where it may."""
    if tags.get("highway", "") not in HIGHWAY_CLASS:
        return "not a road for cars"
    if tags.get("area") == "yes":
        return "an area"
    for key in _ACCESS_KEYS:
        if key in tags:
            return "closed to general traffic" if tags[key] in _CLOSED else None
    return None


def one_way(tags: Mapping[str, str]) -> int:
    """Return 1 where traffic runs along the way only, -1 against it only, 0 both ways.

    Roundabouts and motorways run along the way unless tagged otherwise; roads with a reversible or
    alternating direction are open both ways.
    """
    value = tags.get("oneway", "")
    if value in ONE_WAY:
        return ONE_WAY[value]
    implied = tags.get("junction") in {"roundabout", "circular"} or tags.get("highway") == "motorway"
    return int(implied)


def parse_maxspeed(value: str) -> float | None:
    """Return a ``maxspeed`` in m/s; `None` for one that says nothing usable.

    Read are numbers in km/h, mph and knots, zones (``"RU:urban"``) and ``walk``. Of several values the
    first counts.
    """
    text = value.split(";", maxsplit=1)[0].strip()
    if match := _NUMBER.match(text.lower()):
        unit = {"mph": MILE / 1000.0, "knots": 1.852}.get(match[2] or "", 1.0)
        speed = float(match[1]) * unit
    else:
        zone = zone_speed_km_h(text if ":" in text else f":{text}")
        if zone is None:
            return None
        speed = zone
    return speed * KM_H if _SPEED_MIN_KM_H <= speed <= _SPEED_MAX_KM_H else None


def parse_lanes(value: str | None) -> int | None:
    """Return a ``lanes`` value, the least of several; `None` unless it is a number from 1 to 12."""
    if value is None:
        return None
    try:
        lanes = min(int(float(part)) for part in value.split(";"))
    except (ValueError, OverflowError):
        return None
    return lanes if 1 <= lanes <= _LANES_MAX else None


def parse_turn_lanes(value: str) -> tuple[frozenset[Turn], ...] | None:
    """Return ``turn:lanes`` (left to right) as markings from the right-hand lane to the left.

    ``None`` for a value with an unknown word. A lane without marking is an empty set.
    """
    if unknown_turn(value) is not None:
        return None
    lanes = [
        frozenset(turn for word in lane.split(";") for turn in _TURNS[word.strip()])
        for lane in value.split("|")
    ]
    return tuple(reversed(lanes)) if any(lanes) else None


def unknown_turn(value: str) -> str | None:
    """Return the first word of a ``turn:lanes`` value that is no turn."""
    words = (word.strip() for word in value.replace("|", ";").split(";"))
    return next((word for word in words if word not in _TURNS), None)


def read_way(tags: Mapping[str, str], country: str | None) -> WayTags:
    """Return what the tags of a drivable way say, and defaults for what they do not say."""
    highway = tags["highway"]
    direction = one_way(tags)
    total = _general_lanes(tags, direction)
    forward = None if direction < 0 else _direction(tags, "forward", country, one_way=direction, total=total)
    backward = (
        None if direction > 0 else _direction(tags, "backward", country, one_way=direction, total=total)
    )
    return WayTags(
        road_class=HIGHWAY_CLASS[highway],
        ramp=highway.endswith("_link"),
        name=tags.get("name", tags.get("ref", "")),
        layer=_layer(tags),
        roundabout=tags.get("junction") in {"roundabout", "circular"},
        forward=forward,
        backward=backward,
    )


def _layer(tags: Mapping[str, str]) -> int:
    try:
        return int(tags.get("layer", "0"))
    except ValueError:
        return 0


def _general_lanes(tags: Mapping[str, str], one_way: int) -> tuple[int | None, int | None]:
    """Lanes of both directions from the ``lanes`` tag, less bus lanes and lanes for both ways."""
    total = parse_lanes(tags.get("lanes"))
    if total is None:
        return None, None
    bus = parse_lanes(tags.get("lanes:psv")) or parse_lanes(tags.get("lanes:bus")) or 0
    total = max(total - bus, 1)
    if one_way:
        return total, total
    total -= parse_lanes(tags.get("lanes:both_ways")) or 0
    given = parse_lanes(tags.get("lanes:forward")), parse_lanes(tags.get("lanes:backward"))
    if given[0] is not None and given[1] is None:
        return None, max(total - given[0], 1)
    if given[1] is not None and given[0] is None:
        return max(total - given[1], 1), None
    return max((total + 1) // 2, 1), max(total // 2, 1)


def _direction(
    tags: Mapping[str, str],
    side: str,
    country: str | None,
    *,
    one_way: int,
    total: tuple[int | None, int | None],
) -> Direction:
    ignored = []
    lanes = parse_lanes(tags.get(f"lanes:{side}"))
    if lanes is not None:
        bus = parse_lanes(tags.get(f"lanes:psv:{side}")) or parse_lanes(tags.get(f"lanes:bus:{side}")) or 0
        lanes = max(lanes - bus, 1)
    else:
        lanes = total[0] if side == "forward" else total[1]
    turns, key = _turn_lanes(tags, side, one_way=one_way)
    if turns is not None and lanes is None:
        lanes = len(turns)
    if key and (turns is None or len(turns) != lanes):
        turns = None
        ignored.append(key)
    lanes_default = lanes is None
    if lanes is None:
        lanes = default_lanes(tags["highway"], one_way=one_way != 0)
    speed = _speed(tags, side)
    return Direction(
        lanes=lanes,
        speed_m_s=default_speed_km_h(tags["highway"], country) * KM_H if speed is None else speed,
        turn_lanes=turns,
        lanes_default=lanes_default,
        speed_default=speed is None,
        ignored=tuple(ignored),
    )


def _turn_lanes(
    tags: Mapping[str, str], side: str, *, one_way: int
) -> tuple[tuple[frozenset[Turn], ...] | None, str | None]:
    """Return the markings of one side and their key; plain ``turn:lanes`` count on one-way roads only."""
    key = f"turn:lanes:{side}"
    if key not in tags and one_way:
        key = "turn:lanes"
    if key not in tags:
        return None, None
    return parse_turn_lanes(tags[key]), key


def _speed(tags: Mapping[str, str], side: str) -> float | None:
    for key in (f"maxspeed:{side}", "maxspeed"):
        if key in tags:
            return parse_maxspeed(tags[key])
    return None
