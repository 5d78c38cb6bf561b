"""What the tests of the command line share: a command that must be refused, and a small city."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.cli import run

HEAD = '[scenario]\nname = "city"\ntitle = "City"\n\n[network]\nkind = "grid"\ncolumns = 2\nrows = 2\n'
TRIPS = '\n[demand]\nkind = "generated"\ntotal_veh_h = 1000\nzones = 8\n'


def _content(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def refused(tmp_path, capsys, monkeypatch):
    """Run a command in the test's folder; it must be refused and leave every file as it was."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> dict[str, str]:
        before = _content(tmp_path)
        assert run([*arguments, "--json"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        problem = json.loads(captured.err)
        assert problem["rule"]
        assert problem["type"] == "about:blank"
        assert problem["status"] in {400, 422}
        assert problem["detail"]
        assert "file" in problem or "field" in problem
        assert _content(tmp_path) == before
        return dict(problem)

    return command


@pytest.fixture(scope="session")
def small_city(tmp_path_factory):
    """A grid of four junctions with its plans: scenario text, plans document, timing sheet."""
    from scenarios.loader import build, load
    from signals.timing_sheet import write_timing_sheet
    from signals.wire import write_plans
    from simulation.rivals import isolated_webster

    folder = tmp_path_factory.mktemp("city")
    (folder / "city.toml").write_text(HEAD + TRIPS, encoding="utf-8")
    city = build(load(str(folder / "city.toml")))
    plans = isolated_webster(city.network, city.junctions, city.demand)
    write_plans(plans, folder / "plans.json")
    write_timing_sheet(plans, folder / "sheet.csv")
    return (
        city,
        (folder / "plans.json").read_text(encoding="utf-8"),
        (folder / "sheet.csv").read_text(encoding="utf-8"),
    )


@pytest.fixture
def city_files(small_city, tmp_path):
    """The scenario ``city.toml`` and its ``plans.json`` in the test's folder."""
    (tmp_path / "city.toml").write_text(HEAD + TRIPS, encoding="utf-8")
    (tmp_path / "plans.json").write_text(small_city[1], encoding="utf-8")
    return tmp_path
