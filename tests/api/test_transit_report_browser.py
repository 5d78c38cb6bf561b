"""The report on punctuality in a headless browser, where one is installed: tables sort, phones need not scroll, nothing fails."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from api.transit_report import write_string_lines
from tests.api.test_report_head import CHROMIUM
from tests.api.test_transit_report import record, rows_of, written
from tests.api.test_transit_report_page import CAPITALS, CYRILLIC
from transit.string_lines import string_lines

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")

# What the page says of itself once it is laid out; first, so that it hears of errors.
_WATCH = """<script>
const failed = [];
addEventListener("error", (event) => failed.push(event.message));
addEventListener("securitypolicyviolation", (event) => failed.push(event.violatedDirective));
addEventListener("load", () => {
  const outside = (text) => text.getBoundingClientRect().left < text.closest("svg").getBoundingClientRect().left;
  const heading = document.querySelector("#routes th button");
  if (heading) heading.click();
  document.body.dataset.seen = JSON.stringify({
    failed,
    width: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
    cut: [...document.querySelectorAll("svg.lines text")].filter(outside).map((text) => text.textContent),
    drawn: document.querySelectorAll("svg.lines text").length,
    asked: performance.getEntriesByType("resource").length,
    routes: [...document.querySelectorAll("#routes tbody th")].map((cell) => cell.textContent),
    sorted: [...document.querySelectorAll("#routes th[aria-sort]")].map((cell) => cell.textContent),
  });
});
</script>"""


def dumped(page: Path, width: int) -> str:
    """Return the page as the browser leaves it; 500 is the narrowest that it makes its window."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += [f"--window-size={width},900", f"--user-data-dir={page.parent / 'browser'}", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def seen(page: Path, width: int) -> dict[str, Any]:
    """Return what the page says of itself."""
    text = page.read_text(encoding="utf-8")
    watched = page.with_name("watched.html")
    allowed = text.replace(
        "default-src 'none'; style-src", "default-src 'none'; script-src 'unsafe-inline'; style-src"
    )
    watched.write_text(allowed.replace("<style>", f"{_WATCH}<style>", 1), encoding="utf-8")
    found = re.search(r'data-seen="(.*?)"', dumped(watched, width))
    assert found is not None
    said: dict[str, Any] = json.loads(found[1].replace("&quot;", '"').replace("&amp;", "&"))
    return said


def hard() -> Any:
    """A record with names that are long."""
    rows = [*rows_of(0.0, "10"), *rows_of(100.0, "9"), *rows_of(200.0, CYRILLIC)]
    names = {"A": CYRILLIC, "B": CAPITALS, "C": "W" * 200, "D": "Ж" * 60}
    return record(rows, stop_names=names, name="W" * 90)


def test_headings_of_tables_become_buttons(tmp_path: Path) -> None:
    written(tmp_path, record(rows_of(0.0, "1"), rows_of(200.0, "2")))
    shown = dumped(tmp_path / "report.html", 1400)
    assert re.search(r"<html[^>]* class=\"js\"", shown)
    routes = shown[shown.index('id="routes"') : shown.index('id="stops"')]
    head = routes[routes.index("<thead>") + len("<thead>") : routes.index("</thead>")]
    assert head.count("<th") > 8
    assert routes.count('<button type="button">') == head.count("<th") - head.count("data-fixed") > 0


@pytest.mark.parametrize("width", [500, 1400])
def test_the_page_fits_the_window_and_nothing_fails(width: int, tmp_path: Path) -> None:
    what = hard()
    written(tmp_path, what, what)
    found = seen(tmp_path / "report.html", width)
    assert found["failed"] == []
    assert found["asked"] == 0
    assert found["width"] == found["window"] <= width
    assert found["drawn"] > 10
    assert found["cut"] == []
    # sorted by name: numbers by their size, then words
    assert found["routes"] == ["9", "10", CYRILLIC]
    assert found["sorted"] == ["Route"]


def test_pages_of_string_lines_fit_the_window(tmp_path: Path) -> None:
    what = hard()
    lines = {name: string_lines(what.visits, "9", 0) for name in ("untouched", "W" * 90)}
    write_string_lines(tmp_path / "lines.html", lines, title="W" * 90, names=what.stop_names)
    found = seen(tmp_path / "lines.html", 500)
    assert found["failed"] == []
    assert found["width"] == found["window"]
    assert found["drawn"] > 10
    assert found["cut"] == []
