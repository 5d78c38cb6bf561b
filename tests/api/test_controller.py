"""`jasyl controller`: tables for every junction, a gate to ask, and controllers that outlive being killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pytest

from api.cli import run
from signals.signing import Signer
from simulation.controller.cabinet import Cabinet
from simulation.controller.commissioning import file_name, read_folder, write_tables
from simulation.controller.days import local_programme
from tests.simulation.controller.fake_service import FakeService
from tests.simulation.controller.signing_desk import NOW, controller_tables

if TYPE_CHECKING:
    from collections.abc import Callable

KILLS = int(os.environ.get("JASYL_KILLS", "50"))
_CHANGEOVER_S = 180.0  # more than any takes between the plans of these tests
_JASYL = [sys.executable, "-c", "from api.cli import main; main()"]


def _result(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def commissioned(city_files, small_city, monkeypatch, capsys):
    """Tables for the small city, with its plans as local schedule."""
    monkeypatch.chdir(city_files)
    Path("keys.json").write_text(json.dumps({"keys": [Signer.of_seed(bytes(32)).public]}), encoding="utf-8")
    command = [
        "controller",
        "commission",
        "city.toml",
        "-o",
        "tables",
        "--keys",
        "keys.json",
        "--plans",
        "plans.json",
    ]
    assert run([*command, "--json"]) == 0
    assert _result(capsys)["controllers"] == 4
    return small_city[0]


def test_tables_are_what_the_junction_is(commissioned) -> None:
    folder = read_folder(Path("tables"))
    by_key = {tables.junction: tables for tables in folder}
    for junction in commissioned.junctions:
        tables = by_key[junction.key]
        assert tables.digest == junction.digest
        assert [list(row) for row in tables.intergreen_s] == junction.intergreen_s.tolist()
        assert [list(row) for row in tables.conflict] == junction.conflict.tolist()
        assert tables.names == tuple(group.name for group in junction.groups)
        assert [g.min_green_s for g in tables.groups] == [g.min_green_s for g in junction.groups]
        assert local_programme(tables).at(0).plan.cycle_s > 0
        assert len(tables.keys) == 1


def test_the_gate_can_be_asked(commissioned, capsys) -> None:
    junction = commissioned.junctions[1]
    tables = str(Path("tables") / file_name(junction.key))
    assert run(["controller", "check", tables, "plans.json", "--json"]) == 0
    found = _result(capsys)
    assert (found["junction"], found["accepted"]) == (junction.key, True)
    assert set(found["greens_s"]) == {group.name for group in junction.groups}
    plan = json.loads(Path("plans.json").read_text(encoding="utf-8"))["plans"][1]
    plan["stages"][0]["duration_s"] += 1
    Path("plan.json").write_text(json.dumps(plan), encoding="utf-8")
    assert run(["controller", "check", tables, "plan.json", "--json"]) == 2
    problem = json.loads(capsys.readouterr().err)
    assert (problem["file"], problem["field"]) == ("plan.json", "durations_s")
    other = str(Path("tables") / file_name(commissioned.junctions[0].key))
    plan["stages"][0]["duration_s"] -= 1
    Path("plan.json").write_text(json.dumps(plan), encoding="utf-8")
    assert run(["controller", "check", other, "plan.json"]) == 2
    assert "must be that of this controller's tables" in capsys.readouterr().err
    assert run(["controller", "check", tables, "plan.json"]) == 0
    assert "accepted" in capsys.readouterr().out


def _private() -> dict:
    return {"keys": [Signer.of_seed(bytes(32)).public | {"d": "c2VjcmV0"}]}


@pytest.mark.parametrize(
    ("files", "command", "told"),
    [
        ({}, ["run", "tables", "--url", "http://h", "--credentials", "c"], "must be a folder with tables"),
        ({"tables/x": ""}, ["run", "tables", "--url", "http://h", "--credentials", "c"], "must have tables"),
        ({}, ["run", "tables", "--url", "h:80", "--credentials", "c"], "must be an http or https address"),
        (
            {"t/x.tables.json": "{}"},
            ["run", "t", "--url", "http://h", "--credentials", "c"],
            "must have the key",
        ),
        ({}, ["check", "a", "b"], "must be a file that exists"),
        ({"k": "{}"}, ["commission", "corridor", "-o", "t", "--keys", "k"], "must have the key 'keys'"),
        (
            {"k": json.dumps(_private())},
            ["commission", "corridor", "-o", "t", "--keys", "k"],
            "must be public keys",
        ),
    ],
)
def test_wrong_input_is_named(files, command, told, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(content, encoding="utf-8")
    assert run(["controller", *command]) == 2
    assert told in capsys.readouterr().err


def test_a_credential_that_is_missing_is_named_and_none_is_shown(tmp_path, capsys) -> None:
    tables = controller_tables(Signer.of_seed(bytes(32)))
    write_tables([tables], tmp_path / "tables")
    path = tmp_path / "credentials.json"
    for content, told in (
        ({"other": "jsy_secret"}, "centre: must have a credential"),
        ({"centre": 5}, "must be text"),
    ):
        path.write_text(json.dumps(content), encoding="utf-8")
        assert (
            run(
                [
                    "controller",
                    "run",
                    str(tmp_path / "tables"),
                    "--url",
                    "http://h",
                    "--credentials",
                    str(path),
                ]
            )
            == 2
        )
        error = capsys.readouterr().err
        assert told in error
        assert "jsy_secret" not in error


def test_registering_writes_credentials_for_nobody_else_and_the_keys_into_the_tables(
    tmp_path, capsys, monkeypatch
) -> None:
    from simulation.controller import http

    service, asked = Signer.of_seed(bytes([7]) * 32), []

    async def register(settings, token, junction, why, *, rotate=False):
        asked.append((settings.url, token, junction, why, rotate))
        return {"token": f"jsy_{junction}", "keys": {"keys": [service.public]}}

    monkeypatch.setattr(http, "register", register)
    monkeypatch.setenv("JASYL_TOKEN", "jsy_admin")
    tables = controller_tables(Signer.of_seed(bytes(32)))
    write_tables([tables], tmp_path / "tables")
    path = tmp_path / "credentials.json"
    path.write_text('{"before": "jsy_old"}', encoding="utf-8")
    command = ["controller", "register", str(tmp_path / "tables"), "--url", "http://127.0.0.1:1"]
    assert run([*command, "--credentials", str(path)]) == 0
    assert "jsy_" not in capsys.readouterr().out
    assert asked == [("http://127.0.0.1:1", "jsy_admin", "centre", "jasyl controller register", False)]
    assert json.loads(path.read_text(encoding="utf-8")) == {"before": "jsy_old", "centre": "jsy_centre"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_folder(tmp_path / "tables")[0].keys == (service.public,)


def _latched(folder: Path, junction: str) -> Cabinet:
    """Return a controller whose monitor has seen a second missing."""
    own = folder / quote(junction, safe="")
    own.mkdir(parents=True)
    tables = controller_tables(Signer.of_seed(bytes(32)), junction=junction)
    cabinet = Cabinet(tables, own, clock=lambda: NOW)
    cabinet.step(int(NOW))
    cabinet.runner._second += 1
    cabinet.step(int(NOW) + 2)
    assert cabinet.runner.in_force().source == "fault"
    return cabinet


def test_a_person_resets_the_controllers_that_are_named(tmp_path, capsys) -> None:
    cabinets = {key: _latched(tmp_path / "data", key) for key in ("osm:1", "osm:2,a b", "Абай")}
    command = ["controller", "reset", str(tmp_path), "--by", "Aigerim", "--why", "wiring checked"]
    assert run([*command, "--junction", "osm:1", "--junction", "Абай", "--json"]) == 0
    fault = str(cabinets["osm:1"].runner.monitor.fault)
    assert _result(capsys) == {"reset": 2, "faults": {"osm:1": fault, "Абай": fault}}
    for cabinet in cabinets.values():
        cabinet.step(int(NOW) + 3)
    left = [key for key, cabinet in cabinets.items() if cabinet.runner.monitor.fault is not None]
    assert left == ["osm:2,a b"]
    # One without a fault among them: nothing is reset.
    both = ["--junction", "osm:2,a b", "--junction", "osm:1"]
    assert run([*command, *both]) == 2
    assert "osm:1: must be a controller with a fault" in capsys.readouterr().err
    cabinets["osm:2,a b"].step(int(NOW) + 4)
    assert cabinets["osm:2,a b"].runner.monitor.fault is not None
    (tmp_path / "data").rename(tmp_path / "memory")
    assert run([*command, *both[:2], "--data", str(tmp_path / "memory")]) == 0
    assert "osm:2,a b: second" in capsys.readouterr().out
    for missing in ("--by", "--why", "--junction"):
        given = [*command, *both[:2]]
        at = given.index(missing)
        assert run(given[:at] + given[at + 2 :]) == 2
        assert missing in capsys.readouterr().err


def test_a_site_is_reset_where_it_keeps_its_fault(tmp_path, capsys) -> None:
    _latched(tmp_path / "rsmp" / "sites", "AL+1")
    command = ["rsmp", "reset", "--data", str(tmp_path), "--by", "Aigerim", "--why", "wiring checked"]
    assert run([*command, "--site", "AL+2"]) == 2
    assert "AL+2: must be a controller with a fault" in capsys.readouterr().err
    assert run([*command, "--site", "AL+1", "--json"]) == 0
    assert _result(capsys)["reset"] == 1
    assert (tmp_path / "rsmp" / "sites" / "AL%2B1" / "reset.json").exists()


def test_a_service_that_cannot_be_reached_is_said(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("JASYL_TOKEN", "jsy_admin")
    write_tables([controller_tables(Signer.of_seed(bytes(32)))], tmp_path)
    path = tmp_path / "credentials.json"
    assert (
        run(
            [
                "controller",
                "register",
                str(tmp_path),
                "--url",
                "http://127.0.0.1:1",
                "--credentials",
                str(path),
            ]
        )
        == 2
    )
    assert "must be registered by the service" in capsys.readouterr().err
    assert not path.exists()


def test_a_process_that_is_killed_goes_on_with_what_it_had_accepted(tmp_path) -> None:
    """Two controllers in a process of their own: killed as soon as they have accepted, with kill -9, again and again."""
    keys = ["a", "b"]

    async def scenario() -> None:
        service = FakeService(keys)
        write_tables((desk.tables for desk in service.desks.values()), tmp_path / "tables")
        credentials = tmp_path / "credentials.json"
        credentials.write_text(json.dumps({key: f"secret of {key}" for key in keys}), encoding="utf-8")
        async with service.serve() as port:
            command = [
                *_JASYL,
                "controller",
                "run",
                str(tmp_path / "tables"),
                "--url",
                f"http://127.0.0.1:{port}",
            ]
            command += ["--credentials", str(credentials), "--log", str(tmp_path / "log")]
            for version in (1, 2, 3):
                service.change(lambda desk, version=version: desk.publish(version))
                process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
                await service.until(_told(service, version, "accepted"))
                service.change(lambda desk: desk.activate("base", NOW))
                process.send_signal(signal.SIGKILL)
                assert await process.wait() == -signal.SIGKILL
            process = await asyncio.create_subprocess_exec(*command, "--json", stdout=subprocess.PIPE)
            await service.until(  # where it has shown version 2 for a second, it changes over first
                lambda: all(any(row["version"] == 3 for row in service.statuses(key)) for key in keys),
                timeout_s=_CHANGEOVER_S,
            )
            process.send_signal(signal.SIGTERM)
            out, _ = await process.communicate()
            assert process.returncode == 0
            summary = json.loads(out)
        assert summary["controllers"] == 2
        assert summary["monitor_faults"] == []
        for key in keys:
            numbers = sorted(service.reports[key])
            assert numbers == list(range(1, len(numbers) + 1))
            assert service.faults(key) == []
        log = [json.loads(line) for line in (tmp_path / "log").read_text(encoding="utf-8").splitlines()]
        assert {row["version"] for row in log} <= {None, 1, 2, 3}

    asyncio.run(scenario())


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing(tmp_path) -> None:
    """Killed after some request or other, while plans are published and activated under it."""
    keys, rng = ["a", "b", "c"], np.random.default_rng(50)

    async def scenario() -> None:
        service = FakeService(keys)
        write_tables((desk.tables for desk in service.desks.values()), tmp_path / "tables")
        credentials = tmp_path / "credentials.json"
        credentials.write_text(json.dumps({key: f"secret of {key}" for key in keys}), encoding="utf-8")
        async with service.serve() as port:
            command = [
                *_JASYL,
                "controller",
                "run",
                str(tmp_path / "tables"),
                "--url",
                f"http://127.0.0.1:{port}",
            ]
            command += ["--credentials", str(credentials), "--events", "--json"]
            published: set[int | None] = {None}
            for version in range(1, KILLS + 1):
                service.change(lambda desk, version=version: desk.publish(version))
                published.add(version)
                process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
                for _ in range(int(rng.integers(1, 7))):
                    await service.asked()
                process.kill()
                await process.wait()
                if _told(service, version, "accepted")():
                    service.change(lambda desk: desk.activate("base", NOW))
            service.change(lambda desk: desk.publish(KILLS + 1))
            process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            await service.until(_told(service, KILLS + 1, "accepted"))
            process.send_signal(signal.SIGTERM)
            out, _ = await process.communicate()
            assert json.loads(out)["monitor_faults"] == []
        for key in keys:
            numbers = sorted(service.reports[key])
            assert numbers == list(range(1, len(numbers) + 1))
            assert service.faults(key) == []
            assert {row["version"] for row in service.statuses(key)} <= published

    asyncio.run(scenario())


def _told(service: FakeService, version: int, result: str) -> Callable[[], bool]:
    return lambda: all((key, version, result) in service.acknowledged for key in service.desks)
