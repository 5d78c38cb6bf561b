"""What the report says above its figures: network, demand, plans, oversaturation, and the cycle's limit."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from api.report.data import _cycles, report
from scenarios.loader import City, build, load
from scenarios.schema import OsmNetwork
from tests.api.conftest import HEAD
from tests.api.report_city import grid_city, make_plans, make_result
from tests.api.test_report import DATE, Page, written

if TYPE_CHECKING:
    from pathlib import Path

    from signals.plan import PlanSet

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def city() -> City:
    return grid_city(3, 2)


def made(
    city: City,
    *,
    after: str = "optimised",
    before: str | PlanSet = "before",
    spare_s: int = 20,
    **changes: Any,
) -> dict[str, Any]:
    run = make_result(city.network)
    arguments: dict[str, Any] = {
        "before": make_plans(city, before, spare_s=spare_s) if isinstance(before, str) else before,
        "result": run,
        "result_before": run,
        "date": DATE,
        "seed": None,
        "scale": 1.0,
    }
    return report(city, make_plans(city, after, spare_s=spare_s), **(arguments | changes)).text


def scenario(folder: Path, demand: str, file: str, content: str) -> City:
    (folder / file).write_text(content, encoding="utf-8")
    (folder / "city.toml").write_text(f'{HEAD}[demand]\n{demand}file = "{file}"\n', encoding="utf-8")
    return build(load(str(folder / "city.toml")))


def test_counted_demand_is_called_counted_and_its_balance_told(tmp_path: Path) -> None:
    # 180 vehicles leave one junction eastwards, 150 arrive at the next
    sides = [("grid:1-1", start, "E", 60) for start in "WSN"] + [("grid:2-1", "W", end, 50) for end in "ENS"]
    rows = "".join(f"{key},{start},{end},08:00,{count}\n" for key, start, end, count in sides)
    counted = scenario(tmp_path, 'kind = "counts"\n', "counts.csv", "junction,from,to,start,count\n" + rows)
    head = made(counted)["head"]
    assert head["labels"] == ["generated network", "counted demand"]
    network, note = head["notes"]
    assert network.startswith("Network: generated.")
    assert "turning counts of counts.csv, 6 movements in 1 intervals of 15 min" in note
    assert re.search(
        r"Balanced between junctions, in \d+ rounds, the last of which changed no flow by half a vehicle: ",
        note,
    )
    found = re.search(
        r"([\d.]+) % of the counted.* is from (\d+) to ([\d.]+) vehicles at Avenue [12] / Street 1", note
    )
    assert found
    share, old, new = map(float, found.groups())
    assert share > 0
    assert (old, old > new) in {(60.0, True), (50.0, False)}


def test_counts_that_agree_are_told_as_unchanged(tmp_path: Path) -> None:
    rows = "junction,from,to,start,count\ngrid:1-1,W,E,08:00,60\n"
    counted = scenario(tmp_path, 'kind = "counts"\n', "counts.csv", rows)
    head = made(counted)["head"]
    assert "no count was changed by half a vehicle" in head["notes"][1]
    assert "doubtful" not in head["notes"][1]
    full = replace(counted, figures={**counted.figures, "full_links": 3})
    assert (
        "3 uncounted roads would have had to bring more than their lanes can"
        in made(full)["head"]["notes"][1]
    )
    assert not [fact for fact in head["facts"] if "seed" in fact]


def test_an_od_matrix_is_told_with_its_assignment(tmp_path: Path) -> None:
    trips = "origin,destination,veh_h\ngateway 4,gateway 5,120\n"
    matrix = scenario(tmp_path, 'kind = "od"\nzones = 8\n', "trips.csv", trips)
    head = made(matrix)["head"]
    assert head["labels"][1] == "demand of an OD matrix"
    assert "the OD matrix trips.csv, 120 veh/h between" in head["notes"][1]
    assert "relative gap" in head["notes"][1]


def test_generated_demand_keeps_its_warning_and_its_seed(city: City) -> None:
    head = made(city, seed=7, scale=1.1)["head"]
    assert head["labels"] == ["generated network", "generated demand"]
    assert "not counted traffic" in head["notes"][1]
    assert "demand seed 7" in head["facts"]
    assert "demand times 1.1" in head["facts"]
    assert not [fact for fact in made(city)["head"]["facts"] if "times" in fact]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("before", "timing sheet"),
        ("isolated Webster", "isolated Webster plans"),
        ("optimised", "optimised plans"),
        ("start", "isolated Webster plans, the start of a search that found nothing better"),
        ("green waves, 80 s", "green waves, 80 s"),
    ],
)
def test_plans_have_natural_names(city: City, name: str, told: str) -> None:
    facts = made(city, after=name, before=name)["head"]["facts"]
    assert f"after: {told}" in facts
    assert f"before: {told}" in facts


def test_the_names_are_those_that_the_optimiser_and_the_timing_sheet_give(
    small_city: Any, tmp_path: Path
) -> None:
    from signals.optimize import optimize
    from signals.timing_sheet import read_timing_sheet
    from simulation.rivals import isolated_webster

    own, _, sheet = small_city
    (tmp_path / "sheet.csv").write_text(sheet, encoding="utf-8")
    plans: list[PlanSet] = [
        read_timing_sheet(tmp_path / "sheet.csv", own.network, own.junctions, own.demand)[0],
        isolated_webster(own.network, own.junctions, own.demand),
        optimize(own.network, own.junctions, own.demand, steps=0).plans,
        optimize(own.network, own.junctions, own.demand, steps=5).plans,
    ]
    assert [several.name for several in plans] == ["before", "isolated Webster", "start", "optimised"]


def test_junctions_that_the_timing_sheet_leaves_out_are_told(city: City) -> None:
    plans = make_plans(city, "before")
    for left_out, told in (
        (2, "timing sheet, and Webster's plan at 2 junctions that it leaves out"),
        (0, "timing sheet"),
    ):
        own = replace(city, before=plans, left_out=left_out)
        assert f"before: {told}" in made(own, before=plans)["head"]["facts"]
    own = replace(city, before=plans, left_out=2)
    assert (
        "before: timing sheet" in made(own)["head"]["facts"]
    )  # other plans of that name, given with --before


def test_an_oversaturated_network_is_warned_of(city: City, tmp_path: Path) -> None:
    enough, short = make_result(city.network), make_result(city.network)
    enough = replace(enough, arrived=1600.0)  # 80 % of 2,000
    short = replace(short, arrived=1599.0, under_way=381.0)
    assert made(city, result=enough, result_before=enough)["head"]["warning"] == ""
    warning = made(city, result=short, result_before=enough)["head"]["warning"]
    assert warning.startswith("The network is oversaturated in the model")
    assert "(after: 79 % arrived, 381 vehicles were still under way and 20 waited outside)" in warning
    assert "before: 79 % arrived" in made(city, result=short, result_before=short)["head"]["warning"]
    # 150 s at free speed are a quarter of ten minutes: so many would be under way in the emptiest of networks
    hasty = replace(short, duration_s=600)
    warning = made(city, result=hasty, result_before=hasty)["head"]["warning"]
    assert warning.startswith("The run is too short for the journeys")
    queued = replace(enough, under_way=379.0, waiting_to_enter=21.0)  # more than 1 % wait outside
    warning = made(city, result=queued, result_before=enough)["head"]["warning"]
    assert warning.startswith("The network is oversaturated in the model: within the ")
    assert (
        "more than 1 % of the vehicles due still waited outside of the entries at the end (after: 80 %"
        in warning
    )
    assert "less than 80 %" not in warning
    hasty = replace(queued, arrived=1500.0, duration_s=600)  # no run is too short for a queue outside
    warning = made(city, result=hasty, result_before=hasty)["head"]["warning"]
    assert warning.startswith("The network is oversaturated in the model")
    page = Page(written(city, tmp_path, result=short))
    assert "alert" in page.values("role")
    assert "alert" not in Page(written(city, tmp_path, result=enough, result_before=enough)).values("role")


def test_a_network_from_openstreetmap_gives_the_credit_that_its_licence_asks_for(city: City) -> None:
    credit = "© OpenStreetMap contributors, Open Database License (ODbL)."
    assert credit not in made(city)["head"]["notes"][0]
    network = OsmNetwork(kind="osm", file="city.osm.pbf")
    file = city.scenario.file.model_copy(update={"network": network})
    mapped = replace(city, scenario=replace(city.scenario, file=file), label="OpenStreetMap")
    assert made(mapped)["head"]["notes"][0].endswith(credit)


def test_the_junction_that_limits_the_common_cycle_is_named(city: City) -> None:
    text = made(city)
    plans = make_plans(city, "optimised")
    least = [max(int(p.sequence.least_durations_s().sum()), p.junction.cycle_min_s) for p in plans]
    assert text["limit"]["cycle"] == max(least)
    assert text["limit"]["name"] == city.junctions[least.index(max(least))].name
    assert {row["key"]: row["least"] for row in text["junctions"]} == {
        junction.key: cycle for junction, cycle in zip(city.junctions, least, strict=True)
    }
    assert text["limit"]["others"] == least.count(max(least)) - 1
    assert max(row["least"] for row in text["corridors"]) <= max(least)


def test_no_junction_limits_the_cycle_where_all_can_run_at_the_shortest_that_is_allowed(city: City) -> None:
    signals = city.scenario.file.signals.model_copy(update={"cycle_min_s": 100})
    slow = replace(city.scenario, file=city.scenario.file.model_copy(update={"signals": signals}))
    junctions = tuple(replace(junction, cycle_min_s=100) for junction in city.junctions)
    text = made(replace(city, scenario=slow, junctions=junctions), spare_s=90)
    assert text["limit"] is None
    assert {row["least"] for row in text["junctions"]} == {100}


@pytest.mark.parametrize(
    ("cycles", "text"), [([60], "60"), ([80, 40, 80, 60], "40, 60, 80"), ([40, 50, 60, 70], "40\u201370")]
)
def test_many_cycles_of_a_corridor_are_told_as_a_range(cycles: list[int], text: str) -> None:
    assert _cycles(cycles) == text


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
@pytest.mark.parametrize(
    ("address", "view", "notice"),
    [
        ("junction-12", "overview", "nothing at \u201c#junction-12\u201d"),
        ("junction/nowhere", "overview", "nothing at \u201c#junction/nowhere\u201d"),
        ("corridor/99", "overview", "nothing at \u201c#corridor/99\u201d"),
        ("junction/grid:1-1", "junction-view", ""),
        ("corridors", "corridors", ""),
        ("", "overview", ""),
    ],
)
def test_an_address_that_leads_nowhere_is_told(
    city: City, tmp_path: Path, address: str, view: str, notice: str
) -> None:
    written(city, tmp_path)
    link = f"{(tmp_path / 'report.html').as_uri()}#{address}"
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += [f"--user-data-dir={tmp_path / 'browser'}", link]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    opened = {}
    for part in ("overview", "junction-view", "corridors"):
        tag = shown[
            shown.rindex("<section", 0, shown.index(f'id="{part}"')) : shown.index(f'id="{part}"') + 80
        ]
        opened[part] = "hidden" not in tag.split(">")[0]
    assert [part for part, visible in opened.items() if visible] == [view]
    told = shown[shown.index('id="notice"') :].split("</p>")[0]
    assert (notice in told) if notice else told.endswith(">")
    assert ("hidden" in told.split(">")[0]) is (notice == "")
