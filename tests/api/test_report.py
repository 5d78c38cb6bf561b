from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from math import inf, nan
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
import pytest

from api.pages import number
from api.report import write_report
from api.report.measures import measure
from api.report.roadmap import Frame, map_data
from signals.hcm import control_delay
from signals.plan import PlanSet
from tests.api.report_city import grid_city, make_plans, make_result, renamed
from traffic.errors import InputError
from traffic.network import Turn

if TYPE_CHECKING:
    from pathlib import Path

    from scenarios.loader import City

DATE = dt.date(2026, 11, 23)
VOID = {"meta", "input", "br", "link", "img", "hr", "col"}
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7 * 7 }}\u2028--><!--"


class Page(HTMLParser):
    """What the file holds; complains about elements that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open[-1:] != ["style"]:
            self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found


def written(city: City, folder: Path, **changes: Any) -> str:
    path = folder / "report.html"
    arguments: dict[str, Any] = {
        "before": make_plans(city, "old", spare_s=30),
        "result": make_result(city.network),
        "result_before": make_result(city.network, seed=2, slow=1.5),
        "date": DATE,
    }
    write_report(city, make_plans(city, "new"), path, **(arguments | changes))
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def city() -> City:
    return grid_city(4, 3)


@pytest.fixture(scope="module")
def html(city: City, tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(city, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_junction_has_its_page_and_its_row(city: City, page: Page) -> None:
    keys = [junction.key for junction in city.junctions]
    assert [junction["k"] for junction in page.data["junctions"]] == keys
    linked = {
        unquote(link.removeprefix("#junction/")) for link in page.values("href") if "#junction/" in link
    }
    assert linked == set(keys)


def test_every_corridor_has_its_page_and_its_row(page: Page) -> None:
    corridors = page.data["corridors"]
    assert [len(corridor["j"]) for corridor in corridors] == [4, 4, 4, 3, 3, 3, 3]
    assert {link for link in page.values("href") if "#corridor/" in link} == {
        f"#corridor/{k}" for k in range(7)
    }


def test_file_is_valid_and_ids_are_unique(html: str, page: Page) -> None:
    assert html.startswith("<!doctype html>")
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    labels = [value for name in ("list", "for") for value in page.values(name)]
    assert set(labels) <= set(ids)
    inside = {link for link in page.values("href") if "/" not in link}
    assert {link.removeprefix("#") for link in inside} <= set(ids)
    assert page.count["h1"] == 4
    assert page.count["script"] == 2


def test_file_asks_for_nothing_outside(html: str, page: Page) -> None:
    addresses = set(re.findall(r"(?:https?|ftp|file):[^\s\"'<)]*|//[a-z0-9.-]+\.[a-z]{2,}", html))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert all(link.startswith("#") for link in page.values("href"))
    assert not {"src", "srcset", "action", "poster", "background"} & {name for _, name, _ in page.attributes}
    assert not {"link", "img", "iframe", "object", "embed", "base"} & set(page.count)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", html))
    script = page.scripts[1]
    for call in (
        "fetch(",
        "XMLHttpRequest",
        "import(",
        "WebSocket",
        "EventSource",
        "sendBeacon",
        "innerHTML",
    ):
        assert call not in script
    assert "default-src 'none'" in " ".join(page.values("content"))


def test_label_date_seed_and_definitions_are_shown(page: Page) -> None:
    text = " ".join(" ".join(page.text).split())
    for part in ("generated demand", "2026-11-23", "demand seed 1", "Control delay of a movement"):
        assert part in text
    assert any("beyond the journey at free speed" in title for title in page.values("title"))


def test_headline_and_differences_stand_in_the_markup(page: Page) -> None:
    cells = [" ".join(part.split()) for part in page.text]
    assert "50.0" in cells
    assert "\N{MINUS SIGN}25.0 (\N{MINUS SIGN}33.3 %)" in cells
    assert "before 75.0" in cells


def test_hostile_names_stay_text(city: City, tmp_path: Path) -> None:
    text = written(renamed(city, HOSTILE), tmp_path)
    page = Page(text)
    assert page.count["script"] == 2
    assert "img" not in page.count
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert {junction["n"] for junction in page.data["junctions"]} == {HOSTILE}
    assert set(page.data["names"]) == {HOSTILE}
    assert "alert(1)" in "".join(page.text)
    assert "7 * 7" in "".join(page.text)
    assert not set("<>&\u2028") & set(page.scripts[0])


def test_same_inputs_same_bytes(city: City, html: str, tmp_path: Path) -> None:
    assert written(city, tmp_path) == html
    assert written(city, tmp_path, date=dt.date(2026, 11, 24)) != html


def test_without_a_before_nothing_speaks_of_one(city: City, tmp_path: Path) -> None:
    for missing in ("before", "result_before"):
        page = Page(written(city, tmp_path, **{missing: None}))
        assert page.data["cases"] == ["Plans"]
        assert all(len(junction["cases"]) == 1 for junction in page.data["junctions"])
        assert "before" not in " ".join(page.text).lower()


def test_a_report_that_fails_leaves_the_old_one(city: City, html: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html, encoding="utf-8")
    plans = make_plans(city, "new")
    strange = PlanSet("new", "elsewhere", plans.plans)
    run = make_result(city.network)
    with pytest.raises(InputError, match="must be plans of the network 'grid 4x3'"):
        write_report(city, strange, path, before=None, result=run, result_before=None, date=DATE)
    short = replace(run, movement_veh=run.movement_veh[:-1])
    with pytest.raises(InputError, match=r"result\.movement_veh"):
        write_report(city, plans, path, before=None, result=short, result_before=None, date=DATE)
    delays = run.link_delay_s.copy()
    delays[7] = nan
    for poisoned in (replace(run, delay_s=inf), replace(run, link_delay_s=delays)):
        with pytest.raises(InputError, match="must be a finite number"):
            write_report(city, plans, path, before=None, result=poisoned, result_before=None, date=DATE)
    assert path.read_text(encoding="utf-8") == html
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_lane_group_that_never_had_capacity_is_shown_as_full(city: City, tmp_path: Path) -> None:
    run = make_result(city.network)
    stuck = replace(
        run,
        group_saturation=np.full_like(run.group_saturation, inf),
        link_saturation=np.full_like(run.link_saturation, inf),
    )
    page = Page(written(city, tmp_path, result=stuck))
    rows = [junction["cases"][0] for junction in page.data["junctions"]]
    assert {row["all"][1] for row in rows} == {999}
    assert {movement[3] for row in rows for movement in row["mv"]} == {None}


def test_junction_figures_are_means_over_its_vehicles(city: City) -> None:
    run = make_result(city.network)
    links = len(city.network.links)
    vehicles, delay, waiting = np.zeros((3, links))
    vehicles[[3, 5]], delay[[3, 5]], waiting[3] = (100.0, 300.0), (1000.0, 9000.0), 100.0
    run = replace(
        run,
        duration_s=1800,
        link_inflow_veh=vehicles,
        link_outflow_veh=vehicles,
        link_delay_s=delay,
        entry_waiting_veh=waiting,
        entry_delay_s=waiting * 50.0,
        link_stops=vehicles * 0.5,
        link_max_queue_veh=vehicles / 10.0,
        link_saturation=np.where(vehicles > 200, 0.9, 0.4),
    )
    case = measure("After", city.network, make_plans(city, "new"), run)
    # (1000 + 5000 + 9000) veh-s over 500 vehicles; flows of half an hour count twice.
    assert case.junction_row([3, 5]) == [800, 90, 30.0, "C", 0.4, 110, 8.3]
    assert case.junction_row([5]) == [600, 90, 30.0, "C", 0.5, 30, 5.0]
    assert case.junction_row([4]) == [0, 40, 0.0, "", 0.0, 0, 0.0]
    assert case.link_row(3) == [200, 40, 30]


def test_control_delay_of_a_movement_is_that_of_the_manual(city: City) -> None:
    network, plans = city.network, make_plans(city, "new")
    run = make_result(network)
    run = replace(
        run,
        duration_s=900,
        group_saturation=np.full(len(network.lane_groups), 0.8),
        group_inflow_veh=np.full(len(network.lane_groups), 100.0),
    )
    case = measure("After", network, plans, run)
    plan = plans[0]
    for group, windows in zip(plan.junction.groups, plan.green_windows(), strict=True):
        green = sum(end - start for start, end in windows) / plan.cycle_s
        expected = control_delay(400.0, 500.0, green, plan.cycle_s, period_h=0.25).total_s
        for movement in group.movements:
            assert case.movement_delay_s[movement] == pytest.approx(expected, rel=1e-12)
            assert case.movement_green[movement] == green


def test_turns_give_way_and_straight_on_does_not(page: Page, city: City) -> None:
    """A right turn over a green crossing gives way, the through movement of its group does not."""
    seen: dict[int, set[bool]] = {int(turn): set() for turn in Turn}
    for junction, signals in zip(page.data["junctions"], city.junctions, strict=True):
        for _, groups, giving in junction["cases"][0]["st"]:
            for k, (_, to_leg, turn, group, _) in enumerate(junction["mv"]):
                if group not in groups:
                    assert k not in giving
                    continue
                seen[turn].add(k in giving)
                crossed = {leg for g in groups for leg in junction["gr"][g][7]}
                yields = [g for g in groups if signals.conflict[group, g] == 1]
                if turn == Turn.RIGHT and yields:
                    assert (k in giving) == (to_leg in crossed)
    assert seen[Turn.THROUGH] == {False}
    assert True in seen[Turn.RIGHT]


def test_legs_lie_where_they_should(page: Page) -> None:
    inner = next(junction for junction in page.data["junctions"] if junction["k"] == "grid:2-2")
    assert [leg["c"] for leg in inner["legs"]] == ["N", "E", "S", "W"]
    for from_leg, to_leg, turn, *_ in inner["mv"]:
        assert (to_leg - from_leg) % 4 == {Turn.RIGHT: 3, Turn.THROUGH: 2, Turn.LEFT: 1, Turn.U_TURN: 0}[turn]


def test_legs_are_called_as_signal_groups_are(page: Page) -> None:
    for junction in page.data["junctions"]:
        for from_leg, _, _, group, _ in junction["mv"]:
            if group >= 0:
                assert junction["gr"][group][0].split("-")[0] == junction["legs"][from_leg]["c"]
        for group in junction["gr"]:
            if group[0].startswith("P-"):
                assert [junction["legs"][leg]["c"] for leg in group[7]] == [group[0].removeprefix("P-")]


def test_corridor_greens_count_from_the_common_zero(page: Page, city: City) -> None:
    plans = make_plans(city, "new")
    corridor = page.data["corridors"][0]
    path, shown = corridor["paths"][0], corridor["cases"][0][0]
    assert path["t"] == [round(d / path["v"] * 3.6, 1) for d in path["d"]]
    for position, stop in enumerate(path["stops"]):
        plan = plans[corridor["j"][stop]]
        shifted = [
            sorted((start + plan.offset_s) % plan.cycle_s for start, _ in windows)
            for windows in plan.green_windows()
        ]
        assert sorted(start for start, _ in shown["w"][position]) in shifted
        assert shown["c"][position] == plan.cycle_s


def test_map_draws_links_without_flow_once_and_thin(city: City) -> None:
    network = city.network
    case = measure("After", network, make_plans(city, "new"), make_result(network, busy=0.0))
    drawn = map_data(network, Frame(network), [case])
    assert drawn["full"] == []
    assert len(drawn["thin"]) == len(network.links) // 2
    case = measure("After", network, make_plans(city, "new"), make_result(network))
    drawn = map_data(network, Frame(network), [case])
    assert drawn["thin"] == []
    for link, row in enumerate(drawn["full"]):
        ends = np.cumsum(np.reshape(row[5], (-1, 2)), axis=0)[[0, -1]]
        node = (network.links.from_node[link], network.links.to_node[link])
        assert ends.tolist() == [
            list(Frame(network).point(network.nodes.x_m[n], network.nodes.y_m[n])) for n in node
        ]


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [
        (1234567.0, 0, False, "1\u202f234\u202f567"),
        (-0.04, 1, False, "0.0"),
        (-12.34, 1, True, "\u221212.3"),
        (0.2, 1, True, "+0.2"),
        (0.0, 0, True, "0"),
    ],
)
def test_numbers_for_people(value: float, digits: int, signed: bool, text: str) -> None:
    assert number(value, digits, signed=signed) == text


@pytest.mark.slow
def test_a_whole_city_stays_below_ten_megabytes(tmp_path: Path) -> None:
    city = grid_city(37, 22)
    assert len(city.junctions) == 814
    assert len(written(city, tmp_path).encode()) < 10_000_000
