"""Bad plan files: refused by every command that reads them."""

from __future__ import annotations

import json

import pytest

from api.cli import run
from tests.api.conftest import HEAD, TRIPS


def _set(key, value, plan=0):
    return lambda document: document["plans"][plan].__setitem__(key, value)


def _top(key, value):
    return lambda document: document.__setitem__(key, value)


def _stage(key, value):
    return lambda document: document["plans"][0]["stages"][0].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        (_set("junction", "nowhere"), "plans[0]: junction", "nowhere"),
        (_set("junction", ["grid:1-1"]), "plans[0]: junction", "grid:1-1"),
        (_set("digest", "x"), "plans[0]: junction grid:1-1, digest", "x"),
        (_set("cycle_s", float("nan")), "plans[0]: junction grid:1-1, cycle_s", "nan"),
        (_set("offset_s", float("inf")), "plans[0]: junction grid:1-1, offset_s", "inf"),
        (_set("offset_s", 10**30), "plans[0]: junction grid:1-1, offset_s", "1000"),
        (_set("cycle_s", 60.5), "plans[0]: junction grid:1-1, cycle_s", "60.5"),
        (_set("version", -1), "plans[0]: junction grid:1-1, version", "-1"),
        (_set("stages", []), "plans[0]: junction grid:1-1, durations_s", "()"),
        (_stage("duration_s", 0), "plans[0]: junction grid:1-1, durations_s", "(0,"),
        (_stage("groups", ["Q"]), "plans[0]: grid:1-1.groups", "Q"),
        (_top("format", "x"), "format", "x"),
        (_top("format_version", 2), "format_version", "2"),
        (_top("network", "elsewhere"), "network", "elsewhere"),
        (_top("plans", []), "plans", "grid:1-1"),
        (lambda d: d["plans"].pop(), "plans", "grid:2-2"),
        (lambda d: d["plans"].append(d["plans"][0]), "plans[4].junction", "grid:1-1"),
    ],
)
def test_what_plans_say(refused, city_files, change, field, value):
    document = json.loads((city_files / "plans.json").read_text(encoding="utf-8"))
    change(document)
    (city_files / "plans.json").write_text(json.dumps(document), encoding="utf-8")
    problem = refused("evaluate", "city.toml", "--plans", "plans.json")
    assert (problem["file"], problem["field"]) == ("plans.json", field)
    assert value in problem["value"]


@pytest.mark.parametrize(
    ("damage", "field"),
    [
        (lambda _: b"", "line 1, column 1"),
        (lambda text: text[: len(text) // 2].encode(), "line"),
        (lambda _: b"[" * 100_000 + b"]" * 100_000, "file content"),
        (lambda _: b'{"a":' * 100_000, "file content"),
        (lambda text: text.replace('"offset_s": 0', '"offset_s": ' + "9" * 5000, 1).encode(), "file content"),
        (lambda text: text.encode("utf-16"), "file content"),
        (lambda text: b"\xe9" + text.encode(), "file content"),
        (lambda text: text.replace('"offset_s"', '"ofset_s"', 1).encode(), "plans[0]: plan"),
        (lambda _: b"[]", "file"),
    ],
)
def test_files_that_hold_no_plans(refused, city_files, damage, field):
    file = city_files / "plans.json"
    file.write_bytes(damage(file.read_text(encoding="utf-8")))
    problem = refused("evaluate", "city.toml", "--plans", "plans.json")
    assert problem["file"] == "plans.json"
    assert problem["field"].startswith(field)
    assert problem["hint"]


def test_plans_of_another_scenario(refused, city_files):
    other = (HEAD + TRIPS).replace("columns = 2", "columns = 3")
    (city_files / "city.toml").write_text(other, encoding="utf-8")
    assert "optimise again" in refused("evaluate", "city.toml", "--plans", "plans.json")["hint"].lower()


def test_a_folder_or_nothing_for_plans(refused, city_files):
    (city_files / "folder.json").mkdir()
    for name in ("folder.json", "none.json"):
        assert refused("evaluate", "city.toml", "--plans", name)["field"] == "--plans"


@pytest.mark.parametrize("option", ["--plans", "--before"])
def test_an_unsafe_plan_leaves_the_report_as_it_was(refused, city_files, option):
    document = json.loads((city_files / "plans.json").read_text(encoding="utf-8"))
    first, second = document["plans"][0]["stages"][:2]
    second["duration_s"] += first["duration_s"] - 1
    first["duration_s"] = 1
    (city_files / "unsafe.json").write_text(json.dumps(document), encoding="utf-8")
    (city_files / "report.html").write_text("old", encoding="utf-8")
    files = {"--plans": "plans.json", option: "unsafe.json"}
    arguments = [part for pair in files.items() for part in pair]
    problem = refused("report", "city.toml", *arguments, "-o", "report.html")
    assert problem["file"] == "unsafe.json"
    assert "grid:1-1" in problem["field"]


@pytest.fixture
def settled_city(small_city, city_files):
    """The city with its timing sheet and an override for its first junction."""

    def write(override):
        (city_files / "sheet.csv").write_text(small_city[2], encoding="utf-8")
        override_text = f'[[junction]]\nkey = "grid:1-1"\n{override}\n'
        (city_files / "o.toml").write_text(override_text, encoding="utf-8")
        text = (HEAD + TRIPS).replace("rows = 2\n", 'rows = 2\noverrides = "o.toml"\n')
        text += '\n[signals]\ntiming_sheet = "sheet.csv"\n'
        (city_files / "city.toml").write_text(text, encoding="utf-8")
        return json.loads((city_files / "plans.json").read_text(encoding="utf-8"))

    return write


@pytest.mark.parametrize(
    "command", [("evaluate",), ("report", "-o", "r.html"), ("sumo", "export", "-o", "s")]
)
def test_plans_that_change_a_locked_junction(refused, settled_city, city_files, command):
    document = settled_city("locked = true")
    document["plans"][0]["offset_s"] += 1
    (city_files / "plans.json").write_text(json.dumps(document), encoding="utf-8")
    problem = refused(*command, "city.toml", "--plans", "plans.json")
    assert (problem["file"], problem["field"]) == ("plans.json", "junction grid:1-1")
    assert "locked" in problem["rule"]
    assert "offset 1 s" in problem["value"]
    assert "offset 0 s" in problem["hint"]


def test_plans_that_keep_a_locked_junction_are_read(settled_city, city_files, capsys, monkeypatch):
    document = settled_city("locked = true")
    document["plans"][1]["offset_s"] += 1
    (city_files / "plans.json").write_text(json.dumps(document), encoding="utf-8")
    monkeypatch.chdir(city_files)
    assert run(["evaluate", "city.toml", "--plans", "plans.json", "--json"]) == 0, capsys.readouterr().err


def test_plans_that_break_a_fixed_order(refused, settled_city, city_files, capsys):
    plan = settled_city("")["plans"][0]
    order = [stage["groups"] for stage in plan["stages"]]
    settled_city(f"fixed_order = {json.dumps(order[1:] + order[:1])}")
    assert run(["evaluate", str(city_files / "city.toml"), "--plans", str(city_files / "plans.json")]) == 0
    capsys.readouterr()
    settled_city(f"fixed_order = {json.dumps([*order, order[0]])}")
    problem = refused("evaluate", "city.toml", "--plans", "plans.json")
    assert (problem["file"], problem["field"]) == ("plans.json", "junction grid:1-1")
    assert "fixed order" in problem["rule"]
    problem = refused("optimize", "city.toml", "--steps", "0", "-o", "new.json")
    assert problem["field"] == "junction grid:1-1"
