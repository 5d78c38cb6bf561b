"""Tags of ways whose values break a rule, and what the import goes on with in their place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from traffic.osm.tags import (
    LANES_RULE,
    ONE_WAY,
    SPEED_RULE,
    one_way,
    parse_lanes,
    parse_maxspeed,
    unknown_turn,
)
from traffic.quality import WrongTag
from traffic.units import KM_H

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from traffic.osm.extract import OsmExtract
    from traffic.osm.tags import Direction, WayTags
    from traffic.overrides import WayOverride

__all__ = ["wrong_tags"]

_SIDES = ("forward", "backward")
# Values in use that name no speed of their own.
_NO_SPEED = re.compile(r"none|signals|variable|implicit|default|national|[A-Z]{2}(-[A-Z]+)?:[\w:]+")
_NOT_GENERAL = ("lanes:bus", "lanes:psv", "lanes:both_ways")


def wrong_tags(
    extract: OsmExtract, tags: Mapping[int, WayTags], overridden: Sequence[WayOverride]
) -> Iterator[WrongTag]:
    """Yield the tags that cannot be meant, of the ways that are taken in.

    Parameters
    ----------
    tags
        What is used of each way, by its position in the extract.
    overridden
        The engineer's word on ways; a tag that it stands in for is not told.
    """
    words: dict[int, list[WayOverride]] = {}
    for word in overridden:
        words.setdefault(word.way, []).append(word)
    told = set()
    for index in sorted(tags):
        way = int(extract.way_id[index])
        own = extract.way_tags[index]
        for key, value in sorted(own.items()):
            sides = _sides(key, tags[index])
            rule = _broken_rule(key, value) or _contradiction(key, own, sides)
            if rule is None or (way, key) in told:  # a way that the file cuts up is there more than once
                continue
            if sides and not _stood_in(key, sides, words.get(way, ())):
                told.add((way, key))
                yield WrongTag(way, key, value, rule, _used(key, sides))


def _names_speed(value: str) -> bool:
    first = value.split(";", maxsplit=1)[0].strip()
    return parse_maxspeed(value) is not None or _NO_SPEED.fullmatch(first) is not None


def _is_lanes(value: str) -> bool:
    return re.fullmatch(r"\s*\d+(\.0+)?\s*", value) is not None and parse_lanes(value) is not None


# What a key begins with, the rule for its value, and whether a value keeps it; the first that fits holds.
_RULES: tuple[tuple[str | tuple[str, ...], str, Callable[[str], bool]], ...] = (
    (_NOT_GENERAL, LANES_RULE, lambda value: _is_lanes(value) or value.strip() == "0"),
    ("lanes", LANES_RULE, _is_lanes),
    ("maxspeed", SPEED_RULE, _names_speed),
    (
        "turn:lanes",
        "must be words such as left, through, right and none, divided by | between lanes",
        lambda value: unknown_turn(value) is None,
    ),
    ("oneway", "must be yes, no, -1, reversible or alternating", ONE_WAY.__contains__),
    ("layer", "must be a whole number", lambda value: re.fullmatch(r"\s*[+-]?\d{1,9}\s*", value) is not None),
)


def _broken_rule(key: str, value: str) -> str | None:
    for begin, rule, keeps in _RULES:
        if key.startswith(begin):
            return None if keeps(value) else rule
    return None


def _contradiction(key: str, tags: Mapping[str, str], sides: Mapping[str, Direction]) -> str | None:
    """Return the rule for a value that is right by itself and contradicts the other tags of its way."""
    if key == "lanes":
        return _total_rule(tags, sides)
    if key == "turn:lanes" and len(sides) > 1:
        return "must be turn:lanes:forward or turn:lanes:backward on a road of both directions"
    if key.startswith("turn:lanes"):
        entries = tags[key].count("|") + 1
        for side, direction in sides.items():
            if entries - direction.lanes not in {0, _bus_lanes(tags, side, one_way=one_way(tags) != 0)}:
                return f"must have one entry for each lane of the direction, {direction.lanes}"
    return None


def _total_rule(tags: Mapping[str, str], sides: Mapping[str, Direction]) -> str | None:
    """Return the rule that ``lanes`` breaks, which counts the lanes of both directions."""
    total = parse_lanes(tags["lanes"]) or 0
    given = {side: lanes for side in _SIDES if (lanes := parse_lanes(tags.get(f"lanes:{side}")))}
    if not given.keys() & sides.keys():
        return None
    both_ways = parse_lanes(tags.get("lanes:both_ways")) or 0
    if len(sides) > len(given):
        (side, lanes) = next(iter(given.items()))
        return None if total > lanes + both_ways else f"must be more than lanes:{side}, {lanes}"
    together = sum(given.values()) + both_ways
    # lanes against a one-way road are for buses: some count them
    driven = sum(lanes for side, lanes in given.items() if side in sides)
    if total == together or (len(sides) == 1 and total == driven):
        return None
    return f"must be {together}, the sum of lanes:forward, lanes:backward and lanes:both_ways"


def _bus_lanes(tags: Mapping[str, str], side: str, *, one_way: bool) -> int:
    keys = [f"lanes:{kind}:{side}" for kind in ("psv", "bus")] + ["lanes:psv", "lanes:bus"] * one_way
    return next((lanes for key in keys if (lanes := parse_lanes(tags.get(key)))), 0)


def _sides(key: str, tags: WayTags) -> dict[str, Direction]:
    """Return the directions that may be driven and that a key is about."""
    own = {side: direction for side in _SIDES if (direction := getattr(tags, side)) is not None}
    last = key.rpartition(":")[2]
    return {last: own[last]} if last in own else {} if last in _SIDES else own


def _stood_in(key: str, sides: Iterable[str], words: Sequence[WayOverride]) -> bool:
    def says(word: WayOverride) -> bool:
        if key.startswith("turn:lanes"):
            return word.turn_lanes is not None or word.lanes is not None
        if key.startswith("lanes"):
            return word.lanes is not None or word.turn_lanes is not None
        return key.startswith("maxspeed") and word.speed_km_h is not None

    return all(any(getattr(word, side) and says(word) for word in words) for side in sides)


def _used(key: str, sides: Mapping[str, Direction]) -> str:
    if key == "layer":
        return "0"
    if key.startswith("turn:lanes"):
        return "none"
    if key == "oneway":
        return "both directions" if len(sides) > 1 else f"{next(iter(sides))} only"
    if key.startswith(_NOT_GENERAL):
        return "none"
    told = []
    for side, direction in sides.items():
        where = f" {side}" if len(sides) > 1 else ""
        if key.startswith("lanes"):
            default = " (default)" if direction.lanes_default else ""
            told.append(f"{direction.lanes} lane{'s' * (direction.lanes > 1)}{where}{default}")
        else:
            default = " (default)" if direction.speed_default else ""
            told.append(f"{direction.speed_m_s / KM_H:.0f} km/h{where}{default}")
    return ", ".join(told)
