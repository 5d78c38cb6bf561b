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
from tests.api.rsmp.test_bridge import accepted, activated, one
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


@pytest.mark.parametrize("suffix", ["toml", "json"])
@pytest.mark.parametrize("number", range(4))
def test_a_first_file_is_made_from_the_tables_and_carries_the_plans(
    number: int, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plans, file = tmp_path / "plans.json", tmp_path / f"1.{suffix}"
    plans.write_text(json.dumps(document()))
    key = document()["plans"][number]["junction"]
    make = ["rsmp", "capability", CITY, key, "--site", "AL+0001=001TC000", "-o", str(file), "--json"]
    for more in ([], ["--plans", str(plans), "--force"]):
        assert run([*make, *more]) == 0
        assert json.loads(capsys.readouterr().out)["stored_plans"] == [1, 2, 3]
        assert run(["rsmp", "check", str(file), CITY, "--json"]) == 0
        capsys.readouterr()
    assert run(["rsmp", "check", str(file), CITY, "--plans", str(plans), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["plans"]
    assert (row["number"], row["also_in"]) == (1, [2, 3])
    assert run(["rsmp", "check", str(file), CITY, "--plans", str(plans)]) == 0
    told = capsys.readouterr().out
    assert "also in" in told
    assert "{" not in told
    assert run(make) == 2
    assert "--force" in json.loads(capsys.readouterr().err)["hint"]


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
    assert run(["rsmp", "run", CITY, "--data", str(tmp_path), "--connect", "nowhere"]) == 2
    assert "must be HOST:PORT" in capsys.readouterr().err


def test_a_file_that_cannot_be_used_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rsmp", "run", CITY, "--data", str(tmp_path)]) == 2
    assert "must have a capability file" in capsys.readouterr().err
    commission(tmp_path, [replace(row, intergreens={}) for row in capabilities(1)])
    assert run(["rsmp", "run", CITY, "--data", str(tmp_path)]) == 2
    assert "as the junction has it" in capsys.readouterr().err


def test_virtual_sites_with_lamps_run_in_a_process_of_their_own(tmp_path: Path) -> None:
    found = capabilities(2)

    async def test(made: Bridged) -> None:
        assert made.bridge.address is not None
        sites = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "api", "rsmp", "run", CITY, "--data", str(tmp_path), "--json"),
            *("--connect", "{}:{}".format(*made.bridge.address)),
            stdout=asyncio.subprocess.PIPE,
            env=dict(os.environ),
        )
        try:
            rows = made.bridge.sites.by_junction.values()
            await until(lambda: all(row.connected_at is not None for row in rows), 60.0)
            plan_set = await made.service.published(one(document(), 2))
            await accepted(made, plan_set)
            await activated(made, plan_set)
            assert {row.values.get(("S0014", "status")) for row in rows} <= {"1", None}
        finally:
            sites.send_signal(signal.SIGTERM)
            told, _ = await sites.communicate()
        assert sites.returncode == 0
        summary = json.loads(told)
        assert (summary["controllers"], summary["monitor_faults"]) == (2, [])

    bridging(tmp_path, found, test, connect=False)
