"""What the scripts of the report draw, seen in a headless browser where one is installed."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.report_city import grid_city
from tests.api.test_report_head import CHROMIUM, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scenarios.loader import City

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")

_DATA = re.compile(r'(<script type="application/json" id="data">)(.*?)(</script>)', re.DOTALL)


@pytest.fixture(scope="module")
def city() -> City:
    return grid_city(4, 2)


@pytest.fixture
def shown(city: City, tmp_path: Path) -> Callable[..., str]:
    """Return the page as the scripts leave it, at an address, after a change of the report's data."""

    def show(address: str, change: Callable[[dict[str, Any]], None] = lambda _: None) -> str:
        text = written(city, tmp_path)
        found = _DATA.search(text)
        assert found is not None
        data = json.loads(found[2])
        change(data)
        page = tmp_path / "changed.html"
        page.write_text(text[: found.start(2)] + json.dumps(data) + text[found.end(2) :], encoding="utf-8")
        command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        command += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]
        command += ["--window-size=1600,1000", "--virtual-time-budget=3000"]
        command += [f"--user-data-dir={tmp_path / 'browser'}", f"{page.as_uri()}#{address}"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    return show


def _label_rows(page: str) -> list[list[float]]:
    """Heights of the lines of each name in the sketch of a junction."""
    sketch = page[page.index('aria-label="Sketch of') :].split("</svg>", maxsplit=1)[0]
    rows = []
    for y, text in re.findall(r'<text x="-?\d+" y="(-?\d+)" [^>]*>(.*?)</text>', sketch):
        gaps = [float(gap) for gap in re.findall(r'<tspan x="-?\d+" dy="(\d+)"', text)]
        rows.append([float(y) + sum(gaps[: n + 1]) for n in range(len(gaps))])
    return rows


def _box(page: str) -> list[float]:
    found = re.search(r'viewBox="([-\d ]+)" role="img" aria-label="Sketch of', page)
    assert found is not None
    return [float(number) for number in found[1].split()]


def test_names_of_legs_that_lie_close_together_do_not_cover_each_other(shown: Callable[..., str]) -> None:
    def crowd(data: dict[str, Any]) -> None:
        legs = data["junctions"][0]["legs"]
        assert len(legs) == 4
        for leg, angle in zip(legs, (168, 176, 184, 192), strict=True):
            leg["a"] = angle

    key = "junction/grid:1-1"
    assert _box(shown(key)) == [-396.0, -268.0, 792.0, 536.0]
    page = shown(key, crowd)
    names = sorted(_label_rows(page))
    assert len(names) == 4
    for upper, lower in pairwise(names):
        assert lower[0] - upper[-1] >= 14
    _, top, _, height = _box(page)
    assert names[-1][-1] < top + height


def test_a_long_name_beside_a_time_space_diagram_is_cut_to_its_room(shown: Callable[..., str]) -> None:
    name = "W" * 200

    def lengthen(data: dict[str, Any]) -> None:
        for junction in data["junctions"]:
            junction["n"] = name

    page = shown("corridor/0", lengthen)
    diagram = page[page.index('aria-label="Time-space diagram') :].split("</svg>")[0]
    cut = re.findall(r"</title>(W+)…</text>", diagram)
    assert cut
    assert all(5 <= len(text) <= 25 for text in cut)
    assert f"<title>{name}</title>" in diagram


def _metres_per_pixel(page: str) -> float:
    found = re.search(r'id="scale"[^>]*>([\d.]+) (k?m)<i style="width: ([\d.]+)px', page)
    assert found is not None
    return float(found[1]) * (1000 if found[2] == "km" else 1) / float(found[3])


def test_the_map_begins_with_the_signals_where_roads_lead_far_out(shown: Callable[..., str]) -> None:
    def lead_out(data: dict[str, Any]) -> None:
        data["map"]["size"] = [20 * side for side in data["map"]["size"]]

    plain, far = _metres_per_pixel(shown("")), _metres_per_pixel(shown("", lead_out))
    assert far < 1.5 * plain
