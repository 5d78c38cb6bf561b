"""`jasyl rsmp`: capability files are checked, and a virtual site runs by them against a service."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from api.cli import run
from tests.api.rsmp.bridging import Bridged, bridging, capabilities, commission, until
from tests.api.rsmp.test_bridge import activated, in_force, one
from tests.api.service.centres import CITY
from tests.api.service.test_plan_sets import document

if TYPE_CHECKING:
    from pathlib import Path


def checked(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    (file,) = (folder / "rsmp").glob("*.toml")
    code = run(["rsmp", "check", str(file), CITY, "--json", *more])
    told = capsys.readouterr()
    return code, json.loads(told.err if code else told.out)


def test_a_capability_file_is_checked_and_plans_are_mapped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (capability,) = found = capabilities(1)
    commission(tmp_path, found)
    code, told = checked(tmp_path, capsys)
    assert code == 0
    assert (told["site"], told["stored_plans"]) == (capability.site, [1, 2])
    plans = tmp_path / "plans.json"
    plans.write_text(json.dumps(document()))
    code, told = checked(tmp_path, capsys, "--plans", str(plans))
    assert code == 0
    (row,) = told["plans"]
    assert (row["plan"], row["number"], row["also_in"]) == ("day", 1, [2])
    assert row["cycle_s"] == document()["plans"][0]["cycle_s"]
    plans.write_text(json.dumps({**document(), "plans": document()["plans"][1:]}))
    code, told = checked(tmp_path, capsys, "--plans", str(plans))
    assert (code, told["value"]) == (2, capability.junction)


def test_a_file_that_is_less_safe_than_the_junction_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (capability,) = capabilities(1)
    commission(tmp_path, [replace(capability, intergreens={})])
    code, told = checked(tmp_path, capsys)
    assert code == 2
    assert "intergreen from" in told["field"]
    assert "as the junction has it" in told["rule"]


def test_a_plan_beyond_the_controller_names_the_feature(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commission(tmp_path, capabilities(1, cycle_range_s=None, cycle_s=document()["plans"][0]["cycle_s"] + 5))
    plans = tmp_path / "plans.json"
    plans.write_text(json.dumps(document()))
    code, told = checked(tmp_path, capsys, "--plans", str(plans))
    assert code == 2
    assert told["field"].endswith("plan 1, cycle")


def test_an_address_must_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commission(tmp_path, capabilities(1))
    (file,) = (tmp_path / "rsmp").glob("*.toml")
    assert run(["rsmp", "site", str(file), CITY, "--data", str(tmp_path), "--connect", "nowhere"]) == 2
    assert "must be HOST:PORT" in capsys.readouterr().err


def test_a_virtual_site_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    found = capabilities(1)

    async def test(made: Bridged) -> None:
        assert made.bridge.address is not None
        (file,) = (tmp_path / "rsmp").glob("*.toml")
        site = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "api", "rsmp", "site", str(file), CITY, "--data", str(tmp_path)),
            *("--connect", "{}:{}".format(*made.bridge.address)),
            stdout=asyncio.subprocess.DEVNULL,
            env=dict(os.environ),
        )
        try:
            one_site = made.bridge.sites.by_junction[found[0].junction]
            await until(lambda: one_site.connected_at is not None, 60.0)
            plan_set = await made.service.published(one(document()))
            await activated(made, plan_set)
            made.service.clock.wait(seconds=11)
            await in_force(made, plan_set)
            await until(lambda: one_site.values.get(("S0014", "status")) == "2")
        finally:
            site.send_signal(signal.SIGTERM)
            assert await site.wait() == 0

    bridging(tmp_path, found, test, connect=False)
