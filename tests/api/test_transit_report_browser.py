"""The report on punctuality in a headless browser, where one is installed: its tables can be sorted, its parts are seen."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.api.test_report_head import CHROMIUM
from tests.api.test_transit_report import record, rows_of, written

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")


def test_headings_of_tables_become_buttons(tmp_path: Path) -> None:
    written(tmp_path, record(rows_of(0.0, "1"), rows_of(200.0, "2")))
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command += [f"--user-data-dir={tmp_path / 'browser'}", (tmp_path / "report.html").as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert re.search(r"<html[^>]* class=\"js\"", shown)
    routes = shown[shown.index('id="routes"') : shown.index('id="stops"')]
    headings = routes[: routes.index("</thead>")].count("<th")
    assert headings > 8
    assert routes.count('<button type="button">') == headings
