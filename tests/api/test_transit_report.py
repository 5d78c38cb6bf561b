"""The report on punctuality: what the page holds, that it asks for nothing outside, and that names stay text."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from api.cli import run
from api.transit_report import Wanted, write_string_lines, write_transit_report
from tests.api.test_report import HOSTILE, Page
from tests.transit.feeds import GOOD, zipped
from tests.transit.made_visits import DAY, trip, visits_of
from tests.transit.test_records import AVL
from traffic.errors import InputError
from transit.definitions import definitions, named
from transit.goals import read_goals
from transit.problems import FeedProblem, Severity
from transit.records import Record, read_record
from transit.string_lines import string_lines
from transit.visits import StopVisits

DATE = dt.date(2026, 11, 27)
MBTA = "transit/mbta_2018/mbta_bus_arrival_departure_sample_2018.csv.gz"


def rows_of(late_s: float, route: str = "1", trips: int = 8) -> list[dict[str, Any]]:
    """Trips every ten minutes, each later than the one before; the third was not seen, the fifth in part."""
    rows = []
    for number in range(trips):
        late: list[float | None] = [late_s + 60.0 * number] * 5
        if number == 2:
            late = [None] * 5
        if number == 4:
            late[2] = None
        rows += trip(late, f"{route}-{number}", start_s=600.0 * number, route=route, vehicle=f"v{number % 3}")
    return rows


def record(*rows: list[dict[str, Any]], **changes: Any) -> Record:
    found = Record("visits.csv", visits_of([row for part in rows for row in part]), ())
    return replace(found, **changes)


def wanted(**changes: Any) -> Wanted:
    return Wanted(**{"date": DATE, "least": 10, **changes})


def written(folder: Path, what: Record, before: Record | None = None, **changes: Any) -> str:
    path = folder / "report.html"
    write_transit_report(path, what, wanted(**changes), before)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def two_routes() -> Record:
    return record(rows_of(0.0, "1"), rows_of(200.0, "2"))


@pytest.fixture(scope="module")
def html(two_routes: Record, tmp_path_factory: pytest.TempPathFactory) -> str:
    earlier = record(rows_of(300.0, "1"), rows_of(400.0, "2"), name="earlier.csv")
    goals = read_goals(["on-time-visits=0.5", "excess-wait=30", "trips-dropped=20%"])
    folder = tmp_path_factory.mktemp("transit")
    return written(folder, two_routes, earlier, goals=goals)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def _text(page: Page) -> str:
    return " ".join(" ".join(page.text).split())


def test_file_is_valid_and_ids_are_unique(html: str, page: Page) -> None:
    assert html.startswith("<!doctype html>")
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in page.values("href")} <= set(ids)
    assert page.count["script"] == 1


def test_file_asks_for_nothing_outside(html: str, page: Page) -> None:
    assert not re.findall(r"(?:https?|ftp|file):[^\s\"'<)]*|//[a-z0-9.-]+\.[a-z]{2,}", html)
    assert all(link.startswith("#") for link in page.values("href"))
    assert not {"src", "srcset", "action", "poster", "background"} & {name for _, name, _ in page.attributes}
    assert not {"link", "img", "iframe", "object", "embed", "base"} & set(page.count)
    for call in (
        "fetch(",
        "XMLHttpRequest",
        "import(",
        "WebSocket",
        "EventSource",
        "sendBeacon",
        "innerHTML",
    ):
        assert call not in page.scripts[0]
    assert "default-src 'none'" in " ".join(page.values("content"))


def test_everything_can_be_reached_and_read_without_a_pointer(page: Page) -> None:
    """Regions that scroll take the focus and have a name; drawings say what they show; tables have headings."""
    scrolling = [
        value for tag, name, value in page.attributes if name == "class" and "scroll" in value.split()
    ]
    assert scrolling
    regions = [value for _, name, value in page.attributes if name == "role" and value == "region"]
    assert len(regions) >= len(scrolling)
    assert page.values("tabindex").count("0") == len(regions)
    assert len([value for value in page.values("aria-label") if value]) >= len(regions)
    drawings = page.values("role").count("img")
    hidden = page.values("aria-hidden").count("true")
    nested = page.count["svg"] - drawings - hidden
    lines = [value for tag, name, value in page.attributes if (tag, name, value) == ("svg", "class", "lines")]
    assert nested <= len(lines)  # the clipped inside of each diagram
    assert page.count["table"] <= page.count["thead"]


def test_figures_stand_with_all_that_belongs_to_them(page: Page, two_routes: Record) -> None:
    text = _text(page)
    # of 80 visits: of 14 trips that ran; up to 240 s (or 300) late, within 300 s; one of each route was dropped
    good = 5 * (6 - 1) - 1 + 5 * (2 - 0)
    seen = 2 * (7 * 5 - 1)
    lost = 2 * 5
    assert f"{good} of {seen + lost}" in text
    share = 100 * good / (seen + lost)
    assert f"on-time-visits {share:.1f} %" in text
    for definition in named(["on-time-visits", "excess-wait", "deviation-p50"]):
        assert definition.says in text
        assert definition.source in text
    assert len(two_routes.visits) == 80


def test_goals_are_told(page: Page) -> None:
    text = _text(page)
    assert re.search(r"goal 50\.0 %: missed by [\d.]+ points", text)
    assert re.search(r"goal 20\.0 %: reached", text)


def test_the_worst_route_is_first(page: Page) -> None:
    text = _text(page)
    ranked = text[text.index("Routes, the worst first") : text.index("Stops, the worst first")]
    assert re.search(r"excess-wait s 2 [\d.]+ [\d.]+ to [\d.]+ \d+ \d+ .*? 1 [\d.]+", ranked)


def test_lines_are_drawn_for_each_trip(html: str, page: Page) -> None:
    text = _text(page)
    for route in "21":
        assert f"Route {route}, direction 0 2018-10-01 · 7 of 8 trips seen" in text
    assert text.index("Route 2, direction 0") < text.index("Route 1, direction 0")
    drawn = html[html.index('id="lines"') : html.index('id="heat"')]
    assert drawn.count("<title>trip 2-") == 8
    assert drawn.count('class="l"') == 1 + 2  # the key, and a dropped trip of either route
    assert drawn.count('class="g"') == 1 + 2


def test_before_and_after_are_compared(page: Page) -> None:
    text = _text(page)
    compared = text[text.index("Before and after before: earlier.csv") :]
    assert re.search(r"on-time-visits [\d.]+.% 78 [\d.]+.% 78 \+[\d.]+.points", compared)
    assert (
        "whole trips of each record (16 before, 16 after; a visit of no trip stands for itself) were drawn again 2 000 times"
        in compared
    )


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    rows = [
        {
            **row,
            "route": HOSTILE,
            "stop": f"{HOSTILE}{row['stop']}",
            "trip": f"{HOSTILE}{row['trip']}",
            "vehicle": HOSTILE,
        }
        for row in rows_of(0.0)
    ]
    problem = FeedProblem(Severity.ERROR, HOSTILE, 3, HOSTILE, HOSTILE, HOSTILE)
    names = {row["stop"]: HOSTILE for row in rows}
    what = record(rows, name=HOSTILE, problems=(problem,), fates={HOSTILE: 3}, stop_names=names)
    page = Page(written(tmp_path, what, what, title=HOSTILE))
    assert page.count["script"] == 1
    assert "img" not in page.count
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "alert(1)" in "".join(page.text)
    assert "7 * 7" in "".join(page.text)
    for ending in ("svg", "html"):
        target = tmp_path / f"lines.{ending}"
        write_string_lines(target, {HOSTILE: string_lines(what.visits, HOSTILE, 0)}, title=HOSTILE)
        assert "<script" not in target.read_text(encoding="utf-8")


def test_same_inputs_same_bytes(two_routes: Record, tmp_path: Path) -> None:
    first = written(tmp_path, two_routes, two_routes)
    assert written(tmp_path, two_routes, two_routes) == first
    assert written(tmp_path, two_routes, two_routes, seed=1) != first


def test_without_a_before_nothing_is_compared(two_routes: Record, tmp_path: Path) -> None:
    page = Page(written(tmp_path, two_routes))
    assert "compared" not in page.values("id")
    assert "bootstrap" not in _text(page).lower()


def test_chosen_definitions_and_routes_are_shown_alone(two_routes: Record, tmp_path: Path) -> None:
    page = Page(written(tmp_path, two_routes, definitions=named(["wait", "ttc-departures"]), routes=("1",)))
    text = _text(page)
    cards = text[: text.index("Routes, the worst first")]
    assert "ttc-departures" in cards
    assert "on-time-visits" not in cards
    assert "Route 1, direction 0" in text
    assert "Route 2, direction 0" not in text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"definitions": named(["wait"])}, "definition"),
        ({"definitions": named(["on-time-visits"]), "goals": read_goals(["excess-wait=30"])}, "--goal"),
        ({"routes": ("9",)}, "route"),
        ({"least": 0}, "least"),
    ],
)
def test_what_cannot_be_shown_is_refused_and_the_old_page_stays(
    two_routes: Record, tmp_path: Path, changes: dict[str, Any], field: str
) -> None:
    (tmp_path / "report.html").write_text("old", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        written(tmp_path, two_routes, **changes)
    assert caught.value.field == field
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["old"]


def test_a_record_without_visits_is_refused(two_routes: Record, tmp_path: Path) -> None:
    nothing = record(name="empty.csv", visits=StopVisits.of("Asia/Almaty", 0))
    for what, before in ((nothing, None), (two_routes, nothing)):
        with pytest.raises(InputError, match=r"empty\.csv.*must have stop visits"):
            written(tmp_path, what, before)


def test_a_record_without_trips_is_shown_without_lines(tmp_path: Path) -> None:
    rows = [{**row, "trip": None, "vehicle": None, "route": None} for row in rows_of(0.0)]
    text = _text(Page(written(tmp_path, record(rows))))
    assert "no lines can be drawn" in text
    assert "None has enough visits to rank" in text
    assert "No route that is known, and no stop that ranks, has visits by hour." in text
    assert re.search(
        r"headway-cv \S .*? 0 s / 0 s, 0.0 % unobserved the record has nothing that this is about", text
    )


def test_a_record_of_which_nothing_was_seen_is_shown(tmp_path: Path) -> None:
    rows = [{**row, "arrival_s": np.nan, "departure_s": np.nan} for row in rows_of(0.0)]
    text = _text(Page(written(tmp_path, record(rows))))
    assert "none seen" in text
    assert "on-time-visits 0.0 %" in text  # all trips were dropped


def test_several_days_and_all_definitions(tmp_path: Path) -> None:
    parts = [[{**row, "day": DAY + day} for row in rows_of(60.0 * day)] for day in range(3)]
    every = definitions()
    text = _text(Page(written(tmp_path, record(*parts), record(parts[0]), definitions=every)))
    for definition in every:
        assert definition.name in text
    assert "2018-10-01 to 2018-10-03" in text


def test_mbta_s_day_stays_below_five_megabytes(shared_data: Path, tmp_path: Path) -> None:
    source = read_record(shared_data / MBTA)
    html = written(tmp_path, source, source, least=30)
    assert len(html.encode()) < 5_000_000
    text = _text(Page(html))
    assert "10 000 stop visits · 1 458 trips · 15 routes" in text
    assert text.index("Route 104, direction 0") < text.index("Route 105, direction 0")


def test_a_picture_needs_nothing_around_it(two_routes: Record, tmp_path: Path) -> None:
    panels = {f"route {route}": string_lines(two_routes.visits, route, 0) for route in "12"}
    write_string_lines(tmp_path / "lines.svg", panels, title="Two routes")
    root = ET.parse(tmp_path / "lines.svg").getroot()  # noqa: S314 - a file of ours
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    rows = root.findall(f"{space}svg")
    assert len(rows) == 2
    height = float(root.attrib["viewBox"].split()[3])
    bottom = [float(row.attrib["y"]) + float(row.attrib["height"]) for row in rows]
    assert bottom[0] < float(rows[1].attrib["y"])
    assert bottom[1] == pytest.approx(height, abs=0.1)
    names = [text.text for text in root.findall(f"{space}text")]
    assert names == ["route 1, 2018-10-01", "route 2, 2018-10-01"]
    # both begin at 9 o'clock: the first planned trips lie at the same place
    first = [row.find(f"{space}svg/{space}g/{space}path[@class='p']").attrib["d"] for row in rows]  # type: ignore[union-attr]
    assert first[0].split("L")[0] == first[1].split("L")[0] == "M0 0"


@pytest.mark.parametrize("name", ["lines.png", "lines"])
def test_other_pictures_are_refused(name: str, two_routes: Record, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.html or \.svg"):
        write_string_lines(tmp_path / name, {"a": string_lines(two_routes.visits, "1", 0)})
    with pytest.raises(InputError, match="must be one or more"):
        write_string_lines(tmp_path / "lines.svg", {})


@pytest.fixture
def gtfs(tmp_path: Path) -> str:
    return str(zipped(tmp_path / "gtfs.zip", GOOD))


def test_command_writes_the_page(tmp_path: Path, gtfs: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "avl.csv").write_text(AVL, encoding="utf-8")
    (tmp_path / "late.csv").write_text(AVL.replace(" 08:", " 09:"), encoding="utf-8")
    target = tmp_path / "new" / "page.html"
    arguments = ["transit", "report", str(tmp_path / "avl.csv"), "--gtfs", gtfs, "-o", str(target), "--json"]
    arguments += ["--before", str(tmp_path / "late.csv"), "--least", "1", "--goal", "on-time-visits=80%"]
    assert run(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["report"], found["stop_visits"], found["problems"]) == (str(target), 4, 0)
    text = _text(Page(target.read_text(encoding="utf-8")))
    assert "Inner (s2)" in text
    assert "What became of positions" in text
    assert "before: late.csv" in text


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--definition", "lateness"], "on-time-visits"),
        (["--goal", "on-time-visits=200%"], "must be a share"),
        (["--route", "77"], "77"),
        (["--before", "{gtfs}"], "gtfs.zip"),
        (["-o", "{record}"], "must not replace an input"),
    ],
)
def test_command_says_what_is_wrong(
    arguments: list[str], word: str, tmp_path: Path, gtfs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "avl.csv"
    place.write_text(AVL, encoding="utf-8")
    filled = [text.format(gtfs=gtfs, record=place) for text in arguments]
    own = [] if "-o" in filled else ["-o", str(tmp_path / "page.html")]
    assert run(["transit", "report", str(place), "--gtfs", gtfs, *own, *filled, "--json"]) == 2
    assert word in json.loads(capsys.readouterr().err)["detail"]
    assert not (tmp_path / "page.html").exists()
