"""What the page for operators shows besides commands: settings, the unit, figures, alarms."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api.commands import serve
from api.settings import Settings, load_settings
from tests.api.ops.running import served

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROJECT = Path(__file__).resolve().parents[3]
_PAGE = (_PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")


def _block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_file_of_settings_is_one(tmp_path: Path) -> None:
    file = tmp_path / "jasyl.toml"
    file.write_text(_block("toml"), encoding="utf-8")
    assert load_settings(file).port == 8443


def test_every_setting_that_the_page_names_is_one() -> None:
    named = set(re.findall(r"`([a-z]+_[a-z_]+)(?: = [a-z]+)?`", _PAGE))
    others = {
        "controller_silent",
        "controller_fault",
        "fault_reported",
        "clock_wrong",
        "in_use",
        "wrong_plan",
        "group_kept",
        "plan_refused",
        "not_in_step",
        "last_heard",
    }
    others |= {name for name in named if name.startswith("rsmp_") and name not in Settings.model_fields}
    assert named & set(Settings.model_fields)
    metrics = {name for name in named if name.startswith("jasyl_")}
    assert named - metrics - others <= set(Settings.model_fields) | {"rate_limits"}


def _unit() -> Mapping[str, str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(_block("ini"))
    return dict(parser["Service"])


def test_the_unit_starts_the_command_with_options_and_settings_that_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unit = _unit()
    program, name, *arguments = shlex.split(unit["ExecStart"])
    assert (Path(program).name, name) == ("jasyl", "serve")
    context = serve.command.make_context("serve", arguments)
    assert context.params["first_token"] == Path("/var/lib/jasyl/first.token")
    for pair in shlex.split(unit["Environment"]):
        variable, _, value = pair.partition("=")
        if variable != "JASYL_CACHE_DIR":
            assert variable.removeprefix("JASYL_").lower() in Settings.model_fields
            monkeypatch.setenv(variable, value)
    assert load_settings().data_folder == Path("/var/lib") / unit["StateDirectory"]


def test_the_figures_that_the_page_names_are_told(tmp_path: Path) -> None:
    with served(tmp_path / "served") as found:
        found.staff()
        with found.client("viewer") as client:
            text = client.metrics()
            names = set(re.findall(r"`(jasyl_[a-z_]+)`", _PAGE))
            told = set(re.findall(r"^# (?:HELP|TYPE) (\S+)", text, re.MULTILINE))
            assert names
            assert {name.removesuffix("_total") for name in names} <= {
                name.removesuffix("_total") for name in told
            }


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md", "docs/service.md", "docs/http-api.md"])
def test_links_lead_somewhere(page: str) -> None:
    place = _PROJECT / page
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", place.read_text(encoding="utf-8"))
    missing = [t for t in targets if not t.startswith("http") and not (place.parent / t).exists()]
    assert not missing
