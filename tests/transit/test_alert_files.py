"""Alerts from files: three formats that say the same, and what is wrong told by field, value and rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.errors import InputError
from transit.alert_files import read_alerts
from transit.realtime import Alert, Informed

ZONE = "Asia/Almaty"
EIGHT_S = 1_796_007_600  # 2026-11-30 08:00 in Almaty

TOML = """
[[alert]]
key = "works"
cause = "construction"
effect = "DETOUR"
header = { kk = "Жөндеу", en = "Works" }
description = { en = "Buses go around." }
active = [{ from = 2026-11-30T08:00:00, to = "2026-11-30 09:00+05:00" }]
informed = [{ route = "r1", stop = "s1" }, { agency = "A" }]

[[alert]]
key = "snow"
header = "Snow"
informed = { stop = "s2" }
"""
JSON = """{"alert": [
  {"key": "works", "cause": "CONSTRUCTION", "effect": "DETOUR",
   "header": {"kk": "Жөндеу", "en": "Works"}, "description": {"en": "Buses go around."},
   "active": [{"from": "2026-11-30T08:00", "to": 1796011200}],
   "informed": [{"route": "r1", "stop": "s1"}, {"agency": "A"}]},
  {"key": "snow", "header": "Snow", "informed": [{"stop": "s2"}]}
]}"""
CSV = """key,header,description,language,cause,effect,from,to,route,stop,agency
works,Жөндеу,,kk,construction,detour,2026-11-30 08:00,2026-11-30 09:00,r1,s1,
snow,Snow,,,,,,,,s2,
works,Works,Buses go around.,en,construction,,2026-11-30 08:00,2026-11-30 09:00,,,A
"""
WANTED = (
    Alert(
        "works",
        {"kk": "Жөндеу", "en": "Works"},
        (Informed(route="r1", stop="s1"), Informed(agency="A")),
        {"en": "Buses go around."},
        "CONSTRUCTION",
        "DETOUR",
        ((EIGHT_S, EIGHT_S + 3600),),
    ),
    Alert("snow", {"": "Snow"}, (Informed(stop="s2"),), {}),
)


def _read(folder: Path, name: str, text: str) -> tuple[Alert, ...]:
    (folder / name).write_text(text, encoding="utf-8")
    return read_alerts(folder / name, ZONE)


@pytest.mark.parametrize(("name", "text"), [("a.toml", TOML), ("a.json", JSON), ("a.CSV", "\ufeff" + CSV)])
def test_three_formats_say_the_same(name: str, text: str, tmp_path: Path) -> None:
    assert _read(tmp_path, name, text) == WANTED


def test_a_list_by_itself_and_an_empty_one_are_read(tmp_path: Path) -> None:
    assert _read(tmp_path, "a.json", "[]") == ()
    assert _read(tmp_path, "a.csv", "key,header\n") == ()
    assert _read(tmp_path, "a.json", '[{"key": "k", "header": "x", "informed": {"trip": "t"}}]') == (
        Alert("k", {"": "x"}, (Informed(trip="t"),), {}),
    )


def test_days_and_open_ends(tmp_path: Path) -> None:
    base = '[[alert]]\nkey = "k"\nheader = "x"\ninformed = [{ route = "r" }]\n'
    (found,) = _read(tmp_path, "a.toml", base + "active = [{ from = 2026-11-30 }, { to = 5 }]\n")
    assert found.active_s == ((EIGHT_S - 8 * 3600, None), (None, 5))


HEAD = "key,header,route,from\n"


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("a.txt", "", "file name", "a.txt"),
        ("a.toml", "key = ", "file content", None),
        ("a.json", "{", "file content", None),
        ("a.json", "[" * 100_000, "file content", None),
        ("a.json", '{"alerts": []}', "alert", "NoneType"),
        ("a.toml", 'alert = ["x"]', "alert", "list"),
        ("a.toml", '[[alert]]\nheader = "x"', "alert 1.key", None),
        ("a.toml", TOML.replace('"snow"', "7"), "alert 2.key", 7),
        ("a.toml", TOML + 'colour = "red"\n', "alert snow", "colour"),
        ("a.toml", TOML.replace('header = "Snow"', "header = 3"), "alert snow.header", 3),
        ("a.toml", TOML.replace('header = "Snow"', 'header = ""'), "alert snow.header", ""),
        ("a.toml", TOML.replace('header = "Snow"\n', ""), "alert snow.header", None),
        ("a.toml", TOML.replace('"Works"', "1.5"), "alert works.header.en", 1.5),
        ("a.toml", TOML.replace('stop = "s2"', "stop = 2"), "alert snow.informed.stop", 2),
        ("a.toml", TOML.replace('{ stop = "s2" }', '{ bus = "2" }'), "alert snow.informed", "bus"),
        ("a.toml", TOML.replace('{ stop = "s2" }', '"s2"'), "alert snow.informed", "s2"),
        ("a.toml", TOML.replace('informed = { stop = "s2" }', ""), "alert snow.informed", None),
        ("a.toml", TOML.replace('"DETOUR"', '"ROUNDABOUT"'), "alert works.effect", "ROUNDABOUT"),
        ("a.toml", TOML.replace('"construction"', "4"), "alert works.cause", 4),
        ("a.toml", TOML.replace('"2026-11-30 09:00+05:00"', '"nine"'), "alert works.active.to", "nine"),
        ("a.toml", TOML.replace('"2026-11-30 09:00+05:00"', "true"), "alert works.active.to", "True"),
        ("a.toml", TOML.replace('"2026-11-30 09:00+05:00"', "-5"), "alert works.active.to", "-5"),
        (
            "a.toml",
            TOML.replace('"2026-11-30 09:00+05:00"', "1" + "0" * 30),
            "alert works.active.to",
            "1" + "0" * 30,
        ),
        (
            "a.toml",
            TOML.replace("09:00+05", "07:00+05"),
            "alert works.active",
            f"{EIGHT_S} to {EIGHT_S - 3600}",
        ),
        ("a.toml", TOML.replace('kk = "Жөндеу"', '"" = "x"'), "alert works.header", ", en"),
        ("a.csv", "key,colour\n", "header", "colour"),
        ("a.csv", HEAD + "k,x,r\n", "line 2", "k,x,r"),
        ("a.csv", HEAD + "k,x,r,,,\n", "line 2", None),
        ("a.csv", HEAD + ",x,r,\n", "line 2, key", None),
        ("a.csv", HEAD + "k,x,r,\nk,y,r2,\n", "line 3, header", "y"),
        ("a.csv", HEAD + "k,x,r,soon\n", "alert k.active.from", "soon"),
        ("a.csv", CSV.replace("en,construction", "en,weather"), "line 4, cause", "weather"),
    ],
)
def test_what_is_wrong_is_told(name: str, text: str, field: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        _read(tmp_path, name, text)
    assert caught.value.file == str(tmp_path / name)
    assert caught.value.field == field
    if value is not None:
        assert caught.value.value == value
    assert caught.value.rule.startswith("must")


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a file that exists"):
        read_alerts(tmp_path / "a.toml", ZONE)
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="must be in UTF-8"):
        read_alerts(tmp_path / "a.toml", ZONE)
    (tmp_path / "b.toml").mkdir()
    with pytest.raises(InputError, match="must be a file that can be read"):
        read_alerts(tmp_path / "b.toml", ZONE)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["key", "header", "en", "route", "from"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    row=st.dictionaries(
        st.sampled_from(["key", "header", "description", "cause", "effect", "active", "informed"]), _VALUES
    )
)
def test_whatever_stands_there_is_read_or_refused(
    row: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("alerts") / "a.json"
    path.write_text(json.dumps([{"key": "k", "header": "x", **row}]), encoding="utf-8")
    try:
        (found,) = read_alerts(path, ZONE)
    except InputError as error:
        refused = error
    else:
        assert found.informed
        return
    assert refused.field is not None
    assert refused.rule.startswith("must")
