"""How the report on punctuality is laid out: what stands first, headings and tables, colours, names that are long."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import api.transit_report as package
from api.transit_report import write_string_lines
from api.transit_report.bar_charts import bars
from api.transit_report.drawing import WIDTH, diagram, hours_of, left_of, strips
from tests.api.test_report import Page
from tests.api.test_transit_report import record, rows_of, written
from tests.transit.made_visits import NINE_S, trip, visits_of
from transit.definitions import named
from transit.distributions import Histogram
from transit.goals import read_goals
from transit.string_lines import StringLines, string_lines

CYRILLIC = "Жарокова — проспект Аль-Фараби, напротив Национальной библиотеки"
CAPITALS = "VILA IPIRANGA GOMES DE FREITAS WWWWWW"


def text_of(html: str) -> str:
    return " ".join(" ".join(Page(html).text).split())


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    earlier = record(rows_of(300.0, "1"), rows_of(400.0, "2"), name="earlier.csv")
    later = record(rows_of(0.0, "1"), rows_of(200.0, "2"))
    goals = read_goals(["on-time-visits=87%"])
    return written(tmp_path_factory.mktemp("page"), later, earlier, goals=goals)


def test_the_figure_that_ranks_stands_first_with_where_it_is_worst(html: str) -> None:
    text = text_of(html)
    first = text[text.index("hours of") : text.index("On time, counted otherwise")]
    # of route 1 trips are 0, 60, 180, ... 420 s late: 6 of 7 within 300 s but for one visit that is not known
    share, good, due = 100 * 34 / 78, 5 * 5 - 1 + 5 * 2, 2 * (8 * 5 - 1)
    assert f"on-time-visits {share:.1f} % goal 87.0 %: missed by {87 - share:.1f} points" in first
    assert f"{good} of {due} counted as good; 95 % interval" in first
    assert "Unobserved: 15.0 % of what this is about." in first  # 10 of dropped trips and 2 more of 80
    assert named(["on-time-visits"])[0].says in first
    assert f"Worst route 2 {100 * 10 / 39:.1f} %, 10 of 39" in first
    assert re.search(r"Worst stop \w \d+\.\d %, \d+ of 1[0-6] Worst hour \d\d:00 to \d\d:00 \d+\.\d %", first)
    assert re.search(r"Before: \d+\.\d.%; difference \+\d+\.\d.points \(95 % interval", first)


def test_it_stands_there_once(html: str) -> None:
    figures = html[html.index('id="figures"') : html.index('id="compared"')]
    assert figures.count('href="#definition-on-time-visits"') == 1


def test_one_route_is_not_the_worst_of_any(tmp_path: Path) -> None:
    text = text_of(written(tmp_path, record(rows_of(0.0)), least=1))
    assert "Worst route" not in text
    assert "Worst stop" in text
    assert "Before:" not in text


def test_figures_stand_by_what_they_are_about(html: str) -> None:
    text = text_of(html)
    titles = [
        "On time, counted otherwise",
        "Headways and waits",
        "Trips that were not run as planned",
        "How late",
    ]
    places = [text.index(title) for title in titles]
    assert places == sorted(places)
    waits = text[places[1] : places[2]]
    assert "headway-within-50" in waits
    assert "excess-wait" in waits
    assert "trips-dropped" not in waits


def test_sums_have_their_units(html: str) -> None:
    text = text_of(html)
    found = re.search(r"scheduled-wait 300 s Mean .*? ([\d ]+) s² / ([\d ]+) s, ", text)
    assert found is not None
    total, time = (int(part.replace(" ", "")) for part in found.groups())
    assert total == 300 * time  # headways of 600 s are met by 600 passengers each, who wait 300 s
    assert time % 600 == 0
    assert re.search(
        r"headway-cv [\d.]+ Standard deviation of headways over their mean\. \d+ s / \d+ s", text
    )


def test_what_did_not_change_is_called_the_same(tmp_path: Path) -> None:
    what = record(rows_of(0.0))
    text = text_of(written(tmp_path, what, what, definitions=named(["on-time-visits", "trips-cut"])))
    assert re.search(r"trips-cut 0\.0.% 8 0\.0.% 8 0\.0.points 0\.0 to 0\.0 the same", text)


def test_headings_go_down_step_by_step(html: str) -> None:
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", html)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_tables_have_names_and_their_headings_a_direction(html: str) -> None:
    tables = re.findall(r"<table[^>]*>", html)
    assert len(tables) > 8
    assert all(re.search(r'aria-label="[^"]+"', table) for table in tables)
    cells = re.findall(r"<th[ >][^>]*>?", html)
    assert cells
    assert all("scope=" in cell for cell in cells)


def test_what_ranks_is_marked_as_sorted(html: str) -> None:
    assert html.count('<th scope="col" aria-sort="ascending">on-time-visits') == 2


def test_heat_maps_say_which_rows_they_show(tmp_path: Path) -> None:
    many = [rows_of(30.0 * k, f"{k}", trips=2) for k in range(62)]
    text = text_of(written(tmp_path, record(*many), least=1))
    assert text.count("60 of 62 routes, those with the most visits") == 2
    assert "stops that rank" not in text
    assert "90 % and more 80 to 90 % 70 to 80 % 55 to 70 % 40 to 55 % less than 40 %" in text


def test_a_table_without_rows_is_left_out(tmp_path: Path) -> None:
    html = written(tmp_path, record(rows_of(0.0)), least=30)
    stops = html[html.index('id="stops"') : html.index('id="lines"')]
    assert "None has enough visits to rank." in stops
    assert "<table" not in stops


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    whole = "".join(2 * letter for letter in colour) if len(colour) == 3 else colour
    parts = np.array([int(whole[k : k + 2], 16) / 255 for k in (0, 2, 4)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def cells(scheme: str) -> dict[str, tuple[float, float]]:
    """Luminance of the ground and the writing of each kind of cell."""
    css = (Path(package.__file__).parent / "page" / "transit.css").read_text(encoding="utf-8")
    light, dark = css.split("@media screen and (prefers-color-scheme: dark)")
    found = re.findall(r"\.(\w) \{ --cell: #(\w+); --on: #(\w+); \}", {"light": light, "dark": dark}[scheme])
    return {kind: (luminance(ground), luminance(ink)) for kind, ground, ink in found}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_heat_maps_can_be_read_and_are_in_order_of_lightness(scheme: str) -> None:
    kinds = cells(scheme)
    assert sorted(kinds) == list("ABCDEFabcde")
    for low, high in (sorted(pair) for pair in kinds.values()):
        assert (high + 0.05) / (low + 0.05) >= 4.5
    for scale in ("ABCDEF", "bcde"):
        steps = [(kinds[before][0] + 0.05) / (kinds[after][0] + 0.05) for before, after in pairwise(scale)]
        worse = steps if scheme == "light" else [1 / step for step in steps]
        assert min(worse) >= 1.2


def test_paper_is_white_whatever_the_screen_is(html: str) -> None:
    assert "screen and (prefers-color-scheme: dark)" in html
    assert not re.search(r"@media \(prefers-color-scheme", html)


def lasting(start_s: float, hours: float) -> StringLines:
    """Return the diagram of a trip of two stops that takes so long."""
    found = string_lines(visits_of(trip([0.0, 0.0])), "1", 0)
    (line,) = found.trips
    planned = np.array([[start_s, 0.0], [start_s + 3600.0 * hours, 300.0]])
    return replace(found, trips=(line._replace(planned=planned, observed=(planned,)),))


@given(st.integers(0, 86_400), st.floats(0.1, 40.0))
def test_rows_of_a_diagram_are_equally_long_and_leave_nothing_out(start_s: int, hours: float) -> None:
    lines = lasting(NINE_S + start_s, hours)
    rows = strips([lines])
    first_s, last_s = lines.span_s
    assert rows[0].start_s <= first_s < rows[0].start_s + 3600.0
    assert rows[-1].end_s >= last_s
    assert {row.end_s - row.start_s for row in rows} == {rows[0].end_s - rows[0].start_s}
    assert 3.0 <= (rows[0].end_s - rows[0].start_s) / 3600.0 <= 6.0
    assert all(before.end_s == after.start_s for before, after in pairwise(rows))


def test_a_last_row_is_not_left_nearly_empty() -> None:
    # 18 h 40 min from 5 o'clock on: rows of six hours would leave 40 min to the fourth
    lines = lasting(NINE_S - 4 * 3600.0, 18.0 + 40.0 / 60.0)
    assert [hours_of(row, lines.zone) for row in strips([lines])] == [
        "05:00 to 10:00",
        "10:00 to 15:00",
        "15:00 to 20:00",
        "20:00 to 01:00",
    ]


def named_lines(*names: str) -> StringLines:
    found = string_lines(visits_of(trip([0.0, 0.0])), "1", 0)
    return replace(found, stops=names, place_s=np.linspace(0.0, 1200.0, len(names)))


def shown(lines: StringLines) -> list[tuple[str, str]]:
    """Whole names of the stops of a diagram, and what is written of each."""
    drawn = diagram(lines, strips([lines])[0], "label")
    return re.findall(r'text-anchor="end"><title>(.*?)</title>(.*?)</text>', drawn)


def test_long_names_of_stops_are_cut_and_whole_ones_stay() -> None:
    found = dict(shown(named_lines("Abay", CYRILLIC, CAPITALS)))
    assert found["Abay"] == "Abay"
    for name in (CYRILLIC, CAPITALS):
        assert found[name].endswith("…")
        assert name.startswith(found[name][:-1])
        assert 12 <= len(found[name]) <= 26


def test_diagrams_begin_where_the_longest_name_has_room() -> None:
    short, long = named_lines("A", "B"), named_lines("A", CYRILLIC)
    assert left_of([short]) < left_of([long]) == left_of([short, long]) < WIDTH / 5


def test_stops_that_stand_close_together_do_not_make_a_grey_field() -> None:
    lines = named_lines(*(f"{k}" for k in range(200)))
    drawn = diagram(lines, strips([lines])[0], "label")
    heights = [float(y) for y in re.findall(r'class="grid" d="M[\d.]+ ([\d.]+)H', drawn)]
    assert min(after - before for before, after in pairwise(heights)) >= 3.9
    assert len(shown(lines)) < 40


def _named_edges(drawn: str) -> list[float]:
    found = re.findall(r'y="159" text-anchor="middle">(.*?)<', drawn)
    return [float(text.replace("\N{MINUS SIGN}", "-")) for text in found]


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        (np.append(np.arange(0.0, 3.01, 0.25), np.inf), [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]),
        (np.concatenate(([-np.inf], np.arange(-10.0, 20.1), [np.inf])), [-10, -5, 0, 5, 10, 15, 20]),
    ],
)
def test_axes_of_distributions_have_round_numbers(edges: Any, expected: list[float]) -> None:
    counts = np.zeros(len(edges) - 1, dtype=np.int64)
    counts[4:6] = [37, 63]
    drawn = bars(Histogram(edges, counts), "min", "label", (0.0, 1.0))
    assert _named_edges(drawn) == expected
    assert re.findall(r">(\d+) %</text>", drawn) == ["20", "40", "60"]


def test_pages_of_string_lines_name_stops_and_hours(tmp_path: Path) -> None:
    what = visits_of(rows_of(0.0))
    lines = {name: string_lines(what, "1", 0) for name in ("untouched", "held")}
    write_string_lines(tmp_path / "lines.html", lines, names={"A": "Abay"})
    html = (tmp_path / "lines.html").read_text(encoding="utf-8")
    page = Page(html)
    assert [level for level in "123" if page.count.get(f"h{level}")] == ["1", "2"]
    assert html.count(">Abay (A)</text>") == 2
    assert "held 2018-10-01 · 7 of 8 trips seen · 0 visits bunched" in text_of(html)
    regions = [value for _, name, value in page.attributes if name == "aria-label"]
    assert regions.count("held, 09:00 to 12:00") == 2  # the region, and the drawing in it
