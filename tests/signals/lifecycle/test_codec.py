"""Records as JSON: by the type, back to the same, and nothing else is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest

from signals.lifecycle.codec import codec_of
from signals.lifecycle.records import Lifecycle
from signals.lifecycle.table import Table


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


@dataclass(frozen=True)
class Lamp:
    colour: Colour
    since: datetime | None = None
    on: bool = True


@dataclass(frozen=True)
class Street:
    lamps: Mapping[Colour, Lamp]
    names: Table[tuple[str, ...]]
    numbers: frozenset[int]


NOON = datetime(2026, 11, 27, 12, 0, 0, 123456, tzinfo=UTC)
STREET = Street(
    {Colour.RED: Lamp(Colour.RED, NOON), Colour.GREEN: Lamp(Colour.GREEN, on=False)},
    Table.of([("b", ("Абай",)), ("a", ())]),
    frozenset({10, 9, 1}),
)
PLAIN = {
    "lamps": [
        ["red", {"colour": "red", "since": "2026-11-27T12:00:00.123456+00:00", "on": True}],
        ["green", {"colour": "green", "since": None, "on": False}],
    ],
    "names": [["b", ["Абай"]], ["a", []]],
    "numbers": [1, 9, 10],
}


def test_a_record_is_written_by_its_types_and_read_back():
    codec = codec_of(Street)
    assert codec.encode(STREET) == PLAIN
    back = codec.decode(json.loads(json.dumps(PLAIN)))
    assert back == STREET
    assert list(back.lamps) == [Colour.RED, Colour.GREEN]
    assert list(back.names) == ["b", "a"]  # in the order that they had
    assert type(back.names) is Table
    assert type(next(iter(back.lamps))) is Colour
    assert codec_of(Lamp).decode(
        {"colour": "red", "since": "2026-11-27T17:00:00.123456+05:00", "on": True}
    ) == Lamp(Colour.RED, NOON)
    east = NOON.astimezone(timezone(timedelta(hours=5)))
    assert codec_of(datetime).encode(east) == codec_of(datetime).encode(NOON)


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {},
        {**PLAIN, "more": 1},
        {**PLAIN, "numbers": ["1"]},
        {**PLAIN, "numbers": [True]},
        {**PLAIN, "numbers": 5},
        {**PLAIN, "names": [["a", "Абай"]]},
        {**PLAIN, "names": [["a"]]},
        {**PLAIN, "lamps": [["blue", PLAIN["lamps"][0][1]]]},
        {**PLAIN, "lamps": [["red", {"colour": "red", "since": "2026-11-27T12:00:00", "on": True}]]},
        {**PLAIN, "lamps": [["red", {"colour": "red", "since": 5, "on": True}]]},
        {**PLAIN, "lamps": [["red", {"colour": "red", "since": None, "on": 1}]]},
    ],
)
def test_what_is_of_another_type_is_not_read(wrong):
    with pytest.raises(ValueError, match=r"must|is not a valid|not enough values"):
        codec_of(Street).decode(wrong)


@pytest.mark.parametrize("kind", [float, object, int | str, tuple[int, str], list[int]])
def test_a_type_without_a_form_is_told(kind):
    with pytest.raises(TypeError, match="no form in JSON"):
        codec_of(kind)


def test_the_mark_changes_with_names_and_types():
    @dataclass(frozen=True)
    class Lamp2:
        colour: Colour
        since: datetime | None
        on: int

    Lamp2.__name__ = "Lamp"
    assert codec_of(Lamp2).mark != codec_of(Lamp).mark
    assert codec_of(Lamp).shape == "Lamp(colour: Colour(red, green), since: instant?, on: bool)"


def test_every_field_of_the_life_cycle_is_in_its_shape():
    shape = codec_of(Lifecycle).shape
    for field in fields(Lifecycle):
        assert f"{field.name}: " in shape
    for name in ("PlanSetRecord(", "GroupRecord(", "JunctionRecord(", "Order(", "Hold(", "Alarm("):
        assert name in shape
